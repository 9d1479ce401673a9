"""A scorecard in words: the answer, a cell, what its runs share, who is best and how sure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from core.analysis.scorecard import (
    Basis,
    Cell,
    MeasureLine,
    QuestionCard,
    Scorecard,
    shared_settings,
)
from core.formatting import counted, listed, number
from core.settings import Setting, Value

SCORECARD_MARKS: Mapping[str, str] = {"best": "★", "among the best": "☆"}
"""How a cell is marked; a text beside it always says what that means."""

KEY = (
    "★ best, by more than noise. ☆ not distinguishable from the best. Unmarked where the best is "
    "better by more than noise, or where there are too few seeds to tell."
)

NONE = "none"

NOT_YET = "not yet"


def scorecard_answer(card: Scorecard) -> str:
    """Who is best at what, where nobody can tell, and what is not measured yet."""
    measured = [question for question in card.questions if question.lines]
    total = len(card.questions)
    if not measured:
        return f"Nothing is measured at {card.terms.in_words} yet."
    told = [_best(card, measured), *_level(measured)]
    left = total - len(measured)
    if left:
        are = "is" if left == 1 else "are"
        told.append(f"{left} of {total} questions {are} not measured yet.")
    return " ".join(filter(None, told))


def _best(card: Scorecard, questions: Sequence[QuestionCard]) -> str:
    """By kind, so that each is named once."""
    praised: dict[str, list[str]] = {}
    for line in map(_first, questions):
        if line.best:
            value = quantity(line, line.cells[line.best])
            praised.setdefault(line.best, []).append(f"{line.headline.best} ({value})")
    if not praised:
        return f"At {card.terms.in_words} no variant is the best at anything by more than noise."
    parts = [f"{spoken(kind)} {listed(what)}" for kind, what in praised.items()]
    return f"At {card.terms.in_words}, {'; '.join(parts)}."


def _first(question: QuestionCard) -> MeasureLine:
    """Its most telling line of those that the terms leave open."""
    return next((line for line in question.lines if not line.fixed), question.lines[0])


def _level(questions: Sequence[QuestionCard]) -> Iterator[str]:
    """Of questions without a best one: who is among the best, and where nobody can tell."""
    lines = [line for line in map(_first, questions) if not line.best]
    marked = {
        line.column.title.lower(): [spoken(kind) for kind, mark in line.marks.items() if mark]
        for line in lines
    }
    level = [f"{title} ({listed(kinds)})" for title, kinds in marked.items() if kinds]
    if level:
        yield f"Not distinguishable from the best: {'; '.join(level)}."
    why = {
        "Too few runs or seeds to tell in": [x for x in lines if x.differences and _too_few(x)],
        "Only one variant is measured in": [x for x in lines if not x.differences],
        "No best one can be told in": [
            x for x in lines if not _too_few(x) and not any(x.marks.values())
        ],
    }
    for words, left in why.items():
        if left:
            yield f"{words} {listed([x.column.title.lower() for x in left])}."


def spoken(kind: str) -> str:
    """`LSTM · forget bias 1` → `LSTM with forget bias 1`."""
    name, *told = kind.split(" · ")
    return f"{name} with {listed(told)}" if told else name


def quantity(line: MeasureLine, cell: Cell) -> str:
    """`20 steps`, `98.1%`, `5,248`."""
    value, unit = cell.estimate.value, line.column.unit
    if value is None:
        return NONE
    shown = _shown(value)
    return f"{shown}%" if unit == "%" else f"{shown} {unit}".strip()


def value_of(cell: Cell) -> str:
    """`20`, `0.637`; `none` where a kind has no such value."""
    value = cell.estimate.value
    return NONE if value is None else _shown(value)


def interval_of(cell: Cell) -> str:
    """`18 to 22`; empty where there is none."""
    low, high = cell.estimate.low, cell.estimate.high
    return "" if low is None or high is None else f"{_shown(low)} to {_shown(high)}"


def repeats_of(cell: Cell) -> str:
    """`8 seeds`; empty of what is counted."""
    known = cell.over and cell.estimate.value is not None
    return counted(cell.estimate.n, cell.over) if known else ""


def _shown(value: float) -> str:
    """Whole numbers to their last digit, others to three."""
    return f"{value:,.0f}" if value.is_integer() and abs(value) < 1e12 else number(value)


def absence(question: QuestionCard) -> str:
    """Why there is nothing, and where there is something."""
    if question.machines:
        return f"Not measured on this machine; it is on {listed(question.machines)}."
    if question.elsewhere:
        there = listed([terms.in_words for terms in question.elsewhere])
        return f"Not measured here; it is at {there}."
    return "Not measured yet."


def basis_in_words(basis: Basis) -> str:
    """`input size 32, loss sum; all else at its default; on cpu`."""
    told = [
        shared_setting_in_words(setting, basis.shared[setting.name])
        for setting in shared_settings(basis.experiment)
        if basis.shared[setting.name] != setting.default
    ]
    rest = "all else at its default" if told else "every setting at its default"
    where = f"measured on {basis.where}" if basis.where else ""
    return "; ".join(filter(None, [", ".join(told), rest, where]))


def shared_setting_in_words(setting: Setting, value: Value) -> str:
    """`sequence length 100`, `no clipping`, `reverse task`."""
    if setting.noun:
        return setting.kind(value)
    if value is None or value is False:
        return f"no {setting.title.lower()}"
    shown = f"{value:,}" if isinstance(value, int) and value is not True else str(value)
    return setting.title.lower() if value is True else f"{setting.title.lower()} {shown}"


def standing(line: MeasureLine) -> str:
    """Who is best, by which test over how many, or why nobody can tell."""
    title = line.column.title
    if line.fixed:
        return f"{title}: equal on these terms, as nearly as whole hidden sizes come."
    values = [cell for cell in line.cells.values() if cell.values]
    if len(values) < 2:
        return f"{title}: nothing to compare with."
    how = _how(line, values)
    marked = listed([spoken(kind) for kind, mark in line.marks.items() if mark] or [""])
    if line.best:
        return f"{title}: {marked} is the best ({how})."
    if marked:
        level = "equally good" if _counted(line) else "not distinguishable from the best"
        return f"{title}: {marked} are {level} ({how})."
    if _too_few(line):
        return f"{title}: too few {_repeats(values)} to tell ({how})."
    return f"{title}: no best one can be told ({how})."


def _too_few(line: MeasureLine) -> bool:
    return all(difference.finding == "not enough seeds" for difference in line.differences)


def _how(line: MeasureLine, values: Sequence[Cell]) -> str:
    if _counted(line):
        return "exact"
    few, *_, many = sorted(len(cell.values) for cell in values)
    noun = _repeats(values)
    over = f"{few} to {many} {noun} each" if few < many else f"{counted(few, noun[:-1])} each"
    tests = listed(list(dict.fromkeys(d.test for d in line.differences if d.test)) or [""])
    pairs = counted(len(line.differences), "pair")
    return f"{tests}, p corrected for {pairs} by Holm, {over}" if tests else over


def _counted(line: MeasureLine) -> bool:
    return not line.column.pooled.test_name


def _repeats(values: Sequence[Cell]) -> str:
    return "runs" if any(cell.over in ("run", "repetition") for cell in values) else "seeds"

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
"""The marks of cells; a text beside them always says what they mean."""

KEY = (
    "★ best, by more than noise. ☆ not distinguishable from the best. No mark: worse than the best "
    "by more than noise, or too few seeds for a verdict."
)

NONE = "none"

NOT_YET = "not yet"


def scorecard_answer(card: Scorecard) -> str:
    """Who is best at what, where there is no verdict, and what is not measured yet."""
    measured = [question for question in card.questions if question.lines]
    total = len(card.questions)
    if not measured:
        return f"Nothing is measured at {card.terms.in_words} yet."
    sentences = [_best(card, measured), *_undecided(measured)]
    missing = total - len(measured)
    if missing:
        are = "is" if missing == 1 else "are"
        sentences.append(f"{missing} of {total} questions {are} not measured yet.")
    return " ".join(filter(None, sentences))


def _best(card: Scorecard, questions: Sequence[QuestionCard]) -> str:
    """Who is best at what, by kind, so that each is named once."""
    strengths: dict[str, list[str]] = {}
    for line in map(_first, questions):
        if line.best:
            value = quantity(line, line.cells[line.best])
            strengths.setdefault(line.best, []).append(f"{line.headline.best} ({value})")
    if not strengths:
        return f"At {card.terms.in_words}, no variant is best at anything by more than noise."
    parts = [f"{spoken(kind)} {listed(what)}" for kind, what in strengths.items()]
    return f"At {card.terms.in_words}, {'; '.join(parts)}."


def _first(question: QuestionCard) -> MeasureLine:
    """Its first line that the terms do not fix."""
    return next((line for line in question.lines if not line.fixed), question.lines[0])


def _undecided(questions: Sequence[QuestionCard]) -> Iterator[str]:
    """For questions without a best kind: who is among the best, and where there is no verdict."""
    lines = [line for line in map(_first, questions) if not line.best]
    marked = {
        line.column.title.lower(): [spoken(kind) for kind, mark in line.marks.items() if mark]
        for line in lines
    }
    ties = [f"{title} ({listed(kinds)})" for title, kinds in marked.items() if kinds]
    if ties:
        yield f"Not distinguishable from the best: {'; '.join(ties)}."
    reasons = {
        "Too few runs or seeds for a verdict in": [
            x for x in lines if x.differences and _too_few(x)
        ],
        "Only one variant is measured in": [x for x in lines if not x.differences],
        "No clear winner in": [x for x in lines if not _too_few(x) and not any(x.marks.values())],
    }
    for words, affected in reasons.items():
        if affected:
            yield f"{words} {listed([x.column.title.lower() for x in affected])}."


def spoken(kind: str) -> str:
    """A kind within a sentence: `LSTM · forget bias 1` → `LSTM with forget bias 1`."""
    name, *details = kind.split(" · ")
    return f"{name} with {listed(details)}" if details else name


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
    """`8 seeds`; empty for an exact number."""
    known = cell.over and cell.estimate.value is not None
    return counted(cell.estimate.n, cell.over) if known else ""


def _shown(value: float) -> str:
    """Whole numbers to their last digit, others to three."""
    return f"{value:,.0f}" if value.is_integer() and abs(value) < 1e12 else number(value)


def absence(question: QuestionCard) -> str:
    """Why a question has no runs on these terms, and where it has some."""
    if question.other_machines:
        return f"Not measured on this machine, but on {listed(question.other_machines)}."
    if question.other_terms:
        others = listed([terms.in_words for terms in question.other_terms])
        return f"Not measured on these terms, but at {others}."
    return "Not measured yet."


def basis_in_words(basis: Basis) -> str:
    """`input size 32, loss sum; all else at its default; on cpu`."""
    differing = [
        shared_setting_in_words(setting, basis.shared[setting.name])
        for setting in shared_settings(basis.experiment)
        if basis.shared[setting.name] != setting.default
    ]
    rest = "all else at its default" if differing else "every setting at its default"
    where = f"measured on {basis.where}" if basis.where else ""
    return "; ".join(filter(None, [", ".join(differing), rest, where]))


def shared_setting_in_words(setting: Setting, value: Value) -> str:
    """`sequence length 100`, `no clipping`, `reverse task`."""
    if setting.noun:
        return setting.kind(value)
    if value is None or value is False:
        return f"no {setting.title.lower()}"
    shown = f"{value:,}" if isinstance(value, int) and value is not True else str(value)
    return setting.title.lower() if value is True else f"{setting.title.lower()} {shown}"


def standing(line: MeasureLine) -> str:
    """Who is best, by which test over how many, or why there is no verdict."""
    title = line.column.title
    if line.fixed:
        return f"{title}: equal on these terms, as nearly as whole hidden sizes allow."
    values = [cell for cell in line.cells.values() if cell.values]
    if len(values) < 2:
        return f"{title}: nothing to compare with."
    how = _how(line, values)
    marked = listed([spoken(kind) for kind, mark in line.marks.items() if mark] or [""])
    if line.best:
        return f"{title}: {marked} is the best ({how})."
    if marked:
        tie = "equally good" if _counted(line) else "not distinguishable from the best"
        return f"{title}: {marked} are {tie} ({how})."
    if _too_few(line):
        return f"{title}: too few {_repeats(values)} for a verdict ({how})."
    return f"{title}: no clear winner ({how})."


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
    return not line.column.aggregation.test_name


def _repeats(values: Sequence[Cell]) -> str:
    return "runs" if any(cell.over in ("run", "turn") for cell in values) else "seeds"

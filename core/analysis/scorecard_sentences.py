"""A scorecard in words: the answer, a cell, what its runs share, who is best and how sure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from core.analysis.limits import Fit, name_of
from core.analysis.scorecard import (
    Basis,
    Cell,
    MeasureLine,
    QuestionCard,
    Scorecard,
    marks_among,
    shared_settings,
    too_few,
)
from core.formatting import counted, exact_number, interval, listed
from core.settings import Setting, Value

SCORECARD_MARKS: Mapping[str, str] = {"best": "★", "among the best": "☆"}
"""The marks of cells; a text beside them always says what they mean."""

KEY = (
    "★ significantly better than every other. ☆ no significant difference from the best. No mark: "
    "significantly worse, too few repeats for a verdict, or no difference between any two."
)

FIT_MARKS: Mapping[Fit, str] = {
    "fits": "✓",
    "not decided": "?",
    "not measured": "○",
    "does not fit": "✕",
}
"""The signs of what keeps the limits; words always stand beside them."""

NONE = "none"

NOT_YET = "not yet"


def scorecard_answer(card: Scorecard, *, unfit: bool = True) -> str:
    """Which kinds keep the limits and which of them is best at what; why the others do not, unless
    that stands beside it (`unfit` is false); then what is not measured."""
    every = [kind.kind for kind in card.kinds]
    shown = [question for question in card.questions if _is_answered(question)]
    at = f"at {card.terms.in_words}"
    if not card.limits:
        if not shown:
            return f"Nothing is measured {at} yet."
        best = _best(shown, every) or "no variant is significantly best at anything"
        sentences = [f"At {card.terms.in_words}, {best}.", *_undecided(shown, every)]
    else:
        kept = card.that("fits")
        limits = listed([limit.in_words for limit in card.limits])
        fit = "fits" if len(kept) == 1 else "fit"
        who = listed([spoken(kind) for kind in kept]) or "No variant surely"
        sentences = [f"{who} {fit if kept else 'fits'} {limits}, {at}."]
        if len(kept) > 1:
            best = _best(shown, kept)
            sentences.append(f"Of these, {best}." if best else "")
            sentences += _undecided(shown, kept)
        elif kept:
            sentences.append(_values(shown, kept[0]))
        sentences += what_does_not_surely_fit(card) if unfit else ()
    missing = len(card.questions) - len(shown)
    if missing:
        are = "is" if missing == 1 else "are"
        sentences.append(f"{missing} of {len(card.questions)} questions {are} not measured yet.")
    return " ".join(filter(None, sentences))


def _is_answered(question: QuestionCard) -> bool:
    return bool(question.lines and _first(question).cells)


def _best(questions: Sequence[QuestionCard], kinds: Collection[str]) -> str:
    """Who of these kinds is best at what, by kind, so that each is named once; empty for nobody."""
    strengths: dict[str, list[str]] = {}
    for line in map(_first, questions):
        for kind, mark in marks_among(line, kinds).items():
            if mark == "best":
                value = with_interval(line, line.cells[kind])
                strengths.setdefault(kind, []).append(f"{line.headline.best} ({value})")
    return "; ".join(f"{spoken(kind)} {listed(what)}" for kind, what in strengths.items())


def _first(question: QuestionCard) -> MeasureLine:
    """Its first line that the terms do not fix."""
    return next((line for line in question.lines if not line.fixed), question.lines[0])


def _undecided(questions: Sequence[QuestionCard], kinds: Collection[str]) -> Iterator[str]:
    """For questions without a best kind: who is among the best, and where there is no verdict."""
    marked = [(line, marks_among(line, kinds)) for line in map(_first, questions)]
    open_lines = [(line, marks) for line, marks in marked if "best" not in marks.values()]
    ties = [
        f"{name_of(line.column)} ({listed([spoken(k) for k, mark in marks.items() if mark])})"
        for line, marks in open_lines
        if any(marks.values())
    ]
    if ties:
        yield f"No significant difference from the best: {'; '.join(ties)}."
    reasons: dict[str, list[str]] = {}
    for line, marks in open_lines:
        if not any(marks.values()):
            measured = [k for k in kinds if k in line.cells and line.cells[k].values]
            pairs = [d for d in line.differences if d.first in measured and d.second in measured]
            few = all(d.finding == "not enough seeds" for d in pairs)
            words = (
                "Only one variant is measured in"
                if not pairs
                else "Too few runs or seeds for a verdict in"
                if few
                else "No significant difference in"
            )
            if measured:
                reasons.setdefault(words, []).append(name_of(line.column))
    for words, titles in reasons.items():
        yield f"{words} {listed(titles)}."


def _values(questions: Sequence[QuestionCard], kind: str) -> str:
    """What a kind that is left alone has: `Its values: largest lag learned 20 steps [20–30].`"""
    values = [
        f"{name_of(line.column)} {with_interval(line, line.cells[kind])}"
        for line in map(_first, questions)
        if kind in line.cells and line.cells[kind].estimate.value is not None
    ]
    return f"Its values: {'; '.join(values)}." if values else ""


UNFIT_WORDS: Mapping[Fit, str] = {
    "not decided": "Not decided: {}.",
    "not measured": "Not measured yet: {}.",
    "does not fit": "Struck out: {}.",
}


def what_does_not_surely_fit(card: Scorecard, of: Iterable[Fit] = UNFIT_WORDS) -> Iterator[str]:
    """Why the kinds that do not surely fit do not."""
    for fit in of:
        kinds = [kind for kind, found in card.fits.items() if found == fit]
        same: dict[str, list[str]] = {}
        for kind in kinds:
            same.setdefault(struck_by(card, kind), []).append(spoken(kind))
        if same:
            reasons = [f"{listed(names)} ({reason})" for reason, names in same.items()]
            yield UNFIT_WORDS[fit].format("; ".join(reasons))


def struck_by(card: Scorecard, kind: str) -> str:
    """Why a kind does not surely fit: `p99 latency 1,210 µs [1,100–1,300]`."""
    fit = card.fits[kind]
    reasons = [finding.reason for finding in card.findings[kind] if finding.fit == fit]
    if fit == "not measured":
        return listed([reason.removesuffix(" is not measured") for reason in reasons])
    return listed(reasons)


def fit_text(card: Scorecard, kind: str) -> str:
    """`✓ fits`, `✕ does not fit: p99 latency 1,210 µs`; empty without limits."""
    if not card.limits:
        return ""
    fit = card.fits[kind]
    reason = f": {struck_by(card, kind)}" if fit != "fits" else ""
    return f"{FIT_MARKS[fit]} {fit}{reason}"


def spoken(kind: str) -> str:
    """A kind within a sentence: `LSTM · forget bias 1` → `LSTM with forget bias 1`."""
    name, *details = kind.split(" · ")
    return f"{name} with {listed(details)}" if details else name


def quantity(line: MeasureLine, cell: Cell) -> str:
    """`20 steps`, `98.1%`, `5,248`."""
    value, unit = cell.estimate.value, line.column.unit
    if value is None:
        return NONE
    shown = exact_number(value)
    return f"{shown}%" if unit == "%" else f"{shown} {unit}".strip()


def with_interval(line: MeasureLine, cell: Cell) -> str:
    """`20 steps [18–22]`."""
    ends = interval(cell.estimate)
    return f"{quantity(line, cell)}{f' [{ends}]' if ends else ''}"


def value_of(cell: Cell) -> str:
    """`20`, `0.637`; `none` where a kind has no such value."""
    value = cell.estimate.value
    return NONE if value is None else exact_number(value)


def interval_of(cell: Cell) -> str:
    """`18 to 22`; empty where there is none."""
    low, high = cell.estimate.low, cell.estimate.high
    return "" if low is None or high is None else f"{exact_number(low)} to {exact_number(high)}"


def repeats_of(cell: Cell) -> str:
    """`8 seeds`; empty for an exact number."""
    known = cell.over and cell.estimate.value is not None
    return counted(cell.estimate.n, cell.over) if known else ""


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
    if not line.column.better:
        return f"{title}: not ranked, because it depends on what else the machine did."
    values = [cell for cell in line.cells.values() if cell.values]
    if len(values) < 2:
        return f"{title}: nothing to compare with."
    how = _how(line, values)
    marked = listed([spoken(kind) for kind, mark in line.marks.items() if mark] or [""])
    if line.best:
        return f"{title}: {marked} is the best ({how})."
    if marked:
        tie = "equally good" if _counted(line) else "not significantly different from the best"
        return f"{title}: {marked} are {tie} ({how})."
    if too_few(line):
        return f"{title}: too few {_repeats(values)} for a verdict ({how})."
    return f"{title}: no significant difference ({how})."


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

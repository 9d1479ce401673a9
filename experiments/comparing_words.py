"""What a comparison of runs came to, in words: who is best, by how much, and is it noise?"""

from __future__ import annotations

from collections.abc import Iterator

from core.differences import CORRECTION, TOLD, Difference
from core.experiment import Column
from core.experiments.throughput_finding import differ
from core.pooling import MAJORITY, MEDIAN
from core.samples import Repeat
from core.statistics import Estimate
from core.words import counted, listed, number
from experiments.comparing import MOST_COMPARED, Comparison, Result, exact

NAMED = 4
"""Groups that a sentence names; of more the rest are counted."""
SMALLEST_P = 0.001
"""Smaller ones are told as such."""
LONGEST_WHOLE = 1e12
"""From here on whole numbers are rounded too."""
REPEATS: dict[Repeat, str] = {"seed": "seed", "launch": "launch", "count": "run"}
MARKS = {"best": "★ best", "among the best": "☆ among the best", "": ""}
"""In words and by a sign, so that no colour is needed."""


def plural(count: int, repeat: Repeat) -> str:
    """`1 seed`, `3 launches`."""
    noun = REPEATS[repeat]
    return f"{count:,} launches" if noun == "launch" and count != 1 else counted(count, noun)


def amount(column: Column, value: float | None) -> str:
    """`12.3 steps`."""
    if value is None:
        return "–"
    space = "" if column.unit.startswith("%") else " "
    return f"{said(value)}{space}{column.unit}".strip()


def said(value: float | None) -> str:
    """`33,280` to the last digit of whole numbers, else three digits: `0.632`."""
    if value is None:
        return "–"
    whole = float(value).is_integer() and abs(value) < LONGEST_WHOLE
    return f"{value:,.0f}" if whole else number(value)


def interval(estimate: Estimate) -> str:
    """`0.63 to 0.65`; empty where there is none."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f"{said(estimate.low)} to {said(estimate.high)}"


def answer(comparison: Comparison) -> str:
    """Who is best at the comparison's headline, and how surely."""
    result = comparison.headline
    if result is None:
        return "These runs have recorded no measure that could be compared."
    known = {name: e for name, e in result.estimates.items() if e.value is not None}
    if len(known) == 1:
        ((name, estimate),) = known.items()
        return (
            f"{name}: {_lower(result.column)} {_sure(result, name, estimate, comparison.repeat)}."
        )
    return " ".join(_told(result, known, comparison.repeat))


def _told(result: Result, known: dict[str, Estimate], repeat: Repeat) -> Iterator[str]:
    column = result.column
    top = (min if column.better == "lower" else max)(known, key=lambda n: known[n].value or 0.0)
    end = "lowest" if column.better == "lower" else "highest"
    if len({estimate.value for estimate in known.values()}) == 1:
        value = amount(column, known[top].value)
        yield f"All {len(known)} have the same {_lower(column)}: {value}."
    else:
        other = _furthest(result, known)
        sure = _sure(result, top, known[top], repeat)
        against = amount(column, known[other].value)
        yield f"{top} has the {end} {_lower(column)}: {sure}; {other} has {against}."
    yield from _verdict(result, top, repeat)


def _furthest(result: Result, known: dict[str, Estimate]) -> str:
    pick = max if result.column.better == "lower" else min
    return pick(known, key=lambda name: known[name].value or 0.0)


def _verdict(result: Result, top: str, repeat: Repeat) -> Iterator[str]:
    """Against whom the first is ahead by more than noise."""
    if not result.differences:
        yield f"More than {MOST_COMPARED} groups are not judged pair by pair: choose fewer of them."
        return
    found = [d for name in result.repeats if (d := result.against(top, name)) is not None]
    if exact(result):
        yield "These numbers are exact: they need no test."
        return
    ahead = [d.second for d in found if d.finding in TOLD]
    level = [d.second for d in found if d.finding == "not distinguishable"]
    few = [d for d in found if d.finding == "not enough seeds"]
    if ahead:
        yield f"That is more than noise against {_some(ahead, len(found))} ({_tested(result)})."
    if level:
        tested = "" if ahead else f" ({_tested(result)})"
        yield f"It is not distinguishable from {_some(level, len(found))}{tested}."
    if few:
        yield _too_few(result, few, repeat)


def _too_few(result: Result, few: list[Difference], repeat: Repeat) -> str:
    names = _some([d.second for d in few], len(few))
    if repeat == "launch":
        apart = [d for d in few if differ(result.estimates[d.first], result.estimates[d.second])]
        said = f"apart from those of {len(apart)} of {len(few)}"
        return f"Too few launches for a verdict; its interval over repetitions is {said}."
    least = min(min(d.n) for d in few)
    if least == 1:
        return f"One seed cannot tell a difference from noise: no verdict against {names}."
    return f"The {_counts(few)} are too few to tell it from {names}."


def _counts(found: list[Difference]) -> str:
    counts = sorted({n for d in found for n in d.n})
    ends = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"{ends} seeds each"


def _tested(result: Result) -> str:
    """`Welch's t test, 8 seeds each, corrected for 15 pairs by Holm`."""
    tested = [d for d in result.differences if d.p_value is not None]
    corrected = f", corrected for {len(tested)} pairs by {CORRECTION}" if len(tested) > 1 else ""
    counts = sorted({n for d in tested for n in d.n})
    ends = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"{result.column.pooled.test}, n = {ends}{corrected}"


def _some(names: list[str], of: int) -> str:
    if len(names) == of and of > NAMED:
        return f"all {of} others"
    if len(names) <= NAMED:
        return listed(names)
    return listed([*names[: NAMED - 1], counted(len(names) - NAMED + 1, "other")])


def _sure(result: Result, name: str, estimate: Estimate, repeat: Repeat) -> str:
    value = amount(result.column, estimate.value)
    if exact(result):
        return value
    ends = interval(estimate)
    times = repeats_in_words(result, name, repeat)
    return f"{value} ({f'95% interval {ends}, ' if ends else 'no interval: '}{times})"


def repeats_in_words(result: Result, name: str, repeat: Repeat) -> str:
    """`8 seeds`; of a launch its repetitions; of a single seed that has an interval, sentences."""
    count, estimate = result.repeats[name], result.estimates[name]
    if repeat == "launch" and count == 1 and estimate.n > 1:
        return f"{estimate.n} repetitions of one launch"
    if repeat == "seed" and count <= 1 < estimate.n:
        return f"one seed, {estimate.n:,} sentences"
    return plural(count or estimate.n, repeat)


def verdict(difference: Difference, repeat: Repeat) -> str:
    """`better` … in words, with the test's name, n and p."""
    n = " and ".join(f"{count:,}" for count in difference.n)
    finding = difference.finding
    if finding == "not enough seeds":
        what = "launches" if repeat == "launch" else "seeds"
        return f"not enough {what} (n = {n})"
    if difference.corrected_p is None:
        return f"{finding} (exact)"
    return f"{finding} ({difference.test}, {p_value(difference.corrected_p)}, n = {n})"


def p_value(p: float) -> str:
    """`p = 0.032`, `p < 0.001`."""
    return "p < 0.001" if p < SMALLEST_P else f"p = {p:.3f}"


def method(comparison: Comparison) -> str:
    """How verdicts are reached, in a paragraph."""
    kinds = {result.column.pooled for result in comparison.results}
    if comparison.repeat == "count":
        return "Counts are exact: they are compared as they are, and need no test."
    over = "launches" if comparison.repeat == "launch" else "seeds"
    ranks = (
        " Medians and what a majority reached are compared by the exact rank-sum test (Wilcoxon "
        "1945), which assumes nothing of how values are distributed."
        if kinds & {MEDIAN, MAJORITY}
        else ""
    )
    return (
        f"A verdict compares the values of single {over} of two groups, two-sided: means by "
        f"Welch's t test (1947), geometric means by the same of logarithms.{ranks} Each p is "
        "corrected for all pairs of groups by Holm's method (1979), within one measure, at a "
        f"level of 5%. With one of the {over} there is no verdict, and none either with so few "
        "that no values could differ enough. The same seed of the same settings measured twice "
        "counts once, the newest time. Counts are compared exactly."
    )


def _lower(column: Column) -> str:
    title = column.title
    return title if title[:2].isupper() else f"{title[0].lower()}{title[1:]}"

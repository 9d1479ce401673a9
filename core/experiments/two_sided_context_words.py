"""What `two-sided-context` found, in words.

Which networks differ is Welch's test over the seeds, corrected for the number of cells compared.
Both directions beat one at *every* look-ahead if the lowest of their accuracies is above the
other's highest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.experiments.two_sided_context import TwoSidedContextConfig
from core.experiments.two_sided_context_finding import (
    CIRCUMSTANCES,
    Finding,
    Pair,
    against_chance,
    ends,
    gain,
    needed,
    outcome,
    pairs,
    percent,
    sure,
)
from core.statistics import CONFIDENCE
from core.words import listed, named_runs, number

if TYPE_CHECKING:
    import pandas

ITEMISED = 3
"""Networks of one kind that are told one by one; of more, the lowest and the highest."""


def run_in_words(config: TwoSidedContextConfig, summary: Mapping[str, Any]) -> str:
    """`LSTM 64: 25.1% of tags right (…) where the token 1 to 10 steps ahead is needed, …`."""
    return Finding.read(config.architecture.label, {**config.flat(), **summary}).told


def comparison_in_words(runs: pandas.DataFrame) -> str:
    """How well both directions tag, how well one does, and whether that is about seeing."""
    named = named_runs(runs, TwoSidedContextConfig, CIRCUMSTANCES)
    every = [Finding.read(name, columns) for name, columns in named.items()]
    findings = [finding for finding in every if finding.ahead.value is not None]
    if len(findings) < 2:
        return " ".join(finding.told for finding in every) or "Nothing has been measured yet."
    both = [finding for finding in findings if finding.bidirectional]
    one = [finding for finding in findings if not finding.bidirectional]
    told = [_answer(both, one), *_verdict(pairs(findings)), *_each(both, one)]
    told += [finding.told for finding in every if finding not in findings]
    return " ".join(told)


def _answer(both: Sequence[Finding], one: Sequence[Finding]) -> str:
    """Where a token ahead is needed, so many tags are right."""
    where = f"Where {needed([*both, *one])} is needed"
    first = _named(both, "both directions", "tag") if both else _named(one, "one direction", "tags")
    right = f"{first} {ends([finding.ahead for finding in both or one])} right"
    if not both or not one:
        return f"{where}, {right}{against_chance(both or one)}."
    other = one[0].name if len(one) == 1 else "one direction"
    return f"{where}, {right}, {other} {ends([f.ahead for f in one])}{against_chance(one)}."


def _named(findings: Sequence[Finding], together: str, verb: str) -> str:
    return f"{findings[0].name} tags" if len(findings) == 1 else f"{together} {verb}"


def _verdict(found: Sequence[Pair]) -> Iterator[str]:
    """Whether seeing both sides helps at every look-ahead, and whether anything else would."""
    if not found:
        return
    level = (1 - CONFIDENCE) / len(found)
    groups: dict[str, list[Finding]] = {}
    for both, one in found:
        groups.setdefault(gain(both, one.ahead, one.highest, level), []).append(both)
    yield from _gains(groups)
    yield from _present(found, level)
    if set(groups) <= {"everywhere", "better"}:
        yield from _controls(found, level)


def _gains(groups: Mapping[str, Sequence[Finding]]) -> Iterator[str]:
    """Which cells gain by it: everywhere, on average, or not as far as one can tell."""
    whose = {kind: listed([finding.name for finding in found]) for kind, found in groups.items()}
    of = {kind: f" of {names}" if len(groups) > 1 else "" for kind, names in whose.items()}
    if gaining := groups.get("everywhere"):
        hardest = min(gaining, key=lambda finding: finding.lowest.value or 0.0)
        yield (
            f"The gain{of['everywhere']} is larger than noise at every look-ahead, at the hardest "
            f"{percent(hardest.lowest)} are right."
        )
    if "better" in groups:
        yield f"The gain{of['better']} is larger than noise on average, not at every look-ahead."
    for kind, said in (
        ("not distinguishable", "not distinguishable from one direction"),
        ("worse", "worse than one direction by more than noise"),
    ):
        if kind in groups:
            yield f"{whose[kind]} {'is' if len(groups[kind]) == 1 else 'are'} {said}."
    if "not enough seeds" in groups:
        yield "One seed cannot tell such a difference from noise."


def _present(found: Sequence[Pair], level: float) -> Iterator[str]:
    """Nothing ahead needed: a tie, if it is one."""
    if all(outcome(b.present, o.present, level) == "not distinguishable" for b, o in found):
        present = [finding.present for pair in found for finding in pair]
        yield f"With nothing ahead needed both tie, at {ends(present)}."


def _controls(found: Sequence[Pair], level: float) -> Iterator[str]:
    """More parameters do not help, answering later does: only then is it about seeing."""
    one = [pair.one for pair in found]
    if any(f.wider.value is None or f.delayed.value is None for f in one):
        return
    told = (
        f"With as many parameters as both, one direction gets {ends([f.wider for f in one])}, and "
        f"when it may answer so many steps later {ends([f.delayed for f in one])}"
    )
    in_vain = all(
        gain(b, o.wider, o.wider_highest, level) == gain(b, o.ahead, o.highest, level)
        for b, o in found
    )
    later = all(outcome(f.delayed, f.ahead, level) == "better" for f in one)
    yield f"{told}: it is about seeing, not capacity." if in_vain and later else f"{told}."


def _each(both: Sequence[Finding], one: Sequence[Finding]) -> Iterator[str]:
    """Every network by itself, those that merely guess together; what is missing."""
    guess = len(one) > 1 and bool(both) and all(finding.blind for finding in one)
    told = [_listed(found) for found in (both, () if guess else one) if found]
    yield f"{'; '.join([*told, *_guessing(one if guess else ())])}."
    for found, directions in ((both, "both directions"), (one, "one direction")):
        if not found:
            yield f"Nothing that reads in {directions} is beside them."


def _guessing(findings: Sequence[Finding]) -> Iterator[str]:
    """`every 95% interval of one direction lies within 23.9 to 26.1`."""
    if findings:
        intervals = [finding.ahead.within(0, 100) for finding in findings]
        low = number(min(interval.low or 0.0 for interval in intervals))
        high = number(max(interval.high or 0.0 for interval in intervals))
        yield f"every 95% interval of one direction lies within {low} to {high}"


def _listed(findings: Sequence[Finding]) -> str:
    """`bi-RNN 99.8% (95% interval 99.7 to 99.8, 3 seeds), bi-LSTM 79.2% (77.8 to 80.5)`."""
    ordered = sorted(findings, key=lambda finding: finding.ahead.value or 0.0)
    kept = findings if len(findings) <= ITEMISED else [ordered[0], ordered[-1]]
    told = [f"{f.name} {percent(f.ahead)} ({sure(f.ahead)})" for f in kept[:1]]
    return ", ".join([*told, *(f"{f.name} {percent(f.ahead)} ({_interval(f)})" for f in kept[1:])])


def _interval(finding: Finding) -> str:
    """`75.3 to 77.0`, or that there is none."""
    estimate = finding.ahead.within(0, 100)
    if estimate.low is None or estimate.high is None:
        return sure(estimate)
    return f"{number(estimate.low)} to {number(estimate.high)}"

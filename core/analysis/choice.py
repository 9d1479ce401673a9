"""The choice: which layers to take within limits, how sure that is, and what would decide the rest.

    choice = choose(card, quality="span", cost="latency_p99_us")

It reads a scorecard, so it rests on finished runs alone, on one set of terms; nothing is
interpolated between sizes. A layer that surely keeps every limit is weighed by two measures, a
quality and a cost: the layers that no other one beats in both are the frontier (the Pareto set),
and these are what it recommends. What a limit forbids, or leaves undecided, is never among them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from core.analysis.comparison import Comparison
from core.analysis.limits import (
    MIN_AGREEING,
    AnyLimit,
    Finding,
    Fit,
    Limit,
    headlines,
    scored,
    scored_column,
    usual_sign,
)
from core.analysis.more_seeds import MAX_ADDED, Plan, fewest_seeds, with_more_seeds
from core.analysis.scorecard import (
    Basis,
    MeasureLine,
    QuestionCard,
    Scorecard,
    configs_like,
    shared_settings,
    too_few,
)
from core.experiment import Better, Config, Experiment
from core.settings import BadSetting

Point = tuple[float, float]
"""A quality and a cost."""

OPEN: tuple[Fit, ...] = ("not decided", "not measured")
"""What a layer may turn out to do: neither to keep the limits nor to break them."""

SIZE = "parameters"
"""A cost that is weighed only if somebody asks for it: the terms fix it, or nearly so."""


def frontier(points: Mapping[str, Point], better: tuple[Better, Better]) -> list[str]:
    """The names that no other one beats in one measure without losing in the other, as given.

    better higher and lower: a (3, 1), b (2, 2), c (4, 5) → a, c
    """
    signs = [1 if direction == "higher" else -1 for direction in better]
    scores = {n: [s * x for s, x in zip(signs, p, strict=True)] for n, p in points.items()}
    return [
        name
        for name, own in scores.items()
        if not any(_beats(other, own) for other in scores.values())
    ]


def _beats(other: Sequence[float], own: Sequence[float]) -> bool:
    return other != own and all(a >= b for a, b in zip(other, own, strict=True))


@dataclass(frozen=True)
class Measure:
    """A line of the scorecard that layers are weighed by."""

    line: MeasureLine
    better: Better

    @property
    def name(self) -> str:
        """The name of its column."""
        return self.line.headline.name

    def value(self, kind: str) -> float | None:
        """The value of a kind, if it has a finite one."""
        cell = self.line.cells.get(kind)
        value = cell.estimate.value if cell else None
        return value if value is not None and math.isfinite(value) else None

    def surely(self, first: str, second: str, *, or_equal: bool = False) -> bool:
        """Whether the first is surely better than the second, or equal to it.

        By the verdict on the pair; where nothing is ranked (times of one machine), if both
        intervals are apart, or without intervals all of three or more values.
        """
        if self.line.column.aggregation.exact:
            one, other = self.value(first), self.value(second)
            assert one is not None, "it is weighed"
            assert other is not None, "it is weighed"
            return (or_equal and one == other) or (one != other and self._ahead(one, other))
        for difference in self.line.differences:
            if {difference.first, difference.second} == {first, second}:
                verdict = difference if difference.first == first else difference.reversed
                equal = verdict.finding in ("equal", "equal within the margin")
                return verdict.finding == "better" or (or_equal and equal)
        bounds = [self._bounds(kind) for kind in (first, second)]
        if bounds[0] is None or bounds[1] is None:
            return False
        (low, high), (other_low, other_high) = bounds[0], bounds[1]
        return low > other_high if self.better == "higher" else high < other_low

    def _ahead(self, one: float, other: float) -> bool:
        return one > other if self.better == "higher" else one < other

    def _bounds(self, kind: str) -> tuple[float, float] | None:
        cell = self.line.cells[kind]
        bounds = self.line.column.aggregation.bounds(cell.estimate, cell.values)
        if bounds is None and len(cell.values) >= MIN_AGREEING:
            return min(cell.values), max(cell.values)
        return bounds if len(cell.values) > 1 else None


@dataclass(frozen=True)
class RuledOut:
    """The layers that a limit forbids, with the value of each."""

    limit: AnyLimit
    kinds: Mapping[str, str]
    """Kind → `p99 latency 1,210 µs [1,100–1,300]`."""


Why = Literal["not measured", "ended too early", "not decided", "no quality", "too few"]
"""Why a launch is proposed, the first reason first: a measure of a limit is missing; its
measurement ended before the limit; its interval is on both sides; there is nothing to weigh by; the
places on the frontier may be noise."""


@dataclass(frozen=True, eq=False)
class Proposal:
    """The one launch that would decide most of what is open."""

    why: Why
    experiment: Experiment
    plan: Plan
    """Its runs; those that repeat what is measured join its sweeps."""
    measures: tuple[str, ...]
    """The lines that it fills or sharpens."""
    kinds: tuple[str, ...]
    """Those of which it measures what is lacking; it may have runs of others, to stand beside."""
    repeats: int = 0
    """How many more seeds or launches the kind with the fewest gets, if it repeats what is
    measured; the others get as many as bring them to the same number."""
    repeated: Comparison | None = None
    """What it repeats."""
    looks: int = 1
    """How often the verdicts on these runs are then looked at."""

    @property
    def configs(self) -> list[Config]:
        """What is to be run."""
        return [config for _, config, _ in self.plan]


@dataclass(frozen=True, eq=False)
class Choice:
    """What to take, of the kinds of a scorecard with limits."""

    card: Scorecard
    quality: Measure | None
    """None where nothing of the kind is measured of any layer."""
    cost: Measure | None
    asked: tuple[str, str] = ("", "")
    """The quality and the cost that were named, measured or not."""

    @cached_property
    def fitting(self) -> list[str]:
        """The kinds that surely keep every limit."""
        return self.card.that("fits")

    @cached_property
    def points(self) -> Mapping[str, Point]:
        """Quality and cost of the kinds that fit and have both."""
        if self.quality is None or self.cost is None:
            return {}
        both = {kind: (self.quality.value(kind), self.cost.value(kind)) for kind in self.fitting}
        return {k: (q, c) for k, (q, c) in both.items() if q is not None and c is not None}

    @cached_property
    def frontier(self) -> list[str]:
        """The kinds that no other one beats in both measures, the cheapest first; empty where fewer
        than two can be compared."""
        if self.quality is None or self.cost is None or len(self.points) < 2:
            return []
        best = frontier(self.points, (self.quality.better, self.cost.better))
        falls = -1 if self.cost.better == "higher" else 1
        return sorted(best, key=lambda kind: falls * self.points[kind][1])

    @cached_property
    def recommended(self) -> list[str]:
        """The frontier; without one, a kind that alone keeps the limits."""
        alone = self.fitting if self.card.limits and len(self.fitting) == 1 else []
        return self.frontier or alone

    def is_sure(self, kind: str) -> bool:
        """Whether a recommended kind is better than each that it was compared with, in a measure;
        alone, whether no other one may keep the limits."""
        if kind in self.frontier:
            return not self.rivals[kind]
        return kind in self.recommended and not any(map(self.card.that, OPEN))

    @property
    def doubtful(self) -> bool:
        """Whether a place may be noise, on the frontier or off it."""
        return any(self.rivals.values()) or not all(map(self.surely_beaten, self.beaten))

    def tied(self, kind: str, other: str) -> bool:
        """Whether neither is surely better than the other, in either measure."""
        measures = [measure for measure in (self.quality, self.cost) if measure is not None]
        pairs = ((kind, other), (other, kind))
        return not any(measure.surely(*pair) for measure in measures for pair in pairs)

    @cached_property
    def rivals(self) -> Mapping[str, list[str]]:
        """Kind on the frontier → those that may beat it: it is not surely better than they are in
        either measure."""
        return {
            kind: [
                other
                for other in self.points
                if other != kind
                and not any(m.surely(kind, other) for m in (self.quality, self.cost) if m)
            ]
            for kind in self.frontier
        }

    @cached_property
    def beaten(self) -> Mapping[str, list[str]]:
        """Kind that fits and is not on the frontier → those on it that beat it."""
        if self.quality is None or self.cost is None or not self.frontier:
            return {}
        better = self.quality.better, self.cost.better
        return {
            kind: [
                other
                for other in self.frontier
                if kind not in frontier({k: self.points[k] for k in (kind, other)}, better)
            ]
            for kind in self.points
            if kind not in self.frontier
        }

    def surely_beaten(self, kind: str) -> bool:
        """Whether one of those that beat it is no worse in both measures, by the verdicts."""
        measures = [measure for measure in (self.quality, self.cost) if measure is not None]
        return any(
            all(measure.surely(other, kind, or_equal=True) for measure in measures)
            and any(measure.surely(other, kind) for measure in measures)
            for other in self.beaten.get(kind, ())
        )

    @property
    def not_compared(self) -> list[str]:
        """The kinds that fit, beside others, but lack the quality or the cost."""
        return [k for k in self.fitting if k not in self.points and len(self.fitting) > 1]

    @property
    def fixed(self) -> str:
        """A measure that was asked for and that the terms make equal for all; empty for none."""
        lines = self.card.lines
        return next((name for name in self.asked if name in lines and lines[name].fixed), "")

    @property
    def ruled_out(self) -> list[RuledOut]:
        """What each limit forbids; a kind may be forbidden by several."""
        broken = {
            limit: {
                kind: finding.reason
                for kind, findings in self.card.findings.items()
                for finding in findings
                if finding.limit == limit and finding.fit == "does not fit"
            }
            for limit in self.card.limits
        }
        return [RuledOut(limit, kinds) for limit, kinds in broken.items() if kinds]

    @property
    def measures(self) -> list[str]:
        """The lines that it rests on: those of the limits, and the two that are weighed."""
        limited = [limit.measure for limit in self.card.limits]
        weighed = [measure.name for measure in (self.quality, self.cost) if measure is not None]
        return [n for n in dict.fromkeys([*limited, *weighed]) if n in self.card.lines]

    @cached_property
    def evidence(self) -> Mapping[str, tuple[str, ...]]:
        """Experiment → ids of the runs that it rests on."""
        runs: dict[str, dict[str, None]] = {}
        for question in self.card.questions:
            for line in question.lines:
                if line.headline.name in self.measures:
                    ids = (run for cell in line.cells.values() for run in cell.runs)
                    runs.setdefault(question.experiment.name, {}).update(dict.fromkeys(ids))
        return {name: tuple(ids) for name, ids in runs.items() if ids}

    @property
    def measured_elsewhere(self) -> list[str]:
        """The questions by title that leave something open and were timed on another computer."""
        unmeasured = [name for name in self.asked if name and name not in self.card.lines]
        wanted = {*unmeasured, *self._open_limits}
        for measure in (self.quality, self.cost):
            if measure is not None:
                lacking = any(kind not in measure.line.cells for kind in self.fitting)
                few = self.doubtful and self._too_few(measure)
                wanted |= {measure.name} if lacking or few else set()
        return [
            question.experiment.title
            for question in self.card.questions
            if question.imported and wanted & {h.name for h in scored(question.experiment)}
        ]

    @property
    def _open_limits(self) -> set[str]:
        """The measures of the limits that are still to decide a kind."""
        return {
            finding.limit.measure
            for kind, fit in self.card.fits.items()
            for finding in self.card.findings[kind]
            if fit in OPEN and finding.fit == fit
        }

    @property
    def _questions(self) -> list[QuestionCard]:
        """Those of which runs can be made here."""
        return [question for question in self.card.questions if not question.imported]

    @cached_property
    def proposal(self) -> Proposal | None:
        """The launch that would decide most, of equals the cheapest; None if nothing is open that
        a launch on this computer could decide."""
        for found in (
            self._for_missing_limits(),
            self._for_open_limits(),
            self._for_a_quality(),
            self._for_the_frontier(),
        ):
            proposals = [proposal for proposal in found if proposal.plan]
            if proposals:
                return min(proposals, key=_rank)
        return None

    def _for_missing_limits(self) -> Iterator[Proposal]:
        """Measure what limits need, of the kinds that no other limit forbids."""
        for question in self._questions:
            limits = self._limits_on(question)
            lacking = {
                kind: missing
                for kind in self.card.that("not measured")
                if (
                    missing := [
                        finding.limit.measure
                        for finding in self.card.findings[kind]
                        if finding.fit == "not measured" and finding.limit in limits
                    ]
                )
            }
            names = tuple(dict.fromkeys(name for missing in lacking.values() for name in missing))
            further = _further(question, [limit for limit in limits if limit.measure in names])
            if further and lacking:
                yield self._longer(question, "not measured", names, [*lacking], further)
            else:
                yield _missing(question, "not measured", names, [*lacking])

    def _for_open_limits(self) -> Iterator[Proposal]:
        """Repeat what lies on both sides of a limit, or measure on beyond where it ended."""
        for question in self._questions:
            for limit in self._limits_on(question):
                found = {
                    kind: finding
                    for kind in self.card.that("not decided")
                    for finding in self.card.findings[kind]
                    if finding.limit == limit and finding.fit == "not decided"
                }
                early = [kind for kind, finding in found.items() if finding.longer]
                if early and (further := _further(question, [limit])):
                    names = (limit.measure,)
                    yield self._longer(question, "ended too early", names, early, further)
                elif found:
                    yield _repeated(question, limit, found)

    def _limits_on(self, question: QuestionCard) -> list[Limit]:
        names = {headline.name for headline in scored(question.experiment)}
        limits = [limit for limit in self.card.limits if isinstance(limit, Limit)]
        return [limit for limit in limits if limit.measure in names]

    def _longer(
        self,
        question: QuestionCard,
        why: Why,
        names: tuple[str, ...],
        kinds: Sequence[str],
        further: Basis,
    ) -> Proposal:
        """Measure further, of all that may still fit and all that were measured: only runs of equal
        settings stand side by side, those that cover most kinds."""
        open_kinds = {k for k, fit in self.card.fits.items() if fit != "does not fit"}
        kept = [k for k in self.card.kinds if k.kind in {*open_kinds, *further.runs}]
        experiment, device = question.experiment, self.card.device
        configs = configs_like(experiment, kept, self.card.terms, further, device)
        plan: Plan = [(experiment, config, "") for config in configs]
        return Proposal(why, experiment, plan, names, _kinds(plan, kinds))

    def _for_a_quality(self) -> Iterator[Proposal]:
        """Measure what is weighed, of those that fit; where no quality is measured, any."""
        for question in self._questions:
            weighed = [m for m in (self.quality, self.cost) if m and m.line in question.lines]
            wanted = [m.name for m in weighed]
            wanted += [n for n in self.asked if n in (h.name for h in scored(question.experiment))]
            if self.quality is None and not self.asked[0]:
                first = headlines(question.experiment)[0].name
                better = scored_column(question.experiment, first).better
                wanted += [first] if better == "higher" else []
            names = tuple(dict.fromkeys(wanted))
            lines = [line for line in question.lines if line.headline.name in names]
            kinds = [k for k in self.fitting if not any(k in line.cells for line in lines)]
            yield _missing(question, "no quality", names, kinds if names else ())

    def _for_the_frontier(self) -> Iterator[Proposal]:
        """Repeat what is weighed, where there are too few repeats for a verdict."""
        for question in self._questions if self.doubtful else ():
            weighed = [m for m in (self.quality, self.cost) if m and m.line in question.lines]
            few = tuple(measure.name for measure in weighed if self._too_few(measure))
            repeats = question.repeats
            yield Proposal(
                "too few",
                question.experiment,
                repeats.plan if few else [],
                few,
                _kinds(repeats.plan, question.basis.runs if question.basis else ()),
                repeats.number,
                question.measured,
                repeats.looks,
            )

    def _too_few(self, measure: Measure) -> bool:
        """Whether no verdict is possible on it; where nothing is ranked (times), whether any kind
        that is weighed has too few values to be surely better."""
        line = measure.line
        if line.column.aggregation.exact:
            return False
        if line.differences:
            return too_few(line)
        return any(len(line.cells[kind].values) < MIN_AGREEING for kind in self.points)


def _further(question: QuestionCard, limits: Sequence[Limit]) -> Basis | None:
    """The settings of its runs, or the defaults, with those changed that end a measurement before
    it reaches a limit; None where none does, or no single setting helps."""
    experiment, basis = question.experiment, question.basis
    if basis is None:
        shared = {setting.name: setting.default for setting in shared_settings(experiment)}
        basis = Basis(experiment, question.terms, shared, "", {})
    changed = dict(basis.shared)
    for limit in limits:
        ends = limit.column.limit
        end = math.ceil(limit.value) + (limit.sign == "<=")
        if ends is None or ends(changed) >= end:
            continue
        for setting in shared_settings(experiment):
            moved = {**changed, setting.name: end}
            if setting.types == (int,) and ends(moved) >= end:
                changed = moved
                break
    return replace(basis, shared=changed) if changed != basis.shared else None


def _missing(
    question: QuestionCard, why: Why, names: tuple[str, ...], lacking: Collection[str]
) -> Proposal:
    plan: Plan = [
        (question.experiment, config, "")
        for config in question.missing
        if config.architecture.kind in lacking
    ]
    return Proposal(why, question.experiment, plan, names, _kinds(plan, lacking))


def _kinds(plan: Plan, wanted: Collection[str]) -> tuple[str, ...]:
    """Those of these kinds that a plan has runs of."""
    planned = dict.fromkeys(config.architecture.kind for _, config, _ in plan)
    return tuple(kind for kind in planned if kind in wanted)


def _repeated(question: QuestionCard, limit: Limit, found: Mapping[str, Finding]) -> Proposal:
    """More repeats of the kinds of which a reasonable number would decide: all of them come to as
    many as the one needs that needs most."""
    measured = question.measured
    of = {group.name: replace(measured, groups=(group,)) for group in measured.groups}
    have = {
        kind: fewest_seeds(of[kind])
        for kind, finding in found.items()
        if kind in of and 0 < (finding.repeats or 0) <= MAX_ADDED
    }
    fewest = min(have.values(), default=0)
    numbers = {kind: n + (found[kind].repeats or 0) - fewest for kind, n in have.items()}
    numbers = {kind: number for kind, number in numbers.items() if number <= MAX_ADDED}
    number = max(numbers.values(), default=0)
    groups = tuple(group for group in measured.groups if group.name in numbers)
    repeated = replace(measured, groups=groups)
    try:
        plan = with_more_seeds(repeated, number) if groups else []
    except BadSetting:  # recorded by a version with other settings
        plan = []
    return Proposal(
        "not decided",
        question.experiment,
        plan,
        (limit.measure,),
        _kinds(plan, numbers),
        number,
        repeated,
        measured.looks + 1,
    )


def _rank(proposal: Proposal) -> tuple[int, float]:
    work = sum(experiment.work(config) for experiment, config, _ in proposal.plan)
    return -len(proposal.kinds), work


# --- Which two measures are weighed?


def weighable(card: Scorecard) -> Mapping[str, MeasureLine]:
    """The lines that at least two kinds have a value of, and that the terms do not fix, by name."""
    return {
        name: line
        for name, line in card.lines.items()
        if not line.fixed
        and sum(cell.estimate.value is not None for cell in line.cells.values()) > 1
    }


def usual_measures(card: Scorecard) -> tuple[str, str]:
    """A quality and a cost: what limits are on comes first; then the first quality, and the last
    cost that is timed (a latency), else the last of all. Empty where there is none."""
    lines = weighable(card)
    timed = {
        line.headline.name
        for question in card.questions
        if question.experiment.timed
        for line in question.lines
    }
    limited = [limit.measure for limit in card.limits]
    qualities = [name for name, line in lines.items() if usual_sign(line.column) == ">="]
    costs = [n for n, line in lines.items() if usual_sign(line.column) == "<=" and n != SIZE]
    costs.sort(key=lambda name: (name in timed, list(lines).index(name)), reverse=True)

    def first(sign: str, names: Sequence[str]) -> str:
        asked = [n for n in limited if n in lines and usual_sign(lines[n].column) == sign]
        return next(iter([*asked, *names]), "")

    return first(">=", qualities), first("<=", costs)


def choose(card: Scorecard, quality: str = "", cost: str = "") -> Choice:
    """Choose by two measures, the usual ones unless they are named."""
    lines = weighable(card)
    usual = usual_measures(card)
    names = [given or other for given, other in zip((quality, cost), usual, strict=True)]
    measures = [_measure(lines[name]) if name in lines else None for name in names]
    return Choice(card, measures[0], measures[1], (quality, cost))


def _measure(line: MeasureLine) -> Measure:
    better: Better = "higher" if usual_sign(line.column) == ">=" else "lower"
    return Measure(line, better)

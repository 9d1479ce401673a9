"""From what `memory-span` trained to rows: spans, and the learning rate that is reported."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from core.experiments.memory_span import AttemptRow, LagRow, MemorySpanConfig, MemorySpanSummary
from core.experiments.memory_span_work import rates
from core.statistics import (
    MISSING,
    Estimate,
    bootstrap_estimate,
    geometric_mean_estimate,
    half_life,
    mean_estimate,
    median_estimate,
    success_estimate,
)


@dataclass(frozen=True)
class Attempt:
    """What one seed came to at one learning rate and lag."""

    learning_rate: float
    seed: int
    lag: int
    passed_step: int | None
    """The first validation that it passed: learning rates are chosen by this."""
    learned_step: int | None
    """The first validation that it passed, and the test right then."""
    loss: float | None
    accuracy: float | None
    """Both on test sequences, when training ended."""
    decay_start: float | None
    decay_end: float | None
    """Factor per step back of the gradient, before and after."""
    trained_steps: int

    @property
    def learned(self) -> bool:
        """Within the budget."""
        return self.learned_step is not None

    @property
    def passed(self) -> bool:
        """On validation sequences."""
        return self.passed_step is not None

    def row(self) -> AttemptRow:
        """As the table has it."""
        return AttemptRow(
            learning_rate=self.learning_rate,
            seed=self.seed,
            lag=self.lag,
            learned=int(self.learned),
            steps_to_learn=self.learned_step,
            loss=self.loss,
            accuracy=self.accuracy,
            half_life_start=None if self.decay_start is None else half_life(self.decay_start),
            half_life_end=None if self.decay_end is None else half_life(self.decay_end),
            trained_steps=self.trained_steps,
        )


Attempts = Sequence[Attempt]
Judgement = Callable[[Attempt], bool]
LEARNED: Judgement = attrgetter("learned")
PASSED: Judgement = attrgetter("passed")


def by_lag(attempts: Attempts) -> dict[int, list[Attempt]]:
    """The shortest lag first."""
    groups: dict[int, list[Attempt]] = {}
    for attempt in sorted(attempts, key=lambda one: one.lag):
        groups.setdefault(attempt.lag, []).append(attempt)
    return groups


def by_seed(attempts: Attempts) -> dict[int, list[Attempt]]:
    """The first seed first."""
    groups: dict[int, list[Attempt]] = {}
    for attempt in sorted(attempts, key=lambda one: one.seed):
        groups.setdefault(attempt.seed, []).append(attempt)
    return groups


def at_rate(attempts: Attempts, rate: float) -> list[Attempt]:
    """Those at one learning rate."""
    return [attempt for attempt in attempts if attempt.learning_rate == rate]


def majority(group: Attempts, judged: Judgement = LEARNED) -> bool:
    """Whether more than half did it."""
    return 2 * sum(map(judged, group)) > len(group)


def span(attempts: Attempts, judged: Judgement = LEARNED) -> int:
    """The largest lag that a majority learned; 0 if there is none."""
    reached = [lag for lag, group in by_lag(attempts).items() if majority(group, judged)]
    return max(reached, default=0)


def alive(config: MemorySpanConfig, attempts: Attempts) -> tuple[float, ...]:
    """The learning rates that are still tried, after all of them were at the same lags.

    One drops out where it has no majority at a lag that a majority passed at another rate, and
    after `give_up` lags in a row without one.
    """
    reached = {rate: _reached(at_rate(attempts, rate)) for rate in rates(config)}
    led = {lag for lags in reached.values() for lag, passed in lags.items() if passed}
    return tuple(
        rate
        for rate, lags in reached.items()
        if all(passed or lag not in led for lag, passed in lags.items())
        and (len(lags) < config.give_up or any(list(lags.values())[-config.give_up :]))
    )


def _reached(attempts: Attempts) -> dict[int, bool]:
    """Whether a majority passed, by lag."""
    return {lag: majority(group, PASSED) for lag, group in by_lag(attempts).items()}


def chosen_rate(config: MemorySpanConfig, attempts: Attempts) -> float:
    """The one with the longest span on validation; of equals the one that took fewest steps."""

    def rank(rate: float) -> tuple[int, float]:
        own = at_rate(attempts, rate)
        reached = span(own, PASSED)
        group = by_lag(own)[reached or config.shortest_lag]
        steps = [one.passed_step or config.training_steps for one in group]
        return reached, -sum(steps)

    return max(rates(config), key=rank)


def lag_row(config: MemorySpanConfig, group: Attempts, baseline: float) -> LagRow:
    """One lag at one learning rate, over seeds."""
    named = config.task != "adding"
    return LagRow(
        lag=group[0].lag,
        success=success_estimate(sum(map(LEARNED, group)), len(group)),
        accuracy=mean_estimate(one.accuracy for one in group).within(0, 100),
        loss=mean_estimate(one.loss for one in group).within(0, float("inf")),
        baseline=baseline,
        chance=100 / config.symbols if named else None,
        steps_to_learn=median_estimate(one.learned_step for one in group),
        half_life_start=half_life_estimate(one.decay_start for one in group),
        half_life_end=half_life_estimate(one.decay_end for one in group),
    )


def half_life_estimate(decays: Iterable[float | None]) -> Estimate:
    """Of the geometric mean of decay rates, as `gradient-decay` has it."""
    return geometric_mean_estimate(decays).transformed(half_life)


def summarise(config: MemorySpanConfig, attempts: Attempts, parameters: int) -> MemorySpanSummary:
    """Of the reported learning rate."""
    rate = chosen_rate(config, attempts)
    own = at_rate(attempts, rate)
    groups, seeds = by_lag(own), list(by_seed(own).values())
    reached = span(own)
    at_span = groups[reached or config.shortest_lag]
    estimate = bootstrap_estimate(seeds, lambda drawn: span(_together(drawn)))
    steps = median_estimate(one.learned_step for one in at_span) if reached else MISSING
    return MemorySpanSummary(
        span=dataclasses.replace(estimate, n=len(seeds)),
        next_lag=min((lag for lag in groups if lag > reached), default=None),
        longest_lag_tried=max(groups),
        reported_learning_rate=rate,
        steps_to_learn=steps,
        half_life_start=half_life_estimate(one.decay_start for one in at_span),
        half_life_end=half_life_estimate(one.decay_end for one in at_span),
        parameters=parameters,
        span_by_seed=", ".join(str(_longest(one)) for one in seeds),
        rates_tried=", ".join(
            f"{rate:g}: {span(at_rate(attempts, rate))}" for rate in rates(config)
        ),
    )


def _together(seeds: Sequence[Attempts]) -> list[Attempt]:
    return [attempt for seed in seeds for attempt in seed]


def _longest(seed: Attempts) -> int:
    """Lag that this seed learned."""
    return max((attempt.lag for attempt in seed if attempt.learned), default=0)

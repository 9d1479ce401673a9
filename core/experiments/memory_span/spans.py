"""From attempts to rows: which learning rates are still tried, which one is reported, the spans."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from core.experiments.memory_span.declaration import (
    AttemptRow,
    LagRow,
    MemorySpanConfig,
    MemorySpanSummary,
)
from core.stats.estimates import (
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
    """The outcome of one seed at one learning rate and lag."""

    learning_rate: float
    seed: int
    lag: int
    passed_step: int | None
    """The step of the first validation that it passed, by which learning rates are chosen."""
    learned_step: int | None
    """The step of the first validation at which it passed the test too."""
    loss: float | None
    accuracy: float | None
    """Both on test sequences, when training ended."""
    decay_start: float | None
    decay_end: float | None
    """Factor per step back of the gradient, before and after training."""
    trained_steps: int

    def row(self) -> AttemptRow:
        """The attempt as a row of its table."""
        return AttemptRow(
            learning_rate=self.learning_rate,
            seed=self.seed,
            lag=self.lag,
            learned=int(self.learned_step is not None),
            steps_to_learn=self.learned_step,
            loss=self.loss,
            accuracy=self.accuracy,
            half_life_start=None if self.decay_start is None else half_life(self.decay_start),
            half_life_end=None if self.decay_end is None else half_life(self.decay_end),
            trained_steps=self.trained_steps,
        )


Outcome = Literal["passed_step", "learned_step"]
"""Whether validation sequences alone decide, or the test sequences too."""


def by_lag(attempts: Iterable[Attempt]) -> dict[int, list[Attempt]]:
    """The attempts at each lag, the shortest lag first."""
    groups: dict[int, list[Attempt]] = {}
    for attempt in sorted(attempts, key=lambda one: one.lag):
        groups.setdefault(attempt.lag, []).append(attempt)
    return groups


def at_rate(attempts: Iterable[Attempt], rate: float) -> list[Attempt]:
    """The attempts at one learning rate."""
    return [attempt for attempt in attempts if attempt.learning_rate == rate]


def majorities(attempts: Iterable[Attempt], outcome: Outcome) -> dict[int, bool]:
    """Whether more than half of the seeds have that outcome, by lag."""
    return {
        lag: 2 * sum(getattr(one, outcome) is not None for one in group) > len(group)
        for lag, group in by_lag(attempts).items()
    }


def span(attempts: Iterable[Attempt], outcome: Outcome = "learned_step") -> int:
    """The largest lag at which a majority has that outcome; 0 if there is none."""
    return max((lag for lag, most in majorities(attempts, outcome).items() if most), default=0)


def remaining_rates(config: MemorySpanConfig, attempts: Sequence[Attempt]) -> tuple[float, ...]:
    """The learning rates to try at the next lag, after all attempts at the lags before.

    One drops out where it has no majority at a lag that a majority passed at another rate, and
    after `give_up` lags in a row without one.
    """
    passed = {
        rate: majorities(at_rate(attempts, rate), "passed_step") for rate in config.learning_rates
    }
    passable = {lag for lags in passed.values() for lag, most in lags.items() if most}
    return tuple(
        rate
        for rate, lags in passed.items()
        if all(most or lag not in passable for lag, most in lags.items())
        and (len(lags) < config.give_up or any(list(lags.values())[-config.give_up :]))
    )


def best_rate(config: MemorySpanConfig, attempts: Sequence[Attempt]) -> float:
    """The rate with the longest span on validation; among equals, the one with fewest steps."""

    def rank(rate: float) -> tuple[int, float]:
        own = at_rate(attempts, rate)
        longest = span(own, "passed_step")
        group = by_lag(own)[longest or config.shortest_lag]
        return longest, -sum(one.passed_step or config.training_steps for one in group)

    return max(config.learning_rates, key=rank)


def lag_row(config: MemorySpanConfig, group: Sequence[Attempt], baseline: float) -> LagRow:
    """One lag at one learning rate, over seeds."""
    steps = [one.learned_step for one in group]
    return LagRow(
        lag=group[0].lag,
        success=success_estimate(sum(step is not None for step in steps), len(group)),
        accuracy=mean_estimate(one.accuracy for one in group).within(0, 100),
        loss=mean_estimate(one.loss for one in group).within(0, float("inf")),
        baseline=baseline,
        chance=None if config.task == "adding" else 100 / config.symbols,
        steps_to_learn=median_estimate(steps),
        half_life_start=half_life_estimate(one.decay_start for one in group),
        half_life_end=half_life_estimate(one.decay_end for one in group),
    )


def half_life_estimate(decays: Iterable[float | None]) -> Estimate:
    """The half-life of the geometric mean of decay rates, as `gradient-decay` has it."""
    return geometric_mean_estimate(decays).transformed(half_life)


def summarise(
    config: MemorySpanConfig, attempts: Sequence[Attempt], parameters: int
) -> MemorySpanSummary:
    """The summary, at the reported learning rate."""
    rate = best_rate(config, attempts)
    own = at_rate(attempts, rate)
    lags, longest = by_lag(own), span(own)
    at_span = lags[longest or config.shortest_lag]
    seeds = [[one for one in own if one.seed == seed] for seed in sorted({a.seed for a in own})]
    estimate = bootstrap_estimate(seeds, lambda drawn: span(one for seed in drawn for one in seed))
    steps = median_estimate(one.learned_step for one in at_span) if longest else MISSING
    return MemorySpanSummary(
        span=dataclasses.replace(estimate, n=len(seeds)),
        next_lag=min((lag for lag in lags if lag > longest), default=None),
        longest_lag_tried=max(lags),
        reported_learning_rate=rate,
        steps_to_learn=steps,
        half_life_start=half_life_estimate(one.decay_start for one in at_span),
        half_life_end=half_life_estimate(one.decay_end for one in at_span),
        parameters=parameters,
        span_by_seed=", ".join(str(span(seed)) for seed in seeds),  # a majority of one
        rates_tried=", ".join(
            f"{rate:g}: {span(at_rate(attempts, rate))}" for rate in config.learning_rates
        ),
    )

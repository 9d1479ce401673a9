"""From attempts to rows: which learning rates are still tried, which one is reported, the spans."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from core.experiments.memory_span.declaration import (
    AttemptRow,
    LagRow,
    MemorySpanConfig,
    MemorySpanSummary,
    SeedRow,
)
from core.formatting import listed
from core.stats.aggregation import MAJORITY
from core.stats.estimates import (
    MISSING,
    Estimate,
    geometric_mean_estimate,
    half_life,
    mean_estimate,
    median_estimate,
    success_estimate,
)
from core.stats.learning_rates import leave_one_out


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


def by_seed(attempts: Iterable[Attempt]) -> dict[int, list[Attempt]]:
    """The attempts of each seed, the shortest lag first."""
    seeds: dict[int, list[Attempt]] = {}
    for attempt in sorted(attempts, key=lambda one: (one.seed, one.lag)):
        seeds.setdefault(attempt.seed, []).append(attempt)
    return seeds


def seed_spans(attempts: Iterable[Attempt], outcome: Outcome = "learned_step") -> dict[int, int]:
    """Seed → the largest lag such that it has that outcome there and at every shorter lag tried.

    Lags 2, 3, 5, 7 with outcomes yes, yes, no, yes → 3.
    """
    return {
        seed: max(
            (
                one.lag
                for one in itertools.takewhile(lambda a: getattr(a, outcome) is not None, own)
            ),
            default=0,
        )
        for seed, own in by_seed(attempts).items()
    }


def diverged_seeds(attempts: Iterable[Attempt]) -> set[int]:
    """The seeds whose span would end at a lag where their loss ceased to be finite: a network that
    is no network any more says nothing about memory."""
    ends = {
        seed: next((one for one in own if one.learned_step is None), None)
        for seed, own in by_seed(attempts).items()
    }
    return {seed for seed, end in ends.items() if end is not None and end.loss is None}


def seed_furthest(attempts: Iterable[Attempt]) -> dict[int, int]:
    """Seed → the largest lag that it learned, whatever it did at shorter ones; 0 if none."""
    return {
        seed: max((one.lag for one in own if one.learned_step is not None), default=0)
        for seed, own in by_seed(attempts).items()
    }


def span(attempts: Iterable[Attempt], outcome: Outcome = "learned_step") -> int:
    """The largest span that a majority of the seeds reached; 0 if there is none."""
    return statistics.median_low(seed_spans(attempts, outcome).values())


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


def judged(config: MemorySpanConfig, attempts: Sequence[Attempt]) -> list[Attempt]:
    """The attempts of each seed at the learning rate that the other seeds choose."""
    return leave_one_out(attempts, partial(best_rate, config))


def seed_rows(own: Sequence[Attempt]) -> Iterator[SeedRow]:
    """A row per seed, from its judged attempts."""
    furthest, lost = seed_furthest(own), diverged_seeds(own)
    rates = {attempt.seed: attempt.learning_rate for attempt in own}
    for seed, reached in seed_spans(own).items():
        yield SeedRow(
            seed=seed,
            learning_rate=rates[seed],
            span=None if seed in lost else reached,
            furthest_lag=None if seed in lost else furthest[seed],
        )


def lag_row(
    config: MemorySpanConfig,
    group: Sequence[Attempt],
    spans: Mapping[int, int],
    baseline: float,
) -> LagRow:
    """One lag over seeds with these spans; one that diverged has neither a span nor a success."""
    lag, finite = group[0].lag, [one for one in group if one.loss is not None]
    steps = [one.learned_step for one in finite]
    with_span = [spans[one.seed] for one in group if one.seed in spans]
    return LagRow(
        lag=lag,
        success=success_estimate(sum(step is not None for step in steps), len(steps)),
        success_so_far=success_estimate(sum(far >= lag for far in with_span), len(with_span)),
        accuracy=mean_estimate(one.accuracy for one in group).within(0, 100),
        loss=mean_estimate(one.loss for one in group).within(0, float("inf")),
        baseline=baseline,
        chance=None if config.task == "adding" else 100 / config.symbols,
        steps_to_learn=median_estimate(steps),
        half_life_start=half_life_estimate(one.decay_start for one in group),
        half_life_end=half_life_estimate(one.decay_end for one in group),
        distance=config.shape.distance(lag),
    )


def half_life_estimate(decays: Iterable[float | None]) -> Estimate:
    """The half-life of the geometric mean of decay rates, as `gradient-decay` has it."""
    return geometric_mean_estimate(decays).transformed(half_life)


def summarise(
    config: MemorySpanConfig, attempts: Sequence[Attempt], parameters: int
) -> MemorySpanSummary:
    """The summary, of each seed at the learning rate that the others chose."""
    rate, everything = best_rate(config, attempts), judged(config, attempts)
    lost = diverged_seeds(everything)
    own = [one for one in everything if one.seed not in lost]
    lags, spans, furthest = by_lag(own), seed_spans(own), seed_furthest(own)
    longest = span(own) if own else 0
    at_span = lags.get(longest or config.shortest_lag, [])
    steps = median_estimate(one.learned_step for one in at_span) if longest else MISSING
    return MemorySpanSummary(
        span=MAJORITY.estimate([float(lag) for lag in spans.values()]),
        furthest_lag=MAJORITY.estimate([float(lag) for lag in furthest.values()]),
        next_lag=min((lag for lag in lags if lag > longest), default=None),
        longest_lag_tried=max(by_lag(everything)),
        reported_learning_rate=rate,
        steps_to_learn=steps,
        half_life_start=half_life_estimate(one.decay_start for one in at_span),
        half_life_end=half_life_estimate(one.decay_end for one in at_span),
        parameters=parameters,
        span_by_seed=", ".join(
            f"≥ {lag}" if lag == by_seed(own)[seed][-1].lag else str(lag)
            for seed, lag in spans.items()
        ),
        gaps="; ".join(gaps(own)),
        diverged="; ".join(divergences(everything)),
        rates_tried=", ".join(
            f"{rate:g}: {span(at_rate(attempts, rate))}" for rate in config.learning_rates
        ),
    )


def gaps(attempts: Iterable[Attempt]) -> Iterator[str]:
    """`seed 3: 10 without 7`: lags learned although a shorter one tried was not."""
    spans = seed_spans(attempts)
    for seed, own in by_seed(attempts).items():
        beyond = [one.lag for one in own if one.learned_step is not None and one.lag > spans[seed]]
        if beyond:
            failed = [a.lag for a in own if a.learned_step is None and a.lag < beyond[-1]]
            yield f"seed {seed}: {_lags(beyond)} without {_lags(failed)}"


def divergences(attempts: Sequence[Attempt]) -> Iterator[str]:
    """`seed 3 at 10 and 15 (left out)`: lags at which the loss of a seed was not finite in the end,
    and whether that leaves it without a span."""
    without_span = diverged_seeds(attempts)
    for seed, own in by_seed(attempts).items():
        lost = [one.lag for one in own if one.loss is None]
        if lost:
            yield f"seed {seed} at {_lags(lost)}{' (left out)' if seed in without_span else ''}"


def _lags(lags: Sequence[int]) -> str:
    return listed([str(lag) for lag in lags])

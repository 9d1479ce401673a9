"""From samples of time to the rows of `throughput`'s tables, and the summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import get_args

from core.experiments.throughput import (
    Baseline,
    Mode,
    RatioRow,
    ThroughputConfig,
    TimeRow,
)
from core.experiments.throughput_bench import Place, Results
from core.experiments.throughput_statistics import paired_ratio, quantile
from core.experiments.throughput_subjects import SUBJECTS
from core.memory import MIB
from core.statistics import MISSING, Estimate

BASELINES: tuple[Baseline, ...] = get_args(Baseline)


def time_rows(
    config: ThroughputConfig, results: Results, mode: Mode, length: int
) -> Iterator[TimeRow]:
    """One per subject, with its time or why there is none."""
    for name in SUBJECTS:
        place = (name, mode, length)
        taken = results.seconds.get(place, [])
        middle = quantile(taken, 0.5) if taken else None
        yield TimeRow(
            *place,
            milliseconds(taken),
            milliseconds(taken, 0.25),
            milliseconds(taken, 0.75),
            len(taken),
            length * config.batch_size / middle if middle else None,
            _mib(results, place),
            results.problems.get(place, ""),
        )


def milliseconds(seconds: Sequence[float] | None, share: float = 0.5) -> float | None:
    """A quantile, the median for one; None without samples."""
    return 1000 * quantile(seconds, share) if seconds else None


def ratio_rows(results: Results, mode: Mode, length: int) -> Iterator[RatioRow]:
    """Both implementations against every baseline, where both were timed."""
    for name in ("fused", "equations"):
        for baseline in BASELINES:
            ratio = paired_samples(results, (baseline, mode, length), (name, mode, length))
            if ratio.value is not None:
                yield RatioRow(name, baseline, mode, length, ratio)


def paired_samples(results: Results, above: Place, below: Place) -> Estimate:
    """How many times as long one takes as another; missing unless both were timed."""
    over, under = results.seconds.get(above), results.seconds.get(below)
    return paired_ratio(over, under) if over and under else MISSING


def _mib(results: Results, place: Place) -> float | None:
    peak = results.peaks.get(place)
    return None if peak is None else peak / MIB

"""Which lags and learning rates a `memory-span` config tries, and about how much work that is."""

from __future__ import annotations

import itertools

from core.experiments.memory_span import RATES, MemorySpanConfig
from core.parameters import BLOCKS

MULTIPLES = (10, 15, 20, 30, 50, 70)
"""Lags per decade, each about 1.4 times the one before; below 10 in whole numbers."""
SMALL = (1, 2, 3, 5, 7)
COPY_EXTRA = 20
USUAL_SPAN = 15
"""Few networks learn much longer lags: of those, fewer and fewer are tried."""


def lags(config: MemorySpanConfig) -> list[int]:
    """The lags of the grid, and both ends."""
    first, last = config.shortest_lag, config.longest_lag
    grid = itertools.chain(SMALL, (m * 10**power for power in range(4) for m in MULTIPLES))
    return sorted({first, *(lag for lag in grid if first < lag < last), last})


def rates(config: MemorySpanConfig) -> tuple[float, ...]:
    """The learning rates to try."""
    return RATES if config.learning_rate is None else (config.learning_rate,)


def steps_of(config: MemorySpanConfig, lag: int) -> int:
    """Of a sequence."""
    return {"recall": lag + 1, "adding": lag, "copy": lag + COPY_EXTRA}[config.task]


def validated_steps(config: MemorySpanConfig) -> set[int]:
    """Training steps after which the networks are validated: the last one, and evenly before."""
    steps, count = config.training_steps, config.validations
    return {max(1, round(index * steps / count)) for index in range(1, count + 1)}


def run_work(config: MemorySpanConfig) -> float:
    """Multiply-accumulates that a run is expected to take: it gives up nobody knows where."""
    return sum(len(rates(config)) * lag_work(config, lag) for lag in lags(config))


def lag_work(config: MemorySpanConfig, lag: int) -> float:
    """Of one lag and learning rate, times how likely it is that they are tried."""
    validations = config.validations * config.tested_sequences / 3
    trained = config.training_steps * config.batch_size
    likely = min(1.0, (USUAL_SPAN / lag) ** 2)
    shape = config.architecture
    per_sample = 0.0
    for layer in range(shape.layers):
        inputs = shape.directions * shape.hidden_size if layer else config.features
        reads = inputs + shape.hidden_size + _ELEMENTWISE
        per_sample += shape.directions * BLOCKS[shape.cell] * shape.hidden_size * reads
    samples = config.seeds * (trained + validations)
    calls = shape.layers * shape.directions * config.training_steps * _STEP_OVERHEAD
    return 3 * likely * steps_of(config, lag) * (samples * per_sample + calls)


_ELEMENTWISE = 60
"""A gate's elementwise arithmetic takes about as long as this many multiply-accumulates."""
_STEP_OVERHEAD = 5e5
"""So does calling the operations of one step."""

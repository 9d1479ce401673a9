"""About how long a `throughput` config takes, in multiply-accumulates.

What takes time without multiplying is counted as the number that would take as long on one core of
a current CPU, about 30 per nanosecond.
"""

from __future__ import annotations

import math

from core.architecture import Architecture
from core.experiments.throughput import Mode, ThroughputConfig
from core.parameters import BLOCKS, count_parameters, multiply_accumulates

MODES: tuple[Mode, ...] = ("forward", "training")
PER_MICROSECOND = 3e4
WARM_UP_TURNS = 7
"""Knowing the peak, and calling until times are stable."""
SHORTEST = 5000 * PER_MICROSECOND
"""A sample lasts five milliseconds at the least."""
ELEMENTWISE = 30
"""Multiply-accumulates in the time that it takes to make one number of a gate or a layer."""
STEP_MICROSECONDS = {
    ("fused", "forward"): {"rnn": 6.0, "lstm": 1.0, "gru": 10.0},
    ("fused", "training"): {"rnn": 30.0, "lstm": 2.0, "gru": 100.0},
    ("equations", "forward"): {"rnn": 12.0, "lstm": 22.0, "gru": 18.0},
    ("equations", "training"): {"rnn": 35.0, "lstm": 70.0, "gru": 65.0},
    ("packed", "forward"): {"rnn": 12.0, "lstm": 20.0, "gru": 20.0},
    ("packed", "training"): {"rnn": 50.0, "lstm": 120.0, "gru": 130.0},
}
"""What one step of one layer and direction takes on top of its arithmetic."""
TOKEN_MICROSECONDS = 80.0
"""One streamed token of one subject and layer."""


def run_work(config: ThroughputConfig) -> float:
    """Of everything that is timed, with warming up."""
    return sum(
        sum(passes_work(config, length, mode) for mode in MODES)
        + sum(packing_work(config, length, mode) for mode in MODES if config.packed)
        + (latency_work(config) if config.streamed_tokens else 0.0)
        for length in config.lengths
    )


def passes_work(config: ThroughputConfig, length: int, mode: Mode) -> float:
    """All subjects at one length."""
    shape = config.architecture
    plain = Architecture(hidden_size=shape.hidden_size, layers=shape.layers)
    passes = [
        _recurrent(config, shape, length, mode, "fused"),
        _recurrent(config, shape, length, mode, "equations"),
        _recurrent(config, plain, length, mode, "fused"),
        *_parallel(config, length, mode),
    ]
    return (config.repetitions + WARM_UP_TURNS) * sum(max(SHORTEST, one) for one in passes)


def packing_work(config: ThroughputConfig, length: int, mode: Mode) -> float:
    """Packed and padded. Packed training grows as T²: each step's adjoint fills a whole batch."""
    shape = config.architecture
    packed = _recurrent(config, shape, length, mode, "packed")
    if mode == "training":
        numbers = shape.layers * shape.directions * BLOCKS[shape.cell] * shape.hidden_size
        packed += 3.0 * length**2 * config.batch_size * numbers
    padded = _recurrent(config, shape, length, mode, "fused")
    turns = min(config.repetitions, 6) + WARM_UP_TURNS
    return turns * (max(SHORTEST, packed) + max(SHORTEST, padded))


def latency_work(config: ThroughputConfig) -> float:
    """One token of each subject, as often as asked. Weights come from memory for each token."""
    shape = config.architecture
    weights = multiply_accumulates(shape, config.input_size)
    overhead = (5 + shape.layers) * TOKEN_MICROSECONDS * PER_MICROSECOND
    return config.streamed_tokens * (overhead + 10 * weights)


def _recurrent(
    config: ThroughputConfig, shape: Architecture, length: int, mode: Mode, how: str
) -> float:
    passes = shape.layers * shape.directions
    made = passes * BLOCKS[shape.cell] * shape.hidden_size
    token = multiply_accumulates(shape, config.input_size) + ELEMENTWISE * made
    step = STEP_MICROSECONDS[how, mode][shape.cell] * PER_MICROSECOND
    return length * (_times(mode) * config.batch_size * token + passes * step)


def _parallel(config: ThroughputConfig, length: int, mode: Mode) -> list[float]:
    """Linear, feed-forward, attention."""
    inputs, width = config.input_size, config.architecture.hidden_size
    parameters = count_parameters(config.architecture, inputs).core
    units = math.sqrt(parameters)  # made on the way, in order of magnitude
    tokens = (
        width * (inputs + ELEMENTWISE),
        parameters + ELEMENTWISE * units,
        width * (3 * inputs + width + 1.5 * length + 4 * ELEMENTWISE),
    )
    return [_times(mode) * length * config.batch_size * token for token in tokens]


def _times(mode: Mode) -> int:
    """Backward takes a product for the inputs and one for the weights."""
    return 3 if mode == "training" else 1

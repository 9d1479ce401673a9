"""What a `gradient-decay` config asks for, and about how long that takes.

Work is counted in multiply-accumulates; what takes time without multiplying is counted as the
number that would take as long.
"""

from __future__ import annotations

import math

from core.experiments.gradient_decay import GradientDecayConfig
from core.parameters import BLOCKS, STATE_VECTORS


def measured_steps(config: GradientDecayConfig) -> list[int]:
    """The training steps after which gradients are measured: 0, the last, and evenly between."""
    last, intervals = config.training_steps, max(1, config.checkpoints - 1)
    return sorted({round(index * last / intervals) for index in range(intervals + 1)})


def spectrum_steps(config: GradientDecayConfig) -> list[int]:
    """The training steps after which Jacobians are measured too: before and after training."""
    return sorted({0, config.training_steps}) if config.spectrum else []


def singular_value_spacing(config: GradientDecayConfig) -> int:
    """Singular values are taken at every n-th distance: at 25 of them, or at all."""
    return math.ceil(config.sequence_length / 25)


def longest_lag(config: GradientDecayConfig) -> int:
    """Of the recall task, in steps."""
    return config.sequence_length // 4


def run_work(config: GradientDecayConfig) -> float:
    """Multiply-accumulates of a whole run, with what the loop over time costs on top."""
    return (
        len(measured_steps(config)) * gradient_work(config)
        + len(spectrum_steps(config)) * spectrum_work(config)
        + training_work(config)
    )


def gradient_work(config: GradientDecayConfig) -> float:
    """One measurement of the gradients: a pass forward and its adjoint back."""
    return 2 * _pass_work(config)


def training_work(config: GradientDecayConfig) -> float:
    """All training steps: forward, adjoint, and the weight gradients' products."""
    return 3 * config.training_steps * _pass_work(config)


def spectrum_work(config: GradientDecayConfig) -> float:
    """Jacobians of one sample per seed.

    With N state variables, a step takes products of 2N rows and a QR decomposition, and the
    singular values of two matrices where they are taken. Decompositions are slow, less so when
    they are large: a QR takes the time of about 200 N^2.2, singular values of 400 N^2.2.
    """
    shape = config.architecture
    gates = BLOCKS[shape.cell]
    rows = STATE_VECTORS[shape.cell] * shape.hidden_size
    decomposition = math.pow(rows, 2.2)
    step = 2 * rows * gates * shape.hidden_size**2 + 200 * decomposition
    step += 2 * 400 * decomposition / singular_value_spacing(config)
    passes = shape.layers * shape.directions * config.sequence_length
    return passes * (config.seeds * step + _STEP_OVERHEAD)


def _pass_work(config: GradientDecayConfig) -> float:
    shape = config.architecture
    gates = BLOCKS[shape.cell]
    per_sample = 0.0
    for layer in range(shape.layers):
        inputs = shape.directions * shape.hidden_size if layer else config.input_size
        reads = inputs + shape.hidden_size + _ELEMENTWISE
        per_sample += shape.directions * gates * shape.hidden_size * reads
    samples = config.seeds * config.batch_size
    loops = shape.layers * shape.directions * _STEP_OVERHEAD
    return config.sequence_length * (samples * per_sample + loops)


_ELEMENTWISE = 100
"""A gate's elementwise arithmetic takes about as long as this many multiply-accumulates."""
_STEP_OVERHEAD = 1e6
"""So does calling the operations of one step: about 50 microseconds."""

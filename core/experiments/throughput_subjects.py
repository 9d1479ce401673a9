"""What `throughput` times: the variant's two implementations and what they are compared with.

Same seed, same weights and inputs; both implementations have the same weights.

Shapes: T time, B batch, I input, D directions, H hidden, O a subject's output size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import get_args

import torch
from torch import Tensor, nn

from core.architecture import Architecture
from core.experiments.throughput import Mode, Subject, SubjectRow, ThroughputConfig
from core.models.parallel import CausalAttention, FeedForward, feed_forward_width
from core.models.recurrent import Recurrent
from core.parameters import count_parameters
from core.timing import Call

SUBJECTS: tuple[Subject, ...] = get_args(Subject)
MODES: tuple[Mode, ...] = get_args(Mode)


def plain_rnn(architecture: Architecture) -> Architecture:
    """The baseline: one-directional, tanh, as wide and deep.

    It is timed beside the plain RNN itself as well: what those two differ by is noise.
    """
    shape = {"hidden_size": architecture.hidden_size, "layers": architecture.layers}
    return Architecture.model_validate({"cell": "rnn", **shape})


def build_subjects(config: ThroughputConfig, device: torch.device) -> dict[Subject, nn.Module]:
    """All six with their weights on the device; each reads x_TBI."""
    shape, inputs = config.architecture, config.input_size
    width, outputs = shape.hidden_size, shape.directions * shape.hidden_size
    units = feed_forward_width(inputs, outputs, count_parameters(shape, inputs).core)

    def seeded() -> torch.Generator:
        return torch.Generator().manual_seed(config.seed)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        models: dict[Subject, nn.Module] = {
            "fused": Recurrent(shape, inputs, generators=seeded()),
            "equations": Recurrent(shape, inputs, implementation="equations", generators=seeded()),
            "rnn": Recurrent(plain_rnn(shape), inputs, generators=seeded()),
            "linear": nn.Linear(inputs, width),
            "feed-forward": FeedForward(inputs, units, outputs),
            "attention": CausalAttention(inputs, width),
        }
    dtype = getattr(torch, config.dtype)
    return {name: model.to(device, dtype) for name, model in models.items()}


def subject_rows(config: ThroughputConfig, models: Mapping[Subject, nn.Module]) -> list[SubjectRow]:
    """Counted in the tensors."""
    hidden = config.architecture.hidden_size
    return [
        SubjectRow(
            name,
            sum(parameter.numel() for parameter in model.parameters()),
            model.width if isinstance(model, FeedForward) else hidden,
        )
        for name, model in models.items()
    ]


def normal(config: ThroughputConfig, device: torch.device, *shape: int) -> Tensor:
    """N(0, 1) on the device, the same for the same seed and shape."""
    generator = torch.Generator().manual_seed(config.seed + 1)
    return torch.randn(shape, generator=generator).to(device, getattr(torch, config.dtype))


def output_of(model: Callable[[Tensor], object], x_TBI: Tensor) -> Tensor:
    """TBO, without the last states that a recurrence hands out beside it."""
    y_TBO = model(x_TBI)
    y_TBO = y_TBO[0] if isinstance(y_TBO, tuple) else y_TBO
    assert isinstance(y_TBO, Tensor)
    return y_TBO


def output_size(name: Subject, architecture: Architecture) -> int:
    """Numbers that a subject makes of each token."""
    both = name in ("fused", "equations", "feed-forward")
    return architecture.hidden_size * (architecture.directions if both else 1)


def pass_of(model: nn.Module, mode: Mode, x_TBI: Tensor, grad_TBO: Tensor | None = None) -> Call:
    """What is timed. forward needs inference mode around it; training takes every gradient."""
    if mode == "forward":
        return lambda: model(x_TBI)
    wanted = [x_TBI, *model.parameters()]
    return lambda: torch.autograd.grad(output_of(model, x_TBI), wanted, grad_TBO)

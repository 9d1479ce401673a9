"""What `throughput` times: the variant's two implementations and their baselines.

The module also compiles them, and says why one of them cannot be timed or compiled.

Shapes: T time, B batch, I input, O a subject's output size.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor, nn

from core.experiments.throughput.declaration import Mode, Subject, SubjectRow, ThroughputConfig
from core.measure.memory import is_out_of_memory
from core.measure.timing import Call
from core.models.architecture import Architecture
from core.models.baselines import CausalAttention, FeedForward, feed_forward_width
from core.models.counting import count_parameters
from core.models.recurrent import Recurrent


def build_subjects(config: ThroughputConfig, device: torch.device) -> dict[Subject, nn.Module]:
    """Build them with their weights on the device; each reads x_TBI.

    The same seed gives the same weights, and both implementations have the same ones. The plain
    RNN is timed beside a plain RNN variant too: what those two differ by is noise.
    """
    shape, inputs = config.architecture, config.input_size
    width, outputs = shape.hidden_size, shape.directions * shape.hidden_size
    units = feed_forward_width(inputs, outputs, count_parameters(shape, inputs).core)

    plain = Architecture(hidden_size=width, layers=shape.layers)

    def seeded() -> torch.Generator:
        return torch.Generator().manual_seed(config.seed)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        models: dict[Subject, nn.Module] = {
            "fused": Recurrent(shape, inputs, generators=seeded()),
            "equations": Recurrent(shape, inputs, implementation="equations", generators=seeded()),
            "rnn": Recurrent(plain, inputs, generators=seeded()),
            "linear": nn.Linear(inputs, width),
            "feed-forward": FeedForward(inputs, units, outputs),
            "attention": CausalAttention(inputs, width),
        }
    dtype = getattr(torch, config.dtype)
    return {name: models[name].to(device, dtype) for name in config.subjects}


def subject_rows(config: ThroughputConfig, models: Mapping[Subject, nn.Module]) -> list[SubjectRow]:
    """The sizes of the subjects, counted in their tensors."""
    hidden = config.architecture.hidden_size
    return [
        SubjectRow(
            subject=name,
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            width=model.width if isinstance(model, FeedForward) else hidden,
        )
        for name, model in models.items()
    ]


def normal(config: ThroughputConfig, device: torch.device, *shape: int) -> Tensor:
    """Draw from N(0, 1); the same for the same seed and shape."""
    generator = torch.Generator().manual_seed(config.seed + 1)
    return torch.randn(shape, generator=generator).to(device, getattr(torch, config.dtype))


def output_of(model: Callable[[Tensor], object], x_TBI: Tensor) -> Tensor:
    """The outputs, TBO, without the last states that a recurrence returns beside them."""
    y_TBO = model(x_TBI)
    y_TBO = y_TBO[0] if isinstance(y_TBO, tuple) else y_TBO
    assert isinstance(y_TBO, Tensor)
    return y_TBO


def output_size(name: Subject, architecture: Architecture) -> int:
    """Size O of a subject's output for each token."""
    both = name in ("fused", "equations", "feed-forward")
    return architecture.hidden_size * (architecture.directions if both else 1)


def pass_of(model: nn.Module, mode: Mode, x_TBI: Tensor, grad_TBO: Tensor | None = None) -> Call:
    """The call that is timed: forward (in inference mode), or also every gradient."""
    if mode == "forward":
        return lambda: model(x_TBI)
    wanted = [x_TBI, *model.parameters()]
    return lambda: torch.autograd.grad(output_of(model, x_TBI), wanted, grad_TBO)


OUT_OF_MEMORY = "out of memory"

UNAVAILABLE = (
    "not implemented for",
    "is not supported",
    "not supported for",
    "does not support",
    "doesn't support",
    "No available kernel",
    "NOT_SUPPORTED",
    "Could not run 'aten::",
    "is not currently implemented for",
)
"""Phrases in torch's errors about a kernel that the device or the precision does not have."""


def problem_of(error: Exception, dtype: str) -> str:
    """Why something cannot be timed, in a few words; empty for an error that is a bug."""
    if is_out_of_memory(error):
        return OUT_OF_MEMORY
    missing = isinstance(error, (RuntimeError, TypeError)) and any(
        words in str(error) for words in UNAVAILABLE
    )
    return f"{dtype} is not available here: {first_line(error)}" if missing else ""


def first_line(error: Exception) -> str:
    """First line of an error's message; its type where it has none."""
    lines = str(error).strip().splitlines()
    return lines[0][:160] if lines else type(error).__name__


NOT_COMPILED: dict[Subject, str] = {
    "fused": "timed as it is: torch.compile does not touch torch.nn's recurrent layers",
    "rnn": "timed as it is: torch.compile does not touch torch.nn's recurrent layers",
    "equations": "timed as it is: torch.compile would unroll the loop over time into one graph",
}


def compiled(model: nn.Module) -> nn.Module:
    """Compile for one shape, in the first call; make that one inside `compiling`."""
    made = torch.compile(model, dynamic=False)
    assert isinstance(made, nn.Module)
    return made


@contextlib.contextmanager
def compiling() -> Iterator[None]:
    """Compile without a cache, where a second run would only look things up, and in one process."""
    from torch._inductor import config
    from torch._inductor.utils import fresh_cache

    with fresh_cache(), config.patch(compile_threads=1):
        yield


def start_compiler() -> None:
    """Load the compiler, which takes seconds; if it fails, that is recorded where it is used."""
    one = torch.ones(2, requires_grad=True)
    try:
        with compiling():
            torch.compile(lambda x: (x * 2).sum())(one).backward()
    except Exception as error:
        if not compilation_problem(error):
            raise
    finally:
        torch.compiler.reset()


def compilation_problem(error: Exception) -> str:
    """The problem to record for a compiler error; empty for any other error."""
    from torch._dynamo.exc import TorchDynamoException
    from torch._inductor.exc import CppCompileError, InvalidCxxCompiler

    kinds = (TorchDynamoException, CppCompileError, InvalidCxxCompiler)
    return f"torch.compile failed: {first_line(error)}" if isinstance(error, kinds) else ""

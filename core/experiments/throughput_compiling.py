"""What torch.compile takes, before anything is timed, and what it cannot do.

Every length and pass is compiled anew and nothing is read from the disk: a second run would else
report how long it takes to look something up.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import torch
from torch import nn

from core.experiments.throughput import Subject
from core.experiments.throughput_problems import first_line
from core.timing import Call

LEFT_AS_THEY_ARE: dict[Subject, str] = {
    "fused": "timed as it is: torch.compile does not touch torch.nn's recurrent layers",
    "rnn": "timed as it is: torch.compile does not touch torch.nn's recurrent layers",
    "equations": "timed as it is: torch.compile would unroll the loop over time into one graph",
}


def compiled(model: nn.Module) -> nn.Module:
    """For one shape; it is compiled in its first call, which belongs inside `compiling`."""
    made = torch.compile(model, dynamic=False)
    assert isinstance(made, nn.Module)
    return made


@contextlib.contextmanager
def compiling() -> Iterator[None]:
    """Without a cache from earlier, and in this process alone: helpers would disturb timings."""
    from torch._inductor import config
    from torch._inductor.utils import fresh_cache

    with fresh_cache(), config.patch(compile_threads=1):
        yield


def forget_compiled() -> None:
    """Else the ninth shape of a model would silently not be compiled."""
    torch.compiler.reset()


def start_compiler() -> str:
    """Compile next to nothing once: loading the compiler takes seconds. Why it fails, or ''."""
    one = torch.ones(2, requires_grad=True)
    try:
        with compiling():
            torch.compile(lambda x: (x * 2).sum())(one).backward()
    except Exception as error:
        problem = compilation_problem(error)
        if not problem:
            raise
        return problem
    finally:
        forget_compiled()
    return ""


def compilation_problem(error: Exception) -> str:
    """`torch.compile failed: …` for what the compiler raises, else ''."""
    from torch._dynamo.exc import TorchDynamoException
    from torch._inductor.exc import CppCompileError, InvalidCxxCompiler

    kinds = (TorchDynamoException, CppCompileError, InvalidCxxCompiler)
    return f"torch.compile failed: {first_line(error)}" if isinstance(error, kinds) else ""


def seconds_of(call: Call) -> float:
    """Of the call that compiles."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started

"""One token at a time for one sequence: what a live system waits for.

Recurrent subjects carry their state from token to token; attention has the keys and values of all
tokens before. Only attention's arithmetic depends on the context; the others are timed beside it
at each, in turns, so that a comparison is of times from the same moment. A fused layer is called as
torch.nn has it, without this project's wrapper. What an empty call takes, read like any other in
the same turns, is subtracted: the clock and a Python function that keeps a state.

Shapes: B = 1 sequence, I input; N heads, T tokens, K features of a head.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from torch import Tensor

from core.experiment import Event
from core.experiments.throughput import declaration
from core.experiments.throughput.bench import Bench
from core.experiments.throughput.declaration import Subject
from core.experiments.throughput.rows import latency_row
from core.experiments.throughput.subjects import normal
from core.measure.timing import Call
from core.models.baselines import CausalAttention
from core.models.recurrent import Recurrent

MAX_TURNS = 10
"""Turns over which a subject's tokens are spread."""

READS_BOTH_WAYS = "reads in both directions: it has no output before it has read to the end"


def measure_latency(bench: Bench, context: int) -> Iterator[Event]:
    """Time every subject that can read on after a context; one row each."""
    tokens, message = bench.config.streamed_tokens, f"one token after {context:,}"
    yield from bench.meter.begin(declaration.latency_work(bench.config), message)
    calls: dict[Subject, Call] = {}
    problems: dict[Subject, str] = {}
    for name, model in bench.models.items():
        if isinstance(model, Recurrent) and model.architecture.bidirectional:
            problems[name] = READS_BOTH_WAYS
        else:
            with bench.recording(problems, name):
                calls[name] = reader(bench, name, context)
    repetitions = min(MAX_TURNS, tokens)
    each = math.ceil(tokens / repetitions)
    idle = stepping(lambda x_1BI, state: (x_1BI, state), example(bench))
    turns = yield from bench.time(calls, "forward", repetitions, message, singles=each, empty=idle)
    problems |= turns.problems
    results = bench.results
    results.empty_calls.append(statistics.median(turns.empty_seconds))
    empty = by_turn(turns.empty_seconds, each)
    for name in bench.models:
        taken = [
            [max(0.0, s - statistics.median(none)) for s in seconds]
            for seconds, none in zip(
                by_turn(turns.seconds.get(name, []), each), empty, strict=False
            )
        ]
        if taken:
            results.latencies[name, context] = [s for turn in taken for s in turn][:tokens]
            results.latency_turns[name, context] = [statistics.median(turn) for turn in taken]
    for name in bench.models:
        yield latency_row(results, name, context, problems.get(name, ""))


def by_turn(seconds: Sequence[float], each: int) -> list[Sequence[float]]:
    """The samples of each turn."""
    return [seconds[start : start + each] for start in range(0, len(seconds), each)]


def example(bench: Bench) -> Tensor:
    """One token of one sequence."""
    return normal(bench.config, bench.device, 1, 1, bench.config.input_size)


def reader(bench: Bench, name: Subject, context: int) -> Call:
    """The call that reads one more token."""
    model = bench.models[name]
    x_1BI = example(bench)
    if isinstance(model, Recurrent):
        return stepping(model.fused_layer or model, x_1BI)
    if isinstance(model, CausalAttention):
        # Attention after exactly `context` tokens: each timed one takes the same place.
        cache = model.new_cache(x_1BI, context + 1)
        for room_BNTK in (cache.keys_BNTK, cache.values_BNTK):
            room_BNTK.copy_(normal(bench.config, bench.device, *room_BNTK.shape))
        cache = cache._replace(length=context)
        return lambda: model.read_on(x_1BI, cache)
    return lambda: model(x_1BI)


def stepping(step: Callable[[Tensor, Any], tuple[Tensor, Any]], x_1BI: Tensor) -> Call:
    """The call that reads a token and keeps the state for the next one."""
    state = None

    def read() -> None:
        nonlocal state
        _, state = step(x_1BI, state)

    return read

"""One token at a time for one sequence: what a live system waits for.

Recurrent subjects carry their state from token to token; attention has the keys and values of all
tokens before. Only attention's arithmetic depends on the context; the others are timed beside it
at each, in turns, so that a comparison is of times from the same moment.

Shapes: B = 1 sequence, I input; N heads, T tokens, K features of a head.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator

from torch import Tensor

from core.experiment import Event
from core.experiments.throughput import declaration
from core.experiments.throughput.bench import Bench
from core.experiments.throughput.declaration import SUBJECTS, Subject
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
    turns = yield from bench.time(
        calls, "forward", repetitions, message, singles=math.ceil(tokens / repetitions)
    )
    problems |= turns.problems
    # The empty region gives the cost of reading the clock, which matters for times this short.
    clock = statistics.median(turns.empty_seconds)
    for name in SUBJECTS:
        seconds = [max(0.0, s - clock) for s in turns.seconds.get(name, [])[:tokens]]
        if seconds:
            bench.results.latencies[name, context] = seconds
        yield latency_row(bench.results, name, context, problems.get(name, ""))


def reader(bench: Bench, name: Subject, context: int) -> Call:
    """The call that reads one more token."""
    model = bench.models[name]
    x_1BI = normal(bench.config, bench.device, 1, 1, bench.config.input_size)
    if isinstance(model, Recurrent):
        return _recurrent_reader(model, x_1BI)
    if isinstance(model, CausalAttention):
        # Attention after exactly `context` tokens: each timed one takes the same place.
        cache = model.new_cache(x_1BI, context + 1)
        for room_BNTK in (cache.keys_BNTK, cache.values_BNTK):
            room_BNTK.copy_(normal(bench.config, bench.device, *room_BNTK.shape))
        cache = cache._replace(length=context)
        return lambda: model.read_on(x_1BI, cache)
    return lambda: model(x_1BI)


def _recurrent_reader(model: Recurrent, x_1BI: Tensor) -> Call:
    state = None

    def read() -> None:
        nonlocal state
        _, state = model(x_1BI, state)

    return read

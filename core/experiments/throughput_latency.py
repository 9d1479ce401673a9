"""One token at a time for one sequence: what a live system waits for.

Recurrent subjects carry their state from token to token; attention has the keys and values of all
tokens before. Only attention's arithmetic depends on the context; the others are timed beside it
at each, in turns, so that the comparison at a length is one of the same moment.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator

from torch import Tensor, nn

from core.experiment import Event
from core.experiments import throughput_work as plan
from core.experiments.throughput import LatencyRow, Subject
from core.experiments.throughput_bench import Bench
from core.experiments.throughput_statistics import microseconds
from core.experiments.throughput_subjects import SUBJECTS, normal
from core.models.parallel import CausalAttention
from core.models.recurrent import Recurrent
from core.timing import Call

CHUNKS = 10
"""Turns over which a subject's tokens are spread."""
READS_BOTH_WAYS = "reads both ways: it must have seen the end before it can say anything"


def measure_latency(bench: Bench, context: int) -> Iterator[Event]:
    """One row per subject."""
    doing, tokens = f"one token after {context:,}", bench.config.streamed_tokens
    yield from bench.meter.begin(plan.latency_work(bench.config), doing)
    calls, problems = _readers(bench, context)
    chunks = min(CHUNKS, tokens)
    turns = bench.turns(calls, "forward", singles=math.ceil(tokens / chunks))
    yield from bench.run(turns, chunks, doing)
    problems.update(turns.problems)
    # What reading the clock takes is known from the empty region, and counts for so short times.
    clock = statistics.median(turns.empty_seconds)
    for name in SUBJECTS:
        taken = [max(0.0, s - clock) for s in turns.seconds.get(name, [])[:tokens]]
        if taken:
            bench.results.latencies[name, context] = taken
        yield _row(name, context, taken, problems.get(name, ""))


def _readers(bench: Bench, context: int) -> tuple[dict[Subject, Call], dict[Subject, str]]:
    """Who can read on after a context, and why the others cannot."""
    calls: dict[Subject, Call] = {}
    problems: dict[Subject, str] = {}
    for name in SUBJECTS:
        try:
            if _reads_both_ways(bench.models[name]):
                problems[name] = READS_BOTH_WAYS
            else:
                calls[name] = _reader(bench, name, context)
        except Exception as error:
            problems[name] = bench.problem_of(error)
            if not problems[name]:
                raise
    return calls, problems


def _row(name: Subject, context: int, seconds: list[float], problem: str) -> LatencyRow:
    middle, late = (microseconds(seconds, share) for share in (0.5, 0.99))
    return LatencyRow(name, context, middle, late, len(seconds), problem)


def _reads_both_ways(model: nn.Module) -> bool:
    return isinstance(model, Recurrent) and model.architecture.bidirectional


def _reader(bench: Bench, name: Subject, context: int) -> Call:
    """What reads one more token."""
    model = bench.models[name]
    x_1BI = normal(bench.config, bench.device, 1, 1, bench.config.input_size)
    if isinstance(model, Recurrent):
        return _carrying(model, x_1BI)
    if isinstance(model, CausalAttention):
        return _remembering(bench, model, x_1BI, context)
    return lambda: model(x_1BI)


def _carrying(model: Recurrent, x_1BI: Tensor) -> Call:
    state = None

    def read() -> None:
        nonlocal state
        _, state = model(x_1BI, state)

    return read


def _remembering(bench: Bench, model: CausalAttention, x_1BI: Tensor, context: int) -> Call:
    """Attention after exactly `context` tokens: each timed one takes the same place."""
    cache = model.new_cache(x_1BI, context + 1)
    for room in (cache.keys_BNTK, cache.values_BNTK):
        room.copy_(normal(bench.config, bench.device, *room.shape))
    cache = cache._replace(length=context)
    return lambda: model.read_on(x_1BI, cache)

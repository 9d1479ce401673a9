"""How `throughput` is measured: short lengths first, everything at a length before the next.

The same seed gives the same weights and inputs. What a run holds in memory is limited while it
measures and at no other time; what is freed is kept, so that no pass pays for fresh pages.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from core.device import describe_device, device_sentence, resolve_device
from core.experiment import Event, Progress
from core.experiments import throughput_work as plan
from core.experiments.throughput import ThroughputConfig
from core.experiments.throughput_bench import Bench, Meter, context_of
from core.experiments.throughput_compiling import start_compiler
from core.experiments.throughput_latency import measure_latency
from core.experiments.throughput_packing import measure_packing
from core.experiments.throughput_passes import Passes, measure_passes
from core.experiments.throughput_subjects import MODES, subject_rows
from core.experiments.throughput_summary import require_a_time, summarise
from core.memory import MemoryLimit, freed_memory_kept, peak_bytes, return_freed_memory
from core.timing import OtherLoad


def measure(config: ThroughputConfig) -> Iterator[Event]:
    """Everything that the config asks for; the summary comes last."""
    torch.set_num_threads(config.threads)
    device = resolve_device(config.device, config.dtype)
    meter = Meter(plan.run_work(config))
    yield Progress(0, meter.total, device_sentence(device))
    with freed_memory_kept() if device.type == "cpu" else contextlib.nullcontext():
        limit = MemoryLimit(device)
        with limit.applied():
            bench = Bench(config, device, meter)
            _load_libraries(bench)
        yield from subject_rows(config, bench.models)
        load = OtherLoad()
        for length in config.lengths:
            yield from _limited(limit, _measure_length(bench, length))
            require_a_time(config, bench.results)
            return_freed_memory(device)
        yield from meter.begin(0.0, "all measured")
        yield summarise(config, bench.results, load, describe_device(device))


def _measure_length(bench: Bench, length: int) -> Iterator[Event]:
    for mode in MODES:
        yield from measure_passes(bench, length, mode)
    if bench.config.packed:
        for mode in MODES:
            yield from measure_packing(bench, length, mode)
    if bench.config.streamed_tokens:
        yield from measure_latency(bench, length)


def _load_libraries(bench: Bench) -> None:
    """Before anything is measured: kernels, profiler and compiler take memory for good."""
    if bench.config.compile:
        start_compiler()
    for mode in MODES:
        passes = Passes(bench, 2, mode)
        for name, model in bench.models.items():
            # Whatever is wrong is recorded where it is measured.
            with context_of(mode)():
                try:
                    peak_bytes(passes.call(name, model), bench.device)
                except Exception as error:
                    if not bench.problem_of(error):
                        raise


def _limited(limit: MemoryLimit, events: Iterator[Event]) -> Iterator[Event]:
    """The limit holds while the next event is made, not while it is taken care of."""
    while True:
        with limit.applied():
            event = next(events, None)
        if event is None:
            return
        yield event

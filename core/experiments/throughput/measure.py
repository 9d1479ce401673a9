"""How `throughput` is measured: length by length, the shortest first, then all in the same turns.

The same seed gives the same weights and inputs. A run's memory is limited while it measures and at
no other time; freed memory is kept, so that no pass pays for fresh pages.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from core.device import describe_device, device_sentence, resolve_device
from core.experiment import Event, Progress
from core.experiments.throughput.bench import Bench, Meter, context_of
from core.experiments.throughput.declaration import MODES, Subject, ThroughputConfig, work
from core.experiments.throughput.latency import measure_latency
from core.experiments.throughput.passes import (
    Passes,
    measure_growth,
    measure_packing,
    measure_passes,
)
from core.experiments.throughput.rows import Results, summarise
from core.experiments.throughput.subjects import start_compiler, subject_rows
from core.machine_load import OtherLoad
from core.measure.memory import MemoryLimit, keep_freed_memory, peak_bytes, return_freed_memory
from core.settings import BadSetting


def measure(config: ThroughputConfig) -> Iterator[Event]:
    """Measure everything that the config asks for; the summary comes last."""
    torch.set_num_threads(config.threads)
    device = resolve_device(config.device, config.dtype)
    meter = Meter(work(config))
    yield Progress(0, meter.total, device_sentence(device))
    with keep_freed_memory() if device.type == "cpu" else contextlib.nullcontext():
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
        yield from _limited(limit, measure_growth(bench))
        yield from meter.begin(0.0, "all measured")
        yield summarise(config, bench.results, load, describe_device(device))


def _measure_length(bench: Bench, length: int) -> Iterator[Event]:
    for mode in MODES:
        yield from measure_passes(bench, length, mode)
    if bench.config.packs:
        for mode in MODES:
            yield from measure_packing(bench, length, mode)
    if bench.config.streamed_tokens:
        yield from measure_latency(bench, length)


def _load_libraries(bench: Bench) -> None:
    """Load kernels, profiler and compiler, which take memory for good, before measuring."""
    if bench.config.compile:
        start_compiler()
    # What cannot be timed is recorded where it is measured.
    problems: dict[Subject, str] = {}
    for mode in MODES:
        passes = Passes(bench, 2, mode)
        for name, model in bench.models.items():
            with bench.recording(problems, name), context_of(mode)():
                peak_bytes(passes.call(name, model), bench.device)


def _limited(limit: MemoryLimit, events: Iterator[Event]) -> Iterator[Event]:
    """Apply the limit while the next event is computed, not while it is handled."""
    while True:
        with limit.applied():
            event = next(events, None)
        if event is None:
            return
        yield event


def require_a_time(config: ThroughputConfig, results: Results) -> None:
    """Raise `BadSetting` if neither implementation could be timed at the shortest length."""
    if any(name in ("fused", "equations") for name, _, _ in results.seconds):
        return
    problems = dict.fromkeys(results.problems.values())
    raise BadSetting(
        f"{config.architecture.label} cannot be timed at T = {config.lengths[0]:,} or longer: "
        f"{'; '.join(problems)}; give a smaller shape, more memory or another dtype"
    )

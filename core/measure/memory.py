"""How much memory does a pass take, how much may it take, and what does training keep?

Peaks are those of torch's own allocations: exact, the same in every repetition, and free of what
the operating system does with pages. What is kept between a forward and its backward pass is
measured on the real graph: autograd hands over every tensor that it saves.

Shapes: T time, B batch, I input.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psutil
import torch
from torch import Tensor
from torch._C._profiler import RecordScope, _ExperimentalConfig

from core.machine_memory import MIB, free_bytes
from core.models.recurrent import Recurrent

MARGIN = 64 * MIB
"""Allowance for what is not the pass's own: fragmentation, and code generated on the fly."""

profiler: Any = torch.autograd  # its stubs lack what torch.profiler itself is built on


def peak_bytes(call: Callable[[], object], device: torch.device) -> int | None:
    """The peak of what one call allocates, in bytes; None on a device that reports none (MPS).

    What a library takes without asking torch (oneDNN's scratch space) is not included. The call
    must not free what was there before: that would not be counted.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        return torch.cuda.max_memory_allocated(device) - before
    return _cpu_peak(call) if device.type == "cpu" else None


def _cpu_peak(call: Callable[[], object]) -> int:
    """The highest running sum of torch's allocation events.

    torch.profiler would record every operation as well: up to seven times slower for a loop over
    1,024 steps. With a scope that does not occur here, its backend records memory alone.
    """
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # else each use writes to standard error
    config = profiler.ProfilerConfig(
        profiler.ProfilerState.KINETO, False, True, False, False, False, _ExperimentalConfig()
    )
    activities = {profiler.ProfilerActivity.CPU}
    profiler._prepare_profiler(config, activities)
    profiler._enable_profiler(config, activities, {RecordScope.USER_SCOPE})
    try:
        call()
    finally:
        recorded = profiler._disable_profiler()
    events = [(e.start_ns(), e.nbytes()) for e in recorded.events() if e.name() == "[memory]"]
    allocated = peak = 0
    for _, change in sorted(events, key=lambda event: event[0]):
        allocated += change
        peak = max(peak, allocated)
    return peak


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, in Python, torch or C++."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    phrases = ("can't allocate memory", "out of memory", "std::bad_alloc", "ALLOC_FAILED")
    return isinstance(error, RuntimeError) and (
        any(phrase in str(error) for phrase in phrases)
        # oneDNN: an unsupported operation fails earlier, when a primitive's descriptor is made.
        or str(error).strip() == "could not create a primitive"
    )


class MemoryLimit:
    """Makes an allocator raise where otherwise the kernel would kill the process.

    On the CPU a process may take what is free; with `mib`, that much and a margin, so that a shape
    that is far too large fails early. On CUDA only `mib` is a limit. Whether a pass stays within
    `mib` exactly is decided by its peak. Limits can be entered repeatedly, and nested.
    """

    def __init__(self, device: torch.device, mib: int | None = None) -> None:
        self.device = device
        self._allowed = None if mib is None else mib * MIB + MARGIN

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Limit what the block takes beyond what is held now; the limit is always lifted."""
        if self.device.type == "cpu":
            soft, hard = resource.getrlimit(resource.RLIMIT_AS)
            more = free_bytes() if self._allowed is None else min(free_bytes(), self._allowed)
            ends = (soft, hard, psutil.Process().memory_info().vms + more)
            lowest = min(end for end in ends if end != resource.RLIM_INFINITY)
            resource.setrlimit(resource.RLIMIT_AS, (lowest, hard))
            try:
                yield
            finally:
                resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        elif self.device.type == "cuda" and self._allowed is not None:
            total = torch.cuda.get_device_properties(self.device).total_memory
            share = (torch.cuda.memory_reserved(self.device) + self._allowed) / total
            torch.cuda.set_per_process_memory_fraction(min(1.0, share), self.device)
            try:
                yield
            finally:
                torch.cuda.set_per_process_memory_fraction(1.0, self.device)
        else:
            yield


@contextlib.contextmanager
def keep_freed_memory() -> Iterator[None]:
    """Let glibc's malloc keep what is freed, as torch's CUDA allocator does.

    Otherwise it returns large pieces to the system, and every pass over a long sequence pays for
    fresh pages: an LSTM's training then seems to grow as T^1.3. Without glibc nothing changes.
    """
    glibc = _glibc()
    if glibc is None:
        yield
        return
    trim_threshold, mmap_threshold, mmap_max = -1, -3, -4  # mallopt's numbers of its parameters
    glibc.mallopt(mmap_max, 0)
    glibc.mallopt(trim_threshold, 2**31 - 1)
    try:
        yield
    finally:
        # The most that its own rule would have set: 32 MiB for a mapping, twice that for the rest.
        glibc.mallopt(mmap_max, 65_536)
        glibc.mallopt(mmap_threshold, 32 * MIB)
        glibc.mallopt(trim_threshold, 64 * MIB)
        glibc.malloc_trim(0)


def return_freed_memory(device: torch.device) -> None:
    """Return kept memory to the system before another shape is measured."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    glibc = _glibc()
    if glibc is not None:
        glibc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    """The C library, if it is one with these functions."""
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None


@dataclass(frozen=True)
class ActivationBytes:
    """Bytes saved for the backward pass, parameters and input left out."""

    graph: int
    """All of them, for a sequence of T steps."""
    per_step: float
    """What each further step of one sequence adds."""


def saved_bytes(model: Recurrent, x_TBI: Tensor) -> int:
    """Bytes of the tensors that a forward pass saves: each storage once, views included."""
    known = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), x_TBI)}
    saved: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        graph = model(x_TBI)  # its name keeps it alive: no address is used twice
    del graph
    return sum(saved.values())


def activation_bytes(model: Recurrent, x_TBI: Tensor) -> ActivationBytes:
    """Bytes that training over x saves, and those that each step of a sequence adds.

    Some kernels round what they save up to whole pages (oneDNN's LSTM to 4 KiB), and attention
    over a window saves less until that is full: so the slope is taken between two longer lengths,
    of a batch that saves many pages.
    """
    lengths, batch, width = (144, 240), 4, x_TBI.shape[-1]
    short, long = (saved_bytes(model, x_TBI.new_zeros(t, batch, width)) for t in lengths)
    return ActivationBytes(
        saved_bytes(model, x_TBI), (long - short) / (lengths[1] - lengths[0]) / batch
    )

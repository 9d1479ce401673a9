"""How much memory this machine has, or the control group that this process is in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psutil

MIB, GIB = 2**20, 2**30


def total_bytes() -> int:
    """Memory of the machine, or what its control group allows if that is less."""
    return min([psutil.virtual_memory().total, *(limit for limit, _ in _groups())])


def free_bytes() -> int:
    """Memory that this process could still get: the machine's, or its control group's if less."""
    return min([psutil.virtual_memory().available, *(left for _, left in _groups())])


def _groups(
    root: Path = Path("/sys/fs/cgroup"), own: str | None = None
) -> Iterator[tuple[int, int]]:
    """Limit, and limit less use, of the control groups (versions 2 and 1) of this process."""
    groups = [] if own is None else [own]
    if own is None:
        with contextlib.suppress(OSError):
            for line in Path("/proc/self/cgroup").read_text().splitlines():
                _, controllers, path = line.split(":", 2)
                groups.append(f"{'memory' if controllers else ''}{path}".lstrip("/"))
    files = (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"))
    for folder in {root, root / "memory", *(root / g for g in groups)}:
        for limit, used in files:
            # 'max' is no number: no limit. A group that is not ours to see limits nothing we know.
            with contextlib.suppress(OSError, ValueError):
                most = int((folder / limit).read_text())
                left = most - int((folder / used).read_text())
                lines = (folder / "memory.stat").read_text().splitlines()
                stat = dict(line.split() for line in lines)
                # Cached files count as used, and make way.
                cached = int(stat.get("total_inactive_file", stat.get("inactive_file", 0)))
                yield most, max(0, left + cached)

"""Which device computes, and what it is, in words that can be recorded beside every number."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch

from core.settings import BadSetting


def resolve_device(choice: str, dtype: str) -> torch.device:
    """`auto` takes CUDA, then MPS, then the CPU; MPS only for what it can do (no float64).

    Raises `BadSetting` when a device is chosen that is not there, or cannot compute in `dtype`.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    able = {"cuda": True, "mps": dtype != "float64", "cpu": True}
    if choice == "auto":
        return torch.device(next(name for name in available if available[name] and able[name]))
    if not able[choice]:
        raise BadSetting(f"device is mps, which has no {dtype}; choose dtype float32 or device cpu")
    if not available[choice]:
        there = " or ".join(name for name in available if available[name])
        raise BadSetting(f"device is {choice}, but there is none here; choose auto or {there}")
    return torch.device(choice)


def describe_device(device: torch.device) -> dict[str, str]:
    """Device, chip, threads and library versions, for recording."""
    return {
        "device": device.type,
        "chip": _chip(device),
        "threads": str(torch.get_num_threads()),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda or "none",
        "platform": platform.platform(),
    }


def device_sentence(device: torch.device) -> str:
    """`computing on cpu (Intel Xeon), 1 thread`."""
    facts = describe_device(device)
    threads = int(facts["threads"])
    return (
        f"computing on {facts['device']} ({facts['chip']}), "
        f"{threads} thread{'s' if threads > 1 else ''}"
    )


def _chip(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpu_info = Path("/proc/cpuinfo")
    if cpu_info.exists():
        for line in cpu_info.read_text().splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine() or f"{os.cpu_count()} cores"

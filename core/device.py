"""The device that computes, and the description of it that is recorded with every number.

Importing torch takes seconds and 175 MB, so only the functions that need torch import it: the
dashboard checks a choice of device without.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from core.settings import BadSetting

if TYPE_CHECKING:
    import torch


def resolve_device(choice: str, dtype: str) -> torch.device:
    """The device that `choose_device` selects on this machine; raises `BadSetting` if it does."""
    import torch

    return torch.device(choose_device(choice, dtype, available_devices()))


def available_devices() -> dict[str, bool]:
    """Every device that a config may name → whether this machine has it."""
    import torch

    return {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }


def choose_device(choice: str, dtype: str, available: Mapping[str, bool]) -> str:
    """`auto` takes CUDA, then MPS, then the CPU; MPS only for what it can do (no float64).

    Raises `BadSetting` for a device that this machine lacks or that cannot compute in `dtype`.
    """
    supported = {"cuda": True, "mps": dtype != "float64", "cpu": True}
    if choice == "auto":
        return next(name for name in available if available[name] and supported[name])
    if not supported[choice]:
        raise BadSetting(
            f"device is mps, which does not support {dtype}; choose dtype float32 or device cpu"
        )
    if not available[choice]:
        others = " or ".join(name for name in available if available[name])
        raise BadSetting(f"device is {choice}, but this machine has none; choose auto or {others}")
    return choice


def describe_device(device: torch.device) -> dict[str, str]:
    """Device, chip, threads and library versions, for recording."""
    import torch

    chip = torch.cuda.get_device_name(device) if device.type == "cuda" else _cpu_name()
    return {
        "device": device.type,
        "chip": chip,
        "threads": str(torch.get_num_threads()),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda or "none",
        "platform": platform.platform(),
    }


def device_sentence(device: torch.device) -> str:
    """The device in words: `computing on cpu (Intel Xeon), 1 thread`."""
    facts = describe_device(device)
    threads = int(facts["threads"])
    return (
        f"computing on {facts['device']} ({facts['chip']}), "
        f"{threads} thread{'s' if threads > 1 else ''}"
    )


def _cpu_name() -> str:
    cpu_info = Path("/proc/cpuinfo")
    if cpu_info.exists():
        for line in cpu_info.read_text().splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine() or f"{os.cpu_count()} cores"

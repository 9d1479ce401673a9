"""Why a subject has no time, in a few words; an error that is none of these is a bug and raised."""

from __future__ import annotations

from core.memory import is_out_of_memory

OUT_OF_MEMORY = "out of memory"
UNAVAILABLE = (
    "not implemented for",
    "is not supported",
    "not supported for",
    "does not support",
    "doesn't support",
    "No available kernel",
    "NOT_SUPPORTED",
    "Could not run 'aten::",
    "is not currently implemented for",
)
"""What torch says of a kernel that a device does not have, or not at this precision."""


def problem_of(error: Exception, dtype: str) -> str:
    """`out of memory`; `float16 is not available here: …`; '' for any other error."""
    if is_out_of_memory(error):
        return OUT_OF_MEMORY
    missing = isinstance(error, (RuntimeError, TypeError)) and any(
        words in str(error) for words in UNAVAILABLE
    )
    return f"{dtype} is not available here: {first_line(error)}" if missing else ""


def out_of_memory_before(length: int) -> str:
    """What longer sequences need not try again."""
    return f"{OUT_OF_MEMORY} at T = {length:,} already"


def first_line(error: Exception) -> str:
    """Of an error's message; its type where it has none."""
    lines = str(error).strip().splitlines()
    return lines[0][:160] if lines else type(error).__name__

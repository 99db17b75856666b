"""Memory, the machine's and the accelerator's: telling that it ran out, giving it back, and how much was in use."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

_CLEAR = Path("/proc/self/clear_refs")


def out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory, the machine's or the accelerator's, is used up."""
    # torch's class by its name: torch need not be imported to look at an error. For the machine's it has none.
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return named or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))


def free_memory() -> None:
    """Give back the memory of what was dropped, for what is loaded or tried next."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def reset_peaks() -> None:
    """Begin to measure :func:`peaks` anew."""
    for cuda, device in _devices():
        cuda.reset_peak_memory_stats(device)
    with suppress(OSError):
        _CLEAR.write_text("5")  # the kernel's word for: the peak resident size is what is resident now


def peaks() -> dict[str, int | None]:
    """The most memory in use since :func:`reset_peaks`, in bytes, weights included; None where it cannot be told.

    ``gpu_bytes``: what torch had allocated on the GPU that had the most, which decides whether a method fits.
    ``host_bytes``: what was resident of the process, on Linux where the kernel lets the peak be reset.
    """
    gpu = [int(cuda.max_memory_allocated(device)) for cuda, device in _devices()]
    return {"gpu_bytes": max(gpu, default=None), "host_bytes": _resident()}


def _devices() -> list[tuple[Any, int]]:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return []
    return [(torch.cuda, device) for device in range(torch.cuda.device_count())]


def _resident() -> int | None:
    """The peak resident size, where it is one since the last reset and not since the process began."""
    if not os.access(_CLEAR, os.W_OK):
        return None
    with suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM:")).split()[1])
    return None

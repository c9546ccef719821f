"""Memory: how much there is, so that too large an array is refused, and keeping it for reuse."""

from __future__ import annotations

import os
from typing import Final

import numpy as np

__all__ = ["available_memory", "check_memory", "let_memory_return", "too_large"]

# What a container of the system may use (control groups, version 2), beneath their mount.
_GROUPS: Final = "/sys/fs/cgroup"

# Smaller arrays are not worth the look.
_SMALL: Final = 64 << 20


def available_memory() -> int | None:
    """Return how many bytes can be used without swapping; None where the system does not say.

    On Linux ``MemAvailable`` of ``/proc/meminfo``, and what a control group leaves if that is less.
    """
    try:
        with open("/proc/meminfo", encoding="utf-8") as file:
            available = next(
                int(line.split()[1]) << 10 for line in file if line.startswith("MemAvailable:")
            )
    except (OSError, StopIteration, ValueError):
        return None
    left = _left_to_group()
    return available if left is None else min(available, left)


def _left_to_group() -> int | None:
    """What the control group that this process is in has left; None if it has no limit."""
    try:
        with open("/proc/self/cgroup", encoding="utf-8") as file:
            path = next(line[3:].strip() for line in file if line.startswith("0::"))
        folder = os.path.join(_GROUPS, path.lstrip("/"))
        with open(os.path.join(folder, "memory.max"), encoding="utf-8") as file:
            limit = int(file.read())  # or "max": no number
        with open(os.path.join(folder, "memory.current"), encoding="utf-8") as file:
            used = int(file.read())
        with open(os.path.join(folder, "memory.stat"), encoding="utf-8") as file:
            # Pages of files, which are given up when memory is wanted.
            cache = sum(int(line.split()[1]) for line in file if line.startswith("inactive_file "))
    except (OSError, StopIteration, ValueError):
        return None
    return max(limit - used + cache, 0)


def check_memory(nbytes: int, frames: int) -> None:
    """Raise ``MemoryError`` if an array of so many bytes would not fit into memory."""
    if nbytes > _SMALL:
        available = available_memory()
        if available is not None and nbytes > available:
            raise too_large(nbytes, frames, available)


def too_large(nbytes: int, frames: int, available: int | None = None) -> MemoryError:
    """The error of an array for which there is no memory: how large it is and what to do."""
    there = "" if available is None else f", and {_gigabytes(available)} are free"
    return MemoryError(
        f"{frames} frames are {_gigabytes(nbytes)} as one array{there}; take them in parts "
        "(batches() or iter()), fewer (start=, stop=, step=) or smaller ones (size=), or give out= "
        "a numpy.memmap"
    )


def let_memory_return(nbytes: int) -> None:
    """Have the allocator keep blocks of this size for the next frame.

    glibc's hands a large freed block back to the system at once, and the next frame's every page
    is faulted in anew, until it has seen a block freed that is larger still (up to 32 MiB; mallopt
    in malloc(3), M_MMAP_THRESHOLD). This one is never touched, so it costs two system calls.
    """
    np.empty(min(4 * nbytes, (32 << 20) - (1 << 16)), np.uint8)


def _gigabytes(nbytes: int) -> str:
    return f"{nbytes / 1e9:.3g} GB"

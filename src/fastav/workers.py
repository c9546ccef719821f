"""Work side by side: how many threads there may be, and what is worth one."""

from __future__ import annotations

import os
from typing import Final

__all__ = ["WORTH_A_THREAD", "processors"]

WORTH_A_THREAD: Final = 1 << 19
"""Bytes of a frame from which handing it to another thread costs little against converting it."""


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

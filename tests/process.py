"""What this process holds, as Linux counts it."""

from __future__ import annotations

import os
import time

import pytest

LINUX = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="looks into /proc")


def threads(limit: int | None = None) -> int:
    """Count threads, if need be until there are no more than `limit`.

    One that was joined is still listed until the kernel has taken it down; that is waited for.
    """
    deadline = time.monotonic() + 5
    while True:
        count = len(os.listdir("/proc/self/task"))
        if limit is None or count <= limit or time.monotonic() > deadline:
            return count
        time.sleep(0.001)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))

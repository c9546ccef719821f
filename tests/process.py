"""What this process holds, as Linux counts it, and what becomes of its children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from textwrap import dedent

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


def in_child(work: Callable[[], object]) -> str:
    """Run in a forked child: what it raised, or "" ; "hangs" if it had to be killed."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if not child:
        os.close(read_end)
        signal.alarm(20)
        message = ""
        try:
            work()
        except BaseException as error:
            message = f"{type(error).__name__}: {error}"
        os.write(write_end, message.encode()[:4000])
        os._exit(0)
    os.close(write_end)
    with open(read_end, "rb") as file:
        message = file.read().decode()
    _, status = os.waitpid(child, 0)
    return message if status == 0 else "hangs"


def run_script(script: str, *arguments: str) -> str:
    """What a program of Python prints; an error if it fails, or runs for over 60 seconds."""
    ended = subprocess.run(
        [sys.executable, "-c", dedent(script), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, f"exit status {ended.returncode}\n{ended.stdout}{ended.stderr}"
    return ended.stdout

"""Encoders that take precedence over all else that runs on the machine, and what undoes that."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

__all__ = ["usual_scheduling"]

_THREADS: Final = "/proc/self/task"


@contextmanager
def usual_scheduling() -> Iterator[None]:
    """Undo what an encoder that is opened meanwhile does to the scheduling of threads.

    SVT-AV1 makes its own threads, and the one that opens it, real-time ones of the highest priority
    wherever it may, as root may on Linux. The caller would stay one, and so would all that it
    starts afterwards: other programs hardly ran any more.
    """
    try:
        policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    except (AttributeError, OSError):  # other systems; musl, which has the names and refuses
        yield
        return
    earlier = _threads()
    try:
        yield
    finally:
        if os.sched_getscheduler(0) != policy:
            os.sched_setscheduler(0, policy, parameters)
            for thread in _threads() - earlier:
                with suppress(ProcessLookupError):
                    os.sched_setscheduler(thread, policy, parameters)


def _threads() -> set[int]:
    return set(map(int, os.listdir(_THREADS))) if os.path.isdir(_THREADS) else set()

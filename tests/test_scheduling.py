"""An encoder does not take the processors from everybody else for good."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import numpy as np
import pytest

import fastav
from fastav.writing.scheduling import usual_scheduling

from .process import LINUX

pytestmark = LINUX


def policies() -> set[int]:
    """Those of all threads of this process."""
    return {os.sched_getscheduler(int(thread)) for thread in os.listdir("/proc/self/task")}


class Waiting(threading.Thread):
    """A thread that waits, with the scheduling of who starts it."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.ending = threading.Event()
        self.start()

    def run(self) -> None:
        self.ending.wait()

    @property
    def policy(self) -> int:
        assert self.native_id is not None
        return os.sched_getscheduler(self.native_id)

    def end(self) -> None:
        self.ending.set()
        self.join()


def set_policy(policy: int) -> None:
    os.sched_setscheduler(0, policy, os.sched_param(0))


@pytest.mark.parametrize("fails", [False, True])
def test_the_caller_and_new_threads_are_as_before(fails: bool) -> None:
    before, threads = os.sched_getscheduler(0), []
    # (A change that needs no privileges, and can be taken back without.)
    set_policy(os.SCHED_BATCH)
    threads.append(Waiting())
    set_policy(before)
    try:
        with usual_scheduling():
            set_policy(os.SCHED_BATCH)
            threads.append(Waiting())
            if fails:
                raise RuntimeError("no such option")
    except RuntimeError:
        assert fails
    try:
        assert os.sched_getscheduler(0) == before
        assert [thread.policy for thread in threads] == [os.SCHED_BATCH, before]
    finally:
        for thread in threads:
            thread.end()


def test_what_was_chosen_is_left() -> None:
    before = os.sched_getscheduler(0)
    set_policy(os.SCHED_BATCH)
    try:
        with usual_scheduling():
            pass
        assert os.sched_getscheduler(0) == os.SCHED_BATCH
    finally:
        set_policy(before)


def test_where_scheduling_is_not_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    with monkeypatch.context() as patch:
        patch.setattr(os, "sched_getscheduler", refuse)
        with usual_scheduling():
            pass
        patch.delattr(os, "sched_getscheduler")
        with usual_scheduling():
            pass


def test_av1_is_written_without_precedence(tmp_path: Path) -> None:
    """SVT-AV1 makes itself and its caller real-time threads where it may: as root on Linux."""
    before = policies()
    images = np.zeros((12, 48, 64, 3), np.uint8)
    with fastav.open(
        tmp_path / "a.mp4", "w", codec="libsvtav1", options={"preset": "12"}
    ) as writer:
        for image in images:
            writer.write_frame(image)
            assert policies() == before
    assert policies() == before

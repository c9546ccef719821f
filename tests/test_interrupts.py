"""Ctrl-C at any moment of a read: nothing crashes or hangs, and the next read is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from .media import encode
from .process import LINUX, run_script

pytestmark = LINUX

SCRIPT = """
    import random, signal, sys, threading, time
    import numpy as np
    import fastav

    path, use, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    expected = fastav.imread(path, thread_count=1)
    some = [0, 13, 5, 9, 2]

    def read(reader):
        if use == "read":
            return reader.read(), expected
        if use == "out":
            return reader.read(out=out), expected
        if use == "batch":
            return reader[some], expected[some]
        if use == "frame":
            return np.stack([reader[i] for i in some]), expected[some]
        if use == "iter":
            return np.stack(list(reader)), expected
        return np.concatenate(list(reader.batches(7))), expected

    def check(got):
        np.testing.assert_array_equal(*got)

    out = np.empty_like(expected)
    random.seed(use)
    reader = fastav.open(path, thread_count=2)
    check(read(reader))
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    hits = 0
    while hits < rounds:
        begin = time.perf_counter()
        check(read(reader))
        usual = time.perf_counter() - begin
        try:
            signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0001, usual))
            check(read(reader))
            signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            hits += 1
    reader.close()
    deadline = time.monotonic() + 10
    # (Python keeps a thread on its list whose start was interrupted before there was one.)
    while [t for t in threading.enumerate() if t.name == "fastav" and t.ident]:
        assert time.monotonic() < deadline, threading.enumerate()
        time.sleep(0.01)
    print(hits)
"""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames large enough to be converted by threads, in many groups of pictures."""
    path = tmp_path_factory.mktemp("interrupts") / "clip.mkv"
    path.write_bytes(
        encode(container="matroska", count=16, width=640, height=288, options={"g": "4"})
    )
    return path


@pytest.mark.parametrize("use", ["read", "out", "batch", "frame", "iter", "batches"])
def test_the_next_read_is_right(clip: Path, use: str) -> None:
    assert run_script(SCRIPT, str(clip), use, "6") == "6\n"

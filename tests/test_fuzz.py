"""A slice of ``python tools/fuzz.py``, and that it finds what it looks for."""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from .process import LINUX

TOOL = Path(__file__).parents[1] / "tools" / "fuzz.py"

pytestmark = [LINUX, pytest.mark.skipif(not TOOL.exists(), reason="only in the repository")]


def run(folder: Path, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, str(TOOL), "--workers", "1", "--out", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode in (0, 1), done.stderr
    summary: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return summary


def test_damaged_files(tmp_path: Path) -> None:
    summary = run(tmp_path, "--inputs", "100")
    assert summary["inputs"] == 100
    assert summary["clips"] > 40
    assert summary["frames_compared"] > 1000
    kinds = ("crash", "hang", "exception", "left")
    assert [what for what in summary["found"] if what.startswith(kinds)] == []
    assert run(tmp_path, "--inputs", "110")["inputs"] == 110  # it goes on where it stopped


# What it looks for


@pytest.fixture
def fuzz(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(TOOL.parent))
    return importlib.import_module("fuzz")


@pytest.fixture
def clip(fuzz: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    monkeypatch.setattr(fuzz, "CLIPS", ("mpeg4.mp4",))
    (data,) = fuzz.make_clips(tmp_path).values()
    return bytes(data)


def dying(pipe: Connection, *_: object) -> None:
    pipe.recv()
    os.abort()


def hanging(pipe: Connection, clips: object, seed: int, trace: str, memory: int) -> None:
    with open(trace, "w") as file:
        faulthandler.register(signal.SIGUSR1, file, all_threads=True)
        time.sleep(pipe.recv() + 100)


@pytest.mark.parametrize(
    ("worker", "finding"),
    [(dying, "crash: SIGABRT; "), (hanging, "hang; ")],
    ids=["dying", "hanging"],
)
def test_crashes_and_hangs_are_kept(
    fuzz: Any,
    clip: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    worker: Any,
    finding: str,
) -> None:
    monkeypatch.setattr(fuzz, "work", worker)
    if worker is hanging:
        monkeypatch.setattr(fuzz, "LIMIT", 6.0)
    summary = fuzz.Campaign(tmp_path / "out", 0).run(1, None, 1)
    assert summary["found"] == {f"{finding}PyAV alone does not": 1}
    kept = tmp_path / "out" / summary["examples"][f"{finding}PyAV alone does not"][0]
    assert kept.read_bytes() == fuzz.mutate({"mpeg4.mp4": clip}, 0, 0)[1]
    assert worker is dying or "hanging" in Path(f"{kept}.txt").read_text()


def test_everything_else_is_counted(
    fuzz: Any, clip: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave = threading.Event()

    def raising(trial: Any) -> None:
        {}["frame 12"]

    def leaving(trial: Any) -> None:
        threading.Thread(target=leave.wait).start()

    def swapping(trial: Any) -> None:
        with trial.open() as reader:
            trial.in_order("swapped", [reader[1], reader[0], *reader[2:-1]])

    ways = {"raising": raising, "leaving": leaving, "swapping": swapping}
    monkeypatch.setattr(fuzz, "WAYS", ways)
    result = fuzz.try_input("mpeg4.mp4", clip, "0", tmp_path / "clip.mp4")
    leave.set()
    assert result["found"] == {
        "exception: KeyError: 'frame N' (?) raising": 1,
        "left: threads for good": 1,
        "frames: swapped gives another": 2,
        "frames: swapped gives fewer": 1,
    }


def test_a_whole_file_gives_no_finding(fuzz: Any, clip: bytes, tmp_path: Path) -> None:
    result = fuzz.try_input("mpeg4.mp4", clip, "0", tmp_path / "clip.mp4")
    assert result["found"] == {}
    assert result["frames"] > 100

"""What is left of a file whose writer was killed."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastav

from .media import pictures

# Writes until it is killed; says when it has gone far enough.
PROGRAM = """
import sys
import numpy as np, fastav
from tests.media import pictures
frames = list(pictures(10, 64, 48))
path, how = sys.argv[1], eval(sys.argv[2])
with fastav.open(path, "w", max_keyframe_interval=10, **how) as writer:
    for number in range(1000):
        writer.write_frame(frames[number % 10])
        if number == 400:
            print("far", flush=True)
            sys.stdin.read()
"""


def left_by_a_killed_writer(path: Path, how: dict[str, object]) -> None:
    root = Path(__file__).parents[1]
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path), repr(how)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=root,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"far"
        os.kill(process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.mp4", {"codec": "mpeg4", "fragmented": True}),
        ("a.mov", {"codec": "mpeg4", "fragmented": True}),
        ("a.mp4", {"codec": "libx264", "fragmented": True}),
        ("a.mkv", {"codec": "mpeg4"}),
        ("a.avi", {"codec": "mpeg4"}),
        ("a.ts", {"codec": "mpeg2video", "fps": 25}),
    ],
)
def test_most_is_left(tmp_path: Path, name: str, how: dict[str, object]) -> None:
    path = tmp_path / name
    left_by_a_killed_writer(path, how)
    frames = fastav.imread(path, errors="keep")
    assert 250 <= len(frames) <= 401
    wanted = next(iter(pictures(1, 64, 48)))
    assert np.abs(frames[0].astype(int) - wanted).mean() < 20


def test_nothing_is_left_of_a_plain_mp4(tmp_path: Path) -> None:
    """What the documentation warns of."""
    path = tmp_path / "a.mp4"
    left_by_a_killed_writer(path, {"codec": "mpeg4"})
    with pytest.raises(fastav.NotAVideoError):
        fastav.open(path)


def test_fragments_need_no_seeking_and_go_with_other_flags() -> None:
    frames = np.stack(list(pictures(20, 64, 48)))

    class OneWay(io.RawIOBase):
        data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            self.data += bytes(data)  # type: ignore[call-overload]
            return len(data)  # type: ignore[arg-type]

    file = OneWay()
    with fastav.open(file, "w", container="mp4", codec="mpeg4", fragmented=True) as writer:
        writer.write(frames)
    assert len(fastav.imread(file.data)) == 20
    data = fastav.imwrite(
        "<bytes>", frames, extension=".mp4", codec="mpeg4", fragmented=True,
        container_options={"movflags": "+dash"},
    )  # fmt: skip
    assert data is not None
    assert b"sidx" in data
    assert data.count(b"moof") > 1
    with pytest.raises(ValueError, match="is for mp4 and mov, got 'matroska'"):
        fastav.open("x.mkv", "w", fragmented=True)

"""Frames in order carry the times of the table, also where the decoder does not tell them."""

from __future__ import annotations

from collections.abc import Generator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import fastav
from fastav.reading.times import timed

from .clips import Zoo, number

CLIPS = [
    "h264-b.avi",  # numbers packets as they are decoded
    "h264.avi",
    "mpeg4.avi",
    "gap.avi",
    "h264-b.vob",  # has a time now and then
    "mpeg1.mpg",
    "mpeg2-cut-start.ts",
    "h264-b.h264",  # has none
    "hevc-open.hevc",
    "mjpeg.mjpeg",
    "starts-over.ts",  # begins anew in the middle
    "starts-over-open.ts",
    "starts-over.mpg",
    "vfr.mp4",
    "gap.mkv",
    "late-start.ts",
    "edit-repeat.mp4",
    "gif.gif",
]


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return Zoo(tmp_path_factory.mktemp("zoo"))


@pytest.mark.parametrize("name", CLIPS)
def test_frames_have_the_tables_times(zoo: Zoo, name: str) -> None:
    with fastav.open(zoo[name]) as reader:
        frames = [(frame.pts, Fraction(frame.time_base)) for frame in reader.frames()]
        assert frames == [(pts, reader.index.time_base) for pts in reader.pts.tolist()]
        assert [frame.pts for frame in reader.frames(start=3, step=5)] == reader.pts[3::5].tolist()


@pytest.mark.parametrize("name", CLIPS)
def test_moments_in_order_are_those_by_number(zoo: Zoo, name: str) -> None:
    with fastav.open(zoo[name], format="gray") as reader:
        for fps in (reader.fps, 10):
            wanted = reader.get_all_frames(fps=fps).data
            np.testing.assert_array_equal(reader.read(fps=fps), wanted)


@pytest.mark.parametrize("name", ["h264-b.avi", "h264-b.vob", "h264-b.h264", "starts-over.ts"])
def test_filters_and_transcoding_are_told_them(zoo: Zoo, name: str, tmp_path: Path) -> None:
    with fastav.open(zoo[name]) as reader:
        numbers = [number(frame) for frame in reader]
        begin, times = reader.timestamps[0], reader.timestamps
        cut = [("trim", f"start={begin + 0.39}:end={begin + 0.79}")]
        seen = [number(frame) for frame in reader.iter(filter_sequence=cut)]
    assert seen == numbers[10:20]
    fastav.transcode(zoo[name], tmp_path / "out.mkv", sound=False)
    with fastav.open(tmp_path / "out.mkv") as reader:
        np.testing.assert_allclose(reader.timestamps, times - begin, atol=1e-3)
        assert [number(frame) for frame in reader] == numbers


def frames(*pts: int | None, fails: bool = False) -> Generator[av.VideoFrame]:
    for time in pts:
        frame = av.VideoFrame(16, 16, "gray")
        frame.pts, frame.time_base = time, Fraction(1, 100)
        yield frame
    if fails:
        raise fastav.DecodeError("damaged")


@pytest.mark.parametrize(
    ("pts", "numbered", "wanted"),
    [
        ((5, 9, 13), False, [5, 9, 13]),
        ((None, None, 18, None), False, [10, 14, 18, 22]),
        ((None, None, None), False, [0, 4, 8]),
        ((3, None, 5, 11), False, [3, 7, 11, 15]),
        ((40, 44, 0, 4, 90), False, [40, 44, 48, 52, 90]),
        ((1, 3, 4, 2, 7, 5, 6), True, [1, 2, 3, 4, 5, 6, 7]),
        ((1, 3, None, 2), True, [1, 2, 3, 7]),
        ((), True, []),
    ],
)
def test_rules(pts: tuple[int | None, ...], numbered: bool, wanted: list[int]) -> None:
    got = timed(frames(*pts), Fraction(25), numbered)
    assert [frame.pts for frame in got] == wanted
    got = timed(frames(*pts, fails=True), Fraction(25), numbered)
    assert [next(got).pts for _ in wanted] == wanted
    with pytest.raises(fastav.DecodeError, match="damaged"):
        next(got)


@pytest.mark.parametrize("numbered", [False, True])
def test_few_frames_wait(numbered: bool) -> None:
    taken = []

    def counted() -> Generator[av.VideoFrame]:
        for frame in frames(*range(100)):
            taken.append(frame.pts)
            yield frame

    next(timed(counted(), None, numbered))
    assert len(taken) == (17 if numbered else 1)

"""fps=: of every moment the frame that is on screen."""

from __future__ import annotations

import io
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastav

COUNT = 33
FRAMES = np.stack([np.full((16, 32, 3), 7 * number, np.uint8) for number in range(COUNT)])
UNEVEN = np.cumsum(np.random.default_rng(1).uniform(0.01, 0.1, COUNT)) - 0.01


def clip(times: Any = None, container: str = "mp4") -> bytes:
    file = io.BytesIO()
    with fastav.open(file, "w", container=container, codec="libx264rgb", fps=25,
                     options={"qp": 0}) as writer:  # fmt: skip
        writer.write(FRAMES if times is None else FRAMES[: len(times)], times=times)
    return file.getvalue()


@pytest.fixture(scope="module", params=["even", "uneven", "uneven.mkv"])
def video(request: pytest.FixtureRequest) -> bytes:
    container = "matroska" if request.param.endswith("mkv") else "mp4"
    return clip(None if request.param == "even" else UNEVEN, container)


def expected(data: bytes, fps: float) -> np.ndarray:
    """The frame on screen at each moment, from the reader's own times."""
    with fastav.open(data) as reader:
        times = reader.timestamps
        count = math.floor(reader.duration * fps + 0.5)
        moments = times[0] + np.arange(count) / float(fps)
        return np.searchsorted(times, moments + 1e-9, "right") - 1


@pytest.mark.parametrize("fps", [1, 3, 10, 24, 25, 30, 60, 7.3, Fraction(30000, 1001)])
def test_every_way_of_reading(video: bytes, fps: float) -> None:
    numbers = expected(video, float(fps))
    wanted = FRAMES[numbers]
    np.testing.assert_array_equal(fastav.imread(video, fps=fps), wanted)
    np.testing.assert_array_equal(list(fastav.imiter(video, fps=fps)), wanted)
    with fastav.open(video) as reader:
        np.testing.assert_array_equal(reader.read(fps=fps, start=1, step=2), wanted[1::2])
        batches = list(reader.batches(4, fps=fps))
        np.testing.assert_array_equal(np.concatenate(batches), wanted)
        batch = reader.get_all_frames(fps=float(fps))
        np.testing.assert_array_equal(batch.data, wanted)
        np.testing.assert_array_equal(batch.indices, numbers)
        moments = reader.timestamps[0] + np.arange(len(numbers)) / float(fps)
        np.testing.assert_allclose(batch.pts_seconds, moments)
        np.testing.assert_allclose(batch.duration_seconds, 1 / float(fps))


@settings(max_examples=60, deadline=None)
@given(st.floats(0.1, 120), st.floats(0, 1), st.floats(0, 1))
def test_a_span_of_time(fps: float, a: float, b: float) -> None:
    with fastav.open(UNEVEN_CLIP) as reader:
        times = reader.timestamps
        start, stop = (times[0] + share * (times[-1] - times[0]) for share in sorted((a, b)))
        batch = reader.get_frames_played_in_range(start, stop, fps=fps)
        moments = start + np.arange(math.floor((stop - start) * fps + 0.5)) / fps
        np.testing.assert_allclose(batch.pts_seconds, moments)
        shown = np.searchsorted(times, moments + 1e-9, "right") - 1
        np.testing.assert_array_equal(batch.indices, shown)
        np.testing.assert_array_equal(batch.data[:, 0, 0, 0], 7 * shown)


UNEVEN_CLIP = clip(UNEVEN)


def test_a_rate_as_text() -> None:
    wanted = fastav.imread(UNEVEN_CLIP, fps=Fraction(30000, 1001))
    np.testing.assert_array_equal(fastav.imread(UNEVEN_CLIP, fps="30000/1001"), wanted)
    for wrong in ("film", "1/0", "1e400", "1e50000000", 10**400, float("nan")):
        with pytest.raises(ValueError, match="fps must be a number of frames per second, got"):
            fastav.imread(UNEVEN_CLIP, fps=wrong)


@pytest.mark.parametrize("fps", [10, 24, 25, 50, 100])
def test_all_frames_before_damage_are_shown(fps: int) -> None:
    """Kept frames at a rate are what a video of those alone would give."""
    whole = clip()
    with fastav.open(whole) as reader:
        packet = reader.index.packets[reader.index.carriers[20]]
    start, size = int(packet["pos"]), int(packet["size"])
    data = whole[:start] + bytes(size) + whole[start + size :]
    kept = len(fastav.imread(data, errors="keep"))
    assert 0 < kept < COUNT
    numbers = (np.arange(math.floor(kept / 25 * fps + 0.5)) * 25 + 1e-6 * fps) // fps
    wanted = FRAMES[numbers.astype(int)]
    np.testing.assert_array_equal(fastav.imread(data, errors="keep", fps=fps), wanted)
    with pytest.raises(fastav.DecodeError) as caught:
        fastav.imread(data, fps=fps)
    assert caught.value.frames_read == len(wanted)


def test_half_a_moment_counts_whatever_floats_say() -> None:
    """4.6 seconds at 12.5 a second are 57.5 moments, which floats take for less."""
    data = clip([*(0.2 * np.arange(22)), 4.56], "matroska")
    with fastav.open(data) as reader:
        assert reader.duration == pytest.approx(4.6)
        wanted = reader.read(fps=12.5)
        assert len(wanted) == 58
        np.testing.assert_array_equal(reader.get_all_frames(fps=12.5).data, wanted)


def test_its_own_rate_changes_nothing() -> None:
    np.testing.assert_array_equal(fastav.imread(clip(), fps=25), FRAMES)


def test_more_frames_than_there_is_memory_for_are_refused_beforehand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    video = clip()
    assert len(fastav.imread(video, fps=10_000)) == 10_000 * COUNT // 25
    monkeypatch.setattr("fastav.reading.reader.Bulk", None)  # nothing is collected
    with fastav.open(video) as reader:
        for span in ({}, {"start": 5}, {"step": 7}):
            with pytest.raises(MemoryError, match=r"frames are .* GB"):
                reader.read(fps=10**9, **span)
        monkeypatch.setattr("fastav.reading.index.np.arange", None)  # no moments are laid out
        for fps in (10.0**9, 10.0**300):
            with pytest.raises(MemoryError, match=r"frames are .* GB"):
                reader.get_all_frames(fps=fps)
            with pytest.raises(MemoryError, match=r"frames are .* GB"):
                reader.get_frames_played_in_range(0.1, 0.9, np.empty((1, 16, 32, 3), "u1"), fps)


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf"), "ten", None])
def test_wrong_rates(fps: Any) -> None:
    if fps is None:
        with pytest.raises(ValueError, match="index= goes without"):
            fastav.imread(UNEVEN_CLIP, index=1, fps=5)
        with pytest.raises(TypeError, match="pass it to the read"):
            fastav.open(UNEVEN_CLIP, fps=5)
        return
    with pytest.raises(ValueError, match="fps must be"):
        fastav.imread(UNEVEN_CLIP, fps=fps)
    if fps != "ten":
        with fastav.open(UNEVEN_CLIP) as reader, pytest.raises(ValueError, match="fps must be"):
            reader.get_all_frames(fps=fps)


def test_with_filters_and_size() -> None:
    filtered = fastav.imread(
        UNEVEN_CLIP, fps=10, filter_sequence=[("hflip", "")], size=(8, 16), stop=5
    )
    np.testing.assert_array_equal(filtered[:, 0, 0, 0], 7 * expected(UNEVEN_CLIP, 10)[:5])
    assert filtered.shape == (5, 8, 16, 3)


def test_frames_without_times() -> None:
    raw = clip(container="h264")
    assert len(fastav.imread(raw, fps=12.5)) == 17  # 33 frames at 25 a second, rounded


def test_as_torchcodec() -> None:
    decoders = pytest.importorskip("torchcodec.decoders")
    decoder = decoders.VideoDecoder(clip(), dimension_order="NHWC")
    with fastav.open(clip()) as reader:
        for fps in (3, 10, 24, 30, 60, 7.3, 29.97):
            ours, theirs = reader.get_all_frames(fps=fps), decoder.get_all_frames(fps=fps)
            np.testing.assert_array_equal(ours.data, theirs.data.numpy())
            np.testing.assert_allclose(ours.pts_seconds, theirs.pts_seconds.numpy())
            np.testing.assert_allclose(ours.duration_seconds, theirs.duration_seconds.numpy())

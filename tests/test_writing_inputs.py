"""What can be written: lazy arrays, channels first, PyAV's frames, times; and where to: pipes."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import fastav
from fastav import EncodeError
from fastav.pyav import fraction
from fastav.writing import frames as frames_module

FRAMES = np.random.default_rng(3).integers(0, 256, (7, 20, 30, 3), dtype=np.uint8)


WRITING = ("in_pixel_format", "layout", "times")


def lossless(frames: Any, **options: Any) -> np.ndarray:
    writing = {name: options.pop(name) for name in WRITING if name in options}
    file = io.BytesIO()
    with fastav.open(file, "w", container="matroska", codec="ffv1", **options) as writer:
        writer.write(frames, **writing)
    return np.asarray(fastav.imread(file.getvalue()))


class Lazy:
    """An array that is not in memory, as h5py, zarr, dask and xarray have them."""

    def __init__(self, array: np.ndarray, chunks: Any = None) -> None:
        self._array = array
        self.shape, self.dtype, self.chunks = array.shape, array.dtype, chunks
        self.loaded: list[tuple[int, int]] = []

    def __getitem__(self, key: slice) -> np.ndarray:
        part = self._array[key]
        self.loaded.append((key.start, key.start + len(part)))
        return part

    def __len__(self) -> int:
        return len(self._array)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise AssertionError("the whole was asked for")


@pytest.mark.parametrize(
    ("chunks", "loaded"),
    [
        (None, [(0, 2), (2, 4), (4, 6), (6, 7)]),
        ((1, 20, 30, 3), [(0, 2), (2, 4), (4, 6), (6, 7)]),
        ((3, 20, 30, 3), [(0, 3), (3, 6), (6, 7)]),
        (((4, 1, 2), (20,), (30,), (3,)), [(0, 4), (4, 5), (5, 7)]),
    ],
    ids=["none", "finer", "coarser", "uneven"],
)
def test_lazy_arrays_are_loaded_in_parts(
    monkeypatch: pytest.MonkeyPatch, chunks: Any, loaded: list[tuple[int, int]]
) -> None:
    monkeypatch.setattr(frames_module, "_CHUNK", 2 * FRAMES[0].nbytes)
    lazy = Lazy(FRAMES, chunks)
    np.testing.assert_array_equal(lossless(lazy), FRAMES)
    assert lazy.loaded == loaded


def test_a_lazy_array_of_unknown_length() -> None:
    """As dask has it behind a mask."""
    nan = float("nan")
    lazy = Lazy(FRAMES, ((nan, nan), (20,), (30,), (3,)))
    lazy.shape = (nan, 20, 30, 3)  # type: ignore[assignment]
    with pytest.raises(ValueError, match=r"number of frames.*not known; its compute_chunk_sizes"):
        lossless(lazy)


def test_memory_maps_and_readers_are_taken_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "frames.npy"
    np.save(path, FRAMES)
    np.testing.assert_array_equal(lossless(np.load(path, mmap_mode="r")), FRAMES)
    clip = tmp_path / "clip.mkv"
    fastav.imwrite(clip, FRAMES, codec="ffv1")
    with fastav.open(clip) as reader:
        np.testing.assert_array_equal(lossless(reader), FRAMES)


def test_channels_first() -> None:
    first = np.ascontiguousarray(np.moveaxis(FRAMES, -1, 1))
    np.testing.assert_array_equal(lossless(first, layout="chw"), FRAMES)
    np.testing.assert_array_equal(lossless(list(first), layout="chw"), FRAMES)
    np.testing.assert_array_equal(lossless(first[0], layout="chw"), FRAMES[:1])
    with pytest.raises(ValueError, match="layout must be 'hwc' or 'chw'"):
        lossless(first, layout="cwh")
    file = io.BytesIO()
    with (
        fastav.open(file, "w", container="matroska", codec="ffv1") as writer,
        pytest.raises(ValueError, match="needs a format of one plane, got 'yuv420p'"),
    ):
        writer.write(first, in_pixel_format="yuv420p", layout="chw")
    grey = first[:, :1]  # as torch has it
    for given in (grey, list(grey), grey[0]):
        data = lossless(given, layout="chw", in_pixel_format="gray")
        np.testing.assert_array_equal(data, np.repeat(FRAMES[: len(data), ..., :1], 3, axis=-1))


def test_imwrite_takes_times_and_layout() -> None:
    file = io.BytesIO()
    first, times = np.moveaxis(FRAMES, -1, 1), np.arange(len(FRAMES)) ** 2 / 10
    fastav.imwrite(
        file, first, container="nut", codec="ffv1", out_pixel_format="bgr0", layout="chw",
        times=times,
    )  # fmt: skip
    with fastav.open(file.getvalue()) as reader:
        np.testing.assert_array_equal(reader.read(), FRAMES)
        np.testing.assert_allclose(reader.timestamps, times, atol=1e-3)


def test_a_pipe_has_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="number of a descriptor, got 'pipe:x'"):
        fastav.imwrite("pipe:x", FRAMES, container="matroska")
    assert not list(tmp_path.iterdir())


def test_frames_of_pyav() -> None:
    given = [av.VideoFrame.from_ndarray(frame, format="rgb24") for frame in FRAMES]
    np.testing.assert_array_equal(lossless(given), FRAMES)
    flipped = lossless(given, filter_sequence=[("hflip", "")])
    np.testing.assert_array_equal(flipped, FRAMES[:, :, ::-1])
    # They have no times yet, and go through a conversion here.
    written = fastav.imwrite("<bytes>", given, extension=".mp4", fps=10)
    np.testing.assert_allclose(fastav.open(written).timestamps, np.arange(len(FRAMES)) / 10)


@pytest.mark.parametrize(
    ("container", "codec"),
    [
        *(("mp4", codec) for codec in ("libx264", "mpeg4", "libx265")),
        *(("matroska", codec) for codec in ("ffv1", "libx264", "mjpeg")),
        *(("webm", codec) for codec in ("libvpx", "libvpx-vp9")),
        ("nut", "rawvideo"),
    ],
)
def test_times_are_kept(container: str, codec: str) -> None:
    times = [0, 0.04, Fraction(1, 10), 0.5, np.float32(1.25), 1.3, 7]
    file = io.BytesIO()
    with fastav.open(file, "w", container=container, codec=codec) as writer:
        writer.write(FRAMES, times=times)
    with fastav.open(file.getvalue()) as reader:
        assert len(reader.read()) == len(FRAMES)
        np.testing.assert_allclose(reader.timestamps, [float(t) for t in times], atol=1.01e-3)


@pytest.mark.parametrize("container", ["mp4", "mov"])
def test_fragments_keep_times_too(container: str) -> None:
    """Though frames are reordered, the first is shown at once."""
    times = [0, 0.1, 0.5, 0.6, 0.7, 0.8, 1.25]
    file = io.BytesIO()
    with fastav.open(file, "w", container=container, codec="libx264", fragmented=True) as writer:
        writer.write(FRAMES, times=times)
    with av.open(io.BytesIO(file.getvalue())) as decoded:
        got = [frame.time for frame in decoded.decode(video=0)]
    np.testing.assert_allclose(got, times, atol=1e-4)


def test_times_one_by_one_on_a_clock_of_ones_own() -> None:
    file = io.BytesIO()
    clock = Fraction(1, 12345)
    with fastav.open(file, "w", container="nut", codec="ffv1", time_base=clock) as writer:
        for number, frame in enumerate(FRAMES):
            writer.write_frame(frame, time=number * number * clock)
    with fastav.open(file.getvalue()) as reader:
        stamps = [pts * reader.info.time_base / clock for pts in reader.pts.tolist()]
    assert stamps == [number * number for number in range(len(FRAMES))]


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([0, 1, 1, 2, 3, 4, 5], "increase by a tick.*frame 2"),
        ([-1, 1, 2, 3, 4, 5, 6], "begin at 0 or later.*frame 0"),
        ([0, 1, 2], "ends after 3 frames"),
        (range(9), "goes on after all 7 frames"),
        ([0, float("nan")], "finite numbers of seconds, got nan"),
        (["x"] * 7, "finite numbers of seconds, got 'x'"),
    ],
)
def test_wrong_times(times: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        lossless(FRAMES, times=times)


def test_times_for_all_frames_or_none() -> None:
    file = io.BytesIO()
    with fastav.open(file, "w", container="matroska", codec="ffv1") as writer:
        writer.write(FRAMES[:3], times=[0, 1, 2])
        with pytest.raises(ValueError, match="for all frames of a video, or for none"):
            writer.write(FRAMES[3:])
        writer.write(FRAMES[3:], times=[3, 4, 5, 6])
    np.testing.assert_array_equal(fastav.imread(file.getvalue()), FRAMES)


def test_a_codec_of_fixed_rates_says_that_it_cannot_keep_times() -> None:
    file = io.BytesIO()
    with fastav.open(file, "w", container="matroska", codec="mpeg2video", fps=25) as writer:
        writer.write(FRAMES[:2], times=[0, 0.04])
        with pytest.raises(EncodeError, match="25 frames in every second"):
            writer.write(FRAMES[2:3], times=[0.05])


def picture(number: int) -> np.ndarray:
    return np.full((32, 48, 3), 3 * number, np.uint8)


def told(data: bytes) -> tuple[Fraction, list[float]]:
    """The rate that FFmpeg tells of a file, and when its pictures are shown."""
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        rate, tick = fraction(stream.average_rate), fraction(stream.time_base)
        assert rate is not None
        assert tick is not None
        return rate, [float(frame.pts * tick) for frame in container.decode(stream)]


RATES = [25, 24, 12, Fraction(30000, 1001), Fraction(24000, 1001), Fraction(60000, 1001), 60, 100]


@pytest.mark.parametrize(
    "rate", [*RATES, Fraction(1, 2), Fraction(45000, 1499), Fraction(1234, 100)]
)
@pytest.mark.parametrize(
    ("container", "codec"), [("avi", "ffv1"), ("avi", "mpeg4"), ("yuv4mpegpipe", None)]
)
@pytest.mark.parametrize("grain", [None, 90000, 1000], ids=["exact", "90 kHz", "ms"])
def test_times_at_a_constant_rate_are_that_rate(
    rate: Fraction, container: str, codec: str | None, grain: int | None
) -> None:
    """Containers with one rate get it in their header, through what times are rounded to."""
    if rate == Fraction(45000, 1499) and (grain == 1000 or codec == "mpeg4"):
        pytest.skip("in whole milliseconds, or ticks of MPEG-4, this is 30 as well")
    times = [number / Fraction(rate) for number in range(40)]
    if grain is not None:
        times = [Fraction(round(time * grain), grain) for time in times]
    file = io.BytesIO()
    with fastav.open(file, "w", container=container, codec=codec) as writer:
        for number, time in enumerate(times):
            writer.write_frame(picture(number), time=float(time))
    found, shown = told(file.getvalue())
    assert found == rate
    np.testing.assert_allclose(shown, [number / float(rate) for number in range(40)], atol=1e-5)


@pytest.mark.parametrize(("codec", "container"), [("ffv1", "avi"), ("mpeg2video", "mpegts")])
def test_missing_frames_are_gaps_at_the_rate(codec: str, container: str) -> None:
    times = [number / 30 for number in range(60) if number % 7 != 3]
    file = io.BytesIO()
    with fastav.open(file, "w", container=container, codec=codec) as writer:
        writer.write((picture(number) for number in range(len(times))), times=times)
    found, shown = told(file.getvalue())
    assert found == 30
    np.testing.assert_allclose(np.array(shown) - shown[0], times, atol=1e-4)


def test_avi_keeps_a_variable_rate_by_the_coarsest_clock() -> None:
    """Each tick without a frame is an empty one."""
    times = [0, 0.04, 0.1, 0.5, 1.24, 1.3, 7]
    file = io.BytesIO()
    with fastav.open(file, "w", container="avi", codec="ffv1") as writer:
        writer.write(FRAMES, times=times)
    found, shown = told(file.getvalue())
    assert (found, shown) == (50, times)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([0, 0.04, 0.1, 0.5, 1.25, 1.3, 7], "one rate, and frames come at none.*'fps', '30'"),
        ([0, 0.04, 0.08, 0.12, 0.16, 0.24, 0.28], "25 frames in every second.*frame 5, 0.24 s"),
    ],
)
def test_y4m_refuses_a_variable_rate(times: list[float], message: str) -> None:
    file = io.BytesIO()
    with (
        pytest.raises(EncodeError, match=message),
        fastav.open(file, "w", container="yuv4mpegpipe") as writer,
    ):
        writer.write(FRAMES, times=times)


def test_one_frame_object_again_and_again_at_times_of_its_own() -> None:
    """What is held back to learn the rate is not the caller's."""
    frame = av.VideoFrame(48, 32, "yuv420p")

    def drawn() -> Any:
        for number in range(20):
            frame.planes[0].update(bytes([number]) * frame.planes[0].buffer_size)
            yield frame

    file = io.BytesIO()
    with fastav.open(file, "w", container="avi", codec="ffv1") as writer:
        writer.write(drawn(), times=np.arange(20) / 25)
    assert told(file.getvalue())[0] == 25
    with av.open(io.BytesIO(file.getvalue())) as container:
        luma = [bytes(frame.planes[0])[0] for frame in container.decode(video=0)]
    assert luma == list(range(20))


@pytest.mark.parametrize("size", [(48, 32), (640, 480)], ids=["small", "made ahead"])
@pytest.mark.parametrize("filters", [None, [("null", "")], [("fps", "25")]])
@pytest.mark.parametrize("one_by_one", [False, True])
def test_a_frame_that_its_owner_changes(
    size: tuple[int, int], filters: Any, one_by_one: bool
) -> None:
    """Threads of raw video's encoder, and filters, look at it later."""
    frame = av.VideoFrame(*size, "gray")

    def draw(number: int) -> av.VideoFrame:
        frame.planes[0].update(bytes([number]) * frame.planes[0].buffer_size)
        return frame

    file = io.BytesIO()
    with fastav.open(file, "w", container="nut", codec="rawvideo", fps=25,
                     filter_sequence=filters) as writer:  # fmt: skip
        if one_by_one:
            for number in range(20):
                writer.write_frame(draw(number))
        else:
            writer.write(map(draw, range(20)))
        draw(255)
    written = fastav.imread(file.getvalue(), format="gray")
    assert written[:, 0, 0].tolist() == list(range(20))


def test_times_closer_than_the_clock_of_the_container() -> None:
    file = io.BytesIO()
    with (
        pytest.raises(ValueError, match=r"a tick of 1/1000 s.*'matroska'.*0.0001 s for frame 1"),
        fastav.open(file, "w", container="matroska", codec="ffv1") as writer,
    ):
        writer.write(FRAMES[:3], times=[0, 0.0001, 0.0002])


@pytest.mark.parametrize("given", [0, -1, 0.001, "1/1000", Fraction(-1, 1000)])
def test_clocks_that_are_none(given: Any) -> None:
    with pytest.raises(ValueError, match=r"time_base must be.*Fraction\(1, 1000\)"):
        fastav.open(io.BytesIO(), "w", container="matroska", time_base=given)


@pytest.mark.parametrize("target", ["-", "pipe:1", "pipe:"])
def test_standard_output(target: str) -> None:
    code = (
        "import fastav, numpy as np, sys\n"
        "frames = np.arange(5 * 16 * 16 * 3, dtype=np.uint8).reshape(5, 16, 16, 3)\n"
        f"fastav.imwrite({target!r}, frames, container='matroska', codec='ffv1')\n"
        "for container in (None, 'mp4'):\n"
        "    try:\n"
        f"        fastav.imwrite({target!r}, frames, container=container)\n"
        "    except ValueError as error:\n"
        "        print(error, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    expected = np.arange(5 * 16 * 16 * 3, dtype=np.uint8).reshape(5, 16, 16, 3)
    np.testing.assert_array_equal(fastav.imread(done.stdout), expected)
    no_container, no_seeking = done.stderr.decode().splitlines()
    assert "has no extension; pass container='matroska'" in no_container
    assert "fragmented=True" in no_seeking


def test_a_descriptor_of_ones_own_stays_open() -> None:
    reading, writing = os.pipe()
    try:
        fastav.imwrite(f"pipe:{writing}", FRAMES[:1], container="matroska", codec="ffv1")
        os.write(writing, b"still open")
        with open(reading, "rb", closefd=False, buffering=0) as file:
            assert file.read(1 << 16).endswith(b"still open")
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize("mode", ["a", "r+"])
def test_writing_on_is_refused_with_a_way_out(mode: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot be written on.*concat"):
        fastav.open(tmp_path / "clip.mkv", mode)


def test_filters_that_keep_no_frame_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    with (
        pytest.raises(ValueError, match="the filters kept none"),
        fastav.open(path, "w", filter_sequence=[("select", "0")]) as writer,
    ):
        writer.write(FRAMES)
    assert not path.exists()
    with pytest.raises(ValueError, match="the filters kept none"):
        fastav.imwrite(path, FRAMES, filter_sequence=[("select", "0")])

"""Bulk reading and iteration against PyAV's own decode."""

from __future__ import annotations

import gc
import io
import mmap
import os
import platform
import subprocess
import sys
import threading
import tracemalloc
from functools import partial
from multiprocessing import shared_memory
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import fastav
from fastav.pixels import convert
from fastav.pyav import ONE_THREAD
from fastav.reading import destinations
from fastav.reading.gather import gather

from .media import encode, reference
from .process import LINUX, threads

# PyAV's reformat is the oracle of this file; the colour kernels have tests of their own.
imread = partial(fastav.imread, conversion="ffmpeg")
imiter = partial(fastav.imiter, conversion="ffmpeg")
open_ = partial(fastav.open, conversion="ffmpeg")


@pytest.fixture(params=["one converter", "three converters"], autouse=True)
def converters(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything below holds whether or not threads convert what others decode."""
    if request.param == "three converters":
        monkeypatch.setattr(fastav.reading.options, "WORTH_A_THREAD", 0)
        monkeypatch.setattr(fastav.reading.options, "processors", lambda: 3)


@pytest.fixture(scope="module")
def clip() -> bytes:
    return encode(count=30)


@pytest.fixture(scope="module")
def expected(clip: bytes) -> np.ndarray[Any, Any]:
    return reference(clip)


def test_whole_file_equals_pyav(clip: bytes, expected: np.ndarray[Any, Any]) -> None:
    video = imread(clip)
    assert video.shape == (30, 48, 64, 3)
    assert video.dtype == np.uint8
    assert video.flags.c_contiguous
    assert video.flags.owndata
    assert video.flags.writeable
    np.testing.assert_array_equal(video, expected)


@pytest.mark.parametrize("index", [0, 7, 29, -1, np.int64(3)])
def test_one_frame(clip: bytes, expected: np.ndarray[Any, Any], index: int) -> None:
    np.testing.assert_array_equal(imread(clip, index=index), expected[index])
    out = np.empty((48, 64, 3), np.uint8)
    assert imread(clip, index=index, out=out) is out
    np.testing.assert_array_equal(out, expected[index])


@pytest.mark.parametrize("size", [1, 4, 30, 100])
def test_batches_equal_bulk(clip: bytes, expected: np.ndarray[Any, Any], size: int) -> None:
    with open_(clip) as reader:
        batches = list(reader.batches(size, start=1, step=2))
    assert [len(batch) for batch in batches[:-1]] == [size] * (len(batches) - 1)
    np.testing.assert_array_equal(np.concatenate(batches), expected[1::2])


def test_iteration_equals_bulk(clip: bytes, expected: np.ndarray[Any, Any]) -> None:
    frames = list(imiter(clip))
    assert all(f.flags.owndata and f.flags.writeable for f in frames)
    np.testing.assert_array_equal(np.stack(frames), expected)


@pytest.mark.parametrize(
    ("codec", "container", "pixel_format"),
    [
        ("libx264", "mp4", "yuv420p"),
        ("libx264", "matroska", "yuv444p"),
        ("libx264", "mpegts", "yuv420p"),
        ("libx264", "h264", "yuv420p"),
        ("libx264", "mp4", "yuv420p10le"),
        ("libvpx-vp9", "webm", "yuv420p"),
        ("mpeg4", "avi", "yuv420p"),
        ("mjpeg", "mov", "yuvj420p"),
        ("ffv1", "matroska", "gray16le"),
        ("rawvideo", "nut", "bgr24"),
        ("rawvideo", "nut", "nv12"),
        ("rawvideo", "avi", "yuyv422"),
    ],
)
def test_codecs_and_containers(codec: str, container: str, pixel_format: str) -> None:
    data = encode(codec=codec, container=container, pixel_format=pixel_format, count=12)
    np.testing.assert_array_equal(imread(data), reference(data))


@pytest.mark.parametrize("size", [(66, 50), (322, 34), (50, 51)])
def test_widths_that_are_no_multiple_of_a_block(size: tuple[int, int]) -> None:
    width, height = size
    pixel_format = "yuv444p" if height % 2 else "yuv420p"
    data = encode(width=width, height=height, pixel_format=pixel_format, count=5)
    np.testing.assert_array_equal(imread(data), reference(data))


def test_sources(clip: bytes, expected: np.ndarray[Any, Any], tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(clip)
    with path.open("rb") as file:
        for source in (
            path,
            str(path),
            f"file:{path}",
            clip,
            bytearray(clip),
            memoryview(clip),
            io.BytesIO(clip),
            file,
        ):
            np.testing.assert_array_equal(imread(source), expected)
        assert not file.closed


def test_file_object_is_read_from_its_position(clip: bytes, expected: np.ndarray[Any, Any]) -> None:
    file = io.BytesIO(b"something else" + clip)
    file.seek(len(b"something else"))
    with open_(file) as reader:
        np.testing.assert_array_equal(reader.read(), expected)
        np.testing.assert_array_equal(reader.read(), expected)


class Pipe(io.RawIOBase):
    """A file object that cannot seek."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)


def test_source_without_seek_is_read_once() -> None:
    data = encode(container="mpegts", count=12)
    with open_(Pipe(data)) as reader:
        np.testing.assert_array_equal(reader.read(thread_count=1), reference(data))
        with pytest.raises(OSError, match="cannot seek"):
            reader.read()


def test_reads_do_not_disturb_each_other(clip: bytes, expected: np.ndarray[Any, Any]) -> None:
    with open_(clip) as one, open_(io.BytesIO(clip)) as two:
        first, second = one.iter(), one.iter(thread_type="SLICE")
        for number in range(30):
            np.testing.assert_array_equal(next(first), expected[number])
            if number % 3 == 0:
                np.testing.assert_array_equal(next(second), expected[number // 3])
            if number == 7:
                np.testing.assert_array_equal(one.read(), expected)
                np.testing.assert_array_equal(two.read(thread_count=1), expected)
        assert next(first, None) is None
        np.testing.assert_array_equal(np.stack(list(one)), expected)


def test_views_of_one_file_object_are_independent(
    clip: bytes, expected: np.ndarray[Any, Any]
) -> None:
    with open_(io.BytesIO(clip)) as reader:
        pairs = zip(reader, reader, expected, strict=True)
        assert all(np.array_equal(a, b) and np.array_equal(a, c) for a, b, c in pairs)


@pytest.mark.parametrize("thread_type", [None, "FRAME", "SLICE", "AUTO", "NONE"])
@pytest.mark.parametrize("thread_count", [0, 1, 3])
def test_threads(
    clip: bytes, expected: np.ndarray[Any, Any], thread_type: str | None, thread_count: int
) -> None:
    with open_(clip) as reader:
        for _ in range(2):
            video = reader.read(thread_type=thread_type, thread_count=thread_count)
            np.testing.assert_array_equal(video, expected)


def test_start_stop_step(clip: bytes, expected: np.ndarray[Any, Any]) -> None:
    with open_(clip) as reader:
        np.testing.assert_array_equal(reader.read(start=3, stop=20, step=4), expected[3:20:4])
        assert reader.frames_read == 5
        np.testing.assert_array_equal(reader.read(start=25), expected[25:])
        assert reader.read(start=30).shape == (0, 48, 64, 3)
        assert reader.read(stop=0).shape == (0, 48, 64, 3)
        with pytest.raises(ValueError, match="step 1 or more"):
            reader.read(step=0)


def test_progress(clip: bytes) -> None:
    seen: list[int] = []
    with open_(clip) as reader:
        reader.read(progress=seen.append)
    assert seen == list(range(1, 31))


class TestOut:
    def test_array(self, clip: bytes, expected: np.ndarray[Any, Any]) -> None:
        out = np.empty((40, 48, 64, 3), np.uint8)
        video = imread(clip, out=out)
        assert video.base is out
        np.testing.assert_array_equal(video, expected)

    def test_slices(self, clip: bytes, expected: np.ndarray[Any, Any]) -> None:
        canvas = np.zeros((70, 60, 70, 3), np.uint8)
        for out in (
            canvas[5:35, :48, :64],
            canvas[:60:2, 4:52, 6:],
            np.empty((30, 3, 48, 64), np.uint8).transpose(0, 2, 3, 1),
            np.empty((30, 48, 64, 3), np.uint8)[::-1],
            np.empty((30, 48, 64, 3), np.uint8)[:, ::-1],
        ):
            video = imread(clip, out=out)
            np.testing.assert_array_equal(video, expected)
            np.testing.assert_array_equal(out, expected)
        assert not canvas[:, 52:].any()

    def test_shared_memory_and_memmap(
        self, clip: bytes, expected: np.ndarray[Any, Any], tmp_path: Path
    ) -> None:
        memory = shared_memory.SharedMemory(create=True, size=expected.nbytes)
        try:
            out = np.ndarray(expected.shape, np.uint8, memory.buf)
            imread(clip, out=out)
            np.testing.assert_array_equal(out, expected)
            del out
        finally:
            memory.close()
            memory.unlink()
        mapped = np.lib.format.open_memmap(tmp_path / "video.npy", "w+", np.uint8, expected.shape)
        imread(clip, out=mapped)
        mapped.flush()
        np.testing.assert_array_equal(np.load(tmp_path / "video.npy"), expected)

    @pytest.mark.parametrize(
        ("out", "error", "message"),
        [
            (np.empty((30, 48, 63, 3), np.uint8), ValueError, r"\(frames, 48, 64, 3\)"),
            (np.empty((48, 64, 3), np.uint8), ValueError, r"\(frames, 48, 64, 3\)"),
            (np.empty((30, 48, 64, 3), np.int8), TypeError, "dtype uint8"),
            ([0], TypeError, "NumPy array"),
            (np.empty((29, 48, 64, 3), np.uint8), ValueError, "room for 29 frames"),
            (np.empty((0, 48, 64, 3), np.uint8), ValueError, "room for 0 frames"),
        ],
    )
    def test_wrong(self, clip: bytes, out: Any, error: type[Exception], message: str) -> None:
        with pytest.raises(error, match=message):
            imread(clip, out=out)

    @pytest.mark.parametrize("format", ["rgb48", "gray16le"])
    @pytest.mark.parametrize("step", [1, 2])
    def test_odd_addresses(self, clip: bytes, format: str, step: int) -> None:
        """Kernels store whole elements, which C allows at multiples of their size alone."""
        expected = imread(clip, format=format)[:4]
        room = np.zeros(step * expected.nbytes + 1, np.uint8)[1:].view(expected.dtype)
        out = room.reshape(step * 4, *expected.shape[1:])[::step]
        assert not out.flags.aligned
        target = destinations.GivenArray(convert.Output(expected.shape[1:], expected.dtype), out)
        assert target.address % expected.dtype.itemsize == 0
        with open_(clip, format=format) as reader:
            np.testing.assert_array_equal(reader.read(stop=4, out=out), expected)
            out[:] = 0
            np.testing.assert_array_equal(reader.get_batch([0, 1, 2, 3], out), expected)

    def test_one_frame_of_planes(self, clip: bytes) -> None:
        planes = imread(clip, format=None, planes=True)
        for index in (0, 7, -1, 29):
            out = tuple(np.zeros_like(plane[0]) for plane in planes)
            got = imread(clip, format=None, planes=True, index=index, out=out)
            assert len(got) == 3
            for one, given, plane in zip(got, out, planes, strict=True):
                assert np.shares_memory(one, given)
                np.testing.assert_array_equal(given, plane[index])

    @pytest.mark.parametrize("out", [5, "abc", [5]])
    @pytest.mark.parametrize("index", [0, -1, None])
    def test_what_is_no_array(self, clip: bytes, index: int | None, out: Any) -> None:
        with pytest.raises(TypeError, match="NumPy array"):
            imread(clip, index=index, out=out)

    def test_read_only(self, clip: bytes) -> None:
        out = np.empty((30, 48, 64, 3), np.uint8)
        out.flags.writeable = False
        with pytest.raises(ValueError, match="read-only"):
            imread(clip, out=out)


class TestNative:
    def test_one_array(self) -> None:
        data = encode(codec="ffv1", container="matroska", pixel_format="gray16le", count=4)
        video = imread(data, format=None)
        assert (video.shape, video.dtype) == ((4, 48, 64), np.uint16)
        with av.open(io.BytesIO(data)) as container:
            frames = [frame.to_ndarray() for frame in container.decode(video=0)]
        np.testing.assert_array_equal(video, np.stack(frames))

    def test_planar(self) -> None:
        data = encode(pixel_format="yuv444p", count=4)
        assert imread(data, format=None).shape == (4, 3, 48, 64)

    def test_subsampled_names_what_works(self, clip: bytes) -> None:
        with pytest.raises(fastav.UnsupportedFormatError, match=r"rgb24.*planes=True") as info:
            imread(clip, format=None)
        assert isinstance(info.value, ValueError)
        assert isinstance(info.value, OSError)

    def test_planes(self, clip: bytes) -> None:
        y, u, v = imread(clip, format=None, planes=True)
        assert (y.shape, u.shape, v.shape) == ((30, 48, 64), (30, 24, 32), (30, 24, 32))
        with av.open(io.BytesIO(clip)) as container:
            stacked = np.stack([frame.to_ndarray() for frame in container.decode(video=0)])
        np.testing.assert_array_equal(y, stacked[:, :48])
        np.testing.assert_array_equal(u.reshape(30, -1), stacked[:, 48:60].reshape(30, -1))
        np.testing.assert_array_equal(v.reshape(30, -1), stacked[:, 60:].reshape(30, -1))
        out = [np.empty_like(y), np.empty_like(u), np.empty_like(v)]
        filled = imread(clip, format=None, planes=True, out=out)
        assert all(np.array_equal(a, b) for a, b in zip(filled, (y, u, v), strict=True))
        for planes, number in zip(imiter(clip, format=None, planes=True), range(30), strict=True):
            assert all(np.array_equal(a, b[number]) for a, b in zip(planes, (y, u, v), strict=True))

    def test_unknown_format(self, clip: bytes) -> None:
        with pytest.raises(ValueError, match="rgb25"):
            imread(clip, format="rgb25")


class TestLength:
    """Headers lie; arrays have the length of what was decoded."""

    @pytest.mark.parametrize("declared", [1, 12, 31, 480, 2**31])
    def test_declared(
        self,
        clip: bytes,
        expected: np.ndarray[Any, Any],
        declared: int,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(fastav.VideoInfo, "expected_frames", declared)
        video = imread(clip)
        np.testing.assert_array_equal(video, expected)
        assert video.flags.owndata
        assert video.flags.c_contiguous

    def test_unknown_count_grows_in_small_steps(self, monkeypatch: pytest.MonkeyPatch) -> None:
        frame = 48 * 64 * 3
        monkeypatch.setattr(destinations, "_GROWTH", 3 * frame)
        data = encode(container="h264", count=30)
        with open_(data) as reader:
            assert reader.info.expected_frames == 0
        tracemalloc.start()
        try:
            video = imread(data)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        np.testing.assert_array_equal(video, reference(data))
        assert peak < 30 * frame + 4 * frame + (1 << 20)

    def test_single_frame(self) -> None:
        data = encode(count=1)
        np.testing.assert_array_equal(imread(data), reference(data))


def damaged(codec: str = "mjpeg", **options: Any) -> tuple[bytes, int]:
    """A clip of 24 frames whose packet 15 is garbage."""
    good = encode(codec=codec, container="nut", pixel_format="yuvj420p", **options)
    file = io.BytesIO()
    with av.open(io.BytesIO(good)) as source, av.open(file, "w", format="nut") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(p for p in source.demux() if p.size):
            if number == 15:
                broken = av.Packet(b"\x00" * packet.size)
                broken.pts, broken.dts, broken.time_base = packet.pts, packet.dts, packet.time_base
                packet = broken
            packet.stream = stream
            output.mux(packet)
    return file.getvalue(), 15


class TestSideBySide:
    """Decoders that have no threads of their own share a video among them."""

    @pytest.mark.parametrize(
        ("codec", "threads", "shared"),
        [
            ("mjpeg", 2, True),
            ("mpeg2video", 3, True),
            ("mjpeg", 1, False),
            ("libx264", 2, False),
            ("rawvideo", 2, False),
        ],
    )
    def test_when(
        self, codec: str, threads: int, shared: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pixel_format = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        data = encode(codec=codec, container="nut", pixel_format=pixel_format, count=80)
        given = []

        def watched(*arguments: Any, **options: Any) -> Any:
            given.append(gather(*arguments, **options))
            return given[-1]

        monkeypatch.setattr("fastav.reading.reader.gather", watched)
        with open_(data, thread_count=threads) as reader:
            video = reader.read()
            assert reader.frames_read == 80
            np.testing.assert_array_equal(video, reference(data))
            out = np.zeros((90, 48, 64, 3), np.uint8)
            part = reader.read(start=3, stop=70, step=2, out=out)
            assert part.base is out
            np.testing.assert_array_equal(part, video[3:70:2])
            assert not out[len(part) :].any()
            with pytest.raises(ValueError, match="room for 5 frames"):
                reader.read(out=out[:5])
        assert [len(array) for array in given] == ([80, 34] if shared else [])

    def test_damage(self) -> None:
        data, good = damaged(count=80)
        with open_(data, thread_count=2) as reader:
            with pytest.raises(fastav.DecodeError, match=f"after {good} frames"):
                reader.read()
            assert reader.frames_read == good
            assert len(reader.read(errors="keep")) == good


class TestDamage:
    @pytest.mark.parametrize("threads", [1, 2, 4, 0, 16])
    def test_frames_before_the_damage_are_kept(self, threads: int) -> None:
        data, good = damaged()
        with open_(data, thread_count=threads) as reader:
            with pytest.raises(fastav.DecodeError, match=f"after {good} frames") as info:
                reader.read()
            assert reader.frames_read == info.value.frames_read == good
            kept = reader.read(errors="keep")
            assert len(kept) == reader.frames_read == good
            iterated = []
            with pytest.raises(fastav.DecodeError):
                iterated.extend(reader)
            assert len(list(reader.iter(errors="keep"))) == good
        whole = imread(encode(codec="mjpeg", container="nut", pixel_format="yuvj420p"))
        np.testing.assert_array_equal(kept, whole[:good])

    @pytest.mark.parametrize("container", ["mpegts", "matroska", "mp4"])
    def test_truncated(self, container: str, tmp_path: Path) -> None:
        whole = encode(container=container, count=60)
        if container == "mp4":  # the index must come first to survive truncation
            path = tmp_path / "clip.mp4"
            with (
                av.open(io.BytesIO(whole)) as source,
                av.open(path, "w", options={"movflags": "faststart"}) as output,
            ):
                stream = output.add_stream_from_template(source.streams.video[0])
                for packet in source.demux():
                    if packet.size:
                        packet.stream = stream
                        output.mux(packet)
            whole = path.read_bytes()
        data = whole[: len(whole) * 3 // 4]
        kept = imread(data, errors="keep")
        assert 20 < len(kept) < 60
        full = imread(whole)
        same = [np.array_equal(a, b) for a, b in zip(kept, full, strict=False)]
        assert all(same[:-10])

    def test_bad_choice(self, clip: bytes) -> None:
        with pytest.raises(ValueError, match="'raise', 'keep' or 'skip'"):
            imread(clip, errors="ignore")


def changing(**second: Any) -> bytes:
    """Two elementary streams, one after the other: 10 frames, then 8 that differ."""
    options = {"container": "h264", "options": {"bf": "0"}}
    return encode(count=10, **options) + encode(**{"count": 8, **options, **second})


class TestChange:
    @pytest.mark.parametrize("second", [{"width": 96, "height": 64}, {"pixel_format": "yuv444p"}])
    def test_is_an_error_that_says_where(self, second: dict[str, Any]) -> None:
        data = changing(**second)
        with open_(data) as reader:
            with pytest.raises(fastav.FrameChangedError, match="frame 10 is") as info:
                reader.read()
            assert reader.frames_read == info.value.frames_read == 10
            assert len(reader.read(errors="keep")) == 10
            with pytest.raises(fastav.FrameChangedError, match="frame 10 is"):
                list(reader)

    def test_resize(self) -> None:
        data = changing(width=96, height=64)
        video = imread(data, resize=True)
        assert video.shape == (18, 48, 64, 3)
        with av.open(io.BytesIO(data)) as container:
            last = list(container.decode(video=0))[-1]
        small = last.reformat(width=64, height=48, format="rgb24", **ONE_THREAD)
        np.testing.assert_array_equal(video[-1], small.to_ndarray())


class TestNoVideo:
    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"nothing\.mp4"):
            imread(tmp_path / "nothing.mp4")

    def test_directory(self, tmp_path: Path) -> None:
        with pytest.raises(IsADirectoryError):
            imread(tmp_path)

    def test_empty(self, tmp_path: Path) -> None:
        path = tmp_path / "empty.mp4"
        path.touch()
        for source in (path, b"", io.BytesIO()):
            with pytest.raises(fastav.NotAVideoError):
                imread(source)

    def test_forbidden(self, tmp_path: Path) -> None:
        path = tmp_path / "secret.mp4"
        path.write_bytes(b"x")
        path.chmod(0)
        root = os.geteuid() == 0  # who may read everything, unless it steps down
        if root:
            os.seteuid(65534)
        try:
            with pytest.raises(PermissionError):
                imread(path)
        finally:
            if root:
                os.seteuid(0)

    def test_garbage(self) -> None:
        with pytest.raises(fastav.NotAVideoError, match="cannot open"):
            imread(b"no video at all " * 100)

    def test_sound_only(self) -> None:
        file = io.BytesIO()
        with av.open(file, "w", format="wav") as output:
            stream = output.add_stream("pcm_s16le", rate=8000, layout="mono")
            frame = av.AudioFrame.from_ndarray(
                np.zeros((1, 800), np.int16), format="s16", layout="mono"
            )
            frame.rate = 8000
            output.mux(stream.encode(frame))
        with pytest.raises(fastav.NotAVideoError, match=r"0 video stream\(s\)"):
            imread(file.getvalue())

    def test_no_such_stream(self, clip: bytes) -> None:
        with pytest.raises(fastav.NotAVideoError, match="no stream 3"):
            imread(clip, stream=3)

    def test_wrong_type(self) -> None:
        for source in (5, None, object()):
            with pytest.raises(TypeError, match="source must be"):
                imread(source)
        with pytest.raises(TypeError, match="text mode"):
            imread(io.StringIO("text"))

    def test_wrong_options(self, clip: bytes) -> None:
        with pytest.raises(ValueError, match="thread_type"):
            imread(clip, thread_type="frames")
        with pytest.raises(ValueError, match="thread_count"):
            imread(clip, thread_count=-1)
        with pytest.raises(TypeError, match="colour"):
            imread(clip, colour="red")
        with pytest.raises(ValueError, match="mode"):
            open_(clip, "rw")


def test_second_stream_is_chosen() -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as output:
        streams = [output.add_stream("ffv1", rate=10) for _ in range(2)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = 16, 16, "gray"
        for pts in range(3):
            for number, stream in enumerate(streams):
                frame = av.VideoFrame.from_ndarray(
                    np.full((16, 16), 10 * pts + 100 * number, np.uint8), format="gray"
                )
                frame.pts = pts
                output.mux(stream.encode(frame))
        for stream in streams:
            output.mux(stream.encode(None))
    data = file.getvalue()
    assert imread(data, format="gray", stream=1)[:, 0, 0].tolist() == [100, 110, 120]
    assert imread(data, format="gray", stream=-2)[:, 0, 0].tolist() == [0, 10, 20]


@LINUX
def test_no_thread_outlives_its_reader(clip: bytes) -> None:
    gc.collect()
    before = threads(), threading.active_count()
    with open_(clip) as reader:
        reader.read()
        iterator = iter(reader)
        next(iterator)
        iterator.close()
    data, _ = damaged()
    with pytest.raises(fastav.DecodeError):
        imread(data)
    frames = imiter(clip)
    next(frames)
    del frames
    gc.collect()
    assert threads(before[0]) <= before[0]
    assert threading.active_count() <= before[1]


def test_close_is_safe_twice_and_final(clip: bytes) -> None:
    reader = open_(clip)
    reader.close()
    reader.close()
    with pytest.raises(ValueError, match="closed"):
        reader.read()


def test_arrays_outlive_everything(clip: bytes, expected: np.ndarray[Any, Any]) -> None:
    frames = list(imiter(clip))
    gc.collect()
    junk = [mmap.mmap(-1, 1 << 16) for _ in range(50)]
    np.testing.assert_array_equal(np.stack(frames), expected)
    del junk


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="about glibc's allocator")
@pytest.mark.usefixtures("compiled")
def test_iterating_does_not_fault_every_page_in_anew(tmp_path: Path) -> None:
    path = tmp_path / "clip.nut"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("rawvideo", rate=30, width=1280, height=720, pix_fmt="bgr24")
        for _ in range(20):
            container.mux(stream.encode(av.VideoFrame(1280, 720, "bgr24")))
        container.mux(stream.encode(None))
    script = (
        "import resource, sys, fastav\n"
        "def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "frames = fastav.imiter(sys.argv[1])\n"
        "[next(frames) for _ in range(5)]\n"
        "before = faults()\n"
        "print(sum(1 for _ in frames), faults() - before)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, path],
        env={**os.environ, "FASTAV_BACKEND": "compiled"},  # the twins allocate on their own
        capture_output=True,
        text=True,
        check=True,
    )
    frames, faults = map(int, run.stdout.split())
    assert frames == 15
    assert faults < frames * 100  # of about 680 pages


class TestOptions:
    """FFmpeg's own options, for protocol, demuxer and decoder."""

    def test_reach_the_decoder(self) -> None:
        data = encode(codec="mpeg2video", container="mpegts")
        with open_(data, options={"lowres": "1"}) as reader:
            half = reader.read()
            assert half.shape == (24, 24, 32, 3)
            np.testing.assert_array_equal(reader[5], half[5])
            np.testing.assert_array_equal(reader[[3, 1]], half[[3, 1]])
        keys = imread(encode(), options={"skip_frame": "nokey"})
        assert 1 <= len(keys) < 24

    def test_reach_the_demuxer(self) -> None:
        data = np.arange(4 * 48 * 64 * 3, dtype=np.uint8).tobytes()
        options = {"video_size": "64x48", "pixel_format": "rgb24"}
        assert imread(data, container_format="rawvideo", options=options).tobytes() == data

    def test_bad_value(self, clip: bytes) -> None:
        with pytest.raises(ValueError, match="Invalid argument"):
            imread(clip, options={"skip_frame": "some"})

    def test_unknown_to_all(self, clip: bytes) -> None:
        with pytest.raises(ValueError, match="knows 'lowers', 'crf'"):
            open_(clip, options={"lowers": 1, "probesize": 5000, "crf": 3})

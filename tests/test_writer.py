"""Writing: what is read back is what was written; what goes wrong is said and cleaned up."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import fastav
from fastav import EncodeError, UnsupportedFormatError
from fastav.pixels.colour import plan_back
from fastav.pixels.formats import Kind, pixel_format, software_formats
from fastav.pixels.layout import frame_layout
from fastav.pixels.packing import unpack_frame, unpack_planes
from fastav.pyav import CAN_ROTATE, ONE_THREAD, frame_rates
from fastav.writing.encoder import exact_rate
from fastav.writing.writer import VideoWriter

from .process import LINUX, descriptors, threads

HEIGHT, WIDTH, COUNT = 48, 64, 7
RANDOM = np.random.default_rng(2)


def noise(*shape: int, dtype: Any = np.uint8, top: int = 256) -> np.ndarray:
    return RANDOM.integers(0, top, shape, dtype=dtype)


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    return noise(COUNT, HEIGHT, WIDTH, 3)


def decoded(source: Any) -> list[av.VideoFrame]:
    if isinstance(source, bytes):
        source = io.BytesIO(source)
    with av.open(source if not isinstance(source, Path) else str(source)) as container:
        return list(container.decode(video=0))


def arrays(source: Any, format: str = "rgb24") -> np.ndarray:
    return np.stack([f.reformat(format=format).to_ndarray() for f in decoded(source)])


# --- what is read back ---


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mkv", "ffv1"), ("a.mov", "png"), ("a.avi", "huffyuv"), ("a.nut", "rawvideo"),
        ("a.avi", "rawvideo"), ("a.mov", "rawvideo"), ("a.apng", None), ("a.mov", "qtrle"),
        ("a%02d.png", None), ("a%02d.bmp", None), ("a%02d.tiff", None), ("a%02d.ppm", None),
    ],
)  # fmt: skip
def test_lossless_codecs_give_the_frames_back(
    tmp_path: Path, frames: np.ndarray, name: str, codec: str | None
) -> None:
    with VideoWriter(tmp_path / name, codec=codec) as writer:
        writer.write(frames)
    np.testing.assert_array_equal(arrays(tmp_path / name), frames)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm", "a.ts", "a.gif", "a.avi", "a.mpg"])
def test_the_container_chooses_a_codec(tmp_path: Path, name: str) -> None:
    grey = np.repeat(np.arange(40, 240, 20, dtype=np.uint8), HEIGHT * WIDTH * 3)
    frames = grey.reshape(10, HEIGHT, WIDTH, 3)
    with VideoWriter(tmp_path / name, fps=25) as writer:
        writer.write(frames)
    back = arrays(tmp_path / name)
    assert back.shape == frames.shape
    levels = back.mean(axis=(1, 2)) - frames.mean(axis=(1, 2))
    assert np.abs(levels).max() <= (45 if name == "a.gif" else 4)  # 4 levels of blue


@pytest.mark.parametrize("count", [1, 2, 5])
def test_every_way_to_hand_over_frames(tmp_path: Path, count: int) -> None:
    batch = noise(count, HEIGHT, WIDTH, 3)

    def generator() -> Iterator[np.ndarray]:
        yield from batch

    class Foreign:
        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            return batch

    ways: dict[str, Any] = {
        "batch": batch,
        "list": list(batch),
        "nested lists": batch.tolist() if count == 1 else list(batch),
        "generator": generator(),
        "iterator": iter(batch),
        "foreign": Foreign(),
        "strided": np.repeat(batch, 2, axis=2)[:, :, ::2],
        "reversed": batch[:, ::-1].copy()[:, ::-1],
        "transposed": batch.transpose(0, 2, 1, 3).copy().transpose(0, 2, 1, 3),
        "fortran": np.asfortranarray(batch),
        "channels": np.concatenate([batch, batch], axis=3)[..., :3],
        "read-only": np.frombuffer(batch.tobytes(), np.uint8).reshape(batch.shape),
    }
    del ways["nested lists"]
    for way, given in ways.items():
        with VideoWriter("<bytes>", container="nut", codec="ffv1") as writer:
            writer.write(given)
        np.testing.assert_array_equal(arrays(writer.getvalue()), batch, err_msg=way)
        assert writer.frames_written == count

    with VideoWriter("<bytes>", container="nut", codec="ffv1") as writer:
        for frame in batch:
            writer.write(frame, is_batch=False)
    np.testing.assert_array_equal(arrays(writer.getvalue()), batch)
    with VideoWriter("<bytes>", container="nut", codec="ffv1") as writer:
        writer.write(batch[0])  # no more axes than a frame has
        writer.write(batch[1:])
    np.testing.assert_array_equal(arrays(writer.getvalue()), batch)


def test_an_iterator_is_not_held() -> None:
    alive = 0

    class Counted(np.ndarray):
        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    def generator() -> Iterator[np.ndarray]:
        nonlocal alive
        for _ in range(30):
            frame = noise(HEIGHT, WIDTH, 3).view(Counted)
            alive += 1
            most.append(alive)
            yield frame
            del frame

    most: list[int] = []
    with VideoWriter("<bytes>", extension=".mp4") as writer:
        writer.write(generator())
    assert writer.frames_written == 30
    assert max(most) <= 3


def test_the_callers_array_may_change_at_once() -> None:
    picture = noise(HEIGHT, WIDTH, 3)
    expected = []
    with VideoWriter("<bytes>", extension=".avi", codec="huffyuv") as writer:
        for _ in range(20):
            expected.append(picture.copy())
            writer.write_frame(picture)
            picture[...] = noise(HEIGHT, WIDTH, 3)
    np.testing.assert_array_equal(arrays(writer.getvalue()), expected)


@pytest.mark.parametrize("kind", ["path", "str", "file", "BytesIO", "bytes"])
def test_targets(tmp_path: Path, frames: np.ndarray, kind: str) -> None:
    path, memory = tmp_path / "a.mkv", io.BytesIO()
    memory.write(b"before")
    target: Any = {"path": path, "str": str(path), "BytesIO": memory, "bytes": "<bytes>"}.get(kind)
    settings: dict[str, Any] = {"codec": "ffv1", "container": "matroska"}
    if kind == "file":
        with path.open("wb") as file:
            with VideoWriter(file, **settings) as writer:
                writer.write(frames)
            assert not file.closed
    else:
        with VideoWriter(target, **settings) as writer:
            writer.write(frames)
    if kind == "BytesIO":
        assert memory.getvalue()[:6] == b"before"
        source: Any = memory.getvalue()[6:]
    else:
        source = writer.getvalue() if kind == "bytes" else path
    np.testing.assert_array_equal(arrays(source), frames)


def test_one_picture_as_bytes(frames: np.ndarray) -> None:
    with VideoWriter("<bytes>", extension=".png") as writer:
        writer.write(frames[0], is_batch=False)
    assert writer.getvalue().startswith(b"\x89PNG")
    np.testing.assert_array_equal(arrays(writer.getvalue())[0], frames[0])


def test_imwrite_and_open(tmp_path: Path, frames: np.ndarray) -> None:
    path = tmp_path / "a.mkv"
    assert fastav.imwrite(path, frames, codec="ffv1", fps=30) is None
    np.testing.assert_array_equal(fastav.imread(path), frames)
    data = fastav.imwrite("<bytes>", frames[0], extension=".png")
    assert data is not None
    np.testing.assert_array_equal(fastav.imread(data)[0], frames[0])
    with fastav.open(path, "w", codec="ffv1") as writer:
        writer.write(frames[:2])
    np.testing.assert_array_equal(fastav.imread(path), frames[:2])
    with pytest.raises(ValueError, match="no frame"):
        fastav.imwrite(path, [])
    with pytest.raises(TypeError, match="qualtiy"):
        fastav.imwrite(path, frames, qualtiy=5)
    with pytest.raises(ValueError, match="mode must be 'r' or 'w'"):
        fastav.open(path, "a")  # type: ignore[call-overload]
    np.testing.assert_array_equal(fastav.imread(path), frames[:2])


# --- pixel formats ---

PACKABLE = [
    name for name in sorted(software_formats()) if pixel_format(name).kind is not Kind.PALETTE
]


@pytest.mark.parametrize("name", [*PACKABLE[::6], "yuv420p", "nv12", "p010le", "rgb24", "gray"])
def test_raw_frames_of_any_format(name: str) -> None:
    layout = frame_layout(name, WIDTH, HEIGHT)
    source = [
        tuple(
            np.frombuffer(noise(p.row_bytes * p.height).tobytes(), p.dtype).reshape(p.shape)
            for p in layout.planes
        )
        for _ in range(2)
    ]
    with VideoWriter("<bytes>", container="rawvideo", codec="rawvideo") as writer:
        writer.write(source, in_pixel_format=name)
    data = b"".join(plane.tobytes() for planes in source for plane in planes)
    if Kind.BIT_PACKED is not pixel_format(name).kind:  # whose last bits may be unused
        assert writer.getvalue() == data
    assert len(writer.getvalue()) == len(data)


@pytest.mark.parametrize("format", ["yuv420p", "nv12", "yuv422p10le"])
@pytest.mark.parametrize("size", [(48, 64), (34, 66)])
def test_planar_input_as_planes_and_stacked(format: str, size: tuple[int, int]) -> None:
    height, width = size
    layout = frame_layout(format, width, height)
    top = 1 << pixel_format(format).depth
    batch = tuple(noise(3, *p.shape, dtype=p.dtype.type, top=top) for p in layout.planes)
    stacked = frame_layout(format, width, height, stacked=True)
    per_frame = [tuple(planes[i] for planes in batch) for i in range(3)]
    one_array = np.stack(
        [np.concatenate([p.ravel() for p in planes]).reshape(stacked.shape) for planes in per_frame]
    )
    results = []
    for given in (batch, per_frame, one_array, list(one_array), iter(one_array)):
        with VideoWriter("<bytes>", container="nut", codec="ffv1", fps=30) as writer:
            writer.write(given, in_pixel_format=format)
        results.append(writer.getvalue())
    with VideoWriter("<bytes>", container="nut", codec="ffv1", fps=30) as writer:
        for planes in per_frame:
            writer.write(planes, in_pixel_format=format)
        assert writer.frames_written == 3
    results.append(writer.getvalue())
    for result in results:
        for frame, planes in zip(decoded(result), per_frame, strict=True):
            back = unpack_planes(frame.reformat(format=format))
            for plane, expected in zip(back, planes, strict=True):
                np.testing.assert_array_equal(plane, expected)


def test_odd_sizes_where_the_codec_takes_them() -> None:
    layout = frame_layout("yuv420p", 33, 17)
    planes = tuple(noise(*p.shape) for p in layout.planes)
    with VideoWriter("<bytes>", extension=".mkv", codec="ffv1") as writer:
        writer.write(planes, in_pixel_format="yuv420p")
    (frame,) = decoded(writer.getvalue())
    assert (frame.width, frame.height, frame.format.name) == (33, 17, "yuv420p")
    for plane, expected in zip(unpack_planes(frame), planes, strict=True):
        np.testing.assert_array_equal(plane, expected)


@pytest.mark.parametrize("format", ["bayer_rggb8", "bayer_bggr8", "bayer_gbrg16le"])
def test_mosaics(format: str) -> None:
    kind = pixel_format(format)
    mosaic = noise(2, HEIGHT, WIDTH, dtype=kind.dtype.type)
    with VideoWriter("<bytes>", container="nut", codec="rawvideo") as writer:
        writer.write(mosaic, in_pixel_format=format)
    back = [unpack_frame(frame) for frame in decoded(writer.getvalue())]
    np.testing.assert_array_equal(back, mosaic)


FORMATS = ["rgb24", "bgr24", "rgba", "gray", "rgb48", "gray16", "gbrp"]


@pytest.mark.parametrize("format", FORMATS)
def test_conversion_equals_pyavs_own(format: str) -> None:
    """Read in place or not, with one thread, the encoder is given what PyAV would give it."""
    layout = frame_layout(pixel_format(format).name, 66, 34)
    assert layout.shape is not None
    assert layout.dtype is not None
    top = np.iinfo(layout.dtype).max + 1
    batch = noise(3, *layout.shape, dtype=layout.dtype.type, top=top)
    settings: dict[str, Any] = {"codec": "ffv1", "out_pixel_format": "yuv420p"}
    with VideoWriter("<bytes>", container="nut", conversion="ffmpeg", **settings) as writer:
        writer.write(batch, in_pixel_format=format)
    for image, frame in zip(batch, decoded(writer.getvalue()), strict=True):
        if format == "gbrp":
            image = image[[2, 0, 1]].transpose(1, 2, 0)  # PyAV's order
        expected = av.VideoFrame.from_ndarray(image, layout.format.name)
        expected = expected.reformat(format="yuv420p", **ONE_THREAD)
        for plane, of_pyav in zip(unpack_planes(frame), unpack_planes(expected), strict=True):
            np.testing.assert_array_equal(plane, of_pyav)


@pytest.mark.parametrize("format", ["rgb24", "bgra", "gray", "rgb48le"])
@pytest.mark.parametrize("target", ["yuv420p", "yuv444p", "yuv420p10le"])
@pytest.mark.parametrize("filters", [None, [("null", "")]])
def test_conversion_is_exact(format: str, target: str, filters: Any) -> None:
    layout = frame_layout(format, 34, 18)
    assert layout.shape is not None
    assert layout.dtype is not None
    top = np.iinfo(layout.dtype).max + 1
    batch = noise(3, *layout.shape, dtype=layout.dtype.type, top=top)[:, ::-1]
    with VideoWriter(
        "<bytes>",
        container="nut",
        codec="ffv1",
        out_pixel_format=target,
        filter_sequence=filters,
    ) as writer:
        writer.write(batch, in_pixel_format=format)
    for image, frame in zip(batch, decoded(writer.getvalue()), strict=True):
        expected = av.VideoFrame(34, 18, target)
        made = np.ascontiguousarray(image)
        plan_back(format, target, 34, 18).write(made.ctypes.data, expected)
        for plane, exact in zip(unpack_planes(frame), unpack_planes(expected), strict=True):
            np.testing.assert_array_equal(plane, exact)


@pytest.mark.parametrize("target", ["gray", "gray16le", "yuva420p", "yuv440p", "gbrp10le", "bgra"])
def test_conversions_that_the_kernels_do_not_know(frames: np.ndarray, target: str) -> None:
    with VideoWriter("<bytes>", container="nut", codec="ffv1", out_pixel_format=target) as writer:
        writer.write(frames)
    for image, frame in zip(frames, decoded(writer.getvalue()), strict=True):
        made = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format=target, **ONE_THREAD)
        for plane, of_pyav in zip(unpack_planes(frame), unpack_planes(made), strict=True):
            np.testing.assert_array_equal(plane, of_pyav)


def test_conversion_is_one_of_two() -> None:
    with pytest.raises(ValueError, match="'exact' or 'ffmpeg'"):
        VideoWriter("<bytes>", container="nut", conversion="fast")


def test_raw_formats_that_a_container_would_confuse() -> None:
    frames = noise(2, HEIGHT, WIDTH, 4)
    with VideoWriter("<bytes>", extension=".avi", codec="rawvideo") as writer:
        writer.write(frames, in_pixel_format="rgba")
    np.testing.assert_array_equal(arrays(writer.getvalue(), "rgba"), frames)
    with (
        VideoWriter(
            "<bytes>", extension=".avi", codec="rawvideo", out_pixel_format="rgb24"
        ) as writer,
        pytest.raises(EncodeError, match="out_pixel_format='bgr24'"),
    ):
        writer.write(frames[..., :3])


# --- rates and times ---


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (24, 24), (np.int64(25), 25), (np.uint8(30), 30), (29.97, Fraction(2997, 100)),
        (30000 / 1001, Fraction(30000, 1001)), (np.float32(29.97), Fraction(2997, 100)),
        (np.float32(24000 / 1001), Fraction(24000, 1001)), (1 / 3, Fraction(1, 3)),
        (Fraction(60000, 1001), Fraction(60000, 1001)), ("30000/1001", Fraction(30000, 1001)),
        ("23.976", Fraction(2997, 125)), ("25", 25), (Decimal("12.5"), Fraction(25, 2)),
        (Fraction(29.97), Fraction(2997, 100)), (0.1, Fraction(1, 10)), (np.float64(50), 50),
    ],
)  # fmt: skip
def test_rates_are_taken_for_what_is_meant(given: Any, meant: Fraction) -> None:
    assert exact_rate(given) == meant


@pytest.mark.parametrize(
    "given", [0, -1, "abc", None, True, float("nan"), float("inf"), [3], 2**40]
)
def test_rates_that_are_none(given: Any) -> None:
    with pytest.raises(ValueError, match="fps must be"):
        exact_rate(given)


@pytest.mark.parametrize("fps", [24, 29.97, "30000/1001", Fraction(24000, 1001), np.float32(12.5)])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.nut"])
def test_the_rate_is_kept(tmp_path: Path, frames: np.ndarray, fps: Any, name: str) -> None:
    with VideoWriter(tmp_path / name, fps=fps, codec="mpeg4") as writer:
        writer.write(frames)
    rate = exact_rate(fps)
    with av.open(str(tmp_path / name)) as container:
        stream = container.streams.video[0]
        if name != "a.nut":  # which has none
            assert stream.average_rate == rate
        assert stream.time_base is not None
        tick = Fraction(stream.time_base.numerator, stream.time_base.denominator)
        times = [frame.pts * tick for frame in container.decode(video=0)]
    assert len(times) == COUNT
    for number, time in enumerate(times):
        assert abs(time - number / rate) <= tick / 2
    if name in ("a.mp4", "a.avi"):
        assert times == [number / rate for number in range(COUNT)]


def test_metadata_and_rotation(tmp_path: Path, frames: np.ndarray) -> None:
    path = tmp_path / "a.mp4"
    rotation = 90 if CAN_ROTATE else 0
    with VideoWriter(path, metadata={"title": "Grüße"}, rotation=rotation) as writer:
        writer.metadata["comment"] = "made here"
        writer.stream_metadata["language"] = "deu"
        writer.write(frames)
    with av.open(str(path)) as container:
        assert container.metadata["title"] == "Grüße"
        assert container.metadata["comment"] == "made here"
        assert container.streams.video[0].metadata["language"] == "deu"
        assert next(container.decode(video=0)).rotation == rotation
    if not CAN_ROTATE:
        with (
            VideoWriter("<bytes>", extension=".mp4", rotation=90) as writer,
            pytest.raises(EncodeError, match="PyAV 17"),
        ):
            writer.write(frames)


def test_key_frames(frames: np.ndarray) -> None:
    with VideoWriter(
        "<bytes>", extension=".mp4", max_keyframe_interval=3, force_keyframes=True
    ) as writer:
        writer.write(frames)
    keys = [n for n, frame in enumerate(decoded(writer.getvalue())) if frame.key_frame]
    assert keys[0] == 0
    assert max(np.diff([*keys, COUNT])) <= 3


def test_options_and_threads_reach_the_encoder(frames: np.ndarray) -> None:
    sizes = []
    for crf in ("5", "45"):
        with VideoWriter(
            "<bytes>", extension=".mp4", options={"crf": crf, "preset": "fast"}, thread_count=1
        ) as writer:
            writer.write(frames)
        sizes.append(len(writer.getvalue()))
    assert sizes[0] > 2 * sizes[1]
    with VideoWriter("<bytes>", extension=".mp4", codec="mpeg4", thread_count=3) as writer:
        writer.write(frames[:1])
        assert writer._stream is not None
        assert writer._stream.codec_context.thread_count == 3


def test_muxer_options_reach_the_muxer(tmp_path: Path, frames: np.ndarray) -> None:
    path = tmp_path / "a.mp4"
    with VideoWriter(path, container_options={"movflags": "faststart"}) as writer:
        writer.write(frames)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert len(decoded(path)) == COUNT


# --- filters ---


def test_a_filter_changes_the_size_and_the_count(frames: np.ndarray) -> None:
    with VideoWriter(
        "<bytes>",
        extension=".mp4",
        filter_sequence=[("tpad", "stop=3"), ("scale", {"width": 32, "height": 16})],
    ) as writer:
        writer.write(frames)
    assert arrays(writer.getvalue()).shape == (COUNT + 3, 16, 32, 3)


@pytest.mark.parametrize(
    ("filters", "count", "rate"),
    [
        ([("framestep", "2")], 4, Fraction(25, 2)),
        ([("fps", "50")], 14, 50),
        ([("setpts", "0.5*PTS")], 7, 50),
        ([("reverse", "")], 7, 25),
        ([("trim", "end_frame=3")], 3, 25),
        ([("trim", "end_frame=1")], 1, 25),
    ],
)
def test_filters_lose_no_frame_and_tell_the_rate(
    tmp_path: Path, frames: np.ndarray, filters: Any, count: int, rate: Fraction
) -> None:
    path = tmp_path / "a.mp4"
    with VideoWriter(path, fps=25, filter_sequence=filters) as writer:
        for frame in frames:
            writer.write_frame(frame)
    with av.open(str(path)) as container:
        assert len(list(container.decode(video=0))) == count
        assert container.streams.video[0].average_rate == rate


def test_filters_change_between_writes(frames: np.ndarray) -> None:
    with VideoWriter("<bytes>", container="nut", codec="ffv1") as writer:
        writer.set_filter([("reverse", "")])
        writer.write(frames[:3])
        writer.set_filter([("reverse", "")])  # the same: goes on
        writer.write(frames[3:5])
        writer.set_filter()
        writer.write(frames[5:])
    expected = np.concatenate([frames[4::-1], frames[5:]])
    np.testing.assert_array_equal(arrays(writer.getvalue()), expected)


def test_a_palette_for_gif(tmp_path: Path) -> None:
    ramp = np.zeros((3, 32, 32, 3), np.uint8)
    ramp[..., 0] = np.arange(32) * 8
    graph = (
        {"copies": ("split", ""), "make": ("palettegen", ""), "use": ("paletteuse", "dither=none")},
        [
            ("video_in", "copies", 0, 0), ("copies", "make", 0, 0), ("copies", "use", 1, 0),
            ("make", "use", 0, 1), ("use", "video_out", 0, 0),
        ],
    )  # fmt: skip
    with VideoWriter(
        tmp_path / "a.gif", fps=50, out_pixel_format="pal8", filter_graph=graph
    ) as writer:
        writer.write(ramp)
    assert np.abs(arrays(tmp_path / "a.gif").astype(int) - ramp).max() <= 8


# --- mistakes ---

RATES_ARE_KNOWN = pytest.mark.skipif(
    frame_rates(av.Codec("mpeg1video", "w")) is None,
    reason="PyAV 15 and 16 do not tell the rates of an encoder, which refuses them when it opens",
)


@pytest.mark.parametrize(
    ("target", "settings", "error", "message"),
    [
        ("a.nope", {}, ValueError, "no container goes by"),
        ("a", {}, ValueError, "no container goes by"),
        ("a.mp4", {"container": "nope"}, ValueError, "no container named 'nope'"),
        ("a.mp4", {"codec": "nope"}, ValueError, "no encoder named 'nope'"),
        ("a.mp4", {"codec": "aac"}, ValueError, "audio, not video"),
        ("a.webm", {"codec": "libx264"}, EncodeError, "'webm' cannot hold 'libx264'.*'vp9'"),
        ("a.mp4", {"out_pixel_format": "rgb24"}, EncodeError, "libx264 does not encode"),
        ("a.mp4", {"out_pixel_format": "yuv420"}, ValueError, "yuv420p"),
        pytest.param("a.mpg", {"fps": 17}, EncodeError, "30000/1001", marks=RATES_ARE_KNOWN),
        ("a.mp4", {"thread_count": -1}, ValueError, "thread_count"),
        ("a.mp4", {"filter_sequence": [("nope", "")]}, ValueError, "no filter named"),
        ("missing/a.mp4", {}, FileNotFoundError, "missing"),
        (".", {"container": "mp4"}, IsADirectoryError, "."),
        (3, {}, TypeError, "int"),
        (io.BytesIO(), {}, ValueError, "pass container="),
        (io.StringIO(), {"container": "mp4"}, TypeError, "text mode"),
    ],
)
def test_mistakes_that_are_told_at_once(
    tmp_path: Path, target: Any, settings: Any, error: type[Exception], message: str
) -> None:
    if isinstance(target, str):
        target = tmp_path / target
    with pytest.raises(error, match=message):
        VideoWriter(target, **settings)
    assert os.listdir(tmp_path) == []


def test_a_closed_target() -> None:
    closed = io.BytesIO()
    closed.close()
    with pytest.raises(ValueError, match="closed"):
        VideoWriter(closed, container="mp4")


@pytest.mark.parametrize(
    ("settings", "shape", "message"),
    [
        ({}, (HEIGHT, WIDTH - 1), r"out_pixel_format='yuv444p'.*'ffv1'.*pad.*crop"),
        ({}, (HEIGHT - 1, WIDTH), "height divisible by 2"),
        ({"options": {"bogus": 1}}, (HEIGHT, WIDTH), "no option named 'bogus'"),
        ({"options": {"crf": "x"}}, (HEIGHT, WIDTH), "refuses.*'crf': 'x'"),
        ({"codec": "mpeg4", "fps": "100000/70001"}, (HEIGHT, WIDTH), "100000/70001"),
    ],
)
def test_refusals_come_before_anything_is_written(
    tmp_path: Path, settings: Any, shape: tuple[int, int], message: str
) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"precious")
    with (
        VideoWriter(path, **settings) as writer,
        pytest.raises(EncodeError, match=message),
    ):
        writer.write(noise(2, *shape, 3))
    assert path.read_bytes() == b"precious"
    assert writer.frames_written == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"filter_sequence": [("pad", "ceil(iw/2)*2:ceil(ih/2)*2")]}, (50, 64)),
     ({"filter_sequence": [("crop", "trunc(iw/2)*2:trunc(ih/2)*2")]}, (48, 62)),
     ({"out_pixel_format": "yuv444p"}, (49, 63))],
)  # fmt: skip
def test_the_ways_out_lead_out(settings: Any, message: tuple[int, int]) -> None:
    with VideoWriter("<bytes>", extension=".mp4", **settings) as writer:
        writer.write(noise(2, 49, 63, 3))
    assert arrays(writer.getvalue()).shape[1:3] == message


@pytest.mark.parametrize(
    ("image", "format", "words"),
    [
        (np.zeros((HEIGHT, WIDTH, 3)), "rgb24", "uint8"),
        (np.zeros((HEIGHT, WIDTH, 3), np.uint16), "rgb24", "uint8"),
        (np.zeros((HEIGHT, WIDTH), np.uint8), "gray16le", "uint16"),
        (np.zeros((HEIGHT, WIDTH, 4), np.uint8), "rgb24", "3"),
        (np.zeros((HEIGHT, 32, 3), np.uint8), "rgb24", "frame 1 is 32x48"),
        (np.zeros((HEIGHT, WIDTH, 3), np.uint8), "nope", "nope"),
        (None, "rgb24", "got NoneType"),
    ],
)
def test_wrong_frames_are_refused_and_writing_goes_on(
    frames: np.ndarray, image: Any, format: str, words: str
) -> None:
    with VideoWriter("<bytes>", container="nut", codec="ffv1") as writer:
        writer.write_frame(frames[0])
        with pytest.raises((TypeError, ValueError), match=words):
            writer.write_frame(image, pixel_format=format)
        writer.write_frame(frames[1])
    np.testing.assert_array_equal(arrays(writer.getvalue()), frames[:2])


def test_no_frames_at_all() -> None:
    with VideoWriter("<bytes>", extension=".mp4") as writer:
        writer.write([])
        with pytest.raises(TypeError, match="iterable"):
            writer.write(3)
    assert writer.getvalue() == b""


def test_one_name_holds_one_picture(tmp_path: Path, frames: np.ndarray) -> None:
    with (
        VideoWriter(tmp_path / "a.png") as writer,
        pytest.raises(ValueError, match=r"picture%03d\.png"),
    ):
        writer.write(frames)
    np.testing.assert_array_equal(arrays(tmp_path / "a.png")[0], frames[0])


def test_conversions_that_do_not_exist(frames: np.ndarray) -> None:
    with (
        VideoWriter("<bytes>", extension=".gif", out_pixel_format="pal8") as writer,
        pytest.raises(UnsupportedFormatError, match="rgb24 to pal8"),
    ):
        writer.write(frames)


def test_closed_writers(frames: np.ndarray) -> None:
    writer = VideoWriter("<bytes>", extension=".mp4")
    with pytest.raises(ValueError, match="not finished"):
        writer.getvalue()
    writer.write(frames)
    writer.close()
    writer.close()
    assert writer.closed
    with pytest.raises(ValueError, match="closed"):
        writer.write(frames)
    assert len(decoded(writer.getvalue())) == COUNT


@LINUX
def test_x265_and_memory_that_is_not_zero() -> None:
    """Of one or two frames it takes decoding times from memory that it never set."""
    code = """if True:
        import io, numpy as np, fastav
        for container in ("matroska", "mp4"):
            for count in (1, 2, 3):
                frames, file = np.zeros((count, 48, 64, 3), np.uint8), io.BytesIO()
                fastav.imwrite(file, frames, codec="libx265", container=container)
                assert len(fastav.imread(file.getvalue())) == count, (container, count)
        """
    # The complement of this byte fills what malloc hands out: times that are too large to write.
    environment = os.environ | {"MALLOC_PERTURB_": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr.decode()


# --- when things break ---


def test_an_exception_in_the_block_leaves_a_playable_file(
    tmp_path: Path, frames: np.ndarray
) -> None:
    path = tmp_path / "a.mp4"

    def broken() -> Iterator[np.ndarray]:
        yield from frames
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"), VideoWriter(path) as writer:
        writer.write(broken())
    assert writer.closed
    assert len(decoded(path)) == COUNT


def test_an_exception_in_the_block_tells_of_a_file_without_an_end(frames: np.ndarray) -> None:
    file = Stubborn()
    with (  # noqa: PT012
        pytest.raises(KeyError, match="mine") as raised,
        VideoWriter(file, container="avi") as writer,
    ):
        writer.write(frames)
        file.room = 0
        raise KeyError("mine")
    (note,) = raised.value.__notes__
    assert "Stubborn" in note
    assert "enough" in note


@LINUX
@pytest.mark.parametrize(
    ("container", "codec", "count"),
    [("mp4", None, 1), ("mp4", None, 60), ("matroska", None, 60), ("avi", "rawvideo", 60),
     ("nut", "ffv1", 1)],
)  # fmt: skip
def test_a_full_disk(container: str, codec: str | None, count: int) -> None:
    batch = noise(count, 96, 128, 3)
    before = descriptors(), threads()
    with pytest.raises(OSError, match="No space left on device: '/dev/full'") as raised:  # noqa: SIM117
        with VideoWriter("/dev/full", container=container, codec=codec) as writer:
            writer.write(batch)
    assert raised.value.errno == 28
    assert writer.closed
    del raised
    assert descriptors() == before[0]
    assert threads(before[1]) <= before[1]


class Stubborn(io.BytesIO):
    """Refuses to be written to after some bytes."""

    room = 40_000

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > self.room:
            raise RuntimeError("enough")
        return super().write(data)


@pytest.mark.parametrize("container", ["mp4", "avi", "matroska"])
def test_a_target_that_fails_midway(container: str) -> None:
    with (
        pytest.raises(RuntimeError, match="enough"),
        VideoWriter(Stubborn(), container=container, codec="mpeg4", options={"b": "9M"}) as writer,
    ):
        writer.write(noise(60, 96, 128, 3))
    assert writer.closed


def test_a_target_that_is_closed_midway(frames: np.ndarray) -> None:
    target = io.BytesIO()
    writer = VideoWriter(target, container="avi", codec="rawvideo")
    writer.write(frames)
    target.close()
    with pytest.raises(ValueError, match="closed"):
        writer.close()
    writer.close()


def test_a_target_that_cannot_seek(frames: np.ndarray) -> None:
    class Pipe:
        def __init__(self) -> None:
            self.data = b""

        def write(self, data: bytes) -> int:
            self.data += data
            return len(data)

    pipe = Pipe()
    with VideoWriter(pipe, container="matroska") as writer:  # type: ignore[arg-type]
        writer.write(frames)
    assert len(decoded(pipe.data)) == COUNT
    with (
        VideoWriter(Pipe(), container="mp4") as writer,  # type: ignore[arg-type]
        pytest.raises(EncodeError, match=r"cannot begin 'mp4' in '<Pipe>' \(which cannot seek"),
    ):
        writer.write(frames)
    assert writer.closed


class Sipping:
    """Takes a few bytes at a time, as a raw socket or pipe may; with None it takes all."""

    def __init__(self, most: int | None) -> None:
        self.data = bytearray()
        self.most = most

    def write(self, data: bytes) -> int | None:
        taken = data[: self.most]
        self.data += taken
        return None if self.most is None else len(taken)


class SippingFile(Sipping):
    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.file = io.BytesIO()
        self.seek, self.tell = self.file.seek, self.file.tell

    def write(self, data: bytes) -> int:
        return self.file.write(data[: self.most])


def test_a_target_that_takes_little_at_a_time(frames: np.ndarray) -> None:
    for most in (1000, 1, None):
        pipe = Sipping(most)
        with VideoWriter(pipe, container="matroska", codec="ffv1") as writer:  # type: ignore[arg-type]
            writer.write(frames)
        np.testing.assert_array_equal(arrays(bytes(pipe.data)), frames)
    for container, start in product(("mov", "avi"), (0, 77)):
        file = SippingFile(1000)
        file.file.write(b"x" * start)
        with VideoWriter(file, container=container, codec="png") as writer:  # type: ignore[arg-type]
            writer.write(frames)
        assert file.file.getvalue()[:start] == b"x" * start
        np.testing.assert_array_equal(arrays(file.file.getvalue()[start:]), frames)


def test_a_target_that_takes_nothing(frames: np.ndarray) -> None:
    with (
        pytest.raises(OSError, match="<Sipping> took none of"),
        VideoWriter(Sipping(0), container="matroska") as writer,  # type: ignore[arg-type]
    ):
        writer.write(frames)

    class Busy(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> None:  # type: ignore[override]
            return None

    with (
        pytest.raises(BlockingIOError, match="blocking mode"),
        VideoWriter(Busy(), container="matroska") as writer,  # type: ignore[arg-type]
    ):
        writer.write(frames)


def test_a_file_that_the_muxer_reads_back(tmp_path: Path, frames: np.ndarray) -> None:
    path = tmp_path / "a.mp4"
    with (
        path.open("wb") as file,
        VideoWriter(file, container="mp4", container_options={"movflags": "faststart"}) as writer,
    ):
        writer.write(frames)
    assert len(decoded(path)) == COUNT
    assert path.read_bytes().index(b"moov") < path.read_bytes().index(b"mdat")


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libvpx-vp9", "mpeg4", "ffv1"])
@pytest.mark.parametrize("when", [0, 7, "closing"])
def test_ctrl_c_waits_until_the_file_is_whole(
    frames: np.ndarray, codec: str, when: int | str
) -> None:
    """It arrives while the muxer writes, where it would cost a packet, or the end."""

    class Interrupting(io.BytesIO):
        armed = False

        def write(self, data: Any) -> int:
            if self.armed:
                self.armed = False
                signal.raise_signal(signal.SIGINT)
            return super().write(data)

    file = Interrupting()
    begun = 0
    with (  # noqa: PT012
        pytest.raises(KeyboardInterrupt) as caught,
        VideoWriter(
            file,
            container="matroska",
            codec=codec,
            container_options={"flush_packets": 1},
        ) as writer,
    ):
        for number in range(3 * COUNT):
            file.armed |= number == when
            begun = number + 1
            writer.write_frame(frames[number % COUNT])
        file.armed = True
    assert getattr(caught.value, "__notes__", []) == []
    assert not file.armed
    assert writer.closed
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert len(decoded(file.getvalue())) == begun


def test_a_second_ctrl_c_waits_for_nothing(frames: np.ndarray) -> None:
    interrupts = 0

    class Interrupting(io.BytesIO):
        def write(self, data: Any) -> int:
            nonlocal interrupts
            interrupts += 1
            if interrupts <= 2:
                signal.raise_signal(signal.SIGINT)
            return super().write(data)

    with (
        pytest.raises(KeyboardInterrupt),
        VideoWriter(Interrupting(), container="matroska") as writer,
    ):
        writer.write(frames)
    assert writer.closed
    assert interrupts >= 2
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@LINUX
@pytest.mark.parametrize(("container", "last"), [("mp4", True), ("mov", True), ("avi", False)])
def test_a_full_disk_tells_what_is_lost(container: str, last: bool) -> None:
    def notes(**options: Any) -> str:
        with (
            pytest.raises(OSError, match="No space left") as raised,
            VideoWriter("/dev/full", container=container, codec="mpeg4", **options) as writer,
        ):
            writer.write(noise(9, 96, 128, 3))
        return "".join(getattr(raised.value, "__notes__", ()))

    assert ("without its end" in notes() and "'matroska'" in notes()) is last
    if last:
        assert notes(container_options={"movflags": "frag_keyframe+empty_moov"}) == ""


@LINUX
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_nothing_is_left_open(tmp_path: Path, name: str) -> None:
    frames = noise(40, 96, 128, 3)
    before = descriptors(), threads()
    for codec in (None, "ffv1") if name == "a.mkv" else (None,):
        with VideoWriter(
            tmp_path / name, codec=codec, filter_sequence=[("scale", "64:64")]
        ) as writer:
            writer.write(frames)
        assert descriptors() == before[0]
        assert threads(before[1]) <= before[1]


def run(code: str) -> str:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


PRELUDE = """
import os, sys, numpy as np
from fastav.writing.writer import VideoWriter
frames = np.zeros((5, 48, 64, 3), np.uint8)
"""


def test_the_interpreter_may_exit_without_close(tmp_path: Path) -> None:
    run(PRELUDE + f"w = VideoWriter({str(tmp_path / 'a.mp4')!r}); w.write(frames)")
    assert len(decoded(tmp_path / "a.mp4")) == 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_child_forked_afterwards_does_not_hang(tmp_path: Path) -> None:
    out = run(
        PRELUDE
        + f"""
with VideoWriter({str(tmp_path / "a.mkv")!r}, codec="ffv1") as w:
    w.write(frames)
child = os.fork()
if child == 0:
    with VideoWriter({str(tmp_path / "b.mkv")!r}, codec="ffv1") as w:
        w.write(frames)
    sys.exit(0)
print(os.waitpid(child, 0)[1])
"""
    )
    assert out.strip() == "0"
    assert len(decoded(tmp_path / "b.mkv")) == 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.parametrize("leave", ["os._exit(0)", "sys.exit(0)"])
@pytest.mark.parametrize(
    ("name", "codec"), [("a.avi", "ffv1"), ("a.mkv", "ffv1"), ("a.mp4", "libx264")]
)
def test_a_child_leaves_an_inherited_writer_alone(
    tmp_path: Path, name: str, codec: str, leave: str
) -> None:
    out = run(
        PRELUDE
        + f"""
w = VideoWriter({str(tmp_path / name)!r}, codec={codec!r}, thread_count=2)
w.write(frames)
child = os.fork()
if child == 0:
    assert w.closed
    w.close()
    del w
    {leave}
status = os.waitpid(child, 0)[1]
w.write(frames)
w.close()
print(status)
"""
    )
    assert out.strip() == "0"
    assert len(decoded(tmp_path / name)) == 10


def test_what_was_said_at_opening_holds(tmp_path: Path, frames: np.ndarray) -> None:
    path = tmp_path / "a.mkv"
    given: dict[str, Any] = {"codec": "mpeg4", "max_keyframe_interval": 2, "fps": 12}
    with fastav.imopen(path, "w", options={"qmin": 3}, **given) as file:
        file.write(np.zeros_like(frames), fps=30, options={"qmax": 4})
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "mpeg4"
        assert stream.average_rate == 30
    assert [bool(f.key_frame) for f in decoded(path)[:4]] == [True, False, True, False]
    with pytest.raises(EncodeError, match="no option named 'nonsense'"):
        fastav.imopen(path, "w", options={"nonsense": 3}).write(frames, fps=30)


def test_bytes_of_a_file_that_is_written_frame_by_frame(frames: np.ndarray) -> None:
    file = fastav.imopen("<bytes>", "w", extension=".mkv", codec="ffv1")
    file.init_video_stream(fps=5)
    for frame in frames:
        file.write_frame(frame)
    file.close()
    assert len(decoded(file.getvalue())) == COUNT


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
@pytest.mark.parametrize(
    ("pace", "rate"), [("0.5*PTS", 20), ("2*PTS", 5), ("PTS/3", 30), ("N/15/TB", 15)]
)
def test_filters_change_the_pace(
    tmp_path: Path, frames: np.ndarray, name: str, pace: str, rate: int
) -> None:
    path = tmp_path / name
    fastav.imwrite(
        path, frames, codec="mpeg4", fps=10, filter_sequence=[("setpts", pace), ("null", "")]
    )
    times = [f.time for f in decoded(path)]
    np.testing.assert_allclose(times, np.arange(COUNT) / rate, atol=0.0011)


def test_filters_learn_the_rate_with_the_first_write(tmp_path: Path, frames: np.ndarray) -> None:
    path = tmp_path / "a.mkv"
    with fastav.imopen(path, "w") as file:
        file.set_video_filter([("tpad", "stop_duration=0.5")])
        file.write(frames, fps=10)
    assert len(decoded(path)) == COUNT + 5


@pytest.mark.parametrize("target", ["a.mp4", "<bytes>"])
def test_filters_that_keep_nothing(tmp_path: Path, frames: np.ndarray, target: str) -> None:
    place = target if target == "<bytes>" else str(tmp_path / target)
    none: Any = {"filter_sequence": [("select", "0")]}
    with pytest.raises(ValueError, match="there is no frame to write"):
        fastav.imwrite(place, frames, extension=".mp4", **none)
    with (
        pytest.raises(ValueError, match="there is no frame to write"),
        fastav.imopen(place, "w", extension=".mp4") as file,
    ):
        file.write([])


@pytest.mark.parametrize("name", ["a.avi", "a.nut", "a.ts"])
def test_rotation_where_there_is_no_place(tmp_path: Path, frames: np.ndarray, name: str) -> None:
    with pytest.raises(EncodeError, match="no place for rotation"):
        fastav.imwrite(tmp_path / name, frames, rotation=90)


@pytest.mark.parametrize("name", ["a.mkv", "a.webm", "a.mp4"])
def test_tags_are_read_by_the_names_they_were_given(
    tmp_path: Path, frames: np.ndarray, name: str
) -> None:
    tags = {"title": "a title", "comment": "a comment"}
    fastav.imwrite(tmp_path / name, frames, metadata=tags)
    assert tags.items() <= fastav.immeta(tmp_path / name).items()


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt("stop"), SystemExit(3)])
@pytest.mark.parametrize("container", ["matroska", "mp4", "nut"])
@pytest.mark.parametrize("at", [1, 3, 5])
def test_an_interrupt_in_a_files_own_write_comes_out(
    container: str, at: int, interrupt: BaseException
) -> None:
    """PyAV prints and forgets what is no ``Exception``."""

    class Interrupted(io.BytesIO):
        calls = 0

        def write(self, data: Any) -> int:
            self.calls += 1
            if self.calls == at:
                raise interrupt
            return super().write(data)

    frames = np.random.default_rng(3).integers(0, 256, (30, 48, 64, 3), np.uint8)
    file = Interrupted()
    writer = fastav.open(file, "w", container=container, codec="mpeg4")
    with pytest.raises(type(interrupt)) as raised, writer:
        writer.write(frames)
    assert raised.value is interrupt
    assert writer.closed
    with pytest.raises(ValueError, match="closed"):
        writer.write(frames)


@pytest.mark.parametrize("width", [16, 32, 34, 48, 50, 64])
def test_widths_that_crash_an_encoder_are_refused(width: int, tmp_path: Path) -> None:
    path, frames = tmp_path / "small.mp4", np.zeros((3, 32, width, 3), np.uint8)
    if width in (34, 48):
        with pytest.raises(EncodeError, match=r"libx265 .* 33 to 48 pixels wide, got .*'pad'"):
            fastav.imwrite(path, frames, codec="libx265")
        assert not path.exists()
        pad = [("pad", "64:ih")]
        fastav.imwrite(path, frames, codec="libx265", filter_sequence=pad)
        assert fastav.imread(path).shape == (3, 32, 64, 3)
    else:
        fastav.imwrite(path, frames, codec="libx265")
        assert fastav.imread(path).shape == frames.shape

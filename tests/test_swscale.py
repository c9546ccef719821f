"""The direct conversion equals PyAV's reformat, and stays inside its destination."""

from __future__ import annotations

from functools import partial
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from fastav.errors import UnsupportedFormatError
from fastav.pixels import convert, ffmpeg
from fastav.pixels.formats import Kind, pixel_format, software_formats
from fastav.pyav import ONE_THREAD

from .conftest import Kernels
from .media import FOLLOWS_TAGS, rows

pytestmark = FOLLOWS_TAGS

FFMPEG = partial(convert.ConversionOptions, conversion="ffmpeg")
TARGETS = {"rgb24": 3, "bgr24": 3, "rgba": 4, "bgra": 4, "rgb48le": 6}
SIZES = [
    (64, 16),
    (16, 2),
    (130, 50),
    (33, 18),
    (33, 17),
    (1, 1),
    (2, 3),
    (7, 6),
    (17, 4),
    (322, 6),
]


def noise(format: str, width: int, height: int, seed: int = 0) -> av.VideoFrame:
    frame = av.VideoFrame(width, height, format)
    rng = np.random.default_rng(seed)
    for plane in frame.planes:
        np.frombuffer(plane, np.uint8)[:] = rng.integers(0, 256, plane.buffer_size, np.uint8)
    return frame


@pytest.fixture
def scaler(kernels: Kernels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert, "swscale", kernels("swscale"))


def is_floating_noise(format: str) -> bool:
    """Random bytes are NaNs in floating point, whose conversion is anybody's guess."""
    return pixel_format(format).float


def pyav_leaves_columns(source: str, target: str, width: int) -> bool:
    """Where PyAV's own result has columns that were never written (see test below)."""
    if source not in convert._BLOCK_SOURCES:
        return False
    if convert._X86:
        return target not in ("rgb24", "bgr24") and width % convert._BLOCK != 0
    return width % 2 != 0


def converted(frame: av.VideoFrame, target: str) -> np.ndarray[Any, Any]:
    """Convert between guard bytes, which must survive."""
    converter = convert.FrameConverter(FFMPEG(format=target))
    (output,) = converter.prepare(frame)
    guard = 256
    for fill in (0x5A, 0xA5):
        memory = np.full(output.nbytes + 2 * guard, fill, np.uint8)
        converter.write(frame, memory.ctypes.data + guard)
        assert (memory[:guard] == fill).all()
        assert (memory[-guard:] == fill).all()
    return memory[guard:-guard].reshape(frame.height, -1)


def can_convert(source: str, target: str) -> bool:
    try:
        VideoReformatter().reformat(av.VideoFrame(16, 16, source), format=target, **ONE_THREAD)
    except (ValueError, OSError):
        return False
    return True


SOURCES = [
    name
    for name in software_formats()
    # libswscale aborts on yaf32.
    if not name.startswith("yaf32") and not is_floating_noise(name)
]


@pytest.mark.usefixtures("scaler")
@pytest.mark.parametrize("target", TARGETS)
def test_every_source_equals_reformat(target: str) -> None:
    reformatter = VideoReformatter()
    compared = 0
    for source in SOURCES:
        if not can_convert(source, target):
            with pytest.raises(UnsupportedFormatError, match=source):
                converted(noise(source, 16, 16), target)
            continue
        for number, (width, height) in enumerate(SIZES):
            if pixel_format(source).mosaic and min(width, height) < 2:
                continue
            if pyav_leaves_columns(source, target, width):
                continue
            frame = noise(source, width, height, seed=number)
            frame.colorspace = (2, 1, 9, 5)[number % 4]
            frame.color_range = number % 3
            expected = rows(
                reformatter.reformat(frame, format=target, **ONE_THREAD), TARGETS[target]
            )
            result = converted(frame, target)
            assert np.array_equal(result, expected), (source, target, width, height)
            compared += 1
    assert compared > 1400


@pytest.mark.usefixtures("scaler")
@pytest.mark.parametrize("target", ["rgb24", "bgr24"])
@pytest.mark.parametrize("source", sorted(convert._BLOCK_SOURCES))
def test_every_width_of_the_block_converters(source: str, target: str) -> None:
    reformatter = VideoReformatter()
    step = 1 if convert._X86 else 2
    for width in [*range(step, 70, step), 320, 322, 854, 1278]:
        frame = noise(source, width, 4, seed=width)
        expected = rows(reformatter.reformat(frame, format=target, **ONE_THREAD), 3)
        assert np.array_equal(converted(frame, target), expected), width


@pytest.mark.usefixtures("scaler")
@pytest.mark.skipif(not convert._X86, reason="PyAV leaves out odd last columns only: see below")
@pytest.mark.parametrize("target", ["rgba", "bgra"])
def test_columns_that_pyav_leaves_unwritten_are_written(target: str) -> None:
    # The wider picture has the same pixels in its left part, and PyAV converts all of those.
    for width in (17, 18, 20, 33, 34, 130):
        wide = noise("yuv420p", (width + 31) // 16 * 16, 4, seed=width)
        frame = av.VideoFrame(width, 4, "yuv420p")
        for plane, from_wide in zip(frame.planes, wide.planes, strict=True):
            line = np.frombuffer(from_wide, np.uint8).reshape(-1, from_wide.line_size)
            np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:, : plane.width] = line[
                : plane.height, : plane.width
            ]
        bytes_per_pixel = TARGETS[target]
        expected = rows(
            VideoReformatter().reformat(wide, format=target, **ONE_THREAD), bytes_per_pixel
        )[:, : width * bytes_per_pixel]
        assert np.array_equal(converted(frame, target), expected), width


@pytest.mark.usefixtures("scaler")
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("x86", sorted({convert._X86, False}))
def test_odd_widths_have_their_last_column(
    target: str, x86: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convert, "_X86", x86)
    dtype = np.uint16 if target == "rgb48le" else np.uint8
    for width in (1, 3, 17, 33):
        frame = noise("yuv420p", width, 4)
        for plane, value in zip(frame.planes, (180, 90, 200), strict=True):
            np.frombuffer(plane, np.uint8)[:] = value
        pixels = converted(frame, target).view(dtype)
        pixels = pixels.reshape(-1, TARGETS[target] // dtype().itemsize)
        assert (pixels == pixels[0]).all(), width
        assert pixels[0].min() > 0


@pytest.mark.usefixtures("scaler")
def test_negative_line_size() -> None:
    graph = av.filter.Graph()
    source = graph.add_buffer(width=64, height=32, format="yuv420p", time_base=1)
    flip, sink = graph.add("vflip"), graph.add("buffersink")
    source.link_to(flip)
    flip.link_to(sink)
    graph.configure()
    frame = noise("yuv420p", 64, 32)
    graph.push(frame)
    flipped = graph.pull()
    assert flipped.planes[0].line_size < 0
    expected = rows(VideoReformatter().reformat(frame, format="rgb24", **ONE_THREAD), 3)[::-1]
    assert np.array_equal(converted(flipped, "rgb24"), expected)


def test_what_makes_libswscale_abort_is_refused() -> None:
    for name in ("yaf32le", "yaf32be"):
        with pytest.raises(UnsupportedFormatError, match="format=None"):
            converted(av.VideoFrame(16, 16, name), "rgb24")
    for name in (n for n in software_formats() if pixel_format(n).kind is Kind.BAYER):
        with pytest.raises(UnsupportedFormatError, match="1x1"):
            converted(av.VideoFrame(1, 1, name), "rgb24")


def test_without_functions_everything_goes_through_pyav(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = noise("yuv420p", 64, 16)
    direct = converted(frame, "rgb24")
    monkeypatch.setattr(ffmpeg, "functions", lambda: None)
    assert np.array_equal(converted(frame, "rgb24"), direct)


def test_scaler_refuses_what_libswscale_refuses(kernels: Kernels) -> None:
    functions = ffmpeg.functions()
    assert functions is not None
    number = ffmpeg.pixel_format_id("rgb24")
    with pytest.raises(ValueError, match=r"srcw|cannot make"):
        kernels("swscale").Scaler(functions, number, number, -1, 16, 0, True, 0, True, 2)


def test_mid_stream_colour_tags_are_followed() -> None:
    converter = convert.FrameConverter(FFMPEG())
    reformatter = VideoReformatter()
    for matrix in (1, 9, 1):
        frame = noise("yuv420p", 64, 16)
        frame.colorspace = matrix
        (result,) = converter.convert(frame)
        expected = rows(reformatter.reformat(frame, format="rgb24", **ONE_THREAD), 3)
        assert np.array_equal(result.reshape(16, -1), expected)

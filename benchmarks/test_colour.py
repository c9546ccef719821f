"""Colours at 1080p on one thread, into warm memory: against FFmpeg's converter and memcpy.

pytest -s benchmarks/test_colour.py

Contenders take turns in one run, so that what else the machine does hits all of them; in its turn
each works four times and the last counts, so that its memory is warm. Times are this thread's
processor time, the least of many rounds. Nothing is asserted: other tenants of a machine change the
ratios too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from ctypes import memmove
from typing import Any

import av
import numpy as np
import pytest

from fastav.pixels import colour
from fastav.pixels.convert import ConversionOptions, FrameConverter

WIDTH, HEIGHT, ROUNDS = 1920, 1080, 25


def random_frame(format: str) -> av.VideoFrame:
    """A frame of noise; no contender's time depends on the samples."""
    frame = av.VideoFrame(WIDTH, HEIGHT, format)
    rng = np.random.default_rng(0)
    for plane in frame.planes:
        np.ndarray(plane.buffer_size, np.uint8, plane)[:] = rng.integers(
            0, 256, plane.buffer_size, dtype=np.uint8
        )
    return frame


def race(title: str, contenders: Mapping[str, Callable[[], object]]) -> None:
    """Print milliseconds of each contender, the least of interleaved rounds."""
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(ROUNDS):
        for name, work in contenders.items():
            for _ in range(3):
                work()
            begin = time.thread_time_ns()
            work()
            best[name] = min(best[name], (time.thread_time_ns() - begin) / 1e6)
    print(f"\n{title:32s}", "  ".join(f"{name} {ms:.3f}" for name, ms in best.items()), end=" ms")


def ours(frame: av.VideoFrame, target: str, **options: Any) -> Callable[[], object]:
    conversion = colour.plan(frame, target, **options)
    out = np.zeros(conversion.shape, conversion.dtype)
    return lambda: conversion.write(frame, out.ctypes.data)


def ffmpeg(frame: av.VideoFrame, target: str) -> Callable[[], object]:
    converter = FrameConverter(ConversionOptions(format=target, conversion="ffmpeg"))
    (output,) = converter.prepare(frame)
    out = np.zeros(output.shape, output.dtype)
    return lambda: converter.write(frame, out.ctypes.data)


def copy(nbytes: int) -> Callable[[], object]:
    source, target = np.zeros(nbytes, np.uint8), np.zeros(nbytes, np.uint8)
    return lambda: memmove(target.ctypes.data, source.ctypes.data, nbytes)


@pytest.mark.parametrize(
    "format",
    [
        "yuv420p",
        "yuv422p",
        "nv12",
        "yuyv422",
        "yuv444p",
        "yuv420p10le",
        "yuv444p10le",
        "p010le",
    ],
)
def test_rgb24(format: str) -> None:
    frame = random_frame(format)
    race(
        f"{format} to rgb24",
        {
            "fastav": ours(frame, "rgb24"),
            "chw": ours(frame, "rgb24", layout="chw"),
            "FFmpeg": ffmpeg(frame, "rgb24"),
            "memcpy": copy(WIDTH * HEIGHT * 3),
        },
    )


@pytest.mark.parametrize("format", ["yuv420p", "yuv420p10le"])
@pytest.mark.parametrize("target", ["rgba", "gray", "rgb48le"])
def test_other_targets(format: str, target: str) -> None:
    frame = random_frame(format)
    race(f"{format} to {target}", {"fastav": ours(frame, target), "FFmpeg": ffmpeg(frame, target)})


@pytest.mark.parametrize("format", ["yuv420p", "yuv420p10le"])
def test_options(format: str) -> None:
    frame = random_frame(format)
    race(
        f"{format} to rgb24",
        {
            "linear": ours(frame, "rgb24", chroma="linear"),
            "float32": ours(frame, "rgb24", dtype="float32"),
            "float32 chw": ours(frame, "rgb24", dtype="float32", layout="chw"),
            "memcpy float32": copy(WIDTH * HEIGHT * 12),
        },
    )


@pytest.mark.parametrize("target", ["yuv420p", "yuv444p", "nv12", "yuv420p10le", "p010le"])
def test_back(target: str) -> None:
    array = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    conversion = colour.plan_back("rgb24", target, WIDTH, HEIGHT)
    frame, source = av.VideoFrame(WIDTH, HEIGHT, target), av.VideoFrame.from_ndarray(array)
    scaler = av.video.reformatter.VideoReformatter()
    race(
        f"rgb24 to {target}",
        {
            "fastav": lambda: conversion.write(array.ctypes.data, frame),
            "FFmpeg": lambda: scaler.reformat(source, format=target, threads=1),
        },
    )


def test_python_around_a_frame() -> None:
    frame = av.VideoFrame(16, 16, "yuv420p")
    race("16x16 yuv420p to rgb24", {"fastav": ours(frame, "rgb24")})

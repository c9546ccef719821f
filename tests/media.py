"""Clips that tests make for themselves with PyAV's encoders."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from fastav.pyav import ONE_THREAD
from fastav.writing.scheduling import usual_scheduling

from .clips import steady

FOLLOWS_TAGS = pytest.mark.skipif(
    not ONE_THREAD,
    reason="the converter of PyAV 15 and 16 follows no tags, and fastav has no other there",
)


def pictures(count: int, width: int, height: int, seed: int = 0) -> Iterator[NDArray[np.uint8]]:
    """Smooth moving colour pictures with mild noise, each different from the others."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    for number in range(count):
        picture = np.stack(
            [
                127 + 100 * np.sin((x + 3 * number) / 17),
                127 + 100 * np.cos((y - 2 * number) / 13),
                127 + 100 * np.sin((x + y + 5 * number) / 23),
            ],
            axis=-1,
        )
        yield np.clip(picture + rng.normal(0, 4, picture.shape), 0, 255).astype(np.uint8)


def encode(
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    container: str = "mp4",
    width: int = 64,
    height: int = 48,
    count: int = 24,
    rate: Fraction | int = 24,
    options: dict[str, str] | None = None,
    seed: int = 0,
    context: dict[str, Any] | None = None,
) -> bytes:
    """A clip as a file in memory; ``context`` sets attributes of the encoder."""
    file = io.BytesIO()
    with usual_scheduling(), av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, options=steady(codec, options or {}))
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        stream.codec_context.thread_count = 1
        for name, value in (context or {}).items():
            setattr(stream.codec_context, name, value)
        for number, picture in enumerate(pictures(count, width, height, seed)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame = frame.reformat(format=pixel_format, **ONE_THREAD)
            frame.pts = number
            frame.time_base = 1 / Fraction(rate)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


def rows(frame: av.VideoFrame, pixel_bytes: int) -> NDArray[np.uint8]:
    """The bytes of a packed frame, padding cut off: shape (H, W * pixel_bytes)."""
    plane = frame.planes[0]
    data = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return data[: frame.height, : frame.width * pixel_bytes]


def reference(data: Any, format: str = "rgb24", pixel_bytes: int = 3) -> NDArray[np.uint8]:
    """Every frame by PyAV alone: decoded from the start with one thread and reformatted."""
    source = io.BytesIO(data) if isinstance(data, bytes) else data
    reformatter = VideoReformatter()
    with av.open(source) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        made = []
        for frame in container.decode(stream):
            new = reformatter.reformat(frame, format=format, **ONE_THREAD)
            made.append(rows(new, pixel_bytes).reshape(frame.height, frame.width, pixel_bytes))
        return np.stack(made).copy()


def make_sounding(seconds: int = 2) -> bytes:
    """An mp4 with pictures at 25 frames per second, a swept tone, two chapters and a title."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        output.metadata["title"] = "sounding"
        if hasattr(output, "set_chapters"):
            thousandth = Fraction(1, 1000)
            output.set_chapters(
                [
                    {"id": 1, "start": 0, "end": 1000, "time_base": thousandth,
                     "metadata": {"title": "first"}},
                    {"id": 2, "start": 1000, "end": 2000, "time_base": thousandth,
                     "metadata": {"title": "second"}},
                ]
            )  # fmt: skip
        video = output.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = output.add_stream("aac", rate=48000)
        for number, picture in enumerate(pictures(25 * seconds, 64, 48)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(video.encode(frame))
        time = np.arange(48000 * seconds) / 48000
        tone = (0.5 * np.sin(2 * np.pi * (200 + 100 * time) * time)).astype(np.float32)
        for start in range(0, len(tone), 1024):
            sound = av.AudioFrame.from_ndarray(
                tone[None, start : start + 1024], format="fltp", layout="mono"
            )
            sound.sample_rate, sound.pts = 48000, start
            output.mux(audio.encode(sound))
        output.mux(video.encode(None))
        output.mux(audio.encode(None))
    return file.getvalue()

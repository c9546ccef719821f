"""What a container says of a video before a frame is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import av

from ..pixels.h273 import MATRIX_NAMES, PRIMARIES_NAMES, RANGE_NAMES, TRANSFER_NAMES
from ..pyav import first_rate, format_name, fraction, tags
from .input import VideoInput

__all__ = ["VideoInfo", "describe"]

_MOST_FRAMES: Final = 1 << 31  # years of video: who declares more is mistaken

# Elementary streams: no container, no time stamps.
_RAW: Final = frozenset({"h264", "hevc", "vvc", "evc", "m4v", "mpegvideo", "cavsvideo", "h263"})


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """The header's word on one video stream; None where it says nothing.

    Attributes
    ----------
    container, codec, codec_long_name, profile, pixel_format : str or None
        FFmpeg's names.
    stream_index : int
        Number of the stream among all streams of the container.
    width, height : int
        Coded size in pixels, before any rotation.
    pixel_aspect : Fraction or None
        Width of a pixel divided by its height.
    frame_rate : Fraction or None
        Frames per second, on average.
    time_base : Fraction or None
        Seconds per unit of pts.
    start_time, duration : float or None
        Seconds.
    declared_frames : int or None
        The header's count, which may be wrong.
    bit_rate : int or None
        Bits per second, on average.
    colour_range, colour_matrix, colour_primaries, colour_transfer : str
        FFmpeg's names, "unspecified" where the file does not say.
    container_metadata, stream_metadata : dict of str to str
        Tags.
    """

    container: str
    codec: str
    codec_long_name: str
    profile: str | None
    pixel_format: str | None
    stream_index: int
    width: int
    height: int
    pixel_aspect: Fraction | None
    frame_rate: Fraction | None
    time_base: Fraction | None
    start_time: float | None
    duration: float | None
    declared_frames: int | None
    bit_rate: int | None
    colour_range: str
    colour_matrix: str
    colour_primaries: str
    colour_transfer: str
    container_metadata: dict[str, str]
    stream_metadata: dict[str, str]

    @property
    def metadata(self) -> dict[str, str]:
        """Tags of the container, overlaid by those of the stream."""
        return {**self.container_metadata, **self.stream_metadata}

    @property
    def expected_frames(self) -> int:
        """An estimate of the number of frames, to size arrays by: 0 if there is no telling."""
        if self.declared_frames:
            return min(self.declared_frames, _MOST_FRAMES)
        if self.duration and self.frame_rate:
            return min(int(self.duration * self.frame_rate * 1.02) + 16, _MOST_FRAMES)
        return 0


def describe(video: VideoInput) -> VideoInfo:
    """Gather what the container of `video` says, without decoding."""
    stream, container = video.stream, video.container
    context = stream.codec_context
    duration = start = None
    time_base = fraction(stream.time_base)
    if stream.duration is not None and time_base is not None:
        duration = float(stream.duration * time_base)
    elif container.duration is not None:
        duration = container.duration / av.time_base
    if stream.start_time is not None and time_base is not None:
        start = float(stream.start_time * time_base)
    return VideoInfo(
        container=container.format.name,
        codec=context.name,
        codec_long_name=context.codec.long_name,
        profile=stream.profile,
        pixel_format=format_name(context),
        stream_index=stream.index,
        width=context.width,
        height=context.height,
        pixel_aspect=fraction(stream.sample_aspect_ratio),
        frame_rate=_rate(video),
        time_base=time_base,
        start_time=start,
        duration=duration,
        declared_frames=stream.frames or None,
        bit_rate=context.bit_rate or None,
        colour_range=_name(RANGE_NAMES, context.color_range),
        colour_matrix=_name(MATRIX_NAMES, context.colorspace),
        colour_primaries=_name(PRIMARIES_NAMES, context.color_primaries),
        colour_transfer=_name(TRANSFER_NAMES, context.color_trc),
        container_metadata=tags(container),
        stream_metadata=tags(stream),
    )


def _rate(video: VideoInput) -> Fraction | None:
    stream = video.stream
    raw = video.container.format.name in _RAW  # the average is an option of the demuxer: 25
    average = None if raw and stream.guessed_rate else stream.average_rate
    return first_rate(average, stream.guessed_rate, stream.base_rate)


def _name(names: dict[int, str], code: int) -> str:
    return names.get(int(code), f"reserved ({int(code)})")

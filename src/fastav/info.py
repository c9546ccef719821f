"""What a container says of a video before a frame is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av

from .container import VideoInput

__all__ = ["VideoInfo", "describe"]


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """The header's word on one video stream; None where it says nothing.

    Attributes
    ----------
    container, codec, pixel_format : str or None
        FFmpeg's names.
    width, height : int
        Coded size in pixels, before any rotation.
    frame_rate : Fraction or None
        Frames per second, on average.
    time_base : Fraction or None
        Seconds per unit of pts.
    start_time, duration : float or None
        Seconds.
    declared_frames : int or None
        The header's count, which may be wrong.
    colour_range, colour_matrix, colour_primaries, colour_transfer : int
        ``AVCOL_*`` numbers; 2 (0 for the range) is "unspecified".
    metadata : dict of str to str
        Tags of the container, overlaid by those of the stream.
    """

    container: str
    codec: str
    pixel_format: str | None
    width: int
    height: int
    frame_rate: Fraction | None
    time_base: Fraction | None
    start_time: float | None
    duration: float | None
    declared_frames: int | None
    colour_range: int
    colour_matrix: int
    colour_primaries: int
    colour_transfer: int
    metadata: dict[str, str]

    @property
    def expected_frames(self) -> int:
        """An estimate of the number of frames, to size arrays by: 0 if there is no telling."""
        if self.declared_frames:
            return self.declared_frames
        if self.duration and self.frame_rate:
            return int(self.duration * self.frame_rate * 1.02) + 16
        return 0


def describe(video: VideoInput) -> VideoInfo:
    """Gather what the container of `video` says, without decoding."""
    stream, container = video.stream, video.container
    context = stream.codec_context
    duration = start = None
    if stream.duration is not None and stream.time_base is not None:
        duration = float(stream.duration * stream.time_base)
    elif container.duration is not None:
        duration = container.duration / av.time_base
    if stream.start_time is not None and stream.time_base is not None:
        start = float(stream.start_time * stream.time_base)
    return VideoInfo(
        container=container.format.name,
        codec=context.name,
        pixel_format=context.pix_fmt,
        width=context.width,
        height=context.height,
        frame_rate=stream.average_rate or stream.guessed_rate or stream.base_rate,
        time_base=stream.time_base,
        start_time=start,
        duration=duration,
        declared_frames=stream.frames or None,
        colour_range=int(context.color_range),
        colour_matrix=int(context.colorspace),
        colour_primaries=int(context.color_primaries),
        colour_transfer=int(context.color_trc),
        metadata={**container.metadata, **stream.metadata},
    )

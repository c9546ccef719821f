"""What is known besides the pixels: of a video, and of a single frame."""

from __future__ import annotations

from typing import Any, Final

from av import VideoFrame
from av.video.frame import PictureType

from ..pyav import fraction, side_data
from .info import VideoInfo

__all__ = ["frame_metadata", "video_metadata"]

# The generic tags of libavformat/avformat.h.
_TAGS: Final = frozenset(
    {
        "album", "album_artist", "artist", "comment", "composer", "copyright", "creation_time",
        "date", "description", "disc", "encoded_by", "encoder", "filename", "genre", "language",
        "performer", "publisher", "service_name", "service_provider", "synopsis", "title", "track",
    }
)  # fmt: skip


def video_metadata(info: VideoInfo, rotation: int) -> dict[str, Any]:
    """Gather what container and stream say, in the words of imageio's pyav plugin and some more.

    Parameters
    ----------
    info : VideoInfo
        The header's word.
    rotation : int
        Degrees, counter-clockwise, by which the pictures are to be turned.

    Returns
    -------
    dict
        ``codec``, ``long_codec``, ``profile``, ``video_format`` (the pixel format), ``fps``,
        ``duration`` in seconds (absent if unknown), ``rotation``, ``colour_matrix``,
        ``colour_range``, ``colour_primaries``, ``colour_transfer``, ``container``, ``size``, and
        all tags of the container and of the stream, as far as their names are not among these. A
        tag in capitals, as Matroska has them, is there by FFmpeg's own name as well.
    """
    known = {
        "video_format": info.pixel_format,
        "codec": info.codec,
        "long_codec": info.codec_long_name,
        "profile": info.profile,
        "fps": None if info.frame_rate is None else float(info.frame_rate),
        "duration": info.duration,
        "size": (info.width, info.height),
        "container": info.container,
        "rotation": rotation,
        "colour_matrix": info.colour_matrix,
        "colour_range": info.colour_range,
        "colour_primaries": info.colour_primaries,
        "colour_transfer": info.colour_transfer,
    }
    if info.duration is None:
        del known["duration"]
    tags = info.metadata
    return {**{_tag(name): text for name, text in tags.items()}, **tags, **known}


def _tag(name: str) -> str:
    """A tag's name as FFmpeg has it; Matroska keeps them in capitals."""
    return name.lower() if name.lower() in _TAGS else name


def frame_metadata(frame: VideoFrame) -> dict[str, Any]:
    """Gather what is known of one frame.

    Returns
    -------
    dict
        ``key_frame``, ``time`` in seconds, ``pts`` and its ``time_base``, ``frame_type`` ("I",
        "P", "B", ...), ``interlaced_frame``, ``rotation``, and FFmpeg's side data by name, as
        bytes.
    """
    return {
        "key_frame": bool(frame.key_frame),
        "time": frame.time,
        "pts": frame.pts,
        "time_base": fraction(frame.time_base),
        "frame_type": PictureType(frame.pict_type).name,
        "interlaced_frame": bool(frame.interlaced_frame),
        "rotation": frame.rotation,
        **{name: bytes(data) for name, data in side_data(frame).items()},
    }

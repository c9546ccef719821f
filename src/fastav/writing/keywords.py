"""Keywords of writing functions that do not exist, told with what to write instead."""

from __future__ import annotations

from collections.abc import Iterable
from inspect import signature
from typing import Final

from ..pixels.arguments import unexpected_keyword
from .writer import VideoWriter

__all__ = ["check_writer_keywords"]

# Options that many encoders have, and muxers.
_ENCODERS: Final = {
    "crf": 18, "preset": "slow", "tune": "film", "profile": "high", "level": "4.1", "qp": 20,
    "cq": 20, "g": 48, "gop_size": 48, "bf": 2, "b": "2M", "maxrate": "4M", "minrate": "1M",
    "bufsize": "8M", "x264_params": "...", "x265_params": "...", "cpu_used": 4, "deadline": "good",
    "lossless": 1, "compression_level": 9, "refs": 4,
}  # fmt: skip
_MUXERS: Final = {"movflags": "faststart", "loop": 0, "brand": "mp42"}

_ADVICE: Final = {
    "bitrate": "write options={'b': '2M'}",
    "bit_rate": "write options={'b': '2M'}",
    "quality": "write options={'crf': 18} or what the encoder has for it",
    "pixelformat": "write out_pixel_format=",
    "pixel_format": "write out_pixel_format=, or in_pixel_format= for what the arrays hold",
    "pix_fmt": "write out_pixel_format=",
    "rate": "write fps=",
    "framerate": "write fps=",
    "frame_rate": "write fps=",
    "duration": "write fps=",
    "macro_block_size": (
        "write filter_sequence=[('pad', 'ceil(iw/16)*16:ceil(ih/16)*16')] for the like"
    ),
    "ffmpeg_params": "write options={'crf': 18}, or container_options= for the container",
    "output_params": "write options={'crf': 18}, or container_options= for the container",
    "input_params": "there is no ffmpeg program between",
    "size": "the frames tell; to scale write filter_sequence=[('scale', '640:480')]",
    "shape": "the frames tell",
    "audio": "write sound=",
    "audio_path": "write sound=",
    "threads": "write thread_count=",
}  # fmt: skip


def check_writer_keywords(caller: str, given: Iterable[str], also: Iterable[str] = ()) -> None:
    """Raise the ``TypeError`` of a function that takes the keywords of :class:`VideoWriter`.

    Parameters
    ----------
    caller : str
        What the user called.
    given : iterable of str
        The keywords.
    also : iterable of str
        What is taken besides.
    """
    known = {*signature(VideoWriter).parameters, *also} - {"target"}
    for name in given:
        if name in known:
            continue
        advice = _ADVICE.get(name)
        if name in _ENCODERS:
            option = name.replace("_", "-") if name.endswith(("params", "used")) else name
            option = "g" if name == "gop_size" else option
            advice = f"write options={{{option!r}: {_ENCODERS[name]!r}}}"
        elif name in _MUXERS:
            advice = f"write container_options={{{name!r}: {_MUXERS[name]!r}}}"
        raise unexpected_keyword(caller, name, known, advice)

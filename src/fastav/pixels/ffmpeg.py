"""libswscale: its functions, found in the very library that PyAV has loaded, and its limits.

Nothing is linked at build time: PyAV's modules depend on libswscale and libavutil, and the dynamic
linker resolves a symbol through a module's dependencies. Where it does not (no such symbol, another
linker), :func:`functions` is None and every caller has a way through PyAV instead.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Final

import av
import av.video.reformatter

from ..errors import UnsupportedFormatError
from ..pyav import ONE_THREAD
from .formats import Kind, PixelFormat

__all__ = ["functions", "knows_option", "pixel_format_id", "refuse_abort"]

_NAMES = (
    "sws_alloc_context",
    "sws_init_context",
    "sws_getColorspaceDetails",
    "sws_setColorspaceDetails",
    "sws_getCoefficients",
    "sws_scale",
    "sws_freeContext",
    "av_opt_set_int",
)

# From libavutil/opt.h.
_DECODING: Final = 2  # AV_OPT_FLAG_DECODING_PARAM
_SEARCH: Final = 1 | 2  # AV_OPT_SEARCH_CHILDREN, AV_OPT_SEARCH_FAKE_OBJ


def _resolve(*names: str) -> dict[str, int] | None:
    try:
        library = ctypes.CDLL(av.video.reformatter.__file__)
        return {
            name: ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0 for name in names
        }
    except (OSError, AttributeError):
        return None


@cache
def functions() -> dict[str, int] | None:
    """Addresses of the libswscale functions that the swscale kernel calls, by name.

    Returns
    -------
    dict of str to int, or None
        None where they cannot be reached, and with PyAV 15 and 16, which drive libswscale in
        another way: their ``reformat`` hears nothing of a frame's matrix and range.
    """
    if not ONE_THREAD:
        return None
    return _resolve(*_NAMES)


@cache
def pixel_format_id(name: str) -> int:
    """The number that the loaded FFmpeg gives to a pixel format (it differs between versions).

    Raises
    ------
    ValueError
        If the loaded FFmpeg does not know the name.
    """
    address = _resolve("av_get_pix_fmt")
    if address is None:
        raise ValueError("FFmpeg's av_get_pix_fmt cannot be reached")
    get = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p)(address["av_get_pix_fmt"])
    number: int = get(name.encode())
    if number < 0:
        raise ValueError(f"unknown pixel format {name!r}")
    return number


def refuse_abort(source: PixelFormat, frame: av.VideoFrame) -> None:
    """Refuse what makes libswscale call ``abort()`` (seen in FFmpeg 8.1)."""
    if source.kind is Kind.HARDWARE:
        raise UnsupportedFormatError(
            f"{source.name} frames live in a device's memory; download them first with "
            "frame.reformat(format=frame.sw_format.name)"
        )
    if source.name.startswith("yaf32") or (
        source.mosaic is not None and min(frame.width, frame.height) < 2
    ):
        raise UnsupportedFormatError(
            f"FFmpeg cannot convert {source.name} at {frame.width}x{frame.height}; "
            "read it with format=None"
        )


@cache
def knows_option(name: str) -> bool:
    """Whether any demuxer, protocol or decoder of the loaded FFmpeg has an option of this name.

    True as well where FFmpeg cannot be asked.
    """
    found = _resolve("avformat_get_class", "avcodec_get_class", "av_opt_find")
    if found is None:
        return True
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    find = ctypes.CFUNCTYPE(pointer, pointer, text, text, number, number)(found["av_opt_find"])
    get_class = ctypes.CFUNCTYPE(pointer)
    # Protocols do not mark theirs as of reading; of codecs the mark tells decoders from encoders.
    for library, flags in (("avformat_get_class", 0), ("avcodec_get_class", _DECODING)):
        # A pointer to a class stands for an object, as `av_opt_find` has it.
        fake = ctypes.c_void_p(get_class(found[library])())
        if find(ctypes.addressof(fake), name.encode(), None, flags, _SEARCH):
            return True
    return False

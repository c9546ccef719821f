"""fastav: video into NumPy and back, exactly and fast, on top of PyAV."""

from typing import TYPE_CHECKING, Any

from .backend import Backend, backend
from .errors import (
    BackendError,
    DecodeError,
    EncodeError,
    FastavError,
    FrameChangedError,
    NotAVideoError,
    UnsupportedFormatError,
)

if TYPE_CHECKING:
    from . import bayer, samplers
    from .api import imiter, immeta, imopen, improps, imread, imwrite, open, register, unregister
    from .pixels.formats import PixelFormat, pixel_format
    from .pixels.packing import pack_frame, unpack_frame, unpack_planes
    from .reading.batch import Frame, FrameBatch
    from .reading.index import FrameIndex
    from .reading.info import VideoInfo
    from .reading.reader import VideoReader
    from .transcoding import transcode
    from .writing.sound import Sound
    from .writing.writer import VideoWriter

__version__ = "0.1.0"

__all__ = [
    "Backend",
    "BackendError",
    "DecodeError",
    "EncodeError",
    "FastavError",
    "Frame",
    "FrameBatch",
    "FrameChangedError",
    "FrameIndex",
    "NotAVideoError",
    "PixelFormat",
    "Sound",
    "UnsupportedFormatError",
    "VideoInfo",
    "VideoReader",
    "VideoWriter",
    "__version__",
    "backend",
    "bayer",
    "imiter",
    "immeta",
    "imopen",
    "improps",
    "imread",
    "imwrite",
    "open",
    "pack_frame",
    "pixel_format",
    "register",
    "samplers",
    "transcode",
    "unpack_frame",
    "unpack_planes",
    "unregister",
]


# Modules that are imported when one of their names is asked for, so that importing fastav takes
# little longer than importing PyAV and NumPy.
_LATE = {
    name: module
    for module, names in {
        ".api": "imiter immeta imopen improps imread imwrite open register unregister",
        ".pixels.formats": "PixelFormat pixel_format",
        ".pixels.packing": "pack_frame unpack_frame unpack_planes",
        ".reading.batch": "Frame FrameBatch",
        ".reading.index": "FrameIndex",
        ".reading.info": "VideoInfo",
        ".reading.reader": "VideoReader",
        ".transcoding": "transcode",
        ".writing.sound": "Sound",
        ".writing.writer": "VideoWriter",
    }.items()
    for name in names.split()
}

if not TYPE_CHECKING:  # a type checker would take any name for one that is here

    def __getattr__(name: str) -> Any:
        from importlib import import_module

        if name in _LATE:
            value = globals()[name] = getattr(import_module(_LATE[name], __name__), name)
            return value
        if name in ("bayer", "samplers"):
            return import_module(f".{name}", __name__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})

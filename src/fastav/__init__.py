"""fastav: video into NumPy and back, exactly and fast, on top of PyAV."""

from typing import TYPE_CHECKING, Any

from .api import imiter, immeta, imopen, improps, imread, imwrite, open, register, unregister
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
from .pixels.formats import PixelFormat, pixel_format
from .pixels.packing import pack_frame, unpack_frame, unpack_planes
from .reading.index import FrameIndex
from .reading.info import VideoInfo
from .reading.reader import VideoReader

if TYPE_CHECKING:
    from . import bayer, samplers
    from .reading.batch import Frame, FrameBatch
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


_LATE = {
    "Frame": ".reading.batch",
    "FrameBatch": ".reading.batch",
    "Sound": ".writing.sound",
    "VideoWriter": ".writing.writer",
    "transcode": ".transcoding",
}

if not TYPE_CHECKING:  # a type checker would take any name for one that is here

    def __getattr__(name: str) -> Any:
        """Import on first use what readers of videos do not need."""
        if name in _LATE:
            import importlib

            return getattr(importlib.import_module(_LATE[name], __name__), name)
        if name in ("bayer", "samplers"):
            import importlib

            return importlib.import_module(f".{name}", __name__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})

"""fastav: video into NumPy and back, exactly and fast, on top of PyAV."""

from . import bayer
from .api import imiter, immeta, imopen, improps, imread, imwrite, open, register
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
from .formats import PixelFormat, pixel_format
from .index import FrameIndex
from .info import VideoInfo
from .packing import pack_frame, unpack_frame, unpack_planes
from .reader import VideoReader
from .writer import VideoWriter

__version__ = "0.1.0"

__all__ = [
    "Backend",
    "BackendError",
    "DecodeError",
    "EncodeError",
    "FastavError",
    "FrameChangedError",
    "FrameIndex",
    "NotAVideoError",
    "PixelFormat",
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
    "unpack_frame",
    "unpack_planes",
]

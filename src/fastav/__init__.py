"""fastav: video into NumPy and back, exactly and fast, on top of PyAV."""

from .api import imiter, imread, open
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
from .info import VideoInfo
from .reader import VideoReader

__version__ = "0.1.0"

__all__ = [
    "Backend",
    "BackendError",
    "DecodeError",
    "EncodeError",
    "FastavError",
    "FrameChangedError",
    "NotAVideoError",
    "UnsupportedFormatError",
    "VideoInfo",
    "VideoReader",
    "__version__",
    "backend",
    "imiter",
    "imread",
    "open",
]

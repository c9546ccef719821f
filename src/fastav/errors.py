"""The exceptions of fastav.

Every one of them is a :class:`FastavError` and, besides, the built-in exception that a Python user
would expect, so that either can be caught. Errors of the operating system (``FileNotFoundError``,
``PermissionError``, ``IsADirectoryError``, ...) are raised as they are.
"""

from __future__ import annotations

__all__ = [
    "BackendError",
    "DecodeError",
    "EncodeError",
    "FastavError",
    "FrameChangedError",
    "NotAVideoError",
    "UnsupportedFormatError",
]


class FastavError(Exception):
    """Base of all errors that fastav defines."""


class NotAVideoError(FastavError, ValueError):
    """The source cannot be opened as a video: unknown container, no video stream, no decoder."""


class DecodeError(FastavError, ValueError):
    """Decoding failed part of the way through.

    Parameters
    ----------
    message : str
        What went wrong and where.
    frames_read : int, optional
        How many frames had been decoded, in presentation order, before the error.
    """

    def __init__(self, message: str, frames_read: int = 0) -> None:
        super().__init__(message)
        self.frames_read = frames_read


class FrameChangedError(DecodeError):
    """Size or pixel format changed in mid-stream, so the frames do not fit into one array."""

    def at(self, number: int, frames_read: int | None = None) -> FrameChangedError:
        """Return this error with the number of the frame in its message."""
        return FrameChangedError(
            f"frame {number} is {self}", number if frames_read is None else frames_read
        )


class UnsupportedFormatError(FastavError, ValueError, OSError):
    """A pixel format that the call cannot express; the message names what works instead."""


class EncodeError(FastavError, ValueError):
    """Frames could not be encoded or written: wrong codec, container, format or size."""


class BackendError(FastavError, ImportError):
    """The backend that ``FASTAV_BACKEND`` demands is not there."""

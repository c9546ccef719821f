"""FFmpeg's errors, as PyAV raises them, turned into what a Python user expects."""

from __future__ import annotations

import errno
from types import TracebackType
from typing import Final

import av.error

from .errors import DecodeError, FastavError

__all__ = ["clear_errors"]

# Errors that say nothing of the file, and have no type of their own in Python.
_SYSTEM_ERRORS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOSPC})


class clear_errors:
    """Turn PyAV's errors into what a Python user expects, saying what was being done.

    Errors that have a meaning of their own in Python (missing file, permission, time-out, no
    memory, ...) keep their type; the rest becomes `kind`.
    """

    # No generator: Python's wrapper of those keeps the error in a circle of references, and with it
    # a decoder and its threads.

    def __init__(self, what: str, kind: type[FastavError] = DecodeError) -> None:
        self._what, self._kind = what, kind

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, av.error.FFmpegError):
            raise self._clear(error) from error
        if isinstance(error, UnicodeDecodeError):
            raise self._kind(f"{self._what}: text that is not UTF-8 ({error})") from error

    def _clear(self, error: av.error.FFmpegError) -> Exception:
        reason = f"{self._what}: {error.strerror or error}"
        if isinstance(error, OSError) and not isinstance(error, ValueError):
            builtin = next(
                cls
                for cls in type(error).__mro__
                if issubclass(cls, OSError) and cls.__module__ == "builtins"
            )
            if builtin is not OSError or error.errno in _SYSTEM_ERRORS:
                return builtin(error.errno, reason)
        return MemoryError(reason) if isinstance(error, MemoryError) else self._kind(reason)

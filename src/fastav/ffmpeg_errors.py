"""FFmpeg's errors, as PyAV raises them, turned into what a Python user expects."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import av.error

from .errors import DecodeError, FastavError

__all__ = ["clear_errors"]

# Errors that say nothing of the file, and have no type of their own in Python.
_SYSTEM_ERRORS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOSPC})


@contextmanager
def clear_errors(what: str, kind: type[FastavError] = DecodeError) -> Iterator[None]:
    """Turn PyAV's errors into what a Python user expects, saying what was being done.

    Errors that have a meaning of their own in Python (missing file, permission, time-out, no
    memory, ...) keep their type; the rest becomes `kind`.
    """
    try:
        yield
    except av.error.FFmpegError as error:
        reason = f"{what}: {error.strerror or error}"
        if isinstance(error, OSError) and not isinstance(error, ValueError):
            builtin = next(
                cls
                for cls in type(error).__mro__
                if issubclass(cls, OSError) and cls.__module__ == "builtins"
            )
            if builtin is not OSError or error.errno in _SYSTEM_ERRORS:
                raise builtin(error.errno, reason) from error
        if isinstance(error, MemoryError):
            raise MemoryError(reason) from error
        raise kind(reason) from error
    except UnicodeDecodeError as error:
        raise kind(f"{what}: text that is not UTF-8 ({error})") from error

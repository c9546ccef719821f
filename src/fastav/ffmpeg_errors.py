"""FFmpeg's errors, as PyAV raises them, turned into what a Python user expects."""

from __future__ import annotations

import errno
from types import TracebackType
from typing import Final

import av.error

from .errors import DecodeError, EncodeError, FastavError

__all__ = ["clear_error", "clear_errors"]

# What files and protocols say. Others that are Python's as well, demuxers and decoders make up:
# damage is EPERM (-1) or EAGAIN to some, ENOMEM where a damaged size asks for too much memory.
_SYSTEM_ERRORS: Final = frozenset(
    {
        *(errno.ENOENT, errno.EACCES, errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.EINTR),
        *(errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EROFS, errno.EBUSY),
        *(errno.ETIMEDOUT, errno.EPIPE, errno.ESHUTDOWN),
        *(errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED),
        *(errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL),
    }
)

_HTTP_ERRORS: Final[dict[type, int]] = {
    av.error.HTTPNotFoundError: errno.ENOENT,
    av.error.HTTPUnauthorizedError: errno.EACCES,
    av.error.HTTPForbiddenError: errno.EACCES,
}


def clear_error(
    error: Exception, what: str, kind: type[FastavError] = DecodeError, *, remote: bool = False
) -> Exception:
    """Return what a Python user expects in the place of an error of PyAV, saying what was done.

    Errors of files and protocols (missing file, permission, time-out, lost connection, ...) become
    ``OSError`` of the type that Python has for them; the rest becomes `kind`.

    Parameters
    ----------
    error : Exception
        An ``FFmpegError``, or one that PyAV raises in its place.
    what : str
        What was being done.
    kind : type
        Of errors that lie in the data.
    remote : bool
        Data came from a server: an error of input and output is its, not a demuxer's.
    """
    if not isinstance(error, av.error.FFmpegError):
        return kind(f"{what}: {type(error).__name__}: {error}")
    reason = f"{what}: {error.strerror or error}"
    if isinstance(error, av.error.ExitError):  # PyAV's own limits of time
        return TimeoutError(errno.ETIMEDOUT, reason)
    if isinstance(error, (av.error.HTTPError, av.error.HTTPClientError)):
        number = _HTTP_ERRORS.get(type(error))
        return ConnectionError(reason) if number is None else OSError(number, reason)
    if kind is EncodeError and isinstance(error, MemoryError):
        return MemoryError(reason)
    if error.errno == errno.EIO and remote:
        return ConnectionError(error.errno, f"{reason} (the connection was lost, or timed out)")
    if error.errno in _SYSTEM_ERRORS:
        return OSError(error.errno, reason)  # which makes it a TimeoutError, or whatever it is
    return kind(reason)


class clear_errors:
    """Raise what :func:`clear_error` makes of PyAV's errors."""

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
        if isinstance(error, (av.error.FFmpegError, UnicodeDecodeError)):
            raise clear_error(error, self._what, self._kind) from error

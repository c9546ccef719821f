"""Opening a source with PyAV: what was given, one open container, its threads and its errors."""

from __future__ import annotations

import errno
import io
import os
import re
import stat
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import av
import av.error
import av.stream

from .errors import DecodeError, FastavError, NotAVideoError

__all__ = ["THREAD_TYPES", "Source", "VideoInput", "clear_errors", "open_input"]

THREAD_TYPES: Final = ("FRAME", "SLICE", "AUTO", "NONE")

# A scheme has two letters at least, so that C:\ is a path.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+:")

# Keeps a demuxer from reading the other streams; newer than the oldest PyAV that will do.
_DISCARD_ALL: Any = getattr(getattr(av.stream, "Discard", None), "all", None)

# PyAV asks a Python file for this many bytes at once; few large reads cost less than many small.
_BUFFER_SIZE = 1 << 18


class _FileView(io.RawIOBase):
    """An own read position in a binary file object that others read as well.

    Several containers can then be open on one file object. Thread-safe as long as all reads go
    through views that share ``lock``.
    """

    def __init__(self, file: BinaryIO, start: int, lock: threading.Lock) -> None:
        self._file, self._start, self._lock = file, start, lock
        self._position = start

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        with self._lock:
            self._file.seek(self._position)
            data = self._file.read(size)
            self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        with self._lock:
            if whence == os.SEEK_SET:
                position = self._start + offset
            elif whence == os.SEEK_CUR:
                position = self._position + offset
            else:
                position = self._file.seek(offset, whence)
            if position < self._start:
                raise ValueError(f"cannot seek to {position - self._start}: before the start")
            self._position = position
        return position - self._start

    def tell(self) -> int:
        return self._position - self._start


class Source:
    """Where a video comes from, able to be opened again.

    Parameters
    ----------
    given : str, os.PathLike, bytes-like, or binary file object
        A path, a URL that FFmpeg understands, a whole file in memory, or an open file. A file
        object is read from its present position on and is never closed.
    container_format : str, optional
        FFmpeg's name of the container ("mp4", "rawvideo", ...) where it cannot be guessed.
    options : mapping of str to str, optional
        Options of FFmpeg's demuxer and decoders.

    Raises
    ------
    TypeError
        If `given` is none of these.
    FileNotFoundError, IsADirectoryError, PermissionError
        If it is a path that cannot be read.
    NotAVideoError
        If it is empty.
    """

    def __init__(
        self,
        given: object,
        *,
        container_format: str | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self.given = given
        self.container_format = container_format
        self.options = dict(options or {})
        self._lock = threading.Lock()
        self._opened = False
        self.seekable = True
        if isinstance(given, (str, os.PathLike)):
            self.name = os.fsdecode(given)
            # Not everything is a file: URLs, devices, and patterns that name a series of pictures.
            if not (_URL.match(self.name) or container_format or "%" in self.name):
                _check_file(self.name)
        elif isinstance(given, (bytes, bytearray, memoryview)):
            self.name = "<bytes>"
            if len(given) == 0:
                raise NotAVideoError("<bytes> is empty: 0 bytes")
        elif callable(getattr(given, "read", None)):
            self.name = f"<{getattr(given, 'name', None) or type(given).__name__}>"
            if isinstance(given, io.TextIOBase):
                raise TypeError(f"{self.name} is open in text mode; open it with mode 'rb'")
            self.seekable = _is_seekable(given)
            self._start = given.tell() if self.seekable else 0  # type: ignore[attr-defined]
        else:
            raise TypeError(
                "source must be a path, a URL, bytes or a binary file object, "
                f"got {type(given).__name__}"
            )

    @property
    def reopenable(self) -> bool:
        """Whether the source can be opened more than once."""
        return self.seekable

    def _target(self) -> Any:
        """What PyAV is to open."""
        if isinstance(self.given, (str, os.PathLike)):
            return self.name
        if isinstance(self.given, (bytes, bytearray, memoryview)):
            return io.BytesIO(self.given)
        if self.seekable:
            return _FileView(self.given, self._start, self._lock)  # type: ignore[arg-type]
        if self._opened:
            raise io.UnsupportedOperation(
                f"{self.name} cannot seek, so it can be read only once, from its start; "
                "read everything in one go, or save it to a file first"
            )
        return self.given

    def open(self) -> av.container.InputContainer:
        """Open a new container, independent of those opened before.

        Raises
        ------
        NotAVideoError
            If FFmpeg does not recognise the data.
        io.UnsupportedOperation
            If the source cannot seek and was opened before.
        """
        target = self._target()
        self._opened = True
        with clear_errors(f"cannot open {self.name!r}", NotAVideoError):
            container: av.container.InputContainer = av.open(
                target,
                mode="r",
                format=self.container_format,
                options=self.options,
                buffer_size=_BUFFER_SIZE,
                metadata_errors="replace",
            )
        return container


def _check_file(name: str) -> None:
    """Raise what Python's own ``open`` would, where FFmpeg would say less."""
    mode = os.stat(name)
    if stat.S_ISDIR(mode.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
    if stat.S_ISREG(mode.st_mode) and mode.st_size == 0:
        raise NotAVideoError(f"{name!r} is empty: 0 bytes")


def _is_seekable(file: Any) -> bool:
    seekable = getattr(file, "seekable", None)
    if seekable is None:
        return callable(getattr(file, "seek", None)) and callable(getattr(file, "tell", None))
    return bool(seekable())


@dataclass(slots=True)
class VideoInput:
    """One open container and its chosen video stream; a context manager that closes it.

    Not thread-safe: one input serves one thread at a time.
    """

    source: Source
    number: int  # of the stream among the video streams
    container: av.container.InputContainer
    stream: av.VideoStream

    @property
    def threads(self) -> int:
        """Threads that the decoder may use; 0 is FFmpeg's own choice."""
        return int(self.stream.codec_context.thread_count)

    def close(self) -> None:
        """Stop the decoder's threads and close the container; safe to call twice."""
        self.container.close()

    def __enter__(self) -> VideoInput:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def open_input(
    source: Source,
    *,
    stream: int = 0,
    thread_count: int = 0,
    thread_type: str | None = None,
) -> VideoInput:
    """Open a source and choose a video stream and the decoder's threads.

    Parameters
    ----------
    source : Source
    stream : int
        Which of the video streams, counted from 0; negative counts from the end.
    thread_count : int
        Threads of the decoder; 0 lets FFmpeg choose by the number of processors.
    thread_type : {"FRAME", "SLICE", "AUTO", "NONE"}, optional
        "FRAME" decodes several frames at once (best throughput), "SLICE" parts of one frame (least
        delay). None is "FRAME".

    Raises
    ------
    NotAVideoError
        No such video stream, or no decoder for it.
    ValueError, TypeError
        Wrong thread options.
    """
    kind = "FRAME" if thread_type is None else thread_type
    if kind not in THREAD_TYPES:
        raise ValueError(f"thread_type must be one of {THREAD_TYPES} or None, got {thread_type!r}")
    if thread_count < 0:
        raise ValueError(f"thread_count must be 0 (automatic) or more, got {thread_count}")
    container = source.open()
    try:
        streams = container.streams.video
        if not -len(streams) <= stream < len(streams):
            raise NotAVideoError(
                f"{source.name!r} has {len(streams)} video stream(s), there is no stream {stream}"
            )
        chosen = streams[stream]
        context = chosen.codec_context
        if context is None:
            raise NotAVideoError(
                f"FFmpeg has no decoder for video stream {stream} of {source.name!r}"
            )
        context.thread_type = kind
        context.thread_count = thread_count
        if _DISCARD_ALL is not None:
            for other in container.streams:
                if other is not chosen:
                    other.discard = _DISCARD_ALL
    except BaseException:
        container.close()
        raise
    return VideoInput(source, stream, container, chosen)


@contextmanager
def clear_errors(what: str, kind: type[FastavError] = DecodeError) -> Iterator[None]:
    """Turn PyAV's errors into what a Python user expects, saying what was being done.

    Errors that have a meaning of their own in Python (missing file, permission, time-out, no
    memory, ...) keep their type; the rest becomes `kind`.
    """
    try:
        yield
    except av.error.FFmpegError as error:
        reason = error.strerror or str(error)
        if isinstance(error, OSError) and not isinstance(error, ValueError):
            builtin = next(
                cls
                for cls in type(error).__mro__
                if issubclass(cls, OSError) and cls.__module__ == "builtins"
            )
            if builtin is not OSError:
                raise builtin(error.errno, f"{what}: {reason}") from error
        if isinstance(error, MemoryError):
            raise MemoryError(f"{what}: {reason}") from error
        raise kind(f"{what}: {reason}") from error
    except UnicodeDecodeError as error:
        raise kind(f"{what}: text that is not UTF-8 ({error})") from error

"""What was given to read from: a path, a URL, bytes or a file object, able to be opened again."""

from __future__ import annotations

import errno
import io
import os
import re
import stat
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import av
import av.error

from ..errors import NotAVideoError
from ..ffmpeg_errors import clear_error
from ..forks import give_up_in_child, renew_in_child
from ..paths import from_here, was_replaced
from ..pixels.ffmpeg import knows_option
from ..pyav import open_to_read
from .pictures import concat_script, find_pictures
from .remote import RemoteBytes

__all__ = ["Source"]

# A scheme has two letters at least, so that C:\ is a path.
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+:")

# PyAV asks a Python file for this many bytes at once; few large reads cost less than many small.
_BUFFER_SIZE: Final = 1 << 18


class _FileView(io.RawIOBase):
    """An own read position in a binary file object that others read as well.

    Several containers can then be open on one file object. Files of the operating system are read
    without moving their position, which other processes may share; others under a lock.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._position = source.start

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        file = self._source.given
        if size >= 0 and hasattr(os, "pread") and _is_plain_file(file):
            data = os.pread(file.fileno(), size, self._position)
        else:
            with self._source.lock:
                if file.tell() != self._position:  # going elsewhere may cost a request
                    file.seek(self._position)
                data = _some(file.read(size))
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_END:
            with self._source.lock:
                file = self._source.given
                file.seek(offset, whence)  # the return value of mmap's is None
                position = file.tell()
        else:
            base = self._source.start if whence == os.SEEK_SET else self._position
            position = base + offset
        if position < self._source.start:
            raise ValueError(f"cannot seek to {position - self._source.start}: before the start")
        self._position = position
        return self.tell()

    def tell(self) -> int:
        return int(self._position - self._source.start)


class _Stream(io.RawIOBase):
    """A binary file object that cannot seek, as PyAV wants one."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return _some(self._file.read(size))


def _some(data: Any) -> bytes:
    """What a file object's ``read`` gave, as bytes."""
    if data is None:
        raise BlockingIOError("the file object has no data yet; it must be in blocking mode")
    return bytes(data)


def _read_all(file: io.RawIOBase, size: int) -> bytes:
    """Read on until `size` bytes are there, or the file ends."""
    parts = []
    while size and (data := file.read(size)):
        parts.append(data)
        size -= len(data)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _is_plain_file(file: object) -> bool:
    if type(file) is io.BufferedReader:
        file = file.raw
    return type(file) is io.FileIO


class Source:
    """Where a video comes from, able to be opened again.

    Parameters
    ----------
    given : str, os.PathLike, bytes-like, binary file object, or sequence of paths
        A path, a URL that FFmpeg understands, a whole file in memory, or an open file. What exists
        on disk is a file, whatever colons its name has. A file object is read from its present
        position on and is never closed. Pictures are a video by FFmpeg's pattern
        (``"picture%03d.png"``), as a list in the order in which they are shown, or as a glob
        (``"*.png"``), sorted by name.
    container_format : str, optional
        FFmpeg's name of the container ("mp4", "rawvideo", ...) where it cannot be guessed.
    options : mapping of str to str, optional
        Options of FFmpeg's protocol, demuxer and decoder.

    Attributes
    ----------
    given
        What was given; a relative path made absolute, and all paths of pictures.
    local : bool
        Whether it is a file by its path, or memory: reading it twice, or side by side, is cheap.
    seekable : bool
        Whether it can be opened more than once; a pipe or socket cannot.
    closed : bool
        Set it to have all that is read from here refused, by whatever thread: what is in the middle
        of something stops at the next packet.

    Raises
    ------
    TypeError
        If `given` is none of these.
    FileNotFoundError, IsADirectoryError, PermissionError
        If it is a path that cannot be read.
    NotAVideoError
        If it is empty.
    ValueError
        If nothing in FFmpeg has an option of that name.
    """

    def __init__(
        self,
        given: Any,
        *,
        container_format: str | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self.name: str
        self.given: Any = given
        self.container_format = container_format
        if options is not None and not isinstance(options, Mapping):
            raise TypeError(f"options must map FFmpeg's options to values, got {options!r}")
        self.options: dict[str, str] = {
            str(key): str(value) for key, value in (options or {}).items()
        }
        _check_options(self.options)
        self.seekable: bool = True
        self.local: bool = not isinstance(given, (str, os.PathLike))
        self.start: int = 0
        self.lock: threading.Lock = threading.Lock()
        self.closed = False
        self._opened = False
        self._status: os.stat_result | None = None  # of the file
        self._connection: RemoteBytes | None = None
        self._script: bytes | None = None
        if pictures := find_pictures(given):
            self.local = True
            self.given = tuple(pictures)
            self.name = f"<{len(pictures)} pictures>"
            self._script = concat_script(pictures, self.options)
        elif isinstance(given, (str, os.PathLike)):
            self.name = os.fsdecode(given)
            self._target = self.name
            path = isinstance(given, os.PathLike) or os.path.exists(self.name)
            if path or ("%" in self.name and not (_URL.match(self.name) or container_format)):
                self.given = self._target = from_here(self.name)
            if path and ":" in os.path.splitdrive(self._target)[1]:  # else taken for a URL's scheme
                self._target = f"file:{self._target}"
            if path and ("%" not in self.name or os.path.exists(self.name)):
                self.local = True
                self.seekable = _check_file(self.name, container_format)
                self._status = os.stat(self.given)
            elif self.name.startswith(("pipe:", "fd:")) or self.name == "-":
                self.seekable = False
                if self.name == "-":  # what only the ffmpeg program understands
                    self._target = "pipe:0"
            # What is no file may be a URL, a device, or the pattern of a series of pictures.
            elif not (_URL.match(self.name) or container_format or "%" in self.name):
                _check_file(self.name, None)
        elif callable(getattr(given, "read", None)):
            name = str(getattr(given, "name", None) or type(given).__name__)
            self.name = name if name.startswith("<") else f"<{name}>"  # as standard input's does
            self.local = False  # threads would have to take turns with the one file
            if isinstance(given, io.TextIOBase):
                raise TypeError(f"{self.name} is open in text mode; open it with mode 'rb'")
            self.seekable = _is_seekable(given)
            self.start = int(self.given.tell()) if self.seekable else 0
            self._nonce = os.urandom(16)  # random, since its data cannot be compared with another's
        else:
            self.name = "<bytes>"
            try:
                self._data = given if isinstance(given, bytes) else bytes(memoryview(given))
            except TypeError:
                raise TypeError(
                    "source must be a path, a URL, bytes or a binary file object, "
                    f"got {type(given).__name__}"
                ) from None
            if not self._data:
                raise NotAVideoError("<bytes> is empty: 0 bytes")
        give_up_in_child(self)
        renew_in_child(self)

    def renew(self) -> None:
        """Free, in a forked child, what a thread of the parent may have locked."""
        self.lock = threading.Lock()

    def give_up(self) -> object:
        """Forget the parent's connection; closing it here might make the server end it."""
        connection, self._connection = self._connection, None
        return connection

    @property
    def remote(self) -> bool:
        """Whether it is a URL, whose bytes have to be asked for."""
        return not self.local and isinstance(self.given, str) and bool(_URL.match(self.name))

    def identity(self) -> tuple[object, ...]:
        """What tells sources of the same data from others, as far as one can without reading it."""
        options = (self.container_format, tuple(sorted(self.options.items())))
        if self._script is not None:
            return (self._script, options)
        if not isinstance(self.given, (str, os.PathLike)):
            return (self._data if self.name == "<bytes>" else self._nonce, options)
        try:
            status = os.stat(self.given)
        except OSError:  # a URL
            return (self.name, options)
        return (os.path.abspath(self.given), status.st_size, status.st_mtime_ns, options)

    def _to_open(self) -> Any:
        """What PyAV is to open."""
        if not self.seekable and self._opened:
            raise io.UnsupportedOperation(
                f"{self.name} cannot seek, so it can be read only once, from its start; "
                "read everything in one go, or save it to a file first"
            )
        if self._script is not None:
            return io.BytesIO(self._script)
        if isinstance(self.given, (str, os.PathLike)):
            return self._target
        if self.name == "<bytes>":
            return io.BytesIO(self._data)
        return _FileView(self) if self.seekable else _Stream(self.given)

    def read_at(self, offset: int, size: int) -> bytes | None:
        """Read bytes of the file past the demuxer, fewer where it ends.

        None where that cannot be done: of what is no file, of files that cannot seek. Of a URL a
        connection of its own is opened, which :meth:`hang_up` closes.

        Raises
        ------
        OSError, av.error.FFmpegError
            The file or the server cannot be read.
        """
        if offset < 0:
            return b""  # a damaged table may give such a place
        if self.name == "<bytes>":
            return self._data[offset : offset + size]
        if self._script is not None or not self.seekable:
            return None
        if not isinstance(self.given, (str, os.PathLike)):
            view = _FileView(self)
            view.seek(offset)
            return _read_all(view, size)
        if self.remote:
            with self.lock:
                if self._connection is None:
                    self._connection = RemoteBytes(self._target, self.options)
                return self._connection.read_at(offset, size)
        if not os.path.isfile(self.given):
            return None
        with open(self.given, "rb", buffering=0) as file:
            file.seek(offset)
            return _read_all(file, size)

    @contextmanager
    def reading(self) -> Iterator[Callable[[int, int], bytes]]:
        """Read bytes as :meth:`read_at` does, many times: a local file stays open for it."""
        if self.name == "<bytes>" or self.remote or not hasattr(os, "pread"):
            yield lambda offset, size: self.read_at(offset, size) or b""
            return
        with open(self.given, "rb", buffering=0) as file:
            number = file.fileno()
            yield lambda offset, size: os.pread(number, size, offset)

    def hang_up(self) -> None:
        """Close the connection that bytes are read by, if there is one."""
        if self._connection is None:
            return  # without the lock, which a stalled read of a file object may hold
        with self.lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def open(self) -> av.container.InputContainer:
        """Open a new container, independent of those opened before.

        Raises
        ------
        NotAVideoError
            If FFmpeg does not recognise the data.
        OSError
            The file is not there any more, or another is in its place.
        io.UnsupportedOperation
            If the source cannot seek and was opened before.
        """
        if self.closed:
            raise ValueError(f"{self.name!r} was closed; open it again")
        if self._status is not None and was_replaced(self._status, os.stat(self.given)):
            what = "another file has taken its place since it was opened; open it again"
            raise OSError(errno.ESTALE, what, self.name)
        target = self._to_open()
        self._opened = True
        try:
            return open_to_read(target, buffer_size=_BUFFER_SIZE, **self._how())
        except (av.error.FFmpegError, LookupError, UnicodeDecodeError) as error:
            what = f"cannot open {self.name!r}"
            if getattr(error, "errno", None) == errno.EBUSY and not self._may_be_busy:
                # Files are never busy, so the demuxer gave this error for data it cannot read.
                raise NotAVideoError(f"{what}: {error}") from error
            raise clear_error(error, what, NotAVideoError, remote=self.remote) from error

    @property
    def _may_be_busy(self) -> bool:
        """Whether it may be a device, which serves one program at a time."""
        path = isinstance(self.given, (str, os.PathLike))
        return path and not os.path.isfile(self.given)

    def _how(self) -> dict[str, Any]:
        """How FFmpeg is to open it."""
        if self._script is None:
            return {"format": self.container_format, "options": self.options}
        options = {key: value for key, value in self.options.items() if key != "framerate"}
        return {"format": "concat", "options": {**options, "safe": "0"}}  # any path


def _check_options(options: Iterable[str]) -> None:
    unknown = [name for name in options if not knows_option(name)]
    if unknown:
        raise ValueError(
            f"options: no demuxer, protocol or decoder of this FFmpeg knows "
            f"{', '.join(map(repr, unknown))}"
        )


def _check_file(name: str, container_format: str | None) -> bool:
    """Raise what Python's own ``open`` would, where FFmpeg would say less; tell if it can seek."""
    status = os.stat(name)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
    if stat.S_ISREG(status.st_mode) and status.st_size == 0:
        raise NotAVideoError(f"{name!r} is empty: 0 bytes")
    # A device that FFmpeg is told how to read (a camera, say) can be opened again.
    return stat.S_ISREG(status.st_mode) or stat.S_ISBLK(status.st_mode) or bool(container_format)


def _is_seekable(file: Any) -> bool:
    seekable = getattr(file, "seekable", None)
    if seekable is None:
        return callable(getattr(file, "seek", None)) and callable(getattr(file, "tell", None))
    return bool(seekable())

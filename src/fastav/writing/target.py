"""Where a video is written to: the counterpart of a source."""

from __future__ import annotations

import errno
import io
import os
import re
import stat
from collections.abc import Mapping
from typing import Any, BinaryIO, Final, cast

import av
from av.container import OutputContainer

from ..paths import from_here, same_file

__all__ = ["Target"]

# Containers that keep what tells where frames lie in one place, and how it is spread instead.
_FRAGMENTING: Final = frozenset({"mp4", "mov", "ipod", "3gp", "3g2", "psp", "f4v"})
_FRAGMENTS: Final = "+frag_keyframe+delay_moov+default_base_moof"

_NOFILE: Final = 1  # AVFMT_NOFILE: the muxer opens files by name

# Bytes that PyAV hands to a file object at a time. FFmpeg flushes behind every packet, so a large
# buffer holds nothing back; of raw video, whose packets are large, it saves most calls and copies.
_BUFFER: Final = 1 << 20

_PIPE: Final = re.compile(r"-|pipe:(.*)")


class Target:
    """A path, a file object or memory to write a container to; not touched before its first byte.

    Parameters
    ----------
    given : str, os.PathLike, or binary file object
        A path, a URL that FFmpeg can write to, an open file (written from its present position on
        and never closed), ``"-"`` for standard output, ``"pipe:3"`` for a descriptor, or
        ``"<bytes>"`` for memory.
    container : str, optional
        FFmpeg's name of the container ("mp4", "matroska", ...). By default the extension decides.
    extension : str, optional
        Take the container of this extension (".mp4") instead of the path's own.
    options : mapping, optional
        Options of the muxer.

    Attributes
    ----------
    name : str
        For messages.
    container : str
        FFmpeg's name of the container.
    extension : str
        With its dot; empty if there is none.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        The path's folder does not exist, or the path is one.
    ValueError
        The file object is closed, or there is no such container.
    TypeError
        It is nothing that can be written to.
    """

    def __init__(
        self,
        given: object,
        *,
        container: str | None = None,
        extension: str | None = None,
        options: Mapping[str, object] | None = None,
    ) -> None:
        self._memory: io.BytesIO | None = None
        self._own: _File | _Pipe | None = None
        self._sink: _Sink | None = None
        self._target: str | BinaryIO
        self.name: str
        if isinstance(given, str) and given == "<bytes>":
            self._target = self._memory = io.BytesIO()
            self.name = given
        elif isinstance(given, str) and (pipe := _PIPE.fullmatch(given)):
            self._own = _Pipe(_descriptor(pipe[1] or "1"))
            self._target, self.name = cast(BinaryIO, self._own), given
        elif isinstance(given, (str, os.PathLike)):
            self._target = self.name = _check_path(os.fsdecode(given))
        elif callable(getattr(given, "write", None)):
            self._target, self.name = _check_file(given)
        else:
            raise TypeError(
                f"target must be a path, '<bytes>' or a binary file object, "
                f"got {type(given).__name__}"
            )
        self.container: str = self._find_container(container, extension)
        if (
            isinstance(self._target, str)
            and "://" not in self._target
            and (self.container == "image2" or not self._names_files)
        ):
            self._target = from_here(self._target)
        self.extension: str = extension or os.path.splitext(self.name)[1]
        self.options: dict[str, str] = {
            str(key): str(value) for key, value in (options or {}).items()
        }

    def _find_container(self, container: str | None, extension: str | None) -> str:
        named = isinstance(self._target, str)
        if container is None and extension is None and not named:
            hint = "'mp4'" if self.seekable else "'matroska', which can do without seeking,"
            raise ValueError(f"{self.name} has no extension; pass container={hint} or the like")
        guess_from = f"x{extension}" if extension is not None else self.name
        try:
            # No file is touched before a header is written.
            with av.open(guess_from, "w", format=container) as probe:
                name = str(probe.format.name)
        except ValueError:
            if container is not None:
                raise ValueError(f"this FFmpeg has no container named {container!r}") from None
            raise ValueError(
                f"no container goes by the extension of {extension or self.name!r}; "
                "pass container='mp4' or the like"
            ) from None
        return "image2pipe" if name == "image2" and not named else name

    @property
    def _names_files(self) -> bool:
        """Whether the muxer opens what is written to, files or a device, by its name."""
        return bool(av.ContainerFormat(self.container, "w").flags & _NOFILE)

    @property
    def takes_one_frame(self) -> bool:
        """Whether it is the name of a single picture."""
        many = "%" in self.name or bool({"update", "frame_pts"} & self.options.keys())
        return self.container == "image2" and not many

    @property
    def seekable(self) -> bool:
        """Whether a container may go back in it to complete its header."""
        if isinstance(self._target, str):
            return "://" not in self._target
        if not all(callable(getattr(self._target, name, None)) for name in ("seek", "tell")):
            return False
        return bool(getattr(self._target, "seekable", lambda: True)())

    def refuse(self, source: object) -> None:
        """Raise ``ValueError`` if it is the very file that frames or sound are read from."""
        if same_file(source, self._target):
            raise ValueError(
                f"{self.name!r} is being read, and would be overwritten before its end; write "
                "to another path, then os.replace() it"
            )

    def fragment(self) -> None:
        """Have the container written in pieces that can be read on their own.

        Raises
        ------
        ValueError
            It is none of the MP4 family.
        """
        if self.container not in _FRAGMENTING:
            raise ValueError(
                f"fragmented=True is for mp4 and mov, got {self.container!r}; matroska, avi and "
                "mpegts can be read as far as they go without it"
            )
        given = self.options.get("movflags", "")
        self.options["movflags"] = f"{given}{_FRAGMENTS}"

    def tag_colours(self) -> None:
        """Have mp4 keep colour tags that are not all there, or that the codec has no place for."""
        if self.container in _FRAGMENTING - {"mov"}:  # which keeps a matrix in any case
            self.options["movflags"] = f"{self.options.get('movflags', '')}+write_colr"

    def open(self) -> OutputContainer:
        """Open the container; nothing is written before its header."""
        target = self._target
        if not isinstance(target, str):
            kind = _FileFromHere if self.seekable else _Stream
            self._sink = kind(target, self.name)
        elif "://" not in target and not self._names_files:
            self._sink = self._own = _File(target)
        return av.open(
            self._sink or target,
            "w",
            format=self.container,
            container_options=self.options,
            buffer_size=_BUFFER,
        )

    @property
    def interrupt(self) -> BaseException | None:
        """What writing was interrupted by (Ctrl-C), of which PyAV tells nothing."""
        return None if self._sink is None else self._sink.interrupt

    def close(self) -> None:
        """Close the file, if it is not the caller's."""
        if self._own is not None:
            self._own.close()
            self._own = None

    def getvalue(self) -> bytes:
        """What was written to ``"<bytes>"``."""
        if self._memory is None:
            raise ValueError(f"only '<bytes>' has a value, not {self.name!r}")
        return self._memory.getvalue()


class _Sink(io.RawIOBase):
    """What PyAV writes to; it drops whatever is no ``Exception`` (Ctrl-C), so that is kept here."""

    interrupt: BaseException | None = None

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        try:
            self._write_all(data)
        except Exception:
            raise
        except BaseException as interrupt:
            self.interrupt = interrupt
            raise InterruptedError(errno.EINTR, os.strerror(errno.EINTR)) from interrupt
        return len(data)

    def _write_all(self, data: bytes) -> None:
        raise NotImplementedError


class _File(_Sink):
    """A file that comes into being with its first byte, and tells FFmpeg its name.

    PyAV would open a path itself, but loses the descriptor where a header cannot be written.
    """

    def __init__(self, name: str) -> None:
        self.name = name  # FFmpeg reads the file back by it (movflags=faststart)
        self._file: io.FileIO | None = None

    def _open(self) -> io.FileIO:
        if self._file is None:
            self._file = open(self.name, "wb", buffering=0)  # noqa: SIM115
        return self._file

    def seekable(self) -> bool:
        try:
            return not stat.S_ISFIFO(os.stat(self.name).st_mode)
        except OSError:
            return True

    def _write_all(self, data: bytes) -> None:
        file, rest = self._open(), memoryview(data)
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except OSError as error:
            raise OSError(error.errno, error.strerror, self.name) from None

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._open().seek(offset, whence)

    def tell(self) -> int:
        return self._open().tell()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        super().close()


class _Pipe(io.RawIOBase):
    """A descriptor that was open before, as FFmpeg's ``pipe:`` means it; it stays open."""

    def __init__(self, number: int) -> None:
        self._number = number

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def write(self, data: Any) -> int:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._number, rest) :]
        return len(data)


class _Stream(_Sink):
    """The caller's file, given all that is to be written; never closes it."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._shown = file, name

    def _write_all(self, data: bytes) -> None:
        done = 0
        while done < len(data):
            taken: int | None = self._file.write(data[done:] if done else data)
            if taken is None:
                if isinstance(self._file, io.RawIOBase):  # None means that it would block
                    raise BlockingIOError(
                        f"{self._shown} takes no data now; it must be in blocking mode"
                    )
                break  # no count from other files: all was taken
            if taken <= 0:
                raise OSError(f"{self._shown} took none of {len(data) - done} bytes")
            done += taken


class _FileFromHere(_Stream):
    """The same, with the file's present position for a beginning."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        super().__init__(file, name)
        self._start = file.tell()
        if not self._start:
            self.name = str(getattr(file, "name", name))  # see _File

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_SET:
            offset += self._start
        return self._file.seek(offset, whence) - self._start

    def tell(self) -> int:
        return self._file.tell() - self._start


def _descriptor(number: str) -> int:
    if not number.isdecimal():
        raise ValueError(f"pipe: stands before the number of a descriptor, got 'pipe:{number}'")
    return int(number)


def _check_path(path: str) -> str:
    if "://" not in path:
        if os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if not os.path.isdir(os.path.dirname(path) or "."):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    return path


def _check_file(file: object) -> tuple[BinaryIO, str]:
    name = f"<{getattr(file, 'name', None) or type(file).__name__}>"
    if isinstance(file, io.TextIOBase):
        raise TypeError(f"{name} is open in text mode; open it with mode 'wb'")
    if getattr(file, "closed", False):
        raise ValueError(f"{name} is closed")
    return cast(BinaryIO, file), name

"""fastav as a plugin of imageio, in the place of its ``pyav`` plugin.

``iio.imread(path, plugin=FastavPlugin)`` needs no more than this module;
:func:`register` makes ``plugin="fastav"`` work, fastav imageio's first choice for video, or what
``plugin="pyav"`` means; :func:`unregister` undoes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from types import EllipsisType
from typing import Any

import numpy as np
from av import VideoFormat

from ..errors import DecodeError, EncodeError, NotAVideoError
from ..pixels import formats
from ..pixels.convert import Arrays
from ..reading.input import check_threads
from ..writing.fitting import cast
from ..writing.frames import Frame, Frames, split
from .video_file import Index, VideoFile

try:
    import imageio.core.v3_plugin_api as imageio_api
    from imageio.config import known_extensions, known_plugins
    from imageio.config.plugins import PluginConfig
    from imageio.core.request import (
        URI_BYTES,
        URI_FILENAME,
        URI_FTP,
        URI_HTTP,
        InitializationError,
        IOMode,
        Request,
    )
except ImportError as _error:
    raise ImportError(
        "fastav.imageio_plugin needs imageio; install it with: pip install 'fastav[imageio]'"
    ) from _error

__all__ = ["FastavPlugin", "register", "unregister"]

_replaced: dict[str, PluginConfig] = {}  # imageio's own, by name, in whose place fastav stands


class NoSuchFrame(IndexError, StopIteration):
    """A frame number past the end: fastav's error, and the ``pyav`` plugin's."""


class NoSuchThreadType(ValueError, KeyError):
    """A kind of threads that there is not: fastav's error, and the ``pyav`` plugin's."""

    def __str__(self) -> str:
        return Exception.__str__(self)  # not in quotes, as that of a KeyError


class FastavPlugin(VideoFile, imageio_api.PluginV3):
    """imageio's view of :class:`fastav.imageio.video_file.VideoFile`.

    Parameters
    ----------
    request : imageio.core.Request
        What to open, and how.
    container : str, optional
        Writing: FFmpeg's name of the container, instead of the extension's.
    **options
        Further keywords of :class:`fastav.VideoReader` or :class:`fastav.VideoWriter`;
        ``conversion`` is ``"ffmpeg"`` by default: colours are those of the ``pyav`` plugin.

    Raises
    ------
    InitializationError
        fastav declines the resource; imageio asks the next plugin.
    """

    def __init__(self, request: Request, *, container: str | None = None, **options: Any) -> None:
        self._request = request
        self._handed_over = False
        options.setdefault("conversion", "ffmpeg")  # what users of the pyav plugin are used to
        if request.mode.io_mode == IOMode.read:
            self._open_to_read(request, options)
        else:
            self._open_to_write(request, container, options)

    def _open_to_read(self, request: Request, options: dict[str, Any]) -> None:
        shown = "<bytes>" if request._uri_type == URI_BYTES else request.raw_uri
        given = getattr(request, "_bytes", None)
        if request._uri_type == URI_BYTES and given is None:  # "<screen>", "<video0>", ...
            raise InitializationError(f"fastav does not read {shown!r}")
        source: Any
        if request._uri_type in (URI_HTTP, URI_FTP):
            source = request.raw_uri  # FFmpeg follows manifests such as DASH by itself
        elif request._uri_type == URI_FILENAME:
            source = request.filename
        else:
            source = given if request._uri_type == URI_BYTES else request.get_file()
        position = source.tell() if hasattr(source, "tell") else None
        try:
            super().__init__(source, "r", **options)
        except (NotAVideoError, DecodeError, IsADirectoryError) as error:
            if position is not None:  # the next plugin shall find the file as it was
                with suppress(OSError, ValueError):
                    source.seek(position)
            raise InitializationError(f"fastav does not read {shown!r}: {error}") from error

    def _open_to_write(
        self, request: Request, container: str | None, options: dict[str, Any]
    ) -> None:
        options.setdefault("mosaics", "convert")  # for the same reason
        extension = request.extension or request.format_hint
        if extension is None and container is None:
            raise InitializationError("without an extension there is no telling the container")
        target: Any
        if request._uri_type == URI_FILENAME:
            target = request.filename
        else:
            target = "<bytes>" if request._uri_type == URI_BYTES else request.get_file()
        try:
            super().__init__(target, "w", container=container, extension=extension, **options)
        except (EncodeError, ValueError) as error:
            raise InitializationError(
                f"fastav does not write {request.raw_uri!r}: {error}"
            ) from error

    def read(self, **how: Any) -> Arrays:  # type: ignore[override]
        """As :meth:`fastav.imageio.video_file.VideoFile.read`, with the errors of ``pyav``'s too.

        Raises
        ------
        NoSuchFrame
            There is no frame of that number: an ``IndexError``, and a ``StopIteration`` as theirs.
        NoSuchThreadType
            A ``ValueError``, and a ``KeyError`` as theirs.
        """
        _check_thread_type(how.get("thread_type"))
        try:
            return super().read(**how)
        except IndexError as error:
            raise NoSuchFrame(str(error)) from None

    def iter(self, **how: Any) -> Iterator[Arrays]:  # type: ignore[override]
        """As :meth:`fastav.imageio.video_file.VideoFile.iter`; errors as in :meth:`read`."""
        _check_thread_type(how.get("thread_type"))
        return super().iter(**how)

    def metadata(self, index: Index = ..., *arguments: Any, **how: Any) -> dict[str, Any]:
        """As :meth:`fastav.imageio.video_file.VideoFile.metadata`; errors as in :meth:`read`."""
        try:
            return super().metadata(index, *arguments, **how)
        except IndexError as error:
            raise NoSuchFrame(str(error)) from None

    def write(
        self, ndimage: Frames, *, in_pixel_format: str = "rgb24", is_batch: bool = True, **how: Any
    ) -> bytes | None:
        """As :meth:`fastav.imageio.video_file.VideoFile.write`, of arrays of any type.

        They are cast to the format's type as assignment casts: so the ``pyav`` plugin does. Grey
        pictures with a last axis of 1 fill all channels.
        """
        format = formats.pixel_format(in_pixel_format)
        frames: Frames
        if not is_batch:
            frames = cast(ndimage, format)
        elif (
            isinstance(ndimage, np.ndarray)
            and ndimage.dtype == format.dtype
            and ndimage.shape[-1:] != (1,)
        ):
            frames = ndimage  # an array, which is written faster than frames that are made
        else:
            frames = split(ndimage, format, adapt=cast)
        return super().write(frames, in_pixel_format=in_pixel_format, is_batch=is_batch, **how)

    def write_frame(self, frame: Frame, *, pixel_format: str = "rgb24") -> None:
        """As :meth:`fastav.imageio.video_file.VideoFile.write_frame`, of an array of any type."""
        super().write_frame(
            cast(frame, formats.pixel_format(pixel_format)), pixel_format=pixel_format
        )

    def properties(  # type: ignore[override]
        self, index: Index = ..., *, format: str | EllipsisType | None = ...
    ) -> imageio_api.ImageProperties:
        """As :meth:`fastav.imageio.video_file.VideoFile.properties`, in imageio's own class."""
        return imageio_api.ImageProperties(**asdict(super().properties(index, format=format)))

    def close(self) -> None:
        """Finish and close everything, imageio's request included; safe to call again."""
        try:
            super().close()
            writer = self._writer
            if writer is not None and self._returns_bytes and not self._handed_over:
                self._handed_over = True
                self._request.get_file().write(writer.getvalue())
        finally:
            self._request.finish()


def _check_thread_type(thread_type: str | None) -> None:
    try:
        check_threads(0, thread_type)
    except ValueError as error:
        raise NoSuchThreadType(str(error)) from None


def _format_to_dtype(format: VideoFormat) -> np.dtype[Any]:
    """Return the dtype of an element of a PyAV format, as fastav stores it.

    Raises
    ------
    ValueError
        The format has no elements that the CPU could read.
    """
    known = formats.pixel_format(format.name)
    if not known.itemsize:
        raise ValueError(f"{format.name!r} frames lie in a device's memory and have no dtype")
    return known.dtype


def register(*, default: bool = False, replace: str | None = None) -> None:
    """Make fastav known to imageio, as ``plugin="fastav"``.

    Parameters
    ----------
    default : bool
        Prefer fastav to the ``pyav`` plugin for all extensions for which imageio considers that.
    replace : {None, "pyav"}
        Have fastav serve ``plugin="pyav"`` as well: programs that ask for that plugin by name get
        fastav without a change.

    Raises
    ------
    ValueError
        `replace` is another plugin.

    Notes
    -----
    Doing so again changes nothing; :func:`unregister` undoes it.
    """
    if replace not in (None, "pyav"):
        raise ValueError(
            f"replace must be None or 'pyav', got {replace!r}: fastav has the keywords and the "
            "results of that plugin alone"
        )
    known_plugins["fastav"] = _serving("fastav")
    if replace is not None and not _is_ours(known_plugins[replace]):
        _replaced[replace] = known_plugins[replace]
        known_plugins[replace] = _serving(replace)
    if default:
        for kinds in known_extensions.values():
            for kind in kinds:
                if "pyav" in kind.priority and "fastav" not in kind.priority:
                    kind.priority.insert(kind.priority.index("pyav"), "fastav")


def unregister() -> None:
    """Undo :func:`register`, whatever it was asked for; without effect if it was not called.

    What is open stays with the plugin that opened it.
    """
    for name, own in _replaced.items():
        if _is_ours(known_plugins[name]):
            known_plugins[name] = own
    _replaced.clear()
    known_plugins.pop("fastav", None)
    for kinds in known_extensions.values():
        for kind in kinds:
            while "fastav" in kind.priority:
                kind.priority.remove("fastav")


def _serving(name: str) -> PluginConfig:
    return PluginConfig(
        name=name,
        class_name="FastavPlugin",
        module_name="fastav.imageio_plugin",
        install_name="fastav",
    )


def _is_ours(plugin: PluginConfig) -> bool:
    return bool(plugin.module_name == "fastav.imageio_plugin")

"""The functions that users call, in imageio.v3's words."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .pixels.convert import Arrays
from .progress import Progress
from .reading.frames import ArrayIterator
from .reading.index import WORTH_A_SCAN
from .reading.options import READER_KEYWORDS, check_keywords
from .reading.reader import VideoReader

# What writes is imported by the functions that need it: most programs only read.
if TYPE_CHECKING:
    from .filters import FilterGraph, FilterSequence
    from .imageio.video_file import ImageProperties, Index, VideoFile
    from .writing.frames import Frames
    from .writing.writer import VideoWriter

__all__ = [
    "imiter",
    "immeta",
    "imopen",
    "improps",
    "imread",
    "imwrite",
    "open",
    "register",
    "unregister",
]


@overload
def open(source: object, mode: Literal["r"] = "r", **options: Any) -> VideoReader: ...
@overload
def open(source: Any, mode: Literal["w"], **options: Any) -> VideoWriter: ...
def open(source: Any, mode: str = "r", **options: Any) -> VideoReader | VideoWriter:
    """Open a video for reading or for writing.

    Parameters
    ----------
    source : str, os.PathLike, bytes-like, or binary file object
        A path, a URL, a whole file in memory or an open file; ``"<bytes>"`` to write into memory.
    mode : {"r", "w"}
        Read or write.
    **options
        See :class:`fastav.VideoReader` and :class:`fastav.VideoWriter`.

    Returns
    -------
    VideoReader or VideoWriter
        A context manager.
    """
    if mode == "r":
        return VideoReader(source, **options)
    if mode == "w":
        from .writing.keywords import check_writer_keywords
        from .writing.writer import VideoWriter

        check_writer_keywords("VideoWriter", options)
        return VideoWriter(source, **options)
    if mode in ("a", "r+", "x"):
        raise ValueError(
            f"mode must be 'r' or 'w', got {mode!r}: a finished video cannot be written on; write "
            "another file and join the two with FFmpeg's concat, or write all parts through one "
            "writer"
        )
    raise ValueError(f"mode must be 'r' or 'w', got {mode!r}")


def imopen(
    uri: Any,
    io_mode: str,
    *,
    plugin: object = None,
    extension: str | None = None,
    format_hint: str | None = None,
    legacy_mode: bool = False,
    **options: Any,
) -> VideoFile:
    """Open a video as imageio does: one object with the methods of imageio's plugins.

    Parameters
    ----------
    uri : str, os.PathLike, bytes, or binary file object
        What to read from or write to.
    io_mode : {"r", "w"}
        Read or write.
    plugin : {None, "fastav", "pyav"}
        All the same: there is one.
    extension, format_hint : str, optional
        Writing: take the container of this extension (".mp4").
    legacy_mode : bool
        No effect.
    **options
        See :class:`fastav.VideoReader` and :class:`fastav.VideoWriter`.

    Returns
    -------
    VideoFile
        A context manager.
    """
    _check_plugin(plugin)
    if io_mode[:1] == "w":
        options["extension"] = extension or format_hint
    from .imageio.video_file import VideoFile

    return VideoFile(uri, io_mode, **options)


def imread(
    uri: object,
    *,
    index: Index | slice | ArrayLike | range = None,
    start: int = 0,
    stop: int | None = None,
    step: int = 1,
    plugin: object = None,
    extension: str | None = None,
    format_hint: str | None = None,
    filter_sequence: FilterSequence | None = None,
    filter_graph: FilterGraph | None = None,
    constant_framerate: bool | None = None,
    fps: float | Fraction | str | None = None,
    out: NDArray[Any] | Sequence[NDArray[Any]] | None = None,
    progress: Progress = None,
    **options: Any,
) -> Arrays:
    """Read a whole video, some frames of it, or one.

    Parameters
    ----------
    uri : str, os.PathLike, bytes-like, or binary file object
        A path, a URL, a whole file in memory or an open file.
    index : int, ..., slice, range, sequence of int, or boolean mask
        ``...`` or None reads all frames, a number that frame alone, anything else several frames as
        ``fastav.open(uri)[index]``; negative numbers count from the end.
    start, stop, step : int
        Which frames, as in ``range``; all by default. Not together with `index`.
    plugin : {None, "fastav", "pyav"}
        All the same: there is one.
    extension, format_hint, constant_framerate
        No effect; known to imageio.
    filter_sequence, filter_graph : optional
        Filters, see :mod:`fastav.filters`.
    fps : float, Fraction or str, optional
        Frames per second, see :meth:`fastav.VideoReader.read`. Not together with `index`.
    progress : callable or True, optional
        Called after every frame with the number of frames read so far; True shows tqdm's bar, which
        needs fastav[progress]. Not together with `index`.
    out : ndarray, or one per plane, optional
        The caller's arrays, see :meth:`fastav.VideoReader.read`; with a number for `index` one
        frame's.
    **options
        See :class:`fastav.VideoReader`: ``format``, ``thread_count``, ``thread_type``, ...

    Returns
    -------
    ndarray of shape (N, H, W, C), uint8 for ``format="rgb24"``
        A fresh array, or the part of `out` that was filled. With an `index` one frame, without the
        first axis.

    Raises
    ------
    IndexError
        `index` is outside the video; says which numbers are inside.
    """
    _check_plugin(plugin)
    check_keywords("imread", options, READER_KEYWORDS)
    with VideoReader(uri, **options) as reader:
        filters: dict[str, Any]
        filters = {"filter_sequence": filter_sequence, "filter_graph": filter_graph}
        if index is None or isinstance(index, EllipsisType):
            return reader.read(
                start=start, stop=stop, step=step, out=out, progress=progress, fps=fps, **filters
            )
        if (start, stop, step, fps) != (0, None, 1, None) or progress not in (None, False):
            raise ValueError("index= goes without start=, stop=, step=, fps= and progress=")
        several = isinstance(index, bool) or getattr(index, "ndim", 0) != 0
        if several or not isinstance(index, SupportsIndex):
            return _read_several(reader, index, out, filters)
        index = operator.index(index)
        if not (filter_sequence is None and filter_graph is None):
            if out is not None:
                raise ValueError("out= takes no single filtered frame; leave out= or index= out")
            return reader.read_frame(
                index, filter_sequence=filter_sequence, filter_graph=filter_graph
            )
        room = _as_one_frame(out)
        if index >= 0 and (index < WORTH_A_SCAN or not reader.seekable):
            one = reader.read(start=index, stop=index + 1, out=room)
            if not reader.frames_read and not reader.seekable:
                raise IndexError(f"frame {index} is out of range: the video has ended")
        if not reader.frames_read:
            one = reader.get_batch([index], room)
        if isinstance(out, np.ndarray):
            return out
        return tuple(plane[0] for plane in one) if isinstance(one, tuple) else one[0]


def _read_several(
    reader: VideoReader,
    index: Any,
    out: NDArray[Any] | Sequence[NDArray[Any]] | None,
    filters: dict[str, Any],
) -> Arrays:
    """Frames by a slice, a sequence of numbers or a mask."""
    if isinstance(index, slice):
        start, stop, step = index.start or 0, index.stop, 1 if index.step is None else index.step
        if min(operator.index(start), 0 if stop is None else operator.index(stop)) >= 0 < step:
            return reader.read(start=start, stop=stop, step=step, out=out, **filters)
    if filters != {"filter_sequence": None, "filter_graph": None}:
        raise ValueError(
            "frames of a filtered video are read by a number, or in order: by a slice without "
            f"negative parts; got {index!r}"
        )
    if isinstance(index, slice):
        index = range(*index.indices(len(reader)))
    return reader.get_batch(index, out)


def imiter(
    uri: object,
    *,
    start: int = 0,
    stop: int | None = None,
    step: int = 1,
    fps: float | Fraction | str | None = None,
    plugin: object = None,
    extension: str | None = None,
    format_hint: str | None = None,
    filter_sequence: FilterSequence | None = None,
    filter_graph: FilterGraph | None = None,
    **options: Any,
) -> ArrayIterator:
    """Iterate over the frames of a video; parameters as for :func:`imread`.

    The video is opened when the first frame is asked for.

    Yields
    ------
    ndarray of shape (H, W, C)
        Each a fresh array.
    """
    _check_plugin(plugin)
    check_keywords("imiter", options, READER_KEYWORDS)

    def frames() -> Iterator[Arrays]:
        with VideoReader(uri, **options) as reader:
            yield from reader.iter(
                start=start,
                stop=stop,
                step=step,
                fps=fps,
                filter_sequence=filter_sequence,
                filter_graph=filter_graph,
            )

    return ArrayIterator(frames(), uri)


def imwrite(
    uri: Any,
    image: Frames,
    *,
    plugin: object = None,
    extension: str | None = None,
    format_hint: str | None = None,
    in_pixel_format: str = "rgb24",
    is_batch: bool = True,
    layout: str = "hwc",
    times: Iterable[float | Fraction] | None = None,
    **options: Any,
) -> bytes | None:
    """Write a whole video, or a picture.

    Parameters
    ----------
    uri : str, os.PathLike, or binary file object
        A path, an open file or ``"<bytes>"``.
    image : array_like or iterable
        The frames, see :meth:`fastav.VideoWriter.write`; arrays of shape (N, H, W, 3) and dtype
        uint8 for ``in_pixel_format="rgb24"``.
    plugin : {None, "fastav", "pyav"}
        All the same: there is one.
    extension, format_hint : str, optional
        Take the container of this extension (".mp4") instead of the path's own.
    in_pixel_format : str
        What the arrays hold.
    is_batch : bool
        False: `image` is one frame.
    layout : {"hwc", "chw"}
        Whether the channels stand last, or first as in torch's tensors.
    times : iterable of float or Fraction, optional
        When each frame is shown, in seconds, see :meth:`fastav.VideoWriter.write`.
    **options
        See :class:`fastav.VideoWriter`: ``codec``, ``fps``, ``out_pixel_format``, ``options``, ...
        Those of imageio's other plugins are understood too (``quality``, ``bitrate``, ...), see
        :mod:`fastav.imageio.former_keywords`.

    Returns
    -------
    bytes or None
        The file, if the target is ``"<bytes>"``.

    Raises
    ------
    ValueError
        There is no frame, or what :class:`fastav.VideoWriter` raises.
    """
    _check_plugin(plugin)
    from .imageio.former_keywords import FORMER, apply_former
    from .writing.keywords import check_writer_keywords
    from .writing.writer import VideoWriter

    check_writer_keywords("imwrite", options, FORMER)
    former = {name: options.pop(name) for name in FORMER & options.keys()}
    with VideoWriter(uri, extension=extension or format_hint, **options) as writer:
        behind = apply_former(writer, former)
        if behind:
            sequence = [*(options.get("filter_sequence") or ()), *behind]
            writer.set_filter(sequence, options.get("filter_graph"))
        writer.write(
            image, in_pixel_format=in_pixel_format, is_batch=is_batch, layout=layout, times=times
        )
        if not writer.frames_written:
            raise ValueError("there is no frame to write")
    return writer.getvalue() if isinstance(uri, str) and uri == "<bytes>" else None


def improps(
    uri: object,
    *,
    index: Index = None,
    plugin: object = None,
    extension: str | None = None,
    format_hint: str | None = None,
    format: str | None = "rgb24",
    **options: Any,
) -> ImageProperties:
    """Tell shape and dtype of what :func:`imread` would return, without decoding.

    Parameters are those of :func:`imread`; see
    :meth:`fastav.imageio.video_file.VideoFile.properties`.
    """
    _check_plugin(plugin)
    check_keywords("improps", options, READER_KEYWORDS)
    from .imageio.video_file import VideoFile

    with VideoFile(uri, "r", **options) as file:
        return file.properties(index, format=format)


def immeta(
    uri: object,
    *,
    index: Index = None,
    plugin: object = None,
    extension: str | None = None,
    format_hint: str | None = None,
    exclude_applied: bool = True,
    constant_framerate: bool | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Gather what is known of a video, or of one frame, besides its pixels.

    Parameters are those of :func:`imread`; see :meth:`fastav.VideoReader.metadata` for the
    contents.
    """
    _check_plugin(plugin)
    check_keywords("immeta", options, READER_KEYWORDS)
    from .imageio.video_file import VideoFile

    with VideoFile(uri, "r", **options) as file:
        return file.metadata(index)


def register(*, default: bool = False, replace: str | None = None) -> None:
    """Make fastav known to imageio, as ``plugin="fastav"``; needs imageio.

    Parameters
    ----------
    default : bool
        Prefer fastav to the ``pyav`` plugin for all extensions for which imageio considers that.
    replace : {None, "pyav"}
        Have fastav serve ``plugin="pyav"`` as well, for programs that ask for it by name.

    Raises
    ------
    ImportError
        imageio is not installed.
    ValueError
        `replace` is another plugin.
    """
    from .imageio.plugin import register

    register(default=default, replace=replace)


def unregister() -> None:
    """Undo :func:`register`, whatever it was asked for."""
    from .imageio.plugin import unregister

    unregister()


def _as_one_frame(out: Any) -> Any:
    """The caller's arrays of one frame as such of a video; what is none is refused later."""
    if isinstance(out, np.ndarray):
        return out[np.newaxis]
    return [_as_one_frame(plane) for plane in out] if isinstance(out, (list, tuple)) else out


def _check_plugin(plugin: object) -> None:
    name = plugin if isinstance(plugin, str) else getattr(plugin, "__name__", plugin)
    if name not in (None, "fastav", "pyav", "FastavPlugin"):
        raise ValueError(f"fastav has no plugin {plugin!r}; leave plugin= out")

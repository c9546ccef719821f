"""The functions that users call, in imageio.v3's words."""

from __future__ import annotations

from collections.abc import Iterator
from types import EllipsisType
from typing import Any, Final, Literal, overload

import numpy as np
from numpy.typing import NDArray

from .reader import VideoReader
from .sequence import Arrays
from .writer import Frames, VideoWriter

__all__ = ["imiter", "imread", "imwrite", "open"]

# So many frames are decoded sooner than a whole file is searched for where they begin.
_FEW: Final = 32


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
        return VideoWriter(source, **options)
    raise ValueError(f"mode must be 'r' or 'w', got {mode!r}")


def imread(
    source: object,
    *,
    index: int | EllipsisType | None = ...,
    out: NDArray[Any] | None = None,
    **options: Any,
) -> Arrays:
    """Read a whole video, or one frame of it.

    Parameters
    ----------
    source : str, os.PathLike, bytes-like, or binary file object
        A path, a URL, a whole file in memory or an open file.
    index : int or ...
        ``...`` or None reads all frames, a number that frame alone; negative ones count from the
        end.
    out : ndarray, optional
        The caller's array, see :meth:`fastav.VideoReader.read`; with a number for `index` one
        frame's array.
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
    with VideoReader(source, **options) as reader:
        if index is None or isinstance(index, EllipsisType):
            return reader.read(out=out)
        room = None if out is None else out[np.newaxis]
        if 0 <= index < _FEW or not reader.seekable:
            one = reader.read(start=index, stop=index + 1, out=room)
            if not reader.frames_read and not reader.seekable:
                raise IndexError(f"frame {index} is out of range: the video has ended")
        if not reader.frames_read:
            one = reader.get_batch([index], room)
        if out is not None:
            return out
        return tuple(plane[0] for plane in one) if isinstance(one, tuple) else one[0]


def imiter(source: object, **options: Any) -> Iterator[Arrays]:
    """Iterate over the frames of a video.

    Parameters
    ----------
    source : str, os.PathLike, bytes-like, or binary file object
        A path, a URL, a whole file in memory or an open file.
    **options
        See :class:`fastav.VideoReader`.

    Yields
    ------
    ndarray of shape (H, W, C)
        Each a fresh array.
    """
    with VideoReader(source, **options) as reader:
        yield from reader


def imwrite(
    target: Any,
    image: Frames,
    *,
    in_pixel_format: str = "rgb24",
    is_batch: bool = True,
    **options: Any,
) -> bytes | None:
    """Write a whole video, or a picture.

    Parameters
    ----------
    target : str, os.PathLike, or binary file object
        A path, an open file or ``"<bytes>"``.
    image : array_like or iterable
        The frames, see :meth:`fastav.VideoWriter.write`; arrays of shape (N, H, W, 3) and dtype
        uint8 for ``in_pixel_format="rgb24"``.
    in_pixel_format : str
        What the arrays hold.
    is_batch : bool
        False: `image` is one frame.
    **options
        See :class:`fastav.VideoWriter`: ``codec``, ``fps``, ``out_pixel_format``, ``options``, ...

    Returns
    -------
    bytes or None
        The file, if the target is ``"<bytes>"``.

    Raises
    ------
    ValueError
        There is no frame, or what :class:`fastav.VideoWriter` raises.
    """
    with VideoWriter(target, **options) as writer:
        writer.write(image, in_pixel_format=in_pixel_format, is_batch=is_batch)
        if not writer.frames_written:
            raise ValueError("there is no frame to write")
    return writer.getvalue() if isinstance(target, str) and target == "<bytes>" else None

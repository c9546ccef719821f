"""The functions that users call, in imageio.v3's words."""

from __future__ import annotations

from collections.abc import Iterator
from types import EllipsisType
from typing import Any

from numpy.typing import NDArray

from .reader import VideoReader
from .sequence import Arrays

__all__ = ["imiter", "imread", "open"]


def open(source: object, mode: str = "r", **options: Any) -> VideoReader:
    """Open a video for reading.

    Parameters
    ----------
    source : str, os.PathLike, bytes-like, or binary file object
        A path, a URL, a whole file in memory or an open file.
    mode : {"r"}
        Read.
    **options
        See :class:`fastav.VideoReader`.

    Returns
    -------
    VideoReader
        A context manager.
    """
    if mode != "r":
        raise ValueError(f"mode must be 'r', got {mode!r}")
    return VideoReader(source, **options)


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
        ``...`` or None reads all frames, a number that frame alone.
    out : ndarray, optional
        The caller's array, see :meth:`fastav.VideoReader.read`.
    **options
        See :class:`fastav.VideoReader`: ``format``, ``thread_count``, ``thread_type``, ...

    Returns
    -------
    ndarray of shape (N, H, W, C), uint8 for ``format="rgb24"``
        A fresh array, or the part of `out` that was filled. With an `index` one frame, without the
        first axis.
    """
    with open(source, **options) as reader:
        if index is None or index is ...:
            return reader.read(out=out)
        one = reader.read(start=index, stop=index + 1, out=out)
        if reader.frames_read == 0:
            raise IndexError(f"frame {index} is out of range")
        return tuple(a[0] for a in one) if isinstance(one, tuple) else one[0]


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
    with open(source, **options) as reader:
        yield from reader

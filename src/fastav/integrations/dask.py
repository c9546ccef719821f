"""A video as a dask array: ``from_video("clip.mp4")``; needs dask[array].

A :class:`fastav.VideoReader` goes into ``dask.array.from_array`` as it is. What this module adds is
chunks that begin where decoding can, and readers for every worker.
"""

from __future__ import annotations

from typing import Any, SupportsIndex

import numpy as np

from ..pixels.arguments import integer
from ..reading.reader import VideoReader

try:
    import dask
    import dask.array
except ImportError as _error:
    raise ImportError(
        "fastav.integrations.dask needs dask; install it with: pip install 'fastav[dask]'"
    ) from _error

__all__ = ["from_video"]


def from_video(
    source: Any, chunks: str | SupportsIndex | list[int] | tuple[int, ...] = "gop", **options: Any
) -> Any:
    """Make a dask array of a video, of which nothing is decoded before it is computed.

    Parameters
    ----------
    source : str, os.PathLike, bytes or sequence of paths
        As of :class:`fastav.VideoReader`; every worker must find it.
    chunks : {"gop", "auto"}, int, or sequence of int
        How many frames make a chunk. ``"gop"``: those that are decoded together, from one key frame
        on. ``"auto"``: as many such groups as stay within dask's ``array.chunk-size``, one at
        least. A number: so many, wherever they begin; a chunk then costs the decoding of the
        frames between its first one and the key frame before. -1 is one chunk, several numbers are
        those of all chunks, as dask has it.
    **options
        Keywords of :class:`fastav.VideoReader`. `thread_count` is 1 if it is left out: dask decodes
        several chunks side by side.

    Returns
    -------
    dask.array.Array
        Shape and dtype are those of the reader. Its graph can be pickled and holds the index, which
        is made once, here; computing a chunk opens a reader of its own with it and decodes what is
        asked for.

    Raises
    ------
    ValueError, TypeError
        `chunks` is none of these; or ``planes=True``, whose planes are not one array; or `source`
        cannot be opened by workers.
    FileNotFoundError, NotAVideoError, ...
        As of :class:`fastav.VideoReader`.
    """
    if isinstance(chunks, str):
        if chunks not in ("gop", "auto"):
            raise ValueError(f"chunks must be 'gop', 'auto' or a number of frames, got {chunks!r}")
    elif not isinstance(chunks, (list, tuple)) and -1 != integer("chunks", chunks) < 1:
        raise ValueError(f"chunks must be 1 frame or more, got {chunks}; -1 is all of them")
    options.setdefault("thread_count", 1)
    with VideoReader(source, **options) as reader:
        if reader.options.planes:
            raise TypeError("planes=True gives a tuple of arrays, which is no dask array")
        video = _Video(reader)
        lengths = _lengths(reader, chunks)
    return dask.array.from_array(
        video,
        chunks=(lengths, *video.shape[1:]),
        meta=np.empty((0,) * video.ndim, video.dtype),
        asarray=False,
    )


def _lengths(
    reader: VideoReader, chunks: str | SupportsIndex | list[int] | tuple[int, ...]
) -> tuple[int, ...]:
    """How many frames each chunk has."""
    count = len(reader)
    if not isinstance(chunks, str):
        lengths: tuple[int, ...] = dask.array.core.normalize_chunks((chunks,), (count,))[0]
        return lengths
    if chunks == "gop":
        starts = reader.index.cuts.tolist()
    else:
        limit = dask.utils.parse_bytes(dask.config.get("array.chunk-size"))
        most = max(limit * count // max(reader.nbytes, 1), 1)  # frames
        starts = []
        for start, stop in zip(cuts := reader.index.cuts.tolist(), [*cuts[1:], count], strict=True):
            if not starts or stop - starts[-1] > most:
                starts.append(start)
    return tuple(np.diff([*starts, count]).tolist()) or (0,)


class _Video:
    """What dask takes for an array: every read of it has a reader of its own."""

    def __init__(self, reader: VideoReader) -> None:
        self._opening = {**reader.__getstate__(), "index": reader.index}
        self._token = reader.__dask_tokenize__()
        self.shape, self.dtype, self.ndim = reader.shape, reader.dtype, reader.ndim

    def __dask_tokenize__(self) -> tuple[object, ...]:
        return self._token

    def __getitem__(self, key: Any) -> Any:
        with VideoReader(**self._opening) as reader:
            return reader[key]

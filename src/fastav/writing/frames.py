"""What users give to be written, taken apart into frames, one at a time and never all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..pixels.formats import PixelFormat
from ..pixels.layout import frame_layout
from ..reading.frames import ArrayIterator, FrameIterator
from ..reading.reader import VideoReader
from .fitting import fit

__all__ = ["Frame", "Frames", "is_steady", "split"]

Frame: TypeAlias = ArrayLike | Sequence[ArrayLike]
Frames: TypeAlias = ArrayLike | Iterable[Frame]

_STEADY: Final = (list, tuple, np.ndarray, VideoReader, ArrayIterator, FrameIterator)

# Bytes of a lazy array that are loaded at once: enough for a store's chunks to be read once each.
_CHUNK: Final = 32 << 20


def split(
    frames: Frames,
    format: PixelFormat,
    layout: str = "hwc",
    *,
    adapt: Callable[[Any, PixelFormat], Any] = fit,
) -> Iterator[Any]:
    """Take what was given apart into frames.

    Parameters
    ----------
    frames : array_like or iterable
        See :meth:`fastav.VideoWriter.write`.
    format : PixelFormat
        What the arrays hold.
    layout : {"hwc", "chw"}
        Whether the channels of a frame stand last or first.
    adapt : callable
        Makes every frame fit the format, or raises: :func:`fit`, or :func:`cast`.

    Yields
    ------
    ndarray or sequence of ndarray
        Each a frame, channels last: views where arrays were given, else as they come.
    """
    if layout not in ("hwc", "chw"):
        raise ValueError(f"layout must be 'hwc' or 'chw', got {layout!r}")
    if layout == "chw" and len(frame_layout(format.name, 16, 16).shape or ()) < 2:
        raise ValueError(f"layout='chw' needs a format of one plane, got {format.name!r}")
    if isinstance(frames, tuple) and frames and not format.is_array:
        planes = [np.asarray(plane) for plane in frames]
        if planes[0].ndim == 2:
            yield planes
        else:
            yield from zip(*planes, strict=True)
        return
    of_one = 3 if layout == "chw" else len(frame_layout(format.name, 16, 16).shape or (0, 0))
    for frame in _each(frames, of_one):
        yield adapt(np.moveaxis(np.asarray(frame), 0, -1) if layout == "chw" else frame, format)


def is_steady(frames: Frames) -> bool:
    """Whether a frame stays what it is when the next one is asked for.

    Generators may fill one array again and again; arrays, lists, readers and their iterators do
    not.
    """
    return isinstance(frames, _STEADY) or hasattr(frames, "shape")


def _each(frames: Any, of_one: int) -> Iterator[Any]:
    """Take frames apart; a frame has so many axes, where it is an array."""
    if isinstance(frames, VideoReader):
        yield from frames
    elif _is_lazy(frames) and len(frames.shape) > of_one:
        yield from _chunks(frames)
    elif isinstance(frames, np.ndarray) or hasattr(frames, "__array__"):
        array = np.asarray(frames)
        if array.ndim <= of_one:
            yield array
        else:
            yield from array
    elif isinstance(frames, (str, bytes)) or not isinstance(frames, Iterable):
        raise TypeError(
            f"frames must be arrays or an iterable of them, got {type(frames).__name__}"
        )
    else:
        yield from frames


def _is_lazy(frames: Any) -> bool:
    """Whether it is an array that may not be in memory: of h5py, zarr, dask, xarray, ...

    What NumPy can look at without a copy (arrays, memory maps, torch tensors) is not.
    """
    if isinstance(frames, np.ndarray) or hasattr(frames, "__array_interface__"):
        return False
    if not all(hasattr(frames, name) for name in ("shape", "dtype", "__getitem__")):
        return False
    return not hasattr(frames, "__dlpack__")


def _chunks(frames: Any) -> Iterator[NDArray[Any]]:
    """Load some frames, yield each, load the next."""
    for part in _parts(frames):
        yield from np.asarray(frames[part])


def _parts(frames: Any) -> Iterator[slice]:
    """Divide a lazy array along its first axis, at the borders of its own chunks if it has any."""
    if frames.shape[0] != frames.shape[0]:  # NaN, as dask has it behind a mask
        raise ValueError(
            "the number of frames in this array is not known; its compute_chunk_sizes() tells it"
        )
    count = int(frames.shape[0])
    chunks = getattr(frames, "chunks", None)
    if chunks and isinstance(chunks[0], tuple):  # dask and xarray: computed once each
        stop = 0
        for length in chunks[0]:
            start, stop = stop, stop + length
            yield slice(start, stop)
        return
    of_one = int(np.prod(frames.shape[1:], dtype=np.int64)) * np.dtype(frames.dtype).itemsize
    step = max(_CHUNK // max(of_one, 1), 1)
    if chunks:  # h5py and zarr: read once each
        step = max(step // chunks[0], 1) * chunks[0]
    for start in range(0, count, step):
        yield slice(start, start + step)

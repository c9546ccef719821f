"""Frames with their times, as torchcodec's methods return them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..pixels.convert import Arrays
from .index import Timeline

__all__ = ["Frame", "FrameBatch", "with_times"]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame, its number and its times.

    Attributes
    ----------
    data : ndarray of shape (H, W, C), or a tuple of planes
    index : int
        Its number in the video.
    pts_seconds : float
        When it appears.
    duration_seconds : float
        How long it is shown; until the next frame where the file does not say.
    """

    data: Arrays
    index: int
    pts_seconds: float
    duration_seconds: float

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return _as_array(self.data, dtype, copy)

    def __repr__(self) -> str:
        return (
            f"Frame({_shown(self.data)}, index={self.index}, pts_seconds={self.pts_seconds:g}, "
            f"duration_seconds={self.duration_seconds:g})"
        )


@dataclass(frozen=True, slots=True, eq=False)
class FrameBatch:
    """Several frames, their numbers and their times; a sequence of :class:`Frame`.

    Clips (:mod:`fastav.samplers`) have one axis more in front, and are a sequence of batches.

    Attributes
    ----------
    data : ndarray of shape (n, H, W, C), or a tuple of planes
    indices : ndarray of shape (n,) and dtype int64
        Their numbers in the video.
    pts_seconds, duration_seconds : ndarray of shape (n,) and dtype float64
        When each appears, and how long it is shown.
    """

    data: Arrays
    indices: NDArray[np.int64]
    pts_seconds: NDArray[np.float64]
    duration_seconds: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.indices)

    @overload
    def __getitem__(self, key: int) -> Frame: ...
    @overload
    def __getitem__(self, key: Any) -> Frame | FrameBatch: ...
    def __getitem__(self, key: Any) -> Frame | FrameBatch:
        """One frame by an int, else the frames that a key of the first axis selects."""
        data = self.data
        axes = key if isinstance(key, tuple) else (key,)
        if len(axes) > self.indices.ndim or (len(axes) > 1 and any(a is ... for a in axes)):
            raise IndexError(f"a key of a batch chooses frames, got {key}; .data takes the others")
        part = tuple(plane[key] for plane in data) if isinstance(data, tuple) else data[key]
        index = self.indices[key]
        if np.ndim(index) == 0:
            times = float(self.pts_seconds[key]), float(self.duration_seconds[key])
            return Frame(part, int(index), *times)
        return FrameBatch(part, index, self.pts_seconds[key], self.duration_seconds[key])

    def __iter__(self) -> Iterator[Frame]:
        return (self[place] for place in range(len(self)))

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return _as_array(self.data, dtype, copy)

    def __repr__(self) -> str:
        return f"FrameBatch({_shown(self.data)}, indices={self.indices})"


def with_times(data: Arrays, numbers: NDArray[np.int64], index: Timeline) -> FrameBatch:
    """Add to frames their numbers and what the index knows of their times."""
    unit = float(index.time_base)
    until_next = np.diff(index.pts, append=index.end)
    durations = np.where(index.durations > 0, index.durations, until_next)
    return FrameBatch(data, numbers, index.timestamps[numbers], durations[numbers] * unit)


def _as_array(data: Arrays, dtype: DTypeLike | None, copy: bool | None) -> NDArray[Any]:
    if isinstance(data, tuple):
        raise TypeError("planes of different sizes are not one array; see .data")
    return np.array(data, dtype, copy=copy)


def _shown(data: Arrays) -> str:
    planes = data if isinstance(data, tuple) else (data,)
    return ", ".join(f"{plane.dtype} {plane.shape}" for plane in planes)

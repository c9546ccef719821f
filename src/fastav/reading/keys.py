"""Keys to frames: which of them ``reader[key]`` asks for, and what of each, by NumPy's rules."""

from __future__ import annotations

import operator
from collections.abc import Callable
from types import EllipsisType
from typing import Any, NamedTuple, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..pixels.arguments import integer, one_of

__all__ = [
    "Selection",
    "check_span",
    "frame_numbers",
    "out_of_range",
    "select",
    "spread_numbers",
]

Basic = int | slice | EllipsisType


class Selection(NamedTuple):
    """What a key asks for.

    Attributes
    ----------
    frames : int, range, or ndarray of int64
        Numbers of the frames, in the order in which they come; an int stands for a frame without
        the axis of frames, and may count from the end or lie outside.
    lead : tuple of int
        Axes that stand in the place of the one that counts frames: none for an int.
    within : tuple of int, slice or ...
        What of every frame, as a key of its array.
    rest : tuple or None
        For keys with more than one array or with new axes: the key to give the array of `frames`
        (with its first axis, also for an int); `lead` and `within` then say nothing.
    """

    frames: int | range | NDArray[np.int64]
    lead: tuple[int, ...] = ()
    within: tuple[Basic, ...] = ()
    rest: tuple[Any, ...] | None = None


def select(key: Any, count: Callable[[], int], ndim: Callable[[], int]) -> Selection:
    """Tell what a key asks for of an array of frames.

    Parameters
    ----------
    key : int, slice, ..., None, array_like of int or bool, or a tuple of these
        As for a NumPy array: a tuple has an entry for each axis, a list means several of one. A
        plain ``True`` or ``False`` is refused.
    count, ndim : callable
        How many frames there are, and how many axes they make as one array; asked if need be.

    Raises
    ------
    IndexError
        A frame that is not there, too many entries, a mask of another length.
    TypeError
        The key holds something else.
    """
    entries = [_entry(entry) for entry in (key if isinstance(key, tuple) else (key,))]
    if sum(entry is ... for entry in entries) > 1:
        raise IndexError("a key can have one ellipsis ('...') only")
    if all(entry is None for entry in entries):
        entries.append(...)
    place = _first(entries)
    if entries[place] is ...:
        if _axes(entries) < ndim():  # it stands for the axis of frames, at least
            entries.insert(place, slice(None))
        else:
            del entries[place]
            place = _first(entries)
    first, others = entries[place], entries[place + 1 :]
    frames, lead, first = _frames(first, count)
    basic = not any(entry is None or isinstance(entry, np.ndarray) for entry in others)
    if place == 0 and basic and not (isinstance(first, np.ndarray) and first.dtype == bool):
        return Selection(frames, lead, tuple(others))
    entries[place] = first
    return Selection(frames, rest=tuple(entries))


def _first(entries: list[Any]) -> int:
    """The place of the entry for the first axis: behind new ones."""
    return next(place for place, entry in enumerate(entries) if entry is not None)


def _entry(entry: Any) -> Any:
    """One entry of a key: an int, a slice, ``...``, None, or an array of ints or bools."""
    if entry is None or entry is ... or isinstance(entry, slice):
        return entry
    if not isinstance(entry, (bool, np.bool_, str, bytes)):
        if isinstance(entry, (list, tuple, range)) or getattr(entry, "ndim", 0) != 0:
            array = np.asarray(entry)
            if array.size == 0 and array.dtype.kind == "f":
                array = array.astype(np.intp)  # an empty list
            if array.dtype.kind not in "iub":
                raise TypeError(f"indices must be integers or a boolean mask, got {array.dtype}")
            return array
        try:
            return operator.index(entry)
        except TypeError:
            pass
    raise TypeError(
        "frames are read by an int, a slice, a sequence of ints or a boolean mask, or by a tuple "
        f"of these for the axes of the whole array; got {type(entry).__name__}"
    )


def _axes(entries: list[Any]) -> int:
    """How many axes the entries other than ``...`` stand for."""
    return sum(
        entry.ndim if isinstance(entry, np.ndarray) and entry.dtype == bool else 1
        for entry in entries
        if entry is not None and entry is not ...
    )


def _frames(
    entry: Any, count: Callable[[], int]
) -> tuple[int | range | NDArray[np.int64], tuple[int, ...], Any]:
    """The frames of an entry, the axes that they make, and the entry for an array of them alone."""
    if isinstance(entry, int):
        return entry, (), 0
    if isinstance(entry, slice):
        numbers = range(*entry.indices(count()))
        return numbers, (len(numbers),), slice(None)
    if entry.dtype == bool and entry.ndim > 1:
        _check_mask(entry, count())
        wanted = np.flatnonzero(entry.any(axis=tuple(range(1, entry.ndim))))
        return wanted, (len(wanted),), entry[wanted]
    lead = entry.shape
    flat = frame_numbers(entry.ravel(), count())
    if entry.dtype == bool:
        lead = flat.shape
    return flat, lead, np.arange(len(flat)).reshape(lead)


def frame_numbers(indices: ArrayLike | range, count: int) -> NDArray[np.int64]:
    """Turn indices or a mask into frame numbers from 0 on.

    Raises
    ------
    IndexError
        A number that is none of `count` frames, or a mask of another length.
    TypeError, ValueError
        They are no integers, or do not lie along one axis.
    """
    given = np.asarray(indices)
    if not given.ndim and given.dtype.kind not in "iub":
        raise TypeError(
            f"indices must be a sequence of integers or a boolean mask, got {indices!r:.60}"
        )
    if given.ndim != 1:
        one = "; a single frame is read by read_frame()" if not given.ndim else ""
        raise ValueError(f"indices must have one dimension, got {given.ndim}{one}")
    if given.dtype == bool:
        _check_mask(given, count)
        return np.flatnonzero(given)
    if given.size == 0:
        return np.empty(0, np.int64)
    if given.dtype.kind not in "iu":
        raise TypeError(f"indices must be integers or a boolean mask, got {given.dtype}")
    bad = (given < -count) | (given >= count)
    if bad.any():
        raise out_of_range(int(given[bad][0]), count)
    return given.astype(np.int64) % count


def check_span(
    start: SupportsIndex, stop: SupportsIndex | None, step: SupportsIndex
) -> tuple[int, int | None, int]:
    """Return `start`, `stop` and `step` of a read in order as numbers.

    Raises
    ------
    TypeError, ValueError
        One of them is no integer, or too small.
    """
    begin, by = integer("start", start), integer("step", step)
    end = None if stop is None else integer("stop", stop)
    if begin < 0 or by < 1 or (end is not None and end < 0):
        raise ValueError(
            f"start and stop must be 0 or more and step 1 or more, got {begin}, {end}, {by}"
        )
    return begin, end, by


def spread_numbers(count: int, n: int, spread: str = "ends") -> NDArray[np.int64]:
    """Choose `n` of `count` frames, evenly; see :meth:`VideoReader.sample`."""
    one_of("spread", spread, ("ends", "centres"))
    try:
        n = operator.index(n)
    except TypeError:
        raise TypeError(f"n must be a whole number of frames, got {n!r}") from None
    if n < 1:
        raise ValueError(f"n must be 1 or more, got {n}")
    if not count:
        raise ValueError("the video has no frames to choose from")
    if spread == "ends":
        return np.linspace(0, count - 1, n).round().astype(np.int64)
    return (2 * np.arange(n, dtype=np.int64) + 1) * count // (2 * n)


def out_of_range(number: int, count: int) -> IndexError:
    """The error of a frame number that none of `count` frames has."""
    if not count:
        return IndexError(f"frame {number} is out of range: the video has no frames")
    return IndexError(f"frame {number} is out of range: valid are {-count} to {count - 1}")


def _check_mask(mask: NDArray[np.bool_], count: int) -> None:
    if len(mask) != count:
        raise IndexError(f"the mask has {len(mask)} elements, the video {count} frames")

"""Checks of arguments that functions of several modules take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import index
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "check_out",
    "check_rows",
    "has_whole_rows",
    "integer",
    "one_of",
    "size",
    "unexpected_keyword",
]


def integer(name: str, value: SupportsIndex) -> int:
    """Return an argument as an ``int``; a ``TypeError`` names it if it is none."""
    try:
        return int(index(value))  # True is 1, and no mask
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None


def size(name: str, value: SupportsIndex) -> int:
    """Return an argument as an ``int`` of 1 or more."""
    number = integer(name, value)
    if number < 1:
        raise ValueError(f"{name} must be at least 1, got {number}")
    return number


def one_of(name: str, value: object, choices: Sequence[object]) -> None:
    """Raise ``ValueError`` unless an argument is one of its choices."""
    if value not in choices:
        shown = ", ".join(map(repr, choices[:-1]))
        raise ValueError(f"{name} must be {shown} or {choices[-1]!r}, got {value!r}")


def unexpected_keyword(
    caller: str, name: str, known: Iterable[str], advice: str | None = None
) -> TypeError:
    """The error of a keyword that a function does not know, and what may have been meant.

    Parameters
    ----------
    caller : str
        What the user called.
    name : str
        The keyword.
    known : iterable of str
        Those that there are.
    advice : str, optional
        What to write instead, where that is known.
    """
    from difflib import get_close_matches

    near = get_close_matches(name, known, 1)
    hint = advice or (f"did you mean {near[0]!r}?" if near else "")
    message = f"{caller}() got an unexpected keyword argument {name!r}"
    return TypeError(f"{message}; {hint}" if hint else message)


def check_out(
    out: object, shape: tuple[int, ...], dtype: np.dtype[Any], *, many: bool = False
) -> None:
    """Raise unless an array of the caller can be written to.

    Parameters
    ----------
    out : object
        What the caller gave.
    shape, dtype
        What the result has; the byte order counts.
    many : bool, optional
        Whether `out` is to hold any number of such results along a first axis.

    Raises
    ------
    TypeError
        It is no array, or of another dtype.
    ValueError
        It has another shape, or is read-only.
    """
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be a NumPy array, got {type(out).__name__}")
    if out.dtype != dtype:
        raise TypeError(f"out must have dtype {dtype}, got {out.dtype}")
    if (out.shape[1:] if many and out.ndim else out.shape) != shape:
        wanted = f"(frames, {', '.join(map(str, shape))})" if many else str(shape)
        raise ValueError(f"out must have shape {wanted}, got {out.shape}")
    if not out.flags.writeable:
        raise ValueError("out must be writable, got a read-only array")


def check_rows(out: NDArray[Any]) -> None:
    """Raise ``ValueError`` unless a kernel can write to an array row by row."""
    if not has_whole_rows(out) or (len(out) > 1 and abs(out.strides[0]) < out[:1].nbytes):
        raise ValueError(
            "out must be aligned and contiguous within rows that do not overlap, "
            f"got strides {out.strides}"
        )


def has_whole_rows(array: NDArray[Any]) -> bool:
    """Whether an array is aligned, and contiguous within its rows."""
    return array.flags.aligned and array[:1].flags.c_contiguous

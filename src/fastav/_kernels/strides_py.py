"""Sizes of planes: the specification of ``strides_c``.

Arguments are trusted: sizes are positive, logarithms and pitches small, ``align`` a power of two.
Results that do not fit into a ``Py_ssize_t`` raise ``OverflowError``.
"""

from __future__ import annotations

import sys

__all__ = ["align_up", "ceil_shift", "plane_size", "row_bytes", "span"]


def ceil_shift(size: int, log2: int) -> int:
    """Return ``size / 2**log2``, rounded up: chroma covers the last odd column and row."""
    return -((-size) >> log2)


def row_bytes(width: int, log2_width: int, bits: int) -> int:
    """Return the bytes of a row of units of ``bits`` bits, each ``2**log2_width`` pixels wide."""
    return _checked(ceil_shift(width, log2_width) * bits + 7) // 8


def align_up(size: int, align: int) -> int:
    """Return the smallest multiple of ``align`` that is not below ``size``."""
    return _checked((size + align - 1) & -align)


def plane_size(pitch: int, height: int) -> int:
    """Return the bytes from the first row of a plane to the end of its last."""
    return _checked(pitch * height)


def span(pitch: int, bytes_per_row: int, height: int) -> tuple[int, int]:
    """Return where a plane begins and ends, in bytes relative to its row 0.

    With a negative pitch the later rows lie at lower addresses.
    """
    last = _checked(pitch * (height - 1))
    return min(0, last), _checked(max(0, last) + bytes_per_row)


def _checked(size: int) -> int:
    if not -sys.maxsize <= size <= sys.maxsize:
        raise OverflowError("the plane does not fit into memory")
    return size

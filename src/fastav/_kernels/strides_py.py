"""Where the planes of a frame lie: the specification of ``strides_c``.

Arguments are trusted: sizes are positive, logarithms and pitches small, ``align`` a power of two.
Results that do not fit into a ``Py_ssize_t`` raise ``OverflowError``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["lay_out", "span"]


def lay_out(
    width: int, height: int, planes: Sequence[tuple[int, int, int, int]], align: int
) -> tuple[list[tuple[int, int, int, int]], int]:
    """Lay the planes of a picture out in one block of memory, one after the other.

    Of each plane is given (bits, channels, log2_width, log2_height): a unit of ``bits`` bits spans
    ``2**log2_width`` pixels across and ``2**log2_height`` down; a unit that the picture covers in
    part is stored whole. Pitches and offsets are multiples of ``align``. Return (bytes of a row,
    rows, pitch, offset) of each plane, and the bytes of the block.
    """
    laid, end = [], 0
    for bits, _, log2_width, log2_height in planes:
        row_bytes = _checked(-(-width >> log2_width) * bits + 7) // 8
        rows = -(-height >> log2_height)
        pitch = _checked(row_bytes + align - 1) & -align
        offset = _checked(end + align - 1) & -align
        end = _checked(offset + pitch * rows)
        laid.append((row_bytes, rows, pitch, offset))
    return laid, end


def span(pitch: int, bytes_per_row: int, height: int) -> tuple[int, int]:
    """Return where a plane begins and ends, in bytes relative to its row 0.

    With a negative pitch the later rows lie at lower addresses.
    """
    last = _checked(pitch * (height - 1))
    return min(0, last), _checked(max(0, last) + bytes_per_row)


def _checked(size: int) -> int:
    if not -sys.maxsize <= size <= sys.maxsize:
        raise OverflowError("the frame does not fit into memory")
    return size

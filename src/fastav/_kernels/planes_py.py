"""Moving planes of samples: the specification of ``planes_c``.

A plane is an address (of row 0), a signed pitch in bytes, and a size. Source and destination do not
overlap; nothing outside the rows of the destination is written. Arguments are trusted.
"""

from __future__ import annotations

from ctypes import memmove
from typing import Any

import numpy as np

from ._memory import array_at

__all__ = ["copy", "deinterleave", "interleave", "shift", "swap"]


_ORDER = "<" if np.little_endian else ">"


def rows(
    address: int, pitch: int, itemsize: int, shape: tuple[int, ...]
) -> np.ndarray[Any, np.dtype[Any]]:
    """Return rows of native unsigned elements; a third axis is that of channels."""
    inner = (itemsize,) if len(shape) == 2 else (itemsize * shape[2], itemsize)
    return array_at(address, f"{_ORDER}u{itemsize}", shape, (pitch, *inner))


def copy(dst: int, dst_pitch: int, src: int, src_pitch: int, row_bytes: int, height: int) -> None:
    """Copy ``height`` rows of ``row_bytes`` bytes; at once where neither side has padding."""
    if dst_pitch == src_pitch and abs(dst_pitch) == row_bytes:
        lowest = min(0, dst_pitch * (height - 1))
        memmove(dst + lowest, src + lowest, row_bytes * height)
    else:
        shape = (height, row_bytes)
        rows(dst, dst_pitch, 1, shape)[...] = rows(src, src_pitch, 1, shape)


def swap(
    dst: int, dst_pitch: int, src: int, src_pitch: int, itemsize: int, width: int, height: int
) -> None:
    """Copy ``height`` rows of ``width`` elements of 2 or 4 bytes, reversing each one's bytes."""
    shape = (height, width)
    rows(dst, dst_pitch, itemsize, shape)[...] = rows(src, src_pitch, itemsize, shape).byteswap()


def shift(
    dst: int,
    dst_pitch: int,
    src: int,
    src_pitch: int,
    bits: int,
    swapped: bool,
    width: int,
    height: int,
) -> None:
    """Copy rows of 16-bit elements, shifted right by ``bits`` bits.

    ``swapped``: the source's byte order is not this machine's; the result's always is.
    """
    source = rows(src, src_pitch, 2, (height, width))
    if swapped:
        source = source.byteswap()
    np.right_shift(source, bits, out=rows(dst, dst_pitch, 2, (height, width)))


def interleave(
    dst: int,
    dst_pitch: int,
    srcs: tuple[int, ...],
    src_pitches: tuple[int, ...],
    itemsize: int,
    width: int,
    height: int,
) -> None:
    """Merge 2 to 4 planes of 1-, 2- or 4-byte elements into one of as many channels."""
    merged = rows(dst, dst_pitch, itemsize, (height, width, len(srcs)))
    for channel, (src, pitch) in enumerate(zip(srcs, src_pitches, strict=True)):
        merged[..., channel] = rows(src, pitch, itemsize, (height, width))


def deinterleave(
    dsts: tuple[int, ...],
    dst_pitches: tuple[int, ...],
    src: int,
    src_pitch: int,
    itemsize: int,
    width: int,
    height: int,
) -> None:
    """Split a plane of 2 to 4 channels of 1-, 2- or 4-byte elements into a plane for each."""
    merged = rows(src, src_pitch, itemsize, (height, width, len(dsts)))
    for channel, (dst, pitch) in enumerate(zip(dsts, dst_pitches, strict=True)):
        rows(dst, pitch, itemsize, (height, width))[...] = merged[..., channel]

"""Mosaics: the specification of ``bayer_c``.

Pictures are addresses (of row 0) with signed pitches in bytes; samples are native, of ``itemsize``
bytes, 1 or 2. ``red_x`` and ``red_y`` are the parity of the columns and rows that hold red.
``black`` has a level for R, G1 (green in red rows), G2 (green in blue rows) and B. ``gain`` has
R, G and B in units of ``2**-shift``, and is (1, 1, 1) where ``shift`` is 0. Arithmetic is exact up
to one rounding, half up; then results are clipped to 0..``maximum``. Arguments are trusted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .planes_py import rows

__all__ = ["correct", "demosaic", "unpack_lsb", "unpack_mipi"]

_Array = np.ndarray[Any, np.dtype[Any]]

# Weights in sixteenths of the 5x5 samples around a result, by method (bilinear, Malvar) and by what
# the result's own sample is: the colour that its row holds besides green ("own"), or green. In that
# order: weights for the row's colour, for green, and for the other colour.
_HERE = np.zeros((5, 5), np.int64)
_HERE[2, 2] = 16
_EAST_WEST, _CROSS, _DIAGONAL = (np.zeros((5, 5), np.int64) for _ in range(3))
_EAST_WEST[2, 1::2] = 8
_CROSS[2, 1::2] = _CROSS[1::2, 2] = 4
_DIAGONAL[1::2, 1::2] = 4

_MALVAR_ROW = np.array(
    [
        [0, 0, 1, 0, 0],
        [0, -2, 0, -2, 0],
        [-2, 8, 10, 8, -2],
        [0, -2, 0, -2, 0],
        [0, 0, 1, 0, 0],
    ]
)
_MALVAR_CROSS = np.array(
    [
        [0, 0, -2, 0, 0],
        [0, 0, 4, 0, 0],
        [-2, 4, 8, 4, -2],
        [0, 0, 4, 0, 0],
        [0, 0, -2, 0, 0],
    ]
)
_MALVAR_OPPOSITE = np.array(
    [
        [0, 0, -3, 0, 0],
        [0, 4, 0, 4, 0],
        [-3, 0, 12, 0, -3],
        [0, 4, 0, 4, 0],
        [0, 0, -3, 0, 0],
    ]
)

_BILINEAR = {"own": (_HERE, _CROSS, _DIAGONAL), "green": (_EAST_WEST, _HERE, _EAST_WEST.T)}
_MALVAR = {
    "own": (_HERE, _MALVAR_CROSS, _MALVAR_OPPOSITE),
    "green": (_MALVAR_ROW, _HERE, _MALVAR_ROW.T),
}


def demosaic(
    dst: int,
    dst_pitch: int,
    src: int,
    src_pitch: int,
    itemsize: int,
    width: int,
    height: int,
    red_x: int,
    red_y: int,
    malvar: bool,
    maximum: int,
    black: tuple[int, ...],
    gain: tuple[int, ...],
    shift: int,
) -> None:
    """Write the RGB picture of a mosaic of at least 2x2 samples.

    Samples less black (not below 0) are multiplied by their colours' gains, and weighed. Beyond its
    edges the mosaic is mirrored about its outermost samples.
    """
    samples = rows(src, src_pitch, itemsize, (height, width))
    samples = _corrected(samples, red_x, red_y, black, gain)
    samples = samples[np.ix_(_mirrored(height), _mirrored(width))]
    rgb = rows(dst, dst_pitch, itemsize, (height, width, 3))
    for y in range(2):
        for x in range(2):
            colour = 0 if y == red_y else 2
            site = "own" if (x == red_x) == (y == red_y) else "green"
            to = rgb[y::2, x::2]
            weights = (_MALVAR if malvar else _BILINEAR)[site]
            for channel, kernel in zip((colour, 1, 2 - colour), weights, strict=True):
                total = np.zeros(to.shape[:2], np.int64)
                for j, i in np.argwhere(kernel):
                    lines = slice(y + j, y + j + 2 * to.shape[0], 2)
                    columns = slice(x + i, x + i + 2 * to.shape[1], 2)
                    total += kernel[j, i] * samples[lines, columns]
                to[..., channel] = _rounded(total, 4 + shift, maximum)


def correct(
    dst: int,
    dst_pitch: int,
    src: int,
    src_pitch: int,
    itemsize: int,
    width: int,
    height: int,
    red_x: int,
    red_y: int,
    maximum: int,
    black: tuple[int, ...],
    gain: tuple[int, ...],
    shift: int,
) -> None:
    """Write the mosaic less black (not below 0), times gains; ``dst`` may be ``src``."""
    samples = rows(src, src_pitch, itemsize, (height, width))
    samples = _corrected(samples, red_x, red_y, black, gain)
    rows(dst, dst_pitch, itemsize, (height, width))[...] = _rounded(samples, shift, maximum)


def unpack_mipi(
    dst: int, dst_pitch: int, src: int, src_pitch: int, width: int, height: int, bits: int
) -> None:
    """Write 16-bit samples from MIPI CSI-2's RAW10, RAW12 or RAW14 (``bits``).

    A group of 4 samples (RAW12: 2) has their high bytes, then all their low bits, the first
    sample's lowest. Rows are of whole groups.
    """
    low_bits, group = bits - 8, 2 if bits == 12 else 4
    groups = -(-width // group)
    size = group * bits // 8
    packed = rows(src, src_pitch, 1, (height, groups * size)).reshape(height, groups, size)
    tail = np.zeros((height, groups), np.int64)
    for place, byte in enumerate(range(group, size)):
        tail |= packed[..., byte].astype(np.int64) << 8 * place
    samples = np.empty((height, groups, group), np.uint16)
    for i in range(group):
        low = tail >> i * low_bits & (1 << low_bits) - 1
        samples[..., i] = packed[..., i].astype(np.int64) << low_bits | low
    rows(dst, dst_pitch, 2, (height, width))[...] = samples.reshape(height, -1)[:, :width]


def unpack_lsb(
    dst: int, dst_pitch: int, src: int, bit_pitch: int, width: int, height: int, bits: int
) -> None:
    """Write 16-bit samples from 10- or 12-bit ones that follow each other from the lowest bit on.

    Row y begins at bit ``y * bit_pitch``, which need not be a byte's first.
    """
    start = np.arange(height)[:, np.newaxis] * bit_pitch + np.arange(width) * bits
    (packed,) = rows(src, 0, 1, (1, int(start[-1, -1]) // 8 + 2))
    window = packed[start // 8] | packed[start // 8 + 1].astype(np.int64) << 8
    rows(dst, dst_pitch, 2, (height, width))[...] = window >> start % 8 & (1 << bits) - 1


def _corrected(
    samples: _Array, red_x: int, red_y: int, black: tuple[int, ...], gain: tuple[int, ...]
) -> _Array:
    result = samples.astype(np.int64)
    for plane, (level, factor) in enumerate(
        zip(black, (gain[0], gain[1], gain[1], gain[2]), strict=True)
    ):
        y = red_y if plane < 2 else 1 - red_y
        x = red_x if plane in (0, 2) else 1 - red_x
        part = result[y::2, x::2]
        part[...] = np.maximum(part - level, 0) * factor
    return result


def _mirrored(size: int) -> _Array:
    """Indices -2 .. size+1, mirrored at both ends without repeating the outermost."""
    period = 2 * (size - 1)
    indices = np.arange(-2, size + 2) % period
    return np.minimum(indices, period - indices)


def _rounded(total: _Array, bits: int, maximum: int) -> _Array:
    result: _Array = np.clip((total + (1 << bits >> 1)) >> bits, 0, maximum)
    return result

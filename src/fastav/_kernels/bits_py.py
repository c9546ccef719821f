"""Words that components share, to and from an element for each: the specification of ``bits_c``.

A pixel's component ``c`` is ``(pixel >> shifts[c]) & (2**depths[c] - 1)``. Pixels of 8, 16 and 32
bits are words of their own and have three components; smaller ones follow each other from the most
significant bit of a byte on. Components of 32-bit pixels are 16 bits wide, all others 8. Arguments
are trusted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .planes_py import rows

__all__ = ["collapse", "expand"]

Array = np.ndarray[Any, np.dtype[Any]]


def expand(
    dst: int,
    dst_pitch: int,
    src: int,
    src_pitch: int,
    pixel_bits: int,
    swapped: bool,
    shifts: tuple[int, ...],
    depths: tuple[int, ...],
    width: int,
    height: int,
) -> None:
    """Give each component of ``height`` rows of ``width`` pixels an element of its own.

    ``swapped``: the words' byte order is not this machine's; the elements' always is.
    """
    pixels = _words(src, src_pitch, pixel_bits, width, height)
    if swapped:
        pixels = pixels.byteswap()
    if pixel_bits < 8:
        in_byte = np.arange(8 - pixel_bits, -1, -pixel_bits, dtype=np.uint8)
        pixels = (pixels[..., None] >> in_byte).reshape(height, -1)[:, :width]
    elements = rows(dst, dst_pitch, 1 + (pixel_bits == 32), (height, width, len(shifts)))
    for component, (shift, depth) in enumerate(zip(shifts, depths, strict=True)):
        elements[..., component] = pixels >> shift & ((1 << depth) - 1)


def collapse(
    dst: int,
    dst_pitch: int,
    src: int,
    src_pitch: int,
    pixel_bits: int,
    swapped: bool,
    shifts: tuple[int, ...],
    depths: tuple[int, ...],
    width: int,
    height: int,
) -> bool:
    """Undo ``expand``; return whether every value fits its component (excess bits are dropped).

    Unused bits, those after the last pixel of a row included, become 0.
    """
    elements = rows(src, src_pitch, 1 + (pixel_bits == 32), (height, width, len(shifts)))
    pixels = np.zeros((height, width), f"u{max(1, pixel_bits // 8)}")
    fit = True
    for component, (shift, depth) in enumerate(zip(shifts, depths, strict=True)):
        mask = (1 << depth) - 1
        values = elements[..., component]
        fit = fit and int(values.max()) <= mask
        pixels |= (values & mask).astype(pixels.dtype) << shift
    words = _words(dst, dst_pitch, pixel_bits, width, height)
    if pixel_bits < 8:
        per_byte = 8 // pixel_bits
        padded = np.zeros((height, words.shape[1] * per_byte), np.uint8)
        padded[:, :width] = pixels
        in_byte = np.arange(8 - pixel_bits, -1, -pixel_bits, dtype=np.uint8)
        spread = padded.reshape(height, -1, per_byte) << in_byte
        pixels = np.bitwise_or.reduce(spread, axis=2)
    words[...] = pixels.byteswap() if swapped else pixels
    return fit


def _words(address: int, pitch: int, pixel_bits: int, width: int, height: int) -> Array:
    """Return the stored words; a byte where it holds several pixels."""
    return rows(
        address,
        pitch,
        max(1, pixel_bits // 8),
        (height, (width * pixel_bits + 7) // 8 if pixel_bits < 8 else width),
    )

"""Colour conversion in float64, written from the standards alone, and frames made of numbers."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from fastav.pixels import colour
from fastav.pixels.formats import PixelFormat, pixel_format
from fastav.pixels.layout import frame_layout

KR_KB = {
    "bt601": (0.299, 0.114),
    "bt709": (0.2126, 0.0722),
    "bt2020": (0.2627, 0.0593),
    "smpte240m": (0.212, 0.087),
    "fcc": (0.30, 0.11),
}
Values = NDArray[Any]
Planes = list[tuple[NDArray[np.uint8], int, int]]
"""Blocks of memory, where row 0 begins in each, and the signed pitch."""
GUARD = 31


def to_rgb(y: Values, u: Values, v: Values, depth: int, matrix: str, full: bool) -> Values:
    """R, G, B on a last axis: 0 to 1, not clamped."""
    kr, kb = KR_KB[matrix]
    peak, scale, middle = 2**depth - 1, 2.0 ** (depth - 8), 2 ** (depth - 1)
    luma = y / peak if full else (y / scale - 16) / 219
    pb = (u - middle) / (peak if full else 224 * scale)
    pr = (v - middle) / (peak if full else 224 * scale)
    red, blue = luma + 2 * (1 - kr) * pr, luma + 2 * (1 - kb) * pb
    green = (luma - kr * red - kb * blue) / (1 - kr - kb)
    return np.stack(np.broadcast_arrays(red, green, blue), axis=-1)


def to_yuv(rgb: Values, depth: int, matrix: str, full: bool) -> Values:
    """Y, Cb, Cr on a last axis, in the integers' scale, not clamped; ``rgb`` is 0 to 1."""
    kr, kb = KR_KB[matrix]
    peak, scale, middle = 2**depth - 1, 2.0 ** (depth - 8), 2 ** (depth - 1)
    red, green, blue = np.moveaxis(rgb, -1, 0)
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    pb, pr = (blue - luma) / (2 - 2 * kb), (red - luma) / (2 - 2 * kr)
    if full:
        return np.stack([peak * luma, peak * pb + middle, peak * pr + middle], axis=-1)
    return np.stack(
        [scale * (219 * luma + 16), scale * 224 * pb + middle, scale * 224 * pr + middle], axis=-1
    )


def interpolate(samples: Values, size: int, axis: int, on_luma: bool) -> Values:
    """Chroma at ``size`` luma places along an axis, linearly between samples twice as far apart."""
    places = np.arange(size) / 2 - (0 if on_luma else 0.25)
    places = np.clip(places, 0, samples.shape[axis] - 1)
    low = np.floor(places).astype(int)
    high = np.minimum(low + 1, samples.shape[axis] - 1)
    part = (places - low).reshape([-1 if a == axis else 1 for a in range(samples.ndim)])
    return samples.take(low, axis) * (1 - part) + samples.take(high, axis) * part


def component(frame: av.VideoFrame, index: int) -> tuple[Values, PixelFormat]:
    """The stored elements of one component of a frame, a writable view of (rows, columns)."""
    format = pixel_format(frame.format.name)
    place = format.components[index]
    plane = frame.planes[place.plane]
    chroma = index in (1, 2) and not format.rgb and len(format.components) > 2
    log2_w, log2_h = (format.log2_chroma_w, format.log2_chroma_h) if chroma else (0, 0)
    elements = np.ndarray(
        (-(-frame.height >> log2_h), -(-frame.width >> log2_w)),
        format.dtype,
        plane,
        place.offset,
        (plane.line_size, place.step),
    )
    return elements, format


def samples(frame: av.VideoFrame, index: int) -> Values:
    """The values of one component."""
    elements, format = component(frame, index)
    return elements.astype(np.int64) >> format.components[index].shift


def frame_of(format: str, width: int, height: int, *values: Values | int) -> av.VideoFrame:
    """A frame whose components have these values (rows x columns, or all the same)."""
    frame = av.VideoFrame(width, height, format)
    for index, value in enumerate(values):
        elements, known = component(frame, index)
        elements[...] = np.asarray(value) << known.components[index].shift
    return frame


def random_frame(format: str, width: int, height: int, seed: int = 0) -> av.VideoFrame:
    """A frame of random values over the whole range of every component."""
    rng = np.random.default_rng(seed)
    frame = av.VideoFrame(width, height, format)
    for plane in frame.planes:  # padding too, so that reading it shows
        np.ndarray(plane.buffer_size, np.uint8, plane)[:] = rng.integers(
            0, 256, plane.buffer_size, dtype=np.uint8
        )
    for index, place in enumerate(pixel_format(format).components):
        elements, _ = component(frame, index)
        elements[...] = rng.integers(0, 2**place.depth, elements.shape) << place.shift
    return frame


def _place(rows: int, row_bytes: int, rng: np.random.Generator, guard: int) -> Any:
    """A block for one plane: odd start, padded pitch, upside down now and then."""
    pitch = row_bytes + int(rng.choice([0, 1, 13]))
    start = guard + int(rng.integers(0, 3))
    block = np.full(start + pitch * (rows - 1) + row_bytes + guard, 171, np.uint8)
    if rng.integers(0, 3) == 0:
        return block, start + pitch * (rows - 1), -pitch
    return block, start, pitch


def _frame_planes(name: str, conversion: colour.Conversion, rng: Any, guard: int) -> Planes:
    layout = frame_layout(name, conversion.width, conversion.height)
    return [_place(plane.height, plane.row_bytes, rng, guard) for plane in layout.planes]


def _array_planes(conversion: colour.Conversion, rng: Any, guard: int) -> Planes:
    planes = len(conversion._pitches)
    row_bytes = conversion.nbytes // conversion.height // planes
    return [_place(conversion.height, row_bytes, rng, guard) for _ in range(planes)]


def source_planes(conversion: colour.Conversion, rng: np.random.Generator) -> Planes:
    """Random bytes as the source of a conversion, in blocks that end with their last sample."""
    if isinstance(conversion, colour.FromRGB):
        planes = _array_planes(conversion, rng, 0)
    else:
        planes = _frame_planes(conversion.source, conversion, rng, 0)
    for block, _, _ in planes:
        block[:] = rng.integers(0, 256, block.size, dtype=np.uint8)
    return planes


def target_planes(conversion: colour.Conversion, rng: np.random.Generator) -> Planes:
    """Memory for the result of a conversion, amid bytes that must not change."""
    if isinstance(conversion, colour.FromRGB):
        return _frame_planes(conversion.target, conversion, rng, GUARD)
    return _array_planes(conversion, rng, GUARD)

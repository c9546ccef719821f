"""Where a frame's bytes lie: sizes, pitches and offsets of its planes as one frozen value.

A layout is computed once for a format and a size, and tested without decoding anything.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from operator import index
from typing import NamedTuple

import numpy as np

from .._kernels import strides
from ..errors import UnsupportedFormatError
from .formats import Kind, PixelFormat, pixel_format

__all__ = ["FrameLayout", "PlaneLayout", "frame_layout"]

_INT_MAX = 2**31 - 1  # FFmpeg keeps widths, heights and line sizes in C ints


class PlaneLayout(NamedTuple):
    """One plane of a frame.

    Attributes
    ----------
    width, height : int
        Samples in a row (elements, in packed 4:2:2; bytes, where pixels share a byte) and rows;
        chroma is rounded up.
    channels : int
        Elements of a sample.
    row_bytes : int
        Bytes of a row that mean something.
    pitch : int
        Bytes from a row to the next.
    offset : int
        Bytes from the frame's beginning to row 0.
    dtype : numpy.dtype
        Type of an element.
    shape : tuple of int
        ``(height, width)``, ``(height, width, channels)``, or ``(256, 4)`` for a palette.
    strides : tuple of int
        Bytes from an element to the next along each axis of `shape`.
    """

    width: int
    height: int
    channels: int
    row_bytes: int
    pitch: int
    offset: int
    dtype: np.dtype
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class FrameLayout(NamedTuple):
    """All planes of a frame in one block of memory.

    Attributes
    ----------
    format : PixelFormat
        The format.
    width, height : int
        Size of the picture in pixels.
    planes : tuple of PlaneLayout
        The stored planes, one after the other.
    nbytes : int
        Bytes of the block.
    shape : tuple of int or None
        Shape of the one array that the block is; None where it is several. If it is not None and
        ``align`` was 1, the array is C-contiguous and has ``nbytes`` bytes.
    strides : tuple of int or None
        Bytes from an element to the next along each axis of that array; None where ``shape`` is.
    dtype : numpy.dtype or None
        Type of that array's elements; None where ``shape`` is.
    """

    format: PixelFormat
    width: int
    height: int
    planes: tuple[PlaneLayout, ...]
    nbytes: int
    shape: tuple[int, ...] | None
    strides: tuple[int, ...] | None
    dtype: np.dtype | None


def frame_layout(
    format: str, width: int, height: int, *, align: int = 1, stacked: bool = False
) -> FrameLayout:
    """Return how a frame lies in a block of memory.

    Parameters
    ----------
    format : str
        A pixel format's name.
    width, height : int
        Size of the picture in pixels.
    align : int, optional
        Pitches and offsets are multiples of this power of two. 1 packs rows and planes tightly.
    stacked : bool, optional
        Describe planes of unequal size as the 2-D array that PyAV and OpenCV make of them: rows
        of the luma plane's width, the chroma planes' bytes following the luma's (``yuv420p`` and
        ``nv12``: ``(H * 3 // 2, W)``). No effect on formats that are one array anyway.

    Returns
    -------
    FrameLayout
        A frozen value; the same object for the same arguments, as long as it is cached.

    Raises
    ------
    TypeError
        If ``width``, ``height`` or ``align`` is not an integer.
    ValueError
        If the format is unknown, a size is out of range, ``align`` is not a power of two, or the
        size allows no stacked array.
    UnsupportedFormatError
        If the format's samples are not in the CPU's memory, or cannot be stacked.
    OverflowError
        If the frame would not fit into the address space.
    """
    try:
        sizes = index(width), index(height)
    except TypeError:
        name, size = ("height", height) if hasattr(width, "__index__") else ("width", width)
        raise TypeError(f"{name} must be an int, got {size!r}") from None
    return _frame_layout(format, *sizes, index(align), bool(stacked))


@lru_cache(maxsize=1024)
def _frame_layout(name: str, width: int, height: int, align: int, stacked: bool) -> FrameLayout:
    format = pixel_format(name)
    if format.kind is Kind.HARDWARE:
        raise UnsupportedFormatError(
            f"{format.name!r} frames lie in a device's memory and have no layout; "
            "download them first: frame.reformat(format=...) gives a frame in the CPU's memory"
        )
    for what, size in (("width", width), ("height", height)):
        if not 1 <= size <= _INT_MAX:
            raise ValueError(f"{what} must be 1 to {_INT_MAX}, got {size}")
    if align < 1 or align & (align - 1):
        raise ValueError(f"align must be a power of two, got {align}")

    laid, end = strides.lay_out(width, height, format.planes, align)
    planes: list[PlaneLayout] = []
    for plane, (row_bytes, rows, pitch, offset) in zip(format.planes, laid, strict=True):
        samples, channels = row_bytes // (format.itemsize * plane.channels), plane.channels
        shape: tuple[int, ...] = (rows, samples)
        steps: tuple[int, ...] = (pitch, format.itemsize * channels)
        if channels > 1:
            shape, steps = (*shape, channels), (*steps, format.itemsize)
        if format.kind is Kind.PALETTE and planes:
            shape, steps = shape[1:], steps[1:]
        planes.append(
            PlaneLayout(
                width=samples,
                height=rows,
                channels=channels,
                row_bytes=row_bytes,
                pitch=pitch,
                offset=offset,
                dtype=format.dtype,
                shape=shape,
                strides=steps,
            )
        )

    array_shape, array_strides = _array_shape(format, width, height, planes), None
    if stacked and not format.is_array:
        array_shape = _stacked_shape(format, width, height, end, align)
    if array_shape is not None:
        array_strides = _tight(array_shape, format.itemsize)
        if format.kind is Kind.PLANAR:
            array_strides = (planes[1].offset, *planes[0].strides)
        elif len(planes) == 1:
            array_strides = (planes[0].pitch, *array_strides[1:])
    return FrameLayout(
        format=format,
        width=width,
        height=height,
        planes=tuple(planes),
        nbytes=end,
        shape=array_shape,
        strides=array_strides,
        dtype=None if array_shape is None else format.dtype,
    )


def _tight(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Strides of a C-contiguous array."""
    return tuple(itemsize * prod(shape[axis + 1 :]) for axis in range(len(shape)))


def _array_shape(
    format: PixelFormat, width: int, height: int, planes: list[PlaneLayout]
) -> tuple[int, ...] | None:
    """Shape of the one strided array that a frame of the format is, if it is one."""
    if not format.is_array:
        return None
    if format.kind is Kind.PLANAR:
        return (len(planes), height, width)
    if format.kind is Kind.PACKED_SUBSAMPLED and format.log2_chroma_w == 1:
        # A pixel is its luma and every other pixel's share of U or V.
        return (height, width, 2) if width % 2 == 0 else None
    return planes[0].shape


def _stacked_shape(
    format: PixelFormat, width: int, height: int, nbytes: int, align: int
) -> tuple[int, int]:
    """Shape of the 2-D array of luma followed by chroma."""
    if format.kind is Kind.PALETTE:
        raise UnsupportedFormatError(
            f"{format.name!r} cannot be stacked; unpack_planes() gives indices and palette"
        )
    if align != 1:
        raise ValueError(f"a stacked array has no padding: align must be 1, got {align}")
    rows, rest = divmod(nbytes, width * format.itemsize)
    step_x, step_y = 1 << format.log2_chroma_w, 1 << format.log2_chroma_h
    if rest or width % step_x or height % step_y:
        raise ValueError(
            f"{format.name!r} at {width}x{height} cannot be stacked: "
            f"the chroma of {step_x}x{step_y} pixels does not fill whole rows; "
            "unpack_planes() gives an array for each plane"
        )
    return (rows, width)

"""Frames to arrays and back: the stored bytes only, never a conversion of colours.

Every function here takes frames as PyAV hands them out: with padded rows, cropped (planes that
begin inside a larger picture), or with negative line sizes (rows stored from the last to the
first). Arrays that are returned as copies are writable, C-contiguous and own their memory; views
are read-only and keep their frame alive. The functions are thread-safe as long as no two threads
write into the same array, and release the GIL while bytes move.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import av
import numpy as np
from av.video.plane import VideoPlane
from numpy.lib.array_utils import byte_bounds
from numpy.typing import NDArray

from .._kernels import bits as _bits
from .._kernels import planes as _planes
from .._kernels import strides as _strides
from .._kernels._memory import array_at
from ..errors import UnsupportedFormatError
from .arguments import check_out, one_of
from .convert import CONVERSIONS, convert_frame, convert_planes
from .formats import Kind, PixelFormat, pixel_format
from .layout import FrameLayout, PlaneLayout, frame_layout
from .planes import copy_frame, move_plane

__all__ = ["pack_frame", "reinterpret", "unpack_frame", "unpack_planes"]

Array = NDArray[Any]


def unpack_frame(
    frame: av.VideoFrame,
    *,
    format: str | None = None,
    out: Array | None = None,
    stacked: bool = False,
    copy: bool = True,
    normalize: bool = False,
    components: bool = False,
    conversion: str = "exact",
) -> Array:
    """Return a frame as one array.

    Parameters
    ----------
    frame : av.VideoFrame
        A frame in the CPU's memory.
    format : str, optional
        Pixel format of the result; another one than the frame's is reached by `conversion`.
    out : ndarray, optional
        Where to write: an array of exactly the result's shape and dtype, of any strides.
    stacked : bool, optional
        Return planes of unequal size as the 2-D array that PyAV and OpenCV make of them:
        ``yuv420p`` and ``nv12`` as ``(H * 3 // 2, W)``. No effect on formats that are one array.
    copy : bool, optional
        False returns a read-only view of the frame's own memory, if there is one.
    normalize : bool, optional
        Return values instead of stored elements: samples that lie in the high bits of their element
        (``p010``, ``xyz12``, ...) are shifted down, and the byte order is this machine's.
    components : bool, optional
        Give every component an element of its own: bit-packed formats become ``(H, W, C)``, C being
        1 for ``monob`` and ``monow``, in the order of ``PixelFormat.components`` (R, G, B or
        Y, U, V), as uint8, or uint16 if deeper than 8 bits. In all other formats components have
        their own elements already, and this means the same as `normalize`.
    conversion : {"exact", "ffmpeg"}, optional
        Whose arithmetic makes RGB and grey: the colour kernels', correctly rounded, or FFmpeg's,
        bit for bit as PyAV's ``reformat``.

    Returns
    -------
    ndarray
        Of the format's dtype (big-endian and floating point where the format is), as stored:

        - packed: ``(H, W)``, ``(H, W, C)`` with padding channels kept;
        - planar: ``(C, H, W)`` in the order of the planes (``gbrp``: G, B, R);
        - packed 4:2:2: ``(H, W, 2)`` at even widths; ``uyyvyy411``: its elements as one plane;
        - bit-packed: the words, ``(H, W)``, or bytes, ``(H, ceil(W * bits / 8))``;
        - bayer: ``(H, W)``;
        - ``pal8``: the indices ``(H, W)`` without the palette, which :func:`unpack_planes` gives.

        A fresh array, `out`, or with ``copy=False`` a view.

    Raises
    ------
    TypeError
        If `frame` is no frame, or `out` no array or of another dtype.
    ValueError
        If `out` has another shape, is read-only, or overlaps itself or the frame; if the frame has
        no view of the wanted kind; if its size does not allow a stacked array.
    UnsupportedFormatError
        If the format is not one array; a ``ValueError`` and an ``OSError``.
    """
    one_of("conversion", conversion, CONVERSIONS)
    stored = _stored_format(frame)
    if format is not None and (wanted := pixel_format(format)) is not stored:
        if not copy:
            raise ValueError(
                f"copy=False: a {stored.name!r} frame has no view as {wanted.name!r}; "
                "leave out format= or copy=False"
            )
        if not (stacked or normalize or components):
            return _converted(frame, wanted, out, conversion)
        frame, stored = _converted_frame(frame, wanted, conversion), wanted

    layout = frame_layout(stored.name, frame.width, frame.height, stacked=stacked)
    shape = layout.planes[0].shape if stored.kind is Kind.PALETTE else layout.shape
    if shape is None:
        raise UnsupportedFormatError(_not_one_array(layout))
    expanded = components and stored.kind is Kind.BIT_PACKED
    normalize = normalize or components
    if not copy:
        if out is not None:
            raise ValueError("copy=False returns a view of the frame: it cannot be written to out")
        if expanded or (normalize and _is_encoded(stored)):
            raise ValueError(
                f"copy=False: {stored.name!r} has no view in which every component is a plain "
                "number; leave out normalize, components or copy=False"
            )
        return _view_of_frame(frame, layout)
    dtype = stored.dtype
    if expanded:
        shape = (frame.height, frame.width, len(stored.components))
        dtype = stored.component_dtype
    elif normalize:
        dtype = dtype.newbyteorder("=")
    if out is None:
        out = np.empty(shape, dtype)
    else:
        _check_out(out, shape, dtype, frame)

    if expanded:
        _expand(frame, stored, out)
    elif out.flags.c_contiguous and not normalize and stored.kind is not Kind.PALETTE:
        copy_frame(frame, layout, out.ctypes.data)
    else:
        _store(frame, layout, out, normalize)
    return out


def unpack_planes(
    frame: av.VideoFrame, *, copy: bool = True, normalize: bool = False
) -> tuple[Array, ...]:
    """Return an array for each stored plane of a frame, in every software format.

    Parameters
    ----------
    frame : av.VideoFrame
        A frame in the CPU's memory.
    copy : bool, optional
        False returns read-only views of the frame's own memory.
    normalize : bool, optional
        Shift samples down that lie in the high bits of their element, and use this machine's byte
        order.

    Returns
    -------
    tuple of ndarray
        In the order of the planes, of the format's dtype. ``(h, w)`` per plane, chroma rounded up;
        ``(h, w, C)`` where a plane interleaves components (``nv12``: ``(H, W)`` and
        ``(h, w, 2)``); packed 4:2:2 and 4:1:1 as a 2-D plane of elements; bit-packed formats as the
        stored words. ``pal8``: indices ``(H, W)`` and the palette ``(256, 4)`` as stored: FFmpeg's
        32-bit ARGB words, whose bytes are B, G, R, A on little-endian machines.

    Raises
    ------
    TypeError
        If `frame` is no frame.
    ValueError
        With ``copy=False``, if `normalize` would change the samples.
    UnsupportedFormatError
        If the frame is in a device's memory.
    """
    stored = _stored_format(frame)
    layout = frame_layout(stored.name, frame.width, frame.height)
    pairs = list(zip(frame.planes, layout.planes, strict=True))
    if copy:
        dtype = stored.dtype.newbyteorder("=") if normalize else stored.dtype
        arrays = tuple(np.empty(plane.shape, dtype) for plane in layout.planes)
        for array, (source, plane) in zip(arrays, pairs, strict=True):
            move_plane(
                array.ctypes.data,
                plane.row_bytes,
                source.buffer_ptr,
                source.line_size,
                plane,
                *_decoding(stored, normalize),
            )
        return arrays
    if normalize and _is_encoded(stored):
        raise ValueError(
            f"copy=False: {stored.name!r} samples are not plain numbers as they are stored; "
            "leave out normalize or copy=False"
        )
    return tuple(_view_of_plane(frame, source, plane) for source, plane in pairs)


def pack_frame(
    array_or_planes: Array | Sequence[Array],
    format: str,
    *,
    width: int | None = None,
    height: int | None = None,
) -> av.VideoFrame:
    """Make a frame of an array or of planes: the inverse of the unpacking functions.

    Parameters
    ----------
    array_or_planes : ndarray or sequence of ndarray
        What :func:`unpack_frame` returns for the format, stacked arrays and the components of
        bit-packed formats included, or the planes that :func:`unpack_planes` returns; elements as
        stored, not normalized. Of the format's dtype in either byte order (values are kept), with
        any strides. ``pal8`` takes (indices, palette).
    format : str
        Pixel format of the frame.
    width, height : int, optional
        Size of the picture, where it does not follow from the shape: the width of bit-packed
        formats with several pixels in a byte, and of packed 4:2:2 and 4:1:1 given as a plane of
        elements, is otherwise the largest that fills the plane.

    Returns
    -------
    av.VideoFrame
        A new frame with a copy of the samples. It has no time stamp and no colour tags.

    Raises
    ------
    TypeError
        If the arrays are no arrays, or of another dtype.
    ValueError
        If a shape is not that of the format, or a value does not fit into its component.
    UnsupportedFormatError
        If the format's samples are not in the CPU's memory.
    """
    target = pixel_format(format)
    if target.kind is Kind.HARDWARE:
        frame_layout(target.name, 1, 1)  # says why not
    if isinstance(array_or_planes, np.ndarray):
        array = array_or_planes
        if target.kind is Kind.BIT_PACKED and array.ndim == 3:
            return _pack_components(array, target, width, height)
        if target.kind is Kind.PALETTE:
            raise ValueError(f"{target.name!r} takes (indices, palette), got one array")
        return _pack_array(array, target, width, height)
    if isinstance(array_or_planes, list | tuple):
        return _pack_planes(tuple(array_or_planes), target, width, height)
    raise TypeError(
        f"expected a numpy.ndarray or a sequence of them, got {type(array_or_planes).__name__}"
    )


def reinterpret(frame: av.VideoFrame, format: str) -> av.VideoFrame:
    """Return a frame with the same bytes, taken for another pixel format.

    Parameters
    ----------
    frame : av.VideoFrame
        A frame in the CPU's memory.
    format : str
        A format of one plane.

    Returns
    -------
    av.VideoFrame
        A new frame of the same size with a copy of the first plane, the times and the colour tags;
        `frame` itself if it is of that format.

    Raises
    ------
    ValueError
        If rows of the two formats differ in bytes.
    """
    stored, target = _stored_format(frame), pixel_format(format)
    if stored is target:
        return frame
    layout = frame_layout(target.name, frame.width, frame.height)
    given, wanted = frame_layout(stored.name, frame.width, frame.height).planes[0], layout.planes[0]
    if given.row_bytes != wanted.row_bytes:
        raise ValueError(
            f"{stored.name!r} frames cannot be taken for {target.name!r}: at a width of "
            f"{frame.width} their rows have {given.row_bytes} bytes, not {wanted.row_bytes}"
        )
    made = _new_frame(layout)
    source, place = frame.planes[0], made.planes[0]
    move_plane(
        place.buffer_ptr, place.line_size, source.buffer_ptr, source.line_size, wanted, 0, False
    )
    made.pts, made.dts, made.time_base = frame.pts, frame.dts, frame.time_base
    made.colorspace, made.color_range = frame.colorspace, frame.color_range
    return made


# -- frames ---------------------------------------------------------------------------------------


def _stored_format(frame: av.VideoFrame) -> PixelFormat:
    try:
        name, _ = frame.format.name, frame.width
    except AttributeError:
        raise TypeError(f"expected an av.VideoFrame, got {type(frame).__name__}") from None
    return pixel_format(name)


def _not_one_array(layout: FrameLayout) -> str:
    name = layout.format.name
    if layout.format.kind is Kind.PACKED_SUBSAMPLED:
        why = f"{name!r} is one array at even widths only, and this frame is {layout.width} wide"
    else:
        why = f"{name!r} frames have planes of unequal size and are not one array"
    return (
        f"{why}; unpack_planes() of a frame in that format gives an array for each plane, "
        "stacked=True one 2-D array where sizes allow, format='rgb24' a converted one"
    )


def _converted(
    frame: av.VideoFrame, wanted: PixelFormat, out: Array | None, conversion: str
) -> Array:
    """Return a frame as one array in another pixel format."""
    layout = frame_layout(wanted.name, frame.width, frame.height)
    if layout.shape is None:
        raise UnsupportedFormatError(_not_one_array(layout))
    if out is None:
        return convert_frame(frame, wanted.name, conversion=conversion)
    _check_out(out, layout.shape, wanted.dtype, frame)
    if out.flags.c_contiguous:
        return convert_frame(frame, wanted.name, out, conversion)
    out[...] = convert_frame(frame, wanted.name, conversion=conversion)
    return out


def _converted_frame(frame: av.VideoFrame, wanted: PixelFormat, conversion: str) -> av.VideoFrame:
    """Return a frame in another pixel format, with the very samples of `_converted`."""
    planes = convert_planes(frame, wanted.name, conversion)
    return pack_frame(planes, wanted.name, width=frame.width)


def _is_encoded(format: PixelFormat) -> bool:
    """Whether elements are not plain numbers of this machine, but shifted or of swapped bytes."""
    return format.shift > 0 or not format.dtype.isnative


def _decoding(format: PixelFormat, normalize: bool) -> tuple[int, bool]:
    """Return by how much elements are to be shifted down, and whether their bytes are to swap."""
    return (format.shift, not format.dtype.isnative) if normalize else (0, False)


# -- frame to array -------------------------------------------------------------------------------


def _view(
    frame: av.VideoFrame,
    address: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    dtype: np.dtype[Any],
) -> Array:
    """Return a read-only array over memory of a frame, which it keeps alive."""
    return array_at(address, dtype.str, shape, strides, owner=frame, readonly=True)


def _view_of_plane(frame: av.VideoFrame, stored: VideoPlane, plane: PlaneLayout) -> Array:
    # A palette has a line size of 0.
    strides = (stored.line_size or plane.strides[0], *plane.strides[1:])
    return _view(frame, stored.buffer_ptr, plane.shape, strides, plane.dtype)


def _view_of_frame(frame: av.VideoFrame, layout: FrameLayout) -> Array:
    """Return the read-only array that the frame's planes are, or raise."""
    if layout.shape is None or layout.strides is None:
        return _view_of_plane(frame, frame.planes[0], layout.planes[0])  # indices of a palette
    stored, strides = frame.planes, layout.strides
    address, pitch = stored[0].buffer_ptr, stored[0].line_size
    if len(stored) == 1:
        return _view(frame, address, layout.shape, (pitch, *strides[1:]), layout.format.dtype)
    pitches = [plane.line_size for plane in stored]
    offsets = [plane.buffer_ptr - address for plane in stored]
    if layout.format.kind is Kind.PLANAR:
        strides = (offsets[1], pitch, strides[2])
        wanted = [(number * offsets[1], pitch) for number in range(len(offsets))]
    else:
        wanted = [(plane.offset, plane.pitch) for plane in layout.planes]
    if list(zip(offsets, pitches, strict=True)) != wanted:
        raise ValueError(
            f"copy=False: the planes of this {layout.format.name!r} frame are not evenly spaced, "
            "so that no one array shows them; unpack_planes(frame, copy=False) gives a view of each"
        )
    return _view(frame, address, layout.shape, strides, layout.format.dtype)


def _check_out(
    out: Array, shape: tuple[int, ...], dtype: np.dtype[Any], frame: av.VideoFrame
) -> None:
    """Raise unless `out` can take what becomes of a frame."""
    check_out(out, shape, dtype)
    if out.flags.c_contiguous:
        low = out.ctypes.data
        high = low + out.nbytes
    else:
        _check_steps(out)
        low, high = byte_bounds(out)
    layout = frame_layout(frame.format.name, frame.width, frame.height)
    for source, plane in zip(frame.planes, layout.planes, strict=True):
        start, stop = _strides.span(source.line_size, plane.row_bytes, plane.height)
        if low < source.buffer_ptr + stop and source.buffer_ptr + start < high:
            raise ValueError("out overlaps the memory of the frame; give another array")


def _check_steps(out: Array) -> None:
    """Raise unless every axis of `out` steps over all that the smaller steps reach."""
    reach = out.itemsize
    for stride, size in sorted(
        (abs(stride), size) for stride, size in zip(out.strides, out.shape, strict=True) if size > 1
    ):
        if stride < reach:
            raise ValueError(f"out overlaps itself (shape {out.shape}, strides {out.strides})")
        reach += stride * (size - 1)


def _store(frame: av.VideoFrame, layout: FrameLayout, out: Array, normalize: bool) -> None:
    """Write the samples into an array of the result's shape, of any strides."""
    places = _rows_of(out, layout)
    decoding = _decoding(layout.format, normalize)
    if places is not None:
        for source, plane, place in zip(frame.planes, layout.planes, places, strict=False):
            move_plane(*place, source.buffer_ptr, source.line_size, plane, *decoding)
    elif _is_transposed(out, layout) and decoding == (0, False):
        sources = [(plane.buffer_ptr, plane.line_size) for plane in frame.planes]
        item, width, height = out.itemsize, layout.width, layout.height
        if layout.format.kind is Kind.PLANAR:
            addresses, pitches = zip(*sources, strict=True)
            _planes.interleave(
                out.ctypes.data, out.strides[1], addresses, pitches, item, width, height
            )
        else:
            addresses, pitches = zip(*_channels_of(out), strict=True)
            _planes.deinterleave(addresses, pitches, *sources[0], item, width, height)
    else:
        fresh = np.empty(out.shape, out.dtype)
        _store(frame, layout, fresh, normalize)
        out[...] = fresh


def _expand(frame: av.VideoFrame, format: PixelFormat, out: Array) -> None:
    """Write the components of a bit-packed frame into an array ``(H, W, C)``, of any strides."""
    if not out[0].flags.c_contiguous:
        fresh = np.empty(out.shape, out.dtype)
        _expand(frame, format, fresh)
        out[...] = fresh
        return
    (plane,) = frame.planes
    _bits.expand(
        out.ctypes.data,
        out.strides[0],
        plane.buffer_ptr,
        plane.line_size,
        *_fields(format),
        out.shape[1],
        out.shape[0],
    )


def _fields(format: PixelFormat) -> tuple[int, bool, tuple[int, ...], tuple[int, ...]]:
    """What the kernels must know of a bit-packed format."""
    depths = tuple(component.depth for component in format.components)
    return format.pixel_bits, not format.dtype.isnative, format.bit_shifts, depths


# -- memory of arrays -----------------------------------------------------------------------------


def _rows_of(array: Array, layout: FrameLayout) -> list[tuple[int, int]] | None:
    """Return (address, pitch) of each plane's rows in an array; None if rows are not contiguous."""
    address = array.ctypes.data
    if layout.format.kind is Kind.PLANAR:
        if not array[0, 0].flags.c_contiguous:
            return None
        distance, pitch = array.strides[:2]
        return [(address + number * distance, pitch) for number in range(len(array))]
    if len(layout.planes) == 1 or layout.format.kind is Kind.PALETTE:
        return [(address, array.strides[0])] if array[0].flags.c_contiguous else None
    if not array.flags.c_contiguous:
        return None
    return [(address + plane.offset, plane.pitch) for plane in layout.planes]


def _is_transposed(array: Array, layout: FrameLayout) -> bool:
    """Whether an array of several channels is a transposed view of the other common order.

    That is a planar format's ``(C, H, W)`` over the memory of an ``(H, W, C)``, or a packed one's
    ``(H, W, C)`` over the memory of a ``(C, H, W)``.
    """
    if layout.format.kind is Kind.PLANAR:
        channels, item = len(array), array.itemsize
        return (array.strides[0], array.strides[2]) == (item, channels * item)
    if layout.format.kind is Kind.PACKED and array.ndim == 3:
        return array[0, :, 0].flags.c_contiguous
    return False


def _channels_of(array: Array) -> Iterator[tuple[int, int]]:
    """Yield (address, pitch) of each channel of an array ``(H, W, C)`` that is transposed."""
    address, (pitch, _, distance) = array.ctypes.data, array.strides
    return ((address + number * distance, pitch) for number in range(array.shape[2]))


# -- array to frame -------------------------------------------------------------------------------


def _check_dtype(array: Array, format: PixelFormat, dtype: np.dtype[Any], what: str) -> None:
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{format.name!r}: {what} must be a numpy.ndarray, got {array!r:.60}")
    if array.dtype.newbyteorder("=") != dtype.newbyteorder("="):
        raise TypeError(
            f"{format.name!r}: {what} must have dtype {dtype.name!r} (either byte order), "
            f"got {array.dtype.name!r}"
        )


def _check_shape(
    array: Array, shape: tuple[int, ...] | None, layout: FrameLayout, what: str
) -> None:
    if array.shape != shape:
        raise ValueError(
            f"{layout.format.name!r} at {layout.width}x{layout.height}: {what} must have shape "
            f"{shape}, got {array.shape}"
        )


def _new_frame(layout: FrameLayout) -> av.VideoFrame:
    try:
        return av.VideoFrame(layout.width, layout.height, layout.format.name)
    except av.FFmpegError as error:
        raise ValueError(
            f"FFmpeg cannot allocate a {layout.format.name!r} frame of "
            f"{layout.width}x{layout.height}: {error.strerror}"
        ) from error


def _pack_array(
    array: Array, format: PixelFormat, width: int | None, height: int | None
) -> av.VideoFrame:
    """Make a frame of the one array that a format is, or of a stacked one."""
    _check_dtype(array, format, format.dtype, "the array")
    inferred = _size_of_array(array.shape, format)
    layout = frame_layout(
        format.name,
        inferred[0] if width is None else width,
        inferred[1] if height is None else height,
        stacked=True,
    )
    shape = layout.shape
    if format.kind is Kind.PACKED_SUBSAMPLED and array.ndim == 2:
        shape = layout.planes[0].shape
    _check_shape(array, shape, layout, "the array")
    frame = _new_frame(layout)
    swapped = array.dtype != format.dtype
    places = _rows_of(array, layout)
    if places is None and _is_transposed(array, layout) and not swapped:
        _fill_transposed(frame, layout, array)
        return frame
    if places is None:
        array = np.ascontiguousarray(array)
        places = _rows_of(array, layout)
        assert places is not None
    for target, plane, place in zip(frame.planes, layout.planes, places, strict=True):
        move_plane(target.buffer_ptr, target.line_size, *place, plane, swapped=swapped)
    return frame


def _fill_transposed(frame: av.VideoFrame, layout: FrameLayout, array: Array) -> None:
    """Copy an array in the other order of axes (see `_is_transposed`) into a new frame."""
    targets = [(plane.buffer_ptr, plane.line_size) for plane in frame.planes]
    item, width, height = array.itemsize, layout.width, layout.height
    if layout.format.kind is Kind.PLANAR:
        addresses, pitches = zip(*targets, strict=True)
        _planes.deinterleave(
            addresses, pitches, array.ctypes.data, array.strides[1], item, width, height
        )
    else:
        addresses, pitches = zip(*_channels_of(array), strict=True)
        _planes.interleave(*targets[0], addresses, pitches, item, width, height)


def _pack_planes(
    arrays: tuple[Array, ...], format: PixelFormat, width: int | None, height: int | None
) -> av.VideoFrame:
    """Make a frame of an array for each plane."""
    if len(arrays) != format.plane_count:
        raise ValueError(f"{format.name!r} has {format.plane_count} planes, got {len(arrays)}")
    for number, array in enumerate(arrays):
        _check_dtype(array, format, format.dtype, f"plane {number}")
    inferred = _size_of_plane(arrays[0].shape, format)
    layout = frame_layout(
        format.name,
        inferred[0] if width is None else width,
        inferred[1] if height is None else height,
    )
    for number, (array, plane) in enumerate(zip(arrays, layout.planes, strict=True)):
        _check_shape(array, plane.shape, layout, f"plane {number}")
    frame = _new_frame(layout)
    for target, array, plane in zip(frame.planes, arrays, layout.planes, strict=True):
        if len(array) != plane.height or not array[0].flags.c_contiguous:
            array = np.ascontiguousarray(array)  # a palette is one row, whatever its shape says
        move_plane(
            target.buffer_ptr,
            target.line_size,
            array.ctypes.data,
            array.strides[0],
            plane,
            swapped=array.dtype != format.dtype,
        )
    return frame


def _pack_components(
    array: Array, format: PixelFormat, width: int | None, height: int | None
) -> av.VideoFrame:
    """Make a frame of an array ``(H, W, C)`` with an element per component."""
    _check_dtype(array, format, format.component_dtype, "the components")
    layout = frame_layout(
        format.name,
        array.shape[1] if width is None else width,
        array.shape[0] if height is None else height,
    )
    shape = (layout.height, layout.width, len(format.components))
    _check_shape(array, shape, layout, "the array of components")
    if not (array.dtype.isnative and array[0].flags.c_contiguous):
        array = np.ascontiguousarray(array, format.component_dtype)
    frame = _new_frame(layout)
    (plane,) = frame.planes
    fits = _bits.collapse(
        plane.buffer_ptr,
        plane.line_size,
        array.ctypes.data,
        array.strides[0],
        *_fields(format),
        layout.width,
        layout.height,
    )
    if not fits:
        depths = ", ".join(str(component.depth) for component in format.components)
        raise ValueError(
            f"{format.name!r} has components of {depths} bits; the array has larger values"
        )
    return frame


def _size_of_array(shape: tuple[int, ...], format: PixelFormat) -> tuple[int, int]:
    """Return width and height of the picture that an array is meant to be."""
    if format.kind is Kind.PLANAR and len(shape) == 3:
        return shape[2], shape[1]
    if format.is_array and format.kind is not Kind.PLANAR:
        if format.kind is Kind.PACKED_SUBSAMPLED and len(shape) == 3 and format.log2_chroma_w == 1:
            return shape[1], shape[0]
        return _size_of_plane(shape, format)
    if not format.is_array and len(shape) == 2:
        # Rows of the array for every row of luma.
        rows = sum(p.channels / 2 ** (p.log2_width + p.log2_height) for p in format.planes)
        return shape[1], round(shape[0] / rows)
    wanted = "(C, H, W)" if format.kind is Kind.PLANAR else "(rows, W), its planes stacked,"
    raise ValueError(f"{format.name!r} takes an array of shape {wanted} or planes, got {shape}")


def _size_of_plane(shape: tuple[int, ...], format: PixelFormat) -> tuple[int, int]:
    """Return width and height of the picture whose first plane has a shape."""
    plane = format.planes[0]
    if len(shape) != 2 + (plane.channels > 1):
        wanted = f"(H, W, {plane.channels})" if plane.channels > 1 else "(H, W)"
        raise ValueError(f"{format.name!r} takes an array of shape {wanted}, got {shape}")
    row_bits = 8 * format.itemsize * prod(shape[1:])
    return (row_bits // plane.bits) << plane.log2_width, shape[0]

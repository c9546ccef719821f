"""Unpacking what cameras pack: MIPI CSI-2 RAW10, RAW12 and RAW14, GenICam's 10p and 12p.

All functions are thread-safe as long as no two calls write to the same memory, and release the GIL.
"""

from __future__ import annotations

from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from .._kernels import bayer as _kernel
from .arguments import check_out, check_rows, integer, size

__all__ = ["unpack_10p", "unpack_12p", "unpack_raw10", "unpack_raw12", "unpack_raw14"]

_Array = npt.NDArray[Any]
_Packed = bytes | bytearray | memoryview | _Array


def unpack_raw10(
    data: _Packed,
    width: SupportsIndex,
    height: SupportsIndex,
    *,
    row_pitch: SupportsIndex | None = None,
    out: _Array | None = None,
) -> _Array:
    """Unpack MIPI CSI-2 RAW10: four samples in five bytes.

    Four bytes hold the high 8 bits of four samples, the fifth their low 2 bits, the first sample's
    lowest [1]_. Linux calls it ``V4L2_PIX_FMT_SRGGB10P``.

    Parameters
    ----------
    data : bytes-like or ndarray of uint8
        The packed rows, one after the other; more may follow. Of an array of two dimensions, each
        row holds one of the picture, perhaps with padding.
    width, height : int
        Size of the picture in samples. CSI-2 sends whole groups only; the last group of a row of
        another width is there in full, and its last samples are left out.
    row_pitch : int, optional
        Bytes from one row to the next; without it rows follow each other without padding. For
        one-dimensional data.
    out : ndarray of uint16, shape (height, width), optional
        Where to write, contiguous within rows; it must not overlap the data.

    Returns
    -------
    ndarray of uint16, shape (height, width)
        The samples, 0 to 1023: `out`, or a fresh array.

    Raises
    ------
    ValueError
        The data is too short, or a size does not fit.

    References
    ----------
    .. [1] MIPI Alliance, Specification for Camera Serial Interface 2, "RAW Image Data" (RAW10).
    """
    return _unpack_mipi(data, width, height, row_pitch, out, 10)


def unpack_raw12(
    data: _Packed,
    width: SupportsIndex,
    height: SupportsIndex,
    *,
    row_pitch: SupportsIndex | None = None,
    out: _Array | None = None,
) -> _Array:
    """Unpack MIPI CSI-2 RAW12: two samples in three bytes.

    Two bytes hold the high 8 bits of two samples, the third their low 4 bits, the first sample's
    lowest. Samples are 0 to 4095; all else is as in :func:`unpack_raw10`.
    """
    return _unpack_mipi(data, width, height, row_pitch, out, 12)


def unpack_raw14(
    data: _Packed,
    width: SupportsIndex,
    height: SupportsIndex,
    *,
    row_pitch: SupportsIndex | None = None,
    out: _Array | None = None,
) -> _Array:
    """Unpack MIPI CSI-2 RAW14: four samples in seven bytes.

    Four bytes hold the high 8 bits of four samples, the other three their low 6 bits, the first
    sample's lowest. Samples are 0 to 16383; all else is as in :func:`unpack_raw10`.
    """
    return _unpack_mipi(data, width, height, row_pitch, out, 14)


def unpack_10p(
    data: _Packed,
    width: SupportsIndex,
    height: SupportsIndex,
    *,
    row_pitch: SupportsIndex | None = None,
    out: _Array | None = None,
) -> _Array:
    """Unpack 10-bit samples as GenICam's ``Mono10p`` and ``BayerRG10p`` (``GR``, ...) have them.

    Samples follow each other without a gap, from the lowest bit of the first byte on [1]_.

    Parameters
    ----------
    data : bytes-like or ndarray of uint8
        The packed samples; more may follow. Of an array of two dimensions, each row holds one of
        the picture, perhaps with padding.
    width, height : int
        Size of the picture in samples.
    row_pitch : int, optional
        Bytes from one row to the next, for one-dimensional data. Without it the picture is one run
        of samples: a row of a width that fills no whole number of bytes ends, and the next one
        begins, within a byte. Where rows are padded to whole bytes, ``row_pitch`` must say so:
        ``(10 * width + 7) // 8`` or more.
    out : ndarray of uint16, shape (height, width), optional
        Where to write, contiguous within rows; it must not overlap the data.

    Returns
    -------
    ndarray of uint16, shape (height, width)
        The samples, 0 to 1023: `out`, or a fresh array.

    Raises
    ------
    ValueError
        The data is too short, or a size does not fit.

    References
    ----------
    .. [1] EMVA, GenICam Pixel Format Naming Convention (PFNC), "lsb packed" pixels.
    """
    return _unpack_lsb(data, width, height, row_pitch, out, 10)


def unpack_12p(
    data: _Packed,
    width: SupportsIndex,
    height: SupportsIndex,
    *,
    row_pitch: SupportsIndex | None = None,
    out: _Array | None = None,
) -> _Array:
    """Unpack 12-bit samples as GenICam's ``Mono12p`` and ``BayerRG12p`` (``GR``, ...) have them.

    Samples are 0 to 4095; all else is as in :func:`unpack_10p`. GigE Vision's older
    ``Mono12Packed`` is another packing.
    """
    return _unpack_lsb(data, width, height, row_pitch, out, 12)


def _unpack_mipi(
    data: _Packed,
    width: SupportsIndex,
    height: SupportsIndex,
    row_pitch: SupportsIndex | None,
    out: _Array | None,
    bits: int,
) -> _Array:
    columns, rows = size("width", width), size("height", height)
    group = 2 if bits == 12 else 4
    row_bytes = -(-columns // group) * group * bits // 8
    packed, pitch = _packed_rows(data, rows, row_bytes, row_pitch)
    if pitch is None:
        pitch = row_bytes
    _check_length(packed, (rows - 1) * pitch + row_bytes)
    out = _unpacked(packed, out, rows, columns)
    _kernel.unpack_mipi(
        out.ctypes.data, out.strides[0], packed.ctypes.data, pitch, columns, rows, bits
    )
    return out


def _unpack_lsb(
    data: _Packed,
    width: SupportsIndex,
    height: SupportsIndex,
    row_pitch: SupportsIndex | None,
    out: _Array | None,
    bits: int,
) -> _Array:
    columns, rows = size("width", width), size("height", height)
    row_bits = columns * bits
    packed, pitch = _packed_rows(data, rows, (row_bits + 7) // 8, row_pitch)
    bit_pitch = row_bits if pitch is None else 8 * pitch
    _check_length(packed, ((rows - 1) * bit_pitch + row_bits + 7) // 8)
    out = _unpacked(packed, out, rows, columns)
    _kernel.unpack_lsb(
        out.ctypes.data, out.strides[0], packed.ctypes.data, bit_pitch, columns, rows, bits
    )
    return out


def _packed_rows(
    data: _Packed, rows: int, row_bytes: int, row_pitch: SupportsIndex | None
) -> tuple[_Array, int | None]:
    """The data as contiguous bytes, and the pitch of its rows if one is known."""
    if not isinstance(data, np.ndarray):
        try:
            data = np.frombuffer(data, np.uint8)
        except (TypeError, BufferError) as error:
            raise TypeError(f"data must be bytes or an array of uint8: {error}") from None
    elif data.dtype != np.uint8:
        raise TypeError(f"data must be bytes or an array of uint8, got {data.dtype}")
    pitch = None if row_pitch is None else integer("row_pitch", row_pitch)
    if data.ndim == 2:
        if data.shape[0] < rows:
            raise ValueError(f"data must have at least {rows} rows, got {data.shape[0]}")
        if pitch is not None and pitch != data.shape[1]:
            raise ValueError(
                f"row_pitch is for one-dimensional data; the rows given have {data.shape[1]} bytes"
            )
        pitch = data.shape[1]
    elif data.ndim != 1:
        raise ValueError(f"data must have one or two dimensions, got the shape {data.shape}")
    if pitch is not None and pitch < row_bytes:
        raise ValueError(f"a row takes {row_bytes} bytes, but the row pitch is {pitch}")
    return np.ascontiguousarray(data).reshape(-1), pitch


def _check_length(packed: _Array, needed: int) -> None:
    if packed.size < needed:
        raise ValueError(f"data must have at least {needed} bytes, got {packed.size}")


def _unpacked(packed: _Array, out: _Array | None, rows: int, columns: int) -> _Array:
    if out is None:
        return np.empty((rows, columns), np.uint16)
    check_out(out, (rows, columns), np.dtype(np.uint16))
    check_rows(out)
    if np.shares_memory(out, packed):
        raise ValueError("out must not overlap the data")
    return out

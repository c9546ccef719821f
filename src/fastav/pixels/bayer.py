"""Mosaics of a colour filter array: patterns, planes, demosaicing, and cameras' packings.

A mosaic is an (H, W) array of uint8 or uint16 that holds one colour per sample, as the ``bayer_*``
pixel formats and cameras give it. A pattern names the colours of its top left 2x2 samples, row by
row: ``"RGGB"``, ``"BGGR"``, ``"GBRG"`` or ``"GRBG"``, in any case, or the name of a pixel format
(``"bayer_rggb8"``, ``"bayer_gbrg16le"``). OpenCV looks at the second row and column instead: what
is RGGB here, in FFmpeg and with cameras is its ``BayerBG``.

Mosaics may have any strides and either byte order (one is copied where the compiled code could not
take it as it is); results have native byte order. All functions are thread-safe as long as no two
calls write to the same memory, and those that compute release the GIL.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal, SupportsIndex

import numpy as np
import numpy.typing as npt

from .._kernels import bayer as _kernel
from .arguments import check_out, check_rows, has_whole_rows, integer, one_of, size

__all__ = [
    "crop_pattern",
    "demosaic",
    "fliplr_pattern",
    "flipud_pattern",
    "merge",
    "parse_pattern",
    "rot90_pattern",
    "split",
    "subtract_black",
    "white_balance",
]

_Array = npt.NDArray[Any]

# Where red is: (column, row). Every pattern is told apart by it.
_RED = {"RGGB": (0, 0), "GRBG": (1, 0), "GBRG": (0, 1), "BGGR": (1, 1)}
_PATTERN = {red: name for name, red in _RED.items()}
_NAME = re.compile(r"([rgb]{4})|bayer_([rgb]{4})(?:8|16|16le|16be)")

# Gains are held in units of 2**-bits: rounding one moves no sample by more than half a step, as
# neither 2**-13 * 255 nor 2**-17 * 65535 is more.
_GAIN_BITS = {1: 12, 2: 16}
_MAX_GAIN = 16


def parse_pattern(name: str) -> str:
    """Return the pattern that a name means.

    Parameters
    ----------
    name : str
        A pattern or a pixel format of FFmpeg: ``"rggb"``, ``"bayer_rggb16le"``, ...

    Returns
    -------
    str
        ``"RGGB"``, ``"BGGR"``, ``"GBRG"`` or ``"GRBG"``.

    Raises
    ------
    ValueError
        The name is none of these.
    """
    if not isinstance(name, str):
        raise TypeError(f"pattern must be a string such as 'RGGB', got {type(name).__name__}")
    match = _NAME.fullmatch(name.lower())
    pattern = "" if match is None else (match[1] or match[2]).upper()
    if pattern not in _RED:
        raise ValueError(
            f"pattern must be one of {', '.join(sorted(_RED))}, or the name of a bayer pixel "
            f"format such as 'bayer_rggb8', got {name!r}"
        )
    return pattern


def crop_pattern(pattern: str, x: SupportsIndex, y: SupportsIndex) -> str:
    """Return the pattern of ``mosaic[y:, x:]``.

    Parameters
    ----------
    pattern : str
        The whole mosaic's pattern.
    x, y : int
        Columns and rows that are cut off at the left and at the top. Negative: that were added.
    """
    red_x, red_y = _RED[parse_pattern(pattern)]
    return _PATTERN[(red_x - integer("x", x)) % 2, (red_y - integer("y", y)) % 2]


def fliplr_pattern(pattern: str, width: SupportsIndex) -> str:
    """Return the pattern of ``mosaic[:, ::-1]``, of a mosaic of ``width`` columns."""
    red_x, red_y = _RED[parse_pattern(pattern)]
    return _PATTERN[(size("width", width) - 1 - red_x) % 2, red_y]


def flipud_pattern(pattern: str, height: SupportsIndex) -> str:
    """Return the pattern of ``mosaic[::-1]``, of a mosaic of ``height`` rows."""
    red_x, red_y = _RED[parse_pattern(pattern)]
    return _PATTERN[red_x, (size("height", height) - 1 - red_y) % 2]


def rot90_pattern(
    pattern: str, width: SupportsIndex, height: SupportsIndex, k: SupportsIndex = 1
) -> str:
    """Return the pattern of ``np.rot90(mosaic, k)``.

    Parameters
    ----------
    pattern : str
        The pattern before the rotation.
    width, height : int
        The mosaic's size before the rotation.
    k : int
        Quarter turns counter-clockwise; negative ones are clockwise.
    """
    red_x, red_y = _RED[parse_pattern(pattern)]
    width, height = size("width", width), size("height", height)
    for _ in range(integer("k", k) % 4):
        red_x, red_y = red_y, (width - 1 - red_x) % 2
        width, height = height, width
    return _PATTERN[red_x, red_y]


def split(mosaic: _Array, pattern: str) -> tuple[_Array, _Array, _Array, _Array]:
    """Return the four planes of a mosaic, without a copy.

    Parameters
    ----------
    mosaic : ndarray of uint8 or uint16, shape (H, W)
        Any size; of an odd one, the planes that begin first have a row or a column more.
    pattern : str
        See :func:`parse_pattern`.

    Returns
    -------
    tuple of ndarray
        R, G1 (green in red rows), G2 (green in blue rows) and B: views of the mosaic, of its dtype,
        writable if it is. The plane that begins at row y and column x (0 or 1) has the shape
        ((H - y + 1) // 2, (W - x + 1) // 2). ``np.stack`` makes one array of those of an even size.
    """
    _check_samples("mosaic", mosaic)
    r, g1, g2, b = (mosaic[y::2, x::2] for x, y in _places(pattern))
    return r, g1, g2, b


def merge(planes: Sequence[_Array], pattern: str) -> _Array:
    """Return a mosaic from its four planes: the inverse of :func:`split`.

    Parameters
    ----------
    planes : sequence of four ndarrays of uint8 or uint16
        R, G1 (green in red rows), G2 (green in blue rows) and B, all of one dtype and of the shapes
        that :func:`split` gives: equal, or one row or column more where the mosaic's size is odd.
    pattern : str
        See :func:`parse_pattern`.

    Returns
    -------
    ndarray, shape (H, W)
        A fresh array of the planes' dtype.
    """
    names = ("R plane", "G1 plane", "G2 plane", "B plane")
    if not isinstance(planes, (Sequence, np.ndarray)):
        raise TypeError(f"planes must be a sequence of four arrays, got {type(planes).__name__}")
    if len(planes) != 4:
        raise ValueError(f"planes must be four, R, G1, G2 and B, got {len(planes)}")
    for name, plane in zip(names, planes, strict=True):
        _check_samples(name, plane)
        if plane.dtype != planes[0].dtype:
            raise TypeError(
                f"planes must be of one dtype, got {planes[0].dtype} and, of the {name}, "
                f"{plane.dtype}"
            )
    shapes = {place: plane.shape for place, plane in zip(_places(pattern), planes, strict=True)}
    height = shapes[0, 0][0] + shapes[0, 1][0]
    width = shapes[0, 0][1] + shapes[1, 0][1]
    for name, place in zip(names, _places(pattern), strict=True):
        expected = ((height - place[1] + 1) // 2, (width - place[0] + 1) // 2)
        if shapes[place] != expected:
            raise ValueError(
                f"{name} must have the shape {expected} in a {parse_pattern(pattern)} mosaic of "
                f"{height} rows and {width} columns, got {shapes[place]}"
            )
    mosaic = np.empty((height, width), planes[0].dtype)
    for (x, y), plane in zip(_places(pattern), planes, strict=True):
        mosaic[y::2, x::2] = plane
    return mosaic


def subtract_black(
    mosaic: _Array,
    pattern: str,
    black: SupportsIndex | Sequence[SupportsIndex],
    *,
    out: _Array | None = None,
) -> _Array:
    """Subtract black levels from a mosaic; what would be negative becomes 0.

    Parameters
    ----------
    mosaic : ndarray of uint8 or uint16, shape (H, W)
    pattern : str
        See :func:`parse_pattern`.
    black : int or four ints
        The level of all samples, or those of R, G1 (green in red rows), G2 (green in blue rows)
        and B, between 0 and what the dtype holds.
    out : ndarray, optional
        Where to write: the mosaic's shape, its dtype in native byte order, contiguous within rows.
        It may be the mosaic itself, but not overlap it otherwise.

    Returns
    -------
    ndarray, shape (H, W)
        `out`, or a fresh array.
    """
    return _correct(mosaic, pattern, black, None, None, out)


def white_balance(
    mosaic: _Array,
    pattern: str,
    gains: Sequence[float],
    *,
    bits: SupportsIndex | None = None,
    out: _Array | None = None,
) -> _Array:
    """Multiply a mosaic's colours by gains, rounding half up and clipping to the depth.

    Parameters
    ----------
    mosaic : ndarray of uint8 or uint16, shape (H, W)
    pattern : str
        See :func:`parse_pattern`.
    gains : three floats
        Of red, green and blue, between 0 and 16. Each is rounded (half up) to a multiple of 2**-12
        for uint8 and of 2**-16 for uint16 first, and what follows is exact.
    bits : int, optional
        Depth of the samples, all that the dtype holds unless given: results are clipped to
        ``2**bits - 1``.
    out : ndarray, optional
        See :func:`subtract_black`.

    Returns
    -------
    ndarray, shape (H, W)
        `out`, or a fresh array.
    """
    return _correct(mosaic, pattern, 0, gains, bits, out)


def demosaic(
    mosaic: _Array,
    pattern: str,
    method: Literal["bilinear", "malvar"] = "bilinear",
    *,
    bits: SupportsIndex | None = None,
    out: _Array | None = None,
    subtract_black: SupportsIndex | Sequence[SupportsIndex] = 0,
    white_balance: Sequence[float] | None = None,
) -> _Array:
    """Interpolate the two colours that every sample of a mosaic lacks.

    Parameters
    ----------
    mosaic : ndarray of uint8 or uint16, shape (H, W)
        At least 2x2, so that every colour is there.
    pattern : str
        See :func:`parse_pattern`.
    method : {"bilinear", "malvar"}
        ``"bilinear"``: a missing colour is the average of its two or four nearest samples.
        ``"malvar"``: the gradient-corrected filters of Malvar, He and Cutler [1]_ (their fig. 2),
        sharper and with less false colour.
    bits : int, optional
        Depth of the samples, all that the dtype holds unless given: results are clipped to
        ``2**bits - 1``.
    out : ndarray, optional
        Where to write: shape (H, W, 3), the mosaic's dtype in native byte order, pixels contiguous
        within rows, rows anywhere. It must not overlap the mosaic.
    subtract_black : int or four ints
        Black levels, as in :func:`subtract_black`, taken off before anything else.
    white_balance : three floats, optional
        Gains of red, green and blue, as in :func:`white_balance`.

    Returns
    -------
    ndarray, shape (H, W, 3)
        Red, green and blue: `out`, or a fresh array of the mosaic's dtype in native byte order.

    Notes
    -----
    Results are exact: samples less black (not below 0) are multiplied by the rounded gains and
    weighed without any rounding or clipping; the sum is rounded once, half up, and clipped. Hence
    black levels give the same picture here as from a call of :func:`subtract_black` before, while
    one of :func:`white_balance` before would round and clip on the way.

    Beyond its edges the mosaic is mirrored about its outermost samples, which are not repeated:
    row -1 is row 1, row -2 is row 2. That keeps the pattern's parity.

    References
    ----------
    .. [1] H. S. Malvar, L. He and R. Cutler, "High-quality linear interpolation for demosaicing of
       Bayer-patterned color images", ICASSP 2004, vol. 3, pp. 485-488.
    """
    one_of("method", method, ("bilinear", "malvar"))
    _check_samples("mosaic", mosaic)
    height, width = mosaic.shape
    if height < 2 or width < 2:
        raise ValueError(
            f"mosaic must have at least 2 rows and 2 columns to hold every colour, got "
            f"{height} x {width}"
        )
    correction = _correction(mosaic, subtract_black, white_balance, bits)
    native = mosaic.dtype.newbyteorder("=")
    if out is None:
        out = np.empty((height, width, 3), native)
    else:
        check_out(out, (height, width, 3), native)
        check_rows(out)
        if np.shares_memory(out, mosaic):
            raise ValueError("out must not overlap the mosaic")
    samples = _addressable(mosaic)
    _kernel.demosaic(
        out.ctypes.data,
        out.strides[0],
        samples.ctypes.data,
        samples.strides[0],
        native.itemsize,
        width,
        height,
        *_RED[parse_pattern(pattern)],
        method == "malvar",
        *correction,
    )
    return out


def _places(pattern: str) -> list[tuple[int, int]]:
    """First column and row of R, G1, G2 and B."""
    x, y = _RED[parse_pattern(pattern)]
    return [(x, y), (1 - x, y), (x, 1 - y), (1 - x, 1 - y)]


def _check_samples(name: str, array: _Array) -> None:
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name} must be a NumPy array, got {type(array).__name__}")
    if array.dtype.kind != "u" or array.dtype.itemsize > 2:
        raise TypeError(f"{name} must be of uint8 or uint16, got {array.dtype}")
    if array.ndim != 2:
        raise ValueError(f"{name} must have the shape (H, W), got {array.shape}")


def _addressable(mosaic: _Array) -> _Array:
    """The mosaic, or a copy where it is not native, aligned and contiguous within rows."""
    if mosaic.dtype.isnative and has_whole_rows(mosaic):
        return mosaic
    return mosaic.astype(mosaic.dtype.newbyteorder("="), order="C")


def _correction(
    mosaic: _Array,
    black: SupportsIndex | Sequence[SupportsIndex],
    gains: Sequence[float] | None,
    bits: SupportsIndex | None,
) -> tuple[int, tuple[int, ...], tuple[int, ...], int]:
    """The kernels' maximum, black, gain and shift."""
    itemsize = mosaic.dtype.itemsize
    depth = 8 * itemsize if bits is None else integer("bits", bits)
    if not 1 <= depth <= 8 * itemsize:
        raise ValueError(f"bits must be 1 to {8 * itemsize} for {mosaic.dtype}, got {depth}")
    levels = _levels(black, 2 ** (8 * itemsize) - 1)
    if gains is None:
        return 2**depth - 1, levels, (1, 1, 1), 0
    shift = _GAIN_BITS[itemsize]
    return 2**depth - 1, levels, _factors(gains, 2**shift), shift


def _levels(
    black: SupportsIndex | Sequence[SupportsIndex], maximum: int
) -> tuple[int, int, int, int]:
    """One black level or four as four."""
    given: Sequence[Any] = [black] * 4 if np.ndim(black) == 0 else list(black)  # type: ignore[arg-type]
    levels = tuple(integer("a black level", level) for level in given)
    if len(levels) != 4 or not all(0 <= level <= maximum for level in levels):
        raise ValueError(
            f"black must be one level or four, of R, G1, G2 and B, from 0 to {maximum}, "
            f"got {black!r}"
        )
    return levels


def _factors(gains: Sequence[float], one: int) -> tuple[int, int, int]:
    """Gains in units of 1 / `one`, rounded half up."""
    expected = f"white balance must be three gains, red, green and blue, from 0 to {_MAX_GAIN}"
    try:
        values = tuple(float(gain) for gain in gains)
    except (TypeError, ValueError):
        raise TypeError(f"{expected}, got {gains!r}") from None
    if len(values) != 3 or not all(0 <= value <= _MAX_GAIN for value in values):
        raise ValueError(f"{expected}, got {gains!r}")
    r, g, b = (int(value * one + 0.5) for value in values)
    return r, g, b


def _correct(
    mosaic: _Array,
    pattern: str,
    black: SupportsIndex | Sequence[SupportsIndex],
    gains: Sequence[float] | None,
    bits: SupportsIndex | None,
    out: _Array | None,
) -> _Array:
    _check_samples("mosaic", mosaic)
    correction = _correction(mosaic, black, gains, bits)
    red = _RED[parse_pattern(pattern)]
    native = mosaic.dtype.newbyteorder("=")
    if out is None:
        out = np.empty(mosaic.shape, native)
    else:
        check_out(out, mosaic.shape, native)
        check_rows(out)
        same = out.ctypes.data == mosaic.ctypes.data and out.strides == mosaic.strides
        if np.shares_memory(out, mosaic) and not (same and out.dtype == mosaic.dtype):
            raise ValueError("out must be the mosaic itself or not overlap it")
    samples = _addressable(mosaic)
    height, width = mosaic.shape
    _kernel.correct(
        out.ctypes.data,
        out.strides[0],
        samples.ctypes.data,
        samples.strides[0],
        native.itemsize,
        width,
        height,
        *red,
        *correction,
    )
    return out

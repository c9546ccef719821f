"""Colour conversion between Y'CbCr, grey and RGB: correctly rounded, straight into an array.

A plan is made once for a format, a size and the caller's wishes; it derives every constant from the
standards' Kr and Kb and then converts frame after frame. The kernels round once for 16-bit and
float results; 8-bit results lie within 0.51 levels of the exact ones.

Matrices and ranges are those of ITU-T H.273 (MatrixCoefficients and VideoFullRangeFlag):

    E'Y  = Kr E'R + (1 - Kr - Kb) E'G + Kb E'B
    E'Pb = (E'B - E'Y) / (2 (1 - Kb))            E'Pr = (E'R - E'Y) / (2 (1 - Kr))

    limited range, depth d:  Y = 2**(d - 8) (219 E'Y + 16)    Cb = 2**(d - 8) (224 E'Pb + 128)
    full range, depth d:     Y = (2**d - 1) E'Y               Cb = (2**d - 1) E'Pb + 2**(d - 1)

RGB is always of full range, grey unless the caller says otherwise. Where chroma is subsampled, its
samples lie, relative to the luma samples, as FFmpeg's ``AVChromaLocation`` says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import av
import numpy as np
import numpy.typing as npt

from .._kernels import colour as kernels
from .._kernels._colour_plan import PLAN
from ..errors import UnsupportedFormatError
from .arguments import one_of
from .formats import NATIVE, Kind, PixelFormat, pixel_format
from .h273 import MATRICES, RANGES, TAGGED_MATRICES, TAGGED_RANGES, Matrix

__all__ = [
    "RGB_FORMATS",
    "Conversion",
    "FromRGB",
    "ToRGB",
    "can_convert",
    "plan",
    "plan_back",
]

Range = Literal["limited", "full"]
Chroma = Literal["nearest", "linear"]
Siting = Literal["left", "centre", "top-left"]
Layout = Literal["hwc", "chw"]


# Tags that say nothing count as BT.601, as FFmpeg's converter has it. Other ones (YCgCo, constant
# luminance, ICtCp, ...) are no such matrices.
_CONVERTED_MATRICES = TAGGED_MATRICES | dict.fromkeys((2, 3), "bt601")
_IDENTITY = 0  # Y, Cb and Cr are G, B and R, all of luma's range (H.273, equations 41 to 46)

_DEEP_RGB = ("rgb48", "bgr48", "rgba64", "bgra64", "gray16")
RGB_FORMATS = {"rgb24", "bgr24", "rgba", "bgra", "gray"} | {name + NATIVE for name in _DEEP_RGB}
_YUV_NAMES = {
    *("yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuvj422p", "yuvj444p", "nv12", "nv16"),
    *("yuv420p10le", "yuv422p10le", "yuv444p10le", "p010le", "p210le"),
}
_SAMPLED_KINDS = frozenset(
    {
        Kind.PACKED,
        Kind.PLANAR,
        Kind.SUBSAMPLED_PLANAR,
        Kind.SEMI_PLANAR,
        Kind.PACKED_SUBSAMPLED,
    }
)
LEVEL = max(kernels.levels())
"""The best instruction set that the kernels can use here."""


def can_convert(source: str, target: str, chroma: Chroma = "nearest") -> bool:
    """Whether the kernels convert one pixel format into another.

    Parameters
    ----------
    source, target : str
        Names of pixel formats.
    chroma : {"nearest", "linear"}
        How subsampled chroma is brought to full size.

    Returns
    -------
    bool
        False also for formats that FFmpeg knows and these kernels do not.

    Raises
    ------
    ValueError
        If there is no format of that name.
    """
    a, b = pixel_format(source), pixel_format(target)
    if b.name in _YUV_NAMES:
        return a.name in RGB_FORMATS
    if chroma == "linear" and max(a.log2_chroma_w, a.log2_chroma_h) > 1:
        return False
    return b.name in RGB_FORMATS and _is_readable(a)


def _is_grey(format: PixelFormat) -> bool:
    return len(format.components) < 3


def _is_readable(format: PixelFormat) -> bool:
    """Whether every component is an integer of one or two bytes at a regular step."""
    return (
        format.kind in _SAMPLED_KINDS
        and not format.float
        and format.itemsize <= 2
        and not format.name.startswith(("xyz", "uyyvyy"))
    )


# ---- constants ----


_range = range  # the name of a parameter below


class _Scale(NamedTuple):
    """What a lane, 0 to 65535, stands for: fractions of white, or of chroma's whole range."""

    luma: float
    black: float
    """Where luma's scale begins, in fractions of white below zero."""
    chroma: float


def _scale(full: bool, depth: int) -> _Scale:
    """How lanes of samples of ``depth`` bits, left-justified in 16, are to be read."""
    if full:
        unit = 1 / (2**depth - 1) / 2 ** (16 - depth)
        return _Scale(unit, 0.0, unit)
    return _Scale(1 / (219 * 256), -16 / 219, 1 / (224 * 256))


def _chroma_rows(matrix: Matrix) -> tuple[tuple[float, float], ...]:
    """Cb's and Cr's parts in R, G and B."""
    kr, kb = matrix
    kg = 1 - kr - kb
    return (
        (0.0, 2 * (1 - kr)),
        (-2 * (1 - kb) * kb / kg, -2 * (1 - kr) * kr / kg),
        (2 * (1 - kb), 0.0),
    )


class _Narrow(NamedTuple):
    """Constants of narrow arithmetic; see ``_kernels/colour.h``."""

    k: int
    y_scale: int
    y_zero: int
    rows: tuple[tuple[int, int, int, int], ...]
    """cu, cv, bias and shift of every channel."""


@lru_cache(maxsize=64)
def _narrow(scale: _Scale, rows: tuple[tuple[float, float], ...], depth: int) -> _Narrow:
    """The constants whose rounding to integers costs least, of all possible ``k``."""
    best: tuple[float, _Narrow] | None = None
    for k in range(256, 286):
        one = 255 * 32768 / k  # units of white
        y_scale = round(scale.luma * one * 65536)
        y_zero = -round(scale.black * one)
        if (0xFFFF * y_scale >> 16) - y_zero > 0x7FFF or y_scale > 0xFFFF:
            continue
        integers = []
        chroma_error = 0.0
        for row in rows:
            u, v = (part * scale.chroma * one for part in row)
            if (abs(u) + abs(v)) * 0x8000 > 0x7FF0:
                break
            shift = 15  # the most that leaves coefficients in 16 bits and sums in 32
            while max(abs(u), abs(v)) < 0x7FFF / 2 ** (shift + 1) and shift < 17:
                shift += 1
            cu, cv = round(u * 2**shift), round(v * 2**shift)
            integers.append((cu, cv, shift))
            chroma_error = max(chroma_error, abs(cu / 2**shift - u) + abs(cv / 2**shift - v))
        else:
            # The ends of the scale are 0x8000 from its middle, where the bias makes up for all.
            luma_error = abs(y_scale / 65536 - scale.luma * one)
            error = (1 + (luma_error + chroma_error) * 0x8000) / one
            if best is None or error < best[0]:
                # Rounding luma down loses this much on average; chroma's bias gives it back.
                lane = np.arange(2**depth, dtype=np.int64) << (16 - depth)
                exact = (lane * scale.luma + scale.black) * one
                lost = float((exact - ((lane * y_scale >> 16) - y_zero)).mean())
                biased = tuple(
                    (cu, cv, round((lost + 0.5) * 2**shift), shift) for cu, cv, shift in integers
                )
                best = error, _Narrow(k, y_scale, y_zero, biased)
    assert best is not None, "some k leaves room for any matrix"
    return best[1]


@lru_cache(maxsize=64)
def _narrow_alpha(scale: _Scale, k: int, depth: int) -> tuple[int, int]:
    """Scale and bias of alpha, which is like luma of full range."""
    one = 255 * 32768 / k
    factor = round(scale.luma * one * 65536)
    lane = np.arange(2**depth, dtype=np.int64) << (16 - depth)
    return factor, round(float((lane * scale.luma * one - (lane * factor >> 16)).mean()))


class _Wide(NamedTuple):
    """A ``WIDE`` record."""

    coefficients: tuple[float, float, float]
    bias: float
    top: float
    zero: float
    scale: float


class _Sum(NamedTuple):
    """A weighted sum of three lanes, plus an offset: from 0 to 1 in the result's range."""

    a: float
    b: float
    c: float
    offset: float

    def wide(self, top: int, bias: float, zero: float = 0.0, scale: float = 1.0) -> _Wide:
        """Give the constants for results of 0 to ``top``.

        Coefficients are rounded to multiples of one power of two, as fine as leaves all partial
        sums 53 bits.
        """
        size = (abs(self.a) + abs(self.b) + abs(self.c)) * 0x10000 + abs(self.offset) + 1
        one = 2.0 ** (52 - math.ceil(math.log2(size * top)))
        a, b, c, start = (round(x * top * one) / one for x in self)
        return _Wide((a, b, c), start + bias, float(top), zero, scale)

    def back(self) -> tuple[tuple[int, int, int], int, int]:
        """Give the constants of narrow arithmetic from RGB: a ``BACK`` record.

        Rounding them moves results by no more than 3 * 2**-9 of a level.
        """
        levels = [255 * x for x in self]
        shift = 23 if max(map(abs, levels[:3])) * 2**23 < 0x7FFF else 22
        a, b, c = (round(x * 2**shift) for x in levels[:3])
        middle = sum(levels[:3]) * 0x8000 + levels[3]  # the result where all lanes are 32768
        return (a, b, c), round((middle - 127.5) * 2**shift), shift


_OPAQUE = _Sum(0.0, 0.0, 0.0, 1.0)


def _sums_from_yuv(matrix: Matrix, scale: _Scale) -> tuple[_Sum, ...]:
    """R, G and B of lanes of Y, Cb and Cr."""
    return tuple(
        _Sum(
            scale.luma,
            cb * scale.chroma,
            cr * scale.chroma,
            scale.black - (cb + cr) * scale.chroma * 0x8000,
        )
        for cb, cr in _chroma_rows(matrix)
    )


def _sums_to_yuv(matrix: Matrix, full: bool, depth: int, lane: float) -> tuple[_Sum, ...]:
    """Y, Cb and Cr, of 1 at 2**depth - 1, of lanes of R, G and B worth ``lane`` each."""
    kr, kb = matrix
    kg = 1 - kr - kb
    peak = 2**depth - 1
    if full:
        luma, black, chroma, middle = 1.0, 0.0, 1.0, 2 ** (depth - 1) / peak
    else:
        luma, black, chroma, middle = (x * 2 ** (depth - 8) / peak for x in (219, 16, 224, 128))
    y, pb, pr = luma * lane, chroma * lane / (2 - 2 * kb), chroma * lane / (2 - 2 * kr)
    return (
        _Sum(kr * y, kg * y, kb * y, black),
        _Sum(-kr * pb, -kg * pb, (1 - kb) * pb, middle),
        _Sum((1 - kr) * pr, -kg * pr, -kb * pr, middle),
    )


# ---- plans ----


class Conversion:
    """What is common to both directions: the constants that a kernel reads.

    A conversion is immutable once made; threads may share it.

    Attributes
    ----------
    source, target : str
        Names of the pixel formats.
    width, height : int
        Size of the frames in pixels.
    shape : tuple of int
        Shape of the array's side of one frame.
    dtype : numpy.dtype
        Its type, in native byte order.
    nbytes : int
        Its size in bytes.
    address : int
        Where the constants lie, a ``PLAN`` record that lives as long as the conversion.
    """

    __slots__ = (
        "_block",
        "_pitches",
        "address",
        "dtype",
        "height",
        "nbytes",
        "shape",
        "source",
        "target",
        "width",
    )

    def __init__(self, source: str, target: str, width: int, height: int) -> None:
        self.source: str = source
        self.target: str = target
        self.width: int = width
        self.height: int = height
        self._block = np.zeros(1, PLAN)
        self.address: int = self._block.ctypes.data
        plan = self._block[0]
        plan["width"], plan["height"] = width, height

    def _set_array(
        self, height: int, width: int, channels: int, dtype: np.dtype, layout: Layout
    ) -> list[tuple[int, ...]]:
        """Describe a C-contiguous array; return the ``COMPONENT`` records of its channels."""
        size = dtype.itemsize
        self.dtype: np.dtype[Any] = dtype
        self.nbytes: int = height * width * channels * size
        if layout == "chw":
            self.shape: tuple[int, ...] = (channels, height, width)
            plane = height * width * size
            self._pitches = tuple((c * plane, width * size) for c in range(channels))
            return [(c, 0, size, size, 0, 0, 0) for c in range(channels)]
        self.shape = (height, width) + ((channels,) if channels > 1 else ())
        self._pitches = ((0, width * channels * size),)
        return [(0, c * size, channels * size, size, 0, 0, 0) for c in range(channels)]

    def _array(self, address: int) -> tuple[int, ...]:
        """Addresses and pitches of the array at an address."""
        return tuple(x for start, pitch in self._pitches for x in (address + start, pitch))

    def _frame(self, frame: av.VideoFrame, format: str) -> tuple[int, ...]:
        """Addresses and pitches of a frame, whose format and size must be the plan's."""
        if frame.width != self.width or frame.height != self.height or frame.format.name != format:
            raise ValueError(
                f"the plan is for {format} of {self.width}x{self.height}, "
                f"the frame is {frame.format.name} of {frame.width}x{frame.height}"
            )
        return tuple(x for p in frame.planes for x in (p.buffer_ptr, p.line_size))


class ToRGB(Conversion):
    """Frames of one format and size to RGB or grey arrays; made by :func:`plan`.

    Attributes
    ----------
    window : (int, int, int, int)
        The pixels that are converted: left, top, right and bottom.
    """

    __slots__ = ("window",)

    window: tuple[int, int, int, int]

    def write(self, frame: av.VideoFrame, address: int) -> None:
        """Convert a frame into memory.

        Parameters
        ----------
        frame : av.VideoFrame
            Of the format and size that the plan was made for.
        address : int
            Where ``nbytes`` bytes may be written, C-contiguous; any alignment.

        Raises
        ------
        ValueError
            If the frame is of another format or size.
        """
        kernels.to_rgb(
            self.address,
            self.window,
            self._frame(frame, self.source),
            self._array(address),
            LEVEL,
        )


class FromRGB(Conversion):
    """RGB or grey arrays to frames of one format and size; made by :func:`plan_back`."""

    __slots__ = ()

    def write(self, address: int, frame: av.VideoFrame) -> None:
        """Convert an array into a frame's planes.

        Parameters
        ----------
        address : int
            Where the array begins, C-contiguous, ``nbytes`` bytes long.
        frame : av.VideoFrame
            Of the format and size that the plan was made for; writable.

        Raises
        ------
        ValueError
            If the frame is of another format or size.
        """
        kernels.from_rgb(self.address, self._array(address), self._frame(frame, self.target), LEVEL)


def _stored(format: PixelFormat, index: int, *, target: bool = False) -> tuple[int, ...]:
    """The ``COMPONENT`` record of a format's component."""
    c = format.components[index]
    swap = format.itemsize == 2 and format.big_endian == np.little_endian
    if target:
        return c.plane, c.offset, c.step, format.itemsize, 0, c.shift, int(swap)
    return _read_from(c.plane, c.offset, c.step, format.itemsize, c.shift, 16 - c.depth, int(swap))


def _read_from(
    plane: int, offset: int, step: int, size: int, right: int = 0, left: int = 0, swap: int = 0
) -> tuple[int, ...]:
    """The ``COMPONENT`` record of a component that is read."""
    if size == 1 and step % 2 == 0 and np.little_endian:
        # A byte of every second or fourth is quicker to get as half of a word.
        high = offset % 2
        return plane, offset - high, step, 2, 8 * high, 8, 0
    return plane, offset, step, size, right, left, swap


def _set_chroma(block: Any, format: PixelFormat, siting: Siting) -> None:
    one_of("siting", siting, ("left", "centre", "top-left"))
    block["log2_w"], block["log2_h"] = format.log2_chroma_w, format.log2_chroma_h
    block["between_w"] = siting == "centre"
    block["between_h"] = siting != "top-left"


def check_converter_knows(tag: int) -> None:
    """Raise unless FFmpeg's converter does what a frame's tag of its matrix says.

    Others than these it takes for BT.601.

    Raises
    ------
    UnsupportedFormatError
        Says what to do.
    """
    if tag not in _CONVERTED_MATRICES:
        raise UnsupportedFormatError(
            f"the frame is tagged with matrix {int(tag)} (H.273 MatrixCoefficients), which cannot "
            f"be converted from its pixel format; matrix= takes {', '.join(map(repr, MATRICES))} "
            "instead, conversion='ffmpeg' is what FFmpeg makes of it"
        )


def _matrix(name: str | None, tag: int = 2) -> Matrix:
    if name is None:
        check_converter_knows(tag)
        name = _CONVERTED_MATRICES[tag]
    one_of("matrix", name, tuple(MATRICES))
    return MATRICES[name]


def _is_full(range: Range | None, format: PixelFormat, tag: int = 0) -> bool:
    if range is None:
        if _is_grey(format) or format.name.startswith("yuvj"):
            return True
        return TAGGED_RANGES.get(tag) == "full"
    one_of("range", range, RANGES)
    return range == "full"


def plan(
    frame: av.VideoFrame,
    target: str,
    *,
    matrix: str | None = None,
    range: Range | None = None,
    chroma: Chroma = "nearest",
    siting: Siting = "left",
    layout: Layout = "hwc",
    dtype: npt.DTypeLike | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    window: tuple[int, int, int, int] | None = None,
) -> ToRGB:
    """Plan the conversion of frames like one frame.

    Parameters
    ----------
    frame : av.VideoFrame
        Gives format, size, matrix and range; its samples are not read.
    target : str
        ``"rgb24"``, ``"bgr24"``, ``"rgba"``, ``"bgra"``, ``"gray"``, or of 16 bits, in native byte
        order, ``"rgb48"``, ``"bgr48"``, ``"rgba64"``, ``"bgra64"``, ``"gray16"``. Alpha that the
        source lacks is opaque.
    matrix : {"bt601", "bt709", "bt2020", "smpte240m", "fcc"}, optional
        By default what the frame is tagged with; untagged means BT.601, as does grey made of RGB,
        as in FFmpeg. Frames of full chroma may be tagged as no matrix: as G, B and R.
    range : {"limited", "full"}, optional
        By default what the frame is tagged with; untagged means limited, but ``yuvj*`` and grey
        formats are full whatever the tag, as in FFmpeg. RGB is always full.
    chroma : {"nearest", "linear"}
        Repeat subsampled chroma, or interpolate it (exact to 12 bits; to 16 bits beyond).
    siting : {"left", "centre", "top-left"}
        Where chroma samples lie, which linear interpolation heeds.
    layout : {"hwc", "chw"}
        Channels last, as FFmpeg packs them, or planes first, as neural networks take them.
    dtype : numpy dtype, optional
        ``float32`` gives values of 0 to 1 that were never rounded to integers; by default the
        target's own type.
    mean, std : float or sequence of float, optional
        With ``float32``: subtracted from, then divided into, each channel.
    window : (int, int, int, int), optional
        Left, top, right and bottom of the part to convert, whose left and top lie where a sample of
        chroma begins; by default all.

    Returns
    -------
    ToRGB

    Raises
    ------
    UnsupportedFormatError
        If :func:`can_convert` says no, or the frame is tagged with another matrix.
    ValueError
        If an argument is none of its choices.
    """
    source = pixel_format(frame.format.name)
    goal = pixel_format(target)
    one_of("chroma", chroma, ("nearest", "linear"))
    one_of("layout", layout, ("hwc", "chw"))
    if not can_convert(source.name, goal.name, chroma) or goal.name not in RGB_FORMATS:
        raise UnsupportedFormatError(
            f"no kernel converts {source.name} to {goal.name} with {chroma} chroma; "
            f"targets are {', '.join(sorted(RGB_FORMATS))}"
        )
    item = np.dtype(dtype if dtype is not None else goal.dtype).newbyteorder("=")
    if item not in (goal.dtype.newbyteorder("="), np.float32):
        raise ValueError(f"dtype must be {goal.dtype} or float32 for {goal.name}, got {item}")
    if item != np.float32 and (mean is not None or std is not None):
        raise ValueError("mean and std need dtype='float32'")

    result = ToRGB(source.name, goal.name, frame.width, frame.height)
    block = result._block[0]
    channels = len(goal.order)
    colours = goal.order.rstrip("A")
    left, top, right, bottom = result.window = window or (0, 0, frame.width, frame.height)
    block["target"][:channels] = result._set_array(
        bottom - top, right - left, channels, item, layout
    )
    _set_chroma(block, source, siting)
    block["linear"] = chroma == "linear"
    block["channels"], block["alpha_out"] = len(colours), goal.alpha
    block["alpha_in"] = goal.alpha and source.alpha

    only_luma = _is_grey(source) or (colours == "Y" and not source.rgb)
    block["lanes"] = 1 if only_luma else 3
    for lane in _range(1 if only_luma else 3):
        block["source"][lane] = _stored(source, lane)
    if block["alpha_in"]:
        block["source"][3] = _stored(source, -1)

    depth = source.depth
    opaque = _scale(True, depth)
    scale = _scale(source.rgb or _is_full(range, source, frame.color_range), depth)
    identity = (
        matrix is None
        and frame.colorspace == _IDENTITY
        and not (source.rgb or only_luma)
        and source.log2_chroma_w == 0 == source.log2_chroma_h
    )
    rows: tuple[tuple[float, float], ...] = ((0.0, 0.0),) * 3
    if only_luma:
        sums: tuple[_Sum, ...] = (_Sum(scale.luma, 0.0, 0.0, scale.black),) * 3
    elif identity:
        sums = tuple(
            _Sum(
                a=scale.luma * (own == 0),
                b=scale.luma * (own == 1),
                c=scale.luma * (own == 2),
                offset=scale.black,
            )
            for own in (2, 0, 1)
        )
    elif not source.rgb:
        kr_kb = _matrix(matrix, frame.colorspace)
        rows, sums = _chroma_rows(kr_kb), _sums_from_yuv(kr_kb, scale)
    elif colours == "Y":
        sums = _sums_to_yuv(_matrix(matrix), True, 16, scale.luma)[:1]
    else:
        one = scale.luma
        sums = (_Sum(one, 0.0, 0.0, 0.0), _Sum(0.0, one, 0.0, 0.0), _Sum(0.0, 0.0, one, 0.0))
    # Channels in the order of memory; grey is the first sum.
    order = [max("RGB".find(letter), 0) for letter in colours]

    if item == np.uint8 and not identity and not (source.rgb and colours == "Y"):
        narrow = _narrow(scale, rows, depth)
        block["k"], block["y_scale"], block["y_zero"] = narrow[:3]
        if block["alpha_in"]:
            block["alpha_scale"], block["alpha_bias"] = _narrow_alpha(opaque, narrow.k, depth)
        for channel, index in enumerate(order):
            block["narrow"][channel] = (index if source.rgb else 0, *narrow.rows[index])
        return result
    block["wide"] = 1
    outputs = [(channel, sums[index]) for channel, index in enumerate(order)]
    if goal.alpha:
        outputs.append((3, _Sum(opaque.luma, 0.0, 0.0, 0.0) if source.alpha else _OPAQUE))
    means, stds = _per_channel("mean", mean, 0.0, channels), _per_channel("std", std, 1.0, channels)
    for (index, row), a, b in zip(outputs, means, stds, strict=True):
        if item == np.float32:
            block["matrix"][index] = row.wide(1, 0.0, a, 1 / b)
        else:
            block["matrix"][index] = row.wide(2 ** (8 * item.itemsize) - 1, 0.5)
    return result


def plan_back(
    source: str,
    target: str,
    width: int,
    height: int,
    *,
    matrix: str | None = None,
    range: Range | None = None,
    siting: Siting = "left",
) -> FromRGB:
    """Plan the conversion of RGB or grey arrays, channels last, to frames.

    Parameters
    ----------
    source : str
        Pixel format of the array; those that :func:`plan` takes as a target. Alpha is dropped.
    target : str
        ``yuv420p``, ``yuv422p``, ``yuv444p``, their ``yuvj`` and ``10le`` forms, ``nv12``,
        ``nv16``, ``p010le`` or ``p210le``.
    width, height : int
        Size in pixels.
    matrix : {"bt601", "bt709", "bt2020", "smpte240m", "fcc"}, optional
        BT.601 by default, which is how FFmpeg reads frames without a tag.
    range : {"limited", "full"}, optional
        Limited by default, full for the ``yuvj`` formats.
    siting : {"left", "centre", "top-left"}
        Where chroma samples lie. Each is the mean of the RGB around its place: of two pixels where
        it lies between them, weighted 1:2:1 where it lies on one.

    Returns
    -------
    FromRGB

    Raises
    ------
    UnsupportedFormatError
        If :func:`can_convert` says no.
    ValueError
        If an argument is none of its choices.
    """
    start, goal = pixel_format(source), pixel_format(target)
    if start.name not in RGB_FORMATS or goal.name not in _YUV_NAMES:
        raise UnsupportedFormatError(
            f"no kernel converts {start.name} to {goal.name}; "
            f"sources are {', '.join(sorted(RGB_FORMATS))}, targets {', '.join(sorted(_YUV_NAMES))}"
        )
    result = FromRGB(start.name, goal.name, width, height)
    block = result._block[0]
    native = start.dtype.newbyteorder("=")
    array = result._set_array(height, width, len(start.order), native, "hwc")
    grey = _is_grey(start)
    block["lanes"], block["channels"] = 1 if grey else 3, 3
    block["wide"] = goal.depth > 8
    for lane, letter in enumerate("Y" if grey else "RGB"):
        plane, offset, step, size = array[start.order.index(letter)][:4]
        block["source"][lane] = _read_from(plane, offset, step, size, left=16 - start.depth)
    for channel in (0, 1, 2):
        block["target"][channel] = _stored(goal, channel, target=True)
    _set_chroma(block, goal, siting)
    unit, full = _scale(True, start.depth).luma, _is_full(range, goal)
    for channel, row in enumerate(_sums_to_yuv(_matrix(matrix), full, goal.depth, unit)):
        if grey:  # red, green and blue are one lane
            row = _Sum(row.a + row.b + row.c if channel == 0 else 0.0, 0.0, 0.0, row.offset)
        if goal.depth == 8:
            block["back"][channel] = row.back()
        else:
            block["matrix"][channel] = row.wide(2**goal.depth - 1, 0.5)
    return result


def _per_channel(
    name: str, value: float | Sequence[float] | None, default: float, count: int
) -> list[float]:
    values = np.asarray(default if value is None else value, dtype=np.float64)
    if values.shape not in ((), (count,)) or not np.isfinite(values).all():
        raise ValueError(f"{name} must be one number or {count}, one per channel, got {value!r}")
    with np.errstate(divide="ignore", over="ignore"):
        if name == "std" and not np.isfinite(1 / values).all():
            raise ValueError(f"std must not be zero, or as good as zero, got {value!r}")
    return [float(x) for x in np.broadcast_to(values, (count,))]

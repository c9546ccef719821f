"""Resampling of frames: the weights of Pillow's filters, and plans that convert and resize at once.

A filter is a function of the distance from a result's centre, in units of the scale, as long as
that is 1 or more: shrinking widens it, so that every sample counts (antialiasing). Result ``i`` of
``count`` between the edges ``start`` and ``stop`` has

    scale = (stop - start) / count     centre = start + (i + 0.5) * scale
    reach = support * max(scale, 1)    taps: int(centre - reach + 0.5) to int(centre + reach + 0.5)

with taps outside of the picture left out and the others' weights divided by their sum. The order of
these operations in float64, and the rounding of weights to multiples of 2**-22, are those of Pillow
(``precompute_coeffs`` and ``normalize_coeffs_8bpc`` in its ``Resample.c``), and so is the order of
the passes since Pillow 13 (``ImagingResampleInner``): results are the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._kernels import resample as kernels
from .._kernels._resample_plan import AXIS, BITS_8, BITS_16, PLAN
from . import colour
from .geometry import Geometry

__all__ = ["FILTERS", "Resampler", "Taps", "taps"]

Floats = NDArray[np.float64]
_Table = NDArray[Any]


def _box(x: Floats) -> Floats:
    return ((x > -0.5) & (x <= 0.5)).astype(np.float64)


def _bilinear(x: Floats) -> Floats:
    return np.maximum(1.0 - np.abs(x), 0.0)


def _bicubic(x: Floats) -> Floats:
    """Keys' cubic with a = -1/2."""
    a, x = -0.5, np.abs(x)
    near = ((a + 2.0) * x - (a + 3.0)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))


def _sinc(x: Floats) -> Floats:
    x = x * np.pi
    return np.where(x == 0.0, 1.0, np.sin(x) / np.where(x == 0.0, 1.0, x))


def _lanczos(x: Floats) -> Floats:
    return np.where((x >= -3.0) & (x < 3.0), _sinc(x) * _sinc(x / 3), 0.0)


FILTERS: Final[dict[str, tuple[Callable[[Floats], Floats] | None, float]]] = {
    "bilinear": (_bilinear, 1.0),
    "bicubic": (_bicubic, 2.0),
    "lanczos": (_lanczos, 3.0),
    "box": (_box, 0.5),
    "nearest": (None, 0.0),
}
"""Filters and their support, by name, as in ``INTERPOLATIONS``.

``"nearest"`` takes single samples: no antialiasing.
"""


class Taps(NamedTuple):
    """What every result along an axis is the weighted sum of.

    Attributes
    ----------
    begin : (n,) int64
        The first sample of each; grows from result to result.
    number : (n,) int64
        How many samples each takes.
    weights : (n, most) float64
        Their weights, 0 beyond the number.
    """

    begin: NDArray[np.int64]
    number: NDArray[np.int64]
    weights: Floats

    def part(self, first: int, count: int) -> Taps:
        """Those of some of the results."""
        some = slice(first, first + count)
        return Taps(self.begin[some], self.number[some], self.weights[some])


@lru_cache(maxsize=64)
def taps(size: int, count: int, start: float, stop: float, filter: str) -> Taps:
    """Compute weights along an axis.

    Parameters
    ----------
    size : int
        Samples of the source.
    count : int
        Results.
    start, stop : float
        Edges of the part that is resized, in samples from the source's first edge.
    filter : str
        A key of :data:`FILTERS`.

    Returns
    -------
    Taps
        Shared, not to be written to.
    """
    function, support = FILTERS[filter]
    # Edges are floats of 32 bits, as in Pillow.
    edge = np.float32(start)
    start, scale = float(edge), float(np.float32(stop) - edge) / count
    if function is None:
        # Places are added up, as in Pillow's ImagingScaleAffine.
        places = np.full(count, scale)
        places[0] = start + scale * 0.5
        begin = np.minimum(np.add.accumulate(places).astype(np.int64), size - 1)
        return Taps(begin, np.ones(count, np.int64), np.ones((count, 1)))
    stretch = max(scale, 1.0)
    reach = support * stretch
    centre = start + (np.arange(count) + 0.5) * scale
    # Conversion to integers truncates, as in C.
    begin = np.maximum((centre - reach + 0.5).astype(np.int64), 0)
    number = np.minimum((centre + reach + 0.5).astype(np.int64), size) - begin
    most = int(number.max())
    places = np.arange(most) + begin[:, np.newaxis]
    weights = function((places - centre[:, np.newaxis] + 0.5) * (1.0 / stretch))
    weights[np.arange(most) >= number[:, np.newaxis]] = 0.0
    total = np.zeros(count)
    for column in weights.T:  # in this order; np.sum has another
        total += column
    weights /= np.where(total == 0.0, 1.0, total)[:, np.newaxis]
    return Taps(begin, number, weights)


class _Axis:
    """An ``AXIS`` record and the tables that it has the addresses of."""

    def __init__(self, given: Taps, bits: int) -> None:
        begin, number, weights = given
        count = len(begin)
        # Chroma's samples, of up to four columns or rows, begin at multiples of four.
        first = int(begin[0]) // 4 * 4
        last = int((begin + number).max())
        offset = begin - first
        groups = (offset % 4 + number + 3) // 4
        most = int(groups.max())
        padded = np.zeros((count, 4 * most), np.int64)
        rounded = np.trunc(weights * 2.0**bits + np.copysign(0.5, weights)).astype(np.int64)
        rows, taken = np.nonzero(np.arange(weights.shape[1]) < number[:, np.newaxis])
        padded[rows, offset[rows] % 4 + taken] = rounded[rows, taken]
        table = padded.reshape(count, most, 4)
        low, middle = _digit(table), _digit((table + 128) >> 8)
        digits = np.stack([low, middle, (table - low - 256 * middle) >> 16], axis=2)
        # Even and odd samples of a group, times low and high bits.
        pairs = np.stack([table & 0x7FFF, table >> 15], axis=2)[..., [0, 2, 1, 3]]
        self.tables: dict[str, _Table] = {
            "begin": (offset // 4).astype(np.int32),
            "number": groups.astype(np.int32),
            "weights": table.astype(np.int32),
            "pairs": np.ascontiguousarray(pairs.astype(np.int16)),
            "digits": np.ascontiguousarray(digits.astype(np.int8)),
        }
        addresses = {name: table.ctypes.data for name, table in self.tables.items()}
        fields = {"count": count, "first": first, "last": last, "groups": most, **addresses}
        self.record = tuple(fields[name] for name in AXIS.names or ())


def _digit(value: NDArray[np.int64]) -> NDArray[np.int64]:
    """The lowest digit to the base of 256, from -128 to 127."""
    return (value + 128) % 256 - 128


class Resampler:
    """Frames of one format and size to RGB or grey of another size.

    Parameters
    ----------
    conversion : colour.ToRGB
        A plan for the source's frames, planes first and to integers.
    geometry : Geometry
        What becomes of them.
    filter : str
        A key of :data:`FILTERS`.
    alpha : bool
        Weigh colours by alpha, as Pillow does; of 8 bits.

    Notes
    -----
    Not thread-safe: strips of the frame pass through memory that is made here, once.
    """

    def __init__(
        self, conversion: colour.ToRGB, geometry: Geometry, filter: str, *, alpha: bool = False
    ) -> None:
        size = conversion.dtype.itemsize
        alpha = alpha and size == 1 and filter != "nearest" and not geometry.is_whole
        top, left, bottom, right = geometry.box
        height, width = geometry.size
        window = geometry.window
        x = taps(geometry.width, width, left, right, filter)
        y = taps(geometry.height, height, top, bottom, filter)
        axes = [x.part(window.left, window.width), y.part(window.top, window.height)]
        # Pillow takes the columns first where that leaves less to do.
        shrunk = geometry.height - height
        turned = size == 1 and filter != "nearest" and shrunk > max(0, 2 * (geometry.width - width))
        bits = BITS_8 if size == 1 else BITS_16
        self._axes = [_Axis(given, bits) for given in (reversed(axes) if turned else axes)]
        self._conversion = conversion
        channels = conversion.shape[0]
        self._block = np.zeros(1, PLAN)
        self._block[0] = (*(axis.record for axis in self._axes), channels, size, alpha, turned)
        self.address: int = self._block.ctypes.data
        # The kernels want it aligned; malloc does that by 16 bytes.
        self._scratch = np.empty(kernels.scratch_bytes(self.address), np.uint8)

    def write(self, planes: tuple[int, ...], address: int, pitch: int) -> None:
        """Convert and resize a frame into memory.

        Parameters
        ----------
        planes : tuple of int
            Address and signed pitch in bytes of each plane of the source, in one flat tuple.
        address, pitch : int
            Where the first row of the result is written, interleaved, and the signed distance from
            row to row in bytes.
        """
        kernels.resample(
            self.address,
            self._conversion.address,
            planes,
            address,
            pitch,
            self._scratch.ctypes.data,
            _LEVEL,
            colour.LEVEL,
        )


_LEVEL: Final = max(kernels.levels())

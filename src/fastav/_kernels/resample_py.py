"""Resampling of frames in NumPy integers: the specification of ``resample_c``.

``resample.h`` describes the arithmetic. The plan is a ``PLAN`` record, made in
``fastav.pixels.resample``.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from . import colour_py
from ._memory import array_at
from ._resample_plan import BETWEEN_16, BITS_8, BITS_16, PLAN

__all__ = ["levels", "resample", "scratch_bytes"]

Samples: TypeAlias = Any  # int64 arrays, a type that NumPy's stubs lose in arithmetic


def levels() -> dict[int, str]:
    """Names of the instruction sets that this machine can run, by number; the last is the best."""
    return {0: "python"}


def scratch_bytes(plan: int) -> int:
    """Bytes of memory that resampling needs besides."""
    return 0


def _record(plan: int) -> Any:
    return array_at(plan, "|u1", (PLAN.itemsize,)).view(PLAN)[0]


def _table(address: int, shape: tuple[int, ...]) -> Any:
    """A C-contiguous table of int32."""
    return array_at(int(address), "=i4", shape)


def _pass(axis: Any, picture: Samples, shift: int) -> Samples:
    """Weighted sums along the last axis, which comes to stand before the other."""
    count = int(axis["count"])
    begin, number = (_table(axis[name], (count,)).tolist() for name in ("begin", "number"))
    weights = _table(axis["weights"], (count, int(axis["groups"]), 4)).astype(np.int64)
    room = -picture.shape[-1] % 4
    picture = np.pad(picture, ((0, 0), (0, 0), (0, room)))
    sums = [
        picture[..., 4 * begin[i] : 4 * (begin[i] + number[i])] @ weights[i, : number[i]].ravel()
        for i in range(count)
    ]
    return (np.stack(sums, axis=1) + (1 << (shift - 1))) >> shift


def _multiply(samples: Samples, alpha: Samples) -> Samples:
    product = samples * alpha + 128
    return (product + (product >> 8)) >> 8


def _divide(samples: Samples, alpha: Samples) -> Samples:
    return np.where(alpha == 0, samples, np.minimum(255 * samples // np.maximum(alpha, 1), 255))


def resample(
    plan: int,
    colour: int,
    source: tuple[int, ...],
    target: int,
    pitch: int,
    scratch: int,
    level: int,
    colour_level: int,
) -> None:
    """Convert a frame to RGB or grey of another size.

    Parameters
    ----------
    plan : int
        Address of a ``PLAN`` record.
    colour : int
        Address of colour's ``PLAN`` record, whose target is one plane of the plan's samples for
        each of its channels.
    source : tuple of int
        Address and signed pitch in bytes of each plane, in one flat tuple.
    target, pitch : int
        Address of the result's first row, interleaved, and its signed pitch in bytes.
    scratch : int
        Address of :func:`scratch_bytes` bytes, aligned to 16.
    level, colour_level : int
        Keys of this module's ``levels()`` and of colour's.
    """
    p = _record(plan)
    first, second = p["first"], p["second"]
    x, y = (second, first) if p["turned"] else (first, second)
    channels, size = int(p["channels"]), int(p["size"])
    window = int(x["first"]), int(y["first"]), int(x["last"]), int(y["last"])
    planes = np.empty((channels, window[3] - window[1], window[2] - window[0]), f"=u{size}")
    places = tuple(n for plane in planes for n in (plane.ctypes.data, plane.strides[0]))
    colour_py.to_rgb(colour, window, source, places, colour_level)
    picture: Samples = planes.astype(np.int64)
    if p["alpha"]:
        picture[:3] = _multiply(picture[:3], picture[3])
    if p["turned"]:
        picture = picture.swapaxes(1, 2)
    if size == 1:
        picture = np.clip(_pass(first, picture, BITS_8), 0, 0xFF)
        picture = np.clip(_pass(second, picture, BITS_8), 0, 0xFF)
    else:
        picture = _pass(first, picture, BITS_16 - BETWEEN_16)
        picture = np.clip(_pass(second, picture, BITS_16 + BETWEEN_16), 0, 0xFFFF)
    if p["turned"]:
        picture = picture.swapaxes(1, 2)
    if p["alpha"]:
        picture[:3] = _divide(picture[:3], picture[3])
    shape, strides = (*picture.shape[1:], channels), (pitch, channels * size, size)
    array_at(target, f"=u{size}", shape, strides)[...] = np.moveaxis(picture, 0, -1)

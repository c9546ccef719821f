"""A plot of frame sizes over time, drawn by NumPy alone."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .drawing import Colour, fill, text_size, write_text
from .reading.index import FrameIndex

__all__ = ["plot_frame_sizes"]

_PAPER: Final[Colour] = (255, 255, 255)
_INK: Final[Colour] = (60, 60, 60)
_GRID: Final[Colour] = (226, 226, 226)
_OTHERS: Final[Colour] = (104, 150, 200)
_KEYS: Final[Colour] = (208, 74, 60)

_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 24, 44, 48
_SCALE: Final = 2


def plot_frame_sizes(index: FrameIndex, width: int = 1280, height: int = 480) -> NDArray[np.uint8]:
    """Draw how large each frame's packet is, over the time when it is shown; key frames in red.

    Where frames lie closer than pixels, each column of pixels has its largest frame, and its
    largest key frame in front of it.

    Parameters
    ----------
    index : FrameIndex
    width, height : int
        Of the picture, in pixels.

    Returns
    -------
    ndarray of shape (height, width, 3) and dtype uint8
        RGB.

    Raises
    ------
    ValueError
        The video has no frames, or the picture no room for them.
    """
    if not len(index):
        raise ValueError("the video has no frames to plot")
    if width < 320 or height < 160:
        raise ValueError(f"a plot is at least 320x160, got {width}x{height}")
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = _PAPER
    sizes = index.packets["size"][index.carriers].astype(np.int64)
    begin, end = float(index.pts[0] * index.time_base), float(index.end * index.time_base)
    across, up = width - _LEFT - _RIGHT, height - _TOP - _BOTTOM
    floor = height - _BOTTOM
    unit, name = _unit(int(sizes.max()))
    step = _tick(float(sizes.max()) / unit, 5)
    most = step * math.ceil(float(sizes.max()) / unit / step) * unit or 1.0
    seconds = _tick(end - begin, max(across // 120, 2))

    for value in _ticks(0, most / unit, step):
        level = floor - round(value * unit / most * up)
        fill(picture, level, _LEFT, 1, across, _GRID)
        label = _number(value, step)
        tall, wide = text_size(label, _SCALE)
        write_text(picture, label, level - tall // 2, _LEFT - 10 - wide, _INK, _SCALE)
    for value in _ticks(begin, end, seconds):
        at = _LEFT + round((value - begin) / (end - begin) * across)
        fill(picture, floor, at, 6, 2, _INK)
        label = _number(value, seconds)
        left = min(at - text_size(label, _SCALE)[1] // 2, width - text_size(label, _SCALE)[1] - 4)
        write_text(picture, label, floor + 10, left, _INK, _SCALE)
    write_text(picture, name, _TOP - 26, 8, _INK, _SCALE)
    wide = text_size("seconds", _SCALE)[1]
    write_text(picture, "seconds", height - 18, width - _RIGHT - wide, _INK, _SCALE)

    edges = np.round((index.timestamps - begin) / (end - begin) * across).astype(np.int64)
    ends = np.maximum(np.append(edges[1:], across), edges + 1)
    tops = np.round(sizes / most * up).astype(np.int64)
    for keys, colour in ((False, _OTHERS), (True, _KEYS)):
        columns = _largest(edges, ends, tops, index.keys == keys, across)
        for column in np.flatnonzero(columns).tolist():
            tall = int(columns[column])
            fill(picture, floor - tall, _LEFT + column, tall, 1, colour)
    fill(picture, floor, _LEFT, 1, across, _INK)
    _legend(picture, index, sizes, end - begin)
    return picture


def _largest(
    edges: NDArray[np.int64],
    ends: NDArray[np.int64],
    tops: NDArray[np.int64],
    chosen: NDArray[np.bool_],
    across: int,
) -> NDArray[np.int64]:
    """Of each column the top of the tallest of the chosen bars, which keep apart where they can."""
    columns = np.zeros(across + 1, np.int64)
    for edge, end, top in zip(edges[chosen], ends[chosen], tops[chosen], strict=True):
        end = end - 1 if end - edge > 3 else end
        np.maximum(columns[edge:end], max(top, 1), out=columns[edge:end])
    return columns[:across]


def _legend(
    picture: NDArray[np.uint8], index: FrameIndex, sizes: NDArray[np.int64], seconds: float
) -> None:
    """Say above the plot what there is, from the right to the left."""
    keys = int(index.keys.sum())
    unit, name = _unit(int(sizes.sum()))
    rate = float(sizes.sum()) * 8 / seconds / 1e6
    texts: list[tuple[str, Colour]] = [
        (f"{sizes.sum() / unit:.3g} {name}, {rate:.2f} Mbit/s", _INK),
        (f"{keys} key frame{'s' * (keys != 1)}", _KEYS),
    ]
    if others := len(index) - keys:
        texts.append((f"{others} other{'s' * (others != 1)}", _OTHERS))
    right = picture.shape[1] - _RIGHT
    for text, colour in texts:
        right -= text_size(text, _SCALE)[1]
        if right < _LEFT + 30:
            break  # no room left
        write_text(picture, text, 12, right, colour, _SCALE)
        if colour is not _INK:
            right -= 20
            fill(picture, 13, right, 12, 12, colour)
        right -= 28


def _unit(largest: int) -> tuple[int, str]:
    """Bytes of the unit to count in, and its name."""
    if largest >= 1_000_000:
        return 1_000_000, "MB"
    return (1000, "kB") if largest >= 1000 else (1, "bytes")


def _tick(span: float, most: int) -> float:
    """The smallest of 1, 2 and 5 times a power of ten of which a span has not more than `most`."""
    rough = max(span, 1e-9) / most
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))


def _ticks(start: float, stop: float, step: float) -> list[float]:
    """Multiples of a step within a span, both ends included."""
    first, last = math.ceil(start / step - 1e-6), math.floor(stop / step + 1e-6)
    return [float(number * Fraction(step).limit_denominator(10**9)) for number in
            range(first, last + 1)]  # fmt: skip


def _number(value: float, step: float) -> str:
    return f"{value:.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"

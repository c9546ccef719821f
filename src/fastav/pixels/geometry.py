"""Which part of a picture is read, and at what size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from . import arguments

__all__ = ["INTERPOLATIONS", "Geometry", "Pair", "SizeOptions"]

Pair = int | Sequence[int]
"""A height and a width, or one number."""

INTERPOLATIONS: Final = ("bilinear", "bicubic", "lanczos", "box", "nearest")
"""Filters that resize, see ``resample.FILTERS``."""


class _Window(NamedTuple):
    top: int
    left: int
    height: int
    width: int


def _numbers(name: str, value: object, least: tuple[int, ...], what: str) -> tuple[int, ...]:
    """Integers of at least these values."""
    try:
        numbers = tuple(arguments.integer(name, number) for number in value)  # type: ignore[attr-defined]
    except TypeError:
        numbers = ()
    if len(numbers) != len(least):
        raise TypeError(f"{name} must be {what}, got {value!r}")
    if any(number < low for number, low in zip(numbers, least, strict=True)):
        raise ValueError(f"{name} must be {what}, of no negative places or empty sizes: {value!r}")
    return numbers


def _pair(name: str, value: Pair) -> tuple[int, int]:
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        value = (value, value)
    height, width = _numbers(name, value, (1, 1), "an int or (height, width)")
    return height, width


class SizeOptions:
    """The part of ``ConversionOptions`` that tells which part of a picture is wanted, how large."""

    __slots__ = ()

    size: Pair | None
    max_size: int | None
    crop: Sequence[int] | None
    center_crop: Pair | None

    def _check_sizes(self) -> None:
        if self.size is not None:
            _pair("size", self.size)
        if self.crop is not None:
            _numbers("crop", self.crop, (0, 0, 1, 1), "(top, left, height, width)")
        if self.center_crop is not None:
            _pair("center_crop", self.center_crop)
        if self.max_size is not None:
            if not isinstance(self.size, (int, np.integer)):
                raise ValueError(
                    f"max_size limits the longer edge where size is one int, got size={self.size!r}"
                )
            if arguments.size("max_size", self.max_size) <= self.size:
                raise ValueError(
                    f"max_size must be more than size, which is {self.size}, got {self.max_size}"
                )

    @property
    def resizes_or_crops(self) -> bool:
        """Whether pictures are anything but whole and of their own size."""
        return any(part is not None for part in (self.size, self.crop, self.center_crop))

    def _resized(self, height: int, width: int) -> tuple[int, int]:
        if self.size is None:
            return height, width
        if not isinstance(self.size, (int, np.integer)):
            return _pair("size", self.size)
        # As torchvision computes it, truncation included.
        short, long = int(self.size), int(self.size * max(height, width) / min(height, width))
        if self.max_size is not None and long > self.max_size:
            short, long = max(int(self.max_size * short / long), 1), int(self.max_size)
        return (long, short) if height > width else (short, long)

    def geometry(self, height: int, width: int) -> Geometry:
        """What becomes of a picture of this size.

        Raises
        ------
        ValueError
            A crop does not lie within the picture; tells the picture's size.
        """
        crop = _Window(0, 0, height, width)
        if self.crop is not None:
            crop = _Window(*_numbers("crop", self.crop, (0, 0, 1, 1), ""))
            if crop.top + crop.height > height or crop.left + crop.width > width:
                raise ValueError(
                    "crop=(top, left, height, width) must lie within the frame, which is "
                    f"{height} high and {width} wide, got {tuple(crop)}"
                )
        resized = self._resized(crop.height, crop.width)
        window = _Window(0, 0, *resized)
        if self.center_crop is not None:
            size = _pair("center_crop", self.center_crop)
            if size[0] > resized[0] or size[1] > resized[1]:
                raise ValueError(
                    f"center_crop={self.center_crop!r} must not exceed the picture, which is "
                    f"{resized[0]} high and {resized[1]} wide; the frame's own size is "
                    f"{height} x {width}"
                )
            # As torchvision computes it: half to even.
            top, left = (round((have - want) / 2) for have, want in zip(resized, size, strict=True))
            window = _Window(top, left, *size)
        bottom, right = crop.top + crop.height, crop.left + crop.width
        return Geometry(
            height, width, (crop.top, crop.left, bottom, right), resized, window, self.size is None
        )


class Geometry(NamedTuple):
    """What becomes of a picture.

    Attributes
    ----------
    height, width : int
        Of the picture.
    box : (float, float, float, float)
        Top, left, bottom and right edge of the part that is resized.
    size : (int, int)
        Height and width that it is resized to.
    window : (int, int, int, int)
        Top, left, height and width of the part of that which is the result.
    is_cut : bool
        Nothing is resized.
    """

    height: int
    width: int
    box: tuple[float, float, float, float]
    size: tuple[int, int]
    window: _Window
    is_cut: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the result."""
        return self.window.height, self.window.width

    @property
    def part(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom edge of what is cut, where nothing is resized."""
        left, top = int(self.box[1]) + self.window.left, int(self.box[0]) + self.window.top
        return left, top, left + self.window.width, top + self.window.height

    @property
    def is_whole(self) -> bool:
        """Whether the picture keeps its size, all of it."""
        return (self.box, self.size) == (
            (0, 0, self.height, self.width),
            (self.height, self.width),
        )

    def of(self, height: int, width: int) -> Geometry:
        """The same as if a picture of another size had been scaled to this one's before."""
        if (height, width) == (self.height, self.width):
            return self
        down, across = height / self.height, width / self.width
        top, left, bottom, right = self.box
        box: Any = (top * down, left * across, bottom * down, right * across)
        return self._replace(height=height, width=width, box=box, is_cut=False)

"""Turning pictures upright, as a container's display matrix asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from .._kernels._memory import array_at
from ..errors import UnsupportedFormatError
from ..pixels.convert import ConversionOptions, FrameConverter, Output
from ..pyav import side_data

__all__ = ["Orientation", "UprightConverter"]


@dataclass(frozen=True, slots=True)
class Orientation:
    """One of the eight ways to lay down a picture: transposed first, then mirrored.

    Attributes
    ----------
    transpose, flip_rows, flip_columns : bool
    """

    transpose: bool = False
    flip_rows: bool = False
    flip_columns: bool = False

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Orientation:
        """Read a frame's display matrix; angles between the right ones count as the nearest.

        A pixel at column p and row q is shown at column ``a p + c q`` and row ``b p + d q``, where
        a, b are the matrix's first two numbers and c, d its fourth and fifth
        (libavutil/display.h; ISO/IEC 14496-12, 6.2.2).
        """
        data = side_data(frame).get("DISPLAYMATRIX")
        if data is None:
            return cls()
        a, b, _, c, d = np.frombuffer(data, np.int32)[:5].tolist()
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(True, b < 0, c < 0)
        return cls(False, d < 0, a < 0)

    def turn(self, picture: NDArray[Any], rows: int) -> NDArray[Any]:
        """Return a view of `picture`, whose rows and columns are axes `rows` and ``rows + 1``."""
        if self.transpose:
            picture = picture.swapaxes(rows, rows + 1)
        if self.flip_rows:
            picture = np.flip(picture, rows)
        return np.flip(picture, rows + 1) if self.flip_columns else picture


class UprightConverter(FrameConverter):
    """A converter whose pictures are turned as the first frame's display matrix asks.

    Turning copies every picture once more.
    """

    def __init__(self, options: ConversionOptions) -> None:
        super().__init__(options)
        self._orientation = Orientation()
        self._pictures: list[tuple[NDArray[Any], int]] = []

    def prepare(self, frame: av.VideoFrame) -> tuple[Output, ...]:
        """As for other converters; `frame` must be a decoded one."""
        self._orientation = Orientation.of(frame)
        self.turns: bool = self._orientation != Orientation()
        flat = super().prepare(frame)
        if not self.turns:
            return flat
        self._pictures = [
            (np.empty(output.shape, output.dtype), self._rows(output, frame)) for output in flat
        ]
        self.outputs: tuple[Output, ...] = tuple(
            Output(self._orientation.turn(picture, rows).shape, picture.dtype)
            for picture, rows in self._pictures
        )
        return self.outputs

    def _rows(self, output: Output, frame: av.VideoFrame) -> int:
        """The axis of the rows."""
        if self._options.planes or output.shape[:2] == (frame.height, frame.width):
            return 0
        if output.shape[1:] == (frame.height, frame.width):
            return 1
        raise UnsupportedFormatError(
            f"pictures of shape {output.shape} cannot be turned; ask for format='rgb24', for "
            "planes=True, or leave out rotate=True"
        )

    def write(self, frame: av.VideoFrame, *addresses: int) -> None:
        """As for other converters."""
        if not self.turns:
            super().write(frame, *addresses)
            return
        super().write(frame, *[picture.ctypes.data for picture, _ in self._pictures])
        for (picture, rows), output, address in zip(
            self._pictures, self.outputs, addresses, strict=True
        ):
            upright = array_at(address, output.dtype.str, output.shape)
            upright[...] = self._orientation.turn(picture, rows)

"""What frames are read into: fresh arrays that grow, or the caller's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..pixels.arguments import check_out
from ..pixels.convert import Output

__all__ = ["GivenArray", "GrowingArray", "given_arrays"]

# NumPy fills what `resize` adds with zeros, so growing touches memory: at most this much too much.
_GROWTH: Final = 32 << 20


class GrowingArray:
    """A fresh array that grows along its first axis, in place where the system can remap memory."""

    shared = False

    def __init__(self, output: Output, expected: int) -> None:
        self._output = output
        self.stride = output.nbytes
        # Pages that are never written cost nothing, so a header that promises too many frames does
        # no harm, unless it promises more than the system will even reserve.
        while True:
            try:
                self._array = np.empty((expected, *output.shape), output.dtype)
                break
            except (MemoryError, ValueError):
                if expected == 1:
                    raise
                expected = max(expected // 16, 1)
        self.capacity = expected
        self.address = self._array.ctypes.data

    def grow(self) -> None:
        self.capacity += max(1, min(self.capacity, _GROWTH // max(self.stride, 1)))
        self._array.resize((self.capacity, *self._output.shape), refcheck=False)
        self.address = self._array.ctypes.data

    def settle(self, number: int) -> None:
        pass

    def finish(self, count: int) -> NDArray[Any]:
        if count != self.capacity:
            self._array.resize((count, *self._output.shape), refcheck=False)
        return self._array


class GivenArray:
    """The caller's array: row ``n`` begins at ``address + n * stride``, ``settle(n)`` finishes it.

    Raises
    ------
    ValueError, TypeError
        If the array does not fit frames like `output`.
    """

    def __init__(self, output: Output, out: NDArray[Any]) -> None:
        check_out(out, output.shape, output.dtype, many=True)
        self._array = out
        self.capacity = len(out)
        # Frames that are not contiguous in `out` pass through one that is.
        self._frame = None
        if self.capacity and not out[0].flags.c_contiguous:
            self._frame = np.empty(output.shape, output.dtype)
        self.address = out.ctypes.data if self._frame is None else self._frame.ctypes.data
        self.stride = out.strides[0] if self._frame is None else 0
        self.shared = abs(self.stride) < output.nbytes  # frames are converted to the same place

    def grow(self) -> None:
        raise ValueError(
            f"out has room for {self.capacity} frames and the video has more; "
            "pass a longer array or read fewer frames"
        )

    def settle(self, number: int) -> None:
        if self._frame is not None:
            self._array[number] = self._frame

    def finish(self, count: int) -> NDArray[Any]:
        return self._array[:count]


def given_arrays(
    outputs: tuple[Output, ...], out: NDArray[Any] | Sequence[NDArray[Any]]
) -> list[GivenArray]:
    """Return the caller's arrays as destinations of a frame's outputs.

    Raises
    ------
    ValueError, TypeError
        If there are not as many arrays as outputs, or one does not fit.
    """
    arrays: list[Any] = list(out) if isinstance(out, (list, tuple)) else [out]
    if len(arrays) != len(outputs):
        raise ValueError(f"out must be {len(outputs)} arrays, one per plane, got {len(arrays)}")
    return [GivenArray(output, array) for output, array in zip(outputs, arrays, strict=True)]

"""What frames are read into: fresh arrays that grow, or the caller's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..pixels.arguments import check_out
from ..pixels.convert import Output
from .memory import available_memory, too_large

__all__ = ["GivenArray", "GrowingArray", "PartOfFrames", "given_arrays"]

# NumPy fills what `resize` adds with zeros, so growing touches memory: at most this much too much.
_GROWTH: Final = 32 << 20


class GrowingArray:
    """A fresh array that grows along its first axis, in place where the system can remap memory."""

    shared = False

    def __init__(self, output: Output, expected: int) -> None:
        self._output = output
        self.stride: int = output.nbytes
        # Pages that are never written cost nothing, so a header that promises too many frames does
        # no harm, unless it promises more than the system will even reserve.
        while True:
            try:
                self._array = np.empty((expected, *output.shape), output.dtype)
                break
            except (MemoryError, ValueError):
                if expected == 1:
                    raise too_large(self.stride, 1) from None
                expected = max(expected // 16, 1)
        self.capacity: int = expected
        self.address: int = self._array.ctypes.data

    def grow(self) -> None:
        more = max(1, min(self.capacity, _GROWTH // max(self.stride, 1)))
        size, available = (self.capacity + more) * self.stride, available_memory()
        if available is not None and more * self.stride > available:
            raise too_large(size, self.capacity + more, available)
        try:
            self._array.resize((self.capacity + more, *self._output.shape), refcheck=False)
        except MemoryError:
            raise too_large(size, self.capacity + more) from None
        self.capacity += more
        self.address = self._array.ctypes.data

    def settle(self, number: int) -> None:
        pass

    def finish(self, count: int) -> NDArray[Any]:
        if count != self.capacity:
            self._array.resize((count, *self._output.shape), refcheck=False)
        return self._array


class GivenArray:
    """The caller's array: row ``n`` begins at ``address + n * stride``, ``settle(n)`` finishes it.

    Attributes
    ----------
    array : ndarray
        Of the caller's memory.

    Raises
    ------
    ValueError, TypeError
        If the array does not fit frames like `output`.
    """

    def __init__(self, output: Output, given: object) -> None:
        out = _shared_array(given)
        check_out(out, output.shape, output.dtype, many=True)
        self.array = out
        self.capacity: int = len(out)
        # Frames that are not contiguous in `out`, or lie at addresses that are no multiple of an
        # element's size, pass through one of which both is true.
        self._frame = None
        if self.capacity and not (out[0].flags.c_contiguous and out.flags.aligned):
            self._frame = np.empty(output.shape, output.dtype)
        self.address: int = out.ctypes.data if self._frame is None else self._frame.ctypes.data
        self.stride: int = out.strides[0] if self._frame is None else 0
        self.shared: bool = (
            abs(self.stride) < output.nbytes
        )  # frames are converted to the same place

    def grow(self) -> None:
        raise ValueError(
            f"out has room for {self.capacity} frames and the video has more; "
            "pass a longer array or read fewer frames"
        )

    def settle(self, number: int) -> None:
        if self._frame is not None:
            self.array[number] = self._frame

    def finish(self, count: int) -> NDArray[Any]:
        return self.array[:count]


class PartOfFrames:
    """As :class:`GivenArray`, for a part of every frame: whole ones pass through an own array.

    Parameters
    ----------
    output : Output
        What whole frames are like.
    array : ndarray
        The caller's; it takes one part of a frame per entry of its first axis.
    within : tuple of int, slice or ...
        Which part, as a key of a frame's array.
    """

    stride = 0

    def __init__(self, output: Output, array: NDArray[Any], within: tuple[Any, ...]) -> None:
        self._array = array
        self._frame = np.empty(output.shape, output.dtype)
        # With the ellipsis a view, also of a single element.
        self._part = self._frame[within if ... in within else (*within, ...)]
        self.address: int = self._frame.ctypes.data

    def settle(self, number: int) -> None:
        self._array[number] = self._part


def given_arrays(
    outputs: Sequence[Output], out: object, *, count: int | None = None
) -> list[GivenArray]:
    """Bring the caller's ``out=`` into the form of one array per output.

    Parameters
    ----------
    outputs : sequence of Output
    out : array, or sequence of arrays
        One per output.
    count : int, optional
        Frames that there must be room for.

    Raises
    ------
    ValueError, TypeError
        There are more or fewer of them, or one does not fit.
    """
    arrays = list(out) if isinstance(out, (list, tuple)) else [out]
    if len(arrays) != len(outputs):
        raise ValueError(
            f"out must be {len(outputs)} arrays, one per plane, got {len(arrays)}"
            if len(outputs) > 1
            else f"out must be one array, got {len(arrays)}"
        )
    given = [GivenArray(output, array) for output, array in zip(outputs, arrays, strict=True)]
    for array in given:
        if count is not None and array.capacity < count:
            raise ValueError(f"out has room for {array.capacity} frames, {count} were asked for")
    return given


def _shared_array(out: object) -> NDArray[Any]:
    """An array of the very memory that `out` is: a tensor's, a buffer's.

    Raises
    ------
    TypeError
        NumPy can only copy what is in it.
    """
    if isinstance(out, np.ndarray):
        return out
    array: NDArray[Any] | None = None
    try:
        if hasattr(out, "__array__") or hasattr(out, "__array_interface__"):
            array, again = np.asarray(out), np.asarray(out)
            if array.ctypes.data != again.ctypes.data:  # two copies, side by side
                array = None
        else:
            array = np.asarray(memoryview(out))  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        reason = f": {error}" if hasattr(out, "__array__") else ""
        raise TypeError(
            "out must be a NumPy array or something that shares its memory with NumPy (a torch "
            f"tensor on the CPU, say), got {type(out).__name__}{reason}"
        ) from None
    if array is None:
        raise TypeError(
            "out must be a NumPy array or something that shares its memory with NumPy, and "
            f"{type(out).__name__} gives copies"
        )
    return array

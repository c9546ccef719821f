"""Many frames into one array, whose length is known only at the end.

Large frames are converted by threads of their own while the next ones are decoded.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, Self

import av
import numpy as np
from numpy.typing import NDArray

from ..errors import DecodeError, FrameChangedError
from ..pixels.convert import FrameConverter, Output

if TYPE_CHECKING:
    from queue import SimpleQueue

__all__ = ["Bulk", "GivenArray"]

# NumPy fills what `resize` adds with zeros, so growing touches memory: at most this much too much.
_GROWTH: Final = 32 << 20


class _Growing:
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

    def __init__(self, output: Output, out: object) -> None:
        if not isinstance(out, np.ndarray):
            raise TypeError(f"out must be a NumPy array, got {type(out).__name__}")
        if out.ndim != len(output.shape) + 1 or out.shape[1:] != output.shape:
            raise ValueError(
                f"out must have shape (frames, {', '.join(map(str, output.shape))}), "
                f"got {out.shape}"
            )
        if out.dtype != output.dtype:
            raise ValueError(f"out must have dtype {output.dtype}, got {out.dtype}")
        if not out.flags.writeable:
            raise ValueError("out must be writable, got a read-only array")
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


class _Crew:
    """Converters in threads of their own, beside one in the caller's thread.

    Parameters
    ----------
    converters : list of FrameConverter
        All prepared alike; the first is the caller's, each of the others gets a thread while there
        are frames to convert.

    Attributes
    ----------
    failures : list of (int, Exception)
        Frames that could not be converted, and why.
    """

    def __init__(self, converters: list[FrameConverter]) -> None:
        from queue import SimpleQueue

        self.failures: list[tuple[int, Exception]] = []
        self._own, *self._others = converters
        self._jobs: SimpleQueue[tuple[int, av.VideoFrame, list[int]] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def convert(self, number: int, frame: av.VideoFrame, addresses: list[int]) -> None:
        """Convert a frame some time before the next `wait` returns.

        A frame that finds all threads busy, and another waiting for each, is converted by the
        caller: so all work, and few frames are kept from the decoder.
        """
        if self._jobs.qsize() < len(self._others):
            self._jobs.put((number, frame, addresses))
            if not self._threads:
                for converter in self._others:
                    thread = threading.Thread(target=self._work, args=(converter,))
                    thread.start()
                    self._threads.append(thread)
        else:
            self._convert(self._own, number, frame, addresses)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()

    def wait(self) -> None:
        """Return when all frames are converted; no thread runs on."""
        for _ in self._threads:
            self._jobs.put(None)
        while self._threads:
            self._threads.pop().join()

    def _work(self, converter: FrameConverter) -> None:
        while (job := self._jobs.get()) is not None:
            self._convert(converter, *job)

    def _convert(
        self, converter: FrameConverter, number: int, frame: av.VideoFrame, addresses: list[int]
    ) -> None:
        try:
            converter.write(frame, *addresses)
        except Exception as error:
            self.failures.append((number, error))


class Bulk:
    """Collects frames in one array per output of a converter.

    Parameters
    ----------
    converters : FrameConverter or list of FrameConverter
        Prepared by the first frame, or before. With several, all but the first get threads.
    expected : int
        How many frames are likely to come; only speed depends on it.
    out : ndarray or sequence of ndarray, optional
        The caller's arrays, one per output, instead of fresh ones.
    start, step : int
        Numbers of the frames in the video, for messages.

    Attributes
    ----------
    count : int
        Frames collected so far.
    """

    def __init__(
        self,
        converters: FrameConverter | list[FrameConverter],
        expected: int,
        out: NDArray[Any] | Sequence[NDArray[Any]] | None = None,
        *,
        start: int = 0,
        step: int = 1,
    ) -> None:
        self.count = 0
        self._start, self._step = start, step
        if isinstance(converters, FrameConverter):
            converters = [converters]
        outputs = converters[0].outputs
        if out is None:
            self._targets: list[_Growing | GivenArray] = [
                _Growing(output, max(expected, 1)) for output in outputs
            ]
        else:
            arrays = list(out) if isinstance(out, (list, tuple)) else [out]
            if len(arrays) != len(outputs):
                raise ValueError(f"out must be {len(outputs)} arrays, one per plane")
            self._targets = [GivenArray(o, a) for o, a in zip(outputs, arrays, strict=True)]
        shared = any(target.shared for target in self._targets)
        self._crew = _Crew(converters[:1] if shared else converters)

    def extend(self, frames: Iterable[av.VideoFrame]) -> None:
        """Convert frames behind those already there.

        Raises
        ------
        FrameChangedError
            A frame has another size or pixel format than the first; says which frame.
        ValueError
            The caller's array is full.
        """
        crew, targets = self._crew, self._targets
        room = min(target.capacity for target in targets)
        try:
            with crew:
                for frame in frames:
                    number = self.count
                    if number == room:
                        crew.wait()  # memory may move
                        for target in targets:
                            target.grow()
                        room = min(target.capacity for target in targets)
                    crew.convert(number, frame, [t.address + number * t.stride for t in targets])
                    if crew.failures:
                        break
                    for target in targets:
                        target.settle(number)
                    self.count = number + 1
        except DecodeError:
            self._check()  # what precedes the damage comes first
            raise
        self._check()

    def _check(self) -> None:
        """Raise the error of the first frame that could not be converted."""
        if not self._crew.failures:
            return
        self.count, error = min(self._crew.failures, key=lambda failure: failure[0])
        if isinstance(error, FrameChangedError):
            in_video = self._start + self.count * self._step
            raise FrameChangedError(f"frame {in_video} is {error}", self.count) from None
        raise error

    def finish(self) -> tuple[NDArray[Any], ...]:
        """The arrays, cut to the frames collected: fresh ones, or views of the caller's."""
        return tuple(target.finish(self.count) for target in self._targets)

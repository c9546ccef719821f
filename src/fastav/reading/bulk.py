"""Many frames into one array, whose length is known only at the end.

Large frames are converted by threads of their own while the next ones are decoded.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

import av
from numpy.typing import NDArray

from ..errors import DecodeError, FrameChangedError
from ..pixels.convert import FrameConverter
from .destinations import GivenArray, GrowingArray, given_arrays

if TYPE_CHECKING:
    from queue import SimpleQueue

__all__ = ["Bulk"]


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
    out : array or sequence of arrays, optional
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
        out: object = None,
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
            self._targets: Sequence[GrowingArray | GivenArray] = [
                GrowingArray(output, max(expected, 1)) for output in outputs
            ]
        else:
            self._targets = given_arrays(outputs, out)
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
            raise error.at(self._start + self.count * self._step, self.count) from None
        raise error

    def finish(self) -> tuple[NDArray[Any], ...]:
        """The arrays, cut to the frames collected: fresh ones, or views of the caller's."""
        return tuple(target.finish(self.count) for target in self._targets)

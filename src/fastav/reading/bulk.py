"""Many frames into one array, whose length is known only at the end.

Large frames are converted by threads of their own while the next ones are decoded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

import av
from numpy.typing import NDArray

from ..errors import FrameChangedError
from ..pixels.convert import FrameConverter
from ..workers import Crew, Job
from .destinations import GivenArray, GrowingArray, given_arrays

__all__ = ["Bulk"]


def _write(
    converter: FrameConverter,
    frame: av.VideoFrame,
    addresses: list[int],
    _owners: Sequence[GrowingArray | GivenArray],
) -> None:
    """Convert a frame; whoever does it keeps the memory alive meanwhile."""
    converter.write(frame, *addresses)


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
        self.count: int = 0
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
        self._converters = converters[:1] if shared else converters
        self._jobs: deque[tuple[int, Job[None]]] = deque()  # of frames not yet known to be there

    def extend(self, frames: Iterable[av.VideoFrame]) -> None:
        """Convert frames behind those already there.

        Raises
        ------
        FrameChangedError
            A frame has another size or pixel format than the first; says which frame.
        ValueError
            The caller's array is full.
        """
        crew = Crew(self._converters)
        with crew, crew:
            try:
                self._convert(frames, crew)
            except Exception:
                self._finish_jobs(crew)  # what could not be converted before comes first
                raise
            self._finish_jobs(crew)

    def _convert(self, frames: Iterable[av.VideoFrame], crew: Crew[FrameConverter]) -> None:
        own, targets, jobs = self._converters[0], self._targets, self._jobs
        room = min(target.capacity for target in targets)
        for frame in frames:
            number = self.count
            if number == room:
                self._finish_jobs(crew)  # memory may move
                for target in targets:
                    target.grow()
                room = min(target.capacity for target in targets)
            addresses = [t.address + number * t.stride for t in targets]
            if crew.has_room:
                jobs.append((number, crew.hand_out(_write, frame, addresses, targets)))
            else:
                try:
                    own.write(frame, *addresses)
                except FrameChangedError as error:
                    raise self._changed(number, error) from None
                for target in targets:
                    target.settle(number)
            self.count = number + 1
            if jobs and jobs[0][1].done:
                self._finish_first(crew)

    def _finish_jobs(self, crew: Crew[FrameConverter]) -> None:
        while self._jobs:
            self._finish_first(crew)

    def _finish_first(self, crew: Crew[FrameConverter]) -> None:
        number, job = self._jobs.popleft()
        try:
            crew.result(job)
        except Exception as error:
            self._jobs.clear()
            self.count = number
            if isinstance(error, FrameChangedError):
                raise self._changed(number, error) from None
            raise

    def _changed(self, number: int, error: FrameChangedError) -> FrameChangedError:
        in_video = self._start + number * self._step
        return FrameChangedError(f"frame {in_video} is {error}", number)

    def finish(self) -> tuple[NDArray[Any], ...]:
        """The arrays, cut to the frames collected: fresh ones, or views of the caller's."""
        return tuple(target.finish(self.count) for target in self._targets)

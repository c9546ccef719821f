"""Frames on their way from the decoder: parts of them, filtered, and iterators over them."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from itertools import islice
from types import FrameType
from typing import TYPE_CHECKING, Self

import av

from ..errors import DecodeError
from ..pixels.convert import Arrays
from ..pixels.packing import reinterpret

if TYPE_CHECKING:
    from ..filters import FilterChain

__all__ = [
    "ArrayIterator",
    "FrameIterator",
    "OneWay",
    "part_of",
    "report",
    "restated",
    "through_filters",
    "to_damage",
]


def report(
    frames: Iterator[av.VideoFrame], progress: Callable[[int], object]
) -> Iterator[av.VideoFrame]:
    """Pass frames on, and report each as read when the next one is asked for."""
    for number, frame in enumerate(frames, 1):
        yield frame
        progress(number)


def part_of(
    frames: Generator[av.VideoFrame], start: int, stop: int | None, step: int
) -> Generator[av.VideoFrame]:
    with closing(frames):
        yield from islice(frames, start, stop, step)


def restated(frames: Generator[av.VideoFrame], format: str) -> Generator[av.VideoFrame]:
    with closing(frames):
        for frame in frames:
            yield reinterpret(frame, format)


def through_filters(
    frames: Generator[av.VideoFrame], make_chain: Callable[[], FilterChain]
) -> Generator[av.VideoFrame]:
    """Send frames through filters, which are made when the first is asked for: some open files."""
    with closing(frames):
        yield from make_chain().process(frames)


def to_damage(frames: FrameIterator) -> Generator[av.VideoFrame]:
    """Pass frames on as if the video ended where damage ends it."""
    with closing(frames), suppress(DecodeError):
        yield from frames


class ArrayIterator(Iterator[Arrays]):
    """Frames in order, which tell where they come from: it must not be overwritten meanwhile.

    Attributes
    ----------
    source : object
        What was given to read from.
    begun_by : tuple, optional
        Which call asked for them, as long as none was taken.
    """

    def __init__(self, frames: Iterator[Arrays], source: object) -> None:
        self._frames = frames
        self.source = source
        self.begun_by: tuple[FrameType, int] | None = None

    def __next__(self) -> Arrays:
        self.begun_by = None
        return next(self._frames)

    def close(self) -> None:
        """Stop the decoder."""
        self.begun_by = None
        close = getattr(self._frames, "close", None)
        if close is not None:
            close()


class OneWay:
    """Frames of a source that cannot seek: forwards only."""

    def __init__(self, frames: Generator[av.VideoFrame], name: str) -> None:
        self._frames = frames
        self._name = name
        self._next = 0

    def close(self) -> None:
        self._frames.close()

    def frame(self, number: int) -> av.VideoFrame:
        if number < self._next:
            raise io.UnsupportedOperation(
                f"{self._name} cannot seek: frame {number} "
                + ("would need its end" if number < 0 else f"is past, frame {self._next} is next")
                + "; read in increasing order, keep what you need, or save it to a file first"
            )
        for frame in islice(self._frames, number - self._next, None):
            self._next = number + 1
            return frame
        raise IndexError(f"frame {number} is out of range: the video has ended")


def _nothing_more() -> Generator[av.VideoFrame]:
    yield from ()


class FrameIterator:
    """Frames for one thread to take, which another may stop; `source` as of ArrayIterator."""

    def __init__(self, frames: Generator[av.VideoFrame], source: object) -> None:
        self._frames = frames
        self.source = source
        self._lock = threading.Lock()
        self._stopped = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> av.VideoFrame:
        with self._lock:
            if self._stopped:
                raise ValueError("the reader is closed")
            return next(self._frames)

    def close(self) -> None:
        """Close the frames, by the thread that takes them."""
        with self._lock:
            self._frames.close()

    def stop(self) -> None:
        """Close the frames; if a thread is in the middle of taking one, leave closing to it.

        The source is closed already, so that thread finds out at the next packet. It cannot be
        waited for: it may be in a stalled read, or want a lock that the caller holds.
        """
        self._stopped = True
        if self._lock.acquire(blocking=False):
            try:
                self._frames.close()
            finally:
                self._lock.release()

    def renew(self) -> None:
        """Free, in a forked child, what a thread of the parent may have locked."""
        if self._lock.locked():
            self._frames, self._stopped = _nothing_more(), True
        self._lock = threading.Lock()

"""Times of frames in order, by the rules of the table of all frames (:mod:`.scan`)."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from contextlib import closing
from fractions import Fraction
from heapq import heappop, heappush
from typing import Final

import av

from ..pyav import fraction
from .decode import UntilDamage

__all__ = ["timed"]

# A frame may be this far from its place in decoding: the deepest reordering that a codec allows.
_FARTHEST: Final = 16


def timed(
    frames: Generator[av.VideoFrame], rate: Fraction | None, numbered: bool
) -> Generator[av.VideoFrame]:
    """Give frames times that increase, those that :attr:`VideoReader.pts` has for them.

    A frame whose time is missing, or not after the one before, follows upon that.

    Parameters
    ----------
    frames : generator of av.VideoFrame
        In presentation order.
    rate : Fraction, optional
        Frames per second; needed where they do not tell how long they last.
    numbered : bool
        Whether the container only numbers packets as they are decoded: their times are put in
        order, for which up to 16 frames wait.
    """
    return _following(_in_turn(frames) if numbered else _begun(frames, rate), rate)


def _in_turn(frames: Generator[av.VideoFrame]) -> Generator[av.VideoFrame]:
    """Deal out the frames' times in the order of time."""
    waiting: deque[av.VideoFrame] = deque()
    times: list[tuple[int, int]] = []
    latest = 0

    def give() -> av.VideoFrame:
        frame = waiting.popleft()
        frame.pts, frame.duration = heappop(times)
        return frame

    with closing(frames):
        until = UntilDamage(frames)
        for frame in until:
            latest = latest if frame.pts is None else frame.pts
            heappush(times, (latest, frame.duration or 0))
            waiting.append(frame)
            if len(waiting) > _FARTHEST:
                yield give()
        while waiting:
            yield give()
        until.tell()


def _begun(frames: Generator[av.VideoFrame], rate: Fraction | None) -> Generator[av.VideoFrame]:
    """Tell the first frame's time by that of one soon after it, where it has none itself."""
    first: list[av.VideoFrame] = []
    with closing(frames):
        until = UntilDamage(frames)
        for frame in until:
            first.append(frame)
            if frame.pts is not None or len(first) > _FARTHEST:
                break
        if first and first[-1].pts is not None:
            first[0].pts = first[-1].pts - (len(first) - 1) * _period(first[0], rate)
        yield from first
        yield from until
        until.tell()


def _following(frames: Generator[av.VideoFrame], rate: Fraction | None) -> Generator[av.VideoFrame]:
    """Have each frame follow upon the one before where its own time does not."""
    previous: int | None = None
    length = 0
    with closing(frames):
        for frame in frames:
            if previous is None:
                frame.pts = frame.pts or 0
            elif frame.pts is None or frame.pts <= previous:
                frame.pts = previous + (length or _period(frame, rate))
            previous, length = frame.pts, frame.duration or 0
            yield frame


def _period(frame: av.VideoFrame, rate: Fraction | None) -> int:
    """How long a frame lasts at a rate, in its own ticks."""
    tick = fraction(frame.time_base)
    return 1 if rate is None or tick is None else max(round(1 / (rate * tick)), 1)

"""Frames at another rate: of every moment the frame that is on screen."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator
from contextlib import closing
from fractions import Fraction
from itertools import chain, islice, repeat
from numbers import Rational

import av

from ..pyav import fraction
from .decode import UntilDamage

__all__ = ["at_rate", "check_rate"]

# Seconds by which a moment may precede the frame that it means: rates and times are rounded.
_ROUNDING = Fraction(1, 10**9)


def check_rate(fps: float | Fraction | str) -> Fraction:
    """Return frames per second as a fraction; ``ValueError`` if they are no such number."""
    try:
        if isinstance(fps, Rational):
            rate = Fraction(int(fps.numerator), int(fps.denominator))  # NumPy's have a largest
        else:
            # (What has an exponent may be a number of millions of digits.)
            plain = isinstance(fps, str) and "e" not in fps.lower()
            rate = Fraction(fps if plain else float(fps))
        float(rate)  # as which it is needed too
    except (TypeError, ValueError, ArithmeticError):
        raise ValueError(f"fps must be a number of frames per second, got {fps!r}") from None
    if rate <= 0:
        raise ValueError(f"fps must be more than 0, got {fps!r}")
    return rate


def at_rate(
    frames: Generator[av.VideoFrame], fps: Fraction, own_rate: Fraction | None
) -> Generator[av.VideoFrame]:
    """Repeat and leave out frames, so that they follow each other at a rate.

    Of the moments ``first + i / fps``, from when the first frame appears until the last one's end,
    as many as fit best (their number is rounded), each gives the frame on screen.

    Parameters
    ----------
    frames : generator of av.VideoFrame
        In presentation order. Without time stamps they are taken to follow at `own_rate`.
    fps : Fraction
        Frames per second.
    own_rate : Fraction, optional
        The frames' own rate, 25 if it is not known.
    """
    own, period = 1 / (own_rate or Fraction(25)), 1 / fps
    with closing(frames):
        first = time = end = moment = Fraction(0)  # moment: of the next frame to give
        shown: av.VideoFrame | None = None
        waiting: deque[tuple[Fraction, av.VideoFrame]] = deque()
        given = 0
        until = UntilDamage(frames)
        for number, frame in enumerate(until):
            tick = fraction(frame.time_base)
            begins = number * own if frame.pts is None or tick is None else frame.pts * tick
            if shown is None:
                first = time = begins
            while True:
                # A moment is one of those that fit if half a period follows upon it.
                if waiting and first + waiting[0][0] + period / 2 <= begins:
                    yield waiting.popleft()[1]
                    given += 1
                elif shown is not None and first + moment + _ROUNDING < begins:
                    waiting.append((moment, shown))
                    moment += period
                else:
                    break
            length = (frame.duration or 0) * (tick or 0) or begins - time or own
            shown, time, end = frame, begins, begins + length
        # What came before damage is shown for as long as it lasts.
        if shown is not None:
            last = repeat((moment, shown))
            left = math.floor((end - first) * fps + Fraction(1, 2)) - given
            for _, frame in islice(chain(waiting, last), max(left, 0)):
                yield frame
        until.tell()

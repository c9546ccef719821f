"""When each written frame is shown: at a steady rate, or at times of its own."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import gcd
from numbers import Rational
from typing import Final

from av import VideoFrame

from ..pyav import fraction
from .encoder import Encoder

__all__ = ["Schedule"]

# Into so many parts the time of a frame is divided before filters; divisible by 1 to 10.
_PARTS: Final = 2520

# Ticks in a second for frames with times of their own; these codecs count to 65535 in a second.
_CLOCKS: Final = {"mpeg4": 60000, "libxvid": 60000, "h263p": 60000}


class Schedule:
    """Gives frames their time stamps, before filters and the encoder's clock.

    Parameters
    ----------
    clock : Fraction, optional
        Seconds per tick of times of their own; by default 1/90000, or what the codec can count.

    Attributes
    ----------
    timed : bool or None
        Whether frames have times of their own; None before the first.
    """

    def __init__(self, clock: Fraction | None = None) -> None:
        self._clock = clock
        self._last = -1  # tick of the last time that was given
        self.timed: bool | None = None

    def moment(self, moments: Iterator[float | Fraction] | None, number: int) -> Fraction | None:
        """Return when frame `number` is shown, in seconds; None: a frame's length after the last.

        Raises
        ------
        ValueError
            There is no time for it, though there is for others, or the other way round.
        """
        if self.timed is None:
            self.timed = moments is not None
        if self.timed is not (moments is not None):
            raise ValueError("times= must be given for all frames of a video, or for none")
        if moments is None:
            return None
        given = next(moments, None)
        if given is None:
            raise ValueError(f"times ends after {number} frames, there are more")
        try:
            return Fraction(given if isinstance(given, Rational) else float(given))
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"times must be finite numbers of seconds, got {given!r}") from None

    def stamp(
        self,
        frame: VideoFrame,
        number: int,
        moment: Fraction | None,
        encoder: Encoder,
        filtered: bool,
    ) -> None:
        """Tell a frame when it is shown, on the clock of the filters.

        Raises
        ------
        ValueError
            The moment does not come after the one before.
        """
        if moment is None:
            # Filters that change the pace (setpts, minterpolate) need moments between the frames.
            fine = filtered and encoder.fps.numerator * _PARTS < 2**31
            ticks = _PARTS if fine else 1
            frame.time_base = 1 / (encoder.fps * ticks)
            frame.pts = number * ticks
            frame.duration = ticks
            return
        finest = _CLOCKS.get(encoder.name)
        clock = self._clock or Fraction(1, finest or 90000)
        if finest is not None and clock.denominator > finest:
            clock = Fraction(1, finest)
        pts = round(moment / clock)
        if pts <= self._last:
            raise ValueError(
                f"times must begin at 0 or later and increase by a tick of {clock} s at least, "
                f"got {float(moment):g} s for frame {number}"
            )
        frame.time_base, frame.pts = clock, pts
        frame.duration = max(round(1 / (encoder.fps * clock)), 1)
        self._last = pts

    def time_base(self, frame: VideoFrame, rate: Fraction, encoder: Encoder) -> Fraction:
        """Return the clock to encode in, for frames like `frame` at about this rate."""
        own = fraction(frame.time_base) or 1 / rate
        if not self.timed:
            return _grid(own, rate, encoder.fps)
        return 1 / encoder.fps if encoder.counts_frames else own


def _grid(time_base: Fraction, rate: Fraction, fps: Fraction) -> Fraction:
    """The coarsest time base that has the moments of frames behind filters.

    Some containers fill every gap with an empty frame, and MPEG-4 counts to 65535 in a second.
    """
    if time_base * rate >= 1 or time_base * fps >= 1:
        return time_base
    a, b = 1 / rate, 1 / fps
    both = Fraction(
        gcd(a.numerator * b.denominator, b.numerator * a.denominator), a.denominator * b.denominator
    )
    return both if both.denominator < 1 << 16 else 1 / rate.limit_denominator(1001)

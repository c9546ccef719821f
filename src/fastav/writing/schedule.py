"""When each written frame is shown: at a steady rate, or at times of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from math import gcd
from numbers import Rational
from typing import Any, Final

from av import Packet, VideoFrame

from ..errors import EncodeError
from ..pyav import fraction
from .encoder import Encoder

__all__ = ["Schedule"]

# Into so many parts the time of a frame is divided before filters; divisible by 1 to 10.
_PARTS: Final = 2520

# Ticks in a second for frames with times of their own; these codecs count to 65535 in a second.
_CLOCKS: Final = {"mpeg4": 60000, "libxvid": 60000, "h263p": 60000}

# Frames whose times tell the rate, where container or codec have but one.
_AHEAD: Final = 16

# Containers (and streams without one) that tell one rate of all frames and count them.
_GAPLESS: Final = frozenset({"yuv4mpegpipe", "mxf", "mxf_d10", "mxf_opatom"})
_COUNTING: Final = _GAPLESS | {"avi", "h264", "hevc", "m4v", "mpeg1video", "mpeg2video"}

# AVI fills each gap with an empty frame for each tick: no more of them in a second.
_MOST_TICKS: Final = 1000

# Seconds to which times are rounded where they come from a clock that is not known.
_ROUNDING: Final = Fraction(1, 1000)

# Part of a frame's length by which frames at a steady rate may come early or late.
_JITTER: Final = Fraction(1, 10)

# From so many frames' lengths on, a frame is at another time than its own.
_LATE: Final = Fraction(3, 4)


class Schedule:
    """Gives frames their time stamps, before filters and the encoder's clock.

    Parameters
    ----------
    container : str
        FFmpeg's name of it.
    clock : Fraction, optional
        Seconds per tick of times of their own; by default 1/90000, or what the codec can count.

    Attributes
    ----------
    timed : bool or None
        Whether frames have times of their own; None before the first.

    Raises
    ------
    ValueError
        The clock is no positive fraction.
    """

    def __init__(self, container: str, clock: Fraction | None = None) -> None:
        if clock is not None:
            try:
                clock = Fraction(clock.numerator, clock.denominator)
            except (AttributeError, TypeError, ZeroDivisionError):
                clock = Fraction(0)
            if clock <= 0:
                raise ValueError(
                    "time_base must be seconds per tick, a positive fraction such as "
                    "Fraction(1, 1000)"
                )
        self._container = container
        self._clock = clock
        self._source_clock: Fraction | None = None
        self._last = -1  # tick of the last time that was given
        self._start: tuple[int, Fraction] | None = None  # tick and moment to count from
        self._retimes = False  # whether the codec counts at another rate than the frames come at
        self._shown: deque[tuple[int, Fraction]] = deque()  # of frames that are being encoded
        self._last_pts = -1  # of what was encoded
        self._last_kept: int | None = None  # the same on the container's clock
        self.timed: bool | None = None

    def follow(self, clock: Fraction | None) -> None:
        """Take a source's clock for times of their own, where nobody asked for another."""
        self._source_clock = clock

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
        clock = self._clock or self._source_clock or Fraction(1, finest or 90000)
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

    def counts(self, encoder: Encoder) -> bool:
        """Whether container or codec tell but one rate of frames with times of their own."""
        return bool(self.timed) and (encoder.counts_frames or self._container in _COUNTING)

    def ahead(self, encoder: Encoder, filtered: bool) -> int:
        """How many frames tell the rate."""
        if self.counts(encoder) and not self._is_told(encoder):
            return _AHEAD
        return 2 if filtered and not self.timed else 1

    def _is_told(self, encoder: Encoder) -> bool:
        """Whether the user has said at what rate, or by which clock, frames are counted."""
        return encoder.asked if encoder.counts_frames else self._clock is not None

    def settle(self, frames: Sequence[VideoFrame], encoder: Encoder) -> tuple[Fraction, Fraction]:
        """Return the rate of a video that begins with these frames, and the clock to encode in.

        Raises
        ------
        EncodeError
            The codec knows some rates only, and not one like that of the frames; or the container
            needs one, and there is none.
        """
        own = fraction(frames[0].time_base) or 1 / encoder.fps
        ticks = [frame.pts or 0 for frame in frames]
        if not self.counts(encoder):
            rate = encoder.fps
            if len(ticks) > 1 and ticks[1] > ticks[0]:
                rate = 1 / ((ticks[1] - ticks[0]) * own)
            return rate, own if self.timed else _grid(own, rate, encoder.fps)
        if self._is_told(encoder):
            return encoder.fps, 1 / encoder.fps if encoder.counts_frames else own
        found = _common_rate([tick * own for tick in ticks], own, encoder.pace)
        if encoder.counts_frames:
            rate = encoder.allowed(found or encoder.fps)
            self._retimes = rate != found and self._container not in _COUNTING
            found = rate
        elif found is None and self._container in _GAPLESS:
            raise EncodeError(
                f"the container {self._container!r} has one rate, and frames come at none: the "
                f"first at {', '.join(f'{float(tick * own):g}' for tick in ticks[:4])} s; choose "
                "another container, or the filter ('fps', '30') or the like, which keeps the pace"
            )
        elif found is None:  # AVI keeps times by a clock that divides them all
            common = gcd(*(after - before for before, after in pairwise(ticks)))
            found = min(1 / (common * own), Fraction(_MOST_TICKS))
        return found, 1 / found

    def place(
        self, number: int, moment: Fraction, clock: Fraction, kept: Fraction, encoder: Encoder
    ) -> int:
        """Return the tick of the encoder's clock at which frame `number` is shown.

        Parameters
        ----------
        number : int
            Of those that are encoded.
        moment : Fraction
            In seconds.
        clock, kept : Fraction
            The encoder's time base, and the container's.

        Raises
        ------
        ValueError, EncodeError
            The container, or a codec with one rate, cannot keep the moment.
        """
        # The first frame need not be on a tick.
        start, first = self._start = self._start or (round(moment / clock), moment)
        exact = start + (moment - first) / clock
        after = self._last_pts + 1
        pts = max(round(exact), after)  # filters may give two frames one time stamp
        if self.counts(encoder):
            if self._container in _GAPLESS and number:
                pts = after
            if abs(exact - pts) >= _LATE:
                what = encoder.name if encoder.counts_frames else self._container
                raise EncodeError(
                    f"{what} has {1 / clock} frames in every second and cannot keep the time of "
                    f"frame {number}, {float(moment):g} s; choose another container or codec=, "
                    "or the filter ('fps', '30') or the like"
                )
            if self._retimes:
                self._start = pts, moment
                self._shown.append(self._start)
        elif self.timed:
            ticks = round(pts * clock / kept)
            if self._last_kept is not None and ticks <= self._last_kept:
                raise ValueError(
                    f"times must increase by a tick of {kept} s at least, the clock of "
                    f"{self._container!r}, got {float(moment):g} s for frame {number}; choose "
                    "another container, or leave frames out, as by the filter ('fps', '30')"
                )
            self._last_kept = ticks
        self._last_pts = pts
        return pts

    def retime(
        self, packets: Sequence[Packet[Any]], clock: Fraction, kept: Fraction
    ) -> Sequence[Packet[Any]]:
        """Give packets their frames' own times, where the encoder counts at another rate.

        So sound does not drift away from frames whose rate is next to one that the codec knows.
        """
        if self._retimes:
            for packet in packets:
                dts, pts = packet.dts or 0, packet.pts or 0
                while len(self._shown) > 1 and self._shown[1][0] <= dts:
                    self._shown.popleft()
                before, moment = self._shown[0]
                packet.dts = round((moment + (dts - before) * clock) / kept)
                packet.pts = round(dict(self._shown)[pts] / kept)
                packet.duration = round((packet.duration or 0) * clock / kept)
                packet.time_base = kept
        return packets


def _common_rate(
    moments: Sequence[Fraction], tick: Fraction, hint: Fraction | None
) -> Fraction | None:
    """The lowest rate at which a frame is due at each of some moments, as far as there is one.

    Of rates that fit within what times are rounded to, those are preferred that videos have; else
    frames may come a little early or late.

    Parameters
    ----------
    moments : sequence of Fraction
        In seconds, increasing; some frames may be missing.
    tick : Fraction
        Seconds that times are multiples of.
    hint : Fraction, optional
        What the rate is believed to be.
    """
    gaps = [after - before for before, after in pairwise(moments)]
    if not gaps:
        return hint
    short = [gap for gap in gaps if 2 * gap < 3 * min(gaps)]
    period = sum(short) / len(short)
    rough = sum(round(gap / period) for gap in gaps) / (moments[-1] - moments[0])

    def off(rate: Fraction) -> Fraction:
        """By how much of a frame's length the moments miss the rate."""
        places = [(moment - moments[0]) * rate for moment in moments]
        return max(abs(place - round(place)) for place in places)

    likely = {
        Fraction(round(rough)),
        Fraction(round(2 * rough), 2),
        Fraction(1000 * round(rough * 1001 / 1000), 1001),
        1 / Fraction(max(round(1 / rough), 1)),
    }
    usual = sorted((rate for rate in likely if rate), key=off)
    told = [hint] if hint and abs(hint / rough - 1) < Fraction(1, 100) else []
    if hint and told and 1 in ((hint * 100).denominator, (hint * 1001).denominator):
        usual = told + usual
    even = [rough] if off(rough) == 0 else []
    decimal = Fraction(round(100 * rough), 100) or rough
    known = (*usual, *told, *even, decimal, rough.limit_denominator(1001))
    for slack in (tick, _ROUNDING):
        for rate in known:
            if off(rate) <= min(slack * rate, Fraction(1, 4)):
                return rate
    best = min(usual, key=off)
    return best if off(best) <= _JITTER else None


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

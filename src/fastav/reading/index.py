"""FrameIndex: which frame is which, and from which packet decoding must start to get it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["NO_TIME", "PACKET", "FrameIndex"]

NO_TIME: Final = np.iinfo(np.int64).min
"""Stands for a missing time (``None`` in PyAV)."""

PACKET: Final = np.dtype([("pts", "i8"), ("dts", "i8"), ("pos", "i8"), ("size", "i4")])
"""What an index keeps of a packet."""

# Seconds that a time computed in floats may fall short of the frame that it means.
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class FrameIndex:
    """The frames of a video in presentation order. Immutable and picklable.

    Attributes
    ----------
    time_base : Fraction
        Seconds per unit of `pts` and `durations`.
    pts : ndarray
        (N,) int64, read-only: when each frame is shown. Increases strictly: where a container's
        times are missing or run backwards, a frame follows upon the one before.
    durations : ndarray
        (N,) int64, read-only: how long each frame is shown; 0 where unknown.
    keys : ndarray
        (N,) bool, read-only: frames that the container marks as key frames.
    carriers : ndarray
        (N,) int32, read-only: the packet (counted from 0) that carries each frame.
    entries : ndarray
        (N,) int32, read-only: the packet to start decoding from to get the frame exactly.
    packets : ndarray
        (P,) structured, read-only: ``pts``, ``dts``, ``pos`` and ``size`` of each packet in
        decoding order, missing times being ``NO_TIME``.
    decoded : int
        How many of the packets had to be decoded to make this table.
    file_size : int
        Bytes of the file, by which an index of another file is told; negative where unknown.
    """

    time_base: Fraction
    pts: NDArray[np.int64]
    durations: NDArray[np.int64]
    keys: NDArray[np.bool_]
    carriers: NDArray[np.int32]
    entries: NDArray[np.int32]
    packets: NDArray[np.void]
    decoded: int
    file_size: int

    def __post_init__(self) -> None:
        for name in ("pts", "durations", "keys", "carriers", "entries", "packets"):
            getattr(self, name).flags.writeable = False

    def __reduce__(self) -> tuple[type[FrameIndex], tuple[object, ...]]:
        return FrameIndex, tuple(getattr(self, field.name) for field in fields(self))

    def __len__(self) -> int:
        return len(self.pts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FrameIndex):
            return NotImplemented
        return self.time_base == other.time_base and all(
            np.array_equal(getattr(self, name), getattr(other, name))
            for name in ("pts", "durations", "keys", "carriers", "entries", "packets")
        )

    def __repr__(self) -> str:
        return f"<FrameIndex of {len(self)} frames, {int(self.keys.sum())} key frames>"

    @property
    def timestamps(self) -> NDArray[np.float64]:
        """(N,) float64: when each frame is shown, in seconds."""
        return (self.pts * float(self.time_base)).astype(np.float64, copy=False)

    @property
    def end(self) -> int:
        """When the last frame ends, in units of `time_base`; 0 if there is no frame.

        A last frame without a duration lasts as long as the one before it.
        """
        if not len(self):
            return 0
        length = int(self.durations[-1])
        if length <= 0 and len(self) > 1:
            length = int(self.pts[-1] - self.pts[-2])
        return int(self.pts[-1]) + max(length, 1)

    def frame_at(self, seconds: float) -> int:
        """Return the number of the frame on screen at a time.

        A frame is on screen from its own time until the next frame's; the last until its end.

        Raises
        ------
        ValueError
            If the time lies before the first frame, or not before the end of the last.
        """
        number = self._begun_by(seconds)
        if number == 0 or not seconds < float(self.end * self.time_base):
            raise self._not_shown(seconds)
        return number - 1

    def frames_between(self, start: float, stop: float) -> range:
        """Return the numbers of the frames on screen from `start` until just before `stop`.

        Raises
        ------
        ValueError
            If `start` is after `stop`, or one of them lies outside the video.
        """
        if not start <= stop:
            raise ValueError(f"start must not be after stop, got {start:g} and {stop:g}")
        if stop > float(self.end * self.time_base) + _ROUNDING:
            raise self._not_shown(stop)
        first = self.frame_at(start)
        ends = int(np.searchsorted(self.timestamps, stop - _ROUNDING, "left"))
        return range(first, max(ends, first) if stop > start else first)

    def _begun_by(self, seconds: float) -> int:
        return int(np.searchsorted(self.timestamps, seconds + _ROUNDING, "right"))

    def _not_shown(self, seconds: float) -> ValueError:
        if not len(self):
            return ValueError("the video has no frames")
        start, end = float(self.pts[0] * self.time_base), float(self.end * self.time_base)
        return ValueError(
            f"time {seconds:g} s is outside the video, which is shown from {start:g} s until just "
            f"before {end:g} s"
        )

    def as_mappings(self) -> dict[str, list[dict[str, int]]]:
        """Return the frames in the form of ``ffprobe -show_frames``.

        As JSON it is what torchcodec takes as ``custom_frame_mappings``.
        """
        return {
            "frames": [
                {"pts": pts, "duration": duration, "key_frame": int(key)}
                for pts, duration, key in zip(
                    self.pts.tolist(), self.durations.tolist(), self.keys.tolist(), strict=True
                )
            ]
        }

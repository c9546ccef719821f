"""FrameIndex: which frame is which, and from which packet decoding must start to get it."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "MATROSKA",
    "MOMENT",
    "MOV",
    "NO_TIME",
    "PACKET",
    "TABLED",
    "WORTH_A_SCAN",
    "BrokenPromise",
    "FrameIndex",
    "Timeline",
    "WrongTable",
]

WORTH_A_SCAN: Final = 32
"""Frames from which scanning a whole file for where they begin is quicker than decoding them."""

MOMENT: Final = 64
"""Bytes that a frame of a batch takes besides its pixels: its number, its times, its place."""

MOV: Final = "mov,mp4,m4a,3gp,3g2,mj2"
MATROSKA: Final = "matroska,webm"
TABLED: Final = frozenset({MOV, "avi", MATROSKA})
"""Containers (FFmpeg's names) that tell of all their packets."""

NO_TIME: Final = np.iinfo(np.int64).min
"""Stands for a missing time (``None`` in PyAV)."""

PACKET: Final = np.dtype([("pts", "i8"), ("dts", "i8"), ("pos", "i8"), ("size", "i4")])
"""What an index keeps of a packet."""


class WrongTable(Exception):
    """A packet is not the one that the table of packets has in its place."""


class BrokenPromise(WrongTable):
    """Decoding does not give the frames that the table promises: the video is damaged."""


# Seconds that a time computed in floats may fall short of the frame that it means; far from zero,
# where neighbouring floats are farther apart, as many of these distances.
_ROUNDING: Final = 1e-9
_ULPS: Final = 2


class Timeline:
    """Frames in presentation order, and which of them is on screen when."""

    __slots__ = ()

    time_base: Fraction
    pts: NDArray[np.int64]
    durations: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.pts)

    @property
    def timestamps(self) -> NDArray[np.float64]:
        """(N,) float64: when each frame is shown, in seconds."""
        # Rounded once, as ``float(pts * time_base)`` is, but for enormous times.
        return self.pts.astype(np.float64) * self.time_base.numerator / self.time_base.denominator

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
        # Where a frame is shorter than floats can tell, its own time may be its end as well.
        ends = float(self.end * self.time_base)
        if number == 0 or not (seconds < ends or seconds == self.timestamps[-1]):
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
        if stop > float(self.end * self.time_base) + _rounding(stop):
            raise self._not_shown(stop)
        first = self.frame_at(start)
        ends = int(np.searchsorted(self.timestamps, stop - _rounding(stop), "left"))
        return range(first, max(ends, first) if stop > start else first)

    def count_at_rate(self, start: float, stop: float, fps: float) -> int:
        """Return how many moments ``start + i / fps`` fit best before `stop`.

        That is ``(stop - start) * fps``, rounded half up, as exact times would be.

        Raises
        ------
        ValueError
            As :meth:`frames_between`, or `fps` is no number more than 0.
        """
        if not 0 < fps < math.inf:
            raise ValueError(f"fps must be more than 0, and finite, got {fps!r}")
        self.frames_between(start, stop)
        return math.floor((stop - start + _rounding(stop)) * fps + 0.5)

    def frames_at_rate(
        self, start: float, count: int, fps: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the frames on screen at `count` moments from `start` on, and these moments."""
        moments = start + np.arange(count) / fps
        begun = np.searchsorted(self.timestamps, moments + _rounding(start + count / fps), "right")
        return (begun - 1).astype(np.int64), moments

    def _begun_by(self, seconds: float) -> int:
        times = self.timestamps
        number = int(np.searchsorted(times, seconds, "right"))
        if number and times[number - 1] == seconds:
            return number  # a frame's very own time, however near the next one's is
        return int(np.searchsorted(times, seconds + _rounding(seconds), "right"))

    def _not_shown(self, seconds: float) -> ValueError:
        if not len(self):
            return ValueError("the video has no frames")
        start, end = float(self.pts[0] * self.time_base), float(self.end * self.time_base)
        return ValueError(
            f"time {seconds:g} s is outside the video, which is shown from {start:g} s until just "
            f"before {end:g} s"
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FrameIndex(Timeline):
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
        Bytes of the file; negative where unknown.
    stream : int
        Number of the stream among all streams of the container.
    codec : str
        Name of the codec.
    digest : bytes
        Of what the file holds where the first and the last packet begin; empty where the file's
        bytes cannot be read (URLs). By these four an index of another video is told.
    damaged : bool
        Decoding fails: behind the last frame, or
    skips : bool
        here and there, and what fails is left out, by ``errors="skip"``.
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
    stream: int
    codec: str
    digest: bytes
    damaged: bool = False
    skips: bool = False

    def __post_init__(self) -> None:
        for name in ("pts", "durations", "keys", "carriers", "entries", "packets"):
            getattr(self, name).flags.writeable = False

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        columns = [getattr(self, name) for name in _COLUMNS]
        packets = self.packets
        gaps = packets["pos"].copy()
        gaps[1:] -= (packets["pos"] + packets["size"])[:-1]
        columns += [packets[name] for name in ("pts", "dts", "size")] + [gaps]
        lengths = len(self.pts), len(packets)
        rest = (self.decoded, self.file_size, self.stream, self.codec, self.digest)
        damage = (self.damaged, self.skips)
        return _unpack, (self.time_base, lengths, _shrink(columns), *rest, *damage)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FrameIndex):
            return NotImplemented
        return self.time_base == other.time_base and all(
            np.array_equal(getattr(self, name), getattr(other, name))
            for name in ("pts", "durations", "keys", "carriers", "entries", "packets")
        )

    @property
    def proved(self) -> bool:
        """Whether all of it was found by decoding, and nothing is the packets' mere promise."""
        return self.decoded >= len(self.packets)

    @property
    def starts(self) -> NDArray[np.int32]:
        """Packets from which decoding may start, increasing."""
        return np.unique(self.entries)

    @property
    def cuts(self) -> NDArray[np.intp]:
        """Numbers of the frames, 0 the first, that begin what is decoded by itself (a GOP)."""
        return np.flatnonzero(np.diff(self.entries, prepend=-1))

    def entry(self, number: int) -> int:
        """Return the packet to start decoding from to get frame `number` exactly."""
        return int(self.entries[number])

    def difference(
        self, file_size: int, stream: int, codec: str, digest: bytes | None
    ) -> str | None:
        """Say in which way a video is another than the index's; None if it is the same.

        Parameters
        ----------
        file_size, stream, codec, digest
            As the attributes, of the video; no digest where its bytes cannot be read.
        """
        if file_size != self.file_size:
            return f"a file of {self.file_size} bytes, not {file_size}"
        if (stream, codec) != (self.stream, self.codec):
            return f"stream {self.stream} ({self.codec}), not {stream} ({codec})"
        if digest and self.digest and digest != self.digest:
            return "a file of other content"
        return None

    def __repr__(self) -> str:
        return f"<FrameIndex of {len(self)} frames, {int(self.keys.sum())} key frames>"

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


# A pickled index holds columns of integers: those of frames, then those of packets.
_COLUMNS: Final = ("pts", "durations", "keys", "carriers", "entries")


def _shrink(columns: Sequence[NDArray[np.integer]]) -> bytes:
    """Compress columns of integers.

    Each becomes its differences, of which first all lowest bytes come, then all second ones, and
    so on: what repeats then lies side by side.
    """
    parts = []
    for column in columns:
        steps = np.diff(column.astype("<i8"), prepend=np.int64(0))
        parts.append(steps.view(np.uint8).reshape(-1, 8).T.tobytes())
    return zlib.compress(b"".join(parts), 6)


def _unpack(
    time_base: Fraction,
    lengths: tuple[int, int],
    shrunk: bytes,
    decoded: int,
    file_size: int,
    stream: int,
    codec: str,
    digest: bytes,
    damaged: bool,
    skips: bool,
) -> FrameIndex:
    """Make an index again from what it was pickled to."""
    data = np.frombuffer(zlib.decompress(shrunk), np.uint8)
    columns: list[NDArray[np.int64]] = []
    at = 0
    for count in [lengths[0]] * len(_COLUMNS) + [lengths[1]] * 4:
        steps = data[at : at + 8 * count].reshape(8, count).T.copy().view("<i8").ravel()
        columns.append(np.cumsum(steps, dtype=np.int64))
        at += 8 * count
    pts, durations, keys, carriers, entries, *of_packets, gaps = columns
    packets = np.empty(lengths[1], PACKET)
    for name, column in zip(("pts", "dts", "size"), of_packets, strict=True):
        packets[name] = column
    gaps[1:] += of_packets[2][:-1]  # a packet begins where the one before ends, and a gap later
    packets["pos"] = np.cumsum(gaps)
    return FrameIndex(
        time_base,
        pts,
        durations,
        keys.astype(bool),
        carriers.astype(np.int32),
        entries.astype(np.int32),
        packets,
        decoded,
        file_size,
        stream,
        codec,
        digest,
        damaged,
        skips,
    )


def _rounding(seconds: float) -> float:
    return max(_ROUNDING, _ULPS * float(np.spacing(abs(seconds))))

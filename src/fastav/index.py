"""FrameIndex: which frame is which, and from which packet decoding must start to get it.

A table is built from the packets alone where these tell the truth: every one has a time of its own,
and the decoder holds back enough of them to put them in order. What packets cannot tell (times that
are missing, repeated or start over, streams that begin in the middle of a group, fields, damage) is
settled by decoding, from the start and no further than needed.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Final, NamedTuple

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from .container import VideoInput

__all__ = ["NO_TIME", "FrameIndex", "build_index"]

NO_TIME: Final = np.iinfo(np.int64).min
"""Stands for a missing time (``None`` in PyAV)."""

_PACKET: Final = np.dtype([("pts", "i8"), ("dts", "i8"), ("pos", "i8"), ("size", "i4")])

# Decoders that, given a packet marked as a key frame, need nothing from before it: frames that
# follow it in decoding and in presentation come out bit for bit as in linear decoding. Codecs of
# intra frames only are such anyway; h264 and hevc have to be looked into. All others (among them
# gif and apng, which draw on what was drawn before) are decoded from the start.
_TRUSTED_KEYS: Final = frozenset(
    {
        *("mpeg1video", "mpeg2video", "mpeg4", "msmpeg4v2", "msmpeg4v3", "wmv1", "wmv2"),
        *("h263", "h263p", "flv1", "rv10", "rv20", "vp8", "vp9", "av1"),
        *("ffv1", "qtrle", "snow", "svq1"),
    }
)

# What packets bring along for all that follow them: who starts later would lack it.
_LASTING: Final = ("new_extradata", "palette", "param_change")

# Frames in presentation may be this far from their place when sorted by time, and no farther:
# the deepest reordering that a codec allows.
_DEEPEST_REORDERING: Final = 16

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


class _Scan(NamedTuple):
    """What one pass over the packets found, as arrays over the packets in decoding order."""

    packets: NDArray[np.void]
    durations: NDArray[np.int64]
    key: NDArray[np.bool_]
    shown: NDArray[np.bool_]  # expected to yield a frame
    exact: NDArray[np.bool_]  # decoding may start here ...
    closed: NDArray[np.bool_]  # ... and no later packet is shown before it
    corrupt: bool


def build_index(reopen: Callable[[], VideoInput], video: VideoInput | None = None) -> FrameIndex:
    """Read a video's packets, and decode what they leave open, into an index.

    Parameters
    ----------
    reopen : callable
        Opens the video anew with one decoding thread; called only where something must be decoded.
    video : VideoInput, optional
        The video, opened and not yet read from. It is read to its end and left open. Without it
        `reopen` is used.

    Raises
    ------
    DecodeError
        Never for damage: the index ends where decoding fails, as reading does.
    """
    if video is None:
        with reopen() as opened:
            return build_index(reopen, opened)
    scan = _scan(video)
    time_base = Fraction(video.stream.time_base or Fraction(1, 1))
    rate = video.stream.guessed_rate or video.stream.average_rate
    settle = _unsettled(scan, video)
    carriers = _by_time(scan, settle)
    if settle:
        with reopen() as again:
            head, failed = _decode_order(again, settle)
        carriers = np.concatenate([head, carriers if not failed else carriers[:0]])
    period = 1 / (rate * time_base) if rate else Fraction(1)
    pts, durations = _times(scan, carriers, period)
    return FrameIndex(
        time_base=time_base,
        pts=pts,
        durations=durations,
        keys=scan.key[carriers],
        carriers=carriers,
        entries=_entries(scan, carriers),
        packets=scan.packets,
        decoded=settle,
        file_size=video.container.size,
    )


def _scan(video: VideoInput) -> _Scan:
    """Read all packets without decoding."""
    context = video.stream.codec_context
    codec = context.codec.canonical_name
    look = _key_reader(codec, context.extradata)
    hidden = {"vp8": _vp8_hides, "vp9": _vp9_hides}.get(codec)
    trusted = context.codec.intra_only or codec in _TRUSTED_KEYS
    columns = {name: array("q") for name in ("pts", "dts", "pos", "size", "duration")}
    times, dtimes, places, sizes, durations = (column.append for column in columns.values())
    flags = {name: bytearray() for name in ("key", "shown", "exact", "closed")}
    corrupt = carried = False
    try:
        for packet in video.container.demux(video.stream):
            size = packet.size
            if not size:
                continue
            pts, dts, pos, key = packet.pts, packet.dts, packet.pos, packet.is_keyframe
            times(NO_TIME if pts is None else pts)
            dtimes(NO_TIME if dts is None else dts)
            places(-1 if pos is None else pos)
            sizes(size)
            durations(packet.duration or 0)
            flags["key"].append(key)
            hides = hidden is not None and hidden(memoryview(packet))
            flags["shown"].append(not (packet.is_discard or hides))
            start, shuts = trusted, False
            if key and look is not None:
                start, shuts = look(memoryview(packet))
            flags["exact"].append(key and start)
            flags["closed"].append(key and shuts)
            corrupt = corrupt or packet.is_corrupt
            carried = carried or any(packet.has_sidedata(kind) for kind in _LASTING)
    except (av.error.FFmpegError, UnicodeDecodeError):
        corrupt = True  # reading ends here; what decoding makes of it is found by decoding
    packets = np.empty(len(columns["pts"]), _PACKET)
    for name in ("pts", "dts", "pos", "size"):
        packets[name] = columns[name]
    table = {name: np.frombuffer(flag, bool) for name, flag in flags.items()}
    if carried:
        table["exact"] = np.zeros(len(packets), bool)
    return _Scan(packets, np.array(columns["duration"], np.int64), corrupt=corrupt, **table)


# Looking into packets

_Look = Callable[[memoryview], tuple[bool, bool]]


def _nal_units(data: memoryview, length_size: int) -> Iterator[memoryview]:
    """Split a packet of h264 or hevc; `length_size` 0 stands for start codes (Annex B)."""
    if length_size:
        at = 0
        while at + length_size < len(data):
            size = int.from_bytes(data[at : at + length_size])
            at += length_size
            yield data[at : at + size]
            at += size
        return
    raw = bytes(data)
    at = raw.find(b"\0\0\1")
    while at >= 0:
        end = raw.find(b"\0\0\1", at + 3)
        yield data[at + 3 : end if end >= 0 else len(data)]
        at = end


def _key_reader(codec: str, extradata: bytes | None) -> _Look | None:
    """Return what tells of a packet marked as key if decoding may start there, and if it shuts.

    Containers mark packets wrongly, so the picture's type is read where it is easy to find. NAL
    unit types are those of ITU-T H.264, table 7-1, and H.265, table 7-1; avcC and hvcC, whose first
    byte is 1, are of ISO/IEC 14496-15.
    """
    boxed = extradata is not None and extradata[:1] == b"\1"
    length_size = 0
    if codec == "h264":
        if boxed and extradata is not None and len(extradata) > 4:
            length_size = (extradata[4] & 3) + 1
        return lambda data: _look_h264(_nal_units(data, length_size))
    if codec == "hevc":
        if boxed and extradata is not None and len(extradata) > 21:
            length_size = (extradata[21] & 3) + 1
        return lambda data: _look_hevc(_nal_units(data, length_size))
    if is_intra := _INTRA.get(codec):
        return lambda data: (is_intra(bytes(data)), False)
    return None


def _look_h264(units: Iterator[memoryview]) -> tuple[bool, bool]:
    recovers = False
    for unit in units:
        kind = unit[0] & 31 if len(unit) else 0
        if kind == 5:  # a slice of an IDR picture
            return True, True
        if kind == 6:
            recovers = recovers or _recovers_at_once(bytes(unit[1:]))
        elif 1 <= kind <= 4:  # a slice of another picture
            break
    return recovers, False


def _look_hevc(units: Iterator[memoryview]) -> tuple[bool, bool]:
    for unit in units:
        kind = unit[0] >> 1 & 63 if len(unit) else 63
        if kind in (19, 20):  # IDR
            return True, True
        if 16 <= kind <= 21:  # BLA, CRA
            return True, False
        if kind < 16:
            break
    return False, False


def _intra_mpeg2(data: bytes) -> bool:
    """ISO/IEC 13818-2, 6.2.3: picture_coding_type after ten bits of temporal_reference."""
    at = data.find(b"\0\0\1\0")
    return 0 <= at < len(data) - 5 and data[at + 5] >> 3 & 7 == 1


def _intra_mpeg4(data: bytes) -> bool:
    """ISO/IEC 14496-2, 6.2.5: vop_coding_type."""
    at = data.find(b"\0\0\1\xb6")
    return 0 <= at < len(data) - 4 and data[at + 4] >> 6 == 0


# From the first bytes of a packet: is the (first) picture in it intra coded?
_INTRA: Final[dict[str, Callable[[bytes], bool]]] = {
    "mpeg1video": _intra_mpeg2,
    "mpeg2video": _intra_mpeg2,
    "mpeg4": _intra_mpeg4,
    "vp8": lambda data: not data[0] & 1,  # RFC 6386, 9.1
    "msmpeg4v2": lambda data: data[0] >> 6 == 0,
    "msmpeg4v3": lambda data: data[0] >> 6 == 0,
    "wmv1": lambda data: data[0] >> 6 == 0,
    "wmv2": lambda data: data[0] >> 7 == 0,
}


def _recovers_at_once(payload: bytes) -> bool:
    """Whether h264's SEI holds a recovery point that is exact from its own picture on.

    ITU-T H.264, 7.3.2.3.1 and D.1.8: recovery_frame_cnt is 0 and exact_match_flag is set.
    """
    data = payload.replace(b"\0\0\3", b"\0\0")
    at = 0
    while at + 2 < len(data):
        kind = size = 0
        while at < len(data) and data[at] == 255:
            kind += 255
            at += 1
        kind += data[at]
        at += 1
        while at < len(data) and data[at] == 255:
            size += 255
            at += 1
        if at >= len(data):
            return False
        size += data[at]
        at += 1
        if kind == 6 and at < len(data):
            return data[at] >> 6 == 3  # ue(v) 0 is the bit 1; then the flag
        at += size
    return False


def _vp8_hides(data: memoryview) -> bool:
    """Whether a VP8 packet is only a reference (RFC 6386, 9.1: the bit show_frame)."""
    return not data[0] & 0x10


def _vp9_hides(data: memoryview) -> bool:
    """Whether a VP9 packet is only a reference (VP9 bitstream specification, 6.2 and annex B)."""
    if data[-1] >> 5 == 6:
        return False  # a superframe: hidden frames together with a shown one
    first = data[0] << (data[0] >> 4 & 3 == 3)  # profile 3 has a reserved bit
    return not first & 8 and not first & 2


# From packets to frames


def _unsettled(scan: _Scan, video: VideoInput) -> int:
    """Return how many of the first packets must be decoded to know what comes of them."""
    count = len(scan.packets)
    if not count:
        return 0
    pts = scan.packets["pts"]
    times = pts[scan.shown]
    context = video.stream.codec_context
    codec = context.codec.canonical_name
    # Two fields in two packets make one frame; MPEG-2's are put together by FFmpeg's parser.
    # (PyAV 18.0 does not tell the order of fields, which may then be any.)
    fields = codec in ("h264", "vc1") and int(getattr(context, "field_order", 2)) > 1
    depth = _reordering(times)
    held = int(context.reorder_depth)
    if (
        scan.corrupt
        or fields
        or (times == NO_TIME).any()
        or len(np.unique(times)) != len(times)
        or depth > held
        or (held and not depth and len(times) > 1)
        or _crosses(scan)
    ):
        return count
    starts = np.flatnonzero(scan.exact)
    trusted_first = len(starts) and starts[0] == 0
    leads = trusted_first and not scan.closed[0] and (times < pts[0]).any()
    if trusted_first and not leads:
        return 0
    if not len(starts):
        # Without a place to start from, only a first packet marked as a key frame is a beginning.
        return 0 if scan.key[0] and not (times < pts[0]).any() else count
    return int(starts[1]) if len(starts) > 1 else count


def _reordering(times: NDArray[np.int64]) -> int:
    """Return how many frames a decoder must hold back to put frames into order."""
    later = np.argsort(times, kind="stable")
    rank = np.empty_like(later)
    rank[later] = np.arange(len(times))
    # A frame is late by those that were decoded before it and are shown after it. The most of them
    # is had by a frame whose rank is lowest against its place.
    depth = 0
    for place in np.flatnonzero(rank < np.maximum.accumulate(rank)).tolist():
        behind = rank[max(0, place - 2 * _DEEPEST_REORDERING) : place] > rank[place]
        depth = max(depth, int(behind.sum()))
        if depth > _DEEPEST_REORDERING:
            break
    return depth


def _crosses(scan: _Scan) -> bool:
    """Whether a frame is shown before one that a closed key frame has shut off."""
    pts = np.where(scan.shown, scan.packets["pts"], NO_TIME)
    latest = np.maximum.accumulate(pts)
    shut = np.flatnonzero(scan.closed & scan.shown)
    shut = shut[shut > 0]
    return bool((pts[shut] < latest[shut - 1]).any())


def _by_time(scan: _Scan, first: int) -> NDArray[np.int32]:
    """Return the packets from `first` on that are shown, by time."""
    shown = np.flatnonzero(scan.shown[first:]) + first
    return shown[np.argsort(scan.packets["pts"][shown], kind="stable")].astype(np.int32)


def _decode_order(video: VideoInput, count: int) -> tuple[NDArray[np.int32], bool]:
    """Decode the first `count` packets; return the carriers of the frames, and if it failed."""
    step = video.stream.codec_context.decode
    carriers: list[int] = []
    failed = False
    number = 0
    try:
        for packet in video.container.demux(video.stream):
            if not packet.size:
                continue
            if number == count:
                break
            packet.pts = number  # comes out again with the frame
            number += 1
            carriers.extend(frame.pts for frame in step(packet) if frame.pts is not None)
    except (av.error.FFmpegError, UnicodeDecodeError):
        failed = True
    with suppress(av.error.FFmpegError):  # what was decoded before an error is kept
        carriers.extend(frame.pts for frame in step(None) if frame.pts is not None)
    return np.array(carriers, np.int32), failed


def _times(
    scan: _Scan, carriers: NDArray[np.int32], period: Fraction
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return times that increase from frame to frame, and durations."""
    pts = scan.packets["pts"][carriers].astype(np.int64)
    durations = scan.durations[carriers]
    if (pts != NO_TIME).all():
        if (np.diff(pts) > 0).all():
            return pts, durations
        # Containers without times for the presentation (AVI) number packets as they are decoded.
        order = np.argsort(pts, kind="stable")
        moved = np.abs(order - np.arange(len(pts))).max()
        if moved <= _DEEPEST_REORDERING and (np.diff(pts[order]) > 0).all():
            return pts[order], durations[order]
    step = max(round(period), 1)
    times = pts.tolist()
    lengths = durations.tolist()
    previous = None
    for number, time in enumerate(times):
        if previous is None:
            known = (i for i, t in enumerate(times) if t != NO_TIME)
            ahead = next(known, None)
            start = 0 if ahead is None else times[ahead] - ahead * step
            times[number] = start if time == NO_TIME else time
        elif time == NO_TIME or time <= previous:
            times[number] = previous + (lengths[number - 1] or step)
        previous = times[number]
    return np.array(times, np.int64), durations


def _entries(scan: _Scan, carriers: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return for each frame the last packet from which decoding gives it exactly.

    That packet must not come after the frame in decoding; nor, unless it is closed, in
    presentation: frames shown before a key frame that they are decoded after (leading frames)
    may need what was decoded before it.
    """
    count = len(scan.packets)
    number = np.full(count, -1, np.int64)
    number[carriers[::-1]] = np.arange(len(carriers))[::-1]
    starts = np.flatnonzero(scan.exact)
    usable = scan.closed[starts] | (number[starts] >= 0)
    if not usable.all() and scan.packets["pts"].min(initial=0) != NO_TIME:
        # An open key frame that is not shown itself still has a place among those that are.
        lost = starts[~usable]
        shown = scan.packets["pts"][carriers]
        if len(shown) and (np.diff(shown) > 0).all():
            number[lost] = np.searchsorted(shown, scan.packets["pts"][lost])
            usable[:] = True
    starts = starts[usable]
    if not len(starts) or starts[0] != 0:
        starts = np.concatenate([[0], starts])  # the start of the stream is always right
    first = np.where(scan.closed[starts] | (starts == 0), 0, number[starts])
    at = np.searchsorted(starts, carriers, "right") - 1
    frames = np.arange(len(carriers))
    while (wrong := first[at] > frames).any():
        at[wrong] -= 1
    return starts[at].astype(np.int32)

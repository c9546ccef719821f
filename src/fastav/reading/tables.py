"""The frames of a video by its container's own tables, for a few reads of a file of any size.

Demuxers of mp4, mov and avi make a table of all packets when they open a file: when each is to be
decoded, where it lies, how large it is, and whether it is a key frame, edit lists applied. What it
lacks (when packets are presented, how long they last) the file's boxes tell. Of Matroska's large
packets the headers of their blocks make such a table. It is believed where it agrees with the
packets at both ends of the file, and with every packet that is read later on.
"""

from __future__ import annotations

import threading
from bisect import bisect_right, insort
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from ..errors import DecodeError
from ..ffmpeg_errors import clear_error
from ..pyav import file_size, first_rate, fraction, has_side_data, reorder_depth
from .bitstream import hidden_reader, key_reader, whole_reader
from .boxes import Samples, read_samples
from .decode import packets
from .ebml import read_blocks
from .index import MATROSKA, MOV, NO_TIME, PACKET, FrameIndex, Timeline
from .input import VideoInput
from .scan import (
    LASTING,
    Scan,
    by_time,
    crossing,
    entries,
    packet_digest,
    trusts_keys,
    unsettled,
    until_next,
)
from .source import Source

if TYPE_CHECKING:
    Packet = av.Packet[av.VideoStream]

__all__ = ["Outline", "read_outline"]

# Matroska's packets of so many bytes are dearer to read than to go past.
_LARGE: Final = 1 << 14

# At each end of the file so many packets are compared with the table, or fewer of so many bytes.
_COMPARED: Final = 24
_COMPARED_BYTES: Final = 1 << 18

# So many of the demuxer's entries are looked at, at each end and between them, of tables that the
# boxes tell of just as well; it is slow to hand them out.
_LOOKED_AT: Final = 64

# So much of a key frame's packet tells what kind it is, as a rule; if not, all of it does.
_HEAD: Final = 1 << 12

# Between an AVI's chunks there may be others in so many places, for which the file is read.
_MOST_GAPS: Final = 1 << 12
_GAP: Final = 1 << 10

# FFmpeg's flags of index entries (libavformat/avformat.h).
_KEY, _DISCARD = 1, 2


class Outline(Timeline):
    """An index whose `entries` are looked up one by one, when they are asked for.

    Attributes are those of :class:`FrameIndex`, but for `entries`; `starts` are all packets marked
    as key frames. Thread-safe.
    """

    decoded: Final = 0
    proved: Final = False
    damaged: Final = False

    def __init__(self, video: VideoInput, scan: Scan, data: NDArray[np.int64]) -> None:
        context = video.stream.codec_context
        self.codec: str = context.codec.canonical_name
        self.file_size: int = file_size(video.container)
        self.stream: int = video.stream.index
        self.time_base: Fraction = fraction(video.stream.time_base) or Fraction(1)
        self.packets: NDArray[np.void] = scan.packets
        self.carriers: NDArray[np.int32] = by_time(scan, 0)
        self.pts: NDArray[np.int64] = scan.packets["pts"][self.carriers].astype(np.int64)
        self.durations: NDArray[np.int64] = scan.durations[self.carriers]
        if video.container.format.name == MOV:
            self.durations = until_next(self.pts, self.durations)
        self.keys: NDArray[np.bool_] = scan.key[self.carriers]
        for column in (self.pts, self.durations, self.keys, self.carriers, self.packets):
            column.flags.writeable = False
        self._source = video.source
        self._scan = scan
        self._data = data
        self._look = key_reader(self.codec, context.extradata)
        self.starts: NDArray[np.int32] = np.flatnonzero(scan.key).astype(np.int32)
        self._starts: list[int] = self.starts.tolist()
        self._looked: set[int] = set()
        self._lock = threading.Lock()
        self._complete: FrameIndex | None = None

    def entry(self, number: int) -> int:
        """Return the packet to start decoding from to get a frame exactly."""
        carrier = int(self.carriers[number])
        for at in range(bisect_right(self._starts, carrier) - 1, -1, -1):
            start = self._starts[at]
            exact, closed = self._kind(start)
            if exact and (closed or self._place(start) <= number):
                return start
        return 0

    def _kind(self, start: int) -> tuple[bool, bool]:
        """Tell of a key frame's packet whether decoding may start there, and whether it shuts."""
        with self._lock:
            scan = self._scan
            if self._look is not None and start not in self._looked:
                pos, size = int(self._data[start]), int(scan.packets["size"][start])
                kind = self._look(memoryview(self._read(pos, min(size, _HEAD))))
                if not kind[1] and size > _HEAD:
                    kind = self._look(memoryview(self._read(pos, size)))
                scan.exact[start] &= kind[0]
                scan.closed[start] = kind[1]
                self._looked.add(start)
            return bool(scan.exact[start]), bool(scan.closed[start])

    def _read(self, pos: int, size: int) -> bytes:
        return self._source.read_at(pos, size) or b""

    def _place(self, start: int) -> int:
        """Return the number of the frame shown by a packet, or of the one shown after it."""
        return int(np.searchsorted(self.pts, self.packets["pts"][start]))

    def settled(self, video: VideoInput) -> bool:
        """Whether packets alone tell the frames."""
        scan = self._scan
        for start in {0, *crossing(scan, scan.key).tolist()}:
            self._kind(start)
        return scan.exact[0] == scan.exact.any() and not unsettled(scan, video)

    def complete(self) -> FrameIndex:
        """Look all entries up, and return the index as a value that needs its file no more."""
        if self._complete is None:
            for start in self._starts:
                self._kind(start)
            self._complete = FrameIndex(
                time_base=self.time_base,
                pts=self.pts,
                durations=self.durations,
                keys=self.keys,
                carriers=self.carriers,
                entries=entries(self._scan, self.carriers),
                packets=self.packets,
                decoded=0,
                file_size=self.file_size,
                stream=self.stream,
                codec=self.codec,
                digest=packet_digest(self._source, self.packets) or b"",
            )
        return self._complete


def read_outline(video: VideoInput) -> Outline | None:
    """Make an outline of a video by its container's tables.

    Parameters
    ----------
    video : VideoInput
        Opened and not yet read from. A few packets of it are read.

    Returns
    -------
    Outline or None
        None where the container has no such tables, or they prove wrong or do not tell all. The
        video is closed then, if it was read from.

    Raises
    ------
    OSError
        The file or the server cannot be read on.
    """
    if video.stream.codec_context.codec.canonical_name is None:
        return None
    try:
        table = _read_table(video)
        if table is None or not len(table.packets):
            return None
        table = _without_hidden(video, table)
        if table is None:
            return None
        scan = _verified(video, table)
        if scan is not None:
            data = scan.packets["pos"] if table.data is None else table.data
            outline = Outline(video, scan, data)
            if outline.settled(video):
                return outline
    except (DecodeError, LookupError):
        pass  # reading the whole file meets the same error, and handles it
    except av.error.FFmpegError as error:
        clear = clear_error(error, f"reading {video.source.name!r} failed", remote=True)
        if isinstance(clear, OSError):
            raise clear from error
    video.close()
    return None


class _Table(NamedTuple):
    """What tables say of the packets; times of presentation may lack a constant yet."""

    packets: NDArray[np.void]
    durations: NDArray[np.int64] | None
    key: NDArray[np.bool_]
    shown: NDArray[np.bool_]
    data: NDArray[np.int64] | None = None  # where packets begin, if not at their places


def _read_table(video: VideoInput) -> _Table | None:
    """Put together what the demuxer and the boxes know; nothing of the video is read for it."""
    if video.container.format.name == MATROSKA:
        return _headers(video)
    given = getattr(video.stream, "index_entries", None)  # of newer PyAV
    if not given:
        return None
    durations: NDArray[np.int64] | None = None
    container = video.container.format.name
    if container == MOV:
        samples = _samples(video)
        if samples is None:
            return None
        found = _by_few_entries(given, samples) or _by_all_entries(given, samples)
        if found is None:
            return None
        packets, flags, durations = found
    elif container == "avi" and not reorder_depth(video.stream.codec_context) and _chained(video):
        packets, flags = _entries(given[:])
    else:
        return None
    if int((packets["pos"] + packets["size"]).max(initial=0)) > file_size(video.container):
        return None
    full = packets["size"] > 0
    if not full.all():
        packets, flags = packets[full], flags[full]
        durations = None if durations is None else durations[full]
    return _Table(packets, durations, (flags & _KEY) != 0, (flags & _DISCARD) == 0)


def _without_hidden(video: VideoInput, table: _Table) -> _Table | None:
    """Find packets that are only referred to, by their first and last bytes.

    None where that is not cheaper than to read all of them.
    """
    hides = hidden_reader(video.stream.codec_context.codec.canonical_name)
    if hides is None:
        return table
    source, size = video.source, table.packets["size"]
    if not source.local or source.read_at(0, 1) is None or size.mean() < _LARGE:
        return None
    begin = table.packets["pos"] if table.data is None else table.data
    with source.reading() as read_at:
        hidden = [
            hides(memoryview(read_at(first, 1) + read_at(last, 1)))
            for first, last in zip(begin.tolist(), (begin + size - 1).tolist(), strict=True)
        ]
    return table._replace(shown=table.shown & ~np.array(hidden, np.bool_))


def _entries(found: list[Any]) -> tuple[NDArray[np.void], NDArray[np.int64]]:
    """Make a table of the demuxer's entries, and of their flags."""
    packets = np.empty(len(found), PACKET)
    for name, attribute in (("dts", "timestamp"), ("pos", "pos"), ("size", "size")):
        packets[name] = list(map(attrgetter(attribute), found))
    packets["pts"] = packets["dts"]
    return packets, np.array(list(map(attrgetter("flags"), found)), np.int64)


_Entries = tuple[NDArray[np.void], NDArray[np.int64], NDArray[np.int64]]
"""Packets, flags, durations."""


def _by_few_entries(given: Any, samples: Samples) -> _Entries | None:
    """Tell from a few of the demuxer's entries that they are just the samples, one by one.

    With one edit at most they are samples that follow each other: if they are as many, all of them.
    The demuxer discards of them what is shown before the edit begins or after it has ended. None
    where that does not explain the entries that are looked at.
    """
    count, duration = len(samples.pos), samples.duration
    if samples.fragmented or samples.key is None or samples.edits > 1 or len(given) != count:
        return None
    ends = np.arange(min(_LOOKED_AT, count))
    between = np.linspace(0, count - 1, _LOOKED_AT).astype(np.intp)
    looked = np.unique(np.concatenate([ends, between, count - 1 - ends]))
    found, seen = _entries([given[at] for at in looked.tolist()])
    packets = np.empty(count, PACKET)
    packets["dts"] = dts = samples.dts + (found["dts"][0] - samples.dts[0])
    packets["pts"], packets["pos"], packets["size"] = dts, samples.pos, samples.size
    flags = np.where(samples.key, _KEY, 0)
    if (
        not np.array_equal(packets[looked], found)
        or not np.array_equal(flags[looked], seen & _KEY)
        or not _possible(duration)
    ):
        return None
    packets["pts"] = pts = dts + samples.offset
    # An edit is one stretch of time: what lies between two samples that it shows is shown.
    shown = pts[looked[seen & _DISCARD == 0]]
    others = np.delete(pts, looked)
    if len(others) and (not len(shown) or others.min() < shown.min() or others.max() > shown.max()):
        return None
    flags[looked] = seen
    return packets, flags, duration


def _by_all_entries(given: Any, samples: Samples) -> _Entries | None:
    """Complete the demuxer's entries by the samples that they are."""
    packets, flags = _entries(given[:])
    if samples.fragmented and len(samples.pos) > len(packets):
        # Fragments that a segment index tells of are not gone through by the demuxer at first.
        packets, flags = _continued(packets, flags, samples)
    matched = _match(samples, packets)
    if matched is None:
        return None
    offset, durations = matched
    packets["pts"] += offset
    return packets, flags, durations


def _possible(duration: NDArray[np.int64]) -> bool:
    """Whether durations are those of packets; FFmpeg corrects others."""
    return bool(((duration > 0) & (duration < 1 << 31)).all())


def _headers(video: VideoInput) -> _Table | None:
    """Go from block to block of a Matroska file, where that is cheaper than reading them."""
    source, stream = video.source, video.stream
    rate, length = first_rate(stream.average_rate), video.container.duration
    size = file_size(video.container)
    if not source.local or not rate or not length:
        return None
    if size < _LARGE * rate * length / av.time_base or source.read_at(0, 1) is None:
        return None
    with source.reading() as read_at:
        blocks = read_blocks(read_at, stream.index, size)
    if blocks is None:
        return None
    packets = np.empty(len(blocks.pos), PACKET)
    packets["pts"], packets["pos"], packets["size"] = blocks.pts, blocks.pos, blocks.size
    packets["dts"] = _decoding_times(blocks.pts, reorder_depth(stream.codec_context))
    return _Table(
        packets, blocks.duration, blocks.key, np.ones(len(packets), np.bool_), blocks.data
    )


def _decoding_times(pts: NDArray[np.int64], depth: int) -> NDArray[np.int64]:
    """Give packets the times of decoding that FFmpeg gives them, where a container has none.

    Each is the earliest time that a decoder which holds back `depth` frames could show next.
    """
    held = [int(NO_TIME)] * depth
    dts = []
    for time in pts.tolist():
        insort(held, time)
        dts.append(held.pop(0))
    return np.array(dts, np.int64)


def _chained(video: VideoInput) -> bool:
    """Whether an AVI's index leaves out no chunk of the stream.

    Chunks follow each other. What lies between those that the index tells of has to be something
    else, by its own header. (Microsoft's "AVI RIFF File Reference", and OpenDML's extensions.)
    """
    source, stream = video.source, b"%02d" % video.stream.index
    chunks = [
        (entry.pos, entry.size)
        for each in video.container.streams
        for entry in each.index_entries[:]
    ]
    begins, sizes = np.array(sorted(chunks), np.int64).T
    ends = begins + 8 + sizes + sizes % 2
    gaps = np.flatnonzero(ends[:-1] != begins[1:])
    if len(gaps) > _MOST_GAPS:
        return False
    stop = file_size(video.container)
    between = [*zip(ends[gaps].tolist(), begins[gaps + 1].tolist(), strict=True)]
    return all(
        _nothing_between(source, stream, at, end, stop)
        for at, end in [*between, (int(ends[-1]), stop)]
    )


def _nothing_between(source: Source, stream: bytes, at: int, end: int, stop: int) -> bool:
    """Whether chunks in a part of an AVI are of other streams or empty, and fill it."""
    begin, data = at, b""
    while at < end:
        if at + 8 > begin + len(data):
            begin, data = at, source.read_at(at, min(end - at, _GAP)) or b""
        header = data[at - begin : at - begin + 8]
        if len(header) < 8:
            return False
        size = int.from_bytes(header[4:], "little")
        if header[:2] == stream and size:
            return False
        size = 4 if header[:4] in (b"RIFF", b"LIST") else size
        at += 8 + size + size % 2
    return at == end or end == stop


def _samples(video: VideoInput) -> Samples | None:
    source = video.source
    if source.read_at(0, 1) is None:
        return None
    return read_samples(
        lambda at, size: source.read_at(at, size) or b"", video.stream.id, not source.remote
    )


def _continued(
    packets: NDArray[np.void], flags: NDArray[np.int64], samples: Samples
) -> tuple[NDArray[np.void], NDArray[np.int64]]:
    """Go on, from the packets that the demuxer knows, by what the fragments say of the rest."""
    known = len(packets)
    more = np.empty(len(samples.pos), PACKET)
    more["pos"], more["size"] = samples.pos, samples.size
    more["dts"] = samples.dts + (int(packets["dts"][0]) - int(samples.dts[0]))
    more["pts"] = more["dts"]
    more[:known] = packets
    assert samples.key is not None
    keys = np.where(samples.key, _KEY, 0)
    keys[:known] = flags
    return more, keys


def _match(
    samples: Samples, packets: NDArray[np.void]
) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Find, for each packet that the demuxer knows, the sample that the boxes tell of."""
    if not len(samples.pos):
        return None
    pos = packets["pos"]
    at = np.arange(len(pos))
    if not (
        np.array_equal(pos, samples.pos)
        and np.array_equal(np.diff(packets["dts"]), samples.duration[:-1])
    ):
        # An edit list left samples out, or repeats them; each is known by its place.
        order = np.argsort(samples.pos, kind="stable")
        placed = samples.pos[order]
        if not (np.diff(placed) > 0).all():
            return None
        at = order[np.minimum(np.searchsorted(placed, pos), len(placed) - 1)]
    duration = samples.duration[at]
    if (
        not np.array_equal(pos, samples.pos[at])
        or not np.array_equal(packets["size"], samples.size[at])
        or not _possible(duration)
    ):
        return None
    return samples.offset[at], duration


def _verified(video: VideoInput, table: _Table) -> Scan | None:
    """Compare the table with packets at both ends of the file, and complete it by them.

    The table's places and its times of presentation may each be off by a constant; the first packet
    tells both constants.
    """
    head = list(_some(video, 0))
    if not head or head[0].pts is None or head[0].pos is None:
        return None
    rows, first = table.packets, head[0]
    rows["pts"] += first.pts - rows["pts"][0]
    rows["pos"] += first.pos - rows["pos"][0]
    durations = table.durations
    if durations is None:
        durations = np.full(len(rows), first.duration or 0, np.int64)
    codec = video.stream.codec_context.codec
    trusted = trusts_keys(codec) or key_reader(codec.canonical_name, None) is not None
    scan = Scan(
        rows,
        durations,
        key=table.key,
        shown=table.shown,
        exact=table.key & trusted,
        closed=np.zeros(len(rows), bool),
        corrupt=False,
    )
    if not _agree(scan, 0, head, codec.canonical_name):
        return None
    last = int(np.flatnonzero(table.key)[-1]) if table.key.any() else 0
    # (The end of a URL is not compared: that would take as long as reading a frame.)
    if last >= len(head) and not video.source.remote:
        video.container.seek(int(rows["dts"][last]), stream=video.stream)
        tail = list(_some(video, last))
        at = np.flatnonzero(rows["pos"] == tail[0].pos) if tail else rows["pos"][:0]
        if len(at) != 1 or not _agree(scan, int(at[0]), tail, codec.canonical_name):
            return None
    return scan


def _some(video: VideoInput, start: int) -> Iterator[Packet]:
    """Read on for a few packets, and not for many bytes."""
    size = 0
    for packet in islice(packets(video), _COMPARED):
        size += packet.size
        yield packet
        if size > _COMPARED_BYTES:
            return


def _agree(scan: Scan, start: int, read: list[Packet], codec: str) -> bool:
    """Whether packets that were read are those of the table from `start` on.

    Where a container has no times of decoding, FFmpeg has none yet for packets after a seek.
    """
    hides = hidden_reader(codec) or (lambda data: False)
    is_whole = whole_reader(codec) or (lambda data: True)
    said = scan.packets[start : start + len(read)]
    durations, keys, shown = scan.durations[start:], scan.key[start:], scan.shown[start:]
    return len(said) == len(read) and all(
        (packet.pts, packet.pos, packet.size) == (row[0], row[2], row[3])
        and (packet.dts == row[1] or (packet.dts is None and (start or row[1] == NO_TIME)))
        and packet.duration == durations[at]
        and packet.is_keyframe == keys[at]
        and (packet.is_discard or hides(memoryview(packet))) != shown[at]
        and not packet.is_corrupt
        and is_whole(memoryview(packet))
        and not any(has_side_data(packet, kind) for kind in LASTING)
        for at, (packet, row) in enumerate(zip(read, said.tolist(), strict=True))
    )

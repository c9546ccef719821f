"""Matroska and WebM: what their blocks' headers say of each packet, without reading any.

Elements and their fields are those of RFC 8794 (EBML) and RFC 9559 (Matroska).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .boxes import ReadAt

__all__ = ["Blocks", "read_blocks"]

# So much is read at once: the header of a block, and some small blocks of other tracks.
_WINDOW: Final = 512

# A block's element before what is in it: an ID, a size, the track, the time, flags.
_HEADER: Final = 4 + 8 + 8 + 3

_EBML, _SEGMENT, _INFO, _TRACKS = 0x1A45DFA3, 0x18538067, 0x1549A966, 0x1654AE6B
_CUES, _CLUSTER = 0x1C53BB6B, 0x1F43B675
_BESIDE: Final = frozenset(
    {
        *(0x114D9B74, 0x1043A770, 0x1941A469),  # SeekHead, Chapters, Attachments
        *(0x1254C367, 0xEC, 0xBF),  # Tags, Void, CRC-32
    }
)
_TIMESTAMP_SCALE, _TRACK_ENTRY, _TRACK_NUMBER, _TRACK_TYPE = 0x2AD7B1, 0xAE, 0xD7, 0x83
_DEFAULT_DURATION, _CONTENT_ENCODINGS, _TRACK_SCALE = 0x23E383, 0x6D80, 0x23314F
_TIMESTAMP, _SIMPLE_BLOCK, _BLOCK_GROUP = 0xE7, 0xA3, 0xA0
_IN_CLUSTER: Final = frozenset({0xA7, 0xAB, 0xEC, 0xBF})  # Position, PrevSize, Void, CRC-32
_BLOCK, _BLOCK_DURATION, _REFERENCE = 0xA1, 0x9B, 0xFB
_IN_GROUP: Final = frozenset({0xEE, 0xFA, 0xEC, 0xBF})  # DeprecatedBlockAddID, ReferencePriority

# Types of tracks that FFmpeg makes streams of: video, audio, subtitles, metadata.
_VIDEO: Final = 1
_STREAMS: Final = frozenset({_VIDEO, 2, 17, 33})

# Of a block's flags.
_KEY, _LACING = 0x80, 0x06


class Blocks(NamedTuple):
    """The blocks of a track as they follow each other, as arrays; times in the segment's units."""

    pos: NDArray[np.int64]  # of the block, behind its element's header
    data: NDArray[np.int64]  # where the packet in it begins
    size: NDArray[np.int64]
    pts: NDArray[np.int64]
    duration: NDArray[np.int64]
    key: NDArray[np.bool_]


class _Unclear(Exception):
    """The elements contradict each other, or hold what is not understood here."""


def read_blocks(read_at: ReadAt, stream: int, file_size: int) -> Blocks | None:
    """Go from block to block of a file, reading their headers.

    Parameters
    ----------
    read_at : callable
        Reads bytes of the file.
    stream : int
        Number of a video track among those that are streams to FFmpeg.
    file_size : int
        Bytes of the file.

    Returns
    -------
    Blocks or None
        None where anything is unusual: elements of unknown size, lacing, encodings, no cues
        (without which nothing can be sought), no durations, elements that are not known or do not
        fit.
    """
    try:
        return _read(_Window(read_at), stream, file_size)
    except (_Unclear, IndexError, ValueError, OverflowError):
        return None  # the file ends; there are fewer tracks, more segments; enormous numbers


class _Window:
    """Bytes of a file that are read a little at a time."""

    def __init__(self, read_at: ReadAt) -> None:
        self._read_at = read_at
        self._begin, self._data = 0, b""

    def bytes(self, at: int, size: int) -> bytes:
        """Read bytes, fewer where the file ends."""
        begin = at - self._begin
        if not 0 <= begin <= len(self._data) - size:
            self._begin, self._data, begin = at, self._read_at(at, max(size, _WINDOW)), 0
        return self._data[begin : begin + size]

    def number(self, at: int, size: int) -> int:
        """Read an unsigned integer."""
        data = self.bytes(at, size)
        if size > 8 or len(data) != size:
            raise _Unclear
        return int.from_bytes(data)

    def elements(self, at: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Go from element to element, which must fill their parent.

        Yields the ID of each, where its content begins, and where that ends.
        """
        while at < end:
            header = self.bytes(at, _HEADER)
            length = 9 - header[0].bit_length()
            kind = int.from_bytes(header[:length])
            size, start = _integer(header, length)
            at += start
            stop = at + size
            if stop > end:
                raise _Unclear
            yield kind, at, stop
            at = stop


def _integer(data: bytes, at: int) -> tuple[int, int]:
    """Read an integer of variable length, and tell where it ends."""
    length = 9 - data[at].bit_length()
    end = at + length
    most = (1 << 7 * length) - 1
    number = int.from_bytes(data[at:end]) & most
    if number == most or length > 8 or end > len(data):  # all ones: unknown
        raise _Unclear
    return number, end


class _Track(NamedTuple):
    number: int
    known: frozenset[int]  # numbers of all tracks
    duration: int  # in nanoseconds; 0: not told


def _read(file: _Window, stream: int, file_size: int) -> Blocks:
    (kind, _, _), (segment, begin, end) = file.elements(0, file_size)
    if (kind, segment) != (_EBML, _SEGMENT):
        raise _Unclear
    track: _Track | None = None
    cues, scale = False, 1_000_000
    rows: list[tuple[int, int, int, int, int, bool]] = []
    for kind, at, stop in file.elements(begin, end):
        if kind == _CLUSTER:
            if track is None:
                raise _Unclear
            _cluster(file, at, stop, track, rows)
        elif kind == _TRACKS:
            if track is not None:
                raise _Unclear
            track = _track(file, at, stop, stream)
        elif kind == _CUES:
            cues = True
        elif kind == _INFO:
            for inner, inner_at, inner_stop in file.elements(at, stop):
                if inner == _TIMESTAMP_SCALE:
                    scale = file.number(inner_at, inner_stop - inner_at)
        elif kind not in _BESIDE:
            raise _Unclear
    if not cues or not rows or track is None:
        raise _Unclear
    pos, data, size, pts, duration, key = np.array(rows, np.int64).T
    usual = track.duration // scale if scale else 0
    duration = np.where(duration == 0, usual, duration)
    if (duration <= 0).any():
        raise _Unclear  # FFmpeg guesses it
    return Blocks(pos, data, size, pts, duration, key != 0)


def _track(file: _Window, at: int, end: int, stream: int) -> _Track:
    """Find a track among those that are streams."""
    tracks, numbers = [], set()
    for kind, begin, stop in file.elements(at, end):
        if kind == _TRACK_ENTRY:
            told = {kind: (at, stop - at) for kind, at, stop in file.elements(begin, stop)}
            if not {_TRACK_NUMBER, _TRACK_TYPE} <= told.keys():
                raise _Unclear
            numbers.add(file.number(*told[_TRACK_NUMBER]))
            if file.number(*told[_TRACK_TYPE]) in _STREAMS:
                tracks.append(told)
    told = tracks[stream]
    if (
        file.number(*told[_TRACK_TYPE]) != _VIDEO
        or _CONTENT_ENCODINGS in told
        or _TRACK_SCALE in told
    ):
        raise _Unclear
    duration = file.number(*told[_DEFAULT_DURATION]) if _DEFAULT_DURATION in told else 0
    return _Track(file.number(*told[_TRACK_NUMBER]), frozenset(numbers), duration)


def _cluster(
    file: _Window,
    at: int,
    end: int,
    track: _Track,
    rows: list[tuple[int, int, int, int, int, bool]],
) -> None:
    """Add the blocks of a track in a cluster."""
    time: int | None = None
    for kind, begin, stop in file.elements(at, end):
        duration, key = 0, None
        if kind == _BLOCK_GROUP:
            begin, stop, duration, key = _group(file, begin, stop, track.number)
        elif kind == _TIMESTAMP and time is None:
            time = file.number(begin, stop - begin)
            continue
        elif kind != _SIMPLE_BLOCK:
            if kind not in _IN_CLUSTER:
                raise _Unclear
            continue
        head = file.bytes(begin, 11)
        number, at = _integer(head, 0)
        if number != track.number:
            if number not in track.known:
                raise _Unclear
            continue
        data, flags = begin + at + 3, head[at + 2]
        if time is None or flags & _LACING or data >= stop:
            raise _Unclear
        pts = time + int.from_bytes(head[at : at + 2], signed=True)
        if pts < 0:
            raise _Unclear
        if key is None:
            key = bool(flags & _KEY)
        rows.append((begin, data, stop - data, pts, duration, key))


def _group(file: _Window, at: int, end: int, track: int) -> tuple[int, int, int, bool]:
    """Read a group: where its block is, how long that lasts, and whether it refers to none."""
    block, duration, key, strange = (0, 0), 0, True, False
    for kind, begin, stop in file.elements(at, end):
        if kind == _BLOCK and not block[1]:
            block = begin, stop
        elif kind == _BLOCK_DURATION:
            duration = file.number(begin, stop - begin)
        elif kind == _REFERENCE:
            key = False
        elif kind not in _IN_GROUP:
            strange = True
    if not block[1] or (strange and _integer(file.bytes(block[0], 8), 0)[0] == track):
        raise _Unclear
    return *block, duration, key

"""ISO base media files (mp4, mov, 3gp): what their boxes say of each sample, without reading any.

Boxes and their fields are those of ISO/IEC 14496-12; QuickTime's files are built alike.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["ReadAt", "Samples", "read_samples"]

ReadAt = Callable[[int, int], bytes]
"""``read_at(offset, size)`` gives bytes of the file; fewer where it ends."""

# A moov box or a number of samples beyond these is damage, and would only fill memory.
_LARGEST_MOOV: Final = 1 << 30
_MOST_SAMPLES: Final = 1 << 24

# FFmpeg takes a composition offset this large for damage, and forgets all of them.
_LARGEST_OFFSET: Final = 1 << 28


class Samples(NamedTuple):
    """The samples of a track in decoding order, as arrays; times in units of the track's own."""

    pos: NDArray[np.int64]
    size: NDArray[np.int64]
    duration: NDArray[np.int64]
    offset: NDArray[np.int64]  # of presentation from decoding


class _Unclear(Exception):
    """The boxes contradict each other, or hold what is not understood here."""


def read_samples(read_at: ReadAt, track: int) -> Samples | None:
    """Read the sample tables of a track.

    Parameters
    ----------
    read_at : callable
        Reads bytes of the file.
    track : int
        The track's ID.

    Returns
    -------
    Samples or None
        None where the file has no such tables, or they leave room for doubt: they contradict each
        other, more than one sample description is in use, or a box is missing.
    """
    try:
        moov = _find_moov(read_at)
        for kind, trak in _boxes(moov):
            if kind == b"trak" and _track_id(trak) == track:
                return _samples(_only(trak, b"mdia", b"minf", b"stbl"))
    except (_Unclear, struct.error, ValueError, OverflowError):
        pass  # ValueError is NumPy's, of a table that is longer than its box
    return None


def _find_moov(read_at: ReadAt) -> memoryview:
    """Go from box to box, reading only their headers, and return the movie box's content."""
    at = 0
    while True:
        header = read_at(at, 16)
        size, kind = struct.unpack_from(">I4s", header)
        start = 8
        if size == 1:  # a 64-bit size follows
            (size,) = struct.unpack_from(">Q", header, 8)
            start = 16
        if kind == b"moov":
            if not start <= size <= _LARGEST_MOOV:
                raise _Unclear
            data = read_at(at + start, size - start)
            if len(data) != size - start:
                raise _Unclear
            return memoryview(data)
        if size < start:  # 0: up to the end of the file
            raise _Unclear
        at += size


def _boxes(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Split a box's content into the boxes in it."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        start = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, at + 8)
            start = 16
        elif size == 0:
            size = len(data) - at
        if not start <= size <= len(data) - at:
            raise _Unclear
        yield kind, data[at + start : at + size]
        at += size


def _only(data: memoryview, *path: bytes) -> memoryview:
    """Descend through boxes of which there must be one each."""
    for wanted in path:
        found = [body for kind, body in _boxes(data) if kind == wanted]
        if len(found) != 1:
            raise _Unclear
        data = found[0]
    return data


def _track_id(trak: memoryview) -> int:
    header = _only(trak, b"tkhd")
    (track,) = struct.unpack_from(">I", header, 20 if header[0] == 1 else 12)
    return int(track)


def _table(box: memoryview, *fields: str, skip: int = 0) -> list[NDArray[np.int64]]:
    """Read a full box's table: a count of entries, then entries of some fields, as columns."""
    (count,) = struct.unpack_from(">I", box, 4 + skip)
    dtype = np.dtype([(str(number), kind) for number, kind in enumerate(fields)])
    rows = np.frombuffer(box, dtype, count, offset=8 + skip)
    return [rows[name].astype(np.int64) for name in dtype.names or ()]


def _spread(counts: NDArray[np.int64], values: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Give each of `total` samples its value, of runs that must come out even."""
    if (counts < 0).any() or int(counts.sum()) != total:
        raise _Unclear
    return np.repeat(values, counts)


def _samples(stbl: memoryview) -> Samples:
    boxes: dict[bytes, memoryview] = {}
    for kind, body in _boxes(stbl):
        if boxes.setdefault(kind, body) is not body:
            raise _Unclear
    try:
        size = _sizes(boxes)
        pos = _positions(boxes, size)
        counts, lengths = _table(boxes[b"stts"], ">u4", ">u4")
    except KeyError:
        raise _Unclear from None
    duration = _spread(counts, lengths, len(size))
    if b"ctts" in boxes:
        # Signed in version 1, and by all practice in version 0 as well.
        counts, offsets = _table(boxes[b"ctts"], ">u4", ">i4")
        offset = _spread(counts, offsets, len(size))
        if (np.abs(offset) >= _LARGEST_OFFSET).any():
            raise _Unclear
    else:
        offset = np.zeros(len(size), np.int64)
    return Samples(pos, size, duration, offset)


def _sizes(boxes: dict[bytes, memoryview]) -> NDArray[np.int64]:
    if b"stz2" in boxes:
        bits, count = boxes[b"stz2"][7], struct.unpack_from(">I", boxes[b"stz2"], 8)[0]
        if bits == 4:
            halves = np.frombuffer(boxes[b"stz2"], np.uint8, (count + 1) // 2, offset=12)
            return np.stack([halves >> 4, halves & 15], 1).ravel()[:count].astype(np.int64)
        kind = {8: ">u1", 16: ">u2"}.get(bits)
        if kind is None:
            raise _Unclear
        return _table(boxes[b"stz2"], kind, skip=4)[0]
    box = boxes[b"stsz"]
    same, count = struct.unpack_from(">II", box, 4)
    if not same:
        return _table(box, ">u4", skip=4)[0]
    if count > _MOST_SAMPLES:
        raise _Unclear
    return np.full(count, same, np.int64)


def _positions(boxes: dict[bytes, memoryview], size: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each sample lies: chunks lie somewhere, samples follow each other in a chunk."""
    if b"co64" in boxes:
        (chunks,) = _table(boxes[b"co64"], ">i8")
    else:
        (chunks,) = _table(boxes[b"stco"], ">u4")
    first, samples, description = _table(boxes[b"stsc"], ">u4", ">u4", ">u4")
    if len(np.unique(description)) > 1 or (len(first) and first[0] != 1):
        raise _Unclear
    each = np.diff(np.append(first, len(chunks) + 1))
    per_chunk = _spread(each, samples, len(chunks))
    number = np.repeat(np.arange(len(chunks)), np.minimum(per_chunk, len(size)))[: len(size)]
    if len(number) != len(size):
        raise _Unclear
    ends = np.cumsum(size)
    starts = ends - size
    opening = np.flatnonzero(np.diff(number, prepend=-1))  # the first sample of each chunk
    within = starts - np.repeat(starts[opening], np.diff(np.append(opening, len(size))))
    return chunks[number] + within

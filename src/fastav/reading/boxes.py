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
    dts: NDArray[np.int64]
    duration: NDArray[np.int64]
    offset: NDArray[np.int64]  # of presentation from decoding
    key: NDArray[np.bool_] | None  # sync samples; None where more is said of them
    fragmented: bool
    edits: int  # how often an edit list goes to some place of the media


class _Unclear(Exception):
    """The boxes contradict each other, or hold what is not understood here."""


def read_samples(read_at: ReadAt, track: int, fragments: bool) -> Samples | None:
    """Read the sample tables of a track.

    Parameters
    ----------
    read_at : callable
        Reads bytes of the file.
    track : int
        The track's ID.
    fragments : bool
        Whether the file may be gone through for movie fragments, a few reads each.

    Returns
    -------
    Samples or None
        None where the file has no such tables, or they leave room for doubt: they contradict each
        other, more than one sample description is in use, or a box is missing.
    """
    try:
        moov: memoryview | None = None
        for kind, at, start, size in _top_level(read_at):
            if kind == b"moov":
                moov = _content(read_at, at + start, size - start)
                break
        if moov is None:
            return None
        inside = [body for kind, body in _boxes(moov) if kind == b"trak"]
        trak = next(body for body in inside if _track_id(body) == track)
        stbl = _only(trak, b"mdia", b"minf", b"stbl")
        if all(kind != b"mvex" for kind, _ in _boxes(moov)):
            return _samples(stbl)._replace(edits=_edits(trak))
        return _fragments(read_at, moov, track) if fragments and not len(_sizes(stbl)) else None
    except (_Unclear, StopIteration, KeyError, struct.error, ValueError, OverflowError):
        return None  # ValueError is NumPy's, of a table that is longer than its box


def _top_level(read_at: ReadAt) -> Iterator[tuple[bytes, int, int, int]]:
    """Go from box to box: kind, place, length of the header, length in all."""
    at = 0
    while len(header := read_at(at, 16)) >= 8:
        size, kind = struct.unpack_from(">I4s", header)
        start = 8
        if size == 1:  # a 64-bit size follows
            (size,) = struct.unpack_from(">Q", header, 8)
            start = 16
        if size < start:  # 0: up to the end of the file
            return
        yield kind, at, start, size
        at += size


def _content(read_at: ReadAt, at: int, size: int) -> memoryview:
    if size > _LARGEST_MOOV:
        raise _Unclear
    data = read_at(at, size)
    if len(data) != size:
        raise _Unclear
    return memoryview(data)


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


def _edits(trak: memoryview) -> int:
    """Count the edits of a track that show some of its media."""
    count = 0
    for kind, edts in _boxes(trak):
        if kind == b"edts":
            elst = _only(edts, b"elst")
            fields = (">i8", ">i8") if elst[0] == 1 else (">i4", ">i4")
            times = _table(elst, *fields, ">u4")[1]  # duration, time in the media, rate
            count += int((times != -1).sum())  # -1: nothing is shown
    return count


_SAMPLE_TABLES: Final = frozenset(
    {b"stts", b"ctts", b"stss", b"stps", b"stsz", b"stz2", b"stsc", b"stco", b"co64"}
)


def _samples(stbl: memoryview) -> Samples:
    boxes: dict[bytes, memoryview] = {}
    for kind, body in _boxes(stbl):
        if kind in _SAMPLE_TABLES and boxes.setdefault(kind, body) is not body:
            raise _Unclear
    size = _sizes(stbl)
    pos = _positions(boxes, size)
    counts, lengths = _table(boxes[b"stts"], ">u4", ">u4")
    duration = _spread(counts, lengths, len(size))
    if b"ctts" in boxes:
        # Signed in version 1, and by all practice in version 0 as well.
        counts, offsets = _table(boxes[b"ctts"], ">u4", ">i4")
        offset = _spread(counts, offsets, len(size))
        if (np.abs(offset) >= _LARGEST_OFFSET).any():
            raise _Unclear
    else:
        offset = np.zeros(len(size), np.int64)
    dts = np.cumsum(duration) - duration
    return Samples(pos, size, dts, duration, offset, _sync(stbl, boxes, len(size)), False, 0)


def _sync(stbl: memoryview, boxes: dict[bytes, memoryview], count: int) -> NDArray[np.bool_] | None:
    """Tell which samples can be decoded from; None where it is not only `stss` that tells."""
    groups = [body[4:8] for kind, body in _boxes(stbl) if kind in (b"sbgp", b"sgpd")]
    if b"stps" in boxes or b"rap " in groups or b"sync" in groups:
        return None
    if b"stss" not in boxes:
        return np.ones(count, np.bool_)
    (numbers,) = _table(boxes[b"stss"], ">u4")
    if not len(numbers) or numbers[0] < 1 or numbers[-1] > count or (np.diff(numbers) <= 0).any():
        return None
    key = np.zeros(count, np.bool_)
    key[numbers - 1] = True
    return key


def _sizes(stbl: memoryview) -> NDArray[np.int64]:
    boxes = dict(_boxes(stbl))
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


# Of the flags of track fragments and runs: which fields are there.
_BASE, _DESCRIPTION, _DURATION, _SIZE, _FLAGS = 0x1, 0x2, 0x8, 0x10, 0x20
_BASE_IS_MOOF = 0x20000
_RUN_OFFSET, _RUN_FIRST_FLAGS = 0x1, 0x4
_RUN_DURATION, _RUN_SIZE, _RUN_FLAGS, _RUN_COMPOSITION = 0x100, 0x200, 0x400, 0x800

# Of a sample's flags: it depends on others, or is not a sync sample.
_NO_KEY: Final = 0x01010000


def _fragments(read_at: ReadAt, moov: memoryview, track: int) -> Samples | None:
    """Go through the movie fragments of a file."""
    defaults = [
        struct.unpack_from(">5I", body, 4)  # track, description, duration, size, flags
        for kind, body in _boxes(_only(moov, b"mvex"))
        if kind == b"trex"
    ]
    default = next(fields for fields in defaults if fields[0] == track)
    columns: list[list[NDArray[np.int64]]] = [[] for _ in range(6)]
    for kind, at, start, size in _top_level(read_at):
        if kind == b"moof":
            moof = _content(read_at, at + start, size - start)
            for inner, traf in _boxes(moof):
                if inner == b"traf":
                    for column, part in zip(columns, _run(traf, at, track, default), strict=False):
                        column.append(part)
    if not columns[0]:
        return None
    pos, size_of, dts, duration, offset, flags = (np.concatenate(column) for column in columns)
    return Samples(pos, size_of, dts, duration, offset, (flags & _NO_KEY) == 0, True, 0)


def _run(
    traf: memoryview, moof: int, track: int, default: tuple[int, ...]
) -> list[NDArray[np.int64]]:
    """Read the one run of a track in a fragment; nothing for another track."""
    header = _only(traf, b"tfhd")
    told, number = struct.unpack_from(">II", header)
    told &= 0xFFFFFF
    if number != track:
        return []
    if not told & (_BASE | _BASE_IS_MOOF):
        raise _Unclear  # then it depends on what was before in the fragment
    at = 8
    base, values = moof, list(default[1:])
    if told & _BASE:
        (base,) = struct.unpack_from(">Q", header, at)
        at += 8
    for place, flag in enumerate((_DESCRIPTION, _DURATION, _SIZE, _FLAGS)):
        if told & flag:
            (values[place],) = struct.unpack_from(">I", header, at)
            at += 4
    if values[0] != default[1]:
        raise _Unclear
    clock = _only(traf, b"tfdt")
    (begin,) = struct.unpack_from(">Q" if clock[0] == 1 else ">I", clock, 4)
    run = _only(traf, b"trun")
    told, count = struct.unpack_from(">II", run)
    told &= 0xFFFFFF
    at = 8
    if not told & _RUN_OFFSET:
        raise _Unclear
    (offset,) = struct.unpack_from(">i", run, at)
    at += 4
    first: int | None = None
    if told & _RUN_FIRST_FLAGS:
        (first,) = struct.unpack_from(">I", run, at)
        at += 4
    columns = (_RUN_DURATION, _RUN_SIZE, _RUN_FLAGS, _RUN_COMPOSITION)
    there = [flag for flag in columns if told & flag]
    if count > _MOST_SAMPLES:
        raise _Unclear
    rows = np.frombuffer(run, ">u4", count * len(there), offset=at).reshape(count, len(there))
    found = dict(zip(there, rows.T, strict=True))
    duration, size, flags = (
        found[flag].astype(np.int64) if flag in found else np.full(count, value, np.int64)
        for flag, value in zip(columns, values[1:], strict=False)
    )
    if first is not None and count:
        flags[0] = first
    composition = np.zeros(count, np.int64)
    if _RUN_COMPOSITION in found:
        composition = found[_RUN_COMPOSITION].astype(np.int32).astype(np.int64)
    pos = base + offset + np.cumsum(size) - size
    return [pos, size, begin + np.cumsum(duration) - duration, duration, composition, flags]

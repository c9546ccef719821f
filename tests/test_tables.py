"""Frames by the container's own tables: the same index and the same frames as by reading all of it.

Where tables lie, reading all packets decides. Lying files are good ones whose boxes were edited.
"""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import fastav
from fastav import FrameIndex
from fastav.reading import source as reading_source
from fastav.reading import tables
from fastav.reading.ebml import read_blocks
from fastav.reading.input import VideoInput, open_input
from fastav.reading.scan import build_index
from fastav.reading.source import Source
from fastav.reading.tables import read_outline

from .clips import CLIPS, Clip, Zoo, edit_list, linear, x264
from .range_server import serve

open_ = partial(fastav.open, conversion="ffmpeg")

needs_tables = pytest.mark.skipif(
    not hasattr(av.stream.Stream, "index_entries")
    or not hasattr(av.VideoCodecContext, "field_order"),  # then any h264 may be of fields
    reason="this PyAV does not show them",
)

LONG = Clip("long.mp4", frames=250, gop=25, b_frames=3, options=x264("b-adapt=0:b-pyramid=none"))

NAMES = [clip.name for clip in CLIPS]

# Of mp4, mov and avi, those whose packets leave something open, which only decoding settles; their
# tables are no help: reordering in avi, two fields a packet, hidden or missing frames, jumps.
OPEN = {
    *(
        "edit-lists.mp4",
        "edit-repeat.mp4",
        "h264-interlaced.mp4",
        "two-frames.mp4",
        "vp9-altref.mp4",
    ),
    *("truncated.mp4", "truncated.avi", "truncated-fragmented.mp4"),
    *("h264-b.avi", "h261.avi", "mpeg4.avi", "mpeg4-all-marked.avi", "mpeg4-packed.avi"),
}
TABLED = [
    name for name in NAMES if name.endswith(("mp4", "mov", "3gp", "avi")) and name not in OPEN
]


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    level = av.logging.get_level()
    av.logging.set_level(None)
    yield
    av.logging.set_level(level)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return Zoo(tmp_path_factory.mktemp("zoo"))


def scanned(given: object) -> FrameIndex:
    source = Source(given)
    return build_index(lambda: open_input(source, thread_count=1))


def assert_same(one: FrameIndex, other: FrameIndex) -> None:
    for field in fields(FrameIndex):
        left, right = getattr(one, field.name), getattr(other, field.name)
        assert np.array_equal(left, right), field.name
        assert getattr(left, "dtype", None) == getattr(right, "dtype", None), field.name


def by_tables(given: object) -> FrameIndex | None:
    with open_input(Source(given)) as video:
        outline = read_outline(video)
        if outline is None:
            return None
        one_by_one = [outline.entry(number) for number in range(len(outline))]
        index = outline.complete()
        assert one_by_one == index.entries.tolist()
        return index


@needs_tables
@pytest.mark.parametrize("name", NAMES)
def test_tables_say_what_the_packets_say(zoo: Zoo, name: str) -> None:
    index = by_tables(zoo[name])
    assert (index is not None) == (name in TABLED)
    if index is not None:
        assert_same(index, scanned(zoo[name]))


@pytest.mark.parametrize("name", random.Random(0).sample(TABLED, 12))
def test_frames_are_the_same_without_tables(
    zoo: Zoo, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """test_access.py reads all clips with them."""
    monkeypatch.setattr(tables, "read_outline", lambda video: None)
    images = linear(zoo[name]).images
    with open_(zoo[name]) as reader:
        for number in random.Random(name).choices(range(len(images)), k=20):
            np.testing.assert_array_equal(reader[number], images[number])


DASH = "frag_keyframe+empty_moov+default_base_moof+"


@needs_tables
@pytest.mark.parametrize(
    "flags", ["global_sidx", "dash", "skip_trailer", "frag_every_frame", "separate_moof"]
)
def test_fragments(tmp_path: Path, flags: str) -> None:
    """With an index of segments FFmpeg does not go through the fragments when it opens a file."""
    path = tmp_path / "fragments.mp4"
    replace(LONG, mux={"movflags": DASH + flags}).make(path)
    index = by_tables(path)
    assert index is not None
    assert_same(index, scanned(path))
    true = linear(path).images
    with open_(path) as reader:
        for number in (240, 3, 121, -1, 0):
            np.testing.assert_array_equal(reader[number], true[number])


@pytest.fixture
def little_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of short videos' tables, as of long ones', have only a few entries been looked at."""
    monkeypatch.setattr(tables, "_LOOKED_AT", 4)


@needs_tables
def test_little_of_the_demuxers_table_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is slow to hand out; where boxes explain it, some entries suffice."""
    path = tmp_path / "long.mp4"
    replace(LONG, frames=1000).make(path)
    taken: list[int] = []
    entries = tables._entries
    monkeypatch.setattr(
        tables, "_entries", lambda some: (taken.append(len(some)), entries(some))[1]
    )
    index = by_tables(path)
    assert index is not None
    assert_same(index, scanned(path))
    assert 64 < sum(taken) < 200


@needs_tables
@pytest.mark.usefixtures("little_is_looked_at")
@pytest.mark.parametrize("name", ["h264-b.mp4", "h264-b-fragmented.mp4", "wmv1.avi", "h264.avi"])
def test_any_byte_of_the_tables_may_be_wrong(zoo: Zoo, name: str) -> None:
    """A table that is believed in spite of it is the one that reading all packets gives."""
    data = zoo[name].read_bytes()
    inside = [at for box in (b"moov", b"moof", b"idx1") for at in bytes_of(data, box)]
    assert believed_with_damage(data, inside, random.Random(name), 80) > 5


def believed_with_damage(data: bytes, places: list[int], chance: random.Random, rounds: int) -> int:
    """How often a table was believed though bits at such places are wrong; each time it was right.

    But for key frames: the table's are those that the container marks; of packets that are read
    FFmpeg's parser says so.
    """
    believed = 0
    for _ in range(rounds):
        made = bytearray(data)
        for _ in range(chance.randint(1, 3)):
            made[chance.choice(places)] ^= 1 << chance.randrange(8)
        try:
            index = by_tables(bytes(made))
        except fastav.FastavError:
            continue
        if index is not None:
            believed += 1
            true = scanned(bytes(made))
            assert_same(replace(index, keys=true.keys, entries=true.entries), true)
            with open_(bytes(made)) as reader, open_(bytes(made), index=true) as other:
                for number in chance.choices(range(len(true)), k=2):
                    np.testing.assert_array_equal(
                        frame_or_error(reader, number), frame_or_error(other, number)
                    )
    return believed


def frame_or_error(reader: fastav.VideoReader, number: int) -> Any:
    try:
        return reader[number]
    except (fastav.FastavError, IndexError) as error:
        return type(error).__name__


def bytes_of(data: bytes, box: bytes) -> Iterator[int]:
    """Places of the bytes in all boxes of a kind; of chunks, if the file is an avi."""
    at = data.find(box)
    while at >= 0:
        if box == b"idx1":
            (size,) = struct.unpack_from("<I", data, at + 4)
            yield from range(at + 8, at + 8 + size)
        else:
            (size,) = struct.unpack_from(">I", data, at - 4)
            yield from range(at + 4, at - 4 + size)
        at = data.find(box, at + 1)


@needs_tables
def test_empty_chunks_of_an_avi_are_no_frames(tmp_path: Path) -> None:
    """Where no frame is due at a tick, FFmpeg writes an empty chunk."""
    skips = Clip("skips.avi", codec="mjpeg", pix_fmt="yuvj420p", pts=lambda i: i + 2 * (i // 5))
    path = tmp_path / skips.name
    skips.make(path)
    index = by_tables(path)
    assert index is not None
    assert len(index) == skips.frames
    assert_same(index, scanned(path))


# Matroska: from the header of one block to the next


@pytest.fixture
def any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have small packets of Matroska be gone past as well."""
    monkeypatch.setattr(tables, "_LARGE", 0)


# Those that only reading all packets tells: hidden frames, times of decoding by FFmpeg's parser,
# a start amid others, no cues, an early end.
ALL_READ = {
    *("mpeg2.mkv", "h264-cut-start.mkv", "long-live.mkv", "truncated.mkv"),
}


@needs_tables
@pytest.mark.usefixtures("any_size")
@pytest.mark.parametrize(
    "name", [name for name in NAMES if name.endswith(("mkv", "webm"))] + ["vp9-altref.mp4"]
)
def test_blocks_say_what_the_packets_say(zoo: Zoo, name: str) -> None:
    index = by_tables(zoo[name])
    assert (index is None) == (name in ALL_READ)
    if index is not None:
        assert_same(index, scanned(zoo[name]))
        true = linear(zoo[name]).images
        with open_(zoo[name]) as reader:
            for number in random.Random(name).choices(range(len(true)), k=10):
                np.testing.assert_array_equal(reader[number], true[number])


@needs_tables
def test_blocks_of_large_packets_are_gone_past(tmp_path: Path) -> None:
    """Smaller ones are read: it is quicker."""
    large = Clip("large.mkv", options=x264("qp=0"), size=(480, 360))
    small = Clip("small.mkv")
    for clip in (large, small):
        clip.make(tmp_path / clip.name)
    index = by_tables(tmp_path / large.name)
    assert index is not None
    assert_same(index, scanned(tmp_path / large.name))
    assert by_tables(tmp_path / small.name) is None


@needs_tables
@pytest.mark.usefixtures("any_size")
@pytest.mark.parametrize(
    "name",
    ["h264-b.mkv", "hevc-open.mkv", "ffv1.mkv", "av1.webm", "vp9-altref.webm", "vp8-hidden.webm"],
)
def test_any_byte_between_packets_may_be_wrong(zoo: Zoo, name: str) -> None:
    """As test_any_byte_of_the_tables_may_be_wrong."""
    data = zoo[name].read_bytes()
    blocks = read_blocks(lambda at, size: data[at : at + size], 0, len(data))
    assert blocks is not None
    outside = np.ones(len(data), bool)
    for at, size in zip(blocks.data, blocks.size, strict=True):
        outside[at : at + size] = False
    places = np.flatnonzero(outside).tolist()
    assert believed_with_damage(data, places, random.Random(name), 60) > 10


def element(kind: str, content: bytes) -> bytes:
    """Make an EBML element, its size in eight bytes."""
    return bytes.fromhex(kind) + struct.pack(">Q", 1 << 56 | len(content)) + content


def in_groups(path: Path, **extra: bytes) -> bytes:
    """Make a Matroska file of h264 anew, its packets in groups; a key frame begins a cluster.

    `extra` is added to the track, the first cluster, the groups, or behind it all ("segment");
    "flags" are those of blocks.
    """
    with av.open(str(path)) as container:
        (stream,) = container.streams.video
        context = stream.codec_context
        packets = [
            (packet.pts, packet.is_keyframe, packet.duration, bytes(packet))
            for packet in container.demux(stream)
            if packet.size and packet.pts is not None and packet.duration
        ]
        size = element("b0", b"%c" % context.width) + element("ba", b"%c" % context.height)
        track = (
            *(element("d7", b"\1"), element("73c5", b"\1"), element("83", b"\1")),
            *(element("86", b"V_MPEG4/ISO/AVC"), element("63a2", context.extradata or b"")),
            *(element("e0", size), extra.get("track", b"")),
        )
    lasts = struct.pack(">d", sum(duration for *_, duration, _ in packets))
    units = element("2ad7b1", struct.pack(">I", 1_000_000))
    body = element("1549a966", units + element("4489", lasts))
    body += element("1654ae6b", element("ae", b"".join(track)))
    points, clusters = b"", [(0, extra.get("cluster", b""))]
    for pts, key, duration, data in packets:
        if key:
            place = struct.pack(">Q", len(body) + sum(12 + len(made) for _, made in clusters[1:]))
            where = element("f7", b"\1") + element("f1", place)
            points += element("bb", element("b3", struct.pack(">I", pts)) + element("b7", where))
            clusters.append((pts, element("e7", struct.pack(">I", pts)) + clusters[0][1]))
        start, made = clusters[-1]
        block = b"\x81" + struct.pack(">h", pts - start) + extra.get("flags", b"\0") + data
        group = element("a1", block) + element("9b", b"%c" % duration) + extra.get("group", b"")
        group += b"" if key else element("fb", b"\xd8")
        clusters[-1] = start, made + element("a0", group)
    body += b"".join(element("1f43b675", made) for _, made in clusters[1:])
    body += extra.get("cues", element("1c53bb6b", points)) + extra.get("segment", b"")
    doctype = element("4282", b"matroska") + element("4287", b"\4") + element("4285", b"\2")
    return element("1a45dfa3", doctype) + element("18538067", body)


@needs_tables
@pytest.mark.usefixtures("any_size")
def test_blocks_in_groups(zoo: Zoo) -> None:
    """A group whose block refers to no other is a key frame."""
    made = in_groups(zoo["h264-b.mkv"], cluster=element("ec", bytes(700)))
    index = by_tables(made)
    assert index is not None
    assert index.keys.sum() == 4
    assert_same(index, scanned(made))


UNUSUAL: dict[str, dict[str, bytes]] = {
    "lacing": {"flags": b"\2"},
    "a compressed track": {"track": element("6d80", element("6240", element("5034", b"")))},
    "a track in other units": {"track": element("23314f", struct.pack(">f", 0.5))},
    "discarded samples": {"group": element("75a2", b"\1")},
    "an element of a cluster that is not known": {"cluster": element("4fff", b"")},
    "one of the segment": {"segment": element("1fffffff", b"")},
    "no cues": {"cues": b""},
    "an end that is missing": {"segment": b"\xec\x85"},
}


@needs_tables
@pytest.mark.usefixtures("any_size")
@pytest.mark.parametrize("what", UNUSUAL)
def test_what_is_unusual_is_read(zoo: Zoo, what: str) -> None:
    made = in_groups(zoo["h264-b.mkv"], **UNUSUAL[what])
    assert read_blocks(lambda at, size: made[at : at + size], 0, len(made)) is None


# Files that lie. Each is a good file with its boxes edited.


def find(data: bytes, kind: bytes) -> tuple[int, int]:
    """Return where a box's content begins, and its length."""
    at = data.index(kind, data.index(b"moov"))
    (size,) = struct.unpack_from(">I", data, at - 4)
    return at + 4, size - 8


def words(data: bytes, kind: bytes, change: Callable[[np.ndarray], None], skip: int = 8) -> bytes:
    """Change the table of a box, given as its 32-bit words."""
    at, size = find(data, kind)
    table = np.frombuffer(data, ">u4", (size - skip) // 4, at + skip).copy()
    change(table)
    return data[: at + skip] + table.tobytes() + data[at + skip + table.nbytes :]


def put(position: slice, value: object) -> Callable[[np.ndarray], None]:
    def change(table: np.ndarray) -> None:
        table[position] = value

    return change


def rename(data: bytes, kind: bytes) -> bytes:
    """Make a box one that nobody knows."""
    at, _ = find(data, kind)
    return data[: at - 4] + b"free" + data[at:]


def swapped(table: np.ndarray) -> None:
    table[[1, 3]] = table[[3, 1]]


def far(data: bytes) -> bytes:
    return words(data, b"stco", put(slice(-1, None), len(data) + 1000))


def shift(kind: bytes, by: int) -> Callable[[bytes], bytes]:
    def change(table: np.ndarray) -> None:
        table[1::2] += np.uint32(by & 0xFFFFFFFF)

    return lambda data: words(data, kind, change)


def partial_sync(data: bytes) -> bytes:
    """Have QuickTime's box of samples that are nearly sync samples instead of `stss`."""
    at, _ = find(data, b"stss")
    return data[: at - 4] + b"stps" + data[at:]


LIES: dict[str, Callable[[bytes], bytes]] = {
    "ctts of one sample": lambda data: words(data, b"ctts", put(slice(21, 22), 7777)),
    "ctts swapped": lambda data: words(data, b"ctts", swapped),
    "ctts negative": shift(b"ctts", -2048),
    "ctts huge": lambda data: words(data, b"ctts", put(slice(11, 12), 0x7FFFFFFF)),
    "ctts too short": lambda data: words(data, b"ctts", put(slice(-2, -1), 0)),
    "ctts missing": lambda data: rename(data, b"ctts"),
    "ctts all the same": lambda data: words(data, b"ctts", put(slice(1, None, 2), 1024)),
    "stts zero": lambda data: words(data, b"stts", put(slice(1, 2), 0)),
    "stts negative": lambda data: words(data, b"stts", put(slice(1, 2), 0xFFFFFF00)),
    "stts of more samples": lambda data: words(data, b"stts", put(slice(0, 1), 4000)),
    "stss missing": lambda data: rename(data, b"stss"),
    "stss late": lambda data: words(data, b"stss", put(slice(1, 2), 15)),
    "stss on the wrong samples": lambda data: words(data, b"stss", put(slice(1, 3), [14, 27])),
    "stco past the end": far,
    "stco within": lambda data: words(data, b"stco", put(slice(-1, None), 700)),
    "stsz of one sample": lambda data: words(data, b"stsz", put(slice(10, 11), 20), skip=12),
    "stsz zero": lambda data: words(data, b"stsz", put(slice(10, 11), 0), skip=12),
    "stsz huge": lambda data: words(data, b"stsz", put(slice(10, 11), 1 << 30), skip=12),
    "stsz of fewer samples": lambda data: words(data, b"stsz", put(slice(0, 1), 30), skip=8),
    "stsc of none": lambda data: words(data, b"stsc", put(slice(1, 2), 0)),
    "stsc of many": lambda data: words(data, b"stsc", put(slice(1, 2), 1 << 20)),
    "mdhd in other units": lambda data: words(data, b"mdhd", put(slice(2, 3), 90000), skip=4),
    "mvhd in other units": lambda data: words(data, b"mvhd", put(slice(2, 3), 30), skip=4),
    "an empty edit": edit_list((500, -1), (1600, 1024)),
    "an edit inside": edit_list((640, 5120)),
    "an edit from an open frame": edit_list((800, 7680)),
    "an edit from between frames": edit_list((800, 7700)),
    "an edit that ends early": edit_list((500, 1024)),
    "two edits": edit_list((400, 1024), (400, 8192)),
    "two edits backwards": edit_list((400, 8192), (400, 1024)),
    "an edit twice": edit_list((400, 1024), (400, 1024)),
    "an edit of no length": edit_list((0, 1024)),
    "an edit past the end": edit_list((400, 1 << 20)),
    "edits with gaps": edit_list((400, 1024), (300, -1), (400, 8192)),
    "a negative edit": edit_list((1600, -5)),
    "an edit that begins late": edit_list((1600, 3 * 1024 + 1)),
    "an edit that ends a little early": edit_list((1500, 1024)),
    "an edit that begins late and ends early": edit_list((1400, 5 * 1024)),
    "an edit, and nothing after it": edit_list((1600, 1024), (300, -1)),
    "partial sync samples": partial_sync,
}
BASES = ["h264-b.mp4", "h264-open.mp4", "hevc-open.mp4", "mpeg4.mp4"]


# What these do to a stream is not told by its packets; reading all of them does not find it either.
DAMAGE = {"ctts of one sample", "stts negative", "stco", "stsz"}


@pytest.mark.usefixtures("little_is_looked_at")
@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("lie", LIES)
def test_lying_tables(
    zoo: Zoo, tmp_path: Path, base: str, lie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With tables and without: the same index and frames, and those that PyAV decodes in order."""
    path = tmp_path / base
    path.write_bytes(LIES[lie](zoo[base].read_bytes()))
    with_tables = outcome(path, lie)
    monkeypatch.setattr(tables, "read_outline", lambda video: None)
    without = outcome(path, lie)
    assert with_tables.keys() == without.keys()
    for what, result in without.items():
        same = assert_same if isinstance(result, FrameIndex) else np.testing.assert_array_equal
        same(with_tables[what], result)
    if not any(lie.startswith(damage) for damage in DAMAGE):
        reference = linear(path)
        assert len(without["index"]) == len(reference.images)
        for number, image in without.items():
            if number != "index":
                np.testing.assert_array_equal(image, reference.images[number])


def outcome(path: Path, lie: str) -> dict[Any, Any]:
    """The index and some frames, or the errors in their place."""
    found: dict[Any, Any] = {}
    with open_(path) as reader:
        try:
            numbers = random.Random(lie).sample(range(len(reader)), min(len(reader), 12))
            for number in numbers:
                try:
                    found[number] = reader[number]
                except fastav.DecodeError as error:
                    found[number] = str(error)
            found["index"] = reader.index
        except (fastav.DecodeError, IndexError) as error:
            found["error"] = type(error).__name__
    return found


# Over the network


@needs_tables
def test_a_frame_over_http_is_a_few_requests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 12 MB in which a GOP is 0.4 MB; what a socket holds when it is closed counts as well."""
    clip = Clip("large.mp4", frames=300, gop=10, options=x264("qp=0"), size=(320, 240))
    path = tmp_path / clip.name
    clip.make(path)
    size = path.stat().st_size
    true = linear(path).images
    with serve(path) as server:
        with open_(server.url) as reader:
            np.testing.assert_array_equal(reader[200], true[200])
            assert len(reader) == 300
            assert_same_but_digest(reader.index, scanned(path))
            index = reader.index
        assert server.requests < 12 + 30  # the index looks at 30 key frames
        server.requests = server.sent = 0
        with open_(server.url, index=index) as reader:
            np.testing.assert_array_equal(reader[150], true[150])
        assert server.requests < 8
        assert server.sent < size // 2
        server.requests = server.sent = 0
        with open_(server.url) as reader:
            np.testing.assert_array_equal(reader[150], true[150])
        assert server.requests < 12
        assert server.sent < size // 2


class Counting(io.BytesIO):
    """A file object that counts where it is sent, and what it is asked for."""

    moves = reads = 0

    def seek(self, offset: int, whence: int = 0) -> int:
        self.moves += 1
        return super().seek(offset, whence)

    def read(self, size: int | None = -1) -> bytes:
        self.reads += 1
        return super().read(size)


def test_a_file_object_is_told_once_where_to_go(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_source, "_BUFFER_SIZE", 1 << 10)
    file = Counting(zoo["rawvideo.avi"].read_bytes())
    with open_(file) as reader:
        for _ in reader:
            pass
    assert file.reads > 80
    assert file.moves < file.reads // 2


@needs_tables
def test_a_server_that_stalls_is_an_error(tmp_path: Path) -> None:
    """Whether it stalls before the tables have been read or behind them."""
    path = tmp_path / LONG.name
    replace(LONG, options=x264("qp=0")).make(path)
    with serve(path) as server:
        for stalls_at, read in [
            (path.stat().st_size - 2000, len),
            (path.stat().st_size // 2, lambda reader: reader[-1]),
        ]:
            with open_(server.url, options={"timeout": "300000"}) as reader:
                server.stalls_at = stalls_at
                with pytest.raises((ConnectionError, TimeoutError)):
                    read(reader)
                server.stalls_at = None


def assert_same_but_digest(one: FrameIndex, other: FrameIndex) -> None:
    """Of a URL no bytes are at hand to be digested."""
    assert one.digest == b""
    assert_same(replace(one, digest=other.digest), other)


# A table that is wrong where nobody compared it with packets before


WAYS: dict[str, Callable[[fastav.VideoReader], tuple[Any, Any]]] = {
    "a frame": lambda reader: (reader[120], 120),
    "from the end": lambda reader: (reader[-130], 120),
    "a slice": lambda reader: (reader[118:-128:2], [118, 120]),
    "a batch": lambda reader: (reader.get_batch([10, 121, 240, -129]), [10, 121, 240, 121]),
    "a mask": lambda reader: (reader[np.arange(len(reader)) % 125 == 120], [120, 245]),
    "by time": lambda reader: (reader.get_frames_played_at([4.8, 4.84]).data, [120, 121]),
    "at a time": lambda reader: (reader.get_frame_played_at(4.8).data, 120),
    "a span": lambda reader: (reader.get_frames_played_in_range(4.8, 4.9).data, [120, 121, 122]),
    "an iteration": lambda reader: (
        np.stack([*reader.iter(start=110, stop=130)]),
        list(range(110, 130)),
    ),
}


@needs_tables
@pytest.mark.usefixtures("any_size")
@pytest.mark.parametrize("name", ["long.mp4", "long.mkv"])
@pytest.mark.parametrize("way", WAYS)
def test_a_contradiction_turns_to_all_packets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, name: str
) -> None:
    path = tmp_path / name
    replace(LONG, name=name).make(path)
    true = linear(path).images
    read = tables._read_table

    def lie(video: VideoInput) -> Any:
        """Have some frames in the middle be shown a little later."""
        table = read(video)
        assert table is not None
        table.packets["pts"][110:140] += 3
        return table

    monkeypatch.setattr(tables, "_read_table", lie)
    with open_(path) as reader:
        assert isinstance(reader._stream.table(), tables.Outline)
        found, numbers = WAYS[way](reader)
        np.testing.assert_array_equal(found, np.stack(true)[numbers])
        assert_same(reader.index, scanned(path))

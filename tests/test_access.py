"""Frame i is frame i: random access against linear decoding, over all clips, bit for bit."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import fastav
from fastav.reading import access
from fastav.reading.decode import decode_packet
from fastav.reading.input import VideoInput, open_input
from fastav.reading.scan import build_index
from fastav.reading.source import Source

from . import random_reads
from .clips import BY_NAME, CLIPS, Reference, Zoo, linear, number

# PyAV's reformat is the oracle here.
open_ = partial(fastav.open, conversion="ffmpeg")


def media() -> list[Path]:
    """Real files, where there are any: FASTAV_TEST_MEDIA, or a folder beside the checkout."""
    named = os.environ.get("FASTAV_TEST_MEDIA")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "media"
    return sorted(path for path in folder.glob("*") if path.suffix in (".mp4", ".gif", ".mkv"))


NAMES = [clip.name for clip in CLIPS]
MEDIA = {path.name: path for path in media()}
DAMAGED = [name for name in NAMES if name.startswith("truncated")]

# Containers whose times are of decoding, run backwards, or are missing, have their times repaired.
REPAIRED = {"h264-b.avi", "mpeg4-packed.avi"}


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    """FFmpeg complains of what is damaged on purpose."""
    level = av.logging.get_level()
    av.logging.set_level(None)
    yield
    av.logging.set_level(level)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return Zoo(tmp_path_factory.mktemp("zoo"))


@pytest.fixture(scope="module")
def references() -> dict[str, Reference]:
    return {}


@pytest.fixture(params=[*NAMES, *MEDIA])
def clip(
    request: pytest.FixtureRequest, zoo: Zoo, references: dict[str, Reference]
) -> tuple[str, Path, Reference]:
    name = request.param
    path = MEDIA[name] if name in MEDIA else zoo[name]
    if name not in references:
        references.clear()  # one clip's pictures at a time
        references[name] = linear(path)
    return name, path, references[name]


def same(got: np.ndarray, reference: Reference, frame: int, how: str) -> None:
    """Compare a frame, and say what it is instead if it is another."""
    wanted = reference.images[frame]
    if not np.array_equal(got, wanted):
        shown = [i for i, image in enumerate(reference.images) if np.array_equal(got, image)]
        farthest = np.abs(got.astype(int) - wanted).max()
        pytest.fail(f"frame {frame} {how} is frame {shown}, drawn {number(got)}, off by {farthest}")


def test_every_way_of_reading(clip: tuple[str, Path, Reference]) -> None:
    name, path, reference = clip
    count = len(reference.images)
    chance = random.Random(name)
    with open_(path) as reader:
        assert len(reader) == count
        order = list(range(count))
        chance.shuffle(order)
        for i in order[:100]:
            same(reader[i], reference, i, "at random")
        for i in range(min(count, 100)):
            same(reader[i], reference, i, "in order")
        for size in (1, 4, min(count, 40)):
            batch = [chance.randrange(count) for _ in range(size)]
            for i, image in zip(batch, reader.get_batch(batch), strict=True):
                same(image, reference, i, f"in batch {batch}")
        same(reader[-1], reference, count - 1, "at the end")
        for i, image in zip(
            range(0, min(count, 100), 3), reader[: min(count, 100) : 3], strict=True
        ):
            same(image, reference, i, "in a slice")
        assert (np.diff(reader.pts) > 0).all()
        for i in order[:10]:
            same(reader.get_frame_played_at(reader.timestamps[i]).data, reference, i, "by time")
        start = chance.randrange(count)
        for i, image in enumerate(reader.iter(start=start, stop=min(start + 20, count)), start):
            same(image, reference, i, f"in an iteration from {start}")


def test_reading_side_by_side(
    clip: tuple[str, Path, Reference], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What bulk reading does with decoders that have no threads is right for all of them."""
    _, path, reference = clip
    monkeypatch.setattr(fastav.VideoReader, "_shares_out", lambda *_: True)
    with open_(path, thread_count=3, errors="keep") as reader:
        for step in (1, 3):
            images = reader.read(step=step)
            assert len(images) == reader.frames_read == len(reference.images[::step])
            for i, image in enumerate(images):
                same(image, reference, i * step, "side by side")


def test_times(clip: tuple[str, Path, Reference]) -> None:
    name, path, reference = clip
    known = [pts for pts in reference.pts if pts is not None]
    with open_(path) as reader:
        assert len(reader.pts) == len(reader.timestamps) == len(reference.pts)
        if name in REPAIRED:
            assert reader.pts.tolist() == sorted(known)
        elif len(known) == len(reference.pts) and known == sorted(set(known)):
            assert reader.pts.tolist() == known


def test_fresh_readers(clip: tuple[str, Path, Reference]) -> None:
    name, path, reference = clip
    with open_(path) as reader:
        index = reader.index
    numbers = random.Random(name).sample(range(len(reference.images)), min(len(index), 5))
    for i in numbers:
        with open_(path, index=index) as reader:
            same(reader[i], reference, i, "in a new reader")


def test_the_clips_number_their_frames(zoo: Zoo) -> None:
    """The pictures compared above are different ones, and each is where its number says."""
    for name in ("h264-b.mp4", "hevc-open.ts", "vp9-altref.webm", "mpeg2.mpg", "gif.gif", "vfr.ts"):
        with open_(zoo[name]) as reader:
            assert [number(image) for image in reader] == list(range(BY_NAME[name].frames))
            assert number(reader[17]) == 17


def test_a_slice_of_the_random_reads(zoo: Zoo) -> None:
    """``python tests/random_reads.py`` makes 100,000 of them."""
    chosen = random.Random(0).sample(NAMES, 24)
    assert random_reads.run(600, 0, [zoo[name] for name in chosen], report=False) == []


@pytest.fixture
def fed(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """As long as packets were fed to decoders."""
    packets: list[None] = []
    feed = access._Cursor._feed

    def counting(self: access._Cursor, wanted: int, end: int) -> None:
        packets.append(None)
        feed(self, wanted, end)

    monkeypatch.setattr(access._Cursor, "_feed", counting)
    return packets


def test_reading_in_order_decodes_nothing_twice(zoo: Zoo, fed: list[None]) -> None:
    for name in sorted(set(NAMES) - set(DAMAGED)):
        for threads in (1, 3):
            with open_(zoo[name], thread_count=threads) as reader:
                packets = len(reader.index.packets)
                fed.clear()
                for i in range(len(reader)):
                    reader[i]
            more = len(fed) - packets
            assert more <= 1, f"{name} with {threads} threads: {more} packets more than there are"


def decoders(reader: fastav.VideoReader) -> access.FrameAccess:
    """Those that stay open from one read to the next."""
    with reader._stream.access(reader.options) as shared:
        return shared


def threads_at_work(reader: fastav.VideoReader) -> set[int]:
    """With how many threads single frames were decoded; 0 is the reader's own choice."""
    cursors = decoders(reader)._main
    assert 1 not in cursors or cursors[1]._video.threads == 1
    return set(cursors)


def test_single_frames_are_decoded_by_one_thread(zoo: Zoo) -> None:
    """Several would decode ahead what the next access throws away."""
    reference = linear(zoo["h264-b.mp4"])
    with open_(zoo["h264-b.mp4"]) as reader:
        for i in (31, 3, 17, 18, 5):
            same(reader[i], reference, i, "alone")
        same(reader[[9]][0], reference, 9, "in a batch")
        assert threads_at_work(reader) == {1}


@pytest.mark.parametrize("asked", [{"thread_count": 2}, {"thread_type": "SLICE"}])
def test_threads_that_were_asked_for_are_had(zoo: Zoo, asked: dict[str, Any]) -> None:
    with open_(zoo["h264-b.mp4"], **asked) as reader:
        for i in (31, 3, 17):
            reader[i]
        assert threads_at_work(reader) == {0}
        video = decoders(reader)._main[0]._video
        assert video.threads == asked.get("thread_count", video.threads)


@pytest.mark.parametrize("first", [0, 5])
def test_frame_after_frame_is_decoded_by_several_threads(
    zoo: Zoo, first: int, fed: list[None]
) -> None:
    """Where they do not begin, they take over when little has to be decoded again for it."""
    for name in ("h264-b.mp4", "hevc-open.ts", "ffv1.mkv"):
        reference = linear(zoo[name])
        with open_(zoo[name]) as reader:
            packets = len(reader.index.packets)
            fed.clear()
            for i in range(first, len(reader)):
                same(reader[i], reference, i, "in order")
            assert threads_at_work(reader) == ({0, 1} if first else {0})
            assert len(fed) - packets <= 2 * first + 20, name


def test_hop_after_hop_feeds_little_behind_the_frame(
    zoo: Zoo, fed: list[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the decoder holds back is had by draining it."""
    reference = linear(zoo["vp9.webm"])
    behind = []
    for held_back in (access._HELD_BACK, 0):
        monkeypatch.setattr(access, "_HELD_BACK", held_back)
        with open_(zoo["vp9.webm"], thread_count=3) as reader:
            table = reader.index
            fed.clear()
            needed = 0
            for i in (2, 31, 3, 26, 14, 38):
                same(reader[i], reference, i, "after hops")
                needed += int(table.carriers[i]) - table.entry(i) + 1
            behind.append(len(fed) - needed)
    assert behind[0] < behind[1], behind


def test_rows_that_begin_with_a_hop_are_decoded_once(
    zoo: Zoo, fed: list[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = []
    for held_back in (access._HELD_BACK, 0):
        monkeypatch.setattr(access, "_HELD_BACK", held_back)
        with open_(zoo["h264-b.mp4"], thread_count=3) as reader:
            fed.clear()
            for first in (3, 30, 12, 21):
                for i in range(first, first + 4):
                    reader[i]
            counts.append(len(fed))
    assert counts[0] == counts[1]


def test_much_is_decoded_by_several_threads(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_FEW_PIXELS", 6 * 96 * 64)
    reference = linear(zoo["h264-b.mp4"])
    with open_(zoo["h264-b.mp4"]) as reader:
        table = reader.index
        for i in (31, 3, 17, 18, 5, 11):
            stretch = int(table.carriers[i]) - table.entry(i)
            reader._stream.release()
            same(reader[i], reference, i, "alone")
            assert threads_at_work(reader) == {0 if stretch > 6 else 1}, (i, stretch)


@pytest.mark.parametrize("step", [1, 10], ids=["all", "spread"])
def test_side_by_side_decodes_little_twice(
    zoo: Zoo, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Workers share a video among them, and each takes a stretch of it."""
    feed = access._Cursor._feed
    fed: dict[access._Cursor, int] = {}

    both = threading.Barrier(2)

    def counting(self: access._Cursor, wanted: int, end: int) -> None:
        if self not in fed:
            both.wait(20)  # however busy the machine, neither does all alone
        fed[self] = fed.get(self, 0) + 1
        feed(self, wanted, end)

    monkeypatch.setattr(access._Cursor, "_feed", counting)
    for name in ("h264-b.mp4", "hevc-open.ts", "mjpeg.avi", "mpeg2.mpg"):
        fed.clear()
        with open_(zoo[name], thread_count=2) as reader:
            packets = len(reader.index.packets)
            reader[::step]
        assert len(fed) == 2, f"{name}: {len(fed)} workers"
        assert sum(fed.values()) <= 1.3 * packets, f"{name}: {fed} of {packets} packets"


@pytest.mark.parametrize(
    ("numbers", "threads"),
    [
        ([*range(36)], 1),
        ([11, 23, 35], 1),  # of three GOPs alike
        ([0, 12, 35], 2),  # nearly all lies in the last
    ],
)
def test_who_works_last_is_helped(
    zoo: Zoo, monkeypatch: pytest.MonkeyPatch, numbers: list[int], threads: int
) -> None:
    reference = linear(zoo["h264-b.mp4"])
    given = set()
    cursor = access.FrameAccess._cursor

    def noting(self: access.FrameAccess, threads: int, *rest: Any) -> access._Cursor:
        given.add(threads)
        return cursor(self, threads, *rest)

    monkeypatch.setattr(access.FrameAccess, "_cursor", noting)
    monkeypatch.setattr(access, "_FEW_PIXELS", 0)
    monkeypatch.setattr(access, "_NEAR", 2)
    with open_(zoo["h264-b.mp4"], thread_count=2) as reader:
        for i, image in zip(numbers, reader[numbers], strict=True):
            same(image, reference, i, "in a batch")
    assert given == {threads}


@pytest.mark.parametrize("name", ["hevc-b.mp4", "mpeg2.mpg", "vp9.webm", "h264-b.mp4"])
def test_a_drained_decoder_goes_on(zoo: Zoo, name: str) -> None:
    """What a batch asked for last drains the decoder; the next frame may lie just behind."""
    reference = linear(zoo[name])
    with open_(zoo[name]) as reader:
        cursor = decoders(reader)._cursor(2)
        for i in (9, 14, 21, 26):
            same(cursor.frame(i, last=True).to_ndarray(format="rgb24"), reference, i, "drained")
        cursor.close()


def test_few_frames_need_no_index(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor do decoders without threads, of which several share a video when much of it is read."""
    reference = linear(zoo["long.mpg"])
    with open_(zoo["long.mpg"], thread_count=2) as reader:
        assert reader.info.expected_frames > 200
        for i, image in enumerate(reader.read(stop=10)):
            same(image, reference, i, "of ten")
        same(reader[0], reference, 0, "alone")
        assert reader._stream.index is None
        assert len(reader.read()) == 250
        assert reader._stream.index is not None


def test_few_containers_stay_open(zoo: Zoo) -> None:
    with open_(zoo["mjpeg.avi"], thread_count=16) as reader:
        reader.get_batch(range(40))
        assert 1 < len(decoders(reader)._side) <= 4


@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("h264-b.mp4", 0.75),
        ("h264-open.ts", 0.85),
        ("h264-b.flv", 0.75),
        ("hevc-b.mp4", 0.75),
        ("hevc-open.ts", 0.85),
        ("hevc-layers.mp4", 0.85),
        ("av1.mp4", 0.9),
        ("av1.obu", 0.9),
    ],
)
def test_what_no_frame_refers_to_is_not_decoded(
    zoo: Zoo, name: str, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packets are looked into: decoders that leave such frames out do not tell which."""
    telling = {"h264": "field_order", "hevc": "reorder_depth"}.get(name.partition("-")[0])
    if telling is not None and not hasattr(av.VideoCodecContext, telling):
        pytest.skip("this PyAV tells too little of the codec: all is decoded for the index")
    reference = linear(zoo[name])
    fed = 0

    def counting(video: VideoInput, packet: av.Packet[av.VideoStream] | None) -> list[Any]:
        nonlocal fed
        fed += packet is not None
        return decode_packet(video, packet)

    monkeypatch.setattr(access, "decode_packet", counting)

    def feed() -> int:
        nonlocal fed
        fed = 0
        for i in range(len(reference.images)):
            with open_(zoo[name], thread_count=1) as reader:
                same(reader[i], reference, i, "alone")
        return fed

    less = feed()
    monkeypatch.setattr(access, "unreferred_reader", lambda *_: None)
    assert less < share * feed()


@pytest.mark.parametrize("way", ["tables", "scan"])
def test_frames_reordered_late_where_no_times_tell(zoo: Zoo, tmp_path: Path, way: str) -> None:
    """An avi has no times of presentation; FFmpeg takes the first frames' order for all."""
    path = tmp_path / "late.avi"
    data = []
    for name in ("h264.h264", "h264-b.h264"):
        with av.open(str(zoo[name])) as raw:
            data += [bytes(packet) for packet in raw.demux() if packet.size]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for number, one in enumerate(data):
            packet = av.Packet(one)
            packet.stream, packet.time_base = stream, Fraction(1, 25)
            packet.pts = packet.dts = number
            packet.is_keyframe = b"\0\0\1\x67" in one
            container.mux(packet)
    images = linear(path).images
    assert len(images) == 80
    index = None
    if way == "scan":
        source = Source(path)
        index = build_index(lambda: open_input(source, thread_count=1))
    for number in range(40, 80):
        with open_(path, index=index) as reader:
            np.testing.assert_array_equal(reader[number], images[number])


@pytest.mark.parametrize(("build", "introduced"), [(b"165", False), (b"142", True), (b"0", True)])
def test_the_first_packet_introduces_old_encoders(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, build: bytes, introduced: bool
) -> None:
    """FFmpeg corrects errors of those: the decoder has to hear of them wherever it starts."""
    data = zoo["h264-b.mp4"].read_bytes()
    at = data.index(b"x264 - core ") + 12
    path = tmp_path / "old.mp4"
    path.write_bytes(data[:at] + build.rjust(3, b" ") + data[at + 3 :])
    images = linear(path).images
    fed: list[int | None] = []

    def noting(video: VideoInput, packet: av.Packet[av.VideoStream] | None) -> list[Any]:
        fed.append(None if packet is None else packet.pts)
        return decode_packet(video, packet)

    monkeypatch.setattr(access, "decode_packet", noting)
    for frame in (39, 20, 14):
        fed.clear()
        with open_(path) as reader:
            np.testing.assert_array_equal(reader[frame], images[frame])
            assert reader.index.entry(frame) > 0
        assert (fed[0] == 0) == introduced

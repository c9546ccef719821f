"""Damaged, cut and silent input, against plain PyAV: one thread, drained after its error."""

from __future__ import annotations

import errno
import gc
import io
import pickle
import random
import socket
import struct
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

import fastav
from fastav import VideoReader
from fastav.cli import main
from fastav.imageio.video_file import VideoFile
from fastav.pyav import ONE_THREAD
from fastav.reading import access, bitstream, decode, scan
from fastav.reading.decode import packets
from fastav.reading.input import VideoInput, open_input
from fastav.reading.source import Source

from . import process
from .clips import Reference, Zoo, linear
from .media import encode
from .range_server import BLOCK, serve

open_ = partial(fastav.open, conversion="ffmpeg")  # PyAV's reformat is the oracle here

X264 = {"bf": "2", "g": "12", "x264-params": "b-adapt=0:scenecut=0"}
THREADS = [0, 1, 2, 3]


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    """FFmpeg complains of what is damaged on purpose."""
    level = av.logging.get_level()
    av.logging.set_level(None)
    yield
    av.logging.set_level(level)


def edited(
    data: bytes, container: str, edit: Callable[[int, bytes], bytes | None], **mux: str
) -> bytes:
    """A clip with its packets changed, or left out where `edit` gives None."""
    file = io.BytesIO()
    with (
        av.open(io.BytesIO(data)) as source,
        av.open(file, "w", format=container, options=mux) as output,
    ):
        stream = output.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(p for p in source.demux() if p.size):
            changed = edit(number, bytes(packet))
            if changed is None:
                continue
            made = av.Packet(changed)
            made.pts, made.dts, made.time_base = packet.pts, packet.dts, packet.time_base
            made.duration, made.is_keyframe = packet.duration, packet.is_keyframe
            made.stream = stream
            output.mux(made)
    return file.getvalue()


def at(number: int, change: Callable[[bytes], bytes]) -> Callable[[int, bytes], bytes]:
    return lambda count, data: change(data) if count == number else data


def garbage(data: bytes) -> bytes:
    """What no decoder takes for a picture of its own."""
    return bytes(len(data))


def bad_slice(data: bytes) -> bytes:
    """An h264 slice in a box whose header is nonsense: the decoder says so."""
    return data[:4] + data[4:5] + b"\xff" * (len(data) - 5)


def no_picture(data: bytes) -> bytes:
    """A header of MPEG-2 and no slice: nothing comes of it, and the decoder says nothing."""
    at = data.index(b"\0\0\1\0")
    return data[: at + 8] + bytes(len(data))


def no_header(data: bytes) -> bytes:
    """User data of MPEG-2: that it is no picture can be seen."""
    return b"\0\0\1\xb2" + bytes(len(data))


def other_type(data: bytes) -> bytes:
    """A B-picture in the place of a P-picture: it comes out before its time."""
    at = data.index(b"\0\0\1\0") + 5
    return data[:at] + bytes([data[at] & ~0x38 | 3 << 3]) + data[at + 1 :]


def h264(edit: Callable[[int, bytes], bytes | None], count: int = 40) -> bytes:
    return edited(encode(count=count, options=X264, container="matroska"), "matroska", edit)


def mpeg2(edit: Callable[[int, bytes], bytes | None]) -> bytes:
    options = {"g": "8", "bf": "2"}
    sound = encode(codec="mpeg2video", container="matroska", count=80, options=options)
    return edited(sound, "matroska", edit)


def truth(data: bytes, tmp_path: Path) -> Reference:
    path = tmp_path / "clip"
    path.write_bytes(data)
    return linear(path)


# Packets that the decoder refuses, or drops without a word, or of which too many frames come.
CASES = {
    "refused": h264(at(17, bad_slice)),
    "last refused": h264(at(39, bad_slice)),
    "first refused": h264(at(0, bad_slice)),
    "dropped": mpeg2(at(17, no_picture)),
    "two dropped": mpeg2(lambda n, data: no_picture(data) if n in (0, 41) else data),
    "mjpeg": edited(
        encode(codec="mjpeg", pixel_format="yuvj420p", container="nut", count=80),
        "nut",
        at(30, garbage),
    ),
}


# Cut files, which prove damaged as soon as their packets are read.
CUT = {
    f"{codec}.{container}": sound[: len(sound) * kept // 100]
    for codec, container, kept, format in (
        ("mjpeg", "avi", 80, "yuvj420p"),
        ("libx264", "flv", 93, "yuv420p"),
    )
    for sound in (encode(codec=codec, count=40, container=container, pixel_format=format),)
}
CASES |= CUT


@pytest.fixture(params=sorted(CASES))
def damaged(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[bytes, Reference]:
    return CASES[request.param], truth(CASES[request.param], tmp_path)


def test_the_cases_are_damaged(tmp_path: Path) -> None:
    for name, data in CASES.items():
        reference = truth(data, tmp_path)
        if reference.images:
            with open_(data) as reader:
                assert len(reference.images) < len(reader.index.packets), name
        assert bool(reference.error) == ("dropped" not in name), name


# Of what asks for several frames, by the numbers of all that are promised.
KEYS: list[Callable[[Any], Any]] = [
    lambda all_: slice(None),
    lambda all_: slice(0, len(all_)),
    lambda all_: slice(12, 24),
    lambda all_: slice(None, None, -1),
    lambda all_: slice(-5, None),
    lambda all_: slice(-len(all_), -len(all_) + 5),
    lambda all_: slice(None, None, 7),
    lambda all_: [-1],
    lambda all_: [-len(all_), min(18, len(all_) - 1)],
    lambda all_: all_ % 3 == 1,
    lambda all_: all_ < 2,
    lambda all_: all_ > 30,
]


class TestNumbers:
    """Every way of reading gives as many frames as plain decoding, whatever the threads."""

    @pytest.mark.parametrize("threads", THREADS)
    def test_in_order(self, damaged: tuple[bytes, Reference], threads: int) -> None:
        data, reference = damaged
        count = len(reference.images)
        with open_(data, thread_count=threads, errors="keep") as reader:
            assert len(reader.read()) == count
            assert len(list(reader)) == count
            assert sum(len(batch) for batch in reader.batches(7)) == count
            assert len(reader) == len(reader.index) == count
            if reference.error:
                with pytest.raises(fastav.DecodeError, match=f"after {count} frames") as info:
                    reader.read(errors="raise")
                assert info.value.frames_read == count

    @pytest.mark.parametrize("threads", THREADS)
    def test_by_number(self, damaged: tuple[bytes, Reference], threads: int) -> None:
        """A frame is the one of plain decoding, or an error; never another."""
        data, reference = damaged
        with open_(data, thread_count=threads) as reader:
            for number in range(len(reader)):
                try:
                    image = reader[number]
                except (fastav.DecodeError, IndexError):
                    assert number >= len(reference.images)
                else:
                    np.testing.assert_array_equal(image, reference.images[number])
            assert len(reader) == len(reference.images)

    @pytest.mark.parametrize("threads", THREADS)
    @pytest.mark.parametrize("name", ["refused", "last refused", "dropped", "two dropped"])
    def test_a_frame_is_that_of_its_time(self, name: str, threads: int, tmp_path: Path) -> None:
        """Also where what precedes it was not decoded, so that nothing is known of its damage."""
        whole = (mpeg2 if "dropped" in name else h264)(lambda _, data: data)
        sound = truth(whole, tmp_path)
        images = dict(zip(sound.pts, sound.images, strict=True))
        for number in (-1, 30, 60, 20, 16, 8):
            with open_(CASES[name], thread_count=threads) as reader:
                if number < len(reader):
                    if (name, number) == ("refused", 20):  # which refers to it
                        with pytest.raises(fastav.DecodeError):
                            reader[number]
                        continue
                    image = reader[number]
                    pts = reader.pts[number]  # which may have been found to be another
                    off = {at: np.abs(image.astype(int) - images[at]).mean() for at in images}
                    assert min(off, key=off.__getitem__) == pts

    @pytest.mark.parametrize("threads", THREADS)
    def test_in_batches(self, damaged: tuple[bytes, Reference], threads: int) -> None:
        data, reference = damaged
        count = len(reference.images)
        with open_(data, thread_count=threads) as reader:
            promised = len(reader)
            if promised > count:
                with pytest.raises(fastav.DecodeError, match="promised more") as info:
                    reader.get_batch(range(promised))
                assert info.value.frames_read == count
            assert len(reader) == count
            for batch in (range(count), range(0, count, 5), [count - 1, 0][:count]):
                for image, i in zip(reader.get_batch(batch), batch, strict=True):
                    np.testing.assert_array_equal(image, reference.images[i])

    @pytest.mark.parametrize(
        "options",
        [
            {"errors": errors, **more}
            for errors in ("raise", "keep")
            for more in ({}, {"thread_count": 1}, {"thread_count": 3}, {"rotate": True})
        ],
        ids=str,
    )
    def test_a_key_never_gives_less_than_it_asked_for(
        self, damaged: tuple[bytes, Reference], options: dict[str, Any]
    ) -> None:
        """What was promised when it was asked comes, or is an error; also from the end."""
        data, reference = damaged
        count = len(reference.images)
        with open_(data, **options) as reader:
            promised = {False: reader._stream.count, True: len(reader)}  # before, when told
        for key in KEYS if promised[True] else ():
            for told, many in promised.items():
                all_ = np.arange(many)
                with open_(data, **options) as reader:
                    if told:
                        assert len(reader) == many
                    wanted, error = all_[key(all_)], None
                    try:
                        images = reader[key(all_)]
                    except fastav.DecodeError as raised:
                        error, images = raised, ()
                    proved = len(reader) == count
                if error is not None:
                    assert proved
                    assert error.frames_read == count <= wanted.max(initial=count)
                    assert "promised more" in str(error) or not count
                else:
                    assert len(images) == len(wanted)
                for image, number in zip(images, wanted.tolist(), strict=error is None):
                    if proved:  # else the damage before it is not known
                        np.testing.assert_array_equal(image, reference.images[number])
        with open_(data, **options) as reader:
            with suppress(fastav.DecodeError):
                reader.read()
            assert len(reader) == count
            if count:  # else nothing tells how they would be turned
                assert len(reader[:]) == len(reader[: promised[True] + 7]) == count

    @pytest.mark.parametrize("name", CUT)
    @pytest.mark.parametrize("told", ["nothing", "some", "numbers"])
    @pytest.mark.parametrize(
        "read",
        [
            lambda reader: reader[-1],
            lambda reader: reader[[-1, 0]],
            lambda reader: reader[:],
            lambda reader: reader.read_frame(-1),
            lambda reader: reader.metadata(-1)["pts"],
            lambda reader: reader.get_batch([-1]),
            lambda reader: reader.get_frame_at(-1).data,
            lambda reader: reader.get_frames_in_range(0, 99).data,
            lambda reader: reader.get_all_frames().data,
            lambda reader: reader.get_all_frames(fps=10).data,
            lambda reader: reader.sample(3).data,
            lambda reader: reader.sheet(3, spread="ends", times=False),
        ],
    )
    def test_who_was_not_told_of_lost_frames_is_when_they_are_asked_for(
        self, name: str, told: str, read: Callable[[VideoReader], Any], tmp_path: Path
    ) -> None:
        reference = truth(CUT[name], tmp_path)
        count = len(reference.images)
        with open_(CUT[name]) as reader:
            if told == "some":
                np.testing.assert_array_equal(reader[1:4], reference.images[1:4])
            if told == "numbers":
                assert len(reader.timestamps) == count
            else:
                with pytest.raises(fastav.DecodeError, match="promised more") as info:
                    read(reader)
                assert info.value.frames_read == count
            after = read(reader)
        with open_(CUT[name], index=reader.index) as again:
            np.testing.assert_array_equal(after, read(again))
        if isinstance(after, np.ndarray) and after.shape == reference.images[-1].shape:
            np.testing.assert_array_equal(after, reference.images[-1])

    @pytest.mark.parametrize("threads", THREADS)
    def test_reading_on_tells_of_damage_with_an_index_and_without(
        self, damaged: tuple[bytes, Reference], threads: int
    ) -> None:
        data, reference = damaged
        count = len(reference.images)
        for start, stop in ((0, None), (3, None), (3, 99), (17, 30), (3, 5)):
            found = []
            for how in ("alone", "counted", "known"):
                with open_(data, thread_count=threads) as reader:
                    if how != "alone":
                        len(reader)
                    if how == "known":
                        reader.read(errors="keep")
                    images: list[Any] = []
                    failed = False
                    try:
                        images.extend(reader.iter(start=start, stop=stop))
                    except fastav.DecodeError:
                        failed = True
                    found.append(failed)
                    if not failed and how == "known":
                        assert len(images) == len(range(count)[start:stop])
            assert found[0] == found[2], (start, stop, found)
            assert found[0] or not found[1]

    def test_times(self, damaged: tuple[bytes, Reference]) -> None:
        data, reference = damaged
        with open_(data) as reader:
            reader.read(errors="keep")
            assert reader.pts.tolist() == reference.pts
            reader._stream.release()
            some = range(len(reader))[:8]
            assert [reader.metadata(i)["pts"] for i in some] == reference.pts[:8]

    def test_the_index_can_be_handed_on(self, damaged: tuple[bytes, Reference]) -> None:
        data, reference = damaged
        with open_(data) as reader:
            reader.read(errors="keep")
            index = pickle.loads(pickle.dumps(reader.index))
        with open_(data, index=index) as reader:
            assert len(reader) == len(reference.images)
            assert reader.index.damaged == bool(reference.error)
            for image in reference.images[-1:]:
                np.testing.assert_array_equal(reader[-1], image)


@pytest.mark.parametrize("container", ["matroska", "h264"])
def test_frames_lost_by_threads_at_the_end_come_after_all(container: str, tmp_path: Path) -> None:
    """FFmpeg's frame threads say nothing of an error after the last packet."""
    sound = encode(count=20, options=X264, container=container)
    for number in range(14, 20):
        data = edited(sound, container, at(number, bad_slice))
        count = len(truth(data, tmp_path).images)
        for threads in THREADS:
            with open_(data, thread_count=threads, errors="keep") as reader:
                assert len(reader.read()) == count


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
@pytest.mark.parametrize("container", ["webm", "ivf"])
@pytest.mark.parametrize(
    "change", [garbage, lambda data: b"\xff" * len(data), lambda data: data[:1]]
)
def test_a_last_packet_that_is_refused(
    container: str, codec: str, change: Callable[[bytes], bytes], threads: int, tmp_path: Path
) -> None:
    """Also of one that says that it is not shown, which leaves no frame missing."""
    sound = encode(codec=codec, container=container, count=24)
    data = edited(sound, container, at(23, change))
    reference = truth(data, tmp_path)
    assert len(reference.images) == 23
    with open_(data, thread_count=threads) as reader:
        for read in (reader.read, lambda: list(reader)):
            if reference.error:
                with pytest.raises(fastav.DecodeError, match="after 23 frames") as info:
                    read()
                assert info.value.frames_read == 23
            else:
                assert len(read()) == 23
        assert len(reader) == len(reader.read(errors="keep")) == 23
        np.testing.assert_array_equal(reader[-1], reference.images[-1])


@pytest.mark.parametrize("threads", THREADS)
def test_a_last_packet_that_is_refused_and_has_the_time_of_another(threads: int) -> None:
    """That a frame of this time came does not tell that this one did."""
    sound, file = encode(count=20, options={"bf": "0"}, container="matroska"), io.BytesIO()
    time = 0
    with av.open(io.BytesIO(sound)) as source, av.open(file, "w", format="matroska") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(p for p in source.demux() if p.size):
            made = av.Packet(bad_slice(bytes(packet)) if number == 19 else bytes(packet))
            time = time if number == 19 else packet.pts or 0
            made.pts, made.dts, made.time_base = time, time, packet.time_base
            made.stream, made.is_keyframe = stream, packet.is_keyframe
            output.mux(made)
    with open_(file.getvalue(), thread_count=threads) as reader:
        with pytest.raises(fastav.DecodeError, match="after 19 frames"):
            reader.read()
        assert len(list(reader.iter(errors="keep"))) == 19


def alone(data: bytes) -> tuple[list[NDArray[Any]], bool]:
    """Frames and failure of PyAV with one thread, which is drained after an error."""
    frames: list[NDArray[Any]] = []
    with av.open(io.BytesIO(data)) as container:
        context = container.streams.video[0].codec_context
        context.thread_count = 1
        for packet in container.demux(container.streams.video[0]):
            try:
                frames += [f.to_ndarray(format="rgb24") for f in context.decode(packet)]
            except av.FFmpegError:
                with suppress(av.FFmpegError):
                    frames += [f.to_ndarray(format="rgb24") for f in context.decode(None)]
                return frames, True
    return frames, False


@pytest.mark.parametrize("threads", [1, 2, 8, 16])
@pytest.mark.parametrize("behind", [0, 3])
def test_last_frames_of_interlaced_video(tmp_path: Path, threads: int, behind: int) -> None:
    """That packets may hold second fields is no reason to believe that the last ones did."""
    data = bytearray(Zoo(tmp_path)["h264-interlaced.mp4"].read_bytes())
    with open_(bytes(data)) as reader:
        count = len(reader.index.packets)
        _, at, size = reader.index.packets[["pts", "pos", "size"]][-1 - behind]
    data[at : at + size] = b"\xff" * size
    expected, fails = alone(bytes(data))
    assert fails
    frames = len(expected)
    assert frames < count
    with open_(bytes(data), thread_count=threads) as reader:
        with pytest.raises(fastav.DecodeError, match=f"after {frames} frames"):
            reader.read()
        assert len(list(reader.iter(errors="keep"))) == frames


@pytest.fixture(scope="module")
def av1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Zoo(tmp_path_factory.mktemp("av1"))["av1.mp4"]


@pytest.mark.parametrize("threads", [1, 0, 4, 16])
def test_av1_leaves_no_frame_out(av1: Path, threads: int) -> None:
    """Its decoder, with threads of its own, says nothing of many frames that it fails at."""
    whole = av1.read_bytes()
    with open_(whole, thread_count=threads) as reader:
        packets = reader.index.packets
    failures = 0
    for seed, number in enumerate((3, 11, 20, 27, 36, 38, 39)):
        data, chance = bytearray(whole), random.Random(seed)
        _, at, size = packets[["pts", "pos", "size"]][number].item()
        for _ in range(20):
            data[at + chance.randrange(size // 3, size)] = chance.randrange(256)
        expected, fails = alone(bytes(data))
        failures += fails
        with open_(bytes(data), thread_count=threads, conversion="ffmpeg") as reader:
            frames = list(reader.iter(errors="keep"))
            assert len(frames) == len(reader.read(errors="keep")) == len(expected), number
            # (What is concealed, and not said, may depend on threads.)
            np.testing.assert_array_equal(frames[:number], expected[:number])
            if fails:
                with pytest.raises(fastav.DecodeError, match=f"after {len(expected)} frames"):
                    reader.read()
            else:
                assert len(reader.read()) == len(expected)
    assert failures > 3


def test_av1_is_decoded_once(av1: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is missed in a whole file; else it would be decoded again with one thread."""
    opened = []
    monkeypatch.setattr(decode, "open_input", lambda *_, **__: opened.append(1))
    for name in ("av1.mp4", "av1.ivf", "av1.obu", "av1.webm"):
        path = Zoo(av1.parent)[name]
        for threads in (0, 16):
            with open_(path, thread_count=threads) as reader:
                assert len(reader.read()) == len(linear(path).images)
    assert not opened


def test_a_negative_rate_is_none() -> None:
    data = encode(container="flv", codec="flv1", count=6)
    at = data.index(b"framerate\0") + len(b"framerate\0")
    data = data[:at] + struct.pack(">d", -25.0) + data[at + 8 :]
    with open_(data) as reader:
        assert reader.info.frame_rate is None or reader.info.frame_rate > 0
        assert reader.fps >= 0
        assert len(reader) == len(list(reader.iter(filter_sequence=[("null", "")]))) == 6


def test_a_matrix_that_there_is_not() -> None:
    """A damaged tag; FFmpeg's graphs take only those that they know."""
    data = encode(container="mov", codec="prores_ks", pixel_format="yuv422p10le", count=3)
    damaged, at = bytearray(data), 0
    while (at := damaged.find(b"icpf", at)) >= 0:  # behind it a ProRes frame's header
        at += 4
        damaged[at + 14 : at + 17] = b"\x5c\x5c\x5c"  # primaries, transfer, matrix
    with open_(bytes(damaged)) as reader:
        frames = list(reader.frames())
        assert {int(frame.colorspace) for frame in frames} == {92}
        stored = reader.iter(filter_sequence=[("null", "")], format=None, planes=True)
        assert len(list(stored)) == 3


class Hesitating:
    """A container whose demuxer asks to be asked again after every `few` packets."""

    def __init__(self, container: Any, few: int) -> None:
        self._container, self._few = container, few

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def demux(self, *streams: Any) -> Iterator[av.Packet]:
        for packet in islice(self._container.demux(*streams), self._few):
            yield packet
            if not packet.size:
                return
        raise av.BlockingIOError(errno.EAGAIN, "try again")


@pytest.mark.parametrize("errors", ["raise", "keep", "skip"])
def test_a_demuxer_asks_to_be_asked_again(errors: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is no damage: some do so where they come upon a stream that is left out."""
    sound, few = encode(count=20, options=X264, container="matroska"), 7
    expected = fastav.imread(sound)
    container = VideoInput.container.fget
    monkeypatch.setattr(
        VideoInput, "container", property(lambda video: Hesitating(container(video), few))
    )
    with fastav.open(sound, errors=errors) as reader:
        np.testing.assert_array_equal(reader.read(), expected)
        assert len(reader) == 20
        np.testing.assert_array_equal(reader[17], expected[17])
        assert not reader.damage
    few = 0  # nothing ever comes
    with fastav.open(sound) as reader, pytest.raises(fastav.DecodeError, match="nothing more"):
        reader.read()


def test_frames_that_are_drained_have_a_time_base(damaged: tuple[bytes, Reference]) -> None:
    data, reference = damaged
    for threads in THREADS:
        with open_(data, thread_count=threads, errors="keep") as reader:
            frames = []
            with suppress(fastav.DecodeError):
                frames.extend(reader.frames())
            assert [frame.pts for frame in frames] == reference.pts
            assert {frame.time_base for frame in frames} <= {reader.info.time_base}


def overwritten(data: bytes, *parts: tuple[float, bytes]) -> bytes:
    """A file with bytes changed at places of it, 0 its beginning and 1 its end."""
    changed = bytearray(data)
    for place, garbage in parts:
        at = int(place * len(data))
        changed[at : at + len(garbage)] = garbage
    return bytes(changed)


def ivf_with_a_header_lost() -> bytes:
    """FFmpeg's demuxer fails at a size that is nonsense, again and again, and finds its way."""
    data = bytearray(encode(codec="libvpx", container="ivf", count=24))
    at = 32
    for _ in range(9):
        at += 12 + int.from_bytes(data[at : at + 4], "little")
    data[at : at + 4] = b"\xff\xff\xff\xff"
    return bytes(data)


def torn_apng() -> bytes:
    """A chunk whose length is nonsense: what follows it cannot be found again."""
    data = encode(codec="apng", container="apng", pixel_format="rgb24", count=12)
    at = data.index(b"fcTL", len(data) // 2) - 4
    return data[:at] + b"\xff\xff\xff\xff" + data[at + 4 :]


# What is to be skipped, besides the cases above.
SKIPPED = {
    **CASES,
    "four refused": h264(lambda n, data: bad_slice(data) if n in (5, 17, 18, 30) else data),
    "all refused but one": h264(lambda n, data: data if n == 0 else bad_slice(data)),
    "none left": h264(lambda _, data: bad_slice(data), count=4),
    "noise in a transport stream": overwritten(
        encode(count=60, options=X264, container="mpegts"),
        (0.3, random.Random(1).randbytes(700)),
        (0.6, random.Random(2).randbytes(188)),
        (0.8, random.Random(3).randbytes(30)),
    ),
    "noise in a program stream": overwritten(
        encode(codec="mpeg2video", count=60, options={"g": "8", "bf": "2"}, container="vob"),
        (0.3, random.Random(1).randbytes(700)),
        (0.7, random.Random(2).randbytes(300)),
    ),
    "noise in fragments": overwritten(
        edited(
            encode(count=60, options=X264), "mp4", lambda _, data: data,
            movflags="frag_keyframe+empty_moov",
        ),
        (0.4, random.Random(1).randbytes(300)),
    ),
    "noise in png": overwritten(
        encode(codec="png", container="mov", pixel_format="rgb24", count=40),
        *((place / 10, b"\xff" * 100) for place in (2, 5, 8)),
    ),
    "a demuxer that goes on": ivf_with_a_header_lost(),
    "a demuxer that does not": torn_apng(),
}  # fmt: skip


@pytest.fixture(scope="module", params=sorted(SKIPPED))
def skipped(request: pytest.FixtureRequest) -> tuple[bytes, Skipped]:
    data = SKIPPED[request.param]
    return data, Skipped(data)


# Whose decoders say nothing.
UNTOLD = {"dropped", "two dropped", "noise in a transport stream", "noise in a program stream"}


class Skipped:
    """What PyAV with one thread gives where every error is passed over."""

    def __init__(self, data: bytes) -> None:
        self.images: list[np.ndarray] = []
        self.pts: list[int | None] = []
        self.refused: list[float] = []  # when the packets that were would have been shown
        self.failures = 0  # places that the demuxer could not read
        with av.open(io.BytesIO(data)) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            ended, before, tries = False, "packet", 0
            while not ended and tries < 100:
                tries += 1
                try:
                    for packet in container.demux(stream):
                        ended, before = not packet.size, "packet"
                        self._decode(packet)
                except av.FFmpegError:
                    self.failures += before == "packet"
                    before = "failure"
            if not ended:
                self._decode(stream.codec_context)

    def same(self, images: Sequence[np.ndarray], numbers: Sequence[int]) -> None:
        """Compare arrays with those of these numbers, pixels where decoders made up none."""
        assert len(images) == len(numbers)
        if self.refused or self.failures:
            for image, number in zip(images, numbers, strict=True):
                np.testing.assert_array_equal(image, self.images[number])

    def _decode(self, by: Any) -> None:
        try:
            frames = by.decode()
        except av.FFmpegError:
            self.refused.append(float(by.pts * by.time_base))
            return
        for frame in frames:
            self.images.append(frame.reformat(format="rgb24", **ONE_THREAD).to_ndarray())
            self.pts.append(frame.pts)


class TestSkipping:
    """`errors="skip"` gives what PyAV with one thread gives past every error."""

    def test_the_cases_are_damaged(self) -> None:
        for name, data in SKIPPED.items():
            expected = Skipped(data)
            assert bool(expected.refused or expected.failures) == (name not in UNTOLD), name
        assert Skipped(SKIPPED["a demuxer that goes on"]).failures == 1
        assert len(Skipped(SKIPPED["four refused"]).images) == 36

    @pytest.mark.parametrize("threads", THREADS)
    def test_in_order(self, skipped: tuple[bytes, Skipped], threads: int) -> None:
        data, expected = skipped
        count = len(expected.images)
        with open_(data, thread_count=threads, errors="skip") as reader:
            times = [frame.pts for frame in reader.frames()]
            if expected.pts == sorted(expected.pts, key=lambda pts: pts or 0):
                assert times == expected.pts
            assert times == reader.pts.tolist()
            for way in (
                reader.read(),
                list(reader),
                [image for batch in reader.batches(7) for image in batch],
                reader.read(filter_sequence=[("null", "")]),
            ):
                expected.same(way, range(count))
            assert reader.frames_read == count
            expected.same(reader.read(start=2, stop=30, step=3), range(count)[2:30:3])

    @pytest.mark.parametrize("threads", THREADS)
    def test_what_was_damaged_is_told(self, skipped: tuple[bytes, Skipped], threads: int) -> None:
        data, expected = skipped
        with open_(data, thread_count=threads, errors="skip") as reader:
            reader.read()
            told = [time for time in reader.damage if time == time]
            assert sorted(told) == pytest.approx(sorted(expected.refused))
            assert len(reader.damage) - len(told) == expected.failures
            if expected.images:
                next(reader.iter(start=0))
                assert len(reader.damage) <= len(expected.refused)
            read = reader.read(errors="keep")
            assert reader.damage == ()
            assert len(read) <= len(expected.images)

    @pytest.mark.parametrize("threads", THREADS)
    def test_by_number(self, skipped: tuple[bytes, Skipped], threads: int) -> None:
        """Frames are numbered as they come, and found by number and by time behind damage."""
        data, expected = skipped
        count = len(expected.images)
        with open_(data, thread_count=threads, errors="skip") as reader:
            reader.read()
            assert len(reader) == len(reader.index) == count
            assert reader.index.skips == bool(expected.refused or expected.failures)
            numbers = random.Random(0).sample(range(count), count)
            one_by_one = [reader[number] for number in numbers]
            for way in (one_by_one, reader.get_batch(numbers)):
                expected.same(way, numbers)
            if count:
                batch = reader.get_frames_played_at(reader.timestamps[numbers[:5]])
                assert batch.indices.tolist() == numbers[:5]
                if expected.pts == sorted(expected.pts, key=lambda pts: pts or 0):
                    assert reader.pts.tolist() == expected.pts
            with pytest.raises(IndexError):
                reader[count]

    def test_numbers_are_of_what_comes_from_the_first_access_on(self) -> None:
        data, expected = SKIPPED["four refused"], Skipped(SKIPPED["four refused"])
        with open_(data, errors="skip") as reader:
            np.testing.assert_array_equal(reader[30], expected.images[30])
            assert reader.damage == pytest.approx(expected.refused)
        with open_(data, errors="skip") as reader:
            assert len(reader) == 36
            got = [reader[number] for number in range(len(reader))]
            np.testing.assert_array_equal(got, expected.images)
        with open_(data, errors="skip") as reader:
            np.testing.assert_array_equal(reader.sample(36).data, expected.images)
        with open_(data, errors="skip") as reader:
            assert reader.sheet(6).ndim == 3
        with open_(data, errors="skip") as reader, pytest.raises(IndexError, match="39 is out of"):
            reader[[4, 39]]

    def test_a_number_without_an_index(self) -> None:
        data, expected = SKIPPED["four refused"], Skipped(SKIPPED["four refused"])
        with open_(data) as reader:
            promised = reader.index  # which nothing has proved, ...
        if promised.damaged:
            pytest.skip("... but PyAV before 18 tells too little of h264 to make it undecoded")
        with open_(data, errors="skip", index=promised) as reader:
            assert len(reader) == 36
        with open_(data, errors="skip") as reader:
            len(reader)
            got = [frame.pts for frame in reader.frames(start=2)]
            assert got == expected.pts[2:]
        with open_(data, errors="skip") as reader:
            all_ = reader.get_frames_at(range(36))
            np.testing.assert_array_equal(all_.data, expected.images)
            times = [float(pts * reader.info.time_base) for pts in expected.pts if pts is not None]
            assert all_.pts_seconds == pytest.approx(times)

    def test_frames_that_are_missed_are_not_shown_by_others_for_long(self) -> None:
        """At another rate a frame stays until the next one that came."""
        expected = Skipped(SKIPPED["four refused"])
        shown = fastav.imread(SKIPPED["four refused"], errors="skip", fps=24, conversion="ffmpeg")
        start, last = expected.pts[0], -1
        assert start is not None
        assert len(shown) == 40
        for moment, image in enumerate(shown):
            now = start + moment * 1000 / 24 + 1e-6
            last = max(n for n, pts in enumerate(expected.pts) if pts is not None and pts <= now)
            np.testing.assert_array_equal(image, expected.images[last])
        assert last == len(expected.images) - 1

    def test_a_read_may_skip_and_the_reader_not(self) -> None:
        data, expected = SKIPPED["refused"], Skipped(SKIPPED["refused"])
        count = len(expected.images)
        for first, other in (("raise", "skip"), ("skip", "raise")):
            with open_(data, errors=first) as reader:
                len(reader)
                assert len(reader.read(errors="skip")) == count
                assert len(reader.read(start=20, errors="skip")) == count - 20
                assert len(list(reader.iter(start=35, errors="skip"))) == count - 35
                assert len(reader.read(errors="keep")) == 17
                assert len(reader) == (17 if first == "raise" else count)
                with pytest.raises(ValueError, match="numbered otherwise"):
                    reader.get_batch([3], errors=other)

    def test_one_frame_is_counted_as_its_read_counts(self) -> None:
        data, expected = SKIPPED["refused"], Skipped(SKIPPED["refused"])
        count = len(expected.images)
        with open_(data) as reader:
            for number in (0, 16, 17, count - 1, -1, -count):
                image = reader.read_frame(number, errors="skip")
                np.testing.assert_array_equal(image, expected.images[number])
                plugin = VideoFile(data, conversion="ffmpeg")
                image = plugin.read(index=number, errors="skip")
                np.testing.assert_array_equal(image, expected.images[number])
            for number in (count, -count - 1):
                with pytest.raises(IndexError, match="out of range"):
                    reader.read_frame(number, errors="skip")
        with open_(data, errors="skip") as reader:
            image = reader.read_frame(16, errors="raise")
            np.testing.assert_array_equal(image, reader.read(errors="keep")[16])
            for number in (17, -1):
                with pytest.raises(fastav.DecodeError, match="after 17 frames"):
                    reader.read_frame(number, errors="raise")

    def test_an_index_knows_how_it_numbers(self) -> None:
        data = SKIPPED["refused"]
        with open_(data, errors="skip") as reader:
            reader.read()
            index = pickle.loads(pickle.dumps(reader.index))
            again = pickle.loads(pickle.dumps(reader))
            np.testing.assert_array_equal(again[30], reader[30])
        with open_(data, errors="skip", index=index) as reader:
            assert len(reader) == 39
        with pytest.raises(ValueError, match="numbered with errors='skip'"):
            open_(data, index=index)
        with open_(data) as reader:
            reader.read(errors="keep")
            other = reader.index
        with pytest.raises(ValueError, match="numbered without errors='skip'"):
            open_(data, index=other, errors="skip")

    def test_a_pipe(self) -> None:
        class Pipe(io.BytesIO):
            def seekable(self) -> bool:
                return False

        data, expected = SKIPPED["four refused"], Skipped(SKIPPED["four refused"])
        for threads in THREADS:
            with open_(Pipe(data), errors="skip", thread_count=threads) as reader:
                np.testing.assert_array_equal(reader.read(), expected.images)
                assert reader.damage == pytest.approx(expected.refused)
            with open_(Pipe(data), errors="skip", thread_count=threads) as reader:
                np.testing.assert_array_equal(reader[30], expected.images[30])

    def test_what_is_concealed_comes_unless_it_is_refused(self) -> None:
        data = mpeg2(at(40, half))
        with open_(data, errors="skip") as reader:
            assert len(reader.read()) == 80
            assert reader.damage == ()
        with open_(data, errors="skip", options={"err_detect": "explode"}) as reader:
            assert len(reader.read()) == 79
            assert len(reader.damage) == 1

    def test_a_demuxer_that_gives_other_packets_after_a_seek(self) -> None:
        """To the file's beginning, too: it is opened anew then."""
        sound = encode(codec="libsvtav1", container="obu", count=24)
        for seed in range(12):
            chance, data = random.Random(seed), bytearray(sound)
            for _ in range(chance.choice([1, 2, 6])):
                at, length = chance.randrange(60, len(data)), chance.choice([4, 8, 40, 200])
                data[at : at + length] = chance.randbytes(len(data[at : at + length]))
            with suppress(fastav.NotAVideoError), open_(bytes(data), errors="skip") as reader:
                images = list(reader)
                for number in range(len(reader)):
                    np.testing.assert_array_equal(reader[number], images[number])
                if images:
                    np.testing.assert_array_equal(reader[:], images)

    def test_a_change_of_size_is_no_damage(self) -> None:
        data = b"".join(
            encode(codec="mjpeg", container="mjpeg", pixel_format="yuvj420p", width=w, count=5)
            for w in (64, 80)
        )
        with open_(data, errors="skip") as reader:
            with pytest.raises(fastav.FrameChangedError, match="frame 5"):
                reader.read()
            with pytest.raises(fastav.FrameChangedError, match="frame 5"):
                list(reader)
            assert len(reader.read(resize=True)) == 10

    def test_no_frame_is_left(self) -> None:
        with open_(SKIPPED["none left"], errors="skip") as reader:
            assert reader.read().shape == (0, 48, 64, 3)
            assert list(reader) == []
            assert len(reader) == 0
            assert len(reader.damage) == 4
        with pytest.raises(fastav.NotAVideoError):
            open_(b"\0" * 1000, errors="skip")

    def test_the_source_s_errors_are_raised(self, stalling: str) -> None:
        with (
            pytest.raises((TimeoutError, ConnectionError)),
            open_(stalling, options={"timeout": "100000"}, errors="skip") as reader,
        ):
            reader.read()

    def test_the_functions(self, tmp_path: Path) -> None:
        data, expected = SKIPPED["four refused"], Skipped(SKIPPED["four refused"])
        read = partial(fastav.imread, data, conversion="ffmpeg", errors="skip")
        np.testing.assert_array_equal(read(), expected.images)
        np.testing.assert_array_equal(read(index=-1), expected.images[-1])
        assert len(list(fastav.imiter(data, errors="skip"))) == 36
        for errors, count in (("skip", 36), ("keep", 5)):
            target = tmp_path / f"{errors}.mkv"
            assert fastav.transcode(data, target, codec="ffv1", read={"errors": errors}) == count
            with fastav.open(target) as reader:
                assert len(reader) == count
        with fastav.open(tmp_path / "skip.mkv") as reader, open_(data) as source:
            times = [float(pts * source.info.time_base) for pts in expected.pts if pts is not None]
            assert reader.timestamps - reader.timestamps[0] == pytest.approx(
                np.array(times) - times[0], abs=1e-3
            )

    def test_the_command_line(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        clip, array, copy = (str(tmp_path / name) for name in ("a.mkv", "a.npy", "b.mkv"))
        Path(clip).write_bytes(SKIPPED["four refused"])
        assert main(["read", clip, "-o", array, "--quiet"]) == 1
        assert "failed after 5 frames" in capsys.readouterr().err
        assert main(["read", clip, "-o", array, "--quiet", "--errors", "skip"]) == 0
        assert "4 damaged packets were left out" in capsys.readouterr().err
        assert len(np.load(array)) == 36
        assert main(["convert", clip, copy, "--quiet", "--errors", "skip"]) == 0
        assert len(fastav.imread(copy)) == 36


class TestBounds:
    def fed(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """Count packets given to decoders."""
        counts: list[int] = []

        def counting(video: Any, packet: Any) -> Any:
            if packet is not None:
                counts.append(1)
            return original(video, packet)

        from fastav.reading import decode

        original = decode.decode_packet
        for module in (decode, access, scan):
            monkeypatch.setattr(module, "decode_packet", counting)
        return counts

    @pytest.mark.parametrize("threads", THREADS)
    def test_each_packet_is_decoded_twice_at_most(
        self, damaged: tuple[bytes, Reference], threads: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        data, reference = damaged
        with open_(data, thread_count=threads) as reader:
            packets = len(reader.index.packets)
            count = len(reader)
            fed = self.fed(monkeypatch)
            for number in (count - 1, 0, len(reference.images), count // 2, count - 1)[: 5 * count]:
                fed.clear()
                try:
                    reader[number]
                except (fastav.DecodeError, IndexError):
                    assert number >= len(reference.images)
                assert len(fed) <= 2 * packets + 1
            reader.read(errors="keep")
            assert len(reader) == len(reference.images)
            fed.clear()
            with pytest.raises(IndexError, match="out of range"):
                reader[len(reference.images)]
            assert not fed

    def test_sound_files_cost_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        data = encode(codec="mpeg4", container="matroska", count=60, options={"bf": "2"})
        with open_(data, thread_count=2) as reader:
            fed = self.fed(monkeypatch)
            assert len(reader) == 60
            assert not fed
            for number in range(60):
                reader[number]
            assert len(fed) == 60
            assert not reader.index.proved


@pytest.mark.parametrize("codec", ["mpeg1video", "mpeg2video"])
def test_types_of_pictures_tell_of_damage_before_anything_is_decoded(
    codec: str, tmp_path: Path
) -> None:
    """So that a frame by number is right behind a packet that the decoder drops in silence."""
    sound = encode(codec=codec, container="matroska", count=40, options={"g": "8", "bf": "2"})
    with open_(sound) as reader:
        assert reader.index.decoded == 0
        assert len(reader) == 40
    for number, damage in ((7, no_header), (9, no_header), (10, other_type), (39, no_header)):
        data = edited(sound, "matroska", at(number, damage))
        reference = truth(data, tmp_path)
        assert not reference.error
        with open_(data) as reader:
            assert reader.index.proved
            assert len(reader) == len(reference.images)
            np.testing.assert_array_equal(reader[-1], reference.images[-1])


def half(data: bytes) -> bytes:
    """A picture whose lower part is missing: decoders make it up of the picture before."""
    return data[: len(data) // 2] + bytes(len(data) - len(data) // 2)


@pytest.mark.parametrize("damage", [no_picture, half])
@pytest.mark.parametrize("number", [8, 40, 41, 79])
def test_side_by_side_reading_gives_way_to_reading_in_order(
    damage: Callable[[bytes], bytes], number: int, tmp_path: Path
) -> None:
    """A codec without threads is shared among decoders, until one of them sees damage."""
    data = mpeg2(at(number, damage))
    reference = truth(data, tmp_path)
    with open_(data, thread_count=2, errors="keep") as reader:
        assert reader._shares_out(reader.options)
        assert reader._read_side_by_side(reader.options, slice(None), None) is None
        images = reader.read()
        assert len(images) == len(reference.images)
        if damage is no_picture:  # what is made up is not the same every time
            np.testing.assert_array_equal(images, reference.images)


class TestErrors:
    """What a decoder refuses is damage, whatever errno it returns."""

    @pytest.mark.parametrize("error", ["EPERM", "EAGAIN", "ENOMEM", "EIO", "EINVAL"])
    @pytest.mark.parametrize("where", ["decoder", "demuxer"])
    def test_an_errno_is_damage(
        self, error: str, where: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from fastav.ffmpeg_errors import clear_error

        code = getattr(errno, error)
        failure = av.error.classes[code](code, "made up") if hasattr(av.error, "classes") else None
        if failure is None:
            with pytest.raises(av.FFmpegError) as info:
                av.error.err_check(-code)
            failure = info.value
        made = clear_error(failure, f"the {where}")
        assert type(made) is fastav.DecodeError

    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            ("ETIMEDOUT", TimeoutError),
            ("ECONNRESET", ConnectionResetError),
            ("EACCES", PermissionError),
            ("ENOENT", FileNotFoundError),
        ],
    )
    def test_a_protocol_s_errno_is_the_system_s(self, error: str, kind: type[OSError]) -> None:
        from fastav.ffmpeg_errors import clear_error

        with pytest.raises(av.FFmpegError) as info:
            av.error.err_check(-getattr(errno, error))
        assert type(clear_error(info.value, "reading")) is kind

    def test_sei_that_ends_in_its_header(self) -> None:
        data = encode(container="h264", count=12, options=X264)
        at = data.index(b"\0\0\1\x65")
        for tail in (b"\xff\xff\xff", b"\xff", b"", b"\x06", b"\x05\xff"):
            assert not bitstream._recovers_at_once(tail)
            broken = data[:at] + b"\0\0\1\x06" + tail + data[at:]
            with open_(broken, errors="keep") as reader:
                assert len(reader) == 12

    def test_ivf_with_a_frame_too_large(self) -> None:
        """FFmpeg has no memory for a size that is nonsense, which is damage."""
        with open_(ivf_with_a_header_lost()) as reader:
            assert len(reader.read(errors="keep")) == 9
            with pytest.raises(fastav.DecodeError, match="after 9 frames"):
                reader.read()
            assert len(reader) == 9

    def test_a_stream_that_appears_in_mid_file(self) -> None:
        """An mpeg-ts whose program grows: PyAV looks for the new stream, in vain."""
        first = encode(container="mpegts", count=24)
        file = io.BytesIO()
        with av.open(file, "w", format="mpegts") as output:
            video = output.add_stream("libx264", rate=24)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            sound = output.add_stream("mp2", rate=48000)
            for number in range(24):
                frame = av.VideoFrame(64, 48, "yuv420p")
                frame.pts, frame.time_base = number, Fraction(1, 24)
                output.mux(video.encode(frame))
                samples = av.AudioFrame(format="s16", layout="stereo", samples=1152)
                samples.sample_rate, samples.pts = 48000, number * 1152
                output.mux(sound.encode(samples))
            output.mux(video.encode(None))
            output.mux(sound.encode(None))
        with open_(first * 40 + file.getvalue(), errors="keep") as reader:
            count = len(list(reader))
            assert count >= 40 * 24
            assert len(reader.read()) == len(reader) == count


class TestNothing:
    """A file of which no frame is left has 0 frames, in every way of reading."""

    @pytest.fixture
    def data(self) -> bytes:
        whole = encode(container="matroska", count=12, options=X264)
        return whole[: whole.index(b"\x1f\x43\xb6\x75") + 12]  # up to the first cluster

    def test_every_way(self, data: bytes) -> None:
        with open_(data) as reader:
            assert reader.read(errors="keep").shape == (0, 48, 64, 3)
            assert list(reader.iter(errors="keep")) == []
            assert len(reader) == len(reader.index) == 0
            assert reader.shape == (0, 48, 64, 3)
            assert reader.duration == 0
            assert len(pickle.loads(pickle.dumps(reader))) == 0
            assert len(reader[:]) == len(reader.get_batch([])) == 0
            with pytest.raises(IndexError, match="no frames"):
                reader[0]

    def test_damage_is_still_told(self) -> None:
        data = h264(lambda _, data: bad_slice(data), count=4)
        with open_(data) as reader:
            with pytest.raises(fastav.DecodeError, match="after 0 frames"):
                reader.read()
            assert len(reader.read(errors="keep")) == 0
            assert len(reader) == 0


@pytest.fixture(scope="module")
def stalling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = tmp_path_factory.mktemp("served") / "clip.mkv"
    path.write_bytes(encode(codec="ffv1", container="matroska", width=160, height=96, count=100))
    assert path.stat().st_size > 3 * BLOCK
    with serve(path) as server:
        server.stalls_at = 2 * BLOCK
        yield server.url


class TestServers:
    """A server that stops sending is an error in every access, not a short video."""

    @pytest.mark.parametrize(
        "access",
        [
            len,
            list,
            lambda reader: reader[-1],
            lambda reader: reader.get_batch([0, 99]),
            lambda reader: reader.read(),
            lambda reader: reader.read(errors="keep"),
            lambda reader: reader.index,
        ],
    )
    def test_a_stall(self, access: Callable[[Any], Any], stalling: str) -> None:
        with (
            open_(stalling, options={"timeout": "100000"}) as reader,
            pytest.raises((TimeoutError, ConnectionError), match="failed"),
        ):
            access(reader)

    @pytest.mark.parametrize(("status", "kind"), [(404, FileNotFoundError), (403, PermissionError)])
    def test_a_refusal(self, status: int, kind: type[OSError]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:

            def answer() -> None:
                with listening.accept()[0] as connection:
                    connection.recv(1 << 16)
                    connection.sendall(b"HTTP/1.0 %d No\r\nContent-Length: 0\r\n\r\n" % status)

            thread = threading.Thread(target=answer)
            thread.start()
            with pytest.raises(kind, match="cannot open"):
                fastav.open(f"http://127.0.0.1:{listening.getsockname()[1]}/clip.mp4")
            thread.join()


def test_a_demuxers_made_up_errno_is_no_busy_device() -> None:
    """The header of y4m is answered with -16 by its demuxer where a number in it is damaged."""
    frames = np.zeros((2, 16, 16), np.uint8)
    whole = fastav.imwrite("<bytes>", frames, in_pixel_format="gray", container="yuv4mpegpipe")
    assert whole is not None
    refused = []
    for at in range(whole.index(b"\n")):
        for value in (0x30, 0x39, 0x80, 0xFF):
            data = whole[:at] + bytes([value]) + whole[at + 1 :]
            try:
                fastav.imread(data, errors="keep", format=None, planes=True)
            except fastav.FastavError as error:
                refused.append(error)
    assert refused


def test_a_table_that_points_before_the_file_is_no_system_error(tmp_path: Path) -> None:
    clip = encode(codec="mjpeg", container="avi", pixel_format="yuvj420p", count=12)
    at = clip.rindex(b"idx1") + 8
    for entry in range(12):
        place = at + 16 * entry + 8
        for offset in (b"\xff\xff\xff\xff", b"\x00\x00\x00\x80", b"\x01\x00\x00\x00"):
            data = clip[:place] + offset + clip[place + 4 :]
            path = tmp_path / "clip.avi"
            path.write_bytes(data)
            for source in (data, path):
                with fastav.open(source) as reader:
                    assert len(reader) <= 12
                    frame = reader[0]
                np.testing.assert_array_equal(frame, fastav.imread(clip, index=0))


@pytest.mark.parametrize("name", ["a demuxer that goes on", "a demuxer that does not"])
@pytest.mark.parametrize("skips", [False, True])
def test_an_error_of_the_demuxer_keeps_no_decoder(name: str, skips: bool) -> None:
    """An error that a generator keeps refers to that generator: threads would wait for Python."""
    gc.disable()
    try:
        video = open_input(Source(SKIPPED[name]))
        kept = weakref.ref(video)
        failures = 0
        try:
            for _ in packets(video, [] if skips else None):
                pass
        except fastav.DecodeError:
            failures += 1
        del video
        assert kept() is None
        assert failures == (0 if skips else 1)
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "name", ["av1.ivf", "av1.obu", "h264-b-fragmented.mp4", "png.mov", "vp9.webm"]
)
def test_damaged_files_leave_nothing_behind(name: str, tmp_path: Path) -> None:
    """No thread waits for the collector, and it leaves no object; FFmpeg's own memory aside."""
    whole = Zoo(tmp_path)[name].read_bytes()
    chance = random.Random(name)
    inputs = []
    for _ in range(12):
        data = bytearray(whole)
        for place in chance.sample(range(len(data) // 4, len(data) - 200), 4):
            data[place : place + 200] = chance.randbytes(200)
        inputs.append(bytes(data))
    failures = 0

    def read_all() -> None:
        nonlocal failures
        for data in inputs:
            for read in (
                VideoReader.read,
                lambda reader: reader[-1],
                lambda reader: list(reader),
                lambda reader: list(reader.iter(start=len(reader) // 2)),
                lambda reader: reader.read(errors="skip"),
            ):
                try:
                    with open_(data) as reader:
                        read(reader)
                except fastav.FastavError:
                    failures += 1
                except IndexError:  # nothing is left of it
                    assert len(open_(data)) == 0

    read_all()
    before = process.threads()
    gc.collect()
    objects = len(gc.get_objects())
    gc.disable()
    try:
        for _ in range(3):
            read_all()
        assert process.threads(before) <= before
    finally:
        gc.enable()
    gc.collect()  # PyAV's containers are in reference cycles
    assert failures
    assert len(gc.get_objects()) - objects < len(inputs)  # fewer than openings


def test_a_damaged_time_stays_with_its_frame() -> None:
    """Where frames come as they are decoded, sorting gave one frame the time of another."""
    packets = np.zeros(5, scan.PACKET)
    packets["pts"] = [1, 104, 80, 120, 240]
    flags = np.ones(5, bool)
    found = scan.Scan(packets, np.full(5, 10), flags, flags, flags, flags, corrupt=True)
    in_order, reordered = np.arange(5, dtype=np.int32), np.array([0, 2, 1, 3, 4], np.int32)
    for carriers, damaged, expected in (
        (in_order, True, [1, 104, 114, 120, 240]),
        (in_order, False, [1, 80, 104, 120, 240]),
        (reordered, True, [1, 80, 104, 120, 240]),
    ):
        times, _ = scan._times(found, carriers, Fraction(10), damaged)
        assert times.tolist() == expected

"""A decoder and its threads end with the read that needed them, without a collection."""

from __future__ import annotations

import gc
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.codec.context import CodecContext

import fastav
from fastav.reading.decode import Damage, packets
from fastav.reading.input import VideoInput

from .media import encode
from .process import LINUX, in_child, run_script, threads
from .test_damage import at as packet_at
from .test_damage import garbage, h264
from .test_read import damaged as damaged_mjpeg

pytestmark = [
    LINUX,
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning"),
]


def broken(codec: str) -> bytes:
    """A clip with a packet of garbage near its end."""
    if codec == "h264":
        return h264(packet_at(35, garbage))
    return damaged_mjpeg(codec, **({"options": {"pred": "none"}} if codec == "png" else {}))[0]


def decoders() -> int:
    """How many there are in the process, referred to from wherever it be."""
    return sum(isinstance(thing, CodecContext) for thing in gc.get_objects())


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def some_of(reader: fastav.VideoReader, count: int) -> None:
    for _ in itertools.islice(reader, count):
        pass


USES: dict[str, Callable[[fastav.VideoReader], object]] = {
    "read": lambda reader: reader.read(),
    "keep": lambda reader: reader.read(errors="keep"),
    "iter": lambda reader: list(reader),
    "left early": lambda reader: some_of(reader, 3),
    "left in the rescue": lambda reader: some_of(reader, 14),
    "batches": lambda reader: list(reader.batches(4)),
    "batch": lambda reader: reader[[0, 5, 15, 20]],
    "frame": lambda reader: reader[16],
    "last": lambda reader: reader[-1],
    "index": lambda reader: reader.index,
    "progress": lambda reader: reader.read(progress=fail_at(14)),
    "filter": lambda reader: list(reader.iter(filter_sequence=[("hflip", "")])),
}


def fail_at(number: int) -> Callable[[int], None]:
    def progress(count: int) -> None:
        if count == number:
            raise ZeroDivisionError

    return progress


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("codec", ["mjpeg", "h264"])
@pytest.mark.parametrize("thread_count", [1, 3])
def test_none_is_left(codec: str, use: str, thread_count: int) -> None:
    data = broken(codec)
    before = decoders(), threads()
    errors = []  # kept: their tracebacks must not keep a decoder
    for _ in range(3):
        with fastav.open(data, thread_count=thread_count) as reader:
            try:
                USES[use](reader)
            except (fastav.FastavError, IndexError, ZeroDivisionError) as error:
                errors.append(error)
        assert decoders() == before[0]
        assert threads(before[1]) <= before[1]


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("codec", ["png", "apng"])
def test_none_is_left_of_pictures(codec: str, tmp_path: Path) -> None:
    """Whose decoders' frame threads meet the damage ahead."""
    container = {"png": "mov", "apng": "apng"}[codec]
    good = encode(codec=codec, container=container, pixel_format="rgb24", count=16)
    data = bytearray(good)
    at = int(len(data) * 0.8)
    data[at : at + 40] = bytes(40)
    before = decoders(), threads()
    for count in (3, 10, 100):
        for _ in range(5):
            with suppress(fastav.FastavError), fastav.open(bytes(data)) as reader:
                some_of(reader, count)
            with suppress(fastav.FastavError):
                fastav.imread(bytes(data))
            assert decoders() == before[0]
            assert threads(before[1]) <= before[1]


@pytest.mark.parametrize("kept", ["rescue", "error", "batch"])
def test_a_child_that_exits_ends(kept: str, tmp_path: Path) -> None:
    """Whatever the parent still holds of readers that it closed."""
    path = tmp_path / "broken.nut"
    path.write_bytes(broken("h264"))
    script = """
        import gc, os, signal, sys, fastav

        gc.disable()
        kept = []
        reader = fastav.open(sys.argv[1], thread_count=3)
        try:
            if sys.argv[2] == "rescue":
                for number, frame in enumerate(reader):
                    if number == 33:
                        break
            elif sys.argv[2] == "error":
                reader.read()
            else:
                reader[[0, 5, 35, 38]]
        except (fastav.DecodeError, IndexError) as error:  # by when the damage was found
            kept.append(error)
        reader.close()
        other = fastav.open(sys.argv[1], thread_count=3)
        frames = iter(other)
        next(frames)
        child = os.fork()
        if not child:
            signal.alarm(20)
            sys.exit(3)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    assert run_script(script, str(path), kept) == "3\n"


class Stalling:
    """A file whose reading can be held up, and tells when it is."""

    def __init__(self, data: bytes) -> None:
        import io

        self.file = io.BytesIO(data)
        self.armed = False
        self.inside, self.leave = threading.Event(), threading.Event()

    def read(self, size: int) -> bytes:
        if self.armed:
            self.inside.set()
            assert self.leave.wait(20)
        return self.file.read(min(size, 4096))

    def seek(self, offset: int, whence: int = 0) -> int:
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()

    def seekable(self) -> bool:
        return True


LONG_USES: dict[str, Callable[[fastav.VideoReader], object]] = {
    "iter": lambda reader: list(reader.iter()),  # (list(reader) would ask for the length)
    "from the middle": lambda reader: list(reader.iter(start=200)),
    "read": lambda reader: reader.read(),
    "batches": lambda reader: list(reader.batches(50)),
    "step": lambda reader: list(reader.iter(step=399)),
}


class TestCloseInAnotherThread:
    @pytest.mark.parametrize("use", LONG_USES)
    def test_stops_what_is_in_the_middle(self, use: str) -> None:
        """Here in the middle of reading a packet, of which there are many more."""
        file = Stalling(encode(container="mpegts", count=400, options={"g": "400"}))
        before = threads()
        with fastav.open(file, thread_count=2) as reader:
            if use == "from the middle":
                reader.index  # noqa: B018
            raised: list[BaseException] = []

            def work() -> None:
                try:
                    LONG_USES[use](reader)
                except BaseException as error:
                    raised.append(error)

            file.armed = True
            worker = threading.Thread(target=work)
            worker.start()
            assert file.inside.wait(20)
            reader.close()  # does not wait
            file.armed = False
            file.leave.set()
            worker.join(20)
            assert not worker.is_alive()
            (error,) = raised
            assert isinstance(error, ValueError)
            assert "closed" in str(error)
            assert reader.frames_read < 300
            raised.clear()
            del error
        assert threads(before) <= before

    def test_at_any_moment(self) -> None:
        """The iterating thread gets all frames or is told; never less, never another error."""
        data = encode(container="matroska", count=40)
        whole = fastav.imread(data)
        before = threads()
        for delay in np.linspace(0, 0.03, 40):
            reader = fastav.open(data, thread_count=2)
            outcome: list[object] = []

            def work(reader: fastav.VideoReader = reader, outcome: Any = outcome) -> None:
                try:
                    outcome.append(np.stack(list(reader.iter())))
                except BaseException as error:
                    outcome.append(error)

            worker = threading.Thread(target=work)
            worker.start()
            time.sleep(float(delay))
            reader.close()
            worker.join(20)
            (result,) = outcome
            if isinstance(result, np.ndarray):
                np.testing.assert_array_equal(result, whole)
            else:
                assert isinstance(result, ValueError)
                assert "closed" in str(result)
        del result, outcome
        assert threads(before) <= before

    def test_between_a_packet_and_its_decoding(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is raised then, and kept, does not hold the packet and by it the decoder."""

        def cut(video: VideoInput, damage: Damage | None = None) -> Iterator[av.Packet]:
            for number, packet in enumerate(packets(video, damage)):
                if number == 20:
                    video.close()
                yield packet
                del packet

        monkeypatch.setattr("fastav.reading.decode.packets", cut)
        before = threads()
        reader = fastav.open(encode(count=40), thread_count=2)
        with pytest.raises(ValueError, match="closed") as kept:
            list(reader.iter())
        assert kept.value.__traceback__ is not None
        assert threads(before) <= before


def test_a_child_forked_while_a_thread_iterates() -> None:
    """What that thread locked does not matter to the child."""
    file = Stalling(encode(container="mpegts", count=200))
    with fastav.open(file, thread_count=2) as reader:
        iterator = reader.iter()
        next(iterator)
        file.armed = True
        worker = threading.Thread(target=partial(list, iterator))
        worker.start()
        assert file.inside.wait(20)
        file.armed = False
        assert in_child(reader.close) == ""
        assert in_child(lambda: reader[3]) == ""
        file.leave.set()
        worker.join(20)
        assert not worker.is_alive()

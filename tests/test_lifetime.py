"""What a reader opens is closed with it, and a forked child hangs on none of it."""

from __future__ import annotations

import contextlib
import errno
import gc
import io
import mmap
import os
import resource
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fastav

from .media import encode
from .process import LINUX, descriptors, in_child, threads
from .test_read import Pipe, damaged

pytestmark = LINUX


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lifetime") / "clip.mkv"
    path.write_bytes(encode(container="matroska", count=60))
    return path


@pytest.fixture(scope="module")
def expected(clip: Path) -> NDArray[Any]:
    return np.asarray(fastav.imread(clip))


def test_close_stops_iterators(clip: Path) -> None:
    before = threads(), descriptors()
    reader = fastav.open(clip)
    iterators: list[Iterator[Any]] = [
        reader.iter(),
        reader.iter(start=5),
        reader.batches(4),
        reader.iter(filter_sequence=[("fps", "30")]),
    ]
    for iterator in iterators:
        next(iterator)
    unstarted = reader.iter()
    assert threads() > before[0]
    reader.close()
    assert threads(before[0]) <= before[0]
    assert descriptors() == before[1]
    for iterator in (*iterators, unstarted):
        with pytest.raises(ValueError, match="closed"):
            next(iterator)


@pytest.mark.parametrize("use", ["iter", "batches", "read", "index", "enter"])
def test_a_closed_reader_reads_no_more(clip: Path, use: str) -> None:
    reader = fastav.open(clip)
    reader.index  # noqa: B018
    reader.close()
    calls: dict[str, Callable[[], object]] = {
        "iter": lambda: reader.iter(start=5),
        "batches": lambda: next(reader.batches(2, start=5)),
        "read": reader.read,
        "index": lambda: reader[3],
        "enter": reader.__enter__,
    }
    with pytest.raises(ValueError, match="closed"):
        calls[use]()


def test_dropped_readers_leave_nothing(clip: Path) -> None:
    before = threads(), descriptors()
    for _ in range(30):
        fastav.open(clip)[3]
        next(fastav.open(clip).iter())
        fastav.open(clip).iter()
        assert threads(before[0]) <= before[0]
        assert descriptors() == before[1]


def test_errors_leave_nothing(clip: Path) -> None:
    before = threads(), descriptors()
    for _ in range(5):
        with pytest.raises(ValueError, match="shape"):
            fastav.imread(clip, out=np.empty((1, 2), np.uint8))
        with pytest.raises(fastav.DecodeError):
            fastav.imread(damaged()[0])
        with pytest.raises(RuntimeError, match="enough"), fastav.open(clip) as reader:
            reader.read(progress=stop_at_ten)
        assert reader.frames_read == 10
    assert threads(before[0]) <= before[0]
    assert descriptors() == before[1]


def stop_at_ten(count: int) -> None:
    if count == 10:
        raise RuntimeError("enough")


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
class TestFork:
    @pytest.mark.parametrize("start", [0, 5])
    def test_live_iterator_is_given_up(
        self, clip: Path, expected: NDArray[Any], start: int
    ) -> None:
        with fastav.open(clip) as reader:
            assert len(reader) == len(expected)  # from now on reads begin where the index says
            iterator = reader.iter(start=start)
            next(iterator)
            for work in (iterator.close, reader.close, lambda: None):  # type: ignore[attr-defined]
                assert in_child(work) == ""
            assert "inherited by a forked process" in in_child(lambda: list(iterator))
            np.testing.assert_array_equal(np.stack(list(iterator)), expected[start + 1 :])

    def test_live_batches_are_given_up(self, clip: Path, expected: NDArray[Any]) -> None:
        with fastav.open(clip) as reader:
            assert len(reader) == len(expected)
            batches = reader.batches(4, start=3)
            next(batches)
            assert in_child(batches.close) == ""  # type: ignore[attr-defined]
            assert "inherited by a forked process" in in_child(lambda: list(batches))
            np.testing.assert_array_equal(np.concatenate(list(batches)), expected[7:])

    def test_reader_reads_on_in_both(self, clip: Path, expected: NDArray[Any]) -> None:
        with fastav.open(clip) as reader:
            np.testing.assert_array_equal(reader[7], expected[7])

            def work() -> None:
                np.testing.assert_array_equal(reader[20], expected[20])
                np.testing.assert_array_equal(reader.read(), expected)
                reader.close()

            assert in_child(work) == ""
            np.testing.assert_array_equal(reader[40], expected[40])

    def test_pipe_in_use(self) -> None:
        with fastav.open(Pipe(encode(container="mpegts", count=12))) as reader:
            first = reader[0]
            assert in_child(reader.close) == ""
            assert "cannot seek" in in_child(lambda: reader[1])
            assert not np.array_equal(reader[1], first)

    def test_lock_held_by_another_thread(self, clip: Path, expected: NDArray[Any]) -> None:
        class Slow(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                if threading.current_thread() is not threading.main_thread():
                    inside.set()
                    leave.wait(20)
                return super().read(size)

        inside, leave = threading.Event(), threading.Event()
        with fastav.open(Slow(clip.read_bytes())) as reader:
            other = threading.Thread(target=lambda: reader.read(thread_count=1))
            other.start()
            assert inside.wait(20)
            message = in_child(
                lambda: np.testing.assert_array_equal(reader.read(thread_count=2), expected)
            )
            leave.set()
            other.join()
        assert message == ""

    def test_shared_file_position(self, clip: Path, expected: NDArray[Any]) -> None:
        with clip.open("rb") as file, fastav.open(file) as reader:
            reader[0]

            def work() -> None:
                for _ in range(10):
                    np.testing.assert_array_equal(reader.read(), expected)

            children = threading.Thread(target=lambda: results.append(in_child(work)))
            results: list[str] = []
            children.start()
            work()
            children.join()
            assert results == [""]


class TestOddSources:
    def test_fifo(self, tmp_path: Path) -> None:
        data = encode(container="mpegts", count=12)
        path = tmp_path / "fifo"
        os.mkfifo(path)
        writer = threading.Thread(target=lambda: path.write_bytes(data))
        writer.start()
        with fastav.open(path) as reader:
            assert not reader.seekable
            assert len(reader.read(thread_count=1)) == 12
            with pytest.raises(io.UnsupportedOperation, match="cannot seek"):
                reader.read()
            with pytest.raises(io.UnsupportedOperation, match="cannot seek"):
                reader.get_batch([0])
            with pytest.raises(TypeError, match="no length"):
                len(reader)
        writer.join()

    def test_mmap(self, clip: Path, expected: NDArray[Any]) -> None:
        with clip.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        with contextlib.closing(mapped):
            np.testing.assert_array_equal(fastav.imread(mapped), expected)

    def test_buffers(self, clip: Path, expected: NDArray[Any]) -> None:
        data = np.frombuffer(clip.read_bytes(), np.uint8)
        np.testing.assert_array_equal(fastav.imread(data), expected)
        np.testing.assert_array_equal(fastav.imread(np.repeat(data, 2)[::2]), expected)

    def test_name_with_a_colon(
        self, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path("take:1.mkv").write_bytes(clip.read_bytes())
        assert len(fastav.imread("take:1.mkv")) == len(fastav.imread(Path("take:1.mkv"))) == 60

    def test_read_that_gives_nothing(self) -> None:
        class Waiting(io.RawIOBase):
            def readable(self) -> bool:
                return True

            def read(self, size: int = -1) -> Any:
                return None

        with pytest.raises(BlockingIOError, match="blocking mode"):
            fastav.imread(Waiting())

    def test_directory_whatever_the_format(self, tmp_path: Path) -> None:
        with pytest.raises(IsADirectoryError):
            fastav.imread(tmp_path, container_format="mp4")

    def test_time_out(self) -> None:
        class Breaking(io.BytesIO):
            broken = False

            def read(self, size: int | None = -1) -> bytes:
                if self.broken and self.tell() > 0.7 * len(data):
                    raise TimeoutError("the network is gone")
                return super().read(min(size or 0, 4096))

        data = encode(container="mpegts", count=600)
        file = Breaking(data)
        with fastav.open(file, thread_count=1) as reader:
            file.broken = True
            with pytest.raises(TimeoutError, match="gone"):
                reader.read(errors="keep")
            assert reader.frames_read > 10

    def test_too_many_open_files(self, clip: Path) -> None:
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
        taken: list[int] = []
        try:
            with contextlib.suppress(OSError):
                while True:
                    taken.append(os.open(os.devnull, os.O_RDONLY))
            with pytest.raises(OSError, match="Too many open files") as info:
                fastav.imread(clip)
        finally:
            for number in taken:
                os.close(number)
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert info.value.errno == errno.EMFILE
        assert not isinstance(info.value, fastav.FastavError)


class TestNoFrames:
    def test_shape_dtype_and_out(self, clip: Path) -> None:
        with fastav.open(clip) as reader:
            past = {"start": 60}
            assert reader.read(**past, dtype="float32", layout="chw").shape == (0, 3, 48, 64)
            assert reader.read(**past, dtype="float32").dtype == np.float32
            out = np.empty((5, 48, 64, 3), np.uint8)
            assert reader.read(**past, out=out).base is out
            with pytest.raises(fastav.UnsupportedFormatError, match="yuv420p"):
                reader.read(**past, format=None)
            with pytest.raises(TypeError, match="NumPy array"):
                reader.read(**past, out=5)


def test_changes_are_told_by_the_number_in_the_video() -> None:
    options: dict[str, Any] = {"container": "h264", "options": {"bf": "0"}}
    data = encode(count=10, **options) + encode(count=8, width=96, height=64, **options)
    with fastav.open(data) as reader:
        for call in (
            lambda: reader.read(start=5),
            lambda: list(reader.batches(4)),
            lambda: list(reader.iter(start=5)),
        ):
            with pytest.raises(fastav.FrameChangedError, match="frame 10 is"):
                call()


def test_batches_keep_what_came_before_damage() -> None:
    data, good = damaged()
    with fastav.open(data) as reader:
        kept = list(reader.batches(4, errors="keep"))
        assert [len(batch) for batch in kept] == [4, 4, 4, 3]
        assert reader.frames_read == good
        with pytest.raises(fastav.DecodeError) as info:
            list(reader.batches(4))
        assert info.value.frames_read == reader.frames_read == good
        whole = reader.read(errors="keep")
    np.testing.assert_array_equal(np.concatenate(kept), whole)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"thread_count": 10**5}, ValueError),
        ({"thread_count": 2.5}, TypeError),
        ({"stream": 1.5}, TypeError),
    ],
)
def test_numbers_are_checked(clip: Path, options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        fastav.imread(clip, **options)
    with fastav.open(clip) as reader, pytest.raises(TypeError):
        reader.read(start=1.0)
    with fastav.open(clip) as reader, pytest.raises(IndexError):
        reader[np.array([2**64 - 1], np.uint64)]


@pytest.mark.parametrize(
    ("codec", "container", "options"),
    [("libx264", "mp4", {"g": "5"}), ("mjpeg", "avi", {})],
)
def test_turned_frames_side_by_side(codec: str, container: str, options: dict[str, str]) -> None:
    """What a first frame tells is asked by the caller's thread, which holds the reader's lock."""
    pixel_format = "yuv420p" if codec == "libx264" else "yuvj420p"
    data = encode(
        codec=codec, container=container, count=80, options=options, pixel_format=pixel_format
    )
    some = [0, 20, 45, 70]
    with fastav.open(data, rotate=True, thread_count=2) as reader:
        batch = reader[some]
    with fastav.open(data, thread_count=1) as reader:
        whole = reader.read()
    np.testing.assert_array_equal(batch, whole[some])
    np.testing.assert_array_equal(fastav.imread(data, rotate=True, thread_count=2), whole)


def test_damage_found_by_number_leaves_no_thread() -> None:
    """An error that is remembered does not hold the decoder, whose threads end when it goes."""
    data = bytearray(encode(codec="ffv1", container="matroska", count=12))
    for at in range(len(data) // 3, len(data) - 3000, 300):
        data[at : at + 60] = b"\xff" * 60
    gc.collect()
    gc.disable()
    try:
        before = threads()
        with (
            fastav.open(bytes(data)) as reader,
            pytest.raises(fastav.DecodeError, match="damaged"),
        ):
            reader[8]
        assert threads(before) <= before
    finally:
        gc.enable()

"""VideoReader as a sequence: numbers, times, batches, threads, processes, pipes."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import pickle
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import fastav
from fastav.cli import main
from fastav.pyav import CAN_ROTATE
from fastav.reading import indexed
from fastav.reading.index import PACKET, FrameIndex

from .clips import Zoo, number

CLIP = "h264-open.mp4"
COUNT = 40


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return Zoo(tmp_path_factory.mktemp("zoo"))


@pytest.fixture(scope="module")
def path(zoo: Zoo) -> Path:
    return zoo[CLIP]


@pytest.fixture(scope="module")
def frames(path: Path) -> np.ndarray:
    return np.stack(list(fastav.imiter(path)))


class Pipe(io.RawIOBase):
    """A file that cannot seek."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._data.readinto(buffer)


# Numbers


def test_every_kind_of_index(path: Path, frames: np.ndarray) -> None:
    with fastav.open(path) as reader:
        assert len(reader) == COUNT
        for key in (
            0,
            -1,
            -COUNT,
            np.int16(7),
            slice(None),
            slice(3, 30, 7),
            slice(None, None, -1),
            slice(50, 60),
            [3, 1, 1],
            [-1, 0, -1],
            range(5, 1, -2),
            [],
            ...,
            (),
            (7, slice(10, 20), ..., 0),
            (slice(5, 9), 3),
            (slice(None), slice(None, None, 2)),
            (..., 0),
            ([3, 1, 1], slice(None), slice(4, 6)),
            (slice(2, 5), slice(1, 3), [0, 2, 2]),
            [[1, 2], [30, 4]],
            (-1, 2, 3, 1),
            None,
            np.array([9, 8], np.uint8),
            np.arange(COUNT) % 5 == 0,
        ):
            wanted = frames[np.array(key, int) if isinstance(key, (list, range)) else key]
            got = reader[key]
            np.testing.assert_array_equal(got, wanted)
            if not wanted.ndim:
                assert type(got) is np.uint8
                continue
            assert isinstance(got, np.ndarray)
            assert got.shape == wanted.shape
            assert got.flags.c_contiguous
            assert not np.shares_memory(got, reader[key])
            assert got.flags.writeable


@pytest.mark.parametrize("number", [COUNT, -COUNT - 1, 10**12])
def test_out_of_range_names_the_range(path: Path, number: int) -> None:
    with fastav.open(path) as reader:
        for read in (lambda: reader[number], lambda: reader.get_batch([0, number])):
            with pytest.raises(IndexError, match=f"frame {number} .* -40 to 39"):
                read()


def test_what_is_no_index(path: Path) -> None:
    with fastav.open(path) as reader:
        with pytest.raises(TypeError, match="int, a slice"):
            reader["3"]
        with pytest.raises(TypeError, match="integers or a boolean mask"):
            reader[[0.5, 1.0]]
        with pytest.raises(TypeError, match="int, a slice"):
            reader[1.0]
        with pytest.raises(ValueError, match="one dimension"):
            reader.get_batch([[1, 2], [3, 4]])  # type: ignore[list-item]
        with pytest.raises(ValueError, match="a single frame is read by read_frame"):
            reader.get_batch(3)
        for wrong in ({1, 2}, (n for n in [1]), "12", None, slice(3), 1.0):
            with pytest.raises(TypeError, match="sequence of integers or a boolean mask, got"):
                reader.get_batch(wrong)  # type: ignore[arg-type]
            if wrong is not None and not isinstance(wrong, slice):
                with pytest.raises(TypeError, match="sequence of integers or a boolean mask, got"):
                    fastav.imread(path, index=wrong)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="one dimension"):
            fastav.imread(path, index=True)
        with pytest.raises(IndexError, match="mask has 3 elements, the video 40"):
            reader[[True, False, True]]


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda reader: reader.read(start=None), "start must be an integer, got None"),
        (lambda reader: reader.read(step=1.5), "step must be an integer, got 1.5"),
        (lambda reader: reader.iter(stop="9"), "stop must be an integer, got '9'"),
        (lambda reader: reader.batches("16"), "size must be an integer, got '16'"),
        (lambda reader: reader.read_frame(1.0), "number must be an integer, got 1.0"),
        (lambda reader: reader.get_frame_at(1.0), "index must be an integer, got 1.0"),
        (lambda reader: reader.metadata("a"), "number must be an integer, got 'a'"),
        (lambda reader: reader.read(thread_count=1.5), "thread_count must be an integer, got 1.5"),
        (lambda reader: fastav.open(b"x", options=["a"]), "options must map .* got .'a'."),
        (lambda reader: next(fastav.imiter(b"x", index=3)), "frames are chosen by the reads"),
    ],
)
def test_wrong_types_are_named(path: Path, read: Callable[[Any], object], message: str) -> None:
    with fastav.open(path) as reader, pytest.raises(TypeError, match=message):
        read(reader)


def test_out(path: Path, frames: np.ndarray) -> None:
    wanted = [30, 2, 2, 17]
    with fastav.open(path) as reader:
        for room in (4, 6):
            out = np.zeros((room, *frames.shape[1:]), np.uint8)
            got = reader.get_batch(wanted, out)
            assert np.shares_memory(got, out)
            np.testing.assert_array_equal(got, frames[wanted])
            assert not out[4:].any()
        wide = np.zeros((4, *frames.shape[1:3], 4), np.uint8)
        np.testing.assert_array_equal(reader.get_batch(wanted, wide[..., :3]), frames[wanted])
        assert not wide[..., 3].any()
        with pytest.raises(ValueError, match="room for 3 frames, 4 were asked"):
            reader.get_batch(wanted, np.zeros((3, *frames.shape[1:]), np.uint8))
        with pytest.raises(TypeError, match="dtype"):
            reader.get_batch(wanted, np.zeros((4, *frames.shape[1:]), np.float32))


def test_formats(path: Path) -> None:
    for options in ({"format": "gray"}, {"format": None, "planes": True}, {"format": "bgr24"}):
        with fastav.open(path, **options) as reader:
            bulk, batch, one = reader.read(), reader[[5, 31]], reader[31]
            if isinstance(bulk, tuple):
                assert len(bulk) == len(batch) == len(one) == 3
                for whole, two, single in zip(bulk, batch, one, strict=True):
                    np.testing.assert_array_equal(two, whole[[5, 31]])
                    np.testing.assert_array_equal(single, whole[31])
            else:
                np.testing.assert_array_equal(batch, bulk[[5, 31]])
                np.testing.assert_array_equal(one, bulk[31])
                assert reader.shape == bulk.shape
                assert reader.dtype == bulk.dtype
                assert reader.nbytes == bulk.nbytes


def test_read_one_frame(path: Path, frames: np.ndarray) -> None:
    for index in (0, 5, 39, -1, -40):
        np.testing.assert_array_equal(fastav.imread(path, index=index), frames[index])
    for index in (40, -41):
        with pytest.raises(IndexError, match="-40 to 39"):
            fastav.imread(path, index=index)


@pytest.mark.skipif(not CAN_ROTATE, reason="PyAV 15 and 16 cannot write a rotation")
@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("angle", [0, 90, 180, 270])
def test_rotate(tmp_path: Path, angle: int, mirror: bool) -> None:
    path = tmp_path / "turned.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 32, 16, "yuv444p"
        stream.set_display_rotation(angle, hflip=mirror)
        for index in range(4):
            image = np.zeros((16, 32, 3), np.uint8)
            image[:8, :8], image[8:, -8:, index % 3] = 255, 200
            frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format="yuv444p")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with fastav.open(path) as stored, fastav.open(path, rotate=True) as shown:
        wanted = np.rot90(stored.read(), angle // 90, axes=(1, 2))  # counter-clockwise
        if mirror:
            wanted = wanted[:, :, ::-1]
        np.testing.assert_array_equal(shown.read(), wanted)
        np.testing.assert_array_equal(shown[[3, 1]], wanted[[3, 1]])
        np.testing.assert_array_equal(shown[2], wanted[2])
        np.testing.assert_array_equal(np.stack(list(shown)), wanted)
        assert shown.shape == wanted.shape
        planes = shown.read(format=None, planes=True)
        assert {plane.shape for plane in planes} == {wanted.shape[:3]}
        chw = shown.read(layout="chw")
        np.testing.assert_array_equal(np.moveaxis(chw, 1, -1), wanted)


# Times


def test_facts(path: Path) -> None:
    with fastav.open(path) as reader:
        np.testing.assert_allclose(reader.timestamps, np.arange(COUNT) / 25)
        assert reader.fps == 25
        assert reader.duration == pytest.approx(COUNT / 25)
        assert reader.key_indices[0] == 0
        assert len(reader.key_indices) == 4
        assert not reader.pts.flags.writeable


def test_times_mean_the_frame_on_screen(zoo: Zoo) -> None:
    with fastav.open(zoo["vfr.mp4"]) as reader:
        times = reader.timestamps
        ends = [*times[1:], times[-1] + 0.001]
        for i, (begin, end) in enumerate(zip(times, ends, strict=True)):
            assert number(reader.get_frame_played_at(begin).data) == i
            assert number(reader.get_frame_played_at((begin + end) / 2).data) == i
        several = reader.get_frames_played_at([times[9], times[2], times[2] + 1e-4])
        assert [number(image) for image in several.data] == [9, 2, 2]
        for outside in (times[0] - 0.01, times[0] + reader.duration + 0.001, float("nan")):
            with pytest.raises(ValueError, match="outside the video"):
                reader.get_frame_played_at(outside)
            with pytest.raises(ValueError, match="outside the video"):
                reader.get_frames_played_at([times[0], outside])


def test_ranges_of_time_are_half_open(zoo: Zoo) -> None:
    with fastav.open(zoo["late-start.ts"]) as reader:
        first = reader.timestamps[0]
        assert first > 9
        got = reader.get_frames_played_in_range(first + 0.4, first + 0.8)
        assert [number(image) for image in got.data] == list(range(10, 20))
        got = reader.get_frames_played_in_range(first + 0.41, first + 0.45)
        assert [number(image) for image in got.data] == [10, 11]
        assert len(reader.get_frames_played_in_range(first, first + reader.duration)) == COUNT
        assert len(reader.get_frames_played_in_range(first, first)) == 0
        with pytest.raises(ValueError, match="outside the video"):
            reader.get_frames_played_in_range(0, first + 0.8)
        with pytest.raises(ValueError, match="must not be after"):
            reader.get_frames_played_in_range(first + 1, first)


# In order


def test_batches_and_iterations_are_independent(path: Path, frames: np.ndarray) -> None:
    with fastav.open(path) as reader:
        late, batches, whole = reader.iter(start=25), reader.batches(7, start=3), iter(reader)
        for i in range(5):
            np.testing.assert_array_equal(next(whole), frames[i])
            np.testing.assert_array_equal(next(late), frames[25 + i])
            np.testing.assert_array_equal(reader[38 - i], frames[38 - i])
            np.testing.assert_array_equal(next(batches), frames[3 + 7 * i : 10 + 7 * i])
        assert [len(batch) for batch in reader.batches(16)] == [16, 16, 8]
        np.testing.assert_array_equal(
            np.concatenate(list(reader.batches(5, start=2, stop=30, step=3))), frames[2:30:3]
        )
        with pytest.raises(ValueError, match="size"):
            reader.batches(0).__next__()


def test_the_index_is_made_only_when_needed(path: Path) -> None:
    with fastav.open(path) as reader:
        for _ in reader:
            pass
        reader.read()
        assert reader._stream.index is None
        reader[3]
        assert reader._stream.index is not None


# Sources


def test_sources(path: Path, frames: np.ndarray) -> None:
    data = path.read_bytes()
    with path.open("rb") as file:
        for source in (str(path), data, io.BytesIO(data), file):
            with fastav.open(source) as reader:
                np.testing.assert_array_equal(reader[[33, 4, 20]], frames[[33, 4, 20]])
                np.testing.assert_array_equal(reader[9], frames[9])


def test_pipes_go_forwards(zoo: Zoo) -> None:
    data = zoo["h264-b.ts"].read_bytes()
    with fastav.open(Pipe(data)) as reader:
        assert not reader.seekable
        assert [number(reader[i]) for i in (0, 1, 12)] == [0, 1, 12]
        for backwards in (12, 3, -1):
            with pytest.raises(io.UnsupportedOperation, match="increasing order"):
                reader[backwards]
        assert number(reader[39]) == 39
        with pytest.raises(IndexError, match="ended"):
            reader[40]
        with pytest.raises(TypeError, match="no length"):
            len(reader)
    with fastav.open(Pipe(data)) as reader:
        assert [number(image) for image in reader] == list(range(COUNT))
    assert number(fastav.imread(Pipe(data), index=33)) == 33
    with pytest.raises(IndexError):
        fastav.imread(Pipe(data), index=40)


def test_closed(path: Path) -> None:
    reader = fastav.open(path)
    reader[20]
    reader.close()
    for use in (lambda: reader[0], lambda: reader.get_batch([0]), lambda: next(iter(reader))):
        with pytest.raises(ValueError, match="closed"):
            use()


# The index as a value


def test_an_index_can_be_kept(path: Path, zoo: Zoo, frames: np.ndarray) -> None:
    with fastav.open(path) as reader:
        index = pickle.loads(pickle.dumps(reader.index))
        assert index == reader.index
        assert len(index) == COUNT
        assert "40 frames, 4 key frames" in repr(index)
        with pytest.raises(ValueError, match="read-only"):
            index.pts[0] = 7
    with fastav.open(path, index=index) as reader:
        assert reader.index is index
        np.testing.assert_array_equal(reader[30], frames[30])
    with pytest.raises(ValueError, match=r"does not fit.* bytes"):
        fastav.open(zoo["h264.mp4"], index=index)
    with pytest.raises(TypeError, match="FrameIndex"):
        fastav.open(path, index=[1, 2, 3])


def test_making_the_index_tells_its_progress(zoo: Zoo) -> None:
    counts: list[int] = []
    with fastav.open(zoo["long-open.ts"]) as reader:
        index = reader.make_index(counts.append)
        assert counts[:4] == [64, 128, 192, 250]  # then, if need be, those decoded
        told = len(counts)
        assert reader.make_index(counts.append) is index
        assert len(counts) == told

    def stop(count: int) -> None:
        raise KeyboardInterrupt

    with fastav.open(zoo["long-open.ts"]) as reader:
        with pytest.raises(KeyboardInterrupt):
            reader.make_index(stop)
        assert reader.make_index() == index


def test_closing_ends_the_making_of_an_index(zoo: Zoo) -> None:
    """close() does not wait until all packets have been read."""
    begun, closed = threading.Event(), threading.Event()
    counts: list[int] = []

    def wait(count: int) -> None:
        counts.append(count)
        begun.set()
        closed.wait(10)

    reader = fastav.open(zoo["long-open.ts"])
    with ThreadPoolExecutor(2) as pool:
        made = pool.submit(reader.make_index, wait)
        assert begun.wait(10)
        closing = pool.submit(reader.close)
        while not reader.closed:
            time.sleep(0.001)
        closed.set()
        closing.result(10)
        with pytest.raises(ValueError, match="closed"):
            made.result(10)
    assert counts == [64]


def two_streams(path: Path, sources: Sequence[Path]) -> Path:
    """Put the first video streams of several files into one."""
    with av.open(str(path), "w") as made:
        packets = []
        for source in sources:
            with av.open(str(source)) as given:
                stream = made.add_stream_from_template(given.streams.video[0])
                for packet in given.demux(video=0):
                    if packet.size:
                        packet.stream = stream
                        packets.append(packet)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            made.mux(packet)
    return path


def test_an_index_of_another_stream_is_refused(path: Path, zoo: Zoo, tmp_path: Path) -> None:
    both = two_streams(tmp_path / "both.mp4", [path, zoo["h264-open.mp4"]])
    with fastav.open(both) as reader, fastav.open(both, stream=1) as other:
        indexes = [reader.index, other.index]
    for stream in (0, 1, -1):
        fastav.open(both, stream=stream, index=indexes[stream]).close()
        with pytest.raises(ValueError, match=r"does not fit.*: it is of stream [01] \(h264\)"):
            fastav.open(both, stream=stream, index=indexes[1 - stream % 2])


@pytest.mark.parametrize("at", [0, -1])
@pytest.mark.parametrize("as_file", [False, True])
def test_an_index_of_other_content_is_refused(path: Path, at: int, as_file: bool) -> None:
    """Equal in size, stream and codec; only the first or the last packet is another."""
    with fastav.open(path) as reader:
        index = reader.index
    data = bytearray(path.read_bytes())
    data[int(index.packets["pos"][at]) + int(index.packets["size"][at]) // 2] ^= 1
    other = io.BytesIO(data) if as_file else bytes(data)
    with pytest.raises(ValueError, match="other content"):
        fastav.open(other, index=index)
    same = io.BytesIO(path.read_bytes()) if as_file else path.read_bytes()
    fastav.open(same, index=index).close()


def test_indexes_are_pickled_small(zoo: Zoo) -> None:
    for name in ("long-open.ts", "h264-b.vob", "edit-repeat.mp4", "mpeg4-packed.avi", "apng.apng"):
        with fastav.open(zoo[name]) as reader:
            index = reader.index
        pickled = pickle.dumps(index)
        again = pickle.loads(pickled)
        assert again == index
        for field in fields(index):
            value, copied = getattr(index, field.name), getattr(again, field.name)
            assert np.array_equal(value, copied)
            assert type(value) is type(copied)
            if isinstance(value, np.ndarray):
                assert value.dtype == copied.dtype
                assert not copied.flags.writeable
        assert len(pickled) < 600 + 6 * len(index.packets)


def test_command_line_prints_frames(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--frames", str(path)]) == 0
    shown = json.loads(capsys.readouterr().out)
    with fastav.open(path) as reader:
        assert [frame["pts"] for frame in shown["frames"]] == reader.pts.tolist()
        assert [frame["key_frame"] for frame in shown["frames"]].count(1) == 4
        assert all(frame["duration"] == reader.pts[1] - reader.pts[0] for frame in shown["frames"])


# Threads and processes


def test_threads_share_a_reader(path: Path, frames: np.ndarray) -> None:
    with fastav.open(path) as reader, ThreadPoolExecutor(4) as pool:
        numbers = np.random.default_rng(0).integers(0, COUNT, 120).tolist()
        for i, image in zip(numbers, pool.map(reader.__getitem__, numbers), strict=True):
            np.testing.assert_array_equal(image, frames[i])
        batches = [numbers[i : i + 9] for i in range(0, 90, 9)]
        for batch, images in zip(batches, pool.map(reader.get_batch, batches), strict=True):
            np.testing.assert_array_equal(images, frames[batch])


def test_no_thread_outlives_a_batch(path: Path) -> None:
    before = threading.active_count()
    with fastav.open(path) as reader:
        reader[[0, 13, 26, 39]]
        assert threading.active_count() == before


def test_pickles(path: Path, frames: np.ndarray) -> None:
    with fastav.open(path, format="gray") as reader:
        reader[5]
        with pickle.loads(pickle.dumps(reader)) as copy:
            assert copy.index == reader.index
            assert copy.options == reader.options
            np.testing.assert_array_equal(copy[17], reader[17])
    with fastav.open(io.BytesIO(path.read_bytes())) as reader, pytest.raises(TypeError):
        pickle.dumps(reader)


def read_numbers(reader: fastav.VideoReader, seed: int, answers: Any) -> None:
    """What a worker of a data loader does."""
    numbers = np.random.default_rng(seed).integers(0, COUNT, 12)
    answers.put(
        [(int(n), number(reader[n])) for n in numbers]
        + [(int(n), number(image)) for n, image in zip(numbers, reader[numbers], strict=True)]
    )


METHODS = [
    m for m in ("fork", "forkserver", "spawn") if m in multiprocessing.get_all_start_methods()
]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("method", METHODS)
def test_workers_read_right(path: Path, method: str) -> None:
    context = multiprocessing.get_context(method)
    answers = context.Queue()
    with fastav.open(path) as reader:
        reader[9]
        reader[[1, 30]]
        workers = [
            context.Process(target=read_numbers, args=(reader, seed, answers)) for seed in (1, 2)
        ]
        for worker in workers:
            worker.start()
        assert number(reader[21]) == 21
        for _ in workers:
            for asked, got in answers.get(timeout=60):
                assert got == asked
        for worker in workers:
            worker.join(timeout=60)
            assert worker.exitcode == 0
        assert number(reader[10]) == 10


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_may_close_an_inherited_reader(path: Path) -> None:
    reader = fastav.open(path)
    reader[30]
    child = os.fork()
    if not child:
        try:
            right = number(reader[31]) == 31
            reader.close()
            os._exit(0 if right else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert number(reader[31]) == 31
    reader.close()


def test_early_frames_need_no_index(
    path: Path, frames: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("fastav.reading.scan.build_index", None)
        np.testing.assert_array_equal(fastav.imread(path, index=5), frames[5])
        with fastav.open(path) as reader:
            np.testing.assert_array_equal(reader.read(start=3, stop=9, step=2), frames[3:9:2])
            np.testing.assert_array_equal(next(reader.iter(start=7)), frames[7])


def test_what_a_pipe_cannot_tell(zoo: Zoo) -> None:
    data = zoo["h264-b.ts"].read_bytes()
    with pytest.raises(io.UnsupportedOperation, match=r"cannot seek.*save it to a file"):
        fastav.imread(Pipe(data), index=-1)
    with fastav.open(Pipe(data)) as reader:
        assert reader
        for name in ("shape", "nbytes"):
            with pytest.raises(io.UnsupportedOperation, match=r"cannot seek.*save it to a file"):
                getattr(reader, name)


def test_truth_and_closed(path: Path) -> None:
    reader = fastav.open(path)
    assert reader
    assert not reader.closed
    for key in (True, False, np.True_):
        with pytest.raises(TypeError, match="read by an int"):
            reader[key]
    reader.close()
    assert reader.closed
    assert reader


def test_one_frame_with_other_threads(
    path: Path, frames: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    open_input = indexed.open_input

    def spy(*args: Any, **options: Any) -> Any:
        opened.append((options["thread_count"], options["thread_type"]))
        return open_input(*args, **options)

    monkeypatch.setattr(indexed, "open_input", spy)
    with fastav.open(path, thread_count=1) as reader:
        reader[3]
        opened.clear()
        got = reader.read_frame(7, thread_count=2, thread_type="SLICE")
        np.testing.assert_array_equal(got, frames[7])
        assert opened == [(2, "SLICE")]
        np.testing.assert_array_equal(reader.read_frame(-1, thread_count=1), frames[-1])
        assert len(opened) == 1


def test_one_frame_keeps_nothing(path: Path, frames: np.ndarray) -> None:
    with fastav.open(path, errors="keep") as reader:
        np.testing.assert_array_equal(reader.read_frame(7), frames[7])
        np.testing.assert_array_equal(reader.read_frame(7, errors="raise"), frames[7])
        with pytest.raises(ValueError, match="a single frame has none"):
            reader.read_frame(7, errors="keep")


@pytest.mark.parametrize("method", ["batches", "read_frame", "describe_frame", "iter", "read"])
def test_unknown_keywords_name_the_method(path: Path, method: str) -> None:
    arguments = {"batches": [4], "read_frame": [0]}.get(method, [])
    with fastav.open(path) as reader, pytest.raises(TypeError, match=rf"^{method}\(\) .*'typo'"):
        getattr(reader, method)(*arguments, typo=1)


@pytest.mark.parametrize("start", [0, 10**9, 1_764_115_200, 10**11])
@pytest.mark.parametrize(
    "time_base", [Fraction(1, 90000), Fraction(1, 12800), Fraction(1, 1000), Fraction(1001, 30000)]
)
def test_a_frames_own_time_means_that_frame(start: int, time_base: Fraction) -> None:
    """Even where neighbouring floats are a quarter of a microsecond apart."""
    step = max(round(Fraction(1, 25) / time_base), 1)
    pts = int(start / time_base) + step * np.arange(120)
    index = index_of(pts, time_base, step)
    for frame, ticks in enumerate(pts.tolist()):
        meant = ticks * time_base
        naive = ticks * float(time_base)
        for seconds in (float(meant), naive, float(index.timestamps[frame])):
            assert index.frame_at(seconds) == frame
        assert index.frame_at(float(meant + step * time_base / 2)) == frame
        if frame:
            assert index.frames_between(float(index.timestamps[0]), float(meant)) == range(frame)
    with pytest.raises(ValueError, match="outside"):
        index.frame_at(float((int(pts[0]) - Fraction(step, 2)) * time_base))
    with pytest.raises(ValueError, match="outside"):
        index.frame_at(float(index.end * time_base))


def test_frames_too_short_for_floats() -> None:
    """The end of the last frame is the same float as its beginning."""
    pts = 2**60 + 2**20 * np.arange(5)
    index = index_of(pts, Fraction(1, 1000), 1)
    assert [index.frame_at(time) for time in index.timestamps.tolist()] == list(range(5))


def index_of(pts: np.ndarray, time_base: Fraction, duration: int) -> FrameIndex:
    count = len(pts)
    numbers = np.arange(count, dtype=np.int32)
    return FrameIndex(
        time_base=time_base,
        pts=pts.astype(np.int64),
        durations=np.full(count, duration),
        keys=np.ones(count, bool),
        carriers=numbers,
        entries=numbers.copy(),
        packets=np.zeros(count, PACKET),
        decoded=0,
        file_size=-1,
        stream=0,
        codec="",
        digest=b"",
    )


def test_batches_by_number_and_time_with_options_of_their_own(path: Path) -> None:
    with fastav.open(path) as reader:
        small = reader.read(size=(20, 30))
        for got in (
            reader.get_batch([5, 2, -1], size=(20, 30)),
            reader.get_frames_at([5, 2, -1], size=(20, 30)).data,
            reader.get_frames_played_at(reader.timestamps[[5, 2, -1]], size=(20, 30)).data,
        ):
            np.testing.assert_array_equal(got, small[[5, 2, -1]])
        np.testing.assert_array_equal(
            reader.get_frames_in_range(3, 9, 2, size=(20, 30)).data, small[3:9:2]
        )
        np.testing.assert_array_equal(reader.get_frame_at(4, size=(20, 30)).data, small[4])
        seconds = float(reader.timestamps[4])
        np.testing.assert_array_equal(
            reader.get_frame_played_at(seconds, size=(20, 30)).data, small[4]
        )
        np.testing.assert_array_equal(
            reader.get_batch([7, 1], format="gray", thread_count=1),
            reader.read(format="gray")[[7, 1]],
        )
        assert reader.get_all_frames(size=(20, 30)).data.shape == small.shape
        with pytest.raises(TypeError, match="unexpected keyword argument 'foo'"):
            reader.get_batch([1], foo=1)
        with pytest.raises(ValueError, match="errors='keep'"):
            reader.get_batch([1], errors="keep")

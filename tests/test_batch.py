"""Frames with their times: torchcodec's methods with torchcodec's meanings."""

from __future__ import annotations

import array
import ctypes
import mmap
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastav

from .clips import Zoo, number
from .media import encode


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return Zoo(tmp_path_factory.mktemp("zoo"))


@pytest.fixture(scope="module")
def clip() -> bytes:
    return encode(count=30, width=32, height=16)


def test_a_range_of_frames_is_one_of_numbers(zoo: Zoo) -> None:
    with fastav.open(zoo["h264-open.mp4"]) as reader:
        batch = reader.get_frames_in_range(3, 5)
        assert [number(image) for image in batch.data] == [3, 4]
        for span in ((3, 20, 5), (-10, 1000), (35, 100, 2), (5, 3)):
            got = reader.get_frames_in_range(*span)
            wanted = list(range(len(reader)))[slice(*span)]
            assert got.indices.tolist() == wanted
            assert [number(image) for image in got.data] == wanted
        with pytest.raises(TypeError, match="get_frames_played_in_range"):
            reader.get_frames_in_range(0.5, 1.0)  # type: ignore[arg-type]


def test_every_method_tells_the_same_of_a_frame(zoo: Zoo) -> None:
    for name in ("h264-open.mp4", "vfr.mp4", "gap.mp4", "late-start.ts"):
        with fastav.open(zoo[name]) as reader:
            everything = reader.get_all_frames()
            times = reader.timestamps
            assert len(everything) == len(reader)
            np.testing.assert_array_equal(everything.data, reader.read())
            np.testing.assert_array_equal(everything.pts_seconds, times)
            ends = np.append(times[1:], times[0] + reader.duration)
            assert (everything.duration_seconds > 0).all()
            np.testing.assert_allclose(everything.duration_seconds, ends - times, atol=1e-4)
            for i in (0, 7, len(reader) - 1):
                inside = (times[i] + ends[i]) / 2
                one = reader.get_frame_at(i)
                for other in (
                    everything[i],
                    reader.get_frame_at(i - len(reader)),
                    reader.get_frames_at([i])[0],
                    reader.get_frame_played_at(inside),
                    reader.get_frames_played_at([times[0], inside])[1],
                    reader.get_frames_played_in_range(inside, ends[i])[0],
                ):
                    assert isinstance(other, fastav.Frame)
                    assert other.index == i
                    assert other.pts_seconds == one.pts_seconds == times[i]
                    assert other.duration_seconds == one.duration_seconds
                    np.testing.assert_array_equal(other.data, reader[i])


def test_a_batch_is_a_sequence_of_frames(clip: bytes) -> None:
    with fastav.open(clip) as reader:
        batch = reader.get_frames_at([4, 2, 9])
        assert [frame.index for frame in batch] == [4, 2, 9]
        assert batch[1:].indices.tolist() == [2, 9]
        assert batch[[2, 0]].pts_seconds.tolist() == [9 / 24, 4 / 24]
        np.testing.assert_array_equal(np.asarray(batch), reader[[4, 2, 9]])
        np.testing.assert_array_equal(np.asarray(batch[0], np.float32), reader[4])
        assert "(3, 16, 32, 3)" in repr(batch)
        assert "pts_seconds=0.166" in repr(batch[0])
        with pytest.raises(ValueError, match="get_frame_played_at"):
            reader.get_frames_played_at(0.5)
    with fastav.open(clip, format=None, planes=True) as reader:
        batch = reader.get_frames_at([4, 2])
        assert [plane.shape for plane in batch.data] == [(2, 16, 32), (2, 8, 16), (2, 8, 16)]
        assert [plane.shape for plane in batch[0].data] == [(16, 32), (8, 16), (8, 16)]
        with pytest.raises(TypeError, match=r"\.data"):
            np.asarray(batch)


# Array manners


def test_a_reader_is_like_an_array(clip: bytes) -> None:
    frames = fastav.imread(clip)
    with fastav.open(clip) as reader:
        assert (reader.ndim, reader.size, reader.shape) == (4, frames.size, frames.shape)
        assert reader.nbytes == frames.nbytes
        np.testing.assert_array_equal(np.asarray(reader), frames)
        np.testing.assert_array_equal(np.array(reader, np.float32), frames.astype(np.float32))
        np.testing.assert_array_equal(np.mean(reader, axis=0), frames.mean(axis=0))
        with pytest.raises(ValueError, match="copy"):
            np.asarray(reader, copy=False)
    with fastav.open(clip, layout="chw", dtype="float32") as reader:
        np.testing.assert_array_equal(reader[3:9, 1, ::2], reader.read()[3:9, 1, ::2])
    with fastav.open(clip, format=None, planes=True) as reader:
        assert len(reader[3:5]) == 3
        for key in ((3, 0), (slice(3, 5), ..., 0), ([1, 2], slice(1, 2)), [[1, 2], [3, 4]]):
            with pytest.raises(TypeError, match="planes=True"):
                reader[key]
        with pytest.raises(TypeError, match="planes=True"):
            np.asarray(reader)


def test_a_key_is_refused_before_anything_is_decoded(clip: bytes) -> None:
    with fastav.open(clip) as reader:
        for key in ((slice(0, 5), 16), (slice(0, 5), 0, 0, 3), (0, 0, 0, 0, 0)):
            with pytest.raises(IndexError, match=r"out of bounds for axis|too many indices"):
                reader[key]


def test_only_what_a_key_asks_for_is_kept(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither frames beside those that are asked for, nor more of them, however they are spread."""
    with fastav.open(zoo["h264-open.mp4"]) as reader:
        assert len(reader) == 40
        seen: list[int] = []
        with reader._stream.access(reader.options) as decoders:
            visit = decoders.visit
        monkeypatch.setattr(decoders, "visit", lambda n, begin: (seen.extend(n), visit(n, begin)))
        part = reader[2:30:7, 10:12, ..., 0]
        assert seen == [2, 9, 16, 23]
        assert part.base is None
        assert part.nbytes == 4 * 2 * 96


def test_memory_that_is_not_there(clip: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    one = 16 * 32 * 3
    frames = fastav.imread(clip)
    for module in ("memory", "destinations", "reader"):
        monkeypatch.setattr(f"fastav.reading.{module}.available_memory", lambda: 20 * one)
    monkeypatch.setattr("fastav.reading.memory._SMALL", 0)
    with fastav.open(clip) as reader:
        assert len(reader.read(stop=20)) == 20
        assert len(reader[:20]) == 20
        for read in (
            reader.read,
            lambda: reader[:],
            lambda: reader[::-1],
            lambda: np.asarray(reader),
            lambda: reader.get_batch(range(21)),
            lambda: fastav.imread(clip),
        ):
            with pytest.raises(MemoryError, match=r"\d+ frames are .* GB .*batches\(\).*memmap"):
                read()
        np.testing.assert_array_equal(reader[..., 0, :1], frames[..., 0, :1])
        out = np.empty_like(frames)
        np.testing.assert_array_equal(reader.read(out=out), frames)
        assert sum(len(batch) for batch in reader.batches(8)) == 30


def test_a_header_that_promises_too_much_is_not_believed(
    zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fastav.open(zoo["lie-h264.avi"]) as reader:
        assert reader.info.expected_frames > 2 * len(reader)
        room = (len(reader) + 1) * reader[0].nbytes
        monkeypatch.setattr("fastav.reading.reader.available_memory", lambda: room)
        assert len(reader.read()) == len(reader)


# out=


class Tensor:
    """What shares its memory with NumPy by ``__array__`` alone, as tensors do."""

    def __init__(self, shape: tuple[int, ...], copies: bool = False) -> None:
        self.memory, self.copies = np.zeros(shape, np.uint8), copies

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.memory.copy() if self.copies else self.memory


def test_out_is_whatever_shares_memory_with_numpy(clip: bytes) -> None:
    frames = fastav.imread(clip)
    with fastav.open(clip) as reader:
        for read in (reader.read, lambda out: reader.get_batch(range(30), out)):
            tensor = Tensor(frames.shape)
            got = read(out=tensor)
            assert np.shares_memory(got, tensor.memory)
            np.testing.assert_array_equal(tensor.memory, frames)
            block = mmap.mmap(-1, frames.nbytes)
            read(out=memoryview(block).cast("B", frames.shape))
            assert bytes(block) == frames.tobytes()
            carray = (((ctypes.c_ubyte * 3) * 32) * 16 * 30)()
            read(out=carray)
            assert bytes(carray) == frames.tobytes()
            for wrong in (Tensor(frames.shape, copies=True), [[1, 2]], 3, "out"):
                with pytest.raises((TypeError, ValueError), match="out must"):
                    read(out=wrong)
            with pytest.raises(ValueError, match=r"out must have shape \(frames, 16, 32, 3\)"):
                read(out=array.array("B", [0]))
            with pytest.raises(ValueError, match="one array, got 2"):
                read(out=[frames, frames])
        with pytest.raises(TypeError, match=r"shares its memory with NumPy.*got list"):
            reader.get_batch([1], out=[[1, 2]])


# imread


def test_imread_takes_parts(clip: bytes, tmp_path: Path) -> None:
    frames = fastav.imread(clip)
    path = tmp_path / "clip.mp4"
    path.write_bytes(clip)
    counted: list[int] = []
    np.testing.assert_array_equal(
        fastav.imread(path, start=3, stop=20, step=4, progress=counted.append), frames[3:20:4]
    )
    assert counted == [1, 2, 3, 4, 5]
    np.testing.assert_array_equal(list(fastav.imiter(path, start=5, step=9)), frames[5::9])
    mask = np.arange(30) % 7 == 0
    for index in (slice(3, 9), slice(-4, None), slice(None, None, -3), [4, -1, 4], mask):
        np.testing.assert_array_equal(fastav.imread(path, index=index), frames[index])
        out = np.zeros_like(frames)
        got = fastav.imread(path, index=index, out=out)
        assert np.shares_memory(got, out)
        np.testing.assert_array_equal(got, frames[index])
    np.testing.assert_array_equal(fastav.imread(path, index=range(9, 3, -2)), frames[9:3:-2])
    flip = [("hflip", "")]
    np.testing.assert_array_equal(
        fastav.imread(path, index=slice(2, 4), filter_sequence=flip),
        fastav.imread(path, filter_sequence=flip)[2:4],
    )
    with pytest.raises(ValueError, match="filtered video"):
        fastav.imread(path, index=[1, 2], filter_sequence=flip)
    with pytest.raises(ValueError, match="index= goes without start="):
        fastav.imread(path, index=3, start=2)


# Options


def test_flags_are_no_sizes(clip: bytes) -> None:
    for name, value in (("resize", (64, 48)), ("rotate", 90), ("planes", 1), ("resize", "64x48")):
        with pytest.raises(TypeError, match=f"{name} must be True or False"):
            fastav.open(clip, **{name: value})
    with pytest.raises(TypeError, match=r"size=\(HEIGHT, WIDTH\)"):
        fastav.imread(clip, resize=(64, 48))


def test_rates_and_times_as_people_have_them(clip: bytes) -> None:
    with fastav.open(clip) as reader:
        wanted = reader.get_frames_played_in_range(0, 0.5, fps=12.5)
        for fps in (Fraction(25, 2), "25/2", "12.5", np.float32(12.5)):
            batch = reader.get_frames_played_in_range("0", 0.5, fps=fps)
            np.testing.assert_array_equal(batch.pts_seconds, wanted.pts_seconds)
            np.testing.assert_array_equal(batch.data, wanted.data)
        rate = reader.info.frame_rate
        assert len(reader.get_all_frames(fps=rate)) == len(reader)
        for wrong in (0, "film", float("inf"), "1/0"):
            with pytest.raises(ValueError, match="fps must be"):
                reader.get_all_frames(fps=wrong)
        for span in ((None, 1), (0, None), (0, "later")):
            with pytest.raises(TypeError, match="_seconds must be a number of seconds, got"):
                reader.get_frames_played_in_range(*span)
        with pytest.raises(TypeError, match="seconds must be a number of seconds, got None"):
            reader.get_frame_played_at(None)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("get_frame_at", (0,)),
        ("get_frames_at", ([0],)),
        ("get_frames_in_range", (0, 1)),
        ("get_all_frames", ()),
        ("get_frame_played_at", (0.1,)),
        ("get_frames_played_at", ([0.1],)),
        ("get_frames_played_in_range", (0, 0.5)),
        ("sample", (2,)),
    ],
)
@pytest.mark.parametrize("fps", [{}, {"fps": 10}])
def test_an_unknown_keyword_is_told_of_who_was_called(
    clip: bytes, name: str, arguments: tuple[Any, ...], fps: dict[str, int]
) -> None:
    if fps and name not in ("get_all_frames", "get_frames_played_in_range"):
        fps = {}
    with fastav.open(clip) as reader, pytest.raises(TypeError, match=rf"{name}\(\) got an"):
        getattr(reader, name)(*arguments, **fps, nope=1)


def test_keys_of_a_batch_choose_frames(clip: bytes) -> None:
    with fastav.open(clip) as reader:
        batch = reader.get_frames_at(range(4))
        clips = fastav.samplers.clips_at_regular_indices(reader, num_clips=3, num_frames_per_clip=2)
    for key in (np.s_[..., 0], np.s_[:, 0], np.s_[0, 0]):
        with pytest.raises(IndexError, match="chooses frames"):
            batch[key]
    for key in (np.s_[..., 0], np.s_[:, :, 0]):
        with pytest.raises(IndexError, match="chooses frames"):
            clips[key]
    part = clips[:, 0]
    assert part.data.shape == (3, *batch.data.shape[1:])
    assert part.indices.shape == (3,)
    assert clips[1, 0].index == clips.indices[1, 0]
    np.testing.assert_array_equal(batch[...].data, batch.data)
    mask = np.array([True, False, True, False])
    assert batch[mask].indices.tolist() == [0, 2]

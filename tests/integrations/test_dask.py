"""Videos as dask arrays: by chunks, lazily, in other processes."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastav

from ..media import encode

pytest.importorskip("dask.array")

import dask
import dask.array as da

from fastav.integrations import dask as adapter
from fastav.integrations.dask import from_video


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("dask") / "clip.mp4"
    path.write_bytes(encode(count=40, options={"g": "12", "sc_threshold": "0"}))
    return str(path)


@pytest.fixture(scope="module")
def frames(clip: str) -> np.ndarray:
    return np.asarray(fastav.imread(clip))


@pytest.mark.parametrize(
    ("chunks", "lengths"),
    [
        ("gop", (12, 12, 12, 4)),
        ("auto", (40,)),
        (7, (7, 7, 7, 7, 7, 5)),
        (np.int64(50), (40,)),
        (-1, (40,)),
        ((10, 30), (10, 30)),
        ([25, 15], (25, 15)),
    ],
)
def test_chunks(clip: str, frames: np.ndarray, chunks: Any, lengths: tuple[int, ...]) -> None:
    video = from_video(clip, chunks)
    assert video.chunks == (lengths, (48,), (64,), (3,))
    assert video.dtype == np.uint8
    for scheduler in ("synchronous", "threads"):
        np.testing.assert_array_equal(video.compute(scheduler=scheduler), frames)


def test_chunks_within_the_limit_of_dask(clip: str, frames: np.ndarray) -> None:
    wanted = {24: (24, 16), 23: (12, 12, 16), 15: (12, 12, 12, 4), 1: (12, 12, 12, 4)}
    for size, lengths in wanted.items():
        with dask.config.set({"array.chunk-size": size * frames[0].nbytes}):
            assert from_video(clip, "auto").chunks[0] == lengths


def test_open_gops_are_cut_where_decoding_begins(tmp_path: Path) -> None:
    """The pictures before an open GOP's key frame belong to the GOP before."""
    path = tmp_path / "open.mkv"
    options = {"x264-params": "open-gop=1:keyint=10:min-keyint=10:bframes=3:b-adapt=0:scenecut=0"}
    path.write_bytes(encode(count=45, container="matroska", options=options))
    with fastav.open(path) as reader:
        entries = reader.index.entries.tolist()
    video = from_video(path)
    assert len(video.chunks[0]) == len(set(entries)) > 2
    begin = 0
    for length in video.chunks[0]:
        assert len(set(entries[begin : begin + length])) == 1
        begin += length
    np.testing.assert_array_equal(video.compute(), np.asarray(fastav.imread(path)))


@pytest.mark.parametrize(
    "key",
    [
        13,
        -1,
        slice(3, 30, 7),
        slice(None, None, -5),
        (slice(5, 9), slice(1, 40, 2), 7),
        [30, 2, 2],
        (slice(2, 20), ..., 1),
        (slice(0, 40, 9), [0, 5, 3]),
    ],
)
def test_keys(clip: str, frames: np.ndarray, key: Any) -> None:
    np.testing.assert_array_equal(from_video(clip)[key].compute(), frames[key])


def test_only_what_is_asked_for_is_read(clip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = []
    read = adapter._Video.__getitem__

    def spy(self: Any, key: Any) -> Any:
        keys.append(key)
        return read(self, key)

    monkeypatch.setattr(adapter._Video, "__getitem__", spy)
    video = from_video(clip)
    assert not keys
    video[14, 3:5].compute(scheduler="synchronous")
    assert len(keys) == 1
    assert keys[0][0] in (14, slice(14, 15, None), slice(14, 15, 1))


def test_graph_goes_to_other_processes_with_the_index(clip: str, frames: np.ndarray) -> None:
    video = from_video(clip)
    again = pickle.loads(pickle.dumps(video))
    assert again.name == video.name
    np.testing.assert_array_equal(again[10:30].compute(scheduler="processes"), frames[10:30])
    inner = pickle.loads(pickle.dumps(adapter._Video(fastav.open(clip))))
    assert isinstance(inner._opening["index"], fastav.FrameIndex)  # nobody makes it again


def test_names_tell_videos_apart(clip: str, tmp_path: Path) -> None:
    other = tmp_path / "other.mp4"
    other.write_bytes(encode(count=40, seed=1))
    assert from_video(clip).name == from_video(clip).name
    names = {
        from_video(clip).name,
        from_video(other).name,
        from_video(clip, format="gray").name,
        from_video(clip, size=(24, 32)).name,
        from_video(clip, 5).name,
    }
    assert len(names) == 5


def test_options(clip: str) -> None:
    video = from_video(clip, format="gray", size=(24, 32))
    assert video.shape == (40, 24, 32)
    expected = fastav.imread(clip, format="gray", size=(24, 32))
    np.testing.assert_array_equal(video.compute(), expected)
    data = Path(clip).read_bytes()
    np.testing.assert_array_equal(from_video(data)[3].compute(), fastav.imread(clip, index=3))


def test_what_is_refused(clip: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'gop', 'auto' or a number of frames, got 'frames'"):
        from_video(clip, "frames")
    with pytest.raises(ValueError, match="1 frame or more, got 0"):
        from_video(clip, 0)
    with pytest.raises(TypeError, match="chunks must be an integer"):
        from_video(clip, 1.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="planes=True"):
        from_video(clip, planes=True)
    with pytest.raises(FileNotFoundError):
        from_video(tmp_path / "none.mp4")
    with open(clip, "rb") as file, pytest.raises(TypeError, match="cannot be pickled"):
        from_video(file)


def test_a_reader_as_it_is(clip: str, frames: np.ndarray) -> None:
    with fastav.open(clip) as reader:
        np.testing.assert_array_equal(np.asarray(reader), frames)
        video = da.from_array(reader, chunks=(12, -1, -1, -1))
        np.testing.assert_array_equal(video[20:30, ::2].compute(), frames[20:30, ::2])
        assert video.name == da.from_array(reader, chunks=(12, -1, -1, -1)).name
        mean = video.mean(axis=(0, 1, 2)).compute(scheduler="processes")
    np.testing.assert_allclose(mean, frames.mean(axis=(0, 1, 2)))

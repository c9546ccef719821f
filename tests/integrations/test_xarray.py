"""Videos as xarray datasets."""

from __future__ import annotations

import io
import pickle
from fractions import Fraction
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastav

from ..media import encode

pytest.importorskip("xarray")

import xarray as xr

from fastav.integrations.xarray import VideoBackend


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("xarray") / "clip.mp4"
    path.write_bytes(encode(count=40, options={"g": "12", "sc_threshold": "0"}))
    return str(path)


@pytest.fixture(scope="module")
def frames(clip: str) -> np.ndarray:
    return np.asarray(fastav.imread(clip))


def test_dataset(clip: str, frames: np.ndarray) -> None:
    with xr.open_dataset(clip, engine=VideoBackend) as video:
        assert video.frames.dims == ("time", "y", "x", "channel")
        assert video.frames.shape == frames.shape
        assert video.frames.dtype == np.uint8
        assert not video.frames._in_memory
        np.testing.assert_array_equal(video.time, np.arange(40) / 24)
        assert np.flatnonzero(video.key_frame).tolist() == [0, 12, 24, 36]
        assert video.attrs["codec"] == "h264"
        assert video.attrs["fps"] == 24.0
        assert video.attrs["size"] == (64, 48)
        assert None not in video.attrs.values()
        np.testing.assert_array_equal(video.frames[7], frames[7])
        at = video.sel(time=0.99, method="pad")
        np.testing.assert_array_equal(at.frames, frames[23])
        np.testing.assert_array_equal(video.frames.sel(time=slice(0.5, 0.75)), frames[12:19])
        np.testing.assert_array_equal(video.frames, frames)


@pytest.mark.parametrize(
    "key",
    [
        (-1,),
        (slice(None, None, -7),),
        ([5, 1, 1],),
        (3, slice(None), [4, 2, 9]),  # NumPy's key would put the last axis first
        (slice(2, 30, 9), 5, slice(1, None, 2), -1),
        ([3, 20], [1, 5, 0], slice(None), [2, 0]),
        (slice(0, 0),),
        (..., 2),
    ],
)
def test_keys_are_those_of_an_array_in_memory(clip: str, frames: np.ndarray, key: Any) -> None:
    dims = ("time", "y", "x", "channel")
    with xr.open_dataset(clip, engine=VideoBackend, cache=False) as video:
        found = video.frames[key]
        np.testing.assert_array_equal(found.values, xr.DataArray(frames, dims=dims)[key].values)


def test_pointwise(clip: str, frames: np.ndarray) -> None:
    with xr.open_dataset(clip, engine=VideoBackend, cache=False) as video:
        when, row = xr.DataArray([3, 17, 5], dims="p"), xr.DataArray([0, 40, 7], dims="p")
        found = video.frames.isel(time=when, y=row)
        np.testing.assert_array_equal(found.values, frames[[3, 17, 5], [0, 40, 7]])


def test_only_what_is_asked_for_is_read(clip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[Any] = []
    read = fastav.VideoReader.__getitem__

    def spy(self: fastav.VideoReader, key: Any) -> Any:
        keys.append(key)
        return read(self, key)

    monkeypatch.setattr(fastav.VideoReader, "__getitem__", spy)
    with xr.open_dataset(clip, engine=VideoBackend) as video:
        assert not keys
        assert "frames" in repr(video)
        part = video.frames[4:30][10:12, 3]
        assert not keys
        assert part.values.shape == (2, 64, 3)
    (key,) = keys
    assert (key[0].start, key[0].stop) == (14, 16)


def test_dask_takes_a_chunk_for_each_key_frame(clip: str, frames: np.ndarray) -> None:
    pytest.importorskip("dask")
    with xr.open_dataset(clip, engine=VideoBackend, chunks={}) as video:
        assert video.frames.chunks[0] == (12, 12, 12, 4)
        mean = video.frames.mean(("time", "y", "x"))
        np.testing.assert_allclose(mean.compute(scheduler="processes"), frames.mean(axis=(0, 1, 2)))


def test_pickled_ones_open_for_themselves(clip: str, frames: np.ndarray) -> None:
    with xr.open_dataset(clip, engine=VideoBackend, cache=False) as video:
        again = pickle.loads(pickle.dumps(video))
    np.testing.assert_array_equal(again.frames[9], frames[9])
    with pytest.raises(ValueError, match="closed"):
        video.frames[9].load()


@pytest.mark.parametrize(
    ("options", "dims"),
    [
        ({"format": "gray"}, ("time", "y", "x")),
        ({"layout": "chw"}, ("time", "channel", "y", "x")),
        ({"format": "gbrp"}, ("time", "channel", "y", "x")),
        ({"format": "rgba", "size": (24, 20)}, ("time", "y", "x", "channel")),
    ],
)
def test_options(clip: str, options: dict[str, Any], dims: tuple[str, ...]) -> None:
    with xr.open_dataset(clip, engine=VideoBackend, **options) as video:
        assert video.frames.dims == dims
        np.testing.assert_array_equal(video.frames, fastav.imread(clip, **options))


def test_variable_rates(tmp_path: Path) -> None:
    path = tmp_path / "uneven.mkv"
    times = [Fraction(number * number, 100) for number in range(10)]
    with fastav.open(path, "w", fps=25) as writer:
        for picture, time in zip(np.zeros((10, 48, 64, 3), np.uint8), times, strict=True):
            writer.write(picture[np.newaxis], times=[time])
    with xr.open_dataset(path, engine=VideoBackend) as video:
        np.testing.assert_allclose(video.time, [float(time) for time in times], atol=1e-3)


def test_dropped_variables_and_other_sources(clip: str, frames: np.ndarray) -> None:
    with xr.open_dataset(clip, engine=VideoBackend, drop_variables="key_frame") as video:
        assert list(video.coords) == ["time"]
    file = io.BytesIO(Path(clip).read_bytes())
    with xr.open_dataset(file, engine=VideoBackend) as video:
        np.testing.assert_array_equal(video.frames[3], frames[3])


def test_what_is_refused(clip: str, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="planes=True"):
        xr.open_dataset(clip, engine=VideoBackend, planes=True)
    with pytest.raises(FileNotFoundError):
        xr.open_dataset(tmp_path / "none.mp4", engine=VideoBackend)
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    with pytest.raises(fastav.NotAVideoError):
        xr.open_dataset(text, engine=VideoBackend)


def test_found_by_its_name(clip: str, frames: np.ndarray, entry_points: list[EntryPoint]) -> None:
    """What pyproject.toml promises to xarray is what xarray takes for an engine."""
    from xarray.backends import plugins

    (ours,) = [entry for entry in entry_points if entry.group == "xarray.backends"]
    engines = plugins.build_engines([ours])
    assert isinstance(engines["fastav"], VideoBackend)
    assert engines["fastav"].guess_can_open("Clip.MP4")
    assert engines["fastav"].guess_can_open(Path("clip.mkv"))
    assert not engines["fastav"].guess_can_open("table.nc")
    assert not engines["fastav"].guess_can_open(b"clip.mp4")

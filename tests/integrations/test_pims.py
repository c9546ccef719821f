"""Videos in pims."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastav

from ..media import encode

pytest.importorskip("pims")

import pims

from fastav.integrations.pims import FastavReader


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("pims") / "clip.mp4"
    path.write_bytes(encode(count=40, options={"g": "12", "sc_threshold": "0"}))
    return str(path)


@pytest.fixture(scope="module")
def frames(clip: str) -> np.ndarray:
    return np.asarray(fastav.imread(clip))


def test_pims_opens_videos_with_fastav(clip: str, frames: np.ndarray) -> None:
    with pims.open(clip) as video:
        assert type(video) is FastavReader
        assert len(video) == 40
        assert video.shape == frames.shape
        assert video.frame_shape == (48, 64, 3)
        assert video.dtype == video.pixel_type == np.uint8
        assert video.frame_rate == 24
        assert video.duration == pytest.approx(40 / 24)
        assert video.metadata["codec"] == "h264"
        assert "40 frames" in repr(video)


def test_only_after_the_import(clip: str) -> None:
    code = f"""if True:
        import pims
        before = type(pims.open({clip!r})).__name__
        import fastav.integrations.pims
        print(before, type(pims.open({clip!r})).__name__)
    """
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["PyAVReaderTimed", "FastavReader"]


def test_frames(clip: str, frames: np.ndarray) -> None:
    with pims.open(clip) as video:
        frame = video[30]
        assert isinstance(frame, pims.Frame)
        assert frame.frame_no == 30
        assert frame.metadata == {"t": 1.25, "key_frame": False}
        np.testing.assert_array_equal(frame, frames[30])
        np.testing.assert_array_equal(video[-1], frames[-1])
        assert video[-1].frame_no == 39
        part = video[4:30:5]
        assert [frame.frame_no for frame in part] == list(range(4, 30, 5))
        np.testing.assert_array_equal(np.stack(list(part)), frames[4:30:5])
        np.testing.assert_array_equal(np.stack(list(video[[7, 3, 3]])), frames[[7, 3, 3]])
        np.testing.assert_array_equal(video[10:][2:][1], frames[13])
        every = list(video)
        assert [frame.frame_no for frame in every] == list(range(40))
        np.testing.assert_array_equal(np.stack(every), frames)
        again = pickle.loads(pickle.dumps(frame))
        assert again.frame_no == 30
        with pytest.raises(IndexError):
            video[40]


def test_pipelines(clip: str, frames: np.ndarray) -> None:
    @pims.pipeline
    def darker(frame: np.ndarray) -> np.ndarray:
        return frame // 2

    with pims.open(clip) as video:
        lazy = darker(video)
        np.testing.assert_array_equal(lazy[5], frames[5] // 2)
        np.testing.assert_array_equal(pims.as_gray(video)[5].shape, (48, 64))


def test_options(clip: str) -> None:
    with pims.open(clip, format="gray", size=(24, 32)) as video:
        assert video.frame_shape == (24, 32)
        np.testing.assert_array_equal(
            video[3], fastav.imread(clip, format="gray", size=(24, 32), index=3)
        )
    with FastavReader(Path(clip).read_bytes()) as video:
        assert len(video) == 40
    with pytest.raises(TypeError, match="planes=True"):
        FastavReader(clip, planes=True)


def test_closed(clip: str) -> None:
    video = pims.open(clip)
    video.close()
    with pytest.raises(ValueError, match="closed"):
        video[3]


def test_what_is_no_video(tmp_path: Path) -> None:
    text = tmp_path / "text.mkv"
    text.write_text("no video")
    with pytest.raises(pims.UnknownFormatError, match="FastavReader"):
        pims.open(str(text))

"""The backend of transformers, beside its own."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastav

from ..media import encode

video_utils = pytest.importorskip("transformers.video_utils")

from fastav.integrations import transformers as ours  # noqa: E402 - needs transformers


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_utils, "VIDEO_DECODERS", dict(video_utils.VIDEO_DECODERS))
    ours.register()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("transformers") / "clip.mp4"
    path.write_bytes(encode(count=40, options={"g": "12"}))
    return str(path)


@pytest.mark.parametrize("backend", ["decord", "pyav", "torchcodec", "opencv"])
@pytest.mark.parametrize("sampling", [{}, {"num_frames": 7}, {"fps": 6}])
def test_beside_theirs(clip: str, backend: str, sampling: dict[str, Any]) -> None:
    pytest.importorskip({"pyav": "av", "opencv": "cv2"}.get(backend, backend))
    frames, metadata = video_utils.load_video(clip, backend="fastav", **sampling)
    others, other = video_utils.load_video(clip, backend=backend, **sampling)
    if backend == "torchcodec":
        others = others.permute(0, 2, 3, 1).numpy()
    assert type(frames) is np.ndarray
    assert frames.shape == others.shape
    assert np.abs(frames.astype(int) - others).mean() < 1.5
    assert metadata.video_backend == "fastav"
    assert type(metadata) is type(other)
    np.testing.assert_array_equal(metadata.frames_indices, other.frames_indices)
    assert metadata.timestamps == pytest.approx(other.timestamps)
    for name in ("total_num_frames", "height", "width"):
        assert getattr(metadata, name) == getattr(other, name)
    assert metadata.fps == pytest.approx(other.fps)
    assert metadata.duration == pytest.approx(other.duration)


def test_frames_are_those_that_were_chosen(clip: str) -> None:
    whole = np.asarray(fastav.imread(clip))

    def choose(metadata: Any, first: int) -> list[int]:
        assert (metadata.height, metadata.width, metadata.total_num_frames) == (48, 64, 40)
        return [first, 3, 3, 39]

    frames, metadata = video_utils.load_video(
        clip, backend="fastav", sample_indices_fn=choose, first=30
    )
    np.testing.assert_array_equal(frames, whole[[30, 3, 3, 39]])
    assert metadata.frames_indices == [30, 3, 3, 39]
    file = io.BytesIO(Path(clip).read_bytes())  # what URLs become
    frames, _ = ours.read_video_fastav(file, lambda metadata: np.array([5]))
    np.testing.assert_array_equal(frames, whole[[5]])

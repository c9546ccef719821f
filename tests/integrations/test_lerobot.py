"""Frames by times, as LeRobot asks for them, beside a linear search with PyAV.

LeRobot itself, which admits no PyAV from 16 on, is stood in for where it would be patched.
"""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import av
import numpy as np
import pytest

import fastav

from ..media import encode

torch = pytest.importorskip("torch")

from fastav.integrations import lerobot  # noqa: E402 - needs torch
from fastav.integrations.lerobot import FrameTimestampError, decode_video_frames  # noqa: E402


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lerobot") / "clip.mp4"
    path.write_bytes(encode(count=50, rate=Fraction(30000, 1001), options={"g": "2"}))
    return path


def test_nearest_frames(clip: Path) -> None:
    frames = np.asarray(fastav.imread(clip, layout="chw"))
    with av.open(str(clip)) as container:
        times = np.array([frame.time for frame in container.decode(video=0)])
    wanted = [*np.random.default_rng(0).uniform(0, times[-1], 40), 0.0, times[-1] + 0.01, -0.01]
    nearest = np.abs(times[:, None] - wanted).argmin(axis=0)
    found = decode_video_frames(clip, wanted, 0.02, return_uint8=True)
    np.testing.assert_array_equal(found.numpy(), frames[nearest])
    scaled = decode_video_frames(str(clip), wanted, 0.02, backend="pyav")
    assert scaled.dtype == torch.float32
    np.testing.assert_array_equal(scaled.numpy(), frames[nearest].astype(np.float32) / 255)


def test_beside_torchcodec(clip: Path) -> None:
    decoders = pytest.importorskip("torchcodec.decoders")
    decoder = decoders.VideoDecoder(str(clip))
    wanted = (np.array([3, 40, 17, 17]) * 1001 / 30000).tolist()
    theirs = decoder.get_frames_at([3, 40, 17, 17]).data / 255.0
    ours = decode_video_frames(clip, wanted, 1e-4)
    assert ours.shape == theirs.shape
    assert float((ours - theirs).abs().mean()) < 1.5 / 255


def test_too_far_away(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decode_video_frames(clip, [49 * 1001 / 30000 + 0.05], 0.051)
    with pytest.raises(FrameTimestampError, match=r"tolerance_s=0.04.*\[9.0\]"):
        decode_video_frames(clip, [0.0, 9.0], 0.04)
    assert issubclass(FrameTimestampError, ValueError)

    class Theirs(ValueError):
        pass

    module = ModuleType("lerobot.datasets.video_utils")
    module.FrameTimestampError = Theirs  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    with pytest.raises(Theirs):
        decode_video_frames(clip, [9.0], 0.04)
    with pytest.raises(FileNotFoundError):
        decode_video_frames("missing.mp4", [0.0], 0.04)


def test_a_file_that_was_written_anew_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    for seed, count in ((1, 5), (2, 6)):
        data = encode(count=count, seed=seed)
        path.write_bytes(data)
        found = decode_video_frames(path, [3 / 24], 1e-4, return_uint8=True)
        np.testing.assert_array_equal(found[0].numpy(), fastav.imread(data, index=3, layout="chw"))


@pytest.mark.parametrize("stored", ["gray12le", "yuv420p12le"])
def test_depth(tmp_path: Path, stored: str) -> None:
    path = tmp_path / "depth.mkv"
    path.write_bytes(
        encode(count=6, codec="ffv1", pixel_format=stored, container="matroska", rate=10)
    )
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="gray12le") for frame in container.decode(video=0)]
    depth = decode_video_frames(path, [0.5, 0.1, 0.1], 1e-3, is_depth=True)
    assert depth.dtype == torch.uint16
    np.testing.assert_array_equal(depth.numpy()[:, 0], np.stack([frames[n] for n in (5, 1, 1)]))
    assert depth.numpy().max() > 255


def test_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def theirs() -> None: ...

    package, datasets, video_utils, reader, other = (
        ModuleType(name)
        for name in (
            *("lerobot", "lerobot.datasets", "lerobot.datasets.video_utils"),
            *("lerobot.datasets.dataset_reader", "unrelated"),
        )
    )
    datasets.video_utils = video_utils  # type: ignore[attr-defined]
    for module in (video_utils, reader, other):
        module.decode_video_frames = theirs  # type: ignore[attr-defined]
    for module in (package, datasets, video_utils, reader, other):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    lerobot.install()
    assert video_utils.decode_video_frames is decode_video_frames
    assert reader.decode_video_frames is decode_video_frames
    assert other.decode_video_frames is theirs

"""The backend of qwen-vl-utils, beside its own.

qwen-vl-utils imports torchvision, of which its readers need nothing and the resizing after them one
function: where torchvision is not installed, that is stood in for.
"""

from __future__ import annotations

import sys
from enum import Enum
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import fastav

from ..media import encode

torch = pytest.importorskip("torch")

from fastav.integrations import qwen_vl_utils as ours  # noqa: E402 - needs torch

HAS_TORCHVISION = find_spec("torchvision") is not None


class InterpolationMode(Enum):
    BICUBIC = "bicubic"


def stand_in() -> dict[str, ModuleType]:
    names = ("torchvision", "torchvision.io", "torchvision.transforms")
    modules = {name: ModuleType(name) for name in names}
    whole, io, transforms = modules.values()
    whole.io, whole.transforms = io, transforms  # type: ignore[attr-defined]
    transforms.InterpolationMode = InterpolationMode  # type: ignore[attr-defined]
    transforms.functional = ModuleType("functional")  # type: ignore[attr-defined]

    def resize(video: Any, size: list[int], interpolation: Any, antialias: bool) -> Any:
        return torch.nn.functional.interpolate(
            video.float(), size, mode=interpolation.value, antialias=antialias
        )

    transforms.functional.resize = resize  # type: ignore[attr-defined]
    return modules


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Any:
    pytest.importorskip("requests")
    if find_spec("qwen_vl_utils") is None:
        pytest.skip("could not import 'qwen_vl_utils': not installed")
    if not HAS_TORCHVISION:
        for name, module in stand_in().items():
            monkeypatch.setitem(sys.modules, name, module)
        for name in [name for name in sys.modules if name.startswith("qwen_vl_utils")]:
            monkeypatch.delitem(sys.modules, name)
    from qwen_vl_utils import vision_process

    monkeypatch.setattr(
        vision_process, "VIDEO_READER_BACKENDS", dict(vision_process.VIDEO_READER_BACKENDS)
    )
    monkeypatch.setattr(vision_process, "FORCE_QWENVL_VIDEO_READER", None)
    vision_process.get_video_reader_backend.cache_clear()
    yield vision_process
    vision_process.get_video_reader_backend.cache_clear()
    if not HAS_TORCHVISION:
        for name in [name for name in sys.modules if name.startswith("qwen_vl_utils")]:
            monkeypatch.delitem(sys.modules, name)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("qwen") / "clip.mp4"
    path.write_bytes(encode(count=60, options={"g": "12"}))
    return str(path)


@pytest.mark.parametrize("backend", ["decord", "torchcodec"])
@pytest.mark.parametrize(
    "wanted",
    [{}, {"fps": 8.0}, {"nframes": 10}, {"video_start": 0.5, "video_end": 2.0, "fps": 6.0}],
)
def test_beside_theirs(process: Any, clip: str, backend: str, wanted: dict[str, Any]) -> None:
    pytest.importorskip(backend)
    message = {"video": clip, **wanted}
    ours.register()
    video, metadata, fps = process.VIDEO_READER_BACKENDS["fastav"](message)
    other, their_metadata, their_fps = process.VIDEO_READER_BACKENDS[backend](message)
    assert video.dtype == other.dtype == torch.uint8
    assert video.shape == other.shape
    assert np.abs(video.numpy().astype(int) - other.numpy()).mean() < 1.5
    assert fps == pytest.approx(their_fps)
    assert metadata == {**their_metadata, "video_backend": "fastav"}
    whole = np.asarray(fastav.imread(clip, layout="chw"))
    np.testing.assert_array_equal(video.numpy(), whole[metadata["frames_indices"]])


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_as_the_default_it_reads_every_video(process: Any, clip: str, prefix: str) -> None:
    ours.register(default=True)
    video, metadata = process.fetch_video(
        {"video": prefix + clip, "resized_height": 56, "resized_width": 84},
        return_video_metadata=True,
    )
    assert metadata["video_backend"] == "fastav"
    assert video.shape == (len(metadata["frames_indices"]), 3, 56, 84)


def test_the_default_is_left_alone(process: Any) -> None:
    ours.register()
    assert "fastav" in process.VIDEO_READER_BACKENDS
    assert process.get_video_reader_backend() != "fastav"

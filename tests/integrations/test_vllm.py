"""The loader for vLLM, which is too large to install here.

A stand-in has the interface of its registry: ``register(name)`` decorates a class, ``load(name)``
makes one.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import fastav
from fastav.integrations import vllm

from ..media import encode


class Registry:
    def __init__(self) -> None:
        self.name2class: dict[str, type] = {}

    def register(self, name: str) -> Callable[[type], type]:
        def wrap(kind: type) -> type:
            self.name2class[name] = kind
            return kind

        return wrap

    def load(self, name: str) -> Any:
        return self.name2class[name]()


@pytest.fixture
def loader(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("vllm", "vllm.multimodal", "vllm.multimodal.video"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    registry = Registry()
    monkeypatch.setattr(
        sys.modules["vllm.multimodal.video"], "VIDEO_LOADER_REGISTRY", registry, raising=False
    )
    vllm.register()
    vllm.register()  # as vLLM allows itself to do
    return registry.load("fastav")


@pytest.fixture(scope="module")
def clip() -> bytes:
    return encode(count=60, rate=20, options={"g": "12"})


@pytest.mark.parametrize(
    ("wanted", "indices"),
    [
        ({}, range(60)),
        ({"num_frames": -1}, range(60)),
        ({"num_frames": 4}, [0, 19, 39, 59]),
        ({"num_frames": 1}, [0]),
        ({"num_frames": 99}, range(60)),
        ({"fps": 2}, [0, 11, 23, 35, 47, 59]),  # three seconds
        ({"fps": 2, "num_frames": 3}, [0, 29, 59]),
        ({"fps": 0.1}, [0]),
        ({"fps": 100}, range(60)),
        ({"num_frames": 2, "max_duration": 300, "frame_recovery": True}, [0, 59]),
    ],
)
def test_frames_and_metadata(
    loader: Any, clip: bytes, wanted: dict[str, Any], indices: list[int]
) -> None:
    frames, metadata = loader.load_bytes(clip, **wanted)
    np.testing.assert_array_equal(frames, np.asarray(fastav.imread(clip))[list(indices)])
    assert metadata == {
        "total_num_frames": 60,
        "fps": 20.0,
        "duration": 3.0,
        "video_backend": "fastav",
        "frames_indices": list(indices),
        "do_sample_frames": len(indices) == 60,
    }


def test_what_is_no_video(loader: Any) -> None:
    with pytest.raises(fastav.NotAVideoError):
        loader.load_bytes(b"nothing")


def test_the_entry_point_is_declared() -> None:
    declared = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    points = declared["project"]["entry-points"]["vllm.general_plugins"]
    module, _, name = points["fastav"].partition(":")
    assert getattr(import_module(module), name) is vllm.register

"""Videos in napari: the manifest by way of npe2, the layers in napari's viewer without a window."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastav
from fastav.integrations.napari import get_reader

from ..media import encode


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("napari") / "clip.mp4"
    path.write_bytes(encode(count=40, options={"g": "12"}))
    return str(path)


@pytest.fixture(scope="module")
def frames(clip: str) -> np.ndarray:
    return np.asarray(fastav.imread(clip))


@pytest.fixture
def manager(tmp_path: Path, entry_points: list[EntryPoint], monkeypatch: pytest.MonkeyPatch) -> Any:
    """A plugin manager that has found fastav as it finds installed packages."""
    npe2 = pytest.importorskip("npe2")
    installed = tmp_path / "fastav-0.1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: fastav\nVersion: 0.1.0\n")
    (ours,) = [entry for entry in entry_points if entry.group == "napari.manifest"]
    (installed / "entry_points.txt").write_text(f"[{ours.group}]\n{ours.name} = {ours.value}\n")
    manager = npe2.PluginManager()
    manager.discover([str(tmp_path)])
    manager.enable("fastav")
    monkeypatch.setattr(npe2.PluginManager, "instance", lambda: manager)
    return manager


def test_layers(clip: str, frames: np.ndarray) -> None:
    read = get_reader(clip)
    assert read is not None
    ((video, facts, kind),) = read(clip)
    assert kind == "image"
    assert facts["name"] == "clip"
    assert facts["rgb"] is True
    assert facts["contrast_limits"] == (0, 255)
    assert facts["metadata"]["codec"] == "h264"
    assert (video.shape, video.dtype, video.ndim) == (frames.shape, frames.dtype, 4)
    np.testing.assert_array_equal(video[7], frames[7])
    assert len(read([clip, clip])) == 2
    video.close()


def test_what_is_no_video(clip: str, tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    assert get_reader(str(text)) is None
    assert get_reader([clip, str(text)]) is None
    assert get_reader(str(tmp_path / "none.mp4")) is None


def test_npe2_finds_the_reader_and_reads(manager: Any, clip: str, frames: np.ndarray) -> None:
    manifest = manager.get_manifest("fastav")
    assert manifest.name == "fastav"
    for name, ours in ((clip, True), ("CLIP.MKV", True), ("picture.png", False)):
        commands = {reader.command for reader in manager.iter_compatible_readers([name])}
        assert ("fastav.get_reader" in commands) is ours
    import npe2

    ((video, _, kind),) = npe2.read([clip], stack=False, plugin_name="fastav")
    assert kind == "image"
    np.testing.assert_array_equal(video[3], frames[3])
    text = Path(clip).with_name("text.mp4")
    text.write_text("no video")
    with pytest.raises(ValueError, match="fastav"):
        npe2.read([str(text)], stack=False, plugin_name="fastav")


def test_viewer(clip: str, frames: np.ndarray) -> None:
    components = pytest.importorskip("napari.components")
    viewer = components.ViewerModel()
    read = get_reader(clip)
    assert read is not None
    ((video, facts, _),) = read(clip)
    layer = viewer.add_image(video, **facts)
    assert layer.data is video  # no copy, nothing decoded beforehand
    assert viewer.dims.ndim == 3
    for number in (0, 33, 7):
        viewer.dims.set_point(0, number)
        np.testing.assert_array_equal(layer._slice.image.raw, frames[number])

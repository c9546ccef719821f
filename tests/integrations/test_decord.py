"""decord's names on fastav, by themselves and beside decord where it is installed."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

import fastav
from fastav.integrations import decord

from ..media import encode


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("decord") / "clip.mp4"
    path.write_bytes(encode(count=40, options={"g": "12"}))
    return str(path)


@pytest.fixture(scope="module")
def frames(clip: str) -> np.ndarray:
    return np.asarray(fastav.imread(clip))


def test_by_number(clip: str, frames: np.ndarray) -> None:
    reader = decord.VideoReader(clip, ctx=decord.cpu(0), num_threads=1)
    assert len(reader) == len(frames)
    picture = reader[7]
    assert isinstance(picture, decord.NDArray)
    assert type(picture.asnumpy()) is np.ndarray
    np.testing.assert_array_equal(picture.asnumpy(), frames[7])
    np.testing.assert_array_equal(reader[-1].asnumpy(), frames[-1])
    np.testing.assert_array_equal(reader[5:20:5].asnumpy(), frames[5:20:5])
    batch = reader.get_batch([30, 2, 2, -1])
    np.testing.assert_array_equal(batch.asnumpy(), frames[[30, 2, 2, -1]])
    assert batch.shape == (4, 48, 64, 3)
    np.testing.assert_array_equal(reader.get_batch(np.array([1, 3])).asnumpy(), frames[[1, 3]])
    for wrong in (40, -41):
        with pytest.raises(IndexError):
            reader[wrong]
        with pytest.raises(IndexError):
            reader.get_batch([0, wrong])


def test_one_after_the_other(clip: str, frames: np.ndarray) -> None:
    reader = decord.VideoReader(clip)
    np.testing.assert_array_equal(reader.next().asnumpy(), frames[0])
    reader.skip_frames(3)
    np.testing.assert_array_equal(reader.next().asnumpy(), frames[4])
    reader.seek(30)
    np.testing.assert_array_equal(reader.next().asnumpy(), frames[30])
    reader.seek_accurate(11)
    np.testing.assert_array_equal(reader.next().asnumpy(), frames[11])
    reader[39]  # moves the position too
    with pytest.raises(StopIteration):
        reader.next()
    with pytest.raises(IndexError):
        reader.seek(40)
    with pytest.raises(ValueError, match="1 or more"):
        reader.skip_frames(0)
    np.testing.assert_array_equal(np.stack(list(reader)), frames)


def test_facts(clip: str) -> None:
    reader = decord.VideoReader(clip)
    with av.open(clip) as container:
        keys = [n for n, frame in enumerate(container.decode(video=0)) if frame.key_frame]
    assert reader.get_key_indices() == keys
    assert reader.get_avg_fps() == 24.0
    stamps = reader.get_frame_timestamp(range(40))
    assert stamps.dtype == np.float32
    np.testing.assert_allclose(stamps[:, 0], np.arange(40) / 24, atol=1e-6)
    np.testing.assert_allclose(stamps[:, 1], np.arange(1, 41) / 24, atol=1e-6)
    np.testing.assert_array_equal(reader.get_frame_timestamp([3, 1]), stamps[[3, 1]])
    np.testing.assert_array_equal(reader.get_frame_timestamp(slice(2, 4)), stamps[2:4])


@pytest.mark.parametrize("container", ["mp4", "mpegts", "matroska"])
def test_times_count_from_the_first_frame(tmp_path: Path, container: str) -> None:
    path = tmp_path / "late"
    sound = encode(count=10, container=container, options={"bf": "2"})
    path.write_bytes(sound)
    with fastav.open(path) as reader:
        begin = reader.timestamps[0]
        expected = reader.timestamps - begin
    assert container != "mpegts" or begin > 0
    stamps = decord.VideoReader(str(path)).get_frame_timestamp(range(10))
    np.testing.assert_allclose(stamps[:, 0], expected, atol=1e-6)


def test_numbers_as_people_have_them(clip: str, frames: np.ndarray) -> None:
    reader = decord.VideoReader(clip)
    spread = np.linspace(0, 39, 5)
    chosen = [0, 9, 19, 29, 39]
    np.testing.assert_array_equal(reader.get_batch(spread).asnumpy(), frames[chosen])
    np.testing.assert_array_equal(
        reader.get_frame_timestamp(spread), reader.get_frame_timestamp(chosen)
    )
    np.testing.assert_array_equal(reader.get_batch([True, False]).asnumpy(), frames[[1, 0]])
    for numbers, behind in (([3, 10, 5], 6), ([2, -3], 38)):
        reader.get_batch(numbers)
        np.testing.assert_array_equal(reader.next().asnumpy(), frames[behind])
    reader.get_batch([])  # moves nothing
    np.testing.assert_array_equal(reader.next().asnumpy(), frames[39])
    for wrong in (40, -41):
        with pytest.raises(IndexError, match=f"frame {wrong} is out of range"):
            reader.get_frame_timestamp([0, wrong])
        with pytest.raises(IndexError, match=f"frame {wrong} is out of range"):
            reader[wrong]


def test_the_rest_of_its_names(clip: str, tmp_path: Path) -> None:
    assert str(decord.cpu(1)) == "cpu(1)"
    assert len(decord.VideoReader(clip, decord.cpu(1))) == 40
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(decord.DECORDError):
        decord.VideoReader(str(tmp_path / "text.mp4"))
    before = av.logging.get_level()
    try:
        decord.logging.set_level(decord.logging.ERROR)
        assert av.logging.get_level() == av.logging.ERROR
    finally:
        av.logging.set_level(before)


def test_another_size_is_pillows(clip: str, frames: np.ndarray) -> None:
    reader = decord.VideoReader(clip, width=30, height=20)
    expected = np.asarray(Image.fromarray(frames[3]).resize((30, 20), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(reader[3].asnumpy(), expected)
    np.testing.assert_array_equal(reader.get_batch([3]).asnumpy()[0], expected)
    assert decord.VideoReader(clip, width=30)[0].shape == (48, 30, 3)


def test_sources_and_devices(clip: str, frames: np.ndarray) -> None:
    with open(clip, "rb") as file:
        np.testing.assert_array_equal(decord.VideoReader(file)[9].asnumpy(), frames[9])
    data = io.BytesIO(Path(clip).read_bytes())
    np.testing.assert_array_equal(decord.VideoReader(data)[9].asnumpy(), frames[9])
    with pytest.raises(NotImplementedError, match="CPU"):
        decord.gpu(0)
    with pytest.raises(FileNotFoundError):
        decord.VideoReader("missing.mp4")


def test_loader(clip: str, frames: np.ndarray) -> None:
    def load(shuffle: int) -> list[tuple[np.ndarray, np.ndarray]]:
        loader = decord.VideoLoader([clip, clip], decord.cpu(0), (3, 48, 64, 3), 1, 5, shuffle)
        assert len(loader) == 8  # frames 0, 2, 4; 10, 12, 14; 20, ..; 30, .. of each
        return [(pictures.asnumpy(), places.asnumpy()) for pictures, places in loader]

    in_order = load(0)
    assert [places[:, 0].tolist() for _, places in in_order] == [[0] * 3] * 4 + [[1] * 3] * 4
    assert [places[0, 1] for _, places in in_order] == [0, 10, 20, 30] * 2
    for shuffle in range(4):
        batches = load(shuffle)
        for pictures, places in batches:
            np.testing.assert_array_equal(pictures, frames[places[:, 1]])
        found = sorted(tuple(map(tuple, places)) for _, places in batches)
        assert found == sorted(tuple(map(tuple, places)) for _, places in in_order)


def test_bridges(clip: str, frames: np.ndarray) -> None:
    with pytest.raises(ValueError, match="must be one of"):
        decord.bridge.set_bridge("mxnet")
    torch = pytest.importorskip("torch")
    reader = decord.VideoReader(clip)
    with decord.bridge.use_torch():
        assert isinstance(reader[0], torch.Tensor)
    assert isinstance(reader[0], decord.NDArray)
    decord.bridge.set_bridge("torch")
    try:
        kinds: list[Any] = []
        thread = threading.Thread(target=lambda: kinds.append(type(reader[1])))
        thread.start()
        thread.join()
        assert kinds == [torch.Tensor]
        np.testing.assert_array_equal(reader.get_batch([1, 2]).numpy(), frames[1:3])
    finally:
        decord.bridge.reset_bridge()


def test_programs_that_import_decord_get_it(clip: str) -> None:
    code = (
        "from fastav.integrations import decord as ours\n"
        "ours.install()\n"
        "import decord\n"
        "from decord import VideoReader, cpu, bridge\n"
        "from decord.bridge import set_bridge\n"
        f"assert VideoReader({clip!r}, ctx=cpu(0)).get_batch([1, 2]).asnumpy().shape[0] == 2\n"
        "assert decord is ours and bridge.set_bridge is set_bridge\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_beside_decord(clip: str) -> None:
    """Where decord is right, both give the same numbers of frames, times and nearly the pixels."""
    theirs = pytest.importorskip("decord").VideoReader(clip)
    ours = decord.VideoReader(clip)
    assert len(ours) == len(theirs)
    assert ours.get_key_indices() == theirs.get_key_indices()
    assert ours.get_avg_fps() == pytest.approx(theirs.get_avg_fps())
    numbers = [0, 5, 17, 3, 39]
    np.testing.assert_allclose(
        ours.get_frame_timestamp(numbers), theirs.get_frame_timestamp(numbers), atol=1e-4
    )
    a, b = ours.get_batch(numbers).asnumpy(), theirs.get_batch(numbers).asnumpy()
    assert a.shape == b.shape
    assert np.abs(a.astype(int) - b).mean() < 1.5  # FFmpeg's conversion rounds down


@pytest.mark.parametrize("container", ["mp4", "mpegts", "flv"])
def test_positions_and_times_beside_decord(tmp_path: Path, container: str) -> None:
    path = tmp_path / f"clip.{container}"
    path.write_bytes(encode(count=40, container=container, options={"bf": "2", "g": "10"}))
    ours = decord.VideoReader(str(path))
    theirs = pytest.importorskip("decord").VideoReader(str(path))
    everything = range(40)
    np.testing.assert_allclose(
        ours.get_frame_timestamp(everything)[:, 0],
        theirs.get_frame_timestamp(everything)[:, 0],
        atol=2e-3,  # flv counts milliseconds
    )
    if container == "mpegts":
        return  # of which decord gives other frames
    for numbers in (np.linspace(0, 32, 4), [3, 10, 5], [True, False], [-4]):
        a, b = (
            np.concatenate([reader.get_batch(numbers).asnumpy(), [reader.next().asnumpy()]])
            for reader in (ours, theirs)
        )
        assert np.abs(a.astype(int) - b).mean() < 1.5

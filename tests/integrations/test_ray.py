"""Clips of videos through Ray Data: on two nodes, split, grouped, with workers killed."""

from __future__ import annotations

import os
import signal
import traceback
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastav

from ..media import encode

pytest.importorskip("ray.data")

import ray
from fsspec.implementations.local import LocalFileSystem
from ray.cluster_utils import Cluster

from fastav.integrations.ray import COLUMNS, VideoDatasource, read_videos

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own

LENGTHS = (40, 30, 17, 8)


class Deadly(LocalFileSystem):
    """Files whose first reader in a task dies in the middle, by a signal that nobody can catch."""

    protocol = "deadly"

    def __init__(self, marks: str, **how: Any) -> None:
        super().__init__(**how)
        self.marks = marks

    def _open(self, path: str, *arguments: Any, **how: Any) -> Any:
        file = super()._open(path, *arguments, **how)
        mark = os.path.join(self.marks, os.path.basename(path))
        reading = any(frame.name == "read_videos" for frame in traceback.extract_stack())
        if not reading or not path.endswith(("0.mp4", "2.mp4")) or os.path.exists(mark):
            return file
        return Dying(file, mark)


class Dying:
    """A file at whose third read the process is killed."""

    def __init__(self, file: Any, mark: str) -> None:
        self._file, self._mark, self._left = file, mark, 3

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> Dying:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def read(self, size: int = -1) -> bytes:
        self._left -= 1
        if not self._left:
            Path(self._mark).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return bytes(self._file.read(size))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ray")
    for number, count in enumerate(LENGTHS):
        data = encode(count=count, seed=number, options={"g": "8", "sc_threshold": "0"})
        (path / f"{number}.mp4").write_bytes(data)
    (path / "notes.txt").write_text("no video")
    return path


@pytest.fixture(scope="module")
def videos(folder: Path) -> dict[str, np.ndarray]:
    paths = [str(folder / f"{number}.mp4") for number in range(len(LENGTHS))]
    return {path: np.asarray(fastav.imread(path)) for path in paths}


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    ray.shutdown()  # what another test may have begun
    store = 100 << 20
    nodes = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "object_store_memory": store, "include_dashboard": False},
    )
    nodes.add_node(num_cpus=1, object_store_memory=store)
    ray.init(address=nodes.address, log_to_driver=False, logging_level="error")
    ray.data.DataContext.get_current().enable_progress_bars = False
    try:
        assert len(ray.nodes()) == 2
        yield
    finally:
        ray.shutdown()
        nodes.shutdown()


def expected(videos: dict[str, np.ndarray], length: int, stride: int, step: int) -> Counter[Any]:
    """Which clips there should be: every window up to the first that reaches the end."""
    clips = []
    for path, frames in videos.items():
        for start in range(0, len(frames), stride):
            numbers = tuple(range(start, len(frames), step)[:length])
            clips.append((path, numbers))
            if start + (length - 1) * step + 1 >= len(frames):
                break
    return Counter(clips)


def check(rows: list[dict[str, Any]], videos: dict[str, np.ndarray]) -> Counter[Any]:
    for row in rows:
        np.testing.assert_array_equal(row["frames"], videos[row["path"]][row["indices"]])
        np.testing.assert_allclose(row["pts_seconds"], row["indices"] / 24)
    return Counter((row["path"], tuple(row["indices"].tolist())) for row in rows)


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(("length", "stride", "step"), [(8, 8, 1), (6, 4, 2), (3, 10, 1)])
@pytest.mark.parametrize("task_bytes", [1, 64 << 20])
def test_every_clip_once(
    folder: Path,
    videos: dict[str, np.ndarray],
    length: int,
    stride: int,
    step: int,
    task_bytes: int,
) -> None:
    data = read_videos(
        str(folder), clip_length=length, stride=stride, frame_step=step, task_bytes=task_bytes
    )
    rows = data.take_all()
    assert check(rows, videos) == expected(videos, length, stride, step)


@pytest.mark.usefixtures("cluster")
def test_long_files_are_split_at_key_frames_and_short_ones_grouped(folder: Path) -> None:
    source = VideoDatasource(str(folder), clip_length=4, task_bytes=1)
    tasks = source.get_read_tasks(100)
    parts = Counter(name for task in tasks for name in task.metadata.input_files)
    assert min(parts.values()) >= 1
    assert parts[str(folder / "0.mp4")] == 5  # GOPs of 8 in 40
    assert sum(task.metadata.num_rows for task in tasks) == sum(-(-n // 4) for n in LENGTHS)
    for task in tasks:
        blocks = list(task())
        assert sum(block.num_rows for block in blocks) == task.metadata.num_rows
        assert blocks[0].column("indices")[0].to_numpy()[0] % 8 == 0
    source = VideoDatasource(str(folder), task_bytes=(folder / "1.mp4").stat().st_size)
    source.get_read_tasks(2)
    assert source._known.keys() == {str(folder / "0.mp4")}  # nothing else was looked into
    (together,) = VideoDatasource(str(folder)).get_read_tasks(2)
    assert [Path(name).name for name in together.metadata.input_files] == [
        f"{number}.mp4" for number in range(len(LENGTHS))
    ]


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("task_bytes", [1, 64 << 20])
def test_a_killed_worker_loses_and_doubles_nothing(
    folder: Path, videos: dict[str, np.ndarray], tmp_path: Path, task_bytes: int
) -> None:
    """Be it with parts of a file, or with several files whose first have been handed on already."""
    data = read_videos(
        list(videos), clip_length=4, filesystem=Deadly(str(tmp_path)), task_bytes=6000
    )
    rows = data.take_all()
    assert sorted(os.listdir(tmp_path)) == ["0.mp4", "2.mp4"]  # both have killed a worker
    for row in rows:
        row["path"] = row["path"].removeprefix("deadly://").removeprefix("file://")
    assert check(rows, videos) == expected(videos, 4, 4, 1)


@pytest.mark.usefixtures("cluster")
def test_any_filesystem(folder: Path, videos: dict[str, np.ndarray], tmp_path: Path) -> None:
    archive = tmp_path / "clips.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for number in (2, 3):
            file.write(folder / f"{number}.mp4", f"videos/{number}.mp4")
    data = read_videos(f"zip://videos::{archive}", clip_length=8, drop_last=True)
    rows = data.take_all()
    assert len(rows) == 3
    for row in rows:
        row["path"] = str(folder / Path(row["path"]).name)
    check(rows, videos)
    found = read_videos(folder / "[23].mp4", ["path"], clip_length=100).take_all()
    assert {Path(row["path"]).name for row in found} == {"2.mp4", "3.mp4"}


@pytest.mark.usefixtures("cluster")
def test_columns_and_options(folder: Path, videos: dict[str, np.ndarray]) -> None:
    path = str(folder / "1.mp4")
    data = read_videos(path, COLUMNS, 10, size=(24, 32), layout="chw")
    rows = data.take_all()
    assert set(rows[0]) == set(COLUMNS)
    assert rows[0]["frames"].shape == (10, 3, 24, 32)
    whole = np.asarray(fastav.imread(path, size=(24, 32), layout="chw"))
    for row in rows:
        np.testing.assert_array_equal(row["frames"], whole[row["indices"]])
        np.testing.assert_allclose(row["duration_seconds"], 1 / 24)
    light = read_videos(path, ["indices", "duration_seconds", "pts_seconds"], 10).take_all()
    for row, other in zip(light, rows, strict=True):
        for name in row:
            np.testing.assert_array_equal(row[name], other[name])
    batch = data.take_batch(3)
    assert batch["frames"].shape == (3, 10, 3, 24, 32)


@pytest.mark.usefixtures("cluster")
def test_blocks_and_memory_are_bounded(folder: Path) -> None:
    source = VideoDatasource(str(folder), clip_length=4)
    clip = 4 * 48 * 64 * 3
    context = ray.data.DataContext.get_current().copy()
    context.target_max_block_size = 3 * clip
    (task,) = source.get_read_tasks(1, data_context=context)
    sizes = [block.num_rows for block in task()]
    assert max(sizes) == 3
    assert sum(sizes) == sum(-(-n // 4) for n in LENGTHS)
    small, large = (VideoDatasource(str(folder), clip_length=n) for n in (1, 100_000))
    assert 0 < small.memory() < large.memory()
    assert large.memory() > 100_000 * 48 * 64 * 3
    whole = sum(LENGTHS) * 48 * 64 * 3
    assert whole / 2 < source.estimate_inmemory_data_size() < whole * 2
    data = read_videos(str(folder / "3.mp4"), clip_length=4, memory=50 << 20)
    assert data.count() == 2


def test_what_is_refused(folder: Path, tmp_path: Path) -> None:
    for wrong in (["frame"], "frames", []):
        with pytest.raises(ValueError, match="columns must be some of"):
            read_videos(str(folder), wrong)
    for name in ("clip_length", "stride", "frame_step", "task_bytes"):
        with pytest.raises(ValueError, match=f"{name} must be 1 or more, got 0"):
            read_videos(str(folder), **{name: 0})
    with pytest.raises(FileNotFoundError, match="no video"):
        read_videos(str(tmp_path))
    with pytest.raises(FileNotFoundError):
        read_videos(str(tmp_path / "none.mp4"))
    with pytest.raises(TypeError, match="planes=True"):
        read_videos(str(folder), planes=True)
    with pytest.raises(TypeError, match="pix_fmt"):
        read_videos(str(folder), pix_fmt="gray")

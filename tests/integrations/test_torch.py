"""Datasets of clips, in this process and in a DataLoader's workers."""

from __future__ import annotations

import pickle
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastav

from ..media import encode

torch = pytest.importorskip("torch")

from torch.utils.data import DataLoader  # noqa: E402 - needs torch

from fastav.integrations.torch import ClipDataset, IterableClipDataset, collate  # noqa: E402

COUNTS = (23, 40, 7, 16)  # frames of each file


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("torch")
    paths = [folder / f"{number}.mp4" for number in range(len(COUNTS))]
    for number, (path, count) in enumerate(zip(paths, COUNTS, strict=True)):
        path.write_bytes(encode(count=count, options={"g": "6"}, seed=number))
    return paths


@pytest.fixture(scope="module")
def frames(files: list[Path]) -> list[np.ndarray]:
    return [np.asarray(fastav.imread(path)) for path in files]


def check(clip: dict[str, Any], frames: list[np.ndarray]) -> tuple[int, int]:
    """A clip has the frames that it says; return its file and its first frame."""
    file, indices = clip["file"], clip["indices"].numpy()
    np.testing.assert_array_equal(clip["frames"].numpy(), frames[file][indices])
    if "pts_seconds" in clip:
        np.testing.assert_allclose(clip["pts_seconds"].numpy(), indices / 24, atol=1e-6)
    return int(file), int(indices[0])


def expected(length: int, step: int, hop: int) -> list[tuple[int, int]]:
    span = (length - 1) * step + 1
    return [(f, s) for f, n in enumerate(COUNTS) for s in range(0, n - span + 1, hop)]


@pytest.mark.parametrize(
    ("length", "step", "hop"), [(8, 1, None), (8, 2, 3), (1, 1, None), (5, 3, 20), (16, 1, 1)]
)
def test_all_clips_by_number(
    files: list[Path], frames: list[np.ndarray], length: int, step: int, hop: int | None
) -> None:
    dataset = ClipDataset(files, length, step=step, hop=hop)
    wanted = expected(length, step, hop or length * step)
    assert [check(dataset[number], frames) for number in range(len(dataset))] == wanted
    assert dataset.counts == [sum(f == n for f, _ in wanted) for n in range(len(COUNTS))]
    assert check(dataset[-1], frames) == wanted[-1]
    for wrong in (len(dataset), -len(dataset) - 1):
        with pytest.raises(IndexError, match="out of range"):
            dataset[wrong]


def test_wrong_arguments(files: list[Path]) -> None:
    for arguments in (
        {"clip_length": 0},
        {"clip_length": 2, "step": 0},
        {"clip_length": 2, "hop": 0},
    ):
        with pytest.raises(ValueError, match="must be 1 or more"):
            ClipDataset(files, **arguments)
    with pytest.raises(ValueError, match="none of 4 files has the 41 frames"):
        ClipDataset(files, 41)
    for files_of in (ClipDataset, IterableClipDataset):
        with pytest.raises(TypeError, match="must be a list of videos, got 'clip"):
            files_of("clip.mp4", 4)
    with pytest.raises(TypeError, match="sise"):
        ClipDataset(files, 4, sise=3)
    with pytest.raises(ValueError, match="rank must be"):
        IterableClipDataset(files, 4, rank=2, world_size=2)
    with pytest.raises(ValueError, match="must be 1 or more"):
        IterableClipDataset(files, 0)


@pytest.mark.parametrize("shared", [False, True])
def test_into_given_tensors(files: list[Path], frames: list[np.ndarray], shared: bool) -> None:
    dataset = ClipDataset(files, 8, size=(24, 32), layout="chw")
    out = torch.zeros((3, 8, 3, 24, 32), dtype=torch.uint8)
    if shared:
        out.share_memory_()
    clips = [dataset.read(number, out=out[number]) for number in range(3)]
    for number, clip in enumerate(clips):
        assert clip["frames"].data_ptr() == out[number].data_ptr()
        assert torch.equal(out[number], dataset[number]["frames"])
    with pytest.raises(ValueError, match="out"):
        dataset.read(0, out=out[0, :4])
    array = np.zeros((8, 3, 24, 32), np.uint8)
    assert torch.equal(dataset.read(1, out=array)["frames"], out[1])
    room = torch.zeros((5, 8, 3, 24, 32), dtype=torch.uint8)
    batch = collate(clips, out=room)
    assert batch["frames"].data_ptr() == room.data_ptr()
    assert torch.equal(batch["frames"], out)
    assert torch.equal(collate(clips)["frames"], out)
    assert batch["indices"].shape == batch["pts_seconds"].shape == (3, 8)
    assert batch["file"].tolist() == [0, 0, 1]
    for wrong in (room[:2], room[:, :4]):
        with pytest.raises(ValueError, match="out must be"):
            collate(clips, out=wrong)


def test_few_readers_stay_open(tmp_path: Path) -> None:
    data = encode(count=4)
    dataset = ClipDataset([data] * 12, 2)
    for number in range(len(dataset)):
        assert dataset[number]["file"] == number // 2
    assert len(dataset._readers) == 8
    copy = pickle.loads(pickle.dumps(dataset))
    assert not copy._readers
    assert torch.equal(copy[5]["frames"], dataset[5]["frames"])


def test_in_order_once(files: list[Path], frames: list[np.ndarray]) -> None:
    assert [check(c, frames) for c in IterableClipDataset(files, 8)] == expected(8, 1, 8)
    # With steps, a clip is over with its last frame, and the next begins a step later.
    assert [check(c, frames) for c in IterableClipDataset(files, 3, step=2)] == expected(3, 2, 6)
    shares = [
        [check(c, frames) for c in IterableClipDataset(files, 8, rank=rank, world_size=3)]
        for rank in range(3)
    ]
    assert sorted(chain.from_iterable(shares)) == expected(8, 1, 8)
    drawn = IterableClipDataset(files, 8, seed=1)
    orders = set()
    for epoch in range(8):
        drawn.set_epoch(epoch)
        clips = [check(c, frames) for c in drawn]
        assert clips == [check(c, frames) for c in drawn]  # the same again
        assert sorted(clips) == expected(8, 1, 8)
        orders.add(tuple(clips))
    assert len(orders) > 1


@pytest.mark.timeout(600)
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_in_workers(files: list[Path], frames: list[np.ndarray], method: str) -> None:
    dataset = ClipDataset(files, 4)
    dataset[0]  # so that a reader is open when workers are forked
    generator = torch.Generator().manual_seed(0)
    loader = DataLoader(
        dataset, batch_size=3, shuffle=True, num_workers=2, collate_fn=collate,
        multiprocessing_context=method, generator=generator,
    )  # fmt: skip
    seen = []
    for batch in loader:
        assert batch["frames"].is_shared()
        for place in range(len(batch["file"])):
            seen.append(check({key: batch[key][place] for key in batch}, frames))  # noqa: PERF401
    assert sorted(seen) == expected(4, 1, 4)
    assert seen != sorted(seen)


@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore:This DataLoader will create")
@pytest.mark.parametrize("workers", [1, 3, 6])
def test_files_are_shared_out_among_workers(
    files: list[Path], frames: list[np.ndarray], workers: int
) -> None:
    dataset = IterableClipDataset(files, 4, seed=2)
    loader = DataLoader(dataset, batch_size=None, num_workers=workers)
    assert sorted(check(clip, frames) for clip in loader) == expected(4, 1, 4)

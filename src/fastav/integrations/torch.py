"""Clips of many videos as datasets of torch, for a ``DataLoader`` with workers of any kind.

>>> dataset = ClipDataset(paths, 16, step=2, size=224, layout="chw")
>>> loader = DataLoader(dataset, batch_size=8, shuffle=True, num_workers=4, collate_fn=collate)
>>> for batch in loader:
...     batch["frames"]  # (8, 16, 3, 224, 224), uint8

Needs torch (``fastav[torch]``). A dataset can be pickled: workers that are spawned get the indexes
of its files with it, and open the files themselves.
"""

from __future__ import annotations

import os
import random
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, IterableDataset, default_collate, get_worker_info

from ..pixels.arguments import integer
from ..reading.index import FrameIndex
from ..reading.reader import VideoReader

__all__ = ["ClipDataset", "IterableClipDataset", "collate"]

_OPEN_FILES = 8
"""Readers that a dataset keeps open in each process."""


class ClipDataset(Dataset[dict[str, Any]]):  # type: ignore[misc]
    """Clips of equal length out of many videos, by number.

    Making it counts the frames of all files.

    Parameters
    ----------
    files : sequence of paths, or of bytes
    clip_length : int
        Frames of a clip.
    step : int
        Distance of the frames of a clip.
    hop : int, optional
        Distance of the clips' first frames; by default clips follow upon each other.
    **options
        Of :class:`fastav.VideoReader`: ``size=``, ``layout=``, ... The decoder has one thread
        unless ``thread_count`` is given, since there are workers.

    Attributes
    ----------
    files : list
    counts : list of int
        Clips of each file; 0 where it has fewer frames than a clip spans.

    Raises
    ------
    ValueError
        No file has enough frames for a clip.

    Notes
    -----
    A clip is a dict: ``frames``, a tensor of shape (clip_length, H, W, C) or (clip_length, C, H,
    W); ``indices``, int64, the frames' numbers; ``pts_seconds``, float64; ``file``, its place in
    `files`. Clips may be read by several threads.
    """

    def __init__(
        self,
        files: Sequence[Any],
        clip_length: int,
        *,
        step: int = 1,
        hop: int | None = None,
        **options: Any,
    ) -> None:
        self.files: list[Any] = _listed(files)
        self.clip_length: int = clip_length
        self.step: int = step
        self.hop: int = clip_length * step if hop is None else hop
        _check(clip_length=clip_length, step=step, hop=self.hop)
        self._options = {"thread_count": 1, **options}
        self._readers: dict[int, VideoReader] = {}
        self._indexes: list[FrameIndex] = []
        for file in self.files:
            with VideoReader(file, **self._options) as reader:
                self._indexes.append(reader.index)
        span = (clip_length - 1) * step + 1
        self.counts: list[int] = [
            max(len(index) - span, -1) // self.hop + 1 for index in self._indexes
        ]
        self._ends = list(accumulate(self.counts))
        if not len(self):
            raise ValueError(f"none of {len(self.files)} files has the {span} frames of a clip")

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_readers": {}}

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, number: int) -> dict[str, Any]:
        return self.read(integer("a clip's number", number))

    def read(self, number: int, out: Any = None) -> dict[str, Any]:
        """Read a clip.

        Parameters
        ----------
        number : int
            Negative numbers count from the end.
        out : torch.Tensor or ndarray, optional
            Filled with the frames instead of a fresh tensor, be it in pinned or shared memory; its
            shape is that of ``frames``.

        Raises
        ------
        IndexError
            There is no such clip.
        DecodeError
            Damage.
        """
        if not -len(self) <= number < len(self):
            raise IndexError(f"clip {number} is out of range: there are {len(self)}")
        number %= len(self)
        file = bisect_right(self._ends, number)
        start = (number - self._ends[file] + self.counts[file]) * self.hop
        numbers = range(start, start + self.clip_length * self.step, self.step)
        target = out.numpy() if isinstance(out, torch.Tensor) else out
        batch = self._reader(file).get_frames_at(numbers, target)
        return _clip(batch.data if out is None else out, batch.indices, batch.pts_seconds, file)

    def _reader(self, file: int) -> VideoReader:
        # Taken out while it is looked at, so that no two threads are in each other's way.
        reader = self._readers.pop(file, None)
        if reader is None:
            reader = VideoReader(self.files[file], index=self._indexes[file], **self._options)
            for oldest in list(self._readers)[: 1 - _OPEN_FILES]:
                self._readers.pop(oldest, None)
        self._readers[file] = reader
        return reader


class IterableClipDataset(IterableDataset[dict[str, Any]]):  # type: ignore[misc]
    """Clips of equal length out of many videos, each read once from its start to its end.

    Needs no index, and no seeking; pipes and URLs will do. Files are shared out among workers, and
    among the processes of distributed training.

    Parameters
    ----------
    files : sequence of paths, or of bytes
    clip_length : int
        Frames of a clip. Clips follow upon each other; what is left at the end of a file is no
        clip.
    step : int
        Distance of the frames of a clip.
    seed : int, optional
        Files come in an order drawn from this and the epoch; by default as given.
    rank, world_size : int
        Of this process, in distributed training.
    **options
        As for :class:`ClipDataset`.

    Notes
    -----
    A clip is a dict as those of :class:`ClipDataset`, without ``pts_seconds``.
    """

    def __init__(
        self,
        files: Sequence[Any],
        clip_length: int,
        *,
        step: int = 1,
        seed: int | None = None,
        rank: int = 0,
        world_size: int = 1,
        **options: Any,
    ) -> None:
        _check(clip_length=clip_length, step=step, world_size=world_size)
        if not 0 <= rank < world_size:
            raise ValueError(f"rank must be 0 to {world_size - 1}, got {rank}")
        self.files: list[Any] = _listed(files)
        self.clip_length: int = clip_length
        self.step: int = step
        self.seed: int | None = seed
        self.rank: int = rank
        self.world_size: int = world_size
        self.epoch: int = 0
        self._options = {"thread_count": 1, **options}

    def set_epoch(self, epoch: int) -> None:
        """Choose which order the files come in next; to be called before workers start."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[dict[str, Any]]:
        order = list(range(len(self.files)))
        if self.seed is not None:
            random.Random(f"{self.seed} {self.epoch}").shuffle(order)
        worker = get_worker_info()
        place, shares = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for file in order[self.rank :: self.world_size][place::shares]:
            yield from self._clips(file)

    def _clips(self, file: int) -> Iterator[dict[str, Any]]:
        length, step = self.clip_length, self.step
        with VideoReader(self.files[file], **self._options) as reader:
            for place, frames in enumerate(reader.batches(length, step=step)):
                if len(frames) == length:
                    begin = place * length
                    yield _clip(frames, np.arange(begin, begin + length) * step, None, file)


def collate(clips: Sequence[dict[str, Any]], out: Any = None) -> dict[str, Any]:
    """Put clips together into a batch: every tensor gets an axis in front.

    Parameters
    ----------
    clips : sequence of dict
        As the datasets give them, possibly with more in them.
    out : torch.Tensor, optional
        For the frames: pinned or shared memory, of at least as many clips. Within a worker, by
        default, shared memory that the loader's process takes over.

    Returns
    -------
    dict
        ``frames`` of shape (clips, clip_length, ...), the part of `out` that was filled; ...
    """
    if out is None:
        batch: dict[str, Any] = default_collate(list(clips))
        return batch
    shape = (len(clips), *clips[0]["frames"].shape)
    if out.shape[1:] != shape[1:] or len(out) < len(clips):
        raise ValueError(f"out must be of shape {shape} or of more clips, got {tuple(out.shape)}")
    frames = out[: len(clips)]
    for place, clip in zip(frames, clips, strict=True):
        place.copy_(clip["frames"])
    others = [{key: clip[key] for key in clip if key != "frames"} for clip in clips]
    return {"frames": frames, **default_collate(others)}


def _clip(frames: Any, indices: Any, pts_seconds: Any, file: int) -> dict[str, Any]:
    clip = {
        "frames": frames if isinstance(frames, torch.Tensor) else torch.from_numpy(frames),
        "indices": torch.from_numpy(indices),
        "file": file,
    }
    if pts_seconds is not None:
        clip["pts_seconds"] = torch.from_numpy(pts_seconds)
    return clip


def _listed(files: Sequence[Any]) -> list[Any]:
    if isinstance(files, (str, bytes, os.PathLike)):
        raise TypeError(f"files must be a list of videos, got {files!r:.60}; write [file]")
    return list(files)


def _check(**above_zero: int) -> None:
    for name, value in above_zero.items():
        if value < 1:
            raise ValueError(f"{name} must be 1 or more, got {value}")

"""Random clips out of many files through a DataLoader, beside torchcodec.

    python benchmarks/data_loader.py [--files 12] [--workers 0 2] [--size 224]

Either decodes 16 frames, every second one, of clips drawn at random, with one decoder thread and
the same shuffling. What is timed is an epoch, workers started and stopped included: by the clock
and by the processors' time of all processes. fastav's index of the files is made before. The rounds
of both take turns; ratios are medians of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset
from torchcodec.decoders import VideoDecoder
from torchcodec.transforms import Resize

from fastav._bench import make_clip
from fastav.integrations.torch import ClipDataset, collate

CLIP, STEP, BATCH = 16, 2, 4


class TorchcodecClips(Dataset):  # type: ignore[misc]
    """The clips of another dataset, decoded by torchcodec."""

    def __init__(self, clips: ClipDataset, size: tuple[int, int] | None) -> None:
        starts = [range(0, count * CLIP * STEP, CLIP * STEP) for count in clips.counts]
        self.clips = [(str(f), s) for f, of in zip(clips.files, starts, strict=True) for s in of]
        self.size = size

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, number: int) -> dict[str, Any]:
        file, start = self.clips[number]
        decoder = _decoder(file, self.size, os.getpid())
        return {"frames": decoder.get_frames_in_range(start, start + CLIP * STEP, STEP).data}


@lru_cache(maxsize=8)  # as many as ClipDataset keeps open; none that a fork has inherited
def _decoder(file: str, size: tuple[int, int] | None, process: int) -> VideoDecoder:
    return VideoDecoder(file, transforms=[Resize(size)] if size else None)


def epoch(dataset: Dataset, workers: int) -> tuple[float, float]:
    """Seconds for every clip once: by the clock, and the processors'."""
    generator = torch.Generator().manual_seed(0)
    loader = DataLoader(
        dataset,
        batch_size=BATCH,
        shuffle=True,
        num_workers=workers,
        collate_fn=collate,
        generator=generator,
    )
    begin, used = time.perf_counter(), sum(os.times()[:4])
    clips = sum(len(batch["frames"]) for batch in loader)
    assert clips == len(dataset)
    return time.perf_counter() - begin, sum(os.times()[:4]) - used


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=12)
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2])
    parser.add_argument("--size", type=int, help="resize to so many rows and columns")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args(arguments)
    size = (given.size, given.size) if given.size else None
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{number}.mp4" for number in range(given.files)]
        make_clip(files[0], frames=given.frames)
        for file in files[1:]:
            file.write_bytes(files[0].read_bytes())
        ours = ClipDataset(files, CLIP, step=STEP, size=size, layout="chw")
        theirs = TorchcodecClips(ours, size)
        print(f"{len(ours)} clips of {CLIP} frames out of {given.files} 720p h264 files")
        for workers in given.workers:
            rounds = [(epoch(ours, workers), epoch(theirs, workers)) for _ in range(given.rounds)]
            for place, what in enumerate(("clock", "processors")):
                one = median(len(ours) / a[place] for a, _ in rounds)
                other = median(len(ours) / b[place] for _, b in rounds)
                ratio = median(b[place] / a[place] for a, b in rounds)
                print(
                    f"{workers} workers, {what}: fastav {one:.1f} clips/s, torchcodec {other:.1f} "
                    f"clips/s, fastav is {ratio:.2f} times as fast",
                    flush=True,
                )


if __name__ == "__main__":
    main()

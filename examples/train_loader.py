"""Train on clips of many videos: a DataLoader whose workers decode and resize.

    python examples/train_loader.py FOLDER [--clip-length 16] [--step 2] [--size 112] [--workers 2]

Each folder below FOLDER is a class, as in most data sets of actions. The model is a toy that tells
them apart; the loader is the point. Needs torch.
"""

import argparse
import sys
import time
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader

from fastav.integrations.torch import ClipDataset, collate

VIDEOS = {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi"}


def toy(classes: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv3d(3, 16, kernel_size=3, stride=2),
        nn.ReLU(),
        nn.AdaptiveAvgPool3d(1),
        nn.Flatten(),
        nn.Linear(16, classes),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clip-length", type=int, default=16, help="frames of a clip")
    parser.add_argument("--step", type=int, default=2, help="from one to the next")
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=1)
    options = parser.parse_args()

    files = sorted(p for p in options.folder.glob("*/*") if p.suffix.lower() in VIDEOS)
    names = sorted({path.parent.name for path in files})
    labels = torch.tensor([names.index(path.parent.name) for path in files])
    dataset = ClipDataset(
        files,
        options.clip_length,
        step=options.step,
        size=options.size,
        center_crop=options.size,
        layout="chw",
    )
    loader = DataLoader(
        dataset,
        batch_size=options.batch_size,
        shuffle=True,
        num_workers=options.workers,
        collate_fn=collate,
    )
    model = toy(len(names))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for epoch in range(options.epochs):
        begin, right = time.perf_counter(), 0
        for batch in loader:
            # uint8 until here: a quarter of the bytes to move, to a GPU as well.
            clips = batch["frames"].float().div(255).sub(0.5)
            truth = labels[batch["file"]]
            scores = model(clips.transpose(1, 2))  # (batch, colours, time, height, width)
            nn.functional.cross_entropy(scores, truth).backward()
            optimizer.step()
            optimizer.zero_grad()
            right += int((scores.argmax(dim=1) == truth).sum())
        seconds = time.perf_counter() - begin
        print(f"epoch {epoch}: {right}/{len(dataset)} right, {len(dataset) / seconds:.1f} clips/s")
    return 0


if __name__ == "__main__":
    sys.exit(main())

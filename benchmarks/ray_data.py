"""Clips through Ray Data, beside Ray's own ``read_videos``: ``python benchmarks/ray_data.py``.

Many short files are read whole, by both in turn, in one local Ray of so many processors as there
are, and counted as they come out. Ray's gives a row for each frame and decodes with decord, which
must be installed; fastav's a row for each clip of 16 frames. (Resized pictures are antialiased in
fastav's, and not in Ray's.) What is told is the median over the
rounds of the ratio of wall times within a round: machines are not idle, and both have the same
noise then.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import ray

from fastav._bench import make_clip
from fastav.integrations.ray import read_videos


def with_fastav(folder: str, size: tuple[int, int] | None) -> int:
    options: dict[str, Any] = {} if size is None else {"size": size}
    batches = read_videos(folder, **options).iter_batches(batch_size=None)
    return sum(len(indices) for batch in batches for indices in batch["indices"])


def with_ray(folder: str, size: tuple[int, int] | None) -> int:
    data = ray.data.read_videos(folder, resize=size)
    return sum(len(batch["frame_index"]) for batch in data.iter_batches(batch_size=None))


def timed(read: Callable[[str, Any], int], folder: str, size: Any, expected: int) -> float:
    begin = time.perf_counter()
    found = read(folder, size)
    seconds = time.perf_counter() - begin
    if found != expected:
        raise SystemExit(f"{read.__name__} gave {found} frames of {expected}")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--width", type=int, default=320)
    parser.add_argument("--height", type=int, default=240)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    ray.init(log_to_driver=False, logging_level="error")
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    with tempfile.TemporaryDirectory() as folder:
        first = Path(folder, "0.mp4")
        make_clip(first, width=given.width, height=given.height, frames=given.frames)
        for number in range(1, given.clips):
            shutil.copy(first, Path(folder, f"{number}.mp4"))
        expected = given.clips * given.frames
        print(f"{given.clips} clips of {given.frames} frames, {given.width}x{given.height}")
        for name, size in (("as they are", None), ("resized to 112x112", (112, 112))):
            for read in (with_fastav, with_ray):  # workers import what they need
                timed(read, folder, size, expected)
            rounds = [
                [timed(read, folder, size, expected) for read in (with_fastav, with_ray)]
                for _ in range(given.rounds)
            ]
            ours, theirs = (median(seconds) for seconds in zip(*rounds, strict=True))
            ratio = median(there / here for here, there in rounds)
            print(
                f"{name}: fastav {ours:.1f} s, Ray's own {theirs:.1f} s, {ratio:.2f} times the time"
            )
    ray.shutdown()


if __name__ == "__main__":
    main()

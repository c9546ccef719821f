"""Read frames at random, a great many of them, and compare each with linear decoding.

    python tests/random_reads.py --reads 100000 [--seed 0] [--only TEXT] [FILE ...]

Every clip of the zoo (and every FILE) is decoded from its start by PyAV alone with one thread; then
it is read by number, in batches, by time and in order, by readers new and old, alone and shared
between threads, and every frame must be the same to the bit.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import av
import numpy as np

if __package__:
    from .clips import CLIPS, Zoo, linear
else:
    sys.path.insert(0, str(Path(__file__).parent))
    from clips import CLIPS, Zoo, linear  # type: ignore[no-redef]

import fastav

# PyAV's reformat is the oracle here.
open_ = partial(fastav.open, conversion="ffmpeg")


def fingerprint(image: np.ndarray) -> bytes:
    return hashlib.blake2b(image.tobytes(), digest_size=16).digest()


class Trial:
    """One file, its true frames, and a reader that is used for a while and then replaced."""

    def __init__(self, path: Path, chance: random.Random) -> None:
        self.path, self.chance = path, chance
        self.true = [fingerprint(image) for image in linear(path).images]
        self.reader = open_(path)
        self.done: Counter[str] = Counter()
        self.wrong: list[str] = []
        if len(self.reader) != len(self.true):
            self.wrong.append(f"{path.name}: {len(self.reader)} frames, not {len(self.true)}")

    def close(self) -> None:
        self.reader.close()

    def compare(self, how: str, numbers: Sequence[int], images: Sequence[np.ndarray]) -> None:
        for number, image in zip(numbers, images, strict=True):
            self.done[how] += 1
            if fingerprint(image) != self.true[number]:
                self.wrong.append(f"{self.path.name}: frame {number} {how}")

    def some(self, most: int) -> list[int]:
        count = len(self.true)
        return [self.chance.randrange(count) for _ in range(self.chance.randint(1, most))]

    def step(self) -> None:
        """Read a few frames in one of the ways."""
        way = self.chance.choices(
            ["by number", "in order", "in a batch", "in a slice", "by time", "by threads", "anew"],
            [30, 10, 20, 10, 10, 5, 3],
        )[0]
        reader, count = self.reader, len(self.true)
        if way == "anew":
            self.reader.close()
            threads = self.chance.choice([0, 0, 1, 3])
            index = reader.index if self.chance.random() < 0.5 else None
            self.reader = reader = open_(self.path, index=index, thread_count=threads)
            numbers = self.some(1)
            self.compare(way, numbers, [reader[numbers[0]]])
        elif way == "by number":
            numbers = self.some(12)
            self.compare(way, numbers, [reader[i] for i in numbers])
        elif way == "in order":
            first = self.chance.randrange(count)
            numbers = list(range(first, min(first + 12, count)))
            self.compare(way, numbers, [reader[i] for i in numbers])
        elif way == "in a batch":
            numbers = self.some(24)
            self.compare(way, numbers, list(reader.get_batch(numbers)))
        elif way == "in a slice":
            step = self.chance.randint(1, 5)
            first = self.chance.randrange(count)
            part = slice(first, first + self.chance.randint(1, 20), step)
            self.compare(way, range(count)[part], list(reader[part]))
        elif way == "by time":
            numbers = self.some(6)
            times = reader.timestamps[numbers]
            self.compare(way, numbers, list(reader.get_frames_played_at(times).data))
        else:
            numbers = self.some(16)
            with ThreadPoolExecutor(3) as pool:
                self.compare(way, numbers, list(pool.map(reader.__getitem__, numbers)))


def run(reads: int, seed: int, paths: Sequence[Path], report: bool = True) -> list[str]:
    """Make `reads` random reads, spread evenly over `paths`; return what was wrong."""
    wrong: list[str] = []
    ways: Counter[str] = Counter()
    began = time.perf_counter()
    for place, path in enumerate(paths):
        trial = Trial(path, random.Random(f"{seed} {path.name}"))
        share = reads * (place + 1) // len(paths)
        while ways.total() + trial.done.total() < share and not len(trial.wrong) > 20:
            trial.step()
        trial.close()
        ways += trial.done
        wrong += trial.wrong
        if report:
            print(
                f"{ways.total():8} reads  {len(wrong):4} wrong  {path.name:28} "
                f"{time.perf_counter() - began:7.1f} s",
                file=sys.stderr,
                flush=True,
            )
    if report:
        print(f"{ways.total()} random reads of {len(paths)} files, {len(wrong)} wrong")
        for way, count in ways.most_common():
            print(f"  {way:12} {count:8}")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="besides the zoo")
    parser.add_argument("--reads", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", metavar="TEXT", help="clips with this in their name")
    options = parser.parse_args()
    av.logging.set_level(None)
    with tempfile.TemporaryDirectory() as folder:
        zoo = Zoo(Path(folder))
        paths = [zoo[clip.name] for clip in CLIPS if options.only in clip.name]
        wrong = run(options.reads, options.seed, [*paths, *options.files])
    for line in wrong:
        print("WRONG", line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""Time to one random frame of a large file from a fresh reader, beside peers.

    python benchmarks/one_frame.py [--megabytes 1000] [--rounds 25]

The file is that of ``bytes_read.py``, in a temporary folder that is removed. Each round takes
another frame, and the contenders in another order; ratios are medians over the rounds. It is read
from the operating system's cache.
"""

from __future__ import annotations

import argparse
import importlib
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bytes_read import make

import fastav

Read = Callable[[str, int], Any]


def ours(path: str, number: int) -> Any:
    with fastav.open(path) as reader:
        return reader[number]


def contenders() -> dict[str, Read]:
    """fastav, and those of its peers that are installed."""
    found: dict[str, Read] = {"fastav": ours}
    try:
        decoder = importlib.import_module("torchcodec.decoders").VideoDecoder
        for mode in ("approximate", "exact"):
            found[f"torchcodec, {mode}"] = lambda path, number, mode=mode: decoder(
                path, seek_mode=mode, dimension_order="NHWC"
            )[number].numpy()
    except ImportError:
        pass
    try:
        reader = importlib.import_module("decord").VideoReader
        found["decord"] = lambda path, number: reader(path)[number].asnumpy()
    except ImportError:
        pass
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=25)
    options = parser.parse_args()
    chance = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "large.mp4")
        make(Path(path), options.megabytes)
        count = len(fastav.open(path))
        ways = contenders()
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for name in ways:  # what is imported and made once is not of interest
            ways[name](path, 0)
        for _ in range(options.rounds):
            number = chance.randrange(count)
            for name in chance.sample(list(ways), len(ways)):
                begin = time.perf_counter()
                ways[name](path, number)
                seconds[name].append(time.perf_counter() - begin)
    print(f"one of {count} frames | milliseconds | of torchcodec's or decord's time, fastav takes")
    for name, took in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(seconds["fastav"], took, strict=True))
        print(f"{name} | {1000 * statistics.median(took):.1f} | {ratio:.2f}")


if __name__ == "__main__":
    main()

"""Find where something moves in a long recording, with Dask.

    python examples/motion_energy.py recording.mp4 [--every 1] [--size 90] [-o energy.csv]

Motion energy is the mean squared difference of a frame and the one before it, on a scale of 0 to 1,
of small grey pictures. Chunks are decoded side by side, each by the worker that needs it; a dask
cluster is one ``Client(...)`` away. An hour of video never is in memory, only the chunks at work.
"""

import argparse
import sys

import dask.array as da
import numpy as np

import fastav
from fastav.integrations.dask import from_video


def energy(video: da.Array) -> da.Array:
    """The motion energy of each frame but the first."""
    return (da.diff(video, axis=0) ** 2).mean(axis=(1, 2))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video")
    parser.add_argument("--every", type=float, default=1, metavar="SECONDS", help="to average over")
    parser.add_argument("--size", type=int, default=90, help="shorter edge that is looked at")
    parser.add_argument("--top", type=int, default=10, help="so many of the liveliest are printed")
    parser.add_argument("-o", "--output", help="a CSV of all: second, energy")
    options = parser.parse_args()

    video = from_video(options.video, "auto", format="gray", dtype="float32", size=options.size)
    found = energy(video).compute()
    with fastav.open(options.video) as reader:
        times = reader.timestamps[1:] - reader.span[0]
    place = (times / options.every).astype(int)
    counts = np.bincount(place)
    means = np.bincount(place, found) / np.maximum(counts, 1)
    seconds = np.arange(len(means)) * options.every
    if options.output:
        table = np.column_stack([seconds, means])
        np.savetxt(options.output, table, "%g", ",", header="second,energy", comments="")
    for moment in np.argsort(-means)[: options.top]:
        print(f"{seconds[moment]:10.1f} s  {means[moment]:.6f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

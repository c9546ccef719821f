"""Cut a part out of a video, to the frame, with its sound.

    python examples/cut.py in.mp4 out.mp4 1:02.5 1:10

The part begins with the frame that is on screen at the first time, and ends before the one that
comes at the second; 90 is a minute and a half. Pictures are encoded anew, so that a part can begin
at any frame; sound, which is copied, is right to one of its packets (about 20 ms).
"""

import argparse
import sys

import numpy as np

import fastav


def seconds(text: str) -> float:
    """Read ``[[hours:]minutes:]seconds``."""
    total = 0.0
    for part in text.split(":"):
        total = 60 * total + float(part)
    return total


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("begin", type=seconds)
    parser.add_argument("end", type=seconds)
    parser.add_argument("--crf", default="18", help="quality of H.264, less is better")
    options = parser.parse_args()

    with fastav.open(options.source) as video:
        times = video.timestamps - video.span[0]  # as players count: a file may begin late
        duration = video.duration
    start = max(np.searchsorted(times, options.begin, side="right") - 1, 0)
    stop = np.searchsorted(times, options.end)
    if start >= stop or options.begin >= duration:
        parser.error(f"nothing lies between these times; the video ends at {duration:.3f} s")
    count = fastav.transcode(
        options.source,
        options.target,
        start=int(start),
        stop=int(stop),
        options={"crf": options.crf},
    )
    print(f"{count} frames, {start} to {stop - 1}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

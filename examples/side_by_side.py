"""Show two videos side by side, to compare them.

    python examples/side_by_side.py before.mp4 after.mp4 both.mp4 [--height 480] [--difference 4]

Both are shown at the size and the rate of the first: of every moment the frames on screen, until
one of them ends. With ``--difference`` there is a third picture: how far the two differ, so many
times as bright. The sound is that of the first.
"""

import argparse
import sys

import numpy as np

import fastav


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("first")
    parser.add_argument("second")
    parser.add_argument("target")
    parser.add_argument("--height", type=int, help="of either; by default that of the first")
    parser.add_argument("--difference", type=float, default=0, metavar="GAIN")
    options = parser.parse_args()

    with fastav.open(options.first, rotate=True) as video:
        height, width, _ = video.shape[1:]
        rate = video.info.frame_rate
    scale = (options.height or height) / height / 2
    size = 2 * round(scale * height), 2 * round(scale * width)  # even, as 4:2:0 wants it
    left, right = (
        fastav.imiter(source, fps=rate, size=size, rotate=True)
        for source in (options.first, options.second)
    )
    sound = fastav.Sound(options.first, kinds=("audio", "metadata"))  # if it has any
    with fastav.open(options.target, "w", fps=rate, sound=sound) as writer:
        for one, other in zip(left, right, strict=False):
            shown = [np.asarray(one), np.asarray(other)]
            if options.difference:
                distance = abs(np.subtract(*shown, dtype=np.float32)) * options.difference
                shown.append(distance.clip(0, 255).astype(np.uint8))
            writer.write_frame(np.concatenate(shown, axis=1))
    print(f"{writer.frames_written} frames", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Ask a vision language model about a video: a chat message with frames and their times, as JSON.

    python examples/vision_language.py clip.mp4 "What happens here?" [--frames 8] [--patch 28]

The message goes to standard output, in the form that most servers of such models take
(``{"role": "user", "content": [{"type": "image_url", ...}, ...]}``). Frames are spread over the
video, small enough for ``--pixels``, and both edges are multiples of the model's patches.
"""

import argparse
import base64
import json
import math
import sys

import fastav


def fitting(height: int, width: int, pixels: int, patch: int) -> tuple[int, int]:
    """The size of about that shape that has whole patches and no more than so many pixels."""
    scale = min(math.sqrt(pixels / (height * width)), 1)
    rows, columns = (max(int(scale * edge) // patch, 1) * patch for edge in (height, width))
    return rows, columns


def data_uri(frame: fastav.Frame) -> str:
    with fastav.open("<bytes>", "w", extension=".jpg") as writer:
        writer.write_frame(frame.data)
    return f"data:image/jpeg;base64,{base64.b64encode(writer.getvalue()).decode()}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video")
    parser.add_argument("question")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--pixels", type=int, default=448 * 448, help="of a frame, at most")
    parser.add_argument("--patch", type=int, default=28, help="of the model, in pixels")
    options = parser.parse_args()

    with fastav.open(options.video, rotate=True) as video:
        height, width, _ = video.shape[1:]
        size = fitting(height, width, options.pixels, options.patch)
        batch = video.sample(options.frames, size=size, interpolation="bicubic")
    content: list[dict[str, object]] = []
    for frame in batch:
        content += [
            {"type": "text", "text": f"At {frame.pts_seconds:.1f} s:"},
            {"type": "image_url", "image_url": {"url": data_uri(frame)}},
        ]
    content.append({"type": "text", "text": options.question})
    json.dump({"role": "user", "content": content}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How much of a large file is read for a frame of it: from disk, file object and server.

    python benchmarks/bytes_read.py [--megabytes 1000] [--only mp4,avi]

Files are made by repeating the packets of a short clip (h264; mjpeg in avi, whose index does not
tell how frames are reordered), in a temporary folder that is removed. Each reading is a process of
its own; what is read from disk is what the system counts (/proc/self/io: Linux only).
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

import fastav

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.range_server import serve

WAYS: dict[str, Callable[[fastav.VideoReader], object]] = {
    "open": lambda reader: reader.info,
    "len": len,
    "one frame": lambda reader: reader[len(reader) // 2],
    "16 frames": lambda reader: reader.get_batch(np.linspace(9, len(reader) - 9, 16).astype(int)),
}
RATE = 30


def make(path: Path, megabytes: int) -> None:
    """Write a video of a given size."""
    codec, pixels = ("mjpeg", "yuvj420p") if path.suffix == ".avi" else ("libx264", "yuv420p")
    chance = np.random.default_rng(0)
    wall = chance.integers(0, 192, (45, 100, 3), np.uint8).repeat(16, 0).repeat(16, 1)
    wall += chance.integers(0, 63, wall.shape, np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, pixels
        context = stream.codec_context
        context.gop_size, context.time_base = 60, Fraction(1, RATE)
        if codec == "libx264":
            context.options = {"preset": "ultrafast", "crf": "12", "x264-params": "bframes=2"}
        packets = []
        for number in range(120):
            picture = np.ascontiguousarray(wall[:720, 2 * number : 2 * number + 1280])
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame = frame.reformat(format=pixels)
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            packets.extend(stream.encode(frame))
        packets.extend(stream.encode(None))
        kept = [(packet.pts, packet.dts, packet.is_keyframe, bytes(packet)) for packet in packets]
        for turn in range(-(-megabytes * 1_000_000 // sum(len(data) for *_, data in kept))):
            for pts, dts, key, data in kept:
                packet = av.Packet(data)
                packet.stream, packet.time_base = stream, Fraction(1, RATE)
                packet.pts, packet.dts = pts + 120 * turn, dts + 120 * turn
                packet.duration, packet.is_keyframe = 1, key
                container.mux(packet)


class Counting(io.RawIOBase):
    """A file object that counts what it is asked for."""

    def __init__(self, path: str) -> None:
        self.file = open(path, "rb", buffering=0)  # noqa: SIM115
        self.reads = self.size = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(size)
        self.reads, self.size = self.reads + 1, self.size + len(data)
        return data


def counted() -> tuple[int, int]:
    text = Path("/proc/self/io").read_text()
    numbers = dict(line.split(": ") for line in text.splitlines())
    return int(numbers["rchar"]), int(numbers["syscr"])


def measure(path: str, way: str, source: str) -> tuple[int, int]:
    """Bytes and reads (or requests) of one way of reading; run in a process of its own."""
    # What is imported when it is first needed is not of interest.
    fastav.imread(path, index=0)
    if source == "server":
        with serve(Path(path)) as server, fastav.open(server.url) as reader:
            WAYS[way](reader)
        return server.sent, server.requests
    if source == "object":
        given = Counting(path)
        with fastav.open(given) as reader:
            WAYS[way](reader)
        return given.size, given.reads
    before = counted()
    with fastav.open(path) as reader:
        WAYS[way](reader)
    after = counted()
    return after[0] - before[0], after[1] - before[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--only", default="mp4,mov,avi,mkv")
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(*options.measure)))
        return
    print("| file | read from | " + " | ".join(WAYS) + " |")
    print("|---|---|" + "---:|" * len(WAYS))
    for suffix in options.only.split(","):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"large.{suffix}"
            make(path, options.megabytes)
            for source in ("disk", "object", "server"):
                cells = [cell(str(path), way, source) for way in WAYS]
                print(f"| {suffix} | {source} | " + " | ".join(cells) + " |", flush=True)


def cell(path: str, way: str, source: str) -> str:
    command: list[Any] = [sys.executable, __file__, "--measure", path, way, source]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    size, reads = json.loads(done.stdout)
    return f"{size / 1e6:.2f} MB, {reads}"


if __name__ == "__main__":
    main()

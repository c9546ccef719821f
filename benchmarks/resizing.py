"""How far other resizers are from fastav's, and how long they take, on frames of real files.

    python benchmarks/resizing.py FILE... [--size 224 224]

Everything gets the same frames, fastav's own, so that only resizing differs; but torchcodec, which
resizes what it has converted itself. Times are the processor's, in one thread, from a ready RGB
frame; fastav's are from the decoder's planes, conversion included. What is not installed is left
out, by name.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

import fastav
from fastav.pixels.convert import ConversionOptions, FrameConverter
from fastav.pixels.sized import SizedConverter

Frames = NDArray[np.uint8]
Resize = Callable[[Frames, int, int], Frames]
ROUNDS = 9


def pillow() -> Resize:
    image = importlib.import_module("PIL.Image")

    def resize(frame: Frames, height: int, width: int) -> Frames:
        made = image.fromarray(frame).resize((width, height), image.Resampling.BILINEAR)
        return np.asarray(made)

    return resize


def torch_resize(convert: Callable[[Any, Any], Any]) -> Resize:
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)

    def resize(frame: Frames, height: int, width: int) -> Frames:
        picture = convert(torch, torch.from_numpy(frame).permute(2, 0, 1)[None])
        made = torch.nn.functional.interpolate(
            picture, (height, width), mode="bilinear", antialias=True
        )
        if made.dtype != torch.uint8:
            made = made.round().clamp(0, 255).to(torch.uint8)
        found: Frames = made[0].permute(1, 2, 0).numpy()
        return found

    return resize


def torchvision(dtype: str) -> Resize:
    torch = importlib.import_module("torch")
    functional = importlib.import_module("torchvision.transforms.v2.functional")
    torch.set_num_threads(1)

    def resize(frame: Frames, height: int, width: int) -> Frames:
        picture = torch.from_numpy(frame).permute(2, 0, 1).to(getattr(torch, dtype))
        made = functional.resize(picture, [height, width], antialias=True)
        found: Frames = made.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
        return found

    return resize


def opencv() -> Resize:
    cv2 = importlib.import_module("cv2")
    cv2.setNumThreads(1)
    return lambda frame, height, width: cv2.resize(
        frame, (width, height), interpolation=cv2.INTER_AREA
    )


OTHERS: dict[str, Callable[[], Resize]] = {
    "Pillow": pillow,
    "torchvision v2, uint8": lambda: torchvision("uint8"),
    "torchvision v2, float32": lambda: torchvision("float32"),
    "torch interpolate, uint8": lambda: torch_resize(lambda torch, picture: picture),
    "torch interpolate, float32": lambda: torch_resize(lambda torch, picture: picture.float()),
    "OpenCV INTER_AREA": opencv,
}


def torchcodec(path: str, height: int, width: int) -> Frames:
    decoders = importlib.import_module("torchcodec.decoders")
    transforms = importlib.import_module("torchcodec.transforms")
    decoder = decoders.VideoDecoder(
        path, dimension_order="NHWC", transforms=[transforms.Resize((height, width))]
    )
    found: Frames = decoder[:].numpy()
    return found


def distance(ours: Frames, others: Frames) -> str:
    """Share of equal values and of those within 1, in per cent, the largest distance, and PSNR."""
    apart = np.abs(ours.astype(np.int16) - others)
    mean = float(np.mean(np.square(apart, dtype=np.float64)))
    psnr = f"{10 * np.log10(255**2 / mean):.1f}" if mean else "∞"
    equal, near = (100 * float((apart <= most).mean()) for most in (0, 1))
    return f"{equal:.2f} | {near:.2f} | {apart.max()} | {psnr}"


def median_times(calls: Sequence[Callable[[], object]]) -> list[float]:
    """Milliseconds of processor time of each, of rounds in turns."""
    times = np.zeros((ROUNDS, len(calls)))
    for round_ in times:
        for number, call in enumerate(calls):
            start = time.process_time()
            call()
            round_[number] = time.process_time() - start
    return [float(t) for t in np.median(times, axis=0) * 1000]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--size", nargs=2, type=int, default=(224, 224), metavar=("H", "W"))
    parser.add_argument("--frames", type=int, default=8, help="of each file, spread over it")
    arguments = parser.parse_args()
    height, width = arguments.size
    others = {}
    for name, make in OTHERS.items():
        try:
            others[name] = make()
        except ImportError as error:
            print(f"without {name}: {error}", file=sys.stderr)

    whole, small, codec = [], [], []
    for path in arguments.files:
        with fastav.open(path) as reader:
            numbers = np.linspace(0, len(reader) - 1, arguments.frames).astype(int)
            whole.append(reader.get_batch(numbers))
        with fastav.open(path, size=(height, width)) as reader:
            small.append(reader.get_batch(numbers))
        try:
            codec.append(torchcodec(path, height, width)[numbers])
        except (ImportError, RuntimeError) as error:  # or it finds no FFmpeg
            print(f"without torchcodec: {str(error).splitlines()[0]}", file=sys.stderr)
    ours = np.concatenate(small)
    print("| resizer | equal % | within 1 % | largest | PSNR dB |\n|---|---:|---:|---:|---:|")
    for name, resize in others.items():
        made = np.stack([resize(frame, height, width) for frames in whole for frame in frames])
        print(f"| {name} | {distance(ours, made)} |")
    if codec:
        print(f"| torchcodec Resize | {distance(ours, np.concatenate(codec))} |")

    for path in arguments.files:
        with av.open(path) as container:
            frame = next(container.decode(video=0))
        options = ConversionOptions(size=(height, width))
        converter = SizedConverter(options, FrameConverter(options.whole()))
        (picture,) = FrameConverter(options.whole()).convert(frame)
        calls = [lambda made=converter, frame=frame: made.convert(frame)]
        calls += [lambda f=f, p=picture: f(p, height, width) for f in others.values()]
        times = median_times(calls)
        print(f"\n{path}: {frame.width}x{frame.height} {frame.format.name}")
        for name, spent in zip(("fastav, with conversion", *others), times, strict=True):
            print(f"  {name:28} {spent:7.2f} ms  {spent / times[0]:6.2f}")


if __name__ == "__main__":
    main()

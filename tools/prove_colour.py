"""How exact colour conversion is: all 8-bit triples, every route beside FFmpeg's, round trips.

    python tools/prove_colour.py [triples] [routes] [pictures]

Prints Markdown tables; exits with 1 where a promise is broken. Takes about two minutes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from fastav.pixels import colour  # noqa: E402
from fastav.pixels.formats import pixel_format  # noqa: E402
from tests import colours  # noqa: E402

ROUTES = [
    *("yuv420p", "yuvj420p", "yuv422p", "yuv444p", "nv12", "yuyv422", "gray", "gbrp"),
    *("yuv420p10le", "yuv422p10le", "yuv444p10le", "p010le", "yuv420p12le", "yuv444p16le"),
]
_swscale = VideoReformatter()


def convert(frame: av.VideoFrame, target: str, **options: Any) -> NDArray[Any]:
    conversion = colour.plan(frame, target, **options)
    array = np.empty(conversion.shape, conversion.dtype)
    conversion.write(frame, array.ctypes.data)
    return array


def back(array: NDArray[Any], target: str, **options: Any) -> av.VideoFrame:
    conversion = colour.plan_back("rgb24", target, array.shape[1], array.shape[0], **options)
    frame = av.VideoFrame(array.shape[1], array.shape[0], target)
    conversion.write(array.ctypes.data, frame)
    return frame


def ffmpeg(frame: av.VideoFrame, target: str) -> av.VideoFrame:
    return _swscale.reformat(frame, format=target, threads=1)


def triples() -> bool:
    """All 256 ** 3 triples of yuv444p, for every matrix and range."""
    print("| matrix | range | largest error | bias |\n|---|---|---|---|")
    y, u, v = np.indices((16, 256, 256)).reshape(3, 4096, 256)
    good = True
    for matrix in colours.KR_KB:
        for range_ in ("limited", "full"):
            worst = total = 0.0
            for first in range(0, 256, 16):
                frame = colours.frame_of("yuv444p", 256, 4096, y + first, u, v)
                truth = colours.to_rgb(y + first, u, v, 8, matrix, range_ == "full")
                error = convert(frame, "rgb24", matrix=matrix, range=range_) - 255 * truth.clip(
                    0, 1
                )
                worst = max(worst, float(np.abs(error).max()))
                total += float(error.sum())
            bias = total / (3 * 256**3)
            good &= worst <= 0.51 and abs(bias) < 0.01
            print(f"| {matrix} | {range_} | {worst:.4f} | {bias:+.5f} |")
    return good


def routes() -> bool:
    """Flat patches, where no interpolation matters, to rgb24 beside FFmpeg's converter."""
    print(
        "| from | largest error | bias | FFmpeg's largest error | its bias |\n|---|---|---|---|---|"
    )
    rng = np.random.default_rng(0)
    good = True
    for format in ROUTES:
        known = pixel_format(format)
        peak = 2**known.depth - 1
        ours: list[NDArray[Any]] = []
        theirs: list[NDArray[Any]] = []
        for _ in range(8):
            values = rng.integers(0, peak + 1, (len(known.components), 40, 60))
            if not known.rgb and len(values) == 3:  # colours that exist
                rgb = rng.random((40, 60, 3))
                full = format.startswith("yuvj")
                truth = colours.to_yuv(rgb, known.depth, "bt601", full).round()
                values = np.moveaxis(truth.astype(np.int64), -1, 0)
            wide = values.repeat(16, axis=1).repeat(16, axis=2)
            chroma = (slice(None, None, 1 << known.log2_chroma_h),)
            chroma += (slice(None, None, 1 << known.log2_chroma_w),)
            planes = [wide[0], *(plane[chroma] for plane in wide[1:])]
            frame = colours.frame_of(format, 960, 640, *planes)
            if known.rgb:
                truth = np.moveaxis(values, 0, -1) / peak
            elif len(values) == 1:
                truth = np.stack([values[0] / peak] * 3, axis=-1)
            else:
                truth = colours.to_rgb(*values, known.depth, "bt601", format.startswith("yuvj"))
            truth = 255 * truth.clip(0, 1)
            ours.append(convert(frame, "rgb24")[8::16, 8::16] - truth)
            theirs.append(ffmpeg(frame, "rgb24").to_ndarray()[8::16, 8::16] - truth)
        a, b = np.stack(ours), np.stack(theirs)
        good &= bool(np.abs(a).max() <= 0.51)
        print(
            f"| {format} | {np.abs(a).max():.3f} | {a.mean():+.4f} "
            f"| {np.abs(b).max():.3f} | {b.mean():+.4f} |"
        )
    return good


def picture(height: int = 720, width: int = 1280) -> NDArray[np.uint8]:
    """Gradients, coloured edges at every angle, and mild noise."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    rgb = np.stack(
        [127 + 110 * np.sin(x / 37 + y / 91), 127 + 110 * np.cos(y / 29), 255 * x / width], axis=-1
    )
    for number in range(24):
        angle, offset = number * 0.7, 40 + 25 * number
        inside = np.abs(np.cos(angle) * x + np.sin(angle) * y - offset) < 6
        rgb[inside] = [[250, 20, 20], [20, 240, 30], [30, 30, 245], [240, 230, 20]][number % 4]
    rgb += np.random.default_rng(0).normal(0, 2, rgb.shape)
    return rgb.clip(0, 255).astype(np.uint8)


def psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


def pictures() -> bool:
    """A picture through subsampled chroma and back."""
    print("| through | fastav, linear | fastav, nearest | FFmpeg | FFmpeg, then fastav linear |")
    print("|---|---|---|---|---|")
    original = picture()
    good = True
    for format in ("yuv420p", "yuv422p", "nv12", "yuv444p", "yuv420p10le"):
        frame = back(original, format)
        other = ffmpeg(av.VideoFrame.from_ndarray(original, "rgb24"), format)
        results = [
            psnr(original, convert(frame, "rgb24", chroma="linear")),
            psnr(original, convert(frame, "rgb24")),
            psnr(original, ffmpeg(other, "rgb24").to_ndarray()),
            psnr(original, convert(other, "rgb24", chroma="linear")),
        ]
        good &= results[0] >= results[2]
        print(f"| {format} | " + " | ".join(f"{value:.2f} dB" for value in results) + " |")
    return good


if __name__ == "__main__":
    proofs = {"triples": triples, "routes": routes, "pictures": pictures}
    wanted = sys.argv[1:] or list(proofs)
    outcomes = [proofs[name]() for name in wanted]
    sys.exit(not all(outcomes))

"""Clips to measure with: camera-like pictures made with NumPy, encoded through PyAV.

Test bars would flatter everybody: a codec has next to nothing to decode in them. These pictures
have detail at every scale, a panning camera, objects that move on their own and mild sensor noise.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from ..pyav import ONE_THREAD
from ..writing.scheduling import usual_scheduling

__all__ = ["make_clip", "pictures"]

Picture = npt.NDArray[np.uint8]

# Pictures stay this far from 0 and 255, so that noise is added without a check for overflow.
_HEADROOM = 12


def pictures(width: int, height: int, frames: int, *, seed: int = 0) -> Iterator[Picture]:
    """Make camera-like pictures, the same ones for the same arguments.

    Parameters
    ----------
    width, height : int
        Size in pixels, 16 or more.
    frames : int
        How many pictures.
    seed : int, default 0
        Chooses another scene, motion and noise.

    Yields
    ------
    numpy.ndarray
        Fresh arrays of shape (height, width, 3), uint8, R G B.
    """
    rng = np.random.default_rng(seed)
    margin = max(8, width // 4)
    # One column and row more, for the crop between two of them.
    scene = _scene(width + margin + 1, height + margin + 1, rng)
    noise = _noise(width + 64, height + 64, rng)
    objects = [_Object(width, height, scene, rng) for _ in range(6)]
    for t in range(frames):
        # A slow Lissajous pan: about two pixels a frame at 720p, slower at the turns.
        picture = _crop(
            scene,
            width,
            height,
            round(margin * (1 + np.sin(t * 2 * np.pi / 311))),
            round(margin * (1 + np.sin(t * 2 * np.pi / 457 + 1))),
        )
        for thing in objects:
            thing.draw(picture, t)
        x, y = rng.integers(0, 64, 2)  # noise stays with the sensor, not with the scene
        picture += noise[y : y + height, x : x + width]
        yield picture


def _crop(scene: Picture, width: int, height: int, x2: int, y2: int) -> Picture:
    """Cut a picture out of the scene at (x2, y2) half pixels, so that motion is not whole ones."""
    x, y = x2 // 2, y2 // 2
    part = scene[y : y + height + 1, x : x + width + 1]
    part = _mean(part[:, :-1], part[:, 1:]) if x2 % 2 else part[:, :-1]
    return _mean(part[:-1], part[1:]) if y2 % 2 else part[:-1].copy()


def _mean(a: Picture, b: Picture) -> Picture:
    return (a & b) + ((a ^ b) >> 1)  # in bytes: (a + b) // 2 without a wider type


class _Object:
    """A disc cut from elsewhere in the scene, bouncing inside the picture."""

    def __init__(self, width: int, height: int, scene: Picture, rng: np.random.Generator) -> None:
        side = min(width, height)
        size = int(rng.integers(side // 8, side // 3))
        x, y = rng.integers(0, scene.shape[1] - size), rng.integers(0, scene.shape[0] - size)
        self.texture = scene[y : y + size, x : x + size]
        span = np.arange(size) - size / 2
        self.mask = np.hypot(span[:, None], span) < size / 2
        self.room = np.array([width - size, height - size])
        self.start = rng.uniform(0, self.room)
        self.speed = rng.uniform(-1, 1, 2) * height / 120

    def draw(self, picture: Picture, t: int) -> None:
        # A triangle wave: to the wall and back.
        place = np.mod(self.start + self.speed * t, 2 * self.room)
        x, y = np.minimum(place, 2 * self.room - place).astype(int)
        size = len(self.mask)
        np.copyto(picture[y : y + size, x : x + size], self.texture, where=self.mask[..., None])


def _scene(width: int, height: int, rng: np.random.Generator) -> Picture:
    """One large picture: noise at every scale, and shapes with hard edges."""
    total = np.zeros((height, width, 3), np.float32)
    cells, amplitude = 3, 50.0
    while cells < width:
        coarse = rng.normal(128, 60, (max(2, cells * height // width), cells, 1))
        # Most of what a camera sees differs in brightness, little in colour.
        coarse = coarse + rng.normal(0, 18, (*coarse.shape[:2], 3))
        tile = np.clip(coarse, 0, 255).astype(np.uint8)
        smooth = av.VideoFrame.from_ndarray(tile, "rgb24").reformat(
            width, height, interpolation="BICUBIC", **ONE_THREAD
        )
        total += (smooth.to_ndarray().astype(np.float32) - 128) * (amplitude / 128)
        cells, amplitude = cells * 2, amplitude * 0.85
    rows, columns = np.ogrid[:height, :width]
    for _ in range(40):
        x, y = rng.integers(0, width), rng.integers(0, height)
        a, b = rng.uniform(0.01, 0.12, 2) * height
        shade = (rng.normal(0, 30) + rng.normal(0, 12, 3)).astype(np.float32)
        if rng.random() < 0.5:
            top, left = max(0, int(y - b)), max(0, int(x - a))
            total[top : int(y + b), left : int(x + a)] += shade
        else:
            total[((columns - x) / a) ** 2 + ((rows - y) / b) ** 2 < 1] += shade
    return np.clip(total + 118, _HEADROOM, 255 - _HEADROOM).astype(np.uint8)


def _noise(width: int, height: int, rng: np.random.Generator) -> Picture:
    """Sensor noise of about 2 levels, as bytes that add to a picture modulo 256."""
    field = rng.standard_normal((height, width, 3), np.float32) * 2
    return np.clip(np.rint(field), -_HEADROOM, _HEADROOM).astype(np.int8).view(np.uint8)


def make_clip(
    path: str | os.PathLike[str],
    width: int = 1280,
    height: int = 720,
    frames: int = 240,
    *,
    gop: int = 60,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    rate: int = 30,
    options: Mapping[str, str] | None = None,
    seed: int = 0,
) -> None:
    """Encode camera-like pictures into a new file.

    Parameters
    ----------
    path : path-like
        File to write; its suffix chooses the container.
    width, height : int
        Size in pixels.
    frames : int
        How many frames.
    gop : int, default 60
        Frames from one key frame to the next, where the codec has any choice.
    codec, pix_fmt : str
        FFmpeg's names of the encoder and of the stored pixel format.
    rate : int, default 30
        Frames per second.
    options : mapping of str to str, optional
        The encoder's own options. Without them libx264 runs with ``preset=veryfast`` and
        ``crf=20``.
    seed : int, default 0
        Chooses another scene.

    Raises
    ------
    av.FFmpegError
        If the encoder is missing, refuses the format or cannot write the file.
    """
    if options is None:
        options = {"preset": "veryfast", "crf": "20"} if codec == "libx264" else {}
    with usual_scheduling(), av.open(os.fspath(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=rate, options=dict(options))
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.codec_context.gop_size = gop
        stream.codec_context.thread_count = 0
        for number, picture in enumerate(pictures(width, height, frames, seed=seed)):
            frame = _frame(picture, pix_fmt)
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _frame(picture: Picture, pix_fmt: str) -> av.VideoFrame:
    if pix_fmt.startswith("bayer_"):  # which swscale reads but does not write
        mosaic = np.empty(picture.shape[:2], np.uint8)
        for site, letter in enumerate(pix_fmt[6:10]):
            rows, columns = slice(site // 2, None, 2), slice(site % 2, None, 2)
            mosaic[rows, columns] = picture[rows, columns, "rgb".index(letter)]
        return av.VideoFrame.from_ndarray(mosaic, pix_fmt)
    return av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format=pix_fmt, **ONE_THREAD)

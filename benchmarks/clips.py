"""The clips that the tables are made from: camera-like, made once by PyAV and kept in a folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fastav._bench import make_clip
from fastav._bench.race import Clip, probe

__all__ = ["CLIPS", "DEFAULT_FOLDER", "Recipe", "clip"]

DEFAULT_FOLDER = Path(tempfile.gettempdir(), "fastav-benchmark-clips")


@dataclass(frozen=True)
class Recipe:
    """How a clip is made. Lossless and raw clips are short: disks are finite."""

    suffix: str
    codec: str
    pix_fmt: str
    width: int = 1280
    height: int = 720
    frames: int = 300
    gop: int = 60
    files: int = 1
    options: Mapping[str, str] | None = field(default=None, hash=False)


CLIPS: dict[str, Recipe] = {
    "h264 240p": Recipe(".mp4", "libx264", "yuv420p", 320, 240),
    "h264 720p": Recipe(".mp4", "libx264", "yuv420p"),
    "h264 1080p": Recipe(".mp4", "libx264", "yuv420p", 1920, 1080),
    "h264 4:4:4": Recipe(".mp4", "libx264", "yuv444p"),
    "hevc 10-bit": Recipe(".mp4", "libx265", "yuv420p10le", options={"preset": "ultrafast"}),
    "hevc 10-bit 1080p": Recipe(
        ".mp4", "libx265", "yuv420p10le", 1920, 1080, options={"preset": "ultrafast"}
    ),
    "vp9": Recipe(
        ".webm",
        "libvpx-vp9",
        "yuv420p",
        options={"deadline": "realtime", "cpu-used": "8", "row-mt": "1", "b": "3M"},
    ),
    "av1 10-bit": Recipe(".mp4", "libsvtav1", "yuv420p10le", options={"preset": "10"}),
    "mpeg4": Recipe(".mp4", "mpeg4", "yuv420p", options={"b": "5M"}),
    "mjpeg 4:2:2": Recipe(".avi", "mjpeg", "yuvj422p", frames=150, options={"b": "40M"}),
    "prores 4:2:2 10-bit": Recipe(".mov", "prores_ks", "yuv422p10le", frames=90),
    "ffv1 gray16": Recipe(".mkv", "ffv1", "gray16le", frames=30, options={"slices": "4"}),
    "raw bgr24": Recipe(".nut", "rawvideo", "bgr24", frames=90),
    "raw nv12": Recipe(".nut", "rawvideo", "nv12", frames=90),
    "raw yuyv422": Recipe(".nut", "rawvideo", "yuyv422", frames=90),
    "raw gray": Recipe(".nut", "rawvideo", "gray", frames=90),
    "raw bayer8": Recipe(".nut", "rawvideo", "bayer_rggb8", frames=90),
    "40 short clips": Recipe(".mp4", "libx264", "yuv420p", 320, 240, frames=24, files=40),
}
"""What can be read, by the name that tables use."""


def clip(name: str, folder: str | os.PathLike[str] = DEFAULT_FOLDER) -> Clip:
    """Return a clip of ``CLIPS``, made first if the folder does not hold it yet.

    Raises
    ------
    KeyError
        If there is no clip of that name.
    av.FFmpegError
        If PyAV's FFmpeg has no such encoder.
    """
    recipe = CLIPS[name]
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    stem = "".join(c if c.isalnum() else "-" for c in name)
    paths = [folder / f"{stem}-{number}{recipe.suffix}" for number in range(recipe.files)]
    for seed, path in enumerate(paths):
        if path.exists():
            continue
        # Under another name until it is whole: an interrupted run leaves no half clip behind.
        unfinished = path.with_name(f"unfinished-{path.name}")
        make_clip(
            unfinished,
            recipe.width,
            recipe.height,
            recipe.frames,
            gop=recipe.gop,
            codec=recipe.codec,
            pix_fmt=recipe.pix_fmt,
            options=recipe.options,
            seed=seed,
        )
        unfinished.replace(path)
    return probe(name, paths)

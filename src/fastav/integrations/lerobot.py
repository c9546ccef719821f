"""fastav in the place of LeRobot's video decoding.

>>> from fastav.integrations import lerobot
>>> lerobot.install()

Needs torch (``fastav[lerobot]``). What differs: the frame nearest to a time is found in the table
of all frames, where LeRobot reckons by the average rate or decodes all frames between; and times
are compared as float64.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
import torch

from ..reading.reader import VideoReader

__all__ = ["FrameTimestampError", "decode_video_frames", "install"]

_THEIRS: Final = "lerobot.datasets.video_utils"


class FrameTimestampError(ValueError):
    """No frame is near enough to a time; where LeRobot is imported its own is raised."""


def decode_video_frames(
    video_path: str | os.PathLike[str],
    timestamps: Sequence[float],
    tolerance_s: float,
    backend: str | None = None,
    return_uint8: bool = False,
    is_depth: bool = False,
) -> Any:
    """Read the frames nearest to some times.

    Parameters
    ----------
    video_path : str or path
    timestamps : sequence of float
        Seconds, in any order, with repeats.
    tolerance_s : float
        How far a frame's own time may be from that which is asked for.
    backend : str, optional
        No effect.
    return_uint8 : bool
        Leave samples as they are, instead of scaling them to 0..1.
    is_depth : bool
        Read 12-bit depth.

    Returns
    -------
    torch.Tensor of shape (n, 3, H, W), float32 or uint8
        For depth (n, 1, H, W), uint16.

    Raises
    ------
    FrameTimestampError
        A frame is farther away than `tolerance_s`.
    """
    path = os.fspath(video_path)
    try:
        facts = os.stat(path)
        state: object = facts.st_mtime_ns, facts.st_size
    except OSError:  # a URL, or opening it says what is wrong
        state = None
    reader = _reader(path, state)
    wanted = np.asarray(timestamps, np.float64)
    times = reader.timestamps
    if not len(times):
        raise _error(f"{path} has no frames")
    after = np.searchsorted(times, wanted).clip(1, max(len(times) - 1, 1))
    before = after - 1
    after = after.clip(max=len(times) - 1)
    numbers = np.where(wanted - times[before] <= times[after] - wanted, before, after)
    distances = np.abs(times[numbers] - wanted)
    near = distances <= tolerance_s
    if not near.all():
        far = np.flatnonzero(~near)
        raise _error(
            f"no frame of {path} is within tolerance_s={tolerance_s} of {wanted[far].tolist()} s; "
            f"the nearest are at {times[numbers[far]].tolist()} s. Recorded times and those of the "
            "video disagree: leave this item out"
        )
    if is_depth:
        # The codes as they are stored: they are no brightness, which a range would scale.
        depth = reader.get_batch(numbers, format="gray12le", conversion="ffmpeg")
        assert isinstance(depth, np.ndarray)
        return torch.from_numpy(depth)[:, None]
    frames = reader.get_batch(numbers, layout="chw")
    assert isinstance(frames, np.ndarray)
    tensor = torch.from_numpy(frames)
    return tensor if return_uint8 else tensor.to(torch.float32).div_(255)


@lru_cache(maxsize=32)  # those of some episodes, with a few cameras each
def _reader(path: str, state: object) -> VideoReader:
    """A reader of a file in this state, kept for the next call; safe in threads and forks."""
    return VideoReader(path, rotate=True, thread_count=1)


def _error(message: str) -> ValueError:
    kind = getattr(sys.modules.get(_THEIRS), "FrameTimestampError", FrameTimestampError)
    error: ValueError = kind(message)
    return error


def install() -> None:
    """Have LeRobot's datasets in this process, and in forks of it, decode with fastav."""
    from lerobot.datasets import video_utils

    theirs = video_utils.decode_video_frames
    for name, module in list(sys.modules.items()):
        known = getattr(module, "decode_video_frames", None) is theirs
        if known and name.partition(".")[0] == "lerobot":
            setattr(module, "decode_video_frames", decode_video_frames)  # noqa: B010 - for mypy

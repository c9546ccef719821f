"""fastav as a video backend of qwen-vl-utils.

>>> from fastav.integrations import qwen_vl_utils
>>> qwen_vl_utils.register(default=True)

Without ``default=True`` the backend is one that the environment may choose, by
``FORCE_QWENVL_VIDEO_READER=fastav``. Needs qwen-vl-utils 0.0.14 or later
(``fastav[qwen-vl-utils]``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..reading.reader import VideoReader

__all__ = ["read_video_fastav", "register"]


def read_video_fastav(ele: Mapping[str, Any]) -> tuple[Any, dict[str, Any], float]:
    """Read the frames of a message's video, as many as qwen-vl-utils reckons.

    Parameters
    ----------
    ele : mapping
        ``video``, a path or URL; ``video_start`` and ``video_end`` in seconds; ``fps``,
        ``min_frames`` and ``max_frames``, or ``nframes``.

    Returns
    -------
    torch.Tensor of shape (n, 3, H, W), uint8
        Upright RGB.
    dict
        ``fps`` of the video, ``frames_indices``, ``total_num_frames`` of the span, and
        ``video_backend``.
    float
        Frames per second of what was read.
    """
    import torch
    from qwen_vl_utils.vision_process import calculate_video_frame_range, smart_nframes

    with VideoReader(ele["video"].removeprefix("file://"), rotate=True) as reader:
        fps = reader.fps
        start, end, total = calculate_video_frame_range(ele, len(reader), fps)
        count = smart_nframes(ele, total_frames=total, video_fps=fps)
        indices = torch.linspace(start, end, count).round().long().tolist()
        frames = reader.get_batch(indices, layout="chw")
    assert isinstance(frames, np.ndarray)
    metadata = {
        "fps": fps,
        "frames_indices": indices,
        "total_num_frames": total,
        "video_backend": "fastav",
    }
    return torch.from_numpy(frames), metadata, count / total * fps


def register(*, default: bool = False) -> None:
    """Make the backend known to qwen-vl-utils, in this process.

    Parameters
    ----------
    default : bool
        Have it read every video from now on.
    """
    from qwen_vl_utils import vision_process

    vision_process.VIDEO_READER_BACKENDS["fastav"] = read_video_fastav
    if default:
        vision_process.FORCE_QWENVL_VIDEO_READER = "fastav"
        vision_process.get_video_reader_backend.cache_clear()

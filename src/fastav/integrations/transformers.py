"""fastav as a video backend of transformers: ``load_video(path, backend="fastav")``.

>>> from fastav.integrations import transformers
>>> transformers.register()

Frames are uint8 RGB, upright, and are those that were asked for also where the header counts
wrongly. Needs transformers (``fastav[transformers]``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..reading.reader import VideoReader

__all__ = ["read_video_fastav", "register"]


def read_video_fastav(
    video_path: Any, sample_indices_fn: Callable[..., Any], **kwargs: Any
) -> tuple[npt.NDArray[np.uint8], Any]:
    """Read the frames that a function chooses.

    Parameters
    ----------
    video_path : str, path, bytes or binary file object
    sample_indices_fn : callable
        Given `metadata` and `kwargs`, returns numbers of frames, in any order.
    **kwargs
        For `sample_indices_fn`.

    Returns
    -------
    ndarray of shape (n, H, W, 3), uint8
    transformers.video_utils.VideoMetadata
        Of the whole video; `frames_indices` as they were chosen.
    """
    from transformers.video_utils import VideoMetadata

    with VideoReader(video_path, rotate=True) as reader:
        (height, width, _), _ = reader.describe_frame()
        count, fps = len(reader), reader.fps
        metadata = VideoMetadata(
            total_num_frames=count,
            fps=fps,
            width=width,
            height=height,
            duration=count / fps if fps else 0.0,
            video_backend="fastav",
        )
        indices = sample_indices_fn(metadata=metadata, **kwargs)
        frames = reader.get_batch(np.asarray(indices))
        assert isinstance(frames, np.ndarray)
    metadata.frames_indices = indices
    return frames, metadata


def register() -> None:
    """Make the backend known to transformers, in this process."""
    from transformers.video_utils import VIDEO_DECODERS

    VIDEO_DECODERS["fastav"] = read_video_fastav

"""fastav as a video loader of vLLM: ``VLLM_VIDEO_LOADER_BACKEND=fastav vllm serve ...``.

vLLM calls :func:`register` by the entry point ``vllm.general_plugins``, in each of its processes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ..reading.reader import VideoReader

__all__ = ["FastavVideoLoader", "register"]


class FastavVideoLoader:
    """Reads videos for vLLM, with the interface of its ``VideoLoader``."""

    @classmethod
    def load_bytes(
        cls, data: bytes, num_frames: int = -1, fps: float = -1, **kwargs: Any
    ) -> tuple[npt.NDArray[np.uint8], dict[str, Any]]:
        """Read frames that are spread evenly over a video, its first and last among them.

        Parameters
        ----------
        data : bytes
            A whole file.
        num_frames : int
            How many frames at most; -1 for all.
        fps : float
            How many of each second at most; -1 for all.
        **kwargs
            What other loaders take; no effect.

        Returns
        -------
        ndarray of shape (n, H, W, 3), uint8
            Upright RGB.
        dict
            What transformers' ``VideoMetadata`` has, and ``do_sample_frames``: whether these are
            all the frames, so that a processor may choose among them.
        """
        with VideoReader(data, rotate=True) as reader:
            total, rate = len(reader), reader.fps
            duration = total / rate if rate else 0.0
            count = min(num_frames, total) if num_frames > 0 else total
            if fps > 0 and rate:
                count = min(count, max(1, math.floor(duration * fps)))
            indices = np.linspace(0, total - 1, count, dtype=int).tolist()
            frames = reader.get_batch(indices)
        assert isinstance(frames, np.ndarray)
        metadata = {
            "total_num_frames": total,
            "fps": rate,
            "duration": duration,
            "video_backend": "fastav",
            "frames_indices": indices,
            "do_sample_frames": count == total,
        }
        return frames, metadata


def register() -> None:
    """Make the loader known to vLLM, in this process."""
    from vllm.multimodal.video import VIDEO_LOADER_REGISTRY

    VIDEO_LOADER_REGISTRY.register("fastav")(FastavVideoLoader)

"""Frames with their times as tensors: ``torchcodec.Frame`` and ``torchcodec.FrameBatch``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["Frame", "FrameBatch"]


@dataclass
class Frame:
    """One frame; unpacks into its three fields.

    Attributes
    ----------
    data : torch.Tensor
        (C, H, W) or (H, W, C), uint8.
    pts_seconds, duration_seconds : float
        When it appears, and how long it is shown.
    """

    data: Any
    pts_seconds: float
    duration_seconds: float

    def __post_init__(self) -> None:
        if self.data.ndim != 3:
            raise ValueError(f"data must have 3 dimensions, got {tuple(self.data.shape)}")
        self.pts_seconds = float(self.pts_seconds)
        self.duration_seconds = float(self.duration_seconds)

    def __iter__(self) -> Iterator[Any]:
        return iter((self.data, self.pts_seconds, self.duration_seconds))

    def __repr__(self) -> str:
        return _shown(self)


@dataclass
class FrameBatch:
    """Several frames, or clips of them; keys and iteration give batches of what they select.

    Attributes
    ----------
    data : torch.Tensor
        (..., C, H, W) or (..., H, W, C), uint8: (n, ...) for frames, (clips, n, ...) for clips.
    pts_seconds, duration_seconds : torch.Tensor
        (...), float64: when each frame appears, and how long it is shown.
    """

    data: Any
    pts_seconds: Any
    duration_seconds: Any

    def __post_init__(self) -> None:
        if self.data.ndim < 3:
            raise ValueError(f"data must have 3 or more dimensions, got {tuple(self.data.shape)}")
        lead = self.data.shape[:-3]
        if not lead == self.pts_seconds.shape == self.duration_seconds.shape:
            raise ValueError(
                f"data of shape {tuple(self.data.shape)} needs times of shape {tuple(lead)}, got "
                f"{tuple(self.pts_seconds.shape)} and {tuple(self.duration_seconds.shape)}"
            )

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, key: Any) -> FrameBatch:
        return FrameBatch(self.data[key], self.pts_seconds[key], self.duration_seconds[key])

    def __iter__(self) -> Iterator[FrameBatch]:
        return (self[place] for place in range(len(self)))

    def __repr__(self) -> str:
        return _shown(self)


def _shown(frames: Frame | FrameBatch) -> str:
    return (
        f"{type(frames).__name__}:\n  data (shape): {frames.data.shape}\n"
        f"  pts_seconds: {frames.pts_seconds}\n  duration_seconds: {frames.duration_seconds}\n"
    )

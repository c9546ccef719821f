"""``torchcodec.samplers``: clips at random and regular places of a video.

Random places are drawn from torch's generator in the order in which torchcodec draws them: one seed
gives the same clips. Any decoder will do that has the methods of :class:`.decoders.VideoDecoder`.
"""

from __future__ import annotations

from typing import Any

import torch

from ...samplers import index_clips, index_range, time_clips, time_range, time_starts
from .frames import FrameBatch

__all__ = [
    "clips_at_random_indices",
    "clips_at_random_timestamps",
    "clips_at_regular_indices",
    "clips_at_regular_timestamps",
]


def clips_at_random_indices(
    decoder: Any,
    *,
    num_clips: int = 1,
    num_frames_per_clip: int = 1,
    num_indices_between_frames: int = 1,
    sampling_range_start: int = 0,
    sampling_range_end: int | None = None,
    policy: str = "repeat_last",
) -> FrameBatch:
    """Clips that begin at random frames.

    Parameters
    ----------
    decoder : VideoDecoder
    num_clips, num_frames_per_clip : int
    num_indices_between_frames : int
        Distance of the frames of a clip.
    sampling_range_start, sampling_range_end : int
        Where clips may begin, half-open; negative numbers count from the end. By default none
        reaches beyond the end of the video.
    policy : {"repeat_last", "wrap", "error"}
        What takes the place of frames beyond the end: the clip's last, those from its beginning
        again, or ``ValueError``.

    Returns
    -------
    FrameBatch
        Data of shape (num_clips, num_frames_per_clip, ...).
    """
    start, end = index_range(
        len(decoder),
        num_frames_per_clip,
        num_indices_between_frames,
        sampling_range_start,
        sampling_range_end,
    )
    starts = torch.randint(low=start, high=end, size=_drawn(num_clips)).tolist()
    return _index_clips(decoder, starts, num_frames_per_clip, num_indices_between_frames, policy)


def clips_at_regular_indices(
    decoder: Any,
    *,
    num_clips: int = 1,
    num_frames_per_clip: int = 1,
    num_indices_between_frames: int = 1,
    sampling_range_start: int = 0,
    sampling_range_end: int | None = None,
    policy: str = "repeat_last",
) -> FrameBatch:
    """Clips that begin at evenly spaced frames; else as :func:`clips_at_random_indices`."""
    start, end = index_range(
        len(decoder),
        num_frames_per_clip,
        num_indices_between_frames,
        sampling_range_start,
        sampling_range_end,
    )
    # Not index_starts, which never falls short of a whole number by rounding.
    (steps,) = _drawn(num_clips)
    starts = torch.linspace(start, end - 1, steps=steps, dtype=torch.int).tolist()
    return _index_clips(decoder, starts, num_frames_per_clip, num_indices_between_frames, policy)


def clips_at_random_timestamps(
    decoder: Any,
    *,
    num_clips: int = 1,
    num_frames_per_clip: int = 1,
    seconds_between_frames: float | None = None,
    sampling_range_start: float | None = None,
    sampling_range_end: float | None = None,
    policy: str = "repeat_last",
) -> FrameBatch:
    """Clips that begin at random times.

    Parameters
    ----------
    decoder : VideoDecoder
    num_clips, num_frames_per_clip : int
    seconds_between_frames : float, optional
        Distance of the times at which a clip looks at the screen; that of the frames by default.
    sampling_range_start, sampling_range_end : float, optional
        Where clips may begin, in seconds, half-open. By default none reaches beyond the end.
    policy : {"repeat_last", "wrap", "error"}
        As for :func:`clips_at_random_indices`.

    Returns
    -------
    FrameBatch
        Data of shape (num_clips, num_frames_per_clip, ...).
    """
    step = _seconds_between(decoder, seconds_between_frames)
    start, end = time_range(
        _span(decoder), num_frames_per_clip, step, sampling_range_start, sampling_range_end
    )
    starts = torch.rand(_drawn(num_clips), dtype=torch.float64) * (end - start) + start
    return _time_clips(decoder, starts.tolist(), num_frames_per_clip, step, policy)


def clips_at_regular_timestamps(
    decoder: Any,
    *,
    seconds_between_clip_starts: float,
    num_frames_per_clip: int = 1,
    seconds_between_frames: float | None = None,
    sampling_range_start: float | None = None,
    sampling_range_end: float | None = None,
    policy: str = "repeat_last",
) -> FrameBatch:
    """Clips that begin at evenly spaced times, as many as there is room for.

    Parameters
    ----------
    seconds_between_clip_starts : float
        Distance of their beginnings.
    decoder, num_frames_per_clip, seconds_between_frames, sampling_range_start, sampling_range_end,
    policy
        As for :func:`clips_at_random_timestamps`.
    """
    step = _seconds_between(decoder, seconds_between_frames)
    start, end = time_range(
        _span(decoder), num_frames_per_clip, step, sampling_range_start, sampling_range_end
    )
    starts = time_starts(seconds_between_clip_starts, start, end)
    return _time_clips(decoder, starts.tolist(), num_frames_per_clip, step, policy)


def _drawn(num_clips: int) -> tuple[int]:
    if num_clips < 1:
        raise ValueError(f"num_clips must be 1 or more, got {num_clips}")
    return (num_clips,)


def _seconds_between(decoder: Any, given: float | None) -> float:
    return float(1 / decoder.metadata.average_fps) if given is None else given


def _span(decoder: Any) -> tuple[float, float]:
    return decoder.metadata.begin_stream_seconds, decoder.metadata.end_stream_seconds


def _index_clips(
    decoder: Any, starts: list[int], length: int, step: int, policy: str
) -> FrameBatch:
    places = index_clips(starts, len(decoder), length, step, policy)
    return _clips(decoder.get_frames_at(places.ravel().tolist()), places.shape)


def _time_clips(
    decoder: Any, starts: list[float], length: int, step: float, policy: str
) -> FrameBatch:
    places = time_clips(starts, _span(decoder)[1], length, step, policy)
    return _clips(decoder.get_frames_played_at(places.ravel().tolist()), places.shape)


def _clips(frames: Any, shape: tuple[int, ...]) -> FrameBatch:
    return FrameBatch(
        frames.data.view(*shape, *frames.data.shape[-3:]),
        frames.pts_seconds.view(shape),
        frames.duration_seconds.view(shape),
    )

"""``torchcodec.samplers``: clips at random and regular places of a video.

Random places are drawn from torch's generator in the order in which torchcodec draws them: one seed
gives the same clips. Any decoder will do that has the methods of :class:`.decoders.VideoDecoder`.
"""

from __future__ import annotations

from typing import Any, TypeVar

import torch

from .frames import FrameBatch

__all__ = [
    "clips_at_random_indices",
    "clips_at_random_timestamps",
    "clips_at_regular_indices",
    "clips_at_regular_timestamps",
]

_Place = TypeVar("_Place", int, float)


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
    _check(decoder, policy, num_clips=num_clips, num_frames_per_clip=num_frames_per_clip,
           num_indices_between_frames=num_indices_between_frames)  # fmt: skip
    span = (num_frames_per_clip - 1) * num_indices_between_frames + 1
    start, end = _index_range(len(decoder), span, sampling_range_start, sampling_range_end)
    starts = torch.randint(low=start, high=end, size=(num_clips,)).tolist()
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
    _check(decoder, policy, num_clips=num_clips, num_frames_per_clip=num_frames_per_clip,
           num_indices_between_frames=num_indices_between_frames)  # fmt: skip
    span = (num_frames_per_clip - 1) * num_indices_between_frames + 1
    start, end = _index_range(len(decoder), span, sampling_range_start, sampling_range_end)
    starts = torch.linspace(start, end - 1, steps=num_clips, dtype=torch.int).tolist()
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
    _check(decoder, policy, num_clips=num_clips, num_frames_per_clip=num_frames_per_clip)
    step = _seconds_between(decoder, seconds_between_frames)
    start, end = _time_range(
        decoder, (num_frames_per_clip - 1) * step, sampling_range_start, sampling_range_end
    )
    starts = torch.rand(num_clips, dtype=torch.float64) * (end - start) + start
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
    _check(decoder, policy, num_frames_per_clip=num_frames_per_clip,
           seconds_between_clip_starts=seconds_between_clip_starts)  # fmt: skip
    step = _seconds_between(decoder, seconds_between_frames)
    start, end = _time_range(
        decoder, (num_frames_per_clip - 1) * step, sampling_range_start, sampling_range_end
    )
    starts = torch.arange(start, end, seconds_between_clip_starts, dtype=torch.float64)
    starts = starts[starts < end]  # rounding may reach the end
    return _time_clips(decoder, starts.tolist(), num_frames_per_clip, step, policy)


def _check(decoder: Any, policy: str, **above_zero: float) -> None:
    if not len(decoder):
        raise ValueError("there is no clip in a video without frames")
    if policy not in ("repeat_last", "wrap", "error"):
        raise ValueError(f"policy must be 'repeat_last', 'wrap' or 'error', got {policy!r}")
    for name, value in above_zero.items():
        if not value > 0:
            raise ValueError(f"{name} must be above 0, got {value}")


def _index_range(count: int, span: int, start: int, end: int | None) -> tuple[int, int]:
    first = start + count if start < 0 else start
    beyond = max(count - span + 1, 1) if end is None else end
    last = min(beyond + count if beyond < 0 else beyond, count)
    if not 0 <= first < last:
        raise ValueError(
            f"no clip can begin from sampling_range_start={start} to sampling_range_end={end}: "
            f"there are {count} frames, and a clip spans {span}"
        )
    return first, last


def _seconds_between(decoder: Any, given: float | None) -> float:
    if given is None:
        return float(1 / decoder.metadata.average_fps)
    if not given > 0:
        raise ValueError(f"seconds_between_frames must be above 0, got {given}")
    return given


def _time_range(
    decoder: Any, span: float, start: float | None, end: float | None
) -> tuple[float, float]:
    begins = decoder.metadata.begin_stream_seconds
    ends = decoder.metadata.end_stream_seconds
    first = begins if start is None else start
    last = ends - span if end is None else min(end, ends)
    if not begins <= first < last:
        raise ValueError(
            f"no clip can begin from sampling_range_start={start} to sampling_range_end={end}: the "
            f"video is shown from {begins:g} s until {ends:g} s, and a clip spans {span:g} s"
        )
    return first, last


def _filled(places: list[_Place], length: int, policy: str) -> list[_Place]:
    """As many places as wanted, where some lay beyond the end."""
    if len(places) == length:
        return places
    if policy == "error":
        raise ValueError(
            f"a clip that begins at {places[0]} reaches beyond the end of the video; leave "
            "sampling_range_end out, or choose policy='repeat_last' or 'wrap'"
        )
    if policy == "wrap":
        return (places * length)[:length]
    return places + places[-1:] * (length - len(places))


def _index_clips(
    decoder: Any, starts: list[int], length: int, step: int, policy: str
) -> FrameBatch:
    indices: list[int] = []
    for start in starts:
        inside = range(start, min(start + length * step, len(decoder)), step)
        indices += _filled(list(inside), length, policy)
    return _clips(decoder.get_frames_at(indices), len(starts), length)


def _time_clips(
    decoder: Any, starts: list[float], length: int, step: float, policy: str
) -> FrameBatch:
    end = decoder.metadata.end_stream_seconds
    seconds: list[float] = []
    for start in starts:
        inside = [time for i in range(length) if (time := start + i * step) < end]
        seconds += _filled(inside, length, policy)
    return _clips(decoder.get_frames_played_at(seconds), len(starts), length)


def _clips(frames: Any, count: int, length: int) -> FrameBatch:
    return FrameBatch(
        frames.data.view(count, length, *frames.data.shape[-3:]),
        frames.pts_seconds.view(count, length),
        frames.duration_seconds.view(count, length),
    )

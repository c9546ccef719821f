"""Clips of a video for training: at random and regular frames and times, by NumPy alone.

Names, defaults, ranges and policies are those of ``torchcodec.samplers``. What clips are made of is
also there without a video: :func:`index_starts`, :func:`index_clips` and their twins for times work
on numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .pixels.arguments import integer, one_of
from .reading.batch import FrameBatch
from .reading.reader import VideoReader

__all__ = [
    "clips_at_random_indices",
    "clips_at_random_timestamps",
    "clips_at_regular_indices",
    "clips_at_regular_timestamps",
    "index_clips",
    "index_range",
    "index_starts",
    "time_clips",
    "time_range",
    "time_starts",
]

POLICIES: Final = ("repeat_last", "wrap", "error")

Seed = np.random.Generator | int | Sequence[int] | None


def clips_at_random_indices(
    reader: VideoReader,
    *,
    num_clips: int = 1,
    num_frames_per_clip: int = 1,
    num_indices_between_frames: int = 1,
    sampling_range_start: int = 0,
    sampling_range_end: int | None = None,
    policy: str = "repeat_last",
    rng: Seed = None,
    **changes: Any,
) -> FrameBatch:
    """Read clips that begin at random frames.

    Parameters
    ----------
    reader : VideoReader
    num_clips, num_frames_per_clip : int
        How many, and how long.
    num_indices_between_frames : int
        Distance of the frames within a clip; 1 takes every frame.
    sampling_range_start, sampling_range_end : int
        Frames at which a clip may begin, half-open; negative numbers count from the end. By default
        as far as no clip reaches beyond the end of the video, or 0 alone where all would.
    policy : {"repeat_last", "wrap", "error"}
        What stands for frames beyond the end: the clip's last frame, its frames from the first on
        again, or ``ValueError``.
    rng : numpy.random.Generator or seed, optional
        Where chance comes from; see :func:`numpy.random.default_rng`.
    **changes
        Fields of :class:`.ReadOptions` that differ from the reader's own: ``size=224``, ...

    Returns
    -------
    FrameBatch
        `data` of shape (num_clips, num_frames_per_clip, H, W, C), the rest of shape (num_clips,
        num_frames_per_clip): a sequence of batches, one a clip.

    Raises
    ------
    ValueError
        No clip can begin in that range, or an argument makes no sense.
    DecodeError
        As in :meth:`fastav.VideoReader.get_batch`.
    """
    starts = range(
        *index_range(
            len(reader),
            num_frames_per_clip,
            num_indices_between_frames,
            sampling_range_start,
            sampling_range_end,
        )
    )
    chosen = np.random.default_rng(rng).integers(
        starts.start, starts.stop, _counted("num_clips", num_clips)
    )
    numbers = index_clips(
        chosen, len(reader), num_frames_per_clip, num_indices_between_frames, policy
    )
    return _with_clips(reader.get_frames_at(numbers.ravel(), **changes), numbers.shape)


def clips_at_regular_indices(
    reader: VideoReader,
    *,
    num_clips: int = 1,
    num_frames_per_clip: int = 1,
    num_indices_between_frames: int = 1,
    sampling_range_start: int = 0,
    sampling_range_end: int | None = None,
    policy: str = "repeat_last",
    **changes: Any,
) -> FrameBatch:
    """Read clips that begin at evenly spaced frames, the range's first and last among them.

    Parameters, result and errors are those of :func:`clips_at_random_indices`; of more clips than
    the range has frames some begin at the same one.
    """
    starts = index_starts(
        num_clips,
        *index_range(
            len(reader),
            num_frames_per_clip,
            num_indices_between_frames,
            sampling_range_start,
            sampling_range_end,
        ),
    )
    numbers = index_clips(
        starts, len(reader), num_frames_per_clip, num_indices_between_frames, policy
    )
    return _with_clips(reader.get_frames_at(numbers.ravel(), **changes), numbers.shape)


def clips_at_random_timestamps(
    reader: VideoReader,
    *,
    num_clips: int = 1,
    num_frames_per_clip: int = 1,
    seconds_between_frames: float | None = None,
    sampling_range_start: float | None = None,
    sampling_range_end: float | None = None,
    policy: str = "repeat_last",
    rng: Seed = None,
    **changes: Any,
) -> FrameBatch:
    """Read clips that begin at random times.

    Parameters
    ----------
    reader : VideoReader
    num_clips, num_frames_per_clip : int
        How many, and how long.
    seconds_between_frames : float, optional
        Distance of the times at which a clip has the frame on screen; by default the average
        distance of frames, ``1 / reader.fps``.
    sampling_range_start, sampling_range_end : float, optional
        Seconds at which a clip may begin, half-open, on the clock of ``reader.timestamps``. By
        default from the start of the video as far as no clip reaches beyond its end.
    policy, rng, **changes
        As for :func:`clips_at_random_indices`.

    Returns
    -------
    FrameBatch
        As of :func:`clips_at_random_indices`; its times are the frames' own.

    Raises
    ------
    ValueError
        No clip can begin in that range, or an argument makes no sense.
    """
    step = _time_step(reader, seconds_between_frames)
    start, stop = time_range(
        reader.span, num_frames_per_clip, step, sampling_range_start, sampling_range_end
    )
    chance = np.random.default_rng(rng).random(_counted("num_clips", num_clips))
    starts = np.minimum(start + chance * (stop - start), np.nextafter(stop, start))
    times = time_clips(starts, reader.span[1], num_frames_per_clip, step, policy)
    return _with_clips(reader.get_frames_played_at(times.ravel(), **changes), times.shape)


def clips_at_regular_timestamps(
    reader: VideoReader,
    *,
    seconds_between_clip_starts: float,
    num_frames_per_clip: int = 1,
    seconds_between_frames: float | None = None,
    sampling_range_start: float | None = None,
    sampling_range_end: float | None = None,
    policy: str = "repeat_last",
    **changes: Any,
) -> FrameBatch:
    """Read clips that begin at evenly spaced times, as many as there is room for.

    Parameters
    ----------
    seconds_between_clip_starts : float
        Distance of their beginnings.
    reader, num_frames_per_clip, seconds_between_frames, sampling_range_start, sampling_range_end, \
policy, **changes
        As for :func:`clips_at_random_timestamps`; so are result and errors.
    """
    step = _time_step(reader, seconds_between_frames)
    span = time_range(
        reader.span, num_frames_per_clip, step, sampling_range_start, sampling_range_end
    )
    starts = time_starts(seconds_between_clip_starts, *span)
    times = time_clips(starts, reader.span[1], num_frames_per_clip, step, policy)
    return _with_clips(reader.get_frames_played_at(times.ravel(), **changes), times.shape)


# Which frames and times they are, without a video


def index_range(
    count: int,
    num_frames_per_clip: int = 1,
    num_indices_between_frames: int = 1,
    start: int = 0,
    stop: int | None = None,
) -> tuple[int, int]:
    """Tell at which of `count` frames clips may begin, half-open.

    Parameters are those of :func:`clips_at_random_indices`.
    """
    length = _counted("num_frames_per_clip", num_frames_per_clip)
    reach = (length - 1) * _counted("num_indices_between_frames", num_indices_between_frames) + 1
    first = integer("sampling_range_start", start)
    first += count if first < 0 else 0
    if stop is None:
        last = max(count - reach + 1, 1)
    else:
        last = integer("sampling_range_end", stop)
        last = min(last + count if last < 0 else last, count)
    if not 0 <= first < min(last, count):
        raise ValueError(
            f"no clip can begin from sampling_range_start={start} to sampling_range_end={stop}: "
            f"the video has {count} frames, and a clip reaches over {reach}"
        )
    return first, last


def index_starts(num_clips: int, start: int, stop: int) -> NDArray[np.int64]:
    """Spread beginnings over frames `start` to `stop` - 1, evenly, rounded down."""
    if stop <= start:
        raise ValueError(f"there is no frame from {start} on before {stop}")
    gaps = max(_counted("num_clips", num_clips) - 1, 1)
    return start + np.arange(num_clips, dtype=np.int64) * (stop - 1 - start) // gaps


def index_clips(
    starts: ArrayLike,
    count: int,
    num_frames_per_clip: int = 1,
    num_indices_between_frames: int = 1,
    policy: str = "repeat_last",
) -> NDArray[np.int64]:
    """Number the frames of clips that begin at `starts`, of a video of `count` frames.

    Returns
    -------
    ndarray of shape (len(starts), num_frames_per_clip) and dtype int64
    """
    offsets = np.arange(_counted("num_frames_per_clip", num_frames_per_clip), dtype=np.int64)
    offsets *= _counted("num_indices_between_frames", num_indices_between_frames)
    begins = np.asarray(starts, np.int64)
    if ((begins < 0) | (begins >= count)).any():
        raise ValueError(f"clips must begin at frames 0 to {count - 1}, got {begins}")
    places = begins[:, np.newaxis] + offsets
    return np.take_along_axis(places, _within(places < count, policy), axis=1)


def time_range(
    span: tuple[float, float],
    num_frames_per_clip: int,
    seconds_between_frames: float,
    start: float | None = None,
    stop: float | None = None,
) -> tuple[float, float]:
    """Tell at which seconds clips may begin, half-open, of a video that is shown in `span`.

    Parameters are those of :func:`clips_at_random_timestamps`.
    """
    begins, ends = span
    reach = (_counted("num_frames_per_clip", num_frames_per_clip) - 1) * seconds_between_frames
    first = begins if start is None else float(start)
    last = ends - reach if stop is None else min(float(stop), ends)
    if not begins <= first < last:
        raise ValueError(
            f"no clip can begin from sampling_range_start={start} to sampling_range_end={stop}: "
            f"the video is shown from {begins:g} s until {ends:g} s, and from the first frame of "
            f"a clip to the last it is {reach:g} s"
        )
    return first, last


def time_starts(seconds_between: float, start: float, stop: float) -> NDArray[np.float64]:
    """Beginnings from `start` on, evenly spaced, before `stop`."""
    step = _above_zero("seconds_between_clip_starts", seconds_between)
    starts = start + step * np.arange(max(np.ceil((stop - start) / step), 1), dtype=np.float64)
    return starts[starts < stop]  # rounding may reach it


def time_clips(
    starts: ArrayLike,
    end: float,
    num_frames_per_clip: int,
    seconds_between_frames: float,
    policy: str = "repeat_last",
) -> NDArray[np.float64]:
    """List the times of clips that begin at `starts`, of a video that is shown until `end`.

    Returns
    -------
    ndarray of shape (len(starts), num_frames_per_clip) and dtype float64
    """
    offsets = np.arange(_counted("num_frames_per_clip", num_frames_per_clip))
    step = _above_zero("seconds_between_frames", seconds_between_frames)
    begins = np.asarray(starts, np.float64)
    if not (begins < end).all():
        raise ValueError(f"clips must begin before the video ends, at {end:g} s, got {begins}")
    places = begins[:, np.newaxis] + offsets * step
    return np.take_along_axis(places, _within(places < end, policy), axis=1)


def _within(inside: NDArray[np.bool_], policy: str) -> NDArray[np.intp]:
    """Which of a clip's own places each of its frames takes, some lying beyond the end."""
    one_of("policy", policy, POLICIES)
    lengths = inside.sum(axis=1, keepdims=True, dtype=np.intp)
    order = np.arange(inside.shape[1], dtype=np.intp)
    if policy == "error" and not inside.all():
        raise ValueError(
            "a clip reaches beyond the end of the video; leave out sampling_range_end, or choose "
            "policy='repeat_last' or 'wrap'"
        )
    places: NDArray[np.intp]
    places = order % lengths if policy == "wrap" else np.minimum(order, lengths - 1)
    return places


def _time_step(reader: VideoReader, given: float | None) -> float:
    if given is not None:
        return _above_zero("seconds_between_frames", given)
    if not reader.fps:
        raise ValueError("the video has no rate; say seconds_between_frames=, or sample by index")
    return 1 / reader.fps


def _counted(name: str, value: int) -> int:
    if (number := integer(name, value)) < 1:
        raise ValueError(f"{name} must be 1 or more, got {value}")
    return number


def _above_zero(name: str, value: float) -> float:
    if not 0 < value < np.inf:
        raise ValueError(f"{name} must be {'finite' if value > 0 else 'above 0'}, got {value}")
    return float(value)


def _with_clips(batch: FrameBatch, shape: tuple[int, ...]) -> FrameBatch:
    data = batch.data
    planes = tuple(plane.reshape(*shape, *plane.shape[1:]) for plane in _planes(data))
    return FrameBatch(
        planes if isinstance(data, tuple) else planes[0],
        batch.indices.reshape(shape),
        batch.pts_seconds.reshape(shape),
        batch.duration_seconds.reshape(shape),
    )


def _planes(data: Any) -> tuple[NDArray[Any], ...]:
    return data if isinstance(data, tuple) else (data,)

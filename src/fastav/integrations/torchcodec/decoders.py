"""``torchcodec.decoders``: a video as tensors."""

from __future__ import annotations

import json
import numbers
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ...errors import NotAVideoError
from ...reading.batch import FrameBatch as _Batch
from ...reading.reader import VideoReader as _Reader
from .frames import Frame, FrameBatch
from .transforms import Pipeline

__all__ = ["VideoDecoder", "VideoStreamMetadata"]


@dataclass
class VideoStreamMetadata:
    """What is known of a video stream; None where the file does not say.

    Attributes
    ----------
    duration_seconds, begin_stream_seconds, end_stream_seconds, num_frames, average_fps
        Those of the frames that there are, as the ones that end in ``from_content``; what ends in
        ``from_header`` may be wrong.
    width, height : int
        Of the pictures, turned upright.
    rotation : int or None
        Degrees, counter-clockwise, by which pictures are turned upright.
    """

    duration_seconds_from_header: float | None
    begin_stream_seconds_from_header: float | None
    bit_rate: float | None
    codec: str | None
    stream_index: int
    duration_seconds: float
    begin_stream_seconds: float
    begin_stream_seconds_from_content: float
    end_stream_seconds_from_content: float
    width: int
    height: int
    num_frames_from_header: int | None
    num_frames_from_content: int
    average_fps_from_header: float | None
    pixel_aspect_ratio: Fraction | None
    rotation: float | None
    color_primaries: str | None
    color_space: str | None
    color_transfer_characteristic: str | None
    pixel_format: str | None
    end_stream_seconds: float
    num_frames: int
    average_fps: float


class VideoDecoder:
    """A video as torchcodec has it; see the package for what differs.

    Parameters
    ----------
    source : str, path, bytes, torch.Tensor or binary file object
        A path, a URL, or a whole file in memory; a file object is read from its present position.
    stream_index : int, optional
        Number of the stream among all of the container; FFmpeg's choice by default.
    dimension_order : {"NCHW", "NHWC"}
        Either is a view of the same memory, which is laid out as NHWC.
    num_ffmpeg_threads : int
        Threads of the decoder; 0 lets FFmpeg choose.
    device : str or torch.device, optional
        The CPU.
    seek_mode : {"exact", "approximate"}
        Both are exact; files whose tables tell where frames lie are not read for it.
    transforms : sequence, optional
        Resizes and crops, see :mod:`.transforms`.
    custom_frame_mappings : str, bytes or file object, optional
        JSON as torchcodec takes it. It is checked, and has no other effect: where frames lie is
        read from the file, which is as quick where its tables tell.

    Attributes
    ----------
    stream_index : int

    Notes
    -----
    Pictures are uint8 RGB, upright, and ``tensor.numpy()`` is the same memory. A decoder may be
    shared by threads, and pickled if it is of a path, bytes or a tensor.
    """

    def __init__(
        self,
        source: Any,
        *,
        stream_index: int | None = None,
        dimension_order: str = "NCHW",
        num_ffmpeg_threads: int = 1,
        device: Any = None,
        seek_mode: str = "exact",
        transforms: Sequence[Any] | None = None,
        custom_frame_mappings: Any = None,
    ) -> None:
        if seek_mode not in ("exact", "approximate"):
            raise ValueError(f"seek_mode must be 'exact' or 'approximate', got {seek_mode!r}")
        if dimension_order not in ("NCHW", "NHWC"):
            raise ValueError(f"dimension_order must be 'NCHW' or 'NHWC', got {dimension_order!r}")
        if custom_frame_mappings is not None:
            if seek_mode == "approximate":
                raise ValueError(
                    "custom_frame_mappings and seek_mode='approximate' exclude another"
                )
            _check_mappings(custom_frame_mappings)
        if num_ffmpeg_threads is None:
            raise ValueError("num_ffmpeg_threads must be an int, got None")
        where = torch.get_default_device() if device is None else torch.device(device)
        if where.type != "cpu":
            raise NotImplementedError(
                f"fastav decodes on the CPU, got device {str(where)!r}; move the frames to it"
            )
        if isinstance(source, torch.Tensor):
            source = source.numpy().tobytes()
        self._reader = _open(source, stream_index, num_ffmpeg_threads)
        self.stream_index: int = self._reader.info.stream_index
        self._channels_first = dimension_order == "NCHW"
        self._pipeline = Pipeline((), 0, 0)
        if transforms:
            (height, width, _), _ = self._reader.describe_frame()
            self._pipeline = Pipeline(transforms, height, width)

    @cached_property
    def metadata(self) -> VideoStreamMetadata:
        """What is known of the stream; counting frames may mean to read the file once."""
        reader = self._reader
        info, index = reader.info, reader.index
        (height, width, _), _ = reader.describe_frame()
        begin = float(index.pts[0] * index.time_base) if len(index) else 0.0
        end = float(index.end * index.time_base)
        length = end - begin
        fps = len(index) / length if length else reader.fps

        def told(name: str) -> str | None:
            return None if name == "unspecified" else name

        return VideoStreamMetadata(
            duration_seconds_from_header=info.duration,
            begin_stream_seconds_from_header=info.start_time,
            bit_rate=info.bit_rate,
            codec=info.codec,
            stream_index=info.stream_index,
            duration_seconds=length,
            begin_stream_seconds=begin,
            begin_stream_seconds_from_content=begin,
            end_stream_seconds_from_content=end,
            width=width,
            height=height,
            num_frames_from_header=info.declared_frames,
            num_frames_from_content=len(index),
            average_fps_from_header=None if info.frame_rate is None else float(info.frame_rate),
            pixel_aspect_ratio=info.pixel_aspect,
            rotation=reader.rotation or None,
            color_primaries=told(info.colour_primaries),
            color_space=told(info.colour_matrix),
            color_transfer_characteristic=told(info.colour_transfer),
            pixel_format=info.pixel_format,
            end_stream_seconds=end,
            num_frames=len(index),
            average_fps=fps,
        )

    def __len__(self) -> int:
        return len(self._reader)

    def __iter__(self) -> Iterator[Any]:
        """One picture after the other, from the first."""
        for picture in self._reader.iter(**self._pipeline.changes):
            assert isinstance(picture, np.ndarray)
            yield self._tensor(picture[np.newaxis])[0]

    def __getitem__(self, key: Any) -> Any:
        """One picture by its number, or those of a slice."""
        if isinstance(key, slice):
            return self.get_frames_at(range(*key.indices(len(self)))).data
        if isinstance(key, numbers.Integral):
            return self.get_frame_at(int(key)).data
        raise TypeError(f"a key must be an int or a slice, got {type(key).__name__}")

    def get_frame_at(self, index: int) -> Frame:
        """The frame of a number; negative numbers count from the end."""
        batch = self.get_frames_at([index])
        return Frame(batch.data[0], batch.pts_seconds[0], batch.duration_seconds[0])

    def get_frames_at(self, indices: Any) -> FrameBatch:
        """Frames by number, in any order, with repeats."""
        return self._batch(self._reader.get_frames_at(_plain(indices), **self._pipeline.changes))

    def get_frames_in_range(self, start: int, stop: int, step: int = 1) -> FrameBatch:
        """Frames `start`, `start` + `step`, ... before `stop`, as a slice selects them."""
        changes = self._pipeline.changes
        return self._batch(self._reader.get_frames_in_range(start, stop, step, **changes))

    def get_frame_played_at(self, seconds: float) -> Frame:
        """The frame that is on screen at a time.

        Raises
        ------
        IndexError
            The video is not shown at that time.
        """
        try:
            return self.get_frame_at(self._reader.index.frame_at(float(seconds)))
        except ValueError as error:
            raise IndexError(str(error)) from None

    def get_frames_played_at(self, seconds: Any) -> FrameBatch:
        """The frames that are on screen at several times; ``ValueError`` for one outside."""
        changes = self._pipeline.changes
        return self._batch(self._reader.get_frames_played_at(_plain(seconds), **changes))

    def get_frames_played_in_range(
        self, start_seconds: float, stop_seconds: float, fps: float | None = None
    ) -> FrameBatch:
        """The frames on screen in a span of time, half-open.

        Parameters
        ----------
        start_seconds, stop_seconds : float
        fps : float, optional
            What is on screen at every 1/fps from the start on, round((stop - start) * fps) of them,
            with these times for theirs.

        Raises
        ------
        ValueError
            If the start is after the stop, either lies outside the video, or `fps` is no number
            more than 0.
        """
        changes = self._pipeline.changes
        return self._batch(
            self._reader.get_frames_played_in_range(start_seconds, stop_seconds, fps=fps, **changes)
        )

    def get_all_frames(self, fps: float | None = None) -> FrameBatch:
        """All frames, or what is on screen at every 1/fps."""
        if fps is None:
            return self.get_frames_at(range(len(self)))
        metadata = self.metadata
        begin, end = metadata.begin_stream_seconds, metadata.end_stream_seconds
        return self.get_frames_played_in_range(begin, end, fps)

    def _batch(self, batch: _Batch) -> FrameBatch:
        assert isinstance(batch.data, np.ndarray)
        times = torch.from_numpy(batch.pts_seconds), torch.from_numpy(batch.duration_seconds)
        return FrameBatch(self._tensor(batch.data), *times)

    def _tensor(self, pictures: npt.NDArray[np.uint8]) -> Any:
        tensor = torch.from_numpy(self._pipeline.finish(pictures))
        return tensor.permute(0, 3, 1, 2) if self._channels_first else tensor


def _open(source: Any, stream_index: int | None, threads: int) -> _Reader:
    """A reader of the stream that has this number among all, or of FFmpeg's choice."""
    if stream_index is None:
        return _Reader(source, stream="best", rotate=True, thread_count=threads)
    with suppress(NotAVideoError):
        for number in count():
            reader = _Reader(source, stream=number, rotate=True, thread_count=threads)
            if reader.info.stream_index == stream_index:
                return reader
            reader.close()
    raise ValueError(f"stream_index {stream_index} is no video stream of {source!r:.100}")


def _plain(values: Any) -> Any:
    """Numbers out of lists and tensors."""
    return values if isinstance(values, range) else np.asarray(values)


def _check_mappings(mappings: Any) -> None:
    """Raise ``ValueError`` for what are no frame mappings."""
    try:
        told = json.load(mappings) if hasattr(mappings, "read") else json.loads(mappings)
        frames = told["frames"]
        for names in (("pts", "pkt_pts"), ("duration", "pkt_duration"), ("key_frame",)):
            name = next(name for name in names if name in frames[0])
            for frame in frames:
                int(frame[name])
    except (ValueError, KeyError, TypeError, IndexError, StopIteration):
        raise ValueError(
            'custom_frame_mappings must be JSON: {"frames": [{"pts": 0, "duration": 1001, '
            '"key_frame": 1}, ...]}'
        ) from None

"""One open container: its video stream, the decoder's threads, and its end."""

from __future__ import annotations

import operator
import os
import weakref
from typing import Final

import av

from ..errors import NotAVideoError
from ..pyav import discard, may_have_fields
from .source import Source

__all__ = ["VideoInput", "check_threads", "open_input"]

THREAD_TYPES: Final = ("FRAME", "SLICE", "AUTO", "NONE")
MAX_THREADS: Final = 1024


class VideoInput:
    """One open container and its chosen video stream; a context manager that closes it.

    Attributes
    ----------
    source : Source
    number : int
        Of the stream among the video streams.
    container : av.container.InputContainer
    stream : av.VideoStream
    closed : bool
        Nothing may be read any more: it was closed, or inherited by a forked process.

    Notes
    -----
    Not thread-safe: one input serves one thread at a time.
    """

    def __init__(
        self,
        source: Source,
        number: int,
        container: av.container.InputContainer,
        stream: av.VideoStream,
    ) -> None:
        self.source = source
        self.number = number
        self.container = container
        self.stream = stream
        self.closed = False
        _INPUTS.add(self)

    @property
    def threads(self) -> int:
        """Threads that the decoder may use; 0 is FFmpeg's own choice."""
        return int(self.stream.codec_context.thread_count)

    @property
    def in_fields(self) -> bool:
        """Whether two packets may make one frame; MPEG-2's are put together by FFmpeg's parser."""
        context = self.stream.codec_context
        return context.codec.canonical_name in ("h264", "vc1") and may_have_fields(context)

    def check_open(self) -> None:
        """Raise ``ValueError`` if nothing may be read any more."""
        if self.closed:
            raise ValueError(
                f"{self.source.name!r} was closed, or inherited by a forked process, while it "
                "was being read; open it again"
            )

    def close(self) -> None:
        """Close the container; safe to call twice. The decoder goes with the last reference."""
        if not self.closed:
            self.closed = True
            self.container.close()

    def __enter__(self) -> VideoInput:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __del__(self) -> None:
        # PyAV's containers are in reference cycles and would stay open until they are collected.
        self.close()


_INPUTS: weakref.WeakSet[VideoInput] = weakref.WeakSet()
_INHERITED: list[object] = []


def _after_fork() -> None:
    """Give up, in a child process, what was open in its parent.

    A decoder's threads do not exist in the child, and closing it there would wait for them for
    ever; so it is kept, unused, until the child ends.
    """
    for video in list(_INPUTS):
        if not video.closed:
            video.closed = True
            _INHERITED.append((video.container, video.stream, video.stream.codec_context))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def open_input(
    source: Source,
    *,
    stream: int | str = 0,
    thread_count: int = 0,
    thread_type: str | None = None,
) -> VideoInput:
    """Open a source and choose a video stream and the decoder's threads.

    Parameters
    ----------
    source : Source
    stream : int or "best"
        Which of the video streams, counted from 0; negative counts from the end. "best" is
        FFmpeg's choice.
    thread_count : int
        Threads of the decoder; 0 lets FFmpeg choose by the number of processors.
    thread_type : {"FRAME", "SLICE", "AUTO", "NONE"}, optional
        "FRAME" decodes several frames at once (best throughput), "SLICE" parts of one frame (least
        delay). None is "FRAME".

    Raises
    ------
    NotAVideoError
        No such video stream, or no decoder for it.
    ValueError, TypeError
        Wrong thread options.
    """
    check_threads(thread_count, thread_type)
    container = source.open()
    try:
        streams = container.streams.video
        if isinstance(stream, str):
            stream = _best(container, stream)
        if not -len(streams) <= operator.index(stream) < len(streams):
            raise NotAVideoError(
                f"{source.name!r} has {len(streams)} video stream(s), there is no stream {stream}"
            )
        chosen = streams[stream]
        context = chosen.codec_context
        if context is None:
            raise NotAVideoError(
                f"FFmpeg has no decoder for video stream {stream} of {source.name!r}"
            )
        context.thread_type = thread_type or "FRAME"
        context.thread_count = thread_count
        context.options = source.options  # what the decoder does not know it leaves alone
        for other in container.streams:
            if other is not chosen:
                discard(other)
    except BaseException:
        container.close()
        raise
    return VideoInput(source, stream, container, chosen)


def _best(container: av.container.InputContainer, stream: str) -> int:
    """The number of FFmpeg's choice among the video streams."""
    if stream != "best":
        raise ValueError(f"stream must be a number or 'best', got {stream!r}")
    best = container.streams.best("video")
    numbers = {video.index: number for number, video in enumerate(container.streams.video)}
    return numbers.get(best.index, 0) if best is not None else 0


def check_threads(thread_count: int, thread_type: str | None) -> None:
    """Raise ``ValueError`` or ``TypeError`` for thread options that make no sense."""
    if thread_type not in (None, *THREAD_TYPES):
        raise ValueError(f"thread_type must be one of {THREAD_TYPES} or None, got {thread_type!r}")
    if not 0 <= operator.index(thread_count) <= MAX_THREADS:
        raise ValueError(f"thread_count must be 0 (automatic) to {MAX_THREADS}, got {thread_count}")

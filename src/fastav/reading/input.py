"""One open container: its video stream, the decoder's threads, and its end."""

from __future__ import annotations

import operator
from typing import Final

import av

from ..errors import NotAVideoError
from ..forks import give_up_in_child
from ..pixels.arguments import integer
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
        Only as long as it is open, and not to be kept: a decoder's threads end with the last
        reference to it, be that a packet.

    Notes
    -----
    Not thread-safe: one input serves one thread at a time, which alone may close it. Another stops
    it by closing its source.
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
        self._parts: tuple[av.container.InputContainer, av.VideoStream] | None = container, stream
        give_up_in_child(self)

    @property
    def container(self) -> av.container.InputContainer:
        return self._open_parts()[0]

    @property
    def stream(self) -> av.VideoStream:
        return self._open_parts()[1]

    @property
    def threads(self) -> int:
        """Threads that the decoder may use; 0 is FFmpeg's own choice."""
        return int(self.stream.codec_context.thread_count)

    @property
    def in_fields(self) -> bool:
        """Whether two packets may make one frame; MPEG-2's are put together by FFmpeg's parser."""
        context = self.stream.codec_context
        return context.codec.canonical_name in ("h264", "vc1") and may_have_fields(context)

    @property
    def closed(self) -> bool:
        """Whether it was closed, or inherited by a forked process."""
        return self._parts is None

    def check_open(self) -> None:
        """Raise ``ValueError`` if nothing may be read any more."""
        self._open_parts()

    def _open_parts(self) -> tuple[av.container.InputContainer, av.VideoStream]:
        if self._parts is None or self.source.closed:
            raise ValueError(
                f"{self.source.name!r} was closed, or inherited by a forked process, while it "
                "was being read; open it again"
            )
        return self._parts

    def close(self) -> None:
        """Close the container and let the decoder go; safe to call twice."""
        parts, self._parts = self._parts, None
        if parts is not None:
            parts[0].close()

    def give_up(self) -> object:
        """Mark the input as closed, and return its parts, which this process must not close."""
        parts, self._parts = self._parts, None
        return parts

    def __enter__(self) -> VideoInput:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __del__(self) -> None:
        # PyAV's containers are in reference cycles and would stay open until they are collected.
        self.close()


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
    if not 0 <= integer("thread_count", thread_count) <= MAX_THREADS:
        raise ValueError(f"thread_count must be 0 (automatic) to {MAX_THREADS}, got {thread_count}")

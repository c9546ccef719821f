"""Frames in presentation order, to the very last one."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress

import av
import av.error

from ..errors import DecodeError
from ..ffmpeg_errors import clear_errors
from .input import VideoInput, open_input

__all__ = ["decode", "decode_all"]


def decode(video: VideoInput) -> Generator[av.VideoFrame]:
    """Decode from the container's present position to its end.

    Frames come in presentation order; at the end the decoder is drained, so none is left behind.

    Yields
    ------
    av.VideoFrame

    Raises
    ------
    av.error.FFmpegError
        Unchanged, whatever PyAV raises.
    ValueError
        The input was closed in between.
    """
    step = video.stream.codec_context.decode
    for packet in video.container.demux(video.stream):
        # The last packet that PyAV's demuxer gives is empty and drains the decoder.
        yield from step(packet)
        video.check_open()


def decode_all(start: Callable[[], VideoInput]) -> Generator[av.VideoFrame]:
    """Decode a video from its start and keep every frame that precedes an error.

    Frame threads fail ahead of frames that are still in flight, and those are lost with them. So
    when they meet damage the source is decoded once more with one thread, from its start up to the
    damage, and the frames that were in flight are handed out after all.

    Parameters
    ----------
    start : callable
        Opens the video; called when the first frame is asked for. The input is closed when the
        iterator ends or is closed.

    Yields
    ------
    av.VideoFrame

    Raises
    ------
    DecodeError
        The data is damaged or ends too early; ``frames_read`` tells how many frames came before.
    OSError, MemoryError
        The source could not be read on, with Python's own type for the reason.
    """
    done = 0
    with start() as video:
        source, number, threads = video.source, video.number, video.threads
        try:
            for frame in decode(video):
                yield frame
                done += 1
            return
        except (av.error.FFmpegError, UnicodeDecodeError) as error:
            failure = error
    # What the system refused once it need not be asked again.
    if threads != 1 and source.reopenable and not isinstance(failure, OSError):
        already = done
        try:
            with open_input(source, stream=number, thread_count=1) as again:
                for count, frame in enumerate(_decode_until_failure(again)):
                    if count >= already:
                        yield frame
                        done += 1
            return  # one thread met no damage
        except (av.error.FFmpegError, UnicodeDecodeError) as error:
            failure = error
    try:
        with clear_errors(f"decoding {source.name!r} failed after {done} frames"):
            raise failure
    except DecodeError as error:
        error.frames_read = done
        raise
    finally:
        del failure  # its traceback holds this frame, and with it a decoder and its threads


def _decode_until_failure(video: VideoInput) -> Generator[av.VideoFrame]:
    """Decode with one thread, and drain the frames that wait for reordering before an error."""
    try:
        yield from decode(video)
    except av.error.FFmpegError:
        # (ValueError: PyAV 19 says so of a decoder that refused to open.)
        with suppress(av.error.FFmpegError, ValueError):
            yield from video.stream.codec_context.decode(None)
        raise

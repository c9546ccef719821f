"""Frames in presentation order, to the very last one.

All reading goes through :func:`packets` and :func:`decode_packet`. What the decoder refuses is
damage whatever errno it gives; only what a file or a protocol refuses is an ``OSError``.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import av
import av.error
from av.codec import Capabilities

from ..errors import DecodeError
from ..ffmpeg_errors import clear_error
from ..pyav import fraction
from .bitstream import hidden_reader
from .input import VideoInput, open_input

if TYPE_CHECKING:
    Packet = av.Packet[av.VideoStream]

# As many packets as FFmpeg decodes at once when it chooses the number of threads.
_IN_FLIGHT: Final = 16

# And as many as decoders of AV1 may, with their own threads.
_MOST_IN_FLIGHT: Final = 256

MOST_FAILURES: Final = 256
"""A demuxer that failed so often, and gave no packet in between, is not asked again."""

Damage = list[float]
"""When what was damaged would have been shown, in seconds: one for each packet that the decoder
refused, and a NaN for each place that the demuxer could not read."""

__all__ = [
    "MOST_FAILURES",
    "Damage",
    "UntilDamage",
    "decode_all",
    "decode_packet",
    "decode_to_failure",
    "packets",
    "time_of",
]


class UntilDamage(Iterator[av.VideoFrame]):
    """Frames that end where damage ends them, for who has some to give before telling of it."""

    def __init__(self, frames: Iterator[av.VideoFrame]) -> None:
        self._frames = frames
        self._failure: DecodeError | None = None

    def __next__(self) -> av.VideoFrame:
        try:
            return next(self._frames)
        except DecodeError as error:
            self._failure = error.with_traceback(None)  # which would hold the decoder
            raise StopIteration from None

    def tell(self) -> None:
        """Raise the error that ended them, if one did."""
        if self._failure is not None:
            raise self._failure


def packets(video: VideoInput, damage: Damage | None = None) -> Generator[Packet]:
    """Read packets from the container's present position to its end.

    Parameters
    ----------
    video : VideoInput
    damage : Damage, optional
        Where to note what the demuxer cannot read, instead of raising ``DecodeError``; it is then
        asked for what follows.

    Yields
    ------
    av.Packet
        Never an empty one.

    Raises
    ------
    DecodeError
        The container is damaged, or ends where it must not.
    OSError
        The file or the server cannot be read on.
    """
    failures = 0  # in a row
    while failures < MOST_FAILURES:
        try:
            for packet in _demux(video):
                failures = 0
                yield packet
                # A packet keeps the decoder alive, and an error's traceback would keep the packet.
                del packet
            return
        except av.error.BlockingIOError:  # by which FFmpeg only asks to be asked again
            pass
        except DecodeError:  # (no name for it: it refers to this generator)
            if damage is None:
                raise
            if not failures:
                damage.append(math.nan)
        failures += 1
    if damage is None:
        raise DecodeError(f"reading {video.source.name!r} failed: nothing more comes")


def _demux(video: VideoInput) -> Generator[Packet]:
    """Read packets until the demuxer fails, or is to be asked again."""
    ended = False
    try:
        for packet in video.container.demux(video.stream):
            ended = not packet.size
            if not ended:
                yield packet
            del packet  # as in `packets`
            video.check_open()
    except av.error.BlockingIOError:
        raise
    except (av.error.FFmpegError, LookupError, UnicodeDecodeError) as error:
        # At the end PyAV also looks for the streams that appeared in mid-file, in vain.
        if not (ended and isinstance(error, IndexError)):
            what, remote = f"reading {video.source.name!r} failed", video.source.remote
            raise clear_error(error, what, remote=remote) from _bare(error)


def decode_packet(video: VideoInput, packet: Packet | None) -> list[av.VideoFrame]:
    """Decode a packet; None says that there are no more, and gives what the decoder still holds.

    Raises
    ------
    DecodeError
        The packet is damaged, or with frame threads one before it.
    """
    # Whether the input was closed is asked between packets: here the error would hold this one, and
    # by it the decoder.
    stream = video.stream if packet is None else packet.stream
    given: Any = packet
    if packet is None:
        given = av.Packet()
        given.time_base = stream.time_base  # which frames take over
    try:
        return stream.codec_context.decode(given)
    except av.error.FFmpegError as error:
        raise DecodeError(error.strerror or str(error)) from _bare(error)
    except ValueError as error:
        if packet is None:  # PyAV 19 says so of a decoder that refused to open
            raise DecodeError(str(error)) from _bare(error)
        raise


def time_of(packet: Packet) -> float:
    """Return when a packet is to be shown, or else decoded, in seconds; NaN where unknown."""
    time = packet.pts if packet.pts is not None else packet.dts
    tick = fraction(packet.time_base)
    return math.nan if time is None or tick is None else float(time * tick)


def _bare(error: Exception) -> Exception:
    """Take an error's traceback off, which holds the decoder and its threads."""
    error.__traceback__ = None
    return error


def decode(video: VideoInput) -> Generator[av.VideoFrame]:
    """Decode from the container's present position to its end.

    Frames come in presentation order; at the end the decoder is drained, so none is left behind.

    Raises
    ------
    DecodeError, OSError
        As from `packets` and `decode_packet`. Also where a decoder that keeps silent about errors
        does not give the last frames, or leaves one out.
    ValueError
        The input was closed in between.
    """
    promises = _Promises(video)
    for packet in packets(video):
        promises.fed(packet)
        frames = decode_packet(video, packet)
        del packet  # as in `packets`
        for frame in frames:
            promises.came(frame)
            yield frame
    for frame in decode_packet(video, None):
        promises.came(frame)
        yield frame
    promises.check()


class _Promises:
    """Frames that packets promise, and those of them that a decoder with threads did not give.

    Frame threads of FFmpeg's keep silent about errors of the frames that they are drained of.
    Decoders of AV1, which have threads of their own, do so at any time; of them each packet is to
    give one frame, in the packets' order.
    """

    def __init__(self, video: VideoInput) -> None:
        codec = video.stream.codec_context.codec
        can = int(codec.capabilities)
        self._video = video
        self._silent = video.threads != 1 and bool(
            can & (Capabilities.frame_threads | Capabilities.auto_threads)
        )
        self._in_order = self._silent and codec.canonical_name == "av1"
        self._hides = hidden_reader(codec.canonical_name)
        self._awaited: deque[int | None] = deque(
            maxlen=_MOST_IN_FLIGHT if self._in_order else _IN_FLIGHT
        )
        self._came: deque[int | None] = deque(maxlen=4 * _IN_FLIGHT)
        self._missing = 0  # frames, of packets that are to give one each
        self._hidden = False  # the latest packet, if it is what it says

    def fed(self, packet: Packet) -> None:
        self._hidden = self._hides is not None and self._hides(memoryview(packet))
        if not (packet.is_discard or self._hidden):
            self._awaited.append(packet.pts)
            self._missing += 1

    def came(self, frame: av.VideoFrame) -> None:
        """Raise ``DecodeError`` if one that precedes this frame was left out."""
        self._missing -= 1
        if not self._in_order:
            self._came.append(frame.pts)
        elif frame.pts in self._awaited and self._awaited.popleft() != frame.pts:
            raise DecodeError("a frame did not come out of the decoder")

    def check(self) -> None:
        """Raise ``DecodeError`` if the last frames did not come."""
        lost = Counter(self._awaited) - Counter(self._came)
        lost.pop(None, None)
        untimed = None in self._awaited and self._missing > 0  # raw streams: only counting tells
        # Where some packets hold second fields, none of which came as a frame, nothing can be told.
        frames_only = not self._video.in_fields or self._missing == lost.total()
        doubtful = ((untimed or self._hidden) and self._video.source.seekable) or lost
        if self._silent and doubtful and frames_only:
            raise DecodeError("the last frames did not come out of the decoder")


def decode_to_failure(video: VideoInput) -> Generator[av.VideoFrame]:
    """Decode, and before an error hand out the frames that wait for reordering.

    Only with one thread are these the frames before the error, and all of them.
    """
    try:
        yield from decode(video)
    except DecodeError:
        with suppress(DecodeError):
            yield from decode_packet(video, None)
        raise


def decode_on(video: VideoInput, damage: Damage) -> Generator[av.VideoFrame]:
    """Decode to the end, leave out what is damaged, and note it.

    Only with one thread are the frames around damage all there, and the packets those refused.
    """
    for packet in packets(video, damage):
        when = time_of(packet)
        try:
            frames = decode_packet(video, packet)
        except DecodeError:
            damage.append(when)
            continue
        finally:
            del packet  # as in `packets`
        yield from frames
    try:
        yield from decode_packet(video, None)
    except DecodeError:
        damage.append(math.nan)


def decode_all(
    start: Callable[[], VideoInput],
    ended: Callable[[int, bool], object] = lambda count, damaged: None,
    damage: Damage | None = None,
) -> Generator[av.VideoFrame]:
    """Decode a video from its start and keep every frame that precedes an error.

    Frame threads fail ahead of frames that are still in flight, and those are lost with them. So
    when they meet damage the source is decoded once more with one thread, from its start up to the
    damage, and the frames that were in flight are handed out after all. If damage is to be left out
    that thread goes on to the end.

    Parameters
    ----------
    start : callable
        Opens the video; called when the first frame is asked for. The input is closed when the
        iterator ends or is closed.
    ended : callable
        Called when there are no more frames with their number, and whether there was damage.
    damage : Damage, optional
        Where to note what is damaged, instead of raising ``DecodeError``; it is left out.

    Yields
    ------
    av.VideoFrame

    Raises
    ------
    DecodeError
        The data is damaged or ends too early; ``frames_read`` tells how many frames came before.
    OSError
        The source could not be read on, with Python's own type for the reason.
    """
    done = 0
    with start() as video:
        source, number, threads = video.source, video.number, video.threads
        failure: DecodeError | None = None
        alone = decode_to_failure if damage is None else partial(decode_on, damage=damage)
        try:
            for frame in (alone if threads == 1 else decode)(video):
                yield frame
                done += 1
        except DecodeError as error:
            failure = error
    if failure is not None and threads != 1 and source.seekable:
        failure = None
        with open_input(source, stream=number, thread_count=1) as again:
            try:
                for frame in islice(alone(again), done, None):
                    yield frame
                    done += 1
            except DecodeError as error:
                failure = error
    ended(done, failure is not None or bool(damage))
    if failure is not None:
        what = f"decoding {source.name!r} failed after {done} frames: {failure}"
        raise DecodeError(what, done) from _bare(failure)

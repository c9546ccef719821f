"""Arrays to a video file: packed straight into the encoder's frames, finished whatever happens."""

from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from math import gcd
from types import TracebackType
from typing import Any, BinaryIO, Final, Self, TypeAlias

import numpy as np
from av import VideoFrame
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import ArrayLike

from ..errors import EncodeError
from ..ffmpeg_errors import clear_errors
from ..filters import FilterChain, FilterGraph, FilterSequence
from ..pixels.formats import PixelFormat, pixel_format
from ..pixels.layout import frame_layout
from ..pyav import fraction
from .encoder import CAN_ROTATE, Encoder, Rate
from .frame_maker import Colours, FrameMaker
from .target import Target

__all__ = ["VideoWriter"]

Frame: TypeAlias = ArrayLike | Sequence[ArrayLike]
Frames: TypeAlias = ArrayLike | Iterable[Frame]

_PARTS: Final = 2520  # divisible by 1 to 10


class VideoWriter:
    """Writes frames to a video file, of which nothing exists before the first frame is encoded.

    Parameters
    ----------
    target : str, os.PathLike, or binary file object
        A path (or a URL that FFmpeg can write to), an open file, which is written from its present
        position on and not closed, or ``"<bytes>"``: see :meth:`getvalue`.
    container : str, optional
        FFmpeg's name of the container ("mp4", "matroska", ...). By default the extension decides.
    extension : str, optional
        Take the container of this extension (".mp4") instead of the path's own.
    codec : str, optional
        FFmpeg's name of an encoder or codec. By default the one that the container prefers.
    fps : int, float, Fraction, str or NumPy number
        Frames per second. Kept exactly: a float stands for the simplest fraction that rounds to it
        (29.97 is 2997/100), "30000/1001" and Fractions for themselves.
    out_pixel_format : str, optional
        What to encode. By default the best match to the frames for codecs that are always
        lossless, and the codec's own preference (mostly yuv420p) for others.
    options : mapping, optional
        Options of the encoder, such as ``{"crf": 18, "preset": "slow"}``.
    thread_count : int
        Threads of the encoder; 0 lets it choose.
    max_keyframe_interval : int, optional
        Frames from a key frame to the next, at most.
    force_keyframes : bool, optional
        Whether groups of pictures are closed: no frame refers beyond a key frame.
    matrix : {"bt601", "bt709", "bt2020", "smpte240m", "fcc"}, optional
        Of the Y'CbCr that is made of RGB; the file is tagged with it. By default what the option
        ``colorspace`` says, else what filters tag their frames with, else BT.601 and no tag.
        Y'CbCr that is given is taken to be of it.
    range : {"limited", "full"}, optional
        As `matrix`, with the option ``color_range``; else limited and no tag.
    filter_sequence, filter_graph : optional
        Filters between the given frames and the encoder, see :mod:`fastav.filters`.
    metadata : mapping of str to str, optional
        Tags of the container, such as ``{"title": "...", "comment": "..."}``; what can be kept is
        up to the container.
    rotation : float
        Degrees counter-clockwise by which players are to turn the picture (needs PyAV 18).
    conversion : {"exact", "ffmpeg"}
        Whose arithmetic makes Y'CbCr of RGB and grey: fastav's kernels, correctly rounded, or
        FFmpeg's converter, bit for bit as PyAV's ``reformat``.
    container_options : mapping, optional
        Options of the muxer, such as ``{"movflags": "faststart"}``.

    Attributes
    ----------
    metadata, stream_metadata : dict of str to str
        Tags of the container and of the video stream; they may be changed before the first frame.
        A tag ``rotate`` of the stream, in degrees clockwise, is taken for a `rotation`.
    frames_written : int
        Frames that were accepted so far, before filters.
    frames_encoded : int
        Frames that were handed to the encoder so far, behind the filters.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        The path's folder does not exist, or the path is one.
    ValueError
        Unknown container, codec, format, filter or rate; a closed target.
    EncodeError
        The container cannot hold the codec, or the codec not the format.

    Notes
    -----
    A context manager. :meth:`close` finishes the file; leaving the ``with`` block by an exception
    does so too, and what was written till then is playable. If encoding or writing fails, the file
    is closed at once. Not thread-safe.
    """

    def __init__(
        self,
        target: str | os.PathLike[str] | BinaryIO,
        *,
        container: str | None = None,
        extension: str | None = None,
        codec: str | None = None,
        fps: Rate = 24,
        out_pixel_format: str | None = None,
        options: Mapping[str, object] | None = None,
        thread_count: int = 0,
        max_keyframe_interval: int | None = None,
        force_keyframes: bool | None = None,
        matrix: str | None = None,
        range: str | None = None,
        filter_sequence: FilterSequence | None = None,
        filter_graph: FilterGraph | None = None,
        metadata: Mapping[str, str] | None = None,
        rotation: float = 0,
        conversion: str = "exact",
        container_options: Mapping[str, object] | None = None,
    ) -> None:
        self._closed = True  # until there is something to close
        _WRITERS.add(self)
        self._output: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._chain: FilterChain | None = None
        self._filters: tuple[FilterSequence | None, FilterGraph | None] = (None, None)
        self._held: VideoFrame | None = None
        self._maker = FrameMaker(conversion)
        self._colours = Colours()
        self._last_pts = -1
        self.frames_written = self.frames_encoded = 0

        self._target = Target(
            target, container=container, extension=extension, options=container_options
        )
        self._rotation = rotation
        self.metadata = dict(metadata or {})
        self.stream_metadata: dict[str, str] = {}
        self._settings: dict[str, Any] = {"codec": None, "options": {}}
        self.configure(
            codec,
            fps=fps,
            out_pixel_format=out_pixel_format,
            options=options,
            thread_count=thread_count,
            max_keyframe_interval=max_keyframe_interval,
            force_keyframes=force_keyframes,
            matrix=matrix,
            range=range,
        )
        self.set_filter(filter_sequence, filter_graph)
        self._closed = False

    def configure(
        self,
        codec: str | None = None,
        *,
        fps: Rate | None = None,
        out_pixel_format: str | None = None,
        options: Mapping[str, object] | None = None,
        thread_count: int | None = None,
        max_keyframe_interval: int | None = None,
        force_keyframes: bool | None = None,
        matrix: str | None = None,
        range: str | None = None,
    ) -> None:
        """Change settings of the encoder, as the class describes them, before the first frame.

        What is None stays as it is; `options` are added to those given before.
        """
        if self.frames_written:
            raise ValueError("the encoder is at work, its settings cannot change any more")
        given = {
            "codec": codec,
            "fps": fps,
            "out_pixel_format": out_pixel_format,
            "options": {**self._settings["options"], **(options or {})},
            "thread_count": thread_count,
            "max_keyframe_interval": max_keyframe_interval,
            "force_keyframes": force_keyframes,
            "matrix": matrix,
            "range": range,
        }
        settings = self._settings | {key: x for key, x in given.items() if x is not None}
        self._encoder = Encoder(self._target.container, self._target.extension, **settings)
        self._settings = settings
        if self._chain is not None:  # it was told another rate
            self._chain = self._make_chain(*self._filters)

    def set_filter(
        self,
        filter_sequence: FilterSequence | None = None,
        filter_graph: FilterGraph | None = None,
    ) -> None:
        """Send the frames that follow through these filters; without any, straight to the encoder.

        Filters equal to those in use go on as they are; others are drained first, so that no frame
        is lost.
        """
        filters = (filter_sequence, filter_graph)
        if filters == self._filters:
            return
        chain = self._make_chain(*filters)
        self._drain_filter()
        self._chain, self._filters = chain, filters

    def _make_chain(
        self, sequence: FilterSequence | None, graph: FilterGraph | None
    ) -> FilterChain | None:
        if sequence is None and graph is None:
            return None
        return FilterChain(sequence, graph, frame_rate=self._encoder.fps)

    def write(
        self, frames: Frames, *, in_pixel_format: str = "rgb24", is_batch: bool = True
    ) -> None:
        """Encode many frames, or one.

        Parameters
        ----------
        frames : array_like or iterable
            An array of frames along the first axis; a list, a generator or another iterable of
            frames, which are taken one by one; or a single frame, see `is_batch`.
            In formats of several planes of different sizes, a frame is the stacked array or a
            sequence of planes, and a tuple of arrays is the planes of one frame, or of many if the
            arrays have a leading axis for them.
        in_pixel_format : str
            What the arrays hold: any format that :func:`fastav.pack_frame` takes. Arrays may be
            strided in any way; their dtype must be the format's.
        is_batch : bool
            False: `frames` is one frame. True: an array that has no more axes than one frame is
            one all the same.

        Raises
        ------
        TypeError, ValueError
            The arrays do not fit the format, or the first frame in size; frames before that one
            are kept, and writing may go on.
        EncodeError, OSError
            The encoder refuses the frames, before anything is written; or encoding or writing
            failed, and the file is closed.
        """
        format = pixel_format(in_pixel_format)
        for frame in _split(frames, format) if is_batch else (frames,):
            self._write(frame, format)

    def write_frame(self, frame: Frame, *, pixel_format: str = "rgb24") -> None:
        """Encode one frame, an array or a sequence of planes, as :meth:`write` does."""
        self.write(frame, in_pixel_format=pixel_format, is_batch=False)

    def _write(self, image: Any, format: PixelFormat) -> None:
        if self._closed:
            raise ValueError(f"the writer of {self._target.name!r} is closed")
        if self._chain is None:
            wanted = self._encoder.choose_format(format.name)
            frame = self._maker.make(image, format, wanted, self._encoder.colours)
        else:
            frame = self._maker.pack(image, format)
            self._encoder.colours.tag(frame)
        # Filters that change the pace (setpts, minterpolate) need moments between the frames.
        ticks = 1 if self._chain is None else _ticks(self._encoder.fps)
        frame.time_base = 1 / (self._encoder.fps * ticks)
        frame.pts = self.frames_written * ticks
        frame.duration = ticks
        if self._chain is None:
            self._encode(frame)
        else:
            for filtered in self._chain.push(frame):
                self._encode_filtered(filtered)
        self.frames_written += 1

    def _encode_filtered(self, frame: VideoFrame) -> None:
        """Encode a filtered frame; the distance of the first two tells the rate."""
        if self._output is not None:
            self._encode(frame)
        elif self._held is None:
            self._held = frame
        else:
            first, self._held = self._held, None
            distance = (frame.pts or 0) - (first.pts or 0)
            self._encode(first, 1 / (distance * _time_base(frame)) if distance > 0 else None)
            self._encode(frame)

    def _drain_filter(self) -> None:
        if self._chain is not None:
            for filtered in self._chain.flush():
                self._encode_filtered(filtered)
            self._chain = None
        if self._held is not None:
            frame, self._held = self._held, None
            self._encode(frame)

    def _encode(self, frame: VideoFrame, rate: Fraction | None = None) -> None:
        if self._output is None:
            self._start(frame, rate or self._encoder.fps)
        assert self._output is not None
        assert self._stream is not None
        context = self._stream.codec_context
        if (frame.width, frame.height) != (context.width, context.height):
            raise ValueError(
                f"frame {self.frames_written} is {frame.width}x{frame.height}, "
                f"the frames before it are {context.width}x{context.height}"
            )
        if self.frames_encoded and self._target.takes_one_frame:
            raise ValueError(
                f"{self._target.name!r} names one picture; for more write to a pattern such as "
                f"'picture%03d{self._target.extension}' or to another container"
            )
        pts, time_base = frame.pts or 0, _time_base(context)
        if _time_base(frame) != time_base:
            pts = round(pts * _time_base(frame) / time_base)
        frame = self._maker.convert(frame, str(context.pix_fmt), self._colours)
        # Filters may give two frames one time stamp; encoders would drop the second.
        frame.pts = self._last_pts = max(pts, self._last_pts + 1)
        frame.time_base = time_base
        with self._all_or_close():
            self._output.mux(self._stream.encode(frame))
        self.frames_encoded += 1

    def _start(self, frame: VideoFrame, rate: Fraction) -> None:
        """Open container and encoder for frames like `frame`, then write the header."""
        colours = self._encoder.colours.or_else(Colours.of(frame))
        output = self._target.open()
        tags, rotation = dict(self.stream_metadata), self._rotation
        if CAN_ROTATE:  # the tag by which FFmpeg was told in former times; it is no longer heeded
            rotation -= float(tags.pop("rotate", 0))
        try:
            stream = self._encoder.open(
                output,
                frame,
                rate=rate,
                time_base=_grid(_time_base(frame), rate, self._encoder.fps),
                rotation=rotation,
                colours=colours,
            )
            output.metadata.update(self.metadata)
            stream.metadata.update(tags)
        except BaseException:
            output.close()
            self._target.close()
            raise
        self._output, self._stream, self._colours = output, stream, colours
        hint = (
            ""
            if self._target.seekable
            else " (which cannot seek; container='matroska', or for mp4 "
            "container_options={'movflags': 'frag_keyframe+empty_moov'}, can do without)"
        )
        with self._all_or_close(f"cannot begin {self._target.container!r}", hint):
            output.start_encoding()

    @contextmanager
    def _all_or_close(self, what: str = "cannot go on", hint: str = "") -> Iterator[None]:
        """Close the file if encoder or container fail: what follows could not be trusted."""
        try:
            with clear_errors(f"{what} in {self._target.name!r}{hint}", EncodeError):
                yield
        except Exception:
            self._release()
            raise

    @property
    def closed(self) -> bool:
        """Whether the file is finished, or given up after an error."""
        return self._closed

    def getvalue(self) -> bytes:
        """The finished file, if the target is ``"<bytes>"`` and the writer is closed."""
        if not self._closed:
            raise ValueError("the video is not finished; close the writer first")
        return self._target.getvalue()

    def close(self) -> None:
        """Encode what is still held back, finish the file and stop the encoder's threads.

        Safe to call again.

        Raises
        ------
        EncodeError, OSError
            The end could not be written (disk full); the file is closed nevertheless.
        """
        if self._closed:
            return
        try:
            self._drain_filter()
        finally:
            try:
                if self._output is not None and self._stream is not None:
                    with self._all_or_close():
                        self._output.mux(self._stream.encode(None))
                        self._output.close()
            finally:
                self._release()

    def _release(self) -> None:
        """Let go of everything, without a further word about errors."""
        self._closed = True
        output, self._output, self._stream = self._output, None, None
        self._chain = self._held = None
        if output is not None:
            with suppress(Exception):  # told before, by what led here
                output.close()
        self._target.close()

    def _give_up(self) -> tuple[object, ...]:
        """Close without a word to file and encoder, which another process goes on with."""
        parts = (self._output, self._stream, self._target, self._chain, self._held, self._maker)
        self._closed = True
        self._output = self._stream = self._chain = self._held = None
        return parts

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except Exception:
            if error is None:
                raise

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            with suppress(Exception):
                self.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{self.frames_written} frames"
        return f"<VideoWriter {self._target.name!r} {self._encoder.name}, {state}>"


_WRITERS: weakref.WeakSet[VideoWriter] = weakref.WeakSet()


def _after_fork() -> None:
    """Give up, in a child process, what was open in its parent.

    Closing it would write a second end into the parent's file, and wait for threads of the encoder
    that do not exist here. So it is kept, by a reference that is never returned: the end of the
    interpreter would close it too.
    """
    for writer in list(_WRITERS):
        if not writer.closed:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(writer._give_up()))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _time_base(of: Any) -> Fraction:
    """The time base of a frame or codec context, which has one."""
    time_base = fraction(of.time_base)
    assert time_base is not None
    return time_base


def _ticks(fps: Fraction) -> int:
    """Into how many parts the time of a frame is divided before filters."""
    return _PARTS if fps.numerator * _PARTS < 2**31 else 1


def _grid(time_base: Fraction, rate: Fraction, fps: Fraction) -> Fraction:
    """The coarsest time base that has the moments of frames behind filters.

    Some containers fill every gap with an empty frame, and MPEG-4 counts to 65535 in a second.
    """
    if time_base * rate >= 1 or time_base * fps >= 1:
        return time_base
    a, b = 1 / rate, 1 / fps
    both = Fraction(
        gcd(a.numerator * b.denominator, b.numerator * a.denominator), a.denominator * b.denominator
    )
    return both if both.denominator < 1 << 16 else 1 / rate.limit_denominator(1001)


def _split(frames: Frames, format: PixelFormat) -> Iterator[Any]:
    """Take what was given apart into frames, one at a time."""
    if isinstance(frames, tuple) and frames and not format.is_array:
        planes = [np.asarray(plane) for plane in frames]
        if planes[0].ndim == 2:
            yield planes
        else:
            yield from zip(*planes, strict=True)
    elif isinstance(frames, np.ndarray) or hasattr(frames, "__array__"):
        array = np.asarray(frames)
        of_one = len(frame_layout(format.name, 16, 16).shape or (0, 0))
        if array.ndim <= of_one:
            yield array
        else:
            yield from array
    elif isinstance(frames, (str, bytes)) or not isinstance(frames, Iterable):
        raise TypeError(
            f"frames must be arrays or an iterable of them, got {type(frames).__name__}"
        )
    else:
        yield from frames

"""VideoWriter: arrays to a video file, which is finished also after an error."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from fractions import Fraction
from functools import partial
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

from av import Packet, VideoFrame
from av.container import OutputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from ..errors import EncodeError
from ..ffmpeg_errors import clear_errors
from ..filters import FilterChain, FilterGraph, FilterSequence
from ..forks import give_up_in_child
from ..pixels.formats import PixelFormat, pixel_format
from ..pyav import CAN_ROTATE, fraction
from ..reading.frames import ArrayIterator, FrameIterator
from ..reading.reader import VideoReader
from ..workers import WORTH_A_THREAD, processors
from .ahead import make_ahead
from .encoder import TURNING, Encoder, EncoderSettings, Rate
from .frame_maker import Colours, FrameMaker
from .frames import Frame, Frames, is_steady, split
from .palettes import PaletteChain
from .schedule import Schedule
from .sound import Sound, SoundCopy
from .target import Target

__all__ = ["VideoWriter"]

# So many threads, the caller's among them, make frames as fast as an encoder takes them.
_CREW: Final = 3

# Containers whose table of frames is written last.
_INDEX_LAST: Final = frozenset({"mp4", "mov", "ipod", "3gp", "3g2", "psp", "f4v"})


class VideoWriter:
    """Writes frames to a video file, of which nothing exists before the first frame is encoded.

    Parameters
    ----------
    target : str, os.PathLike, or binary file object
        A path (or a URL that FFmpeg can write to), an open file, which is written from its present
        position on and not closed, ``"-"`` for standard output, ``"pipe:3"`` for an open
        descriptor, or ``"<bytes>"``: see :meth:`getvalue`.
    container : str, optional
        FFmpeg's name of the container ("mp4", "matroska", ...). By default the extension decides.
    extension : str, optional
        Take the container of this extension (".mp4") instead of the path's own.
    codec : str, optional
        FFmpeg's name of an encoder or codec. By default the one that the container prefers.
    fps : int, float, Fraction, str or NumPy number
        Frames per second, 24 by default, or the closest that the codec knows. Kept exactly: a
        float stands for the simplest fraction that rounds to it (29.97 is 2997/100), "30000/1001"
        and Fractions for themselves.
    out_pixel_format : str, optional
        What to encode. By default the best match to the frames for codecs that are always
        lossless, a palette made for the frames for GIFs ("bgr8" is a fixed one, dithered), and the
        codec's own preference (mostly yuv420p) for others.
    options : mapping, optional
        Options of the encoder, such as ``{"crf": 18, "preset": "slow"}``.
    thread_count : int
        Threads of the encoder; 0 lets it choose. With 1, fastav starts none either; else large
        frames of a batch or iterator are converted while those before them are encoded.
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
    primaries, transfer : str, optional
        Tags of the file by FFmpeg's names, such as "bt2020" and "smpte2084" (or "pq"),
        "arib-std-b67" (or "hlg"): what the given samples are, for they are not converted. By
        default what filters tag their frames with, else no tag.
    filter_sequence, filter_graph : optional
        Filters between the given frames and the encoder, see :mod:`fastav.filters`.
    metadata : mapping of str to str, optional
        Tags of the container, such as ``{"title": "...", "comment": "..."}``; what can be kept is
        up to the container.
    pixel_aspect : Fraction, optional
        Width of a pixel divided by its height, which players stretch the picture by; square unless
        given.
    rotation : float
        Degrees counter-clockwise by which players are to turn the picture (needs PyAV 17).
    conversion : {"exact", "ffmpeg"}
        Whose arithmetic makes Y'CbCr of RGB and grey: fastav's kernels, correctly rounded, or
        FFmpeg's converter, bit for bit as PyAV's ``reformat``.
    mosaics : {"keep", "convert"}
        What becomes of a mosaic that the codec or the container does not keep: an error, or a
        picture, by FFmpeg's conversion, as imageio's plugin makes it.
    container_options : mapping, optional
        Options of the muxer, such as ``{"movflags": "faststart"}``.
    fragmented : bool
        Write mp4 and mov in pieces, one a key frame, that can be read before the file is finished,
        or never is. (Else nothing can be read of one whose writer was killed. Matroska, AVI and
        MPEG-TS can always be read as far as they go.)
    sound : Sound, or what it can be made of (a path, bytes, an open file), optional
        A file whose sound is copied packet for packet, from the first frame's time to the last
        one's end; :class:`fastav.Sound` says what else is copied, and from which second on.
    time_base : Fraction, optional
        The clock of frames that are written with ``times=``: seconds per tick. By default 1/90000,
        or 1/60000 where a codec counts in 16 bits.

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
        The container cannot hold the codec, or the codec not the format; nothing in the file would
        tell the matrix or range that was asked for.

    Notes
    -----
    The target itself is written, not a file beside it that takes its name in the end: so others can
    read along, links stay links, and what a failure leaves is where it is looked for. Who wants all
    or nothing writes elsewhere and calls ``os.replace``.

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
        fps: Rate | None = None,
        out_pixel_format: str | None = None,
        options: Mapping[str, object] | None = None,
        thread_count: int = 0,
        max_keyframe_interval: int | None = None,
        force_keyframes: bool | None = None,
        matrix: str | None = None,
        range: str | None = None,
        primaries: str | None = None,
        transfer: str | None = None,
        filter_sequence: FilterSequence | None = None,
        filter_graph: FilterGraph | None = None,
        metadata: Mapping[str, str] | None = None,
        rotation: float = 0,
        pixel_aspect: Fraction | None = None,
        conversion: str = "exact",
        mosaics: str = "keep",
        container_options: Mapping[str, object] | None = None,
        fragmented: bool = False,
        sound: Any = None,
        time_base: Fraction | None = None,
    ) -> None:
        self._closed = True  # until there is something to close
        self._sound: SoundCopy | None = None
        give_up_in_child(self)
        self._output: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._chain: FilterChain | PaletteChain | None = None
        self._filters: tuple[FilterSequence | None, FilterGraph | None] = (None, None)
        self._held: list[VideoFrame] = []
        self._conversion = conversion
        self._maker = FrameMaker(conversion)
        self._colours = Colours()
        self._rate = Fraction(1)  # frames per second of what is encoded
        self._clock = Fraction(1)  # the encoder's time base
        self._end = Fraction(0)  # when the last frame has ended, in seconds, for the sound
        self.frames_written: int = 0
        self.frames_encoded: int = 0

        self._target = Target(
            target, container=container, extension=extension, options=container_options
        )
        self._schedule = Schedule(self._target.container, time_base)
        if fragmented:
            self._target.fragment()
        self._rotation = rotation
        self._pixel_aspect = pixel_aspect
        self.metadata: dict[str, str] = dict(metadata or {})
        self.stream_metadata: dict[str, str] = {}
        self._settings = EncoderSettings(mosaics=mosaics)
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
            primaries=primaries,
            transfer=transfer,
        )
        self.set_filter(filter_sequence, filter_graph)
        if sound is not None:
            self._sound = SoundCopy(Sound.of(sound), self._target.refuse)
        self._closed = False

    @staticmethod
    def keeps_rotation(
        target: str | os.PathLike[str] | BinaryIO,
        *,
        container: str | None = None,
        extension: str | None = None,
    ) -> bool:
        """Whether a file written to `target` could tell players to turn its picture."""
        found = Target(target, container=container, extension=extension).container
        return CAN_ROTATE and found in TURNING

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
        primaries: str | None = None,
        transfer: str | None = None,
        container_options: Mapping[str, object] | None = None,
    ) -> None:
        """Change settings of the encoder, as the class describes them, before the first frame.

        What is None stays as it is; both kinds of options are added to those given before.
        """
        if self.frames_written:
            raise ValueError("the encoder is at work, its settings cannot change any more")
        settings = self._settings.changed(
            codec=codec,
            fps=fps,
            out_pixel_format=out_pixel_format,
            options=options,
            thread_count=thread_count,
            max_keyframe_interval=max_keyframe_interval,
            force_keyframes=force_keyframes,
            matrix=matrix,
            range=range,
            primaries=primaries,
            transfer=transfer,
        )
        self._encoder = Encoder(self._target.container, self._target.extension, settings)
        self._settings = settings
        self._target.options |= {str(key): str(x) for key, x in (container_options or {}).items()}
        if self._encoder.wants_palettes is not isinstance(self._chain, PaletteChain):
            self._chain = self._make_chain(*self._filters)
        elif self._chain is not None:
            self._chain.frame_rate = self._encoder.fps

    def follow(self, frame: VideoFrame, fps: Fraction, given: str) -> None:
        """Write in the colours that a frame is tagged with, where none were asked for.

        Arrays of RGB do not tell what the video was that they came from: a frame of it does. The
        same goes for its clock, for the rate `fps` at which frames with times of their own come,
        more or less, and for the pixel format in which they are `given`: Y'CbCr keeps its bits and
        its chroma as far as the codec can.
        """
        self._encoder.follow(frame, fps, given)
        self._schedule.follow(fraction(frame.time_base))
        if self._chain is not None:
            self._chain.frame_rate = self._encoder.fps

    def refuse(self, source: object) -> None:
        """Raise ``ValueError`` if what is read from is the very file that is to be written."""
        self._target.refuse(source)

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
        with _interrupts_later():
            self._drain_filter()
        self._chain, self._filters = chain, filters

    def _make_chain(
        self, sequence: FilterSequence | None, graph: FilterGraph | None
    ) -> FilterChain | PaletteChain | None:
        chain, fps = None, self._encoder.fps
        if sequence is not None or graph is not None:
            chain = FilterChain(sequence, graph, frame_rate=fps)
        return PaletteChain(chain, fps) if self._encoder.wants_palettes else chain

    def write(
        self,
        frames: Frames,
        *,
        in_pixel_format: str = "rgb24",
        is_batch: bool = True,
        layout: str = "hwc",
        times: Iterable[float | Fraction] | None = None,
    ) -> None:
        """Encode many frames, or one.

        Parameters
        ----------
        frames : array_like or iterable
            An array of frames along the first axis; a list, a generator or another iterable of
            frames, which are taken one by one; or a single frame, see `is_batch`. Arrays that are
            not in memory (of h5py, zarr, dask, xarray, ...) are loaded some frames at a time.
            PyAV's own frames are taken as they are, and get new time stamps. Nothing that was given
            is referred to when the call returns, and of an iterator's frame nothing when the next
            one is asked for.
            In formats of several planes of different sizes, a frame is the stacked array or a
            sequence of planes, and a tuple of arrays is the planes of one frame, or of many if the
            arrays have a leading axis for them.
        in_pixel_format : str
            What the arrays hold: any format that :func:`fastav.pack_frame` takes. Arrays may be
            strided in any way; their dtype must be the format's.
        is_batch : bool
            False: `frames` is one frame. True: an array that has no more axes than one frame is
            one all the same.
        layout : {"hwc", "chw"}
            Whether the channels stand last, or first as in torch's tensors.
        times : iterable of float or Fraction, optional
            When each frame is shown, in seconds from 0 on, increasing: a variable rate. For all
            frames of a video or for none. Kept to a tick of `time_base`, or of the container's own
            clock where that is coarser (1/1000 in Matroska). Where container or codec have but one
            rate, the first 16 frames are waited for, and the times are to be at the rate that they
            tell: Y4M and MXF take no gaps; AVI fills them with empty frames, and those of a
            variable rate too.

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
        images: Any = frames if is_batch else [frames]
        if isinstance(frames, VideoReader):
            self.refuse(frames._source.given)
        elif isinstance(frames, (ArrayIterator, FrameIterator)):
            self.refuse(frames.source)
        one_by_one = split(images, format, layout)
        moments = None if times is None else iter(times)
        with closing(self._made(one_by_one, format, is_steady(images))) as made:
            for frame in made:
                self._take(frame, self._schedule.moment(moments, self.frames_written))
        if moments is not None and next(moments, None) is not None:
            raise ValueError(f"times goes on after all {self.frames_written} frames")

    def write_frame(
        self,
        frame: Frame,
        *,
        pixel_format: str = "rgb24",
        layout: str = "hwc",
        time: float | Fraction | None = None,
    ) -> None:
        """Encode one frame, an array or a sequence of planes, as :meth:`write` does."""
        times = None if time is None else (time,)
        self.write(frame, in_pixel_format=pixel_format, is_batch=False, layout=layout, times=times)

    def _made(
        self, images: Iterator[Any], format: PixelFormat, steady: bool
    ) -> Generator[VideoFrame]:
        """Yield the frames that are made of images; of large ones the next while one is encoded."""
        self._check_open()
        make = partial(self._make, format=format)
        for image in images:
            first = make(self._maker, image)
            yield first
            break
        else:
            return
        large = sum(plane.buffer_size for plane in first.planes) >= WORTH_A_THREAD
        crew = min(processors(), _CREW) if large and self._settings.thread_count != 1 else 1
        if crew == 1:
            for image in images:
                yield make(self._maker, image)
        else:
            makers = [self._maker, *(FrameMaker(self._conversion) for _ in range(crew - 1))]
            yield from make_ahead(images, make, makers, steady=steady)

    def _make(self, maker: FrameMaker, image: Any, *, format: PixelFormat) -> VideoFrame:
        """An array as a frame for the encoder, or for the filters if there are any."""
        if isinstance(image, VideoFrame):
            made = image
            if self._chain is None:
                wanted = self._encoder.choose_format(image.format.name)
                made = maker.convert(image, wanted, self._encoder.colours)
            # Filters and encoders refer to it for a while, in which its owner may change it.
            return maker.copy(image) if made is image else made
        if self._chain is None:
            wanted = self._encoder.choose_format(format.name)
            return maker.make(image, format, wanted, self._encoder.colours)
        frame = maker.pack(image, format)
        self._encoder.colours.tag(frame)
        return frame

    def _take(self, frame: VideoFrame, moment: Fraction | None) -> None:
        """Send a frame on its way: through the filters, into the encoder."""
        with _interrupts_later():
            has_filters = self._chain is not None
            self._schedule.stamp(frame, self.frames_written, moment, self._encoder, has_filters)
            for filtered in [frame] if self._chain is None else self._chain.push(frame):
                self._pass_on(filtered)
            self.frames_written += 1

    def _pass_on(self, frame: VideoFrame) -> None:
        """Encode a frame; the first ones when there are enough of them to tell the rate."""
        if self._output is not None:
            self._encode(frame)
            return
        ahead = self._schedule.ahead(self._encoder, self._chain is not None)
        self._check_size(frame, *self._held[:1])
        self._held.append(frame)
        if len(self._held) == ahead:
            self._encode_held()

    def _encode_held(self) -> None:
        """Settle the rate and encode the frames that it was to be learnt of."""
        held, self._held = self._held, []
        if not held:
            return
        try:
            rate, clock = self._schedule.settle(held, self._encoder)
        except EncodeError:
            self._release()
            raise
        self._start(held[0], rate, clock)
        for frame in held:
            self._encode(frame)

    def _drain_filter(self) -> None:
        if self._chain is not None:
            for filtered in self._chain.flush():
                self._pass_on(filtered)
            self._chain = None
        self._encode_held()

    def _check_size(self, frame: VideoFrame, *others: VideoFrame | VideoCodecContext) -> None:
        for other in others:
            if (frame.width, frame.height) != (other.width, other.height):
                raise ValueError(
                    f"frame {self.frames_written} is {frame.width}x{frame.height}, "
                    f"the frames before it are {other.width}x{other.height}"
                )

    def _encode(self, frame: VideoFrame) -> None:
        assert self._output is not None
        assert self._stream is not None
        context = self._stream.codec_context
        self._check_size(frame, context)
        if self.frames_encoded and self._target.takes_one_frame:
            raise ValueError(
                f"{self._target.name!r} names one picture; for more write to a pattern such as "
                f"'picture%03d{self._target.extension}' or to another container"
            )
        moment = (frame.pts or 0) * _time_base(frame)
        duration = frame.duration * _time_base(frame)  # which a conversion forgets
        frame = self._maker.convert(frame, str(context.pix_fmt), self._colours)
        frame.pts = self._schedule.place(
            self.frames_encoded, moment, self._clock, _time_base(self._stream), self._encoder
        )
        frame.time_base = self._clock
        with self._all_or_close():
            if self._sound is not None:
                self._end = moment + (duration or 1 / self._rate)
                self._sound.copy_until(self._output, moment)
            self._mux(self._stream.encode(frame))
        self.frames_encoded += 1

    def _mux(self, packets: list[Packet[Any]]) -> None:
        assert self._output is not None
        kept = _time_base(self._stream)
        self._output.mux(self._schedule.retime(packets, self._clock, kept))

    def _start(self, frame: VideoFrame, rate: Fraction, clock: Fraction) -> None:
        """Open container and encoder for frames like `frame`, then write the header."""
        colours = self._encoder.colours.or_else(Colours.of(frame))
        if colours != Colours():
            self._target.tag_colours()
        output = self._target.open()
        tags, rotation = dict(self.stream_metadata), self._rotation
        # FFmpeg once took the rotation from this tag and now ignores it, so it is added here.
        if CAN_ROTATE:
            rotation -= float(tags.pop("rotate", 0))
        try:
            stream = self._encoder.open(
                output,
                frame,
                rate=rate,
                time_base=clock,
                rotation=rotation,
                pixel_aspect=self._pixel_aspect,
                colours=colours,
            )
            output.metadata.update(self.metadata)
            stream.metadata.update(tags)
            if self._sound is not None:
                self._sound.add_to(output)
        except BaseException:
            output.close()
            self._target.close()
            raise
        self._rate = rate
        self._output, self._stream, self._colours = output, stream, colours
        hint = (
            ""
            if self._target.seekable
            else " (which cannot seek; container='matroska', or fragmented=True for mp4, can do "
            "without)"
        )
        along = str(self._sound or "")
        if along:
            hint += " (.mkv carries nearly all sound; sound=None writes without)"
        with self._all_or_close(f"cannot begin {self._target.container!r}{along}", hint):
            output.start_encoding()
        self._clock = _time_base(stream.codec_context)

    @contextmanager
    def _all_or_close(self, what: str = "cannot go on", hint: str = "") -> Iterator[None]:
        """Close the file if encoder or container fail: what follows could not be trusted."""
        failure: BaseException | None = None
        try:
            with clear_errors(f"{what} in {self._target.name!r}{hint}", EncodeError):
                yield
        except Exception as error:
            failure = error
        failure = self._target.interrupt or failure
        if failure is None:
            return
        self._release()
        container, options = self._target.container, self._target.options
        last = container in _INDEX_LAST and "frag" not in options.get("movflags", "")
        if isinstance(failure, OSError) and last:
            failure.add_note(
                f"{container} without its end, which could not be written, cannot be read; "
                "container='matroska', or fragmented=True, keeps what came before."
            )
        raise failure

    def _check_open(self) -> None:
        if self._closed:
            raise ValueError(f"the writer of {self._target.name!r} is closed")

    @property
    def container(self) -> str:
        """FFmpeg's name of the container."""
        return self._target.container

    @property
    def codec(self) -> str:
        """FFmpeg's name of the encoder."""
        return self._encoder.name

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

        Safe to call again. Ctrl-C is raised when the file is finished; a second one at once, which
        leaves the file without its end.

        Raises
        ------
        EncodeError, OSError
            The end could not be written (disk full); the file is closed nevertheless.
        ValueError
            The filters kept none of the frames, so there is no file.
        """
        if self._closed:
            return
        with _interrupts_later():
            try:
                self._drain_filter()
            finally:
                try:
                    if self._output is not None and self._stream is not None:
                        with self._all_or_close():
                            if self._sound is not None:
                                self._sound.copy_until(self._output, self._end)
                            self._mux(self._encoder.finish(self._stream, self.frames_encoded))
                            self._output.close()
                finally:
                    self._release()
        if self.frames_written and not self.frames_encoded:
            raise ValueError("there is no frame to write: the filters kept none")

    def _release(self) -> None:
        """Release everything; errors of the container are suppressed."""
        self._closed = True
        output, self._output, self._stream = self._output, None, None
        self._chain, self._held = None, []
        if output is not None:
            with suppress(Exception):  # told before, by what led here
                output.close()
        if self._sound is not None:
            self._sound.close()
        self._target.close()

    def give_up(self) -> object:
        """Mark as closed without touching file and encoder, which another process still uses.

        Closing properly would write a second end into the parent's file, and wait for threads of
        the encoder that a forked child does not have.
        """
        if self._closed:
            return None
        parts = (
            *(self._output, self._stream, self._target, self._chain, self._held, self._maker),
            self._sound,
        )
        self._closed = True
        self._output = self._stream = self._chain = None
        self._held = []
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
        except Exception as failure:
            if error is None:
                raise
            error.add_note(f"{self._target.name!r} could not be finished either: {failure}")

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            with suppress(Exception):
                self.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{self.frames_written} frames"
        return f"<VideoWriter {self._target.name!r} {self._encoder.name}, {state}>"


def _time_base(of: Any) -> Fraction:
    """The time base of a frame or codec context, which has one."""
    time_base = fraction(of.time_base)
    assert time_base is not None
    return time_base


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Have Ctrl-C wait for the end of a block: a packet lost in its middle would spoil the file.

    Only the main thread is interrupted, and only Python's own handler is put off, the first time.
    """
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield
        return
    came = False

    def note(number: int, frame: object) -> None:
        nonlocal came
        came = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if came:
            raise KeyboardInterrupt

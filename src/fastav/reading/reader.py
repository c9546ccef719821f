"""VideoReader: a video source as NumPy arrays, whole, in order, by number and by time."""

from __future__ import annotations

import math
import operator
import os
import sys
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import fields, replace
from fractions import Fraction
from functools import partial, wraps
from itertools import chain, islice
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Final, SupportsIndex, TypeVar, cast

import av
import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ..errors import DecodeError, FastavError, FrameChangedError
from ..pixels.arguments import integer
from ..pixels.convert import Arrays, FrameConverter, Output
from ..pixels.formats import pixel_format
from ..pixels.packing import reinterpret
from ..progress import Progress, told
from ..workers import processors
from .bulk import Bulk
from .frames import (
    ArrayIterator,
    FrameIterator,
    part_of,
    report,
    restated,
    through_filters,
    to_damage,
)
from .gather import gather
from .index import MOMENT, WORTH_A_SCAN, FrameIndex
from .indexed import IndexedStream
from .info import VideoInfo
from .keys import check_span, frame_numbers, select, spread_numbers
from .memory import available_memory, check_memory, let_memory_return
from .metadata import frame_metadata, video_metadata
from .options import ReadOptions, check_keywords
from .rate import at_rate, check_rate
from .source import Source
from .times import timed

if TYPE_CHECKING:
    from ..filters import FilterGraph, FilterSequence
    from .batch import Frame, FrameBatch

__all__ = ["VideoReader"]

Method = TypeVar("Method", bound=Callable[..., Any])

# Their decoders copy packets; going through those first would double the work.
_COPYING: Final = frozenset({"rawvideo"})


def _exactly(read: Method, by_time: bool = False) -> Method:
    """Have a method repeat its read when its table proved wrong and was made anew."""

    @wraps(read)
    def exact(reader: VideoReader, /, *args: Any, **kwargs: Any) -> Any:
        return reader._stream.exactly(partial(read, reader, *args, **kwargs), by_time)

    return cast(Method, exact)


_exactly_by_time = partial(_exactly, by_time=True)


def _seconds(name: str, value: float) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number of seconds, got {value!r}") from None


class VideoReader:
    """One video stream of a source, as NumPy arrays.

    A sequence of frames, and like an array of them: ``len(reader)``, ``reader.shape``,
    ``reader[7]``, ``reader[::10]``, ``reader[[3, 1, 1]]``, ``reader[7, 10:20, ..., 0]``, or
    iterated over. The index of the frames is made by the first access that needs one. One lock
    serves the threads that share a reader; iterations have containers and decoders of their own and
    go on side by side. Readers can be pickled and are right in forked processes.

    Parameters
    ----------
    source : str, os.PathLike, bytes-like, binary file object, or sequence of paths
        A path, a URL that FFmpeg understands, a whole file in memory, or an open file, read from
        its present position on and never closed; or pictures, by a pattern
        (``"picture%03d.png"``), a glob (``"*.png"``, sorted by name) or a list of them.
    stream : int or "best"
        Which of the video streams, the first by default. "best" is FFmpeg's choice, by what is
        marked as default, size and rate: what players show, and torchcodec.
    container_format : str, optional
        FFmpeg's name of the container, where it cannot be guessed.
    options : mapping of str to str, optional
        FFmpeg's options of protocol, demuxer and decoder (``{"lowres": "1"}``), each for those that
        know it. With one that leaves frames out (``skip_frame``) read in order: numbers count all.
    index : FrameIndex, optional
        The index of another reader of the same file, which spares making it again.
    **read_options
        See :class:`.ReadOptions`; the defaults of every read, each of which can change them.

    Attributes
    ----------
    info : VideoInfo
        What the container says.
    frames_read : int
        Frames that the latest read or iteration gave, also after an error.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        The source cannot be opened.
    NotAVideoError
        It is no video, is empty, or has no such stream.
    ValueError
        An option that nothing in FFmpeg knows, or an `index` of another file.
    """

    def __init__(
        self,
        source: object,
        *,
        stream: int | str = 0,
        container_format: str | None = None,
        options: Mapping[str, str] | None = None,
        index: FrameIndex | None = None,
        **read_options: Any,
    ) -> None:
        if index is not None and not isinstance(index, FrameIndex):
            raise TypeError(
                f"index must be a FrameIndex or None, got {type(index).__name__}; "
                "frames are chosen by the reads"
            )
        check_keywords("VideoReader", read_options)
        self._latest: weakref.ref[ArrayIterator] | None = None
        self._converter: tuple[ReadOptions, FrameConverter] | None = None
        self.options: ReadOptions = ReadOptions(**read_options)
        self._source = Source(source, container_format=container_format, options=options)
        self._stream = IndexedStream(self._source, stream, self.options, index)
        self.frames_read: int = 0
        self.info: VideoInfo = self._stream.info
        if self.options.stored_format is not None:
            stored = pixel_format(self.options.stored_format).name
            self.info = replace(self.info, pixel_format=stored)

    def __repr__(self) -> str:
        info = self.info
        return f"<VideoReader {self._source.name!r} {info.codec} {info.width}x{info.height}>"

    def __enter__(self) -> VideoReader:
        self._stream.check_open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the source and stop every thread; safe to call twice.

        A read or an iteration that another thread is in the middle of ends with a ``ValueError`` at
        its next packet.
        """
        self._stream.close()

    def __getstate__(self) -> dict[str, Any]:
        """What a copy in another process needs: source, options and index, but no open files."""
        source = self._source
        if not isinstance(source.given, (str, os.PathLike, bytes, bytearray, tuple)):
            raise TypeError(f"a reader of {source.name} cannot be pickled; open a path or bytes")
        return {
            "source": source.given,
            "stream": self._stream.number,
            "container_format": source.container_format,
            "options": source.options,
            "index": self._index_to_pickle(),
            **{field.name: getattr(self.options, field.name) for field in fields(self.options)},
        }

    def _index_to_pickle(self) -> FrameIndex | None:
        """The index, if there is one and it is at hand."""
        index = self._stream.index
        if index is None or isinstance(index, FrameIndex):
            return index
        return index.complete() if self._source.local else None

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    # All frames at once, and one after the other

    def read(
        self,
        *,
        start: int = 0,
        stop: int | None = None,
        step: int = 1,
        out: NDArray[Any] | Sequence[NDArray[Any]] | None = None,
        progress: Progress = None,
        fps: float | Fraction | str | None = None,
        filter_sequence: FilterSequence | None = None,
        filter_graph: FilterGraph | None = None,
        **changes: Any,
    ) -> Arrays:
        """Read frames into one array.

        Parameters
        ----------
        start, stop, step : int
            Which frames, as in ``range``; all by default.
        out : array, or one per plane, optional
            Filled from its first frame on instead of a fresh array: shape ``(frames, ...)`` of the
            right dtype with room for all; shared memory, a memmap, a slice or a torch tensor on the
            CPU will do, anything of which NumPy makes an array without a copy.
        progress : callable or True, optional
            Called after every frame with the number of frames read so far. True shows tqdm's bar,
            which needs fastav[progress].
        fps : float, Fraction or str, optional
            Frames per second, "30000/1001", say: of every moment 1/`fps` apart, from the first
            frame on, the frame on screen, repeated or left out as need be; `start`, `stop` and
            `step` count these.
        filter_sequence, filter_graph : optional
            Filters, see :mod:`fastav.filters`; frames are then those of the filtered video.
        **changes
            Fields of :class:`.ReadOptions` that differ from the reader's own in this read.

        Returns
        -------
        ndarray of shape (N, H, W, C), (N, H, W) or (N, C, H, W)
            Exactly the frames that were decoded: a fresh C-contiguous array, or the part of `out`
            that was filled (a view). With ``planes=True`` a tuple of one array per plane.

        Raises
        ------
        DecodeError
            Damage, with ``errors="raise"``; `frames_read` tells how many frames came before it.
        FrameChangedError
            Size or pixel format change in mid-stream; says at which frame.
        MemoryError
            The frames would not fit into memory; says how large they are and what to do.
        UnsupportedFormatError
            The frames cannot become one array of the format; names what works.
        ValueError, TypeError
            `out` does not fit, or an option is wrong.
        """
        options = self.options.changed("read", changes)
        filters = filter_sequence, filter_graph
        plain = filters == (None, None) and progress in (None, False) and fps is None
        start, stop, step = check_span(start, stop, step)
        if plain and self._shares_out(options, slice(start, stop, step)):
            shared = self._read_side_by_side(options, slice(start, stop, step), out)
            if shared is not None:
                return shared
        bulk: Bulk | None = None
        try:
            chosen = self._frames(options, start, stop, step, *filters, fps)
            with (
                closing(chosen),
                told(progress, expected := len(range(*self._span(start, stop, step, fps)))) as tell,
            ):
                for first in chosen:
                    converters = options.converters(first)
                    if out is None and filters == (None, None):
                        nbytes = sum(output.nbytes for output in converters[0].outputs)
                        self._check_room(nbytes, expected, slice(start, stop, step), fps)
                    bulk = Bulk(converters, expected, out, start=start, step=step)
                    rest = chain([first], chosen)
                    bulk.extend(rest if tell is None else report(rest, tell))
        except DecodeError as error:
            error.frames_read = bulk.count if bulk else 0
            if options.errors != "keep":
                raise
        finally:
            self.frames_read = bulk.count if bulk else 0
        if bulk is None:
            bulk = self._nothing(options, out)
        arrays = bulk.finish()
        return arrays if options.planes else arrays[0]

    def _span(
        self, start: int, stop: int | None, step: int, fps: float | Fraction | str | None = None
    ) -> tuple[int, int, int]:
        end = self.info.expected_frames
        if fps is not None:
            end = min(int((self.info.duration or 0) * float(check_rate(fps))) + 1, 1 << 31)
        return start, end if stop is None else min(stop, end or stop), step

    def _check_room(
        self, nbytes: int, expected: int, span: slice, fps: float | Fraction | str | None
    ) -> None:
        """Raise ``MemoryError`` if frames of so many bytes would not fit into memory."""
        available = available_memory()
        # A header may promise too much: before anything is refused the frames are counted.
        if available is not None and expected * nbytes > available and self._source.seekable:
            frames = len(self._stream.table())
            if fps is not None:
                frames = math.floor(Fraction(self.duration) * check_rate(fps) + Fraction(1, 2))
            count = len(range(*span.indices(frames)))
            check_memory(count * nbytes, count)

    def _nothing(
        self, options: ReadOptions, out: NDArray[Any] | Sequence[NDArray[Any]] | None
    ) -> Bulk:
        """No frames, of the size that the header gives."""
        return Bulk(self._prepared(options), 0, out)

    def iter(
        self,
        *,
        start: int = 0,
        stop: int | None = None,
        step: int = 1,
        fps: float | Fraction | str | None = None,
        filter_sequence: FilterSequence | None = None,
        filter_graph: FilterGraph | None = None,
        **changes: Any,
    ) -> ArrayIterator:
        """Iterate over frames, each a fresh array (or a tuple of planes).

        Iterations are independent of each other and of reads. Closing the iterator, or leaving it
        to be collected, stops its decoder.

        Parameters
        ----------
        start, stop, step : int
            Which frames, as in ``range``; all by default.
        fps, filter_sequence, filter_graph : optional
            As in :meth:`read`.
        **changes
            Fields of :class:`.ReadOptions` that differ from the reader's own.

        Raises
        ------
        DecodeError, FrameChangedError, UnsupportedFormatError
            As in :meth:`read`.
        """
        options = self.options.changed("iter", changes)
        frames = self._frames(options, start, stop, step, filter_sequence, filter_graph, fps)
        return ArrayIterator(self._iterate(options, frames, start, step), self._source.given)

    def frames(
        self, *, start: int = 0, stop: int | None = None, step: int = 1, **changes: Any
    ) -> FrameIterator:
        """Iterate over decoded frames as PyAV has them, not converted to arrays.

        They carry the times that :attr:`pts` has for them (behind damage that is left out others,
        if the decoder gives frames out of order there), and are not turned upright. Parameters and
        errors are those of :meth:`iter`.

        Yields
        ------
        av.VideoFrame
        """
        options = self.options.changed("frames", changes)
        frames = self._frames(options, start, stop, step, by_time=True)
        return self._stream.watched(to_damage(frames)) if options.errors == "keep" else frames

    def _iterate(
        self, options: ReadOptions, frames: FrameIterator, start: int, step: int
    ) -> Iterator[Arrays]:
        converter = options.converter()
        self.frames_read = 0
        try:
            with closing(frames):
                for count, frame in enumerate(frames):
                    try:
                        arrays = converter.convert(frame)
                    except FrameChangedError as error:
                        number = start + count * step
                        raise error.at(number) from None
                    if not count:
                        let_memory_return(sum(array.nbytes for array in arrays))
                    self.frames_read = count + 1
                    yield arrays if options.planes else arrays[0]
        except DecodeError as error:
            error.frames_read = self.frames_read
            if options.errors != "keep":
                raise
        self._stream.check_open()

    def __iter__(self) -> Iterator[Arrays]:
        caller = sys._getframe(1)
        frames = self.iter()
        frames.begun_by = caller, caller.f_lasti
        self._latest = weakref.ref(frames)
        return frames

    def __length_hint__(self) -> int:
        return self.info.expected_frames

    def _is_only_a_hint(self, caller: FrameType) -> bool:
        """Whether ``list(reader)`` asks for a length, which is not worth reading the file for.

        ``list`` asks right after it has got an iterator. So the question is only a hint if the same
        call in the same frame of the interpreter has just made an iterator, and nothing has been
        taken from it. On a ``TypeError``, ``list`` uses ``__length_hint__`` instead.
        """
        latest = None if self._latest is None else self._latest()
        if self._stream.index is not None or latest is None or latest.begun_by is None:
            return False
        frame, instruction = latest.begun_by
        return frame is caller and instruction == caller.f_lasti

    # What the index tells

    @property
    def seekable(self) -> bool:
        """Whether frames can be read in any order; a pipe or socket gives each once, in order."""
        return self._source.seekable

    @property
    def index(self) -> FrameIndex:
        """The table of all frames; reading it for the first time may read the file once."""
        return self.make_index()

    def make_index(self, progress: Progress = None) -> FrameIndex:
        """Make the index, if there is none yet, and return it.

        Parameters
        ----------
        progress : callable or True, optional
            Called now and then with the number of packets read so far, if they have to be read
            (and again, from there on, if they have to be decoded). What it raises ends the work.
            True shows tqdm's bar, which needs fastav[progress].

        Raises
        ------
        ValueError
            The reader was closed, be it meanwhile.
        OSError
            The source cannot be read.
        """
        with told(progress, self.info.expected_frames, "packet") as tell, self._stream.lock:
            table = self._stream.tell(tell)
            return table if isinstance(table, FrameIndex) else table.complete()

    def __len__(self) -> int:
        """How many frames there are, 0 if none; counting them may mean to read the file once.

        It is what the packets promise, until something proves that the file is damaged: packets
        marked as such, an error of reading in order, a frame that does not come out of the decoder.
        From then on it is what decoding in order gives (with ``errors="skip"``, of all of the file,
        else up to the first damage), and that is how frames are numbered. A frame by number has at
        any rate the time that :attr:`pts` has for this number, or is an error.
        """
        if self._is_only_a_hint(sys._getframe(1)):
            raise TypeError("the number of frames is not known before they are counted")
        if not self._source.seekable:
            raise TypeError(f"{self._source.name} cannot seek, so it has no length before its end")
        return len(self._stream.tell())

    def __bool__(self) -> bool:
        return True  # as an open file; not by a length that has to be counted

    @property
    def closed(self) -> bool:
        """Whether the reader was closed."""
        return self._source.closed

    @property
    def damage(self) -> tuple[float, ...]:
        """What ``errors="skip"`` left out: an entry for each damaged packet, none if all was sound.

        When it would have been shown, in seconds on the clock of :attr:`timestamps`; NaN where
        nothing tells, as of data in which the demuxer finds no packets. It is of the latest read or
        iteration from the start of the video, as far as that has come, or of all of the video if
        that was decoded to number its frames.
        """
        return tuple(self._stream.damage)

    @property
    def pts(self) -> NDArray[np.int64]:
        """(N,) int64: when each frame is shown, in units of ``info.time_base``; read-only."""
        return self._stream.tell().pts

    @property
    def timestamps(self) -> NDArray[np.float64]:
        """(N,) float64: when each frame is shown, in seconds."""
        return self._stream.tell().timestamps

    @property
    def key_indices(self) -> NDArray[np.intp]:
        """Numbers of the frames that the container marks as key frames."""
        return np.flatnonzero(self._stream.tell().keys)

    @property
    def duration(self) -> float:
        """Seconds from the first frame's beginning to the last one's end."""
        index = self._stream.tell()
        return float((index.end - int(index.pts[0])) * index.time_base) if len(index) else 0.0

    @property
    def span(self) -> tuple[float, float]:
        """When the video begins and when it ends, in seconds on the clock of `timestamps`."""
        index = self._stream.tell()
        if not len(index):
            return 0.0, 0.0
        return float(index.pts[0] * index.time_base), float(index.end * index.time_base)

    @property
    def fps(self) -> float:
        """Frames per second: the container's average rate, or counted where it gives none."""
        if self.info.frame_rate:
            return float(self.info.frame_rate)
        return len(self._stream.tell()) / self.duration if self.duration else 0.0

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all frames as one array (of the first plane, with ``planes=True``)."""
        return (len(self._stream.tell()), *self._outputs(self.options)[0].shape)

    @property
    def ndim(self) -> int:
        """Number of axes of all frames as one array (of the first plane)."""
        return 1 + len(self._outputs(self.options)[0].shape)

    @property
    def size(self) -> int:
        """Number of elements of all frames as one array (of the first plane)."""
        return math.prod(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type of the arrays (of the first plane, with ``planes=True``)."""
        return self._outputs(self.options)[0].dtype

    def describe_frame(self, **changes: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """Tell shape and dtype of one frame, with other :class:`.ReadOptions` if need be."""
        output = self._outputs(self.options.changed("describe_frame", changes))[0]
        return output.shape, output.dtype

    @property
    def nbytes(self) -> int:
        """Bytes of all frames as arrays."""
        frame = sum(output.nbytes for output in self._outputs(self.options))
        return len(self._stream.tell()) * frame

    # By number

    @_exactly
    def __getitem__(self, key: Any) -> Arrays:
        """Read what a NumPy array of all frames would give for this key, and decode no more.

        Parameters
        ----------
        key : int, slice, ..., None, array_like of int or bool, or a tuple of these
            Negative numbers count from the end. A list, range or array (a torch tensor, too) means
            several frames, in any order and with repeats; a mask has one element per frame. A tuple
            has an entry for each axis: ``reader[3, 10:20, ..., 0]``; what it leaves out of a frame
            is not kept.

        Returns
        -------
        ndarray of shape (H, W, C), or (n, H, W, C) for all but a single number
            Fresh and C-contiguous. With ``planes=True`` a tuple of one array per plane, and the
            key may choose frames only.

        Raises
        ------
        IndexError
            A number outside the video; says which are inside.
        TypeError
            `key` is none of these.
        DecodeError
            The data is damaged where it is needed; or, found by this very access, before it. (A
            slice ends where ``len`` says, once this tells of the damage.)
        """
        stream = self._stream
        frames, lead, within, rest = select(key, lambda: stream.count, lambda: self.ndim)
        if self.options.planes and (within or rest or len(lead) > 1):
            raise TypeError("planes=True: a key chooses frames only, index the planes that come")
        if isinstance(frames, int):
            whole = self.read_frame(frames)
            if isinstance(whole, tuple) or not (within or rest):
                return whole
            part = whole[np.newaxis][rest or (0, *within)]
            return np.array(part, order="C")[()]  # with no axis left a scalar, as NumPy's
        with self._stream.reading():
            numbers = np.asarray(frames, np.int64)
            batch = gather(self._stream, numbers, self.options, None, within)
        if rest is not None:
            assert isinstance(batch, np.ndarray)
            return np.asarray(batch[rest], order="C")
        if isinstance(batch, tuple) or len(lead) == 1:
            return batch
        return batch.reshape(*lead, *batch.shape[1:])

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """All frames as one array, by way of :meth:`read`: what ``numpy.asarray`` returns."""
        if copy is False:
            raise ValueError("a video becomes an array by decoding it, which is a copy")
        if self.options.planes:
            raise TypeError("planes=True gives a tuple of arrays, which is no array")
        frames = self.read()
        assert isinstance(frames, np.ndarray)
        return frames if dtype is None else frames.astype(dtype, copy=False)

    def __dask_tokenize__(self) -> tuple[object, ...]:
        """What tells dask whether two readers give the same frames."""
        source, number = self._source.identity(), self._stream.number
        return ("fastav.VideoReader", *source, number, repr(self.options))

    @_exactly
    def read_frame(
        self,
        number: SupportsIndex,
        *,
        filter_sequence: FilterSequence | None = None,
        filter_graph: FilterGraph | None = None,
        **changes: Any,
    ) -> Arrays:
        """Read one frame.

        Parameters
        ----------
        number : int
            Negative numbers count from the end.
        filter_sequence, filter_graph : optional
            Filters, see :mod:`fastav.filters`. The number is then one of the filtered video, which
            is decoded from its start.
        **changes
            Fields of :class:`.ReadOptions` that differ from the reader's own. Other threads than
            the reader's need a decoder of their own, which is opened and closed again. With another
            ``errors="skip"``, which numbers frames otherwise, the video is decoded from its start.

        Returns
        -------
        ndarray of shape (H, W, C)
            Fresh and C-contiguous. With ``planes=True`` a tuple of one array per plane.

        Raises
        ------
        IndexError, DecodeError
            As for ``reader[number]``.
        ValueError
            ``errors="keep"`` without filters: of a single frame there is nothing to keep.
        """
        options = self.options.changed("read_frame", changes)
        number = integer("number", number)
        filtered = filter_sequence is not None or filter_graph is not None
        if changes.get("errors") == "keep" and not filtered:
            raise ValueError(
                "errors='keep' keeps the frames before damage, and a single frame has none: it is "
                "there, or DecodeError is raised"
            )
        if filtered or options.skips != self.options.skips:
            frame = self._counted_frame(number, options, filter_sequence, filter_graph)
            arrays = options.converter().convert(frame)
        else:
            with self._stream.reading():
                frame, number = self._stream.frame(number, options)
                if options.stored_format is not None:
                    frame = reinterpret(frame, options.stored_format)
                try:
                    arrays = self._shared_converter(options).convert(frame)
                except FrameChangedError as error:
                    raise error.at(number) from None
        return arrays if options.planes else arrays[0]

    def _counted_frame(
        self,
        number: int,
        options: ReadOptions,
        filter_sequence: FilterSequence | None,
        filter_graph: FilterGraph | None,
    ) -> av.VideoFrame:
        """A frame by counting from the first, for the index counts others."""
        with closing(self._decode(options, filter_sequence, filter_graph)) as frames:
            if number >= 0:
                for frame in islice(frames, number, None):
                    return frame
            else:
                last = deque(frames, maxlen=-number)
                if len(last) == -number:
                    return last[0]
        raise IndexError(f"frame {number} is out of range: the video, as it is read, is shorter")

    @_exactly
    def metadata(self, number: SupportsIndex | None = None) -> dict[str, Any]:
        """Gather what is known besides the pixels.

        Parameters
        ----------
        number : int, optional
            Of this frame, see :func:`fastav.reading.metadata.frame_metadata`; without it of the
            video, see :func:`fastav.reading.metadata.video_metadata`.
        """
        if number is None:
            return video_metadata(self.info, self.rotation)
        with self._stream.reading():
            frame, number = self._stream.frame(integer("number", number))
            if frame.pts is None and self._source.seekable:  # raw streams: the index counts
                table = self._stream.table()
                frame.pts, frame.time_base = int(table.pts[number]), table.time_base
            return frame_metadata(frame)

    @property
    @_exactly
    def rotation(self) -> int:
        """Degrees, counter-clockwise, by which the container asks to turn the pictures.

        The first frame tells, so it is decoded; a source that cannot seek is taken for upright.
        """
        return self._stream.rotation

    @_exactly
    def get_batch(
        self,
        indices: ArrayLike | range,
        out: NDArray[Any] | Sequence[NDArray[Any]] | None = None,
        **changes: Any,
    ) -> Arrays:
        """Read frames by number, decoding what they need once.

        Stretches that depend on different key frames are decoded side by side.

        Parameters
        ----------
        indices : sequence of int, or boolean mask
            In any order, with repeats; negative numbers count from the end.
        out : array, or one per plane, optional
            Filled instead of a fresh array: shape ``(n, ...)`` with room for all. As for
            :meth:`read`.
        **changes
            Fields of :class:`.ReadOptions` that differ from the reader's own: ``size=224``, ...

        Returns
        -------
        ndarray of shape (n, H, W, C)
            Fresh and C-contiguous, or the part of `out` that was filled (a view). With
            ``planes=True`` a tuple of one array per plane.

        Raises
        ------
        IndexError
            A number outside the video, or a mask of another length.
        DecodeError, FrameChangedError, UnsupportedFormatError
            As in :meth:`VideoReader.read`.
        ValueError, TypeError
            `out` does not fit, or `indices` are no numbers.
        """
        return self._batch("get_batch", indices, out, changes)[0]

    def _batch(
        self,
        caller: str,
        indices: ArrayLike | range,
        out: NDArray[Any] | Sequence[NDArray[Any]] | None,
        changes: Mapping[str, Any],
    ) -> tuple[Arrays, NDArray[np.int64]]:
        """Frames by number, and their numbers counted from 0."""
        options = self.options.changed(caller, changes)
        if changes.get("errors") == "keep":
            raise ValueError(
                "errors='keep' keeps the frames before damage; of those asked for by number all "
                "are there, or DecodeError is raised"
            )
        if options.skips != self.options.skips:
            raise ValueError(
                f"errors={options.errors!r}: the frames of this reader, opened with "
                f"errors={self.options.errors!r}, are numbered otherwise; open the file again"
            )
        with self._stream.reading():
            numbers = frame_numbers(indices, self._stream.count)
            return gather(self._stream, numbers, options, out), numbers

    def _shares_out(self, options: ReadOptions, span: slice = slice(None)) -> bool:
        """Whether several decoders side by side are the way to read a part of the video.

        They are where a decoder has no threads of its own, the file can be indexed quickly, and
        the part is large enough to make up for it.
        """
        info, threads = self.info, options.thread_count
        wanted = len(range(info.expected_frames)[span])
        if self._stream.index is None and wanted < max(WORTH_A_SCAN, info.expected_frames // 8):
            return False
        if (threads, options.thread_type) != (self.options.thread_count, None) or (
            (threads or processors()) < 2
            or not (self._source.local and self._source.seekable)
            or info.expected_frames < 2 * WORTH_A_SCAN
            or info.codec in _COPYING
        ):
            return False
        return not self._stream.has_threads

    @_exactly
    def _read_side_by_side(
        self,
        options: ReadOptions,
        span: slice,
        out: NDArray[Any] | Sequence[NDArray[Any]] | None,
    ) -> Arrays | None:
        """Frames start, start + step, ... decoded side by side; None if anything is wrong."""
        with self._stream.reading():
            try:
                table = self._stream.table()
                numbers = np.arange(*span.indices(len(table)))
                if table.damaged or not len(numbers):
                    return None
                arrays = gather(self._stream, numbers, options, out, strict=True)
            except (FastavError, OSError, ValueError):
                return None  # reading in order tells what, and how far it came
            self.frames_read, self._stream.damage = len(numbers), []
            return arrays

    # With times, by torchcodec's names

    @_exactly
    def get_frame_at(self, index: SupportsIndex, **changes: Any) -> Frame:
        """Read a frame by number; see :meth:`read_frame` for the array alone.

        Raises
        ------
        IndexError, DecodeError
            As for ``reader[index]``.
        """
        return self._frames_at("get_frame_at", [integer("index", index)], None, changes)[0]

    @_exactly
    def get_frames_at(
        self,
        indices: ArrayLike | range,
        out: NDArray[Any] | Sequence[NDArray[Any]] | None = None,
        **changes: Any,
    ) -> FrameBatch:
        """Read frames by number; as :meth:`get_batch`, which returns the array alone."""
        return self._frames_at("get_frames_at", indices, out, changes)

    def _frames_at(
        self,
        caller: str,
        indices: ArrayLike | range,
        out: NDArray[Any] | Sequence[NDArray[Any]] | None,
        changes: Mapping[str, Any],
    ) -> FrameBatch:
        from .batch import with_times

        with self._stream.reading():
            batch, numbers = self._batch(caller, indices, out, changes)
            return with_times(batch, numbers, self._stream.table())

    @_exactly
    def get_frames_in_range(
        self,
        start: int,
        stop: int,
        step: int = 1,
        out: NDArray[Any] | Sequence[NDArray[Any]] | None = None,
        **changes: Any,
    ) -> FrameBatch:
        """Read frames `start`, `start` + `step`, ... before `stop`, as ``reader[start:stop:step]``.

        Parameters
        ----------
        start, stop, step : int
            Numbers of frames; negative ones count from the end.
        out, **changes
            As in :meth:`get_batch`.

        Raises
        ------
        TypeError
            They are no integers; seconds go to :meth:`get_frames_played_in_range`.
        """
        try:
            span = slice(operator.index(start), operator.index(stop), operator.index(step))
        except TypeError:
            raise TypeError(
                f"start, stop and step are numbers of frames, got {start!r}, {stop!r} and {step!r};"
                " seconds go to get_frames_played_in_range()"
            ) from None
        numbers = range(*span.indices(self._stream.count))
        return self._frames_at("get_frames_in_range", numbers, out, changes)

    @_exactly
    def get_all_frames(
        self,
        out: NDArray[Any] | Sequence[NDArray[Any]] | None = None,
        fps: float | Fraction | str | None = None,
        **changes: Any,
    ) -> FrameBatch:
        """Read all frames; :meth:`read` returns the array alone, and needs no index.

        Parameters
        ----------
        out, **changes
            As in :meth:`get_batch`.
        fps : float or Fraction, optional
            As in :meth:`get_frames_played_in_range`.
        """
        caller, rate = "get_all_frames", None if fps is None else check_rate(fps)
        table, count = self._stream.table(), self._stream.count
        if rate is None or not len(table) or count > len(table):  # to be told what is lost
            return self._frames_at(caller, range(count), out, changes)
        end = float(table.end * table.time_base)
        return self._at_moments(caller, float(table.timestamps[0]), end, out, rate, changes)

    @_exactly_by_time
    def get_frame_played_at(self, seconds: float, **changes: Any) -> Frame:
        """Read the frame that is on screen at a time.

        A frame is on screen from its own timestamp until the next frame's.

        Parameters
        ----------
        seconds : float
            On the clock of :attr:`timestamps`, which need not start at 0.

        Raises
        ------
        ValueError
            The video is not shown at that time.
        """
        number = self._stream.table().frame_at(_seconds("seconds", seconds))
        return self._frames_at("get_frame_played_at", [number], None, changes)[0]

    @_exactly_by_time
    def get_frames_played_at(
        self,
        seconds: ArrayLike,
        out: NDArray[Any] | Sequence[NDArray[Any]] | None = None,
        **changes: Any,
    ) -> FrameBatch:
        """Read the frames that are on screen at several times.

        Parameters
        ----------
        seconds : sequence of float
            In any order, with repeats; see :meth:`get_frame_played_at`.
        out, **changes
            As in :meth:`get_batch`.

        Raises
        ------
        ValueError
            A time at which the video is not shown, or `seconds` is not a sequence.
        """
        times = np.asarray(seconds, np.float64)
        if times.ndim != 1:
            raise ValueError(
                f"seconds must have one dimension, got {times.ndim}"
                + ("; a single time goes to get_frame_played_at()" if not times.ndim else "")
            )
        index = self._stream.table()
        numbers = [index.frame_at(time) for time in times.tolist()]
        return self._frames_at("get_frames_played_at", numbers, out, changes)

    @_exactly_by_time
    def get_frames_played_in_range(
        self,
        start_seconds: float,
        stop_seconds: float,
        out: NDArray[Any] | Sequence[NDArray[Any]] | None = None,
        fps: float | Fraction | str | None = None,
        **changes: Any,
    ) -> FrameBatch:
        """Read the frames on screen in a span of time, half-open.

        Parameters
        ----------
        start_seconds, stop_seconds : float
            The frame on screen at the start is the first; a frame that begins at the stop is not
            among them.
        out, **changes
            As in :meth:`get_batch`.
        fps : float or Fraction, optional
            Frames per second: of every moment 1/`fps` apart, from the start on, the frame on
            screen; the batch's times are these moments. Without it, every frame once.

        Raises
        ------
        ValueError
            If the start is after the stop, either lies outside the video, or `fps` is not a number
            more than 0.
        MemoryError
            The frames would not fit into memory.
        """
        caller, rate = "get_frames_played_in_range", None if fps is None else check_rate(fps)
        start = _seconds("start_seconds", start_seconds)
        stop = _seconds("stop_seconds", stop_seconds)
        if rate is not None:
            return self._at_moments(caller, start, stop, out, rate, changes)
        numbers = self._stream.table().frames_between(start, stop)
        return self._frames_at(caller, numbers, out, changes)

    def _at_moments(
        self,
        caller: str,
        start: float,
        stop: float,
        out: NDArray[Any] | Sequence[NDArray[Any]] | None,
        rate: Fraction,
        changes: Mapping[str, Any],
    ) -> FrameBatch:
        """Frames on screen at moments that follow at a rate, with these as their times."""
        table, fps = self._stream.table(), float(rate)
        count = table.count_at_rate(start, stop, fps)
        outputs = self._outputs(self.options.changed(caller, changes))
        frame = sum(output.nbytes for output in outputs) if out is None else 0
        check_memory(count * (frame + MOMENT), count)
        at, moments = table.frames_at_rate(start, count, fps)
        batch = self._frames_at(caller, at, out, changes)
        return replace(batch, pts_seconds=moments, duration_seconds=np.full(len(at), 1 / fps))

    @_exactly
    def sample(
        self,
        n: int,
        *,
        spread: str = "ends",
        out: NDArray[Any] | Sequence[NDArray[Any]] | None = None,
        **changes: Any,
    ) -> FrameBatch:
        """Read `n` frames spread evenly over the video, as models of language and video want them.

        Parameters
        ----------
        n : int
            How many; where there are fewer, some come more than once.
        spread : {"ends", "centres"}
            "ends": the first and the last frame and what lies evenly between, rounded half to even,
            as ``numpy.linspace(0, N - 1, n).round()``; of one frame the first. "centres": the
            frames in the middle of `n` equal parts.
        out, **changes
            As in :meth:`get_batch`.

        Raises
        ------
        ValueError
            The video has no frames, or an argument is wrong.
        DecodeError
            As in :meth:`get_batch`.

        See Also
        --------
        fastav.samplers : clips, by number and by time.
        """
        numbers = spread_numbers(self._stream.count, n, spread)
        return self._frames_at("sample", numbers, out, changes)

    # To look at

    @_exactly
    def sheet(
        self,
        n: int = 12,
        *,
        width: int = 1280,
        columns: int | None = None,
        times: bool = True,
        spread: str = "centres",
    ) -> NDArray[np.uint8]:
        """Draw a contact sheet: `n` frames spread over the video, upright, in rows.

        Parameters
        ----------
        n, columns : int
            How many frames, and how many side by side; by default a sheet about twice as wide as
            high.
        width : int
            Of the sheet, in pixels. Frames keep their shape, and that of their pixels.
        times : bool
            Write below each when it is shown.
        spread : {"centres", "ends"}
            Which frames, see :meth:`sample`.

        Returns
        -------
        ndarray of shape (H, width, 3) and dtype uint8
            RGB, whatever the reader's format.

        Raises
        ------
        ValueError
            The video has no frames, or the sheet no room for them.
        DecodeError
            As in :meth:`get_batch`; with ``errors="keep"`` the sheet is of the frames before the
            damage.
        """
        from .sheet import contact_sheet

        return contact_sheet(self._stream, self.options, n, width, columns, times, spread)

    def _repr_html_(self) -> str:
        """What a notebook shows: facts, and some small pictures if they are had quickly."""
        from .sheet import html

        return html(self._stream, self.options, self.info)

    # In order

    def batches(
        self,
        size: int,
        /,  # frames have a size too, among the changes
        *,
        start: int = 0,
        stop: int | None = None,
        step: int = 1,
        fps: float | Fraction | str | None = None,
        **changes: Any,
    ) -> Iterator[Arrays]:
        """Iterate over frames in batches, each a fresh array; the last may be shorter.

        Parameters
        ----------
        size : int
            Frames per batch.
        start, stop, step : int
            Which frames, as in ``range``.
        fps : float or Fraction, optional
            As in :meth:`read`.
        **changes
            Fields of :class:`.ReadOptions` that differ from the reader's own.

        Yields
        ------
        ndarray of shape (n, H, W, C)
        """
        if integer("size", size) < 1:
            raise ValueError(f"size must be 1 or more, got {size}")
        options = self.options.changed("batches", changes)
        frames = self._frames(options, start, stop, step, fps=fps)
        return self._collect(frames, size, options, start, step)

    def _collect(
        self,
        frames: FrameIterator,
        size: int,
        options: ReadOptions,
        start: int,
        step: int,
    ) -> Iterator[Arrays]:
        converters: list[FrameConverter] = []
        self.frames_read = 0
        with closing(frames):
            ended = False
            while not ended:
                bulk: Bulk | None = None
                try:
                    for first in frames:
                        if not converters:
                            converters = options.converters(first)
                        for converter in converters:
                            converter.prepare(first)
                        begin = start + self.frames_read * step
                        bulk = Bulk(converters, size, start=begin, step=step)
                        bulk.extend(chain([first], islice(frames, size - 1)))
                        break
                except DecodeError as error:
                    ended = True
                    error.frames_read = self.frames_read + (bulk.count if bulk else 0)
                    if options.errors != "keep":
                        self.frames_read = error.frames_read
                        raise
                if bulk is None or not bulk.count:
                    break
                self.frames_read += bulk.count
                arrays = bulk.finish()
                yield arrays if options.planes else arrays[0]
        self._stream.check_open()

    def _decode(
        self,
        options: ReadOptions,
        filter_sequence: FilterSequence | None,
        filter_graph: FilterGraph | None,
        by_time: bool = False,
    ) -> Generator[av.VideoFrame]:
        """All frames from the first, through filters if there are any."""
        frames = self._stream.in_order(options)
        if by_time or filter_sequence is not None or filter_graph is not None:
            frames = timed(frames, self.info.frame_rate, self._numbered)
        if options.stored_format is not None:
            frames = restated(frames, options.stored_format)
        if filter_sequence is None and filter_graph is None:
            return frames
        from ..filters import FilterChain

        make_chain = partial(
            FilterChain,
            filter_sequence,
            filter_graph,
            frame_rate=self.info.frame_rate,
            pixel_aspect=self.info.pixel_aspect,
        )
        return through_filters(frames, make_chain)

    def _frames(
        self,
        options: ReadOptions,
        start: int,
        stop: int | None,
        step: int,
        filter_sequence: FilterSequence | None = None,
        filter_graph: FilterGraph | None = None,
        fps: float | Fraction | str | None = None,
        by_time: bool = False,
    ) -> FrameIterator:
        """Frames from `start` on, with a decoder of their own that `close` closes."""
        with self._stream.reading():
            start, stop, step = check_span(start, stop, step)
            filtered = filter_sequence is not None or filter_graph is not None
            near = start < WORTH_A_SCAN if self._stream.index is None else start == 0
            near = near or options.skips != self.options.skips  # the index numbers otherwise
            if near or filtered or fps is not None or not self._source.seekable:
                by_time = by_time or fps is not None
                frames = self._decode(options, filter_sequence, filter_graph, by_time)
                if fps is not None:
                    frames = at_rate(frames, check_rate(fps), self.info.frame_rate)
                frames = part_of(frames, start, stop, step)
            else:
                frames = self._stream.each(start, stop, step, options)
                if options.stored_format is not None:
                    frames = restated(frames, options.stored_format)
            return self._stream.watched(frames)

    @property
    def _numbered(self) -> bool:
        """Whether packets are counted as they are decoded, and frames may have another order."""
        return self.info.container == "avi" and av.codec.Codec(self.info.codec, "r").reorder

    def _prepared(self, options: ReadOptions) -> FrameConverter:
        """A converter whose outputs are those of the video's first frame."""
        converter = options.converter()
        converter.prepare(self._stream.model(options))
        return converter

    def _shared_converter(self, options: ReadOptions) -> FrameConverter:
        if self._converter is None or self._converter[0] is not options:
            self._converter = options, self._prepared(options)
        return self._converter[1]

    @_exactly
    def _outputs(self, options: ReadOptions) -> tuple[Output, ...]:
        with self._stream.lock:
            return self._shared_converter(options).outputs

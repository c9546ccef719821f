"""VideoReader: a video source as NumPy arrays."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, fields, replace
from itertools import chain
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from .access import processors
from .bulk import WORTH_A_THREAD, Bulk
from .container import Source, VideoInput, check_threads, open_input
from .convert import ConversionOptions, FrameConverter
from .errors import DecodeError, FrameChangedError
from .formats import pixel_format
from .index import FrameIndex
from .info import VideoInfo, describe
from .sequence import Arrays, FrameSequence

if TYPE_CHECKING:
    from .filters import FilterGraph, FilterSequence

__all__ = ["READER_KEYWORDS", "ReadOptions", "VideoReader", "check_keywords"]

# So many converters keep up with a decoder that does little else than copy.
_CREW: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions(ConversionOptions):
    """How a video becomes arrays; every field is a keyword of ``fastav.open`` and of the reads.

    Attributes
    ----------
    format, planes, resize, conversion, layout, dtype, ...
        How a frame becomes an array, see :class:`fastav.convert.ConversionOptions`.
    errors : {"raise", "keep"}
        At damage: raise ``DecodeError``, or keep the frames that came before it. Errors of the
        system (a time-out, say) are raised in any case.
    thread_count : int
        Threads of the decoder, up to 1024; 0 lets FFmpeg choose. With 1, bulk reading starts no
        thread at all; else large frames are converted while others are decoded, and where a
        decoder has no threads (mjpeg, mpeg2, ...) several share a local file among them.
    thread_type : {"FRAME", "SLICE", "AUTO", "NONE"} or None
        None is "FRAME", which has the best throughput.
    rotate : bool
        Turn pictures upright, as the container's display matrix asks.
    stored_format : str or None
        What the samples of raw video really are, where its container cannot say so: mosaics in AVI
        and MOV ("bayer_rggb8", "bayer_rggb16le", ...), say, which FFmpeg takes for ``pal8`` or
        ``rgb555``. A format of one plane whose rows have as many bytes as those of the first plane
        that FFmpeg decodes.
    """

    errors: str = "raise"
    thread_count: int = 0
    thread_type: str | None = None
    rotate: bool = False
    stored_format: str | None = None

    def __post_init__(self) -> None:
        ConversionOptions.__post_init__(self)
        if self.errors not in ("raise", "keep"):
            raise ValueError(f"errors must be 'raise' or 'keep', got {self.errors!r}")
        check_threads(self.thread_count, self.thread_type)
        if self.stored_format is not None:
            if pixel_format(self.stored_format).plane_count != 1:
                raise ValueError(
                    f"stored_format must be a format of one plane, got {self.stored_format!r}"
                )
            if self.rotate:
                raise ValueError("stored_format and rotate do not go together; use numpy.rot90")

    def converter(self) -> FrameConverter:
        """A converter for one pass over a video."""
        if self.rotate:
            from .orient import UprightConverter

            return UprightConverter(self)
        return FrameConverter(self)

    def converters(self, first: av.VideoFrame) -> list[FrameConverter]:
        """As many converters as should work side by side, prepared by the first frame."""
        one = self.converter()
        nbytes = sum(output.nbytes for output in one.prepare(first))
        # Copying is bound by memory, which one thread can keep busy.
        alone = one.copies or nbytes < WORTH_A_THREAD
        crew = 1 if alone else min(self.thread_count or processors(), _CREW)
        others = [self.converter() for _ in range(crew - 1)]
        for other in others:
            other.prepare(first)
        return [one, *others]


READER_KEYWORDS: Final = frozenset({"stream", "container_format", "options", "index"})


def check_keywords(caller: str, given: Iterable[str], also: Iterable[str] = ()) -> None:
    """Raise the ``TypeError`` of a function that takes the fields of :class:`ReadOptions`.

    Parameters
    ----------
    caller : str
        What the user called.
    given : iterable of str
        The keywords.
    also : iterable of str
        What is taken besides.
    """
    known = {field.name for field in fields(ReadOptions)} | set(also)
    for name in given:
        if name not in known:
            from difflib import get_close_matches

            near = get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise TypeError(f"{caller}() got an unexpected keyword argument {name!r}{hint}")


class VideoReader(FrameSequence):
    """One video stream of a source, as NumPy arrays.

    A sequence of frames: ``len(reader)``, ``reader[7]``, ``reader[::10]``, ``reader[[3, 1, 1]]``,
    or iterated over. Reader and frames may be shared between threads; readers can be pickled and
    are right in forked processes.

    Parameters
    ----------
    source : str, os.PathLike, bytes-like, or binary file object
        A path, a URL that FFmpeg understands, a whole file in memory, or an open file, read from
        its present position on and never closed.
    stream : int
        Which of the video streams.
    container_format : str, optional
        FFmpeg's name of the container, where it cannot be guessed.
    options : mapping of str to str, optional
        FFmpeg's options of demuxer and decoder.
    index : FrameIndex, optional
        The index of another reader of the same file, which spares making it again.
    **read_options
        See :class:`ReadOptions`; the defaults of every read, each of which can change them.

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
    """

    def __init__(
        self,
        source: object,
        *,
        stream: int = 0,
        container_format: str | None = None,
        options: Mapping[str, str] | None = None,
        index: FrameIndex | None = None,
        **read_options: Any,
    ) -> None:
        super().__init__(index)
        self._input: VideoInput | None = None
        self._closed = False
        check_keywords("VideoReader", read_options)
        self.options = ReadOptions(**read_options)
        self._source = Source(source, container_format=container_format, options=options)
        self._stream = stream
        self.frames_read = 0
        self._input = self._open(self.options)
        self.info: VideoInfo = describe(self._input)
        if self.options.stored_format is not None:
            stored = pixel_format(self.options.stored_format).name
            self.info = replace(self.info, pixel_format=stored)
        if index is not None and index.file_size != self._input.container.size:
            self.close()
            raise ValueError(
                f"index is of a file of {index.file_size} bytes, {self._source.name!r} is another"
            )

    def __repr__(self) -> str:
        info = self.info
        return f"<VideoReader {self._source.name!r} {info.codec} {info.width}x{info.height}>"

    def __enter__(self) -> VideoReader:
        self._check_open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the source and stop every thread; safe to call twice."""
        with self._lock:
            self._closed = True
            self._stop_iterations()
            self._rest()
            if self._pipe is not None:
                self._pipe.close()
                self._pipe = None
            if self._input is not None:
                self._input.close()
                self._input = None

    def __getstate__(self) -> dict[str, Any]:
        """What a copy in another process needs: source, options and index, but no open files."""
        source = self._source
        if not isinstance(source.given, (str, os.PathLike, bytes, bytearray)):
            raise TypeError(f"a reader of {source.name} cannot be pickled; open a path or bytes")
        return {
            "source": source.given,
            "stream": self._stream,
            "container_format": source.container_format,
            "options": source.options,
            "index": self._index,
            **{field.name: getattr(self.options, field.name) for field in fields(self.options)},
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def _open(self, options: ReadOptions) -> VideoInput:
        return open_input(
            self._source,
            stream=self._stream,
            thread_count=options.thread_count,
            thread_type=options.thread_type,
        )

    def _start(self, options: ReadOptions) -> VideoInput:
        """An input at its start with these threads: the one from opening if it still fits."""
        with self._lock:
            self._check_open()
            waiting, self._input = self._input, None
        if waiting is not None:
            if (options.thread_count, options.thread_type) == (
                self.options.thread_count,
                self.options.thread_type,
            ) or not self._source.reopenable:
                return waiting
            waiting.close()
        return self._open(options)

    def read(
        self,
        *,
        start: int = 0,
        stop: int | None = None,
        step: int = 1,
        out: NDArray[Any] | Sequence[NDArray[Any]] | None = None,
        progress: Callable[[int], object] | None = None,
        filter_sequence: FilterSequence | None = None,
        filter_graph: FilterGraph | None = None,
        **changes: Any,
    ) -> Arrays:
        """Read frames into one array.

        Parameters
        ----------
        start, stop, step : int
            Which frames, as in ``range``; all by default.
        out : ndarray, or one per plane, optional
            Filled from its first frame on instead of a fresh array: shape ``(frames, ...)`` of the
            right dtype with room for all; shared memory, a memmap or a slice will do.
        progress : callable, optional
            Called after every frame with the number of frames read so far.
        filter_sequence, filter_graph : optional
            Filters, see :mod:`fastav.filters`; frames are then those of the filtered video.
        **changes
            Fields of :class:`ReadOptions` that differ from the reader's own in this read.

        Returns
        -------
        ndarray of shape (N, H, W, C), (N, H, W) or (N, C, H, W)
            Exactly the frames that were decoded: a fresh C-contiguous array, or the part of `out`
            that was filled (a view). With ``planes=True`` a tuple of one array per plane.

        Raises
        ------
        DecodeError
            Damage, unless ``errors="keep"``; `frames_read` tells how many frames came before it.
        FrameChangedError
            Size or pixel format change in mid-stream; says at which frame.
        UnsupportedFormatError
            The frames cannot become one array of the format; names what works.
        ValueError, TypeError
            `out` does not fit, or an option is wrong.
        """
        check_keywords("read", changes)
        options = replace(self.options, **changes)
        plain = filter_sequence is None and filter_graph is None and progress is None
        if plain and min(start, stop or 0) >= 0 and step > 0 and self._shares_out(options):
            shared = self._read_side_by_side(options, slice(start, stop, step), out)
            if shared is not None:
                return shared
        bulk: Bulk | None = None
        try:
            chosen = self._frames(options, start, stop, step, filter_sequence, filter_graph)
            with closing(chosen):
                expected = len(range(*self._span(start, stop, step)))
                for first in chosen:
                    bulk = Bulk(options.converters(first), expected, out, start=start, step=step)
                    rest = chain([first], chosen)
                    bulk.extend(rest if progress is None else _report(rest, progress))
        except DecodeError as error:
            error.frames_read = bulk.count if bulk else 0
            if options.errors == "raise":
                raise
        finally:
            self.frames_read = bulk.count if bulk else 0
        if bulk is None:
            bulk = self._nothing(options, out)
        arrays = bulk.finish()
        return arrays if options.planes else arrays[0]

    def _span(self, start: int, stop: int | None, step: int) -> tuple[int, int, int]:
        end = self.info.expected_frames
        return start, end if stop is None else min(stop, end or stop), step

    def _nothing(
        self, options: ReadOptions, out: NDArray[Any] | Sequence[NDArray[Any]] | None
    ) -> Bulk:
        """No frames, of the size that the header gives."""
        try:
            return Bulk(self._prepared(options), 0, out)
        except IndexError:
            raise DecodeError(f"{self._source.name!r} has no frame that can be decoded") from None

    def iter(
        self,
        *,
        start: int = 0,
        stop: int | None = None,
        step: int = 1,
        filter_sequence: FilterSequence | None = None,
        filter_graph: FilterGraph | None = None,
        **changes: Any,
    ) -> Iterator[Arrays]:
        """Iterate over frames, each a fresh array (or a tuple of planes).

        Iterations are independent of each other and of reads. Closing the iterator, or leaving it
        to be collected, stops its decoder.

        Parameters
        ----------
        start, stop, step : int
            Which frames, as in ``range``; all by default.
        filter_sequence, filter_graph : optional
            Filters, see :mod:`fastav.filters`; frames are then those of the filtered video.
        **changes
            Fields of :class:`ReadOptions` that differ from the reader's own.

        Raises
        ------
        DecodeError, FrameChangedError, UnsupportedFormatError
            As in :meth:`read`.
        """
        check_keywords("iter", changes)
        options = replace(self.options, **changes)
        frames = self._frames(options, start, stop, step, filter_sequence, filter_graph)
        return self._iterate(options, frames, start, step)

    def _iterate(
        self, options: ReadOptions, frames: Generator[av.VideoFrame], start: int, step: int
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
                        raise FrameChangedError(f"frame {number} is {error}", number) from None
                    if not count:
                        _let_memory_return(sum(array.nbytes for array in arrays))
                    self.frames_read = count + 1
                    yield arrays if options.planes else arrays[0]
        except DecodeError as error:
            error.frames_read = self.frames_read
            if options.errors == "raise":
                raise
        self._check_open()

    def __iter__(self) -> Iterator[Arrays]:
        return self.iter()


def _let_memory_return(nbytes: int) -> None:
    """Have the allocator keep blocks of this size for the next frame.

    glibc's hands a large freed block back to the system at once, and the next frame's every page
    is faulted in anew, until it has seen a block freed that is larger still (up to 32 MiB; mallopt
    in malloc(3), M_MMAP_THRESHOLD). This one is never touched, so it costs two system calls.
    """
    np.empty(min(4 * nbytes, (32 << 20) - (1 << 16)), np.uint8)


def _report(
    frames: Iterator[av.VideoFrame], progress: Callable[[int], object]
) -> Iterator[av.VideoFrame]:
    """Pass frames on; when the next is asked for, the one before has been read."""
    for number, frame in enumerate(frames, 1):
        yield frame
        progress(number)

"""IndexedStream: a video stream, opened when needed, and the table of its frames that is believed.

The table is the container's own if that suffices (:mod:`.tables`), else one made by reading all
packets (:mod:`.scan`). It is believed until something contradicts it. If a packet is not the one
that it has in that place (``WrongTable``), all packets are read. If the decoder gives other frames
than it promises (``BrokenPromise``), or reading in order came to another number of frames, all
packets are decoded. What was read by the former table is then read again. The numbers that it was
asked by stay what they were if the new table is shorter, so that who was promised more gets an
error and not less.
"""

from __future__ import annotations

import io
import threading
import weakref
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import av
from av.codec import Capabilities

from ..errors import DecodeError
from ..forks import renew_in_child
from ..pixels.formats import pixel_format
from ..pixels.packing import reinterpret
from ..progress import Advance
from ..pyav import file_size
from ..workers import processors
from .decode import Damage, decode_all
from .frames import FrameIterator, OneWay, part_of
from .index import TABLED, BrokenPromise, FrameIndex, WrongTable
from .info import VideoInfo, describe
from .input import VideoInput, open_input
from .keys import out_of_range
from .options import ReadOptions
from .source import Source

# What makes an index and reads by it is imported when that is asked for: programs that only read
# videos from the first frame on begin 2 ms sooner.
if TYPE_CHECKING:
    from .access import FrameAccess, Opener
    from .tables import Outline

__all__ = ["IndexedStream"]

Result = TypeVar("Result")


class _Edition(NamedTuple):
    """How often the table was made anew, and how often with as many frames as before or more."""

    times: int = 0
    numbers: int = 0


class IndexedStream:
    """One video stream of a source, its frames known by number.

    Parameters
    ----------
    source : Source
    stream : int or "best"
        See :func:`.input.open_input`.
    options : ReadOptions
        Of the decoder's threads.
    index : FrameIndex, optional
        Of another stream of the same file.

    Attributes
    ----------
    number : int
        Of the stream among the video streams.
    info : VideoInfo
        What the container says.
    index : FrameIndex, Outline or None
        The table that is believed at present; None before one is needed.
    damage : Damage
        What was left out (``errors="skip"``) by the latest reading in order, or of the index.
    lock : threading.RLock
        Held while frames are read by number. Iterations take it only to begin.

    Raises
    ------
    NotAVideoError, OSError
        The source cannot be opened.
    ValueError
        `index` is of another file.
    """

    def __init__(
        self, source: Source, stream: int | str, options: ReadOptions, index: FrameIndex | None
    ) -> None:
        self.source = source
        self.index: FrameIndex | Outline | None = index
        self.damage: Damage = []
        self.lock: threading.RLock = threading.RLock()
        self._options = options
        self._scanned = False  # whether all packets were read for the index
        self._edition = _Edition()
        self._counted: tuple[int, bool] | None = None  # what reading in order gave: frames, damage
        self._promise: int | None = None  # how many frames there seemed to be, until told otherwise
        self._access: FrameAccess | None = None
        self._pipe: OneWay | None = None
        self._iterations: weakref.WeakSet[FrameIterator] = weakref.WeakSet()
        self.number: int | str = stream
        video = self._open(options)
        self.number = video.number
        self.info: VideoInfo = describe(video)
        self._waiting: VideoInput | None = video  # open, and not yet read from
        renew_in_child(self)
        if index is not None:
            self._check_index(index, video)
            if options.skips and not index.proved:
                self.index = None  # it may count what will be left out

    def _check_index(self, index: FrameIndex, video: VideoInput) -> None:
        from .scan import packet_digest

        if index.damaged and index.skips != self._options.skips:
            self.close()
            how, other = ("with", "without") if index.skips else ("without", "with")
            raise ValueError(
                f"index does not fit: the file is damaged, and its frames are numbered {how} "
                f"errors='skip' otherwise than {other}"
            )
        try:
            difference = index.difference(
                file_size(video.container),
                video.stream.index,
                video.stream.codec_context.codec.canonical_name,
                packet_digest(self.source, index.packets),
            )
        except OSError:
            self.close()
            raise
        if difference is not None:
            self.close()
            raise ValueError(f"index does not fit {self.source.name!r}: it is of {difference}")

    def renew(self) -> None:
        """Open anew, in a forked child, what was open in the parent."""
        self.lock = threading.RLock()
        for iteration in list(self._iterations):
            iteration.renew()
        self._access = self._waiting = self._pipe = None

    def close(self) -> None:
        """Close all that is open; what other threads read ends at its next packet."""
        self.source.closed = True
        with self.lock:
            for iteration in list(self._iterations):
                iteration.stop()
            self.release()
            if self._pipe is not None:
                self._pipe.close()
                self._pipe = None
            if self._waiting is not None:
                self._waiting.close()
                self._waiting = None

    def release(self) -> None:
        """Close what is open and can be opened again."""
        self.source.hang_up()
        if self._access is not None:
            self._access.close()
            self._access = None
        if self._waiting is not None and self.source.seekable:
            self._waiting.close()
            self._waiting = None

    def check_open(self) -> None:
        """Raise ``ValueError`` if the stream was closed."""
        if self.source.closed:
            raise ValueError("the reader is closed")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Have the lock, of a stream that is open."""
        with self.lock:
            self.check_open()
            yield

    # Opening

    def _open(self, options: ReadOptions) -> VideoInput:
        return self._opener(options)(0)

    def _opener(self, options: ReadOptions) -> Opener:
        # (A function that keeps the stream would be kept by it, and no container closed in time.)
        source, number = self.source, self.number

        def open_with(threads: int) -> VideoInput:
            return open_input(
                source,
                stream=number,
                thread_count=threads or options.thread_count,
                thread_type=options.thread_type,
            )

        return open_with

    def _suits(self, options: ReadOptions) -> bool:
        """Whether a decoder that was opened with the stream's own options has their threads."""
        return options.decoder_threads == self._options.decoder_threads

    def start(self, options: ReadOptions) -> VideoInput:
        """An input at its start with these threads: the one from opening if it still fits."""
        with self.lock:
            self.check_open()
            waiting, self._waiting = self._waiting, None
        if waiting is not None:
            if options.skips and not self.source.seekable:
                # Several would lose frames in flight, for which it cannot be opened again.
                waiting.stream.codec_context.thread_count = 1
            if self._suits(options) or not self.source.seekable:
                return waiting
            waiting.close()
        return self._open(options)

    def _start_alone(self) -> VideoInput:
        """An input at its start for a single frame, on which several threads cannot work."""
        video = self.start(self._options)
        if self._pixels and not video.stream.codec_context.is_open:
            video.stream.codec_context.thread_count = 1
        return video

    @property
    def _pixels(self) -> int:
        """Pixels of a frame, if the decoder's threads may be chosen for each access, or else 0.

        They may if nobody asked for certain ones, and opening the source once more costs little.
        """
        info, source = self.info, self.source
        if self._options.decoder_threads != (0, None) or not (source.local and source.seekable):
            return 0
        return info.width * info.height if self.has_threads else 0

    @property
    def has_threads(self) -> bool:
        """Whether the decoder can work on several frames at once."""
        can = int(av.codec.Codec(self.info.codec, "r").capabilities)
        return bool(can & (Capabilities.frame_threads | Capabilities.auto_threads))

    def watched(self, frames: Generator[av.VideoFrame]) -> FrameIterator:
        """Frames that `close` stops."""
        iteration = FrameIterator(frames, self.source.given)
        self._iterations.add(iteration)
        return iteration

    # The table

    def table(self, progress: Advance | None = None) -> FrameIndex | Outline:
        """The table of all frames, by the container's tables if they suffice, else by a scan.

        Where damage is skipped only decoding tells which frames there are.
        """
        with self.lock:
            if self.index is None:
                self._check_countable()
                video, self._waiting = self._waiting, None
                if video is None:
                    video = self._open(self._options)
                from .tables import read_outline

                skips = self._options.skips
                self.index = outline = None if skips else read_outline(video)
                if outline is None:
                    self._scan(None if video.closed else video, prove=skips, progress=progress)
                else:
                    self._access = self._share(outline, video)
                assert self.index is not None
                if self.index.damaged and not skips and self._counted is None:
                    self._promise = max(len(self.index.packets), len(self.index) + 1)
            promised = len(self.index), False
            if self._counted not in (None, promised) and not self.index.proved:
                # Reading in order gave other frames than the packets promise.
                self._doubt(self.index, prove=True)
                self._promise = None
            return self.index

    def tell(self, progress: Advance | None = None) -> FrameIndex | Outline:
        """The table, for somebody who learns from it how many frames there are."""
        table = self.table(progress)
        self._promise = None
        return table

    @property
    def count(self) -> int:
        """How many frames numbers are of: with lost ones, until somebody is told of the damage."""
        return max(len(self.table()), self._promise or 0)

    def _check_countable(self) -> None:
        self.check_open()
        if not self.source.seekable:
            raise io.UnsupportedOperation(
                f"{self.source.name} cannot seek, so the number of frames is not known before its "
                "end; iterate over it, or save it to a file first"
            )

    def _scan(
        self,
        video: VideoInput | None,
        prove: bool = False,
        progress: Advance | None = None,
    ) -> FrameIndex:
        """Make the index by reading all packets, and decoding all of them to prove it."""
        from .scan import build_index

        def advance(count: int) -> None:
            self.check_open()
            if progress is not None:
                progress(count)

        open_with = self._opener(self._options)
        if video is None:
            video = open_with(0)
        try:
            damage: Damage | None = [] if self._options.skips else None
            self.index = index = build_index(lambda: open_with(1), video, prove, advance, damage)
            if damage:
                self.damage = damage
            self._scanned = True
            self._access = self._share(index, video)
        except BaseException:
            video.close()  # else it stays open as long as the error is kept
            raise
        return index

    def in_order(self, options: ReadOptions) -> Generator[av.VideoFrame]:
        """All frames from the first, with a decoder of their own."""
        damage: Damage = []
        self.damage = damage

        def note(frames: int, damaged: bool) -> None:
            if options.skips == self._options.skips:
                self._counted, self._promise = (frames, damaged), None

        return decode_all(lambda: self.start(options), note, damage if options.skips else None)

    def _doubt(self, table: FrameIndex | Outline, prove: bool) -> None:
        """Make the index anew after a table proved wrong, unless another thread has done so."""
        with self.reading():
            if self.index is not table:
                return
            self.release()
            index = self._scan(None, prove)
            times, numbers = self._edition
            if len(index) < len(table):
                self._promise = max(len(table), self._promise or 0)
            self._edition = _Edition(times + 1, numbers + (len(index) >= len(table)))

    def exactly(self, read: Callable[[], Result], by_time: bool = False) -> Result:
        """Read by the table, again if that has changed meanwhile.

        A shorter one changes nothing for what was asked for by number, but for what was by time.
        """
        while True:
            edition = self._edition
            try:
                result = read()
            except (WrongTable, IndexError):
                if self._edition.numbers == edition.numbers:
                    raise
                continue
            now = self._edition
            if now == edition or (not by_time and now.numbers == edition.numbers):
                return result

    def by_number(self, last: int, read: Callable[[], Result]) -> Result:
        """Read frames up to number `last` that the table had, again if it got shorter meanwhile.

        Raises
        ------
        DecodeError
            It does not have them any more.
        WrongTable
            They have other numbers.
        """
        while True:
            table = self.table()
            if last >= len(table):
                self._promise = None
                what = f"{out_of_range(last, len(table))}: the file is damaged, and promised more"
                raise DecodeError(what, len(table))
            edition = self._edition
            try:
                return read()
            except IndexError:
                if self.index is table:
                    raise
            except WrongTable as wrong:
                self._doubt(table, prove=isinstance(wrong, BrokenPromise))
                if self._edition.numbers != edition.numbers:
                    raise

    # Frames by number

    def frame(self, number: int, options: ReadOptions | None = None) -> tuple[av.VideoFrame, int]:
        """A decoded frame and its number counted from 0."""
        if not self.source.seekable:
            if self._pipe is None:
                self._pipe = OneWay(self.in_order(self._options), self.source.name)
            return self._pipe.frame(number), number
        options = options or self._options
        if number == 0 and self.index is None and self._suits(options):
            damage: Damage | None = [] if options.skips else None
            with closing(decode_all(self._start_alone, damage=damage)) as frames:  # needs no index
                for frame in frames:
                    return frame, 0
        count = self.count
        if not -count <= number < count:
            raise out_of_range(number, count)
        number %= count

        def read() -> av.VideoFrame:
            with self.access(options) as access:
                return access.frame(number)

        return self.by_number(number, read), number

    def model(self, options: ReadOptions) -> av.VideoFrame:
        """A frame like the video's first, in size, format and rotation."""
        info = self.info
        # (A decoder that was given options may do otherwise than the container says.)
        told = bool(info.width and info.height) and not (options.rotate or self.source.options)
        stored = self._options.stored_format
        format = info.pixel_format if stored is None else pixel_format(stored).name
        if told and options.stored_format == stored and format is not None:
            return av.VideoFrame(info.width, info.height, format)
        if not len(self.table()):
            if told and options.format is not None:
                return av.VideoFrame(info.width, info.height, "yuv420p")  # no frame will come
            raise DecodeError(
                f"{self.source.name!r} has no frame that can be decoded, and does not say what it "
                "would be like"
            )
        model, _ = self.frame(0)
        if options.stored_format is not None:
            model = reinterpret(model, options.stored_format)
        return model

    @property
    def rotation(self) -> int:
        """Degrees, counter-clockwise, by which the container asks to turn the pictures."""
        if not self.source.seekable:
            return 0
        with self.reading(), suppress(DecodeError, IndexError):
            return int(self.frame(0)[0].rotation)
        return 0

    def each(
        self, start: int, stop: int | None, step: int, options: ReadOptions
    ) -> Generator[av.VideoFrame]:
        """Frames `start`, `start` + `step`, ... before `stop`, with a decoder of their own."""
        table = self.table()
        if table.damaged and not options.skips and (stop is None or stop > len(table)):
            # Reading in order tells what is wrong, and gives what comes before it.
            yield from part_of(self.in_order(options), start, stop, step)
            return
        numbers = range(*slice(start, stop, step).indices(len(table)))
        with closing(self._make_access(table, options, workers=1)) as access:
            try:
                for number in numbers:
                    yield access.frame(number)
                return
            except WrongTable as wrong:
                self._doubt(table, prove=isinstance(wrong, BrokenPromise))
        yield from self.each(number, stop, step, options)

    @contextmanager
    def access(self, options: ReadOptions, strict: bool = False) -> Iterator[FrameAccess]:
        """The decoders for frames by number.

        They are those that stay open from one read to the next; but others, opened and closed
        again, if `options` ask for other threads, or with `strict` (see :class:`FrameAccess`).
        """
        table = self.table()  # may make those that stay open as well
        if strict or not self._suits(options):
            with closing(self._make_access(table, options, strict=strict)) as access:
                yield access
        else:
            if self._access is None:
                self._access = self._share(table)
            yield self._access

    def _share(self, table: FrameIndex | Outline, video: VideoInput | None = None) -> FrameAccess:
        """Decoders that stay open from one read to the next."""
        return self._make_access(table, self._options, video, pixels=self._pixels)

    def _make_access(
        self,
        table: FrameIndex | Outline,
        options: ReadOptions,
        video: VideoInput | None = None,
        workers: int = 0,
        strict: bool = False,
        pixels: int = 0,
    ) -> FrameAccess:
        from .access import FrameAccess

        return FrameAccess(
            self._opener(options),
            table,
            workers or options.thread_count or processors(),
            video,
            # A table that was not made by reading all packets is compared with them.
            checked=not self._scanned and self.info.container in TABLED,
            strict=strict,
            pixels=pixels,
        )

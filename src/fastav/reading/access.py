"""Any frame, bit for bit as linear decoding gives it, for as little decoding as that takes.

Three things make it exact. The packet from which decoding starts is one that the index knows to
need nothing before it. A seek is believed only when the very packet looked for has been read; one
that lands too late is repeated further back, in the end from the start of the file. And frames are
told apart not by their times but by the packet that carried them: packets are numbered before they
are decoded, in the place of their time, which decoders hand through.

What comes out is checked against the index. A packet that fails, that gives no frame, or another
one than it promised, means damage that the packets did not tell of, and the index must be made by
decoding. If frames of an index so made fail all the same, they are decoded from the start.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from heapq import heappop, heappush
from itertools import accumulate
from typing import TYPE_CHECKING, Final

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from ..errors import DecodeError, FrameChangedError
from ..workers import Crew
from .bitstream import names_newer_encoder, unreferred_reader
from .decode import decode_packet, packets
from .index import NO_TIME, BrokenPromise, FrameIndex, WrongTable
from .input import VideoInput

__all__ = ["FrameAccess"]

Opener = Callable[[int], VideoInput]
"""Opens the video with so many decoding threads (0: as many as the reader was asked for)."""

if TYPE_CHECKING:
    from .tables import Outline

    Packet = av.Packet[av.VideoStream]

Visit = Callable[[int, av.VideoFrame], None]

# Going on is as cheap as a seek, with which the decoder loses what it has in hand, for this many
# packets.
_NEAR: Final = 8

# Decoders known to skip frames that no other refers to, and only these, when told to. (Packets of
# others are looked into instead.)
_SKIPPING: Final = frozenset({"mpeg1video", "mpeg2video", "mpeg4"})

# Decoders that remember which encoder a stream names as its maker.
_REMEMBERING: Final = frozenset({"h264", "mpeg4"})

# In so much of the first packet the encoder is named.
_HEAD: Final = 1 << 12


# Up to so many pixels one thread decodes about as soon as several, which have to be woken, and with
# less work. That is some 100 frames of 320x240 and 9 of 1280x720.
_FEW_PIXELS: Final = 8 << 20

# So many frames, about, a decoder holds back: for reordering, and by its threads.
_HELD_BACK: Final = 3

# Of the containers and decoders that a batch had side by side, so many are kept open for the next.
_KEPT: Final = 4


class _Map:
    """The index, turned round: from packets to frames. Shared by all cursors; immutable."""

    def __init__(self, index: FrameIndex | Outline, checked: bool) -> None:
        self.index = index
        self.checked = checked
        self.skips = isinstance(index, FrameIndex) and index.skips
        self.count = len(index.packets)
        carriers = index.carriers
        self.frame_of: NDArray[np.int32] = np.full(self.count, -1, np.int32)
        self.frame_of[carriers[::-1]] = np.arange(len(carriers), dtype=np.int32)[::-1]
        self.starts = index.starts
        # The packets after a carrier that carry nothing belong to it: a second field, a filler.
        self._in_order = np.sort(carriers)

    def complete(self, number: int) -> int:
        """Return the packet before which a frame has been fed to the decoder in full.

        That is known for frames that packets tell of; others may lie in a packet further on.
        """
        carrier = self.index.carriers[number]
        if carrier < self.index.decoded:
            return self.count
        at = int(np.searchsorted(self._in_order, carrier, "right"))
        return int(self._in_order[at]) if at < len(self._in_order) else self.count


class _Cursor:
    """One open container, decoding forwards and hopping to where the index says.

    Not thread-safe.
    """

    def __init__(
        self,
        opener: Opener,
        table: _Map,
        threads: int,
        video: VideoInput | None,
        strict: bool,
    ) -> None:
        self._opener = opener
        self._strict = strict
        self._table = table
        self._threads = threads
        self._seekable = True
        self._unreachable: set[int] = set()  # packets that no seek has led to
        # A given video has been read to its end, by the index.
        self._use(video or opener(threads), 0 if video is None else None)

    def _use(self, video: VideoInput, position: int | None) -> None:
        self._video = video
        codec = self._context.codec.canonical_name
        self._skips = codec in _SKIPPING
        self._unreferred = unreferred_reader(codec, self._context.extradata)
        self._skipping = False
        self._demux = self._packets(video)
        self._held: Packet | None = None  # read, but not decoded yet
        self._position = position  # number of the packet to be read next; None: unknown
        self._start: int | None = None  # the packet that decoding started from; None: not begun
        self._begun = 0  # where it started, also when the decoder has been drained since
        self._newest = -1  # the frame handed out last
        self._came = -1  # the frame that came out last
        self._ready: deque[tuple[int, av.VideoFrame]] = deque()
        self._last = (-1, -1)  # packet and number of the frame that came last
        self._due: list[int] = []  # a heap of the frames fed and not come yet
        self._leading = 0  # packets fed that may fail, since they need what was before the start
        self._failure = ""  # what the decoder said; the error itself would hold the cursor
        self._introduced = codec not in _REMEMBERING

    def _packets(self, video: VideoInput) -> Generator[Packet]:
        return packets(video, [] if self._table.skips else None)

    def close(self) -> None:
        """Stop decoding and close the container."""
        self._ready.clear()
        self._demux.close()
        self._held = None
        self._video.close()

    @property
    def _context(self) -> av.VideoCodecContext:
        return self._video.stream.codec_context

    # Where to decode from

    @property
    def position(self) -> int | None:
        """Number of the packet to be read next, if it is known."""
        return self._position

    def goes_on_to(self, number: int) -> bool:
        """Whether decoding on from here is right, and no dearer than hopping."""
        if number <= self._newest:
            return False
        if any(number == ready for ready, _ in self._ready):
            return True  # decoded ahead, or when the decoder was drained
        if self._start is None or self._position is None:
            return False
        entry = self._table.index.entry(number)
        return self._start <= entry <= self._position + _NEAR

    def _hop(self, entry: int) -> None:
        """Make ready to decode from packet `entry` on."""
        if entry:
            self._introduce()
        near = self._position is not None and self._position <= entry <= self._position + _NEAR
        if not (near or self._seek(entry)) and (self._position is None or self._position > entry):
            self._restart()
            if entry:
                self._introduce()
        self._context.flush_buffers()  # of what was fed before, or of having been drained
        while self._position is not None and self._position < entry and self._next() is not None:
            pass
        self._ready.clear()
        self._due.clear()
        self._start = self._begun = entry
        self._newest = self._came = -1
        self._last = (-1, -1)
        self._leading = 0
        self._failure = ""

    def _introduce(self) -> None:
        """Show the decoder the first packet, as linear decoding would have done.

        Only that packet names the encoder that made the stream. Decoders use the name to correct
        errors of older encoders (h264 in 4:4:4, mpeg4), and keep it when they are flushed.
        """
        if self._introduced or self._needs_no_introduction():
            return
        if self._position != 0 and not self._seek(0):
            self._restart()
        packet = self._next()
        if packet is not None:
            self._context.skip_frame = "ALL"  # its headers are read all the same
            with suppress(DecodeError):
                decode_packet(self._video, packet)
            self._context.skip_frame = "DEFAULT"
            self._context.flush_buffers()
        self._introduced = True

    def _needs_no_introduction(self) -> bool:
        """Whether the first packet tells nothing that decoders remember, by its first bytes."""
        source, context = self._video.source, self._context
        if not source.local or context.codec.canonical_name != "h264" or not self._table.count:
            return False
        _, _, pos, size = self._table.index.packets[0].item()
        head = source.read_at(pos, min(size, _HEAD)) or b""
        self._introduced = names_newer_encoder(context.extradata, head)
        return self._introduced

    def _restart(self) -> None:
        self.close()
        self._use(self._opener(self._threads), 0)

    def _seek(self, entry: int) -> bool:
        """Seek so that packet `entry` is the next; False if that cannot be done."""
        if not self._seekable or entry in self._unreachable:
            return False
        if self._table.skips and not entry:
            return False  # only a container opened anew gives the packets of the index for certain
        pts, dts, pos, size = self._table.index.packets[entry].item()
        if pts == NO_TIME and pos < 0:
            return False  # nothing to tell the packet by
        for time in self._times(entry):
            self._held = self._position = None
            try:
                self._video.container.seek(time, stream=self._video.stream)
                self._demux = self._packets(self._video)
                for packet in self._demux:
                    if _place(packet) == (pts, pos, size):
                        self._held, self._position = packet, entry
                        return True
                    if packet.dts is not None and dts != NO_TIME and packet.dts > dts:
                        break  # too late
            except (av.error.FFmpegError, LookupError, OSError, DecodeError) as error:
                # A server without ranges fails only when packets are read after the seek, so any
                # error of a URL ends seeking. In a file, a DecodeError is damage at that place,
                # and the next time is tried.
                if not isinstance(error, DecodeError) or self._video.source.remote:
                    self._seekable = False
                    return False
        self._unreachable.add(entry)
        return False

    def _times(self, entry: int) -> Iterator[int]:
        """Yield times to seek to, for packet `entry`, ever earlier."""
        packets = self._table.index.packets
        pts, dts = int(packets["pts"][entry]), int(packets["dts"][entry])
        if pts != NO_TIME:
            yield pts
        if dts not in (NO_TIME, pts):
            yield dts
        starts = self._table.starts
        at, back = int(np.searchsorted(starts, entry)), 1
        while at - back >= 0:
            earlier = int(packets["dts"][starts[at - back]])
            if earlier != NO_TIME:
                yield earlier
            back *= 2

    # Decoding

    def frame(self, number: int, last: bool = False) -> av.VideoFrame:
        """Decode up to frame `number` and return it.

        With `last` nothing that follows is wanted, and the decoder is not fed with it.

        Raises
        ------
        DecodeError
            Something failed, or what comes is not what the index promises.
        WrongTable
            A packet is not the one that the index has in its place.
        """
        self._video.check_open()  # in a forked child the decoder's threads would never answer
        try:
            if not self.goes_on_to(number):
                self._hop(self._table.index.entry(number))
            end = self._table.complete(number) if last else self._table.count
            return self._advance(number, end)
        except DecodeError:
            self._start = self._position = None  # a demuxer that failed gives nothing more
            self._ready.clear()
            raise

    def _advance(self, number: int, end: int) -> av.VideoFrame:
        """Decode on until a frame comes, up to packet `end`."""
        ready = self._ready
        while True:
            while ready and ready[0][0] <= number:
                self._newest, frame = ready.popleft()
                if self._newest == number:
                    return frame
            if ready or self._start is None:
                raise DecodeError(self._failure or "it did not come out of the decoder")
            self._feed(number, end)

    def _feed(self, wanted: int, end: int) -> None:
        """Give the decoder one packet, or at `end` the word that there are no more."""
        assert self._position is not None
        packet, frames = None, []
        try:
            packet = self._next() if self._position < end else None
            if packet is not None:
                if self._may_leave_out(packet, self._position - 1, wanted):
                    return
                self._expect(self._position - 1, wanted)
                packet.pts = self._position - 1
                frames = decode_packet(self._video, packet)
        except DecodeError as error:
            if packet is not None and self._table.skips:
                pass  # what fails was left out when the index was made; what comes out is checked
            elif packet is not None and self._leading:
                self._leading -= 1  # it may fail: it needs what was before the start
            else:
                self._failure, packet = str(error), None
        if packet is None:
            self._skip(False)
            with suppress(DecodeError):  # frames wait in the decoder also when it has failed
                frames = decode_packet(self._video, None)
            self._start = None  # the drained decoder has lost its references
        for frame in frames:
            self._receive(frame)

    def _may_leave_out(self, packet: Packet, number: int, wanted: int) -> bool:
        """Whether a packet on the way is nothing but a frame that no other refers to."""
        if self._unreferred is None or not self._unreferred(memoryview(packet)):
            return False
        table = self._table
        shown = int(table.frame_of[number]) if number < table.count else -1
        return 0 <= shown < wanted and number >= table.index.decoded

    def _expect(self, packet: int, wanted: int) -> None:
        """Note which frame a packet is to give, and whether it may fail or be skipped."""
        table = self._table
        shown = int(table.frame_of[packet]) if packet < table.count else -1
        self._skip(0 <= shown < wanted and packet >= table.index.decoded)
        if shown >= 0 and not self._skipping:
            if self._leads(shown):
                self._leading += 1
            else:
                heappush(self._due, shown)

    def _leads(self, number: int) -> bool:
        """Whether a frame may be less than whole, since it needs what was before the start."""
        return self._begun > 0 and self._table.index.entry(number) < self._begun

    def _receive(self, frame: av.VideoFrame) -> None:
        """Find out which frame this is, and whether it is its turn."""
        index, due = self._table.index, self._due
        carrier = frame.pts
        if carrier is not None and not 0 <= carrier < self._table.count:
            carrier = None
        number = self._came + 1
        if not (index.proved and self._begun == 0) or (
            carrier is not None and number < len(index) and index.carriers[number] != carrier
        ):
            # (From the start of an index found by decoding, frames are simply counted.)
            number = self._identify(carrier)
        if number >= 0 and self._leads(number):
            self._leading -= self._leading > 0
            return
        if self._strict and frame.is_corrupt:
            raise DecodeError("it was concealed")
        if number <= self._came or number >= len(index) or (due and due[0] < number):
            raise DecodeError("another frame came out of the decoder")
        if due and due[0] == number:
            heappop(due)
        self._came = number
        frame.pts, frame.time_base = int(index.pts[number]), index.time_base
        self._ready.append((number, frame))

    def _identify(self, carrier: int | None) -> int:
        """Return the number of the frame that a packet carried; -1 if it was to carry none."""
        index = self._table.index
        packet, number = self._last
        if carrier is None or carrier == packet:  # one more of the same packet
            more = 0 <= number < len(index) - 1 and index.carriers[number + 1] == packet
            number = number + 1 if more else -1
        else:
            packet, number = carrier, int(self._table.frame_of[carrier])
        self._last = (packet, number)
        return number

    def _skip(self, yes: bool) -> None:
        """Let the decoder leave out frames that no other refers to."""
        yes = yes and self._skips
        if yes is not self._skipping:
            self._context.skip_frame = "NONREF" if yes else "DEFAULT"
            self._skipping = yes

    def _next(self) -> Packet | None:
        """Read the next packet; None at the end."""
        packet, self._held = self._held, None
        if packet is None:
            packet = next(self._demux, None)
        if self._position is not None:
            if self._table.checked or self._table.skips:
                self._check(packet, self._position)
            if packet is not None:
                self._position += 1
        return packet

    def _check(self, packet: Packet | None, position: int) -> None:
        """Raise ``WrongTable`` if a packet is not the one that the index has in its place.

        Where that was made by going on behind damage, demuxers give other packets after a seek: a
        ``DecodeError``, for which it is done from the start.
        """
        table = self._table
        if packet is None or position >= table.count:
            right = packet is None and position >= table.count
        else:
            right = _place(packet) == table.index.packets[["pts", "pos", "size"]][position].item()
        if not right:
            if table.skips:
                raise DecodeError("another packet came out of the container")
            raise WrongTable


def _place(packet: Packet) -> tuple[int, int, int]:
    """What tells a packet from others: time, position and size, as an index has them."""
    pts, pos = packet.pts, packet.pos
    return NO_TIME if pts is None else pts, -1 if pos is None else pos, packet.size


class _Seat:
    """What a thread of a batch works with."""

    def __init__(self, visit: Visit, cursor: _Cursor | None) -> None:
        self.visit = visit
        self.cursor = cursor
        self.video: VideoInput | None = None


class FrameAccess:
    """Random access to the frames of one video.

    Parameters
    ----------
    opener : callable
        ``opener(threads)`` opens the video anew; 0 stands for the reader's own choice of threads.
    index : FrameIndex or Outline
    workers : int
        Containers that may decode side by side.
    video : VideoInput, optional
        An input that the index was read from; it is put to use and closed.
    checked : bool
        Compare each packet with the index, which was not made by reading all of them, and raise
        ``WrongTable`` at the first that differs.
    strict : bool
        Raise ``DecodeError`` also where decoders would conceal damage: what they then make of it
        depends on where decoding started.
    pixels : int
        Of a frame, if each access may choose between one thread and the reader's own threads; by
        default, 0, all have those.

    Notes
    -----
    Not thread-safe: callers take turns. Between calls no thread of its own runs but the decoders',
    which ``close`` stops.
    """

    def __init__(
        self,
        opener: Opener,
        index: FrameIndex | Outline,
        workers: int,
        video: VideoInput | None = None,
        checked: bool = False,
        strict: bool = False,
        pixels: int = 0,
    ) -> None:
        self._given = opener
        self._strict = strict
        self._checked = checked
        self._alone = index.damaged  # several threads would meet damage ahead of frames
        self._adopt(index)
        self._workers = workers
        self._pixels = pixels
        self._spare = video
        self._main: dict[int, _Cursor] = {}  # by threads; 0 as in `opener`
        self._in_a_row = 0  # frames that the one with one thread gave since it hopped
        self._hopped = False  # whether the last single frame was elsewhere than the one before
        self._side: list[_Cursor] = []

    def _adopt(self, index: FrameIndex | Outline) -> None:
        self.index = index
        self._table = _Map(index, self._checked)

    def close(self) -> None:
        """Close all containers; they are opened again when needed."""
        if self._spare is not None:
            self._spare.close()
        for cursor in (*self._main.values(), *self._side):
            cursor.close()
        self._spare, self._main, self._side = None, {}, []

    def frame(self, number: int) -> av.VideoFrame:
        """Return one frame; reading frame after frame decodes each once.

        Raises
        ------
        DecodeError
            If the data is damaged where it is needed.
        WrongTable, BrokenPromise
            The index must be made anew: by reading all packets, or by decoding them.
        """
        while True:
            try:
                return self._frame(number)
            except DecodeError as error:
                failure = error.with_traceback(None)  # which would hold the decoder
            self._go_back([number], failure)

    def _frame(self, number: int, last: int | None = None) -> av.VideoFrame:
        """Return one frame, the first of those up to `last` that will be asked for in turn."""
        threads = self._threads_for(number, number if last is None else last)
        cursor = self._main.pop(threads, None)  # lost if it stops half-way
        if cursor is None:
            cursor = self._cursor(threads)
        goes_on = cursor.goes_on_to(number)
        if threads == 1:
            self._in_a_row = self._in_a_row + 1 if goes_on else 0
        one_more_hop, self._hopped = self._hopped and not goes_on, not goes_on
        try:
            frame = cursor.frame(number, last=one_more_hop and self._ends_with(number))
        except BaseException:
            cursor.close()
            raise
        self._main[threads] = cursor
        return frame

    def _ends_with(self, number: int) -> bool:
        """Whether a decoder that goes from place to place is to be drained behind a frame.

        It then need not be fed with packets that follow to give what it holds back, but cannot go
        on. That would save what was decoded so far, if the next place lies in what can be decoded
        from the same start.
        """
        entry, carrier = self.index.entry(number), int(self.index.carriers[number])
        starts, count = self._table.starts, self._table.count
        after = int(np.searchsorted(starts, carrier, "right"))
        end = int(starts[after]) if after < len(starts) else count
        return (carrier - entry) * (end - carrier) < _HELD_BACK * count

    def _threads_for(self, number: int, last: int) -> int:
        """Choose who decodes on to a frame: 1, a single thread, or 0, the reader's own threads.

        The reader's own threads are chosen where frames are asked for in a row, or where many
        pixels have to be decoded on the way.
        """
        several, one = self._main.get(0), self._main.get(1)
        if not self._pixels or self._alone or (several is not None and several.goes_on_to(number)):
            return 0
        if number <= 1 and not self._main:
            return 0  # most likely a loop over all frames begins (the first may need no index)
        carriers, entry = self.index.carriers, self.index.entry(number)
        begin = entry
        if one is not None and one.position is not None and one.goes_on_to(number):
            # The reader's threads would decode from `entry` again. That is worth it when about
            # half as many frames came in a row as there are packets to repeat.
            if self._in_a_row >= max(2, (int(carriers[number]) - entry) // 2):
                return 0
            begin = max(entry, one.position)
        return 0 if self._are_many(int(carriers[last]) - begin) else 1

    def _are_many(self, packets: int) -> bool:
        """Whether it takes many pixels to decode so many packets."""
        return packets * self._pixels > _FEW_PIXELS

    def visit(self, numbers: Sequence[int], begin: Callable[[], Visit]) -> None:
        """Call a function with each of several frames, decoding what they need once.

        Parameters
        ----------
        numbers : sequence of int
            Increasing.
        begin : callable
            Makes the function to be called with a number and its frame. Every thread has one of its
            own, all made by the caller's, which may hold locks.

        Raises
        ------
        DecodeError
            If the data is damaged where it is needed.
        WrongTable, BrokenPromise
            The index must be made anew: by reading all packets, or by decoding them.
        """
        while True:
            runs = self._runs(numbers)
            crew = min(self._workers, len(runs))
            try:
                if crew < 2:
                    visit = begin()
                    for run in runs:
                        for number in run:
                            visit(number, self._frame(number, run[-1]))
                else:
                    self._visit_side_by_side(runs, [begin() for _ in range(crew)])
                return
            except FrameChangedError:
                raise
            except DecodeError as error:
                if self._strict:
                    raise
                failure = error.with_traceback(None)  # which would hold the decoders
            self._go_back(numbers, failure)

    def _go_back(self, numbers: Sequence[int], failure: DecodeError) -> None:
        """Have frames decoded from the start of the video, with one thread, from now on.

        Raises
        ------
        BrokenPromise
            The index is not made by decoding, which must be done first.
        DecodeError
            From the start they cannot be decoded either.
        """
        index = self.index
        self.close()
        if not isinstance(index, FrameIndex) or not index.proved:
            raise BrokenPromise
        entries = index.entries.copy()
        entries[np.isin(entries, entries[list(numbers)])] = 0
        if self._alone and np.array_equal(entries, index.entries):
            raise DecodeError(f"frame {numbers[0]} cannot be decoded: {failure}") from failure
        self._alone = True
        self._adopt(replace(index, entries=entries))

    def _visit_side_by_side(self, runs: list[list[int]], visits: list[Visit]) -> None:
        entry, carriers = self.index.entry, self.index.carriers
        lengths = [max(int(carriers[run[-1]]) + 1 - entry(run[0]), 1) for run in runs]
        # Where a run would keep its worker busy when all others have ended, threads of its decoder
        # share it.
        threads = max(round(self._workers * max(lengths) / sum(lengths)), 1)
        if self._pixels and not self._are_many(max(lengths)):
            threads = 1
        # If this is interrupted, threads may still use some of the decoders. So all are taken out
        # of `_side` first, and only those that are free are put back.
        decoders, self._side = self._side, []
        seats = [_Seat(visit, decoders.pop() if decoders else None) for visit in visits]
        for seat in seats:
            if seat.cursor is None:
                seat.video, self._spare = self._spare, None

        def work(seat: _Seat, run: list[int]) -> None:
            cursor, seat.cursor = seat.cursor, None  # lost if it stops half-way
            if cursor is None:
                cursor = self._cursor(threads, seat.video)
            try:
                for number in run:
                    if crew.stopping:
                        break
                    seat.visit(number, cursor.frame(number, last=number == run[-1]))
            except BaseException:
                cursor.close()
                raise
            seat.cursor = cursor

        crew = Crew(seats)
        try:
            with crew, crew:
                for job in [crew.hand_out(work, run) for run in runs]:
                    crew.result(job)
        finally:
            decoders.extend(seat.cursor for seat in crew.free if seat.cursor is not None)
            self._side = decoders[:_KEPT]
            for spare in decoders[_KEPT:]:
                spare.close()

    def _runs(self, numbers: Sequence[int]) -> list[list[int]]:
        """Split increasing frame numbers into stretches to be decoded without a hop.

        They end where decoding on would be dearer than a hop; or where it is not, but another
        worker may take what follows.
        """
        begins = [self.index.entry(number) for number in numbers]
        ends = [int(self.index.carriers[number]) for number in numbers]
        reached = [-1 - _NEAR, *accumulate(ends, max)]  # before each; the first is hopped to
        hops = [begin > before + _NEAR for begin, before in zip(begins, reached, strict=False)]
        costs = [
            max(end - (begin - 1 if hop else before), 0)
            for begin, end, before, hop in zip(begins, ends, reached, hops, strict=False)
        ]
        # Several for each worker, so that all end at about the same time.
        enough = max(sum(costs) / (4 * self._workers), 2 * _NEAR)
        runs: list[list[int]] = []
        latest = length = 0
        for place, number in enumerate(numbers):
            # (Leading frames, if any, need this entry's packet in both.)
            may = self._workers > 1 and begins[place] > max(latest, reached[place] - _NEAR)
            if hops[place] or (may and length >= enough):
                runs.append([])
                length = 0
            runs[-1].append(number)
            length += costs[place]
            latest = begins[place]
        return runs

    def _cursor(self, threads: int, video: VideoInput | None = None) -> _Cursor:
        threads = 1 if self._alone else threads
        if video is None:
            video, self._spare = self._spare, None
        if video is not None:
            if video.stream.codec_context.is_open:
                video.close()
                video = None
            elif threads:
                video.stream.codec_context.thread_count = threads
        # (Not a method: cursors would refer to this object, which refers to them.)
        opener = partial(_open, self._given, self._alone, self._strict)
        return _Cursor(opener, self._table, threads, video, self._strict)


def _open(opener: Opener, alone: bool, strict: bool, threads: int) -> VideoInput:
    video = opener(1 if alone else threads)
    if strict:
        context = video.stream.codec_context
        context.options = {"err_detect": "explode", **context.options}
    return video

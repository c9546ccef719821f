"""Making a FrameIndex: the packets are read, and decoded where they leave something open.

A table is built from the packets alone where these tell the truth: every one has a time of its own,
and the decoder holds back enough of them to put them in order. What packets cannot tell (times that
are missing, repeated or start over, streams that begin in the middle of a group, fields, damage) is
settled by decoding, from the start and no further than needed.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING, Final, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from ..errors import DecodeError
from ..pyav import file_size, first_rate, fraction, has_side_data, reorder_depth, with_side_data
from .bitstream import PICTURE_TYPES, hidden_reader, key_reader, type_reader, whole_reader
from .decode import Damage, decode_packet, packets, time_of
from .index import MOV, NO_TIME, PACKET, FrameIndex
from .input import VideoInput
from .source import Source

if TYPE_CHECKING:
    Packet = av.Packet[av.VideoStream]

__all__ = [
    "LASTING",
    "Scan",
    "build_index",
    "by_time",
    "crossing",
    "entries",
    "packet_digest",
    "trusts_keys",
    "unsettled",
    "until_next",
]

# Decoders that, given a packet marked as a key frame, need nothing from before it: frames that
# follow it in decoding and in presentation come out bit for bit as in linear decoding. Codecs of
# intra frames only are such anyway; h264 and hevc have to be looked into. All others (among them
# gif and apng, which draw on what was drawn before) are decoded from the start.
_TRUSTED_KEYS: Final = frozenset(
    {
        *("mpeg1video", "mpeg2video", "mpeg4", "msmpeg4v2", "msmpeg4v3", "wmv1", "wmv2"),
        *("h263", "h263p", "flv1", "rv10", "rv20", "vp8", "vp9", "av1"),
        *("ffv1", "qtrle", "snow", "svq1"),
    }
)

# Side data that holds for all later packets too: decoding that starts behind it would lack it.
LASTING: Final = ("new_extradata", "palette", "param_change")

# Frames in presentation may be this far from their place when sorted by time, and no farther:
# the deepest reordering that a codec allows.
_DEEPEST_REORDERING: Final = 16


# Packets taken at once.
_AT_ONCE: Final = 64

Progress = Callable[[int], object]


class Scan(NamedTuple):
    """What one pass over the packets found, as arrays over the packets in decoding order."""

    packets: NDArray[np.void]
    durations: NDArray[np.int64]
    key: NDArray[np.bool_]
    shown: NDArray[np.bool_]  # expected to yield a frame
    exact: NDArray[np.bool_]  # decoding may start here ...
    closed: NDArray[np.bool_]  # ... and no later packet is shown before it
    corrupt: bool


def build_index(
    reopen: Callable[[], VideoInput],
    video: VideoInput | None = None,
    prove: bool = False,
    progress: Progress = lambda count: None,
    damage: Damage | None = None,
) -> FrameIndex:
    """Read a video's packets, and decode what they leave open, into an index.

    Parameters
    ----------
    reopen : callable
        Opens the video anew with one decoding thread; called only where something must be decoded.
    video : VideoInput, optional
        The video, opened and not yet read from. It is read to its end and left open. Without it
        `reopen` is used.
    prove : bool
        Decode everything, because decoding did not give the frames that the packets promise.
    progress : callable
        Called now and then with the number of packets read so far, those twice that are decoded
        after all have been read; what it raises ends the work.
    damage : Damage, optional
        Where to note what is damaged; the index then goes on behind it.

    Raises
    ------
    OSError
        The file or the server cannot be read on. Damage raises nothing: without `damage` the index
        ends where decoding fails, as reading does.
    """
    if video is None:
        with reopen() as opened:
            return build_index(reopen, opened, prove, progress, damage)
    scan = _scan(video, progress, damage)
    time_base = fraction(video.stream.time_base) or Fraction(1)
    rate = first_rate(video.stream.guessed_rate, video.stream.average_rate)
    settle = len(scan.packets) if prove else unsettled(scan, video)
    failed = False
    carriers = by_time(scan, settle)
    if settle:
        with reopen() as again:
            head, failed = _decode_order(again, settle, progress, damage)
        ends = failed and damage is None
        carriers = np.concatenate([head, carriers[:0] if ends else carriers])
    period = 1 / (rate * time_base) if rate else Fraction(1)
    pts, durations = _times(scan, carriers, period, failed)
    if video.container.format.name == MOV:
        durations = until_next(pts, durations)
    return FrameIndex(
        time_base=time_base,
        pts=pts,
        durations=durations,
        keys=scan.key[carriers],
        carriers=carriers,
        entries=entries(scan, carriers),
        packets=scan.packets,
        decoded=settle,
        file_size=file_size(video.container),
        stream=video.stream.index,
        codec=video.stream.codec_context.codec.canonical_name,
        digest=packet_digest(video.source, scan.packets) or b"",
        damaged=failed,
        skips=failed and damage is not None,
    )


# So much is digested of a packet: its headers, and some of its picture.
_DIGESTED: Final = 4096


def packet_digest(source: Source, packets: NDArray[np.void]) -> bytes | None:
    """Digest what the file holds where the first and the last of its packets begin.

    None where the file's bytes are not at hand. Packets that do not know where they lie stand for
    the file's beginning.
    """
    if source.remote:
        return None
    import hashlib  # OpenSSL, which only indexes need

    digest = hashlib.blake2b(digest_size=16)
    for _, _, pos, size in packets[[0, -1]].tolist() if len(packets) else ():
        data = source.read_at(max(pos, 0), min(size, _DIGESTED))
        if data is None:
            return None
        digest.update(data)
    return digest.digest()


def trusts_keys(codec: av.codec.Codec) -> bool:
    """Whether a codec's decoder needs nothing from before a packet marked as a key frame."""
    return codec.intra_only or codec.canonical_name in _TRUSTED_KEYS


def _scan(video: VideoInput, progress: Progress, damage: Damage | None) -> Scan:
    """Read all packets without decoding."""
    context = video.stream.codec_context
    codec = context.codec.canonical_name
    look = key_reader(codec, context.extradata)
    hides = hidden_reader(codec)
    type_of, is_whole = type_reader(codec), whole_reader(codec)
    types = bytearray()
    trusted = trusts_keys(context.codec)
    columns = {name: array("q") for name in ("pts", "dts", "pos", "size", "duration")}
    flags = {name: bytearray() for name in ("key", "shown", "exact", "closed")}
    corrupt = carried = False
    try:
        # Several at once, attribute by attribute, is twice as fast as one after the other.
        for some in _batches(packets(video, damage)):
            columns["pts"].extend([NO_TIME if (pts := p.pts) is None else pts for p in some])
            columns["dts"].extend([NO_TIME if (dts := p.dts) is None else dts for p in some])
            columns["pos"].extend([-1 if (pos := p.pos) is None else pos for p in some])
            columns["size"].extend([p.size for p in some])
            columns["duration"].extend([p.duration or 0 for p in some])
            key = [p.is_keyframe for p in some]
            exact, closed = [k and trusted for k in key], [False] * len(some)
            if look is not None and any(key):
                for at in [at for at, k in enumerate(key) if k]:
                    exact[at], closed[at] = look(memoryview(some[at]))
            unseen = [p.is_discard for p in some]
            if hides is not None:
                unseen = [u or hides(memoryview(p)) for u, p in zip(unseen, some, strict=True)]
            if type_of is not None:
                types.extend(type_of(memoryview(p)) for p in some)
            flags["key"].extend(key)
            flags["shown"].extend([not u for u in unseen])
            flags["exact"].extend(exact)
            flags["closed"].extend(closed)
            corrupt = corrupt or any(p.is_corrupt for p in some)
            if is_whole is not None and not corrupt:
                corrupt = not all(is_whole(memoryview(p)) for p in some)
            bringing = with_side_data(some)
            carried = carried or any(has_side_data(p, k) for p in bringing for k in LASTING)
            progress(len(flags["key"]))
    except DecodeError:
        corrupt = True  # reading ends here; what decoding makes of it is found by decoding
    found = np.empty(len(columns["pts"]), PACKET)
    for name in ("pts", "dts", "pos", "size"):
        found[name] = columns[name]
    table = {name: np.frombuffer(flag, bool) for name, flag in flags.items()}
    if carried:
        table["exact"] = np.zeros(len(found), bool)
    corrupt = corrupt or bool(damage) or _contradicts(found["pts"], types)
    return Scan(found, np.array(columns["duration"], np.int64), corrupt=corrupt, **table)


def _contradicts(pts: NDArray[np.int64], types: bytearray) -> bool:
    """Whether the types of pictures, if they are known, tell of another order than their times.

    Pictures that no other refers to are shown as they are decoded, each other one when the next of
    these is decoded. A packet without a picture, which the decoder drops in silence, is damaged.
    """
    if not types or (pts == NO_TIME).any():
        return False
    type_ = np.frombuffer(types, np.uint8)
    if not np.isin(type_, PICTURE_TYPES).all():
        return True
    held = np.flatnonzero(type_ != PICTURE_TYPES[-1])
    turn = np.arange(len(pts), dtype=np.float64)
    turn[held] = np.append(held[1:] - 0.5, np.inf)[: len(held)]
    return not (np.diff(pts[np.argsort(turn, kind="stable")]) > 0).all()


def _batches(read: Iterator[Packet]) -> Iterator[list[Packet]]:
    """Take packets several at a time; those before an error come before it."""
    some: list[Packet] = []
    try:
        for packet in read:
            some.append(packet)
            if len(some) == _AT_ONCE:
                yield some
                some = []
    except DecodeError:
        yield some
        raise
    yield some


def unsettled(scan: Scan, video: VideoInput) -> int:
    """Return how many of the first packets must be decoded to know what comes of them."""
    count = len(scan.packets)
    if not count:
        return 0
    pts = scan.packets["pts"]
    times = pts[scan.shown]
    order = np.argsort(times, kind="stable")
    depth = _reordering(order)
    held = reorder_depth(video.stream.codec_context)
    if (
        scan.corrupt
        or video.in_fields
        or (times == NO_TIME).any()
        or not np.diff(times[order]).all()  # the same twice
        or depth > held
        or (held and not depth and len(times) > 1)
        or len(crossing(scan, scan.closed))
        or _jumps(scan)
    ):
        return count
    starts = np.flatnonzero(scan.exact)
    trusted_first = len(starts) and starts[0] == 0
    leads = trusted_first and not scan.closed[0] and (times < pts[0]).any()
    if trusted_first and not leads:
        return 0
    if not len(starts):
        # Without a place to start from, only a first packet marked as a key frame is a beginning.
        return 0 if scan.key[0] and not (times < pts[0]).any() else count
    return int(starts[1]) if len(starts) > 1 else count


def _reordering(order: NDArray[np.intp]) -> int:
    """Return how many frames a decoder must hold back to put frames into an order."""
    in_turn = np.arange(len(order), dtype=np.int32)
    rank = np.empty_like(in_turn)
    rank[order] = in_turn
    # A frame is late by those that were decoded before it and are shown after it. They are nearer
    # than twice the farthest that any is from its place.
    farthest = 2 * int(np.abs(rank - in_turn).max(initial=0))
    late = np.zeros(len(rank), np.uint8)
    for behind in range(1, min(2 * _DEEPEST_REORDERING, farthest - 1, len(rank) - 1) + 1):
        late[behind:] += rank[:-behind] > rank[behind:]
    return int(late.max(initial=0))


def crossing(scan: Scan, shut: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return which of some packets are shown before a frame that was decoded before them."""
    pts = np.where(scan.shown, scan.packets["pts"], NO_TIME)
    latest = np.maximum.accumulate(pts)
    candidates = np.flatnonzero(shut & scan.shown)
    candidates = candidates[candidates > 0]
    return candidates[pts[candidates] < latest[candidates - 1]]


def _jumps(scan: Scan) -> bool:
    """Whether an edit list jumps: a key frame that is not shown lies among packets that are."""
    shown = np.flatnonzero(scan.shown)
    unseen = np.flatnonzero(scan.key & ~scan.shown)
    return bool(len(shown) and ((shown[0] < unseen) & (unseen < shown[-1])).any())


def by_time(scan: Scan, first: int) -> NDArray[np.int32]:
    """Return the packets from `first` on that are shown, by time."""
    shown = np.flatnonzero(scan.shown[first:]) + first
    return shown[np.argsort(scan.packets["pts"][shown], kind="stable")].astype(np.int32)


def _decode_order(
    video: VideoInput, count: int, progress: Progress, damage: Damage | None
) -> tuple[NDArray[np.int32], bool]:
    """Decode the first `count` packets; return the carriers of the frames, and if it failed."""
    carriers: list[int] = []
    number = 0

    def take(frames: list[av.VideoFrame]) -> None:
        for frame in frames:
            carrier = frame.pts
            if carrier is None or not 0 <= carrier < number:  # as if it came with the one before
                carrier = carriers[-1] if carriers else 0
            carriers.append(carrier)

    failed = False
    if damage is not None:
        damage.clear()  # what the demuxer could not read is met again
    try:
        for packet in packets(video, damage):
            if number == count:
                break
            when = time_of(packet)
            packet.pts = number  # comes out again with the frame
            number += 1
            try:
                take(decode_packet(video, packet))
            except DecodeError:
                if damage is None:
                    raise
                damage.append(when)
            if number % _AT_ONCE == 0:
                progress(count + number)
    except DecodeError:
        failed = True
    with suppress(DecodeError):  # what was decoded before an error is kept
        take(decode_packet(video, None))
    return np.array(carriers, np.int32), failed or bool(damage)


def _times(
    scan: Scan, carriers: NDArray[np.int32], period: Fraction, damaged: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return times that increase from frame to frame, and durations."""
    pts = scan.packets["pts"][carriers].astype(np.int64)
    durations = scan.durations[carriers]
    if (pts != NO_TIME).all():
        if (np.diff(pts) > 0).all():
            return pts, durations
        # Containers without times for the presentation (AVI) number packets as they are decoded.
        # (Where they are numbered otherwise, a time out of order is damaged, or its frame is.)
        ordered = not damaged or (np.diff(scan.packets["pts"]) > 0).all()
        order = np.argsort(pts, kind="stable")
        moved = np.abs(order - np.arange(len(pts))).max()
        if ordered and moved <= _DEEPEST_REORDERING and (np.diff(pts[order]) > 0).all():
            return pts[order], durations[order]
    step = max(round(period), 1)
    times = pts.tolist()
    lengths = durations.tolist()
    previous = None
    for number, time in enumerate(times):
        if previous is None:
            known = (i for i, t in enumerate(times) if t != NO_TIME)
            ahead = next(known, None)
            start = 0 if ahead is None else times[ahead] - ahead * step
            times[number] = start if time == NO_TIME else time
        elif time == NO_TIME or time <= previous:
            times[number] = previous + (lengths[number - 1] or step)
        previous = times[number]
    return np.array(times, np.int64), durations


def until_next(pts: NDArray[np.int64], durations: NDArray[np.int64]) -> NDArray[np.int64]:
    """Durations of frames that each last until the next; the last one as long as it says.

    What mp4 and mov say of other frames are distances in decoding.
    """
    return np.append(np.diff(pts), durations[-1:])


def entries(scan: Scan, carriers: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return for each frame the last packet from which decoding gives it exactly.

    That packet must not come after the frame in decoding; nor, unless it is closed, in
    presentation: frames shown before a key frame that they are decoded after (leading frames)
    may need what was decoded before it.
    """
    count = len(scan.packets)
    if not len(carriers):
        return carriers
    number = np.full(count, -1, np.int64)
    number[carriers[::-1]] = np.arange(len(carriers))[::-1]
    starts = np.flatnonzero(scan.exact)
    usable = scan.closed[starts] | (number[starts] >= 0)
    if not usable.all() and scan.packets["pts"].min(initial=0) != NO_TIME:
        # An open key frame that is not shown itself still has a place among those that are.
        lost = starts[~usable]
        shown = scan.packets["pts"][carriers]
        if len(shown) and (np.diff(shown) > 0).all():
            number[lost] = np.searchsorted(shown, scan.packets["pts"][lost])
            usable[:] = True
    starts = starts[usable]
    if not len(starts) or starts[0] != 0:
        starts = np.concatenate([[0], starts])  # the start of the stream is always right
    first = np.where(scan.closed[starts] | (starts == 0), 0, number[starts])
    at = np.searchsorted(starts, carriers, "right") - 1
    frames = np.arange(len(carriers))
    while (wrong := first[at] > frames).any():
        at[wrong] -= 1
    return starts[at].astype(np.int32)

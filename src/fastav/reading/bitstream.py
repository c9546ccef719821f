"""Looking into packets: may decoding start at this one, and is anything of it shown?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from . import av1

__all__ = [
    "PICTURE_TYPES",
    "hidden_reader",
    "key_reader",
    "type_reader",
    "unreferred_reader",
    "whole_reader",
]

_Look = Callable[[memoryview], tuple[bool, bool]]


def _nal_units(data: memoryview, length_size: int) -> Iterator[memoryview]:
    """Split a packet of h264 or hevc; `length_size` 0 stands for start codes (Annex B)."""
    if length_size:
        at = 0
        while at + length_size < len(data):
            size = int.from_bytes(data[at : at + length_size])
            at += length_size
            yield data[at : at + size]
            at += size
        return
    raw = bytes(data)
    at = raw.find(b"\0\0\1")
    while at >= 0:
        end = raw.find(b"\0\0\1", at + 3)
        yield data[at + 3 : end if end >= 0 else len(data)]
        at = end


def _length_size(extradata: bytes | None, place: int) -> int:
    """Return how many bytes give the length of a NAL unit, by avcC or hvcC; 0: start codes."""
    if extradata is None or extradata[:1] != b"\1" or len(extradata) <= place:
        return 0
    return (extradata[place] & 3) + 1


def key_reader(codec: str, extradata: bytes | None) -> _Look | None:
    """Return a function that says of a key packet if decoding may start there, and if it is closed.

    Containers mark packets wrongly, so the picture's type is read where it is easy to find. NAL
    unit types are those of ITU-T H.264, table 7-1, and H.265, table 7-1; avcC and hvcC, whose first
    byte is 1, are of ISO/IEC 14496-15.
    """
    if codec == "h264":
        length_size = _length_size(extradata, 4)
        return lambda data: _look_h264(_nal_units(data, length_size))
    if codec == "hevc":
        length_size = _length_size(extradata, 21)
        return lambda data: _look_hevc(_nal_units(data, length_size))
    if is_intra := _INTRA.get(codec):
        return lambda data: (is_intra(bytes(data)), False)
    return None


def _look_h264(units: Iterator[memoryview]) -> tuple[bool, bool]:
    recovers = False
    for unit in units:
        kind = unit[0] & 31 if len(unit) else 0
        if kind == 5:  # a slice of an IDR picture
            return True, True
        if kind == 6:
            recovers = recovers or _recovers_at_once(bytes(unit[1:]))
        elif 1 <= kind <= 4:  # a slice of another picture
            break
    return recovers, False


def names_newer_encoder(extradata: bytes | None, head: bytes) -> bool:
    """Whether the beginning of h264's first packet names an x264 that made none of its old errors.

    Nothing but that may be in front of its slices: no parameter sets.
    """
    newer = False
    for unit in _nal_units(memoryview(head), _length_size(extradata, 4)):
        kind = unit[0] & 31 if len(unit) else 0
        if kind in (1, 5):  # a slice
            return newer
        if kind not in (6, 9):  # SEI, access unit delimiter
            return False
        named = _X264.search(unit)
        newer = newer or (named is not None and int(named[1]) > _LATEST_ERROR)
    return False


_X264: Final = re.compile(rb"x264 - core (\d{1,9})")
_LATEST_ERROR: Final = 151  # FFmpeg minds errors of builds up to 150


def _look_hevc(units: Iterator[memoryview]) -> tuple[bool, bool]:
    for unit in units:
        kind = unit[0] >> 1 & 63 if len(unit) else 63
        if kind in (19, 20):  # IDR
            return True, True
        if 16 <= kind <= 21:  # BLA, CRA
            return True, False
        if kind < 16:
            break
    return False, False


def unreferred_reader(codec: str, extradata: bytes | None) -> Callable[[memoryview], bool] | None:
    """Return a function that says of a packet if decoding may leave it out: none refers to it.

    It must see every packet that is decoded. Of h264 these are pictures whose ``nal_ref_idc`` is 0
    (ITU-T H.264, 7.4.1), of hevc sub-layer non-reference pictures of the highest temporal layer
    (ITU-T H.265, table 7-1, 7.4.2.2 and 7.3.2.2.1). A VP9 frame that refreshes no reference still
    hands on its probabilities; an AV1 frame does not. FFmpeg itself skips those of older MPEG.
    """
    if codec == "av1":
        return av1.unreferred_reader(extradata)
    if codec == "h264":
        length_size = _length_size(extradata, 4)
        return lambda data: _unreferred_h264(_nal_units(data, length_size))
    if codec != "hevc":
        return None
    length_size = _length_size(extradata, 21)
    highest = -1  # temporal layer, of all sequence parameter sets so far

    def learn(unit: memoryview) -> None:
        nonlocal highest
        if len(unit) > 2 and unit[0] >> 1 & 63 == _SPS:
            highest = max(highest, unit[2] >> 1 & 7)

    for unit in (
        _parameter_sets(extradata or b"")
        if length_size
        else _nal_units(memoryview(extradata or b""), 0)
    ):
        learn(unit)

    def unreferred(data: memoryview) -> bool:
        found = False
        for unit in _nal_units(data, length_size):
            learn(unit)
            if len(unit) < 2:
                return False
            kind, layer, temporal = (
                unit[0] >> 1 & 63,
                unit[0] & 1 or unit[1] >> 3,
                (unit[1] & 7) - 1,
            )
            if layer or 16 <= kind <= 34:  # of another view; a key frame or parameters
                return False
            if kind < 16:
                if kind % 2 or temporal != highest:
                    return False
                found = True
        return found

    return unreferred


def _unreferred_h264(units: Iterator[memoryview]) -> bool:
    found = False
    for unit in units:
        kind = unit[0] & 31 if len(unit) else 0
        if kind not in _H264_PASSING or unit[0] & 0x60:
            return False
        found = found or 1 <= kind <= 4
    return found


# NAL units that mean nothing to later pictures: slices, SEI, access unit delimiters, fillers.
_H264_PASSING: Final = frozenset({1, 2, 3, 4, 6, 9, 12})

_SPS: Final = 33


def _parameter_sets(extradata: bytes) -> Iterator[memoryview]:
    """Yield the NAL units in an hvcC box (ISO/IEC 14496-15, 8.3.3.1)."""
    data = memoryview(extradata)
    at = 23
    for _ in range(data[22] if len(data) > 22 else 0):
        count = int.from_bytes(data[at + 1 : at + 3])
        at += 3
        for _ in range(count):
            size = int.from_bytes(data[at : at + 2])
            yield data[at + 2 : at + 2 + size]
            at += 2 + size


def _type_mpeg2(data: bytes) -> int:
    """ISO/IEC 13818-2, 6.2.3: picture_coding_type after ten bits of temporal_reference."""
    at = data.find(b"\0\0\1\0")
    return data[at + 5] >> 3 & 7 if 0 <= at < len(data) - 5 else 0


def _intra_mpeg2(data: bytes) -> bool:
    return _type_mpeg2(data) == 1


def _intra_mpeg4(data: bytes) -> bool:
    """ISO/IEC 14496-2, 6.2.5: vop_coding_type."""
    at = data.find(b"\0\0\1\xb6")
    return 0 <= at < len(data) - 4 and data[at + 4] >> 6 == 0


# From the first bytes of a packet: is the (first) picture in it intra coded?
_INTRA: Final[dict[str, Callable[[bytes], bool]]] = {
    "mpeg1video": _intra_mpeg2,
    "mpeg2video": _intra_mpeg2,
    "mpeg4": _intra_mpeg4,
    "vp8": lambda data: not data[0] & 1,  # RFC 6386, 9.1
    "msmpeg4v2": lambda data: data[0] >> 6 == 0,
    "msmpeg4v3": lambda data: data[0] >> 6 == 0,
    "wmv1": lambda data: data[0] >> 6 == 0,
    "wmv2": lambda data: data[0] >> 7 == 0,
}


def _recovers_at_once(payload: bytes) -> bool:
    """Whether h264's SEI holds a recovery point that is exact from its own picture on.

    ITU-T H.264, 7.3.2.3.1 and D.1.8: recovery_frame_cnt is 0 and exact_match_flag is set.
    """
    data = payload.replace(b"\0\0\3", b"\0\0")
    at = 0
    while at + 2 < len(data):
        kind = size = 0
        while at < len(data) and data[at] == 255:
            kind += 255
            at += 1
        if at >= len(data):
            return False
        kind += data[at]
        at += 1
        while at < len(data) and data[at] == 255:
            size += 255
            at += 1
        if at >= len(data):
            return False
        size += data[at]
        at += 1
        if kind == 6 and at < len(data):
            return data[at] >> 6 == 3  # ue(v) 0 is the bit 1; then the flag
        at += size
    return False


def _vp8_hides(data: memoryview) -> bool:
    """Whether a VP8 packet is only a reference (RFC 6386, 9.1: the bit show_frame)."""
    return not data[0] & 0x10


def _vp9_hides(data: memoryview) -> bool:
    """Whether a VP9 packet is only a reference (VP9 bitstream specification, 6.2 and annex B)."""
    if data[-1] >> 5 == 6:
        return False  # a superframe: hidden frames together with a shown one
    first = data[0] << (data[0] >> 4 & 3 == 3)  # profile 3 has a reserved bit
    return not first & 8 and not first & 2


# Of a packet its first picture begins here, as a rule.
_HEAD: Final = 256

PICTURE_TYPES: Final = (1, 2, 3)
"""Intra coded, predicted, and predicted from both sides (ISO/IEC 13818-2, table 6-12)."""


def type_reader(codec: str) -> Callable[[memoryview], int] | None:
    """Return what tells the type of a packet's first picture, or 0 if no picture begins in it.

    None for other codecs than MPEG-1's and MPEG-2's, whose headers tell more of the order than this
    or lie deeper.
    """
    if codec not in ("mpeg1video", "mpeg2video"):
        return None
    return lambda data: _type_mpeg2(bytes(data[:_HEAD])) or _type_mpeg2(bytes(data))


def whole_reader(codec: str) -> Callable[[memoryview], bool] | None:
    """Return what tells of a packet whether it looks sound, where decoders may drop others."""
    return {"av1": av1.is_whole}.get(codec)


def hidden_reader(codec: str) -> Callable[[memoryview], bool] | None:
    """Return what tells of a packet if it is only referred to and never shown."""
    return {"vp8": _vp8_hides, "vp9": _vp9_hides}.get(codec)

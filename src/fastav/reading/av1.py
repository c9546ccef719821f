"""AV1: packets that are damaged, or that nothing refers to, by the headers in them.

Syntax and names are those of the AV1 Bitstream & Decoding Process Specification: 5.3 and 5.5 (OBUs,
sequence header), 5.9.2 (frame header), 4.10 (numbers). av1C is of the AV1 Codec ISO Media File
Format Binding, 2.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

__all__ = ["is_whole", "unreferred_reader"]

# Types of OBUs.
_SEQUENCE_HEADER, _TEMPORAL_DELIMITER, _FRAME_HEADER, _TILE_GROUP = 1, 2, 3, 4
_FRAME, _REDUNDANT_FRAME_HEADER, _PADDING = 6, 7, 15
_NOTHING_LASTING: Final = frozenset(
    {_TEMPORAL_DELIMITER, _TILE_GROUP, _REDUNDANT_FRAME_HEADER, _PADDING}
)

_KEY_FRAME, _INTRA_ONLY_FRAME, _SWITCH_FRAME = 0, 2, 3
_SELECT: Final = 2  # SELECT_SCREEN_CONTENT_TOOLS and SELECT_INTEGER_MV: each frame tells

# What is read of a header is longer only with many operating points.
_HEAD: Final = 64


class _Bits:
    """Bits of a header, one after the other; ``EOFError`` where it ends."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data)
        self._left = 8 * len(data)

    def number(self, count: int) -> int:
        """Read an unsigned integer of so many bits."""
        self._left -= count
        if self._left < 0:
            raise EOFError
        return self._value >> self._left & (1 << count) - 1

    def flag(self) -> bool:
        return bool(self.number(1))

    def pass_uvlc(self) -> None:
        """Go past an integer of variable length."""
        zeros = 0
        while not self.flag():
            zeros += 1
        if zeros < 32:
            self.number(zeros)


class _Sequence(NamedTuple):
    """What the headers of frames depend on."""

    decoder_model: bool
    removal_time_bits: int
    presentation_time_bits: int  # 0: frames do not tell
    timed_points: tuple[int, ...]  # operating_point_idc of those that have times of removal
    frame_id_bits: int  # 0: frames do not tell
    order_hint_bits: int
    screen_content_tools: int
    integer_mv: int


def _read_sequence(bits: _Bits) -> _Sequence | None:
    """Read a sequence header; None of one whose frames are all key frames."""
    bits.number(3 + 1)  # seq_profile, still_picture
    if bits.flag():  # reduced_still_picture_header
        return None
    decoder_model = equal_interval = False
    delay_bits = removal_time_bits = presentation_time_bits = 0
    if bits.flag():  # timing_info_present_flag
        bits.number(32 + 32)
        equal_interval = bits.flag()
        if equal_interval:
            bits.pass_uvlc()
        decoder_model = bits.flag()
        if decoder_model:
            delay_bits = bits.number(5) + 1
            bits.number(32)
            removal_time_bits, presentation_time_bits = bits.number(5) + 1, bits.number(5) + 1
    display_delay = bits.flag()
    timed_points = []
    for _ in range(bits.number(5) + 1):
        point = bits.number(12)
        if bits.number(5) > 7:  # seq_level_idx
            bits.number(1)
        if decoder_model and bits.flag():
            timed_points.append(point)
            bits.number(2 * delay_bits + 1)
        if display_delay and bits.flag():
            bits.number(4)
    width_bits, height_bits = bits.number(4) + 1, bits.number(4) + 1
    bits.number(width_bits + height_bits)
    frame_id_bits = 0
    if bits.flag():
        frame_id_bits = bits.number(4) + 2 + bits.number(3) + 1
    bits.number(3 + 4)  # tools from use_128x128_superblock to enable_dual_filter
    order_hint = bits.flag()
    if order_hint:
        bits.number(2)
    screen_content_tools = _SELECT if bits.flag() else bits.number(1)
    integer_mv = _SELECT
    if screen_content_tools:
        integer_mv = _SELECT if bits.flag() else bits.number(1)
    return _Sequence(
        decoder_model,
        removal_time_bits,
        0 if equal_interval else presentation_time_bits,
        tuple(timed_points),
        frame_id_bits,
        bits.number(3) + 1 if order_hint else 0,
        screen_content_tools,
        integer_mv,
    )


def _refreshes(bits: _Bits, sequence: _Sequence, layers: int) -> bool:
    """Whether later frames may refer to a frame, by its header.

    Parameters
    ----------
    layers : int
        Bits of an ``operating_point_idc`` that stand for the frame's temporal and spatial layer.
    """
    if bits.flag():  # show_existing_frame: a key frame is then stored anew
        return True
    kind = bits.number(2)
    shown = bits.flag()
    if shown:
        bits.number(sequence.presentation_time_bits)
    else:
        bits.number(1)  # showable_frame
    if kind == _SWITCH_FRAME or (kind == _KEY_FRAME and shown):
        return True  # all of it
    resilient = bits.flag()
    bits.number(1)  # disable_cdf_update
    screen_content = sequence.screen_content_tools
    if screen_content == _SELECT:
        screen_content = bits.number(1)
    if screen_content and sequence.integer_mv == _SELECT:
        bits.number(1)
    bits.number(sequence.frame_id_bits)
    bits.number(1 + sequence.order_hint_bits)  # frame_size_override_flag first
    if not (kind in (_KEY_FRAME, _INTRA_ONLY_FRAME) or resilient):
        bits.number(3)  # primary_ref_frame
    if sequence.decoder_model and bits.flag():
        for point in sequence.timed_points:
            if not point or point & layers == layers:
                bits.number(sequence.removal_time_bits)
    return bits.number(8) != 0


def _obus(data: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """Split a packet into OBUs: their type, layers, and what is in them.

    ``EOFError`` where one is longer than the packet, or none begins (obu_forbidden_bit).
    """
    at = 0
    while at < len(data):
        first, extension = data[at], 0
        if first & 0x80:
            raise EOFError
        at += 1
        if first & 4:  # obu_extension_flag
            if at == len(data):
                raise EOFError
            extension = data[at]
            at += 1
        layers = 1 << (extension >> 5) | 1 << 8 + (extension >> 3 & 3)
        size = len(data) - at
        if first & 2:  # obu_has_size_field
            size = shift = 0
            while True:  # leb128
                if at == len(data) or shift > 49:
                    raise EOFError
                size |= (data[at] & 0x7F) << shift
                shift += 7
                at += 1
                if not data[at - 1] & 0x80:
                    break
        if size > len(data) - at:
            raise EOFError
        yield first >> 3 & 15, layers, data[at : at + size]
        at += size


def is_whole(data: memoryview) -> bool:
    """Whether a packet is made of OBUs from end to end, and a frame is among them.

    Decoders drop others, or parts of them, without a word.
    """
    try:
        return {_FRAME, _FRAME_HEADER} & {kind for kind, _, _ in _obus(data)} != set()
    except EOFError:
        return False


def unreferred_reader(extradata: bytes | None) -> Callable[[memoryview], bool]:
    """Return a function that says of a packet if decoding may leave it out: none refers to it.

    It must see every packet that is decoded. A packet of which anything is not understood is not to
    be left out.

    Parameters
    ----------
    extradata : bytes or None
        av1C, or OBUs as they are.
    """
    sequence: _Sequence | None = None

    def unreferred(data: memoryview) -> bool:
        nonlocal sequence
        found, lasting = False, False
        try:
            for kind, layers, content in _obus(data):
                if kind == _SEQUENCE_HEADER:
                    sequence, lasting = _read_sequence(_Bits(bytes(content))), True
                elif kind not in (_FRAME, _FRAME_HEADER):
                    # (What metadata tell holds for later frames too.)
                    lasting = lasting or kind not in _NOTHING_LASTING
                elif sequence is None or _refreshes(
                    _Bits(bytes(content[:_HEAD])), sequence, layers
                ):
                    lasting = True
                else:
                    found = True
        except EOFError:
            sequence = None
            return False
        return found and not lasting

    if extradata:
        unreferred(memoryview(extradata)[4 if extradata[0] == 0x81 else 0 :])
    return unreferred

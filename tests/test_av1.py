"""Which packets of AV1 nothing refers to: headers written here are read there, and decoding agrees.

What decoders need is known by decoding without: the frames that are left must not change.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastav
from fastav import unpack_planes
from fastav.reading import av1
from fastav.reading.bitstream import unreferred_reader

from .clips import Clip, linear

KEY, INTER, INTRA, SWITCH = range(4)
SEQUENCE, DELIMITER, HEADER, TILES, METADATA, FRAME, COPY, TILE_LIST, PADDING = *range(1, 9), 15


class Bits:
    """Writes what a header says, bit by bit."""

    def __init__(self) -> None:
        self.text = ""

    def add(self, value: int, count: int = 1) -> None:
        self.text += f"{value:0{count}b}"

    @property
    def bytes(self) -> bytes:
        text = self.text + "1"  # trailing_bits
        text += "0" * (-len(text) % 8)
        return int(text, 2).to_bytes(len(text) // 8)


@dataclass(frozen=True)
class Sequence:
    """What differs between the sequence headers written here."""

    timing: bool = False
    ticks: int | None = None  # num_ticks_per_picture_minus_1, if pictures are equally far apart
    model: tuple[int, int, int] | None = None  # bits of delays, removal and presentation times
    display_delay: bool = False
    points: tuple[tuple[int, int, bool], ...] = ((0, 4, False),)  # idc, level, model present
    frame_id: tuple[int, int] | None = None
    order_hint: int = 7
    screen_content: int = 2
    integer_mv: int = 2

    @property
    def bytes(self) -> bytes:
        bits = Bits()
        bits.add(0, 3), bits.add(0), bits.add(0)
        bits.add(self.timing)
        model = self.model if self.timing else None
        if self.timing:
            bits.add(1001, 32), bits.add(30000, 32)
            bits.add(self.ticks is not None)
            if self.ticks is not None:
                code = f"{self.ticks + 1:b}"
                bits.text += "0" * (len(code) - 1) + code
            bits.add(model is not None)
            if model is not None:
                bits.add(model[0] - 1, 5), bits.add(1, 32)
                bits.add(model[1] - 1, 5), bits.add(model[2] - 1, 5)
        bits.add(self.display_delay)
        bits.add(len(self.points) - 1, 5)
        for idc, level, present in self.points:
            bits.add(idc, 12), bits.add(level, 5)
            if level > 7:
                bits.add(1)
            if model is not None:
                bits.add(present)
                if present:
                    bits.add(0, model[0]), bits.add(1, model[0]), bits.add(0)
            if self.display_delay:
                bits.add(1), bits.add(9, 4)
        bits.add(9, 4), bits.add(8, 4), bits.add(639, 10), bits.add(359, 9)
        bits.add(self.frame_id is not None)
        if self.frame_id is not None:
            bits.add(self.frame_id[0] - 2, 4), bits.add(self.frame_id[1] - 1, 3)
        bits.add(0b1010101, 7)
        bits.add(self.order_hint > 0)
        if self.order_hint:
            bits.add(0b10, 2)
        bits.add(self.screen_content == 2)
        if self.screen_content < 2:
            bits.add(self.screen_content)
        if self.screen_content:
            bits.add(self.integer_mv == 2)
            if self.integer_mv < 2:
                bits.add(self.integer_mv)
        if self.order_hint:
            bits.add(self.order_hint - 1, 3)
        bits.add(1), bits.add(0)  # enable_superres, enable_cdef
        return bits.bytes


@dataclass(frozen=True)
class Frame:
    """What differs between the frame headers written here."""

    existing: bool = False
    kind: int = INTER
    shown: bool = True
    resilient: bool = False
    screen_content: bool = False
    removal: bool = False
    layers: tuple[int, int] = (0, 0)
    refresh: int = 0

    def bytes(self, sequence: Sequence) -> bytes:
        bits = Bits()
        bits.add(self.existing)
        if self.existing:
            bits.add(3, 3)
            return bits.bytes
        bits.add(self.kind, 2), bits.add(self.shown)
        model = sequence.model if sequence.timing else None
        if self.shown:
            if model is not None and sequence.ticks is None:
                bits.add(1, model[2])
        else:
            bits.add(1)
        whole = self.kind == SWITCH or (self.kind == KEY and self.shown)
        if not whole:
            bits.add(self.resilient)
        bits.add(0)
        screen_content = sequence.screen_content
        if screen_content == 2:
            screen_content = self.screen_content
            bits.add(self.screen_content)
        if screen_content and sequence.integer_mv == 2:
            bits.add(1)
        if sequence.frame_id is not None:
            bits.add(1, sum(sequence.frame_id))
        if self.kind != SWITCH:
            bits.add(0)
        bits.text += "1" * sequence.order_hint
        if self.kind not in (KEY, INTRA) and not (self.resilient or whole):
            bits.add(7, 3)
        if model is not None:
            bits.add(self.removal)
            if self.removal:
                for idc, _, present in sequence.points:
                    temporal, spatial = self.layers
                    inside = idc >> temporal & 1 and idc >> spatial + 8 & 1
                    if present and (idc == 0 or inside):
                        bits.add(0, model[1])
        if not whole:
            bits.add(self.refresh, 8)
        bits.text += "10" * 40  # what follows
        return bits.bytes

    @property
    def refreshes(self) -> bool:
        whole = self.kind == SWITCH or (self.kind == KEY and self.shown)
        return self.existing or whole or self.refresh > 0


def obu(
    kind: int, content: bytes, layers: tuple[int, int] | None = None, sized: bool = True
) -> bytes:
    head = bytes([kind << 3 | (layers is not None) << 2 | sized << 1])
    if layers is not None:
        head += bytes([layers[0] << 5 | layers[1] << 3])
    size, left = b"", len(content)
    while sized and left > 127:
        size += bytes([left & 127 | 128])
        left >>= 7
    return head + (size + bytes([left]) if sized else b"") + content


sequences = st.builds(
    Sequence,
    st.booleans(),
    st.none() | st.integers(0, 70000),
    st.none() | st.tuples(*[st.integers(1, 32)] * 3),
    st.booleans(),
    st.lists(
        st.tuples(st.integers(0, 4095), st.integers(0, 31), st.booleans()), min_size=1, max_size=6
    ).map(tuple),
    st.none() | st.tuples(st.integers(2, 17), st.integers(1, 8)),
    st.integers(0, 8),
    st.integers(0, 2),
    st.integers(0, 2),
)
frames = st.builds(
    Frame,
    st.sampled_from([False, False, False, True]),
    st.sampled_from([INTER, INTER, KEY, INTRA, SWITCH]),
    *[st.booleans()] * 4,
    st.tuples(st.integers(0, 7), st.integers(0, 3)),
    st.just(0) | st.integers(0, 255),
)


@given(sequences, st.lists(frames, min_size=1, max_size=3), st.booleans(), st.booleans())
def test_headers(sequence: Sequence, some: list[Frame], apart: bool, first: bool) -> None:
    """Of all that the syntax allows, what the headers of frames refresh is found."""
    header = obu(SEQUENCE, sequence.bytes)
    unreferred = av1.unreferred_reader(b"\x81\0\0\0" + header if first else None)
    if not first:
        assert not unreferred(memoryview(obu(DELIMITER, b"") + header))
    data = obu(DELIMITER, b"")
    for frame in some:
        content = frame.bytes(sequence)
        layers = None if frame.layers == (0, 0) else frame.layers
        data += obu(HEADER if apart else FRAME, content, layers)
        if apart:
            data += obu(COPY, content, layers) + obu(TILES, bytes(200), layers)
    data += obu(PADDING, b"\0\x80", sized=False)
    assert unreferred(memoryview(data)) == (not any(frame.refreshes for frame in some))


def test_what_is_not_understood_is_decoded() -> None:
    sequence, frame = Sequence(), Frame()
    header, picture = obu(SEQUENCE, sequence.bytes), obu(FRAME, frame.bytes(sequence))
    assert av1.unreferred_reader(header)(memoryview(picture))
    cases = {
        "no sequence header": (b"", picture),
        "no frame": (header, obu(DELIMITER, b"")),
        "nothing": (header, b""),
        "another sequence header": (header, header + picture),
        "metadata, which last": (header, obu(METADATA, b"\1\0\0\0\0\x80") + picture),
        "a list of tiles": (header, picture + obu(TILE_LIST, bytes(9))),
        "a kind that is reserved": (header, picture + obu(9, b"\x80")),
        "too short": (header, picture[:-1]),
        "a size without an end": (header, b"\x32" + b"\xff" * 20),
        "a header that ends": (header, obu(FRAME, frame.bytes(sequence)[:2])),
        "a still picture": (obu(SEQUENCE, b"\x18\0\0\0\0\0\0\0"), picture),
    }
    for what, (extradata, data) in cases.items():
        assert not av1.unreferred_reader(extradata)(memoryview(data)), what


@given(st.binary(max_size=60), st.lists(st.binary(max_size=80), max_size=4))
def test_garbage_is_decoded(extradata: bytes, packets: list[bytes]) -> None:
    unreferred = av1.unreferred_reader(extradata)
    for data in packets:
        unreferred(memoryview(data))


@given(sequences, frames, st.data())
def test_damage_raises_nothing(sequence: Sequence, frame: Frame, data: st.DataObject) -> None:
    made = bytearray(obu(SEQUENCE, sequence.bytes) + obu(FRAME, frame.bytes(sequence)))
    for _ in range(3):
        made[data.draw(st.integers(0, len(made) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    cut = bytes(made[: data.draw(st.integers(0, len(made)))])
    unreferred = av1.unreferred_reader(cut)
    unreferred(memoryview(cut))


def test_whole_packets() -> None:
    sequence, frame = Sequence(), Frame()
    header, picture = obu(SEQUENCE, sequence.bytes), obu(FRAME, frame.bytes(sequence))
    whole = obu(DELIMITER, b"") + header + picture
    apart = obu(HEADER, frame.bytes(sequence)) + obu(TILES, bytes(200))
    for data in (whole, picture, apart, whole + bytes(3), picture + obu(METADATA, b"\1", (1, 0))):
        assert av1.is_whole(memoryview(data))
    cases = {
        "nothing": b"",
        "no frame": header,
        "no header of a frame": obu(TILES, bytes(200)),
        "zeros": bytes(40),
        "cut": whole[:-1],
        "one that is longer than the packet": whole + obu(PADDING, bytes(9))[:-1],
        "a forbidden bit": whole + b"\x80",
    }
    for what, data in cases.items():
        assert not av1.is_whole(memoryview(data)), what


def kinds(packet: bytes) -> set[int]:
    return {kind for kind, _, _ in av1._obus(memoryview(packet))}


@pytest.mark.parametrize("container", ["ivf", "obu", "webm", "mp4"])
def test_packets_that_the_decoder_drops_are_not_counted(container: str, tmp_path: Path) -> None:
    clip = Clip(
        f"a.{container}",
        codec="libsvtav1",
        b_frames=None,
        frames=12,
        gop=5,
        options={"preset": "12"},
    )
    path = tmp_path / clip.name
    clip.make(path)
    sound = path.read_bytes()
    with av.open(str(path)) as file:
        packets = [bytes(packet) for packet in file.demux(video=0) if packet.size]
    silent = 0
    plain = [data for data in packets if len(data) > 20 and SEQUENCE not in kinds(data)]
    for data in plain[-3:]:
        for begin in (0, 2):
            at = sound.index(data) + begin
            path.write_bytes(sound[:at] + bytes(8) + sound[at + 8 :])
            reference = linear(path)
            if reference.error:
                continue
            silent += 1
            for number in range(len(packets)):
                with fastav.open(path, conversion="ffmpeg") as reader:  # that knows of nothing
                    count = len(reader)
                    if number < count:
                        np.testing.assert_array_equal(reader[number], reference.images[number])
            assert count == len(reference.images) < len(packets)
    assert silent or container == "obu"


ENCODINGS = {
    "layers": "",
    "low delay": "pred-struct=1",
    "film grain": "film-grain=20",
    "overlays": "enable-overlays=1",
    "flat layers": "hierarchical-levels=2",
    "screen content": "scm=1",
    "super-resolution": "superres-mode=1:superres-denom=12",
    "intra refresh": "irefresh-type=1",
    "tiles": "tile-columns=1:tile-rows=1",
}


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv420p10le"])
@pytest.mark.parametrize("how", ENCODINGS)
def test_without_them_all_else_is_decoded_alike(tmp_path: Path, how: str, pixels: str) -> None:
    options = {"preset": "10"}
    if ENCODINGS[how]:
        options["svtav1-params"] = ENCODINGS[how]
    clip = Clip(
        "a.mp4", codec="libsvtav1", pix_fmt=pixels, b_frames=None, frames=40, options=options
    )
    path = tmp_path / clip.name
    clip.make(path)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        unreferred = unreferred_reader("av1", stream.codec_context.extradata)
        assert unreferred is not None
        packets = [packet for packet in container.demux(stream) if packet.size]
        assert all(av1.is_whole(memoryview(packet)) for packet in packets)
        left_out = {at for at, packet in enumerate(packets) if unreferred(memoryview(packet))}
    whole, less = decoded(path, set()), decoded(path, left_out)
    assert len(left_out) >= 4
    assert set(whole) - set(less) == left_out
    for number, image in less.items():
        np.testing.assert_array_equal(image, whole[number])


def decoded(path: Path, without: set[int]) -> dict[int | None, np.ndarray]:
    """Decode all packets but some; frames by the number of their packet."""
    found = {}
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        for number, packet in enumerate(container.demux(stream)):
            if number in without:
                continue
            packet.pts = number if packet.size else None
            for frame in stream.codec_context.decode(packet):
                planes = unpack_planes(frame)
                found[frame.pts] = np.concatenate([plane.ravel() for plane in planes])
    return found


def test_a_sequence_header_of_an_encoder(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    Clip(path.name, codec="libsvtav1", b_frames=None, frames=2, options={"preset": "12"}).make(path)
    with av.open(str(path)) as container:
        extradata = container.streams.video[0].codec_context.extradata
    assert extradata is not None
    ((kind, _, content),) = av1._obus(memoryview(extradata)[4:])
    assert kind == SEQUENCE
    read = av1._read_sequence(av1._Bits(bytes(content)))
    assert read == av1._read_sequence(av1._Bits(Sequence().bytes))
    assert read == av1._Sequence(False, 0, 0, (), 0, 7, 2, 2)

"""The kernels of planes, strides and bits, compiled and twin, against a plain NumPy model.

Sizes begin at 1, rows have any padding and either direction, planes begin at any address, and guard
bytes around and between the rows of each destination must stay as they are.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fastav.pixels.formats import Kind, pixel_format, software_formats

from .conftest import Kernels

Bytes = NDArray[np.uint8]
GUARD = 0xA5

settings.register_profile("kernels", max_examples=60, deadline=None, derandomize=True)
examples = settings.get_profile("kernels")


@pytest.fixture(scope="module")
def planes(kernels: Kernels) -> ModuleType:
    return kernels("planes")


@pytest.fixture(scope="module")
def strides(kernels: Kernels) -> ModuleType:
    return kernels("strides")


@pytest.fixture(scope="module")
def bits(kernels: Kernels) -> ModuleType:
    return kernels("bits")


@dataclass
class Plane:
    """Rows in a block of bytes; all of the block that is no row is guard."""

    block: Bytes
    start: int
    pitch: int
    row_bytes: int
    height: int

    @property
    def address(self) -> int:
        return int(self.block.ctypes.data) + self.start

    @property
    def place(self) -> tuple[int, int]:
        return self.address, self.pitch

    def indices(self) -> NDArray[np.intp]:
        rows = self.start + self.pitch * np.arange(self.height)[:, None]
        return rows + np.arange(self.row_bytes)

    def rows(self, itemsize: int = 1) -> NDArray[Any]:
        """A copy of the rows, as native unsigned elements."""
        return self.block[self.indices()].view(f"u{itemsize}")

    def check(self, wanted: NDArray[Any]) -> None:
        """Compare the rows, and make sure that nothing around them was written."""
        expected = np.full_like(self.block, GUARD)
        expected[self.indices()] = (
            np.ascontiguousarray(wanted).view(np.uint8).reshape(self.height, self.row_bytes)
        )
        assert (self.block == expected).all()


@st.composite
def geometries(draw: st.DrawFn) -> tuple[int, int, int]:
    """Start, padding and direction of a plane."""
    return draw(st.integers(0, 17)), draw(st.integers(0, 21)), draw(st.sampled_from([1, -1]))


def plane(geometry: tuple[int, int, int], row_bytes: int, height: int, seed: int = -1) -> Plane:
    """A plane of random bytes, or of guard bytes for a destination."""
    start, padding, direction = geometry
    pitch = row_bytes + padding
    size = 2 * 17 + pitch * height
    if seed < 0:
        block = np.full(size, GUARD, np.uint8)
    else:
        block = np.random.default_rng(seed).integers(0, 256, size, np.uint8)
    if direction < 0:
        start += pitch * (height - 1)
    return Plane(block, start, direction * pitch, row_bytes, height)


widths, heights = st.integers(1, 70), st.integers(1, 6)


@examples
@given(widths, heights, geometries(), geometries())
def test_copy(planes: ModuleType, width: int, height: int, to: Any, of: Any) -> None:
    target, source = plane(to, width, height), plane(of, width, height, seed=1)
    planes.copy(*target.place, *source.place, width, height)
    target.check(source.rows())


@examples
@given(widths, heights, st.sampled_from([2, 4]), geometries(), geometries())
def test_swap(planes: ModuleType, width: int, height: int, item: int, to: Any, of: Any) -> None:
    target, source = plane(to, width * item, height), plane(of, width * item, height, seed=2)
    planes.swap(*target.place, *source.place, item, width, height)
    target.check(source.rows(item).byteswap())


@examples
@given(widths, heights, st.integers(0, 15), st.booleans(), geometries(), geometries())
def test_shift(
    planes: ModuleType, width: int, height: int, shift: int, swapped: bool, to: Any, of: Any
) -> None:
    target, source = plane(to, 2 * width, height), plane(of, 2 * width, height, seed=3)
    planes.shift(*target.place, *source.place, shift, swapped, width, height)
    values = source.rows(2)
    target.check((values.byteswap() if swapped else values) >> shift)


@examples
@given(
    widths,
    heights,
    st.sampled_from([1, 2, 4]),
    st.lists(geometries(), min_size=2, max_size=4),
    geometries(),
)
def test_interleave_and_back(
    planes: ModuleType, width: int, height: int, item: int, parts: list[Any], whole: Any
) -> None:
    channels = len(parts)
    sources = [plane(part, width * item, height, seed=n) for n, part in enumerate(parts)]
    merged = plane(whole, width * item * channels, height)
    addresses, pitches = zip(*(source.place for source in sources), strict=True)
    planes.interleave(*merged.place, addresses, pitches, item, width, height)
    merged.check(np.stack([source.rows(item) for source in sources], axis=-1))

    targets = [plane(part, width * item, height) for part in parts]
    addresses, pitches = zip(*(target.place for target in targets), strict=True)
    planes.deinterleave(addresses, pitches, *merged.place, item, width, height)
    for target, source in zip(targets, sources, strict=True):
        target.check(source.rows(item))


PLANES = st.lists(
    st.tuples(st.integers(1, 8192), st.integers(1, 4), st.integers(0, 31), st.integers(0, 31)),
    max_size=4,
)


@examples
@given(st.integers(1, 2**20), st.integers(1, 2**20), PLANES, st.integers(0, 12))
def test_lay_out(strides: ModuleType, width: int, height: int, planes: Any, log2: int) -> None:
    laid, size = strides.lay_out(width, height, planes, 2**log2)
    end = 0
    for plane, (row_bytes, rows, pitch, offset) in zip(planes, laid, strict=True):
        bits, _, log2_width, log2_height = plane
        units = len(range(0, width, 2**log2_width))
        assert row_bytes == len(range(0, units * bits, 8))
        assert rows == len(range(0, height, 2**log2_height))
        for start, smallest in ((pitch, row_bytes), (offset, end)):
            assert start % 2**log2 == 0
            assert smallest <= start < smallest + 2**log2
        end = offset + pitch * rows
    assert size == end


@examples
@given(st.integers(-(10**6), 10**6), st.integers(1, 10**6), st.integers(1, 10**4))
def test_span(strides: ModuleType, pitch: int, row: int, height: int) -> None:
    edges = [(pitch * y, pitch * y + row) for y in (0, height - 1)]
    assert strides.span(pitch, row, height) == (min(edges)[0], max(edges)[1])


def test_sizes_beyond_the_address_space(strides: ModuleType) -> None:
    largest = sys.maxsize
    for call in (
        lambda: strides.lay_out(largest // 8, 1, [(32, 1, 0, 0)], 1),
        lambda: strides.lay_out(largest, 1, [(1, 1, 0, 0)], 1),
        lambda: strides.lay_out(2**70, 1, [(8, 1, 0, 0)], 1),
        lambda: strides.lay_out(2**32, 2**31, [(8, 1, 0, 0)], 1),
        lambda: strides.lay_out(2**31, 2**31, [(8, 1, 0, 0)] * 2, 1),
        lambda: strides.lay_out(2**31, 2**31, [(8, 1, 0, 0)], 2**62),
        lambda: strides.span(largest // 2, 1, 4),
        lambda: strides.span(-(largest // 2), 1, 4),
        lambda: strides.span(1, largest, 2),
    ):
        with pytest.raises(OverflowError):
            call()
    assert strides.lay_out(2**31, 2**31, [(8, 1, 0, 0)], 1) == ([(2**31, 2**31, 2**31, 0)], 2**62)
    assert strides.span(-largest, 0, 2) == (-largest, 0)


WORDS = [name for name in software_formats() if pixel_format(name).kind is Kind.BIT_PACKED]


@examples
@given(st.sampled_from(WORDS), widths, heights, geometries(), geometries(), geometries())
def test_expand_and_collapse(
    bits: ModuleType, name: str, width: int, height: int, of: Any, to: Any, back: Any
) -> None:
    format = pixel_format(name)
    depths = tuple(component.depth for component in format.components)
    count, item, pixel = len(depths), format.component_dtype.itemsize, format.pixel_bits
    fields = (pixel, not format.dtype.isnative, format.bit_shifts, depths)
    row = (width * pixel + 7) // 8
    source = plane(of, row, height, seed=4)
    target = plane(to, width * count * item, height)
    bits.expand(*target.place, *source.place, *fields, width, height)

    # The model: every row as one large binary number.
    wanted = np.empty((height, width, count), f"u{item}")
    stored = source.rows()
    for y in range(height):
        line = stored[y].reshape(-1, max(1, pixel // 8))
        if not format.big_endian:
            line = line[:, ::-1]
        digits = "".join(f"{byte:08b}" for byte in line.ravel())
        for x in range(width):
            value = int(digits[x * pixel : (x + 1) * pixel], 2)
            for c in range(count):
                wanted[y, x, c] = value >> format.bit_shifts[c] & ((1 << depths[c]) - 1)
    target.check(wanted)

    packed = plane(back, row, height)
    assert bits.collapse(*packed.place, *target.place, *fields, width, height) is True
    again = plane(to, width * count * item, height)
    bits.expand(*again.place, *packed.place, *fields, width, height)
    again.check(wanted)
    used = sum(
        (2**depth - 1) << shift for depth, shift in zip(depths, format.bit_shifts, strict=True)
    )
    unused = 2**pixel - 1 - used
    for y in range(height):
        line = packed.rows()[y].reshape(-1, max(1, pixel // 8))
        if not format.big_endian:
            line = line[:, ::-1]
        digits = "".join(f"{byte:08b}" for byte in line.ravel())
        for x in range(width):
            assert int(digits[x * pixel : (x + 1) * pixel], 2) & unused == 0
        assert "1" not in digits[width * pixel :]

    values = target.rows(item).copy()
    if depths[-1] < 8 * item:
        values[-1, -1] = 1 << depths[-1]
        target.block[target.indices()] = values.view(np.uint8)
        fits = bits.collapse(*packed.place, *target.place, *fields, width, height)
        assert fits is False

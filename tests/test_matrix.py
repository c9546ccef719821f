"""Every format x size x line size against the descriptor, both ways.

The oracle knows nothing of ``fastav.pixels.formats``: from plane, step, offset, shift and depth
alone it computes where each component lies, as ``av_read_image_line2`` of libavutil does, and reads
it from random bytes. The suite runs a seeded slice; the whole matrix is a command::

    python tests/test_matrix.py --full              # both backends
    python tests/test_matrix.py --full --formats nv12 rgb565be
"""

from __future__ import annotations

import argparse
import ctypes
import itertools
import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastav._kernels import chosen
from fastav.pixels._format_table import DESCRIPTORS
from fastav.pixels.formats import Kind, PixelFormat, pixel_format, software_formats
from fastav.pixels.layout import FrameLayout, frame_layout
from fastav.pixels.packing import pack_frame, unpack_frame, unpack_planes
from fastav.pixels.planes import copy_frame

WIDTHS = (*range(1, 67), *range(127, 130), *range(319, 322), *range(1919, 1922))
HEIGHTS = (1, 2, 3, 6, 9)
LINE_SIZES = ("aligned", "padded", "negative", "cropped")
GUARD = 0xA5

Bytes = NDArray[np.uint8]


# -- frames over memory of the test's own ----------------------------------------------------------


@dataclass
class Window:
    """A frame over planes in one block of random bytes; of a frame all that fastav looks at."""

    format: Any
    width: int
    height: int
    planes: tuple[Any, ...]
    rows: list[Bytes]  # a plane's rows, from the top
    block: Bytes


def window(layout: FrameLayout, line_sizes: str, rng: np.random.Generator) -> Window:
    """Fill a frame of a layout with random bytes."""
    places, end = [], 0
    for plane in layout.planes:
        start, pitch = end + 1, plane.row_bytes
        if line_sizes == "aligned":
            start, pitch = (end + 63) // 64 * 64, (plane.row_bytes + 63) // 64 * 64
        elif line_sizes == "padded":
            pitch += int(rng.integers(1, 20))
        elif line_sizes == "cropped":
            start, pitch = end + int(rng.integers(1, 99)), pitch + int(rng.integers(1, 99))
        places.append((start, pitch))
        end = start + pitch * plane.height
    block = rng.integers(0, 256, end, np.uint8)
    planes, rows = [], []
    for (start, pitch), plane in zip(places, layout.planes, strict=True):
        view = block[start : start + pitch * plane.height].reshape(plane.height, pitch)
        view = view[:, : plane.row_bytes]
        if line_sizes == "negative":
            view = view[::-1]
        address = view.__array_interface__["data"][0]
        line_size = view.strides[0] if plane.shape != (256, 4) else 0
        planes.append(SimpleNamespace(buffer_ptr=address, line_size=line_size))
        rows.append(view)
    name = SimpleNamespace(name=layout.format.name)
    return Window(name, layout.width, layout.height, tuple(planes), rows, block)


def rows_of(frame: Any, layout: FrameLayout) -> list[Bytes]:
    """Read the rows of a frame's planes, each on its own."""
    return [
        np.array(
            [
                np.frombuffer(
                    ctypes.string_at(stored.buffer_ptr + y * stored.line_size, plane.row_bytes),
                    np.uint8,
                )
                for y in range(plane.height)
            ]
        )
        for stored, plane in zip(frame.planes, layout.planes, strict=True)
    ]


# -- the oracle ------------------------------------------------------------------------------------


def oracle(name: str, rows: list[Bytes], width: int, height: int) -> list[NDArray[np.uint32]]:
    """Return each component's samples ``(h, w)``, floating point as its bits."""
    flags, (log2_w, log2_h), components = DESCRIPTORS[name]
    big_endian, bitstream = flags & 1, flags & 4
    found = []
    for number, (plane, step, offset, shift, depth) in enumerate(components):
        chroma = number in (1, 2)
        w = -(-width >> log2_w) if chroma else width
        h = -(-height >> log2_h) if chroma else height
        data, x, mask = rows[plane][:h].astype(np.uint64), np.arange(w), (1 << depth) - 1
        if bitstream and depth == 10:
            word = sum(data[:, 4 * x + byte] << (8 * (3 - byte)) for byte in range(4))
            value = word >> offset
        elif bitstream:
            bit = x * step + offset
            value = data[:, bit >> 3] >> (8 - depth - (bit & 7)).astype(np.uint64)
        else:
            at = x * step + offset
            if name == "uyyvyy411" and not chroma:  # which no even step can describe
                at = x // 4 * 6 + np.array([1, 2, 4, 5])[x % 4]
            size = 1 if depth + shift <= 8 else 2 if depth + shift <= 16 else 4
            if size == 1 and big_endian:
                at = at + 1
            value = sum(
                data[:, at + byte] << (8 * (size - 1 - byte if big_endian else byte))
                for byte in range(size)
            )
            value = value >> shift
        found.append((value & mask).astype(np.uint32))
    return found


def bits(array: NDArray[Any]) -> NDArray[Any]:
    """Floating point as its bits."""
    kind, size = array.dtype.str[1], array.dtype.itemsize
    return array.view(f"{array.dtype.str[0]}u{size}") if kind == "f" else array


def letters(format: PixelFormat) -> str:
    """A letter for each component in the order of the descriptor."""
    if "X" in format.order:
        return "XYZ"
    return "".join(letter for letter in "RGBYUVA" if letter in format.order)


def components_in(format: PixelFormat, planes: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """Find the components in unpacked planes by the documented order of memory."""
    found = []
    for letter in letters(format):
        if format.kind in (Kind.PLANAR, Kind.SUBSAMPLED_PLANAR):
            found.append(planes[format.order.index(letter)])
        elif format.kind is Kind.SEMI_PLANAR:
            at = format.order.index(letter)
            found.append(planes[0] if at == 0 else planes[1][..., at - 1])
        elif format.kind is Kind.PACKED_SUBSAMPLED:
            unit = planes[0].reshape(len(planes[0]), -1, len(format.order))
            at = [i for i, other in enumerate(format.order) if other == letter]
            found.append(unit[..., at].reshape(len(unit), -1))
        else:
            plane = planes[0] if planes[0].ndim == 3 else planes[0][..., None]
            found.append(plane[..., format.order.index(letter)])
    return found


# -- one case --------------------------------------------------------------------------------------


class Guarded:
    """Arrays in the midst of guard bytes, at any alignment."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any], start: int) -> None:
        size = int(np.prod(shape)) * dtype.itemsize
        self.block = np.full(size + 2 * start, GUARD, np.uint8)
        self.inside = slice(start, start + size)
        self.array = np.ndarray(shape, dtype, self.block, start)

    def check(self) -> NDArray[Any]:
        """Return the array after making sure that nothing around it was written."""
        outside = self.block[: self.inside.start], self.block[self.inside.stop :]
        assert all((part == GUARD).all() for part in outside), "guard bytes were written"
        return self.array


def equal(found: NDArray[Any], wanted: NDArray[Any]) -> bool:
    return found.shape == wanted.shape and bool((bits(found) == bits(wanted)).all())


def check_case(
    name: str, width: int, height: int, line_sizes: str, rng: np.random.Generator
) -> None:
    """Unpack in every way and pack again; raise AssertionError on the first difference."""
    format = pixel_format(name)
    layout = frame_layout(name, width, height)
    frame: Any = window(layout, line_sizes, rng)
    before = frame.block.copy()
    samples = [] if format.mosaic else oracle(name, frame.rows, width, height)

    # Planes hold the stored bytes; values lie where the order says.
    planes = unpack_planes(frame)
    views = unpack_planes(frame, copy=False)
    for plane, view, rows in zip(planes, views, frame.rows, strict=True):
        assert plane.tobytes() == rows.tobytes()
        assert equal(view, plane)
        assert plane.flags.c_contiguous
        assert plane.flags.writeable
        assert plane.flags.owndata
        assert not view.flags.writeable
    if samples and format.kind not in (Kind.BIT_PACKED, Kind.PALETTE):
        values = components_in(format, list(unpack_planes(frame, normalize=True)))
        for value, sample in zip(values, samples, strict=True):
            assert value.dtype == format.dtype.newbyteorder("=")
            # The last unit of packed 4:2:2 is whole even if the picture ends within it. Random
            # bytes fill bits above a sample's depth too, which are kept as stored.
            inside = bits(value)[:, : sample.shape[1]] & ((1 << format.depth) - 1)
            assert equal(inside, sample)

    # The block of bulk reading, and the frame made of the planes.
    block = Guarded((layout.nbytes,), np.dtype(np.uint8), int(rng.integers(64, 128)))
    copy_frame(frame, layout, block.array.ctypes.data)
    assert block.check().tobytes() == b"".join(plane.tobytes() for plane in planes)
    made = pack_frame(planes, name, width=width)
    for rows, wanted in zip(rows_of(made, layout), frame.rows, strict=True):
        assert (rows == wanted).all()
    views_packed = pack_frame(views, name, width=width)
    for rows, wanted in zip(rows_of(views_packed, layout), frame.rows, strict=True):
        assert (rows == wanted).all()

    if layout.shape is not None:
        check_array(frame, layout, planes, {}, rng)
    elif format.kind is Kind.PALETTE:
        assert equal(unpack_frame(frame), planes[0])
    try:
        stacked = frame_layout(name, width, height, stacked=True)
    except ValueError:
        stacked = layout
    if stacked.shape is not None and layout.shape is None:
        check_array(frame, stacked, planes, {"stacked": True}, rng)

    if format.kind is Kind.BIT_PACKED:
        shape = (height, width, len(samples))
        out = Guarded(shape, format.component_dtype, int(rng.integers(64, 128)))
        unpack_frame(frame, components=True, out=out.array)
        assert equal(out.check(), np.stack(samples, axis=-1))
        made = pack_frame(out.array, name)
        again = oracle(name, rows_of(made, layout), width, height)
        assert all(equal(a, b) for a, b in zip(again, samples, strict=True))
    assert (frame.block == before).all(), "the source was written"


def check_array(
    frame: Any,
    layout: FrameLayout,
    planes: tuple[NDArray[Any], ...],
    options: dict[str, bool],
    rng: np.random.Generator,
) -> None:
    """Check one array of all planes: as stored, normalized, and packed again."""
    format, shape = layout.format, layout.shape
    assert shape is not None
    out = Guarded(shape, format.dtype, int(rng.integers(64, 128)))
    assert unpack_frame(frame, out=out.array, **options) is out.array
    array = out.check()
    assert array.tobytes() == b"".join(plane.tobytes() for plane in planes)
    native = format.dtype.newbyteorder("=")
    values = Guarded(shape, native, int(rng.integers(64, 128)))
    unpack_frame(frame, out=values.array, normalize=True, **options)
    assert equal(values.check(), bits(array).astype(f"u{format.itemsize}") >> format.shift)
    width = layout.width if format.kind is Kind.BIT_PACKED or array.ndim == 2 else None
    for source in (array, array.astype(native)):
        made = pack_frame(source, format.name, width=width)
        for rows, wanted in zip(rows_of(made, layout), frame.rows, strict=True):
            assert (rows == wanted).all()


# -- the seeded slice and the whole ----------------------------------------------------------------


@pytest.mark.parametrize("name", software_formats())
def test_slice_of_the_matrix(name: str) -> None:
    choose = random.Random(name)
    for line_sizes in LINE_SIZES:
        sizes = [(1, 1), (2, 2), *((choose.choice(WIDTHS), choose.choice(HEIGHTS)) for _ in "ab")]
        for width, height in sizes:
            check_case(name, width, height, line_sizes, np.random.default_rng(width * height))


def run_matrix(names: list[str]) -> tuple[int, int]:
    """Run all cases of some formats; return how many there were, and how many failed."""
    cases = failures = 0
    for name in names:
        for width, height, line_sizes in itertools.product(WIDTHS, HEIGHTS, LINE_SIZES):
            cases += 1
            try:
                check_case(name, width, height, line_sizes, np.random.default_rng(cases))
            except Exception as error:
                failures += 1
                print(f"{name} {width}x{height} {line_sizes}: {error!r}", file=sys.stderr)
    return cases, failures


def main() -> int:
    """Run the whole matrix, in one process for each backend."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", required=True, help="run every case")
    parser.add_argument("--formats", nargs="+", default=list(software_formats()), metavar="NAME")
    parser.add_argument("--backend", choices=("compiled", "python"), help="default: both")
    options = parser.parse_args()
    if options.backend is None:
        status = 0
        for backend in ("compiled", "python"):
            command = [sys.executable, __file__, "--full", "--backend", backend]
            environment = {**os.environ, "FASTAV_BACKEND": backend}
            command += ["--formats", *options.formats]
            status |= subprocess.run(command, env=environment, check=False).returncode
        return status
    assert chosen == options.backend, f"FASTAV_BACKEND chose {chosen}"
    start = time.perf_counter()
    cases, failures = run_matrix(options.formats)
    seconds = time.perf_counter() - start
    print(f"{chosen}: {cases} cases, {failures} failed, {seconds:.0f} s")
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())

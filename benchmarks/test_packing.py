"""Packing at 1080p against memcpy and PyAV: ``pytest benchmarks/test_packing.py``.

pytest-benchmark times one thing after the other, which is for one's own changes, before and after.
The ratios to memcpy and PyAV are measured in turns instead, one call of each contender after the
other; ``-s`` prints them.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Sequence
from typing import Any

import av
import numpy as np
import pytest

from fastav.pixels.formats import Kind, pixel_format, software_formats
from fastav.pixels.layout import FrameLayout, frame_layout
from fastav.pixels.packing import pack_frame, unpack_frame, unpack_planes

WIDTH, HEIGHT = 1920, 1080

CLASSES = {
    "packed 8": "rgb24",
    "packed 8, padded": "rgb0",
    "gray": "gray",
    "packed 16": "rgb48le",
    "packed 16 be": "rgb48be",
    "packed 32": "rgbaf32le",
    "planar 8": "gbrp",
    "planar 10": "gbrp10le",
    "4:2:0": "yuv420p",
    "4:2:0, 10 bit": "yuv420p10le",
    "semi-planar": "nv12",
    "semi-planar, 10 bit": "p010le",
    "packed 4:2:2": "yuyv422",
    "bit-packed": "rgb565le",
    "bayer 8": "bayer_rggb8",
    "bayer 16": "bayer_rggb16le",
    "palette": "pal8",
}

if hasattr(libc := ctypes.CDLL(None), "mallopt"):
    # glibc gives large blocks back to the system or keeps them as it happens to suit the heap, and
    # fresh pages cost as much as filling them: keep all, so that luck does not decide.
    libc.mallopt(-1, 2**30)  # M_TRIM_THRESHOLD
    libc.mallopt(-3, 2**30)  # M_MMAP_THRESHOLD

pytestmark = pytest.mark.benchmark(warmup=True, warmup_iterations=2, min_rounds=5, max_time=0.3)


def layout_of(name: str) -> FrameLayout:
    return frame_layout(name, WIDTH, HEIGHT, stacked=name != "pal8")


def full_frame(name: str) -> av.VideoFrame:
    rng = np.random.default_rng(0)
    planes = [
        rng.integers(0, 256, plane.row_bytes * plane.height, np.uint8)
        .view(plane.dtype)
        .reshape(plane.shape)
        for plane in frame_layout(name, WIDTH, HEIGHT).planes
    ]
    return pack_frame(planes, name, width=WIDTH)


def turns(*calls: Callable[[], Any], rounds: int = 15) -> list[float]:
    """Least seconds of each call, taken in turns; each is warmed by a call of its own.

    The least, since whatever else the machine does can only add to it.
    """
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, taken in zip(calls, times, strict=True):
            call()
            start = time.perf_counter()
            result = call()
            taken.append(time.perf_counter() - start)
            del result
    return [min(taken) for taken in times]


def moves(layout: FrameLayout, frame: av.VideoFrame) -> list[tuple[int, int, int]]:
    """(offset in a tight block, address, bytes) of each plane, for memcpy."""
    return [
        (plane.offset, stored.buffer_ptr, plane.row_bytes * plane.height)
        for plane, stored in zip(layout.planes, frame.planes, strict=True)
    ]


# -- one after the other ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", CLASSES.values(), ids=CLASSES)
class TestUnpack:
    """A frame of the class into a fresh array, or the caller's."""

    def test_fastav(self, benchmark: Any, name: str) -> None:
        benchmark(unpack_frame, full_frame(name), stacked=name != "pal8")

    def test_fastav_out(self, benchmark: Any, name: str) -> None:
        frame, stacked = full_frame(name), name != "pal8"
        out = unpack_frame(frame, stacked=stacked)
        benchmark(unpack_frame, frame, stacked=stacked, out=out)

    def test_fastav_planes(self, benchmark: Any, name: str) -> None:
        benchmark(unpack_planes, full_frame(name))

    def test_numpy_copy(self, benchmark: Any, name: str) -> None:
        benchmark(unpack_frame(full_frame(name), stacked=name != "pal8").copy)

    def test_pyav(self, benchmark: Any, name: str) -> None:
        frame = full_frame(name)
        try:
            frame.to_ndarray()
        except ValueError:
            pytest.skip("not a format of to_ndarray")
        benchmark(frame.to_ndarray)


@pytest.mark.parametrize("name", CLASSES.values(), ids=CLASSES)
class TestPack:
    """An array of the class into a new frame."""

    def test_fastav(self, benchmark: Any, name: str) -> None:
        frame = full_frame(name)
        source = unpack_planes(frame) if name == "pal8" else unpack_frame(frame, stacked=True)
        benchmark(pack_frame, source, name)

    def test_pyav(self, benchmark: Any, name: str) -> None:
        try:
            array = full_frame(name).to_ndarray()
            av.VideoFrame.from_ndarray(array, format=name)
        except ValueError:
            pytest.skip("not a format of from_ndarray")
        benchmark(av.VideoFrame.from_ndarray, array, format=name)


@pytest.mark.parametrize("name", ["rgb565le", "x2rgb10le", "monow", "rgb8"])
def test_components(benchmark: Any, name: str) -> None:
    benchmark(unpack_frame, full_frame(name), components=True)


@pytest.mark.parametrize("name", ["xyz12le", "gray16be", "gbrp10msble"])
def test_normalize(benchmark: Any, name: str) -> None:
    benchmark(unpack_frame, full_frame(name), normalize=True)


# -- in turns --------------------------------------------------------------------------------------


def one_array_formats(kinds: Sequence[Kind]) -> list[str]:
    return [name for name in CLASSES.values() if pixel_format(name).kind in kinds]


@pytest.mark.parametrize("name", one_array_formats((Kind.PACKED, Kind.PLANAR)))
def test_bandwidth_beside_memcpy(name: str) -> None:
    layout, frame = layout_of(name), full_frame(name)
    out = unpack_frame(frame)
    address = out.ctypes.data

    def memcpy() -> None:
        for offset, source, size in moves(layout, frame):
            ctypes.memmove(address + offset, source, size)

    def memcpy_fresh() -> Any:
        fresh = np.empty(layout.shape or (), layout.dtype)
        start = fresh.ctypes.data
        for offset, source, size in moves(layout, frame):
            ctypes.memmove(start + offset, source, size)
        return fresh

    def memcpy_frame() -> Any:
        made = av.VideoFrame(WIDTH, HEIGHT, name)
        for offset, target, size in moves(layout, made):
            ctypes.memmove(target, address + offset, size)
        return made

    warm, into, fresh, unpack, new, pack = turns(
        memcpy,
        lambda: unpack_frame(frame, out=out),
        memcpy_fresh,
        lambda: unpack_frame(frame),
        memcpy_frame,
        lambda: pack_frame(out, name),
    )
    print(f"\n{name}: of memcpy: out {warm / into:.2f}, unpack {fresh / unpack:.2f}, "
          f"pack {new / pack:.2f}; {layout.nbytes / into / 1e9:.1f} GB/s", end="")  # fmt: skip


def formats_of_pyav() -> list[str]:
    found = []
    for name in software_formats():
        try:
            av.VideoFrame(32, 16, name).to_ndarray()
        except ValueError:
            continue
        found.append(name)
    return found


@pytest.mark.parametrize("name", formats_of_pyav())
def test_beside_pyav(name: str) -> None:
    """What to_ndarray copies is unpacked; what it only looks at is viewed."""
    frame = full_frame(name)
    theirs: Any = frame.to_ndarray()
    first = theirs[0] if isinstance(theirs, tuple) else theirs
    start = frame.planes[0].buffer_ptr
    address = first.__array_interface__["data"][0]
    looks = start <= address < start + frame.planes[0].buffer_size
    stacked = pixel_format(name).kind is not Kind.PALETTE
    if looks:
        calls = [frame.to_ndarray, lambda: unpack_frame(frame, copy=False)]
        calls += [lambda: frame.to_ndarray().copy(), lambda: unpack_frame(frame)]
        if not stacked:
            calls = [frame.to_ndarray, lambda: unpack_planes(frame, copy=False)]
            calls += [lambda: [a.copy() for a in frame.to_ndarray()], lambda: unpack_planes(frame)]
    else:
        calls = [frame.to_ndarray, lambda: unpack_frame(frame, stacked=stacked)]
        calls += calls
    view, our_view, copied, ours = turns(*calls, rounds=9)
    made = unpack_frame(frame, stacked=True) if stacked else unpack_planes(frame)
    try:
        av.VideoFrame.from_ndarray(theirs, format=name)
    except ValueError:
        writing = "-"
    else:
        pack, our_pack = turns(
            lambda: av.VideoFrame.from_ndarray(theirs, format=name),
            lambda: pack_frame(made, name),
            rounds=9,
        )
        writing = f"{our_pack / pack:.2f}"
    print(f"\n{name}: of PyAV's time: {'view' if looks else 'unpack'} {our_view / view:.2f}, "
          f"copy {ours / copied:.2f}, pack {writing}", end="")  # fmt: skip

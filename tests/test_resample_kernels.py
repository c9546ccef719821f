"""Resampling equals Pillow's to the last bit, with every instruction set, and touches nothing else.

``FASTAV_TEST_ALL_SIZES=1`` goes through all sizes from 1 to 70 and many to 1921.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fastav import _kernels
from fastav.pixels import colour, resample
from fastav.pixels.convert import _X86, ConversionOptions
from fastav.pixels.geometry import INTERPOLATIONS

from . import colours, resampled
from .conftest import Twins

EVERY_SIZE = os.environ.get("FASTAV_TEST_ALL_SIZES") == "1"
FORMATS = [
    *("yuv420p", "yuvj422p", "yuv444p", "nv12", "yuyv422", "yuv410p", "yuv420p10le", "p010le"),
    *("rgb24", "bgra", "gbrp", "gray", "gray10le", "yuva420p", "rgba"),
]
TARGETS = ["rgb24", "rgba", "gray"]
GUARD = 31


def plan(frame: Any, target: str, width: int, height: int, filter: str, box: Any) -> Any:
    conversion = colour.plan(frame, target, layout="chw")
    left, top, right, bottom = box or (0, 0, frame.width, frame.height)
    crop = (top, left, bottom - top, right - left)
    options = ConversionOptions(size=(height, width), crop=crop)
    geometry = options.geometry(frame.height, frame.width)
    return resample.Resampler(conversion, geometry, filter, alpha=target == "rgba")


def results(
    twins: Twins, made: Any, frame: Any, width: int, height: int
) -> Iterator[tuple[str, NDArray[Any]]]:
    """What every level makes of a frame, at odd addresses and pitches, amid guard bytes."""
    planes = tuple(n for plane in frame.planes for n in (plane.buffer_ptr, plane.line_size))
    conversion = made._conversion
    channels, dtype = conversion.shape[0], conversion.dtype
    row = width * channels * dtype.itemsize
    for number, module in enumerate(twins("resample")):
        colour_level = max(twins("colour")[number].levels())
        # (What a conversion has got is enough for the implementation that was chosen.)
        scratch = np.full(module.scratch_bytes(made.address) + GUARD, 171, np.uint8)
        for level, name in module.levels().items():
            pitch = row + 13 * (level % 2)
            block = np.full(2 * GUARD + height * pitch, 171, np.uint8)
            upside_down = (level + number) % 3 == 2
            start = block.ctypes.data + GUARD + upside_down * (height - 1) * pitch
            step = -pitch if upside_down else pitch
            module.resample(
                made.address,
                conversion.address,
                planes,
                start,
                step,
                scratch.ctypes.data,
                level,
                colour_level,
            )
            rows = block[GUARD : GUARD + height * pitch].reshape(height, pitch)
            found = rows[:, :row][:: -1 if upside_down else 1].copy()
            rows[:, :row] = 171
            assert (block == 171).all(), name
            assert (scratch[-GUARD:] == 171).all(), name
            shape = (height, width, channels) if channels > 1 else (height, width)
            yield name, found.view(dtype).reshape(shape)


def check(
    twins: Twins,
    format: str,
    target: str,
    size: tuple[int, int],
    new: tuple[int, int],
    filter: str,
    box: Any,
) -> None:
    frame = colours.random_frame(format, *size, seed=sum(size))
    whole = colour.plan(frame, target)
    picture = np.empty(whole.shape, whole.dtype)
    whole.write(frame, picture.ctypes.data)
    expected = resampled.by_pillow(picture, *new, filter, box)
    case = f"{format} {target} {size} to {new} {filter} {box}"
    for name, found in results(twins, plan(frame, target, *new, filter, box), frame, *new):
        if filter == "box" and not _X86 and name == "python":
            expected = found  # Pillow's ties fall otherwise there than its own on x86
        np.testing.assert_array_equal(found, expected, err_msg=f"{case} {name}")


def a_box(rng: np.random.Generator, width: int, height: int) -> tuple[int, int, int, int]:
    left, top = int(rng.integers(0, width)), int(rng.integers(0, height))
    return left, top, int(rng.integers(left, width)) + 1, int(rng.integers(top, height)) + 1


def cases(seed: int, count: int, most: int) -> Iterator[tuple[Any, ...]]:
    rng = np.random.default_rng(seed)
    for _ in range(count):
        size, new = (tuple(int(n) for n in rng.integers(1, most, 2)) for _ in range(2))
        yield size, new, a_box(rng, *size) if rng.integers(0, 2) else None


def test_every_filter_is_an_option() -> None:
    assert tuple(resample.FILTERS) == INTERPOLATIONS


@pytest.mark.parametrize("filter", resample.FILTERS)
@pytest.mark.parametrize("format", FORMATS)
def test_small_pictures_equal_pillows(twins: Twins, format: str, filter: str) -> None:
    seed = FORMATS.index(format)
    for number, case in enumerate(cases(seed, 1000 if EVERY_SIZE else 9, 71)):
        size, new, box = case
        check(twins, format, TARGETS[number % 3], size, new, filter, box)


LARGE = (127, 128, 129, 223, 319, 640, 721, 1080, 1279, 1921)


@pytest.mark.parametrize("filter", resample.FILTERS)
def test_large_pictures_equal_pillows(twins: Twins, filter: str) -> None:
    rng = np.random.default_rng(1)
    for number in range(100 if EVERY_SIZE else 4):
        size = int(rng.choice(LARGE)), int(rng.choice(LARGE[:6]))
        new = int(rng.choice(LARGE[:6])), int(rng.integers(1, 300))
        box = a_box(rng, *size) if number % 2 else None
        check(twins, FORMATS[number % len(FORMATS)], TARGETS[number % 3], size, new, filter, box)


@pytest.mark.parametrize("filter", resample.FILTERS)
def test_long_sums(twins: Twins, filter: str) -> None:
    """Thousands of samples in one result."""
    check(twins, "gray", "gray", (4001, 3), (1, 2), filter, None)
    check(twins, "yuv420p", "rgb24", (2, 3001), (3, 1), filter, (0, 7, 2, 2999))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_size_and_box(twins: Twins, data: st.DataObject) -> None:
    width, height, new_width, new_height = (data.draw(st.integers(1, 90)) for _ in range(4))
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    right = data.draw(st.integers(left + 1, width))
    bottom = data.draw(st.integers(top + 1, height))
    check(
        twins,
        data.draw(st.sampled_from(FORMATS)),
        data.draw(st.sampled_from(TARGETS)),
        (width, height),
        (new_width, new_height),
        data.draw(st.sampled_from(list(resample.FILTERS))),
        (left, top, right, bottom),
    )


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(1, 500),
    count=st.integers(1, 500),
    edges=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    filter=st.sampled_from(list(resample.FILTERS)),
)
def test_taps_are_weights_within_the_picture(
    size: int, count: int, edges: tuple[float, float], filter: str
) -> None:
    start, stop = sorted(size * edge for edge in edges)
    start = min(start, size - 0.01)  # a part of the picture, however narrow
    stop = max(stop, start + 0.01)
    begin, number, weights = resample.taps(size, count, start, stop, filter)
    assert (begin >= 0).all()
    assert (number >= 1).all()
    assert (begin + number <= size).all()
    assert (np.diff(begin) >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-12)
    # The kernels' digits hold weights of less than 1.98, their sums absolute ones of less than 2.
    assert np.abs(weights).sum(axis=1).max() < 1.98


@pytest.mark.parametrize("filter", ["bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("target", ["rgb48", "rgba64", "gray16"])
@pytest.mark.parametrize("format", ["yuv420p10le", "rgb48le", "gray16le", "yuva444p12le"])
def test_16_bits_are_the_truth(twins: Twins, format: str, target: str, filter: str) -> None:
    for size, new, box in [*cases(5, 4, 71), ((640, 360), (99, 56), None)]:
        frame = colours.random_frame(format, *size)
        whole = colour.plan(frame, target)
        picture = np.empty(whole.shape, whole.dtype)
        whole.write(frame, picture.ctypes.data)
        truth = np.clip(resampled.in_float64(picture, *new, filter, box), 0, 0xFFFF)
        found = dict(results(twins, plan(frame, target, *new, filter, box), frame, *new))
        for name, picture in found.items():
            assert np.abs(picture - truth).max() <= 0.51, name
            np.testing.assert_array_equal(picture, found["python"], err_msg=name)


def test_the_best_level_is_used(twins: Twins) -> None:
    assert max(_kernels.resample.levels()) == resample._LEVEL
    twin, compiled = twins("resample")
    assert (twin.levels(), compiled.levels()[0]) == ({0: "python"}, "portable")

"""The mosaic kernels, compiled and Python, against the definitions and against each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .conftest import Kernels
from .mosaics import (
    PATTERNS,
    Array,
    colours,
    linear,
    lsb_bytes,
    mipi_bytes,
    random_mosaic,
    reference,
    rounded,
)

RED = {"RGGB": (0, 0), "GRBG": (1, 0), "GBRG": (0, 1), "BGGR": (1, 1)}
METHODS = ("bilinear", "malvar")
BLACKS = ((0, 0, 0, 0), (16, 3, 40, 9))
GAINS = (None, (2.0, 1.0, 1.5), (15.9998, 0.25, 0.0))


@pytest.fixture(scope="module")
def kernel(kernels: Kernels) -> ModuleType:
    return kernels("bayer")


@contextmanager
def guarded(
    height: int, row: int, dtype: str, padding: int = 5, flipped: bool = False
) -> Iterator[Array]:
    """Rows of `row` elements between guard bytes, which are checked at the end."""
    itemsize = np.dtype(dtype).itemsize
    pitch = (row + padding) * itemsize
    block = np.full((height + 2) * pitch + 64, 0xA5, np.uint8)
    start = pitch + (-block.ctypes.data - pitch) % itemsize
    inside = np.ndarray((height, row), dtype, block, start, (pitch, itemsize))
    yield inside[::-1] if flipped else inside
    inside[...] = 0
    whole = np.full_like(block, 0xA5)
    np.ndarray((height, row), dtype, whole, start, (pitch, itemsize))[...] = 0
    np.testing.assert_array_equal(block, whole, "bytes outside the rows were written")


def fixed(gains: tuple[float, ...] | None, itemsize: int) -> tuple[tuple[int, ...], int]:
    if gains is None:
        return (1, 1, 1), 0
    shift = {1: 12, 2: 16}[itemsize]
    return tuple(int(gain * 2**shift + 0.5) for gain in gains), shift


def run_demosaic(
    kernel: ModuleType,
    mosaic: Array,
    pattern: str,
    method: str,
    bits: int,
    black: tuple[int, ...] = BLACKS[0],
    gains: tuple[float, ...] | None = None,
    flipped: bool = False,
) -> Array:
    height, width = mosaic.shape
    with guarded(height, 3 * width, mosaic.dtype.str, flipped=flipped) as out:
        kernel.demosaic(
            out.ctypes.data,
            out.strides[0],
            mosaic.ctypes.data,
            mosaic.strides[0],
            mosaic.itemsize,
            width,
            height,
            *RED[pattern],
            method == "malvar",
            2**bits - 1,
            black,
            *fixed(gains, mosaic.itemsize),
        )
        return out.reshape(height, width, 3).copy()


def expected(mosaic: Array, pattern: str, method: str, bits: int, black: Any, gains: Any) -> Array:
    factors, shift = fixed(gains, mosaic.itemsize)
    return reference(
        mosaic, pattern, method, bits, black, tuple(factor / 2**shift for factor in factors)
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_small_size(kernel: ModuleType, pattern: str, method: str) -> None:
    rng = np.random.default_rng(1)
    for height, width in product(range(2, 8), range(2, 8)):
        for bits in (8, 10, 16):
            mosaic = random_mosaic(rng, height, width, bits)
            np.testing.assert_array_equal(
                run_demosaic(kernel, mosaic, pattern, method, bits),
                reference(mosaic, pattern, method, bits),
                f"{height} x {width}, {bits} bits",
            )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bits", range(8, 17))
def test_every_depth_with_black_and_gains(kernel: ModuleType, bits: int, method: str) -> None:
    rng = np.random.default_rng(bits)
    for pattern, black, gains in product(PATTERNS, BLACKS, GAINS):
        mosaic = random_mosaic(rng, 7, 38, bits)
        np.testing.assert_array_equal(
            run_demosaic(kernel, mosaic, pattern, method, bits, black, gains),
            expected(mosaic, pattern, method, bits, black, gains),
            f"{pattern}, black {black}, gains {gains}",
        )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("gains", GAINS[:2])
def test_widths_around_vectors_and_strips(
    kernel: ModuleType, gains: tuple[float, ...] | None, bits: int, method: str
) -> None:
    rng = np.random.default_rng(2)
    around = (16, 32, 64, 128, 1024, 2048, 4096)
    for width in (w + d for w in around for d in (-2, -1, 0, 1, 2)):
        mosaic = random_mosaic(rng, 3, width, bits)
        np.testing.assert_array_equal(
            run_demosaic(kernel, mosaic, "GBRG", method, bits, BLACKS[1], gains),
            expected(mosaic, "GBRG", method, bits, BLACKS[1], gains),
            f"width {width}",
        )


def test_any_pitch_either_way(kernel: ModuleType) -> None:
    rng = np.random.default_rng(3)
    for bits, method in product((8, 16), METHODS):
        base = random_mosaic(rng, 12, 40, bits)
        for mosaic in (base[::-1], base[::2, 3:36], base[::-3, 1:], base[2:9, :33]):
            np.testing.assert_array_equal(
                run_demosaic(kernel, mosaic, "GRBG", method, bits, flipped=True),
                reference(mosaic, "GRBG", method, bits),
            )


@pytest.mark.parametrize("pattern", PATTERNS)
def test_correction(kernel: ModuleType, pattern: str) -> None:
    rng = np.random.default_rng(4)
    for bits, black, gains in product((8, 12, 16), BLACKS, GAINS):
        for height, width in ((1, 1), (1, 2), (2, 1), (3, 33), (2, 2050)):
            mosaic = random_mosaic(rng, height, width, bits)
            factors, shift = fixed(gains, mosaic.itemsize)
            with guarded(height, width, mosaic.dtype.str) as out:
                kernel.correct(
                    out.ctypes.data,
                    out.strides[0],
                    mosaic.ctypes.data,
                    mosaic.strides[0],
                    mosaic.itemsize,
                    width,
                    height,
                    *RED[pattern],
                    2**bits - 1,
                    black,
                    factors,
                    shift,
                )
                exact = linear(mosaic, pattern, black, tuple(f / 2**shift for f in factors))
                np.testing.assert_array_equal(out, rounded(exact, bits))


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_mipi(kernel: ModuleType, bits: int) -> None:
    rng = np.random.default_rng(bits)
    group = 2 if bits == 12 else 4
    for height, width, padding in product((1, 3), (*range(1, 70), 129, 321), (0, 7)):
        samples = random_mosaic(rng, height, width, bits, "uint16")
        row = -(-width // group) * group * bits // 8
        # The last row is not padded: what lies behind it belongs to someone else.
        packed = mipi_bytes(samples, bits, row + padding)[: (height - 1) * (row + padding) + row]
        with guarded(height, width, "uint16") as out:
            data = np.frombuffer(packed, np.uint8)
            kernel.unpack_mipi(
                out.ctypes.data,
                out.strides[0],
                data.ctypes.data,
                row + padding,
                width,
                height,
                bits,
            )
            np.testing.assert_array_equal(out, samples, f"{height} x {width}, padding {padding}")


@pytest.mark.parametrize("bits", [10, 12])
def test_lsb(kernel: ModuleType, bits: int) -> None:
    rng = np.random.default_rng(bits)
    for height, width, padding in product((1, 5), (*range(1, 70), 129, 321), (0, 1, 9)):
        samples = random_mosaic(rng, height, width, bits, "uint16")
        bit_pitch = width * bits if not padding else (width * bits + 7) // 8 * 8 + 8 * padding
        data = np.frombuffer(lsb_bytes(samples, bits, bit_pitch), np.uint8)
        with guarded(height, width, "uint16", flipped=True) as out:
            kernel.unpack_lsb(
                out.ctypes.data,
                out.strides[0],
                data.ctypes.data,
                bit_pitch,
                width,
                height,
                bits,
            )
            np.testing.assert_array_equal(out, samples, f"{height} x {width}, padding {padding}")


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(2, 40), st.integers(2, 90)),
    st.integers(8, 16),
    st.sampled_from(PATTERNS),
    st.sampled_from(METHODS),
    st.tuples(*[st.integers(0, 255)] * 4),
    st.none() | st.tuples(*[st.floats(0, 16)] * 3),
)
def test_any_mosaic_is_as_defined(
    kernel: ModuleType,
    seed: int,
    size: tuple[int, int],
    bits: int,
    pattern: str,
    method: str,
    black: tuple[int, ...],
    gains: tuple[float, ...] | None,
) -> None:
    mosaic = random_mosaic(np.random.default_rng(seed), *size, bits)
    truth = expected(mosaic, pattern, method, bits, black, gains)
    result = run_demosaic(kernel, mosaic, pattern, method, bits, black, gains)
    np.testing.assert_array_equal(result, truth)


def test_samples_beyond_the_depth_are_clipped(kernel: ModuleType) -> None:
    """16-bit noise said to have 10 bits overflows nothing."""
    mosaic = random_mosaic(np.random.default_rng(5), 9, 70, 16)
    for method, gains in product(METHODS, GAINS):
        np.testing.assert_array_equal(
            run_demosaic(kernel, mosaic, "BGGR", method, 10, gains=gains),
            expected(mosaic, "BGGR", method, 10, BLACKS[0], gains),
        )


def test_colours_of_the_reference() -> None:
    """The reference's lattice is what FFmpeg's names say."""
    assert colours("GRBG", 3, 3).tolist() == [[1, 0, 1], [2, 1, 2], [1, 0, 1]]

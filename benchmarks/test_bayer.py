"""Mosaics at 1080p on one thread, into warm memory: against OpenCV, and against copying.

pytest benchmarks/test_bayer.py --benchmark-group-by=group
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fastav import bayer

WIDTH, HEIGHT = 1920, 1080
RNG = np.random.default_rng(0)


def mosaic(bits: int) -> Any:
    return RNG.integers(0, 2**bits, (HEIGHT, WIDTH), np.uint8 if bits == 8 else np.uint16)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("what", ["fastav", "opencv"])
def test_bilinear(benchmark: Any, what: str, bits: int) -> None:
    benchmark.group = f"bilinear, {bits} bits"
    samples = mosaic(bits)
    out = np.zeros((HEIGHT, WIDTH, 3), samples.dtype)
    if what == "fastav":
        benchmark(bayer.demosaic, samples, "RGGB", out=out)
    else:
        cv2 = pytest.importorskip("cv2", reason="opencv-python-headless is not installed")
        threads = cv2.getNumThreads()
        cv2.setNumThreads(1)
        benchmark(cv2.cvtColor, samples, cv2.COLOR_BayerBG2RGB, dst=out)
        cv2.setNumThreads(threads)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("method", ["bilinear", "malvar"])
@pytest.mark.parametrize("white_balance", [None, (1.9, 1.0, 1.6)], ids=["plain", "balanced"])
def test_methods(benchmark: Any, white_balance: Any, method: Any, bits: int) -> None:
    benchmark.group = f"black level subtracted, {bits} bits"
    samples = mosaic(bits)
    out = np.zeros((HEIGHT, WIDTH, 3), samples.dtype)
    benchmark(
        bayer.demosaic,
        samples,
        "RGGB",
        method,
        out=out,
        subtract_black=16,
        white_balance=white_balance,
    )


@pytest.mark.parametrize(
    ("function", "bits"),
    [
        (bayer.unpack_raw10, 10),
        (bayer.unpack_raw12, 12),
        (bayer.unpack_raw14, 14),
        (bayer.unpack_10p, 10),
        (bayer.unpack_12p, 12),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_unpacking(benchmark: Any, function: Callable[..., Any], bits: int) -> None:
    benchmark.group = "unpacking"
    data = RNG.integers(0, 256, HEIGHT * WIDTH * bits // 8, np.uint8)
    out = np.zeros((HEIGHT, WIDTH), np.uint16)
    benchmark(function, data, WIDTH, HEIGHT, out=out)


def test_copying_as_much(benchmark: Any) -> None:
    """Memcpy of what unpacking writes: the bandwidth to measure it by."""
    benchmark.group = "unpacking"
    samples = mosaic(16)
    benchmark(np.copyto, np.zeros_like(samples), samples)

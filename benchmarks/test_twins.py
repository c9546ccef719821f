"""Compiled kernels beside their Python twins where little or nothing is moved.

    pytest -s benchmarks/test_twins.py

What a kernel that works on numbers alone, or on a small frame, saves. Measured in turns, one call
of each after the other; medians of the ratios are printed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module
from statistics import median
from typing import Any

import av
import numpy as np
import pytest

from fastav.pixels import ffmpeg, layout
from fastav.pixels.formats import pixel_format

ROUNDS, CALLS = 41, 200


def in_turns(*calls: Callable[[], object]) -> list[float]:
    """Microseconds of each call (median), and of the rest the median ratio to the first."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(ROUNDS):
        for call, taken in zip(calls, times, strict=True):
            start = time.perf_counter()
            for _ in range(CALLS):
                call()
            taken.append((time.perf_counter() - start) / CALLS * 1e6)
    ratios = [median(b / a for a, b in zip(times[0], other, strict=True)) for other in times[1:]]
    return [median(taken) for taken in times] + ratios


def modules(name: str) -> list[Any]:
    return [import_module(f"fastav._kernels.{name}_{suffix}") for suffix in ("c", "py")]


@pytest.mark.parametrize("name", ["rgb24", "nv12", "yuv420p", "yuva444p10le"])
def test_lay_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's own call, and a whole layout with its cache cold."""
    planes = pixel_format(name).planes
    monkeypatch.setattr(layout, "strides", layout.strides)  # to be put back

    def kernel(module: Any) -> Callable[[], object]:
        return lambda: module.lay_out(1920, 1080, planes, 1)

    def whole(module: Any) -> Callable[[], object]:
        def call() -> None:
            layout.strides = module  # type: ignore[misc]
            layout._frame_layout.__wrapped__(name, 1920, 1080, 1, False)

        return call

    compiled, python, ratio = in_turns(*map(kernel, modules("strides")))
    print(f"\n{name}: {compiled:.2f} us, twin {python:.2f} us ({ratio:.1f} times); ", end="")
    compiled, python, ratio = in_turns(*map(whole, modules("strides")))
    print(f"whole layout {compiled:.1f} us, with the twin {python:.1f} us ({ratio:.2f})", end="")


@pytest.mark.parametrize("size", [(16, 16), (64, 48), (320, 240), (1280, 720)])
def test_scale(size: tuple[int, int]) -> None:
    """FFmpeg's converter from yuv420p to rgb24, called by either."""
    functions = ffmpeg.functions()
    if functions is None:
        pytest.skip("libswscale cannot be reached")
    frame, out = av.VideoFrame(*size, "yuv420p"), np.empty((size[1], size[0], 3), np.uint8)
    numbers = map(ffmpeg.pixel_format_id, ("yuv420p", "rgb24"))
    arguments = (functions, *numbers, *size, 5, False, 0, True, 2)
    scalers = [module.Scaler(*arguments) for module in modules("swscale")]
    address, pitch = out.ctypes.data, out.strides[0]

    def scale(scaler: Any) -> Callable[[], object]:
        return lambda: scaler.scale(frame.planes, address, pitch)

    compiled, python, ratio = in_turns(*map(scale, scalers))
    print(f"\n{size}: {compiled:.1f} us, twin {python:.1f} us ({ratio:.2f} times)", end="")

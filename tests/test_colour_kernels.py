"""Every instruction set gives the twin's bits, and touches nothing but its samples.

``FASTAV_TEST_ALL_SIZES=1`` goes through all widths to 130 and heights to 9 instead of a sample.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastav import _kernels
from fastav.pixels import colour
from fastav.pixels.formats import software_formats

from . import colours
from .conftest import Twins

SIZES = [(width, height) for width in range(1, 131) for height in range(1, 10)]
READABLE = [name for name in software_formats() if colour.can_convert(name, "rgb24")]
# Every store with every arithmetic, and every way with chroma.
TO_RGB: list[tuple[str, dict[str, Any]]] = [
    ("rgb24", {}),
    ("bgra", {"matrix": "bt709", "range": "full"}),
    ("gray", {}),
    ("rgba", {"layout": "chw"}),
    ("rgb48", {}),
    ("bgra64", {"matrix": "smpte240m"}),
    ("gray16", {}),
    ("rgb24", {"dtype": "float32", "mean": [0.1, 0.2, 0.3], "std": 0.5}),
    ("rgba", {"dtype": "float32", "layout": "chw", "matrix": "bt2020"}),
]
LINEAR = [{"chroma": "linear", "siting": siting} for siting in ("left", "centre", "top-left")]
FROM_RGB = sorted(colour.RGB_FORMATS)
TO_YUV = sorted(colour._YUV_NAMES)


def sizes(seed: int, count: int) -> list[tuple[int, int]]:
    if os.environ.get("FASTAV_TEST_ALL_SIZES") == "1":
        return SIZES
    chosen = np.random.default_rng(seed).choice(len(SIZES), count, replace=False)
    return [SIZES[index] for index in chosen] + [(1, 1), (2309, 3)]


def planes(case: colours.Planes) -> tuple[int, ...]:
    """What a kernel takes: addresses and pitches."""
    return tuple(x for block, start, pitch in case for x in (block.ctypes.data + start, pitch))


def check(conversion: colour.Conversion, seed: int, twins: Twins) -> None:
    """Run every level on planes of exact size, odd pitches and addresses, upside down or not."""
    rng = np.random.default_rng(seed)
    back = isinstance(conversion, colour.FromRGB)
    source = colours.source_planes(conversion, rng)
    expected: list[NDArray[np.uint8]] = []
    for module in twins("colour"):
        run = module.from_rgb if back else module.to_rgb
        for level, name in module.levels().items():
            target = colours.target_planes(conversion, np.random.default_rng(seed))
            window = () if back else (conversion.window,)
            run(conversion.address, *window, planes(source), planes(target), level)
            blocks = [block for block, _, _ in target]
            if not expected:
                expected = blocks
            for ours, wanted in zip(blocks, expected, strict=True):
                np.testing.assert_array_equal(ours, wanted, err_msg=f"{conversion!r} {name}")


@pytest.mark.parametrize("format", READABLE)
def test_to_rgb(twins: Twins, format: str) -> None:
    seed = READABLE.index(format)
    for number, (width, height) in enumerate(sizes(seed, 1)):
        frame = colours.frame_of(format, width, height)
        for target, options in TO_RGB:
            check(colour.plan(frame, target, **options), seed + number, twins)


@pytest.mark.parametrize("format", READABLE)
def test_windows_are_parts_of_the_whole(format: str) -> None:
    rng = np.random.default_rng(number_of(format))
    frame = colours.random_frame(format, 69, 23)
    options = {"chroma": "linear"} if colour.can_convert(format, "rgb24", "linear") else {}
    for target, layout in (("rgb24", "hwc"), ("bgra", "hwc"), ("gray", "chw"), ("rgb48", "hwc")):
        for chosen in ({"layout": layout}, {"layout": layout, **options}):
            left, top = (int(n) for n in rng.integers(0, 5, 2) * 4)
            window = left, top, int(rng.integers(left + 1, 70)), int(rng.integers(top + 1, 24))
            whole, part = (colour.plan(frame, target, **chosen, window=w) for w in (None, window))
            arrays = [np.empty(plan.shape, plan.dtype) for plan in (whole, part)]
            for plan, array in zip((whole, part), arrays, strict=True):
                plan.write(frame, array.ctypes.data)
            axis = int(layout == "chw")
            rows, columns = slice(top, window[3]), slice(left, window[2])
            expected = arrays[0][(slice(None),) * axis + (rows, columns)]
            np.testing.assert_array_equal(arrays[1], expected, err_msg=f"{target} {window}")


@pytest.mark.parametrize("options", LINEAR, ids=lambda options: options["siting"])
@pytest.mark.parametrize(
    "format", ["yuv420p", "yuv422p", "yuv440p", "nv21", "uyvy422", "yuv420p10be", "p016le"]
)
def test_linear_chroma(twins: Twins, format: str, options: dict[str, Any]) -> None:
    for number, (width, height) in enumerate(sizes(number_of(format), 3)):
        frame = colours.frame_of(format, width, height)
        for target in ("rgb24", "rgb48"):
            check(colour.plan(frame, target, **options), number, twins)


@pytest.mark.parametrize("siting", ["left", "centre", "top-left"])
@pytest.mark.parametrize("target", TO_YUV)
def test_from_rgb(twins: Twins, target: str, siting: Any) -> None:
    for number, (width, height) in enumerate(sizes(number_of(target + siting), 1)):
        for source in FROM_RGB:
            check(colour.plan_back(source, target, width, height, siting=siting), number, twins)


def number_of(name: str) -> int:
    return sum(name.encode())


def test_the_best_level_is_used(twins: Twins) -> None:
    assert max(_kernels.colour.levels()) == colour.LEVEL
    twin, compiled = twins("colour")
    assert (twin.levels(), compiled.levels()[0]) == ({0: "python"}, "portable")

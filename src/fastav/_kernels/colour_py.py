"""Colour conversion in NumPy integers: the specification of ``colour_c``.

The stages and the arithmetic are those that ``colour.h`` describes. A *lane* is a sample shifted up
so that its most significant bit is the highest of 16; planes are ``(address, pitch)`` pairs in one
flat tuple; the plan is a ``PLAN`` record, derived in ``fastav.pixels.colour``.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from ._colour_plan import PLAN
from ._memory import array_at

__all__ = ["from_rgb", "levels", "to_rgb"]

Lanes: TypeAlias = Any  # int64 arrays, a type that NumPy's stubs lose in arithmetic


def _samples(component: Any, planes: tuple[int, ...], height: int, width: int) -> Lanes:
    """The samples of one component as a view of their own type, (height, width)."""
    address, pitch = planes[2 * component["plane"] : 2 * component["plane"] + 2]
    size = int(component["size"])
    order = "<>"[(np.little_endian + int(component["swap"])) % 2 == 0]
    return array_at(
        address + int(component["offset"]),
        f"{order}{'f' if size == 4 else 'u'}{size}",
        (height, width),
        (pitch, int(component["step"])),
    )


def _load(component: Any, planes: tuple[int, ...], height: int, width: int) -> Lanes:
    """Samples as lanes."""
    values = _samples(component, planes, height, width).astype(np.int64)
    right, left = int(component["right"]), int(component["left"])
    return (values >> right << left) & 0xFFFF


def _rise(size: int, log2: int) -> int:
    return (size + (1 << log2) - 1) >> log2


def _quarters(lane: Lanes, size: int, log2: int, between: int) -> Lanes:
    """Four times the lanes interpolated along the first axis at ``size`` places."""
    if not log2:
        return 4 * lane
    padded = np.concatenate([lane[:1], lane, lane[-1:]])
    before, here, after = padded[:-2], padded[1:-1], padded[2:]
    if between:
        even, odd = before + 3 * here, 3 * here + after
    else:
        even, odd = 4 * here, 2 * here + 2 * after
    return np.stack([even, odd], axis=1).reshape(-1, *lane.shape[1:])[:size]


def _full_size(p: Any, lane: Lanes) -> Lanes:
    """Chroma lanes for every pixel: interpolated or repeated."""
    height, width, log2_w, log2_h = (
        int(p[name]) for name in ("height", "width", "log2_w", "log2_h")
    )
    if p["linear"]:
        lane = _quarters(lane, height, log2_h, p["between_h"])
        lane = _quarters(lane.T, width, log2_w, p["between_w"]).T
        return (lane + 8) >> 4
    return lane.repeat(1 << log2_h, axis=0)[:height].repeat(1 << log2_w, axis=1)[:, :width]


def _gathered(lane: Lanes, log2: int, between: int) -> Lanes:
    """Four times the mean of the lanes around every chroma place along the first axis."""
    if not log2:
        return 4 * lane
    if between:
        padded = np.concatenate([lane, lane[-1:]])[: 2 * _rise(len(lane), 1)]
        return 2 * padded[::2] + 2 * padded[1::2]
    padded = np.concatenate([lane[:1], lane, lane[-1:]])
    count = _rise(len(lane), 1)
    before, here, after = (padded[i::2][:count] for i in range(3))
    return before + 2 * here + after


def _averaged(p: Any, lane: Lanes) -> Lanes:
    """Lanes at the places of chroma samples."""
    lane = _gathered(lane, p["log2_h"], p["between_h"])
    lane = _gathered(lane.T, p["log2_w"], p["between_w"]).T
    return (lane + 8) >> 4


def _narrow_y(lane: Lanes, scale: int, zero: int) -> Lanes:
    return (lane * scale >> 16) - zero


def _narrow_value(units: Lanes, k: int) -> Lanes:
    return np.clip((units * k + (1 << 14)) >> 15, 0, 255)


def _wide(m: Any, lanes: list[Lanes], size: int) -> Lanes:
    """A row of the matrix; the sum is exact in doubles, in whatever order."""
    total = m["bias"] + sum(
        lane * coefficient for lane, coefficient in zip(lanes, m["coefficients"], strict=True)
    )
    value = np.clip(total, 0.0, m["top"])
    return (value - m["zero"]) * m["scale"] if size == 4 else value.astype(np.int64)


def _back(m: Any, lanes: list[Lanes]) -> Lanes:
    """A row of the matrix from RGB, in integers."""
    total = m["bias"] + sum(
        (lane - 0x8000) * coefficient
        for lane, coefficient in zip(lanes, m["coefficients"], strict=True)
    )
    return np.clip((total >> m["shift"]) + 128, 0, 255)


def _store(component: Any, planes: tuple[int, ...], values: Lanes) -> None:
    if component["size"] < 4:
        values = values << component["left"]
    _samples(component, planes, *values.shape)[...] = values


def _record(plan: int) -> Any:
    return array_at(plan, "|u1", (PLAN.itemsize,), (1,)).view(PLAN)[0]


def levels() -> dict[int, str]:
    """Names of the instruction sets that this machine can run, by number; the last is the best."""
    return {0: "python"}


def to_rgb(
    plan: int,
    window: tuple[int, int, int, int],
    source: tuple[int, ...],
    target: tuple[int, ...],
    level: int,
) -> None:
    """Convert a window of a frame to RGB or grey.

    Parameters
    ----------
    plan : int
        Address of a ``PLAN`` record.
    window : (int, int, int, int)
        The pixels to convert: from left and top, where samples of chroma begin, to before right and
        bottom. The first of them goes to where the target begins.
    source, target : tuple of int
        Address and signed pitch in bytes of each plane, in one flat tuple.
    level : int
        A key of :func:`levels`.
    """
    p = _record(plan)
    height, width = int(p["height"]), int(p["width"])
    chroma = _rise(height, p["log2_h"]), _rise(width, p["log2_w"])
    lanes = [_load(p["source"][0], source, height, width)]
    for c in (1, 2):
        if c < p["lanes"]:
            lanes.append(_full_size(p, _load(p["source"][c], source, *chroma)))
        else:
            lanes.append(np.zeros_like(lanes[0]))
    alpha = _load(p["source"][3], source, height, width) if p["alpha_in"] else None
    size, channels = int(p["target"][0]["size"]), int(p["channels"])
    values = []
    if p["wide"]:
        values += [_wide(m, lanes, size) for m in p["matrix"][:channels]]
        if p["alpha_out"]:
            values.append(_wide(p["matrix"][3], lanes if alpha is None else [alpha] * 3, size))
    else:
        u, v = lanes[1] - 0x8000, lanes[2] - 0x8000
        for n in p["narrow"][:channels]:
            y = _narrow_y(lanes[n["lane"]], p["y_scale"], p["y_zero"])
            c = (u * n["cu"] + v * n["cv"] + n["bias"]) >> n["shift"]
            values.append(_narrow_value(y + c, p["k"]))
        if alpha is not None and p["alpha_out"]:
            units = _narrow_y(alpha, p["alpha_scale"], -p["alpha_bias"])
            values.append(_narrow_value(units, p["k"]))
        elif p["alpha_out"]:
            values.append(np.full((height, width), 255))
    left, top, right, bottom = window
    for component, value in zip(p["target"], values, strict=False):
        _store(component, target, value[top:bottom, left:right])


def from_rgb(plan: int, source: tuple[int, ...], target: tuple[int, ...], level: int) -> None:
    """Convert a frame of RGB or grey to Y'CbCr.

    Parameters
    ----------
    plan : int
        Address of a ``PLAN`` record.
    source, target : tuple of int
        Address and signed pitch in bytes of each plane, in one flat tuple.
    level : int
        A key of :func:`levels`.
    """
    p = _record(plan)
    height, width = int(p["height"]), int(p["width"])
    lanes = [_load(c, source, height, width) for c in p["source"][: p["lanes"]]]
    lanes += [np.zeros_like(lanes[0])] * (3 - len(lanes))
    for c in range(3):
        if c == 1:
            lanes = [_averaged(p, lane) for lane in lanes]
        value = _wide(p["matrix"][c], lanes, 2) if p["wide"] else _back(p["back"][c], lanes)
        _store(p["target"][c], target, value)

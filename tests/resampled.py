"""Pictures resized by Pillow, and in float64: what fastav's results are compared with."""

from __future__ import annotations

from typing import Any

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image

FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
    "nearest": Image.Resampling.NEAREST,
}
Box = tuple[float, float, float, float]  # left, top, right, bottom
_TURNS = int(PIL.__version__.split(".")[0]) >= 13
_TRANSPOSE = Image.Transpose.TRANSPOSE


def is_turned(width: int, height: int, new_width: int, new_height: int) -> bool:
    """Whether Pillow resamples columns before rows; never did versions before 13."""
    return height - new_height > max(0, 2 * (width - new_width))


def by_pillow(
    picture: NDArray[np.uint8], width: int, height: int, filter: str, box: Box | None = None
) -> NDArray[np.uint8]:
    """Resize a picture of shape (H, W) or (H, W, C) as Pillow 13 does."""
    image = Image.fromarray(picture)
    left, top, right, bottom = box or (0, 0, *image.size)
    if not _TURNS and filter != "nearest" and is_turned(*image.size, width, height):
        image = image.transpose(_TRANSPOSE)
        image = image.resize((height, width), FILTERS[filter], (top, left, bottom, right))
        return np.asarray(image.transpose(_TRANSPOSE))
    return np.asarray(image.resize((width, height), FILTERS[filter], (left, top, right, bottom)))


def _kernel(filter: str, x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.abs(x)
    if filter == "bilinear":
        return np.clip(1 - x, 0, None)
    if filter == "bicubic":
        near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
        return np.where(x < 1, near, np.where(x < 2, far, 0))
    assert filter == "lanczos"
    return np.where(x < 3, np.sinc(x) * np.sinc(x / 3), 0)


def _weights(size: int, count: int, start: float, stop: float, filter: str) -> Any:
    """Weights of every sample in every result: (count, size)."""
    scale = (stop - start) / count
    centres = start + (np.arange(count)[:, np.newaxis] + 0.5) * scale
    weights = _kernel(filter, (np.arange(size) + 0.5 - centres) / max(scale, 1))
    return weights / weights.sum(axis=1, keepdims=True)


def in_float64(
    picture: NDArray[Any], width: int, height: int, filter: str, box: Box | None = None
) -> NDArray[np.float64]:
    """Resize without rounding; bilinear, bicubic and lanczos."""
    rows, columns = picture.shape[:2]
    left, top, right, bottom = box or (0, 0, columns, rows)
    across = _weights(columns, width, left, right, filter)
    down = _weights(rows, height, top, bottom, filter)
    columns_done = np.einsum("xc,rc...->rx...", across, picture.astype(np.float64))
    return np.einsum("yr,rx...->yx...", down, columns_done)

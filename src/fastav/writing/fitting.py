"""Arrays that nearly are frames of a format: made to fit, or refused with what to write instead."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..pixels.formats import Kind, PixelFormat
from ..pixels.layout import frame_layout

__all__ = ["cast", "fit"]

# Shapes of the frames of these do not tell what they hold.
_OTHERWISE = frozenset({Kind.BIT_PACKED, Kind.PALETTE, Kind.PACKED_SUBSAMPLED, Kind.HARDWARE})


def fit(image: Any, format: PixelFormat) -> Any:
    """Make what was given for a frame fit its format, where that changes no value.

    Grey pictures lose a last axis of 1, nested lists of integers become an array. What
    :func:`fastav.pack_frame` can judge for itself passes as it is.

    Parameters
    ----------
    image : array_like or sequence of arrays
        One frame.
    format : PixelFormat
        What it is to hold.

    Raises
    ------
    ValueError, TypeError
        It is no such frame; says what it looks like and what to write instead.
    """
    if format.kind in _OTHERWISE:
        return image
    if isinstance(image, (list, tuple)):
        if not format.is_array or not image or any(map(_is_array, image)):
            return image  # planes
        image = _from_lists(image, format)
    elif not _is_array(image):
        return image
    image, shape = np.asarray(image), _shape(format)
    if shape is not None and len(shape) == 2 and image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    if not _is_like(image, shape):
        raise ValueError(
            f"{format.name!r} frames have shape {_shown(shape)}, got {image.shape}"
            + _advice(image, format, shape)
        )
    if shape is not None and image.dtype.newbyteorder("=") != format.dtype.newbyteorder("="):
        raise TypeError(
            f"{format.name!r} frames have dtype {format.dtype.name}, got {image.dtype}; "
            + _remedy(image, format)
        )
    return image


def cast(image: Any, format: PixelFormat) -> Any:
    """Make a frame of any type fit, as assigning it to an array of the format's type does.

    So imageio does: floats are cut off, larger integers wrapped round; a last axis of 1 stands for
    all channels.
    """
    if isinstance(image, (list, tuple)) and not format.is_array:
        return [np.asarray(plane).astype(format.dtype, copy=False) for plane in image]
    if not (isinstance(image, (list, tuple)) or _is_array(image)):
        return image
    image, shape = np.asarray(image), _shape(format)
    if shape is not None and len(shape) == 3 and image.ndim == 3 and image.shape[2] == 1 < shape[2]:
        image = np.broadcast_to(image, (*image.shape[:2], shape[2]))
    if image.dtype.newbyteorder("=") == format.dtype.newbyteorder("="):
        return image
    return image.astype(format.dtype)


def _is_array(image: Any) -> bool:
    return any(hasattr(image, name) for name in ("__array__", "__array_interface__"))


@lru_cache(maxsize=64)
def _shape(format: PixelFormat) -> tuple[int, ...] | None:
    """The shape of a frame, with 0 for its height and width; None if it is no array."""
    shape = frame_layout(format.name, 16, 16).shape if format.is_array else None
    return None if shape is None else tuple(0 if length == 16 else length for length in shape)


def _is_like(image: NDArray[Any], shape: tuple[int, ...] | None) -> bool:
    if shape is None:  # planes stacked, of which there are many shapes
        return image.ndim == 2
    return image.ndim == len(shape) and all(
        length in (0, given) for length, given in zip(shape, image.shape, strict=True)
    )


def _shown(shape: tuple[int, ...] | None) -> str:
    if shape is None:
        return "(rows, W), their planes stacked, or are a list of planes"
    names = iter("HW")
    return f"({', '.join(str(length) if length else next(names) for length in shape)})"


def _advice(image: NDArray[Any], format: PixelFormat, shape: tuple[int, ...] | None) -> str:
    """What an array of a wrong shape looks like, and what to write for it."""
    wide = image.dtype.itemsize > 1
    grey, rgb, rgba = ("gray16le", "rgb48le", "rgba64le") if wide else ("gray", "rgb24", "rgba")
    by_name = "pass in_pixel_format={!r}".format
    channels = 1 if shape is None or len(shape) == 2 else next(filter(None, shape))
    last = image.shape[-1] if image.ndim else 0
    looks: list[str] = []
    if image.ndim == 4:
        looks.append("many frames: give all along one first axis, and leave out is_batch=False")
    elif (image.ndim == 2 and channels > 1) or (image.ndim == 3 and last == 1):
        looks.append(f"grey: {by_name(grey)}")
    elif image.ndim == 3 and last == 3:
        looks.append(f"RGB: {by_name(rgb)}")
    elif image.ndim == 3 and last == 4:
        drop = "" if channels != 3 else ", or drop the alpha by [..., :3]"
        looks.append(f"RGBA: {by_name(rgba)}{drop}")
    elif image.ndim == 3:
        if len(image) in (3, 4):
            looks.append("channels first: pass layout='chw'")
        looks.append(f"a batch of grey frames: {by_name(grey)}")
    return f". That looks like {', or like '.join(looks)}" if looks else ""


def _remedy(image: NDArray[Any], format: PixelFormat) -> str:
    """How to make an array of another type one of the format's."""
    to = format.dtype.name
    if image.dtype == bool:
        return f"(frames * {np.iinfo(to).max}).astype('{to}') makes black and white of it"
    if image.dtype.kind == "f" and format.dtype.kind == "u":
        most = np.iinfo(to).max
        if image.size and np.nanmin(image) >= 0 and np.nanmax(image) <= 1:
            return f"(frames * {most}).round().astype('{to}') brings 0..1 to 0..{most}"
        return f"frames.clip(0, {most}).round().astype('{to}') rounds"
    if image.dtype == np.uint16 and to == "uint8":
        return (
            "for 16 bits pass in_pixel_format='gray16le', 'rgb48le' or 'rgba64le', or "
            "(frames >> 8).astype('uint8') keeps the upper 8"
        )
    if image.dtype == np.uint8 and to == "uint16":
        return "for 8 bits pass in_pixel_format='gray', 'rgb24' or 'rgba'"
    return f"frames.astype('{to}') casts"


def _from_lists(image: Any, format: PixelFormat) -> NDArray[Any]:
    """Nested lists of numbers as an array, of the format's type if all of them fit into that."""
    try:
        array = np.asarray(image)
    except ValueError as error:
        raise ValueError(f"a frame of nested lists must be a full array: {error}") from None
    if array.dtype.kind in "iu" and format.dtype.kind == "u" and array.size:
        if array.min() >= 0 and array.max() <= np.iinfo(format.dtype).max:
            return array.astype(format.dtype)
        raise ValueError(
            f"{format.name!r} holds numbers from 0 to {np.iinfo(format.dtype).max}, "
            f"got {array.min()} to {array.max()}"
        )
    return array

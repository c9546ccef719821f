"""Resizes and crops that are done while decoding: ``torchcodec.transforms``.

Those of torchcodec and of ``torchvision.transforms.v2`` are taken as well, by their names and
attributes, so that neither has to be there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import av
import numpy as np
import numpy.typing as npt
import torch

from ...pixels.convert import ConversionOptions
from ...reading.options import ReadOptions

__all__ = ["CenterCrop", "DecoderTransform", "Pipeline", "RandomCrop", "Resize"]


class DecoderTransform:
    """A transform to a size.

    Parameters
    ----------
    size : (int, int)
        Height and width of the pictures that come out.
    """

    def __init__(self, size: Sequence[int]) -> None:
        if len(size) != 2:
            raise ValueError(f"size must be (height, width), got {size}")
        self.size = size

    def __repr__(self) -> str:
        return f"{type(self).__name__}({tuple(self.size)})"


class Resize(DecoderTransform):
    """Resize pictures bilinearly, antialiased."""


class CenterCrop(DecoderTransform):
    """Cut out the middle."""


class RandomCrop(DecoderTransform):
    """Cut out a place that is drawn when a decoder is made: the same for all its frames.

    It is drawn from torch's generator as torchvision and torchcodec draw it.
    """


class _Scaling(NamedTuple):
    """Pictures become those of another size."""

    height: int
    width: int
    interpolation: str

    @property
    def changes(self) -> dict[str, Any]:
        return {"size": (self.height, self.width), "interpolation": self.interpolation}

    def apply(self, batch: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        converter = ReadOptions(**self.changes).converter()
        resized = np.empty((len(batch), self.height, self.width, 3), np.uint8)
        for picture, small in zip(batch, resized, strict=True):
            whole = np.ascontiguousarray(picture)
            (small[:],) = converter.convert(av.VideoFrame.from_ndarray(whole, format="rgb24"))
        return resized


class _Cut(NamedTuple):
    """A part of the pictures is left."""

    top: int
    left: int
    height: int
    width: int

    @property
    def changes(self) -> dict[str, Any]:
        return {"crop": tuple(self)}

    def apply(self, batch: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        rows = slice(self.top, self.top + self.height)
        return batch[:, rows, self.left : self.left + self.width]


class Pipeline:
    """Transforms, one after the other, of pictures of a size.

    Parameters
    ----------
    transforms : sequence
        See the module.
    height, width : int
        Of the pictures that go in.

    Attributes
    ----------
    changes : dict
        What the first of them is in :class:`.ReadOptions`; the others :meth:`finish` does.

    Raises
    ------
    ValueError
        A transform that is neither a resize nor a crop, pads, or cuts more than there is.
    """

    def __init__(self, transforms: Sequence[Any], height: int, width: int) -> None:
        steps = []
        for transform in transforms:
            steps.append(_step(transform, height, width))
            height, width = steps[-1].height, steps[-1].width
        self.changes: dict[str, Any] = steps[0].changes if steps else {}
        self._rest = steps[1:]

    def finish(self, batch: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Do what is left of pictures of shape (n, H, W, 3), be it a view of them."""
        for step in self._rest:
            batch = step.apply(batch)
        return batch


def _step(transform: Any, height: int, width: int) -> _Scaling | _Cut:
    kind = type(transform).__name__
    if kind == "Resize":
        return _resize(transform, height, width)
    if kind not in ("CenterCrop", "RandomCrop"):
        raise ValueError(
            f"transforms may be Resize, CenterCrop and RandomCrop, got {transform}; apply others "
            "to the frames"
        )
    if getattr(transform, "padding", None) is not None or getattr(
        transform, "pad_if_needed", False
    ):
        raise ValueError(f"{transform} pads; crop here, and pad the frames")
    wanted = transform.size
    rows, columns = int(wanted[0]), int(wanted[1])
    if rows > height or columns > width:
        raise ValueError(f"{transform} needs more than the {height}x{width} pixels that there are")
    if kind == "CenterCrop":
        top, left = round((height - rows) / 2), round((width - columns) / 2)
    else:
        top = int(torch.randint(0, height - rows + 1, size=()))
        left = int(torch.randint(0, width - columns + 1, size=()))
    return _Cut(top, left, rows, columns)


def _resize(transform: Any, height: int, width: int) -> _Scaling:
    interpolation = getattr(transform, "interpolation", "bilinear")
    interpolation = getattr(interpolation, "value", interpolation)
    if interpolation not in ("bilinear", "bicubic") or getattr(transform, "antialias", 1) is False:
        raise ValueError(f"a Resize must be bilinear or bicubic, and antialiased: {transform}")
    wanted = transform.size
    if wanted is not None and not isinstance(wanted, int) and len(wanted) == 1:
        (wanted,) = wanted  # the shorter edge
    if wanted is None:
        raise ValueError(f"a Resize must have a size: {transform}")
    options = ConversionOptions(size=wanted, max_size=getattr(transform, "max_size", None))
    rows, columns = options.geometry(height, width).shape
    return _Scaling(rows, columns, interpolation)

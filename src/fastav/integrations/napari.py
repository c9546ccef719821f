"""Videos in napari: dropped on its window they open lazily, frame by frame.

napari finds this reader by ``napari.yaml``, which lies beside this module, where fastav is
installed. Needs nothing but napari; what it gets is a reader, which it indexes as an array.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np

from ..errors import NotAVideoError
from ..reading.reader import VideoReader

__all__ = ["get_reader"]

Layer = tuple[Any, dict[str, Any], str]
Path = str | os.PathLike[str]


def get_reader(
    path: Path | Sequence[Path],
) -> Callable[[Path | Sequence[Path]], list[Layer]] | None:
    """Say how a path is read: napari's reader hook.

    Parameters
    ----------
    path : str or path, or sequence of them
        What was dropped, or given to ``viewer.open``; several paths are a stack.

    Returns
    -------
    callable or None
        A function that reads them where each is a video; else None, and napari asks others.
    """
    try:
        for name in _names(path):
            VideoReader(name).close()
    except (NotAVideoError, OSError):
        return None
    return read


def read(path: Path | Sequence[Path]) -> list[Layer]:
    """Make an image layer for each video.

    Parameters
    ----------
    path : str or path, or sequence of them
        One video or several.

    Returns
    -------
    list of (VideoReader, dict, "image")
        Nothing is decoded before it is looked at. Pictures are turned upright; what the container
        says is in the layer's metadata. The readers stay open as long as the layers.
    """
    return [_layer(name) for name in _names(path)]


def _names(path: Path | Sequence[Path]) -> Sequence[Path]:
    return [path] if isinstance(path, (str, os.PathLike)) else path


def _layer(name: Path) -> Layer:
    reader = VideoReader(name, rotate=True)
    facts = {
        "name": PurePath(name).stem,
        "rgb": reader.ndim == 4,
        "contrast_limits": (0, np.iinfo(reader.dtype).max),  # else napari looks for them in frames
        "metadata": reader.metadata(),
    }
    return reader, facts, "image"

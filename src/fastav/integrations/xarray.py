"""A video as an xarray dataset: ``xarray.open_dataset("clip.mp4", engine="fastav")``.

Needs xarray, which finds this engine by itself where fastav is installed; else
``engine=VideoBackend`` does the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..pixels.formats import Kind, pixel_format
from ..reading.reader import VideoReader

try:
    import xarray
    from xarray.backends import BackendArray, BackendEntrypoint
    from xarray.core import indexing
except ImportError as _error:
    raise ImportError(
        "fastav.integrations.xarray needs xarray; install it with: pip install 'fastav[xarray]'"
    ) from _error

__all__ = ["VideoBackend"]

_EXTENSIONS = frozenset(
    {".avi", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ts"}
    | {".webm", ".wmv"}
)


class VideoBackend(BackendEntrypoint):  # type: ignore[misc]
    """xarray's way to open a video."""

    description = "Open video files with fastav, frames being decoded when they are needed"
    open_dataset_parameters: ClassVar[tuple[str, ...]] = (
        "filename_or_obj",
        "drop_variables",
    )  # and keywords, by name

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        **options: Any,
    ) -> Any:
        """Open a video; what ``xarray.open_dataset(..., engine="fastav")`` calls.

        Parameters
        ----------
        filename_or_obj : str, os.PathLike, bytes or binary file object
            As of :class:`fastav.VideoReader`.
        drop_variables : str or iterable of str, optional
            What to leave out.
        **options
            Keywords of :class:`fastav.VideoReader`.

        Returns
        -------
        xarray.Dataset
            ``frames``, of dimensions ``time``, ``y``, ``x`` and, where there are several,
            ``channel``: only what is asked for is decoded, when it is. Coordinates: ``time``, when
            each frame appears in seconds, so that ``sel(time=1.5, method="pad")`` is the frame on
            screen then; ``key_frame``, whether the container marks it as one. Attributes are what
            the container says. ``chunks={}`` gives dask arrays with a chunk for each key frame.

        Raises
        ------
        TypeError
            ``planes=True``, whose planes are not one array.
        FileNotFoundError, NotAVideoError, ...
            As of :class:`fastav.VideoReader`.
        """
        reader = VideoReader(filename_or_obj, **options)
        try:
            dataset = _describe(reader)
        except BaseException:
            reader.close()
            raise
        dropped = [drop_variables] if isinstance(drop_variables, str) else drop_variables or ()
        dataset = dataset.drop_vars(dropped, errors="ignore")
        dataset.set_close(reader.close)
        return dataset

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Whether it looks like a video by its name."""
        if not isinstance(filename_or_obj, (str, os.PathLike)):
            return False
        return PurePath(filename_or_obj).suffix.lower() in _EXTENSIONS


def _describe(reader: VideoReader) -> Any:
    if reader.options.planes:
        raise TypeError("planes=True gives a tuple of arrays, which is no variable of xarray's")
    index = reader.index
    starts = index.cuts.tolist()
    frames = xarray.Variable(
        _dimensions(reader),
        indexing.LazilyIndexedArray(_Frames(reader)),
        encoding={
            "preferred_chunks": {"time": tuple(np.diff([*starts, len(index)]).tolist()) or (0,)}
        },
    )
    seconds = {"units": "s", "long_name": "time at which the frame appears"}
    facts = reader.metadata().items()
    return xarray.Dataset(
        {"frames": frames},
        {"time": ("time", index.timestamps, seconds), "key_frame": ("time", index.keys.copy())},
        {name: value for name, value in facts if value is not None},
    )


def _dimensions(reader: VideoReader) -> tuple[str, ...]:
    if reader.ndim == 3:
        return "time", "y", "x"
    format = reader.options.format
    planar = format is not None and pixel_format(format).kind is Kind.PLANAR
    if planar or reader.options.layout == "chw":
        return "time", "channel", "y", "x"
    return "time", "y", "x", "channel"


class _Frames(BackendArray):  # type: ignore[misc]
    """The frames of a reader, by xarray's keys."""

    def __init__(self, reader: VideoReader) -> None:
        self._reader = reader
        self.shape, self.dtype = reader.shape, reader.dtype

    def __getitem__(self, key: Any) -> Any:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER_1VECTOR, self._read
        )

    def _read(self, key: tuple[Any, ...]) -> NDArray[Any]:
        # Each entry is for itself: a number must not join an array, as it does in NumPy's keys.
        parts, axes = [], []
        for part, length in zip(key, self.shape, strict=True):
            alone = isinstance(part, (int, np.integer))
            number = range(length)[part] if alone else 0
            parts.append(slice(number, number + 1) if alone else part)
            axes.append(0 if alone else slice(None))
        found = self._reader[tuple(parts)]
        assert isinstance(found, np.ndarray)
        return found[tuple(axes)]

"""Videos in pims: once this is imported, ``pims.open("clip.mp4")`` opens them with fastav.

Needs pims. Frames are numbered in the order in which they are shown, where pims' own readers
reckon with the nominal rate, or with as many frames as there are packets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..reading.reader import VideoReader

try:
    from pims import Frame, FramesSequence
except ImportError as _error:
    raise ImportError(
        "fastav.integrations.pims needs pims; install it with: pip install 'fastav[pims]'"
    ) from _error

__all__ = ["FastavReader"]

if TYPE_CHECKING:  # pims does not tell its types
    _Sequence = object
else:
    _Sequence = FramesSequence

_EXTENSIONS = frozenset(
    {"avi", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "mxf", "ts", "webm", "wmv"}
)


class FastavReader(_Sequence):
    """A video as pims has it: a sequence of frames, slices of which are lazy.

    Parameters
    ----------
    file : str, os.PathLike, bytes or binary file object
        As of :class:`fastav.VideoReader`.
    **options
        Keywords of :class:`fastav.VideoReader`.

    Notes
    -----
    Frames carry `frame_no`, and as `metadata` their time ``t`` in seconds from the first one's, as
    pims' own readers have it, and ``key_frame``.
    """

    class_priority = 100  # pims' own have 10 or less; the highest is asked first

    @classmethod
    def class_exts(cls) -> set[str]:
        """Extensions of the files for which pims asks this reader."""
        return {*_EXTENSIONS, *FramesSequence.class_exts()}

    def __init__(self, file: Any, **options: Any) -> None:
        self._reader = VideoReader(file, **options)
        if self._reader.options.planes:
            self._reader.close()
            raise TypeError("planes=True gives a tuple of arrays, which is no frame of pims'")
        self.file = file
        self._index = self._reader.index

    def __len__(self) -> int:
        return len(self._reader)

    def get_frame(self, ind: int) -> Any:
        """Read a frame by number."""
        return self._named(self._reader.read_frame(ind), ind)

    def __iter__(self) -> Any:
        # One pass with a decoder of its own.
        return (self._named(array, number) for number, array in enumerate(self._reader.iter()))

    def _named(self, array: Any, number: int) -> Any:
        facts = {"t": self.get_time(number), "key_frame": bool(self._index.keys[number])}
        return Frame(array, frame_no=number, metadata=facts)

    def get_time(self, ind: int) -> float:
        """When a frame is shown, in seconds from the first one's time."""
        since = int(self._index.pts[ind]) - int(self._index.pts[0])
        return float(since * self._index.time_base)

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """Shape of one frame."""
        shape, _ = self._reader.describe_frame()
        return shape

    @property
    def pixel_type(self) -> np.dtype[Any]:
        """Type of a frame's elements."""
        return self._reader.dtype

    @property
    def frame_rate(self) -> float:
        """Frames per second, on average."""
        return self._reader.fps

    @property
    def duration(self) -> float:
        """Seconds from the first frame's beginning to the last one's end."""
        return self._reader.duration

    @property
    def metadata(self) -> dict[str, Any]:
        """What the container says."""
        return self._reader.metadata()

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

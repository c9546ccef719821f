"""From arrays to frames in the format that is encoded: the counterpart of ``convert``.

The one place that chooses how: the samples are packed as they are, or the colour kernels write into
the frame, or FFmpeg's converter does, reading the caller's array itself where that is safe.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import av.error
import numpy as np
from av import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from . import colour
from .convert import refuse_abort
from .errors import UnsupportedFormatError
from .formats import PixelFormat, pixel_format
from .layout import frame_layout
from .packing import pack_frame, unpack_frame

__all__ = ["FrameMaker"]

# Formats of one plane that PyAV can wrap without a copy, so that libswscale reads the caller's
# array itself. It reads in whole vectors, past the end of the last row: as many bytes must follow.
_NATIVE: Final = "le" if np.little_endian else "be"
_WRAPPABLE: Final = frozenset(
    {"rgb24", "bgr24", "rgba", "bgra", "argb", "abgr", "gray"}
    | {name + _NATIVE for name in ("rgb48", "bgr48", "rgba64", "gray16")}
)
_OVERREAD: Final = 256


class FrameMaker:
    """Make frames that own their memory: the arrays may change as soon as a call returns.

    Parameters
    ----------
    conversion : {"exact", "ffmpeg"}
        Whose arithmetic makes Y'CbCr of RGB and grey: fastav's kernels, correctly rounded, or
        FFmpeg's converter, bit for bit as PyAV's ``reformat``. What the kernels do not know FFmpeg
        converts in any case.

    Notes
    -----
    Not thread-safe: FFmpeg's converter keeps state.
    """

    def __init__(self, conversion: str = "exact") -> None:
        if conversion not in ("exact", "ffmpeg"):
            raise ValueError(f"conversion must be 'exact' or 'ffmpeg', got {conversion!r}")
        self._exact = conversion == "exact"
        self._reformatter = VideoReformatter()

    def pack(self, image: Any, format: PixelFormat) -> VideoFrame:
        """Make a frame of an array, or of a sequence of planes, in the format that they are in."""
        if isinstance(image, (tuple, list)):
            image = [np.asarray(plane) for plane in image]
        elif hasattr(image, "__array__"):
            image = np.asarray(image)
        return pack_frame(image, format.name)

    def make(self, image: Any, format: PixelFormat, target: str) -> VideoFrame:
        """Make a frame in the format `target` of an array or planes in another.

        Raises
        ------
        TypeError, ValueError
            The array does not fit its format.
        UnsupportedFormatError
            There is no such conversion.
        """
        if format.name != target and isinstance(image, np.ndarray) and _is_packed(image, format):
            if self._is_known(format.name, target):
                return self._make_exactly(image, format, target)
            if format.name in _WRAPPABLE and _can_be_read_in_place(image):
                return self._reformat(VideoFrame.from_numpy_buffer(image, format.name), target)
        return self.convert(self.pack(image, format), target)

    def convert(self, frame: VideoFrame, target: str) -> VideoFrame:
        """Convert a frame to the format `target`, or return it if it is in that."""
        name = frame.format.name
        if name == target:
            return frame
        if self._is_known(name, target):
            made = self._make_exactly(unpack_frame(frame), pixel_format(name), target)
            made.pts, made.time_base = frame.pts, frame.time_base
            return made
        return self._reformat(frame, target)

    def _is_known(self, source: str, target: str) -> bool:
        return self._exact and _is_plannable(source, target)

    def _make_exactly(self, image: NDArray[Any], format: PixelFormat, target: str) -> VideoFrame:
        height, width = image.shape[:2]
        frame = VideoFrame(width, height, target)
        native = np.ascontiguousarray(image, format.dtype.newbyteorder("="))
        _plan(format.name, target, width, height).write(native.ctypes.data, frame)
        return frame

    def _reformat(self, frame: VideoFrame, target: str) -> VideoFrame:
        refuse_abort(pixel_format(frame.format.name), frame)
        try:
            return self._reformatter.reformat(frame, format=target, threads=1)
        except (av.error.FFmpegError, ValueError, OSError, NotImplementedError) as error:
            raise UnsupportedFormatError(
                f"FFmpeg cannot convert {frame.format.name} to {target}: {error}; "
                "choose another out_pixel_format"
            ) from error


@lru_cache(maxsize=256)
def _is_plannable(source: str, target: str) -> bool:
    """Whether the kernels make Y'CbCr frames of such arrays."""
    to = pixel_format(target)
    return not to.rgb and len(to.components) == 3 and colour.can_convert(source, target)


@lru_cache(maxsize=16)
def _plan(source: str, target: str, width: int, height: int) -> colour.FromRGB:
    return colour.plan_back(source, target, width, height)


def _is_packed(image: NDArray[Any], format: PixelFormat) -> bool:
    """Whether an array is one frame, rows first, of a format of one plane."""
    if image.ndim < 2 or not image.size or len(format.planes) > 1:
        return False
    layout = frame_layout(format.name, image.shape[1], image.shape[0])
    same_type = image.dtype.newbyteorder("=") == format.dtype.newbyteorder("=")
    return image.shape == layout.shape and same_type


def _can_be_read_in_place(image: NDArray[Any]) -> bool:
    """Whether libswscale may read an array itself, with all that it reads beyond the end."""
    base = image.base
    if not (image.dtype.isnative and isinstance(base, np.ndarray) and base.flags.forc):
        return False
    row = image[0].nbytes
    if not (image[0].flags.c_contiguous and image.strides[0] >= row):
        return False
    end = image.ctypes.data + (image.shape[0] - 1) * image.strides[0] + row
    return bool(end + _OVERREAD <= base.ctypes.data + base.nbytes)

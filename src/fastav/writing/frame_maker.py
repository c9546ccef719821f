"""From arrays to frames in the format that is encoded: the counterpart of ``convert``.

The one place that chooses how: the samples are packed as they are, or the colour kernels write into
the frame, or FFmpeg's converter does, reading the caller's array itself where that is safe.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

import av.error
import numpy as np
from av import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from ..errors import UnsupportedFormatError
from ..filters import FilterChain
from ..pixels import colour
from ..pixels.arguments import one_of
from ..pixels.convert import CONVERSIONS
from ..pixels.ffmpeg import refuse_abort
from ..pixels.formats import PixelFormat, pixel_format
from ..pixels.h273 import (
    MATRICES,
    MATRIX_TAGS,
    PRIMARIES_NAMES,
    PRIMARIES_TAGS,
    RANGE_TAGS,
    RANGES,
    TAGGED_MATRICES,
    TAGGED_RANGES,
    TRANSFER_NAMES,
    TRANSFER_TAGS,
)
from ..pixels.layout import frame_layout
from ..pixels.packing import pack_frame, unpack_frame
from ..pyav import reformat

__all__ = ["Colours", "FrameMaker", "is_ycbcr"]

# Formats of one plane that PyAV can wrap without a copy, so that libswscale reads the caller's
# array itself. It reads in whole vectors, past the end of the last row: as many bytes must follow.
_WRAPPABLE: Final = frozenset(
    pixel_format(name).name
    for name in (
        *("rgb24", "bgr24", "rgba", "bgra", "argb", "abgr", "gray"),
        *("rgb48", "bgr48", "rgba64", "gray16"),
    )
)
_OVERREAD: Final = 256


_SCALER_MATRICES: Final = MATRIX_TAGS | {"bt601": 5}  # PyAV's enumeration of them


@dataclass(frozen=True, slots=True)
class Colours:
    """What samples mean; None is what nobody said.

    Attributes
    ----------
    matrix, range : str or None
        Of Y'CbCr, by the names of :func:`fastav.pixels.colour.plan_back`. None is BT.601 and
        limited range for conversions, and no tag in the file.
    primaries, transfer : str or None
        Tags of the file alone, by FFmpeg's names: samples are never converted between them.
    """

    matrix: str | None = None
    range: str | None = None
    primaries: str | None = None
    transfer: str | None = None

    def __post_init__(self) -> None:
        one_of("matrix", self.matrix, (*MATRICES, None))
        one_of("range", self.range, (*RANGES, None))
        one_of("primaries", self.primaries, (*PRIMARIES_TAGS, None))
        one_of("transfer", self.transfer, (*TRANSFER_TAGS, None))

    @classmethod
    def of(cls, frame: VideoFrame) -> Colours:
        """What a frame is tagged with; RGB and grey frames say nothing of Y'CbCr."""
        # PyAV before 17 does not show these tags of frames.
        primaries = PRIMARIES_NAMES.get(int(getattr(frame, "color_primaries", 2)))
        transfer = TRANSFER_NAMES.get(int(getattr(frame, "color_trc", 2)))
        tags = {
            "primaries": primaries if primaries in PRIMARIES_TAGS else None,
            "transfer": transfer if transfer in TRANSFER_TAGS else None,
        }
        if not is_ycbcr(frame.format.name):
            return cls(**tags)
        return cls(
            TAGGED_MATRICES.get(int(frame.colorspace)),
            TAGGED_RANGES.get(int(frame.color_range)),
            **tags,
        )

    def or_else(self, other: Colours) -> Colours:
        """These, filled up with what the other ones say."""
        return Colours(
            self.matrix or other.matrix,
            self.range or other.range,
            self.primaries or other.primaries,
            self.transfer or other.transfer,
        )

    def tag(self, tagged: Any) -> None:
        """Write them to a frame or codec context, as far as they have a meaning for its format."""
        if self.primaries is not None and hasattr(tagged, "color_primaries"):
            tagged.color_primaries = PRIMARIES_TAGS[self.primaries]
        if self.transfer is not None and hasattr(tagged, "color_trc"):
            tagged.color_trc = TRANSFER_TAGS[self.transfer]
        if not is_ycbcr(getattr(tagged, "pix_fmt", None) or tagged.format.name):
            return
        if self.matrix is not None:
            tagged.colorspace = MATRIX_TAGS[self.matrix]
        if self.range is not None:
            tagged.color_range = RANGE_TAGS[self.range]


_UNSAID: Final = Colours()


@lru_cache(maxsize=64)
def is_ycbcr(name: str) -> bool:
    """Whether a pixel format is luma and chroma."""
    format = pixel_format(name)
    return not (format.rgb or format.mosaic or len(format.components) < 3)


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
        one_of("conversion", conversion, CONVERSIONS)
        self._exact = conversion == "exact"
        self._reformatter = VideoReformatter()
        self._copier: FilterChain | None = None

    def copy(self, frame: VideoFrame) -> VideoFrame:
        """Make a frame of memory of its own, with all that is known of the other besides."""
        if self._copier is None:
            self._copier = FilterChain([("copy", "")])
        (copied,) = self._copier.push(frame)
        return copied

    def pack(self, image: Any, format: PixelFormat) -> VideoFrame:
        """Make a frame of an array, or of a sequence of planes, in the format that they are in."""
        if isinstance(image, (tuple, list)):
            image = [np.asarray(plane) for plane in image]
        elif hasattr(image, "__array__"):
            image = np.asarray(image)
        return pack_frame(image, format.name)

    def make(
        self, image: Any, format: PixelFormat, target: str, colours: Colours = _UNSAID
    ) -> VideoFrame:
        """Make a frame in the format `target`, of these colours, of an array or planes in another.

        Planes of Y'CbCr are of these colours already.

        Raises
        ------
        TypeError, ValueError
            The array does not fit its format.
        UnsupportedFormatError
            There is no such conversion.
        """
        if format.name != target and isinstance(image, np.ndarray) and _is_packed(image, format):
            if self._is_known(format.name, target):
                return self._make_exactly(image, format, target, colours)
            if format.name in _WRAPPABLE and _can_be_read_in_place(image):
                wrapped = VideoFrame.from_numpy_buffer(image, format.name)
                return self._reformat(wrapped, target, colours)
        frame = self.pack(image, format)
        colours.tag(frame)
        return self.convert(frame, target, colours)

    def convert(self, frame: VideoFrame, target: str, colours: Colours = _UNSAID) -> VideoFrame:
        """Convert a frame to the format `target` and these colours, or return it if it is so."""
        name, present = frame.format.name, Colours.of(frame)
        agree = (colours.matrix or present.matrix, colours.range or present.range) == (
            present.matrix or colours.matrix,
            present.range or colours.range,
        )
        if name == target and agree:
            colours.tag(frame)
            return frame
        if self._is_known(name, target):
            made = self._make_exactly(unpack_frame(frame), pixel_format(name), target, colours)
            if frame.time_base is not None:
                made.pts, made.time_base = frame.pts, frame.time_base
            return made
        return self._reformat(frame, target, colours)

    def _is_known(self, source: str, target: str) -> bool:
        return self._exact and _is_plannable(source, target)

    def _make_exactly(
        self, image: NDArray[Any], format: PixelFormat, target: str, colours: Colours
    ) -> VideoFrame:
        height, width = image.shape[:2]
        frame = VideoFrame(width, height, target)
        native = np.ascontiguousarray(image, format.dtype.newbyteorder("="))
        if target.startswith("yuvj"):
            colours = replace(colours, range=None)
        _plan(format.name, target, width, height, colours).write(native.ctypes.data, frame)
        colours.tag(frame)
        return frame

    def _reformat(self, frame: VideoFrame, target: str, colours: Colours) -> VideoFrame:
        to = pixel_format(target)
        wanted: dict[str, int] = {}
        if not to.rgb and len(to.components) > 2:
            present, source = Colours.of(frame), colours.matrix
            if pixel_format(frame.format.name).rgb:
                # Filters tag RGB as full range, which the converter would take for Y'CbCr's.
                frame.color_range = 0
                # RGB has no matrix, but PyAV 15 and 16 ignore the target's if both are the same.
                source = "bt601"
                if colours.matrix == "bt2020":  # PyAV 17 reads it only from the frame
                    frame.colorspace = MATRIX_TAGS[colours.matrix]
            if colours.matrix is not None and source is not None:
                wanted["dst_colorspace"] = _SCALER_MATRICES[colours.matrix]
                wanted["src_colorspace"] = _SCALER_MATRICES[present.matrix or source]
            if colours.range is not None and not target.startswith("yuvj"):
                wanted["dst_color_range"] = RANGE_TAGS[colours.range]
                if present.range is not None:
                    wanted["src_color_range"] = RANGE_TAGS[present.range]
        refuse_abort(pixel_format(frame.format.name), frame)
        try:
            made = reformat(self._reformatter, frame, format=target, **wanted)
        except (av.error.FFmpegError, ValueError, OSError, NotImplementedError) as error:
            raise UnsupportedFormatError(
                f"FFmpeg cannot convert {frame.format.name} to {target}: {error}; "
                "choose another out_pixel_format"
            ) from error
        colours.tag(made)
        return made


@lru_cache(maxsize=256)
def _is_plannable(source: str, target: str) -> bool:
    """Whether the kernels make Y'CbCr frames of such arrays."""
    to = pixel_format(target)
    return not to.rgb and len(to.components) == 3 and colour.can_convert(source, target)


@lru_cache(maxsize=16)
def _plan(source: str, target: str, width: int, height: int, colours: Colours) -> colour.FromRGB:
    range: Any = colours.range
    return colour.plan_back(source, target, width, height, matrix=colours.matrix, range=range)


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

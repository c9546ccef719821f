"""From a frame to an array in another format, straight into the caller's memory.

The one place that chooses how: the stored planes are copied, or the colour kernels or FFmpeg's
converter write into the array itself, or PyAV's reformatter makes a frame whose planes are copied.
"""

from __future__ import annotations

import platform
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, Self

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import DTypeLike, NDArray

from .._kernels import bayer as bayer_kernels
from .._kernels import planes as plane_kernels
from .._kernels import swscale
from ..errors import FrameChangedError, UnsupportedFormatError
from ..pyav import chroma_siting, reformat
from . import colour, ffmpeg
from .arguments import one_of
from .formats import Kind, PixelFormat, pixel_format
from .geometry import INTERPOLATIONS, Pair, SizeOptions
from .h273 import MATRICES, RANGES
from .layout import FrameLayout, frame_layout
from .planes import copy_frame

__all__ = [
    "CONVERSIONS",
    "SCALE",
    "Arrays",
    "ConversionOptions",
    "FrameConverter",
    "Output",
    "Write",
    "convert_frame",
    "convert_planes",
]

# From libswscale/swscale.h.
_SWS_BILINEAR: Final = 2  # what PyAV's reformat uses
_SWS_ACCURATE_RND: Final = 0x40000

_AVCOL_RANGE_JPEG: Final = 2

# Formats that the converter writes straight into an array. For each of them, and every source that
# `_is_proven` admits, tests hold the result equal to PyAV's reformat bit for bit.
_DIRECT: Final = frozenset({"rgb24", "bgr24", "rgba", "bgra", "rgb48le"})

# 8-bit 4:2:0 and 4:2:2 have converters of their own in libswscale, which work on blocks of pixels
# on x86, and on pairs elsewhere and to 16 bits.
_BLOCK_SOURCES: Final = frozenset({"yuv420p", "yuvj420p", "yuva420p", "yuv422p", "yuvj422p"})
_BLOCK: Final = 16
_X86: Final = platform.machine().lower() in {"x86_64", "amd64", "i386", "i686", "x86"}

# Their result depends on tags that PyAV does not show, or libswscale treats them in another way.
_UNPROVEN: Final = ("xyz12", "grayf", "yaf")

CONVERSIONS: Final = ("exact", "ffmpeg")
"""Whose arithmetic converts, see :class:`ConversionOptions`."""

Arrays = NDArray[Any] | tuple[NDArray[Any], ...]
"""What frames become: one array, or with ``planes=True`` one per plane."""

Write = Callable[..., None]
"""Converts a frame to the outputs at addresses."""


class Output(NamedTuple):
    """Shape and dtype of what one frame becomes."""

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]

    @property
    def nbytes(self) -> int:
        """Bytes of one frame's array."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ConversionOptions(SizeOptions):
    """How a frame becomes an array.

    Attributes
    ----------
    format : str or None
        Pixel format of the result; None keeps the stored one.
    planes : bool
        A tuple with one array per plane instead of one array; admits every software format.
    resize : bool
        Scale frames of another size to the size of the first, and convert other pixel formats to
        its own, instead of raising.
    conversion : {"exact", "ffmpeg"}
        Whose arithmetic makes RGB and grey: fastav's kernels, correctly rounded, or FFmpeg's
        converter, bit for bit as PyAV's ``reformat`` (but for the columns at the right that it
        leaves unwritten, and odd widths in 16 bits, from 8-bit 4:2:0 and 4:2:2 to formats other
        than rgb24 and bgr24; on processors other than x86, but for all odd widths from these).
        Mosaics are interpolated bilinearly by either. What the kernels do not know (palettes, float
        formats, subsampled chroma of interlaced frames, scaling, ...) FFmpeg converts in any case.
    matrix : {"bt601", "bt709", "bt2020", "smpte240m", "fcc"} or None
        Overrules the frames' own tags where ``"exact"`` converts; elsewhere an error.
    range : {"limited", "full"} or None
        Overrules the frames' own tags where ``"exact"`` converts; elsewhere an error.
    chroma : {"nearest", "linear"}
        How ``"exact"`` brings subsampled chroma to full size.
    siting : {"left", "centre", "top-left"} or None
        Where chroma samples lie, for ``chroma="linear"``. None: where the frames say, as far as
        PyAV shows it (from 19 on), else left.
    layout : {"hwc", "chw"}
        Channels last, or planes first: (C, H, W).
    dtype : numpy dtype or None
        ``"float32"`` scales to 0..1; None is the format's own.
    mean, std : float or sequence of float, optional
        With ``dtype="float32"``: subtracted from, then divided into, each channel.
    size : int or (int, int) or None
        Height and width to resize to, or the shorter edge; the longer one keeps the aspect ratio,
        rounded down. RGB and grey only, as all that follows. 8-bit results are, bit for bit, what
        Pillow makes of the whole frame: ``Image.fromarray(frame).resize((width, height), filter,
        box=...)``. 16-bit ones are within 0.51 of the exact result, and no channel depends on
        another. ``dtype="float32"`` scales the one or the other.
    max_size : int or None
        With one int for `size`: the most that the longer edge may become; then both shrink.
    crop : (int, int, int, int) or None
        Top, left, height and width of the part that is resized. As with Pillow's ``box``, filters
        reach across its edges where there is more of the frame.
    center_crop : int or (int, int) or None
        Height and width to cut out of the middle of the result.
    interpolation : {"bilinear", "bicubic", "lanczos", "box", "nearest"}
        Pillow's filter of that name, antialiased, but for ``"nearest"``.
    """

    format: str | None = "rgb24"
    planes: bool = False
    resize: bool = False
    conversion: str = "exact"
    matrix: str | None = None
    range: str | None = None
    chroma: str = "nearest"
    siting: str | None = None
    layout: str = "hwc"
    dtype: DTypeLike | None = None
    mean: float | Sequence[float] | None = None
    std: float | Sequence[float] | None = None
    size: Pair | None = None
    max_size: int | None = None
    crop: Sequence[int] | None = None
    center_crop: Pair | None = None
    interpolation: str = "bilinear"

    def __post_init__(self) -> None:
        self._check_sizes()
        for name, choices in _CHOICES.items():
            one_of(name, getattr(self, name), choices)
        if self.format is not None:
            pixel_format(self.format)
        overruled = (self.matrix, self.range) != (None, None)
        if self.conversion == "ffmpeg":
            if overruled:
                raise ValueError("matrix and range overrule the frames' tags in 'exact' only")
            if (self.chroma, self.siting) != ("nearest", None):
                raise ValueError("chroma and siting have a meaning in 'exact' only")
        if overruled and self.format is None:
            raise ValueError(
                "matrix and range tell how to convert: name a format, "
                "since format=None keeps the stored samples"
            )
        if (self.mean is not None or self.std is not None) and (
            self.dtype is None or np.dtype(self.dtype).newbyteorder("=") != np.float32
        ):
            raise ValueError(f"mean and std need dtype='float32', got {self.dtype!r}")
        if self.planes and not self.is_plain:
            raise ValueError("planes=True gives stored samples: layout and dtype must be left out")
        if self.planes and self.resizes_or_crops:
            raise ValueError(
                "planes=True gives stored samples, which are not resized or cropped; "
                f"leave it out, or read with {SCALE}"
            )

    @property
    def is_plain(self) -> bool:
        """Whether the result is laid out as FFmpeg lays out the format."""
        return self.layout == "hwc" and self.dtype is None

    def whole(self) -> Self:
        """The options for pictures that are resized and cropped later."""
        return replace(
            self,
            size=None,
            max_size=None,
            crop=None,
            center_crop=None,
            resize=False,
            layout="hwc",
            dtype=None,
            mean=None,
            std=None,
        )


_CHOICES: Final[dict[str, tuple[str | None, ...]]] = {
    "conversion": CONVERSIONS,
    "matrix": (*MATRICES, None),
    "range": (*RANGES, None),
    "chroma": ("nearest", "linear"),
    "siting": ("left", "centre", "top-left", None),
    "layout": ("hwc", "chw"),
    "interpolation": INTERPOLATIONS,
}
SCALE: Final = "filter_sequence=[('scale', 'WIDTH:HEIGHT')]"
"""What else resizes, for advice."""


class FrameConverter:
    """Convert frames of one video, in the caller's memory; at their own size.

    Parameters
    ----------
    options : ConversionOptions

    Attributes
    ----------
    outputs : tuple of Output
        What a frame becomes; empty before the first one.
    copies : bool
        Whether frames like the first are copied as they are.
    turns : bool
        Whether pictures are turned.

    Notes
    -----
    Not thread-safe: the converters below keep state. The first frame fixes the outputs.
    """

    def __init__(self, options: ConversionOptions) -> None:
        self._options = options
        self._wanted = pixel_format(options.format) if options.format is not None else None
        self._follows_siting = options.chroma == "linear" and options.siting is None
        self._key: tuple[object, ...] | None = None
        self._first: tuple[str, int, int] | None = None
        self._layout: FrameLayout | None = None
        self._run: Write | None = None
        self._reformatter = VideoReformatter()
        self.outputs: tuple[Output, ...] = ()
        self.copies: bool = False
        self.turns = False

    def prepare(self, frame: av.VideoFrame) -> tuple[Output, ...]:
        """Fix the outputs by a frame, the first of its video.

        Returns
        -------
        tuple of Output
            One, or with ``planes=True`` one per plane.

        Raises
        ------
        UnsupportedFormatError
            If the frames cannot become what was asked for; names formats that can.
        """
        stored = frame.format.name
        target = self._wanted or pixel_format(stored)
        if not self._options.is_plain and target.name not in colour.RGB_FORMATS:
            raise UnsupportedFormatError(
                "layout and dtype need format= one of "
                f"{', '.join(map(repr, sorted(colour.RGB_FORMATS)))}, got {target.name!r}"
            )
        self._first = (stored, frame.width, frame.height)
        self.copies = self._options.is_plain and pixel_format(stored) == target
        self._layout = layout = frame_layout(target.name, frame.width, frame.height)
        if self._options.planes:
            self.outputs = tuple(Output(plane.shape, plane.dtype) for plane in layout.planes)
        elif layout.shape is None or layout.dtype is None:
            raise UnsupportedFormatError(
                f"{target.name} frames of {frame.width}x{frame.height} are not one strided array; "
                "ask for format='rgb24', 'gray' or another format of one array, or for planes=True"
            )
        elif self._options.is_plain:
            self.outputs = (Output(layout.shape, layout.dtype),)
        else:
            like = av.VideoFrame(frame.width, frame.height, target.name)
            plan = self._plan(like, target)
            self.outputs = (Output(plan.shape, plan.dtype),)
        return self.outputs

    def write(self, frame: av.VideoFrame, *addresses: int) -> None:
        """Convert a frame into memory.

        Parameters
        ----------
        frame : av.VideoFrame
        *addresses : int
            Where each output begins; C-contiguous and as large as its ``nbytes``.

        Raises
        ------
        FrameChangedError
            If size or stored pixel format are not those of the first frame (and not ``resize``).
        UnsupportedFormatError
            If FFmpeg cannot make the conversion.
        """
        key = (
            frame.format.name,
            frame.width,
            frame.height,
            frame.colorspace,
            frame.color_range,
            frame.interlaced_frame,
            self._follows_siting and chroma_siting(frame),
        )
        if key != self._key:
            self._run = self._choose(frame)
            self._key = key
        self._run(frame, *addresses)  # type: ignore[misc]

    def convert(self, frame: av.VideoFrame) -> tuple[NDArray[np.generic], ...]:
        """Convert a frame into fresh arrays, one per output."""
        if not self.outputs:
            self.prepare(frame)
        arrays = [np.empty(output.shape, output.dtype) for output in self.outputs]
        # (ctypes.data would take twice as long.)
        self.write(frame, *[array.__array_interface__["data"][0] for array in arrays])
        return tuple(arrays)

    def _choose(self, frame: av.VideoFrame) -> Write:
        """Find the way for frames like this one."""
        if self._first is None or self._layout is None:
            self.prepare(frame)
        assert self._first is not None
        assert self._layout is not None
        layout, options = self._layout, self._options
        stored = frame.format.name
        same_size = (frame.width, frame.height) == self._first[1:]
        if not options.resize and (stored, frame.width, frame.height) != self._first:
            name, width, height = self._first
            raise FrameChangedError(
                f"{frame.width}x{frame.height} {stored}, where the first frame is "
                f"{width}x{height} {name}; resize=True scales and converts to the first"
            )
        source, target = pixel_format(stored), layout.format
        if source == target and same_size and options.is_plain:
            return _plane_writer(layout) if options.planes else _block_writer(layout)
        one = len(self.outputs) == 1
        if options.conversion == "exact" and same_size and one:
            exact = self._exact(frame, source, target)
            if exact is not None:
                return exact
        if (
            (options.conversion, options.matrix) == ("exact", None)
            and "U" in source.order
            and target.rgb
        ):
            colour.check_converter_knows(frame.colorspace)
        if (options.matrix, options.range) != (None, None):
            raise _no_conversion(source, target, "with another matrix or range than the frame's")
        ffmpeg.refuse_abort(source, frame)
        direct = same_size and options.is_plain and one
        functions = ffmpeg.functions()
        if functions and direct and target.name in _DIRECT and _is_proven(source, target, frame):
            return _direct(functions, source, target, frame, layout)
        return self._through_pyav(source, target, frame, layout)

    def _exact(
        self, frame: av.VideoFrame, source: PixelFormat, target: PixelFormat
    ) -> Write | None:
        """The kernels' way, where they have one."""
        if source.mosaic is not None:
            return self._demosaicked(frame, source, target)
        plan = self._exact_plan(frame, source, target)
        return None if plan is None else plan.write

    def _exact_plan(
        self, frame: av.VideoFrame, source: PixelFormat, target: PixelFormat, **changes: Any
    ) -> colour.ToRGB | None:
        """How the kernels convert frames that are no mosaics, if they do."""
        if frame.interlaced_frame and source.log2_chroma_h:
            return None  # the rows of its chroma belong to one field each
        tags = {"matrix": self._options.matrix, "range": self._options.range}
        try:
            return self._plan(frame, target, **tags, **changes)
        except UnsupportedFormatError:
            return None

    def _demosaicked(
        self, frame: av.VideoFrame, source: PixelFormat, target: PixelFormat
    ) -> Write | None:
        """The colours of a mosaic, then whatever the target makes of them."""
        whole = pixel_format("rgb24" if source.itemsize == 1 else "rgb48")
        overruled = (self._options.matrix, self._options.range) != (None, None)
        small = min(frame.width, frame.height) < 2
        if overruled or small or target.name not in colour.RGB_FORMATS:
            return None
        if target == whole and self._options.is_plain:
            return _demosaic(source, frame.width, frame.height)
        picture = av.VideoFrame(frame.width, frame.height, whole.name)
        (plane,) = picture.planes
        colours = _demosaic(source, frame.width, frame.height, plane.line_size)
        store = self._plan(picture, target).write

        def write(frame: av.VideoFrame, address: int) -> None:
            colours(frame, plane.buffer_ptr)
            store(picture, address)

        return write

    def _plan(self, frame: av.VideoFrame, target: PixelFormat, **changes: Any) -> colour.ToRGB:
        names = ("chroma", "siting", "layout", "dtype", "mean", "std")
        wishes: Any = {name: getattr(self._options, name) for name in names} | changes
        wishes["siting"] = wishes["siting"] or chroma_siting(frame) or "left"
        return colour.plan(frame, target.name, **wishes)

    def _through_pyav(
        self, source: PixelFormat, target: PixelFormat, frame: av.VideoFrame, layout: FrameLayout
    ) -> Write:
        """PyAV's reformatter, and from its frame to memory."""
        if self._options.planes:
            store = _plane_writer(layout)
        elif self._options.is_plain:
            store = _block_writer(layout)
        else:
            store = self._plan(
                av.VideoFrame(layout.width, layout.height, target.name), target
            ).write
        flags = _SWS_BILINEAR
        if target.rgb and source.name in _BLOCK_SOURCES and frame.width % _BLOCK:
            # The block converters leave the last columns unwritten in PyAV's tight rows.
            flags |= _SWS_ACCURATE_RND
        scaler = self._reformatter

        def write(frame: av.VideoFrame, *addresses: int) -> None:
            try:
                made = reformat(
                    scaler,
                    frame,
                    width=layout.width,
                    height=layout.height,
                    format=target.name,
                    interpolation=flags,
                )
            except (ValueError, OSError, NotImplementedError) as error:
                raise _no_conversion(source, target) from error
            store(made, *addresses)

        return write


def _block_writer(layout: FrameLayout) -> Write:
    return lambda frame, address: copy_frame(frame, layout, address)


def _plane_writer(layout: FrameLayout) -> Write:
    copy = plane_kernels.copy

    def store(frame: av.VideoFrame, *addresses: int) -> None:
        for plane, part, address in zip(frame.planes, layout.planes, addresses, strict=True):
            copy(
                address, part.row_bytes, plane.buffer_ptr, plane.line_size,
                part.row_bytes, part.height,
            )  # fmt: skip

    return store


def _demosaic(source: PixelFormat, width: int, height: int, pitch: int | None = None) -> Write:
    """Bilinear interpolation of a mosaic, see :func:`fastav.bayer.demosaic`."""
    assert source.mosaic is not None
    red_y, red_x = divmod(source.mosaic.index("R"), 2)
    demosaic, swap, itemsize = bayer_kernels.demosaic, plane_kernels.swap, source.itemsize
    pitch = 3 * itemsize * width if pitch is None else pitch
    shape = (itemsize, width, height)
    correction = (2 ** (8 * itemsize) - 1, (0, 0, 0, 0), (1, 1, 1), 0)  # none
    native = None if source.dtype.isnative else np.empty((height, width), np.uint16)

    def write(frame: av.VideoFrame, address: int) -> None:
        (plane,) = frame.planes
        samples = plane.buffer_ptr, plane.line_size
        if native is not None:
            swapped = native.ctypes.data, native.strides[0]
            swap(*swapped, *samples, *shape)
            samples = swapped
        demosaic(address, pitch, *samples, *shape, red_x, red_y, False, *correction)

    return write


def _is_proven(source: PixelFormat, target: PixelFormat, frame: av.VideoFrame) -> bool:
    """Whether the direct conversion is known to equal PyAV's reformat.

    Converting subsampled chroma depends on where its samples lie and on interlacing. PyAV does not
    show the former; only the block converters, which take even heights, do not ask.
    """
    if source.name.startswith(_UNPROVEN) or frame.interlaced_frame or source.mosaic is not None:
        return False
    if source.name in _BLOCK_SOURCES:
        in_blocks = _X86 and target.itemsize == 1  # else they leave an odd last column out
        return frame.height % 2 == 0 and (in_blocks or frame.width % 2 == 0)
    return source.log2_chroma_w == 0 == source.log2_chroma_h


def _no_conversion(
    source: PixelFormat, target: PixelFormat, how: str = ""
) -> UnsupportedFormatError:
    return UnsupportedFormatError(
        f"there is no conversion from {source.name} to {target.name}{how and f' ({how})'}; "
        "read the stored samples with format=None"
    )


def _direct(
    functions: dict[str, int],
    source: PixelFormat,
    target: PixelFormat,
    frame: av.VideoFrame,
    layout: FrameLayout,
) -> Write:
    """libswscale straight into the array, over scratch rows where it writes in whole blocks."""
    no_matrix = source.rgb or source.kind is Kind.PALETTE
    matrix = int(frame.colorspace)
    full = int(frame.color_range) == _AVCOL_RANGE_JPEG
    try:
        scaler = swscale.Scaler(
            functions,
            ffmpeg.pixel_format_id(source.name),
            ffmpeg.pixel_format_id(target.name),
            frame.width,
            frame.height,
            0 if no_matrix else matrix,
            no_matrix or full,
            0,
            True,
            _SWS_BILINEAR,
        )
    except ValueError as error:
        raise _no_conversion(source, target) from error
    scale, pitch, rows = scaler.scale, layout.planes[0].pitch, layout.height
    if frame.width % _BLOCK == 0:
        return lambda frame, address: scale(frame.planes, address, pitch)
    # Blocks reach over the end of a row: into the next row, and over the array's end in the last.
    pixel = pitch // frame.width
    scratch_pitch = (frame.width + 2 * _BLOCK) // _BLOCK * _BLOCK * pixel
    scratch = np.empty((rows, scratch_pitch), np.uint8)
    start, copy = scratch.ctypes.data, plane_kernels.copy

    def over_scratch(frame: av.VideoFrame, address: int, scratch: object = scratch) -> None:
        scale(frame.planes, start, scratch_pitch)
        copy(address, pitch, start, scratch_pitch, pitch, rows)

    return over_scratch


def convert_frame(
    frame: av.VideoFrame,
    format: str,
    out: NDArray[np.generic] | None = None,
    conversion: str = "exact",
) -> NDArray[np.generic]:
    """Convert one frame to an array in another pixel format.

    Parameters
    ----------
    frame : av.VideoFrame
    format : str
        A format of one strided array.
    out : ndarray, optional
        C-contiguous, writable, of the right shape and dtype, which the caller has checked.
    conversion : {"exact", "ffmpeg"}
        See :class:`ConversionOptions`.

    Returns
    -------
    ndarray
        `out`, or a fresh array.

    Raises
    ------
    UnsupportedFormatError
        If there is no such conversion, or `format` is not one strided array.
    """
    key = _kept.key(frame, format, conversion, False)
    converter = _kept.take(key)
    (output,) = converter.outputs or converter.prepare(frame)
    if out is None:
        out = np.empty(output.shape, output.dtype)
    converter.write(frame, out.__array_interface__["data"][0])
    _kept.keep(key, converter)
    return out


def convert_planes(
    frame: av.VideoFrame, format: str, conversion: str = "exact"
) -> tuple[NDArray[np.generic], ...]:
    """Convert one frame to an array per plane of another pixel format; see `convert_frame`."""
    key = _kept.key(frame, format, conversion, True)
    converter = _kept.take(key)
    planes = converter.convert(frame)
    _kept.keep(key, converter)
    return planes


class _Kept(threading.local):
    """Converters of single frames, of which the next frame is likely to need the same."""

    Key = tuple[str, str, bool, str, int, int]

    def __init__(self) -> None:
        self._converters: dict[_Kept.Key, FrameConverter] = {}

    @staticmethod
    def key(frame: av.VideoFrame, format: str, conversion: str, planes: bool) -> Key:
        """The key of a converter. It lacks frames' tags, which the converter checks itself."""
        return format, conversion, planes, frame.format.name, frame.width, frame.height

    def take(self, key: Key) -> FrameConverter:
        """Take a converter out, or make one."""
        converter = self._converters.pop(key, None)
        if converter is None:
            options = ConversionOptions(format=key[0], conversion=key[1], planes=key[2])
            converter = FrameConverter(options)
        return converter

    def keep(self, key: Key, converter: FrameConverter) -> None:
        """Put a converter back, as the one used last."""
        self._converters[key] = converter
        if len(self._converters) > _MOST_KEPT:
            del self._converters[next(iter(self._converters))]


_MOST_KEPT: Final = 8
_kept = _Kept()

"""Frames resized and cropped, while they are converted where the kernels do that."""

from __future__ import annotations

from contextlib import suppress

import av
import numpy as np

from ..errors import FrameChangedError, UnsupportedFormatError
from . import colour
from .convert import SCALE, ConversionOptions, FrameConverter, Output, Write
from .formats import PixelFormat, pixel_format
from .geometry import Geometry
from .resample import Resampler

__all__ = ["SizedConverter"]


class SizedConverter(FrameConverter):
    """Convert frames of one video to pictures of another size.

    Parameters
    ----------
    options : ConversionOptions
    whole : FrameConverter
        Makes the whole pictures, by ``options.whole()``, where the kernels cannot read frames as
        they are stored, or where pictures are turned first.
    """

    def __init__(self, options: ConversionOptions, whole: FrameConverter) -> None:
        super().__init__(options)
        self._whole = whole
        self._geometry: Geometry | None = None

    def prepare(self, frame: av.VideoFrame) -> tuple[Output, ...]:
        """As for other converters.

        Raises
        ------
        ValueError
            A crop does not lie within the frame.
        MemoryError
            FFmpeg makes no frames so large.
        """
        target = self._wanted or pixel_format(frame.format.name)
        if target.name not in colour.RGB_FORMATS:
            raise UnsupportedFormatError(
                f"{target.name} frames are not resized or cropped; ask for format= one of "
                f"{', '.join(map(repr, sorted(colour.RGB_FORMATS)))}, or read with {SCALE}"
            )
        self._first = (frame.format.name, frame.width, frame.height)
        self._geometry = self._options.geometry(*self._whole_size(frame))
        height, width = self._geometry.shape
        plan = self._plan(_blank(width, height, target), target)
        self.outputs: tuple[Output, ...] = (Output(plan.shape, plan.dtype),)
        return self.outputs

    def _whole_size(self, frame: av.VideoFrame) -> tuple[int, int]:
        (output,) = self._whole.prepare(frame)
        height, width = output.shape[:2]
        return height, width

    def _choose(self, frame: av.VideoFrame) -> Write:
        if self._geometry is None:
            self.prepare(frame)
        geometry, options = self._geometry_of(frame), self._options
        source = pixel_format(frame.format.name)
        target = self._wanted or source
        height, width = geometry.shape
        if geometry.is_cut and (cut := self._cut(frame, source, target, geometry)) is not None:
            return cut
        filter = "nearest" if geometry.is_cut else options.interpolation
        resize = self._resize(frame, source, target, geometry, filter)
        if options.is_plain:
            pitch = width * target.itemsize * len(target.order)
            return lambda frame, address: resize(frame, address, pitch)
        small = _blank(width, height, target)
        store = self._plan(small, target).write
        start, pitch = small.planes[0].buffer_ptr, small.planes[0].line_size

        def write(frame: av.VideoFrame, address: int) -> None:
            resize(frame, start, pitch)
            store(small, address)

        return write

    def _geometry_of(self, frame: av.VideoFrame) -> Geometry:
        """How this frame becomes what the first one became."""
        assert self._geometry is not None
        assert self._first is not None
        first, size = self._geometry, self._whole_size(frame)
        if (frame.format.name, frame.width, frame.height) == self._first:
            return first
        if self._options.size is not None:
            with suppress(ValueError):
                own = self._options.geometry(*size)
                if own.shape == first.shape:
                    return own
        if self._options.resize:
            return first.of(*size)
        raise FrameChangedError(
            f"{frame.width}x{frame.height} {frame.format.name}, where the first frame is "
            f"{self._first[1]}x{self._first[2]} {self._first[0]}; "
            "resize=True scales and converts to the first, size=(height, width) does without"
        )

    def _cut(
        self, frame: av.VideoFrame, source: PixelFormat, target: PixelFormat, geometry: Geometry
    ) -> Write | None:
        """Conversion of a part alone, if it begins where a sample of chroma does."""
        left, top = geometry.part[:2]
        if top % (1 << source.log2_chroma_h) or left % (1 << source.log2_chroma_w):
            return None
        plan = self._kernels_plan(frame, source, target, window=geometry.part)
        return None if plan is None else plan.write

    def _kernels_plan(
        self, frame: av.VideoFrame, source: PixelFormat, target: PixelFormat, **changes: object
    ) -> colour.ToRGB | None:
        """How the kernels convert frames as they are stored, if they do."""
        ours = self._options.conversion == "exact" and source.mosaic is None
        if self._whole.turns or not ours:
            return None
        return self._exact_plan(frame, source, target, **changes)

    def _resize(
        self,
        frame: av.VideoFrame,
        source: PixelFormat,
        target: PixelFormat,
        geometry: Geometry,
        filter: str,
    ) -> Write:
        """To rows at an address and of a pitch."""
        planes_first = {"layout": "chw", "dtype": None, "mean": None, "std": None}
        plan = self._kernels_plan(frame, source, target, **planes_first)
        if plan is not None:
            alpha = source.alpha and target.alpha
            resample = Resampler(plan, geometry, filter, alpha=alpha).write

            def at_once(frame: av.VideoFrame, address: int, pitch: int) -> None:
                planes = tuple(n for p in frame.planes for n in (p.buffer_ptr, p.line_size))
                resample(planes, address, pitch)

            return at_once
        (output,) = self._whole.prepare(frame)
        convert, picture = self._whole.write, np.empty(output.shape, output.dtype)
        place = picture.ctypes.data, picture.strides[0]
        like = av.VideoFrame(geometry.width, geometry.height, target.name)
        plan = colour.plan(like, target.name, layout="chw")
        resample = Resampler(plan, geometry, filter, alpha=target.alpha).write

        def from_whole(
            frame: av.VideoFrame, address: int, pitch: int, picture: object = picture
        ) -> None:
            convert(frame, place[0])
            resample(place, address, pitch)

        return from_whole


def _blank(width: int, height: int, format: PixelFormat) -> av.VideoFrame:
    try:
        return av.VideoFrame(width, height, format.name)
    except ValueError:
        size = width * height * format.itemsize * len(format.order) / 1e9
        raise MemoryError(
            f"a {format.name} frame of {width}x{height} is {size:.3g} GB, more than FFmpeg makes; "
            "ask for a smaller size="
        ) from None

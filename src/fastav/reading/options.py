"""How a video is read, as a value: the keywords of ``fastav.open`` and of every read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import av
import numpy as np

from ..pixels.arguments import one_of, unexpected_keyword
from ..pixels.convert import ConversionOptions, FrameConverter
from ..pixels.formats import pixel_format
from ..workers import WORTH_A_THREAD, processors
from .input import check_threads

__all__ = ["ERRORS", "READER_KEYWORDS", "ReadOptions", "check_keywords"]

ERRORS: Final = ("raise", "keep", "skip")

# What else may have been meant by the options that are flags.
_FLAGS: Final = {
    "planes": "",
    "resize": (
        "; it makes frames that change their size fit the first, to resize all of them write "
        "size=(HEIGHT, WIDTH)"
    ),
    "rotate": (
        "; it turns pictures as their file asks, to turn them otherwise use numpy.rot90 or read "
        "with filter_sequence=[('transpose', 'clock')]"
    ),
}

# So many converters keep up with a decoder that does little else than copy.
_CREW: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions(ConversionOptions):
    """How a video becomes arrays; every field is a keyword of ``fastav.open`` and of the reads.

    Attributes
    ----------
    format, planes, resize, conversion, layout, dtype, ...
        How a frame becomes an array, see :class:`fastav.pixels.convert.ConversionOptions`.
    errors : {"raise", "keep", "skip"}
        At damage: raise ``DecodeError``; or keep the frames that came before it, as many as PyAV
        gives with one thread, whatever `thread_count` is; or skip what the decoder or the demuxer
        refuses and go on behind it. One thread decodes then, from the first damage on; frames are
        numbered as they come, and given at opening ``len(reader)`` and ``reader[i]`` count so too.
        What decoders conceal is no damage that they refuse, and what they make up may depend on
        their threads; with ``options={"err_detect": "explode"}`` many refuse that as well. Errors
        of files and servers (a time-out, say) are raised in any case.
    thread_count : int
        Threads of the decoder, up to 1024; 0 lets FFmpeg choose, and frames by number that lie
        apart are decoded by one thread if that is sooner. With 1, bulk reading starts no
        thread at all; else large frames are converted while others are decoded, and where a
        decoder has no threads (mjpeg, mpeg2, ...) several share a local file among them.
    thread_type : {"FRAME", "SLICE", "AUTO", "NONE"} or None
        None is "FRAME", which has the best throughput.
    rotate : bool
        Turn pictures upright, as the container's display matrix asks.
    stored_format : str or None
        What the samples of raw video really are, where its container cannot say so: mosaics in AVI
        and MOV ("bayer_rggb8", "bayer_rggb16le", ...), say, which FFmpeg takes for ``pal8`` or
        ``rgb555``. A format of one plane whose rows have as many bytes as those of the first plane
        that FFmpeg decodes.
    """

    errors: str = "raise"
    thread_count: int = 0
    thread_type: str | None = None
    rotate: bool = False
    stored_format: str | None = None

    def __post_init__(self) -> None:
        ConversionOptions.__post_init__(self)
        for name in ("planes", "resize", "rotate"):
            value = getattr(self, name)
            if not isinstance(value, (bool, np.bool_)):
                raise TypeError(f"{name} must be True or False, got {value!r}{_FLAGS[name]}")
        one_of("errors", self.errors, ERRORS)
        check_threads(self.thread_count, self.thread_type)
        if self.stored_format is not None:
            if pixel_format(self.stored_format).plane_count != 1:
                raise ValueError(
                    f"stored_format must be a format of one plane, got {self.stored_format!r}"
                )
            if self.rotate:
                raise ValueError("stored_format and rotate do not go together; use numpy.rot90")

    @property
    def decoder_threads(self) -> tuple[int, str | None]:
        """What a decoder must be opened with."""
        return self.thread_count, self.thread_type

    @property
    def skips(self) -> bool:
        """Whether frames are numbered without what is damaged, and behind it."""
        return self.errors == "skip"

    def changed(self, caller: str, changes: Mapping[str, Any]) -> ReadOptions:
        """These options with some fields changed, by keywords that `caller` was given."""
        if not changes:
            return self
        check_keywords(caller, changes)
        return replace(self, **changes)

    def converter(self) -> FrameConverter:
        """A converter for one pass over a video."""
        make: Callable[[ReadOptions], FrameConverter] = FrameConverter
        if self.rotate:
            from .upright import UprightConverter as make
        if self.resizes_or_crops:
            from ..pixels.sized import SizedConverter

            return SizedConverter(self, make(self.whole()))
        return make(self)

    def converters(self, first: av.VideoFrame) -> list[FrameConverter]:
        """As many converters as should work side by side, prepared by the first frame."""
        one = self.converter()
        nbytes = sum(output.nbytes for output in one.prepare(first))
        if self.resizes_or_crops:
            nbytes = max(nbytes, 3 * first.width * first.height)  # what it is made from
        # Copying is bound by memory, which one thread can keep busy.
        alone = one.copies or nbytes < WORTH_A_THREAD
        crew = 1 if alone else min(self.thread_count or processors(), _CREW)
        others = [self.converter() for _ in range(crew - 1)]
        for other in others:
            other.prepare(first)
        return [one, *others]


# Words of others for what has another name here.
_ADVICE: Final = {
    "num_threads": "write thread_count=",
    "num_ffmpeg_threads": "write thread_count=",
    "threads": "write thread_count=",
    "dimension_order": "write layout='chw' or layout='hwc'",
    "pixelformat": "write format=",
    "pixel_format": "write format=",
    "pix_fmt": "write format=",
    "stream_index": "write stream=, which counts video streams only",
    "fps": "pass it to the read: imread(), read(), iter() and batches() take it",
    "start_frame": "write start=",
    "end_frame": "write stop=",
    "indices": "use get_batch()",
    "width": "write size=(height, width)",
    "height": "write size=(height, width)",
    "transforms": "write size=, crop= or center_crop=",
}

READER_KEYWORDS: Final = frozenset({"stream", "container_format", "options", "index"})


def check_keywords(caller: str, given: Iterable[str], also: Iterable[str] = ()) -> None:
    """Raise the ``TypeError`` of a function that takes the fields of :class:`ReadOptions`.

    Parameters
    ----------
    caller : str
        What the user called.
    given : iterable of str
        The keywords.
    also : iterable of str
        What is taken besides.
    """
    known = {field.name for field in fields(ReadOptions)} | set(also)
    for name in given:
        if name not in known:
            raise unexpected_keyword(caller, name, known, _ADVICE.get(name))

"""What differs between the versions of PyAV, told by what each can do; nobody else asks for one.

All else of fastav uses what PyAV 15 to 19 have in common, and comes here for the rest.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache
from typing import Any, Final

import av
import av.codec.codec
import av.codec.context
import av.container
import av.stream
import av.video.reformatter
import av.video.stream
from av.container import InputContainer
from av.filter import Graph
from av.video.reformatter import VideoReformatter

__all__ = [
    "CAN_ROTATE",
    "ONE_THREAD",
    "chroma_siting",
    "closest_format",
    "discard",
    "file_size",
    "first_rate",
    "format_name",
    "fraction",
    "frame_rates",
    "has_side_data",
    "may_have_fields",
    "new_graph",
    "open_to_read",
    "reformat",
    "reorder_depth",
    "side_data",
    "tags",
    "with_side_data",
]

# Before PyAV 19 text that is not UTF-8 raises an error unless it is said otherwise at opening;
# from then on it comes with its bytes as lone surrogates, which most of Python cannot print.
_READ: Final[dict[str, Any]] = (
    {"metadata_errors": "replace"} if hasattr(av.container.Container, "metadata_errors") else {}
)

_SITINGS: Final = {1: "left", 2: "centre", 3: "top-left"}  # AVChromaLocation

# PyAV 17
_DISCARD_ALL: Final[Any] = getattr(getattr(av.stream, "Discard", None), "all", None)

ONE_THREAD: Final[dict[str, Any]] = (
    {"threads": 1} if "threads" in (VideoReformatter.reformat.__doc__ or "") else {}
)
"""Keywords of ``reformat`` for the calling thread alone.

Nothing else can be had of PyAV 15 and 16; from 17 on the default is a pool of threads each time.
"""

CAN_ROTATE: Final = hasattr(av.video.stream.VideoStream, "set_display_rotation")
"""Whether an output's stream can be given a rotation (PyAV 17)."""


# Containers and streams


def open_to_read(source: Any, **options: Any) -> InputContainer:
    """Open a container with ``av.open``, whatever its tags are encoded in."""
    container: InputContainer = av.open(source, "r", **options, **_READ)
    return container


def tags(of: Any) -> dict[str, str]:
    """Return the tags of a container or stream; what is not UTF-8 in them is replaced by U+FFFD."""
    metadata: Mapping[str, str] = of.metadata
    return {_readable(name): _readable(text) for name, text in metadata.items()}


def _readable(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def fraction(rational: Any) -> Fraction | None:
    """Return a rate, time base or ratio as a Fraction; None where it is not set.

    PyAV 19 has a type of its own for these, whose arithmetic rounds to 32 bits; unset is 0/1.
    """
    return Fraction(rational.numerator, rational.denominator) if rational else None


def first_rate(*rates: Any) -> Fraction | None:
    """Return the first that is a rate; damaged headers have negative ones."""
    return next((rate for rate in map(fraction, rates) if rate is not None and rate > 0), None)


def file_size(container: InputContainer) -> int:
    """Return the bytes of a container's file; negative where they cannot be known."""
    size: int | None = container.size
    return -1 if size is None else size


def discard(stream: Any) -> None:
    """Keep the demuxer from reading a stream, where PyAV can; else its packets are dropped."""
    if _DISCARD_ALL is not None:
        stream.discard = _DISCARD_ALL


# Codecs and packets


def format_name(context: Any) -> str | None:
    """Return the name of a codec context's pixel format; None where it is not known yet.

    ``context.pix_fmt`` reads through a null pointer there with PyAV 17.
    """
    format = context.format
    return None if format is None else str(format.name)


def reorder_depth(context: Any) -> int:
    """Return how many frames the decoder holds back, or at least does.

    PyAV 15 and 16 tell only whether there are any.
    """
    return int(getattr(context, "reorder_depth", context.has_b_frames))


def may_have_fields(context: Any) -> bool:
    """Tell whether frames may come as two fields; before PyAV 18.1 they may."""
    order = getattr(context, "field_order", None)
    return order is None or int(order) > 1


def has_side_data(packet: Any, kind: str) -> bool:
    """Tell whether a packet brings side data of a kind; PyAV 15 does not show any."""
    return hasattr(packet, "has_sidedata") and bool(packet.has_sidedata(kind))


def with_side_data(packets: list[Any]) -> list[Any]:
    """Return those of some packets that bring side data, of whatever kind."""
    if not packets or not hasattr(packets[0], "iter_sidedata"):
        return []
    return [packet for packet in packets if next(packet.iter_sidedata(), None) is not None]


# Frames


def side_data(frame: av.VideoFrame) -> dict[str, Any]:
    """Return the side data of a frame by FFmpeg's names, each an object with the buffer protocol.

    PyAV before 19 raises an error at all of it where one has no name there: they are left out.
    """
    try:
        found: Any = frame.side_data
        return {item.type.name: item for item in map(found.__getitem__, range(len(found)))}
    except ValueError:
        return {}


def chroma_siting(frame: av.VideoFrame) -> str | None:
    """Return where a frame says that its chroma samples lie: "left", "centre" or "top-left".

    None where it does not say, names another place, or PyAV does not show it (before 19).
    """
    return _SITINGS.get(getattr(frame, "chroma_location", 0))


def reformat(scaler: VideoReformatter, frame: av.VideoFrame, **wanted: Any) -> av.VideoFrame:
    """Convert a frame on the calling thread alone.

    With PyAV 15 and 16 the converter hears nothing of a frame's matrix and range.

    Raises
    ------
    ValueError, OSError, NotImplementedError
        There is no such conversion; PyAV 15 and 16 would crash.
    """
    if not ONE_THREAD:
        _check_conversion(frame.format.name, wanted["format"])
    return scaler.reformat(frame, **wanted, **ONE_THREAD)


@cache
def _check_conversion(source: str, target: str) -> None:
    library = ctypes.CDLL(av.video.reformatter.__file__)
    number = library.av_get_pix_fmt
    if not (
        library.sws_isSupportedInput(number(source.encode()))
        and library.sws_isSupportedOutput(number(target.encode()))
    ):
        raise ValueError(f"libswscale does not convert {source} to {target}")


def frame_rates(codec: av.Codec) -> list[Fraction] | None:
    """Return the only rates that an encoder knows: none if it knows all.

    None if there are some and PyAV does not tell which: 15 and 16 fail there.
    """
    try:
        found: Any = codec.frame_rates or ()
    except AttributeError:
        return None
    return sorted({Fraction(rate.numerator, rate.denominator) for rate in found})


def closest_format(names: Sequence[str], given: str, alpha: bool) -> str | None:
    """Return the pixel format among some that loses least of another's; None where there is none.

    ``avcodec_find_best_pix_fmt_of_list``, which PyAV 15 does not hand through.
    """
    if hasattr(av.codec.codec, "find_best_pix_fmt_of_list"):
        best, _ = av.codec.codec.find_best_pix_fmt_of_list(names, given, alpha)
        return None if best is None else best.name
    library = ctypes.CDLL(av.codec.context.__file__)  # its functions resolve through what it needs
    number, name = library.av_get_pix_fmt, library.av_get_pix_fmt_name
    name.restype = ctypes.c_char_p
    numbers = [number(known.encode()) for known in names]
    found: bytes | None = name(
        library.avcodec_find_best_pix_fmt_of_list(
            (ctypes.c_int * (len(numbers) + 1))(*numbers, -1), number(given.encode()), alpha, None
        )
    )
    return None if found is None else found.decode()


# Filters


def new_graph() -> Graph:
    """Return an empty graph that works on the calling thread.

    With PyAV 15 and 16 FFmpeg's filters have threads of their own, which end with the graph.
    """
    graph = Graph()
    if hasattr(graph, "threads"):
        graph.threads = 1
    return graph

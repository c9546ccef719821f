"""What differs between the versions of PyAV, told by what each can do; nobody else asks for one.

All else of fastav uses what PyAV 15 to 19 have in common, and comes here for the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

import av
import av.container
from av.container import InputContainer

__all__ = ["file_size", "fraction", "open_to_read", "side_data", "tags"]

# Before PyAV 19 text that is not UTF-8 raises an error unless it is said otherwise at opening;
# from then on it comes with its bytes as lone surrogates, which most of Python cannot print.
_READ: Final[dict[str, Any]] = (
    {"metadata_errors": "replace"} if hasattr(av.container.Container, "metadata_errors") else {}
)


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


def file_size(container: InputContainer) -> int:
    """Return the bytes of a container's file; negative where they cannot be known."""
    size: int | None = container.size
    return -1 if size is None else size


def side_data(frame: av.VideoFrame) -> dict[str, Any]:
    """Return the side data of a frame by FFmpeg's names, each an object with the buffer protocol.

    PyAV before 19 raises an error at all of it where one has no name there: they are left out.
    """
    try:
        found: Any = frame.side_data
        return {item.type.name: item for item in map(found.__getitem__, range(len(found)))}
    except ValueError:
        return {}

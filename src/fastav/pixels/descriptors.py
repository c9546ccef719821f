"""FFmpeg's own descriptions of its pixel formats: from a table, else from the library itself.

The table is a fast start; what it lacks, as formats of an FFmpeg that is newer, libavutil is asked
for: its functions resolve through the module of PyAV that is linked against it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from functools import cache
from typing import Any

import av.video.reformatter

from ._format_table import ALIASES, DESCRIPTORS, Descriptor

__all__ = ["describe", "known_formats", "living"]


class _Component(ctypes.Structure):
    """``AVComponentDescriptor`` of libavutil/pixdesc.h, unchanged since FFmpeg 5."""

    _fields_ = tuple((name, ctypes.c_int) for name in ("plane", "step", "offset", "shift", "depth"))


class _Description(ctypes.Structure):
    """``AVPixFmtDescriptor``, likewise."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("nb_components", ctypes.c_uint8),
        ("log2_chroma_w", ctypes.c_uint8),
        ("log2_chroma_h", ctypes.c_uint8),
        ("flags", ctypes.c_uint64),
        ("comp", _Component * 4),
        ("alias", ctypes.c_char_p),
    )


def living() -> Iterator[tuple[str, list[str], Descriptor]]:
    """Yield name, aliases and descriptor of every format of the libavutil that PyAV has loaded.

    Raises
    ------
    OSError, AttributeError
        Its functions cannot be reached.
    """
    following = ctypes.CDLL(av.video.reformatter.__file__).av_pix_fmt_desc_next
    following.restype = ctypes.POINTER(_Description)
    following.argtypes = [ctypes.POINTER(_Description)]
    found = following(None)
    while found:
        said: Any = found.contents
        components = tuple(
            (part.plane, part.step, part.offset, part.shift, part.depth)
            for part in said.comp[: said.nb_components]
        )
        aliases = said.alias.decode().split(",") if said.alias else []
        descriptor = (said.flags, (said.log2_chroma_w, said.log2_chroma_h), components)
        yield said.name.decode(), aliases, descriptor
        found = following(found)


@cache
def _live() -> tuple[dict[str, Descriptor], dict[str, str]]:
    """Descriptors and aliases of the loaded libavutil; none where it cannot be reached."""
    descriptors: dict[str, Descriptor] = {}
    aliases: dict[str, str] = {}
    try:
        for name, others, descriptor in living():
            descriptors[name] = descriptor
            aliases.update(dict.fromkeys(others, name))
    except (OSError, AttributeError):
        pass
    return descriptors, aliases


def describe(name: str) -> tuple[str, Descriptor] | None:
    """Return FFmpeg's own name of a format, of which an alias may be given, and its descriptor."""
    for descriptors, aliases in ((DESCRIPTORS, ALIASES), _live()):
        own = aliases.get(name, name)
        if own in descriptors:
            return own, descriptors[own]
    return None


@cache
def known_formats() -> dict[str, Descriptor]:
    """Return the formats that the loaded FFmpeg knows, by name, sorted."""
    return dict(sorted((_live()[0] or DESCRIPTORS).items()))

"""Palettes made for the frames: what GIFs are written with, in the place of FFmpeg's fixed one."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from av import VideoFrame

from ..filters import FilterChain, FilterGraph

__all__ = ["PaletteChain"]

# Bytes of frames that get one palette: FFmpeg's filter keeps them, 4 a pixel, till it knows all.
_STRETCH: Final = 64 << 20

# Every pixel gets the colour that is nearest. Dithering brings the mean of a region closer and each
# pixel farther off, and makes files larger; who wants it writes this graph with another dither=.
_GRAPH: Final[FilterGraph] = (
    {
        "copies": ("split", ""),
        "palette": ("palettegen", ""),
        "apply": ("paletteuse", "dither=none"),
    },
    [
        ("video_in", "copies", 0, 0),
        ("copies", "palette", 0, 0),
        ("copies", "apply", 1, 0),
        ("palette", "apply", 0, 1),
        ("apply", "video_out", 0, 0),
    ],
)

# What the encoder takes as it is.
_READY: Final = frozenset({"pal8", "gray"})


class PaletteChain:
    """Filters, if any, and behind them a palette of 256 colours for as many frames as memory takes.

    All frames of a short video share one palette; a long one gets another for each stretch, so that
    no more than a stretch is kept.

    Parameters
    ----------
    chain : FilterChain, optional
        Comes first.
    frame_rate : Fraction
        Of what comes in.

    Notes
    -----
    Used as a :class:`fastav.filters.FilterChain`. Not thread-safe.
    """

    def __init__(self, chain: FilterChain | None, frame_rate: Fraction) -> None:
        self._chain = chain
        self._frame_rate = frame_rate
        self._stretch: FilterChain | None = None
        self._kept = 0

    @property
    def frame_rate(self) -> Fraction:
        """Frames per second of what comes in; may be changed before the first frame."""
        return self._frame_rate

    @frame_rate.setter
    def frame_rate(self, rate: Fraction) -> None:
        self._frame_rate = rate
        if self._chain is not None:
            self._chain.frame_rate = rate

    def push(self, frame: VideoFrame) -> Iterator[VideoFrame]:
        """Hand over one frame and yield what comes out; exhaust it before going on."""
        for filtered in [frame] if self._chain is None else self._chain.push(frame):
            yield from self._add(filtered)

    def flush(self) -> Iterator[VideoFrame]:
        """Say that no frame follows, and yield all that is still held."""
        if self._chain is not None:
            for filtered in self._chain.flush():
                yield from self._add(filtered)
        yield from self._end()

    def _add(self, frame: VideoFrame) -> Iterator[VideoFrame]:
        if frame.format.name in _READY:
            yield frame
            return
        nbytes = frame.width * frame.height * 4
        if self._kept + nbytes > _STRETCH:
            yield from self._end()
        if self._stretch is None:
            self._stretch = FilterChain(filter_graph=_GRAPH, frame_rate=self._frame_rate)
        self._kept += nbytes
        yield from self._stretch.push(frame)

    def _end(self) -> Iterator[VideoFrame]:
        """End the present stretch, if there is one."""
        stretch, self._stretch, self._kept = self._stretch, None, 0
        if stretch is not None:
            yield from stretch.flush()

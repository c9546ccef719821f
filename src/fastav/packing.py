"""Frames to arrays and back: the stored bytes only, never a conversion of colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._kernels import planes as _planes
from .layout import FrameLayout

if TYPE_CHECKING:
    import av

__all__ = ["copy_frame"]


def copy_frame(frame: av.VideoFrame, layout: FrameLayout, address: int) -> None:
    """Copy the stored planes of a frame into one block of memory.

    The hot path of bulk reading: arguments are trusted.

    Parameters
    ----------
    frame : av.VideoFrame
        A frame of the layout's format and size. Its rows may be padded, cropped or in reverse.
    layout : FrameLayout
        How the planes are to lie in the block.
    address : int
        The block's first byte; ``layout.nbytes`` bytes are writable there. Padding, which only a
        layout with ``align`` has, is left as it is.

    Notes
    -----
    Thread-safe for different blocks; the GIL is released while bytes move.
    """
    for plane, to in zip(frame.planes, layout.planes, strict=True):
        _planes.copy(
            address + to.offset,
            to.pitch,
            plane.buffer_ptr,
            plane.line_size,
            to.row_bytes,
            to.height,
        )

"""Moving the planes of a frame as they are stored."""

from __future__ import annotations

import av

from .._kernels import planes as kernels
from .layout import FrameLayout, PlaneLayout

__all__ = ["copy_frame", "move_plane"]


def copy_frame(frame: av.VideoFrame, layout: FrameLayout, address: int) -> None:
    """Copy the stored planes of a frame into one block of memory.

    The hot path of bulk reading: arguments are trusted.

    Parameters
    ----------
    frame : av.VideoFrame
        A frame of the layout's format and size.
    layout : FrameLayout
        How the planes are to lie in the block.
    address : int
        The block's first byte; ``layout.nbytes`` bytes are writable there. Padding, which only a
        layout with ``align`` has, is left as it is.
    """
    for plane, to in zip(frame.planes, layout.planes, strict=True):
        kernels.copy(
            address + to.offset,
            to.pitch,
            plane.buffer_ptr,
            plane.line_size,
            to.row_bytes,
            to.height,
        )


def move_plane(
    dst: int,
    dst_pitch: int,
    src: int,
    src_pitch: int,
    plane: PlaneLayout,
    shift: int = 0,
    swapped: bool = False,
) -> None:
    """Copy a plane, shifting its elements down and swapping their bytes if so asked."""
    item, height = plane.dtype.itemsize, plane.height
    if shift:
        width = plane.row_bytes // item
        kernels.shift(dst, dst_pitch, src, src_pitch, shift, swapped, width, height)
    elif swapped:
        width = plane.row_bytes // item
        kernels.swap(dst, dst_pitch, src, src_pitch, item, width, height)
    else:
        kernels.copy(dst, dst_pitch, src, src_pitch, plane.row_bytes, height)

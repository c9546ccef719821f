"""Layouts as values: nothing is decoded here."""

from __future__ import annotations

import av
import numpy as np
import pytest

from fastav.errors import UnsupportedFormatError
from fastav.pixels.formats import Kind, pixel_format, software_formats
from fastav.pixels.layout import FrameLayout, frame_layout


def shapes(layout: FrameLayout) -> list[tuple[int, ...]]:
    return [plane.shape for plane in layout.planes]


def test_odd_chroma_is_rounded_up() -> None:
    layout = frame_layout("yuv420p", 17, 9)
    assert shapes(layout) == [(9, 17), (5, 9), (5, 9)]
    assert [plane.offset for plane in layout.planes] == [0, 153, 198]
    assert layout.nbytes == 243
    assert layout.shape is None
    assert layout.dtype is None
    assert shapes(frame_layout("yuv410p", 17, 9))[1] == (3, 5)
    assert shapes(frame_layout("nv12", 17, 9)) == [(9, 17), (5, 9, 2)]
    assert shapes(frame_layout("yuva420p", 3, 3)) == [(3, 3), (2, 2), (2, 2), (3, 3)]


@pytest.mark.parametrize(
    ("name", "shape", "dtype"),
    [
        ("gray", (9, 17), "u1"),
        ("rgb24", (9, 17, 3), "u1"),
        ("0rgb", (9, 17, 4), "u1"),
        ("grayf16be", (9, 17), ">f2"),
        ("gbrp10le", (3, 9, 17), "<u2"),
        ("gbrapf32be", (4, 9, 17), ">f4"),
        ("bayer_rggb16be", (9, 17), ">u2"),
        ("rgb565be", (9, 17), ">u2"),
        ("x2rgb10le", (9, 17), "<u4"),
        ("monow", (9, 3), "u1"),
        ("rgb4", (9, 9), "u1"),
        ("uyyvyy411", (9, 30), "u1"),
    ],
)
def test_formats_that_are_one_array(name: str, shape: tuple[int, ...], dtype: str) -> None:
    layout = frame_layout(name, 17, 9)
    assert layout.shape == shape
    assert layout.dtype == np.dtype(dtype)
    assert pixel_format(name).is_array


def test_packed_422() -> None:
    assert frame_layout("yuyv422", 16, 9).shape == (9, 16, 2)
    assert frame_layout("y210be", 16, 9).dtype == np.dtype(">u2")
    odd = frame_layout("yuyv422", 17, 9)
    assert odd.shape is None
    assert shapes(odd) == [(9, 36)]


@pytest.mark.parametrize("name", software_formats())
@pytest.mark.parametrize("size", [(1, 1), (17, 9), (64, 6)])
def test_layouts_agree_with_allocated_frames(name: str, size: tuple[int, int]) -> None:
    width, height = size
    layout = frame_layout(name, width, height)
    if layout.shape is not None:
        assert layout.dtype is not None
        assert layout.nbytes == np.prod(layout.shape) * layout.dtype.itemsize
    end = 0
    for plane, stored in zip(layout.planes, av.VideoFrame(width, height, name).planes, strict=True):
        assert plane.offset == end
        assert plane.row_bytes == plane.pitch == plane.dtype.itemsize * plane.width * plane.channels
        assert plane.row_bytes <= (stored.line_size or stored.buffer_size)
        assert (plane.row_bytes * plane.height) <= stored.buffer_size
        end += plane.row_bytes * plane.height
    assert layout.nbytes == end


def test_stacked() -> None:
    assert frame_layout("yuv420p", 32, 16, stacked=True).shape == (24, 32)
    assert frame_layout("yuv420p", 32, 18, stacked=True).shape == (27, 32)
    assert frame_layout("nv12", 32, 16, stacked=True).shape == (24, 32)
    assert frame_layout("p010le", 32, 16, stacked=True).dtype == np.dtype("<u2")
    assert frame_layout("nv24", 31, 15, stacked=True).shape == (45, 31)
    assert frame_layout("yuv422p", 32, 15, stacked=True).shape == (30, 32)
    assert frame_layout("yuva420p", 32, 16, stacked=True).shape == (40, 32)
    assert frame_layout("gbrp", 31, 15, stacked=True).shape == (3, 15, 31)
    with pytest.raises(ValueError, match=r"'yuv420p' at 31x16 cannot be stacked"):
        frame_layout("yuv420p", 31, 16, stacked=True)
    with pytest.raises(ValueError, match=r"4x4 pixels"):
        frame_layout("yuv410p", 32, 18, stacked=True)
    with pytest.raises(UnsupportedFormatError, match="palette"):
        frame_layout("pal8", 32, 16, stacked=True)
    with pytest.raises(ValueError, match="align must be 1"):
        frame_layout("yuv420p", 32, 16, align=64, stacked=True)


@pytest.mark.parametrize("align", [1, 2, 16, 64])
@pytest.mark.parametrize("name", ["yuv420p", "rgb24", "gbrp", "nv12", "pal8", "monow"])
def test_align(name: str, align: int) -> None:
    layout = frame_layout(name, 17, 9, align=align)
    for plane in layout.planes:
        assert plane.pitch % align == plane.offset % align == 0
        assert plane.row_bytes <= plane.pitch < plane.row_bytes + align
    assert layout.nbytes == plane.offset + plane.pitch * plane.height


def test_bad_arguments() -> None:
    for width, height in ((0, 1), (1, -1), (2**31, 1)):
        with pytest.raises(ValueError, match="must be 1 to"):
            frame_layout("gray", width, height)
    with pytest.raises(TypeError):
        frame_layout("gray", 16.0, 16)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="power of two, got 3"):
        frame_layout("gray", 16, 16, align=3)
    with pytest.raises(OverflowError):
        frame_layout("rgbaf32le", 2**31 - 1, 2**31 - 1)
    for name in ("cuda", "vaapi"):
        assert pixel_format(name).kind is Kind.HARDWARE
        with pytest.raises(UnsupportedFormatError, match="download"):
            frame_layout(name, 16, 16)


def test_frozen_and_cached() -> None:
    layout = frame_layout("gray", 4, 4)
    assert frame_layout("gray", np.int64(4), 4) is layout  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        layout.width = 5  # type: ignore[misc]

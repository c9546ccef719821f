"""The knowledge of pixel formats: the table against the loaded FFmpeg, and what is read from it."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import av
import numpy as np
import pytest

from fastav.pixels._format_table import ALIASES, DESCRIPTORS
from fastav.pixels.formats import Kind, pixel_format, software_formats


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    """The script that writes the table."""
    path = Path(__file__).parents[1] / "tools/generate_format_table.py"
    spec = importlib.util.spec_from_file_location("generate_format_table", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_table_equals_the_descriptors_of_the_loaded_ffmpeg(generator: ModuleType) -> None:
    live = {name: entry for name, _, entry in generator.live_descriptors()}
    missing = live.keys() - DESCRIPTORS.keys()
    assert not missing, "this FFmpeg has new formats: run tools/generate_format_table.py"
    assert {name: DESCRIPTORS[name] for name in live} == live
    aliases = {alias: name for name, names, _ in generator.live_descriptors() for alias in names}
    assert {alias: ALIASES[alias] for alias in aliases} == aliases


def test_every_format_has_its_class() -> None:
    counts = Counter(pixel_format(name).kind for name in DESCRIPTORS)
    assert counts == {
        Kind.PACKED: 67,
        Kind.PLANAR: 59,
        Kind.SUBSAMPLED_PLANAR: 49,
        Kind.SEMI_PLANAR: 25,
        Kind.PACKED_SUBSAMPLED: 10,
        Kind.BIT_PACKED: 28,
        Kind.BAYER: 12,
        Kind.PALETTE: 1,
        Kind.HARDWARE: 16,
    }
    assert len(software_formats()) == 251


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("rgb24", "RGB"),
        ("0rgb", "-RGB"),
        ("bgr0", "BGR-"),
        ("vuyx", "VUY-"),
        ("xv48le", "UYV-"),
        ("gbrap", "GBRA"),
        ("yuva420p", "YUVA"),
        ("nv12", "YUV"),
        ("nv21", "YVU"),
        ("yuyv422", "YUYV"),
        ("uyvy422", "UYVY"),
        ("yvyu422", "YVYU"),
        ("uyyvyy411", "UYYVYY"),
        ("y210le", "YUYV"),
        ("rgb565le", "RGB"),
        ("bgr555be", "-BGR"),
        ("x2rgb10le", "-RGB"),
        ("v30xle", "VYU-"),
        ("xv30be", "-VYU"),
        ("rgb4", "RGB"),
        ("monow", "Y"),
        ("xyz12be", "XYZ"),
        ("ya16be", "YA"),
        ("bayer_gbrg16le", "GBRG"),
        ("pal8", "P"),
    ],
)
def test_order_of_components(name: str, order: str) -> None:
    assert pixel_format(name).order == order


def test_fields_of_some_formats() -> None:
    p010 = pixel_format("p010be")
    assert (p010.shift, p010.depth, p010.dtype, p010.itemsize) == (6, 10, np.dtype(">u2"), 2)
    assert (p010.log2_chroma_w, p010.log2_chroma_h, p010.plane_count) == (1, 1, 2)
    assert p010.big_endian
    assert not p010.is_array
    half = pixel_format("gbrapf16le")
    assert half.float
    assert half.alpha
    assert half.rgb
    assert half.dtype == np.dtype("<f2")
    bayer = pixel_format("bayer_rggb16be")
    assert (bayer.mosaic, bayer.depth, bayer.dtype) == ("RGGB", 16, np.dtype(">u2"))
    assert pixel_format("rgb0").padding == 1
    assert pixel_format("rgb565be").bit_shifts == (11, 5, 0)
    assert pixel_format("x2rgb10le").component_dtype == np.uint16
    assert pixel_format("cuda").kind is Kind.HARDWARE
    assert pixel_format("pal8").plane_count == 2


def test_names_are_resolved_as_ffmpeg_does() -> None:
    for name in ("gray16", "p010", "rgb565", "gray8", "y8", "y16le", "yuv420p"):
        assert pixel_format(name).name == av.VideoFormat(name).name


def test_one_object_for_each_name() -> None:
    assert pixel_format("gray16") is pixel_format("gray16")


def test_unknown_names() -> None:
    with pytest.raises(ValueError, match=r"unknown pixel format 'yuv420'.*'yuv420p'"):
        pixel_format("yuv420")
    with pytest.raises(ValueError, match="pix_fmts"):
        pixel_format("")
    with pytest.raises(TypeError, match="str"):
        pixel_format(None)  # type: ignore[arg-type]

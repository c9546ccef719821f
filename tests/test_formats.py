"""The knowledge of pixel formats: the table against the loaded FFmpeg, and what is read from it."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter
from pathlib import Path

import av
import numpy as np
import pytest

import fastav
from fastav import pack_frame, unpack_planes
from fastav.pixels._format_table import ALIASES, DESCRIPTORS
from fastav.pixels.descriptors import living
from fastav.pixels.formats import Kind, pixel_format
from fastav.pyav import ONE_THREAD

from .media import encode


def test_table_equals_the_descriptors_of_the_loaded_ffmpeg() -> None:
    live = {name: entry for name, _, entry in living()}
    assert len(live) > 200
    assert {name: live[name] for name in DESCRIPTORS.keys() & live.keys()} == {
        name: DESCRIPTORS[name] for name in DESCRIPTORS.keys() & live.keys()
    }
    aliases = {alias: name for name, names, _ in living() for alias in names}
    assert {alias: ALIASES.get(alias, name) for alias, name in aliases.items()} == aliases


def _facts(clip: bytes) -> str:
    """All that is said of all formats and their aliases, and what reading and packing give."""
    names = {name for name, _, _ in living()} | {
        alias for _, names, _ in living() for alias in names
    }
    frame = pack_frame(fastav.imread(clip, index=0), "rgb24")
    planes = unpack_planes(frame.reformat(format="yuv422p10le", **ONE_THREAD))
    again = unpack_planes(pack_frame(planes, "yuv422p10le"))
    digest = hashlib.sha256(fastav.imread(clip, format=None, planes=True)[1])
    for plane in again:
        digest.update(plane)
    return "\n".join(
        [*(f"{name} {pixel_format(name)}" for name in sorted(names)), digest.hexdigest()]
    )


def test_without_the_table_nothing_changes(tmp_path: Path) -> None:
    """A format that the table lacks is described by the library."""
    clip = encode(pixel_format="yuv444p")
    (tmp_path / "clip.mp4").write_bytes(clip)
    code = (
        "import pathlib, sys; from fastav.pixels import descriptors\n"
        "descriptors.DESCRIPTORS, descriptors.ALIASES = {}, {}\n"
        "from fastav.pixels import formats\n"
        "formats.pixel_format.cache_clear(); formats._pixel_format.cache_clear()\n"
        "from tests.test_formats import _facts\n"
        "print(_facts(pathlib.Path(sys.argv[1]).read_bytes()))\n"
    )
    alone = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "clip.mp4")],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    assert alone.stdout.splitlines() == _facts(clip).splitlines()


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

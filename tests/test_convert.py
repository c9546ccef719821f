"""Which way a frame takes to an array, and that the options reach it."""

from __future__ import annotations

import io
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

import fastav
from fastav.errors import UnsupportedFormatError
from fastav.pixels import colour
from fastav.pixels.convert import ConversionOptions, FrameConverter
from fastav.pyav import ONE_THREAD

from . import mosaics
from .media import encode

RGB = {"rgb24", "bgr24", "rgba", "bgra"}


@pytest.fixture(scope="module")
def clip() -> bytes:
    return encode(count=6)


@pytest.fixture(scope="module")
def frames(clip: bytes) -> list[av.VideoFrame]:
    with av.open(io.BytesIO(clip)) as container:
        return list(container.decode(video=0))


def planned(frame: av.VideoFrame, target: str = "rgb24", **options: Any) -> NDArray[Any]:
    plan = colour.plan(frame, target, **options)
    array = np.empty(plan.shape, plan.dtype)
    plan.write(frame, array.ctypes.data)
    return array


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"matrix": "bt709", "range": "full"},
        {"chroma": "linear", "siting": "centre"},
        {"layout": "chw"},
        {"dtype": "float32"},
        {"dtype": np.float32, "layout": "chw", "mean": (0.5, 0.4, 0.3), "std": 0.25},
    ],
)
def test_exact_is_the_kernels(
    clip: bytes, frames: list[av.VideoFrame], options: dict[str, Any]
) -> None:
    expected = np.stack([planned(frame, **options) for frame in frames])
    video = fastav.imread(clip, **options)
    assert (video.dtype, video.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(video, expected)
    np.testing.assert_array_equal(np.stack(list(fastav.imiter(clip, **options))), expected)
    with fastav.open(clip, **options) as reader:
        np.testing.assert_array_equal(reader[3], expected[3])
        assert reader.shape == expected.shape
        assert reader.dtype == expected.dtype


def test_grey_and_sixteen_bits(clip: bytes, frames: list[av.VideoFrame]) -> None:
    for target in ("gray", "rgb48le", "bgra"):
        expected = np.stack([planned(frame, target) for frame in frames])
        np.testing.assert_array_equal(fastav.imread(clip, format=target), expected)


@pytest.mark.parametrize("source", ["rgb8", "rgb565le", "gbrpf32le"])
def test_what_the_kernels_cannot_read_goes_through_ffmpeg(source: str) -> None:
    frame = av.VideoFrame(34, 20, "rgb24")
    np.frombuffer(frame.planes[0], np.uint8)[:] = 77
    frame = frame.reformat(format=source, **ONE_THREAD)
    assert not colour.can_convert(source, "rgb24")
    plain = frame.reformat(format="rgb24", **ONE_THREAD).to_ndarray()
    (array,) = FrameConverter(ConversionOptions()).convert(frame)
    np.testing.assert_array_equal(array, plain)
    (planes_first,) = FrameConverter(ConversionOptions(layout="chw", dtype="float32")).convert(
        frame
    )
    expected = plain.transpose(2, 0, 1).astype(np.float64) / 255
    np.testing.assert_allclose(planes_first, expected, atol=1e-6)


@pytest.mark.parametrize("pattern", mosaics.PATTERNS)
@pytest.mark.parametrize("samples", ["8", "16le", "16be"])
@pytest.mark.parametrize(("height", "width"), [(48, 64), (7, 9), (2, 2), (5, 2)])
def test_mosaics_are_interpolated_exactly(
    pattern: str, samples: str, height: int, width: int
) -> None:
    bits = int(samples.rstrip("lbe"))
    whole, other = ("rgb24", "bgr24") if bits == 8 else ("rgb48", "bgr48")
    rng = np.random.default_rng(height)
    mosaic = mosaics.random_mosaic(rng, height, width, bits)
    truth = mosaics.rounded(mosaics.bilinear(mosaic.astype(np.float64), pattern), bits)
    stored = mosaic.astype(fastav.pixel_format(f"bayer_{pattern.lower()}{samples}").dtype)
    frame = fastav.pack_frame(stored, f"bayer_{pattern.lower()}{samples}")
    np.testing.assert_array_equal(fastav.unpack_frame(frame, format=whole), truth)
    np.testing.assert_array_equal(fastav.unpack_frame(frame, format=other), truth[..., ::-1])
    options = ConversionOptions(format=whole, layout="chw", dtype="float32")
    (planes_first,) = FrameConverter(options).convert(frame)
    expected = truth.transpose(2, 0, 1) / (2**bits - 1)
    np.testing.assert_allclose(planes_first, expected, atol=1e-6)


def test_mosaics_by_ffmpeg() -> None:
    mosaic = mosaics.random_mosaic(np.random.default_rng(0), 48, 64, 8)
    frame = fastav.pack_frame(mosaic, "bayer_rggb8")
    plain = frame.reformat(format="rgb24", **ONE_THREAD).to_ndarray()
    theirs = fastav.unpack_frame(frame, format="rgb24", conversion="ffmpeg")
    np.testing.assert_array_equal(theirs, plain)
    ours = fastav.unpack_frame(frame, format="rgb24").astype(int)
    assert np.abs(ours - plain)[2:-2, 2:-2].max() == 1  # it rounds down, and repeats at the edges


def test_ffmpeg_conversion_with_planes_first(clip: bytes) -> None:
    plain = fastav.imread(clip, conversion="ffmpeg")
    first = fastav.imread(clip, conversion="ffmpeg", layout="chw")
    np.testing.assert_array_equal(first, plain.transpose(0, 3, 1, 2))
    assert first.flags.c_contiguous


def test_scaled_frames_keep_the_layout() -> None:
    options: dict[str, Any] = {"container": "h264", "options": {"bf": "0"}, "count": 3}
    data = encode(**options) + encode(width=96, height=64, **options)
    video = fastav.imread(data, resize=True, layout="chw")
    assert video.shape == (6, 3, 48, 64)
    assert video[3:].std() > 10


def test_interlaced_chroma_is_left_to_ffmpeg() -> None:
    data = encode(
        codec="mpeg2video",
        container="matroska",
        count=3,
        options={"flags": "+ildct+ilme", "top": "1"},
    )
    with av.open(io.BytesIO(data)) as container:
        decoded = list(container.decode(video=0))
    assert decoded[0].interlaced_frame
    expected = np.stack([f.reformat(format="rgb24", **ONE_THREAD).to_ndarray() for f in decoded])
    np.testing.assert_array_equal(fastav.imread(data), expected)
    with pytest.raises(fastav.UnsupportedFormatError, match="another matrix"):
        fastav.imread(data, matrix="bt709")


def test_other_tags_are_never_ignored(clip: bytes) -> None:
    data = encode(codec="rawvideo", container="nut", pixel_format="rgb565le", count=1)
    with pytest.raises(fastav.UnsupportedFormatError, match="another matrix"):
        fastav.imread(data, matrix="bt709")
    changing = {"container": "h264", "options": {"bf": "0"}, "count": 3}
    both = encode(**changing) + encode(width=96, height=64, **changing)
    with pytest.raises(fastav.UnsupportedFormatError, match="another matrix"):
        fastav.imread(both, resize=True, matrix="bt709")
    with pytest.raises(fastav.UnsupportedFormatError, match="another matrix"):
        fastav.imread(clip, format="yuv444p", planes=True, range="full")


SHOWN = hasattr(av.VideoFrame, "chroma_location")


@pytest.mark.skipif(not SHOWN, reason="PyAV before 19 does not show where chroma lies")
def test_linear_chroma_lies_where_each_frame_says(frames: list[av.VideoFrame]) -> None:
    said = {0: "left", 1: "left", 2: "centre", 3: "top-left", 5: "left"}
    own = FrameConverter(ConversionOptions(chroma="linear"))
    results = {}
    for location, siting in said.items():
        frames[0].chroma_location = location
        told = FrameConverter(ConversionOptions(chroma="linear", siting=siting))
        (expected,), (result,) = told.convert(frames[0]), own.convert(frames[0])
        np.testing.assert_array_equal(result, expected)
        results[siting] = result.tobytes()
    assert len(set(results.values())) == 3


def test_linear_chroma_of_a_file() -> None:
    """JPEG's chroma lies in the middle, as decoders say."""
    data = encode(codec="mjpeg", container="avi", pixel_format="yuvj420p", count=2)
    siting = "centre" if SHOWN else "left"
    expected = fastav.imread(data, chroma="linear", siting=siting)
    np.testing.assert_array_equal(fastav.imread(data, chroma="linear"), expected)
    assert not np.array_equal(fastav.imread(data, chroma="linear", siting="top-left"), expected)


def test_stored_samples_are_never_converted(clip: bytes, frames: list[av.VideoFrame]) -> None:
    for conversion in ("exact", "ffmpeg"):
        luma, *_ = fastav.imread(clip, format=None, planes=True, conversion=conversion)
        np.testing.assert_array_equal(luma[0], frames[0].to_ndarray()[:48])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"conversion": "fast"}, "'exact' or 'ffmpeg'"),
        ({"matrix": "bt1886"}, "bt709"),
        ({"range": "tv"}, "limited"),
        ({"chroma": "cubic"}, "linear"),
        ({"siting": "right"}, "top-left"),
        ({"layout": "nchw"}, "chw"),
        ({"dtype": "int64"}, "float32"),
        ({"mean": 0.5}, "float32"),
        ({"mean": 0.5, "dtype": "uint8"}, "float32"),
        ({"std": 0.5, "format": None}, "float32"),
        ({"dtype": "float32", "std": 1e-320}, "std"),
        ({"conversion": "ffmpeg", "range": "full"}, "'exact' only"),
        ({"conversion": "ffmpeg", "chroma": "linear"}, "'exact' only"),
        ({"conversion": "ffmpeg", "siting": "centre"}, "'exact' only"),
        ({"format": None, "matrix": "bt709"}, "name a format"),
        ({"format": None, "planes": True, "range": "full"}, "name a format"),
        ({"planes": True, "layout": "chw"}, "planes=True"),
        ({"format": "yuv444p", "layout": "chw"}, "layout and dtype need format= one of .*yuv444p"),
        ({"format": "gbrp", "dtype": "float32"}, "need format= one of .*'rgb24'.*'gbrp'"),
        ({"format": "rgb0", "layout": "chw"}, "need format= one of .*'rgb0'"),
        ({"format": "rgb48be", "layout": "chw"}, "need format= one of .*'rgb48be'"),
    ],
)
def test_wrong_options(clip: bytes, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fastav.imread(clip, **options)


@pytest.mark.parametrize("options", [{}, {"planes": True}, {"resize": True}])
@pytest.mark.parametrize("tag", [0, 8, 10, 14])
def test_unknown_matrix_is_not_taken_for_another(tag: int, options: dict[str, Any]) -> None:
    frame = av.VideoFrame(32, 16, "yuv420p")
    frame.colorspace = tag
    with pytest.raises(UnsupportedFormatError, match=rf"matrix {tag} .*matrix=.*'ffmpeg'"):
        FrameConverter(ConversionOptions(**options)).convert(frame)
    for right in ({"conversion": "ffmpeg"}, {"format": "gray"}):
        FrameConverter(ConversionOptions(**options | right)).convert(frame)
    if not options:
        FrameConverter(ConversionOptions(matrix="bt709")).convert(frame)


@pytest.mark.parametrize("tag", [2, 3])
def test_unspecified_matrix_is_bt601(tag: int) -> None:
    frame = av.VideoFrame(32, 16, "yuv420p")
    frame.colorspace = tag
    (array,) = FrameConverter(ConversionOptions()).convert(frame)
    (expected,) = FrameConverter(ConversionOptions(matrix="bt601")).convert(frame)
    np.testing.assert_array_equal(array, expected)

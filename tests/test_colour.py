"""Colours against float64: every matrix, range and depth, interpolation, layouts, the way back."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

import fastav
from fastav.errors import UnsupportedFormatError
from fastav.pixels import colour
from fastav.pixels.formats import pixel_format, software_formats
from fastav.pyav import ONE_THREAD

from . import colours
from .media import FOLLOWS_TAGS

RANGES = {"limited": False, "full": True}


def convert(frame: av.VideoFrame, target: str, **options: Any) -> NDArray[Any]:
    conversion = colour.plan(frame, target, **options)
    array = np.empty(conversion.shape, conversion.dtype)
    assert array.nbytes == conversion.nbytes
    conversion.write(frame, array.ctypes.data)
    return array


def back(array: NDArray[Any], source: str, target: str, **options: Any) -> av.VideoFrame:
    height, width = array.shape[:2]
    conversion = colour.plan_back(source, target, width, height, **options)
    assert conversion.shape == array.shape
    frame = av.VideoFrame(width, height, target)
    conversion.write(np.ascontiguousarray(array).ctypes.data, frame)
    return frame


def triples(depth: int, count: int = 200_000, seed: int = 0) -> tuple[NDArray[np.int64], ...]:
    """Random triples, and all combinations of the ends, the middle and both ranges' bounds."""
    rng = np.random.default_rng(seed)
    edges = {0, 1, 2**depth - 1, 2**depth - 2, 2 ** (depth - 1)}
    edges |= {int(level * 2 ** (depth - 8)) for level in (16, 127, 129, 235, 240)}
    grid = np.stack(np.meshgrid(*[sorted(edges)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    drawn = rng.integers(0, 2**depth, (count // 500 * 500 - len(grid), 3))
    y, u, v = np.concatenate([grid, drawn]).T.reshape(3, -1, 500)
    return y, u, v


@pytest.mark.parametrize("range_", RANGES)
@pytest.mark.parametrize("matrix", colours.KR_KB)
def test_8_bit_colours_are_rounded_right(matrix: str, range_: str) -> None:
    # A slice of all triples, which tools/prove_colour.py goes through: every pair of luma and
    # either chroma, and random ones.
    every = np.arange(256)
    pairs = np.stack(np.meshgrid(every, every, indexing="ij"), axis=-1).reshape(-1, 2).T
    drawn = [values.ravel()[:65536] for values in triples(8)]
    y = np.concatenate([pairs[0], pairs[0], drawn[0]]).reshape(-1, 512)
    u = np.concatenate([pairs[1], pairs[1] // 16 * 17, drawn[1]]).reshape(-1, 512)
    v = np.concatenate([pairs[1] // 16 * 17, pairs[1], drawn[2]]).reshape(-1, 512)
    frame = colours.frame_of("yuv444p", 512, len(y), y, u, v)
    truth = 255 * colours.to_rgb(y, u, v, 8, matrix, RANGES[range_]).clip(0, 1)
    error = convert(frame, "rgb24", matrix=matrix, range=range_) - truth
    assert np.abs(error).max() <= 0.51
    assert abs(error.mean()) < 0.01


@pytest.mark.parametrize("range_", RANGES)
@pytest.mark.parametrize(
    ("format", "depth"),
    [
        ("yuv444p9le", 9),
        ("yuv444p10le", 10),
        ("yuv444p10msble", 10),
        ("yuv444p12be", 12),
        ("yuv444p14le", 14),
        ("yuv444p16le", 16),
        ("p410le", 10),
        ("xv36le", 12),
        ("ayuv64le", 16),
    ],
)
def test_deeper_colours_are_rounded_right(format: str, depth: int, range_: str) -> None:
    y, u, v = triples(depth, 50_000)
    frame = colours.frame_of(format, y.shape[1], y.shape[0], y, u, v)
    truth = colours.to_rgb(y, u, v, depth, "bt709", RANGES[range_]).clip(0, 1)
    options = {"matrix": "bt709", "range": range_}
    assert np.abs(convert(frame, "rgb24", **options) - 255 * truth).max() <= 0.51
    assert np.abs(convert(frame, "rgb48", **options) - 65535 * truth).max() <= 0.501
    floats = convert(frame, "rgb24", dtype="float32", **options)
    assert np.abs(floats - truth).max() <= 2**-24


@pytest.mark.parametrize(
    ("format", "width_shift", "height_shift"),
    [
        ("yuv420p", 1, 1),
        ("yuvj420p", 1, 1),
        ("yuv422p", 1, 0),
        ("yuv440p", 0, 1),
        ("yuv411p", 2, 0),
        ("yuv410p", 2, 2),
        ("nv12", 1, 1),
        ("nv21", 1, 1),
        ("nv16", 1, 0),
        ("nv24", 0, 0),
        ("yuyv422", 1, 0),
        ("uyvy422", 1, 0),
        ("yvyu422", 1, 0),
        ("yuva420p", 1, 1),
        ("yuv420p10le", 1, 1),
        ("yuv422p10be", 1, 0),
        ("yuv440p12le", 0, 1),
        ("p010le", 1, 1),
        ("p012le", 1, 1),
        ("p016be", 1, 1),
        ("p210le", 1, 0),
        ("y210le", 1, 0),
        ("y212le", 1, 0),
    ],
)
@pytest.mark.parametrize(("width", "height"), [(35, 7), (1, 1), (4102, 3)])
def test_nearest_chroma(
    format: str, width_shift: int, height_shift: int, width: int, height: int
) -> None:
    frame = colours.random_frame(format, width, height)
    y, u, v = (colours.samples(frame, index) for index in range(3))
    rows, columns = np.arange(height) >> height_shift, np.arange(width) >> width_shift
    u, v = u[rows][:, columns], v[rows][:, columns]
    depth = pixel_format(format).depth
    truth = colours.to_rgb(y, u, v, depth, "bt601", format == "yuvj420p").clip(0, 1)
    assert np.abs(convert(frame, "rgb24") - 255 * truth).max() <= 0.51
    assert np.abs(convert(frame, "rgb48") - 65535 * truth).max() <= 0.501


@pytest.mark.parametrize("siting", ["left", "centre", "top-left"])
@pytest.mark.parametrize(
    "format", ["yuv420p", "yuv422p", "yuv440p", "nv12", "yuyv422", "yuv420p10le", "yuv420p12le"]
)
@pytest.mark.parametrize("picture", ["ramp", "edge", "random"])
@pytest.mark.parametrize(("width", "height"), [(47, 9), (1, 1), (4098, 2), (2048, 5)])
def test_linear_chroma(format: str, siting: str, picture: str, width: int, height: int) -> None:
    frame = colours.random_frame(format, width, height, seed=3)
    peak = 2 ** pixel_format(format).depth - 1
    for index in (1, 2):
        chroma, known = colours.component(frame, index)
        y, x = np.mgrid[: chroma.shape[0], : chroma.shape[1]]
        if picture == "ramp":
            chroma[...] = (5 * x + 3 * y) % peak << known.components[index].shift
        elif picture == "edge":
            chroma[...] = np.where(x + y > 8, peak, 0) << known.components[index].shift
    y, u, v = (colours.samples(frame, index) for index in range(3))
    if pixel_format(format).log2_chroma_h:
        u, v = (colours.interpolate(c, height, 0, siting == "top-left") for c in (u, v))
    if pixel_format(format).log2_chroma_w:
        u, v = (colours.interpolate(c, width, 1, siting != "centre") for c in (u, v))
    depth = pixel_format(format).depth
    truth = colours.to_rgb(y, u, v, depth, "bt601", False).clip(0, 1)
    options: dict[str, Any] = {"chroma": "linear", "siting": siting}
    assert np.abs(convert(frame, "rgb24", **options) - 255 * truth).max() <= 0.51
    assert np.abs(convert(frame, "rgb48", **options) - 65535 * truth).max() <= 0.501


@pytest.mark.parametrize(
    ("format", "order"),
    [
        ("gbrp", (0, 1, 2)),
        ("gbrp10le", (0, 1, 2)),
        ("gbrp16be", (0, 1, 2)),
        ("gbrap12le", (0, 1, 2)),
        ("rgb24", (0, 1, 2)),
        ("bgr0", (0, 1, 2)),
        ("argb", (0, 1, 2)),
        ("rgb48le", (0, 1, 2)),
        ("bgra64be", (0, 1, 2)),
        ("gray", (0, 0, 0)),
        ("gray10le", (0, 0, 0)),
        ("gray16be", (0, 0, 0)),
        ("ya8", (0, 0, 0)),
    ],
)
def test_rgb_and_grey_sources(format: str, order: tuple[int, ...]) -> None:
    frame = colours.random_frame(format, 77, 5)
    peak = 2 ** pixel_format(format).depth - 1
    truth = np.stack([colours.samples(frame, index) / peak for index in order], axis=-1)
    assert np.abs(convert(frame, "rgb24") - 255 * truth).max() <= 0.51
    assert np.abs(convert(frame, "bgr48")[..., ::-1] - 65535 * truth).max() <= 0.501
    grey = truth @ [0.299, 0.587, 0.114]
    assert np.abs(convert(frame, "gray") - 255 * grey).max() <= 0.51
    assert np.abs(convert(frame, "gray16") - 65535 * grey).max() <= 0.501


def test_8_bit_values_pass_unchanged() -> None:
    ramp = np.arange(256).reshape(1, -1)
    frame = colours.frame_of("gbrap", 256, 1, ramp, ramp[:, ::-1], ramp ^ 0x55, ramp ^ 0xAA)
    array = convert(frame, "rgba")
    expected = np.stack([ramp, ramp[:, ::-1], ramp ^ 0x55, ramp ^ 0xAA], axis=-1)
    np.testing.assert_array_equal(array, expected)
    floats = convert(frame, "rgba", dtype="float32")
    np.testing.assert_array_equal(floats, (expected / 255).astype(np.float32))


@pytest.mark.parametrize("format", ["yuva420p", "yuva444p10le", "gbrap", "ya8", "bgra", "vuya"])
def test_alpha_is_carried(format: str) -> None:
    frame = colours.random_frame(format, 41, 6)
    alpha = colours.samples(frame, len(pixel_format(format).components) - 1)
    truth = alpha / (2 ** pixel_format(format).depth - 1)
    colour_channels = convert(frame, "rgb24")
    for target in ("rgba", "bgra"):
        array = convert(frame, target)
        assert np.abs(array[..., 3] - 255 * truth).max() <= 0.51
        order = [2, 1, 0] if target == "bgra" else [0, 1, 2]
        np.testing.assert_array_equal(array[..., order], colour_channels)
    assert np.abs(convert(frame, "rgba64")[..., 3] - 65535 * truth).max() <= 0.501


@pytest.mark.parametrize("target", ["rgba", "rgba64"])
def test_missing_alpha_is_opaque(target: str) -> None:
    array = convert(colours.random_frame("nv12", 19, 4), target)
    assert (array[..., 3] == np.iinfo(array.dtype).max).all()


@pytest.mark.parametrize("format", ["yuv420p", "yuv444p10le", "gbrp", "gray"])
@pytest.mark.parametrize("target", ["rgb24", "bgra", "gray", "rgb48"])
def test_planes_first(format: str, target: str) -> None:
    frame = colours.random_frame(format, 83, 7)
    array = convert(frame, target)
    planes = convert(frame, target, layout="chw")
    expected = np.moveaxis(array if array.ndim == 3 else array[..., None], -1, 0)
    np.testing.assert_array_equal(planes, expected)


@pytest.mark.parametrize("layout", ["hwc", "chw"])
def test_normalised_floats(layout: str) -> None:
    frame = colours.random_frame("yuv420p", 51, 6)
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    plain = convert(frame, "rgb24", dtype=np.float32)
    assert np.abs(255.0 * plain - convert(frame, "rgb24")).max() <= 0.51
    array = convert(frame, "rgb24", dtype="float32", layout=layout, mean=mean, std=std)
    expected = (plain.astype(np.float64) - mean) / std
    if layout == "chw":
        expected = np.moveaxis(expected, -1, 0)
    np.testing.assert_allclose(array, expected, atol=1e-6)
    np.testing.assert_allclose(
        convert(frame, "rgb24", dtype="float32", mean=0.5, std=0.5), 2 * plain - 1, atol=1e-6
    )


def test_tags_choose_matrix_and_range() -> None:
    frame = colours.random_frame("yuv444p", 16, 16)
    for tag, name in ((1, "bt709"), (4, "fcc"), (7, "smpte240m"), (9, "bt2020"), (2, "bt601")):
        frame.colorspace = tag
        for flag, range_ in ((0, "limited"), (1, "limited"), (2, "full")):
            frame.color_range = flag
            np.testing.assert_array_equal(
                convert(frame, "rgb24"), convert(frame, "rgb24", matrix=name, range=range_)
            )
    frame.colorspace = 8  # YCgCo
    with pytest.raises(UnsupportedFormatError, match="matrix 8"):
        convert(frame, "rgb24")
    convert(frame, "rgb24", matrix="bt709")


@pytest.mark.parametrize("format", ["yuv444p", "yuva444p", "yuv444p10le", "yuv444p16be"])
def test_identity_is_a_permutation(format: str) -> None:
    frame = colours.random_frame(format, 37, 5)
    frame.colorspace, frame.color_range = 0, 2
    planes = fastav.unpack_planes(frame, normalize=True)
    peak = 2 ** pixel_format(format).depth - 1
    exact = np.stack([planes[2], planes[0], planes[1]], axis=-1) / peak
    np.testing.assert_array_equal(convert(frame, "rgb24"), np.floor(255 * exact + 0.5))
    np.testing.assert_array_equal(convert(frame, "rgb48"), np.floor(65535 * exact + 0.5))
    if format == "yuv444p":  # limited: all three have luma's range
        frame.color_range = 1
        limited = (255 * exact - 16) / 219
        expected = np.floor(255 * np.clip(limited, 0, 1) + 0.5)
        np.testing.assert_array_equal(convert(frame, "rgb24"), expected)
    subsampled = colours.random_frame("yuv422p", 36, 4)
    subsampled.colorspace = 0
    with pytest.raises(UnsupportedFormatError, match="matrix 0"):
        convert(subsampled, "rgb24")


@FOLLOWS_TAGS
@pytest.mark.parametrize("format", ["yuv420p", "nv12", "gray", "gray10le", "yuvj420p", "gbrp10le"])
def test_agrees_with_ffmpeg_about_what_is_meant(format: str) -> None:
    # Flat colours, within FFmpeg's own error: the same matrix and range, not the same rounding.
    values = [400, 360, 800] if pixel_format(format).depth == 10 else [100, 90, 200]
    frame = colours.frame_of(format, 32, 32, *values[: len(pixel_format(format).components)])
    for tag in (1, 2, 5, 9):
        frame.colorspace = tag
        theirs = frame.reformat(format="rgb24", **ONE_THREAD).to_ndarray()
        assert np.abs(convert(frame, "rgb24").astype(int) - theirs).max() <= 3


@pytest.mark.parametrize("source", ["rgb24", "bgr24", "rgba", "gray", "rgb48", "bgra64"])
@pytest.mark.parametrize(
    "target",
    [
        *("yuv420p", "yuv422p", "yuv444p", "yuvj420p", "nv12", "nv16"),
        *("yuv420p10le", "yuv422p10le", "yuv444p10le", "p010le", "p210le"),
    ],
)
@pytest.mark.parametrize("siting", ["left", "centre", "top-left"])
@pytest.mark.parametrize(("width", "height"), [(45, 7), (1, 1), (4102, 4)])
def test_back(source: str, target: str, siting: str, width: int, height: int) -> None:
    known = pixel_format(source)
    rng = np.random.default_rng(5)
    shape = (height, width) if source == "gray" else (height, width, len(known.order))
    array = rng.integers(0, 2**known.depth, shape).astype(known.dtype)
    rgb = array / (2.0**known.depth - 1)
    if source == "gray":
        rgb = np.stack([rgb] * 3, axis=-1)
    else:
        rgb = rgb[..., [known.order.index(letter) for letter in "RGB"]]
    goal = pixel_format(target)
    full = target.startswith("yuvj")
    frame = back(array, source, target, matrix="bt709", siting=siting)
    peak = 2**goal.depth - 1
    luma = colours.to_yuv(rgb, goal.depth, "bt709", full)[..., 0]
    # coefficients of 16 bits for 8-bit results
    bound = 0.506 if goal.depth == 8 else 0.501
    assert np.abs(colours.samples(frame, 0) - luma.clip(0, peak)).max() <= bound

    def gather(values: NDArray[Any], axis: int, on: bool) -> NDArray[Any]:
        size = values.shape[axis]
        centre = np.arange(0, size, 2)
        taps = ((-1, 0.25), (0, 0.5), (1, 0.25)) if on else ((0, 0.5), (1, 0.5))
        return sum(w * values.take((centre + d).clip(0, size - 1), axis) for d, w in taps)

    if goal.log2_chroma_h:
        rgb = gather(rgb, 0, siting == "top-left")
    if goal.log2_chroma_w:
        rgb = gather(rgb, 1, siting != "centre")
    truth = colours.to_yuv(rgb, goal.depth, "bt709", full)
    for index in (1, 2):
        error = colours.samples(frame, index) - truth[..., index].clip(0, peak)
        # 16-bit sources are averaged to 16 bits first
        assert np.abs(error).max() <= (bound if known.depth == 8 else 0.52)


@pytest.mark.parametrize(
    ("source", "between", "tolerance"), [("rgb24", "yuv444p", 2), ("rgb24", "yuv444p10le", 1)]
)
@pytest.mark.parametrize("range_", RANGES)
def test_there_and_back(source: str, between: str, tolerance: int, range_: str) -> None:
    rng = np.random.default_rng(1)
    array = rng.integers(0, 256, (200, 500, 3), dtype=np.uint8)
    array[:5] = rng.choice([0, 255], (5, 500, 3))
    for matrix in ("bt601", "bt709", "bt2020"):
        frame = back(array, source, between, matrix=matrix, range=range_)
        again = convert(frame, source, matrix=matrix, range=range_)
        assert np.abs(again.astype(int) - array).max() <= tolerance


def test_upside_down_frames() -> None:
    frame = colours.random_frame("yuv420p", 20, 8)
    graph = av.filter.Graph()
    source = graph.add_buffer(width=20, height=8, format="yuv420p", time_base="1/25")
    flip, sink = graph.add("vflip"), graph.add("buffersink")
    source.link_to(flip)
    flip.link_to(sink)
    graph.configure()
    graph.push(frame)
    flipped = graph.pull()
    assert flipped.planes[0].line_size < 0
    np.testing.assert_array_equal(convert(flipped, "rgb24"), convert(frame, "rgb24")[::-1])


def test_what_can_be_converted() -> None:
    readable = [name for name in software_formats() if colour.can_convert(name, "rgb24")]
    assert len(readable) == 175
    assert colour.can_convert("p010", "rgb48")
    assert colour.can_convert("rgb24", "nv12")
    assert not colour.can_convert("yuv420p", "nv12")
    assert not colour.can_convert("rgb24", "yuv410p")
    for name in ("pal8", "bayer_rggb8", "rgb565le", "x2rgb10le", "grayf32le", "xyz12le", "monob"):
        assert not colour.can_convert(name, "rgb24"), name
    assert colour.can_convert("yuv411p", "rgb24")
    assert not colour.can_convert("yuv411p", "rgb24", chroma="linear")
    with pytest.raises(ValueError, match="unknown pixel format 'yuv421p'"):
        colour.can_convert("yuv421p", "rgb24")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"matrix": "bt470"}, "matrix must be 'bt601', .*got 'bt470'"),
        ({"range": "tv"}, "range must be 'limited' or 'full', got 'tv'"),
        ({"chroma": "cubic"}, "chroma must be"),
        ({"siting": "right"}, "siting must be"),
        ({"layout": "whc"}, "layout must be"),
        ({"dtype": "uint16"}, "dtype must be uint8 or float32 for rgb24, got uint16"),
        ({"mean": 0.5}, "mean and std need dtype='float32'"),
        ({"dtype": "float32", "mean": [0.5, 0.5]}, "mean must be one number or 3"),
        ({"dtype": "float32", "std": 0}, "std must not be zero"),
        ({"dtype": "float32", "std": (1, 1, 1e-320)}, "std must not be zero"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        colour.plan(av.VideoFrame(16, 16, "yuv420p"), "rgb24", **options)


def test_unsupported_formats_and_other_frames() -> None:
    with pytest.raises(UnsupportedFormatError, match="no kernel converts pal8 to rgb24"):
        colour.plan(av.VideoFrame(16, 16, "pal8"), "rgb24")
    with pytest.raises(UnsupportedFormatError, match="no kernel converts rgb24 to yuv410p"):
        colour.plan_back("rgb24", "yuv410p", 16, 16)
    conversion = colour.plan(av.VideoFrame(16, 16, "yuv420p"), "rgb24")
    array = np.empty(conversion.shape, conversion.dtype)
    for other in (av.VideoFrame(16, 32, "yuv420p"), av.VideoFrame(16, 16, "yuv422p")):
        with pytest.raises(ValueError, match="the plan is for yuv420p of 16x16"):
            conversion.write(other, array.ctypes.data)

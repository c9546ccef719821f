"""Arrays from frames and back: real frames of PyAV, views, odd arrays, and everything refused.

That the bytes are right for every format and size is test_matrix.py's business.
"""

from __future__ import annotations

import ctypes
import gc
import re
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any

import av
import av.filter
import numpy as np
import pytest
from numpy.typing import NDArray

import fastav
from fastav.errors import FastavError, UnsupportedFormatError
from fastav.pixels import convert
from fastav.pixels.formats import Kind, pixel_format, software_formats
from fastav.pixels.layout import frame_layout
from fastav.pixels.packing import pack_frame, unpack_frame, unpack_planes
from fastav.pixels.planes import copy_frame
from fastav.pyav import ONE_THREAD

ARRAYS = [name for name in software_formats() if frame_layout(name, 32, 16).shape is not None]
PLANES = [name for name in software_formats() if name not in ARRAYS]
BIT_PACKED = [name for name in ARRAYS if pixel_format(name).kind is Kind.BIT_PACKED]


def random_planes(name: str, width: int, height: int, seed: int = 0) -> tuple[NDArray[Any], ...]:
    """Random bytes in the shapes of a format's planes."""
    rng = np.random.default_rng(seed)
    return tuple(
        rng.integers(0, 256, plane.row_bytes * plane.height, np.uint8)
        .view(plane.dtype)
        .reshape(plane.shape)
        for plane in frame_layout(name, width, height).planes
    )


def random_frame(name: str, width: int = 32, height: int = 16, seed: int = 0) -> av.VideoFrame:
    return pack_frame(random_planes(name, width, height, seed), name, width=width)


def filtered(frame: av.VideoFrame, name: str, arguments: str | None = None) -> av.VideoFrame:
    """Pass a frame through one of FFmpeg's filters."""
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width,
        height=frame.height,
        format=frame.format.name,
        time_base=Fraction(1, 25),
    )
    stage, sink = graph.add(name, arguments), graph.add("buffersink")
    source.link_to(stage)
    stage.link_to(sink)
    graph.configure()
    frame.pts = 0
    graph.push(frame)
    result = graph.pull()
    assert isinstance(result, av.VideoFrame)
    return result


def same(a: NDArray[Any], b: NDArray[Any]) -> bool:
    """Whether two arrays hold the same bytes in the same shape."""
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


# -- frames as PyAV hands them out -----------------------------------------------------------------


@pytest.mark.parametrize("name", software_formats())
def test_flipped_frames_have_negative_line_sizes(name: str) -> None:
    frame = random_frame(name)
    flipped = filtered(frame, "vflip")
    assert flipped.format.name == name
    if pixel_format(name).mosaic:
        return  # turning a mosaic changes its pattern: FFmpeg makes a new picture instead
    assert flipped.planes[0].line_size < 0
    for upright, mirrored, view in zip(
        unpack_planes(frame),
        unpack_planes(flipped),
        unpack_planes(flipped, copy=False),
        strict=True,
    ):
        wanted = upright if upright.shape == (256, 4) else upright[::-1]
        assert same(mirrored, np.ascontiguousarray(wanted))
        assert same(view, mirrored)


@pytest.mark.parametrize(
    "name", ["gray", "rgb24", "gbrp10le", "yuv420p", "nv12", "p010be", "rgb565le", "pal8", "v30xle"]
)
def test_cropped_frames_begin_inside_a_larger_picture(name: str) -> None:
    frame = random_frame(name)
    cropped = filtered(frame, "crop", "10:6:4:2:exact=1")
    assert cropped.format.name == name
    format = pixel_format(name)
    for whole, part, plane in zip(
        unpack_planes(frame), unpack_planes(cropped), format.planes, strict=True
    ):
        x, y = 4 >> plane.log2_width, 2 >> plane.log2_height
        wanted = whole[y : y + part.shape[0], x : x + part.shape[1]]
        assert same(part, whole if whole.shape == (256, 4) else np.ascontiguousarray(wanted))


def test_values_equal_those_of_pyav() -> None:
    compared = set()
    for name in software_formats():
        frame = random_frame(name)
        try:
            theirs: Any = frame.to_ndarray()
        except (ValueError, AssertionError):
            continue
        if isinstance(theirs, tuple):
            ours = unpack_planes(frame)
            assert same(ours[0], theirs[0])
            continue
        try:
            found = unpack_frame(frame, stacked=True)
        except UnsupportedFormatError:
            continue
        if name.startswith("gbr"):  # theirs is (H, W, C) in the order R, G, B, A
            found = found[[2, 0, 1, *range(3, len(found))]].transpose(1, 2, 0)
        elif found.shape != theirs.shape and sorted(found.shape) == sorted(theirs.shape):
            found = found.transpose(1, 2, 0)
        if found.shape != theirs.shape:
            continue
        kind = f"u{found.itemsize}"
        ours_bits = found.astype(found.dtype.newbyteorder("=")).view(kind)
        assert (ours_bits == np.ascontiguousarray(theirs).view(kind)).all(), name
        compared.add(name)
    assert len(compared) >= 80


def test_frames_of_a_decoder() -> None:
    """A decoded frame has padded rows; what the encoder got is lossless here."""
    import io

    buffer = io.BytesIO()
    wanted = random_planes("yuv420p", 50, 34)
    with av.open(buffer, "w", format="nut") as container:
        stream: Any = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 50, 34, "yuv420p"
        container.mux(stream.encode(pack_frame(wanted, "yuv420p")))
        container.mux(stream.encode())
    buffer.seek(0)
    with av.open(buffer) as container:
        (frame,) = container.decode(video=0)
    assert all(same(a, b) for a, b in zip(unpack_planes(frame), wanted, strict=True))
    assert frame.planes[0].line_size > 50


# -- what the result is ----------------------------------------------------------------------------


def test_padding_channels_and_byte_order_are_kept() -> None:
    assert unpack_frame(random_frame("0rgb")).shape == (16, 32, 4)
    assert unpack_frame(random_frame("rgb48be")).dtype == np.dtype(">u2")
    assert unpack_frame(random_frame("rgbaf16be")).dtype == np.dtype(">f2")
    assert unpack_frame(random_frame("gbrpf32le")).shape == (3, 16, 32)
    assert unpack_frame(random_frame("bayer_rggb16le")).shape == (16, 32)


def test_stacked() -> None:
    frame = random_frame("nv12")
    stacked = unpack_frame(frame, stacked=True)
    luma, chroma = unpack_planes(frame)
    assert stacked.shape == (24, 32)
    assert (stacked[:16] == luma).all()
    assert (stacked[16:].reshape(8, 16, 2) == chroma).all()
    assert same(unpack_frame(pack_frame(stacked, "nv12"), stacked=True), stacked)
    assert unpack_frame(random_frame("rgb24"), stacked=True).shape == (16, 32, 3)


def test_normalize_shifts_and_swaps() -> None:
    frame = pack_frame(np.array([[[0x1230, 0xFFF0, 0x0010]]], ">u2"), "xyz12be")
    values = unpack_frame(frame, normalize=True)
    assert values.dtype == np.uint16
    assert values.tolist() == [[[0x123, 0xFFF, 1]]]
    luma, chroma = unpack_planes(random_frame("p010be"), normalize=True)
    assert luma.max() < 1024
    assert chroma.dtype == np.uint16
    half = pack_frame(np.array([[1.5]], "f2"), "grayf16be")
    assert unpack_frame(half).dtype == np.dtype(">f2")
    assert unpack_frame(half, normalize=True)[0, 0] == 1.5


def test_components() -> None:
    frame = pack_frame(np.array([[0b11111_000001_00010]], np.uint16), "rgb565le")
    assert unpack_frame(frame, components=True).tolist() == [[[31, 1, 2]]]
    mono = pack_frame(np.array([[0b10100000]], np.uint8), "monob", width=3)
    assert unpack_frame(mono, components=True)[..., 0].tolist() == [[1, 0, 1]]
    deep = unpack_frame(random_frame("x2rgb10be"), components=True)
    assert deep.dtype == np.uint16
    assert deep.shape == (16, 32, 3)
    # Where components have elements already, they come as numbers.
    wide = random_frame("y210be")
    assert same(unpack_frame(wide, components=True), unpack_frame(wide, normalize=True))


def test_word_formats_have_three_components() -> None:
    """The kernels of bit-packed words count on it."""
    for name in BIT_PACKED:
        format = pixel_format(name)
        assert len(format.components) == 3 or format.pixel_bits < 8
        assert (format.depth > 8) == (format.pixel_bits == 32)


def test_results_own_their_memory() -> None:
    for array in (unpack_frame(random_frame("rgb24")), *unpack_planes(random_frame("nv12"))):
        assert array.flags.owndata
        assert array.flags.writeable
        assert array.flags.c_contiguous


# -- views -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ARRAYS)
def test_views_show_the_frame(name: str) -> None:
    frame = random_frame(name)
    view = unpack_frame(frame, copy=False)
    assert same(view, unpack_frame(frame))
    assert not view.flags.writeable
    with pytest.raises(ValueError, match=r"read-only|WRITEABLE"):
        view.flags.writeable = True
    address = frame.planes[0].buffer_ptr
    assert view.__array_interface__["data"][0] == address


@pytest.mark.parametrize("name", ["rgb24", "gbrp", "pal8", "bayer_bggr8"])
def test_views_keep_the_frame_alive(name: str) -> None:
    frame = random_frame(name, 640, 480)
    wanted = unpack_frame(frame)
    view = unpack_frame(frame, copy=False)[2:, 3:]
    planes = unpack_planes(frame, copy=False)
    copies = unpack_planes(frame)
    del frame
    gc.collect()
    noise = [np.full(640 * 480 * 4, 7, np.uint8) for _ in range(8)]
    assert same(np.ascontiguousarray(view), np.ascontiguousarray(wanted[2:, 3:]))
    assert all(same(a, b) for a, b in zip(planes, copies, strict=True))
    del noise


def test_stacked_view_only_where_planes_follow_each_other() -> None:
    stacked = np.arange(24 * 32, dtype=np.uint8).reshape(24, 32)
    tight = av.VideoFrame.from_numpy_buffer(stacked, "yuv420p")
    view = unpack_frame(tight, stacked=True, copy=False)
    assert np.shares_memory(view, stacked)
    assert same(view, stacked)
    with pytest.raises(ValueError, match=r"unpack_planes\(frame, copy=False\)"):
        unpack_frame(random_frame("yuv420p", 34), stacked=True, copy=False)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("gray16be", {"normalize": True}),
        ("xyz12le", {"normalize": True}),
        ("rgb565le", {"components": True}),
        ("gray16be", {"components": True}),
        ("rgb24", {"format": "bgr24"}),
        ("rgb24", {"out": np.empty((16, 32, 3), np.uint8)}),
    ],
)
def test_no_view_of_what_must_be_computed(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="copy=False"):
        unpack_frame(random_frame(name), copy=False, **options)


def test_views_of_plain_numbers_may_be_asked_for_as_such() -> None:
    frame = random_frame("gray16le")
    if np.little_endian:
        assert same(unpack_frame(frame, copy=False, normalize=True), unpack_frame(frame))
        assert len(unpack_planes(frame, copy=False, normalize=True)) == 1
    with pytest.raises(ValueError, match="copy=False"):
        unpack_planes(random_frame("p010le"), copy=False, normalize=True)


# -- arrays of any strides -------------------------------------------------------------------------


def strided(shape: tuple[int, ...], dtype: np.dtype[Any]) -> dict[str, NDArray[Any]]:
    """Arrays of one shape and many layouts."""
    arrays = {
        "fortran": np.zeros(shape, dtype, order="F"),
        "every other row": np.zeros((2 * shape[0], *shape[1:]), dtype)[::2],
        "every other column": np.zeros((*shape[:-1], 2 * shape[-1]), dtype)[..., ::2],
        "upside down": np.zeros(shape, dtype)[::-1],
        "mirrored": np.zeros(shape, dtype)[..., ::-1],
        "window": np.zeros([size + 5 for size in shape], dtype)[
            tuple(slice(2, 2 + size) for size in shape)
        ],
    }
    if len(shape) == 3:
        a, b, c = shape
        arrays["channels first"] = np.zeros((c, a, b), dtype).transpose(1, 2, 0)
        arrays["channels last"] = np.zeros((b, c, a), dtype).transpose(2, 0, 1)
        arrays["middle row"] = np.zeros((a, b + 4, c), dtype)[:, 2:-2]
    return arrays


@pytest.mark.parametrize("name", ARRAYS)
def test_out_and_source_of_any_strides(name: str) -> None:
    frame = random_frame(name)
    wanted = unpack_frame(frame)
    values = unpack_frame(frame, normalize=True)
    for layout, out in strided(wanted.shape, wanted.dtype).items():
        assert unpack_frame(frame, out=out) is out
        assert same(np.ascontiguousarray(out), wanted), layout
        assert same(unpack_frame(pack_frame(out, name, width=32)), wanted), layout
    for layout, out in strided(values.shape, values.dtype).items():
        unpack_frame(frame, out=out, normalize=True)
        assert same(np.ascontiguousarray(out), values), layout


@pytest.mark.parametrize("name", BIT_PACKED)
def test_components_of_any_strides(name: str) -> None:
    frame = random_frame(name)
    wanted = unpack_frame(frame, components=True)
    for out in strided(wanted.shape, wanted.dtype).values():
        unpack_frame(frame, components=True, out=out)
        assert same(np.ascontiguousarray(out), wanted)
        assert same(unpack_frame(pack_frame(out, name), components=True), wanted)


@pytest.mark.parametrize("name", ["yuv420p10le", "nv12", "pal8", "yuva422p16be", "p410be"])
def test_planes_of_any_strides(name: str) -> None:
    planes = random_planes(name, 32, 16)
    for number in range(6):
        odd = []
        for plane in planes:
            array = list(strided(plane.shape, plane.dtype).values())[number]
            array[...] = plane
            odd.append(array)
        packed = unpack_planes(pack_frame(odd, name))
        assert all(same(a, b) for a, b in zip(packed, planes, strict=True))


def test_values_of_arrays_in_the_other_byte_order_are_kept() -> None:
    array = np.arange(32 * 16, dtype=np.uint16).reshape(16, 32)
    for name in ("gray16le", "gray16be"):
        for dtype in ("<u2", ">u2"):
            assert (unpack_frame(pack_frame(array.astype(dtype), name)) == array).all()
    words = np.arange(32, dtype=">u4").reshape(1, 32)
    assert (unpack_frame(pack_frame(words, "x2rgb10le")) == words).all()


def test_broadcast_arrays_can_be_packed() -> None:
    flat = np.broadcast_to(np.array([1, 2, 3], np.uint8), (16, 32, 3))
    assert (unpack_frame(pack_frame(flat, "rgb24")) == flat).all()
    rows = np.broadcast_to(np.arange(32, dtype=np.uint8), (16, 32))
    assert (unpack_frame(pack_frame(rows, "gray")) == rows).all()


def test_width_of_planes_that_do_not_tell_it() -> None:
    assert pack_frame(np.zeros((4, 3), np.uint8), "monow").width == 24
    assert pack_frame(np.zeros((4, 3), np.uint8), "monow", width=17).width == 17
    assert pack_frame(np.zeros((4, 3), np.uint8), "rgb4").width == 6
    assert pack_frame(np.zeros((4, 36), np.uint8), "yuyv422").width == 18
    assert pack_frame(np.zeros((4, 36), np.uint8), "yuyv422", width=17).width == 17
    assert pack_frame(np.zeros((4, 12), np.uint8), "uyyvyy411", width=5).width == 5
    assert pack_frame(np.zeros((4, 18, 2), np.uint8), "yuyv422").width == 18


# -- other formats than the stored one ------------------------------------------------------------


def test_format_converts() -> None:
    frame = random_frame("yuv420p")
    wanted = frame.reformat(format="rgb24", **ONE_THREAD).to_ndarray()
    assert same(unpack_frame(frame, format="rgb24", conversion="ffmpeg"), wanted)
    assert same(
        unpack_frame(frame, format="yuv420p", stacked=True), unpack_frame(frame, stacked=True)
    )
    for out in strided(wanted.shape, wanted.dtype).values():
        assert unpack_frame(frame, format="rgb24", out=out, conversion="ffmpeg") is out
        assert same(np.ascontiguousarray(out), wanted)
    exact = unpack_frame(frame, format="rgb24")
    assert not same(exact, wanted)
    assert np.abs(exact.astype(int) - wanted).max() <= 3
    deep = unpack_frame(frame, format="rgb48be")
    assert same(unpack_frame(frame, format="rgb48be", normalize=True), deep.astype(np.uint16))
    words = unpack_frame(frame, format="rgb565le")
    parts = unpack_frame(frame, format="rgb565le", components=True)
    assert same(unpack_frame(pack_frame(parts, "rgb565le")), words)
    assert unpack_frame(frame, format="nv12", stacked=True).shape == (24, 32)
    with pytest.raises(UnsupportedFormatError, match="nv12"):
        unpack_frame(frame, format="nv12")
    with pytest.raises(TypeError, match="dtype"):
        unpack_frame(frame, format="rgb24", out=np.zeros((16, 32, 3)))
    with pytest.raises(ValueError, match="shape"):
        unpack_frame(frame, format="rgb24", out=np.zeros((16, 32), np.uint8))


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLANES)
def test_formats_of_several_arrays(name: str) -> None:
    frame = random_frame(name)
    if name == "pal8":
        assert same(unpack_frame(frame), unpack_planes(frame)[0])
        return
    with pytest.raises(UnsupportedFormatError, match=r"unpack_planes\(\)") as caught:
        unpack_frame(frame)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, OSError)
    assert isinstance(caught.value, FastavError)


def test_odd_packed_422_is_no_array_of_pixels() -> None:
    with pytest.raises(UnsupportedFormatError, match="17 wide"):
        unpack_frame(random_frame("yuyv422", 17))
    with pytest.raises(ValueError, match="cannot be stacked"):
        unpack_frame(random_frame("yuv420p", 17), stacked=True)


@pytest.mark.parametrize("name", ARRAYS)
def test_bad_out(name: str) -> None:
    frame = random_frame(name)
    wanted = unpack_frame(frame)
    shape, dtype = wanted.shape, wanted.dtype
    larger = (shape[0] + 1, *shape[1:])
    other = np.dtype("f8" if dtype.itemsize != 8 else "u1")
    bad: list[tuple[Any, type[Exception], str]] = [
        (np.zeros(larger, dtype), ValueError, f"shape {re.escape(str(shape))}"),
        (np.zeros((*shape, 1), dtype), ValueError, "shape"),
        (np.zeros(int(np.prod(shape)), dtype), ValueError, "shape"),
        (np.zeros(0, dtype), ValueError, "shape"),
        (np.zeros(shape, other), TypeError, f"dtype {dtype}, got {other}"),
        (np.zeros(shape, f"i{dtype.itemsize}"), TypeError, "dtype"),
        (np.broadcast_to(np.zeros((), dtype), shape), ValueError, "read-only"),
        (unpack_frame(frame, copy=False), ValueError, "read-only"),
        (np.lib.stride_tricks.as_strided(np.zeros(shape, dtype), shape, [0] * len(shape)),
         ValueError, "overlaps itself"),
        (writable_view(frame, wanted), ValueError, "overlaps the memory of the frame"),
        (bytearray(wanted.nbytes), TypeError, "NumPy array"),
    ]  # fmt: skip
    for out, error, message in bad:
        with pytest.raises(error, match=message):
            unpack_frame(frame, out=out)
    assert same(unpack_frame(frame), wanted)


def writable_view(frame: av.VideoFrame, like: NDArray[Any]) -> NDArray[Any]:
    """An array over a frame's own first plane."""
    plane = frame.planes[0]
    memory = (ctypes.c_ubyte * max(like.nbytes, plane.buffer_size)).from_address(plane.buffer_ptr)
    return np.ndarray(like.shape, like.dtype, memory)


@pytest.mark.parametrize("name", software_formats())
def test_bad_planes(name: str) -> None:
    good = random_planes(name, 32, 16)
    format = pixel_format(name)
    with pytest.raises(ValueError, match=f"has {len(good)} planes, got {len(good) + 1}"):
        pack_frame((*good, good[0]), name)
    with pytest.raises(ValueError, match="planes, got 0"):
        pack_frame((), name)
    for number, plane in enumerate(good):
        for wrong, error, message in (
            (plane[:-1], ValueError, "must have shape"),
            (plane[:, :-1], ValueError, "must have shape"),
            (plane[None], ValueError, "shape"),
            (plane[:0], ValueError, "shape|height"),
            (plane.ravel(), ValueError, "shape"),
            (np.zeros(plane.shape, "f8"), TypeError, f"dtype '{format.dtype.name}'"),
            (plane.tolist(), TypeError, f"plane {number} must be a numpy.ndarray"),
        ):
            planes = (*good[:number], wrong, *good[number + 1 :])
            with pytest.raises(error, match=message):
                pack_frame(planes, name, width=32, height=16)
    with pytest.raises(ValueError, match="must have shape"):
        pack_frame(good, name, width=33 + 9, height=16)
    with pytest.raises(ValueError, match="must have shape"):
        pack_frame(good, name, height=17)


@pytest.mark.parametrize("name", software_formats())
def test_bad_arrays(name: str) -> None:
    layout = frame_layout(name, 32, 16, stacked=name != "pal8")
    good = np.zeros(layout.shape or (16, 32), pixel_format(name).dtype)
    for wrong, error in (
        (good[None, None], ValueError),
        (good[:, :0], ValueError),
        (good.ravel(), ValueError),
        (np.zeros((), good.dtype), ValueError),
        (np.zeros((5, 3, 7), good.dtype), (TypeError, ValueError)),
        (good.astype("f8"), (TypeError, ValueError)),
        (good.astype(f"i{good.itemsize}"), (TypeError, ValueError)),
        (good.astype(object), (TypeError, ValueError)),
        (None, TypeError),
        ("frame", TypeError),
        (good.tobytes(), TypeError),
    ):
        with pytest.raises(error):
            pack_frame(wrong, name)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"shape|palette|stacked"):
        pack_frame(good, name, width=99, height=16)
    with pytest.raises(ValueError, match=r"shape|palette|stacked"):
        pack_frame(good, name, height=24)


@pytest.mark.parametrize("name", BIT_PACKED)
def test_values_that_do_not_fit_their_component(name: str) -> None:
    format = pixel_format(name)
    array = np.zeros((2, 3, len(format.components)), format.component_dtype)
    for number, component in enumerate(format.components):
        array[1, 2, number] = (1 << component.depth) - 1
        pack_frame(array, name)
        if component.depth < 8 * array.itemsize:
            array[1, 2, number] += 1
            with pytest.raises(ValueError, match="larger values"):
                pack_frame(array, name)
            array[1, 2, number] = 0
    with pytest.raises(ValueError, match="must have shape"):
        pack_frame(array, name, width=4)
    with pytest.raises(TypeError, match="components must have dtype"):
        pack_frame(array.astype("f4"), name)


def test_what_is_no_frame() -> None:
    for wrong in (None, np.zeros((4, 4), np.uint8), av.AudioFrame("s16", "mono", 16)):
        with pytest.raises(TypeError, match=f"VideoFrame, got {type(wrong).__name__}"):
            unpack_frame(wrong)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=f"VideoFrame, got {type(wrong).__name__}"):
            unpack_planes(wrong)  # type: ignore[arg-type]


class DeviceFrame:
    """What fastav looks at, of a frame whose samples a device holds."""

    class format:
        name = "cuda"

    width, height = 32, 16
    planes = ()


def test_hardware_frames() -> None:
    for call in (unpack_frame, unpack_planes):
        with pytest.raises(UnsupportedFormatError, match=r"'cuda'.*reformat"):
            call(DeviceFrame())  # type: ignore[arg-type, operator]
    with pytest.raises(UnsupportedFormatError, match="'vaapi'"):
        pack_frame(np.zeros((4, 4), np.uint8), "vaapi")


def test_unknown_formats() -> None:
    frame = random_frame("gray")
    with pytest.raises(ValueError, match="unknown pixel format 'grey'"):
        unpack_frame(frame, format="grey")
    with pytest.raises(ValueError, match="unknown pixel format"):
        pack_frame(np.zeros((4, 4), np.uint8), "grey")


def test_sizes_beyond_ffmpeg() -> None:
    with pytest.raises(ValueError, match="cannot allocate"):
        pack_frame(np.broadcast_to(np.uint8(0), (200_000, 200_000)), "gray")


def test_copy_frame_leaves_padding_alone() -> None:
    layout = frame_layout("yuv420p", 33, 17, align=64)
    planes = random_planes("yuv420p", 33, 17)
    block = np.full(layout.nbytes, 9, np.uint8)
    copy_frame(pack_frame(planes, "yuv420p"), layout, block.ctypes.data)
    for plane, array in zip(layout.planes, planes, strict=True):
        rows = block[plane.offset :][: plane.pitch * plane.height].reshape(plane.height, -1)
        assert (rows[:, : plane.width] == array).all()
        assert (rows[:, plane.width :] == 9).all()


def test_copy_frame_refuses_a_layout_of_other_planes() -> None:
    layout = frame_layout("yuv420p", 32, 16)
    block = np.zeros(layout.nbytes, np.uint8)
    with pytest.raises(ValueError, match="zip"):
        copy_frame(random_frame("gray"), layout, block.ctypes.data)


@pytest.mark.parametrize("name", software_formats())
@pytest.mark.parametrize("align", [1, 32])
def test_strides_of_layouts_find_the_samples(name: str, align: int) -> None:
    frame = random_frame(name, 34, 6)
    layout = frame_layout(name, 34, 6, align=align)
    block = np.zeros(layout.nbytes, np.uint8)
    copy_frame(frame, layout, block.ctypes.data)
    for plane, wanted in zip(layout.planes, unpack_planes(frame), strict=True):
        found: NDArray[Any] = np.ndarray(
            plane.shape, plane.dtype, block, plane.offset, plane.strides
        )
        assert same(np.ascontiguousarray(found), wanted)
    if layout.shape is not None:
        whole: NDArray[Any] = np.ndarray(layout.shape, layout.dtype, block, 0, layout.strides)
        assert same(np.ascontiguousarray(whole), unpack_frame(frame))


def test_single_frames_share_what_converts_them() -> None:
    def noise(seed: int, tag: int = 2) -> av.VideoFrame:
        samples = np.random.default_rng(seed).integers(0, 256, (48, 32), np.uint8)
        frame = fastav.pack_frame(samples, "yuv420p")
        frame.colorspace = tag
        return frame

    made = convert.FrameConverter.__init__
    count = 0

    def counting(self: convert.FrameConverter, options: convert.ConversionOptions) -> None:
        nonlocal count
        count += 1
        made(self, options)

    frames = [noise(seed, tag) for seed in range(4) for tag in (1, 2)]
    wanted = [
        convert.FrameConverter(convert.ConversionOptions(format="bgra")).convert(frame)[0]
        for frame in frames
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convert.FrameConverter, "__init__", counting)
        for frame, expected in zip(frames, wanted, strict=True):
            np.testing.assert_array_equal(fastav.unpack_frame(frame, format="bgra"), expected)
        assert count <= 1
        with ThreadPoolExecutor(4) as pool:
            arrays = list(pool.map(lambda f: fastav.unpack_frame(f, format="bgra"), frames * 8))
    for array, expected in zip(arrays, wanted * 8, strict=True):
        np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("format", [None, "gray", "rgb24"])
def test_unknown_conversion(format: str | None) -> None:
    with pytest.raises(ValueError, match="conversion must be 'exact' or 'ffmpeg', got 'nonsense'"):
        fastav.unpack_frame(av.VideoFrame(8, 8, "gray"), format=format, conversion="nonsense")


def test_conversion_to_several_planes_names_the_ways() -> None:
    frame = av.VideoFrame(8, 8, "rgb24")
    with pytest.raises(UnsupportedFormatError, match=r"unpack_planes\(\).*stacked=True"):
        fastav.unpack_frame(frame, format="yuv420p")
    assert fastav.unpack_frame(frame, format="yuv420p", stacked=True).shape == (12, 8)


@pytest.mark.parametrize(
    ("size", "error", "message"),
    [
        ({"height": 0}, ValueError, "height must be 1 to"),
        ({"width": 4.0}, TypeError, "width must be an int, got 4.0"),
        ({"height": "4"}, TypeError, "height must be an int, got '4'"),
    ],
)
def test_wrong_size_is_named(size: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fastav.pack_frame(np.zeros((4, 4), np.uint8), "gray", **size)

"""The public functions for mosaics, on whichever backend is active."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastav
from fastav import bayer

from .mosaics import (
    PATTERNS,
    Array,
    colours,
    linear,
    lsb_bytes,
    mipi_bytes,
    planes,
    random_mosaic,
    reference,
    rounded,
)

METHODS = ("bilinear", "malvar")


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


# ---- Patterns


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("RGGB", "RGGB"),
        ("bggr", "BGGR"),
        ("Gbrg", "GBRG"),
        ("bayer_rggb8", "RGGB"),
        ("bayer_grbg16le", "GRBG"),
        ("BAYER_BGGR16BE", "BGGR"),
        ("bayer_gbrg16", "GBRG"),
    ],
)
def test_names(name: str, pattern: str) -> None:
    assert bayer.parse_pattern(name) == pattern


@pytest.mark.parametrize("name", ["", "RGB", "RGBG", "GGRB", "rggb8", "bayer_rggb12", "RGGB\n"])
def test_unknown_names(name: str) -> None:
    with pytest.raises(ValueError, match=r"BGGR, GBRG, GRBG, RGGB.*bayer_rggb8"):
        bayer.parse_pattern(name)


@pytest.mark.parametrize("name", [None, 0, b"RGGB"])
def test_names_are_strings(name: Any) -> None:
    with pytest.raises(TypeError, match="string such as 'RGGB'"):
        bayer.parse_pattern(name)


def test_patterns_follow_the_array() -> None:
    """Move an array of colours; the pattern of the result says where they are now."""
    for pattern, height, width in product(PATTERNS, range(1, 6), range(1, 6)):
        lattice = colours(pattern, height, width)

        def same(moved: Array, name: str, where: str) -> None:
            np.testing.assert_array_equal(moved, colours(name, *moved.shape), where)

        where = f"{pattern} {height} x {width}"
        same(lattice[:, ::-1], bayer.fliplr_pattern(pattern, width), where)
        same(lattice[::-1], bayer.flipud_pattern(pattern, height), where)
        for y, x in product(range(height), range(width)):
            same(lattice[y:, x:], bayer.crop_pattern(pattern, x, y), where)
        for k in range(-5, 6):
            same(np.rot90(lattice, k), bayer.rot90_pattern(pattern, width, height, k), where)
    assert bayer.crop_pattern("RGGB", -1, 0) == "GRBG"
    assert bayer.rot90_pattern("bayer_rggb8", 4, 4) == "GBRG"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: bayer.crop_pattern("RGGB", 0.5, 0), TypeError, "x must be an integer"),
        (lambda: bayer.crop_pattern("RGGB", 0, "1"), TypeError, "y must be an integer"),
        (lambda: bayer.fliplr_pattern("RGGB", 0), ValueError, "width must be at least 1, got 0"),
        (lambda: bayer.flipud_pattern("RGGB", -4), ValueError, "height must be at least 1"),
        (lambda: bayer.rot90_pattern("RGGB", 2, 0), ValueError, "height must be at least 1"),
        (lambda: bayer.rot90_pattern("RGGB", 2, 2, 1.0), TypeError, "k must be an integer"),
    ],
)
def test_bad_pattern_arithmetic(
    call: Callable[[], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


# ---- Planes


def test_split_and_merge_any_size() -> None:
    for pattern, height, width in product(PATTERNS, range(1, 6), range(1, 6)):
        mosaic = random_mosaic(rng(), height, width, 16)
        lattice = planes(pattern, height, width)
        parts = bayer.split(mosaic, pattern)
        for number, part in enumerate(parts):
            np.testing.assert_array_equal(part.ravel(), mosaic[lattice == number])
        np.testing.assert_array_equal(bayer.merge(parts, pattern), mosaic)


def test_split_is_a_view() -> None:
    mosaic = np.zeros((4, 6), ">u2")
    r, g1, g2, b = bayer.split(mosaic, "bayer_grbg16be")
    r[...], g1[...], g2[...], b[...] = 1, 2, 3, 4
    assert mosaic[:2, :2].tolist() == [[2, 1], [4, 3]]
    assert r.dtype == ">u2"
    assert bayer.merge((r, g1, g2, b), "GRBG").dtype == ">u2"
    mosaic.flags.writeable = False
    assert not any(part.flags.writeable for part in bayer.split(mosaic, "GRBG"))


@pytest.mark.parametrize(
    ("arrays", "error", "message"),
    [
        ([(2, 2)] * 3, ValueError, "must be four, R, G1, G2 and B, got 3"),
        ([(2, 2), (2, 2), (2, 3), (2, 2)], ValueError, r"G2 plane must have the shape \(2, 2\)"),
        ([(2, 2), (2, 2), (4, 2), (4, 2)], ValueError, r"must have the shape \(3, 2\) in a RGGB"),
        ([(1, 1), (1, 2), (1, 1), (1, 2)], ValueError, r"R plane must have the shape \(1, 2\)"),
        ([(2, 2, 1)] * 4, ValueError, r"R plane must have the shape \(H, W\)"),
    ],
)
def test_planes_that_do_not_fit(
    arrays: list[tuple[int, ...]], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        bayer.merge([np.zeros(shape, np.uint8) for shape in arrays], "RGGB")


def test_planes_of_different_dtypes() -> None:
    parts = [np.zeros((2, 2), dtype) for dtype in ("u1", "u1", "u1", "u2")]
    with pytest.raises(TypeError, match="one dtype, got uint8 and, of the B plane, uint16"):
        bayer.merge(parts, "RGGB")


# ---- Demosaicing


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_demosaic(pattern: str, method: Any) -> None:
    for bits in (8, 12, 16):
        mosaic = random_mosaic(rng(), 21, 34, bits)
        result = bayer.demosaic(mosaic, pattern, method, bits=bits)
        np.testing.assert_array_equal(result, reference(mosaic, pattern, method, bits))
        assert result.dtype == mosaic.dtype
        assert result.flags.c_contiguous
        assert result.flags.owndata


def views(mosaic: Array) -> list[Array]:
    """The same samples, laid out in other ways."""
    height, width = mosaic.shape
    wide = np.zeros((height * 2, width * 3), mosaic.dtype)
    wide[::2, ::3] = mosaic
    unaligned = np.frombuffer(b"x" + mosaic.tobytes(), np.uint8)[1:].view(mosaic.dtype)
    read_only = mosaic.copy()
    read_only.flags.writeable = False
    return [
        mosaic,
        wide[::2, ::3],
        np.asfortranarray(mosaic),
        mosaic[::-1, ::-1].copy()[::-1, ::-1],
        mosaic[::-1].copy()[::-1],
        mosaic.astype(mosaic.dtype.newbyteorder(">")),
        mosaic.astype(mosaic.dtype.newbyteorder("<")),
        unaligned.reshape(height, width),
        read_only,
    ]


@pytest.mark.parametrize("bits", [8, 16])
def test_any_layout_of_mosaic(bits: int) -> None:
    mosaic = random_mosaic(rng(), 9, 14, bits)
    for view in views(mosaic):
        np.testing.assert_array_equal(
            bayer.demosaic(view, "BGGR", "malvar"), reference(mosaic, "BGGR", "malvar", bits)
        )
        np.testing.assert_array_equal(
            bayer.white_balance(view, "BGGR", (2, 1, 1.5)),
            rounded(linear(mosaic, "BGGR", (0, 0, 0, 0), (2, 1, 1.5)), bits),
        )


def test_out_may_have_any_rows() -> None:
    mosaic = random_mosaic(rng(), 9, 14, 16)
    truth = reference(mosaic, "RGGB", "bilinear", 16)
    block = np.full((20, 20, 3), 0xA5A5, np.uint16)
    for rows in (slice(1, 10), slice(9, 0, -1), slice(1, 19, 2)):
        block[...] = 0xA5A5
        out = block[rows, 3:17]
        assert bayer.demosaic(mosaic, "RGGB", out=out) is out
        np.testing.assert_array_equal(out, truth)
        out[...] = 0xA5A5
        assert (block == 0xA5A5).all()


def test_flat_colour_stays() -> None:
    """A mosaic of one colour is that colour everywhere, edges included."""
    for pattern, method in product(PATTERNS, METHODS):
        mosaic = np.array([200, 90, 30], np.uint8)[colours(pattern, 7, 9)]
        result = bayer.demosaic(mosaic, pattern, method)
        assert (result == [200, 90, 30]).all()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(8, 16),
    st.sampled_from(PATTERNS),
    st.sampled_from(METHODS),
    st.integers(0, 255) | st.tuples(*[st.integers(0, 255)] * 4),
)
def test_black_before_or_within(
    seed: int, bits: int, pattern: str, method: Any, black: Any
) -> None:
    mosaic = random_mosaic(np.random.default_rng(seed), 6, 37, bits)
    less = bayer.subtract_black(mosaic, pattern, black)
    level = (black,) * 4 if isinstance(black, int) else black
    np.testing.assert_array_equal(less, linear(mosaic, pattern, level, (1, 1, 1)))
    np.testing.assert_array_equal(
        bayer.demosaic(mosaic, pattern, method, bits=bits, subtract_black=black),
        bayer.demosaic(less, pattern, method, bits=bits),
    )


def test_gains_are_rounded_as_documented() -> None:
    for dtype, one, method in ((np.uint8, 2**12, "bilinear"), (np.uint16, 2**16, "malvar")):
        mosaic = random_mosaic(rng(), 8, 9, 8, dtype)
        gains = (1.7, 1.00001, 1.3)
        held = tuple(np.floor(gain * one + 0.5) / one for gain in gains)
        np.testing.assert_array_equal(
            bayer.demosaic(mosaic, "GBRG", method, bits=8, white_balance=gains),
            reference(mosaic, "GBRG", method, 8, gains=held),
        )
        np.testing.assert_array_equal(
            bayer.white_balance(mosaic, "GBRG", gains, bits=8),
            rounded(linear(mosaic, "GBRG", (0, 0, 0, 0), held), 8),
        )


def test_unit_gains_change_nothing() -> None:
    for bits, method in product((8, 16), METHODS):
        mosaic = random_mosaic(rng(), 6, 11, bits)
        np.testing.assert_array_equal(
            bayer.demosaic(mosaic, "RGGB", method, white_balance=(1, 1, 1)),
            bayer.demosaic(mosaic, "RGGB", method),
        )


def test_correction_in_place() -> None:
    mosaic = random_mosaic(rng(), 5, 4099, 16)
    expected = bayer.subtract_black(mosaic, "RGGB", (1, 2, 3, 4))
    assert bayer.subtract_black(mosaic, "RGGB", (1, 2, 3, 4), out=mosaic) is mosaic
    np.testing.assert_array_equal(mosaic, expected)
    assert bayer.white_balance(np.zeros((0, 3), np.uint8), "RGGB", (1, 1, 1)).shape == (0, 3)


OPENCV = {"RGGB": "BG", "BGGR": "RG", "GBRG": "GR", "GRBG": "GB"}


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_bilinear_and_opencv(pattern: str, bits: int) -> None:
    """Equal to OpenCV's cvtColor to the bit, but for the outermost rows and columns.

    OpenCV repeats there what it computed one row or column further in; here the mosaic is mirrored,
    and a sample that is known keeps its value. Its names are those of the second row and column.
    """
    cv2 = pytest.importorskip("cv2", reason="opencv-python-headless is not installed")
    for height, width in ((3, 3), (5, 8), (16, 35), (61, 130)):
        mosaic = random_mosaic(rng(), height, width, bits)
        theirs = cv2.cvtColor(mosaic, getattr(cv2, f"COLOR_Bayer{OPENCV[pattern]}2RGB"))
        ours = bayer.demosaic(mosaic, pattern)
        np.testing.assert_array_equal(ours[1:-1, 1:-1], theirs[1:-1, 1:-1])
        np.testing.assert_array_equal(
            theirs, np.pad(theirs[1:-1, 1:-1], ((1, 1), (1, 1), (0, 0)), mode="edge")
        )
        known = np.take_along_axis(ours, colours(pattern, height, width)[..., np.newaxis], 2)
        np.testing.assert_array_equal(known[..., 0], mosaic)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_frames_of_mosaics(pattern: str) -> None:
    """A frame's own format names its pattern, whichever its byte order."""
    for depth in ("8", "16le", "16be"):
        name = f"bayer_{pattern.lower()}{depth}"
        mosaic = random_mosaic(rng(), 8, 10, 8 if depth == "8" else 16)
        stored = mosaic.astype(mosaic.dtype.newbyteorder(">" if depth == "16be" else "<"))
        frame = fastav.pack_frame(stored, name)
        np.testing.assert_array_equal(
            fastav.bayer.demosaic(fastav.unpack_frame(frame), frame.format.name),
            reference(mosaic, pattern, "bilinear", 8 * mosaic.itemsize),
        )


# ---- Bad arguments

GOOD = np.zeros((4, 6), np.uint8)
BAD_MOSAICS: list[tuple[Any, type[Exception], str]] = [
    ([[1, 2], [3, 4]], TypeError, "mosaic must be a NumPy array, got list"),
    (None, TypeError, "mosaic must be a NumPy array, got NoneType"),
    (GOOD.astype(np.int16), TypeError, "must be of uint8 or uint16, got int16"),
    (GOOD.astype(np.uint32), TypeError, "must be of uint8 or uint16, got uint32"),
    (GOOD.astype(np.float32), TypeError, "must be of uint8 or uint16, got float32"),
    (GOOD.astype(bool), TypeError, "must be of uint8 or uint16, got bool"),
    (GOOD[0], ValueError, r"must have the shape \(H, W\), got \(6,\)"),
    (GOOD[..., np.newaxis], ValueError, r"must have the shape \(H, W\), got \(4, 6, 1\)"),
]
FUNCTIONS: list[Callable[..., Any]] = [
    lambda mosaic, pattern="RGGB", **options: bayer.demosaic(mosaic, pattern, **options),
    lambda mosaic, pattern="RGGB", **options: bayer.subtract_black(mosaic, pattern, 1, **options),
    lambda mosaic, pattern="RGGB", **options: bayer.white_balance(
        mosaic, pattern, (1, 1, 1), **options
    ),
    lambda mosaic, pattern="RGGB": bayer.split(mosaic, pattern),
]
each_function = pytest.mark.parametrize("function", FUNCTIONS)


@each_function
@pytest.mark.parametrize(("mosaic", "error", "message"), BAD_MOSAICS)
def test_bad_mosaics(
    function: Callable[..., Any], mosaic: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        function(mosaic)


@each_function
def test_bad_patterns(function: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="pattern must be one of"):
        function(GOOD, "RGBG")
    with pytest.raises(ValueError, match="pattern must be one of"):
        bayer.merge(bayer.split(GOOD, "RGGB"), "XYZ")


@pytest.mark.parametrize("shape", [(1, 1), (1, 8), (8, 1), (0, 0), (2, 0)])
def test_mosaics_without_every_colour(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least 2 rows and 2 columns"):
        bayer.demosaic(np.zeros(shape, np.uint8), "RGGB")


@pytest.mark.parametrize("function", FUNCTIONS[:3])
@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda out: out.tolist(), TypeError, "out must be a NumPy array"),
        (lambda out: out.astype(np.uint16), TypeError, "out must have dtype uint8"),
        (lambda out: out.astype(np.int8), TypeError, "out must have dtype uint8"),
        (lambda out: out[1:], ValueError, r"out must have shape \(4, 6"),
        (lambda out: out[np.newaxis], ValueError, r"out must have shape \(4, 6"),
        (lambda out: np.broadcast_to(out[:1], out.shape), ValueError, "out must be writable"),
        (lambda out: out[:, ::-1], ValueError, "contiguous within rows"),
        (np.asfortranarray, ValueError, "contiguous within rows"),
        (
            lambda out: np.lib.stride_tricks.as_strided(out, out.shape, (1, *out.strides[1:])),
            ValueError,
            "rows that do not overlap",
        ),
    ],
)
def test_bad_outputs(
    function: Callable[..., Any], spoil: Callable[..., Any], error: type[Exception], message: str
) -> None:
    shape = (4, 6, 3) if function is FUNCTIONS[0] else (4, 6)
    out = np.full(shape, 0xA5, np.uint8)
    with pytest.raises(error, match=message):
        function(GOOD + 1, out=spoil(out))
    assert (out == 0xA5).all()


def test_outputs_of_another_byte_order_or_alignment() -> None:
    mosaic = np.zeros((4, 6), np.uint16)
    swapped = np.empty((4, 6, 3), mosaic.dtype.newbyteorder("S"))
    with pytest.raises(TypeError, match="dtype uint16, got >u2"):
        bayer.demosaic(mosaic, "RGGB", out=swapped)
    unaligned = np.zeros(4 * 6 * 3 * 2 + 1, np.uint8)[1:].view(np.uint16).reshape(4, 6, 3)
    if not unaligned.flags.aligned:
        with pytest.raises(ValueError, match="out must be aligned"):
            bayer.demosaic(mosaic, "RGGB", out=unaligned)


def test_overlapping_outputs() -> None:
    block = np.zeros((8, 40), np.uint8)
    mosaic = block[:4, :6]
    with pytest.raises(ValueError, match="must not overlap the mosaic"):
        bayer.demosaic(mosaic, "RGGB", out=block[3:7, :18].reshape(4, 6, 3))
    for out in (block[1:5, :6], block[:4, 1:7], block[3::-1, :6]):
        with pytest.raises(ValueError, match="the mosaic itself or not overlap it"):
            bayer.subtract_black(mosaic, "RGGB", 1, out=out)
    beside = block[:4, 6:12]
    assert bayer.subtract_black(mosaic, "RGGB", 1, out=beside) is beside


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "vng"}, ValueError, "'bilinear' or 'malvar', got 'vng'"),
        ({"bits": 9}, ValueError, "bits must be 1 to 8 for uint8, got 9"),
        ({"bits": 0}, ValueError, "bits must be 1 to 8"),
        ({"bits": 8.0}, TypeError, "bits must be an integer, got 8.0"),
        ({"subtract_black": -1}, ValueError, "from 0 to 255, got -1"),
        ({"subtract_black": 256}, ValueError, "from 0 to 255, got 256"),
        ({"subtract_black": (1, 2, 3)}, ValueError, "one level or four"),
        ({"subtract_black": 1.5}, TypeError, "a black level must be an integer, got 1.5"),
        ({"subtract_black": "16"}, TypeError, "a black level must be an integer"),
        ({"white_balance": 2.0}, TypeError, "three gains, red, green and blue"),
        ({"white_balance": ("a", 1, 1)}, TypeError, "three gains, red, green and blue"),
        ({"white_balance": (1, 1)}, ValueError, "three gains, red, green and blue"),
        ({"white_balance": (1, 1, 16.1)}, ValueError, "from 0 to 16"),
        ({"white_balance": (-0.1, 1, 1)}, ValueError, "from 0 to 16"),
        ({"white_balance": (float("nan"), 1, 1)}, ValueError, "from 0 to 16"),
    ],
)
def test_bad_options(options: dict[str, Any], error: type[Exception], message: str) -> None:
    out = np.full((4, 6, 3), 0xA5, np.uint8)
    with pytest.raises(error, match=message):
        bayer.demosaic(GOOD, "RGGB", out=out, **options)
    assert (out == 0xA5).all()


def test_levels_and_gains_may_be_arrays() -> None:
    mosaic = random_mosaic(rng(), 6, 6, 16)
    np.testing.assert_array_equal(
        bayer.demosaic(
            mosaic,
            "RGGB",
            subtract_black=np.array([1, 2, 3, 4]),  # type: ignore[arg-type]
            white_balance=np.array([2, 1, 1.5]),  # type: ignore[arg-type]
        ),
        bayer.demosaic(mosaic, "RGGB", subtract_black=[1, 2, 3, 4], white_balance=[2.0, 1.0, 1.5]),
    )


# ---- Camera packings

UNPACK: dict[str, tuple[Callable[..., Array], int]] = {
    "raw10": (bayer.unpack_raw10, 10),
    "raw12": (bayer.unpack_raw12, 12),
    "raw14": (bayer.unpack_raw14, 14),
    "10p": (bayer.unpack_10p, 10),
    "12p": (bayer.unpack_12p, 12),
}
each_packing = pytest.mark.parametrize("packing", UNPACK)


def packed(packing: str, samples: Array, pitch: int) -> bytes:
    bits = UNPACK[packing][1]
    if packing.startswith("raw"):
        return mipi_bytes(samples, bits, pitch)
    return lsb_bytes(samples, bits, 8 * pitch).ljust(pitch * len(samples), b"\xff")


def test_documented_bytes() -> None:
    """The layouts, spelt out."""
    a, b, c, d = 0x155, 0x2AA, 0x003, 0x3FC
    data = [a >> 2, b >> 2, c >> 2, d >> 2, a & 3 | (b & 3) << 2 | (c & 3) << 4 | (d & 3) << 6]
    assert bayer.unpack_raw10(bytes(data), 4, 1).tolist() == [[a, b, c, d]]
    assert bayer.unpack_raw12(b"\x12\xab\xc3", 2, 1).tolist() == [[0x123, 0xABC]]
    assert bayer.unpack_12p(b"\x23\xc1\xab", 2, 1).tolist() == [[0x123, 0xABC]]
    low = [0x01, 0x3F, 0x20, 0x15]
    tail = sum(six << 6 * i for i, six in enumerate(low)).to_bytes(3, "little")
    assert bayer.unpack_raw14(b"\x80\x01\x02\xff" + tail, 4, 1).tolist() == [
        [0x80 << 6 | low[0], 1 << 6 | low[1], 2 << 6 | low[2], 0xFF << 6 | low[3]]
    ]
    ten = (a | b << 10 | c << 20 | d << 30).to_bytes(5, "little")
    assert bayer.unpack_10p(ten, 4, 1).tolist() == [[a, b, c, d]]


@each_packing
def test_unpack(packing: str) -> None:
    function, bits = UNPACK[packing]
    for height, width in ((1, 1), (3, 5), (4, 64), (2, 331)):
        samples = random_mosaic(rng(), height, width, bits)
        row = len(packed(packing, samples[:1], 0))
        for padding in (0, 1, 13):
            data = packed(packing, samples, row + padding)
            two = np.frombuffer(data, np.uint8).reshape(height, row + padding)
            wide = np.zeros((height, 2 * two.shape[1]), np.uint8)
            wide[:, ::2] = two
            for form in (data, bytearray(data), memoryview(data), two.ravel()):
                result = function(form, width, height, row_pitch=row + padding)
                np.testing.assert_array_equal(result, samples)
                assert result.dtype == np.uint16
            for form in (two, wide[:, ::2]):
                np.testing.assert_array_equal(function(form, width, height), samples)
            # Nothing behind the last row's last byte is needed, and more does not matter.
            enough = data[: (height - 1) * (row + padding) + row]
            np.testing.assert_array_equal(
                function(enough + b"x" * 50, width, height, row_pitch=row + padding), samples
            )
            with pytest.raises(ValueError, match=f"at least {len(enough)} bytes"):
                function(enough[:-1], width, height, row_pitch=row + padding)


@pytest.mark.parametrize("packing", ["10p", "12p"])
def test_rows_that_begin_within_a_byte(packing: str) -> None:
    function, bits = UNPACK[packing]
    for width in range(1, 40):
        samples = random_mosaic(rng(), 5, width, bits)
        data = lsb_bytes(samples, bits, width * bits)
        assert len(data) == (5 * width * bits + 7) // 8
        np.testing.assert_array_equal(function(data, width, 5), samples)
        with pytest.raises(ValueError, match=f"at least {len(data)} bytes"):
            function(data[:-1], width, 5)


@each_packing
def test_unpack_into(packing: str) -> None:
    function, bits = UNPACK[packing]
    samples = random_mosaic(rng(), 6, 24, bits)
    data = packed(packing, samples, 24 * bits // 8)
    block = np.full((8, 30), 0xA5A5, np.uint16)
    for rows in (slice(1, 7), slice(6, 0, -1)):
        out = block[rows, 2:26]
        assert function(data, 24, 6, out=out) is out
        np.testing.assert_array_equal(out, samples)
        out[...] = 0xA5A5
        assert (block == 0xA5A5).all()


@each_packing
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"width": 0}, ValueError, "width must be at least 1, got 0"),
        ({"height": -1}, ValueError, "height must be at least 1, got -1"),
        ({"width": 8.0}, TypeError, "width must be an integer"),
        ({"row_pitch": 3}, ValueError, "but the row pitch is 3"),
        ({"row_pitch": -64}, ValueError, "but the row pitch is -64"),
        ({"row_pitch": 2.5}, TypeError, "row_pitch must be an integer"),
        ({"height": 2**40}, ValueError, "data must have at least"),
        ({"data": "text"}, TypeError, "data must be bytes or an array of uint8"),
        ({"data": None}, TypeError, "data must be bytes or an array of uint8"),
        ({"data": memoryview(bytes(400))[::2]}, TypeError, "data must be bytes or an array"),
        ({"data": np.zeros(200, np.uint16)}, TypeError, "array of uint8, got uint16"),
        ({"data": np.zeros((4, 4, 20), np.uint8)}, ValueError, "one or two dimensions"),
        ({"data": np.zeros((3, 20), np.uint8)}, ValueError, "at least 4 rows, got 3"),
        ({"data": np.zeros((4, 5), np.uint8)}, ValueError, "but the row pitch is 5"),
        (
            {"data": np.zeros((4, 20), np.uint8), "row_pitch": 19},
            ValueError,
            "row_pitch is for one-dimensional data",
        ),
        ({"out": np.zeros((4, 9), np.uint16)}, ValueError, r"out must have shape \(4, 8\)"),
        ({"out": np.zeros((4, 8), np.uint8)}, TypeError, "out must have dtype uint16"),
        ({"out": np.zeros((4, 8), ">u2")}, TypeError, "dtype uint16, got >u2"),
        ({"out": np.zeros((4, 16), np.uint16)[:, ::2]}, ValueError, "contiguous within rows"),
        ({"out": [[0]]}, TypeError, "out must be a NumPy array"),
    ],
)
def test_bad_packings(
    packing: str, change: dict[str, Any], error: type[Exception], message: str
) -> None:
    arguments: dict[str, Any] = {"data": bytes(100), "width": 8, "height": 4} | change
    with pytest.raises(error, match=message):
        UNPACK[packing][0](**arguments)


@each_packing
def test_unpack_onto_itself(packing: str) -> None:
    block = np.zeros(400, np.uint8)
    out = block[:64].view(np.uint16).reshape(4, 8)
    with pytest.raises(ValueError, match="must not overlap the data"):
        UNPACK[packing][0](block[20:], 8, 4, out=out)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="out must be writable"):
        UNPACK[packing][0](block[64:], 8, 4, out=out)


def test_merge_takes_no_generator() -> None:
    with pytest.raises(TypeError, match="sequence of four arrays, got generator"):
        bayer.merge((np.zeros((2, 2), np.uint8) for _ in range(4)), "rggb")  # type: ignore[arg-type]

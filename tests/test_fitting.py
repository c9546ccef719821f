"""Arrays that nearly are frames: taken where no value changes, else told what to write instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastav
from fastav.writing.fitting import cast, fit

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (5, 48, 64), np.uint8)
RGB = RNG.integers(0, 256, (5, 48, 64, 3), np.uint8)
RGBA = RNG.integers(0, 256, (5, 48, 64, 4), np.uint8)


def written(frames: Any, **how: Any) -> np.ndarray:
    data = fastav.imwrite("<bytes>", frames, extension=".mkv", codec="ffv1", **how)
    return fastav.imread(data, format=None)


@pytest.mark.parametrize(
    ("frames", "format", "advice"),
    [
        (
            GREY,
            "rgb24",
            r"\(H, W, 3\), got \(5, 48, 64\).*grey frames: pass in_pixel_format='gray'",
        ),
        (GREY[0], "rgb24", "looks like grey: pass in_pixel_format='gray'"),
        (list(GREY), "rgb24", "looks like grey: pass in_pixel_format='gray'"),
        (GREY[..., None], "rgb24", "looks like grey: pass in_pixel_format='gray'"),
        (GREY.astype("u2"), "rgb48le", "grey frames: pass in_pixel_format='gray16le'"),
        (RGBA, "rgb24", r"RGBA: pass in_pixel_format='rgba', or drop the alpha by \[..., :3\]"),
        (RGB, "rgba", "looks like RGB: pass in_pixel_format='rgb24'"),
        (RGB, "gray", r"have shape \(H, W\), got .*RGB: pass in_pixel_format='rgb24'"),
        (RGB, "yuv420p", "RGB: pass in_pixel_format='rgb24'"),
        (np.moveaxis(RGB, -1, 1), "rgb24", "channels first: pass layout='chw'"),
        (np.stack([RGB, RGB]), "rgb24", "give all along one first axis"),
        ([[[[1, 2], [3, 4]]]], "rgb24", r"got \(1, 2, 2\)"),
        ([[[[1, 2, 300]]]], "rgb24", "numbers from 0 to 255, got 1 to 300"),
        ([[[[1, 2, 3]], [[1, 2]]]], "rgb24", "nested lists must be a full array"),
    ],
)
def test_a_wrong_shape_is_told_what_it_looks_like(frames: Any, format: str, advice: str) -> None:
    with pytest.raises(ValueError, match=advice):
        written(frames, in_pixel_format=format)


@pytest.mark.parametrize(
    ("frames", "advice"),
    [
        (RGB / 255, r"\(frames \* 255\).round\(\).astype\('uint8'\)"),
        (RGB.astype("f4"), r"frames.clip\(0, 255\).round\(\).astype\('uint8'\)"),
        (RGB.astype(int), r"frames.astype\('uint8'\)"),
        (RGB > 9, r"\(frames \* 255\).astype\('uint8'\)"),
        (RGB.astype("u2"), r"in_pixel_format='gray16le', 'rgb48le'.*frames >> 8"),
    ],
)
def test_a_wrong_type_is_told_what_to_do(frames: np.ndarray, advice: str) -> None:
    with pytest.raises(TypeError, match=advice):
        written(frames)


def test_advice_works() -> None:
    """What the messages above say to write gives the frames that were meant."""
    np.testing.assert_array_equal(written(GREY, in_pixel_format="gray"), GREY)
    got = written((RGB / 255 * 255).round().astype("uint8"))
    np.testing.assert_array_equal(got[..., 2::-1], RGB[..., ::1])
    np.testing.assert_array_equal(written(RGBA, in_pixel_format="rgba")[..., [2, 1, 0, 3]], RGBA)
    with fastav.open("<bytes>", "w", extension=".mkv", codec="ffv1") as writer:
        writer.write(np.moveaxis(RGB, -1, 1), layout="chw")
    np.testing.assert_array_equal(fastav.imread(writer.getvalue()), RGB)


def test_what_changes_no_value_is_taken() -> None:
    np.testing.assert_array_equal(written(GREY[..., None], in_pixel_format="gray"), GREY)
    np.testing.assert_array_equal(written(RGB.tolist())[..., 2::-1], RGB)
    wide = GREY.astype("u2") * 257
    got = written(wide[..., None].tolist(), in_pixel_format="gray16le")
    np.testing.assert_array_equal(got, wide)


def test_frames_that_fit_are_not_copied() -> None:
    for image, name in ((RGB[0], "rgb24"), (GREY[0], "gray"), (RGB[0, ::-2, ::-1], "rgb24")):
        format = fastav.pixel_format(name)
        assert fit(image, format) is image
        assert cast(image, format) is image


@pytest.mark.parametrize("dtype", ["i8", "f4", "f8", "u2", "i1", "?", ">u2"])
def test_casting_is_numpys(dtype: str) -> None:
    image = (RGB[0].astype("f8") * 1.7 - 20).astype(dtype)
    wanted = np.empty(image.shape, np.uint8)
    wanted[...] = image
    np.testing.assert_array_equal(cast(image, fastav.pixel_format("rgb24")), wanted)


# Keywords


@pytest.mark.parametrize(
    ("keyword", "said"),
    [
        ("crf", r"options=\{'crf': 18\}"),
        ("preset", r"options=\{'preset': 'slow'\}"),
        ("gop_size", r"options=\{'g': 48\}"),
        ("x264_params", "x264-params"),
        ("movflags", r"container_options=\{'movflags': 'faststart'\}"),
        ("pix_fmt", "out_pixel_format="),
        ("framerate", "fps="),
        ("out_pixel_formt", "did you mean 'out_pixel_format'"),
        ("fsp", "did you mean 'fps'"),
    ],
)
def test_a_writer_says_what_was_meant(tmp_path: Path, keyword: str, said: str) -> None:
    path = tmp_path / "a.mp4"
    for name, write in (
        ("VideoWriter", lambda: fastav.open(path, "w", **{keyword: 1})),
        ("imwrite", lambda: fastav.imwrite(path, RGB, **{keyword: 1})),
        ("imopen", lambda: fastav.imopen(path, "w", **{keyword: 1})),
        ("write", lambda: fastav.imopen(path, "w").write(RGB, **{keyword: 1})),
    ):
        with pytest.raises(TypeError, match=rf"^{name}\(\) got .*{keyword!r}; .*{said}"):
            write()
    assert not path.exists()


def test_a_reader_says_what_was_meant(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    fastav.imwrite(path, RGB, codec="ffv1")
    with pytest.raises(TypeError, match="thread_count="):
        fastav.open(path, num_threads=2)
    with fastav.open(path) as reader:
        for name, read in (
            ("read", reader.read),
            ("iter", reader.iter),
            ("read_frame", lambda **how: reader.read_frame(0, **how)),
            ("batches", lambda **how: reader.batches(2, **how)),
            ("describe_frame", reader.describe_frame),
        ):
            with pytest.raises(
                TypeError, match=rf"^{name}\(\) got .*'formt'; did you mean 'format'"
            ):
                read(formt="gray")

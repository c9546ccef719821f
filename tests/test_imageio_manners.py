"""In the place of imageio's plugins: types, errors and keywords as their users know them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import av
import imageio.v3 as iio
import numpy as np
import pytest

import fastav
from fastav.imageio_plugin import FastavPlugin

from .media import encode, pictures

FRAMES = np.stack(list(pictures(6, 64, 48)))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    path.write_bytes(encode(count=30))
    return path


def written(frames: Any, plugin: Any, **how: Any) -> np.ndarray:
    how = {"codec": "ffv1", "out_pixel_format": "bgr0", **how}
    data = iio.imwrite("<bytes>", frames, extension=".mkv", plugin=plugin, **how)
    return fastav.imread(data)


# Types


@pytest.mark.parametrize("dtype", ["i8", "i1", "f4", "f8", "u2", "?", ">i4"])
@pytest.mark.parametrize("form", ["array", "list", "one", "one channel"])
def test_any_type_is_cast_as_imageio_casts_it(dtype: str, form: str) -> None:
    frames: Any = (FRAMES * 1.7 - 20).astype(dtype)
    how = {}
    if form == "list":
        frames = list(frames)
    elif form == "one":
        frames, how = frames[0], {"is_batch": False}
    elif form == "one channel":
        frames = frames[..., :1]
    with np.errstate(invalid="ignore"):
        wanted, got = (written(frames, plugin, **how) for plugin in ("pyav", FastavPlugin))
    np.testing.assert_array_equal(got, wanted)


def test_frames_one_by_one_are_cast_too(tmp_path: Path) -> None:
    made = []
    for name, plugin in (("theirs.mkv", "pyav"), ("ours.mkv", FastavPlugin)):
        with iio.imopen(tmp_path / name, "w", plugin=plugin) as file:
            file.init_video_stream("ffv1", pixel_format="bgr0")
            for frame in FRAMES:
                file.write_frame(frame.astype(np.float32) + 0.7)
        made.append(fastav.imread(tmp_path / name))
    np.testing.assert_array_equal(made[1], made[0])
    assert made[1].any()


def test_fastavs_own_functions_refuse_what_loses() -> None:
    with pytest.raises(TypeError, match=r"frames.astype\('uint8'\)"):
        fastav.imwrite("<bytes>", FRAMES.astype(int), extension=".mkv", codec="ffv1")


# Errors


@pytest.mark.parametrize(
    "call",
    [
        lambda path, plugin: iio.imread(path, plugin=plugin, format=None),
        lambda path, plugin: iio.improps(path, plugin=plugin, format=None),
        lambda path, plugin: next(iio.imiter(path, plugin=plugin, format=None)),
        lambda path, plugin: iio.imread(path, plugin=plugin, index=100),
        lambda path, plugin: iio.immeta(path, plugin=plugin, index=100),
        lambda path, plugin: iio.imread(path, plugin=plugin, thread_type="frame"),
        lambda path, plugin: iio.imread(path, plugin=plugin, thread_type="X", index=2),
        lambda path, plugin: next(iio.imiter(path, plugin=plugin, thread_type="X")),
        lambda path, plugin: iio.imread(path, plugin=plugin, format="rgb25"),
        lambda path, plugin: iio.imread(path, plugin=plugin, filter_sequence=[("nothing", "")]),
        lambda path, plugin: iio.imread(path, plugin=plugin, tpyo=1),
        lambda path, plugin: iio.imread(path.with_name("none.mp4"), plugin=plugin),
        lambda path, plugin: iio.imread(Path(__file__), plugin=plugin),
        lambda path, plugin: iio.imwrite(
            path.with_name("x.mp4"), FRAMES[..., 0], plugin=plugin, codec="libx264"
        ),
        lambda path, plugin: iio.imwrite(path.with_name("x.tpyo"), FRAMES, plugin=plugin),
        lambda path, plugin: iio.imwrite(path.parent / "none" / "x.mp4", FRAMES, plugin=plugin),
        lambda path, plugin: iio.imwrite(
            path.with_name("x.mp4"), FRAMES, plugin=plugin, codec="nothing"
        ),
    ],
)
def test_who_catches_pyavs_error_catches_ours(call: Any, clip: Path) -> None:
    with pytest.raises(Exception) as theirs:  # noqa: PT011
        call(clip, "pyav")
    builtin = next(kind for kind in theirs.type.__mro__ if kind.__module__ == "builtins")
    with pytest.raises(builtin):
        call(clip, FastavPlugin)


def test_errors_are_also_what_fastav_raises(clip: Path) -> None:
    with pytest.raises(IndexError, match="valid are -30 to 29"):
        iio.imread(clip, plugin=FastavPlugin, index=100)
    with pytest.raises(ValueError, match=r"^thread_type must be one of"):
        iio.imread(clip, plugin=FastavPlugin, thread_type="X")


# Keywords of the other plugins


def size(**how: Any) -> int:
    frames = np.stack(list(pictures(20, 128, 96)))
    data = iio.imwrite("<bytes>", frames, extension=".mp4", plugin=FastavPlugin, **how)
    assert len(fastav.imread(data)) == 20
    same = fastav.imwrite("<bytes>", frames, extension=".mp4", conversion="ffmpeg", **how)
    assert same == data
    return len(data)


@pytest.mark.parametrize("codec", ["libx264", "mpeg4", "libvpx-vp9", "libx265"])
def test_quality_is_on_imageios_scale(codec: str) -> None:
    sizes = [size(codec=codec, quality=quality) for quality in (1, 5, 9)]
    assert sizes[0] < sizes[1] < sizes[2]


def test_quality_is_the_rate_factor_that_imageio_passes() -> None:
    assert size(codec="libx264", quality=5) == size(codec="libx264", options={"crf": 25})
    assert size(codec="libx264", quality=5, bitrate="20k") == size(
        codec="libx264", options={"b": "20k"}
    )
    assert size(codec="libx264", ffmpeg_params=["-crf", "40", "-preset:v", "fast"]) == size(
        codec="libx264", options={"crf": 40, "preset": "fast"}
    )
    assert size(codec="mpeg4", output_params=["-q:v", "2"]) > size(codec="mpeg4", quality=0)


def test_macro_blocks_and_pixel_format(tmp_path: Path) -> None:
    frames = FRAMES[:, :47, :63]
    path = tmp_path / "a.mp4"
    how = {"codec": "libx264", "macro_block_size": 16, "pixelformat": "yuv444p"}
    with iio.imopen(path, "w", plugin=FastavPlugin) as file:
        file.write(frames, **how)
        file.write(frames)  # and so on
    with fastav.open(path) as reader:
        assert len(reader) == 12
        assert (reader.info.width, reader.info.height) == (64, 48)
        assert reader.info.pixel_format == "yuv444p"
    fastav.imwrite(path, frames, **how)
    assert fastav.imread(path).shape == (6, 48, 64, 3)
    fastav.imwrite(path, frames, codec="libx264", macro_block_size=1, pixelformat="yuv444p")
    assert fastav.imread(path).shape == (6, 47, 63, 3)


def test_gifs_have_a_duration_and_a_loop() -> None:
    for write in (fastav.imwrite, lambda *a, **k: iio.imwrite(*a, plugin=FastavPlugin, **k)):
        data = write("<bytes>", FRAMES, extension=".gif", duration=100, loop=3)
        with fastav.open(data) as reader:
            np.testing.assert_allclose(np.diff(reader.timestamps), 0.1)
        assert b"NETSCAPE2.0\x03\x01\x03\x00" in data
        once = write("<bytes>", FRAMES, extension=".gif", loop=-1)
        assert b"NETSCAPE" not in once


@pytest.mark.parametrize(
    ("extension", "how", "error", "said"),
    [
        (".mp4", {"duration": 100}, TypeError, "fps="),
        (".mp4", {"loop": 0}, TypeError, "container_options="),
        (".gif", {"duration": [100, 200]}, TypeError, "times="),
        (".gif", {"duration": 0}, ValueError, "more than 0"),
        (".mp4", {"quality": 11}, ValueError, "0 to 10"),
        (".mp4", {"ffmpeg_params": "-crf 18"}, TypeError, "list of strings"),
        (".mp4", {"ffmpeg_params": ["-crf"]}, TypeError, "options="),
        (".mp4", {"ffmpeg_params": ["-vf", "hflip"]}, TypeError, "filter_sequence="),
        (".mp4", {"output_params": ["-ss", "1"]}, TypeError, "-ss"),
        (".mp4", {"ffmpeg_params": ["-nonsense", "1"]}, fastav.EncodeError, "nonsense"),
        (
            ".mp4",
            {"macro_block_size": 16, "filter_graph": ({}, [])},
            (TypeError, ValueError),
            "filt",
        ),
    ],
)
def test_what_cannot_be_translated_is_told(
    extension: str, how: dict[str, Any], error: Any, said: str
) -> None:
    for write in (fastav.imwrite, lambda *a, **k: iio.imwrite(*a, plugin=FastavPlugin, **k)):
        with pytest.raises(error, match=said):
            write("<bytes>", FRAMES, extension=extension, **how)


def test_an_encoder_is_told_by_its_own_words() -> None:
    data = iio.imwrite(
        "<bytes>", FRAMES, extension=".mp4", plugin=FastavPlugin, ffmpeg_params=["-g", "2"]
    )
    with av.open(io.BytesIO(data)) as container:
        keys = [packet.is_keyframe for packet in container.demux(video=0) if packet.size]
    assert keys == [True, False] * 3


# Filters


@pytest.mark.parametrize("matrix", ["bt709", "bt2020", "bt601", None])
def test_a_filter_that_changes_nothing_changes_nothing(matrix: str | None, tmp_path: Path) -> None:
    """The pyav plugin does not tell filters the matrix of their frames: with FFmpeg 8 `scale` then
    changes those of other matrices than the default one, by up to 29 levels."""
    path = tmp_path / "a.mp4"
    chance = np.random.default_rng(0)
    patches = chance.integers(0, 256, (3, 12, 16, 3), np.uint8).repeat(8, 1).repeat(8, 2)
    fastav.imwrite(path, patches, codec="libx264", matrix=matrix, options={"crf": "1"})
    plain = iio.imread(path, plugin="pyav")
    same = [("scale", "128:96")]
    ours = iio.imread(path, plugin=FastavPlugin, filter_sequence=same)
    np.testing.assert_array_equal(ours, plain)
    theirs = iio.imread(path, plugin="pyav", filter_sequence=same)
    difference = int(np.abs(theirs.astype(int) - plain).max())
    assert difference == 0 or matrix in ("bt709", "bt2020")

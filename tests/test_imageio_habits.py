"""What imageio's own plugin does for its users, asked of fastav's: one test a habit."""

from __future__ import annotations

import io
import multiprocessing
import os
from pathlib import Path
from typing import Any

import av
import imageio.v3 as iio
import numpy as np
import pytest

from fastav.imageio.plugin import FastavPlugin
from fastav.pyav import CAN_ROTATE

from .media import encode, pictures, reference

RATE, COUNT = 20, 50
H264: dict[str, Any] = {"plugin": FastavPlugin, "extension": ".mp4", "codec": "h264"}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two and a half seconds of 4:4:4, with B-frames and a key frame now and then."""
    file = tmp_path_factory.mktemp("habits") / "clip.mp4"
    settings: dict[str, Any] = {"count": COUNT, "rate": RATE, "options": {"g": "12"}}
    file.write_bytes(encode(pixel_format="yuv444p", **settings))
    return file


def read(source: Any, **options: Any) -> np.ndarray:
    return iio.imread(source, plugin=FastavPlugin, **options)


def frames(count: int = 12, width: int = 64, height: int = 48) -> np.ndarray:
    return np.stack(list(pictures(count, width, height)))


# --- reading ---


@pytest.mark.parametrize("constant_framerate", [None, True, False])
@pytest.mark.parametrize("index", [0, 3, 15, COUNT - 1])
def test_one_frame_whatever_is_said_of_the_rate(
    path: Path, index: int, constant_framerate: bool | None
) -> None:
    expected = reference(str(path))[index]
    said: dict[str, Any] = {"index": index, "constant_framerate": constant_framerate}
    np.testing.assert_array_equal(read(path, format="rgb24", **said), expected)
    np.testing.assert_array_equal(read(path.read_bytes(), **said), expected)
    with iio.imopen(path, "r", plugin=FastavPlugin) as file:
        np.testing.assert_array_equal(file.read(**said), expected)
    meta = iio.immeta(path, plugin=FastavPlugin, **said)
    assert meta["time"] == index / RATE
    assert meta["key_frame"] is (index == 0)
    assert meta["interlaced_frame"] is False


def test_frames_by_number_are_those_of_iterating(path: Path) -> None:
    with iio.imopen(path, "r", plugin=FastavPlugin) as file:
        count = 0
        for number, frame in enumerate(iio.imiter(path, plugin=FastavPlugin, thread_type="FRAME")):
            count += 1
            if number % 7 in (0, 1) or number == COUNT - 1:
                np.testing.assert_array_equal(file.read(index=number, thread_type="FRAME"), frame)
    assert count == COUNT


def test_threads_may_be_chosen_by_the_first_read(path: Path) -> None:
    expected = reference(str(path))
    with iio.imopen(path, "r", plugin=FastavPlugin) as file:
        first = file.read(index=1, thread_type="FRAME", thread_count=2)
        np.testing.assert_array_equal(first, expected[1])
        np.testing.assert_array_equal(file.read(index=5), expected[5])


def test_the_stored_samples(path: Path) -> None:
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    np.testing.assert_array_equal(read(path, index=0, format=None), frame.to_ndarray())


def test_words_of_the_file(path: Path) -> None:
    with iio.imopen(path, "r", plugin=FastavPlugin) as file:
        meta = file.metadata()
        assert (meta["codec"], meta["profile"]) == ("h264", "High 4:4:4 Predictive")
        assert (meta["fps"], meta["duration"]) == (RATE, COUNT / RATE)
        assert meta["encoder"].startswith("Lavf")
        for format in ("yuv420p", "nv24"):
            with pytest.raises(OSError, match="array"):
                file.properties(format=format)
        whole, deep, one = (
            file.properties(),
            file.properties(index=4, format="rgb48"),
            file.properties(index=5),
        )
    assert (whole.shape, whole.dtype) == ((COUNT, 48, 64, 3), np.uint8)
    assert (whole.n_images, whole.is_batch) == (COUNT, True)
    assert (deep.shape, deep.dtype, deep.n_images) == ((48, 64, 3), np.uint16, None)
    assert (one.shape, one.dtype, one.is_batch) == ((48, 64, 3), np.uint8, False)


GRID = ("drawgrid", "w=iw/3:h=ih/3:t=2:c=white@0.5")
SMALL = ("scale", {"size": "qqvga", "flags": "lanczos"})


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ([GRID, SMALL, ("tpad", "start=3")], COUNT + 3),
        ([("framestep", "5"), SMALL], COUNT // 5),
        ([SMALL, ("trim", {"start": "00:00:01", "end": "00:00:02"})], RATE),
    ],
)
def test_filters_in_a_row(path: Path, filters: list[Any], count: int) -> None:
    assert read(path, filter_sequence=filters).shape == (count, 120, 160, 3)
    assert read(path, filter_sequence=filters, index=5).shape == (120, 160, 3)


def test_filters_in_a_graph(path: Path) -> None:
    edges = [("video_in", "step", 0, 0), ("step", "small", 0, 0), ("small", "video_out", 0, 0)]
    graph = ({"step": ("framestep", "5"), "small": SMALL}, edges)
    expected = read(path, filter_sequence=[("framestep", "5"), SMALL])
    np.testing.assert_array_equal(read(path, filter_graph=graph), expected)


def _report(pipe: Any) -> None:
    import gc

    pipe.send(gc.collect())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_child_may_collect_while_a_file_is_open(path: Path) -> None:
    with iio.imopen(path, "r", plugin=FastavPlugin) as file:
        for number in range(20):
            file.read(index=number)
        mine, other = multiprocessing.Pipe()
        child = multiprocessing.get_context("fork").Process(target=_report, args=(other,))
        child.start()
        try:
            assert mine.poll(timeout=30)
        finally:
            child.kill()
            child.join()


# --- writing ---


@pytest.mark.parametrize("given", ["batch", "list", "one by one"])
def test_bytes_of_a_video(given: str) -> None:
    video = frames()
    if given == "one by one":
        buffer = io.BytesIO()
        with iio.imopen(buffer, "w", plugin=FastavPlugin, extension=".mp4") as file:
            for frame in np.dstack([video[0], video[0, ..., :1]])[None].repeat(12, 0):
                file.write(frame, is_batch=False, codec="h264", in_pixel_format="rgba")
        data = buffer.getvalue()
    else:
        data = iio.imwrite("<bytes>", video if given == "batch" else list(video), **H264)
    back = read(data)
    assert back.shape == video.shape
    assert np.abs(back[0].astype(int) - video[0]).mean() < 12


def test_a_picture_comes_back(tmp_path: Path) -> None:
    picture = frames(1)[0]
    settings: dict[str, Any] = {"codec": "png", "is_batch": False, "out_pixel_format": "rgb24"}
    iio.imwrite(tmp_path / "a.png", picture, plugin=FastavPlugin, **settings)
    np.testing.assert_array_equal(read(tmp_path / "a.png", index=0), picture)
    np.testing.assert_array_equal(iio.imread(tmp_path / "a.png", plugin="pillow"), picture)


def test_a_grey_gif_comes_back(tmp_path: Path) -> None:
    grey = frames()[..., 1]
    formats = {"in_pixel_format": "gray", "out_pixel_format": "gray"}
    iio.imwrite(tmp_path / "a.gif", list(grey), plugin=FastavPlugin, codec="gif", **formats)
    np.testing.assert_array_equal(read(tmp_path / "a.gif", format="gray"), grey)
    unequal = [np.ones((20, 16), np.uint8), np.ones((24, 24), np.uint8)]
    with pytest.raises(ValueError, match="24x24"):
        iio.imwrite(tmp_path / "b.gif", unequal, plugin=FastavPlugin, codec="gif", **formats)


def test_a_gif_with_a_palette_of_its_own(tmp_path: Path, path: Path) -> None:
    video = read(path, filter_sequence=[("fps", "50"), ("scale", "32:-1:flags=lanczos")])
    nodes = {name: (name, "") for name in ("split", "palettegen", "paletteuse")}
    edges = [
        ("video_in", "split", 0, 0),
        ("split", "palettegen", 0, 0),
        ("split", "paletteuse", 1, 0),
        ("palettegen", "paletteuse", 0, 1),
        ("paletteuse", "video_out", 0, 0),
    ]
    settings: dict[str, Any] = {"codec": "gif", "fps": 50, "out_pixel_format": "pal8"}
    iio.imwrite(
        tmp_path / "a.gif", video, plugin=FastavPlugin, filter_graph=(nodes, edges), **settings
    )
    back = read(tmp_path / "a.gif", format="rgb24")
    assert back.shape == video.shape
    assert np.abs(back.astype(int) - video).mean() < 12


@pytest.mark.parametrize("way", ["write", "write_frame", "imwrite"])
@pytest.mark.parametrize("pattern", ["bayer_rggb8", "bayer_gbrg8"])
def test_mosaics_become_pictures(pattern: str, way: str) -> None:
    """Where the codec does not keep them, as FFmpeg's conversion makes them."""
    buffer = io.BytesIO()
    bright = []
    for number in range(3):
        mosaic = np.zeros((32, 32), np.uint8)
        for site in (k for k in range(4) if pattern[6 + k] == "rgb"[number]):
            mosaic[site // 2 :: 2, site % 2 :: 2] = 200
        bright.append(mosaic)
    if way == "imwrite":
        data = iio.imwrite("<bytes>", np.stack(bright), in_pixel_format=pattern, **H264)
    else:
        with iio.imopen(buffer, "w", plugin=FastavPlugin, extension=".mp4") as file:
            if way == "write_frame":
                file.init_video_stream("h264")
            for mosaic in bright:
                if way == "write_frame":
                    file.write_frame(mosaic, pixel_format=pattern)
                else:
                    file.write(mosaic, is_batch=False, codec="h264", in_pixel_format=pattern)
        data = buffer.getvalue()
    back = read(data)
    assert back.shape == (3, 32, 32, 3)
    assert back[:, 8:24, 8:24].mean(axis=(1, 2)).argmax(axis=1).tolist() == [0, 1, 2]


def test_step_by_step() -> None:
    video, buffer = frames(), io.BytesIO()
    with iio.imopen(buffer, "w", plugin=FastavPlugin, extension=".mp4") as file:
        file.init_video_stream("h264")
        for frame in video:
            file.write_frame(frame)
    buffer.seek(0)
    assert read(buffer, extension=".mp4").shape == video.shape


def test_step_by_step_through_a_filter(path: Path) -> None:
    buffer = io.BytesIO()
    with iio.imopen(buffer, "w", plugin=FastavPlugin, extension=".mp4") as file:
        file.init_video_stream("h264", fps=30)
        file.set_video_filter(filter_sequence=[SMALL])
        for frame in iio.imiter(path, plugin=FastavPlugin, format="yuv444p"):
            file.write_frame(frame, pixel_format="yuv444p")
    assert read(buffer.getvalue()).shape == (COUNT, 120, 160, 3)
    assert iio.immeta(buffer.getvalue(), plugin=FastavPlugin)["fps"] == 30


def test_a_rate_that_is_no_whole_number() -> None:
    data = iio.imwrite("<bytes>", frames(), fps=3.5, **H264)
    assert iio.immeta(data, plugin=FastavPlugin)["fps"] == 3.5


def test_key_frames_come_as_often_as_asked() -> None:
    buffer = io.BytesIO()
    with iio.imopen(buffer, "w", plugin=FastavPlugin, extension=".mp4") as file:
        file.init_video_stream("h264", max_keyframe_interval=5, force_keyframes=True)
        for frame in frames(23):
            file.write_frame(frame)
    with iio.imopen(buffer.getvalue(), "r", plugin=FastavPlugin) as file:
        metas = [file.metadata(index=number) for number in range(23)]
    for is_start in (
        [meta["key_frame"] for meta in metas],
        [meta["frame_type"] == "I" for meta in metas],
    ):
        assert is_start[0]
        assert np.diff(np.flatnonzero(is_start)).max() <= 5


def test_tags_may_be_set_before_the_first_frame() -> None:
    buffer = io.BytesIO()
    with iio.imopen(buffer, "w", plugin=FastavPlugin, extension=".mp4") as file:
        file.init_video_stream("h264")
        file.container_metadata["comment"] = "turned"
        file.video_stream_metadata["rotate"] = "90"
        for frame in frames(3):
            file.write_frame(frame)
    meta = iio.immeta(buffer.getvalue(), plugin=FastavPlugin)
    assert meta["comment"] == "turned"
    assert meta["rotation"] == (-90 if CAN_ROTATE else 0)


def test_what_cannot_be_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="can not handle"):
        iio.imopen(io.BytesIO(), "w", plugin=FastavPlugin)
    with pytest.raises(OSError, match="can not handle"):
        iio.imopen(b"nonsense", "r", plugin=FastavPlugin)
    (tmp_path / "faulty.mp4").write_bytes(b"nonsense")
    with pytest.raises(OSError, match="can not handle"):
        iio.imopen(tmp_path / "faulty.mp4", "r", plugin=FastavPlugin)
    with pytest.raises(OSError, match="can not handle"):
        iio.imwrite(tmp_path / "foo.abc", np.zeros((16, 16, 3)), plugin=FastavPlugin)

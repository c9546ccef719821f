"""In the place of imageio's pyav plugin: its surface, its conventions, without its faults."""

from __future__ import annotations

import copy
import gc
import io
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
import imageio.v2
import imageio.v3 as iio
import numpy as np
import pytest
from imageio.config import known_extensions, known_plugins
from imageio.core.request import InitializationError, Request

import fastav
from fastav.imageio.plugin import FastavPlugin, _format_to_dtype, register
from fastav.imageio.video_file import VideoFile
from fastav.pyav import CAN_ROTATE

from .media import encode, reference

COUNT = 30


@pytest.fixture(scope="module")
def clip() -> bytes:
    return encode(count=COUNT, options={"g": "10"})


@pytest.fixture(scope="module")
def path(clip: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    path.write_bytes(clip)
    return path


@pytest.fixture(scope="module")
def expected(clip: bytes) -> np.ndarray:
    return reference(clip)


@pytest.fixture
def registered() -> Iterator[None]:
    """Undo what `register` does to imageio."""
    plugins = dict(known_plugins)
    yield
    known_plugins.clear()
    known_plugins.update(plugins)
    for kinds in known_extensions.values():
        for kind in kinds:
            kind.reset()


def opened(source: Any) -> FastavPlugin:
    return iio.imopen(source, "r", plugin=FastavPlugin)


# --- reading ---


def test_all_frames_are_those_of_pyav(path: Path, expected: np.ndarray) -> None:
    video = iio.imread(path, plugin=FastavPlugin)
    assert video.dtype == np.uint8
    np.testing.assert_array_equal(video, expected)
    np.testing.assert_array_equal(list(iio.imiter(path, plugin=FastavPlugin)), expected)
    np.testing.assert_array_equal(iio.imread(path, plugin="pyav"), video)


@pytest.mark.parametrize("format", ["rgb24", "bgr24", "rgba", "gray", "rgb48le", "gbrp", "yuv444p"])
def test_formats_are_those_of_the_plugin(path: Path, format: str) -> None:
    ours = iio.imread(path, plugin=FastavPlugin, format=format, index=3)
    with iio.imopen(path, "r", plugin="pyav") as file:
        theirs = next(frame for n, frame in enumerate(file.iter(format=format)) if n == 3)
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)


def test_every_index(path: Path, expected: np.ndarray) -> None:
    with opened(path) as file:
        for index in (7, 0, COUNT - 1, 8, 9, -1, -COUNT, np.int64(3), np.uint8(4)):
            np.testing.assert_array_equal(file.read(index=index), expected[int(index)])
        for index in (COUNT, -COUNT - 1, 10**12):
            with pytest.raises(IndexError, match="out of range"):
                file.read(index=index)
        with pytest.raises(TypeError):
            file.read(index=1.5)
    for index in (5, 29):
        one = iio.imread(path, plugin=FastavPlugin, index=index)
        np.testing.assert_array_equal(one, expected[index])


def test_reads_and_iterations_do_not_disturb_each_other(path: Path, expected: np.ndarray) -> None:
    with opened(path) as file:
        np.testing.assert_array_equal(file.read(), expected)
        np.testing.assert_array_equal(file.read(thread_count=2, thread_type="SLICE"), expected)
        first, second = file.iter(), file.iter(thread_type="FRAME")
        next(first)
        for number, frame in enumerate(second):
            np.testing.assert_array_equal(frame, expected[number])
        np.testing.assert_array_equal(next(first), expected[1])
        one = file.read(index=4, thread_type="FRAME", thread_count=2)
        np.testing.assert_array_equal(one, expected[4])
        np.testing.assert_array_equal(file.read(index=...), expected)
        np.testing.assert_array_equal(file.read(index=None), expected)


def test_every_kind_of_resource(clip: bytes, path: Path, expected: np.ndarray) -> None:
    archive = path.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("inside.mp4", clip)
    with path.open("rb") as file:
        for given in (path, str(path), f"file://{path}", clip, memoryview(clip), io.BytesIO(clip),
                      file, f"{archive}/inside.mp4"):  # fmt: skip
            np.testing.assert_array_equal(iio.imread(given, plugin=FastavPlugin), expected)
            if given is file:
                assert not file.closed


@contextmanager
def served(folder: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("name", ["clip.mp4", "clip.ts"])
def test_over_http(tmp_path: Path, name: str) -> None:
    data = encode(count=12, container="mpegts" if name.endswith("ts") else "mp4")
    (tmp_path / name).write_bytes(data)
    with served(tmp_path) as url:
        np.testing.assert_array_equal(
            iio.imread(f"{url}/{name}", plugin=FastavPlugin), reference(data)
        )
        one = fastav.imread(f"{url}/{name}", index=5, conversion="ffmpeg")
        np.testing.assert_array_equal(one, reference(data)[5])
        with pytest.raises((OSError, fastav.FastavError)):
            fastav.imread(f"{url}/nothing.mp4")


def test_the_stored_format(path: Path) -> None:
    with opened(path) as file, pytest.raises(OSError, match="yuv420p frames of 64x48 are not one"):
        file.read(format=None)
    stored = encode(count=3, pixel_format="yuv444p")
    with av.open(io.BytesIO(stored)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(video=0)]
    np.testing.assert_array_equal(iio.imread(stored, plugin=FastavPlugin, format=None), frames)


def test_a_picture(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (31, 33, 3), np.uint8)
    iio.imwrite(tmp_path / "a.png", picture, plugin="pillow")
    np.testing.assert_array_equal(iio.imread(tmp_path / "a.png", plugin=FastavPlugin), [picture])


# --- filters ---


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ([("tpad", "start=3:start_mode=clone")], [0, 0, 0, *range(COUNT)]),
        ([("framestep", "5")], list(range(0, COUNT, 5))),
        ([("reverse", "")], list(range(COUNT))[::-1]),
        ([("trim", {"start": 0.5, "end": 1})], list(range(12, 24))),
        ([("fps", "48")], [n // 2 for n in range(2 * COUNT)]),
        ([("select", "not(mod(n,7))"), ("reverse", "")], [28, 21, 14, 7, 0]),
    ],
)
def test_filters_lose_nothing(
    path: Path, expected: np.ndarray, filters: Any, numbers: list[int]
) -> None:
    wanted = expected[numbers]
    video = iio.imread(path, plugin=FastavPlugin, filter_sequence=filters)
    np.testing.assert_array_equal(video, wanted)
    with opened(path) as file:
        np.testing.assert_array_equal(list(file.iter(filter_sequence=filters)), wanted)
        for index in (0, len(wanted) - 1, -1, -len(wanted), len(wanted) // 2):
            one = file.read(index=index, filter_sequence=filters)
            np.testing.assert_array_equal(one, wanted[index])
        for index in (len(wanted), -len(wanted) - 1):
            with pytest.raises(IndexError, match="out of range"):
                file.read(index=index, filter_sequence=filters)
        file.set_video_filter(filters)
        np.testing.assert_array_equal(file.read(), wanted)
        file.set_video_filter()
        np.testing.assert_array_equal(file.read(), expected)


GRAPH: Any = (
    {"step": ("framestep", "5"), "scale": ("scale", {"size": "32x24", "flags": "lanczos"})},
    [("video_in", "step", 0, 0), ("step", "scale", 0, 0), ("scale", "video_out", 0, 0)],
)


def test_a_graph_does_what_the_plugin_does(path: Path) -> None:
    ours = iio.imread(path, plugin=FastavPlugin, filter_graph=GRAPH)
    np.testing.assert_array_equal(ours, iio.imread(path, plugin="pyav", filter_graph=GRAPH))
    assert ours.shape == (6, 24, 32, 3)


def test_wrong_filters_are_value_errors(path: Path) -> None:
    with opened(path) as file:
        for sequence, message in ([("nope", "")], "nope"), ([("scale", "bogus=1")], "bogus"):
            with pytest.raises(ValueError, match=message):
                file.read(filter_sequence=sequence)
            with pytest.raises(ValueError, match=message):
                file.read(index=3, filter_sequence=sequence)
        with pytest.raises(ValueError, match="no path"):
            file.read(filter_graph=({}, []))
        assert len(file.read()) == COUNT


def test_filters_and_damage(clip: bytes) -> None:
    data = encode(count=60, container="mpegts", options={"g": "10"})[:-20000]
    kept = fastav.imread(data, errors="keep")
    assert 0 < len(kept) < 60
    back = fastav.imread(data, errors="keep", filter_sequence=[("reverse", "")])
    np.testing.assert_array_equal(back, kept[::-1])


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="counts threads with /proc")
def test_damage_leaves_no_thread() -> None:
    data = encode(codec="png", container="mov", pixel_format="rgb24")
    data = data[: len(data) // 2] + b"\xff" * 20000 + data[len(data) // 2 + 20000 :]
    before, wrong = len(os.listdir("/proc/self/task")), []
    gc.disable()
    try:
        for _ in range(3):
            try:
                fastav.imread(data)
            except fastav.DecodeError as error:
                wrong.append(str(error))
    finally:
        gc.enable()
    assert len(wrong) == 3
    assert len(os.listdir("/proc/self/task")) <= before


# --- properties and metadata ---


def test_properties(path: Path) -> None:
    with opened(path) as file:
        for format in ("yuv420p", "nv24", "nv12", None):
            with pytest.raises(OSError, match="not one strided array"):
                file.properties(format=format)
        props = file.properties()
        assert type(props).__module__.startswith("imageio")
        assert (props.shape, props.dtype) == ((COUNT, 48, 64, 3), np.uint8)
        assert (props.n_images, props.is_batch, props.spacing) == (COUNT, True, None)
        props = file.properties(index=-1, format="rgb48")
        assert (props.shape, props.dtype) == ((48, 64, 3), np.uint16)
        assert (props.n_images, props.is_batch) == (None, False)
        with pytest.raises(IndexError):
            file.properties(index=COUNT)
    for format, shape, dtype in (
        ("gbrp", (3, 48, 64), "u1"),
        ("gbrpf32be", (3, 48, 64), ">f4"),
        ("gray16be", (48, 64), ">u2"),
        ("yuv444p10le", (3, 48, 64), "<u2"),
        ("rgbaf16le", (48, 64, 4), "<f2"),
        ("0rgb", (48, 64, 4), "u1"),
    ):
        props = iio.improps(path, plugin=FastavPlugin, index=0, format=format)
        assert (props.shape, props.dtype) == (shape, np.dtype(dtype))


@pytest.mark.parametrize("container", ["matroska", "mpegts", "mp4", "avi", "h264"])
def test_the_count_is_exact(container: str) -> None:
    data = encode(count=17, container=container)
    assert iio.improps(data, plugin=FastavPlugin).n_images == 17
    assert fastav.improps(data).shape[0] == 17
    assert iio.improps(data, plugin=FastavPlugin, format="gray").shape == (17, 48, 64)


def test_metadata_of_the_video(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with iio.imopen(path, "w", plugin=FastavPlugin) as file:
        file.init_video_stream("libx264", fps="30000/1001")
        file.container_metadata["comment"] = "made here"
        file.container_metadata["title"] = "Nebel"
        file.video_stream_metadata["rotate"] = "90"
        for frame in np.zeros((30, 48, 64, 3), np.uint8):
            file.write_frame(frame)
    meta = iio.immeta(path, plugin=FastavPlugin)
    with av.open(str(path)) as container:
        profile = container.streams.video[0].profile
    assert meta["profile"] == profile
    assert (meta["codec"], meta["video_format"], meta["size"]) == ("h264", "yuv420p", (64, 48))
    assert meta["fps"] == 30000 / 1001
    assert meta["duration"] == pytest.approx(1.001)
    assert (meta["comment"], meta["title"]) == ("made here", "Nebel")
    assert meta["rotation"] == (-90 if CAN_ROTATE else 0)
    assert meta["colour_matrix"] == meta["colour_primaries"] == "unspecified"
    theirs = iio.immeta(path, plugin="pyav")
    assert {name: meta[name] for name in theirs} == theirs
    with opened(path) as file:
        assert file.metadata(index=None) == file.metadata() == fastav.immeta(path) == meta
        assert file.container_metadata["title"] == "Nebel"
        assert file.video_stream_metadata["handler_name"]


def test_metadata_of_a_frame(path: Path) -> None:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    with opened(path) as file:
        for index in (0, 4, 11, 20, -1):
            meta, frame = file.metadata(index=index), frames[index]
            assert meta["key_frame"] is bool(frame.key_frame)
            assert (meta["time"], meta["pts"]) == (frame.time, frame.pts)
            assert meta["interlaced_frame"] is False
            assert meta["frame_type"] == {1: "I", 2: "P", 3: "B"}[int(frame.pict_type)]
        assert bytes in {type(value) for value in file.metadata(index=0).values()}  # x264's SEI
        with pytest.raises(IndexError):
            file.metadata(index=COUNT)
    assert (
        iio.immeta(path, plugin=FastavPlugin, index=4, constant_framerate=False)["pts"]
        == frames[4].pts
    )


def test_metadata_of_a_frame_has_the_names_of_imageios(path: Path) -> None:
    with av.open(str(path)) as container:  # imageio's own plugin fails here with PyAV 19
        frame = next(container.decode(video=0))
    side_data = {kind.name: frame.side_data.get(kind) for kind in av.sidedata.sidedata.Type}
    expected = {
        "key_frame": True,
        "time": frame.time,
        "interlaced_frame": False,
        "frame_type": "I",
        **{name: bytes(data) for name, data in side_data.items() if data is not None},
    }
    assert "SEI_UNREGISTERED" in expected  # x264's word on itself
    ours = iio.immeta(path, plugin=FastavPlugin, index=0)
    assert {name: ours[name] for name in expected} == expected


# --- writing ---


def test_writing_and_reading_back(tmp_path: Path) -> None:
    frames = np.random.default_rng(1).integers(0, 256, (5, 48, 64, 3), np.uint8)
    settings: dict[str, Any] = {"plugin": FastavPlugin, "codec": "ffv1", "fps": Fraction(25, 2)}
    for given in (frames, list(frames), iter(frames)):
        assert iio.imwrite(tmp_path / "a.mkv", given, **settings) is None
        np.testing.assert_array_equal(iio.imread(tmp_path / "a.mkv", plugin=FastavPlugin), frames)
    assert iio.immeta(tmp_path / "a.mkv", plugin=FastavPlugin)["fps"] == 12.5
    data = iio.imwrite("<bytes>", frames, extension=".mkv", **settings)
    np.testing.assert_array_equal(iio.imread(data, plugin=FastavPlugin), frames)
    buffer = io.BytesIO()
    iio.imwrite(buffer, frames, extension=".mkv", **settings)
    np.testing.assert_array_equal(iio.imread(buffer.getvalue(), plugin=FastavPlugin), frames)
    archive = tmp_path / "a.zip"
    zipfile.ZipFile(archive, "w").close()
    iio.imwrite(f"{archive}/a.mkv", frames, **settings)
    np.testing.assert_array_equal(iio.imread(f"{archive}/a.mkv", plugin=FastavPlugin), frames)
    picture = iio.imwrite(
        "<bytes>", frames[0], extension=".png", plugin=FastavPlugin, is_batch=False
    )
    np.testing.assert_array_equal(iio.imread(picture, plugin="pillow"), frames[0])


def test_several_writes_and_options(tmp_path: Path) -> None:
    frames = np.zeros((4, 48, 64), np.uint8)
    with iio.imopen(tmp_path / "a.mp4", "w", plugin=FastavPlugin) as file:
        file.write(frames, in_pixel_format="gray", fps=10, options={"crf": "18", "preset": "slow"})
        file.write(frames[0], is_batch=False, in_pixel_format="gray", codec="ignored", fps=99)
        file.write(frames, in_pixel_format="gray", filter_sequence=[("reverse", "")])
    assert iio.improps(tmp_path / "a.mp4", plugin=FastavPlugin).n_images == 9
    assert iio.immeta(tmp_path / "a.mp4", plugin=FastavPlugin)["fps"] == 10


def test_a_filter_while_writing(tmp_path: Path) -> None:
    with iio.imopen(tmp_path / "a.mp4", "w", plugin=FastavPlugin) as file:
        file.init_video_stream("libx264", max_keyframe_interval=5, force_keyframes=True)
        file.set_video_filter([("scale", {"size": "32x16"})])
        for frame in np.zeros((12, 3, 48, 64), np.uint8):
            file.write_frame(frame, pixel_format="yuv444p")
    props = iio.improps(tmp_path / "a.mp4", plugin=FastavPlugin)
    assert props.shape == (12, 16, 32, 3)
    with opened(tmp_path / "a.mp4") as file:
        keys = [n for n in range(12) if file.metadata(index=n)["key_frame"]]
    assert np.diff([*keys, 12]).max() <= 5


def test_the_container_argument() -> None:
    target = io.BytesIO()
    with iio.imopen(target, "w", plugin=FastavPlugin, container="matroska") as file:
        file.write(np.zeros((2, 48, 64, 3), np.uint8))
    with av.open(io.BytesIO(target.getvalue())) as container:
        assert "matroska" in container.format.name


def test_resources_are_declined(tmp_path: Path) -> None:
    text = tmp_path / "a.txt"
    text.write_text("no video")
    (tmp_path / "empty.mp4").touch()
    for given in (b"nonsense", text, tmp_path / "empty.mp4", tmp_path, "<video0>", "<screen>"):
        with pytest.raises(InitializationError, match="fastav does not read"):
            FastavPlugin(Request(given, "r"))
        with pytest.raises(OSError, match="can not handle the given uri"):
            iio.imopen(given, "r", plugin=FastavPlugin)
    for given in (io.BytesIO(), tmp_path / "a.abc", tmp_path / "a"):
        with pytest.raises(InitializationError):
            FastavPlugin(Request(given, "w"))
    file = io.BytesIO(b"??nonsense")
    file.seek(2)
    with pytest.raises(InitializationError):
        FastavPlugin(Request(file, "r"))
    assert (file.tell(), file.closed) == (2, False)
    with pytest.raises(OSError, match="unknown error") as raised:
        iio.imopen(encode(count=1), "r", plugin=FastavPlugin, bogus=1)
    assert isinstance(raised.value.__cause__, TypeError)


def test_closing(path: Path) -> None:
    file = opened(path)
    frames = file.iter()
    next(frames)
    file.close()
    file.close()
    with pytest.raises(ValueError, match="closed"):
        file.read()
    with pytest.raises(ValueError, match="not open for writing"):
        file.write(np.zeros((1, 48, 64, 3), np.uint8))
    frames.close()


# --- imageio's own doors ---


@pytest.mark.usefixtures("registered")
def test_register(path: Path, expected: np.ndarray) -> None:
    fastav.register()
    register()
    np.testing.assert_array_equal(iio.imread(path, plugin="fastav"), expected)
    assert all(
        "fastav" not in kind.priority for kinds in known_extensions.values() for kind in kinds
    )
    with iio.imopen(path, "r") as file:
        assert not isinstance(file, FastavPlugin)
    before = [
        kind for kinds in known_extensions.values() for kind in kinds if "pyav" in kind.priority
    ]
    fastav.register(default=True)
    fastav.register(default=True)
    after = [
        kind for kinds in known_extensions.values() for kind in kinds if "fastav" in kind.priority
    ]
    assert {kind.extension for kind in before} == {kind.extension for kind in after}
    for kind in after:
        assert kind.priority.count("fastav") == 1
        assert kind.priority.index("fastav") == kind.priority.index("pyav") - 1
    with iio.imopen(path, "r") as file:
        assert isinstance(file, FastavPlugin)


def imageio_knows() -> tuple[object, object]:
    priorities = [list(kind.priority) for kinds in known_extensions.values() for kind in kinds]
    return dict(known_plugins), priorities


@pytest.mark.usefixtures("registered")
def test_in_the_place_of_pyav(path: Path, tmp_path: Path, expected: np.ndarray) -> None:
    before = imageio_knows()
    theirs = known_plugins["pyav"].plugin_class
    for _ in range(2):  # the second time must not take fastav for what was there before
        fastav.register(replace="pyav", default=True)
    with iio.imopen(path, "r", plugin="pyav") as file:
        assert isinstance(file, FastavPlugin)
        np.testing.assert_array_equal(file.read(index=7), expected[7])
    with iio.imopen(tmp_path / "new.mp4", "w", plugin="pyav") as file:
        assert isinstance(file, FastavPlugin)
        file.init_video_stream("libx264", fps=25)
        file.write_frame(expected[0])
    assert iio.improps(tmp_path / "new.mp4", plugin="pyav").shape == (1, 48, 64, 3)
    with imageio.v2.get_reader(path, format="pyav") as reader:
        np.testing.assert_array_equal(reader.get_data(3), expected[3])
    with pytest.raises(OSError, match="`pyav` can not handle the given uri"):
        iio.imread(b"no video", plugin="pyav")
    for _ in range(2):
        fastav.unregister()
        assert imageio_knows() == before
    with iio.imopen(path, "r", plugin="pyav") as file:
        assert type(file) is theirs


@pytest.mark.usefixtures("registered")
def test_unregister_leaves_what_others_did(path: Path) -> None:
    own = known_plugins["pyav"]
    fastav.register(replace="pyav")
    known_plugins["pyav"] = another = copy.copy(own)
    fastav.unregister()
    assert known_plugins["pyav"] is another
    fastav.unregister()
    assert known_plugins["pyav"] is another
    with pytest.raises(ValueError, match="replace must be None or 'pyav', got 'FFMPEG'"):
        fastav.register(replace="FFMPEG")
    assert "fastav" not in known_plugins


@pytest.mark.usefixtures("registered")
def test_version_2(path: Path, tmp_path: Path, expected: np.ndarray) -> None:
    register()
    with imageio.v2.get_reader(path, format="fastav") as reader:
        assert len(reader) == COUNT
        assert reader.get_meta_data()["codec"] == "h264"
        np.testing.assert_array_equal(reader.get_data(3), expected[3])
        np.testing.assert_array_equal(reader.get_next_data(), expected[4])
        assert reader.get_meta_data(3)["key_frame"] is False
        for number, frame in enumerate(reader):
            np.testing.assert_array_equal(frame, expected[number])
            assert frame.meta["pts"] is not None
    with imageio.v2.get_writer(tmp_path / "a.mkv", format="fastav", codec="ffv1", fps=7) as writer:
        for frame in expected[:4]:
            writer.append_data(frame)
    np.testing.assert_array_equal(
        imageio.v2.mimread(tmp_path / "a.mkv", format="fastav"), expected[:4]
    )
    assert fastav.immeta(tmp_path / "a.mkv")["fps"] == 7


def test_dtypes_of_formats() -> None:
    for name in av.video.format.names:
        format = av.VideoFormat(name)
        if not format.components or name in ("cuda", "d3d11", "d3d12", "vulkan", "amf"):
            with pytest.raises(ValueError, match="no dtype"):
                _format_to_dtype(format)
        else:
            assert _format_to_dtype(format).itemsize in (1, 2, 4, 8)
    assert _format_to_dtype(av.VideoFormat("rgb48be")) == np.dtype(">u2")
    assert _format_to_dtype(av.VideoFormat("grayf32le")) == np.dtype("<f4")
    assert _format_to_dtype(av.VideoFormat("rgbaf16be")) == np.dtype(">f2")


# --- fastav's own functions ---


def test_imageios_words(path: Path, tmp_path: Path, expected: np.ndarray) -> None:
    ffmpeg: dict[str, Any] = {"conversion": "ffmpeg"}
    np.testing.assert_array_equal(
        fastav.imread(path, plugin="pyav", index=None, **ffmpeg), expected
    )
    np.testing.assert_array_equal(fastav.imread(path, index=-2, **ffmpeg), expected[-2])
    stepped = fastav.imread(path, filter_sequence=[("framestep", "5")], **ffmpeg)
    np.testing.assert_array_equal(stepped, expected[::5])
    one = fastav.imread(path, index=1, filter_sequence=[("framestep", "5")], **ffmpeg)
    np.testing.assert_array_equal(one, expected[5])
    frames = fastav.imiter(path, filter_sequence=[("framestep", "5")], **ffmpeg)
    np.testing.assert_array_equal(list(frames), expected[::5])
    props = fastav.improps(path, index=2, format="gray")
    assert (props.shape, props.is_batch) == ((48, 64), False)
    with fastav.imopen(path, "r") as file:
        assert type(file) is VideoFile
        assert file.read(index=0).shape == (48, 64, 3)
    with fastav.imopen(tmp_path / "x", "w", extension=".mkv") as file:
        file.write(expected, codec="ffv1")
    np.testing.assert_array_equal(fastav.imread(tmp_path / "x"), expected)
    for call in (fastav.imread, fastav.improps, fastav.immeta):
        with pytest.raises(TypeError, match="'bogus'"):
            call(path, bogus=1)
    with pytest.raises(TypeError, match="'bogus'"):
        next(fastav.imiter(path, bogus=1))
    with pytest.raises(ValueError, match="no plugin 'opencv'"):
        fastav.imread(path, plugin="opencv")
    with pytest.raises(ValueError, match="io_mode"):
        fastav.imopen(path, "a")


def run(code: str) -> str:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.strip()


def test_imageio_is_imported_only_when_asked_for() -> None:
    assert run("import fastav, sys; print('imageio' in sys.modules)") == "False"


def test_without_imageio() -> None:
    code = """
import sys
sys.modules["imageio"] = None
import fastav
try:
    fastav.register()
except ImportError as error:
    print(error)
"""
    assert "pip install 'fastav[imageio]'" in run(code)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_exit_and_fork_without_collection(path: Path) -> None:
    code = f"""
import gc, os, sys
gc.disable()
import imageio.v3 as iio
from fastav.imageio_plugin import FastavPlugin
with iio.imopen({str(path)!r}, "r", plugin=FastavPlugin) as file:
    for index in range(8):
        file.read(index=index)
    file.read(filter_sequence=[("scale", "32:24")])
print(len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1)
child = os.fork()
if child == 0:
    gc.collect()
    assert len(iio.imread({str(path)!r}, plugin=FastavPlugin)) == {COUNT}
    os._exit(0)
print(os.waitpid(child, 0)[1])
left_open = iio.imopen({str(path)!r}, "r", plugin=FastavPlugin)
rest = left_open.iter()
next(rest)
"""
    threads, status = run(code).split()
    assert status == "0"
    assert int(threads) <= 2 + int(
        run("import os, numpy; print(len(os.listdir('/proc/self/task')))")
    )


def test_bytes_written_frame_by_frame(expected: np.ndarray) -> None:
    file = iio.imopen("<bytes>", "w", plugin=FastavPlugin, extension=".mp4")
    file.init_video_stream("libx264", fps=10)
    for frame in expected[:4]:
        file.write_frame(frame)
    file.close()
    data = file.request.get_result()
    file.close()
    assert fastav.imread(data).shape[0] == 4


def test_reads_inherit_what_was_said_at_opening(path: Path, expected: np.ndarray) -> None:
    with fastav.imopen(path, "r", format="gray", thread_count=1) as file:
        assert file.read().shape == expected.shape[:3]
        assert next(file.iter()).shape == expected.shape[1:3]
        assert file.properties().shape == expected.shape[:3]
        assert file.read(format="rgb24").shape == expected.shape
    with iio.imopen(path, "r", plugin=FastavPlugin) as file:
        assert file.read().shape == expected.shape


@pytest.mark.skipif(not CAN_ROTATE, reason="PyAV 15 and 16 cannot write a rotation")
def test_properties_of_turned_pictures(tmp_path: Path, expected: np.ndarray) -> None:
    path = tmp_path / "turned.mp4"
    fastav.imwrite(path, expected, rotation=90)
    turned = fastav.imread(path, rotate=True).shape
    assert turned[1:3] == expected.shape[2:0:-1]
    assert fastav.improps(path, rotate=True, format_hint=".mp4").shape == turned
    assert fastav.improps(path, rotate=True, index=0).shape == turned[1:]
    assert fastav.immeta(path, format_hint=".mp4")["rotation"] == 90


def test_a_raw_stream_has_times(tmp_path: Path, expected: np.ndarray) -> None:
    path = tmp_path / "raw.h264"
    fastav.imwrite(path, expected, fps=10, codec="libx264")
    with fastav.open(path) as reader:
        first = reader.metadata(0)
        assert first["pts"] == reader.pts[0]
        assert first["time"] == reader.timestamps[0]
        assert reader.fps == pytest.approx(1 / np.diff(reader.timestamps).mean())

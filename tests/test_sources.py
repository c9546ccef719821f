"""Names of files and sources: colons, patterns, globs and lists of pictures, plain servers."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastav

from .media import encode
from .process import run_script


@pytest.mark.parametrize("name", ["10:30:00.mp4", "a:b.mp4", "http:x.mp4", "file:x.mp4", "-x.mp4"])
def test_what_is_on_disk_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    data = encode(count=5)
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(data)
    frames = fastav.imread(data)
    for source in (name, Path(name), str(tmp_path / name)):
        np.testing.assert_array_equal(fastav.imread(source), frames)
        assert fastav.open(source).shape == frames.shape
    fastav.imwrite(Path(f"w{name}"), frames)
    assert Path(f"w{name}").stat().st_size
    with pytest.raises(FileNotFoundError):
        fastav.open(Path(f"no{name}"))


@pytest.mark.parametrize(
    "name", ["clip.mp4", "a:b.mp4", "p%02d.png", "p*.png", ["p00.png", "p01.png"]]
)
def test_a_change_of_directory_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: Any
) -> None:
    """A relative path is where it was when the reader was opened, and nobody else's file."""
    expected = []
    for number, folder in enumerate(("here[1]", "there")):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        for file in ("clip.mp4", "a:b.mp4"):
            Path(file).write_bytes(encode(count=40, seed=number, options={"g": "8"}))
        for i, picture in enumerate(fastav.imread("clip.mp4")[:2]):
            fastav.imwrite(f"p{i:02d}.png", picture)
        expected.append(fastav.imread(name))
    monkeypatch.chdir(tmp_path / "here[1]")
    with fastav.open(name, thread_count=2) as reader:
        iterator = iter(reader)
        frames = [next(iterator)]
        saved = pickle.dumps(reader)
        for folder in (tmp_path, tmp_path / "there"):
            monkeypatch.chdir(folder)
            np.testing.assert_array_equal(reader.read(), expected[0])
            np.testing.assert_array_equal(reader[::-1], expected[0][::-1])
            np.testing.assert_array_equal(reader[1], expected[0][1])
            with pickle.loads(saved) as copy:
                np.testing.assert_array_equal(list(copy), expected[0])
        np.testing.assert_array_equal([*frames, *iterator], expected[0])
        with fastav.open(name) as other:
            np.testing.assert_array_equal(other.read(), expected[1])


@pytest.mark.skipif(os.name != "posix", reason="elsewhere the working directory cannot be removed")
def test_absolute_paths_need_no_working_directory(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(encode(count=5))
    script = """
        import os, sys, tempfile, fastav
        folder = tempfile.mkdtemp()
        os.chdir(folder)
        os.rmdir(folder)
        print(len(fastav.imread(sys.argv[1])))
    """
    assert run_script(script, str(tmp_path / "clip.mp4")) == "5\n"


def test_another_file_in_its_place(tmp_path: Path) -> None:
    """Frames of two files are never given as one video's."""
    path, other = tmp_path / "clip.mp4", tmp_path / "other.mp4"
    path.write_bytes(encode(count=40, seed=1))
    other.write_bytes(encode(count=30, seed=2))
    with fastav.open(path) as reader:
        first = reader.read()
        np.testing.assert_array_equal(reader[5], first[5])
        os.replace(other, path)
        for read in (reader.read, lambda: list(reader), lambda: reader.read(stop=1)):
            with pytest.raises(OSError, match="another file has taken its place") as info:
                read()
            assert info.value.filename == str(path)
        np.testing.assert_array_equal(reader[5], first[5])  # of what was open all the time
    with fastav.open(path) as reader:
        assert len(reader.read()) == 30


def test_a_file_that_grows_is_the_same(tmp_path: Path) -> None:
    path, data = tmp_path / "clip.ts", encode(count=40, container="mpegts")
    path.write_bytes(data[: len(data) // 188 // 2 * 188])
    with fastav.open(path) as reader:
        before = len(reader.read(errors="keep"))
        path.write_bytes(data)
        assert len(reader.read()) == 40 > before


def test_what_is_written_lies_where_it_was_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    frames = np.random.default_rng(0).integers(0, 256, (4, 16, 24, 3), np.uint8)
    for folder in (here, there):
        folder.mkdir()
    for name in ("out.mkv", "p%02d.png"):
        monkeypatch.chdir(here)
        with fastav.open(name, "w", fps=25) as writer:
            writer.write(frames[:2])
            monkeypatch.chdir(there)
            writer.write(frames[2:])
    assert not list(there.iterdir())
    assert len(fastav.imread(here / "out.mkv")) == 4
    np.testing.assert_array_equal(fastav.imread(here / "p*.png"), frames)


# Pictures


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    folder = tmp_path_factory.mktemp("it's pictures")
    frames = np.random.default_rng(0).integers(0, 256, (12, 16, 24, 3), np.uint8)
    for number, frame in enumerate(frames):
        fastav.imwrite(folder / f"frame_{number:03d}.png", frame)
    return folder, frames


def test_patterns_and_globs(pictures: tuple[Path, np.ndarray]) -> None:
    folder, frames = pictures
    for source in (
        folder / "frame_%03d.png",
        str(folder / "frame_%03d.png"),
        folder / "*.png",
        str(folder / "frame_0[01]?.png"),
        [folder / f"frame_{number:03d}.png" for number in range(12)],
    ):
        np.testing.assert_array_equal(fastav.imread(source), frames)
        with fastav.open(source) as reader:
            assert reader.shape == frames.shape
            np.testing.assert_array_equal(reader[[7, 3, -1]], frames[[7, 3, -1]])
            np.testing.assert_allclose(reader.timestamps, np.arange(12) / 25)
            copy = pickle.loads(pickle.dumps(reader))
            np.testing.assert_array_equal(copy[5], frames[5])
            copy.close()


def test_a_list_is_in_its_own_order(pictures: tuple[Path, np.ndarray]) -> None:
    folder, frames = pictures
    order = [3, 1, 1, 11, 0, 2]
    files = [str(folder / f"frame_{number:03d}.png") for number in order]
    with fastav.open(files, options={"framerate": "30000/1001"}) as reader:
        np.testing.assert_array_equal(reader.read(), frames[order])
        np.testing.assert_array_equal(reader[4], frames[0])
        np.testing.assert_allclose(reader.timestamps, np.arange(6) * 1001 / 30000)
        assert reader.fps == pytest.approx(30000 / 1001)


def test_lists_are_checked(pictures: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    folder, _ = pictures
    good = folder / "frame_000.png"
    other = tmp_path / "other.png"
    fastav.imwrite(other, np.zeros((8, 24, 3), np.uint8))
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(encode(count=5))
    with fastav.open([good, good, other]) as reader:
        with pytest.raises(fastav.FrameChangedError, match="frame 2 is 24x8"):
            reader.read()
        assert reader.read(resize=True).shape == (3, 16, 24, 3)
    missing = tmp_path / "missing.png"
    for source, error, said in (
        ([good, missing], FileNotFoundError, "missing.png"),
        (tmp_path / "no*.png", FileNotFoundError, r"no\*.png"),
        ([], ValueError, "empty"),
        ([good, 3], TypeError, "paths of pictures, got 3"),
        ([clip, clip], ValueError, "read it on its own"),
        ([Path(__file__)], fastav.NotAVideoError, "cannot open"),
        (tmp_path / "frame_%03d.png", FileNotFoundError, "frame_%03d"),
    ):
        with pytest.raises(error, match=said):
            fastav.open(source)


# Servers that serve files from their start only


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    folder = tmp_path_factory.mktemp("served")

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            pass  # who has read enough hangs up

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("container", ["matroska", "avi", "mpegts", "faststart.mp4", "mp4"])
def test_a_server_without_ranges(server: tuple[Path, str], container: str) -> None:
    folder, url = server
    name = f"clip.{container}"
    data = encode(
        count=60, width=320, height=240, container=container.rpartition(".")[2],
        options={"g": "12", "crf": "5", "preset": "ultrafast"},
    )  # fmt: skip
    frames = fastav.imread(data)
    assert len(data) > 1 << 21  # more than FFmpeg has at hand
    if container == "faststart.mp4":
        with fastav.open(
            folder / name, "w", codec="libx264", container_options={"movflags": "faststart"},
            options={"g": "12", "crf": "0", "preset": "ultrafast"}, out_pixel_format="yuv444p",
        ) as writer:  # fmt: skip
            writer.write(frames)
        frames = fastav.imread(folder / name)
    else:
        (folder / name).write_bytes(data)
    with fastav.open(f"{url}/{name}") as reader:
        if container == "mp4":  # what tells where the frames lie comes last
            for read in (lambda: reader[20], reader.read, lambda: reader.get_batch([50, 3])):
                with pytest.raises((OSError, fastav.DecodeError), match=r"cannot|failed"):
                    read()
            return
        np.testing.assert_array_equal(reader[20], frames[20])
        np.testing.assert_array_equal(reader[3], frames[3])
        np.testing.assert_array_equal(reader[-1], frames[-1])
        np.testing.assert_array_equal(reader.get_batch([50, 3]), frames[[50, 3]])
        np.testing.assert_array_equal(reader.read(), frames)

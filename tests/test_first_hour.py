"""Programs that users of other packages write in their first hour, each in the words they know."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import av
import imageio.v3 as iio
import numpy as np
import pytest

import fastav
from fastav.imageio_plugin import FastavPlugin
from fastav.pyav import CAN_ROTATE, ONE_THREAD

from .media import encode, pictures

COUNT = 30


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    path.write_bytes(encode(count=COUNT, options={"g": "10", "bf": "0", "sc_threshold": "0"}))
    return path


def test_a_user_of_imageio(clip: Path, tmp_path: Path) -> None:
    """Read, look, brighten as floats, write again; ask beyond the end; make a GIF of it."""
    video = iio.imread(clip, plugin=FastavPlugin)
    np.testing.assert_array_equal(video, iio.imread(clip, plugin="pyav"))
    properties = iio.improps(clip, plugin=FastavPlugin)
    assert (properties.shape, properties.n_images) == (video.shape, COUNT)
    assert iio.immeta(clip, plugin=FastavPlugin)["fps"] == 24
    brighter = np.clip(video * 1.2, 0, 255)  # float64
    target = tmp_path / "brighter.mp4"
    iio.imwrite(target, brighter, plugin=FastavPlugin, codec="libx264", fps=24, quality=9)
    again = iio.imread(target, plugin=FastavPlugin)
    assert np.abs(again.astype(int) - brighter).mean() < 4
    with pytest.raises(StopIteration):
        iio.imread(clip, index=COUNT, plugin=FastavPlugin)
    with pytest.raises(OSError, match="rgb24"):
        iio.imread(clip, format=None, plugin=FastavPlugin)
    small = [frame[::2, ::2] for frame in iio.imiter(clip, plugin=FastavPlugin)]
    iio.imwrite(tmp_path / "small.gif", small, plugin=FastavPlugin, duration=50, loop=0)
    assert iio.imread(tmp_path / "small.gif", plugin="pillow").shape == (COUNT, 24, 32, 3)


def test_a_user_of_decord(clip: Path) -> None:
    """Length, single frames, slices, batches of spread frames, key frames, times."""
    reader = fastav.VideoReader(str(clip))
    everything = fastav.imread(clip)
    assert len(reader) == COUNT
    assert reader[0].shape == (48, 64, 3)
    np.testing.assert_array_equal(reader[-1], everything[-1])
    np.testing.assert_array_equal(reader[3:9], everything[3:9])
    indices = np.linspace(0, len(reader) - 1, 8).astype(int)
    np.testing.assert_array_equal(reader.get_batch(indices), everything[indices])
    np.testing.assert_array_equal(reader.get_batch([5, 5, 1]), everything[[5, 5, 1]])
    assert reader.key_indices.tolist() == [0, 10, 20]
    assert reader.fps == 24
    assert reader.timestamps[6] == pytest.approx(0.25)
    for number, frame in enumerate(reader):
        np.testing.assert_array_equal(frame, everything[number])
    with pytest.raises(TypeError, match="thread_count="):
        fastav.VideoReader(str(clip), num_threads=1)
    reader.close()


def test_a_user_of_torchcodec(clip: Path) -> None:
    """Frames and batches with their times, by number and by time; channels first."""
    decoder = fastav.open(clip, layout="chw")
    frame = decoder.get_frame_at(5)
    assert frame.data.shape == (3, 48, 64)
    assert (frame.pts_seconds, frame.duration_seconds) == pytest.approx((5 / 24, 1 / 24))
    batch = decoder.get_frames_in_range(3, 5)
    assert batch.data.shape == (2, 3, 48, 64)
    np.testing.assert_allclose(batch.pts_seconds, [3 / 24, 4 / 24])
    batch = decoder.get_frames_in_range(start=0, stop=COUNT, step=7)
    assert [one.index for one in batch] == [0, 7, 14, 21, 28]
    batch = decoder.get_frames_at([2, 0, 2])
    np.testing.assert_array_equal(batch.data[0], batch[2].data)
    assert decoder.get_frame_played_at(0.51).index == 12
    assert decoder.get_frames_played_at([0.51, 0.0]).indices.tolist() == [12, 0]
    batch = decoder.get_frames_played_in_range(0.5, 1.0)
    assert batch.indices.tolist() == list(range(12, 24))
    assert len(decoder.get_all_frames()) == len(decoder) == COUNT
    decoder.close()


def test_a_user_of_numpy(clip: Path, tmp_path: Path) -> None:
    """A reader in the place of an array, arrays in the place of a video."""
    reader = fastav.open(clip)
    array = np.asarray(reader)
    assert (reader.shape, reader.ndim, reader.size, reader.dtype) == (
        (array.shape, array.ndim, array.size, array.dtype)
    )
    np.testing.assert_array_equal(reader[3, 10:20, ..., 0], array[3, 10:20, ..., 0])
    np.testing.assert_array_equal(reader[:, ::2, ::2], array[:, ::2, ::2])
    np.testing.assert_array_equal(reader[array.mean(axis=(1, 2, 3)) > 120], reader[:][
        array.mean(axis=(1, 2, 3)) > 120
    ])  # fmt: skip
    assert reader[1, 2, 0] is not None
    assert reader[1, 2, 0].shape == (3,)
    kept = np.lib.format.open_memmap(tmp_path / "a.npy", "w+", np.uint8, reader.shape)
    reader.read(out=kept)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), array)
    grey = array.mean(axis=-1).round().astype(np.uint8)
    with pytest.raises(ValueError, match="in_pixel_format='gray'"):
        fastav.imwrite(tmp_path / "grey.mkv", grey, codec="ffv1")
    fastav.imwrite(tmp_path / "grey.mkv", grey, codec="ffv1", in_pixel_format="gray")
    np.testing.assert_array_equal(fastav.imread(tmp_path / "grey.mkv", format="gray"), grey)
    np.testing.assert_array_equal(fastav.imread(clip, index=slice(2, 9, 3)), array[2:9:3])
    reader.close()


SHELL = """
set -e
fastav() { "$PYTHON" -m fastav "$@"; }
fastav info clip.mp4 | grep -q "frames *30"
fastav info --json clip.mp4 > facts.json
fastav info --frames clip.mp4 | head -c 20 > head.txt
fastav read clip.mp4 -o part.npy --start 5 --stop 25 --step 5 --quiet
cat clip.mkv | fastav read - -o piped.npz --format gray --quiet
cp clip.mp4 10:30:00.mp4 && fastav info 10:30:00.mp4 > colon.txt
if fastav read clip.mp4 -o none.npy --start 100 --quiet 2> error.txt; then exit 9; fi
test ! -e none.npy
if fastav read clip.mp4 -o out.tiff 2> usage.txt; then exit 9; else test $? = 2; fi
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell's program")
def test_a_user_of_the_shell(clip: Path, tmp_path: Path) -> None:
    """Facts, parts of a video as NumPy files, pipes; errors by status and by one line."""
    frames = fastav.imread(clip)
    (tmp_path / "clip.mp4").write_bytes(clip.read_bytes())
    (tmp_path / "clip.mkv").write_bytes(encode(count=COUNT, container="matroska"))
    result = subprocess.run(
        ["sh", "-c", SHELL],
        cwd=tmp_path,
        env={"PYTHON": sys.executable, "PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads((tmp_path / "facts.json").read_text())[0]["frames"] == COUNT
    assert (tmp_path / "head.txt").read_text().startswith('{"frames": [{"pts": ')
    np.testing.assert_array_equal(np.load(tmp_path / "part.npy"), frames[5:25:5])
    assert np.load(tmp_path / "piped.npz")["frames"].shape == (COUNT, 48, 64)
    assert "h264" in (tmp_path / "colon.txt").read_text()
    assert (tmp_path / "error.txt").read_text().count("\n") == 1


# What a first look at a file tells


def test_list_and_asarray_do_not_count_first() -> None:
    data = encode(count=COUNT, container="matroska")
    frames = fastav.imread(data)
    for take in (list, tuple, np.asarray, lambda reader: [*reader]):
        with fastav.open(data) as reader:
            np.testing.assert_array_equal(take(reader), frames)
            assert reader._stream.index is None
    with fastav.open(data) as reader:
        iterator = iter(reader)
        assert len(reader) == COUNT
        np.testing.assert_array_equal(next(iterator), frames[0])


def test_the_best_of_several_streams(tmp_path: Path) -> None:
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as output:
        streams = []
        for width, height in ((32, 16), (128, 96)):
            stream = output.add_stream("mpeg4", rate=25)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            streams.append(stream)
        for stream, default in zip(streams, (0, 1), strict=True):
            stream.disposition = default  # as a number PyAV 15 takes it too
        for number in range(10):
            for stream in streams:
                picture = next(iter(pictures(1, stream.width, stream.height, seed=number)))
                frame = av.VideoFrame.from_ndarray(picture).reformat(format="yuv420p", **ONE_THREAD)
                frame.pts = number
                output.mux(stream.encode(frame))
        for stream in streams:
            output.mux(stream.encode(None))
    with av.open(str(path)) as container:
        assert container.streams.best("video").index == 1
    assert fastav.imread(path).shape == (10, 16, 32, 3)  # the first, as imageio's and PyAV's
    assert fastav.imread(path, stream="best").shape == (10, 96, 128, 3)
    with fastav.open(path, stream="best") as reader:
        np.testing.assert_array_equal(reader[4], fastav.imread(path, stream=1, index=4))
    with pytest.raises(ValueError, match="number or 'best', got 'worst'"):
        fastav.open(path, stream="worst")


@pytest.mark.skipif(not CAN_ROTATE, reason="this PyAV writes no rotation")
def test_a_clip_that_lies_on_its_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from fastav.cli import main

    path = tmp_path / "side.mp4"
    frames = np.stack(list(pictures(5, 64, 48)))
    fastav.imwrite(path, frames, codec="libx264", rotation=90)
    lying = fastav.imread(path)
    assert lying.shape == (5, 48, 64, 3)  # as imageio's and PyAV's
    np.testing.assert_array_equal(iio.imread(path, plugin="pyav").shape, lying.shape)
    upright = fastav.imread(path, rotate=True)
    np.testing.assert_array_equal(upright, np.rot90(lying, axes=(1, 2)))
    with fastav.open(path) as reader:
        assert reader.rotation == 90
    assert main(["info", str(path)]) == 0
    assert "90 degrees counter-clockwise to be upright, by rotate=True" in capsys.readouterr().out
    assert main(["read", str(path), "-o", str(tmp_path / "a.npy"), "--rotate", "--quiet"]) == 0
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), upright)

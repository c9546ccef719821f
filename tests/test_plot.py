"""The plot of frame sizes: what is drawn is what the packets weigh."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

import fastav
from fastav.cli import main
from fastav.plot import plot_frame_sizes

from .clips import Zoo

KEYS, OTHERS = np.array((208, 74, 60)), np.array((104, 150, 200))


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return Zoo(tmp_path_factory.mktemp("zoo"))


def bars(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each column of the plot: how high it is, and whether a key frame's."""
    plot = picture[44:-48, 84:-24]  # below the legend, right of the labels
    red, blue = (plot == KEYS).all(axis=2), (plot == OTHERS).all(axis=2)
    return (red | blue).sum(axis=0), red.any(axis=0)


@pytest.mark.parametrize("name", ["h264-b.mp4", "h264-open.mp4", "vfr.mp4", "late-start.ts"])
def test_bars_are_packets(zoo: Zoo, name: str) -> None:
    with av.open(zoo[name]) as container:
        packets = [p for p in container.demux(video=0) if p.size]
    sizes = {packet.pts: packet.size for packet in packets}
    with fastav.open(zoo[name]) as reader:
        index = reader.index
        picture = plot_frame_sizes(index, 1500, 600)
        heights, keys = bars(picture)
        begin, end = reader.span
        times = (reader.timestamps - begin) / (end - begin) * len(heights)
        columns = np.minimum(np.round(times).astype(int), len(heights) - 1)
        wanted = np.array([sizes[pts] for pts in index.pts.tolist()])
        shown = heights[columns]
        scale = shown.max() / wanted.max()
        np.testing.assert_allclose(shown, np.maximum(wanted * scale, 1), atol=1.01)
        assert keys[columns].tolist() == index.keys.tolist()
        assert shown.max() > 0.5 * (600 - 92)


def test_many_frames_in_few_pixels(zoo: Zoo) -> None:
    with fastav.open(zoo["long-open.ts"]) as reader:
        index = reader.index
        heights, keys = bars(plot_frame_sizes(index, 320, 200))
        assert (heights > 0).all()
        assert len(index) > len(heights)
        assert keys.sum() >= min(index.keys.sum(), len(heights) // 2)


def test_one_frame_and_none(tmp_path: Path) -> None:
    path = tmp_path / "one.mkv"
    fastav.imwrite(path, np.zeros((1, 16, 16, 3), np.uint8), codec="ffv1")
    with fastav.open(path) as reader:
        heights, keys = bars(plot_frame_sizes(reader.index))
        assert (heights[:-1] > 0.4 * (480 - 92)).all()  # a bar ends before the next would begin
        assert keys[:-1].all()
        with pytest.raises(ValueError, match="at least 320x160, got 100x480"):
            plot_frame_sizes(reader.index, 100)


def test_the_command(zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip, target = str(zoo["h264-b.mp4"]), tmp_path / "gop.png"
    assert main(["info", clip, "--plot", str(target)]) == 0
    out, err = capsys.readouterr()
    assert "h264" in out
    assert "gop.png: 1280x480" in err
    with fastav.open(clip) as reader, Image.open(target) as image:
        np.testing.assert_array_equal(np.asarray(image), plot_frame_sizes(reader.index))
    assert main(["info", clip, clip, "--plot", str(target)]) == 1
    assert "one file" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["info", clip, "--plot", "gop.svg"])

"""Contact sheets, and what a notebook shows of a reader."""

from __future__ import annotations

import io
import os
import threading
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import fastav
from fastav.cli import main
from fastav.drawing import fill, write_text
from fastav.pyav import CAN_ROTATE
from fastav.reading.sheet import clock, plan_sheet, thumbnails

from .clips import Zoo, number
from .media import encode

INK = np.array((200, 200, 200), np.uint8)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return Zoo(tmp_path_factory.mktemp("zoo"))


def read_text(picture: np.ndarray) -> str:
    """Read digits off a strip of a picture, by drawing all of them again."""
    dots = (picture == INK).all(axis=2)
    rows, columns = np.flatnonzero(dots.any(axis=1)), np.flatnonzero(dots.any(axis=0))
    scale = (rows[-1] - rows[0] + 1) // 7
    glyphs = {}
    for letter in "0123456789:.":
        cell = np.zeros((7, 5, 3), np.uint8)
        write_text(cell, letter, 0, 0, (200, 200, 200))
        glyphs[cell.any(axis=2).tobytes()] = letter
    found = ""
    for left in range(columns[0], columns[-1], 6 * scale):
        cell = dots[rows[0] : rows[0] + 7 * scale : scale, left : left + 5 * scale : scale]
        found += glyphs[cell.tobytes()]
    return found


def test_a_sheet_has_the_frames_in_rows_with_their_times(zoo: Zoo) -> None:
    with fastav.open(zoo["h264-b.mp4"]) as reader:
        sheet = reader.sheet(6, width=600, columns=3)
        plan = plan_sheet(6, 600, 3, 96 / 64)
        assert sheet.dtype == np.uint8
        assert sheet.shape[1:] == (600, 3)
        assert (plan.columns, plan.rows) == (3, 2)
        height, width = plan.tile
        assert abs(width / height - 1.5) < 0.01
        numbers = [int((i + 0.5) * 40 / 6) for i in range(6)]
        wanted = reader.get_batch(numbers, size=plan.tile)
        pitch = (sheet.shape[0] - plan.gap) // plan.rows
        for place, picture in enumerate(wanted):
            top = plan.gap + place // 3 * pitch
            left = (600 - 3 * width - 2 * plan.gap) // 2 + place % 3 * (width + plan.gap)
            tile = sheet[top : top + height, left : left + width]
            np.testing.assert_array_equal(tile, picture)
            assert number(tile) == numbers[place]
            below = sheet[top + height : top + pitch, left : left + width]
            assert read_text(below) == clock(reader.timestamps[numbers[place]])
        bare = reader.sheet(6, width=600, columns=3, times=False)
        assert bare.shape[0] == plan.gap + 2 * (height + plan.gap)
        ends = reader.sheet(2, width=400, spread="ends", times=False)
        half = ends.shape[1] // 2
        gap = plan_sheet(2, 400, None, 1.5).gap
        assert number(ends[gap:-gap, gap : half - gap]) == 0


def test_a_sheet_is_of_rgb_whatever_the_reader_gives(zoo: Zoo) -> None:
    path = zoo["h264-b.mp4"]
    with fastav.open(path) as reader:
        plain = reader.sheet(4, width=300)
    for options in (
        {"format": None, "planes": True},
        {"format": "gray", "layout": "hwc"},
        {"dtype": "float32", "mean": 0.5, "std": 0.5, "layout": "chw"},
        {"size": 20, "center_crop": 16},
        {"errors": "keep", "thread_count": 1},
    ):
        with fastav.open(path, **options) as reader:  # type: ignore[call-overload]
            np.testing.assert_array_equal(reader.sheet(4, width=300), plain)
    with fastav.open(path, crop=(0, 0, 64, 64)) as reader:
        plan = plan_sheet(4, 300, None, 1.0)
        sheet = reader.sheet(4, width=300)
        part = reader.get_batch([5], size=plan.tile)[0]
        margin = (300 - plan.columns * (plan.tile[1] + plan.gap) + plan.gap) // 2
        tile = sheet[plan.gap :, margin:][: plan.tile[0], : plan.tile[1]]
        np.testing.assert_array_equal(tile, part)


@pytest.mark.skipif(not CAN_ROTATE, reason="PyAV 15 and 16 cannot write a rotation")
def test_pictures_are_shown_in_their_shape(tmp_path: Path) -> None:
    path = tmp_path / "wide.mp4"
    frames = np.full((6, 32, 64, 3), 128, np.uint8)
    for aspect, rotation, wanted in (
        (2, 0, 4.0),
        (1, 90, 0.5),
        (2, 90, 0.25),
    ):
        shape = {"x264-params": f"sar={aspect}/1"}
        fastav.imwrite(path, frames, codec="libx264", options=shape, rotation=rotation)
        with fastav.open(path) as reader:
            assert (reader.rotation % 360, reader.info.pixel_aspect or 1) == (rotation, aspect)
            sheet = reader.sheet(1, width=420, times=False)
        gap = plan_sheet(1, 420, None, 1).gap
        height, width = sheet.shape[0] - 2 * gap, sheet.shape[1] - 2 * gap
        assert width / height == pytest.approx(wanted, rel=0.01)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n must be 1 or more, got 0"),
        ({"columns": 0}, "columns must be 1 or more, got 0"),
        ({"width": 30, "columns": 9}, "width=30 has no room for 9 pictures"),
        ({"spread": "all"}, "spread must be"),
    ],
)
def test_arguments(zoo: Zoo, arguments: dict[str, Any], message: str) -> None:
    with (
        fastav.open(zoo["h264-b.mp4"]) as reader,
        pytest.raises(ValueError, match=message),
    ):
        reader.sheet(**arguments)


def test_so_many_frames_are_a_whole_number(zoo: Zoo) -> None:
    with fastav.open(zoo["h264-b.mp4"]) as reader:
        for read in (reader.sheet, reader.sample):
            with pytest.raises(TypeError, match=r"n must be a whole number of frames, got 2\.5"):
                read(2.5)  # type: ignore[operator]


def test_rows_are_even() -> None:
    for n in range(1, 60):
        for aspect in (0.3, 9 / 16, 1, 16 / 9, 3.5):
            plan = plan_sheet(n, 2000, None, aspect)
            assert (plan.rows - 1) * plan.columns < n <= plan.rows * plan.columns
            assert plan.rows * plan.columns - n < plan.rows  # no column could be spared


def test_clocks() -> None:
    assert clock(0) == clock(-0.0001) == "0:00.000"
    assert clock(62.3456) == "1:02.346"
    assert clock(59.9996) == "1:00.000"
    assert clock(3725.5, hours=True) == "1:02:05.500"
    assert clock(-0.25) == "-0:00.250"
    assert clock(5999.5) == "99:59.500"


def test_drawing_stays_inside() -> None:
    picture = np.zeros((9, 11, 3), np.uint8)
    for top, left in ((-3, -3), (5, 8), (-20, 2), (2, 40), (8, -100)):
        write_text(picture, "0:1", top, left, (9, 9, 9), 2)
    fill(picture, -5, -5, 100, 100, (7, 8, 9))
    assert (picture == (7, 8, 9)).all()
    fill(picture, 3, 4, 2, -1, (0, 0, 0))
    fill(picture, -9, -9, 3, 3, (0, 0, 0))
    assert (picture == (7, 8, 9)).all()


def test_the_command(zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip, target = str(zoo["h264-b.mp4"]), tmp_path / "sheet.png"
    assert main(["sheet", clip, "-o", str(target), "--count", "20", "--width", "800"]) == 0
    with fastav.open(clip) as reader:
        np.testing.assert_array_equal(fastav.imread(target)[0], reader.sheet(20, width=800))
    assert "sheet.png: 800x" in capsys.readouterr().err
    assert main(["sheet", clip, "-o", str(tmp_path / "sheet.jpg"), "--columns", "2"]) == 0
    assert fastav.imread(tmp_path / "sheet.jpg").shape[2] == 1280
    with pytest.raises(SystemExit) as left:
        main(["sheet", clip, "-o", str(target), "--count", "0"])
    assert left.value.code == 2
    assert "--count: must be a whole number, 1 or more" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["sheet", clip, "-o", str(tmp_path / "sheet.txt")])
    assert "must end in .png" in capsys.readouterr().err


class Page(HTMLParser):
    """Text and pictures of a piece of HTML, whose tags must close in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.images, self._open = "", list[bytes](), list[str]()
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ("div", "strong", "table", "tr", "th", "td", "figure", "figcaption", "img")
        if tag == "img":
            kind, _, data = (dict(attrs)["src"] or "").partition(",")
            assert kind == "data:image/jpeg;base64"
            self.images.append(b64decode(data))
        else:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + "\n"


def test_a_notebook_shows_facts_and_pictures(zoo: Zoo) -> None:
    with fastav.open(zoo["h264-b.mp4"]) as reader:
        page = Page(reader._repr_html_())
        assert {"96 × 64, yuv420p", "25 frames per second", "40", "0:01.600"} <= set(
            page.text.splitlines()
        )
        keys = reader.key_indices.tolist()
        pictures = [np.asarray(Image.open(io.BytesIO(data))) for data in page.images]
        assert [number(picture) for picture in pictures] == keys
        for picture, key in zip(pictures, keys, strict=True):
            exact = reader.read_frame(key, size=picture.shape[:2]).astype(int)  # type: ignore[union-attr]
            assert np.abs(picture - exact).mean() < 12  # JPEG with subsampled chroma
        assert all(clock(reader.timestamps[key]) in page.text for key in keys)


def test_a_notebook_makes_no_index(zoo: Zoo) -> None:
    with fastav.open(zoo["long-open.ts"]) as reader:
        page = Page(reader._repr_html_())
        assert len(page.images) == 1
        assert "not counted yet" in page.text
        assert number(np.asarray(Image.open(io.BytesIO(page.images[0])))) == 0
        assert reader._stream.index is None
        reader.make_index()
        page = Page(reader._repr_html_())
        assert len(page.images) > 2
        assert "250" in page.text.splitlines()


def test_a_notebook_does_not_read_all_of_a_file(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "long.mp4"
    fastav.imwrite(path, fastav.imread(zoo["long-open.ts"]), options={"g": "10"})
    monkeypatch.setattr("fastav.reading.tables.read_outline", lambda video: None)
    with fastav.open(path) as reader:
        assert len(thumbnails(reader._stream, reader.options, seconds=0)) == 1
        assert reader._stream.index is None
        assert len(thumbnails(reader._stream, reader.options, seconds=60)) > 2
        assert reader._stream.index is not None


def test_a_notebook_is_never_told_of_errors(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytearray(encode(count=40, width=32, height=16, options={"g": "10"}))
    at = data.index(b"mdat") + 4 + 900  # behind the decoder's parameters and the first frame
    data[at : at + 400] = bytes(400)
    name = tmp_path / "<b>&.mp4"
    name.write_bytes(data)
    with fastav.open(name) as reader:
        html = reader._repr_html_()
        assert "&lt;b&gt;&amp;.mp4" in html
        Page(html)
    reader = fastav.open(zoo["h264-b.mp4"])
    reader.close()
    page = Page(reader._repr_html_())
    assert "(closed)" in page.text
    assert not page.images
    with fastav.open(zoo["h264-b.mp4"]) as reader:
        monkeypatch.setattr("fastav.reading.sheet._look", lambda options: 1 / 0)
        page = Page(reader._repr_html_())
        assert not page.images
        assert "h264" in page.text


def test_a_notebook_takes_no_frame_of_a_pipe(zoo: Zoo) -> None:
    read, write = os.pipe()
    content = Path(zoo["h264-b.mkv"]).read_bytes()

    def feed() -> None:
        with os.fdopen(write, "wb") as end:
            end.write(content)

    thread = threading.Thread(target=feed)
    thread.start()
    with os.fdopen(read, "rb") as pipe, fastav.open(pipe) as reader:
        assert not Page(reader._repr_html_()).images
        assert [number(frame) for frame in reader] == list(range(40))  # type: ignore[arg-type]
    thread.join()


def test_a_notebook_does_not_wait_for_a_reader_at_work(zoo: Zoo) -> None:
    with fastav.open(zoo["h264-b.mp4"]) as reader:
        held, done = threading.Event(), threading.Event()

        def hold() -> None:
            with reader._stream.lock:
                held.set()
                done.wait(30)

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait(10)
        try:
            assert not Page(reader._repr_html_()).images
        finally:
            done.set()
            thread.join()
        assert Page(reader._repr_html_()).images


def test_what_a_notebook_keeps_is_bounded(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (8, 1600, 160, 3), np.uint8)
    fastav.imwrite(tmp_path / "tall.mp4", noise, codec="mjpeg", options={"qmin": "2", "qmax": "2"})
    with fastav.open(tmp_path / "tall.mp4") as reader:
        page = Page(reader._repr_html_())
        assert sum(map(len, page.images)) <= 1 << 18

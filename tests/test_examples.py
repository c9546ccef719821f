"""The programs of ``examples/``, and what they make of small clips."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

import fastav

from .media import encode, make_sounding

Example = Callable[..., int]

# Others need packages, and are run beside those: tests/integrations.
EXAMPLES = sorted(path.stem for path in (Path(__file__).parent.parent / "examples").glob("*.py"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A clip of 50 frames with sound, another of 48 below it, and a file that is no video."""
    videos = tmp_path / "videos"
    (videos / "more").mkdir(parents=True)
    (videos / "sounding.mp4").write_bytes(make_sounding())
    (videos / "more" / "silent.mkv").write_bytes(encode(count=48, container="matroska"))
    (videos / "broken.mp4").write_bytes(b"no video")
    return videos


def distance(one: object, other: object) -> float:
    """Mean absolute difference, in levels."""
    return float(np.abs(np.subtract(one, other, dtype=np.float64)).mean())


def sound_of(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def has_all_sound(target: Path, source: Path) -> bool:
    """Whether all packets were copied; PyAV 15 does not show that the first warms decoders up."""
    got, whole = sound_of(target), sound_of(source)
    return got in (whole, whole[1:])


def test_each_says_how_it_is_used(example: Example, capsys: pytest.CaptureFixture[str]) -> None:
    here = set(EXAMPLES) - {"motion_energy", "train_loader"}  # which need dask and torch
    assert len(here) == 6
    for name in sorted(here):
        assert example(name, "--help") == 0
        assert name in capsys.readouterr().out


def test_thumbnails(
    example: Example, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = tmp_path / "pictures"
    assert example("thumbnails", folder, pictures, "--height", 24) == 1
    said = capsys.readouterr().err
    assert said.startswith("2 of 3 videos\n")
    assert "broken.mp4" in said
    made = {path.relative_to(pictures).as_posix() for path in pictures.rglob("*.jpg")}
    assert made == {"sounding.jpg", "more/silent.jpg"}
    for name, source, middle in (
        ("sounding.jpg", "sounding.mp4", 25),
        ("more/silent.jpg", "more/silent.mkv", 24),
    ):
        frame = fastav.imread(folder / source, index=middle, size=(24, 32))
        with Image.open(pictures / name) as picture:
            assert distance(picture, frame) < 6
    (folder / "broken.mp4").unlink()
    assert example("thumbnails", folder, pictures, "--sheet", 6) == 0
    with fastav.open(folder / "sounding.mp4") as video:
        sheet = video.sheet(6)
    with Image.open(pictures / "sounding.jpg") as picture:
        assert distance(picture, sheet) < 6


def test_cut(
    example: Example, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = folder / "sounding.mp4", tmp_path / "cut.mp4"
    assert example("cut", source, target, "0:00.5", "1.2") == 0
    assert "18 frames, 12 to 29" in capsys.readouterr().err  # from 0.48 s on, before 1.2 s
    assert distance(fastav.imread(target), fastav.imread(source)[12:30]) < 4
    sound, whole = sound_of(target), sound_of(source)
    begin = whole.index(sound[0])
    assert whole[begin : begin + len(sound)] == sound
    assert begin * 1024 / 48000 == pytest.approx(0.48, abs=0.05)
    assert len(sound) * 1024 / 48000 == pytest.approx(18 / 25, abs=0.05)
    assert example("cut", source, target, "7", "8") == 2


def test_side_by_side(example: Example, folder: Path, tmp_path: Path) -> None:
    first, second = folder / "sounding.mp4", folder / "more" / "silent.mkv"
    target = tmp_path / "both.mp4"
    assert example("side_by_side", first, second, target, "--height", 96, "--difference", 4) == 0
    video = np.asarray(fastav.imread(target))
    left = np.asarray(fastav.imread(first, size=(96, 128)))
    right = np.asarray(fastav.imread(second, size=(96, 128), fps=25))  # of 24 frames per second
    assert video.shape == (50, 96, 3 * 128, 3)
    assert distance(video[:, :, :128], left) < 5
    assert distance(video[:, :, 128:256], right) < 5
    gained = np.clip(np.abs(left.astype(int) - right) * 4, 0, 255)
    assert distance(video[:, :, 256:], gained) < 12 < gained.mean()
    assert has_all_sound(target, first)
    assert example("side_by_side", second, first, target) == 0  # without sound
    assert fastav.imread(target).shape == (48, 48, 2 * 64, 3)


def test_convert_folder(
    example: Example, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "small"
    assert example("convert_folder", folder, target, "--height", 32) == 1
    assert "1 of 3 videos failed" in capsys.readouterr().err
    made = {path.relative_to(target).as_posix() for path in target.rglob("*.*")}
    assert made == {"sounding.mp4", "more/silent.mp4"}
    assert fastav.imread(target / "more" / "silent.mp4").shape == (48, 32, 42, 3)
    with fastav.open(target / "sounding.mp4") as video:
        assert video.info.codec == "h264"
        np.testing.assert_allclose(video.timestamps, np.arange(50) / 25)
    assert has_all_sound(target / "sounding.mp4", folder / "sounding.mp4")
    before = (target / "sounding.mp4").stat().st_mtime_ns
    (folder / "broken.mp4").unlink()
    assert example("convert_folder", folder, target, "--quiet") == 0
    assert (target / "sounding.mp4").stat().st_mtime_ns == before


def test_vision_language(
    example: Example, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = folder / "sounding.mp4"
    arguments = "--frames", 5, "--patch", 14, "--pixels", 28 * 42
    assert example("vision_language", clip, "What is it?", *arguments) == 0
    message = json.loads(capsys.readouterr().out)
    assert message["role"] == "user"
    *frames, question = message["content"]
    assert question == {"type": "text", "text": "What is it?"}
    assert [part["text"] for part in frames[::2]] == [
        f"At {second} s:" for second in ("0.0", "0.5", "1.0", "1.5", "2.0")
    ]
    expected = fastav.imread(
        clip, index=[0, 12, 24, 37, 49], size=(28, 28), interpolation="bicubic"
    )
    for part, frame in zip(frames[1::2], np.asarray(expected), strict=True):
        kind, _, data = part["image_url"]["url"].partition(",")
        assert kind == "data:image/jpeg;base64"
        with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
            assert distance(picture, frame) < 10


def packed_raw12(samples: np.ndarray) -> bytes:
    """MIPI's packing: the high bytes of two samples, then the low halves of both."""
    one, other = samples.reshape(-1, 2).T.astype(int)
    return bytes(np.stack([one >> 4, other >> 4, (other & 15) << 4 | one & 15], 1).astype(np.uint8))


@pytest.mark.parametrize("packing", ["8", "12", "raw12"])
def test_raw_to_png(example: Example, tmp_path: Path, packing: str) -> None:
    """A field of one colour comes out as that colour, scaled from black to white."""
    most, black = (255, 16) if packing == "8" else (4095, 256)
    red, green, blue = (black + np.array([0.5, 0.4, 0.2]) * (most - black)).astype(int)
    samples = np.tile([[green, blue], [red, green]], (6, 8)).astype(np.uint16)  # GBRG
    pack = {"8": lambda s: bytes(s.astype(np.uint8)), "12": bytes, "raw12": packed_raw12}[packing]
    raw, target = tmp_path / "frame.raw", tmp_path / "frame.png"
    raw.write_bytes(pack(samples))
    sensor = "--size", "16x12", "--packing", packing, "--pattern", "GBRG", "--black", black
    assert example("raw_to_png", raw, "-o", target, *sensor, "--white-balance", "1.5,1,2") == 0
    picture = cv2.imread(str(target), cv2.IMREAD_UNCHANGED)[:, :, ::-1]
    assert picture.shape == (12, 16, 3)
    light = np.array([red, green, blue]) - black
    wanted = light * np.array([1.5, 1, 2]) / (most - black) * 65535
    np.testing.assert_allclose(picture, np.broadcast_to(wanted, picture.shape), atol=65535 / most)


def test_raw_to_png_makes_up_a_frame(example: Example, tmp_path: Path) -> None:
    assert example("raw_to_png", "-o", tmp_path / "frame.png", "--size", "64x48") == 0
    picture = cv2.imread(str(tmp_path / "frame.png"), cv2.IMREAD_UNCHANGED)
    assert (picture.shape, picture.dtype) == ((48, 64, 3), np.uint16)
    blue, green, red = picture[20:28, 28:36].mean(axis=(0, 1))
    assert 1.5 * blue < 1.5 * green < red  # the sphere's middle
    assert picture[24, 32].mean() > 4 * picture[0, 0].mean()

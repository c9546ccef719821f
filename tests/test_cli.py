"""The command line: data on stdout, everything else on stderr."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import av
import numpy as np
import pytest

import fastav
from fastav.cli import main
from fastav.pyav import CAN_ROTATE

from .media import encode, make_sounding


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "clip.mp4"
    path.write_bytes(encode(count=30))
    return path


def test_info(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(clip)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = dict(line.split(maxsplit=1) for line in out.splitlines()[1:])
    assert lines["codec"] == "h264"
    assert (lines["width"], lines["height"]) == ("64", "48")
    assert lines["pixel_format"] == "yuv420p"
    assert lines["frame_rate"] == "24"
    assert lines["frames"] == "30"
    assert lines["rotation"] == "0"


@pytest.mark.skipif(not CAN_ROTATE, reason="this PyAV cannot write a rotation")
@pytest.mark.parametrize(
    ("degrees", "told"),
    [
        (90, r"90 degrees counter-clockwise to be upright, by rotate=True \(read --rotate\)"),
        (30, r"(29|30) degrees counter-clockwise to be upright, which fastav does not turn"),
        (60, r"(59|60) degrees .* by rotate=True \(read --rotate\), which turns by 90"),
        (-170, r"-170 degrees .* by rotate=True \(read --rotate\), which turns by -180"),
    ],
)
def test_info_tells_how_pictures_are_turned(
    degrees: int, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "turned.mp4"
    frames = np.zeros((2, 48, 64, 3), np.uint8)
    fastav.imwrite(path, frames, rotation=degrees)
    assert main(["info", str(path)]) == 0
    assert re.search(f"{told}\n", capsys.readouterr().out)  # PyAV cuts off fractions
    turns = fastav.imread(path, rotate=True).shape[1:3] != frames.shape[1:3]
    assert turns == (degrees in (60, 90))


def test_info_json(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--json", str(clip), str(clip)]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert [entry["file"] for entry in facts] == [str(clip)] * 2
    assert facts[0]["frame_rate"] == "24"
    assert facts[0]["duration"] == pytest.approx(30 / 24)
    assert facts[0]["frames"] == 30


def test_info_goes_on_after_a_bad_file(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "/nowhere.mp4", str(clip)]) == 1
    out, err = capsys.readouterr()
    assert "nowhere.mp4" in err
    assert "h264" in out


def test_read_npy(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "out.npy"
    arguments = ["--start", "2", "--stop", "20", "--step", "3", "--threads", "1"]
    assert main(["read", str(clip), "-o", str(target), *arguments]) == 0
    np.testing.assert_array_equal(np.load(target), fastav.imread(clip)[2:20:3])
    out, err = capsys.readouterr()
    assert "(6, 48, 64, 3) uint8" in out
    assert err  # progress


def test_read_npz(clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.npz"
    assert main(["read", str(clip), "-o", str(target), "--format", "gray", "--quiet"]) == 0
    with np.load(target) as saved:
        np.testing.assert_array_equal(saved["frames"], fastav.imread(clip, format="gray"))


def test_progress_without_tqdm(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    assert main(["read", str(clip), "-o", str(tmp_path / "out.npy")]) == 0
    assert capsys.readouterr().err == "30 of 30 frames\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["read", "CLIP", "-o", "out.npy", "--start", "100"], "the video has 30 frames"),
        (["read", "CLIP", "-o", "out.npy", "--start", "5", "--stop", "5"], "before --stop 5"),
        (["bench", __file__], "cannot open"),
        (["bench", "SOUND"], "0 video stream"),
        (["read", "/nowhere.mp4", "-o", "out.npy"], "nowhere"),
        (["read", "CLIP", "-o", "out.npy", "--format", "yuv420p"], "not one strided array"),
        (["read", "CLIP", "-o", "FOLDER.npy"], "'FOLDER.npy' is a folder"),
    ],
)
def test_failures(
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with wave.open("sound.wav", "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(8000))
    Path("FOLDER.npy").mkdir()
    names = {"CLIP": str(clip), "SOUND": "sound.wav"}
    assert main([names.get(a, a) for a in arguments]) == 1
    assert not Path("out.npy").exists()
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1].startswith("fastav: ")
    assert message in err


def test_a_suffix_that_numpy_does_not_write(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["read", "clip.mp4", "-o", "out.tiff"])
    assert stop.value.code == 2
    assert "must end in .npy or .npz, got 'out.tiff'" in capsys.readouterr().err


def test_out_of_memory_is_one_line(
    clip: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for error, said in ((MemoryError("3 GB"), "fastav: 3 GB\n"), (MemoryError(), "out of memory")):
        monkeypatch.setattr("fastav.cli._describe", Mock(side_effect=error))
        assert main(["info", str(clip)]) == 1
        assert said in capsys.readouterr().err


def fastav_with(*arguments: str, **how: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "fastav", *arguments], capture_output=True, check=False, **how
    )


def test_standard_input(clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.npy"
    with clip.open("rb") as file:  # "< clip.mp4"
        result = fastav_with("info", "--json", "-", stdin=file)
    assert json.loads(result.stdout)[0]["frames"] == 30
    stream = encode(count=30, container="matroska")
    result = fastav_with("info", "--json", "-", input=stream)  # "cat clip.mkv |"
    assert json.loads(result.stdout)[0]["codec"] == "h264"
    # The first frame would tell, which could not be read again.
    assert json.loads(result.stdout)[0]["rotation"] is None
    assert fastav_with("read", "-", "-o", str(target), "--quiet", input=stream).returncode == 0
    np.testing.assert_array_equal(np.load(target), fastav.imread(stream))
    result = fastav_with(
        "read", "-", "-o", str(tmp_path / "none.npy"), "--start", "99", input=stream
    )
    assert result.returncode == 1
    assert b"no frame from --start 99" in result.stderr
    # As ffmpeg's own "-", for programs that call the function.
    code = "import fastav; print(len(fastav.imread('-')))"
    result = subprocess.run([sys.executable, "-c", code], input=stream, capture_output=True)
    assert result.stdout == b"30\n", result.stderr


def test_nobody_reads_on(clip: Path) -> None:
    """As behind ``| head``: no word of it, and the status that a shell gives."""
    command = [sys.executable, "-m", "fastav", "info", "--frames", *[str(clip)] * 200]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_as_a_module(clip: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "fastav", "--version"], capture_output=True, text=True, check=True
    )
    assert result.stdout.startswith(f"fastav {fastav.__version__} (")
    wrong = subprocess.run(
        [sys.executable, "-m", "fastav"], capture_output=True, text=True, check=False
    )
    assert wrong.returncode == 2


def test_convert(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = tmp_path / "in.mp4", tmp_path / "out.mkv"
    source.write_bytes(make_sounding())
    arguments = "--crop 60x40+2+4 --size 20 --fps 10 --filter hflip --start 5 --stop 45 " \
                "--codec ffv1 --option slices=4"  # fmt: skip
    assert main(["convert", str(source), str(target), *arguments.split()]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"{target}: 16 frames" in captured.err
    with fastav.open(target) as reader:
        assert reader.shape == (16, 20, 30, 3)
        np.testing.assert_allclose(np.diff(reader.timestamps), 0.1, atol=2e-3)
        expected = fastav.imread(
            source,
            filter_sequence=[("crop", "60:40:2:4"), ("scale", "30:20"), ("hflip", "")],
        )
        # Of frames 5 and 6, both at 0.2 s to a tenth of a second, the filter takes the later one.
        np.testing.assert_array_equal(reader[0], expected[6])
    with av.open(str(target)) as container:
        assert len(container.streams.audio) == 1


def test_convert_to_standard_output_without_sound(tmp_path: Path) -> None:
    source = tmp_path / "in.mp4"
    source.write_bytes(make_sounding())
    command = [sys.executable, "-m", "fastav", "convert", str(source), "-", "--container",
               "matroska", "--codec", "ffv1", "--sound", "none"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, check=True)
    np.testing.assert_array_equal(fastav.imread(done.stdout), fastav.imread(source))
    with av.open(io.BytesIO(done.stdout)) as container:
        assert not container.streams.audio


@pytest.mark.parametrize(
    ("option", "wrong", "wanted"),
    [
        ("size", "1,2,3", "HEIGHT,WIDTH or one number, got '1,2,3'"),
        ("size", "0", "1 or more, got '0'"),
        ("size", "20x30", "HEIGHT,WIDTH or one number, got '20x30'"),
        ("center-crop", "4,-1", "1 or more, got '-1'"),
        ("crop", "1,2", "TOP,LEFT,HEIGHT,WIDTH, got '1,2'"),
        ("crop", "0,0,0,5", "1 or more, got '0'"),
        ("step", "0", "1 or more, got '0'"),
        ("start", "-1", "0 or more, got '-1'"),
        ("threads", "x", "0 or more, got 'x'"),
        ("fps", "0", "30000/1001, got '0'"),
        ("fps", "1/0", "30000/1001, got '1/0'"),
        ("fps", "1e400", "30000/1001, got '1e400'"),
    ],
)
def test_read_used_wrongly(
    option: str, wrong: str, wanted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["read", "in.mp4", "-o", "out.npy", f"--{option}={wrong}"])
    assert left.value.code == 2
    assert f"argument --{option}: must be" in (said := capsys.readouterr().err)
    assert wanted in said


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["read", "in.mp4", "-o", "out.npy"], "--errors"),
        (["read", "in.mp4", "-o", "out.npy"], "--interpolation"),
        (["convert", "in.mp4", "out.mp4"], "--errors"),
        (["sheet", "in.mp4", "-o", "out.png"], "--errors"),
    ],
)
def test_choices(arguments: list[str], option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([*arguments, option, "bogus"])
    assert left.value.code == 2
    assert f"argument {option}: invalid choice: 'bogus'" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="closes streams as a shell does")
@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
def test_without_standard_streams(clip: Path, tmp_path: Path, closed: str) -> None:
    """As a daemon runs it."""

    def run(arguments: str) -> subprocess.CompletedProcess[str]:
        command = f'"{sys.executable}" -m fastav {arguments} {closed}'
        return subprocess.run(
            command, shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=60
        )

    for arguments in (f'read "{clip}" -o out.npy', f'info "{clip}"', f'convert "{clip}" out.mkv'):
        done = run(arguments)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), (arguments, done)
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), fastav.imread(clip))
    assert len(fastav.imread(tmp_path / "out.mkv")) == 30
    if "<" in closed:
        done = run("info -")
        assert (done.returncode, "Traceback" in done.stderr) == (1, False), done


def test_sheet_of_what_precedes_damage(clip: Path, tmp_path: Path) -> None:
    data = bytearray(clip.read_bytes())
    with fastav.open(clip) as reader:
        _, at, size = reader.index.packets[["pts", "pos", "size"]][6].item()
    data[at : at + size] = b"\xff" * size
    (tmp_path / "bad.mp4").write_bytes(data)
    sheet = ["sheet", str(tmp_path / "bad.mp4"), "-o", str(tmp_path / "sheet.png"), "--count", "4"]
    assert main(sheet) == 1
    for errors in ("keep", "skip"):
        assert main([*sheet, "--errors", errors]) == 0
        (tmp_path / "sheet.png").unlink()


def test_read_at_a_rate_a_part_of_each_frame(clip: Path, tmp_path: Path) -> None:
    part = ["--start", "1", "--stop", "9", "--crop", "2,4,30,40", "--size", "15,20", "--quiet"]
    output = ["-o", str(tmp_path / "out.npy")]
    assert main(["read", str(clip), *output, "--fps", "30000/1001", *part]) == 0
    wanted = fastav.imread(clip, fps="30000/1001", crop=(2, 4, 30, 40), size=(15, 20))[1:9]
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), wanted)


@pytest.mark.parametrize(
    "arguments",
    [
        *(["--size", size] for size in ("x20", "0", "0x20", "20x0")),
        *(["--crop", part] for part in ("3", "0x20+0+0")),
        *(["--option", "crf"], ["--start", "a"], ["--fps", "0"], ["--fps", "abc"], ["--step", "0"]),
    ],
)
def test_convert_used_wrongly(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["convert", "in.mp4", "out.mp4", *arguments])
    assert left.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_convert_says_what_a_container_cannot_carry(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "in.mp4", tmp_path / "out.webm"
    source.write_bytes(make_sounding())
    assert main(["convert", str(source), str(target), "--quiet"]) == 1
    assert "'webm' cannot carry the audio" in capsys.readouterr().err
    assert not target.exists()

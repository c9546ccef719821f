"""The command line: data on stdout, everything else on stderr."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastav
from fastav.cli import main

from .media import encode


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
    assert main(["read", str(clip), "-o", str(tmp_path / "out.npy")]) == 0
    assert capsys.readouterr().err == "30 of 30 frames\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["read", "CLIP", "-o", "out.tiff"], ".npy or .npz"),
        (["read", "/nowhere.mp4", "-o", "out.npy"], "nowhere"),
        (["read", "CLIP", "-o", "out.npy", "--format", "yuv420p"], "not one strided array"),
        (["read", "CLIP", "-o", "out.npy", "--step", "0"], "step"),
    ],
)
def test_failures(
    clip: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(clip) if a == "CLIP" else a for a in arguments]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1].startswith("fastav: ")
    assert message in err


def test_as_a_module(clip: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "fastav", "--version"], capture_output=True, text=True, check=True
    )
    assert result.stdout.startswith(f"fastav {fastav.__version__} (")
    wrong = subprocess.run(
        [sys.executable, "-m", "fastav"], capture_output=True, text=True, check=False
    )
    assert wrong.returncode == 2

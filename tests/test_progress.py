"""``progress=``: a function, or tqdm's bar, everywhere the same."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fastav
from fastav.progress import told

from .clips import Zoo
from .media import encode


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("progress") / "clip.mp4"
    path.write_bytes(encode(count=30, width=32, height=16))
    return path


def transcode(clip: Path, progress: Any, tmp_path: Path) -> None:
    fastav.transcode(clip, tmp_path / "out.mkv", codec="ffv1", progress=progress)


def read(clip: Path, progress: Any, tmp_path: Path) -> None:
    with fastav.open(clip) as reader:
        reader.read(progress=progress)


def imread(clip: Path, progress: Any, tmp_path: Path) -> None:
    fastav.imread(clip, progress=progress)


WORK: list[Callable[[Path, Any, Path], None]] = [transcode, read, imread]


@pytest.mark.parametrize("work", WORK)
def test_a_bar_counts_to_the_end(
    work: Callable[[Path, Any, Path], None],
    clip: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    threads = threading.active_count()
    work(clip, True, tmp_path)
    assert threading.active_count() == threads
    out, err = capsys.readouterr()
    assert not out
    assert "100%" in err
    assert "30/30" in err
    work(clip, False, tmp_path)
    counts: list[int] = []
    work(clip, counts.append, tmp_path)
    assert counts == list(range(1, 31))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("work", WORK)
def test_without_tqdm(
    work: Callable[[Path, Any, Path], None],
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match=r"fastav\[progress\]"):
        work(clip, True, tmp_path)
    with pytest.raises(TypeError, match=r"progress must be a function .* got 'yes'"):
        work(clip, "yes", tmp_path)


def test_a_bar_for_the_index(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    zoo = Zoo(tmp_path_factory.mktemp("zoo"))
    with fastav.open(zoo["long-open.ts"]) as reader:
        counts: list[int] = []
        with fastav.open(zoo["long-open.ts"]) as other:
            other.make_index(counts.append)
        reader.make_index(True)
        out, err = capsys.readouterr()
        assert not out
        assert f"{counts[-1]}/{counts[-1]}" in err
        assert "packet/s" in err


def test_a_bar_of_a_part_and_of_an_unknown_number(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with fastav.open(clip) as reader:
        reader.read(start=3, stop=20, step=4, progress=True)
        assert "5/5" in capsys.readouterr().err
        reader.read(filter_sequence=[("fps", "5")], progress=True)
        assert f"{reader.frames_read}/{reader.frames_read}" in capsys.readouterr().err


def test_an_error_leaves_the_bar_where_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with told(True, 30) as tell:
            assert tell is not None
            tell(7)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert "7/30" in capsys.readouterr().err

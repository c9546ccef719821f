"""A slice of ``python tools/lifetime.py``: long use, many threads, forks, Ctrl-C."""

from __future__ import annotations

import importlib
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest

from .process import LINUX

TOOL = Path(__file__).parents[1] / "tools" / "lifetime.py"

pytestmark = [
    LINUX,
    pytest.mark.skipif(not TOOL.exists(), reason="only in the repository"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def tool() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TOOL.parent))
        level = av.logging.get_level()
        av.logging.set_level(None)
        yield importlib.import_module("lifetime")
        av.logging.set_level(level)


@pytest.fixture(scope="module")
def clips(tool: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tool.Clips(tmp_path_factory.mktemp("lifetime"))


def test_cycles(tool: Any, clips: Any) -> None:
    assert tool.cycles(clips, 150) == []


def test_many_threads(tool: Any, clips: Any) -> None:
    assert tool.many_threads(clips, 25, 8) == []


def test_forks(tool: Any, clips: Any) -> None:
    assert tool.forks(clips, files=1) == []


# Ctrl-C inside a weak reference's callback or a __del__ is told to nobody, by Python itself.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c(tool: Any, clips: Any) -> None:
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert tool.interrupts(clips, 4) == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_faults_are_found(tool: Any, clips: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames, memory and statuses that are not as they must be are told."""
    path = clips.paths[0]
    wrong = clips.frames[path].copy()
    wrong[:] ^= 1
    monkeypatch.setattr(clips, "frames", {**clips.frames, path: wrong})
    assert any("is wrong" in problem for problem in tool.cycles(clips, 30))
    assert any(path.name in problem for problem in tool.many_threads(clips, 10, 2))
    assert any("reads wrong" in problem for problem in tool.forks(clips, ["fork"], 1))
    assert tool._check_written(b"no video", wrong, "ffv1") != []

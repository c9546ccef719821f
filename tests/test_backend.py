"""Which kernels are loaded, and why."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import av
import pytest

import fastav


def run(code: str, backend: str | None, *, hide: bool = False) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter; ``hide`` makes the compiled modules not exist."""
    environment = {k: v for k, v in os.environ.items() if k != "FASTAV_BACKEND"}
    if backend is not None:
        environment["FASTAV_BACKEND"] = backend
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    hiding = (
        "import importlib.util as u\n"
        "real = u.find_spec\n"
        "u.find_spec = lambda name, package=None: "
        "None if name.endswith('_c') else real(name, package)\n"
    )
    return subprocess.run(
        [sys.executable, "-c", (hiding if hide else "") + code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


NAME = "import fastav; print(fastav.backend().name, fastav.backend().reason)"


def test_reports_versions() -> None:
    loaded = fastav.backend()
    assert loaded.name in ("compiled", "python")
    assert loaded.av == av.__version__
    assert loaded.ffmpeg["libswscale"].count(".") == 2
    assert "swscale" in loaded.kernels


@pytest.mark.usefixtures("compiled")
def test_compiled_modules_are_there() -> None:
    # The fast path must not go missing unseen: even a run on the Python backend has it built.
    assert run(NAME, "compiled").stdout == "compiled FASTAV_BACKEND=compiled\n"


def test_python_is_silent() -> None:
    result = run(NAME, "python")
    assert result.stdout == "python FASTAV_BACKEND=python\n"
    assert result.stderr == ""


@pytest.mark.usefixtures("compiled")
def test_auto_takes_compiled() -> None:
    assert run(NAME, "auto").stdout == "compiled auto\n"
    assert run(NAME, None).stdout == "compiled auto\n"


def test_auto_falls_back_once_and_says_so() -> None:
    result = run(NAME, "auto", hide=True)
    assert result.stdout.startswith("python compiled modules not built: ")
    assert result.stderr.count("slower pure-Python kernels") == 1


def test_compiled_never_falls_back() -> None:
    result = run(NAME, "compiled", hide=True)
    assert result.returncode == 1
    assert "BackendError: FASTAV_BACKEND=compiled, but compiled modules not built" in result.stderr


@pytest.mark.parametrize("value", ["0", "", "c", "Python"])
def test_other_values_are_errors(value: str) -> None:
    result = run(NAME, value)
    assert result.returncode == 1
    assert f"must be 'auto', 'compiled' or 'python', got {value!r}" in result.stderr


@pytest.mark.usefixtures("compiled")
def test_broken_compiled_module_raises(tmp_path: Path) -> None:
    # `auto` falls back only when nothing was built; here something was, and does not load.
    code = (
        "import importlib\n"
        "real = importlib.import_module\n"
        "def broken(name, package=None):\n"
        "    if name.endswith('planes_c'):\n"
        "        raise ImportError('undefined symbol')\n"
        "    return real(name, package)\n"
        "importlib.import_module = broken\n"
    )
    result = run(code + NAME, "auto")
    assert result.returncode == 1
    assert "undefined symbol" in result.stderr


def test_importing_leaves_out_what_reading_does_not_need() -> None:
    code = (
        "import sys, fastav\n"
        "late = ['writing', 'imageio', 'filters', 'pixels.bayer', 'reading.upright', 'cli']\n"
        "print([n for n in late if 'fastav.' + n in sys.modules])\n"
        "from importlib.util import find_spec\n"
        "assert all(find_spec('fastav.' + n) for n in late)\n"
        "print(fastav.VideoWriter.__name__, fastav.bayer.__name__)\n"
        "print(set(fastav.__all__) <= set(dir(fastav)), hasattr(fastav, 'nothing'))\n"
    )
    assert run(code, None).stdout == "[]\nVideoWriter fastav.bayer\nTrue False\n"

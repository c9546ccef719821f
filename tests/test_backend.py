"""Which kernels are loaded, and why."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from importlib import import_module
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
        "import sys\n"
        "class Hide:\n"
        "    def find_spec(name, path=None, target=None):\n"
        "        if name.endswith('_c'):\n"
        "            raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, Hide)\n"
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


def test_importing_leaves_out_what_is_not_asked_for() -> None:
    code = (
        "import sys, fastav\n"
        "print([n for n in ('api', 'pixels', 'reading') if 'fastav.' + n in sys.modules])\n"
        "late = ['writing', 'imageio', 'filters', 'pixels.bayer', 'pixels.resample', 'cli',"
        "    'reading.upright', 'reading.access', 'reading.scan', 'reading.tables']\n"
        "fastav.open\n"
        "print([n for n in late if 'fastav.' + n in sys.modules])\n"
        "from importlib.util import find_spec\n"
        "assert all(find_spec('fastav.' + n) for n in late)\n"
        "print(fastav.VideoWriter.__name__, fastav.bayer.__name__)\n"
        "print(set(fastav.__all__) <= set(dir(fastav)), hasattr(fastav, 'nothing'))\n"
    )
    assert run(code, None).stdout == "[]\n[]\nVideoWriter fastav.bayer\nTrue False\n"


def test_names_are_what_type_checkers_are_told() -> None:
    """`fastav/__init__.py` says twice where its names are: to Python, and to type checkers."""
    tree = ast.parse(Path(fastav.__file__).read_text())
    told = {
        alias.name: "fastav" + "." * bool(node.module) + (node.module or "")
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and isinstance(block.test, ast.Name)
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    }
    assert told.keys() < set(fastav.__all__)
    for name, module in told.items():
        assert getattr(fastav, name) is getattr(import_module(module), name)

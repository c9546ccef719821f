"""The two implementations of the kernels and the examples, as fixtures; Ctrl-C as in a terminal.

A compiled module that is not there fails its tests, so that it cannot go missing unseen. Only where
the package was built without compiled modules on purpose (``FASTAV_BUILD_EXT=0``) are they skipped.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

IMPLEMENTATIONS = {"compiled": "c", "python": "py"}
Kernels = Callable[[str], ModuleType]
Twins = Callable[[str], tuple[ModuleType, ModuleType]]


def _load(implementation: str, name: str) -> ModuleType:
    return import_module(f"fastav._kernels.{name}_{IMPLEMENTATIONS[implementation]}")


@pytest.fixture(scope="session")
def compiled() -> None:
    """Needed by tests of what is compiled."""
    if os.environ.get("FASTAV_BUILD_EXT") == "0":
        pytest.skip("built without compiled kernels on purpose")


@pytest.fixture(scope="session", params=IMPLEMENTATIONS)
def kernels(request: pytest.FixtureRequest) -> Kernels:
    """Either implementation: ``kernels("planes")`` is its module."""
    implementation: str = request.param
    if implementation == "compiled":
        request.getfixturevalue("compiled")
    return lambda name: _load(implementation, name)


@pytest.fixture(scope="session")
def twins(compiled: None) -> Twins:
    """Both implementations, to be compared: ``twins("planes")`` is (Python's, compiled)."""
    return lambda name: (_load("python", name), _load("compiled", name))


def pytest_configure(config: pytest.Config) -> None:
    """Hear Ctrl-C also where the tests run in a shell's background, which ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run a program of ``examples/`` as ``python`` does; return its exit status."""

    def run(name: str, *arguments: object) -> int:
        path = Path(__file__).parent.parent / "examples" / f"{name}.py"
        monkeypatch.setattr(sys, "argv", [str(path), *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(path), run_name="__main__")
        return int(end.value.code or 0)

    return run

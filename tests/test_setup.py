"""What ``setup.py`` asks of the compiler, by kind of Python and of compiler."""

from __future__ import annotations

import runpy
import sys
import sysconfig
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

setuptools = pytest.importorskip("setuptools")
build_ext = pytest.importorskip("setuptools.command.build_ext")

ROOT = Path(__file__).parent.parent


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run ``setup.py`` up to its call of ``setup``, whose keywords are returned."""
    cython = ModuleType("Cython.Build")
    cython.cythonize = lambda extensions, **_: extensions  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "Cython.Build", cython)
    monkeypatch.chdir(ROOT)
    for name in ("FASTAV_BUILD_EXT", "FASTAV_LIMITED_API"):
        monkeypatch.delenv(name, raising=False)
    asked: dict[str, Any] = {}
    monkeypatch.setattr(setuptools, "setup", lambda **keywords: asked.update(keywords))

    def run(**environment: str) -> dict[str, Any]:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        runpy.run_path(str(ROOT / "setup.py"))
        return asked

    return run


@pytest.mark.parametrize("free_threaded", [False, True])
def test_the_stable_abi_but_for_free_threaded_pythons(
    asked: Any, monkeypatch: pytest.MonkeyPatch, free_threaded: bool
) -> None:
    known = sysconfig.get_config_var

    def get(name: str) -> Any:
        return int(free_threaded) if name == "Py_GIL_DISABLED" else known(name)

    monkeypatch.setattr(sysconfig, "get_config_var", get)
    keywords = asked()
    sources = {path.stem for path in ROOT.glob("src/fastav/_kernels/*_c.pyx")}
    assert {extension.name.rpartition(".")[2] for extension in keywords["ext_modules"]} == sources
    for extension in keywords["ext_modules"]:
        assert extension.py_limited_api is not free_threaded
        macros = [] if free_threaded else [("Py_LIMITED_API", "0x30b0000")]
        assert extension.define_macros == macros
    tag = {} if free_threaded else {"bdist_wheel": {"py_limited_api": "cp311"}}
    assert keywords["options"] == tag


def test_switches(asked: Any) -> None:
    keywords = asked(FASTAV_LIMITED_API="0")
    assert not any(extension.py_limited_api for extension in keywords["ext_modules"])
    assert asked(FASTAV_BUILD_EXT="0")["ext_modules"] == []
    with pytest.raises(SystemExit, match="FASTAV_BUILD_EXT must be 0 or 1, got 'yes'"):
        asked(FASTAV_BUILD_EXT="yes")


@pytest.mark.parametrize("compiler", ["msvc", "unix", "mingw32"])
def test_flags(asked: Any, monkeypatch: pytest.MonkeyPatch, compiler: str) -> None:
    """MSVC knows ``restrict`` only by ``/std:c11``, and none of the others' flags."""
    monkeypatch.setattr(build_ext.build_ext, "build_extensions", lambda self: None)
    keywords = asked()
    command = keywords["cmdclass"]["build_ext"](setuptools.Distribution())
    command.extensions = keywords["ext_modules"]
    command.compiler = SimpleNamespace(compiler_type=compiler)
    command.build_extensions()
    for extension in command.extensions:
        flags = extension.extra_compile_args
        assert ("/std:c11" in flags) is (compiler == "msvc")
        assert all(flag.startswith("/" if compiler == "msvc" else "-") for flag in flags)

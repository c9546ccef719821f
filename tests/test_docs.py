"""The examples of the README and of docs/ run; what the pages name and link to is there."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

import fastav
import fastav.bayer
import fastav.samplers
from fastav.cli import main

from .media import encode

ROOT = Path(__file__).parent.parent
PAGES = {path.name: path for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]}
LINKED = [*PAGES.values(), *ROOT.glob("*.md")]


class Example(NamedTuple):
    """A block of code, the package that it is about, and where it stands."""

    code: str
    needs: str
    line: int


def examples(page: Path, language: str) -> list[Example]:
    text = page.read_text(encoding="utf-8")
    return [
        Example(found[2], found[1] or "", text.count("\n", 0, found.start(2)))
        for found in re.finditer(
            rf"^```{language}(?: needs=(\w+))?\n(.*?)^```", text, re.MULTILINE | re.DOTALL
        )
    ]


CODE = {name: examples(page, "python") for name, page in PAGES.items()}
COMMANDS = {name: examples(page, "sh") for name, page in PAGES.items()}


@cache
def clip() -> bytes:
    return encode(count=60, options={"g": "12"})


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an example finds its clip.mp4."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip.mp4").write_bytes(clip())


def run(name: str, example: Example, names: dict[str, object]) -> None:
    blank = "\n" * example.line  # so that an error tells the page's line
    exec(compile(blank + example.code, str(PAGES[name]), "exec"), names)


def test_all_are_found() -> None:
    written = sum(page.read_text(encoding="utf-8").count("```python") for page in PAGES.values())
    assert sum(map(len, CODE.values())) == written
    assert "README.md" in PAGES
    assert written > 15


@pytest.mark.parametrize("name", [name for name in PAGES if any(not e.needs for e in CODE[name])])
def test_page(name: str) -> None:
    names: dict[str, object] = {}
    for example in CODE[name]:
        if not example.needs:
            run(name, example, names)


@pytest.mark.filterwarnings("default")  # those of the packages are none of ours
@pytest.mark.parametrize(
    ("name", "example"),
    [
        pytest.param(name, example, id=f"{name}-{example.line}-{example.needs}")
        for name in PAGES
        for example in CODE[name]
        if example.needs
    ],
)
def test_example_beside_a_package(name: str, example: Example) -> None:
    pytest.importorskip(example.needs)
    if example.needs == "xarray" and not any(
        point.value.startswith("fastav.")
        for point in importlib.metadata.entry_points(group="xarray.backends")
    ):
        pytest.skip("fastav is not installed here, so xarray cannot find it")
    run(name, example, {})


@pytest.mark.parametrize("name", [name for name in PAGES if COMMANDS[name]])
def test_commands(name: str) -> None:
    for example in COMMANDS[name]:
        for line in example.code.splitlines():
            first, *arguments = shlex.split(line, comments=True) or [""]
            if first == "fastav":
                assert main(arguments) == 0, line
            elif first:  # a pipe
                script = f'fastav() {{ "{sys.executable}" -m fastav "$@"; }}\n{line}'
                environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
                command = ["bash", "-euo", "pipefail", "-c", script]
                subprocess.run(command, check=True, env=environment, capture_output=True)


def test_tables_are_those_of_the_results() -> None:
    results = (ROOT / "benchmarks" / "results").glob("*.json")
    newest = max(results, key=lambda file: json.loads(file.read_text())["environment"]["created"])
    command = [sys.executable, str(ROOT / "benchmarks" / "report.py"), "--check", str(newest)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", [fastav, fastav.bayer, fastav.samplers])
def test_all_public_names_are_in_the_reference(module: ModuleType) -> None:
    reference = "".join(page.read_text() for page in (ROOT / "docs" / "api").glob("*.rst"))
    whole = re.search(rf"automodule:: {module.__name__}\n   :members:\n", reference)
    missing = [
        name
        for name in module.__all__
        if not whole and name != "__version__" and not re.search(rf"\b{name}\b", reference)
    ]
    assert not missing


def test_links_in_the_repository() -> None:
    broken = [
        f"{page.name}: {link}"
        for page in LINKED
        for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
        if not (link.startswith("https:") or (page.parent / link).exists())
    ]
    assert not broken

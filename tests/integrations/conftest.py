"""What the project promises to packages that look for plugins."""

from __future__ import annotations

import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def entry_points() -> list[EntryPoint]:
    """The entry points of pyproject.toml, be the package installed or not."""
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    groups: dict[str, dict[str, str]] = tomllib.loads(text)["project"]["entry-points"]
    return [
        EntryPoint(name=name, value=value, group=group)
        for group, entries in groups.items()
        for name, value in entries.items()
    ]

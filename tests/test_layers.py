"""Imports run one way: down the layers, and within a layer in no circle."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import fastav

PACKAGE = Path(fastav.__file__).parent

# From the lowest: a layer imports itself and what stands before it, be it at first use only.
LAYERS = (
    ("errors", "ffmpeg_errors", "forks", "paths", "progress", "pyav", "workers"),
    ("_kernels",),
    ("backend", "pixels"),
    ("drawing", "filters"),
    ("reading",),
    ("writing",),
    ("imageio", "plot", "samplers", "transcoding"),
    ("api", "bayer", "imageio_plugin"),
    ("",),  # fastav itself
    ("_bench", "integrations"),
    ("cli",),
    ("__main__",),
)
RANK = {room: rank for rank, rooms in enumerate(LAYERS) for room in rooms}


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in PACKAGE.rglob("*.py")}


def imports(name: str) -> set[str]:
    """The modules of fastav that a module imports anywhere in its code."""
    path = MODULES[name]
    package = name if path.stem == "__init__" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            for alias in node.names:
                part = f"{base}.{alias.name}"
                found.add(part if part in MODULES else base)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {module for module in found if module in MODULES} - {name}


def room(module: str) -> str:
    return module.removeprefix("fastav").removeprefix(".").partition(".")[0]


def test_every_room_has_its_layer() -> None:
    assert {room(module) for module in MODULES} == set(RANK)


def test_no_import_goes_up() -> None:
    up = [
        f"{module} imports {imported}"
        for module in MODULES
        for imported in imports(module)
        if RANK[room(imported)] > RANK[room(module)]
    ]
    assert not up


def test_no_imports_run_in_a_circle() -> None:
    TopologicalSorter({module: imports(module) for module in MODULES}).prepare()


def test_private_names_stay_in_their_module() -> None:
    """What another module imports has a public name there; private modules have theirs."""
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level:
                names = [a.name for a in node.names if a.name.startswith("_")]
                allowed = ("_kernels", "_bench", "__version__")
                assert set(names) <= set(allowed), f"{module} imports {names}"


def test_the_map_has_every_module() -> None:
    text = (Path(__file__).parents[1] / "docs" / "architecture.md").read_text()
    places = set(text.partition("## The map")[2].partition("## ")[0].replace("/", " ").split())
    names = {module.rpartition(".")[2] for module in MODULES} - {"fastav"}
    assert {n for n in names if not n.startswith("_") and not n.endswith("_py")} <= places

"""Every compiled kernel module and its Python twin have the same names and signatures."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

import fastav._kernels
from fastav._kernels import KERNELS

from .conftest import Twins

SOURCES = Path(__file__).parents[1] / "src" / "fastav" / "_kernels"
INSTALLED = Path(fastav._kernels.__file__).parent


def public(module: Any) -> dict[str, Any]:
    return {name: getattr(module, name) for name in module.__all__}


def parameters(function: Any) -> list[tuple[str, Any, Any]]:
    """Names, kinds and defaults; annotations are the twin's own."""
    return [
        (parameter.name, parameter.kind, parameter.default)
        for parameter in inspect.signature(function).parameters.values()
    ]


def test_every_kernel_has_a_source_a_twin_and_a_place_in_the_selector() -> None:
    sources = {path.stem.removesuffix("_c") for path in SOURCES.glob("*_c.pyx")}
    twins = {path.stem.removesuffix("_py") for path in INSTALLED.glob("*_py.py")}
    assert sources == twins == set(KERNELS)
    for name in KERNELS:
        assert hasattr(fastav._kernels, name)


@pytest.mark.parametrize("name", KERNELS)
def test_twins_agree(name: str, twins: Twins) -> None:
    twin, compiled = twins(name)
    assert sorted(compiled.__all__) == sorted(twin.__all__)
    for (member, fast), slow in zip(
        sorted(public(compiled).items()), map(public(twin).get, sorted(twin.__all__)), strict=True
    ):
        assert callable(fast) == callable(slow), member
        if inspect.isclass(slow):
            methods = {key for key in vars(slow) if not key.startswith("_")}
            assert methods == {key for key in vars(fast) if not key.startswith("_")}, member
            pairs = [(getattr(fast, key), getattr(slow, key)) for key in methods]
        else:
            pairs = [(fast, slow)] if callable(slow) else []
        for fast_call, slow_call in pairs:
            if callable(slow_call):
                assert parameters(fast_call) == parameters(slow_call), member
                assert inspect.getdoc(fast_call), member

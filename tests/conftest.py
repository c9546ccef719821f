"""The two implementations of the kernels, as fixtures.

A compiled module that is not there fails its tests, so that it cannot go missing unseen. Only where
the package was built without compiled modules on purpose (``FASTAV_BUILD_EXT=0``) are they skipped.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
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

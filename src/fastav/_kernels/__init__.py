"""The one place that chooses between the compiled kernels and their Python twins.

``FASTAV_BACKEND`` is ``auto`` (the default: compiled if it was built, else Python with one
warning), ``compiled`` (never falls back) or ``python``. Every kernel module ``x`` exists twice, as
``x_c`` (Cython) and ``x_py`` (the specification), with the same names and signatures.

Kernels take addresses as integers and pitches in bytes (signed: a negative pitch walks upwards).
They trust their arguments; the callers in ``fastav`` validate.
"""

from __future__ import annotations

import os
import warnings
from importlib import import_module
from types import ModuleType

from ..errors import BackendError

KERNELS = ("bayer", "bits", "colour", "planes", "resample", "strides", "swscale")

__all__ = ["KERNELS", "chosen", "reason"]


def _choose(wanted: str) -> tuple[str, str]:
    """Return the backend's name and why it was chosen."""
    if wanted not in ("auto", "compiled", "python"):
        raise BackendError(f"FASTAV_BACKEND must be 'auto', 'compiled' or 'python', got {wanted!r}")
    if wanted == "python":
        return "python", "FASTAV_BACKEND=python"
    missing = [name for name in KERNELS if not _is_built(name)]
    if not missing:
        return "compiled", "FASTAV_BACKEND=compiled" if wanted == "compiled" else "auto"
    why = f"compiled modules not built: {', '.join(missing)}"
    if wanted == "compiled":
        raise BackendError(
            f"FASTAV_BACKEND=compiled, but {why}. "
            "Reinstall fastav with a C compiler at hand, or set FASTAV_BACKEND=python."
        )
    warnings.warn(
        f"fastav runs on its slower pure-Python kernels ({why}); "
        "FASTAV_BACKEND=python silences this.",
        RuntimeWarning,
        stacklevel=2,
    )
    return "python", why


def _is_built(name: str) -> bool:
    try:
        _load(name, "_c")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}_c":
            raise  # it is there, and what it needs is not
        return False
    return True


def _load(name: str, suffix: str) -> ModuleType:
    # A compiled module that exists but does not load must raise, not fall back.
    return import_module(f"{__name__}.{name}{suffix}")


chosen, reason = _choose(os.environ.get("FASTAV_BACKEND", "auto"))
_suffix = {"compiled": "_c", "python": "_py"}[chosen]

bayer = _load("bayer", _suffix)
bits = _load("bits", _suffix)
colour = _load("colour", _suffix)
planes = _load("planes", _suffix)
resample = _load("resample", _suffix)
strides = _load("strides", _suffix)
swscale = _load("swscale", _suffix)

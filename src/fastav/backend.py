"""What is loaded: which kernels, why, and which FFmpeg underneath."""

from __future__ import annotations

import platform
from typing import NamedTuple

import av
import numpy as np

from . import _kernels

__all__ = ["Backend", "backend"]


class Backend(NamedTuple):
    """The kernels in use and the libraries below them.

    Attributes
    ----------
    name : {"compiled", "python"}
        Which implementation of the kernels is loaded.
    reason : str
        Why that one was chosen.
    kernels : tuple of str
        Names of the kernel modules.
    av, numpy, python : str
        Versions of PyAV, NumPy and Python.
    ffmpeg : dict of str to str
        Versions of the FFmpeg libraries that PyAV has loaded.
    """

    name: str
    reason: str
    kernels: tuple[str, ...]
    av: str
    numpy: str
    python: str
    ffmpeg: dict[str, str]


def backend() -> Backend:
    """Tell which kernels are loaded and why, with the versions of PyAV, FFmpeg and NumPy.

    Returns
    -------
    Backend

    Examples
    --------
    >>> fastav.backend().name
    'compiled'
    """
    return Backend(
        name=_kernels.chosen,
        reason=_kernels.reason,
        kernels=_kernels.KERNELS,
        av=av.__version__,
        numpy=np.__version__,
        python=platform.python_version(),
        ffmpeg={
            library: ".".join(map(str, version))
            for library, version in sorted(av.library_versions.items())
        },
    )

"""torchcodec's names on fastav: ``from fastav.integrations import torchcodec``.

Programs that import torchcodec themselves get this package after :func:`install`. Needs torch, not
torchcodec (``fastav[torchcodec]``).

What differs: both seek modes are exact; resizing is antialiased as Pillow does it, bit for bit,
where torchcodec has FFmpeg scale; resampling by ``fps=`` takes a frame from its very time on, which
in torchcodec depends on the rounding of floats; ``decoder[::-1]`` works; there is no GPU and no
sound; errors are those of Python and fastav, none a ``RuntimeError``.
"""

from __future__ import annotations

import sys

from . import decoders, frames, samplers, transforms
from .frames import Frame, FrameBatch

__all__ = ["Frame", "FrameBatch", "decoders", "install", "samplers", "transforms"]

__version__ = "0.13.0"  # of the torchcodec that this stands for


def install() -> None:
    """Have every later ``import torchcodec`` in this process give this package."""
    sys.modules["torchcodec"] = sys.modules[__name__]
    sys.modules["torchcodec._frame"] = frames
    for module in (decoders, samplers, transforms):
        sys.modules[f"torchcodec.{module.__name__.rpartition('.')[2]}"] = module

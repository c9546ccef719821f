"""Measuring: a clip to measure with, contenders in processes of their own, and a table.

Behind ``fastav bench``, and what ``benchmarks/`` in the source tree is built on.
"""

from .clip import make_clip, pictures
from .command import run_bench

__all__ = ["make_clip", "pictures", "run_bench"]

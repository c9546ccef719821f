"""How much FFmpeg says: ``decord.logging``."""

from __future__ import annotations

from typing import Final

import av.logging

__all__ = ["set_level"]

# FFmpeg's levels (libavutil/log.h).
QUIET: Final = -8
PANIC: Final = 0
FATAL: Final = 8
CRITICAL: Final = FATAL
ERROR: Final = 16
WARNING: Final = 24
INFO: Final = 32
VERBOSE: Final = 40
DEBUG: Final = 48
TRACE: Final = 56


def set_level(lvl: int = ERROR) -> None:
    """Have FFmpeg say what is as important as this, or more, through Python's ``logging``."""
    av.logging.set_level(lvl)

"""Which file a path leads to, and whether it still does."""

from __future__ import annotations

import os
import stat
from typing import Any

__all__ = ["from_here", "same_file", "was_replaced"]


def from_here(name: str) -> str:
    """The path by which a file is found also after the working directory has changed."""
    return name if os.path.isabs(name) else os.path.join(os.getcwd(), name)


def same_file(given: Any, other: Any) -> bool:
    """Whether two paths or open files are one file of the disk, by whatever names."""
    try:
        one, two = (
            os.stat(x if isinstance(x, (str, os.PathLike)) else x.fileno()) for x in (given, other)
        )
    except (AttributeError, OSError, ValueError):  # memory, a URL, no such file
        return given is other
    return stat.S_ISREG(one.st_mode) and os.path.samestat(one, two)


def was_replaced(first: os.stat_result, now: os.stat_result) -> bool:
    """Whether another file has taken a path since (not: whether the same one has grown).

    Numbers of files alone do not tell: some file systems in user space give new ones at each call.
    """
    return (first.st_dev, first.st_ino) != (now.st_dev, now.st_ino) and (
        (first.st_size, first.st_mtime_ns) != (now.st_size, now.st_mtime_ns)
    )

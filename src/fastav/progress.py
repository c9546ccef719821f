"""How far a long read or write is: the caller's function, or tqdm's bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

__all__ = ["Advance", "Progress", "progress_bar", "told"]

Advance = Callable[[int], object]
"""Called with how much has been done so far."""

Progress = Advance | bool | None
"""What users give for ``progress=``."""


def told(
    progress: Progress, total: int = 0, unit: str = "frame"
) -> AbstractContextManager[Advance | None]:
    """Make of a ``progress=`` what is to be called while a block runs.

    Parameters
    ----------
    progress : callable, bool or None
        True is a bar of tqdm's; False and None are nothing.
    total, unit : int, str
        What the bar says: of how much, 0 if that is not known, and of what.

    Raises
    ------
    ImportError
        A bar is asked for and tqdm is not installed.
    TypeError
        It is none of these.
    """
    if progress is True:
        return progress_bar(total, unit)
    if progress is None or progress is False:
        return nullcontext(None)
    if not callable(progress):
        raise TypeError(
            f"progress must be a function of a count, True for tqdm's bar, or None, "
            f"got {progress!r}"
        )
    return nullcontext(progress)


def progress_bar(total: int = 0, unit: str = "frame") -> AbstractContextManager[Advance]:
    """Show a bar while a block runs, in a notebook one of the notebook's.

    Raises
    ------
    ImportError
        tqdm is not installed.
    """
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError(
            "progress=True needs tqdm: install fastav[progress], or give a function that is called "
            "with the number of frames so far"
        ) from error

    class Bar(tqdm):  # type: ignore[misc]
        monitor_interval = 0  # else tqdm keeps a thread of its own

    return _moving(Bar(total=total or None, unit=unit))


@contextmanager
def _moving(bar: Any) -> Iterator[Advance]:
    with bar:
        yield lambda count: bar.update(count - bar.n)
        # All is done, and the total may have been an estimate.
        bar.total = bar.n
        bar.refresh()

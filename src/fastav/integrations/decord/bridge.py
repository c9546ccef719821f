"""What arrays are handed out as: ``decord.bridge``, for NumPy ("native") and torch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["NDArray", "bridge_out", "reset_bridge", "set_bridge", "use_torch"]


class NDArray(np.ndarray[Any, np.dtype[Any]]):
    """A NumPy array with the one method of decord's arrays that programs call."""

    def asnumpy(self) -> npt.NDArray[Any]:
        """The same memory as a plain NumPy array."""
        return self.view(np.ndarray)


def _to_torch(array: npt.NDArray[Any]) -> Any:
    try:
        import torch
    except ImportError as error:
        raise ImportError("set_bridge('torch') needs torch; install torch") from error
    return torch.from_numpy(array)


_BRIDGES: Final[dict[str, Callable[[npt.NDArray[Any]], Any]]] = {
    "native": lambda array: array.view(NDArray),
    "torch": _to_torch,
}

_everywhere = "native"
_here = threading.local()  # threads take what the main thread has set until they set their own


def set_bridge(new_bridge: str) -> None:
    """Choose what this thread's reads give; in the main thread also what other threads begin with.

    Parameters
    ----------
    new_bridge : {"native", "torch"}
        :class:`NDArray`, or a torch tensor that shares the memory.
    """
    global _everywhere
    if new_bridge not in _BRIDGES:
        raise ValueError(
            f"new_bridge must be one of {tuple(_BRIDGES)}, got {new_bridge!r}; mxnet and "
            "tensorflow take the arrays of 'native'"
        )
    _here.name = new_bridge
    if threading.current_thread() is threading.main_thread():
        _everywhere = new_bridge


def reset_bridge() -> None:
    """Go back to "native"."""
    set_bridge("native")


@contextmanager
def use_torch() -> Iterator[None]:
    """Give torch tensors within a ``with`` block."""
    before = getattr(_here, "name", _everywhere)
    set_bridge("torch")
    try:
        yield
    finally:
        set_bridge(before)


def bridge_out(array: npt.NDArray[Any]) -> Any:
    """An array as this thread wants it."""
    return _BRIDGES[getattr(_here, "name", _everywhere)](array)

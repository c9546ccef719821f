"""Memory at an address, as an array."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["array_at"]


class _Memory:
    """What an array's memory is described by, and kept alive with."""

    __slots__ = ("__array_interface__", "owner")

    __array_interface__: dict[str, Any]
    owner: object


def array_at(
    address: int,
    typestr: str,
    shape: tuple[int, ...],
    strides: tuple[int, ...] | None = None,
    *,
    owner: object = None,
    readonly: bool = False,
) -> NDArray[Any]:
    """Return an array over memory at any address, of any signed strides.

    Parameters
    ----------
    address : int
        Of the first element.
    typestr : str
        Of an element, as ``numpy.dtype.str``.
    shape, strides : tuple of int
        In elements and in bytes; C-contiguous without strides.
    owner : object, optional
        Whose memory it is; lives as long as the array. Without it the caller sees to that.
    readonly : bool, optional
        Whether the array refuses to be written to.
    """
    memory = _Memory()
    memory.owner = owner
    memory.__array_interface__ = {
        "version": 3,
        "data": (address, readonly),
        "typestr": typestr,
        "shape": shape,
        "strides": strides,
    }
    return np.asarray(memory)

"""What a forked child does before anything else: one place, and the one right order.

A child has only the thread that forked. What other threads worked for (a decoder, an encoder, a
crew) would wait for them for ever when it is closed, so the child first *gives it up*: keeps it by
a reference that is never returned, for the end of the interpreter would close it too. Only then it
*renews* what locks guard, since that may drop the last reference to what was given up.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Callable
from typing import Final, Protocol

__all__ = ["give_up_in_child", "renew_in_child"]


class _Threaded(Protocol):
    def give_up(self) -> object:
        """Refuse all further use; return what must not be freed, or None."""


class _Locked(Protocol):
    def renew(self) -> None:
        """Make the locks anew, and forget what is open."""


_THREADED: weakref.WeakSet[_Threaded] = weakref.WeakSet()
_LOCKED: weakref.WeakSet[_Locked] = weakref.WeakSet()

give_up_in_child: Final[Callable[[_Threaded], None]] = _THREADED.add
"""Have an object's ``give_up`` called in every child forked while it lives."""

renew_in_child: Final[Callable[[_Locked], None]] = _LOCKED.add
"""Have an object's ``renew`` called in every child forked while it lives."""


def _after_fork() -> None:
    for threaded in list(_THREADED):
        kept = threaded.give_up()
        if kept is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))
    for locked in list(_LOCKED):
        locked.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

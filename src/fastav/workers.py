"""Work side by side: how many threads there may be, what is worth one, and the crew that they form.

Threads that outlive the call that started them, or wait for what it holds, crash or hang; so all
that works side by side does it through a :class:`Crew`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Generic, Self, TypeVar, TypeVarTuple

from .forks import give_up_in_child

if TYPE_CHECKING:
    from queue import SimpleQueue

__all__ = ["WORTH_A_THREAD", "Crew", "Job", "processors"]

WORTH_A_THREAD: Final = 1 << 19
"""Bytes of a frame from which handing it to another thread costs little against converting it."""

Tool = TypeVar("Tool")
Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Job(Generic[Result]):
    """Work handed to a crew.

    Attributes
    ----------
    done : bool
        It was worked on to its end, well or badly; its arguments are let go.
    """

    __slots__ = ("_error", "_gate", "_value", "_work", "done")

    def __init__(self, work: tuple[Any, ...]) -> None:
        self._work: tuple[Any, ...] | None = work  # a function and what follows the tool
        self._value: Any = None
        self._error: BaseException | None = None
        self._gate = threading.Lock()
        self._gate.acquire()
        self.done: bool = False


class _Hand(Generic[Tool]):
    """A thread and its tool. What it has to do with others is told by flags that are set once.

    Nothing is concluded from `threading.Thread`: a `start` that raises may have started a thread,
    and one whose `join` was interrupted is called stopped by Python 3.11 while it runs.
    """

    __slots__ = ("_gate", "begun", "ended", "tool")

    def __init__(self, tool: Tool) -> None:
        self.tool: Tool | None = tool
        self.begun = self.ended = False
        self._gate = threading.Lock()
        self._gate.acquire()

    def work(self, desk: _Desk) -> None:
        """Do jobs until told to stop; the body of the thread.

        A job's frames and arrays are referred to from here while it lasts, whatever happens to the
        caller, and no longer.
        """
        # This flag first, then the queue, then `stopping`; who stops the crew goes the other way
        # round. So either that one knows of this thread, or this thread knows that it is to end.
        self.begun = True
        job: Job[Any] | None = None
        try:
            while (job := desk.jobs.get()) is not None and not desk.stopping:
                _do(job, self.tool)
                job = None
        except BaseException as error:  # no memory for the call; see _do
            if job is not None:
                _settle(job, error)
        finally:
            self.ended = True
            self._gate.release()

    def wait(self) -> None:
        """Wait until the thread does no more, and let the tool go; it has been told to stop."""
        while self.begun and not self.ended:
            self._gate.acquire()
        self.tool = None


class _Desk:
    """What a crew's threads share with it; they do not keep the crew itself alive."""

    __slots__ = ("jobs", "stopping")

    def __init__(self) -> None:
        from queue import SimpleQueue  # what imports fastav need not wait for it

        self.jobs: SimpleQueue[Job[Any] | None] = SimpleQueue()
        self.stopping = False


def _do(job: Job[Any], tool: object) -> None:
    assert job._work is not None
    function, *arguments = job._work
    try:
        job._value = function(tool, *arguments)
    except BaseException as error:
        # Without this frame, which refers to the tool and would be referred to in a circle.
        job._error = error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)
    job._work = None
    job.done = True
    gate = job._gate
    # An error's frames refer to the one that called them, this one; no circle may come of that.
    del function, arguments, job, tool
    gate.release()


def _settle(job: Job[Any], error: BaseException) -> None:
    if not job.done:
        job._error, job._work, job.done = error, None, True
        job._gate.release()


class Crew(Generic[Tool]):
    """Threads that work beside the caller, and end before the caller goes on.

    Parameters
    ----------
    tools : sequence
        What each works with (a converter, a decoder), which nobody else may use meanwhile. The
        first is the caller's; every other gets a thread when there is something to do.

    Notes
    -----
    A context manager that stops at the end. Entered twice, ``with crew, crew:``, it also stops if
    an interrupt comes on the way into the first exit. A second interrupt leaves without waiting;
    even then nothing is freed that a thread still writes to, for threads refer to it themselves,
    and :attr:`free` names the tools that nobody uses any more.

    Threads never wait for anything but jobs. So that the caller may wait for them while it holds
    locks, jobs must not ask for these: what needs them is prepared by the caller.

    For one thread, the caller, except `stopping`, which jobs may look at.
    """

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._tools = tools
        self._hands = [_Hand(tool) for tool in tools[1:]]
        self._threads: list[threading.Thread] = []
        self._desk = _Desk()
        self._amid = False  # the caller has taken a job

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def __del__(self) -> None:
        if hasattr(self, "_amid"):
            self._tell()

    @property
    def has_room(self) -> bool:
        """Whether fewer jobs wait than there are threads.

        Where they do not, the caller had better work itself: so all work, and few frames are kept
        from the decoder.
        """
        return self._desk.jobs.qsize() < len(self._hands)

    @property
    def stopping(self) -> bool:
        """Whether jobs that take long should come to an end."""
        return self._desk.stopping

    @property
    def free(self) -> list[Tool]:
        """The tools that no thread works with; of a crew that was stopped."""
        own, *others = self._tools
        hands = zip(self._hands, others, strict=False)  # a forked child has no hands
        return [own, *(tool for hand, tool in hands if hand.ended or not hand.begun)]

    def hand_out(
        self, work: Callable[[Tool, *Arguments], Result], *arguments: *Arguments
    ) -> Job[Result]:
        """Have ``work(tool, *arguments)`` done some time before :meth:`result` returns.

        Parameters
        ----------
        work : callable
        *arguments
            Kept alive until it is done: hand over all that it writes to.

        Raises
        ------
        RuntimeError
            No thread can be started, or the crew was stopped.
        MemoryError
        """
        self._check()
        job: Job[Result] = Job((work, *arguments))
        if len(self._threads) < len(self._hands):
            give_up_in_child(self)
            hand = self._hands[len(self._threads)]
            thread = threading.Thread(
                target=hand.work, args=(self._desk,), name="fastav", daemon=True
            )
            self._threads.append(thread)
            try:
                thread.start()
            except BaseException:
                self.stop()
                raise
        self._desk.jobs.put(job)
        return job

    def result(self, job: Job[Result]) -> Result:
        """Return what a job gave, or raise what it raised, once; :meth:`wait` for it if need be."""
        self.wait(job)
        error, job._error = job._error, None  # whose traceback refers to the job
        if error is not None:
            try:
                raise error
            finally:
                del error
        value: Result = job._value
        return value

    def wait(self, job: Job[Any]) -> None:
        """Return when a job is done; meanwhile work on those that wait."""
        from queue import Empty

        while not job.done:
            self._check()
            self._amid = True
            try:
                waiting = self._desk.jobs.get_nowait()
            except Empty:
                self._amid = False
                job._gate.acquire()
                continue
            if waiting is not None:
                _do(waiting, self._tools[0])
                if not isinstance(waiting._error, Exception | None):
                    raise waiting._error  # an interrupt of the caller's own thread
            self._amid = False
            del waiting  # see _do
        del job

    def stop(self) -> None:
        """Let no further job begin, and wait for those that have; safe to call twice."""
        self._tell()
        for hand in self._hands:
            hand.wait()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()  # for the moment that it takes to end
        self._let_go()

    def _tell(self) -> None:
        """Tell the threads to stop; whatever of it is done has its effect."""
        self._desk.stopping = True
        for _ in self._threads:
            self._desk.jobs.put(None)

    def _let_go(self) -> None:
        """Drop the jobs that nobody does any more, and what they refer to.

        A thread whose `start` was interrupted before there was one is kept by `threading` for good,
        and with it the desk.
        """
        from queue import Empty

        with suppress(Empty):
            while True:
                self._desk.jobs.get_nowait()
        self._tell()  # what was dropped; for one that begins only now

    def _check(self) -> None:
        if self._amid or self._desk.stopping:
            raise RuntimeError("work side by side was broken off, or inherited by a forked process")

    def give_up(self) -> None:
        """Expect nothing of the threads, which a forked child does not have."""
        self._desk = _Desk()
        self._desk.stopping = True
        self._hands, self._threads = [], []

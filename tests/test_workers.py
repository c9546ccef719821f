"""The crew alone: what it gives, and that nothing survives or hangs whatever goes wrong when."""

from __future__ import annotations

import gc
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from itertools import count
from types import FrameType
from typing import Any

import pytest

from fastav import workers
from fastav.workers import Crew, Job

from .process import in_child, run_script


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    yield
    wait_until(lambda: not crew_threads())


def crew_threads() -> list[threading.Thread]:
    """Those that run (not those whose `start` was interrupted before they did)."""
    return [thread for thread in threading.enumerate() if thread.name == "fastav" and thread.ident]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "still not so after 10 s"
        time.sleep(0.001)


class Memory:
    """Stands for an array: knows the threads that write to it."""

    def __init__(self) -> None:
        self.writers: set[int] = set()


class Tool:
    """Stands for a converter or decoder: for one thread at a time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users: set[int] = set()


def write(tool: Tool, memory: Memory, value: int, pause: float = 0.0) -> int:
    assert tool.lock.acquire(blocking=False), "two threads with one tool"
    tool.users.add(threading.get_ident())
    memory.writers.add(threading.get_ident())
    time.sleep(pause)
    memory.writers.remove(threading.get_ident())
    tool.lock.release()
    return value


def fail(tool: Tool, error: BaseException) -> None:
    raise error


def hand_out(crew: Crew[Tool], memory: Memory, number: int) -> list[Job[int]]:
    return [crew.hand_out(write, memory, i, 0.02) for i in range(number)]


@pytest.mark.parametrize("size", [1, 2, 5])
def test_results_in_any_order(size: int) -> None:
    tools = [Tool() for _ in range(size)]
    crew, memory = Crew(tools), Memory()
    with crew, crew:
        jobs = [crew.hand_out(write, memory, i, 0.001) for i in range(30)]
        assert [crew.result(job) for job in reversed(jobs)] == [*range(29, -1, -1)]
        assert crew.result(jobs[3]) == 3
    assert not crew_threads()
    assert crew.free == tools
    assert {id for tool in tools for id in tool.users} >= {threading.get_ident()}
    assert all(len(tool.users) <= 1 for tool in tools)


def test_threads_and_caller_share_the_work() -> None:
    tools = [Tool() for _ in range(4)]
    all_four = threading.Barrier(4)
    crew = Crew(tools)
    with crew, crew:
        jobs = [crew.hand_out(lambda tool: all_four.wait(10)) for _ in range(4)]
        for job in jobs:
            crew.result(job)


def test_room_is_a_job_for_each_thread() -> None:
    begun, leave = threading.Semaphore(0), threading.Event()

    def hold(tool: int) -> None:
        begun.release()
        assert leave.wait(10)

    assert not Crew([0]).has_room
    crew = Crew([0, 1, 2])
    with crew, crew:
        for _ in range(2):
            assert crew.has_room
            crew.hand_out(hold)
            assert begun.acquire(timeout=10)
        waiting = []
        while crew.has_room:
            waiting.append(crew.hand_out(int))
        assert len(waiting) == 2
        leave.set()
    assert crew.stopping


def test_arguments_live_as_long_as_the_work() -> None:
    begun, leave = threading.Event(), threading.Event()

    def hold(tool: int, memory: Memory) -> None:
        begun.set()
        assert leave.wait(10)

    crew = Crew([0, 1])
    with crew, crew:
        memory = Memory()
        alive = weakref.ref(memory)
        job = crew.hand_out(hold, memory)
        del memory
        assert begun.wait(10)
        assert alive() is not None
        leave.set()
        crew.result(job)
        wait_until(lambda: alive() is None)


class TestErrors:
    @pytest.mark.parametrize("size", [1, 3])
    def test_are_those_of_the_job(self, size: int) -> None:
        crew, memory = Crew([Tool() for _ in range(size)]), Memory()
        with crew, crew:
            good = crew.hand_out(write, memory, 1)
            bad = crew.hand_out(fail, ZeroDivisionError("here"))
            after = crew.hand_out(write, memory, 2)
            with pytest.raises(ZeroDivisionError, match="here"):
                crew.result(bad)
            assert (crew.result(good), crew.result(after)) == (1, 2)

    def test_keep_no_tool_alive(self) -> None:
        tools = [Tool(), Tool()]
        alive = [weakref.ref(tool) for tool in tools]
        crew = Crew(tools)
        gc.disable()
        try:
            with crew, crew:
                jobs = [crew.hand_out(fail, ValueError()) for _ in range(8)]
                errors = []
                for job in jobs:
                    try:
                        crew.result(job)
                    except ValueError as error:
                        errors.append(error.with_traceback(None))
            del tools, crew, jobs, job
            assert len(errors) == 8
            assert [tool() for tool in alive] == [None, None]
        finally:
            gc.enable()

    def test_leaving_drops_what_has_not_begun(self) -> None:
        done: list[int] = []
        crew = Crew([0, 1])
        with crew, crew:
            for _ in range(100):
                crew.hand_out(lambda tool: (time.sleep(0.01), done.append(tool)))
        assert len(done) < 50
        with pytest.raises(RuntimeError, match="broken off"):
            crew.hand_out(int)


@pytest.mark.parametrize("collected", [0, 1, 3])
def test_errors_keep_nothing_alive(collected: int) -> None:
    """Not the tools and not what was worked with, whether anybody asks for the error or not."""

    def fail_with(tool: Tool, memory: Memory) -> None:
        time.sleep(0.01)
        raise ValueError("each of them")

    gc.collect()
    gc.disable()
    try:
        tools, memories = [Tool(), Tool()], [Memory() for _ in range(3)]
        kept = [weakref.ref(thing) for thing in (*tools, *memories)]
        crew = Crew(tools)
        with crew, crew:
            jobs = [crew.hand_out(fail_with, memory) for memory in memories]
            for job in jobs[:collected]:
                with pytest.raises(ValueError, match="each of them"):
                    crew.result(job)
            for job in jobs:
                crew.wait(job)
        del crew, tools, memories, jobs
        job = None  # type: ignore[assignment]
        wait_until(lambda: not any(thing() for thing in kept))
    finally:
        gc.enable()


class TestStart:
    @pytest.mark.parametrize("error", [RuntimeError("can't start"), MemoryError, KeyboardInterrupt])
    @pytest.mark.parametrize("afterwards", [False, True])
    @pytest.mark.parametrize("which", [0, 1, 2])
    def test_fails(
        self, monkeypatch: pytest.MonkeyPatch, error: Any, afterwards: bool, which: int
    ) -> None:
        """A thread cannot be started, or starts and an interrupt comes before that is known."""
        start, starts = threading.Thread.start, 0

        def failing(thread: threading.Thread) -> None:
            nonlocal starts
            starts += 1
            if starts - 1 != which:
                start(thread)
                return
            if afterwards:
                start(thread)
            raise error

        monkeypatch.setattr(threading.Thread, "start", failing)
        crew, memory = Crew([Tool() for _ in range(4)]), Memory()
        kind = error if isinstance(error, type) else type(error)
        with pytest.raises(kind), crew, crew:
            hand_out(crew, memory, 8)
        assert starts == which + 1
        assert not memory.writers
        wait_until(lambda: len(crew.free) == 4)

    @pytest.mark.parametrize("which", [0, 1])
    def test_interrupted_inside(self, monkeypatch: pytest.MonkeyPatch, which: int) -> None:
        """`threading` keeps a thread that was to start, but neither tools nor what jobs hold."""
        name = "_start_joinable_thread" if sys.version_info >= (3, 13) else "_start_new_thread"
        start, starts = getattr(threading, name), 0

        def failing(*arguments: Any, **options: Any) -> Any:
            nonlocal starts
            starts += 1
            if starts - 1 == which:
                raise KeyboardInterrupt
            return start(*arguments, **options)

        monkeypatch.setattr(threading, name, failing)
        tools, memory = [Tool() for _ in range(4)], Memory()
        kept = [weakref.ref(thing) for thing in (*tools, memory)]
        crew = Crew(tools)
        with pytest.raises(KeyboardInterrupt), crew, crew:
            hand_out(crew, memory, 8)
        assert starts == which + 1
        assert len(crew.free) == 4
        del crew, tools, memory
        gc.collect()
        assert [thing() for thing in kept] == [None] * 5
        limbo: Any = threading._limbo  # type: ignore[attr-defined]
        (left,) = [thread for thread in limbo if thread.name == "fastav"]
        del limbo[left]  # other tests count threads


class TestInterrupts:
    """Ctrl-C at every line, one after the other."""

    @staticmethod
    def scenario(memory: Memory) -> list[int]:
        crew = Crew([Tool() for _ in range(3)])
        jobs, results = [], []
        with crew, crew:
            # (Python 3.12 skips `with` if a trace function raises in a comprehension.)
            for i in range(6):
                jobs.append(crew.hand_out(write, memory, i, 0.002))  # noqa: PERF401
            for job in jobs:
                results.append(crew.result(job))  # noqa: PERF401
        return results

    def interrupted(self, memory: Memory, at: int) -> tuple[str, int] | None:
        """Run the scenario with an interrupt at a line; tell which, or None if it has fewer."""
        files = {workers.__file__, __file__}
        line = 0
        place = None

        def trace(frame: FrameType, event: str, argument: object) -> Any:
            nonlocal line, place
            if frame.f_code.co_filename not in files:
                return None
            if event == "line":
                line += 1
                if line == at:
                    place = frame.f_code.co_name, frame.f_lineno
                    raise KeyboardInterrupt
            return trace

        sys.settrace(trace)
        try:
            assert self.scenario(memory) == [*range(6)]
        except KeyboardInterrupt:
            assert place is not None
        finally:
            sys.settrace(None)
        return place

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # in __del__
    def test_at_every_line_of_the_caller(self) -> None:
        for at in count(1):
            memory = Memory()
            place = self.interrupted(memory, at)
            # (Interrupted in the midst of its own work, the caller is still on the list.)
            assert memory.writers <= {threading.get_ident()}, (at, place)
            wait_until(lambda: not crew_threads())
            if place is None:
                break
        assert at > 100

    @pytest.mark.parametrize("times", [1, 2, 3])
    def test_while_waiting_for_threads(self, times: int) -> None:
        """The first is raised when they have ended; the second at once, and nothing is freed."""
        begun, leave = threading.Event(), threading.Event()

        def hold(tool: Tool, memory: Memory) -> None:
            memory.writers.add(threading.get_ident())
            begun.set()
            assert leave.wait(10)
            memory.writers.remove(threading.get_ident())

        class Interrupting:
            def __init__(self, gate: Any) -> None:
                self.gate, self.left = gate, times

            def acquire(self) -> None:
                self.left -= 1
                if self.left >= 0:
                    raise KeyboardInterrupt
                leave.set()
                self.gate.acquire()

            def release(self) -> None:
                self.gate.release()

        memory = Memory()
        alive = weakref.ref(memory)
        crew = Crew([Tool(), Tool()])
        (hand,) = crew._hands
        hand._gate = Interrupting(hand._gate)  # type: ignore[assignment]
        with pytest.raises(KeyboardInterrupt), crew, crew:  # noqa: PT012
            crew.hand_out(hold, memory)
            assert begun.wait(10)
        del memory
        held = alive()
        if times == 1:
            assert held is None
            assert len(crew.free) == 2
        else:
            assert held is not None
            assert len(held.writers) == 1
            assert len(crew.free) == 1
            leave.set()
            del held
            wait_until(lambda: alive() is None)
            wait_until(lambda: len(crew.free) == 2)

    def test_work_that_was_lost_is_not_waited_for(self) -> None:
        def interrupt(tool: int) -> None:
            if not tool:  # the caller's
                raise KeyboardInterrupt
            begun.set()
            assert leave.wait(10)

        begun, leave = threading.Event(), threading.Event()
        crew = Crew([0, 1])
        with crew, crew:
            jobs = [crew.hand_out(interrupt) for _ in range(2)]
            assert begun.wait(10)
            with pytest.raises(KeyboardInterrupt):
                crew.result(jobs[1])
            with pytest.raises(RuntimeError, match="broken off"):
                crew.result(jobs[0])
            leave.set()


class TestMemoryRunsOut:
    def test_in_the_work(self) -> None:
        crew = Crew([0, 1])
        with pytest.raises(MemoryError), crew, crew:
            crew.result(crew.hand_out(fail, MemoryError()))

    def test_before_the_work(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The thread dies; its job is not waited for, and the caller does the others."""
        do = workers._do

        def failing(job: Job[Any], tool: int) -> None:
            if tool:
                raise MemoryError
            do(job, tool)

        monkeypatch.setattr(workers, "_do", failing)
        crew = Crew([0, 1])
        with crew, crew:
            jobs = [crew.hand_out(lambda tool: time.sleep(0.01)) for _ in range(5)]
            wait_until(lambda: any(job.done for job in jobs))
            failures = 0
            for job in jobs:
                try:
                    crew.result(job)
                except MemoryError:
                    failures += 1
        assert failures == 1

    @pytest.mark.parametrize("at", [1, 2, 3, 4])
    def test_in_the_queue(self, at: int) -> None:
        class Full:
            def __init__(self, queue: Any) -> None:
                self.queue, self.puts = queue, 0

            def put(self, job: object) -> None:
                self.puts += 1
                if self.puts == at:
                    raise MemoryError
                self.queue.put(job)

            def __getattr__(self, name: str) -> Any:
                return getattr(self.queue, name)

        memory = Memory()
        crew = Crew([Tool() for _ in range(3)])
        crew._desk.jobs = Full(crew._desk.jobs)  # type: ignore[assignment]
        with pytest.raises(MemoryError), crew, crew:
            hand_out(crew, memory, 3)
        assert not memory.writers
        assert len(crew.free) == 3


def test_a_dropped_crew_ends() -> None:
    crew = Crew([0, 1, 2])
    for _ in range(2):
        crew.result(crew.hand_out(int))
    assert crew_threads()
    del crew
    wait_until(lambda: not crew_threads())


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_does_not_wait_for_threads() -> None:
    begun, leave = threading.Event(), threading.Event()

    def hold(tool: int) -> None:
        begun.set()
        assert leave.wait(30)

    crew = Crew([0, 1])
    with crew, crew:
        job = crew.hand_out(hold)
        assert begun.wait(10)
        assert "inherited by a forked process" in in_child(lambda: crew.result(job))
        assert in_child(crew.stop) == ""
        leave.set()
        crew.result(job)


def test_a_forked_child_that_exits_ends() -> None:
    script = """
        import os, signal, sys, time
        from fastav.workers import Crew

        crew = Crew([0.0, 0.5])
        with crew, crew:
            job = crew.hand_out(time.sleep)
            child = os.fork()
            if not child:
                signal.alarm(20)
                sys.exit(3)
            crew.result(job)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    assert run_script(script) == "3\n"

"""Readers in any order of use, against a model: the frames that plain linear decoding gives."""

from __future__ import annotations

import faulthandler
import itertools
import os
import pickle
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

import fastav

from . import option_pairs
from .option_pairs import CLIPS, VALUES, Frames, Truth
from .process import LINUX, descriptors, threads
from .test_lifetime import in_child

pytestmark = LINUX

OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        name: st.sampled_from(values)
        for name, values in VALUES.items()
        if name not in ("source", "filters")
    },
)
NUMBER = st.integers(0, option_pairs.FRAMES - 1)

_TRUTHS: dict[str, Truth] = {}


def same(got: Any, frames: Frames, numbers: Any) -> None:
    """Compare arrays that have a leading axis for frames with those of these numbers."""
    planes = got if isinstance(got, tuple) else (got,)
    numbers = list(numbers)
    for place, plane in enumerate(planes):
        assert len(plane) == len(numbers)
        for number, array in zip(numbers, plane, strict=True):
            np.testing.assert_array_equal(array, frames[number][place], f"frame {number}")


class Open:
    """A reader, the frames that it is to give, and its iterations with what comes next of them."""

    def __init__(self, reader: fastav.VideoReader, frames: Frames, where: tuple[Any, ...]) -> None:
        self.reader, self.frames, self.where = reader, frames, where
        self.iterations: list[tuple[Iterator[Any], Iterator[int]]] = []

    @property
    def count(self) -> int:
        return len(self.frames)


class Readers(RuleBasedStateMachine):
    """Two readers at most, each of any clip, source and options."""

    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.open: list[Open] = []

    @initialize()
    def start(self) -> None:
        faulthandler.dump_traceback_later(120, exit=True)
        self.before = threads(), descriptors()

    def teardown(self) -> None:
        for one in self.open:
            one.reader.close()
        self.open.clear()
        if hasattr(self, "before"):
            assert threads(self.before[0]) <= self.before[0]
            assert descriptors() <= self.before[1]
        faulthandler.cancel_dump_traceback_later()

    def truth(self, name: str) -> Truth:
        if name not in _TRUTHS:
            _TRUTHS[name] = Truth(name, self.folder)
        return _TRUTHS[name]

    def pick(self, which: int) -> Open:
        return self.open[which % len(self.open)]

    @precondition(lambda self: len(self.open) < 2)
    @rule(
        name=st.sampled_from(sorted(CLIPS)),
        source=st.sampled_from(["path", "bytes", "file"]),
        options=OPTIONS,
    )
    def open_one(self, name: str, source: str, options: dict[str, Any]) -> None:
        truth = self.truth(name)
        expected = truth.frames(options)
        if isinstance(expected, type):
            with pytest.raises(expected), truth.open(source, options) as reader:
                reader.read()
        else:
            self.open.append(Open(truth.open(source, options), expected, (name, source)))

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 1), how=st.sampled_from(["close", "drop", "with"]))
    def close_one(self, which: int, how: str) -> None:
        one = self.pick(which)
        self.open.remove(one)
        if how == "close":
            one.reader.close()
        elif how == "with":
            with one.reader:
                pass
        if how != "drop":
            with pytest.raises(ValueError, match="closed"):
                one.reader.read()
            for iterator, numbers in one.iterations:
                if next(numbers, None) is not None:
                    with pytest.raises(ValueError, match="closed"):
                        next(iterator)

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 1), start=NUMBER, length=st.integers(0, 70), step=st.integers(1, 9))
    def read(self, which: int, start: int, length: int, step: int) -> None:
        one = self.pick(which)
        got = one.reader.read(start=start, stop=start + length, step=step)
        same(got, one.frames, range(one.count)[start : start + length : step])

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 1))
    def read_all(self, which: int) -> None:
        one = self.pick(which)
        same(one.reader.read(), one.frames, range(one.count))

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 1), number=NUMBER, negative=st.booleans())
    def read_one(self, which: int, number: int, negative: bool) -> None:
        one = self.pick(which)
        got = one.reader[number - one.count if negative else number]
        planes = got if isinstance(got, tuple) else (got,)
        same(tuple(plane[np.newaxis] for plane in planes), one.frames, [number])

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 1), numbers=st.lists(NUMBER, max_size=12))
    def read_several(self, which: int, numbers: list[int]) -> None:
        one = self.pick(which)
        same(one.reader.get_batch(numbers), one.frames, numbers)

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 1), part=st.slices(option_pairs.FRAMES))
    def read_slice(self, which: int, part: slice) -> None:
        one = self.pick(which)
        same(one.reader[part], one.frames, range(one.count)[part])

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 1), numbers=st.lists(NUMBER, min_size=1, max_size=5))
    def read_by_time(self, which: int, numbers: list[int]) -> None:
        one = self.pick(which)
        times = one.reader.timestamps[numbers]
        same(one.reader.get_frames_played_at(times).data, one.frames, numbers)

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 1), numbers=st.lists(NUMBER, min_size=1, max_size=4))
    def read_into(self, which: int, numbers: list[int]) -> None:
        one = self.pick(which)
        outs = tuple(np.zeros((4, *plane.shape), plane.dtype) for plane in one.frames[0])
        out = outs if one.reader.options.planes else outs[0]
        got = one.reader.get_batch(numbers, out=out)
        same(got, one.frames, numbers)
        same(tuple(o[: len(numbers)] for o in outs), one.frames, numbers)

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 1), start=st.one_of(st.just(0), NUMBER))
    def begin_iteration(self, which: int, start: int) -> None:
        one = self.pick(which)
        one.iterations.append((one.reader.iter(start=start), iter(range(start, one.count))))

    @precondition(lambda self: any(one.iterations for one in self.open))
    @rule(place=st.integers(0, 5), steps=st.integers(1, 80))
    def go_on(self, place: int, steps: int) -> None:
        every = [(one, pair) for one in self.open for pair in one.iterations]
        one, (iterator, numbers) = every[place % len(every)]
        for number in itertools.islice(numbers, steps):
            got = next(iterator)
            planes = got if isinstance(got, tuple) else (got,)
            same(tuple(plane[np.newaxis] for plane in planes), one.frames, [number])

    @precondition(lambda self: any(one.iterations for one in self.open))
    @rule(place=st.integers(0, 5), close=st.booleans())
    def leave_iteration(self, place: int, close: bool) -> None:
        every = [(one, pair) for one in self.open for pair in one.iterations]
        one, pair = every[place % len(every)]
        one.iterations.remove(pair)
        if close:
            pair[0].close()  # type: ignore[attr-defined]

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 1), size=st.integers(1, 30), most=st.integers(1, 4))
    def some_batches(self, which: int, size: int, most: int) -> None:
        one = self.pick(which)
        batches = one.reader.batches(size)
        for place, batch in enumerate(itertools.islice(batches, most)):
            same(batch, one.frames, range(one.count)[place * size : (place + 1) * size])

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 1), number=NUMBER)
    def pickle_one(self, which: int, number: int) -> None:
        one = self.pick(which)
        if one.where[1] == "file":
            with pytest.raises(TypeError, match="cannot be pickled"):
                pickle.dumps(one.reader)
            return
        with pickle.loads(pickle.dumps(one.reader)) as other:
            same(other.get_batch([number]), one.frames, [number])

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 1), number=NUMBER)
    def fork(self, which: int, number: int) -> None:
        """A child reads on from what is open, and closes it."""

        def work() -> None:
            one = self.pick(which)
            same(one.reader.get_batch([number]), one.frames, [number])
            for other in self.open:
                other.reader.close()

        assert in_child(work) == ""

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 1))
    def tell(self, which: int) -> None:
        one = self.pick(which)
        assert len(one.reader) == one.count
        assert one.reader.shape == (one.count, *one.frames[0][0].shape)
        assert one.reader.dtype == one.frames[0][0].dtype


@pytest.fixture(scope="module", autouse=True)
def clips_made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    Readers.folder = tmp_path_factory.mktemp("model")
    level = av.logging.get_level()
    av.logging.set_level(None)
    yield
    av.logging.set_level(level)
    _TRUTHS.clear()


TestReaders = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")(
    Readers.TestCase
)
TestReaders.settings = settings(
    max_examples=int(os.environ.get("FASTAV_TEST_EXAMPLES", "12")),
    stateful_step_count=20,
    deadline=None,
    derandomize="FASTAV_TEST_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)


def test_a_slice_of_the_pairs_of_options(tmp_path: Path) -> None:
    """``python tests/option_pairs.py --full`` goes through all of them."""
    cases = random.Random(0).sample(list(option_pairs.every_case()), 150)
    assert option_pairs.run(cases, tmp_path) == []
    assert {case.way for case in cases} == set(option_pairs.WAYS)

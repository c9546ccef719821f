"""Frames made beside the encoder: in order, from what was given, with errors in their place."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import fastav
from fastav.writing import writer as writing
from fastav.writing.ahead import make_ahead

STEADY = pytest.mark.parametrize("steady", [True, False])


def double(maker: str, image: int) -> int:
    if image == 5:
        raise ZeroDivisionError("five")
    return 2 * image


@STEADY
@pytest.mark.parametrize("count", [0, 1, 2, 3, 50])
@pytest.mark.parametrize("makers", [2, 3, 5])
def test_in_order(steady: bool, count: int, makers: int) -> None:
    images = range(100, 100 + count)
    made = list(make_ahead(images, double, [str(n) for n in range(makers)], steady=steady))
    assert made == [2 * image for image in images]


@STEADY
def test_an_error_comes_behind_what_precedes_it(steady: bool) -> None:
    generator = make_ahead(range(9), double, "abc", steady=steady)
    made = [next(generator) for _ in range(5)]
    assert made == [0, 2, 4, 6, 8]
    with pytest.raises(ZeroDivisionError, match="five"):
        next(generator)


@STEADY
def test_an_error_of_the_images_comes_behind_those_before_it(steady: bool) -> None:
    def images() -> Iterator[int]:
        yield from (1, 2, 3)
        raise OSError("no more")

    generator = make_ahead(images(), double, "ab", steady=steady)
    assert [next(generator) for _ in range(3)] == [2, 4, 6]
    with pytest.raises(OSError, match="no more"):
        next(generator)


def test_what_may_change_is_made_before_the_next_is_asked_for() -> None:
    buffer = [0]

    def images() -> Iterator[list[int]]:
        for number in range(50):
            buffer[0] = number
            yield buffer

    made = make_ahead(images(), lambda maker, image: image[0], "abc", steady=False)
    assert list(made) == list(range(50))


@STEADY
def test_no_thread_is_left_when_it_is_given_up(steady: bool) -> None:
    before = threading.active_count()
    generator = make_ahead(range(10, 99), double, "abc", steady=steady)
    assert next(generator) == 20
    generator.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


@pytest.fixture(params=["aside", "alone"])
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Have small frames made in threads as well, and see in which."""
    seen: list[str] = []
    make = writing.VideoWriter._make

    def watched(self: Any, *arguments: Any, **options: Any) -> Any:
        seen.append(threading.current_thread().name)
        return make(self, *arguments, **options)

    monkeypatch.setattr(writing.VideoWriter, "_make", watched)
    if request.param == "aside":
        monkeypatch.setattr(writing, "WORTH_A_THREAD", 0)
        monkeypatch.setattr(writing, "processors", lambda: 3)
    return seen


FRAMES = np.random.default_rng(8).integers(0, 256, (40, 32, 48, 3), dtype=np.uint8)
GIVEN: dict[str, Any] = {
    "array": lambda: FRAMES,
    "list": lambda: list(FRAMES),
    "generator": lambda: (frame.copy() for frame in FRAMES),
    "reused": lambda: reused(),
}


def reused() -> Iterator[np.ndarray]:
    buffer = np.empty_like(FRAMES[0])
    for frame in FRAMES:
        buffer[:] = frame
        yield buffer


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("codec", ["ffv1", "libx264", "mpeg4"])
def test_files_are_the_same(given: str, codec: str, threads: list[str]) -> None:
    def written(frames: Any, **options: Any) -> Any:
        file = io.BytesIO()
        # (Without loss: what x264 makes of a picture may depend on the number of its threads.)
        settings = {"qp": 0} if codec == "libx264" else None
        with fastav.open(
            file, "w", container="matroska", codec=codec, options=settings, **options
        ) as writer:
            writer.write(frames)
        return fastav.imread(file.getvalue(), format=None, planes=True)

    alone = written(list(FRAMES), thread_count=1)
    assert set(threads) == {threading.current_thread().name}
    aside = written(GIVEN[given]())
    for got, expected in zip(aside, alone, strict=True):
        np.testing.assert_array_equal(got, expected)
    if len(set(threads)) > 1:
        assert "fastav" in threads


@pytest.mark.parametrize("given", ["list", "generator"])
def test_errors_keep_the_frames_before_them(given: str, threads: list[str]) -> None:
    bad: list[Any] = [*FRAMES[:7], FRAMES[7, :, :40], *FRAMES[8:]]
    wrong: list[Any] = [*FRAMES[:7], FRAMES[7].astype(np.float64), *FRAMES[8:]]
    for frames in (bad, wrong):
        file = io.BytesIO()
        with fastav.open(file, "w", container="matroska", codec="ffv1") as writer:
            with pytest.raises((ValueError, TypeError)):
                writer.write(frames if given == "list" else (frame for frame in frames))
            assert writer.frames_written == 7
            writer.write(FRAMES[7:9])  # goes on
        np.testing.assert_array_equal(fastav.imread(file.getvalue()), FRAMES[:9])
    assert threading.active_count() == 1 or "fastav" not in {
        thread.name for thread in threading.enumerate()
    }

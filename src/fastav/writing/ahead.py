"""Frames made of arrays in threads of their own while the encoder works on those before them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from ..workers import Crew, Job

__all__ = ["make_ahead"]

Maker = TypeVar("Maker")
Made = TypeVar("Made")


def make_ahead(
    images: Iterable[Any],
    make: Callable[[Maker, Any], Made],
    makers: Sequence[Maker],
    *,
    steady: bool,
) -> Iterator[Made]:
    """Yield what is made of images, in their order; the next ones are made meanwhile.

    Parameters
    ----------
    images : iterable
        Asked for images in the caller's thread.
    make : callable
        ``make(maker, image)``; called in threads.
    makers : sequence
        One for the caller's thread and one for each other: two at least.
    steady : bool
        Whether images stay what they are when the next one is asked for. Where they may not (a
        generator that fills one buffer again and again), one image is made ahead and no more.

    Notes
    -----
    Threads end with the generator, however it ends. An error, of `make` or of the images, is raised
    behind what was made of the images before it. At most two images for each thread are held.
    """
    crew = Crew(makers)
    ahead = 2 * (len(makers) - 1) if steady else 1
    jobs: deque[Job[Made]] = deque()
    failure: Exception | None = None
    source = iter(images)
    with crew, crew:
        while failure is None:
            try:
                image = next(source)
                jobs.append(crew.hand_out(make, image))
            except StopIteration:
                break
            except Exception as error:  # what precedes it comes first
                failure = error
                break
            if len(jobs) > ahead:
                yield crew.result(jobs.popleft())
            if not steady:
                crew.wait(jobs[-1])
        while jobs:
            yield crew.result(jobs.popleft())
    if failure is not None:
        raise failure

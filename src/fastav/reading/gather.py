"""Frames by number into one array, in any order and with repeats, or a part of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from numpy.typing import NDArray

from ..errors import FrameChangedError
from ..pixels.convert import Arrays, Output
from ..pixels.packing import reinterpret
from .destinations import GivenArray, PartOfFrames, given_arrays
from .memory import check_memory, too_large

if TYPE_CHECKING:
    from .access import FrameAccess, Visit
    from .indexed import IndexedStream
    from .options import ReadOptions

__all__ = ["gather"]


def gather(
    stream: IndexedStream,
    numbers: NDArray[np.int64],
    options: ReadOptions,
    out: object = None,
    within: tuple[Any, ...] = (),
    strict: bool = False,
) -> Arrays:
    """Decode frames, each once, and convert them into rows of an array.

    Parameters
    ----------
    stream : IndexedStream
        Whose lock the caller holds.
    numbers : ndarray of int64
        Of the frames, from 0 on.
    options : ReadOptions
    out : array, or one per plane, optional
        The caller's, instead of fresh ones.
    within : tuple of int, slice or ...
        What to take of every frame, as a key of its array.
    strict : bool
        See :class:`.FrameAccess`.

    Raises
    ------
    DecodeError, FrameChangedError, MemoryError
        As from :meth:`VideoReader.get_batch`.
    WrongTable
        As from :meth:`IndexedStream.by_number`.
    """
    model = stream.model(options)

    def read() -> Arrays:
        with stream.access(options, strict) as access:
            return _gather(access, numbers, options, model, out, within)

    return stream.by_number(int(numbers.max(initial=-1)), read)


def _gather(
    access: FrameAccess,
    numbers: NDArray[np.int64],
    options: ReadOptions,
    model: av.VideoFrame,
    out: object,
    within: tuple[Any, ...],
) -> Arrays:
    outputs = options.converter().prepare(model)
    wanted, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    if out is None:
        targets = _fresh([_part(output, within) for output in outputs], len(numbers))
    else:
        targets = [given.array for given in given_arrays(outputs, out, count=len(numbers))]
    row_of = dict(zip(wanted.tolist(), first.tolist(), strict=True))

    def begin() -> Visit:
        converter = options.converter()
        converter.prepare(model)
        rows = [
            PartOfFrames(output, target, within) if within else GivenArray(output, target)
            for output, target in zip(outputs, targets, strict=True)
        ]

        def visit(number: int, frame: av.VideoFrame) -> None:
            row = row_of[number]
            if options.stored_format is not None:
                frame = reinterpret(frame, options.stored_format)
            try:
                converter.write(frame, *[r.address + row * r.stride for r in rows])
            except FrameChangedError as error:
                raise error.at(number) from None
            for r in rows:
                r.settle(row)

        return visit

    if len(wanted):
        access.visit(wanted.tolist(), begin)
    source = first[inverse]
    for row in np.flatnonzero(source != np.arange(len(numbers))).tolist():
        for target in targets:
            target[row] = target[source[row]]
    arrays = tuple(targets if out is None else (t[: len(numbers)] for t in targets))
    return arrays if options.planes else arrays[0]


def _part(output: Output, within: tuple[Any, ...]) -> Output:
    """What a key takes of every frame; an ``IndexError`` that names the axis if it cannot."""
    if not within:
        return output
    like = np.broadcast_to(np.empty((), output.dtype), (1, *output.shape))
    return Output(like[(slice(None), *within)].shape[1:], output.dtype)


def _fresh(outputs: Sequence[Output], count: int) -> list[NDArray[Any]]:
    """Arrays of `count` frames each."""
    nbytes = count * sum(output.nbytes for output in outputs)
    check_memory(nbytes, count)
    try:
        return [np.empty((count, *output.shape), output.dtype) for output in outputs]
    except MemoryError:
        raise too_large(nbytes, count) from None

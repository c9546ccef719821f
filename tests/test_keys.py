"""Keys to frames, against NumPy: the frames that a key asks for, and what it takes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import fastav
from fastav.reading.keys import select

from .media import encode

SHAPE = (7, 5, 4, 3)
WHOLE = np.arange(np.prod(SHAPE)).reshape(SHAPE)


def never() -> int:
    raise AssertionError("this key needs no such thing")


def fetch(key: Any, count: Callable[[], int] = lambda: len(WHOLE)) -> Any:
    """What a reader does: take whole frames by number, then what the key wants of them."""
    frames, lead, within, rest = select(key, count, lambda: WHOLE.ndim)
    if rest is not None:
        return (WHOLE[[frames]] if isinstance(frames, int) else WHOLE[frames])[rest]
    if isinstance(frames, int):
        return WHOLE[frames][within]
    parts = WHOLE[np.asarray(frames, int)][(slice(None), *within)]
    return parts.reshape(*lead, *parts.shape[1:])


def outcome(read: Callable[[], Any]) -> Any:
    try:
        return np.asarray(read())
    except IndexError:
        return IndexError


def check(key: Any) -> None:
    wanted, got = outcome(lambda: WHOLE[key]), outcome(lambda: fetch(key))
    if wanted is IndexError or got is IndexError:
        assert wanted is got, (key, wanted, got)
    else:
        np.testing.assert_array_equal(got, wanted)
        assert got.shape == wanted.shape


BASIC = arrays.basic_indices(SHAPE, allow_newaxis=True)
INDEX_ARRAY = arrays.arrays(
    np.int64, arrays.array_shapes(min_dims=1, max_dims=2, max_side=3), elements=st.integers(-3, 2)
)
ENTRY = st.one_of(
    st.integers(-3, 2),
    st.slices(4),
    st.just(...),
    st.none(),
    INDEX_ARRAY,
    st.lists(st.integers(-3, 2), max_size=3),
)


@given(BASIC)
def test_basic_keys(key: Any) -> None:
    check(key)


@given(st.lists(ENTRY, max_size=6).map(tuple))
def test_any_mixture(key: Any) -> None:
    if sum(entry is ... for entry in key) > 1:
        with pytest.raises(IndexError, match="one ellipsis"):
            fetch(key)
    else:
        check(key)


@given(st.integers(1, 4), st.data(), st.booleans())
def test_masks(axes: int, data: st.DataObject, behind: bool) -> None:
    mask = data.draw(arrays.arrays(bool, SHAPE[:axes]))
    check(mask)
    check((mask, ...))
    check((..., mask) if axes == WHOLE.ndim else (mask, slice(None)) if axes < 4 else mask)
    if behind:
        check((slice(1, 5), data.draw(arrays.arrays(bool, SHAPE[1]))))


@pytest.mark.parametrize(
    "key",
    [
        (3, 10, ..., 0),
        (..., 0),
        (slice(None), slice(None, None, 2)),
        (),
        ...,
        None,
        (None, 3),
        ([1, 2], slice(None), 0),
        ([1, 2], slice(None), [0, 1]),
        (None, [1, 2], slice(None), 0),
        [[1, 2], [3, 4]],
        (slice(1, 3), [0, 1], [1, 2]),
        ((1, 2),),
        range(2, 5),
        [],
        np.uint8(3),
        np.array(3),
        (0, 0, 0, 0, 0),
        (..., 1, 2, 3, 2),
        (..., 0, 1, 2, 3, 4),
        7,
        -8,
        (slice(None), 9),
    ],
)
def test_keys_that_matter(key: Any) -> None:
    check(key)


def test_a_number_is_found_without_counting_frames() -> None:
    for key in (3, (3, slice(1, 2)), (-1, ..., 0)):
        assert select(key, never, never).frames == (key if isinstance(key, int) else key[0])


@pytest.mark.parametrize("key", ["3", 1.0, True, np.True_, (0, True), b"0", [0.5], {1}, object()])
def test_what_is_no_key(key: Any) -> None:
    with pytest.raises(TypeError, match=r"frames are read by|must be integers"):
        fetch(key)


def test_a_mask_of_another_length() -> None:
    for key in ([True, False], np.ones((2, 5), bool)):
        with pytest.raises(IndexError, match="mask has 2 elements, the video 7 frames"):
            fetch(key)


@pytest.fixture(scope="module")
def reader() -> Iterator[fastav.VideoReader]:
    with fastav.open(encode(count=7), size=(5, 4)) as reader:
        yield reader


@settings(max_examples=200, deadline=None)
@given(st.one_of(BASIC, st.lists(ENTRY, max_size=6).map(tuple)))
@example((slice(None), 2, 3, 1))
@example(([5, 0, 5], 2, ..., 3, 1))
@example((slice(None), ..., 0))
def test_a_reader_gives_what_its_array_does(reader: fastav.VideoReader, key: Any) -> None:
    whole = reader.read()
    wanted, got = outcome(lambda: whole[key]), outcome(lambda: reader[key])
    if wanted is IndexError or got is IndexError:
        assert wanted is got, (key, wanted, got)
    else:
        np.testing.assert_array_equal(got, wanted)
        assert got.dtype == wanted.dtype

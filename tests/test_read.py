"""Bulk reading and iteration against PyAV's own decode."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

import fastav

from .media import encode, reference


@pytest.fixture(scope="module")
def clip() -> bytes:
    return encode(count=30)


def test_whole_file_equals_pyav(clip: bytes) -> None:
    video = fastav.imread(clip)
    assert video.shape == (30, 48, 64, 3)
    assert video.dtype == np.uint8
    assert video.flags.c_contiguous
    assert video.flags.owndata
    assert video.flags.writeable
    np.testing.assert_array_equal(video, reference(clip))


def test_iteration_equals_bulk(clip: bytes) -> None:
    np.testing.assert_array_equal(np.stack(list(fastav.imiter(clip))), fastav.imread(clip))


def test_sources(clip: bytes, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(clip)
    expected = fastav.imread(clip)
    with path.open("rb") as file:
        for source in (path, str(path), clip, bytearray(clip), io.BytesIO(clip), file):
            np.testing.assert_array_equal(fastav.imread(source), expected)

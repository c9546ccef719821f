"""A keyword that does not exist is told by the name of what was called."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import fastav


@pytest.mark.parametrize("name", ["imread", "imiter", "improps", "immeta", "open", "read", "iter"])
def test_unknown_keywords_are_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.mkv"
    fastav.imwrite(path, np.zeros((2, 32, 32, 3), np.uint8))
    said = "VideoReader" if name == "open" else name
    message = rf"^{said}\(\) got .* 'thread_cuont'; did you mean 'thread_count'\?"
    if name in ("read", "iter"):
        with fastav.open(path) as reader, pytest.raises(TypeError, match=message):
            list(getattr(reader, name)(thread_cuont=1))
    else:
        with pytest.raises(TypeError, match=message):
            list(getattr(fastav, name)(path, thread_cuont=1))

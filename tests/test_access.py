"""Frame i is frame i: random access against linear decoding, over all clips, bit for bit."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest

import fastav

from .clips import BY_NAME, CLIPS, Reference, Zoo, linear, number

# PyAV's reformat is the oracle here.
open_ = partial(fastav.open, conversion="ffmpeg")


def media() -> list[Path]:
    """Real files, where there are any: FASTAV_TEST_MEDIA, or a folder beside the checkout."""
    named = os.environ.get("FASTAV_TEST_MEDIA")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "media"
    return sorted(path for path in folder.glob("*") if path.suffix in (".mp4", ".gif", ".mkv"))


NAMES = [clip.name for clip in CLIPS]
MEDIA = {path.name: path for path in media()}
DAMAGED = [name for name in NAMES if name.startswith("truncated")]

# Containers whose times are of decoding, run backwards, or are missing, have their times repaired.
REPAIRED = {"h264-b.avi", "mpeg4-packed.avi"}


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    """FFmpeg complains of what is damaged on purpose."""
    level = av.logging.get_level()
    av.logging.set_level(None)
    yield
    av.logging.set_level(level)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return Zoo(tmp_path_factory.mktemp("zoo"))


@pytest.fixture(scope="module")
def references() -> dict[str, Reference]:
    return {}


@pytest.fixture(params=[*NAMES, *MEDIA])
def clip(
    request: pytest.FixtureRequest, zoo: Zoo, references: dict[str, Reference]
) -> tuple[str, Path, Reference]:
    name = request.param
    path = MEDIA[name] if name in MEDIA else zoo[name]
    if name not in references:
        references.clear()  # one clip's pictures at a time
        references[name] = linear(path)
    return name, path, references[name]


def test_every_way_of_reading(clip: tuple[str, Path, Reference]) -> None:
    name, path, reference = clip
    count = len(reference.images)
    chance = random.Random(name)
    with open_(path) as reader:
        assert len(reader) == count
        order = list(range(count))
        chance.shuffle(order)
        for i in order[:100]:
            np.testing.assert_array_equal(reader[i], reference.images[i], f"frame {i}")
        for i in range(min(count, 100)):
            np.testing.assert_array_equal(reader[i], reference.images[i], f"frame {i} in order")
        for size in (1, 4, min(count, 40)):
            batch = [chance.randrange(count) for _ in range(size)]
            got = reader.get_batch(batch)
            for i, image in zip(batch, got, strict=True):
                np.testing.assert_array_equal(image, reference.images[i], f"batch {batch}")
        np.testing.assert_array_equal(reader[-1], reference.images[-1])
        np.testing.assert_array_equal(reader[: min(count, 100) : 3], reference.images[:100:3])
        assert list(np.diff(reader.pts) > 0) == [True] * (count - 1)
        for i in order[:10]:
            at = reader.get_frames_played_at(reader.timestamps[i])
            np.testing.assert_array_equal(at, reference.images[i], f"at {reader.timestamps[i]}")
        start = chance.randrange(count)
        for i, image in enumerate(reader.iter(start=start, stop=start + 20), start):
            np.testing.assert_array_equal(image, reference.images[i], f"frame {i} from {start}")


def test_times(clip: tuple[str, Path, Reference]) -> None:
    name, path, reference = clip
    known = [pts for pts in reference.pts if pts is not None]
    with open_(path) as reader:
        assert len(reader.pts) == len(reader.timestamps) == len(reference.pts)
        if name in REPAIRED:
            assert reader.pts.tolist() == sorted(known)
        elif len(known) == len(reference.pts) and known == sorted(set(known)):
            assert reader.pts.tolist() == known


def test_fresh_readers(clip: tuple[str, Path, Reference]) -> None:
    name, path, reference = clip
    with open_(path) as reader:
        index = reader.index
    numbers = random.Random(name).sample(range(len(reference.images)), min(len(index), 5))
    for i in numbers:
        with open_(path, index=index) as reader:
            np.testing.assert_array_equal(reader[i], reference.images[i], f"frame {i}")


def test_the_clips_number_their_frames(zoo: Zoo) -> None:
    """The pictures compared above are different ones, and each is where its number says."""
    for name in ("h264-b.mp4", "hevc-open.ts", "vp9-altref.webm", "mpeg2.mpg", "gif.gif", "vfr.ts"):
        with open_(zoo[name]) as reader:
            assert [number(image) for image in reader] == list(range(BY_NAME[name].frames))
            assert number(reader[17]) == 17

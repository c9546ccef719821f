"""Every pair of options with every way of reading, against plain linear PyAV decoding.

    python tests/option_pairs.py --full
    python tests/option_pairs.py --cases 500 --seed 3

A case is a clip, two options that differ from the defaults, and a way of reading. What it must give
is what PyAV decodes from the clip's start with one thread, each frame converted for itself; where
an option or the conversion is refused, the way of reading must refuse it with the same exception.
"""

from __future__ import annotations

import argparse
import faulthandler
import io
import os
import pickle
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import combinations, product
from pathlib import Path
from typing import Any

import av
import numpy as np

if not __package__:
    sys.path.insert(0, str(Path(__file__).parents[1]))

import fastav
from fastav.reading.options import ReadOptions
from tests.clips import BY_NAME, Clip, picture

Frames = list[tuple[np.ndarray, ...]]

FRAMES = 70  # enough for a video to be shared among several decoders
HANGS = 60.0  # seconds


def short(name: str) -> Clip:
    return replace(BY_NAME[name], frames=FRAMES)


def turned(path: Path) -> None:
    """Frames that the container asks to turn by a quarter."""
    with fastav.open(path, "w", rotation=90, options={"bf": "2", "g": "12"}) as writer:
        writer.write(picture(number) for number in range(FRAMES))


def mosaic(path: Path) -> None:
    """A mosaic in a container that cannot say so, and takes it for something else."""
    chance = np.random.default_rng(0)
    with av.open(str(path), "w", format="avi") as container:
        stream = container.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "gray"
        for number in range(FRAMES):
            data = chance.integers(0, 256, (64, 96), np.uint8)
            frame = av.VideoFrame.from_ndarray(data, "gray")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


CLIPS: dict[str, Callable[[Path], None]] = {
    "turned.mp4": turned,
    "mosaic.avi": mosaic,
    **{name: short(name).make for name in ("mjpeg.avi", "h264-open.ts", "mpeg2.mkv", "vfr.mkv")},
}


class Truth:
    """A clip and what plain linear decoding gives of it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.path = folder / name
        if not self.path.exists():
            CLIPS[name](self.path)
        self.data = self.path.read_bytes()
        with av.open(str(self.path)) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            self.decoded = list(container.decode(stream))
        self._converted: dict[str, Frames | type[Exception]] = {}

    @cached_property
    def times(self) -> list[float]:
        with av.open(str(self.path)) as container:
            time_base = Fraction(container.streams.video[0].time_base or 0)
        return [float(Fraction(frame.pts or 0) * time_base) for frame in self.decoded]

    def frames(self, options: dict[str, Any]) -> Frames | type[Exception]:
        """Every frame as these options have it, or why that cannot be."""
        key = repr(sorted(options.items()))
        if key not in self._converted:
            try:
                self._converted[key] = self._convert(options)
            except (ValueError, TypeError) as error:
                self._converted[key] = type(error)
        return self._converted[key]

    def _convert(self, options: dict[str, Any]) -> Frames:
        known = ReadOptions(**options)
        converter = known.converter()
        frames: Sequence[av.VideoFrame] = self.decoded
        if known.stored_format is not None:
            from fastav.pixels.packing import reinterpret

            frames = [reinterpret(frame, known.stored_format) for frame in frames]
        return [converter.convert(frame) for frame in frames]

    def open(self, source: str, options: dict[str, Any]) -> fastav.VideoReader:
        """A reader of the clip by its path, its bytes or a file object."""
        given = {"path": self.path, "bytes": self.data, "file": io.BytesIO(self.data)}[source]
        return fastav.open(given, **options)


# What may differ from the defaults; `source` and `filters` are no options of the reader.
VALUES: dict[str, Sequence[Any]] = {
    "thread_count": (1, 2, 3),
    "thread_type": ("FRAME", "SLICE", "NONE"),
    "rotate": (True,),
    "format": (None, "gray", "bgra", "rgb48", "yuv420p"),
    "planes": (True,),
    "layout": ("chw",),
    "dtype": ("float32",),
    "conversion": ("ffmpeg",),
    "chroma": ("linear",),
    "resize": (True,),
    "errors": ("keep", "skip"),
    "stored_format": ("bayer_rggb8",),
    "source": ("bytes", "file"),
    "filters": ([("framestep", "2")], [("trim", "start_frame=3:end_frame=9")]),
}


class Reading:
    """One reader, and what it is to give."""

    def __init__(
        self, truth: Truth, frames: Frames, reader: fastav.VideoReader, case: Case
    ) -> None:
        self.truth, self.frames, self.reader, self.case = truth, frames, reader, case
        self.count = len(frames)
        self.filters = case.settings.get("filters")
        self.chance = random.Random(repr(case))

    def same(self, got: Any, numbers: Sequence[int]) -> None:
        """Compare arrays with a leading axis for frames."""
        planes = got if isinstance(got, tuple) else (got,)
        assert len(planes) == len(self.frames[0])
        for place, plane in enumerate(planes):
            assert len(plane) == len(numbers), f"{len(plane)} frames, not {len(numbers)}"
            for number, array in zip(numbers, plane, strict=True):
                expected = self.frames[number][place]
                assert array.dtype == expected.dtype
                if not np.array_equal(array, expected):
                    shown = [
                        n for n, f in enumerate(self.frames) if np.array_equal(array, f[place])
                    ]
                    raise AssertionError(f"frame {number} is frame {shown}")

    def one(self, got: Any, number: int) -> None:
        planes = got if isinstance(got, tuple) else (got,)
        stacked = tuple(plane[np.newaxis] for plane in planes)
        self.same(stacked, [number])

    @property
    def filtered(self) -> Sequence[int]:
        """The numbers that the filters let through."""
        every = range(self.count)
        if self.filters is None:
            return every
        return every[::2] if self.filters[0][0] == "framestep" else every[3:9]

    @property
    def some(self) -> list[int]:
        return [self.chance.randrange(self.count) for _ in range(5)]


Way = Callable[[Reading], None]


def read(r: Reading) -> None:
    r.same(r.reader.read(filter_sequence=r.filters), r.filtered)
    r.same(r.reader.read(start=3, stop=40, step=5), range(r.count)[3:40:5])


def iterate(r: Reading) -> None:
    for number, array in zip(r.filtered, r.reader.iter(filter_sequence=r.filters), strict=True):
        r.one(array, number)


def iterate_from_the_middle(r: Reading) -> None:
    len(r.reader)
    for number, array in enumerate(r.reader.iter(start=40, stop=50), 40):
        r.one(array, number)


def read_one(r: Reading) -> None:
    for place in (0, 4, -1):
        got = r.reader.read_frame(place, filter_sequence=r.filters)
        r.one(got, r.filtered[place])


def by_number(r: Reading) -> None:
    for number in (*r.some, 5, 6, 7, r.count - 1):
        r.one(r.reader[number], number)
    r.one(r.reader[-1], r.count - 1)


def several(r: Reading) -> None:
    r.same(r.reader[[0, 60, 2, 60, 33]], [0, 60, 2, 60, 33])
    r.same(r.reader[5:60:7], range(5, 60, 7))


def given(r: Reading) -> None:
    outs = tuple(np.zeros((5, *plane.shape), plane.dtype) for plane in r.frames[0])
    out = outs if r.reader.options.planes else outs[0]
    numbers = r.some
    r.reader.get_batch(numbers, out=out)
    r.same(out, numbers)
    r.reader.read(start=2, stop=7, out=out)
    r.same(out, range(2, 7))


def batches(r: Reading) -> None:
    done = 0
    for batch in r.reader.batches(16):
        length = len(batch[0]) if isinstance(batch, tuple) else len(batch)
        r.same(batch, range(done, done + length))
        done += length
    assert done == r.count


def by_time(r: Reading) -> None:
    numbers = r.some
    r.same(r.reader.get_frames_played_at([r.truth.times[n] for n in numbers]).data, numbers)
    span = r.truth.times[10], r.truth.times[20]
    r.same(r.reader.get_frames_played_in_range(*span).data, range(10, 20))
    r.one(r.reader.get_frame_played_at(r.truth.times[-1]).data, r.count - 1)


def again(r: Reading) -> None:
    """A reader made of the pickled one, and another that is handed the index."""
    if r.case.settings.get("source", "path") != "file":
        with pickle.loads(pickle.dumps(r.reader)) as other:
            r.one(other[7], 7)
    options = r.case.options
    with r.truth.open("path", {**options, "index": r.reader.index}) as other:
        r.same(other[[50, 3]], [50, 3])


def left(r: Reading) -> None:
    """Iterations that are dropped midway, among other reads."""
    first = r.reader.iter()
    r.one(next(first), 0)
    second = r.reader.iter(start=30)
    r.one(r.reader[9], 9)
    r.one(next(second), 30)
    r.one(next(first), 1)
    del first
    r.same(r.reader[28:32], range(28, 32))
    r.one(next(second), 31)


def imread(r: Reading) -> None:
    options, filters = r.case.options, {"filter_sequence": r.filters}
    r.same(fastav.imread(r.truth.path, **options, **filters), r.filtered)
    for index in (0, -1):
        got = fastav.imread(r.truth.path, index=index, **options, **filters)
        r.one(got, r.filtered[index])


WAYS: dict[str, Way] = {
    way.__name__: way
    for way in (
        read,
        iterate,
        iterate_from_the_middle,
        read_one,
        by_number,
        several,
        given,
        batches,
        by_time,
        again,
        left,
        imread,
    )
}


@dataclass(frozen=True)
class Case:
    clip: str
    pair: tuple[tuple[str, Any], ...]
    way: str

    @property
    def settings(self) -> dict[str, Any]:
        return dict(self.pair)

    @property
    def options(self) -> dict[str, Any]:
        return {k: v for k, v in self.pair if k not in ("source", "filters")}


def every_case() -> Iterator[Case]:
    pairs: list[tuple[tuple[str, Any], ...]] = [()]
    for one, other in combinations(VALUES, 2):
        pairs += [((one, a), (other, b)) for a, b in product(VALUES[one], VALUES[other])]
    for clip, pair, way in product(CLIPS, pairs, WAYS):
        yield Case(clip, pair, way)


def check(truth: Truth, case: Case) -> str | None:
    """Go through one case; what was wrong, if anything."""
    expected = truth.frames(case.options)
    try:
        with truth.open(case.settings.get("source", "path"), case.options) as reader:
            frames = truth.frames({}) if isinstance(expected, type) else expected
            assert not isinstance(frames, type)
            WAYS[case.way](Reading(truth, frames, reader, case))
    except Exception as error:
        if isinstance(expected, type) and type(error) is expected:
            return None
        return f"{case}: {type(error).__name__}: {error}"
    return f"{case}: {expected.__name__} expected" if isinstance(expected, type) else None


def _hangs(case: Case) -> None:
    print(f"HANGS {case}", flush=True)
    faulthandler.dump_traceback(all_threads=True)
    os._exit(1)


def run(cases: Sequence[Case], folder: Path, report: bool = False) -> list[str]:
    """Go through cases; return what was wrong."""
    wrong: list[str] = []
    truth: Truth | None = None
    began = time.monotonic()
    for count, case in enumerate(sorted(cases, key=lambda case: case.clip), 1):
        if truth is None or truth.name != case.clip:
            truth = Truth(case.clip, folder)
        watchdog = threading.Timer(HANGS, _hangs, [case])
        watchdog.start()
        problem = check(truth, case)
        watchdog.cancel()
        if problem is not None:
            wrong.append(problem)
            if report:
                print("WRONG", problem, flush=True)
        if report and count % 1000 == 0:
            passed = time.monotonic() - began
            print(f"{count} of {len(cases)}, {len(wrong)} wrong, {passed:.0f} s", flush=True)
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="all cases")
    parser.add_argument("--cases", type=int, default=500, help="so many, drawn at random")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    cases = list(every_case())
    if not options.full:
        cases = random.Random(options.seed).sample(cases, options.cases)
    av.logging.set_level(None)
    with tempfile.TemporaryDirectory() as folder:
        wrong = run(cases, Path(folder), report=True)
    print(f"{len(cases)} cases, {len(wrong)} wrong")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())

"""Use readers and writers for long, in many threads, across forks and through Ctrl-C.

    python tools/lifetime.py                # all of it
    python tools/lifetime.py cycles         # 10,000 times open, read, close
    python tools/lifetime.py threads        # 16 threads x 1,000 reads, of one reader and of sixteen
    python tools/lifetime.py forks          # fork, forkserver and spawn with an iteration open
    python tools/lifetime.py interrupts     # Ctrl-C at 100 random moments of each way

Cycles must leave as many descriptors and threads as there were, and under 1 MiB of memory after the
first thousand, besides what PyAV alone leaves. Frames must be those of plain linear PyAV decoding.
Children must end as they mean to. After Ctrl-C the next read must be right, no thread may be left,
and what was written must be playable.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import io
import itertools
import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import av
import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import fastav  # noqa: E402
from fastav.pyav import ONE_THREAD  # noqa: E402
from tests.clips import Zoo, linear  # noqa: E402
from tests.process import descriptors, threads  # noqa: E402

CLIPS: Final = ("h264-b.mp4", "hevc-open.mkv", "mjpeg.avi", "mpeg2.ts", "gif.gif")
WARM: Final = 1000  # cycles before memory is looked at
METHODS: Final = ("fork", "forkserver", "spawn")


class Clips:
    """Files, and the frames that linear decoding gives of each."""

    def __init__(self, folder: Path) -> None:
        zoo = Zoo(folder)
        self.paths = [zoo[name] for name in CLIPS]
        self.frames = {path: np.stack(linear(path).images) for path in self.paths}
        data = bytearray(self.paths[0].read_bytes())
        middle = len(data) // 3
        data[middle : middle + 400] = bytes(400)
        self.damaged = bytes(data)


def open_(source: Any, **options: Any) -> fastav.VideoReader:
    return fastav.open(source, conversion="ffmpeg", **options)


# Cycles


def cycle(clips: Clips, chance: random.Random) -> str | None:
    """Open, read in some way, and close or drop; what was wrong."""
    path = chance.choice(clips.paths)
    frames = clips.frames[path]
    number = chance.randrange(len(frames))
    way = chance.randrange(9)
    got: Any = frames[number]
    if way == 0:
        with open_(path) as reader:
            got = reader[number]
    elif way == 1:
        got = open_(path.read_bytes()).read()[number]
    elif way == 2:
        reader = open_(path, thread_count=chance.choice([1, 2]))
        got = next(reader.iter(start=number))
    elif way == 3:
        with open_(path) as reader:
            got = reader[[number, 0]][0]
    elif way == 4:
        with path.open("rb") as file, open_(file) as reader:
            got = next(reader.batches(3, start=number))[0]
    elif way == 5:
        for read in (fastav.VideoReader.read, len):
            with suppress(fastav.DecodeError), open_(clips.damaged) as reader:
                read(reader)
    elif way == 6:
        got = fastav.imread(path, index=number, conversion="ffmpeg")
    elif way == 7:
        filters = [("trim", f"start_frame={number}")]
        with open_(path) as reader:
            got = next(reader.iter(filter_sequence=filters))
    else:
        data = fastav.imwrite("<bytes>", frames[:2], extension=".mkv", codec="ffv1")
        got = frames[number] if np.array_equal(fastav.imread(data), frames[:2]) else None
    if not np.array_equal(got, frames[number]):
        return f"{path.name}: frame {number} is wrong in way {way}"
    return None


def cycles(clips: Clips, count: int, seed: int = 0) -> list[str]:
    chance, wrong = random.Random(seed), []
    warm = min(WARM, count // 2)
    for number in range(count):
        problem = cycle(clips, chance)
        if problem:
            wrong.append(problem)
        if number == warm - 1:
            held, before = (threads(), descriptors()), _resident()
    after = _resident()
    now = threads(held[0]), descriptors()
    if now[0] > held[0] or now[1] > held[1]:
        wrong.append(f"threads and descriptors: {held} before, {now} after")
    # PyAV alone leaves some hundred bytes behind with every file that it opens.
    for _ in range(count - warm):
        _cycle_of_pyav(chance.choice(clips.paths))
    own, alone = (after - before) / (1 << 20), (_resident() - after) / (1 << 20)
    print(f"{count} cycles, {now} held: {own:+.2f} MiB, PyAV alone {alone:+.2f}", flush=True)
    if count > 2 * WARM and own - max(alone, 0) > 1:
        wrong.append(f"memory grew by {own:.2f} MiB, with PyAV alone by {alone:.2f}")
    return wrong


def _cycle_of_pyav(path: Path) -> None:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_type = "FRAME"
        for frame in itertools.islice(container.decode(stream), 6):
            frame.reformat(format="rgb24", **ONE_THREAD).to_ndarray()


def _resident() -> int:
    """Bytes in use, without what the allocator merely keeps."""
    gc.collect()
    with suppress(AttributeError, OSError):  # only in glibc
        ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


# Threads


def many_threads(clips: Clips, reads: int, count: int = 16) -> list[str]:
    wrong: list[str] = []
    for path in clips.paths:
        frames = clips.frames[path]
        shared = open_(path)
        for kind in ("one reader", "sixteen"):

            def work(seed: int, kind: str = kind, path: Path = path, frames: Any = frames) -> None:
                chance = random.Random(seed)
                reader = shared if kind == "one reader" else open_(path)  # noqa: B023
                try:
                    for _ in range(reads // len(clips.paths)):
                        number = chance.randrange(len(frames))
                        if chance.random() < 0.9:
                            right = np.array_equal(reader[number], frames[number])
                        else:
                            some = [number, chance.randrange(len(frames))]
                            right = np.array_equal(reader[some], frames[some])
                        if not right:
                            wrong.append(f"{path.name}: frame {number} of {kind}")
                except Exception as error:
                    wrong.append(f"{path.name}: {kind}: {error!r}")
                finally:
                    if reader is not shared:  # noqa: B023
                        reader.close()

            workers = [threading.Thread(target=work, args=(seed,)) for seed in range(count)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        shared.close()
    print(f"{count} threads x {reads} reads, on one reader and on each its own", flush=True)
    return wrong


# Forks


def child(reader: fastav.VideoReader, expected: np.ndarray, end: str, depth: int = 0) -> None:
    """Read, with an iteration open, and end in some way."""
    iteration = reader.iter()
    next(iteration)
    assert np.array_equal(reader[7], expected)
    if end == "exit":
        sys.exit(3)
    if end == "raise":
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # the traceback is of no interest
        raise RuntimeError("meant")
    if end == "fork" and depth == 0:
        again = multiprocessing.get_context("fork").Process(
            target=child, args=(reader, expected, "return", 1)
        )
        again.start()
        again.join(60)
        assert again.exitcode == 0


STATUS: Final = {"return": 0, "exit": 3, "raise": 1, "fork": 0}


def forks(clips: Clips, methods: Sequence[str] = METHODS, files: int = 2) -> list[str]:
    wrong = []
    for path in clips.paths[:files]:
        expected = clips.frames[path][7]
        for method in methods:
            for end, status in STATUS.items():
                with open_(path) as reader:
                    first, middle = reader.iter(), reader.iter(start=5)
                    next(first), next(middle), reader[3]
                    context = multiprocessing.get_context(method)
                    process = context.Process(target=child, args=(reader, expected, end))  # type: ignore[attr-defined]
                    process.start()
                    process.join(120)
                    if process.exitcode != status:
                        wrong.append(f"{path.name}, {method}, {end}: {process.exitcode}")
                        process.kill()
                    rest = np.stack(list(first))
                    if not np.array_equal(rest, clips.frames[path][1:]):
                        wrong.append(f"{path.name}, {method}, {end}: the parent reads wrong")
    print(f"{len(methods)} methods x {len(STATUS)} ends x {files} clips", flush=True)
    return wrong


# Ctrl-C

Way = Callable[[fastav.VideoReader, np.ndarray], object]

READS: Final[dict[str, Way]] = {
    "read": lambda reader, _: reader.read(),
    "read with one thread": lambda reader, _: reader.read(thread_count=1),
    "iterate": lambda reader, _: list(reader),
    "by number": lambda reader, frames: [reader[n] for n in range(0, len(frames), 7)],
    "a batch": lambda reader, frames: reader[list(range(len(frames)))],
    "batches": lambda reader, _: list(reader.batches(8)),
    "by time": lambda reader, _: reader.get_frames_played_at(reader.timestamps[::3]),
    "filters": lambda reader, _: list(reader.iter(filter_sequence=[("hflip", "")])),
    "index": lambda reader, _: len(reader),
}

WRITES: Final = {"ffv1": ".mkv", "libx264": ".mkv", "mpeg4": ".avi", "libvpx-vp9": ".webm"}


def _interrupted(work: Callable[[], object], delay: float) -> bool:
    """Whether Ctrl-C, a while after the start, arrived before the end."""
    timer = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT))
    try:
        timer.start()
        work()
        timer.cancel()
        timer.join()
        time.sleep(0.001)  # one that came at the very end
    except KeyboardInterrupt:
        timer.join()
        return True
    return False


def _duration(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def interrupts(clips: Clips, times: int, seed: int = 0) -> list[str]:
    chance, wrong, came, tried = random.Random(seed), [], 0, 0
    for path in (clips.paths[0], clips.paths[2]):
        frames = clips.frames[path]
        for how, way in READS.items():
            with open_(path) as reader:
                way(reader, frames)
                most = 1.1 * _duration(lambda: way(reader, frames))  # noqa: B023
            reader = open_(path)
            before = threads()
            for turn in range(times):
                if turn % 10 == 0:
                    reader.close()
                    reader = open_(path)
                came += _interrupted(lambda: way(reader, frames), chance.uniform(0, most))  # noqa: B023
                tried += 1
                number = chance.randrange(len(frames))
                if not np.array_equal(reader[number], frames[number]):
                    wrong.append(f"{path.name}: {how}: frame {number} is wrong after Ctrl-C")
                if turn % 5 == 0 and not np.array_equal(reader.read(), frames):
                    wrong.append(f"{path.name}: {how}: reading is wrong after Ctrl-C")
            reader.close()
            if threads(before) > before:
                wrong.append(f"{path.name}: {how}: {threads()} threads left, {before} before")
    frames = clips.frames[clips.paths[0]]
    for codec, extension in WRITES.items():
        most = 1.2 * _duration(lambda: _write(io.BytesIO(), frames, codec, extension))  # noqa: B023
        for _ in range(times):
            file = io.BytesIO()
            if _interrupted(
                lambda: _write(file, frames, codec, extension),  # noqa: B023
                chance.uniform(0, most),
            ):
                came += 1
            tried += 1
            wrong += _check_written(file.getvalue(), frames, codec)
    print(f"Ctrl-C came {came} times of {tried}", flush=True)
    return wrong


def _write(file: io.BytesIO, frames: np.ndarray, codec: str, extension: str) -> None:
    with fastav.open(file, "w", extension=extension, codec=codec) as writer:
        for frame in frames:
            writer.write_frame(frame)


def _check_written(data: bytes, frames: np.ndarray, codec: str) -> list[str]:
    """Whatever was written must be whole; nothing at all is fine."""
    if not data:
        return []
    try:
        got = fastav.imread(data)
    except Exception as error:
        return [f"{codec}: {len(data)} bytes that cannot be read after Ctrl-C: {error!r}"]
    if codec == "ffv1" and not np.array_equal(got, frames[: len(got)]):
        return [f"{codec}: other frames than written"]
    return []


def main() -> int:
    parts = ("cycles", "threads", "forks", "interrupts")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*parts, []], help="all by default")
    parser.add_argument("--cycles", type=int, default=10_000)
    parser.add_argument("--reads", type=int, default=1000)
    parser.add_argument("--times", type=int, default=100, help="Ctrl-C in each way")
    options = parser.parse_args()
    av.logging.set_level(None)
    with tempfile.TemporaryDirectory() as folder:
        clips = Clips(Path(folder))
        work: dict[str, Callable[[], list[str]]] = {
            "cycles": lambda: cycles(clips, options.cycles),
            "threads": lambda: many_threads(clips, options.reads),
            "forks": lambda: forks(clips),
            "interrupts": lambda: interrupts(clips, options.times),
        }
        wrong = [problem for part in options.parts or parts for problem in work[part]()]
    for problem in wrong:
        print("WRONG", problem)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())

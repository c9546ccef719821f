"""Damage small videos in every way, read each in every way, and compare with plain PyAV.

    python tools/fuzz.py --inputs 10000 [--seconds 600] [--seed 0] [--workers 2] [--out FOLDER]
    python tools/fuzz.py --replay FOLDER/FILE

Some fifty clips, over all containers and codecs that the encoders of this FFmpeg can fill, are made
at the start. Input number `n` is one of them with its bytes changed, the same for the same seed,
and is read in every way that there is by a worker process with limits of time and memory. PyAV
alone, decoding from the start with one thread and draining the decoder after an error, tells what
frames there are. Counted are crashes, hangs, exceptions that the documentation does not promise,
threads and descriptors left behind, memory, and frames that are not those of PyAV. (Pixels of
damaged frames depend on threads and on where decoding began, with PyAV alone as well; they are
counted apart.)

Inputs that crash or hang are kept in FOLDER, with where every thread was, and tried with PyAV alone
to tell whose fault it is. Of every other finding the first ones are kept. `summary.json` is written
as it goes on; running again with the same FOLDER goes on where it stopped.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import hashlib
import importlib.util
import io
import itertools
import json
import multiprocessing
import os
import pickle
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, TypeAlias

import av
import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
if importlib.util.find_spec("fastav") is None:
    sys.path.insert(0, str(ROOT / "src"))

os.environ.setdefault("SVT_LOG", "1")  # the encoder of AV1 is talkative

import fastav  # noqa: E402
from fastav.pyav import ONE_THREAD, open_to_read  # noqa: E402
from tests.clips import BY_NAME, Zoo  # noqa: E402

PACKAGE = Path(fastav.__file__).parent

# One clip for each pair of container and codec, and for each structure that is indexed differently.
CLIPS: Final = (
    "h264-b.mp4", "h264-b.mov", "h264-b.mkv", "h264-b.avi", "h264-b.ts", "h264-b.m2ts",
    "h264-b.flv", "h264-b.nut", "h264-b.vob", "h264-b.h264", "h264-b-fragmented.mp4",
    "h264-open.ts", "h264-444.mp4", "hevc-b.mp4", "hevc-open.mkv", "hevc-open.hevc",
    "vp8-altref.webm", "vp8.ogv", "vp9-altref.webm", "vp9.ivf", "av1.mp4", "av1.ivf", "av1.obu",
    "mpeg1.mpg", "mpeg2.mpg", "mpeg2.ts", "mpeg2.mkv", "mpeg2.mxf", "mpeg4.mp4", "mpeg4.avi",
    "mpeg4-packed.avi", "mpeg4.m4v", "h263.3gp", "flv1.flv", "wmv2.wmv", "mjpeg.avi",
    "mjpeg.mov", "prores.mov", "ffv1.mkv", "huffyuv.avi", "rawvideo.avi", "rawvideo.y4m",
    "qtrle.mov", "gif.gif", "apng.apng", "rv20.rm", "msmpeg4v3.avi", "cinepak.avi", "png.mov",
    "vfr.mp4", "edit-list.mp4",
)  # fmt: skip

FRAMES: Final = 12
LIMIT: Final = 60.0  # seconds for an input, on a machine that others use too
ALONE: Final = 60.0  # seconds for PyAV alone
MEMORY: Final = 6  # GiB of addresses for a worker
LARGE: Final = 1 << 22  # pixels, from which on a damaged header's frames are not read in every way
CHUNK: Final = 25  # inputs that a worker is given at once
LIFE: Final = 1000  # inputs that a worker lives for
KEPT: Final = 3  # inputs that are kept of each finding

Digest: TypeAlias = bytes | None


def make_clips(folder: Path) -> dict[str, bytes]:
    """Those of `CLIPS` that this FFmpeg can make, short; by name."""
    made = {}
    for name in CLIPS:
        short = replace(BY_NAME[name], frames=min(BY_NAME[name].frames, FRAMES), gop=5)
        path = folder / name
        with suppress(av.FFmpegError, ValueError):  # an encoder or a muxer that is not there
            if name == "mpeg4-packed.avi":
                made[name] = Zoo(folder)[name].read_bytes()
            else:
                short.make(path)
                made[name] = path.read_bytes()
    return made


# Damage


def mutate(clips: dict[str, bytes], seed: int, number: int) -> tuple[str, bytes]:
    """Input `number`: the clip's name, and its bytes after some damage."""
    chance = random.Random(f"{seed} {number}")
    name = chance.choice(sorted(clips))
    data = bytearray(clips[name])
    for _ in range(chance.choice([1, 1, 1, 2, 3, 8])):
        if data:
            chance.choice(DAMAGES)(data, chance, clips)
    return name, bytes(data)


def _place(data: bytearray, chance: random.Random) -> int:
    """Somewhere; every fifth time among the headers at the start or the end."""
    size, near = len(data), min(len(data), 1024)
    where = chance.randrange(10)
    if where == 0:
        return chance.randrange(near)
    return size - 1 - chance.randrange(near) if where == 1 else chance.randrange(size)


def _flip(data: bytearray, chance: random.Random, _: dict[str, bytes]) -> None:
    for _ in range(chance.choice([1, 4, 64])):
        data[_place(data, chance)] ^= 1 << chance.randrange(8)


def _overwrite(data: bytearray, chance: random.Random, _: dict[str, bytes]) -> None:
    at, length = _place(data, chance), chance.choice([1, 2, 4, 16, 200])
    byte = chance.choice([None, 0, 0xFF])
    length = min(length, len(data) - at)
    data[at : at + length] = (
        bytes([byte]) * length if byte is not None else chance.randbytes(length)
    )


def _number(data: bytearray, chance: random.Random, _: dict[str, bytes]) -> None:
    size = chance.choice([2, 4, 8])
    at = max(min(_place(data, chance), len(data) - size), 0)
    bits = 8 * size
    value = chance.choice(
        [0, 1, (1 << bits) - 1, 1 << bits - 1, (1 << bits - 1) - 1, 1 << bits // 2]
    )
    data[at : at + size] = value.to_bytes(size, chance.choice(["big", "little"]))


def _cut(data: bytearray, chance: random.Random, _: dict[str, bytes]) -> None:
    at = _place(data, chance)
    del data[at : at + chance.choice([1, 7, 188, 1000])]


def _truncate(data: bytearray, chance: random.Random, _: dict[str, bytes]) -> None:
    del data[max(_place(data, chance), 16) :]


def _repeat(data: bytearray, chance: random.Random, _: dict[str, bytes]) -> None:
    at, length = _place(data, chance), chance.choice([4, 188, 1000])
    data[at:at] = data[at : at + length]


def _swap(data: bytearray, chance: random.Random, _: dict[str, bytes]) -> None:
    one, other = sorted(_place(data, chance) for _ in range(2))
    length = min(chance.choice([4, 188, 1000]), other - one, len(data) - other)
    data[one : one + length], data[other : other + length] = (
        data[other : other + length],
        data[one : one + length],
    )


def _splice(data: bytearray, chance: random.Random, clips: dict[str, bytes]) -> None:
    other = clips[chance.choice(sorted(clips))]
    at, start = _place(data, chance), chance.randrange(len(other))
    data[at:] = other[start:]


DAMAGES: Final = [_flip, _flip, _overwrite, _overwrite, _number, _number, _cut, _truncate]
DAMAGES += [_repeat, _swap, _splice]


# What PyAV alone makes of it


@dataclass
class Oracle:
    """The frames that linear decoding gives, as digests of their RGB, and what ended them."""

    frames: list[Digest] = field(default_factory=list)
    error: str | None = None
    too_large: bool = False
    changes: bool = False  # size or format, from where on nothing is compared


def digest(array: np.ndarray) -> bytes:
    return hashlib.blake2b(array.tobytes(), digest_size=12).digest()


def linear(data: bytes, skips: bool = False) -> Oracle:
    """Decode to the first error, or with `skips` past every one."""
    oracle = Oracle()
    like = None
    try:
        with open_to_read(io.BytesIO(data)) as container:
            stream = container.streams.video[0]
            context = stream.codec_context
            context.thread_count = 1

            def frames() -> Iterator[av.VideoFrame]:
                try:
                    for packet in container.demux(stream):
                        yield from context.decode(packet)
                except av.FFmpegError as error:
                    oracle.error = type(error).__name__
                    with suppress(av.FFmpegError):
                        yield from context.decode(None)

            def past_errors() -> Iterator[av.VideoFrame]:
                ended, failures = False, 0
                while not ended and failures < 256:
                    try:
                        for packet in container.demux(stream):
                            ended = not packet.size
                            if not ended:
                                failures = 0
                                with suppress(av.FFmpegError):
                                    yield from context.decode(packet)
                        ended = True
                    except (av.FFmpegError, LookupError, UnicodeDecodeError):
                        failures += 1
                with suppress(av.FFmpegError, ValueError):
                    yield from context.decode(None)

            for frame in past_errors() if skips else frames():
                shape = (frame.format.name, frame.width, frame.height)
                if like not in (None, shape):
                    oracle.changes = True
                    break
                like = shape
                if frame.width * frame.height > LARGE:
                    oracle.too_large = True
                    break
                try:
                    rgb = frame.reformat(format="rgb24", **ONE_THREAD)
                    oracle.frames.append(digest(rgb.to_ndarray()))
                except (av.FFmpegError, ValueError):
                    oracle.frames.append(None)
    except TypeError:
        raise  # is never said of data, but of how PyAV is called
    except Exception as error:  # whatever PyAV raises, of which there is no list
        oracle.error = type(error).__name__
    return oracle


# Every way of reading

Way: TypeAlias = Callable[["Trial"], None]


class Trial:
    """One input: read in every way, compared with what PyAV gives."""

    def __init__(self, name: str, data: bytes, chance: random.Random, path: Path) -> None:
        self.data, self.chance, self.path = data, chance, path
        self.oracle = self._kept = linear(data)
        self._skipped: Oracle | None = None
        self.suffix = Path(name).suffix
        self.found: Counter[str] = Counter()
        self.frames = 0

    @property
    def count(self) -> int:
        return len(self.oracle.frames)

    def skip_damage(self) -> None:
        """Compare with what PyAV gives past every error, until the present way has ended."""
        if self._skipped is None:
            self._skipped = linear(self.data, skips=True)
        self.oracle = self._skipped

    def source(self) -> Any:
        kind = self.chance.randrange(3)
        if kind == 0:
            self.path.write_bytes(self.data)
            return self.path
        return self.data if kind == 1 else io.BytesIO(self.data)

    def open(self, **options: Any) -> fastav.VideoReader:
        return fastav.open(self.source(), conversion="ffmpeg", **options)

    def in_order(self, how: str, arrays: Any, first: int = 0) -> None:
        """Compare frames `first`, `first` + 1, ... with PyAV's."""
        read = 0
        for read, array in enumerate(arrays, 1):
            self.compare(how, first + read - 1, array)
        expected = max(self.count - first, 0)
        if not self.oracle.changes and read != expected:
            self.found[f"frames: {how} gives {'fewer' if read < expected else 'more'}"] += 1

    def compare(self, how: str, number: int, array: np.ndarray) -> None:
        self.frames += 1
        if not 0 <= number < self.count:
            if not self.oracle.changes:
                self.found[f"frames: {how} gives one beyond the last"] += 1
            return
        got, expected = digest(array), self.oracle.frames[number]
        if expected is not None and got != expected:
            another = got in self.oracle.frames
            finding = f"frames: {how} gives another" if another else f"pixels: {how} gives others"
            self.found[finding] += 1

    def attempt(self, how: str, way: Way) -> None:
        """Go one way; what it may raise by the documentation is no finding."""
        try:
            way(self)
        except fastav.FastavError:
            return
        except Exception as error:
            if isinstance(error, ValueError) and "is outside the video" in str(error):
                return
            if isinstance(error, IndexError) and "is out of range" in str(error):
                return  # reading has found that damage ends the video before
            if isinstance(error, MemoryError) and (
                self.oracle.error == "MemoryError" or "GB as one array" in str(error)
            ):
                return
            where = next(
                (
                    f"{Path(entry.filename).name}:{entry.name}"
                    for entry in reversed(traceback.extract_tb(error.__traceback__))
                    if Path(entry.filename).is_relative_to(PACKAGE)
                ),
                "?",
            )
            what = f"{type(error).__name__}: {re.sub('[0-9]+', 'N', str(error))[:60]}"
            self.found[f"exception: {what} ({where}) {how}"] += 1
        finally:
            self.oracle = self._kept

    def run(self) -> None:
        if self.oracle.too_large:
            self.attempt("opening", _open_large)
            return
        for how, way in WAYS.items():
            self.attempt(how, way)


def _kept(arrays: Any) -> Iterator[np.ndarray]:
    """What comes before an error."""
    with suppress(fastav.DecodeError):
        yield from arrays


def _open_large(trial: Trial) -> None:
    with trial.open() as reader:
        reader.metadata()


def _iterate(trial: Trial) -> None:
    with trial.open() as reader:
        trial.in_order("iter", _kept(reader))


def _iterate_with_one_thread(trial: Trial) -> None:
    with trial.open(thread_count=1) as reader:
        trial.in_order("iter with one thread", _kept(reader))


def _read(trial: Trial) -> None:
    with trial.open(errors="keep") as reader:
        trial.in_order("read", reader.read())


def _read_with_one_thread(trial: Trial) -> None:
    with trial.open(errors="keep", thread_count=1) as reader:
        trial.in_order("read with one thread", reader.read())


def _skip(trial: Trial) -> None:
    trial.skip_damage()
    with trial.open(errors="skip") as reader:
        trial.in_order("read past damage", reader.read())


def _skip_with_one_thread(trial: Trial) -> None:
    trial.skip_damage()
    with trial.open(errors="skip", thread_count=1) as reader:
        trial.in_order("iter past damage", reader)


def _skip_by_number(trial: Trial) -> None:
    trial.skip_damage()
    with trial.open(errors="skip") as reader:
        for _ in reader.frames():
            pass  # and find what is damaged
        for number in range(0, len(reader), 3):
            trial.compare("a number past damage", number, reader[number])


def _batches(trial: Trial) -> None:
    with trial.open(errors="keep") as reader:
        batches = reader.batches(4)
        trial.in_order("batches", (frame for batch in batches for frame in batch))


def _pipe(trial: Trial) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: Any) -> int:
            raise io.UnsupportedOperation

    with fastav.open(Pipe(trial.data), conversion="ffmpeg") as reader:
        # A container whose index comes last cannot be read so: only what does come is compared.
        for number, array in enumerate(_kept(reader)):
            trial.compare("a pipe", number, array)


def _filtered(trial: Trial) -> None:
    with trial.open(errors="keep") as reader:
        trial.in_order("filters", reader.iter(filter_sequence=[("null", "")]))


def _leave(trial: Trial) -> None:
    reader = trial.open()
    for number, array in enumerate(itertools.islice(_kept(reader), 2)):
        trial.compare("an iteration that is left", number, array)


def _by_number(trial: Trial) -> None:
    with trial.open() as reader:
        count = len(reader)
        numbers = (
            {0, count - 1, *(trial.chance.randrange(count) for _ in range(3))} if count else ()
        )
        for number in numbers:
            with suppress(fastav.DecodeError):
                trial.compare("a number", number, reader[number])
        if count:
            with suppress(fastav.DecodeError):
                array = reader[-1]
                trial.compare("the last", len(reader) - 1, array)


def _in_batches(trial: Trial) -> None:
    with trial.open() as reader:
        count = len(reader)
        numbers = [trial.chance.randrange(count) for _ in range(4)] if count else []
        for number, array in zip(numbers, reader.get_batch(numbers), strict=True):
            trial.compare("a batch", number, array)


def _in_a_slice(trial: Trial) -> None:
    with trial.open(thread_count=2) as reader:
        arrays = reader[::3]  # after which it is known where damage ends the video
        for number, array in zip(range(0, len(reader), 3), arrays, strict=True):
            trial.compare("a slice", number, array)


def _by_time(trial: Trial) -> None:
    with trial.open() as reader:
        times = reader.timestamps
        if len(times):
            frame = reader.get_frame_played_at(trial.chance.choice(times))
            trial.compare("a time", frame.index, frame.data)


def _from_the_middle(trial: Trial) -> None:
    with trial.open() as reader:
        first = len(reader) // 2
        for number, array in enumerate(_kept(reader.iter(start=first)), first):
            trial.compare("iter from the middle", number, array)


def _pickled(trial: Trial) -> None:
    with fastav.open(trial.data, conversion="ffmpeg") as reader:
        count = len(reader)
        with pickle.loads(pickle.dumps(reader)) as again:
            if len(again) != count:
                trial.found["frames: a pickled reader has another length"] += 1
            if count:
                trial.compare("a pickled reader", count // 2, again[count // 2])


def _tell(trial: Trial) -> None:
    with trial.open() as reader:
        reader.metadata()
        _ = reader.rotation, reader.fps, reader.duration, reader.key_indices, reader.shape
        reader.metadata(0)
    fastav.immeta(trial.source())
    fastav.improps(trial.source())


def _one_frame(trial: Trial) -> None:
    with suppress(IndexError):
        trial.compare("imread", 0, fastav.imread(trial.source(), index=0, conversion="ffmpeg"))


WAYS: Final[dict[str, Way]] = {
    "iterating": _iterate,
    "iterating with one thread": _iterate_with_one_thread,
    "reading": _read,
    "reading with one thread": _read_with_one_thread,
    "skipping": _skip,
    "skipping with one thread": _skip_with_one_thread,
    "skipping by number": _skip_by_number,
    "batches": _batches,
    "a pipe": _pipe,
    "filters": _filtered,
    "leaving": _leave,
    "by number": _by_number,
    "in batches": _in_batches,
    "in a slice": _in_a_slice,
    "by time": _by_time,
    "from the middle": _from_the_middle,
    "pickled": _pickled,
    "telling": _tell,
    "one frame": _one_frame,
}


# A worker


def _held() -> tuple[int, int]:
    return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _left(before: tuple[int, int], seconds: float) -> tuple[int, int]:
    """Threads and descriptors more than before; those that are about to end are waited for."""
    deadline = time.monotonic() + seconds
    while True:
        now = _held()
        threads, files = now[0] - before[0], now[1] - before[1]
        if (threads <= 0 and files <= 0) or time.monotonic() > deadline:
            return max(threads, 0), max(files, 0)
        time.sleep(0.002)


def try_input(name: str, data: bytes, seed: str, path: Path) -> dict[str, Any]:
    """Read one input in every way; what was found, and what was left behind."""
    before = _held()
    trial = Trial(name, data, random.Random(seed), path)
    trial.run()
    found, frames, decodes = trial.found, trial.frames, trial.count > 0
    del trial
    threads, files = _left(before, 2.0)
    if threads or files:
        gc.collect()
        later = _left(before, 2.0)
        when = "until a collection" if later == (0, 0) else "for good"
        found[f"left: {'threads' if threads else 'descriptors'} {when}"] += 1
    return {"found": dict(found), "frames": frames, "decodes": decodes}


def work(
    pipe: Connection, clips: dict[str, bytes], seed: int, trace: str, memory: int = MEMORY
) -> None:
    """Try the inputs whose numbers come through a pipe, and answer for each."""
    av.logging.set_level(None)
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (memory << 30, memory << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with open(trace, "w") as file, tempfile.TemporaryDirectory(dir=_fast_folder()) as folder:
        faulthandler.enable(file)
        faulthandler.register(signal.SIGUSR1, file, all_threads=True)
        gc.collect()
        gc.freeze()
        gc.disable()  # what is left to it is left behind
        while (number := pipe.recv()) is not None:
            name, data = mutate(clips, seed, number)
            result = try_input(name, data, f"{seed} {number}", Path(folder) / f"clip-{name}")
            gc.collect()
            pipe.send({**result, "memory": _resident()})


def _fast_folder() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


class Worker:
    """A process that tries inputs, and is replaced when it dies, hangs or is old."""

    def __init__(
        self, clips: dict[str, bytes], seed: int, folder: Path, place: int, limit: int
    ) -> None:
        self._clips, self._seed, self._limit = clips, seed, limit
        self.trace = folder / f"worker-{place}.txt"
        self._process: Any = None
        self.tried = 0
        self.memory: list[int] = []

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        arguments = (other, self._clips, self._seed, str(self.trace), self._limit)
        self._process = context.Process(target=work, args=arguments, daemon=True)
        self._process.start()
        other.close()
        self.tried, self.memory = 0, []

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
            self._process = None

    def try_input(self, number: int) -> dict[str, Any] | str:
        """The answer, or what became of the worker."""
        if self._process is None or self.tried >= LIFE:
            self.stop()
            self._start()
        try:
            self._pipe.send(number)
            if self._pipe.poll(LIMIT):
                answer: dict[str, Any] = self._pipe.recv()
                self.tried += 1
                self.memory.append(answer["memory"])
                return answer
        except (EOFError, OSError):
            self._process.join()
            status = self._process.exitcode
            self.stop()
            return f"crash: {signal.Signals(-status).name if status < 0 else f'exit {status}'}"
        os.kill(self._process.pid, signal.SIGUSR1)  # says where its threads are
        time.sleep(1)
        self.stop()
        return "hang"


# All of them


def whose(path: Path) -> str:
    """Try an input with PyAV alone."""
    command = [sys.executable, __file__, "--alone", str(path)]
    try:
        done = subprocess.run(command, timeout=ALONE, capture_output=True, check=False)
    except subprocess.TimeoutExpired:
        return "PyAV alone hangs too"
    return "PyAV alone crashes too" if done.returncode < 0 else "PyAV alone does not"


def alone(path: Path) -> None:
    """Decode and seek with PyAV, with one thread and with several."""
    av.logging.set_level(None)
    for kind, count in (("NONE", 1), ("FRAME", 0), ("FRAME", 2), ("SLICE", 0)):
        with suppress(Exception), av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_type = kind
            stream.codec_context.thread_count = count
            for turn in range(6):
                with suppress(av.FFmpegError, IndexError):
                    for frame in container.decode(stream):
                        frame.reformat(format="rgb24", **ONE_THREAD)
                container.seek(turn * 100, stream=stream)


class Campaign:
    """Inputs shared among workers, and what was found in them."""

    def __init__(self, folder: Path, seed: int, memory: int = MEMORY) -> None:
        self.folder, self.seed, self.memory = folder, seed, memory
        folder.mkdir(parents=True, exist_ok=True)
        self._summary = folder / "summary.json"
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}
        self.done = self.frames = self.decodable = 0
        self.seconds = 0.0
        self.growth: list[float] = []
        self._lock = threading.Lock()
        self._next, self._skip = 0, set[int]()
        if self._summary.exists():
            self._resume(json.loads(self._summary.read_text()))
        with tempfile.TemporaryDirectory() as scratch:
            self.clips = make_clips(Path(scratch))

    def _resume(self, before: dict[str, Any]) -> None:
        if before["seed"] != self.seed:
            raise SystemExit(f"{self.folder} holds inputs of seed {before['seed']}")
        self.counts.update(before["found"])
        self.examples = before["examples"]
        self.done, self.frames = before["inputs"], before["frames_compared"]
        self.decodable, self.seconds = before["with_frames"], before["seconds"]
        self.growth = before["memory_growth_mb_per_1000"]
        self._next, self._skip = before["next"], set(before["beyond"])

    def run(self, inputs: int, seconds: float | None, workers: int) -> dict[str, Any]:
        """Try inputs up to number `inputs`, or until the time is over; return the summary."""
        began, before = time.monotonic(), self.seconds
        busy: set[int] = set()
        numbers = iter(range(self._next, inputs))

        def take() -> list[int]:
            with self._lock:
                self.seconds = before + time.monotonic() - began
                if seconds is not None and time.monotonic() - began > seconds:
                    return []
                chunk = [n for n in itertools.islice(numbers, CHUNK) if n not in self._skip]
                busy.update(chunk)
                return chunk

        def drive(place: int) -> None:
            worker = Worker(self.clips, self.seed, self.folder, place, self.memory)
            with closing(_Stopping(worker)):
                while chunk := take():
                    for number in chunk:
                        answer = worker.try_input(number)
                        with self._lock:
                            self._note(number, answer, worker)
                            self._skip.add(number)
                            busy.discard(number)
                    with self._lock:
                        self._settle(busy)
                        self.save()
                self._grown(worker)

        threads = [threading.Thread(target=drive, args=(place,)) for place in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.save()

    def _settle(self, busy: set[int]) -> None:
        """Forget the numbers below the first that is not done."""
        first = min(busy, default=max(self._skip, default=self._next - 1) + 1)
        self._next = max(self._next, first)
        self._skip = {number for number in self._skip if number >= self._next}

    def _note(self, number: int, answer: dict[str, Any] | str, worker: Worker) -> None:
        self.done += 1
        if isinstance(answer, str):
            path = self._keep(number, answer)
            with suppress(OSError):
                Path(f"{path}.txt").write_text(worker.trace.read_text())
            self._count(f"{answer}; {whose(path)}", path)
            return
        self.frames += answer["frames"]
        self.decodable += answer["decodes"]
        for finding in answer["found"]:
            few = len(self.examples.get(finding, ())) < KEPT
            self._count(finding, self._keep(number, finding.split(":")[0]) if few else None)
        if worker.tried == LIFE:
            self._grown(worker)

    def _grown(self, worker: Worker) -> None:
        """Memory that a worker gained, over its second half."""
        memory = worker.memory
        if len(memory) >= 200:
            half = len(memory) // 2
            gained = (memory[-1] - memory[half]) / (len(memory) - half) * 1000 / 1e6
            self.growth.append(round(gained, 2))
        worker.memory = []

    def _count(self, finding: str, path: Path | None) -> None:
        self.counts[finding] += 1
        if path is not None:
            self.examples.setdefault(finding, []).append(path.name)

    def _keep(self, number: int, kind: str) -> Path:
        name, data = mutate(self.clips, self.seed, number)
        path = self.folder / f"{kind.split(':')[0]}-{number}-{name}"
        path.write_bytes(data)
        return path

    def save(self) -> dict[str, Any]:
        """Write and return the summary."""

        def total(kind: str) -> int:
            return sum(count for key, count in self.counts.items() if key.startswith(kind))

        summary = {
            "seed": self.seed,
            "clips": len(self.clips),
            "ways": len(WAYS),
            "inputs": self.done,
            "with_frames": self.decodable,
            "frames_compared": self.frames,
            "seconds": round(self.seconds, 1),
            "inputs_per_second": round(self.done / max(self.seconds, 1e-9), 2),
            "crashes": total("crash"),
            "hangs": total("hang"),
            "unexpected_exceptions": total("exception"),
            "left_behind": total("left"),
            "other_frames": total("frames"),
            "other_pixels": total("pixels"),
            "found": dict(self.counts.most_common()),
            "examples": self.examples,
            "memory_growth_mb_per_1000": self.growth,
            "versions": {"av": av.__version__, "fastav": fastav.__version__},
            "next": self._next,
            "beyond": sorted(self._skip),
        }
        temporary = self._summary.with_suffix(".new")
        temporary.write_text(json.dumps(summary, indent=1))
        temporary.replace(self._summary)
        return summary


class _Stopping:
    def __init__(self, worker: Worker) -> None:
        self.close = worker.stop


def replay(path: Path) -> None:
    """Read a kept input in every way again, here, and print what is found."""
    av.logging.set_level(None)
    number, name = path.name.split("-", 2)[1:]
    oracle = linear(path.read_bytes())
    print(f"PyAV alone: {len(oracle.frames)} frames, {oracle.error or 'no error'}")
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(3):
            spot = Path(folder) / name
            result = try_input(name, path.read_bytes(), f"{seed} {number}", spot)
            print(json.dumps(result, indent=1))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, help="stop after so long")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--memory", type=int, default=MEMORY, help="GiB of addresses for a worker; 0: no limit"
    )
    parser.add_argument("--out", type=Path, default=Path("fuzz-findings"))
    parser.add_argument("--replay", type=Path, metavar="FILE", help="try a kept input again")
    parser.add_argument("--alone", type=Path, metavar="FILE", help="try it with PyAV alone")
    options = parser.parse_args()
    if options.alone or options.replay:
        alone(options.alone) if options.alone else replay(options.replay)
        return 0
    campaign = Campaign(options.out, options.seed, options.memory)
    summary = campaign.run(options.inputs, options.seconds, options.workers)
    shown = {key: summary[key] for key in summary if key not in ("examples", "beyond", "next")}
    print(json.dumps(shown, indent=1))
    return int(bool(summary["crashes"] or summary["hangs"] or summary["unexpected_exceptions"]))


if __name__ == "__main__":
    sys.exit(main())

"""Side by side: every contender in a process of its own, rounds interleaved, medians compared.

What the numbers mean and do not mean:

- A *round* runs each contender once, in an order that is drawn anew, so that a machine that slows
  down slows all of them. A ratio is the median, over the rounds, of the ratios within a round.
- One round before the first is not counted: it loads code and fills the file cache. All reading is
  from cached files.
- Opening and closing is timed, importing is not, and neither is releasing the result.
- *floor* is PyAV decoding with frame threads and converting nothing, plus filling a fresh output
  array frame by frame with a constant; *decode-only* leaves that out.
- What a contender frees, its allocator keeps for the next round (glibc's ``MALLOC_`` variables), so
  that nobody waits for the system to find and clear memory. Hosts of virtual machines take freed
  memory back, and fetching it again can take longer than the job. The first use of memory costs all
  contenders the same on top, and those that make more than one array more.
- Peers run with their own defaults, but for threads: all the decoder's threads are allowed.
- Memory is the peak resident size during the round that is not counted (``VmHWM``), in a process
  that has done nothing yet. *Beyond the array* is that, less what was resident before and less the
  array itself. The ffmpeg program's own memory is not in it.
"""

from __future__ import annotations

import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Any, Self

import av
import numpy as np

from ..pyav import ONE_THREAD
from .contender import CONTENDERS

__all__ = [
    "FLOORS",
    "PEERS",
    "REFERENCES",
    "Clip",
    "Field",
    "Result",
    "bulk",
    "complaint",
    "environment",
    "probe",
    "reference_means",
]

REFERENCES = ("floor", "decode-only", "imageio")
"""The contenders to which ratios are taken."""

PEERS = ("imageio", "pyav", "opencv", "decord", "torchcodec", "ffmpeg")

# Freed memory stays with the process: none is mapped apart, and none at the end is handed back.
_KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 46)}

FLOORS = ("floor", "decode-only")
"""The contenders that make no pictures."""

SCRIPT = Path(__file__).with_name("contender.py")
_PACKAGE_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Clip:
    """One file, or a folder's files of the same shape, and what PyAV says of them.

    Attributes
    ----------
    name : str
        What tables call it.
    paths : tuple of str
        The files.
    width, height, frames : int
        Size in pixels, and the number of frames that each file decodes to.
    pix_fmt, codec : str
        The stored pixel format and the codec.
    """

    name: str
    paths: tuple[str, ...]
    width: int
    height: int
    frames: int
    pix_fmt: str
    codec: str

    def frame_bytes(self, format: str | None) -> int:
        """Bytes of one frame in a pixel format (None: the stored one), without padding."""
        form = av.VideoFormat(format or self.pix_fmt, self.width, self.height)
        return self.width * self.height * form.padded_bits_per_pixel // 8

    def job(self, format: str | None) -> dict[str, Any]:
        """The words of a job about this clip."""
        return {
            "paths": self.paths,
            "format": format,
            "frames": self.frames,
            "frame_bytes": self.frame_bytes(format),
        }


@dataclass(frozen=True)
class Result:
    """What one contender did with one task: medians, or the reason why there are none.

    Attributes
    ----------
    name, version : str
        The contender.
    seconds, fastest, slowest : float
        Wall time: the median over the rounds, and its extremes.
    cpu_seconds : float
        Median of the processor time of all threads and of child processes.
    ratios : mapping of str to float
        Median ratio of the wall time to that of each of ``REFERENCES`` that took part.
    peak_bytes, beyond_bytes : int
        Greatest resident memory during the first job; and without what was resident before and
        without the array. 0 where the system does not tell.
    others : float
        Median share of the machine's processors that other programs used meanwhile.
    error : str
        Empty if all is well.
    """

    name: str
    version: str = ""
    seconds: float = 0.0
    fastest: float = 0.0
    slowest: float = 0.0
    cpu_seconds: float = 0.0
    ratios: Mapping[str, float] = field(default_factory=dict)
    peak_bytes: int = 0
    beyond_bytes: int = 0
    others: float = 0.0
    error: str = ""


def probe(name: str, paths: Iterable[str | os.PathLike[str]]) -> Clip:
    """Decode the first of some files, all alike, to learn their size, format and frame count."""
    files = tuple(os.fspath(path) for path in paths)
    with av.open(files[0]) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        count = 0
        for frame in container.decode(stream):  # noqa: B007  (the last one is looked at)
            count += 1
        if not count:
            raise ValueError(f"{files[0]} decodes to no frame at all")
        codec = stream.codec_context.name
        return Clip(name, files, frame.width, frame.height, count, frame.format.name, codec)


def reference_means(path: str, indices: Sequence[int]) -> list[list[float]]:
    """Mean R, G and B of some frames, by decoding all of them in order."""
    found = {}
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for number, frame in enumerate(container.decode(stream)):
            if number in indices:
                picture = frame.reformat(format="rgb24", **ONE_THREAD).to_ndarray()
                found[number] = picture.reshape(-1, 3).mean(axis=0).tolist()
    return [found[index] for index in indices]


class _Worker:
    """A contender's process; started when first asked, and again after it died."""

    def __init__(self, name: str, python: str, script: Path) -> None:
        self.name = name
        self.command = [python, "-P", str(script), name]
        self.environment = {**os.environ, **_KEEP_MEMORY}
        if name.startswith("fastav"):
            # The fastav that is running now, wherever it lies.
            path = [str(_PACKAGE_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
            self.environment["PYTHONPATH"] = os.pathsep.join(path)
            self.environment["FASTAV_BACKEND"] = "python" if name.endswith("python") else "compiled"
        self.process: subprocess.Popen[str] | None = None
        self.version = ""

    def ask(self, job: Mapping[str, Any], limit: float) -> dict[str, Any]:
        """Return the outcome of a job; ``{"error": ...}`` if there is none."""
        if self.process is None:
            greeting = self._start(limit)
            if "error" in greeting:
                return greeting
            self.version = greeting["version"]
        assert self.process is not None
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(job) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return self._post_mortem("has gone")
        return self._answer(limit)

    def _start(self, limit: float) -> dict[str, Any]:
        self.stderr = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115  (see close)
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.stderr,
            text=True,
            env=self.environment,
        )
        greeting = self._answer(limit)
        if "error" in greeting:
            self.close()
        return greeting

    def _answer(self, limit: float) -> dict[str, Any]:
        assert self.process is not None
        assert self.process.stdout is not None
        killed = threading.Event()

        def kill(process: subprocess.Popen[str] = self.process) -> None:
            killed.set()
            process.kill()

        timer = threading.Timer(limit, kill)
        timer.start()
        line = self.process.stdout.readline()
        timer.cancel()
        timer.join()
        if line and not killed.is_set():
            return json.loads(line)  # type: ignore[no-any-return]
        return self._post_mortem(f"no answer within {limit:g} s" if killed.is_set() else "died")

    def _post_mortem(self, what: str) -> dict[str, Any]:
        assert self.process is not None
        code = self.process.wait()
        self.stderr.seek(0)
        last = [line.strip() for line in self.stderr if line.strip()][-1:]
        self.close()
        return {"error": ": ".join([f"{what} (exit status {code})", *last])[:300]}

    def close(self) -> None:
        if self.process is None:
            return
        process, self.process = self.process, None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.close()
        try:
            process.stdin.close()
            process.wait(10)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            process.kill()
            process.wait()
        self.stderr.close()


class Field:
    """The contenders of a race, as a context manager that ends their processes.

    Parameters
    ----------
    names : iterable of str
        Keys of the script's ``CONTENDERS``.
    script : Path, optional
        What each contender's process runs, with the contender's name.
    peer_python : str, optional
        Interpreter for all but fastav and the references; by default the running one.
    limit : float, default 120
        Seconds after which a contender that does not answer is ended.
    progress : callable, optional
        Called with a line of text before each step.

    Raises
    ------
    ValueError
        If a name is unknown.
    """

    def __init__(
        self,
        names: Iterable[str],
        *,
        script: Path = SCRIPT,
        peer_python: str | None = None,
        limit: float = 120.0,
        progress: Callable[[str], object] = lambda line: None,
    ) -> None:
        self._workers: dict[str, _Worker] = {}
        for name in names:
            if script == SCRIPT and name not in CONTENDERS:
                known = ", ".join(CONTENDERS)
                raise ValueError(f"unknown contender {name!r}; there are {known}")
            ours = name in (*FLOORS, "fastav", "fastav-python")
            python = sys.executable if ours else peer_python or sys.executable
            self._workers[name] = _Worker(name, python, script)
        self._limit = limit
        self._progress = progress

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._workers.values():
            worker.close()

    def race(
        self,
        title: str,
        job: Mapping[str, Any],
        check: Callable[[str, Mapping[str, Any]], str],
        rounds: int = 5,
        *,
        without: Collection[str] = (),
    ) -> list[Result]:
        """Run one job with every contender, once per round after a round that does not count.

        Parameters
        ----------
        title : str
            What progress is shown under.
        job : mapping
            What the contenders' script is sent.
        check : callable
            Called with a contender's name and its outcome; says what is wrong, or "".
        rounds : int, default 5
            How often to measure.
        without : collection of str, optional
            Contenders that this job does not suit.

        Returns
        -------
        list of Result
            One per contender, in the order given.
        """
        workers = {n: worker for n, worker in self._workers.items() if n not in without}
        for worker in workers.values():
            worker.close()  # memory is measured in a process that has done nothing yet
        outcomes: dict[str, list[dict[str, Any]]] = {name: [] for name in workers}
        errors: dict[str, str] = {}
        draw = random.Random(0)
        for number in range(rounds + 1):
            running = [name for name in workers if name not in errors]
            draw.shuffle(running)
            for name in running:
                step = f"round {number} of {rounds}" if number else "warming up"
                self._progress(f"{title}: {step}, {name}")
                outcome = workers[name].ask(job, self._limit)
                error = outcome.get("error") or check(name, outcome)
                if error:
                    errors[name] = error
                else:
                    outcomes[name].append(outcome)
        return [
            Result(name, worker.version, error=errors[name])
            if name in errors
            else _summary(name, worker.version, outcomes)
            for name, worker in workers.items()
        ]


def bulk(field: Field, clip: Clip, format: str | None, rounds: int) -> list[Result]:
    """Race reading all frames of a clip into one array of a pixel format (None: the stored)."""
    expected = None
    if format == "rgb24":
        expected = reference_means(clip.paths[-1], (0, clip.frames // 2, clip.frames - 1))

    def check(name: str, outcome: Mapping[str, Any]) -> str:
        return "" if name in FLOORS else complaint(outcome, clip.frames, expected)

    return field.race(f"{clip.name}, bulk {format}", clip.job(format), check, rounds)


def _summary(name: str, version: str, outcomes: Mapping[str, list[dict[str, Any]]]) -> Result:
    mine = outcomes[name]
    times = [outcome["seconds"] for outcome in mine[1:]]
    ratios = {}
    for reference in REFERENCES:
        theirs = [outcome["seconds"] for outcome in outcomes.get(reference, ())[1:]]
        if len(theirs) == len(times):
            ratios[reference] = median(a / b for a, b in zip(times, theirs, strict=True))
    return Result(
        name,
        version,
        seconds=median(times),
        fastest=min(times),
        slowest=max(times),
        cpu_seconds=median(outcome["cpu_seconds"] for outcome in mine[1:]),
        ratios=ratios,
        peak_bytes=mine[0]["peak_bytes"],
        beyond_bytes=mine[0]["peak_bytes"] - mine[0]["resident_bytes"] - mine[0]["nbytes"],
        others=median(outcome["others"] for outcome in mine[1:]),
    )


def complaint(
    outcome: Mapping[str, Any], frames: int, expected: Sequence[Sequence[float]] | None
) -> str:
    """Say what is wrong with what a contender made; empty if it will do.

    Parameters
    ----------
    outcome : mapping
        What it said.
    frames : int
        How many frames it was to make.
    expected : sequence, optional
        Mean R, G and B of those that it tells of. Converters differ in rounding and in how they
        spread chroma, so these have some slack.
    """
    if outcome["frames"] != frames:
        return f"made {outcome['frames']} frames of {frames}"
    if expected is not None:
        distance = np.abs(np.array(outcome["means"]) - np.array(expected)).max()
        if distance > 4:
            return f"made other pictures than PyAV (their means differ by {distance:.1f} of 255)"
    return ""


def environment() -> dict[str, Any]:
    """Describe the machine and the software, as results are worth nothing without."""
    return {
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "av": av.__version__,
        "ffmpeg": getattr(av, "ffmpeg_version_info", ""),
        "numpy": np.__version__,
    }


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except FileNotFoundError:
        pass
    return platform.processor() or platform.machine()

"""What the Python around a frame costs, and importing: ``python benchmarks/overhead.py``.

Reads a 320x240 clip with every conversion replaced by nothing, and the same clip with PyAV's bare
decode step; the difference, over the frames, is fastav's own cost. Processor time of this process
(one decoding thread, so that no other thread's time is in it), the least of many rounds. Importing,
and importing and a first read of a file, are timed in fresh interpreters that have imported PyAV
and NumPy already, by the processor time of the thread that does it: one of NumPy's own, of its
linear algebra, spins for a while after its import.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import av

import fastav
from fastav._bench import make_clip
from fastav.pixels import colour

FRAMES, ROUNDS = 300, 15


def bare(path: Path) -> None:
    """PyAV's own decode step, and nothing else."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_count = 1
        for packet in container.demux(stream):
            for _ in packet.decode():
                pass


def read(path: Path) -> None:
    fastav.imread(path, thread_count=1)


def iterate(path: Path) -> None:
    for _ in fastav.imiter(path, thread_count=1):
        pass


# What is done in a fresh interpreter, by how it is called.
BEGINNINGS = {
    "importing": "pass",
    "importing and reading a frame of a clip": "fastav.imread({path!r}, index=0)",
    "importing and reading a clip": "fastav.imread({path!r}, stop=8, thread_count=1)",
    "importing and reading a frame by number": "fastav.open({path!r}, thread_count=1)[7]",
}


def beginnings(path: Path) -> dict[str, list[float]]:
    """Milliseconds that each adds to importing PyAV and NumPy, in ascending order."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    times: dict[str, list[float]] = {name: [] for name in BEGINNINGS}
    for turn in range(ROUNDS + 1):
        for name, work in BEGINNINGS.items():
            code = "import av, numpy, time; begin = time.thread_time(); import fastav\n"
            code += f"{work.format(path=str(path))}; print(time.thread_time() - begin)"
            said = subprocess.check_output([sys.executable, "-c", code], env=environment)
            if turn:  # the first may compile bytecode
                times[name].append(1000 * float(said))
    return {name: sorted(took) for name, took in times.items()}


def processor_time(work: Callable[[Path], None], path: Path) -> int:
    begin = time.process_time_ns()
    work(path)
    return time.process_time_ns() - begin


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        make_clip(path, 320, 240, FRAMES)
        colour.kernels.to_rgb = lambda *arguments: None
        works = (bare, read, iterate)
        least = dict.fromkeys(works, 1 << 62)
        for _ in range(ROUNDS):
            for work in works:
                least[work] = min(least[work], processor_time(work, path))
        begun = beginnings(path)
    print(f"PyAV's decode step: {least[bare] / FRAMES / 1000:.1f} us a frame")
    for work in works[1:]:
        more = (least[work] - least[bare]) / FRAMES / 1000
        print(f"{work.__name__} adds {more:.1f} us a frame, opening and the array included")
    for name, times in begun.items():
        print(f"{name} adds {median(times):.1f} ms, {times[0]:.1f} ms at least")


if __name__ == "__main__":
    main()

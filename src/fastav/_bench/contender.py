"""One contender in a process of its own: run as a script, it obeys JSON lines.

``python contender.py NAME`` imports what NAME needs and answers one line, ``{"ready": true, ...}``
or ``{"error": ...}``. Then every line on standard input is a job and every line on standard output
its outcome. It needs nothing of fastav but for the contenders that are fastav, so that peers can
live in another interpreter and their memory is theirs alone.

A job says ``paths``, ``format`` (a pixel format, or null for the stored one), ``frames`` (how many
each file holds) and ``frame_bytes`` (of one output frame): every file is read into one array.
Opening and closing files is part of every job. What a contender makes is released after the clock
has stopped.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

MEMORY = "/proc/self/status"
PROCESSORS = "/proc/stat"
PEAK_RESET = "/proc/self/clear_refs"


class UnableError(Exception):
    """The contender cannot do this task at all; the message says why."""


class Contender:
    """Reads whole videos; says with UnableError what it cannot read."""

    version = ""

    def prepare(self, job: Any) -> None:
        """Do what the clock should not see."""

    def run(self, job: Any) -> Any:
        """Do a job and return what `look` looks at; None if nothing is kept."""
        made = None
        for path in job.paths:
            made = None  # one clip of a folder in memory at a time
            made = self.bulk(path, job)
        return made

    def bulk(self, path: str, job: Any) -> Any:
        """Read all frames of a file into one array."""
        raise NotImplementedError

    def look(self, job: Any, made: Any) -> dict[str, Any]:
        """Say what was made, so that the other side can tell whether it is right."""
        if made is None:
            return seen(job, None, 0, ())
        nbytes = sum(frame.nbytes for frame in made)
        return seen(job, len(made), nbytes, (made[0], made[len(made) // 2], made[-1]))


def seen(job: Any, count: int | None, nbytes: int, pictures: Sequence[Any]) -> dict[str, Any]:
    """What is told of frames: how many, their size, and the mean R, G and B of some."""
    np = importlib.import_module("numpy")
    means = None
    if count is not None and job.format == "rgb24":
        means = [np.asarray(p).reshape(-1, 3).mean(axis=0).round(2).tolist() for p in pictures]
    return {"frames": count, "nbytes": nbytes, "means": means}


def rgb_only(job: Any) -> None:
    """Refuse a job that is not about rgb24."""
    if job.format != "rgb24":
        raise UnableError("gives 8-bit RGB only, never the stored format")


class PyAVBase(Contender):
    def __init__(self) -> None:
        self.av = importlib.import_module("av")
        self.np = importlib.import_module("numpy")
        self.version = self.av.__version__

    def decode(self, path: str) -> Iterator[Any]:
        with self.av.open(path) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"  # frame threads wherever the codec has them
            yield from container.decode(stream)


class DecodeOnly(PyAVBase):
    """PyAV decodes with frame threads; nothing is converted or kept."""

    def bulk(self, path: str, job: Any) -> Any:
        for _ in self.decode(path):
            pass


class Floor(DecodeOnly):
    """Decode-only, plus filling a fresh output array frame by frame with a constant."""

    def bulk(self, path: str, job: Any) -> Any:
        output = self.np.empty((job.frames, job.frame_bytes), self.np.uint8)
        for row, _ in zip(output, self.decode(path), strict=True):
            row.fill(128)
        return output


class PyAV(PyAVBase):
    """PyAV with ``to_ndarray``, into an array that was allocated once."""

    def bulk(self, path: str, job: Any) -> Any:
        output = None
        for i, frame in enumerate(self.decode(path)):
            picture = self.array(frame, job)
            if output is None:
                output = self.np.empty((job.frames, *picture.shape), picture.dtype)
            output[i] = picture
        return output

    def array(self, frame: Any, job: Any) -> Any:
        return frame.to_ndarray(format=job.format) if job.format else frame.to_ndarray()


class Fastav(Contender):
    """The fastav that ``FASTAV_BACKEND`` in the environment chooses."""

    def __init__(self) -> None:
        self.fastav = importlib.import_module("fastav")
        self.version = self.fastav.__version__
        # The colour kernels' twin specifies them; nobody would read videos with it.
        python = self.fastav.backend().name == "python"
        self.conversion = "ffmpeg" if python else "exact"

    def bulk(self, path: str, job: Any) -> Any:
        return self.fastav.imread(path, format=job.format, conversion=self.conversion)


class Imageio(Contender):
    """imageio's pyav plugin with its own defaults."""

    def __init__(self) -> None:
        imageio = importlib.import_module("imageio")
        importlib.import_module("imageio.plugins.pyav")
        self.iio = importlib.import_module("imageio.v3")
        self.version = imageio.__version__

    def bulk(self, path: str, job: Any) -> Any:
        return self.iio.imread(path, plugin="pyav", format=job.format)


class OpenCV(Contender):
    """OpenCV's own FFmpeg, its BGR turned into RGB straight into the output."""

    def __init__(self) -> None:
        self.cv2 = importlib.import_module("cv2")
        self.np = importlib.import_module("numpy")
        self.version = self.cv2.__version__

    def open(self, path: str, job: Any) -> Any:
        rgb_only(job)
        capture = self.cv2.VideoCapture(path, self.cv2.CAP_FFMPEG)
        if not capture.isOpened():
            raise RuntimeError("VideoCapture does not open this file")
        return capture

    def rgb(self, picture: Any, into: Any = None) -> Any:
        return self.cv2.cvtColor(picture, self.cv2.COLOR_BGR2RGB, into)

    def bulk(self, path: str, job: Any) -> Any:
        capture = self.open(path, job)
        good, picture = capture.read()
        if not good:
            raise RuntimeError("VideoCapture opens this file and reads no frame")
        output = self.np.empty((job.frames, *picture.shape), picture.dtype)
        count = 0
        while good:
            self.rgb(picture, output[count])
            count += 1
            good, picture = capture.read(picture)
        capture.release()
        return output[:count]


class Decord(Contender):
    def __init__(self) -> None:
        self.decord = importlib.import_module("decord")
        self.version = self.decord.__version__

    def open(self, path: str, job: Any) -> Any:
        rgb_only(job)
        return self.decord.VideoReader(path)

    def bulk(self, path: str, job: Any) -> Any:
        reader = self.open(path, job)
        return reader.get_batch(range(len(reader))).asnumpy()


class Torchcodec(Contender):
    """torchcodec on the CPU, as many FFmpeg threads as FFmpeg likes, frames as (H, W, 3)."""

    def __init__(self) -> None:
        self.torchcodec = importlib.import_module("torchcodec")
        self.decoders = importlib.import_module("torchcodec.decoders")
        importlib.import_module("torch")
        self.version = self.torchcodec.__version__

    def open(self, path: str, job: Any) -> Any:
        rgb_only(job)
        return self.decoders.VideoDecoder(path, dimension_order="NHWC", num_ffmpeg_threads=0)

    def bulk(self, path: str, job: Any) -> Any:
        return self.open(path, job)[:].numpy()


class FFmpeg(Contender):
    """The ffmpeg program, raw frames through a pipe straight into the output array."""

    def __init__(self) -> None:
        self.np = importlib.import_module("numpy")
        said = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True)
        self.version = said.stdout.split()[2]

    def pipe(self, path: str, job: Any, *options: str) -> subprocess.Popen[bytes]:
        form = [*options, "-pix_fmt", job.format] if job.format else [*options]
        command = ["ffmpeg", "-nostdin", "-v", "error", "-i", path, "-f", "rawvideo"]
        return subprocess.Popen([*command, *form, "-"], stdout=subprocess.PIPE, bufsize=0)

    def bulk(self, path: str, job: Any, *options: str) -> Any:
        output = self.np.empty((job.frames, job.frame_bytes), self.np.uint8)
        with self.pipe(path, job, *options) as process:
            if not fill(process, output):
                raise RuntimeError("the pipe ended early")
        return output


def fill(process: subprocess.Popen[bytes], output: Any) -> bool:
    """Read a pipe until ``output`` is full; False if the pipe ends before."""
    assert process.stdout is not None
    view = memoryview(output).cast("B")
    while len(view):
        count = process.stdout.readinto(view)  # type: ignore[attr-defined]
        if not count:
            return False
        view = view[count:]
    return True


CONTENDERS: dict[str, Callable[[], Contender]] = {
    "floor": Floor,
    "decode-only": DecodeOnly,
    "fastav": Fastav,
    "fastav-python": Fastav,
    "imageio": Imageio,
    "pyav": PyAV,
    "opencv": OpenCV,
    "decord": Decord,
    "torchcodec": Torchcodec,
    "ffmpeg": FFmpeg,
}


def memory(field: str) -> int:
    """Bytes of ``VmRSS`` or ``VmHWM`` of this process; 0 where there is no /proc."""
    try:
        with open(MEMORY) as file:
            for line in file:
                if line.startswith(field):
                    return int(line.split()[1]) * 1024
    except FileNotFoundError:
        pass
    return 0


def reset_peak() -> None:
    """Let VmHWM start again from what is resident now, where the kernel allows it."""
    try:
        with open(PEAK_RESET, "w") as file:
            file.write("5")
    except OSError:
        pass  # then the peak is that of all jobs so far


def cpu_seconds() -> float:
    """Processor time of this process's threads and of the children that have ended."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def busy_seconds() -> float:
    """Processor time that the whole machine has spent, also on other guests; 0 without /proc."""
    try:
        with open(PROCESSORS) as file:
            user, nice, system, _, _, *rest = map(int, file.readline().split()[1:9])
    except FileNotFoundError:
        return 0.0
    return (user + nice + system + sum(rest)) / os.sysconf("SC_CLK_TCK")


def timed(contender: Contender, job: Any) -> dict[str, Any]:
    """Do one job against the clock."""
    contender.prepare(job)
    gc.collect()
    reset_peak()
    resident = memory("VmRSS")
    busy, cpu, start = busy_seconds(), cpu_seconds(), time.perf_counter()
    made = contender.run(job)
    seconds, cpu = time.perf_counter() - start, cpu_seconds() - cpu
    others = busy_seconds() - busy - cpu
    return {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "others": max(0.0, others / seconds / (os.cpu_count() or 1)),
        "resident_bytes": resident,
        "peak_bytes": memory("VmHWM"),
        **contender.look(job, made),
    }


def main(name: str, contenders: Mapping[str, Callable[[], Contender]]) -> None:
    """Obey the jobs on standard input."""
    # Peers print; only this program's own lines may reach the standard output.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def answer(**words: Any) -> None:
        answers.write(json.dumps(words) + "\n")

    try:
        contender = contenders[name]()
    except Exception as error:
        answer(error=describe(error))
        return
    answer(ready=True, version=contender.version)
    for line in sys.stdin:
        try:
            outcome = timed(contender, SimpleNamespace(**json.loads(line)))
        except Exception as error:
            outcome = {"error": describe(error)}
        answer(**outcome)


def describe(error: Exception) -> str:
    """One line that names the error."""
    text = " ".join(str(error).split())
    if isinstance(error, UnableError):
        return text
    return f"{type(error).__name__}: {text[:300]}".rstrip(": ")


if __name__ == "__main__":
    main(sys.argv[1], CONTENDERS)

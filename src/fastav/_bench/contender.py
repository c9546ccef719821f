"""One contender in a process of its own: run as a script, it obeys JSON lines.

``python contender.py NAME`` imports what NAME needs and answers one line, ``{"ready": true, ...}``
or ``{"error": ...}``. Then every line on standard input is a job and every line on standard output
its outcome. It needs nothing of fastav but for the contenders that are fastav, so that peers can
live in another interpreter and their memory is theirs alone.

A job says ``task`` (bulk, iterate, spread, single, write), ``paths``, ``format`` (a pixel format,
or null for the stored one), ``frames`` (how many each file holds) and ``frame_bytes`` (of one
output frame); ``indices`` for spread and single; ``array``, ``output``, ``codec`` and ``rate`` for
write.
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
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

MEMORY = "/proc/self/status"
PROCESSORS = "/proc/stat"
PEAK_RESET = "/proc/self/clear_refs"


class UnableError(Exception):
    """The contender cannot do this task at all; the message says why."""


class Contender:
    """What a contender can do; each says with UnableError what it cannot.

    Tasks return what the check looks at: ``bulk``, ``spread`` and ``single`` the frames,
    ``iterate`` the number of frames and the last one, ``write`` nothing.
    """

    version = ""

    def prepare(self, job: Any) -> None:
        """Do what the clock should not see."""

    def bulk(self, path: str, job: Any) -> Any:
        raise UnableError("has no bulk reading")

    def frames(self, path: str, job: Any) -> Iterator[Any]:
        raise UnableError("cannot iterate")

    def spread(self, path: str, job: Any) -> Any:
        raise UnableError("has no access by index")

    def single(self, path: str, job: Any) -> Any:
        raise UnableError("has no access by index")

    def write(self, job: Any) -> None:
        raise UnableError("does not write")

    def iterate(self, path: str, job: Any) -> tuple[int, Any]:
        count, frame = 0, None
        for frame in self.frames(path, job):  # noqa: B007  (the last one is looked at)
            count += 1
        return count, frame


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
    """PyAV decodes with frame threads; nothing is converted or kept. Writing: encoding alone."""

    def bulk(self, path: str, job: Any) -> Any:
        for _ in self.decode(path):
            pass

    def frames(self, path: str, job: Any) -> Iterator[Any]:
        for _ in self.decode(path):
            yield None

    def prepare(self, job: Any) -> None:
        if job.task == "write":
            video_frame = self.av.VideoFrame
            self.encoded = [
                video_frame.from_ndarray(picture, "rgb24").reformat(format="yuv420p", threads=1)
                for picture in job.pictures
            ]

    def write(self, job: Any) -> None:
        encode(self.av, job, self.encoded)


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
        for i, frame in enumerate(self.frames(path, job)):
            if output is None:
                output = self.np.empty((job.frames, *frame.shape), frame.dtype)
            output[i] = frame
        return output

    def frames(self, path: str, job: Any) -> Iterator[Any]:
        for frame in self.decode(path):
            yield frame.to_ndarray(format=job.format) if job.format else frame.to_ndarray()

    def spread(self, path: str, job: Any) -> Any:
        found = []
        with self.av.open(path) as container:
            stream = container.streams.video[0]
            for index in job.indices:
                # The usual recipe, right where the rate is constant and time starts at 0.
                pts = int(index / stream.average_rate / stream.time_base)
                container.seek(pts, stream=stream)
                for frame in container.decode(stream):
                    if frame.pts >= pts:
                        found.append(frame.to_ndarray(format=job.format))
                        break
        return found

    single = spread

    def write(self, job: Any) -> None:
        video_frame = self.av.VideoFrame
        encode(self.av, job, (video_frame.from_ndarray(p, "rgb24") for p in job.pictures))


def encode(av: Any, job: Any, frames: Any) -> None:
    with av.open(job.output, "w") as container:
        stream = container.add_stream(job.codec, rate=job.rate)
        stream.height, stream.width = job.pictures.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            frame.pts = None  # the encoder counts
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


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

    def frames(self, path: str, job: Any) -> Iterator[Any]:
        frames: Iterator[Any] = self.fastav.imiter(
            path, format=job.format, conversion=self.conversion
        )
        return frames

    def spread(self, path: str, job: Any) -> Any:
        with self.fastav.open(path, format=job.format) as reader:
            return reader.get_batch(job.indices)

    def single(self, path: str, job: Any) -> Any:
        with self.fastav.open(path, format=job.format) as reader:
            return [reader[index] for index in job.indices]

    def write(self, job: Any) -> None:
        self.fastav.imwrite(job.output, job.pictures, fps=job.rate, codec=job.codec)


class Imageio(Contender):
    """imageio's pyav plugin with its own defaults."""

    def __init__(self) -> None:
        imageio = importlib.import_module("imageio")
        importlib.import_module("imageio.plugins.pyav")
        self.iio = importlib.import_module("imageio.v3")
        self.version = imageio.__version__

    def bulk(self, path: str, job: Any) -> Any:
        return self.iio.imread(path, plugin="pyav", format=job.format)

    def frames(self, path: str, job: Any) -> Iterator[Any]:
        return self.iio.imiter(path, plugin="pyav", format=job.format)  # type: ignore[no-any-return]

    def spread(self, path: str, job: Any) -> Any:
        with self.iio.imopen(path, "r", plugin="pyav") as file:
            return [file.read(index=index, format=job.format) for index in job.indices]

    single = spread

    def write(self, job: Any) -> None:
        self.iio.imwrite(job.output, job.pictures, plugin="pyav", codec=job.codec, fps=job.rate)


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

    def frames(self, path: str, job: Any) -> Iterator[Any]:
        capture = self.open(path, job)
        picture = None
        while True:
            good, picture = capture.read(picture)
            if not good:
                break
            yield self.rgb(picture)
        capture.release()

    def spread(self, path: str, job: Any) -> Any:
        capture, found = self.open(path, job), []
        for index in job.indices:
            capture.set(self.cv2.CAP_PROP_POS_FRAMES, index)
            good, picture = capture.read()
            if not good:
                raise RuntimeError(f"no frame {index}")
            found.append(self.rgb(picture))
        capture.release()
        return found

    single = spread

    def write(self, job: Any) -> None:
        if job.codec != "mpeg4":
            raise UnableError("writes the codecs of its own build only")
        size = job.pictures.shape[2:0:-1]
        fourcc = self.cv2.VideoWriter.fourcc(*"mp4v")
        writer = self.cv2.VideoWriter(job.output, fourcc, job.rate, size)
        for picture in job.pictures:
            writer.write(self.cv2.cvtColor(picture, self.cv2.COLOR_RGB2BGR))
        writer.release()


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

    def frames(self, path: str, job: Any) -> Iterator[Any]:
        reader = self.open(path, job)
        for _ in range(len(reader)):
            yield reader.next().asnumpy()

    def spread(self, path: str, job: Any) -> Any:
        return self.open(path, job).get_batch(job.indices).asnumpy()

    def single(self, path: str, job: Any) -> Any:
        reader = self.open(path, job)
        return [reader[index].asnumpy() for index in job.indices]


class Torchcodec(Contender):
    """torchcodec on the CPU, as many FFmpeg threads as FFmpeg likes, frames as (H, W, 3)."""

    def __init__(self) -> None:
        self.torchcodec = importlib.import_module("torchcodec")
        self.decoders = importlib.import_module("torchcodec.decoders")
        self.torch = importlib.import_module("torch")
        self.version = self.torchcodec.__version__

    def open(self, path: str, job: Any) -> Any:
        rgb_only(job)
        return self.decoders.VideoDecoder(path, dimension_order="NHWC", num_ffmpeg_threads=0)

    def bulk(self, path: str, job: Any) -> Any:
        return self.open(path, job)[:].numpy()

    def frames(self, path: str, job: Any) -> Iterator[Any]:
        for picture in self.open(path, job):
            yield picture.numpy()

    def spread(self, path: str, job: Any) -> Any:
        return self.open(path, job).get_frames_at(job.indices).data.numpy()

    def single(self, path: str, job: Any) -> Any:
        decoder = self.open(path, job)
        return [decoder[index].numpy() for index in job.indices]

    def write(self, job: Any) -> None:
        encoders = importlib.import_module("torchcodec.encoders")
        pictures = self.torch.from_numpy(job.pictures).permute(0, 3, 1, 2)
        encoders.VideoEncoder(pictures, frame_rate=job.rate).to_file(job.output, codec=job.codec)


class FFmpeg(Contender):
    """The ffmpeg program, raw frames through a pipe straight into the output array."""

    def __init__(self) -> None:
        self.np = importlib.import_module("numpy")
        said = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True)
        self.version = said.stdout.split()[2]

    def pipe(self, path: str, job: Any) -> subprocess.Popen[bytes]:
        form = ["-pix_fmt", job.format] if job.format else []
        command = ["ffmpeg", "-nostdin", "-v", "error", "-i", path, "-f", "rawvideo"]
        return subprocess.Popen([*command, *form, "-"], stdout=subprocess.PIPE, bufsize=0)

    def bulk(self, path: str, job: Any) -> Any:
        output = self.np.empty((job.frames, job.frame_bytes), self.np.uint8)
        with self.pipe(path, job) as process:
            if not fill(process, output):
                raise RuntimeError("the pipe ended early")
        return output

    def frames(self, path: str, job: Any) -> Iterator[Any]:
        with self.pipe(path, job) as process:
            while fill(process, frame := self.np.empty(job.frame_bytes, self.np.uint8)):
                yield frame

    def write(self, job: Any) -> None:
        height, width = job.pictures.shape[1:3]
        command = ["ffmpeg", "-nostdin", "-y", "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"]
        command += ["-s", f"{width}x{height}", "-r", str(job.rate), "-i", "-"]
        command += ["-c:v", job.codec, "-pix_fmt", "yuv420p", job.output]
        with subprocess.Popen(command, stdin=subprocess.PIPE, bufsize=0) as process:
            assert process.stdin is not None
            for picture in job.pictures:
                process.stdin.write(picture)
            process.stdin.close()
            if process.wait():
                raise RuntimeError(f"ffmpeg exits with {process.returncode}")


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


def look(job: Any, made: Any) -> dict[str, Any]:
    """Say what was made, so that the other side can tell whether it is right."""
    np = importlib.import_module("numpy")
    if made is None:  # nothing is kept, or it was written
        return {"frames": None, "nbytes": 0, "means": None}
    if job.task == "iterate":
        count, last = made
        nbytes, looked_at = 0, [] if last is None else [last]
    else:
        count, nbytes = len(made), sum(frame.nbytes for frame in made)
        looked_at = [made[0], made[count // 2], made[-1]] if job.task == "bulk" else made
    means = None
    if job.format == "rgb24":
        means = [np.asarray(f).reshape(-1, 3).mean(axis=0).round(2).tolist() for f in looked_at]
    return {"frames": count, "nbytes": nbytes, "means": means}


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


def run(contender: Contender, job: Any) -> dict[str, Any]:
    """Do one job against the clock."""
    if job.task == "write":
        job.pictures = importlib.import_module("numpy").load(job.array)
    contender.prepare(job)
    gc.collect()
    reset_peak()
    resident = memory("VmRSS")
    busy, cpu, start = busy_seconds(), cpu_seconds(), time.perf_counter()
    made = None
    if job.task == "write":
        contender.write(job)
    else:
        task = getattr(contender, job.task)
        for path in job.paths:
            made = None  # one clip of a folder in memory at a time
            made = task(path, job)
    seconds, cpu = time.perf_counter() - start, cpu_seconds() - cpu
    others = busy_seconds() - busy - cpu
    return {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "others": max(0.0, others / seconds / (os.cpu_count() or 1)),
        "resident_bytes": resident,
        "peak_bytes": memory("VmHWM"),
        **look(job, made),
    }


def main(name: str) -> None:
    # Peers print; only this program's own lines may reach the standard output.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def answer(**words: Any) -> None:
        answers.write(json.dumps(words) + "\n")

    try:
        contender = CONTENDERS[name]()
    except Exception as error:
        answer(error=describe(error))
        return
    answer(ready=True, version=contender.version)
    for line in sys.stdin:
        try:
            outcome = run(contender, SimpleNamespace(**json.loads(line)))
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
    main(sys.argv[1])

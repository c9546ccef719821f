"""The contenders of ``fastav bench`` with more tasks: iterating, by number, resizing, writing.

Run as a script in a process of its own, as ``fastav._bench.contender``, whose file it loads by its
place, since peers may live in an interpreter that has no fastav. Of a job, ``task`` is ``bulk``,
``iterate``, ``spread``, ``single``, ``resized`` or ``write``; ``indices`` are for spread and
single, ``size`` (height and width) for resized, ``array``, ``output``, ``codec``, ``rate``,
``stored`` (a pixel format) and ``options`` for write.

To add a peer: a class with what it can do, here and (its ``bulk``) in ``contender.py``, an entry in
``CONTENDERS`` of both, and its name in ``PEERS`` of ``race.py``.
"""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


def load(path: Path) -> Any:
    """Import a module by its file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


base = load(Path(__file__).parents[1] / "src" / "fastav" / "_bench" / "contender.py")
UnableError = base.UnableError


class Tasks(base.Contender):
    """What a contender can do; each says with UnableError what it cannot.

    Tasks return what is looked at: ``bulk``, ``resized``, ``spread`` and ``single`` the frames,
    ``iterate`` the number of frames and the last one, ``write`` nothing.
    """

    def prepare(self, job: Any) -> None:
        if job.task == "write":
            job.pictures = importlib.import_module("numpy").load(job.array)

    def run(self, job: Any) -> Any:
        if job.task == "write":
            return self.write(job)
        task = getattr(self, job.task)
        made = None
        for path in job.paths:
            made = None  # one clip of a folder in memory at a time
            made = task(path, job)
        return made

    def look(self, job: Any, made: Any) -> dict[str, Any]:
        if made is None or job.task in ("bulk", "resized"):
            return super().look(job, made)
        if job.task == "iterate":
            count, last = made
            return base.seen(job, count, 0, [] if last is None else [last])
        return base.seen(job, len(made), sum(frame.nbytes for frame in made), made)

    def iterate(self, path: str, job: Any) -> tuple[int, Any]:
        count, frame = 0, None
        for frame in self.frames(path, job):  # noqa: B007  (the last one is looked at)
            count += 1
        return count, frame

    def frames(self, path: str, job: Any) -> Iterator[Any]:
        raise UnableError("cannot iterate")

    def spread(self, path: str, job: Any) -> Any:
        raise UnableError("has no access by index")

    def single(self, path: str, job: Any) -> Any:
        raise UnableError("has no access by index")

    def resized(self, path: str, job: Any) -> Any:
        raise UnableError("does not resize")

    def write(self, job: Any) -> None:
        raise UnableError("does not write")


class Floor(Tasks, base.Floor):
    pass


class DecodeOnly(Tasks, base.DecodeOnly):
    """Writing: encoding alone."""

    def frames(self, path: str, job: Any) -> Iterator[Any]:
        for _ in self.decode(path):
            yield None

    def resized(self, path: str, job: Any) -> Any:
        return self.bulk(path, job)

    def prepare(self, job: Any) -> None:
        super().prepare(job)
        if job.task == "write":
            video_frame = self.av.VideoFrame
            self.encoded = [
                video_frame.from_ndarray(picture, "rgb24").reformat(format=job.stored)
                for picture in job.pictures
            ]

    def write(self, job: Any) -> None:
        encode(self.av, job, self.encoded)


class PyAV(Tasks, base.PyAV):
    def frames(self, path: str, job: Any) -> Iterator[Any]:
        for frame in self.decode(path):
            yield self.array(frame, job)

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

    def resized(self, path: str, job: Any) -> Any:
        """With FFmpeg's scale filter."""
        height, width = job.size
        output = self.np.empty((job.frames, height, width, 3), self.np.uint8)
        with self.av.open(path) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            graph = self.av.filter.Graph()
            nodes = [graph.add_buffer(template=stream), graph.add("scale", f"{width}:{height}")]
            graph.link_nodes(*nodes, graph.add("buffersink")).configure()
            for row, frame in zip(output, container.decode(stream), strict=True):
                graph.push(frame)
                row[...] = graph.pull().to_ndarray(format=job.format)
        return output

    def write(self, job: Any) -> None:
        video_frame = self.av.VideoFrame
        encode(self.av, job, (video_frame.from_ndarray(p, "rgb24") for p in job.pictures))


def encode(av: Any, job: Any, frames: Any) -> None:
    with av.open(job.output, "w") as container:
        stream = container.add_stream(job.codec, rate=job.rate, options=job.options)
        stream.height, stream.width = job.pictures.shape[1:3]
        stream.pix_fmt = job.stored
        stream.codec_context.thread_type = "AUTO"
        for frame in frames:
            frame.pts = None  # the encoder counts
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


class Fastav(Tasks, base.Fastav):
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

    def resized(self, path: str, job: Any) -> Any:
        return self.fastav.imread(
            path, format=job.format, conversion=self.conversion, size=job.size
        )

    def write(self, job: Any) -> None:
        self.fastav.imwrite(
            job.output, job.pictures, fps=job.rate, codec=job.codec,
            out_pixel_format=job.stored, options=job.options,
        )  # fmt: skip


class Resizing(Fastav):
    """fastav's frames, resized one by one by somebody else."""

    def resize(self, frame: Any, height: int, width: int) -> Any:
        raise NotImplementedError

    def resized(self, path: str, job: Any) -> Any:
        np = importlib.import_module("numpy")
        output = np.empty((job.frames, *job.size, 3), np.uint8)
        for row, frame in zip(output, self.frames(path, job), strict=True):
            row[...] = self.resize(frame, *job.size)
        return output


class FastavPillow(Resizing):
    def __init__(self) -> None:
        super().__init__()
        self.image = importlib.import_module("PIL.Image")

    def resize(self, frame: Any, height: int, width: int) -> Any:
        return self.image.fromarray(frame).resize((width, height), self.image.Resampling.BILINEAR)


class FastavTorch(Resizing):
    """torch's interpolate, which is what torchvision's v2 transforms call."""

    def __init__(self) -> None:
        super().__init__()
        self.torch = importlib.import_module("torch")

    def resize(self, frame: Any, height: int, width: int) -> Any:
        picture = self.torch.from_numpy(frame).permute(2, 0, 1)[None]
        made = self.torch.nn.functional.interpolate(
            picture, (height, width), mode="bilinear", antialias=True
        )
        return made[0].permute(1, 2, 0).numpy()


class Imageio(Tasks, base.Imageio):
    def frames(self, path: str, job: Any) -> Iterator[Any]:
        return self.iio.imiter(path, plugin="pyav", format=job.format)

    def spread(self, path: str, job: Any) -> Any:
        with self.iio.imopen(path, "r", plugin="pyav") as file:
            return [file.read(index=index, format=job.format) for index in job.indices]

    single = spread

    def resized(self, path: str, job: Any) -> Any:
        height, width = job.size
        scale = [("scale", f"{width}:{height}")]
        return self.iio.imread(path, plugin="pyav", format=job.format, filter_sequence=scale)

    def write(self, job: Any) -> None:
        if job.options:
            raise UnableError("has no way to give the codec options")
        self.iio.imwrite(
            job.output, job.pictures, plugin="pyav", codec=job.codec, fps=job.rate,
            out_pixel_format=job.stored,
        )  # fmt: skip


class OpenCV(Tasks, base.OpenCV):
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

    def resized(self, path: str, job: Any) -> Any:
        """Averages of areas, which is OpenCV's antialiased way to shrink."""
        height, width = job.size
        output = self.np.empty((job.frames, height, width, 3), self.np.uint8)
        capture, area = self.open(path, job), self.cv2.INTER_AREA
        count, picture = 0, None
        while True:
            good, picture = capture.read(picture)
            if not good:
                break
            small = self.cv2.resize(picture, (width, height), interpolation=area)
            self.rgb(small, output[count])
            count += 1
        capture.release()
        return output[:count]

    def write(self, job: Any) -> None:
        if job.codec != "mpeg4":
            raise UnableError("writes the codecs of its own build only")
        size = job.pictures.shape[2:0:-1]
        fourcc = self.cv2.VideoWriter.fourcc(*"mp4v")
        writer = self.cv2.VideoWriter(job.output, fourcc, job.rate, size)
        for picture in job.pictures:
            writer.write(self.cv2.cvtColor(picture, self.cv2.COLOR_RGB2BGR))
        writer.release()


class Decord(Tasks, base.Decord):
    def frames(self, path: str, job: Any) -> Iterator[Any]:
        reader = self.open(path, job)
        for _ in range(len(reader)):
            yield reader.next().asnumpy()

    def spread(self, path: str, job: Any) -> Any:
        return self.open(path, job).get_batch(job.indices).asnumpy()

    def single(self, path: str, job: Any) -> Any:
        reader = self.open(path, job)
        return [reader[index].asnumpy() for index in job.indices]

    def resized(self, path: str, job: Any) -> Any:
        height, width = job.size
        reader = self.decord.VideoReader(path, width=width, height=height)
        return reader.get_batch(range(len(reader))).asnumpy()


class Torchcodec(Tasks, base.Torchcodec):
    def frames(self, path: str, job: Any) -> Iterator[Any]:
        for picture in self.open(path, job):
            yield picture.numpy()

    def spread(self, path: str, job: Any) -> Any:
        return self.open(path, job).get_frames_at(job.indices).data.numpy()

    def single(self, path: str, job: Any) -> Any:
        decoder = self.open(path, job)
        return [decoder[index].numpy() for index in job.indices]

    def resized(self, path: str, job: Any) -> Any:
        transforms = importlib.import_module("torchcodec.transforms")
        decoder = self.decoders.VideoDecoder(
            path,
            dimension_order="NHWC",
            num_ffmpeg_threads=0,
            transforms=[transforms.Resize(tuple(job.size))],
        )
        return decoder[:].numpy()

    def write(self, job: Any) -> None:
        torch = importlib.import_module("torch")
        encoders = importlib.import_module("torchcodec.encoders")
        pictures = torch.from_numpy(job.pictures).permute(0, 3, 1, 2)
        encoders.VideoEncoder(pictures, frame_rate=job.rate).to_file(
            job.output, codec=job.codec, pixel_format=job.stored, extra_options=job.options
        )


class FFmpeg(Tasks, base.FFmpeg):
    def frames(self, path: str, job: Any) -> Iterator[Any]:
        with self.pipe(path, job) as process:
            while base.fill(process, frame := self.np.empty(job.frame_bytes, self.np.uint8)):
                yield frame

    def resized(self, path: str, job: Any) -> Any:
        height, width = job.size
        return self.bulk(path, job, "-vf", f"scale={width}:{height}")

    def write(self, job: Any) -> None:
        height, width = job.pictures.shape[1:3]
        command = ["ffmpeg", "-nostdin", "-y", "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"]
        command += ["-s", f"{width}x{height}", "-r", str(job.rate), "-i", "-"]
        command += ["-c:v", job.codec, "-pix_fmt", job.stored]
        command += [word for key, value in job.options.items() for word in (f"-{key}", value)]
        command.append(job.output)
        with subprocess.Popen(command, stdin=subprocess.PIPE, bufsize=0) as process:
            assert process.stdin is not None
            for picture in job.pictures:
                process.stdin.write(picture)
            process.stdin.close()
            if process.wait():
                raise RuntimeError(f"ffmpeg exits with {process.returncode}")


CONTENDERS: dict[str, Callable[[], Tasks]] = {
    "floor": Floor,
    "decode-only": DecodeOnly,
    "fastav": Fastav,
    "fastav-python": Fastav,
    "fastav-pillow": FastavPillow,
    "fastav-torch": FastavTorch,
    "imageio": Imageio,
    "pyav": PyAV,
    "opencv": OpenCV,
    "decord": Decord,
    "torchcodec": Torchcodec,
    "ffmpeg": FFmpeg,
}

if __name__ == "__main__":
    base.main(sys.argv[1], CONTENDERS)

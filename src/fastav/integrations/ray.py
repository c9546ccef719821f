"""Clips of many videos as a Ray dataset: ``read_videos("videos/", clip_length=16)``.

Needs ray[data]. Long files are split where decoding can begin, short ones are read several to a
task; every task reads what it was given and no more, so that one that is lost can be run again.
"""

from __future__ import annotations

import operator
import os
import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..reading.index import FrameIndex
from ..reading.options import READER_KEYWORDS, check_keywords
from ..reading.reader import VideoReader

try:
    import fsspec
    import ray
    from fsspec.implementations.local import LocalFileSystem
    from ray.data import DataContext
    from ray.data.block import BlockAccessor, BlockMetadata
    from ray.data.datasource import Datasource, ReadTask
except ImportError as _error:
    raise ImportError(
        "fastav.integrations.ray needs ray[data]; install it with: pip install 'fastav[ray]'"
    ) from _error

__all__ = ["COLUMNS", "VideoDatasource", "read_videos"]

COLUMNS: Final = ("path", "indices", "pts_seconds", "duration_seconds", "frames")
"""What a row may have."""

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

_EXTENSIONS: Final = frozenset(
    {".avi", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ts"}
    | {".webm", ".wmv"}
)

_LEAST: Final = 1 << 20  # bytes of a file for which a task of its own may pay
_SAMPLE: Final = 8  # so many files tell what those are like that are not looked into beforehand
_IN_FLIGHT: Final = 32  # pictures that a decoder and what stands around it may hold
_COPIES: Final = 3  # of a block: as frames, as clips, as Ray's


def read_videos(
    paths: Paths,
    columns: Sequence[str] = ("path", "indices", "pts_seconds", "frames"),
    clip_length: int = 16,
    stride: int | None = None,
    *,
    frame_step: int = 1,
    drop_last: bool = False,
    task_bytes: int = 64 << 20,
    filesystem: Any = None,
    storage_options: dict[str, Any] | None = None,
    memory: int | None = None,
    num_cpus: float | None = None,
    concurrency: int | None = None,
    override_num_blocks: int | None = None,
    **options: Any,
) -> Any:
    """Make a Ray dataset with a row for each clip of some videos.

    Parameters
    ----------
    paths : str, os.PathLike or sequence of these
        Files, folders (all videos in them, by their extensions) and globs, on any file system of
        fsspec's: ``"s3://bucket/videos"``.
    columns : sequence of str
        Which of :data:`COLUMNS` the rows have: ``path``; ``indices`` (n,) int64, numbers of the
        frames; ``pts_seconds`` and ``duration_seconds`` (n,) float64, when each frame is shown and
        how long; ``frames`` (n, H, W, C). Without ``frames`` nothing is decoded.
    clip_length : int
        Frames of a clip.
    stride : int, optional
        Frames from the first one of a clip to the first one of the next. By default the next clip
        begins where one ends.
    frame_step : int
        Frames from one of a clip to its next.
    drop_last : bool
        Leave out the last clip of a video if it is shorter than the others.
    task_bytes : int
        Bytes of the files that one task reads, at most; fewer if there are not enough for Ray's
        parallelism. Of a file that is longer, tasks read parts that begin with a key frame. It is
        indexed beforehand, by tasks as well.
    filesystem : fsspec.AbstractFileSystem, optional
        Where `paths` are; by default what their protocols say.
    storage_options : dict, optional
        Further arguments of the file systems.
    memory : int, optional
        Bytes that Ray is to reserve for each task; by default an estimate from what some of the
        videos are like, see :meth:`VideoDatasource.memory`.
    num_cpus, concurrency, override_num_blocks : optional
        As of ``ray.data.read_datasource``.
    **options
        Keywords of :class:`fastav.VideoReader`: ``size=(224, 224)``, ``format="gray"``.
        `thread_count` is 1 if it is left out: Ray runs several tasks side by side.

    Returns
    -------
    ray.data.Dataset

    Raises
    ------
    FileNotFoundError
        A path that does not exist, or nothing at all to read.
    ValueError, TypeError
        An argument that is wrong.
    """
    source = VideoDatasource(
        paths,
        columns,
        clip_length,
        stride,
        frame_step=frame_step,
        drop_last=drop_last,
        task_bytes=task_bytes,
        filesystem=filesystem,
        storage_options=storage_options,
        **options,
    )
    return ray.data.read_datasource(
        source,
        memory=source.memory() if memory is None else memory,
        num_cpus=num_cpus,
        concurrency=concurrency,
        override_num_blocks=override_num_blocks,
    )


@dataclass(frozen=True, slots=True)
class _File:
    """A video on some file system."""

    filesystem: Any
    path: str
    size: int

    @property
    def name(self) -> str:
        return self.path if self._local else str(self.filesystem.unstrip_protocol(self.path))

    @property
    def _local(self) -> bool:
        return type(self.filesystem) is LocalFileSystem

    def read(self, use: Callable[[VideoReader], Iterable[Any]], **options: Any) -> Iterator[Any]:
        """What comes of an open reader, which is closed afterwards."""
        if self._local:
            with VideoReader(self.path, **options) as reader:
                yield from use(reader)
        else:
            with self.filesystem.open(self.path, "rb") as file, VideoReader(file, **options) as r:
                yield from use(r)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a file is like: frames, bytes of one as an array and as a picture, perhaps the index."""

    count: int
    nbytes: int
    stored: int
    index: FrameIndex | None


@dataclass(frozen=True, slots=True)
class _Part:
    """Clips of a file, all if none are named; those of a long file share the index, kept by Ray."""

    file: _File
    clips: range | None = None
    index: Any = None  # ObjectRef of a FrameIndex


@dataclass(frozen=True, slots=True)
class _Clips:
    """Which clips a row each is, and what rows have."""

    columns: tuple[str, ...]
    length: int
    stride: int
    step: int
    drop_last: bool
    options: dict[str, Any] = field(repr=False)

    def count(self, frames: int) -> int:
        """How many clips so many frames give."""
        span = (self.length - 1) * self.step + 1
        if self.drop_last:
            return max((frames - span) // self.stride + 1, 0)
        # The last one is the first that reaches the end; or begins before it, where there are gaps.
        most = -(-frames // self.stride)
        return min(1 + -(-max(frames - span, 0) // self.stride), most)

    def frames(self, number: int, count: int) -> range:
        """Numbers of a clip's frames, in a video of so many."""
        start = number * self.stride
        return range(start, min(start + self.length * self.step, count), self.step)

    def blocks(self, part: _Part, nbytes: int) -> Iterator[Any]:
        """Rows of a part, in blocks of so many bytes at most, or of one row."""

        def read(reader: VideoReader) -> Iterator[Any]:
            count = len(reader)
            clips = part.clips if part.clips is not None else range(self.count(count))
            if not clips:
                return
            # A short clip has a block of its own: in a block all tensors have one shape.
            full = clips
            short = len(self.frames(clips[-1], count)) < len(self.frames(clips[0], count))
            if short:
                full = clips[:-1]
            shape, dtype = reader.describe_frame()
            clip = self.length * int(np.prod(shape)) * dtype.itemsize
            rows = max(nbytes // clip, 1) if "frames" in self.columns else max(nbytes // 1024, 1)
            for first in range(0, len(full), rows):
                yield self._block(reader, part.file.name, full[first : first + rows])
            if short:
                yield self._block(reader, part.file.name, clips[-1:])

        index = None if part.index is None else ray.get(part.index)
        yield from part.file.read(read, index=index, **self.options)

    def _block(self, reader: VideoReader, name: str, clips: range) -> Any:
        numbers = np.array([self.frames(clip, len(reader)) for clip in clips], np.int64)
        made: dict[str, NDArray[Any]] = {
            "path": np.array([name] * len(numbers)),
            "indices": numbers,
        }
        wanted, places = np.unique(numbers, return_inverse=True)  # clips may share frames
        places = places.reshape(numbers.shape)
        if "frames" in self.columns:
            batch = reader.get_frames_at(wanted)
            data = batch.data
            assert isinstance(data, np.ndarray)
            apart = wanted.size == numbers.size
            made["frames"] = (
                data.reshape(*numbers.shape, *data.shape[1:]) if apart else data[places]
            )
            made["pts_seconds"] = batch.pts_seconds[places]
            made["duration_seconds"] = batch.duration_seconds[places]
        else:
            index = reader.index
            until_next = np.diff(index.pts, append=index.end)
            durations = np.where(index.durations > 0, index.durations, until_next)
            made["pts_seconds"] = index.timestamps[numbers]
            made["duration_seconds"] = durations[numbers] * float(index.time_base)
        return BlockAccessor.batch_to_block({name: made[name] for name in self.columns})


class VideoDatasource(Datasource):  # type: ignore[misc]
    """What :func:`read_videos` has Ray read; for ``ray.data.read_datasource``.

    Parameters, errors and rows are those of :func:`read_videos`.
    """

    def __init__(
        self,
        paths: Paths,
        columns: Sequence[str] = ("path", "indices", "pts_seconds", "frames"),
        clip_length: int = 16,
        stride: int | None = None,
        *,
        frame_step: int = 1,
        drop_last: bool = False,
        task_bytes: int = 64 << 20,
        filesystem: Any = None,
        storage_options: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        check_keywords("read_videos", options, READER_KEYWORDS - {"index"})
        if options.get("planes"):
            raise TypeError("planes=True gives a tuple of arrays, which is no tensor")
        unknown = [name for name in columns if name not in COLUMNS]
        if isinstance(columns, str) or unknown or not columns:
            raise ValueError(f"columns must be some of {COLUMNS}, got {columns!r}")
        length = _positive("clip_length", clip_length)
        step = _positive("frame_step", frame_step)
        stride = length * step if stride is None else _positive("stride", stride)
        options.setdefault("thread_count", 1)
        self._clips = _Clips(tuple(columns), length, stride, step, drop_last, options)
        self._task_bytes = _positive("task_bytes", task_bytes)
        several = [paths] if isinstance(paths, (str, os.PathLike)) else paths
        given = [os.fspath(path) for path in several]
        self._files = _find(given, filesystem, storage_options or {})
        if not self._files:
            raise FileNotFoundError(f"there is no video in {given}")
        self._known: dict[str, _Facts] = {}  # by name
        self._kept: dict[str, Any] = {}

    def estimate_inmemory_data_size(self) -> int | None:
        """Bytes of all rows, reckoned from some of the files."""
        if "frames" not in self._clips.columns:
            return None
        sample = self._sample()
        sizes = sum(file.size for file in sample)
        clips = sum(self._clips.count(self._known[file.name].count) for file in sample)
        frame = max(self._known[file.name].nbytes for file in sample)
        total = sum(file.size for file in self._files)
        return clips * self._clips.length * frame * total // max(sizes, 1)

    def memory(self) -> int:
        """Bytes that one task may need: of a block some copies, and what a decoder holds.

        Reckoned from the largest frames among some of the files.
        """
        facts = [self._known[file.name] for file in self._sample()]
        clip = self._clips.length * max(known.nbytes for known in facts)
        block = max(_block_bytes(None), clip if "frames" in self._clips.columns else 0)
        return _COPIES * block + _IN_FLIGHT * max(known.stored for known in facts)

    def get_read_tasks(
        self,
        parallelism: int,
        per_task_row_limit: int | None = None,
        data_context: DataContext | None = None,
    ) -> list[ReadTask]:
        """Tasks of about as many bytes each; Ray calls this."""
        total = sum(file.size for file in self._files)
        target = min(self._task_bytes, max(total // max(parallelism, 1), _LEAST))
        most = min(self._task_bytes, 2 * target)  # what is not much longer is not worth an index
        self._look_into([file for file in self._files if file.size > most], index=True)
        groups: list[list[_Part]] = []
        room = 0
        for file in self._files:
            if file.size > most:
                groups += [[part] for part in self._split(file, target)]
                room = 0
            elif file.size <= room:
                groups[-1].append(_Part(file))
                room -= file.size
            else:
                groups.append([_Part(file)])
                room = target - file.size
        nbytes = _block_bytes(data_context)
        return [self._task(parts, nbytes, per_task_row_limit) for parts in groups]

    def _task(self, parts: list[_Part], nbytes: int, row_limit: int | None) -> ReadTask:
        clips = self._clips

        def read_videos() -> Iterator[Any]:
            for part in parts:
                yield from clips.blocks(part, nbytes)

        rows = size = None
        if all(part.clips is not None for part in parts):
            rows = sum(len(part.clips or ()) for part in parts)
            frame = max(self._known[part.file.name].nbytes for part in parts)
            size = rows * clips.length * frame if "frames" in clips.columns else rows * 1024
        return ReadTask(
            read_videos,
            BlockMetadata(
                num_rows=rows,
                size_bytes=size,
                input_files=[part.file.name for part in parts],
                exec_stats=None,
            ),
            per_task_row_limit=row_limit,
        )

    def _split(self, file: _File, target: int) -> Iterator[_Part]:
        """Parts of a long file, each with the clips that begin in it; cut where decoding begins."""
        index = self._known[file.name].index
        assert index is not None
        if file.name not in self._kept:
            self._kept[file.name] = ray.put(index)  # once, for all parts
        kept = self._kept[file.name]
        before = np.concatenate([[0], np.cumsum(index.packets["size"], dtype=np.int64)])
        count = self._clips.count(len(index))
        begin, begin_bytes = 0, 0
        for cut in index.cuts.tolist():
            at = int(before[index.entry(cut)])
            clip = min(-(-cut // self._clips.stride), count)  # the first that begins behind the cut
            if at - begin_bytes >= target and clip > begin:
                yield _Part(file, range(begin, clip), kept)
                begin, begin_bytes = clip, at
        if begin < count:
            yield _Part(file, range(begin, count), kept)

    def _sample(self) -> list[_File]:
        """Some of the files, the largest among them; what they are like is known afterwards."""
        step = -(-len(self._files) // _SAMPLE)
        sample = [*self._files[::step], max(self._files, key=lambda file: file.size)]
        self._look_into(sample)
        return sample

    def _look_into(self, files: list[_File], index: bool = False) -> None:
        """Have tasks tell what files are like, as far as that is not known."""

        def lacks(file: _File) -> bool:
            known = self._known.get(file.name)
            return known is None or (index and known.index is None)

        names = {file.name: file for file in files if lacks(file)}
        look = ray.remote(_look_into)
        found = ray.get([look.remote(file, self._clips.options, index) for file in names.values()])
        self._known.update(zip(names, found, strict=True))


def _look_into(file: _File, options: dict[str, Any], index: bool) -> _Facts:
    def look(reader: VideoReader) -> Iterator[_Facts]:
        shape, dtype = reader.describe_frame()
        made = reader.index if index else None
        count = len(made) if made is not None else reader.info.expected_frames
        nbytes = int(np.prod(shape)) * dtype.itemsize
        yield _Facts(count, nbytes, 4 * reader.info.width * reader.info.height, made)

    (facts,) = file.read(look, **options)
    assert isinstance(facts, _Facts)
    return facts


def _find(given: Sequence[str], filesystem: Any, storage_options: dict[str, Any]) -> list[_File]:
    """Files by their paths, those in folders and of globs in the order of their names."""
    files: list[_File] = []
    for path in given:
        if filesystem is None:
            where, inside = fsspec.core.url_to_fs(path, **storage_options)
        else:
            where, inside = filesystem, filesystem._strip_protocol(path)
        if fsspec.core.has_magic(inside) and not where.exists(inside):
            found = sorted(where.glob(inside))
        elif where.isdir(inside):
            found = sorted(
                name
                for name in where.find(inside)
                if posixpath.splitext(name)[1].lower() in _EXTENSIONS
            )
        else:
            found = [inside]
        files += [_File(where, name, int(where.size(name) or 0)) for name in found]
    return files


def _block_bytes(context: DataContext | None) -> int:
    """How large Ray wants blocks to be."""
    return int((context or DataContext.get_current()).target_max_block_size or 128 << 20)


def _positive(name: str, value: Any) -> int:
    if (number := operator.index(value)) < 1:
        raise ValueError(f"{name} must be 1 or more, got {value}")
    return number

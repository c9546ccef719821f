"""decord's names on fastav: ``from fastav.integrations import decord`` for ``import decord``.

Frame i is frame i, where decord's is another in a part of files, and a file that is shorter than
its header says ends. Programs that import decord themselves get this module after :func:`install`.
Needs nothing; the bridge to torch needs torch.

What differs: pictures of another size are resized antialiased, as Pillow does it, where decord has
FFmpeg scale them; there is no GPU; ``seek`` is as exact as ``seek_accurate``; errors are those of
Python and fastav, for whose base ``DECORDError`` is another name; of ``decord.ndarray`` there is
only the ``NDArray`` that is handed out.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...errors import FastavError
from ...reading.keys import out_of_range
from ...reading.reader import VideoReader as _Reader
from . import bridge, logging
from .bridge import NDArray

__all__ = [
    "Context",
    "DECORDError",
    "DECORDLimitReachedError",
    "NDArray",
    "VideoLoader",
    "VideoReader",
    "bridge",
    "cpu",
    "gpu",
    "install",
    "logging",
]

DECORDError = DECORDLimitReachedError = FastavError

__version__ = "0.6.0"  # of the decord that this stands for


class Context(NamedTuple):
    """Where to decode: a processor, the only one here."""

    device_type: int
    device_id: int

    def __str__(self) -> str:
        return f"cpu({self.device_id})"


def cpu(dev_id: int = 0) -> Context:
    """Decode on the CPU; the number has no effect."""
    return Context(1, dev_id)


def gpu(dev_id: int = 0) -> Context:
    """Refuse: fastav decodes on the CPU."""
    raise NotImplementedError(
        f"fastav decodes on the CPU, there is no gpu({dev_id}); write cpu(0), and move the batches "
        "to the device"
    )


class VideoReader:
    """A video as decord has it; see the module for what differs.

    Parameters
    ----------
    uri : str, path or binary file object
        A file object is read from its present position on.
    ctx : Context
        ``cpu(0)``.
    width, height : int
        Size of the pictures; -1 keeps the video's.
    num_threads : int
        Threads of the decoder; 0 lets FFmpeg choose.
    fault_tol : float
        No effect: no frame is ever given in the place of another. At damage ``DecodeError`` is
        raised.

    Notes
    -----
    Pictures are uint8 RGB of shape (H, W, 3), turned upright. One reader may be shared by threads,
    as long as only one of them uses :meth:`next`, :meth:`seek` and :meth:`skip_frames`.
    """

    def __init__(
        self,
        uri: Any,
        ctx: Context | None = None,
        width: int = -1,
        height: int = -1,
        num_threads: int = 0,
        fault_tol: float = -1,
    ) -> None:
        if ctx is not None and ctx.device_type != cpu().device_type:
            raise NotImplementedError(f"fastav decodes on cpu(0), got {ctx!r}")
        self._reader = _Reader(uri, rotate=True, thread_count=max(num_threads, 0))
        self._changes: dict[str, Any] = {}
        if width > 0 or height > 0:
            (own_height, own_width, _), _ = self._reader.describe_frame()
            size = (height if height > 0 else own_height, width if width > 0 else own_width)
            self._changes["size"] = size
        self._next = 0

    def __len__(self) -> int:
        return len(self._reader)

    def __getitem__(self, idx: int | slice) -> Any:
        """One picture, or with a slice a batch of shape (n, H, W, 3)."""
        if isinstance(idx, slice):
            return self.get_batch(range(*idx.indices(len(self))))
        picture: Any = self._reader.read_frame(idx, **self._changes)
        self._next = idx % len(self) + 1
        return bridge.bridge_out(picture)

    def __iter__(self) -> Iterator[Any]:
        return (self[number] for number in range(len(self)))

    def next(self) -> Any:
        """The picture at the present position, which moves on by one."""
        if self._next >= len(self):
            raise StopIteration
        picture: Any = self._reader.read_frame(self._next, **self._changes)
        self._next += 1
        return bridge.bridge_out(picture)

    def get_batch(self, indices: Any) -> Any:
        """Pictures by number, in any order, with repeats: shape (n, H, W, 3).

        The position is behind the last of them.
        """
        numbers = _numbers(indices)
        batch: Any = self._reader.get_batch(numbers, **self._changes)
        if len(numbers):
            self._next = int(numbers[-1]) % len(self) + 1
        return bridge.bridge_out(batch)

    def get_key_indices(self) -> list[int]:
        """Numbers of the key frames."""
        found: list[int] = self._reader.key_indices.tolist()
        return found

    def get_frame_timestamp(self, idx: Any) -> npt.NDArray[np.float32]:
        """(n, 2) float32: when each frame begins and ends to be shown.

        In seconds from the first frame on, whatever the file's own times begin with.
        """
        index = self._reader.index
        ends = [*(int(next_) for _, next_ in pairwise(index.pts.tolist())), index.end]
        spans = np.stack([index.pts, np.array(ends, np.int64)[: len(index)]], axis=1)
        numbers = range(*idx.indices(len(self))) if isinstance(idx, slice) else _numbers(idx)
        places = np.asarray(numbers, np.int64)
        wrong = places[(places < -len(self)) | (places >= len(self))]
        if wrong.size:
            raise out_of_range(int(wrong.flat[0]), len(self))
        ticks = spans[places] - index.pts[:1]
        seconds: npt.NDArray[np.float32] = (ticks * float(index.time_base)).astype(np.float32)
        return seconds

    def get_avg_fps(self) -> float:
        """Frames per second, on average."""
        return self._reader.fps

    def seek(self, pos: int) -> None:
        """Move to a frame, exactly."""
        if not 0 <= pos < len(self):
            raise IndexError(f"position {pos} is out of range: valid are 0 to {len(self) - 1}")
        self._next = pos

    seek_accurate = seek

    def skip_frames(self, num: int = 1) -> None:
        """Leave out the next `num` pictures of :meth:`next`."""
        if num < 1:
            raise ValueError(f"num must be 1 or more, got {num}")
        self._next += num


class VideoLoader:
    """Batches of pictures of many videos.

    Parameters
    ----------
    uris : sequence of paths
    ctx : Context or sequence of Context
        ``cpu(0)``.
    shape : (int, int, int, int)
        Of a batch: pictures, height, width, 3.
    interval : int
        Frames left out between the pictures of a batch.
    skip : int
        Frames left out between batches.
    shuffle : {0, 1, 2, 3}
        0: all in order. 1: files in random order. 2: batches in random order. 3: files in order,
        the batches of each in random order.
    prefetch : int
        No effect.

    Notes
    -----
    Iterated over, it gives ``(pictures, indices)``: (B, H, W, 3) uint8, and (B, 2) int64 with the
    number of the file and of the frame in it. The end of a file that is shorter than a batch is
    left out.
    """

    def __init__(
        self,
        uris: Sequence[Any],
        ctx: Context | Sequence[Context],
        shape: Sequence[int],
        interval: int,
        skip: int,
        shuffle: int,
        prefetch: int = 0,
    ) -> None:
        if len(shape) != 4 or shape[3] != 3 or min(shape) < 1:
            raise ValueError(f"shape must be (pictures, height, width, 3), got {tuple(shape)}")
        if shuffle not in (0, 1, 2, 3):
            raise ValueError(f"shuffle must be 0, 1, 2 or 3, got {shuffle}")
        count, height, width, _ = shape
        self._readers = [_Reader(uri, rotate=True, size=(height, width)) for uri in uris]
        self._shuffle = shuffle
        span = (count - 1) * (interval + 1) + 1
        self._batches = [
            (file, range(start, start + span, interval + 1))
            for file, reader in enumerate(self._readers)
            for start in range(0, len(reader) - span + 1, span + skip)
        ]
        self.reset()

    def __len__(self) -> int:
        return len(self._batches)

    def reset(self) -> None:
        """Begin anew, in a new order if there is one."""
        files = list(range(len(self._readers)))
        if self._shuffle == 1:
            random.shuffle(files)
        order = sorted(self._batches, key=lambda batch: files[batch[0]])
        if self._shuffle == 2:
            random.shuffle(order)
        elif self._shuffle == 3:
            places = {batch: random.random() for batch in order}
            order.sort(key=lambda batch: (batch[0], places[batch]))
        self._left = iter(order)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        self.reset()
        return self

    def __next__(self) -> tuple[Any, Any]:
        file, frames = next(self._left)
        pictures: Any = self._readers[file].get_batch(frames)
        places = np.array([(file, frame) for frame in frames], np.int64)
        return bridge.bridge_out(pictures), bridge.bridge_out(places)

    next = __next__


def _numbers(indices: Any) -> Any:
    """Numbers out of what people hand in: lists, arrays, tensors of any framework.

    As decord takes them: floats are cut, True is 1.
    """
    if isinstance(indices, range):
        return indices
    numbers = np.asarray(indices)
    return numbers.astype(np.int64) if numbers.dtype.kind in "fb" else numbers


def install() -> None:
    """Have every later ``import decord`` in this process give this module."""
    sys.modules["decord"] = sys.modules[__name__]
    sys.modules["decord.bridge"] = bridge
    sys.modules["decord.logging"] = logging

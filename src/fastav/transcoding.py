"""From one video to another: read, change frame by frame or batch by batch, write."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import fields, replace
from fractions import Fraction
from itertools import chain, islice
from typing import Any, Final

import numpy as np
from av import VideoFrame
from av.video.frame import PictureType
from numpy.typing import NDArray

from .filters import FilterChain, FilterGraph, FilterSequence
from .paths import same_file
from .pixels.convert import Arrays, ConversionOptions
from .progress import Advance, Progress, told
from .pyav import fraction
from .reading.info import VideoInfo
from .reading.reader import VideoReader
from .writing.sound import Sound
from .writing.writer import VideoWriter

__all__ = ["transcode"]

Change = Callable[[Any], Any]

# Quarter turns counter-clockwise, as filters.
_TURNS: Final[dict[int, FilterSequence]] = {
    90: [("transpose", "cclock")],
    180: [("hflip", ""), ("vflip", "")],
    270: [("transpose", "clock")],
}

# Filters that leave the aspect of a pixel as it is.
_KEEPING: Final = frozenset(
    {
        *("fps", "framerate", "minterpolate", "setpts", "trim", "select", "tmix", "decimate"),
        *("crop", "hflip", "vflip", "null", "copy", "format", "eq", "hue", "curves", "negate"),
        *("drawbox", "drawgrid", "unsharp", "gblur", "boxblur", "hqdn3d", "yadif", "bwdif"),
    }
)


def transcode(
    source: Any,
    target: Any,
    function: Change | None = None,
    *,
    batch_size: int | None = None,
    start: int = 0,
    stop: int | None = None,
    step: int = 1,
    filter_sequence: FilterSequence | None = None,
    filter_graph: FilterGraph | None = None,
    sound: Any = True,
    progress: Progress = None,
    read: Mapping[str, Any] | None = None,
    **write: Any,
) -> int:
    """Read a video, change it, and write it, a few frames at a time.

    Frames keep their times, at variable rates too, the picture its rotation, the colours their
    matrix and range, and pixels their aspect where the filters tell (see Notes); sound is copied.
    Without a function frames go from the decoder to the encoder as they are, and never become
    arrays: video of 10 bits or of 4:4:4 stays so where the codec can (see Notes).

    Parameters
    ----------
    source : str, os.PathLike, bytes-like, or binary file object
        See :class:`fastav.VideoReader`.
    target : str, os.PathLike, or binary file object
        See :class:`fastav.VideoWriter`; not the source itself.
    function : callable, optional
        Called with each frame, an array of shape (H, W, C) and dtype uint8 unless `read` says
        otherwise (a tuple of arrays for ``"planes": True``); returns the frame to write, of any one
        size, or None to leave it out.
    batch_size : int, optional
        Call the function with so many frames at once, an array of shape (n, H, W, C), the last time
        with fewer; it returns as many frames, or None to leave all out.
    start, stop, step : int
        Which frames of the source, as in ``range``.
    filter_sequence, filter_graph : optional
        Filters before the function, see :mod:`fastav.filters`.
    sound : bool, Sound, or what a Sound can be made of
        True copies the source's sound, if it has any, cut to the frames that are written, and the
        container's tags; False or None leaves both out; else it is where to copy it from: of the
        source itself (``Sound(source, kinds=("audio", "subtitle"))``) cut in the same way, of
        another file from the beginning on, unless it says otherwise. What is damaged in it is
        skipped if `read` has ``"errors": "skip"``.
    progress : callable or True, optional
        Called after every frame with the number of frames written so far; True shows tqdm's bar,
        which needs fastav[progress].
    read : mapping, optional
        Keywords of :class:`fastav.VideoReader`: ``{"format": "gray", "errors": "skip"}``. Those
        that shape or convert frames (``size``, ``crop``, ...) have all frames become arrays.
    **write
        Keywords of :class:`fastav.VideoWriter`: ``codec``, ``options``, ... Given `fps`, frames
        follow each other at that rate and do not keep their times; to keep the pace while
        changing the rate use the filter ``("fps", "30")``.

    Returns
    -------
    int
        The number of frames written.

    Raises
    ------
    DecodeError, EncodeError, OSError
        As reading and writing do. What was written till then is playable.
    ValueError
        The target is the source; the function gave what cannot be written, or kept no frame, of
        which there is no file then; an option is wrong.
    io.UnsupportedOperation
        The source cannot seek, so that its sound cannot be read beside its pictures.

    Notes
    -----
    A picture that its file has players turn is turned last of all: filters and function see it as
    it is stored, whatever the target, which gets the same mark, or turned pictures if it has no
    place for it. With ``read={"rotate": True}`` the function sees it upright.

    H.264, HEVC, AV1, VP9 and ProRes are encoded with the bits and the chroma of the source, or of
    what the function returns if that is Y'CbCr, as far as the encoder has them: 10 bits stay 10 in
    mp4. Not all players take that; ``out_pixel_format="yuv420p"`` is what all of them do. RGB and
    grey, and other codecs that are not lossless, get the codec's preference, as with
    :func:`fastav.imwrite`; so they do if ``options`` name a profile.

    FFmpeg's filters do not tell PyAV the aspect of a pixel. It is kept without filters and with
    such as do not change it (fps, hflip, crop, ...), and that of the whole picture with scale.
    """
    if batch_size is not None and (function is None or batch_size < 1):
        raise ValueError("batch_size must be 1 or more, and needs a function to call")
    if batch_size is not None and (read or {}).get("planes"):
        raise ValueError("frames of several planes make no batch; leave out batch_size or planes")
    if isinstance(target, str) and target == "<bytes>":
        raise ValueError("transcode returns a number; for a file in memory give an io.BytesIO()")
    with VideoReader(source, **(read or {})) as reader:
        if sound is True and not reader._source.seekable:
            raise io.UnsupportedOperation(
                f"{reader._source.name} cannot seek, so its sound cannot be read beside its "
                "pictures; sound=False (--sound none) writes without"
            )
        if function is None and _converts(read or {}):
            function = _as_it_is
        decoded = reader.frames(start=start, stop=stop, step=step)
        filtered = not (filter_sequence is None and filter_graph is None)
        total = 0 if filtered else len(range(reader.info.expected_frames)[start:stop:step])
        with closing(decoded), told(progress, total) as tell:
            top = next(decoded, None)
            if top is None:
                raise ValueError(f"there is no frame to write in {source!r}")
            rotation = top.rotation
            behind: FilterSequence = []
            if "rotation" in write or (function is not None and reader.options.rotate):
                rotation = 0  # somebody else sees to it
            way = {name: write.get(name) for name in ("container", "extension")}
            if rotation and not reader.options.rotate and VideoWriter.keeps_rotation(target, **way):
                write["rotation"] = rotation
            elif rotation:
                behind = _TURNS.get(rotation % 360, [])
            frames = _filter(chain([top], decoded), filter_sequence, filter_graph, reader.info)
            first = next(frames, None)
            if first is None:
                raise ValueError("there is no frame to write: the filters kept none")
            timed = _timed(chain([first], frames), reader.info.frame_rate)
            format = first.format.name
            changed: Iterator[tuple[Any, Fraction]] = timed
            if function is not None:
                format = reader.options.format or format
                converter = reader.options.converter()
                part = slice(None) if reader.options.planes else 0
                arrays = ((converter.convert(frame)[part], time) for frame, time in timed)
                changed = _change(arrays, function, batch_size)
            images, times = _unzip(changed)
            aspect = _aspect(reader.info, top, first, filter_sequence, filter_graph)
            lies = "rotation" not in write and top.rotation % 180
            settings = {
                "pixel_aspect": 1 / aspect if aspect and lies else aspect,
                "filter_sequence": behind or None,
                "sound": _sound(reader, sound, first),
                **write,
            }
            with VideoWriter(target, **settings) as writer:
                writer.refuse(reader._source.given)
                writer.follow(first, (reader.info.frame_rate or Fraction(25)) / step, format)
                writer.write(
                    images if tell is None else _report(images, tell),
                    in_pixel_format=format,
                    layout=reader.options.layout if function is not None else "hwc",
                    times=None if "fps" in write else times,
                )
            if not writer.frames_encoded:
                raise ValueError("there is no frame to write: the function kept none")
            return writer.frames_encoded


def _converts(read: Mapping[str, Any]) -> bool:
    """Whether keywords of a reader ask for other pixels than are stored."""
    return any(field.name in read and field.name != "resize" for field in fields(ConversionOptions))


def _as_it_is(frame: NDArray[Any]) -> NDArray[Any]:
    return frame


def _aspect(
    info: VideoInfo,
    top: VideoFrame,
    first: VideoFrame,
    sequence: FilterSequence | None,
    graph: FilterGraph | None,
) -> Fraction | None:
    """The aspect of a pixel behind filters that made `first` of `top`; None where nothing tells."""
    aspect, names = info.pixel_aspect, {name for name, _ in sequence or ()}
    if graph is not None or aspect is None:
        return None
    if names <= _KEEPING:
        return aspect
    if names <= (_KEEPING - {"crop"}) | {"scale"}:
        return aspect * Fraction(top.width * first.height, top.height * first.width)
    return None


def _sound(reader: VideoReader, sound: Any, first: VideoFrame) -> Sound | None:
    if sound is None or sound is False:
        return None
    if sound is True:
        errors = "skip" if reader.options.skips else "raise"
        sound = Sound(reader._source, kinds=("audio", "metadata"), errors=errors)
    along, ours = Sound.of(sound), reader._source
    is_own = along.source is ours or same_file(along.source, ours.given)
    if is_own and along.start is None and first.pts is not None:
        return replace(along, start=first.pts * (fraction(first.time_base) or Fraction(1)))
    return along


def _filter(
    frames: Iterable[VideoFrame],
    sequence: FilterSequence | None,
    graph: FilterGraph | None,
    info: VideoInfo,
) -> Iterator[VideoFrame]:
    if sequence is None and graph is None:
        yield from frames
        return
    filters = FilterChain(
        sequence, graph, frame_rate=info.frame_rate, pixel_aspect=info.pixel_aspect
    )
    yield from filters.process(frames)


def _timed(
    frames: Iterable[VideoFrame], rate: Fraction | None
) -> Iterator[tuple[VideoFrame, Fraction]]:
    """Yield frames, and when each is shown, in seconds from the first one on."""
    start = last = None
    for number, frame in enumerate(frames):
        tick = fraction(frame.time_base) or 1 / (rate or Fraction(25))
        time = (number if frame.pts is None else frame.pts) * tick
        if start is None or last is None:
            start = time
        elif time <= last:  # a clock that stands still or runs backwards
            time = last + tick
        last = time
        frame.pict_type = PictureType.NONE  # the source's would be forced upon the encoder
        yield frame, time - start


def _change(
    arrays: Iterable[tuple[Arrays, Fraction]], function: Change, batch_size: int | None
) -> Iterator[tuple[Any, Fraction]]:
    """Yield what a function makes of frames, or of batches of them, with their times."""
    if batch_size is None:
        for array, time in arrays:
            changed = function(array)
            if changed is not None:
                yield changed, time
        return
    waiting = iter(arrays)
    while batch := list(islice(waiting, batch_size)):
        frames, times = zip(*batch, strict=True)
        changed = function(np.stack(frames))
        if changed is None:
            continue
        if len(changed) != len(times):
            raise ValueError(
                f"the function must return as many frames as it was given, {len(times)}, or None, "
                f"got {len(changed)}"
            )
        yield from zip(changed, times, strict=True)


def _unzip(pairs: Iterable[tuple[Any, Fraction]]) -> tuple[Iterator[Any], Iterator[Fraction]]:
    """Take pairs apart; of each, the image is asked for before the time."""
    ahead: deque[Fraction] = deque()

    def images() -> Iterator[Any]:
        for image, time in pairs:
            ahead.append(time)
            yield image

    def times() -> Iterator[Fraction]:
        while ahead:
            yield ahead.popleft()

    return images(), times()


def _report(images: Iterator[Any], tell: Advance) -> Iterator[Any]:
    """Pass images on; when the next is asked for, those before it are on their way."""
    for number, image in enumerate(images, 1):
        yield image
        tell(number)

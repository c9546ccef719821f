"""Pictures of a video at a glance: a sheet of many, and what a notebook shows of a reader."""

from __future__ import annotations

import math
import operator
import time
from base64 import b64encode
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ..drawing import Colour, jpeg, text_size, write_text
from ..errors import DecodeError, FastavError
from ..pixels.packing import reinterpret
from .gather import gather
from .index import TABLED, Timeline
from .info import VideoInfo
from .keys import spread_numbers
from .options import ReadOptions

if TYPE_CHECKING:
    from .indexed import IndexedStream

__all__ = ["clock", "contact_sheet", "html", "plan_sheet", "thumbnails"]

_BACKGROUND: Final[Colour] = (24, 24, 24)
_TEXT: Final[Colour] = (200, 200, 200)

# A sheet is about so many times as wide as high.
_SHAPE: Final = 2.0

# The most that a notebook keeps of a reader's pictures, in bytes of their JPEGs.
_MOST_BYTES: Final = 1 << 18


def _look(options: ReadOptions) -> ReadOptions:
    """How frames are looked at: in RGB, upright, all of what a reader with `options` shows."""
    return ReadOptions(
        rotate=options.stored_format is None,
        errors="skip" if options.skips else "raise",
        crop=options.crop,
        stored_format=options.stored_format,
        thread_count=options.thread_count,
        thread_type=options.thread_type,
    )


def _aspect(stream: IndexedStream, look: ReadOptions) -> float:
    """Width of the picture on screen divided by its height."""
    pixel = float(stream.info.pixel_aspect or 1) or 1.0
    turned = look.rotate and stream.rotation % 180 != 0
    if look.crop is not None:
        _, _, height, width = look.crop
    else:
        model = stream.model(replace(look, rotate=False))
        height, width = model.height, model.width
        if turned:
            height, width = width, height
    return float(width / height * (1 / pixel if turned else pixel))


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the pictures of a sheet go.

    Attributes
    ----------
    width, gap : int
        Of the sheet, and between its pictures.
    columns, rows : int
    tile : (int, int)
        Height and width of a picture.
    """

    width: int
    gap: int
    columns: int
    rows: int
    tile: tuple[int, int]


def plan_sheet(n: int, width: int, columns: int | None, aspect: float) -> Plan:
    """Lay out a sheet of `n` pictures, which are `aspect` times as wide as high.

    Raises
    ------
    ValueError
        There would be no room for a picture.
    """
    if n < 1:
        raise ValueError(f"n must be 1 or more, got {n}")
    if columns is None:
        columns = min(max(round(math.sqrt(n * _SHAPE / aspect)), 1), n)
        columns = math.ceil(n / math.ceil(n / columns))  # as many in the last row as can be
    if columns < 1:
        raise ValueError(f"columns must be 1 or more, got {columns}")
    gap = max(width // 160, 2)
    tile = (width - gap * (columns + 1)) // columns
    if tile < 8:
        raise ValueError(f"width={width} has no room for {columns} pictures side by side")
    return Plan(width, gap, columns, math.ceil(n / columns), (max(round(tile / aspect), 1), tile))


def contact_sheet(
    stream: IndexedStream,
    options: ReadOptions,
    n: int,
    width: int,
    columns: int | None,
    times: bool,
    spread: str,
) -> NDArray[np.uint8]:
    """Draw `n` frames of a stream, see :meth:`VideoReader.sheet`."""
    with stream.reading():
        look = _look(options)
        numbers = spread_numbers(stream.count, n, spread)
        plan = plan_sheet(n, operator.index(width), columns, _aspect(stream, look))
        look = replace(look, size=plan.tile)
        try:
            pictures = gather(stream, numbers, look)
        except DecodeError:
            if options.errors != "keep":
                raise
            numbers = spread_numbers(stream.count, n, spread)  # of those before the damage
            pictures = gather(stream, numbers, look)
        assert isinstance(pictures, np.ndarray)
        table = stream.table()
    if not times:
        return _side_by_side(pictures, plan)
    hours = float(table.end * table.time_base) >= 3600
    labels = [clock(seconds, hours) for seconds in table.timestamps[numbers].tolist()]
    return _side_by_side(pictures, plan, labels)


def _side_by_side(
    pictures: NDArray[np.uint8], plan: Plan, labels: Sequence[str] | None = None
) -> NDArray[np.uint8]:
    """Put pictures side by side, row by row, with labels below them.

    Parameters
    ----------
    pictures : ndarray of shape (n, h, w, 3)
        Of the plan's size.
    plan : Plan
    labels : sequence of str, optional

    Returns
    -------
    ndarray of shape (H, plan.width, 3) and dtype uint8
    """
    (height, width), gap = plan.tile, plan.gap
    below, scale = 0, 1
    if labels is not None:
        longest = max(labels, key=len)
        scale = max(round(0.36 * width / text_size(longest)[1]), 1)
        below = text_size(longest, scale)[0] + gap // 2 + 2
    pitch = height + below + gap
    sheet = np.empty((gap + plan.rows * pitch, plan.width, 3), np.uint8)
    sheet[:] = _BACKGROUND
    used = plan.columns * (width + gap) - gap
    margin = (plan.width - used) // 2
    for place, picture in enumerate(pictures):
        row, column = divmod(place, plan.columns)
        top, left = gap + row * pitch, margin + column * (width + gap)
        sheet[top : top + height, left : left + width] = picture
        if labels is not None:
            centred = left + (width - text_size(labels[place], scale)[1]) // 2
            write_text(sheet, labels[place], top + height + gap // 2 + 1, centred, _TEXT, scale)
    return sheet


def clock(seconds: float, hours: bool = False) -> str:
    """Write a time as ``1:02.345``, or ``0:01:02.345``."""
    milliseconds = round(abs(seconds) * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    sign = "-" if seconds < 0 and milliseconds else ""
    if hours:
        sign += f"{minutes // 60}:"
        minutes = f"{minutes % 60:02}"  # type: ignore[assignment]
    return f"{sign}{minutes}:{rest // 1000:02}.{rest % 1000:03}"


@dataclass(frozen=True, slots=True)
class _Thumbnail:
    """A small RGB picture, and what is said of it."""

    picture: NDArray[np.uint8]
    label: str


def _facts_of(info: VideoInfo, frames: int | None) -> dict[str, str]:
    """What a notebook says of a video."""
    rate = info.frame_rate
    facts = {
        "container": info.container,
        "codec": f"{info.codec} ({info.profile})" if info.profile else info.codec,
        "pixels": f"{info.width} × {info.height}, {info.pixel_format or 'of unknown format'}",
        "rate": "unknown" if rate is None else f"{float(rate):.6g} frames per second",
        "frames": "not counted yet" if frames is None else str(frames),
    }
    if info.duration is not None:
        facts["duration"] = clock(info.duration, info.duration >= 3600)
    return facts


def thumbnails(
    stream: IndexedStream,
    options: ReadOptions,
    n: int = 6,
    width: int = 160,
    seconds: float = 1.0,
) -> list[_Thumbnail]:
    """Frames near `n` places of a video whose frames are quickly found, as time allows."""
    source = stream.source
    if source.closed or not (source.local and source.seekable):
        return []  # reading a pipe would use up its frames
    if not stream.lock.acquire(timeout=seconds):
        return []  # busy
    found: list[_Thumbnail] = []
    until = time.monotonic() + seconds

    def hurry(count: int) -> None:
        if time.monotonic() > until:
            raise TimeoutError

    try:
        table: Timeline | None = stream.index
        if table is None and stream.info.container in TABLED:
            with suppress(TimeoutError):  # there may be no table in it
                table = stream.table(hurry)
        numbers = [0]
        if table is not None:
            # Key frames take least time to decode.
            keys = np.flatnonzero(stream.table().keys)
            places = spread_numbers(len(table), n, "centres")
            near = np.abs(keys[:, np.newaxis] - places).argmin(axis=0)
            numbers = np.unique(keys[near]).tolist()
        look = _look(options)
        look = replace(look, size=(max(round(width / _aspect(stream, look)), 1), width))
        for number in numbers:
            frame, _ = stream.frame(number)
            if look.stored_format is not None:
                frame = reinterpret(frame, look.stored_format)
            (picture,) = look.converter().convert(frame)
            label = "" if table is None else clock(float(table.timestamps[number]))
            found.append(_Thumbnail(picture.astype(np.uint8, copy=False), label))
            if time.monotonic() > until:
                break
    except FastavError:
        pass  # show the frames that come before the damage
    finally:
        stream.lock.release()
    return found


def html(stream: IndexedStream, options: ReadOptions, info: VideoInfo) -> str:
    """Write what a notebook shows of a reader: facts, and pictures if they are had quickly."""
    frames = info.declared_frames if stream.index is None else len(stream.index)
    title = stream.source.name + (" (closed)" if stream.source.closed else "")
    facts = _facts_of(info, frames)
    try:
        pictures = stream.exactly(partial(thumbnails, stream, options), by_time=True)
        return _page(title, facts, pictures)
    except Exception:  # the pictures failed: show the facts alone
        return _page(title, facts)


def _page(title: str, facts: dict[str, str], thumbnails: Iterable[_Thumbnail] = ()) -> str:
    """Write facts, and pictures as data URIs."""
    rows = "".join(
        f'<tr><th style="text-align:left">{escape(name)}</th>'
        f'<td style="text-align:left">{escape(value)}</td></tr>'
        for name, value in facts.items()
    )
    images, nbytes = [], 0
    for thumbnail in thumbnails:
        data = jpeg(thumbnail.picture)
        nbytes += len(data)
        if nbytes > _MOST_BYTES:
            break
        height, width = thumbnail.picture.shape[:2]
        label = escape(thumbnail.label)
        images.append(
            f'<figure style="display:inline-block;margin:0 4px 4px 0;text-align:center">'
            f'<img src="data:image/jpeg;base64,{b64encode(data).decode()}" '
            f'width="{width}" height="{height}" alt="{label}">'
            f'<figcaption style="font-size:smaller">{label}</figcaption></figure>'
        )
    return (
        f"<div><strong>{escape(title)}</strong><table>{rows}</table>"
        f"<div>{''.join(images)}</div></div>"
    )

"""A video as imageio's plugins present one: one object to read or to write, by imageio's names."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from inspect import signature
from types import EllipsisType, TracebackType
from typing import Any, Final, Self, SupportsIndex

import numpy as np

from ..errors import UnsupportedFormatError
from ..filters import FilterGraph, FilterSequence
from ..pixels.convert import Arrays
from ..reading.reader import VideoReader
from ..writing.encoder import Rate
from ..writing.frames import Frame, Frames
from ..writing.keywords import check_writer_keywords
from ..writing.writer import VideoWriter
from .former_keywords import FORMER, apply_former

__all__ = ["ImageProperties", "VideoFile"]

Index = SupportsIndex | EllipsisType | None


@dataclass(frozen=True, slots=True)
class ImageProperties:
    """What an array would be like, in imageio's words.

    Attributes
    ----------
    shape : tuple of int
        Of the array.
    dtype : numpy.dtype
        Of its elements.
    n_images : int or None
        Frames in the video; None for a single frame.
    is_batch : bool
        Whether the first axis counts frames.
    spacing : None
        Distances of pixels are not known.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    n_images: int | None = None
    is_batch: bool = False
    spacing: tuple[float, ...] | None = None


class VideoFile:
    """One video, open for reading or for writing, by the names of imageio's plugins.

    Parameters
    ----------
    uri : str, os.PathLike, bytes, or binary file object
        What to read from or write to, see :class:`fastav.VideoReader` and
        :class:`fastav.VideoWriter`.
    io_mode : {"r", "w"}
        Read or write; what imageio may append ("rI") is ignored.
    container : str, optional
        Writing: FFmpeg's name of the container.
    extension : str, optional
        Writing: take the container of this extension. No effect on reading.
    **options
        Further keywords of the reader or writer.

    Notes
    -----
    A context manager. Not thread-safe.
    """

    _reader: VideoReader | None = None  # what close() finds after a failed opening
    _writer: VideoWriter | None = None

    def __init__(
        self,
        uri: Any,
        io_mode: str = "r",
        *,
        container: str | None = None,
        extension: str | None = None,
        **options: Any,
    ) -> None:
        self._filters: tuple[FilterSequence | None, FilterGraph | None] = (None, None)
        self._behind: FilterSequence = []  # what is behind any other filters when writing
        if io_mode[:1] == "r":
            self._reader = VideoReader(uri, **options)
        elif io_mode[:1] == "w":
            self._returns_bytes = isinstance(uri, str) and uri == "<bytes>"
            former = _take_former(options)
            check_writer_keywords("imopen", options)
            self._writer = VideoWriter(uri, container=container, extension=extension, **options)
            self._behind = apply_former(self._writer, former)
        else:
            raise ValueError(f"io_mode must be 'r' or 'w', got {io_mode!r}")

    @property
    def _parts(self) -> list[VideoReader | VideoWriter]:
        return [part for part in (self._reader, self._writer) if part is not None]

    @property
    def _reading(self) -> VideoReader:
        if self._reader is None:
            raise ValueError("the video is not open for reading")
        return self._reader

    @property
    def _writing(self) -> VideoWriter:
        if self._writer is None:
            raise ValueError("the video is not open for writing")
        return self._writer

    # --- reading ---

    def read(
        self,
        *,
        index: Index = ...,
        format: str | EllipsisType | None = ...,
        filter_sequence: FilterSequence | None = None,
        filter_graph: FilterGraph | None = None,
        constant_framerate: bool | None = None,
        thread_count: int | None = None,
        thread_type: str | None = None,
        **changes: Any,
    ) -> Arrays:
        """Read all frames, or one.

        Parameters
        ----------
        index : int or ...
            ``...`` or None: all frames, stacked along a new first axis. A number: that frame, in
            the order of presentation; negative ones count from the end. With filters, a frame of
            the filtered video.
        format : str or None
            Pixel format of the result; None keeps the stored one. By default what was given at
            opening, else "rgb24".
        filter_sequence, filter_graph : optional
            Filters, see :mod:`fastav.filters`; by default those of :meth:`set_video_filter`.
        constant_framerate : bool, optional
            No effect: frames are found exactly at any rate.
        thread_count, thread_type
            See :class:`fastav.VideoReader`; None is what was given at opening.
        **changes
            Further fields of :class:`fastav.reading.options.ReadOptions`, and `out` of
            :meth:`fastav.VideoReader.read`.

        Returns
        -------
        ndarray
            Of shape (N, H, W, C) for all frames in ``rgb24``, (H, W, C) for one.

        Raises
        ------
        IndexError
            There is no frame of that number.
        """
        reader = self._reading
        filters = self._choose_filters(filter_sequence, filter_graph)
        changes |= _given(format, thread_count, thread_type)
        changes |= {"filter_sequence": filters[0], "filter_graph": filters[1]}
        if index is None or index is ...:
            return reader.read(**changes)
        return reader.read_frame(index, **changes)

    def iter(
        self,
        *,
        format: str | EllipsisType | None = ...,
        filter_sequence: FilterSequence | None = None,
        filter_graph: FilterGraph | None = None,
        thread_count: int | None = None,
        thread_type: str | None = None,
        **changes: Any,
    ) -> Iterator[Arrays]:
        """Yield the frames one by one; parameters as in :meth:`read`."""
        filters = self._choose_filters(filter_sequence, filter_graph)
        return self._reading.iter(
            filter_sequence=filters[0],
            filter_graph=filters[1],
            **changes,
            **_given(format, thread_count, thread_type),
        )

    def properties(
        self, index: Index = ..., *, format: str | EllipsisType | None = ...
    ) -> ImageProperties:
        """Tell what :meth:`read` would return, without decoding (but a frame for ``rotate=True``).

        Parameters
        ----------
        index : int or ...
            Of all frames, or of one.
        format : str or None
            Pixel format of the result; None is the stored one. By default as for :meth:`read`.

        Returns
        -------
        ImageProperties
            The number of frames is exact: if the container does not tell for certain, its packets
            are counted. Filters are not considered.

        Raises
        ------
        UnsupportedFormatError
            The format is not one strided array.
        IndexError
            There is no frame of that number.
        """
        reader = self._reading
        name = (reader.options.format if format is ... else format) or reader.info.pixel_format
        if name is None:
            raise UnsupportedFormatError("the pixel format is not known before decoding")
        shape, dtype = reader.describe_frame(format=name)
        count = len(reader)
        if index is None or index is ...:
            return ImageProperties((count, *shape), dtype, count, True)
        number = operator.index(index)
        if not -count <= number < count:
            raise IndexError(f"frame {number} is out of range, the video has {count}")
        return ImageProperties(shape, dtype)

    def metadata(
        self,
        index: Index = ...,
        exclude_applied: bool = True,
        constant_framerate: bool | None = None,
    ) -> dict[str, Any]:
        """Gather metadata of the video, or of one frame.

        Parameters
        ----------
        index : int or ...
            ``...`` or None: of the video, see :func:`fastav.reading.metadata.video_metadata`. A
            number: of that very frame, see :func:`fastav.reading.metadata.frame_metadata`.
        exclude_applied, constant_framerate
            No effect.
        """
        return self._reading.metadata(None if index is ... else index)

    # --- writing ---

    def write(
        self,
        ndimage: Frames,
        *,
        codec: str | None = None,
        is_batch: bool = True,
        fps: Rate | None = None,
        in_pixel_format: str = "rgb24",
        out_pixel_format: str | None = None,
        filter_sequence: FilterSequence | None = None,
        filter_graph: FilterGraph | None = None,
        options: Mapping[str, object] | None = None,
        thread_count: int | None = None,
        **former: Any,
    ) -> bytes | None:
        """Encode frames; the first call fixes the encoder's settings.

        Parameters
        ----------
        ndimage, is_batch, in_pixel_format
            See :meth:`fastav.VideoWriter.write`.
        codec, fps, out_pixel_format, options, thread_count
            See :class:`fastav.VideoWriter`; None is what was given before, at opening or by
            :meth:`init_video_stream`. Without effect after the first frame.
        filter_sequence, filter_graph : optional
            Filters for these frames; by default those of :meth:`set_video_filter`.
        **former
            Keywords of imageio's other plugins, see :mod:`fastav.imageio.former_keywords`.

        Returns
        -------
        bytes or None
            The file, if the target is ``"<bytes>"``; it is then finished.

        Raises
        ------
        ValueError
            There is no frame, or what :meth:`fastav.VideoWriter.write` raises.
        """
        writer = self._writing
        before = writer.frames_written
        check_writer_keywords("write", former.keys() - FORMER, _WRITE_KEYWORDS | FORMER)
        if not before:
            if codec is not None:
                writer.configure(codec)
            if former:
                self._behind = apply_former(writer, former)
            writer.configure(
                codec,
                fps=fps,
                out_pixel_format=out_pixel_format,
                options=options,
                thread_count=thread_count,
            )
        self._set_filter(*self._choose_filters(filter_sequence, filter_graph))
        writer.write(ndimage, in_pixel_format=in_pixel_format, is_batch=is_batch)
        if writer.frames_written == before:
            raise ValueError("there is no frame to write")
        if not self._returns_bytes:
            return None
        writer.close()
        if not writer.frames_encoded:
            raise ValueError("there is no frame to write: the filters kept none")
        return writer.getvalue()

    def getvalue(self) -> bytes:
        """The finished file, if the target is ``"<bytes>"``, see `VideoWriter.getvalue`."""
        return self._writing.getvalue()

    def init_video_stream(
        self,
        codec: str | None = None,
        *,
        fps: Rate | None = None,
        pixel_format: str | None = None,
        max_keyframe_interval: int | None = None,
        force_keyframes: bool | None = None,
        options: Mapping[str, object] | None = None,
        thread_count: int | None = None,
    ) -> None:
        """Change settings of the encoder before the first frame, see `VideoWriter.configure`."""
        self._writing.configure(
            codec,
            fps=fps,
            out_pixel_format=pixel_format,
            max_keyframe_interval=max_keyframe_interval,
            force_keyframes=force_keyframes,
            options=options,
            thread_count=thread_count,
        )

    def write_frame(self, frame: Frame, *, pixel_format: str = "rgb24") -> None:
        """Encode one frame, see :meth:`fastav.VideoWriter.write_frame`."""
        writer = self._writing
        self._set_filter(*self._filters)
        writer.write_frame(frame, pixel_format=pixel_format)

    # --- both ---

    def set_video_filter(
        self,
        filter_sequence: FilterSequence | None = None,
        filter_graph: FilterGraph | None = None,
    ) -> None:
        """Use these filters wherever a call names none; without any, use none."""
        self._filters = (filter_sequence, filter_graph)
        if self._writer is not None:
            self._set_filter(filter_sequence, filter_graph)

    def _set_filter(self, sequence: FilterSequence | None, graph: FilterGraph | None) -> None:
        if self._behind and graph is not None:
            raise TypeError("macro_block_size= and filter_graph= do not go together")
        self._writing.set_filter([*(sequence or ()), *self._behind] or None, graph)

    def _choose_filters(
        self, sequence: FilterSequence | None, graph: FilterGraph | None
    ) -> tuple[FilterSequence | None, FilterGraph | None]:
        return self._filters if sequence is None and graph is None else (sequence, graph)

    @property
    def container_metadata(self) -> dict[str, str]:
        """Tags of the container; when writing they may be changed before the first frame."""
        if self._writer is not None:
            return self._writer.metadata
        return dict(self._reading.info.container_metadata)

    @property
    def video_stream_metadata(self) -> dict[str, str]:
        """Tags of the video stream; when writing they may be changed before the first frame."""
        if self._writer is not None:
            return self._writer.stream_metadata
        return dict(self._reading.info.stream_metadata)

    def close(self) -> None:
        """Finish what was written, stop all threads and close the file; safe to call again."""
        for part in self._parts:
            part.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for part in self._parts:
            part.__exit__(kind, error, traceback)

    def __del__(self) -> None:
        with suppress(Exception):
            self.close()


_WRITE_KEYWORDS: Final = frozenset(signature(VideoFile.write).parameters) - {"self", "former"}


def _take_former(options: dict[str, Any]) -> dict[str, Any]:
    """Take what :mod:`.former_keywords` knows out of a writer's keywords."""
    return {name: options.pop(name) for name in FORMER & options.keys()}


def _given(
    format: str | EllipsisType | None, thread_count: int | None, thread_type: str | None
) -> dict[str, Any]:
    """What a call says itself; all else is as it was said at opening."""
    given: dict[str, Any] = {} if format is ... else {"format": format}
    given |= {} if thread_count is None else {"thread_count": thread_count}
    return given | ({} if thread_type is None else {"thread_type": thread_type})

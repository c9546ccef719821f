"""What goes along with the pictures: sound, subtitles, chapters and tags, copied as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import av
import av.error
from av.container import InputContainer, OutputContainer

from ..errors import EncodeError, NotAVideoError
from ..ffmpeg_errors import clear_errors
from ..pixels.arguments import one_of
from ..pyav import fraction, has_side_data, tags
from ..reading.decode import MOST_FAILURES
from ..reading.source import Source

__all__ = ["SOUND_KINDS", "Sound", "SoundCopy"]

SOUND_KINDS: Final = ("audio", "subtitle", "chapters", "metadata")

# Tags that tell of the container they stood in.
_OWN_TAGS: Final = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder"})

# What libavformat/mpegtsenc.c has a type for; all else it writes as data that no demuxer knows.
_IN_MPEGTS: Final = frozenset(
    {
        *("mp1", "mp2", "mp3", "mp1float", "mp2float", "mp3float", "aac", "aac_latm", "ac3"),
        *("eac3", "dca", "truehd", "opus", "libopus", "s302m"),
    }
)

_TS_NEGATIVE: Final = 0x40000  # AVFMT_TS_NEGATIVE: times before 0 are kept, by an edit list, say


@dataclass(frozen=True, slots=True)
class Sound:
    """What to copy beside the pictures that are written, packet for packet, without decoding.

    Attributes
    ----------
    source : str, os.PathLike, bytes-like, or binary file object
        Where from, see :class:`fastav.VideoReader`.
    start : float, Fraction or None
        The second of the source that falls together with time 0 of what is written. None is where
        the source's own pictures begin, or its sound if it has none.
    kinds : tuple of {"audio", "subtitle", "chapters", "metadata"}
        What is copied: all streams of sound, all subtitles, the chapters, the container's tags.
    errors : {"raise", "skip"}
        At damage: raise ``EncodeError``, or leave out the packets that cannot be read or copied.
    """

    source: Any
    start: float | Fraction | None = None
    kinds: tuple[str, ...] = ("audio",)
    errors: str = "raise"

    def __post_init__(self) -> None:
        if isinstance(self.kinds, str):
            object.__setattr__(self, "kinds", (self.kinds,))
        for kind in self.kinds:
            if kind not in SOUND_KINDS:
                raise ValueError(f"kinds must be some of {SOUND_KINDS}, got {kind!r}")
        one_of("errors", self.errors, ("raise", "skip"))

    @classmethod
    def of(cls, given: Any) -> Sound:
        """Take a source for the sound that is in it."""
        return given if isinstance(given, cls) else cls(given)


class SoundCopy:
    """Copies streams into an open container, up to given times.

    Parameters
    ----------
    sound : Sound
    check : callable
        Called with what is to be opened before it is; may refuse it by an error.

    Raises
    ------
    NotAVideoError
        The source holds nothing of what is to be copied.
    OSError
        It cannot be opened.

    Notes
    -----
    Packets keep their samples: what begins before time 0 is left out, and so is what begins when
    the last frame has ended. Sound is thus right to one packet at either end (aac: 21 ms). What an
    encoder put in front to warm up its decoder goes along where the container has a place for it.
    """

    def __init__(self, sound: Sound, check: Callable[[object], object]) -> None:
        self._sound = sound
        source = sound.source if isinstance(sound.source, Source) else Source(sound.source)
        check(source.given)
        self._name = source.name
        self._container: InputContainer = source.open()
        self._streams = [s for s in self._container.streams if s.type in sound.kinds]
        if not self._streams and not {"chapters", "metadata"} & set(sound.kinds):
            self.close()
            raise NotAVideoError(
                f"{self._name!r} holds no {' and no '.join(sound.kinds)} to copy; sound=None "
                "writes without"
            )
        self._start = self._find_start()
        self._copies: dict[int, Any] = {}
        self._packets: Iterator[av.Packet[Any]] = iter(())
        self._next: av.Packet[Any] | None = None
        self._keeps_negative = False

    def _find_start(self) -> Fraction:
        if self._sound.start is not None:
            return Fraction(self._sound.start)
        pictures = self._container.streams.video
        for stream in (*pictures[:1], *self._streams):
            time_base = fraction(stream.time_base)
            if stream.start_time is not None and time_base is not None:
                return stream.start_time * time_base
        return Fraction(0)

    def add_to(self, output: OutputContainer) -> None:
        """Add the streams to a container whose header is not written yet.

        Raises
        ------
        EncodeError
            The container cannot carry one of them; says which.
        """
        name = output.format.name
        for stream in self._streams:
            codec = stream.codec_context.name if stream.codec_context else "data"
            try:
                if name == "mpegts" and stream.type == "audio" and codec not in _IN_MPEGTS:
                    raise ValueError("would be written as data that is not known for sound")
                copy = output.add_stream_from_template(stream)
            except ValueError as error:
                raise EncodeError(
                    f"the container {name!r} cannot carry the {stream.type} of {self._name!r}, "
                    f"which is {codec}; choose another container (.mkv carries nearly all); "
                    "sound=None writes without"
                ) from error
            if stream.type == "audio":
                _name_channels(copy.codec_context)
            copy.metadata.update(tags(stream))
            self._copies[stream.index] = copy
        self._keeps_negative = bool(output.format.flags & _TS_NEGATIVE)
        if "metadata" in self._sound.kinds:
            found = tags(self._container)
            output.metadata.update({k: found[k] for k in found.keys() - _OWN_TAGS})
        if "chapters" in self._sound.kinds:
            self._copy_chapters(output)
        if self._streams:
            self._packets = self._read()
            self._next = next(self._packets, None)

    def _copy_chapters(self, output: OutputContainer) -> None:
        if not hasattr(output, "set_chapters"):
            raise EncodeError("this PyAV cannot write chapters; PyAV 16 can")
        chapters: list[Any] = []
        for chapter in self._container.chapters():
            time_base = fraction(chapter["time_base"]) or Fraction(1)
            shift = round(self._start / time_base)
            start, end = chapter["start"] - shift, chapter["end"] - shift
            if end > 0:
                chapters.append(dict(chapter) | {"start": max(start, 0), "end": end})
        output.set_chapters(chapters)

    def _read(self) -> Iterator[av.Packet[Any]]:
        """Yield the packets that are to be copied, on the clock of what is written."""
        with clear_errors(f"the sound of {self._name!r} cannot be read on", EncodeError):
            for packet in self._demux():
                if not packet.size or packet.pts is None:
                    continue
                shift = round(self._start / _time_base(packet))
                pts = packet.pts - shift
                packet.dts = pts if packet.dts is None else packet.dts - shift
                packet.pts = pts
                if pts >= 0 or self._keep_early(packet, pts):
                    yield packet

    def _demux(self) -> Iterator[av.Packet[Any]]:
        failures = 0  # in a row
        while failures < MOST_FAILURES:
            try:
                for packet in self._container.demux(*self._streams):
                    failures = 0
                    yield packet
                return
            except av.error.InvalidDataError:
                if self._sound.errors == "raise":
                    raise
                failures += 1

    def _keep_early(self, packet: av.Packet[Any], pts: int) -> bool:
        """Whether something that begins before time 0 is wanted all the same."""
        if packet.stream.type == "subtitle":  # shown on into the time of the pictures
            end = pts + (packet.duration or 0)
            if end > 0:
                packet.pts, packet.dts, packet.duration = 0, 0, end
            return end > 0
        warms_up = pts + (packet.duration or 0) >= 0 and has_side_data(packet, "skip_samples")
        return self._keeps_negative and warms_up

    def copy_until(self, output: OutputContainer, end: Fraction) -> None:
        """Copy what begins before a time, in seconds, and was not copied yet."""
        while (packet := self._next) is not None:
            if (packet.pts or 0) * _time_base(packet) >= end:
                return
            packet.stream = self._copies[packet.stream.index]
            try:
                with clear_errors(f"the sound of {self._name!r} cannot be copied", EncodeError):
                    output.mux(packet)
            except EncodeError:
                if self._sound.errors == "raise":
                    raise
            self._next = next(self._packets, None)

    def __str__(self) -> str:
        kinds = [f"{s.type} ({s.codec_context.name})" for s in self._streams if s.codec_context]
        return f" with the {' and '.join(kinds)} of {self._name!r}" if kinds else ""

    def close(self) -> None:
        """Close the source."""
        self._next = None
        self._packets = iter(())
        self._container.close()


def _name_channels(context: Any) -> None:
    """Call one channel mono and two stereo, where nothing says so, as some containers must know."""
    names = {1: "mono", 2: "stereo"}
    if context.layout.name.endswith(" channels"):
        context.layout = names.get(context.layout.nb_channels, context.layout)


def _time_base(packet: av.Packet[Any]) -> Fraction:
    return fraction(packet.time_base) or Fraction(1)

"""Choosing and opening an encoder: codec, pixel format, rate, and clear words where one refuses."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import lru_cache
from numbers import Rational
from typing import Any, Final, TypeAlias

import av
import av.error
import numpy as np
from av import Packet, VideoFrame
from av.codec.context import Flags
from av.container import OutputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from ..errors import EncodeError
from ..pixels.arguments import one_of
from ..pixels.formats import pixel_format
from ..pixels.h273 import OPTION_MATRICES, OPTION_RANGES
from ..pyav import CAN_ROTATE, closest_format, format_name, frame_rates
from .frame_maker import Colours, is_ycbcr
from .scheduling import usual_scheduling

__all__ = ["TURNING", "Encoder", "EncoderSettings", "Rate", "exact_rate"]

Rate: TypeAlias = float | str | Rational

# Parts by which a rate may differ from another that stands for it.
_SAME_RATE: Final = Fraction(1, 1000)

# Rates that MPEG-1 and MPEG-2 know, where PyAV does not tell.
_TELEVISION: Final = tuple(
    map(Fraction, ("24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001", "60"))
)

_INT_MAX: Final = 2**31 - 1  # of the C ints that rates are kept in

# FFmpeg's muxer of single pictures names mjpeg as its default for every kind of picture.
_PICTURE_CODECS: Final = {
    ".bmp": "bmp", ".dpx": "dpx", ".exr": "exr", ".jp2": "jpeg2000", ".j2k": "jpeg2000",
    ".jxl": "libjxl", ".pam": "pam", ".pbm": "pbm", ".pcx": "pcx", ".pfm": "pfm", ".pgm": "pgm",
    ".png": "png", ".ppm": "ppm", ".qoi": "qoi", ".ras": "sunrast", ".sgi": "sgi",
    ".tga": "targa", ".tif": "tiff", ".tiff": "tiff", ".xbm": "xbm", ".xwd": "xwd",
}  # fmt: skip

TURNING: Final = frozenset(
    {"mp4", "mov", "ipod", "3gp", "3g2", "psp", "ismv", "f4v", "avif", "matroska", "webm"}
)
"""Containers with a display matrix, or the like."""

# Raw formats of which every container that holds raw video knows some.
_RAW_FORMATS: Final = (
    "bgr24", "bgra", "rgb24", "rgba", "rgb48le", "gray", "gray16le", "yuv420p", "yuv422p",
    "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le",
)  # fmt: skip


# Encoders that take every Y'CbCr format they list without further settings (alpha: ProRes alone).
_PRORES: Final = frozenset({"prores", "prores_aw", "prores_ks"})
_FAITHFUL: Final = _PRORES | {"libx264", "libx265", "libsvtav1", "libvpx-vp9"}

# What samples mean where a codec's definition, or FFmpeg's decoder of it, leaves no choice.
_FIXED: Final = {
    **dict.fromkeys(("libvpx", "vp8", "libwebp", "libwebp_anim"), Colours("bt601", "limited")),
    "speedhq": Colours("bt601", "limited"),
    "dnxhd": Colours("bt709", "limited"),
    **dict.fromkeys(("mjpeg", "ljpeg", "amv"), Colours("bt601")),
    **dict.fromkeys(("mpeg1video", "mpeg2video"), Colours(range="limited")),
    **dict.fromkeys(_PRORES, Colours(range="limited")),
}

# Bytes by which every container is known again, MPEG-TS by ten packets.
_PROBED: Final = 10 * 188

# Codecs whose own headers tell matrix and range, and containers that do so for every codec.
_TELLING: Final = frozenset({"h264", "hevc", "av1", "vp9"})
_TOLD: Final = frozenset({"matroska", "webm", "mp4", "ipod"})

# MOV has a place for the matrix together with primaries and transfer only: those that belong to it.
_BESIDE_MATRIX: Final = {
    "bt601": Colours("bt601", None, "smpte170m", "smpte170m"),
    "bt709": Colours("bt709", None, "bt709", "bt709"),
    "bt2020": Colours("bt2020", None, "bt2020", "bt2020-10"),
    "smpte240m": Colours("smpte240m", None, "smpte240m", "smpte240m"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderSettings:
    """What is asked of an encoder; every field is a keyword of ``VideoWriter``, which tells more.

    Raises
    ------
    ValueError
        A thread count or a word that makes no sense.
    """

    codec: str | None = None
    fps: Rate | None = None
    out_pixel_format: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    thread_count: int = 0
    max_keyframe_interval: int | None = None
    force_keyframes: bool | None = None
    matrix: str | None = None
    range: str | None = None
    primaries: str | None = None
    transfer: str | None = None
    mosaics: str = "keep"

    def __post_init__(self) -> None:
        if self.thread_count < 0:
            raise ValueError(f"thread_count must be 0 (automatic) or more, got {self.thread_count}")
        one_of("mosaics", self.mosaics, ("keep", "convert"))

    def changed(self, **changes: Any) -> EncoderSettings:
        """These with some changed, and with more options; what is None stays as it is."""
        given = {name: value for name, value in changes.items() if value is not None}
        given["options"] = {**self.options, **given.get("options", {})}
        return replace(self, **given)


class Encoder:
    """An encoder, its settings checked against the container as far as FFmpeg can tell.

    Parameters
    ----------
    container, extension : str
        FFmpeg's name of the container and the target's extension.
    settings : EncoderSettings

    Attributes
    ----------
    name : str
        FFmpeg's name of the encoder.
    fps : Fraction
        Frames per second, see :func:`exact_rate`; by default 24, or the closest that the codec
        knows.
    asked : bool
        Whether somebody asked for that rate.
    pace : Fraction, optional
        The rate that was asked for, or else is a source's.
    colours : Colours
        What was asked for.
    counts_frames : bool
        Whether the codec knows some rates only, at which frames follow each other without gaps
        (mpeg1video, mpeg2video).

    Raises
    ------
    ValueError
        Unknown codec, format or rate.
    EncodeError
        The container cannot hold the codec, or the codec the format or rate.
    """

    def __init__(self, container: str, extension: str, settings: EncoderSettings) -> None:
        self._container = container
        self._settings = settings
        self._codec = _find_codec(container, extension, settings.codec)
        self.name: str = self._codec.name
        self.asked: bool = settings.fps is not None
        self.pace: Fraction | None = exact_rate(settings.fps) if self.asked else None
        self.fps: Fraction = self.pace or Fraction(24)
        self._options = {str(key): str(value) for key, value in settings.options.items()}
        asked = Colours(settings.matrix, settings.range, settings.primaries, settings.transfer)
        self.colours: Colours = self._check_colours(
            asked.or_else(_colours_of_options(self._options))
        )
        for name, said in (
            ("colorspace", settings.matrix),
            ("color_range", settings.range),
            ("color_primaries", settings.primaries),
            ("color_trc", settings.transfer),
        ):
            if said is not None:
                self._options.pop(name, None)
        self._format: str | None = None
        taken = [format.name for format in self._codec.video_formats or ()]
        if settings.out_pixel_format is not None:
            self._format = pixel_format(settings.out_pixel_format).name
            if taken and self._format not in taken:
                raise EncodeError(
                    f"{self.name} does not encode out_pixel_format={settings.out_pixel_format!r}, "
                    f"but {', '.join(taken)}"
                )
        self._rates = frame_rates(self._codec)
        self.counts_frames: bool = self._rates is None or bool(self._rates)
        if self._rates and self.fps not in self._rates:
            if self.asked:
                raise self._no_rate(self.fps)
            self.fps = self._closest(self.fps)

    def allowed(self, rate: Fraction) -> Fraction:
        """The rate that the codec knows in the place of another, of which nobody can see or hear.

        Raises
        ------
        EncodeError
            There is none so close.
        """
        closest = self._closest(rate)
        if abs(closest / rate - 1) <= _SAME_RATE:
            return closest
        if self._rates is None:
            return rate  # FFmpeg knows
        raise self._no_rate(rate)

    def _closest(self, rate: Fraction) -> Fraction:
        return min(self._rates or _TELEVISION, key=lambda known: abs(known - rate))

    def _no_rate(self, rate: Fraction) -> EncodeError:
        known = sorted(sorted(self._rates or (), key=lambda known: abs(known - rate))[:8])
        return EncodeError(
            f"{self.name} does not encode {rate} frames per second, the closest that it does are "
            f"{', '.join(map(str, known))}; choose one by fps=, another codec=, or the filter "
            "('fps', '30') or the like, which keeps the pace"
        )

    def _check_colours(self, asked: Colours) -> Colours:
        """What was asked for, completed by what the codec and the container prescribe."""
        fixed = _FIXED.get(self.name, Colours())
        for what in ("matrix", "range"):
            ours, only = getattr(asked, what), getattr(fixed, what)
            if None not in (ours, only) and ours != only:
                raise EncodeError(
                    f"{self.name} knows {what}={only!r} alone, got {ours!r}; leave {what}= out or "
                    "choose another codec"
                )
        whole = asked.or_else(fixed)
        if self._container == "mov" and whole.matrix is not None:
            return whole.or_else(_BESIDE_MATRIX.get(whole.matrix, whole))
        return whole

    def follow(self, frame: VideoFrame, fps: Fraction, given: str) -> None:
        """Take a video's colours, rate and pixel format, where nobody asked for others.

        With times of their own, frames come at about this rate, and in the format `given`: where
        the codec's preference has fewer bits or less chroma, its closest format is encoded.
        """
        self.colours = self._check_colours(self.colours.or_else(Colours.of(frame)))
        if not self.asked:
            self.fps = self.pace = fps
        if self._format is None and self.name in _FAITHFUL and "profile" not in self._options:
            names = [format.name for format in self._codec.video_formats or ()]
            if _loses(given, names[0]):
                alpha = self.name in _PRORES
                kept = [n for n in names if re.match("yuva?4" if alpha else "yuv4", n)]
                self._format = closest_format(kept, given, alpha)

    def choose_format(self, given: str) -> str:
        """The pixel format to encode frames of a given one in.

        What was asked for; else for codecs that are always lossless the best match to the frames,
        for others what the codec lists first, mostly ``yuv420p``.

        Raises
        ------
        EncodeError
            A mosaic would be made a picture, and nobody said that it may.
        """
        if self._format is not None:
            return self._format
        chosen = self._match(given)
        loses_mosaic = chosen != given and pixel_format(given).mosaic is not None
        if loses_mosaic and self._settings.mosaics == "keep":
            raise EncodeError(
                f"{self.name} in the container {self._container!r} does not keep the mosaic "
                f"{given}; write it to a .nut file (container='nut') with codec='rawvideo', which "
                f"gives it back as it is, or say out_pixel_format={given!r} with codec='rawvideo' "
                "for its bytes in .avi or .mov, which do not tell the pattern, or "
                f"out_pixel_format={chosen!r} to make pictures of it"
            )
        return chosen

    @property
    def wants_palettes(self) -> bool:
        """Whether frames should come with a palette made for them: FFmpeg's own is a fixed one."""
        return self.name == "gif" and self._format is None

    def _match(self, given: str) -> str:
        taken = self._codec.video_formats
        if self.wants_palettes:
            return "gray" if given == "gray" else "pal8"
        if self.name == "rawvideo":
            return _raw_format(self._container, given)
        if not taken:
            return given
        names = [format.name for format in taken]
        # Some name a grey format first (exr), which would lose the colours.
        fades = _has_colour(given) and not _has_colour(names[0])
        if fades or (self._codec.lossless and not self._codec.lossy):
            return closest_format(names, given, pixel_format(given).alpha) or names[0]
        return names[0]

    def open(
        self,
        output: OutputContainer,
        frame: VideoFrame,
        *,
        rate: Fraction,
        time_base: Fraction,
        rotation: float = 0,
        pixel_aspect: Fraction | None = None,
        colours: Colours,
    ) -> VideoStream:
        """Add a stream for frames like `frame` to a container and open its encoder.

        Raises
        ------
        EncodeError
            The encoder refuses; says why, as far as one can tell, and what to do.
        """
        settings = self._settings
        stream = output.add_stream(self.name, rate, dict(self._options))
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.width, context.height = frame.width, frame.height
        context.pix_fmt = name = self.choose_format(frame.format.name)
        context.time_base = time_base
        if pixel_aspect is not None:
            context.sample_aspect_ratio = pixel_aspect
        colours.tag(context)
        context.thread_type = "AUTO"
        context.thread_count = settings.thread_count
        if settings.max_keyframe_interval is not None:
            context.gop_size = settings.max_keyframe_interval
        if settings.force_keyframes is not None:
            closed = int(Flags.closed_gop.value)
            flags = int(context.flags)
            context.flags = flags | closed if settings.force_keyframes else flags & ~closed
        if rotation:
            if self._container not in TURNING:
                raise EncodeError(
                    f"the container {self._container!r} has no place for rotation=; choose mp4, "
                    "mov, matroska or webm, or turn the pictures, as by filter_sequence="
                    "[('transpose', 'clock')]"
                )
            if not CAN_ROTATE:
                raise EncodeError("rotation= needs PyAV 17 or later")
            stream.set_display_rotation(rotation)
        # avi and mov keep the bytes of a mosaic but not its pattern, which the reader must know.
        bare = pixel_format(name).mosaic is not None and self._container in ("avi", "mov")
        self._refuse_untold(context, colours)
        if self.name == "libx265" and 32 < frame.width <= 48:  # seen in 4.1 to 4.3
            raise EncodeError(
                "libx265 writes past the end of its memory where pictures are 33 to 48 pixels "
                f"wide, got {frame.width}; choose another codec, or filter_sequence="
                "[('pad', '64:ih')]"
            )
        if self.name == "rawvideo" and not (bare or _reads_back(self._container, name)):
            raise EncodeError(
                f"raw video in {name} would not be read back from the container "
                f"{self._container!r} as what it is; choose "
                f"out_pixel_format={_raw_format(self._container, name)!r} or container='nut'"
            )
        try:
            with usual_scheduling():
                context.open()
        except av.error.FFmpegError as error:
            raise EncodeError(self._refusal(context, rate)) from error
        if context.options:
            raise EncodeError(
                f"{self.name} has no option named {', '.join(map(repr, context.options))}"
            )
        return stream

    def _refuse_untold(self, context: VideoCodecContext, colours: Colours) -> None:
        """Raise ``EncodeError`` if a reader would not be told of a matrix or range asked for.

        It would take the samples for BT.601 of limited range.
        """
        name, asked = str(context.pix_fmt), (self._settings.matrix, self._settings.range)
        if self._container in _TOLD or self._codec.canonical_name in _TELLING:
            return
        if not is_ycbcr(name) or (asked[0] in (None, "bt601") and asked[1] in (None, "limited")):
            return
        _, told = _told(self._container, self.name, name, context.width, context.height, colours)
        for what, option, ours, theirs, default in (
            ("matrix", "colorspace", asked[0], told.matrix, "bt601"),
            ("range", "color_range", asked[1], told.range, "limited"),
        ):
            if theirs is None and ours not in (None, default):
                raise EncodeError(
                    f"the container {self._container!r} does not tell {what}={ours!r} of "
                    f"{self.name}, whose frames would be read as {default!r}; choose matroska or "
                    f"mp4, leave {what}= out, or write options={{{option!r}: ...}} if readers know "
                    "without being told"
                )

    def finish(self, stream: VideoStream, count: int) -> list[Packet[Any]]:
        """Return what a stream's encoder still holds back of `count` frames."""
        packets = stream.encode(None)
        if self.name == "libx265" and count <= 2:
            # x265 takes the decoding times of so few from memory that it never set (seen in 4.2),
            # and muxers refuse some of what was there. Two frames are not reordered.
            for packet in packets:
                packet.dts = packet.pts
        return packets

    def _refusal(self, context: VideoCodecContext, rate: Fraction) -> str:
        """Why an encoder did not open, as far as one can tell, and what to do."""
        width, height, name = (
            context.width,
            context.height,
            self.choose_format(str(context.pix_fmt)),
        )
        format = pixel_format(name)
        across, down = 1 << format.log2_chroma_w, 1 << format.log2_chroma_h
        if not (width % across or height % down):
            given = f" and the options {self._options}" if self._options else ""
            return (
                f"{self.name} refuses {width}x{height} frames in {name} at {rate} frames per "
                f"second{given}"
            )
        ways = []
        for taken in self._codec.video_formats or ():
            other = pixel_format(taken.name)
            if not (width % 2**other.log2_chroma_w or height % 2**other.log2_chroma_h):
                ways.append(f"out_pixel_format={other.name!r}")
                break
        ways.append("a codec that takes odd sizes (codec='ffv1' in .mkv, 'libvpx-vp9' in .webm)")
        pad, crop = (
            f"{kind}(iw/{across})*{across}:{kind}(ih/{down})*{down}" for kind in ("ceil", "trunc")
        )
        ways.append(f"filter_sequence=[('pad', '{pad}')] to pad, or [('crop', '{crop}')] to crop")
        return (
            f"{self.name} cannot encode {width}x{height} as {name}, whose chroma needs a width "
            f"divisible by {across} and a height divisible by {down}. Ways out: {', '.join(ways)}"
        )


def _loses(given: str, to: str) -> bool:
    """Whether Y'CbCr of a format has more bits or more chroma than another format."""
    one, other = pixel_format(given), pixel_format(to)
    return is_ycbcr(given) and (
        one.depth > other.depth
        or one.log2_chroma_w < other.log2_chroma_w
        or one.log2_chroma_h < other.log2_chroma_h
    )


def _has_colour(name: str) -> bool:
    return len(pixel_format(name).components) >= 3


def _colours_of_options(options: Mapping[str, str]) -> Colours:
    """What FFmpeg's own options say, as far as there is a name for it."""
    return Colours(
        OPTION_MATRICES.get(options.get("colorspace", "")),
        OPTION_RANGES.get(options.get("color_range", "")),
    )


def _find_codec(container: str, extension: str, name: str | None) -> av.Codec:
    with av.open(io.BytesIO(), "w", format=container) as probe:
        default = probe.default_video_codec
        if container in ("image2", "image2pipe"):
            default = _PICTURE_CODECS.get(extension.lower(), default)
        elif default == "wrapped_avframe":  # yuv4mpegpipe's name for raw video
            default = "rawvideo"
        if name is None and default == "none":
            raise EncodeError(f"the container {container!r} holds no video")
        try:
            codec = av.Codec(name or default, "w")
        except ValueError:
            raise ValueError(f"this FFmpeg has no encoder named {name or default!r}") from None
        if codec.type != "video":
            raise ValueError(f"{codec.name!r} encodes {codec.type}, not video")
        try:
            probe.add_stream(codec.name)
        except ValueError as error:
            raise EncodeError(
                f"the container {container!r} cannot hold {codec.name!r}; "
                f"its own choice is codec={default!r}"
            ) from error
        return codec


def _raw_format(container: str, given: str) -> str:
    """The format closest to `given` in which raw video comes back as it went."""
    if _reads_back(container, given):
        return given
    known = [name for name in _RAW_FORMATS if _reads_back(container, name)]
    if not known:
        return given
    return closest_format(known, given, pixel_format(given).alpha) or given


def _reads_back(container: str, format: str) -> bool:
    """Whether a container with raw video tells its pixel format.

    Several write any format and are read back as another (avi takes rgb24 for bgr24).
    """
    if container in ("rawvideo", "image2", "image2pipe"):  # never tell it, as users know
        return True
    return _told(container, "rawvideo", format, 16, 16, Colours())[0] == format


@lru_cache(maxsize=256)
def _told(
    container: str, codec: str, format: str, width: int, height: int, colours: Colours
) -> tuple[str | None, Colours]:
    """The pixel format and the colours that readers are told of, by writing a few frames.

    None, and the colours as they are, where nothing could be written or read.
    """
    file, name = io.BytesIO(), None
    try:
        with av.open(file, "w", format=container) as output:
            stream = output.add_stream(codec, 25)
            assert isinstance(stream, VideoStream)
            stream.width, stream.height, stream.pix_fmt = width, height, format
            colours.tag(stream.codec_context)
            for pts in range(12):
                frame = VideoFrame(width, height, format)
                frame.pts = pts
                colours.tag(frame)
                output.mux(stream.encode(frame))
                if file.tell() > _PROBED:
                    break
            output.mux(stream.encode(None))
        file.seek(0)
        with av.open(file, "r") as written:
            name = format_name(written.streams.video[0].codec_context)
            if colours != Colours():
                colours = Colours.of(next(written.decode(video=0), VideoFrame(16, 16, "gray")))
    except (av.error.FFmpegError, ValueError, IndexError):
        pass
    return name, colours


def exact_rate(fps: object) -> Fraction:
    """Frames per second as the fraction that is meant.

    Parameters
    ----------
    fps : int, float, Fraction, Decimal, str or NumPy number
        A float stands for the simplest fraction that rounds to it, in its own precision: 29.97 is
        2997/100 and 30000 / 1001 is 30000/1001. All else is taken exactly, unless it is out of the
        range of FFmpeg's fractions (32 bits) and has to be taken for a float.

    Raises
    ------
    ValueError
        It is none of these, not positive or not finite.
    """
    try:
        if isinstance(fps, bool):
            raise TypeError
        if isinstance(fps, (float, np.floating)):
            rate = _simplest(fps)
        elif isinstance(fps, np.integer):
            rate = Fraction(int(fps))
        else:
            rate = Fraction(fps)  # type: ignore[call-overload]
        if max(abs(rate.numerator), rate.denominator) > _INT_MAX:
            rate = _simplest(float(rate))
    except (ValueError, OverflowError, ZeroDivisionError, TypeError):
        raise ValueError(
            f"fps must be a number or a fraction such as '30000/1001', got {fps!r}"
        ) from None
    if rate <= 0 or max(rate.numerator, rate.denominator) > _INT_MAX:
        raise ValueError(f"fps must be more than 0 and less than 2**31, got {fps!r}")
    return rate


def _simplest(number: float | np.floating[Any]) -> Fraction:
    """The first convergent of the continued fraction that rounds to a number, in its own type."""
    rest = Fraction(float(number))
    before, last = (0, 1), (1, 0)
    while True:
        whole = rest.numerator // rest.denominator
        before, last = last, (whole * last[0] + before[0], whole * last[1] + before[1])
        if type(number)(last[0] / last[1]) == number:
            return Fraction(*last)
        rest = 1 / (rest - whole)

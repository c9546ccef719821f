"""A zoo of small clips whose every frame says which frame it is.

A frame's number is drawn twice as bars of black and white, upright at the top and inverted at the
bottom, with a moving texture between them; :func:`number` reads it back from whatever a lossy codec
has left of it. All clips are made with PyAV on first use, in a fraction of a second each.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from fastav.pyav import ONE_THREAD
from fastav.writing.scheduling import usual_scheduling

WIDTH, HEIGHT, BITS = 96, 64, 8


def picture(index: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Draw frame `index` as an (height, width, 3) uint8 array."""
    y, x = np.mgrid[0:height, 0:width]
    image = np.empty((height, width, 3), np.uint8)
    image[..., 0] = 128 + 60 * np.sin((x + 3 * index) / 9.0) * np.cos((y - index) / 7.0)
    image[..., 1] = 128 + 50 * np.cos((x - 2 * index) / 11.0)
    image[..., 2] = 100 + (x + y + 5 * index) % 64
    set_bits = (index >> (x[0] * BITS // width)) & 1 == 1
    bars = np.where(set_bits, 235, 16)[None, :, None]
    image[: height // 3] = bars
    image[-(height // 3) :] = 251 - bars
    return image


def number(image: np.ndarray) -> int:
    """Read the number off an RGB or grey picture; -1 where the two drawings disagree."""
    grey = image.reshape(*image.shape[:2], -1).mean(axis=2)
    height, width = grey.shape
    third = height // 3
    centres = ((np.arange(BITS) + 0.5) * width / BITS).astype(int)
    spread = max(width // BITS // 4, 1)

    def bits(rows: np.ndarray) -> int:
        means = [rows[:, c - spread : c + spread].mean() for c in centres]
        return sum(1 << i for i, mean in enumerate(means) if mean > 127)

    upper, lower = bits(grey[2 : third - 2]), bits(grey[-third + 2 : -2])
    return upper if upper ^ lower == (1 << BITS) - 1 else -1


@dataclass(frozen=True)
class Clip:
    """How to make one clip.

    `pts` are the frames' presentation times in `time_base`; a codec that cannot vary its rate gets
    the default of one tick a frame. `edit` turns a packet's bytes into others, `damage` the
    finished file's.
    """

    name: str
    codec: str = "libx264"
    frames: int = 40
    pix_fmt: str = "yuv420p"
    gop: int = 12
    b_frames: int | None = 0
    options: dict[str, str] = field(default_factory=dict)
    mux: dict[str, str] = field(default_factory=dict)
    container: str | None = None
    size: tuple[int, int] = (WIDTH, HEIGHT)
    rate: Fraction = Fraction(25)
    pts: Callable[[int], int] | None = None
    time_base: Fraction | None = None
    shift: int = 0  # added to the packets' times when muxing, in 1/rate
    drop_packets: int = 0  # leave out the first packets: the clip starts in mid-GOP
    mark_all: bool = False  # as key frames
    edit: Callable[[int, bytes], bytes] | None = None
    damage: Callable[[bytes], bytes] | None = None

    def packets(self, container: av.container.OutputContainer) -> Iterator[av.Packet]:
        width, height = self.size
        stream = container.add_stream(self.codec, rate=self.rate)
        stream.width, stream.height, stream.pix_fmt = width, height, self.pix_fmt
        context = stream.codec_context
        context.gop_size = self.gop
        if self.b_frames is not None:
            context.max_b_frames = self.b_frames
        time_base = self.time_base or 1 / self.rate
        context.time_base = time_base
        context.options = {"threads": "1", **steady(self.codec, self.options)}
        for index in range(self.frames):
            frame = av.VideoFrame.from_ndarray(picture(index, width, height), format="rgb24")
            frame = frame.reformat(format=self.pix_fmt, **ONE_THREAD)
            frame.pts = self.pts(index) if self.pts else index
            frame.time_base = time_base
            yield from stream.encode(frame)
        yield from stream.encode(None)

    def make(self, path: Path) -> None:
        """Write the clip to `path`."""
        with (
            usual_scheduling(),
            av.open(str(path), "w", format=self.container, options=self.mux) as container,
        ):
            for count, packet in enumerate(self.packets(container)):
                if self.shift:
                    ticks = int(self.shift / self.rate / packet.time_base)
                    packet.pts += ticks
                    packet.dts += ticks
                if self.edit is not None:
                    packet = _with_data(packet, self.edit(count, bytes(packet)))
                packet.is_keyframe = packet.is_keyframe or self.mark_all
                if count >= self.drop_packets:
                    container.mux(packet)
        if self.damage is not None:
            path.write_bytes(self.damage(path.read_bytes()))


def _with_data(packet: av.Packet, data: bytes) -> av.Packet:
    made = av.Packet(data)
    made.stream, made.time_base = packet.stream, packet.time_base
    made.pts, made.dts, made.duration = packet.pts, packet.dts, packet.duration
    made.is_keyframe = packet.is_keyframe
    return made


# What is done to packets and finished files


def hide(count: int, data: bytes) -> bytes:
    """Hide every fifth VP8 frame, as encoders hide the references that they make up."""
    return bytes([data[0] & ~0x10]) + data[1:] if count % 5 == 3 else data


def cut(part: float) -> Callable[[bytes], bytes]:
    """Truncate a file to a part of its length."""
    return lambda data: data[: int(len(data) * part)]


def lie_in_avi(data: bytes) -> bytes:
    """Claim ten times as many frames in an AVI's headers."""
    out = bytearray(data)
    for tag, offset in ((b"avih", 8 + 16), (b"strh", 8 + 32)):
        at = data.index(tag) + offset
        (count,) = struct.unpack_from("<I", out, at)
        struct.pack_into("<I", out, at, count * 10)
    return bytes(out)


def edit_list(*entries: tuple[int, int]) -> Callable[[bytes], bytes]:
    """Give an mp4 (with its moov at the end) an edit list of (duration in ms, media time)."""

    def grow(data: bytes, at: int, by: int) -> bytes:
        (size,) = struct.unpack_from(">I", data, at)
        return data[:at] + struct.pack(">I", size + by) + data[at + 4 :]

    def patch(data: bytes) -> bytes:
        at = data.index(b"elst") - 4
        (size,) = struct.unpack_from(">I", data, at)
        body = b"".join(struct.pack(">IiHH", length, media, 1, 0) for length, media in entries)
        box = struct.pack(">I4sII", 16 + len(body), b"elst", 0, len(entries)) + body
        out = data[:at] + box + data[at + size :]
        for parent in (b"edts", b"trak", b"moov"):
            out = grow(out, out.rindex(parent, 0, at) - 4, len(box) - size)
        return out

    return patch


def twice(data: bytes) -> bytes:
    """Play a stream a second time, its times starting over."""
    return data + data


def packed(clip: Clip, path: Path) -> None:
    """Write mpeg4 as DivX packs it: each B-frame in the packet of its reference, then a filler."""
    with av.open(str(path), "w", format="avi") as container:
        packets = list(clip.packets(container))
        marker = b"\0\0\1\xb2DivX503b1393p"
        filler = b"\0\0\1\xb6\x50\x4f"  # a VOP that is not coded
        held: av.Packet | None = None
        ready: list[tuple[av.Packet, bytes]] = []
        for packet in packets:
            data = bytes(packet)
            if held is None:
                at = data.index(b"\0\0\1\xb6")
                ready.append((packet, data[:at] + marker + data[at:]))
                held = packet
                continue
            vop = data.index(b"\0\0\1\xb6")
            if data[vop + 4] >> 6 == 2:  # a B-VOP
                before, body = ready[-1]
                ready[-1] = (before, body + data)
                ready.append((packet, filler))
            else:
                ready.append((packet, data))
        for count, (packet, data) in enumerate(ready):
            new = _with_data(packet, data)
            new.pts = new.dts = count
            container.mux(new)


def uneven(index: int) -> int:
    """Frame times in ms of a rate that changes all the time."""
    return index * 40 + (index * index * 7) % 31


def gappy(index: int) -> int:
    """Frame times in ms with a gap of three seconds in mid-clip."""
    return index * 40 + (3000 if index >= 17 else 0)


def skips(index: int) -> int:
    """Frame times in ticks with one left out now and then."""
    return index + index // 7


def steady(codec: str, options: dict[str, str]) -> dict[str, str]:
    """Options with which an encoder makes the same of the same frames, each time.

    The assembly of x264 reads memory that it has not written (with `mbtree`, at widths that are no
    multiple of 128), so that sizes and types of pictures vary; its C does not.
    """
    if codec != "libx264":
        return options
    params = options.get("x264-params")
    return {**options, "x264-params": f"asm=0:{params}" if params else "asm=0"}


def x264(params: str = "", **extra: str) -> dict[str, str]:
    always = "threads=1:lookahead-threads=1:scenecut=0"
    options = {"preset": "veryfast", "crf": "20", **extra}
    return {**options, "x264-params": f"{always}:{params}" if params else always}


def x265(params: str = "") -> dict[str, str]:
    always = "log-level=none:pools=none:frame-threads=1:scenecut=0:rc-lookahead=8"
    return {"preset": "ultrafast", "x265-params": f"{always}:{params}" if params else always}


MS = Fraction(1, 1000)
VPX = {"deadline": "realtime", "cpu-used": "8", "crf": "20", "b": "400k"}
ALTREF = {
    "deadline": "good",
    "cpu-used": "5",
    "crf": "20",
    "b": "400k",
    "auto-alt-ref": "1",
    "lag-in-frames": "16",
}
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
QUALITY = {"qscale": "3", "flags": "+qscale", "global_quality": "354"}

h264_b = {"b_frames": 3, "options": x264("b-adapt=0:b-pyramid=none")}
h264_pyramid = {"b_frames": 3, "options": x264("b-adapt=0:b-pyramid=normal:ref=4")}
h264_open = {"b_frames": 3, "options": x264("b-adapt=0:open-gop=1")}
hevc = {"codec": "libx265", "b_frames": None}
hevc_b = {**hevc, "options": x265("bframes=3:b-adapt=0:open-gop=0:keyint=12:min-keyint=12")}
hevc_open = {**hevc, "options": x265("bframes=3:b-adapt=0:open-gop=1:keyint=12:min-keyint=12")}
hevc_p = {**hevc, "options": x265("bframes=0:keyint=12:min-keyint=12")}
mpeg2 = {"codec": "mpeg2video", "b_frames": 2, "options": QUALITY}
mpeg4 = {"codec": "mpeg4", "b_frames": 2, "options": QUALITY}

CLIPS = [
    # h264 in every container that takes it
    Clip("h264.mp4"),
    Clip("h264-b.mp4", **h264_b),
    Clip("h264-b.mov", **h264_b),
    Clip("h264-b.mkv", **h264_b),
    Clip("h264-b.avi", **h264_b),
    Clip("h264.avi"),
    Clip("h264-b.ts", **h264_b),
    Clip("h264-b.m2ts", container="mpegts", mux={"mpegts_m2ts_mode": "1"}, **h264_b),
    Clip("h264-b.flv", **h264_b),
    Clip("h264-b.nut", **h264_b),
    Clip("h264-b.vob", container="vob", **h264_b),
    Clip("h264-b.h264", container="h264", **h264_b),
    Clip("h264.h264", container="h264"),
    Clip("h264-b-fragmented.mp4", mux=FRAGMENTS, **h264_b),
    Clip("h264-open-fragmented.mp4", mux=FRAGMENTS, **h264_open),
    # its structures
    Clip("h264-pyramid.mp4", **h264_pyramid),
    Clip("h264-pyramid.ts", **h264_pyramid),
    Clip("h264-open.mp4", **h264_open),
    Clip("h264-open.mkv", **h264_open),
    Clip("h264-open.ts", **h264_open),
    Clip("h264-open.flv", **h264_open),
    Clip("h264-open.h264", container="h264", **h264_open),
    Clip("h264-refresh.mp4", options=x264("intra-refresh=1:keyint=12")),
    Clip("h264-refresh.ts", options=x264("intra-refresh=1:keyint=12")),
    Clip("h264-one-key.mp4", gop=1000, **h264_b),
    Clip("h264-all-keys.mp4", gop=1),
    Clip("h264-weighted.mp4", b_frames=2, options=x264("weightp=2:ref=5:b-adapt=0")),
    Clip("h264-slices.mp4", b_frames=2, options=x264("slices=4:b-adapt=0")),
    Clip("h264-interlaced.mp4", b_frames=2, options=x264("tff=1:b-adapt=0")),
    Clip("h264-interlaced.ts", b_frames=2, options=x264("tff=1:b-adapt=0")),
    Clip("h264-10bit.mkv", pix_fmt="yuv420p10le", **h264_b),
    Clip("h264-lossless.mkv", pix_fmt="yuv444p", b_frames=2, options=x264("qp=0")),
    Clip("h264-444.mp4", pix_fmt="yuv444p", **h264_b),
    Clip("h264-444.ts", pix_fmt="yuv444p", **h264_pyramid),
    Clip("h264-444-cavlc.mkv", pix_fmt="yuv444p", options=x264("cabac=0:8x8dct=1")),
    Clip("h264-cut-start.ts", drop_packets=5, **h264_open),
    Clip("h264-cut-start.mkv", drop_packets=5, **h264_b),
    # hevc
    Clip("hevc.mp4", **hevc_p),
    Clip("hevc-b.mp4", **hevc_b),
    Clip("hevc-open.mp4", **hevc_open),
    Clip("hevc-open.mkv", **hevc_open),
    Clip("hevc-open.ts", **hevc_open),
    Clip("hevc-open.hevc", container="hevc", **hevc_open),
    Clip("hevc-cut-start.ts", drop_packets=12, **hevc_open),
    Clip(
        "hevc-layers.mp4",
        **hevc,
        options=x265("bframes=3:b-adapt=0:temporal-layers=3:keyint=12:min-keyint=12"),
    ),
    # vp8, vp9, av1
    Clip("vp8.webm", codec="libvpx", options=VPX),
    Clip("vp8-altref.webm", codec="libvpx", options=ALTREF),
    Clip("vp8-hidden.webm", codec="libvpx", options=VPX, edit=hide),
    Clip("vp8.ogv", codec="libvpx", container="ogg", options=VPX),
    Clip("vp8-altref.ivf", codec="libvpx", options=ALTREF),
    Clip("vp9.webm", codec="libvpx-vp9", options=VPX),
    Clip("vp9-altref.webm", codec="libvpx-vp9", options=ALTREF),
    Clip("vp9-altref.mp4", codec="libvpx-vp9", options=ALTREF),
    Clip("av1.mp4", codec="libsvtav1", b_frames=None, options={"preset": "12"}),
    Clip("av1.ivf", codec="libsvtav1", b_frames=None, options={"preset": "12"}),
    Clip("av1.obu", codec="libsvtav1", b_frames=None, options={"preset": "12"}),
    Clip("vp9.ivf", codec="libvpx-vp9", options=ALTREF),
    Clip("av1.webm", codec="libsvtav1", b_frames=None, options={"preset": "12"}),
    # MPEG's elders
    Clip("mpeg1.mpg", codec="mpeg1video", b_frames=2, options=QUALITY, container="mpeg"),
    Clip("mpeg1.m1v", codec="mpeg1video", options=QUALITY, container="mpeg1video"),
    Clip("mpeg2.mpg", container="vob", **mpeg2),
    Clip("mpeg2.ts", **mpeg2),
    Clip("mpeg2.mkv", **mpeg2),
    Clip("mpeg2.mxf", container="mxf", **mpeg2),
    Clip("mpeg2.m2v", container="mpeg2video", **mpeg2),
    Clip("mpeg2-cut-start.ts", drop_packets=4, **mpeg2),
    Clip(
        "mpeg2-interlaced.ts",
        codec="mpeg2video",
        b_frames=2,
        options={**QUALITY, "flags": "+qscale+ildct+ilme"},
    ),
    Clip("mpeg4.mp4", **mpeg4),
    Clip("mpeg4.avi", **mpeg4),
    Clip("mpeg4-all-marked.avi", mark_all=True, **mpeg4),
    Clip("mpeg4.m4v", container="m4v", **mpeg4),
    Clip("mpeg4-packed.avi", codec="mpeg4", b_frames=1, options=QUALITY),
    Clip("h263.3gp", codec="h263", size=(176, 144), options=QUALITY),
    # others
    Clip("flv1.flv", codec="flv", options=QUALITY),
    Clip("wmv2.wmv", codec="wmv2", container="asf", options=QUALITY),
    Clip("mjpeg.avi", codec="mjpeg", pix_fmt="yuvj420p", options=QUALITY),
    Clip("mjpeg.mov", codec="mjpeg", pix_fmt="yuvj420p", options=QUALITY),
    Clip("mjpeg.mjpeg", codec="mjpeg", pix_fmt="yuvj420p", container="mjpeg", options=QUALITY),
    Clip("prores.mov", codec="prores_ks", pix_fmt="yuv422p10le", frames=20),
    Clip("ffv1.mkv", codec="ffv1", gop=1),
    Clip("ffv1-contexts.mkv", codec="ffv1", gop=12, options={"level": "1", "context": "1"}),
    Clip("huffyuv.avi", codec="huffyuv", pix_fmt="yuv422p"),
    Clip("rawvideo.avi", codec="rawvideo", pix_fmt="bgr24"),
    Clip("rawvideo.y4m", codec="wrapped_avframe", container="yuv4mpegpipe"),
    Clip("qtrle.mov", codec="qtrle", pix_fmt="rgb24"),
    Clip("gif.gif", codec="gif", pix_fmt="rgb8", time_base=Fraction(1, 100), pts=lambda i: 4 * i),
    Clip("apng.apng", codec="apng", pix_fmt="rgb24"),
    Clip("snow.avi", codec="snow", options=QUALITY),
    Clip("h261.avi", codec="h261", size=(176, 144), options=QUALITY),
    Clip("rv10.rm", codec="rv10", container="rm", size=(176, 144), options=QUALITY),
    Clip("rv20.rm", codec="rv20", container="rm", size=(176, 144), options=QUALITY),
    Clip("wmv1-all-marked.avi", codec="wmv1", mark_all=True, options=QUALITY),
    Clip("wmv1.avi", codec="wmv1", options=QUALITY),
    Clip("msmpeg4v2.avi", codec="msmpeg4v2", options=QUALITY),
    Clip("msmpeg4v3.avi", codec="msmpeg4", options=QUALITY),
    Clip("svq1.mov", codec="svq1", pix_fmt="yuv410p", options=QUALITY),
    Clip("cinepak.avi", codec="cinepak", pix_fmt="rgb24", frames=24),
    Clip("flashsv.flv", codec="flashsv", pix_fmt="bgr24"),
    Clip("zmbv.avi", codec="zmbv", pix_fmt="bgr0"),
    Clip("msvideo1.avi", codec="msvideo1", pix_fmt="rgb555le"),
    Clip("png.mov", codec="png", pix_fmt="rgb24"),
    Clip("utvideo.avi", codec="utvideo", pix_fmt="yuv422p"),
    Clip(
        "dnxhr.mxf",
        codec="dnxhd",
        pix_fmt="yuv422p",
        size=(256, 128),
        frames=20,
        options={"profile": "dnxhr_lb"},
        container="mxf",
    ),
    # times
    Clip("vfr.mp4", pts=uneven, time_base=MS, **h264_b),
    Clip("vfr.mkv", pts=uneven, time_base=MS, **h264_open),
    Clip("vfr.webm", codec="libvpx-vp9", pts=uneven, time_base=MS, options=ALTREF),
    Clip("vfr.ts", pts=uneven, time_base=MS, **h264_b),
    Clip("gap.mp4", pts=gappy, time_base=MS, **h264_b),
    Clip("gap.mkv", pts=gappy, time_base=MS, **h264_open),
    Clip("gap.ts", pts=gappy, time_base=MS, **h264_b),
    Clip("gap.avi", pts=skips, codec="mpeg4", options=QUALITY),
    Clip("late-start.mp4", shift=250, **h264_b),
    Clip("late-start.mkv", shift=250, **h264_b),
    Clip("late-start.ts", shift=250, **h264_b),
    Clip("early-start.mp4", shift=-7, **h264_b),
    Clip("early-start-no-edit.mp4", shift=-7, mux={"use_editlist": "0"}, **h264_b),
    Clip("early-start.nut", shift=-7, **h264_b),
    Clip("edit-list.mp4", damage=edit_list((640, 5120)), **h264_b),
    Clip("edit-list-open.mp4", damage=edit_list((800, 7680)), **h264_open),
    Clip("edit-lists.mp4", damage=edit_list((400, 3072), (600, 11264)), **h264_b),
    Clip("edit-repeat.mp4", damage=edit_list((400, 1024), (400, 1024), (400, 6144)), **h264_b),
    Clip("edit-delay.mp4", damage=edit_list((500, -1), (1200, 1024)), **h264_b),
    Clip("one-frame.mp4", frames=1),
    Clip("one-frame.mkv", frames=1),
    Clip("one-frame.ts", frames=1),
    Clip("one-frame.gif", frames=1, codec="gif", pix_fmt="rgb8"),
    Clip("two-frames.mp4", frames=2, **h264_b),
    Clip("starts-over.ts", damage=twice, **h264_b),
    Clip("starts-over-open.ts", damage=twice, **h264_open),
    Clip("starts-over.mpg", container="vob", damage=twice, **mpeg2),
    Clip("starts-over.hevc", container="hevc", damage=twice, **hevc_open),
    # long ones, in which seeking has to find something
    Clip("long.ts", frames=250, gop=25, **h264_b),
    Clip("long-open.ts", frames=250, gop=25, **h264_open),
    Clip("long.mpg", frames=250, gop=25, container="vob", **mpeg2),
    Clip("long-live.mkv", frames=250, gop=25, mux={"live": "1"}, **h264_open),
    Clip("long.flv", frames=250, gop=25, **h264_b),
    Clip("long.wmv", frames=250, gop=25, codec="wmv2", container="asf", options=QUALITY),
    Clip("long.nut", frames=250, gop=25, **h264_b),
    Clip("long.hevc", frames=250, container="hevc", **hevc_open),
    # headers that lie, files that end too early
    Clip("lie.avi", codec="mjpeg", pix_fmt="yuvj420p", options=QUALITY, damage=lie_in_avi),
    Clip("lie-h264.avi", damage=lie_in_avi),
    Clip("truncated.mp4", mux={"movflags": "faststart"}, damage=cut(0.6), **h264_b),
    Clip("truncated-fragmented.mp4", mux=FRAGMENTS, damage=cut(0.6), **h264_b),
    Clip("truncated.mkv", damage=cut(0.6), **h264_open),
    Clip("truncated.ts", damage=cut(0.6), **h264_b),
    Clip("truncated.avi", damage=cut(0.6), **mpeg4),
    Clip("truncated.flv", damage=cut(0.6), **h264_b),
]

BY_NAME = {clip.name: clip for clip in CLIPS}


class Zoo:
    """The clips, each made in `folder` when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __getitem__(self, name: str) -> Path:
        path = self.folder / name
        if not path.exists():
            clip = BY_NAME[name]
            if name == "mpeg4-packed.avi":
                packed(clip, path)
            else:
                clip.make(path)
        return path


@dataclass(frozen=True)
class Reference:
    """What decoding a file from its first packet to its last gives, by PyAV alone."""

    images: Sequence[np.ndarray]
    pts: Sequence[int | None]
    durations: Sequence[int]
    keys: Sequence[bool]
    error: str | None


def linear(path: Path) -> Reference:
    """Decode a whole file with one thread; an error ends it, and what came before is kept."""
    frames: list[av.VideoFrame] = []
    error = None
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        try:
            for packet in container.demux(stream):
                frames.extend(packet.decode())
        except av.FFmpegError as failure:
            error = str(failure)
            with suppress(av.FFmpegError):
                frames.extend(stream.codec_context.decode(None))
    return Reference(
        [frame.reformat(format="rgb24", **ONE_THREAD).to_ndarray() for frame in frames],
        [frame.pts for frame in frames],
        [frame.duration for frame in frames],
        [frame.key_frame for frame in frames],
        error,
    )

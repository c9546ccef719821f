"""Colours when writing: what the file says is what the samples are; a mosaic stays one."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import av
import imageio.v3 as iio
import numpy as np
import pytest

import fastav
from fastav import EncodeError
from fastav.imageio_plugin import FastavPlugin
from fastav.pixels.formats import pixel_format, software_formats
from fastav.pixels.packing import unpack_frame

TAGS = {"bt601": 6, "bt709": 1, "bt2020": 9, "smpte240m": 7, "fcc": 4}
MOSAICS = [name for name in software_formats() if pixel_format(name).mosaic]


def patches() -> np.ndarray:
    """Two frames of large patches, which subsampling leaves alone."""
    small = np.random.default_rng(5).integers(0, 256, (2, 3, 4, 3), np.uint8)
    return np.kron(small, np.ones((1, 16, 16, 1), np.uint8))


def middles(frames: np.ndarray) -> np.ndarray:
    return frames[:, 8::16, 8::16].astype(int)


def written(given: np.ndarray, **settings: Any) -> bytes:
    settings = {"codec": "ffv1", "out_pixel_format": "yuv444p"} | settings
    data = fastav.imwrite("<bytes>", given, extension=".mkv", **settings)
    assert data is not None
    return data


def first(data: bytes) -> av.VideoFrame:
    with av.open(io.BytesIO(data)) as container:
        return next(container.decode(video=0))


@pytest.mark.parametrize("conversion", ["exact", "ffmpeg"])
@pytest.mark.parametrize("filters", [None, [("null", "")]])
@pytest.mark.parametrize("range", [None, "limited", "full"])
@pytest.mark.parametrize("matrix", [None, *TAGS])
def test_tags_and_samples_agree(
    matrix: str | None, range: str | None, filters: Any, conversion: str
) -> None:
    rgb = patches()
    data = written(rgb, matrix=matrix, range=range, filter_sequence=filters, conversion=conversion)
    frame = first(data)
    if matrix:
        assert frame.colorspace == TAGS[matrix]
    if range:
        assert frame.color_range == {"limited": 1, "full": 2}[range]
    back = fastav.imread(data, conversion="exact")
    assert np.abs(middles(back) - middles(rgb)).max() <= 4


@pytest.mark.parametrize(
    ("options", "tags"),
    [
        ({"colorspace": "bt709"}, (1, None)),
        ({"color_range": "pc"}, (None, 2)),
        ({"colorspace": "bt470bg", "color_range": "tv"}, (5, 1)),
    ],
)
def test_options_of_the_encoder_are_heeded(
    options: dict[str, str], tags: tuple[int | None, int | None]
) -> None:
    rgb = patches()
    data = written(rgb, options=options)
    frame = first(data)
    assert tags[0] in (None, frame.colorspace)
    assert tags[1] in (None, frame.color_range)
    assert np.abs(middles(fastav.imread(data)) - middles(rgb)).max() <= 4


def test_tags_of_filtered_frames_reach_the_file() -> None:
    rgb = patches()
    scale = ("scale", "out_color_matrix=bt709:out_range=full")
    data = written(rgb, filter_sequence=[scale, ("format", "yuv444p")])
    frame = first(data)
    assert (frame.colorspace, frame.color_range) == (1, 2)
    assert np.abs(middles(fastav.imread(data)) - middles(rgb)).max() <= 4
    data = written(
        rgb, matrix="bt601", range="limited", filter_sequence=[scale, ("format", "yuv444p")]
    )
    frame = first(data)
    assert (frame.colorspace, frame.color_range) == (6, 1)
    assert np.abs(middles(fastav.imread(data)) - middles(rgb)).max() <= 5


def test_planes_that_are_given_are_only_tagged() -> None:
    planes = np.random.default_rng(6).integers(16, 236, (2, 3, 32, 32), np.uint8)
    data = written(planes, in_pixel_format="yuv444p", matrix="bt709", range="full")
    frame = first(data)
    assert (frame.colorspace, frame.color_range) == (1, 2)
    np.testing.assert_array_equal(unpack_frame(frame), planes[0])


def test_colours_that_do_not_exist() -> None:
    with pytest.raises(ValueError, match=r"matrix must be .*'bt709'.*got 'bt2000'"):
        written(patches(), matrix="bt2000")
    with pytest.raises(ValueError, match=r"range must be .*got 'pc'"):
        written(patches(), range="pc")


def mosaic(name: str) -> np.ndarray:
    kind = pixel_format(name)
    top = np.iinfo(kind.dtype.newbyteorder("=")).max
    values = np.random.default_rng(7).integers(0, top, (3, 16, 32), endpoint=True)
    return values.astype(kind.dtype)


@pytest.mark.parametrize("name", MOSAICS)
def test_mosaics_through_nut(tmp_path: Path, name: str) -> None:
    assert len(MOSAICS) == 12
    given = mosaic(name)
    path = tmp_path / "a.nut"
    fastav.imwrite(path, given, in_pixel_format=name, codec="rawvideo")
    for back in (
        fastav.imread(path, format=None),
        fastav.imread(path, format=name),
        iio.imread(path, plugin=FastavPlugin, format=None),
    ):
        np.testing.assert_array_equal(back, given)
    iio.imwrite(path, given, plugin=FastavPlugin, in_pixel_format=name, codec="rawvideo")
    np.testing.assert_array_equal(fastav.imread(path, format=None), given)


@pytest.mark.parametrize(
    ("target", "codec"),
    [
        ("a.avi", "rawvideo"),
        ("a.mov", "rawvideo"),
        ("a.mkv", "rawvideo"),
        ("a.mkv", "ffv1"),
        ("a.nut", None),
        ("a.mp4", None),
    ],
)
def test_a_mosaic_is_never_made_a_picture_silently(
    tmp_path: Path, target: str, codec: str | None
) -> None:
    path, given = tmp_path / target, mosaic("bayer_rggb8")
    settings: Any = {"in_pixel_format": "bayer_rggb8", "codec": codec}
    with pytest.raises(EncodeError, match=r"\.nut .*out_pixel_format='bayer_rggb8'"):
        fastav.imwrite(path, given, **settings)
    assert not path.exists()
    if codec != "rawvideo":
        fastav.imwrite(path, given, out_pixel_format="yuv420p", **settings)
        assert fastav.imread(path).shape == (3, 16, 32, 3)


@pytest.mark.parametrize("name", ["a.avi", "a.mov"])
def test_bytes_of_a_mosaic_where_the_pattern_is_not_told(tmp_path: Path, name: str) -> None:
    given = mosaic("bayer_gbrg8")
    fastav.imwrite(
        tmp_path / name, given, codec="rawvideo",
        in_pixel_format="bayer_gbrg8", out_pixel_format="bayer_gbrg8",
    )  # fmt: skip
    with av.open(str(tmp_path / name)) as container:
        packets = [bytes(p) for p in container.demux(video=0) if p.size]
    assert len(packets) == 3
    for packet, frame in zip(packets, given, strict=True):
        stored = np.frombuffer(packet, np.uint8)[: frame.size].reshape(frame.shape)
        assert np.array_equal(stored, frame) or np.array_equal(stored[::-1], frame)


CONTAINERS = ("matroska", "mp4", "mov", "nut", "avi", "image2pipe")

# Levels by which an encoder may miss a colour on average: the coarsest (cljr, snow) miss by 5.4,
# another matrix or range by 7.4 and more.
LIMIT = 6

# Sizes that are the only ones that a codec knows, or the least.
SIZES = {"dnxhd": (144, 256), "dvvideo": (576, 720), "h261": (288, 352), "h263": (288, 352)}
OPTIONS = {"dnxhd": {"profile": "dnxhr_hq"}}

# They make no picture in the colours that were given (gif has tests of its own), or none that any
# container of this FFmpeg gives back.
OTHERS = {
    *("a64multi", "a64multi5", "alias_pix", "apng", "bitpacked", "fits", "flashsv2", "gif"),
    *("libwebp_anim", "msrle", "pam", "pgmyuv", "roqvideo", "rv10", "rv20", "smc", "vbn", "vc2"),
    *("vnull", "wrapped_avframe", "xface", "pcx", "sunrast", "jpegxs", "pdv", "phm", "bmp"),
}


def coloured_encoders() -> list[str]:
    """The encoders of this PyAV that make pictures in colour, and run without special hardware."""
    found = set()
    for name in av.codecs_available:
        try:
            codec = av.Codec(name, "w")
        except ValueError:
            continue
        formats = [pixel_format(f.name) for f in codec.video_formats or ()]
        without_colour = formats and all(len(f.components) < 3 for f in formats)
        special = name.endswith(("_amf", "_nvenc", "_qsv", "_v4l2m2m", "_vaapi", "_videotoolbox"))
        if codec.type == "video" and not (without_colour or special or codec.name in OTHERS):
            found.add(codec.name)
    return sorted(found)


def test_most_encoders_are_among_them() -> None:
    assert len(coloured_encoders()) > 40


@pytest.mark.parametrize("range", [None, "limited", "full"])
@pytest.mark.parametrize("codec", coloured_encoders())
def test_every_encoder_is_read_back_in_its_colours(codec: str, range: str | None) -> None:
    """As it is by default; and asked for others, they come back right or are refused."""
    height, width = SIZES.get(codec, (48, 64))
    small = np.random.default_rng(5).integers(0, 256, (2, height // 16, width // 16, 3), np.uint8)
    rgb = np.kron(small, np.ones((1, 16, 16, 1), np.uint8))
    settings: Any = {"codec": codec, "fps": 25, "options": OPTIONS.get(codec)}
    if range is not None:
        settings |= {"matrix": "bt709", "range": range}
    refusals = []
    for container in CONTAINERS:
        file = io.BytesIO()
        try:
            with fastav.open(file, "w", container=container, **settings) as writer:
                writer.write(rgb)
            first(file.getvalue())
            break
        except (ValueError, OSError, IndexError) as error:
            refusals.append(str(error))
    else:
        assert range is not None, refusals
        assert any(
            said in refusal for said in ("alone, got", "does not tell") for refusal in refusals
        )
        return
    back = fastav.imread(file.getvalue())
    assert np.abs(middles(back) - middles(rgb)[: len(back)]).mean() <= LIMIT


@pytest.mark.parametrize("codec", ["rawvideo", "mpeg4", "ffv1", "libx264", "mpeg2video"])
@pytest.mark.parametrize("container", ["mov", "avi", "nut", "yuv4mpegpipe", "mpegts", "mxf"])
@pytest.mark.parametrize(
    "asked", [{"matrix": "bt709"}, {"range": "full"}, {"matrix": "bt601", "range": "limited"}, {}]
)
def test_what_a_container_does_not_tell_is_refused(codec: str, container: str, asked: Any) -> None:
    """Unless it is what readers take for granted; what is written is read back right."""
    if (container, codec) == ("mpegts", "ffv1"):
        pytest.skip("FFmpeg writes it as data that no demuxer knows")
    file, rgb = io.BytesIO(), patches()
    defaults = asked.get("matrix", "bt601") == "bt601" and asked.get("range") != "full"
    try:
        with fastav.open(file, "w", container=container, codec=codec, fps=25,
                         out_pixel_format="yuv420p", **asked) as writer:  # fmt: skip
            writer.write(rgb.repeat(2, 0))
    except EncodeError as error:
        refusal = str(error)
    else:
        refusal = ""
    if refusal:
        other = ("cannot hold", "would not be read back", "cannot begin", "alone, got")
        untold = f"{container!r} does not tell" in refusal and not defaults
        assert untold or any(reason in refusal for reason in other), refusal
        assert not file.getvalue()
        return
    assert np.abs(middles(fastav.imread(file.getvalue()))[::2] - middles(rgb)).mean() <= LIMIT
    if container in ("avi", "nut", "mpegts") and codec in ("rawvideo", "mpeg4", "ffv1"):
        assert defaults


def test_readers_may_know_without_being_told() -> None:
    file, rgb = io.BytesIO(), patches()
    told = {"matrix": "bt709", "container": "yuv4mpegpipe"}
    with (
        pytest.raises(EncodeError, match=r"'yuv4mpegpipe' does not tell matrix='bt709'.*colorsp"),
        fastav.open(file, "w", **told) as writer,
    ):
        writer.write(rgb)
    del told["matrix"]
    with fastav.open(file, "w", options={"colorspace": "bt709"}, **told) as writer:
        writer.write(rgb)
    back = fastav.imread(file.getvalue(), matrix="bt709")
    assert np.abs(middles(back) - middles(rgb)).mean() <= LIMIT


@pytest.mark.parametrize("fragmented", [False, True])
@pytest.mark.parametrize(
    "asked", [{"matrix": "bt709"}, {"range": "full"}, {"matrix": "bt2020", "range": "full"}]
)
def test_mp4_keeps_what_the_codec_has_no_place_for(asked: Any, fragmented: bool) -> None:
    rgb = patches()
    data = fastav.imwrite(
        "<bytes>", rgb, extension=".mp4", codec="mpeg4", fps=25, fragmented=fragmented, **asked
    )
    assert np.abs(middles(fastav.imread(data)) - middles(rgb)).mean() <= LIMIT


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libsvtav1", "prores_ks"])
@pytest.mark.parametrize(
    ("transfer", "tag"), [("smpte2084", 16), ("pq", 16), ("arib-std-b67", 18), ("hlg", 18)]
)
def test_high_dynamic_range_is_tagged_and_ten_bits_are_exact(
    codec: str, transfer: str, tag: int
) -> None:
    format = "yuv422p10le" if codec == "prores_ks" else "yuv420p10le"
    deep = patches().astype(np.uint16) * 257
    file = io.BytesIO()
    with fastav.open(
        file, "w", container="matroska", codec=codec, out_pixel_format=format, matrix="bt2020",
        range="limited", primaries="bt2020", transfer=transfer,
    ) as writer:  # fmt: skip
        writer.write(deep, in_pixel_format="rgb48le")
    frame = first(file.getvalue())
    tags = [frame.colorspace, frame.color_range]
    with av.open(io.BytesIO(file.getvalue())) as container:
        context = container.streams.video[0].codec_context
        tags += [context.color_primaries, context.color_trc]
    assert [int(each) for each in tags] == [9, 1, 9, tag]
    back = fastav.imread(file.getvalue(), format="rgb48le")
    assert np.abs(middles(back) - middles(deep)).mean() <= LIMIT * 257
    with fastav.open(file.getvalue()) as reader:
        assert reader.info.colour_primaries == "bt2020"
        assert reader.info.colour_transfer in ("smpte2084", "arib-std-b67")


def test_a_matrix_that_a_codec_does_not_know_is_refused() -> None:
    for codec in ("libvpx", "mjpeg"):
        with pytest.raises(EncodeError, match=f"{codec} knows matrix='bt601' alone, got 'bt709'"):
            written(patches(), codec=codec, matrix="bt709", out_pixel_format=None)
    with pytest.raises(EncodeError, match="mpeg2video knows range='limited' alone, got 'full'"):
        written(patches(), codec="mpeg2video", range="full", out_pixel_format=None, fps=25)
    with pytest.raises(ValueError, match=r"transfer must be .*got 'gamma'"):
        written(patches(), transfer="gamma")


def test_mov_keeps_a_matrix_with_what_belongs_to_it() -> None:
    file = io.BytesIO()
    with fastav.open(file, "w", container="mov", codec="v210", matrix="bt709") as writer:
        writer.write(patches())
    assert first(file.getvalue()).colorspace == 1
    assert np.abs(middles(fastav.imread(file.getvalue())) - middles(patches())).max() <= 4

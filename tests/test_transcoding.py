"""From one video to another, with times, rotation, colours and sound kept."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import fastav
from fastav import EncodeError
from fastav.pyav import CAN_ROTATE, fraction, frame_rates

from .media import make_sounding, pictures

TIMES = [0.0, 0.04, 0.1, 0.5, 1.25, 1.3]


@pytest.fixture(scope="module")
def source() -> bytes:
    return make_sounding()


@pytest.fixture(scope="module")
def uneven() -> bytes:
    """Frames at a variable rate, lossless, in the colours of BT.709."""
    frames = np.stack(list(pictures(len(TIMES), 64, 48)))
    file = io.BytesIO()
    with fastav.open(file, "w", container="matroska", codec="libx264", matrix="bt709",
                     options={"qp": 0}, out_pixel_format="yuv444p") as writer:  # fmt: skip
        writer.write(frames, times=TIMES)
    return file.getvalue()


def run(source: Any, *arguments: Any, container: str = "matroska", **options: Any) -> bytes:
    file = io.BytesIO()
    count = fastav.transcode(source, file, *arguments, container=container, **options)
    assert count == len(fastav.open(file.getvalue()))
    return file.getvalue()


def sound_of(data: bytes) -> list[bytes]:
    with av.open(io.BytesIO(data)) as container:
        return [bytes(p) for p in container.demux(container.streams.audio[0]) if p.size]


def test_frames_pass_unchanged_without_a_function(uneven: bytes) -> None:
    """Samples go from decoder to encoder as they are: a lossless copy is one bit for bit."""
    written = run(uneven, codec="ffv1", out_pixel_format="yuv444p")
    expected = fastav.imread(uneven, format=None, planes=True)
    for got, plane in zip(fastav.imread(written, format=None, planes=True), expected, strict=True):
        np.testing.assert_array_equal(got, plane)
    with fastav.open(written) as reader:
        np.testing.assert_allclose(reader.timestamps, TIMES, atol=1e-3)
        assert reader.info.colour_matrix == "bt709"


def lossless_in(format: str) -> tuple[bytes, tuple[np.ndarray, ...]]:
    """A video in a pixel format, and its planes."""
    file, frames = io.BytesIO(), np.stack(list(pictures(3, 64, 48)))
    with fastav.open(file, "w", container="matroska", codec="ffv1", out_pixel_format=format,
                     fps=25) as writer:  # fmt: skip
        writer.write(frames)
    planes = fastav.imread(file.getvalue(), format=None, planes=True)
    assert isinstance(planes, tuple)
    return file.getvalue(), planes


@pytest.mark.parametrize(
    ("codec", "given", "kept"),
    [
        *(("libx264", f"yuv{kind}", f"yuv{kind}")
          for kind in ("420p", "422p", "444p", "420p10le", "422p10le", "444p10le")),
        ("libx264", "yuv444p12le", "yuv444p10le"),
        ("libx264", "yuv440p", "yuv444p"),
        ("libx264", "yuv411p", "yuv422p"),
        ("libx265", "yuv422p12le", "yuv422p12le"),
        ("libsvtav1", "yuv422p10le", "yuv420p10le"),
        ("libvpx-vp9", "yuv444p10le", "yuv444p"),
        ("libvpx-vp9", "yuva444p", "yuv444p"),
        ("prores_ks", "yuva444p10le", "yuva444p12le"),
        # The codec's preference loses nothing, or is all that every player takes of RGB and grey.
        ("libx264", "bgr0", "yuv420p"),
        ("libx264", "gray10le", "yuv420p"),
        ("prores_ks", "yuv420p", "yuv422p10le"),
        ("mjpeg", "yuv420p", "yuvj420p"),
        ("mpeg4", "yuv444p10le", "yuv420p"),
    ],
)  # fmt: skip
def test_bits_and_chroma_are_kept(codec: str, given: str, kept: str) -> None:
    """As far as the codec has them; FFmpeg's decoder of ProRes 4444 gives 12 bits."""
    data, planes = lossless_in(given)
    written = run(data, codec=codec, options={"qp": 0} if codec == "libx264" else {})
    assert fastav.open(written).info.pixel_format == kept
    if codec == "libx264" and given == kept:
        got = fastav.imread(written, format=None, planes=True)
        for one, other in zip(got, planes, strict=True):
            np.testing.assert_array_equal(one, other)


def test_bits_and_chroma_are_given_up_when_asked() -> None:
    def same(frame: Any) -> Any:
        return frame

    data, _ = lossless_in("yuv444p10le")
    for asked, kept in (
        ({"out_pixel_format": "yuv420p"}, "yuv420p"),
        ({"options": {"profile": "main"}}, "yuv420p"),
        ({"function": same}, "yuv420p"),  # RGB
        ({"function": same, "read": {"format": None}}, "yuv444p10le"),
        ({"function": same, "read": {"format": "yuv444p"}}, "yuv444p"),
        ({"filter_sequence": [("format", "yuv422p")]}, "yuv422p"),
    ):
        written = run(data, codec="libx264", **asked)
        assert fastav.open(written).info.pixel_format == kept, asked


@pytest.mark.parametrize("filters", [None, [("hflip", "")]])
def test_key_frames_are_the_encoders_choice(filters: Any) -> None:
    """The source's types of pictures, which decoded frames carry, are not forced upon it."""
    given = fastav.imwrite(
        "<bytes>", pictures(24, 64, 48), extension=".mp4", options={"g": "4", "sc_threshold": "0"}
    )
    options = {"g": "9", "sc_threshold": "0"}
    data = io.BytesIO()
    fastav.transcode(given, data, extension=".mp4", options=options, filter_sequence=filters)
    data.seek(0)
    with fastav.open(given) as before, fastav.open(data) as after:
        assert list(before.key_indices) == list(range(0, 24, 4))
        assert list(after.key_indices) == [0, 9, 18]


def test_a_function_changes_each_frame(uneven: bytes) -> None:
    seen: list[tuple[int, ...]] = []

    def mirror(frame: np.ndarray) -> np.ndarray:
        seen.append(frame.shape)
        return frame[:, ::-1]

    written = run(uneven, mirror, codec="ffv1", out_pixel_format="bgr0")
    np.testing.assert_array_equal(fastav.imread(written), fastav.imread(uneven)[:, :, ::-1])
    assert seen == [(48, 64, 3)] * len(TIMES)
    np.testing.assert_allclose(fastav.open(written).timestamps, TIMES, atol=1e-3)


def test_frames_may_be_left_out(uneven: bytes) -> None:
    counter = iter(range(100))
    written = run(uneven, lambda frame: frame if next(counter) % 2 else None, codec="ffv1",
                  out_pixel_format="bgr0")  # fmt: skip
    np.testing.assert_array_equal(fastav.imread(written), fastav.imread(uneven)[1::2])
    np.testing.assert_allclose(fastav.open(written).timestamps, TIMES[1::2], atol=1e-3)


@pytest.mark.parametrize("batch_size", [None, 4])
def test_a_function_that_keeps_no_frame(
    uneven: bytes, batch_size: int | None, tmp_path: Path
) -> None:
    path = tmp_path / "none.mkv"
    for present in (False, True):
        if present:
            path.write_bytes(b"kept")
        with pytest.raises(ValueError, match="no frame to write: the function kept none"):
            fastav.transcode(uneven, path, lambda frame: None, batch_size=batch_size)
        assert path.exists() is present
    assert path.read_bytes() == b"kept"


def test_batches(uneven: bytes) -> None:
    sizes: list[int] = []

    def change(batch: np.ndarray) -> np.ndarray:
        sizes.append(len(batch))
        return 255 - batch

    written = run(uneven, change, batch_size=4, codec="ffv1", out_pixel_format="bgr0")
    np.testing.assert_array_equal(fastav.imread(written), 255 - fastav.imread(uneven))
    assert sizes == [4, 2]
    with pytest.raises(ValueError, match="as many frames as it was given, 4"):
        run(uneven, lambda batch: batch[:2], batch_size=4)
    with pytest.raises(ValueError, match="batch_size must be 1 or more"):
        run(uneven, batch_size=4)


def test_a_grey_native_or_channels_first_view_of_the_frames(uneven: bytes) -> None:
    grey = run(uneven, lambda frame: frame[:24], read={"format": "gray"}, codec="ffv1")
    np.testing.assert_array_equal(
        fastav.imread(grey, format="gray"), fastav.imread(uneven, format="gray")[:, :24]
    )
    first = run(uneven, lambda frame: frame[::-1], read={"layout": "chw"}, codec="ffv1",
                out_pixel_format="bgr0")  # fmt: skip
    np.testing.assert_array_equal(fastav.imread(first), fastav.imread(uneven)[..., ::-1])


@pytest.mark.parametrize(
    ("part", "first", "last"), [({"start": 10, "stop": 30}, 10, 29), ({"step": 7}, 0, 49)]
)
def test_sound_belongs_to_the_part(source: bytes, part: Any, first: int, last: int) -> None:
    written = run(source, codec="mpeg4", **part)
    whole = sound_of(source)
    got = sound_of(written)
    at = whole.index(got[0])
    assert whole[at : at + len(got)] == got
    # aac of 48 kHz has 1024 samples a packet, and one in front of the first.
    assert abs((at - 1) * 1024 / 48000 - first / 25) <= 1024 / 48000
    assert abs((at - 1 + len(got)) * 1024 / 48000 - (last + 1) / 25) <= 1024 / 48000
    assert len(fastav.open(written)) == len(range(first, last + 1, part.get("step", 1)))


def test_sound_of_the_source_by_name_belongs_to_the_part_too(source: bytes, tmp_path: Path) -> None:
    path, other = tmp_path / "source.mp4", tmp_path / "other.mp4"
    path.write_bytes(source)
    other.write_bytes(source)
    part: Any = {"start": 25, "stop": 40, "codec": "mpeg4"}
    cut = sound_of(run(source, **part))
    assert cut == sound_of(run(source, sound=source, **part))
    assert cut == sound_of(run(path, sound=str(path), **part))
    assert cut == sound_of(run(path, sound=fastav.Sound(path, kinds=("audio",)), **part))
    with path.open("rb") as file:
        assert cut == sound_of(run(path, sound=file, **part))
    # Another file's begins with it, and what is said counts.
    first = sound_of(run(path, sound=other, **part))
    assert first[0] == sound_of(source)[1] != cut[0]
    assert first == sound_of(run(path, sound=fastav.Sound(path, 0), **part))


def test_sound_left_out_or_from_elsewhere(source: bytes, uneven: bytes) -> None:
    with av.open(io.BytesIO(run(source, sound=False, codec="mpeg4"))) as container:
        assert not container.streams.audio
    got = sound_of(run(uneven, sound=source, codec="mpeg4"))
    assert got == sound_of(source)[1 : 1 + len(got)]
    with av.open(io.BytesIO(run(uneven, codec="mpeg4"))) as container:
        assert not container.streams.audio
    with pytest.raises(EncodeError, match=r"webm.*cannot carry.*aac"):
        run(source, container="webm", codec="libvpx")


def test_tags_are_kept(source: bytes) -> None:
    with fastav.open(run(source, codec="mpeg4")) as reader:
        assert reader.info.metadata["title"] == "sounding"


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_is_kept_or_carried_out(degrees: int) -> None:
    if not CAN_ROTATE:
        pytest.skip("this PyAV cannot write a rotation")
    frames = np.stack(list(pictures(4, 64, 48)))
    file = io.BytesIO()
    with fastav.open(file, "w", container="mp4", codec="libx264", rotation=degrees,
                     options={"qp": 0}, out_pixel_format="yuv444p") as writer:  # fmt: skip
        writer.write(frames)
    turned = file.getvalue()
    upright = fastav.imread(turned, rotate=True)
    kept = run(turned, container="mp4", codec="libx264", options={"qp": 0},
               out_pixel_format="yuv444p")  # fmt: skip
    assert fastav.open(kept).rotation % 360 == degrees
    np.testing.assert_array_equal(fastav.imread(kept, rotate=True), upright)
    # avi has no place for it.
    carried = run(turned, container="avi", codec="ffv1", out_pixel_format="yuv444p")
    assert fastav.open(carried).rotation == 0
    np.testing.assert_array_equal(fastav.imread(carried), upright)
    asked = run(turned, lambda frame: frame, read={"rotate": True}, codec="ffv1",
                out_pixel_format="bgr0")  # fmt: skip
    np.testing.assert_array_equal(fastav.imread(asked), upright)


@pytest.mark.skipif(not CAN_ROTATE, reason="this PyAV cannot write a rotation")
@pytest.mark.parametrize("container", ["mp4", "avi"])  # which keeps the mark, and which cannot
def test_filters_and_function_see_the_picture_as_it_is_stored(container: str) -> None:
    frames = np.stack(list(pictures(4, 64, 48)))
    lossless = {"codec": "ffv1" if container == "avi" else "libx264", "options": {}}
    if container == "mp4":
        lossless["options"] = {"qp": 0}
    file = io.BytesIO()
    with fastav.open(file, "w", container="mp4", codec="libx264", rotation=90,
                     options={"qp": 0}, out_pixel_format="yuv444p") as writer:  # fmt: skip
        writer.write(frames)
    turned = file.getvalue()
    stored, how = fastav.imread(turned), {"out_pixel_format": "yuv444p", "container": container}
    for options, expected in (
        ({"filter_sequence": [("crop", "40:20:0:0")]}, stored[:, :20, :40]),
        ({"function": lambda frame: frame[:, ::-1]}, stored[:, :, ::-1]),
        ({"read": {"crop": (0, 8, 16, 24)}}, stored[:, :16, 8:32]),
    ):
        written = run(turned, **options, **lossless, **how)
        # Through RGB and back, colours are a level or two off.
        got = fastav.imread(written, rotate=True).astype(int)
        assert np.abs(got - np.rot90(expected, axes=(1, 2))).max() <= 3
    # Asked for upright, it is turned for good, without a function too.
    written = run(turned, read={"rotate": True}, **lossless, **how)
    with fastav.open(written) as reader:
        assert reader.rotation == 0
        np.testing.assert_array_equal(reader.read(), fastav.imread(turned, rotate=True))


def test_a_function_of_planes(source: bytes) -> None:
    """What the frames are stored as, each plane by itself."""
    read = {"format": None, "planes": True}
    expected = fastav.imread(source, **read)
    written = run(source, lambda planes: [255 - plane for plane in planes], read=read, codec="ffv1")
    for got, plane in zip(fastav.imread(written, **read), expected, strict=True):
        np.testing.assert_array_equal(got, 255 - plane)
    with pytest.raises(ValueError, match="make no batch"):
        run(source, lambda planes: planes, batch_size=2, read=read)


def test_what_shapes_frames_does_so_without_a_function(source: bytes) -> None:
    for read, shape in (
        ({"size": (24, 32)}, (24, 32, 3)),
        ({"crop": (0, 0, 16, 24)}, (16, 24, 3)),
        ({"center_crop": 20}, (20, 20, 3)),
    ):
        with fastav.open(run(source, read=read, codec="ffv1")) as reader:
            assert reader.shape == (50, *shape)
    grey = run(source, read={"format": "gray"}, codec="ffv1")
    assert fastav.open(grey).info.pixel_format == "gray"


@pytest.mark.parametrize(
    ("filters", "aspect"),
    [
        ([("fps", "10"), ("hflip", "")], Fraction(4, 3)),
        ([("scale", "32:48")], Fraction(8, 3)),
        ([("pad", "80:80")], None),
    ],
)
def test_the_aspect_of_pixels_behind_filters(
    source: bytes, filters: Any, aspect: Fraction | None
) -> None:
    how = {"container": "mp4", "codec": "libx264"}
    wide = run(source, pixel_aspect=Fraction(4, 3), **how)
    with fastav.open(run(wide, filter_sequence=filters, **how)) as reader:
        assert reader.info.pixel_aspect == aspect


def test_the_source_itself_is_no_target(source: bytes, tmp_path: Path) -> None:
    path, link = tmp_path / "a.mp4", tmp_path / "link.mp4"
    path.write_bytes(source)
    link.symlink_to(path)
    frames = fastav.imread(path)
    file, both = path.open("rb"), path.open("r+b")
    mp4, memory = {"container": "mp4"}, io.BytesIO(source)
    for overwrite in (
        lambda: fastav.transcode(path, path),
        lambda: fastav.transcode(path, link, lambda frame: frame, sound=False),
        lambda: fastav.transcode(file, str(path)),
        lambda: fastav.imwrite(path, frames, sound=link),
        lambda: fastav.imwrite(link, fastav.open(path)),
        lambda: fastav.imwrite(link, fastav.open(file)),
        lambda: fastav.imwrite(both, fastav.open(path), **mp4),
        lambda: fastav.imwrite(memory, fastav.open(memory), **mp4),
        lambda: fastav.imwrite(path, fastav.imiter(path)),
        lambda: fastav.imwrite(path, iter(fastav.open(path))),
        lambda: fastav.imwrite(path, fastav.open(path).iter(step=2)),
        lambda: fastav.imwrite(path, fastav.open(path).frames()),
    ):
        file.seek(0)
        with pytest.raises(ValueError, match="is being read"):
            overwrite()
        assert path.read_bytes() == source
    file.close()
    both.close()
    assert memory.getvalue() == source
    fastav.imwrite(tmp_path / "b.mp4", fastav.imiter(path))


def test_file_objects_with_their_sound(source: bytes) -> None:
    expected = run(source, codec="ffv1")
    for file in (io.BytesIO(source), io.BytesIO(b"before" + source)):
        file.seek(len(file.getvalue()) - len(source))
        assert sound_of(run(file, codec="ffv1")) == sound_of(expected)

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    with pytest.raises(io.UnsupportedOperation, match="sound=False"):
        run(Pipe(source))
    with pytest.raises(ValueError, match="BytesIO"):
        fastav.transcode(source, "<bytes>", container="matroska")


def test_damaged_sound_is_skipped_with_the_pictures(source: bytes) -> None:
    stream = bytearray(run(source, container="mpegts", codec="mpeg4"))
    for start in range(len(stream) // 3, len(stream) // 2, 188):
        start -= start % 188
        identifier = int.from_bytes(stream[start + 1 : start + 3], "big") & 0x1FFF
        if identifier == 0x101:  # the sound
            stream[start + 20 : start + 188] = b"\xa5" * 168
    torn = bytes(stream)
    with pytest.raises(fastav.FastavError):
        run(torn, codec="ffv1")
    file = io.BytesIO()
    count = fastav.transcode(
        torn, file, container="matroska", codec="ffv1", read={"errors": "skip"}
    )
    assert count == len(fastav.imread(torn, errors="skip"))
    whole, left = sound_of(bytes(run(source))), sound_of(file.getvalue())
    assert 0.5 * len(whole) < len(left) < len(whole)


def test_filters_come_before_the_function(source: bytes) -> None:
    shapes = set()

    def look(frame: np.ndarray) -> np.ndarray:
        shapes.add(frame.shape)
        return frame

    written = run(source, look, filter_sequence=[("scale", "32:24"), ("fps", "5")], codec="ffv1")
    assert shapes == {(24, 32, 3)}
    with fastav.open(written) as reader:
        np.testing.assert_allclose(reader.timestamps, np.arange(10) / 5, atol=1e-3)


def test_a_rate_of_ones_own_gives_up_the_times(uneven: bytes) -> None:
    with fastav.open(run(uneven, fps=10, codec="ffv1")) as reader:
        np.testing.assert_allclose(reader.timestamps, np.arange(len(TIMES)) / 10, atol=1e-3)


def test_times_of_a_stream_in_mpeg_ts(source: bytes) -> None:
    """Its clock begins at 1.4 s and ticks in 1/90000, more than MPEG-4 can count in."""
    stream = run(source, container="mpegts", codec="mpeg2video", sound=False)
    with fastav.open(run(stream, container="mp4", codec="mpeg4")) as reader:
        np.testing.assert_allclose(reader.timestamps, np.arange(50) / 25, atol=1e-4)
    assert fraction(av.open(io.BytesIO(stream)).streams.video[0].time_base) == Fraction(1, 90000)


def test_progress_and_errors(uneven: bytes, tmp_path: Path) -> None:
    counts: list[int] = []
    run(uneven, codec="ffv1", progress=counts.append)
    assert counts == list(range(1, len(TIMES) + 1))
    target = tmp_path / "out.mkv"

    def fail(frame: np.ndarray) -> np.ndarray:
        if len(counts) > 3:
            raise ZeroDivisionError("on purpose")
        counts.append(0)
        return frame

    counts.clear()
    with pytest.raises(ZeroDivisionError, match="on purpose"):
        fastav.transcode(uneven, target, fail, codec="ffv1")
    assert len(fastav.imread(target)) == 4  # what was written till then is playable
    with pytest.raises(ValueError, match="no frame to write"):
        fastav.transcode(uneven, tmp_path / "none.mkv", start=100)
    with pytest.raises(ValueError, match="filters kept none"):
        fastav.transcode(uneven, tmp_path / "none.mkv", filter_sequence=[("select", "0")])
    assert not (tmp_path / "none.mkv").exists()


def test_the_aspect_of_pixels_is_kept(uneven: bytes) -> None:
    file = io.BytesIO()
    with fastav.open(file, "w", container="mp4", codec="libx264", pixel_aspect=Fraction(4, 3),
                     rotation=90 if CAN_ROTATE else 0) as writer:  # fmt: skip
        writer.write(fastav.imread(uneven))
    wide = file.getvalue()
    with fastav.open(wide) as reader:
        assert reader.info.pixel_aspect == Fraction(4, 3)
    for changes, expected in (
        ({"container": "mp4"}, Fraction(4, 3)),
        ({"container": "matroska"}, Fraction(4, 3)),
        # Where the picture is turned, so are its pixels.
        ({"container": "matroska", "read": {"rotate": True}, "function": lambda frame: frame},
         Fraction(3, 4) if CAN_ROTATE else Fraction(4, 3)),
        ({"container": "mp4", "pixel_aspect": Fraction(2)}, Fraction(2)),
    ):  # fmt: skip
        function = changes.pop("function", None)
        with fastav.open(run(wide, function, codec="libx264", **changes)) as reader:
            assert reader.info.pixel_aspect == expected


def test_sound_is_opened_as_the_pictures_are() -> None:
    """By the format that was named: a description of lavfi's is no file."""
    written = run("testsrc2=size=64x48:duration=0.2", read={"container_format": "lavfi"})
    assert fastav.imread(written).shape == (5, 48, 64, 3)


@pytest.mark.parametrize("rate", [25, Fraction(30000, 1001), Fraction(24000, 1001)])
@pytest.mark.parametrize("origin", ["mp4", "matroska", "avi"])
@pytest.mark.parametrize(
    ("container", "codec"),
    [("avi", "mpeg4"), ("yuv4mpegpipe", None), ("mxf", "mpeg2video"), ("mpegts", "mpeg2video"),
     ("mpeg", "mpeg1video"), ("mp4", "mpeg2video"), ("matroska", "mpeg2video")],
)  # fmt: skip
def test_a_constant_rate_stays_one(
    rate: Fraction, origin: str, container: str, codec: str | None
) -> None:
    """Also where the source's clock knows no better than milliseconds."""
    written = run(clip_at(rate, origin), container=container, codec=codec)
    with fastav.open(written) as reader:
        assert reader.info.frame_rate == rate
        times = np.array(reader.timestamps)
        np.testing.assert_allclose(times - times[0], np.arange(40) / float(rate), atol=6e-4)


def test_a_rate_next_to_one_that_the_codec_knows() -> None:
    """Telephones have such, of 2998 ticks of 1/90000 s; one that no codec knows is told so."""
    telephone = clip_at(Fraction(45000, 1499))
    for container, codec in (("mpeg", "mpeg1video"), ("mpegts", "mpeg2video")):
        with fastav.open(run(telephone, container=container, codec=codec)) as reader:
            assert reader.info.frame_rate == 30
            times = np.array(reader.timestamps)
            np.testing.assert_allclose(times - times[0], np.arange(40) / 30.02, atol=1e-3)
    written = run(telephone, container="avi", codec="mpeg4")
    with av.open(io.BytesIO(written)) as opened:  # no empty frames between them
        stream = opened.streams.video[0]
        assert (stream.frames, fraction(stream.average_rate)) == (40, Fraction(45000, 1499))
    # Where the container has each frame's time, none is off, however long it goes on.
    long = clip_at(Fraction(45000, 1499), count=1300)
    for container, options in (("mpegts", {}), ("matroska", {}), ("mp4", {"bf": 2})):
        written = run(long, container=container, codec="mpeg2video", options=options)
        with fastav.open(written) as reader:
            times = np.array(reader.timestamps)
            assert len(times) == 1300
            np.testing.assert_allclose(times - times[0], np.arange(1300) * 2998 / 9e4, atol=6e-4)
    if frame_rates(av.Codec("mpeg2video", "w")) is not None:
        with pytest.raises(EncodeError, match=r"does not encode 27 .*codec=.*'fps', '30'") as told:
            run(clip_at(Fraction(27)), container="mpegts", codec="mpeg1video")
        assert len(str(told.value)) < 300


def clip_at(rate: Fraction, container: str = "mp4", count: int = 40) -> bytes:
    file = io.BytesIO()
    with fastav.open(file, "w", container=container, codec="mpeg4", fps=rate) as writer:
        writer.write(list(pictures(count, 64, 48)))
    return file.getvalue()

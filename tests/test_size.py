"""Frames resized and cropped while they are read: equal to Pillow's resize of the whole frames."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import fastav
from fastav.cli import main
from fastav.errors import DecodeError, FrameChangedError, UnsupportedFormatError
from fastav.pixels.convert import ConversionOptions, FrameConverter, convert_frame
from fastav.pixels.sized import SizedConverter

from . import colours
from .media import encode
from .resampled import by_pillow
from .test_read import changing

WIDTH, HEIGHT = 150, 90
Frames = NDArray[Any]


@pytest.fixture(scope="module")
def clip() -> bytes:
    """A clip with B-frames and several key frames."""
    return encode(width=WIDTH, height=HEIGHT, count=14, options={"g": "6", "bf": "2"})


@pytest.fixture(scope="module")
def whole(clip: bytes) -> Frames:
    """All of its frames."""
    return np.asarray(fastav.imread(clip))


def resized(
    frames: Frames, height: int, width: int, filter: str = "bilinear", box: Any = None
) -> Any:
    return np.stack([by_pillow(frame, width, height, filter, box) for frame in frames])


def equal(found: Any, expected: Any) -> None:
    np.testing.assert_array_equal(found, expected)


def test_every_way_to_read(clip: bytes, whole: Frames) -> None:
    small = resized(whole, 40, 60)
    size = (40, 60)
    equal(fastav.imread(clip, size=size), small)
    equal(fastav.imread(clip, size=size, thread_count=1), small)
    equal(fastav.imread(clip, index=5, size=size), small[5])
    equal(np.stack(list(fastav.imiter(clip, size=size))), small)
    with fastav.open(clip) as reader:
        equal(reader.read(size=size, step=3), small[::3])
        equal(np.stack(list(reader.iter(size=size, start=2))), small[2:])
        equal(np.concatenate(list(reader.batches(4, size=size))), small)
        equal(reader.read_frame(3, size=size), small[3])
        assert reader.shape == whole.shape
    with fastav.open(clip, size=size) as reader:
        assert reader.shape == small.shape
        assert reader.nbytes == small.nbytes
        equal(reader[-1], small[-1])
        equal(reader[2:9:2], small[2:9:2])
        equal(reader.get_batch([13, 0, 7, 7]), small[[13, 0, 7, 7]])
        equal(reader.get_frames_played_at([0.0, 0.25]).data, small[[0, 6]])
        equal(reader.get_frames_in_range(1, 9, 3).data, small[1:9:3])
        out = np.zeros((20, 40, 60, 3), np.uint8)
        equal(reader.read(out=out), small)
        equal(out[14:], 0)
    assert fastav.improps(clip, size=size).shape == small.shape
    assert fastav.improps(clip, size=size, index=0).shape == small.shape[1:]


def test_shapes_are_told_before_anything_is_decoded(
    clip: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fastav.open(clip, size=40, layout="chw", dtype="float32") as reader:
        reader.index  # noqa: B018
        for decodes in ("indexed.decode_all", "access.decode_packet"):
            monkeypatch.setattr(f"fastav.reading.{decodes}", lambda *_: 1 / 0)
        assert reader.shape == (14, 3, 40, 66)
        assert reader.dtype == np.float32


@pytest.mark.parametrize("filter", ["bilinear", "bicubic", "lanczos", "box", "nearest"])
@pytest.mark.parametrize("crop", [None, (7, 11, 51, 80), (4, 8, 60, 60)])
def test_filters_and_crops(
    clip: bytes, whole: Frames, filter: str, crop: tuple[int, int, int, int] | None
) -> None:
    box = crop and (crop[1], crop[0], crop[1] + crop[3], crop[0] + crop[2])
    for height, width in ((40, 60), (1, 1), (17, 200), (HEIGHT, WIDTH), (10, WIDTH)):
        found = fastav.imread(clip, size=(height, width), crop=crop, interpolation=filter)
        equal(found, resized(whole, height, width, filter, box))


@pytest.mark.parametrize("format", ["rgb24", "bgr24", "rgba", "bgra", "gray"])
def test_formats_and_layouts(clip: bytes, format: str) -> None:
    frames = np.asarray(fastav.imread(clip, format=format))
    channels = {"rgb24": [0, 1, 2], "bgr24": [2, 1, 0], "rgba": [0, 1, 2, 3], "bgra": [2, 1, 0, 3]}
    order = channels.get(format)
    small = resized(frames if order is None else frames[..., order], 40, 66)
    small = small if order is None else small[..., order]
    equal(fastav.imread(clip, format=format, size=40), small)
    first = np.moveaxis(small, -1, 1) if small.ndim == 4 else small[:, np.newaxis]
    equal(fastav.imread(clip, format=format, size=40, layout="chw"), first)
    found = fastav.imread(clip, format=format, size=40, layout="chw", dtype="float32")
    np.testing.assert_allclose(found, first / 255, atol=1e-7)
    found = fastav.imread(clip, format=format, size=40, dtype="float32", mean=0.4, std=0.2)
    np.testing.assert_allclose(found, (small / 255 - 0.4) / 0.2, atol=1e-6)


def test_cropping_alone_resizes_nothing(clip: bytes, whole: Frames) -> None:
    for top, left, height, width in ((0, 0, 90, 150), (3, 5, 40, 61), (8, 4, 1, 1), (2, 2, 33, 7)):
        part = whole[:, top : top + height, left : left + width]
        crop = (top, left, height, width)
        equal(fastav.imread(clip, crop=crop), part)
        equal(fastav.imread(clip, crop=crop, layout="chw"), np.moveaxis(part, -1, 1))
        deep = np.asarray(fastav.imread(clip, format="rgb48"))
        expected = deep[:, top : top + height, left : left + width]
        equal(fastav.imread(clip, crop=crop, format="rgb48"), expected)
    equal(fastav.imread(clip, center_crop=(30, 41)), whole[:, 30:60, 54:95])
    equal(fastav.imread(clip, crop=(10, 20, 50, 60), center_crop=20), whole[:, 25:45, 40:60])
    small = resized(whole, 40, 66)
    equal(fastav.imread(clip, size=40, center_crop=(20, 31)), small[:, 10:30, 18:49])


def test_the_shorter_edge_as_torchvision_has_it() -> None:
    def shape(height: int, width: int, **sizes: Any) -> tuple[int, int]:
        return ConversionOptions(**sizes).geometry(height, width).shape

    assert shape(1080, 1920, size=224) == (224, 398)
    assert shape(1920, 1080, size=224) == (398, 224)
    assert shape(100, 100, size=7) == (7, 7)
    assert shape(1080, 1920, size=224, max_size=300) == (168, 300)
    assert shape(1920, 1080, size=224, max_size=300) == (300, 168)
    assert shape(1080, 1920, size=224, max_size=398) == (224, 398)
    assert shape(2, 2000, size=3, max_size=4) == (1, 4)
    assert shape(1080, 1920, size=256, center_crop=224) == (224, 224)
    assert shape(1080, 1920, size=np.int64(224)) == (224, 398)
    assert shape(1080, 1920, size=[3, 5], crop=[0, 0, 9, 9]) == (3, 5)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"crop": (0, 0, 91, 20)}, ValueError, "90 high and 150 wide"),
        ({"crop": (40, 100, 40, 51)}, ValueError, "90 high and 150 wide"),
        ({"crop": (0, 0, 0, 20)}, ValueError, "crop must be"),
        ({"crop": (-1, 0, 5, 20)}, ValueError, "crop must be"),
        ({"crop": (1, 2, 3)}, TypeError, r"crop must be \(top, left, height, width\)"),
        ({"crop": 5}, TypeError, "crop must be"),
        ({"center_crop": 91}, ValueError, "90 x 150"),
        ({"size": 20, "center_crop": (21, 3)}, ValueError, "20 high and 33 wide"),
        ({"size": 0}, ValueError, "size must be an int or"),
        ({"size": (3, 0)}, ValueError, "size must be"),
        ({"size": 2.5}, TypeError, "size must be an int or"),
        ({"size": True}, TypeError, "size must be"),
        ({"size": "224"}, TypeError, "size must be"),
        ({"size": (1, 2, 3)}, TypeError, "size must be"),
        ({"max_size": 5}, ValueError, "where size is one int"),
        ({"size": (5, 5), "max_size": 7}, ValueError, "where size is one int"),
        ({"size": 5, "max_size": 5}, ValueError, "more than size"),
        ({"size": 5, "interpolation": "area"}, ValueError, "interpolation must be 'bilinear'"),
        ({"size": 5, "planes": True}, ValueError, "scale"),
        ({"size": 5, "format": None}, UnsupportedFormatError, "yuv420p .* 'rgb24'.*scale"),
        ({"size": 5, "format": "nv12"}, UnsupportedFormatError, "nv12 frames are not resized"),
    ],
)
def test_what_cannot_be(
    clip: bytes, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        fastav.imread(clip, **options)
    with pytest.raises(error, match=message), fastav.open(clip, **options) as reader:
        reader[3]


def test_sizes_as_arrays(clip: bytes) -> None:
    wanted = fastav.imread(clip, stop=2, size=(20, 30), crop=(1, 2, 50, 60))
    size, crop = np.array([20, 30]), np.array([1, 2, 50, 60])
    np.testing.assert_array_equal(fastav.imread(clip, stop=2, size=size, crop=crop), wanted)


def test_frames_that_change(tmp_path: Path) -> None:
    data = changing(width=96, height=54)
    each = list(_frames_of(data))
    assert len({frame.shape for frame in each}) == 2
    expected = np.stack([by_pillow(frame, 30, 20, "bilinear") for frame in each])
    for resize in (False, True):
        equal(fastav.imread(data, size=(20, 30), resize=resize), expected)
        equal(np.stack(list(fastav.imiter(data, size=(20, 30), resize=resize))), expected)
        with fastav.open(data, size=(20, 30), resize=resize) as reader:
            equal(reader.get_batch(range(len(each))), expected)
            equal(reader[len(each) - 1], expected[-1])
    with pytest.raises(FrameChangedError, match="size="):
        fastav.imread(data, crop=(0, 0, 20, 20))
    # The part of a frame of another size that is where the crop of the first one is.
    height, width = each[0].shape[:2]
    down, across = each[-1].shape[0] / height, each[-1].shape[1] / width
    box = (5 * across, 4 * down, 25 * across, 24 * down)
    found = np.asarray(fastav.imread(data, crop=(4, 5, 20, 20), resize=True))
    equal(found[0], each[0][4:24, 5:25])
    equal(found[-1], by_pillow(each[-1], 20, 20, "bilinear", box))


def _frames_of(data: bytes) -> Iterator[Frames]:
    with av.open(io.BytesIO(data)) as container:
        for frame in container.decode(video=0):
            yield convert_frame(frame, "rgb24")


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("angle", [0, 90, 180, 270])
def test_turned_pictures(tmp_path: Path, angle: int, mirror: bool) -> None:
    path = tmp_path / "turned.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        if not hasattr(stream, "set_display_rotation"):
            pytest.skip("this PyAV cannot write a rotation")
        stream.width, stream.height, stream.pix_fmt = 96, 54, "yuv420p"
        stream.set_display_rotation(angle, hflip=mirror)
        rng = np.random.default_rng(0)
        for index in range(4):
            image = rng.integers(0, 256, (54, 96, 3), np.uint8)
            frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format="yuv420p")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    upright = np.asarray(fastav.imread(path, rotate=True))
    expected = resized(upright, 20, 31)
    equal(fastav.imread(path, rotate=True, size=(20, 31)), expected)
    equal(fastav.imread(path, rotate=True, crop=(3, 5, 20, 31)), upright[:, 3:23, 5:36])
    with fastav.open(path, rotate=True, size=(20, 31), layout="chw") as reader:
        assert reader.shape == (4, 3, 20, 31)
        equal(reader.get_batch([2, 1]), np.moveaxis(expected[[2, 1]], -1, 1))
    assert fastav.improps(path, rotate=True, size=20).shape[1:3] in ((20, 35), (35, 20))


def test_filtered_frames(clip: bytes) -> None:
    filters = [("crop", "100:60:10:10"), ("hflip", "")]
    frames = np.asarray(fastav.imread(clip, filter_sequence=filters))
    found = fastav.imread(clip, filter_sequence=filters, size=20, center_crop=(20, 30))
    equal(found, resized(frames, 20, 33)[:, :, 2:32])


@pytest.mark.parametrize("codec", ["mjpeg", "mpeg2video"])
def test_decoders_side_by_side(codec: str, tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    pixel_format = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path.write_bytes(encode(codec=codec, pixel_format=pixel_format, container="matroska", count=80))
    whole = np.asarray(fastav.imread(path))
    equal(fastav.imread(path, size=(20, 31)), resized(whole, 20, 31))


def test_damage(clip: bytes) -> None:
    cut = encode(container="matroska", count=40, width=96, height=54, options={"g": "5"})
    cut = cut[: len(cut) // 2] + bytes(64) + cut[len(cut) // 2 + 64 :]
    try:
        whole = np.asarray(fastav.imread(cut))
    except DecodeError:
        whole = np.asarray(fastav.imread(cut, errors="keep"))
    equal(fastav.imread(cut, errors="keep", size=(20, 30)), resized(whole, 20, 30)[: len(whole)])


STORED = [
    *("yuv420p", "yuvj444p", "yuv422p10le", "nv12", "p010le", "uyvy422", "rgb24", "bgr0", "gbrp"),
    *("gray", "gray12le", "ya8", "yuva420p", "rgba", "argb", "pal8", "rgb565le", "monob"),
    *("bayer_rggb8", "bayer_gbrg16le", "xyz12le", "gbrpf32le", "yuv410p"),
]


@pytest.mark.parametrize("target", ["rgb24", "rgba", "gray"])
@pytest.mark.parametrize("conversion", ["exact", "ffmpeg"])
@pytest.mark.parametrize("stored", STORED)
def test_every_class_of_stored_format(stored: str, conversion: str, target: str) -> None:
    for number in (0, 1):
        packed = stored in ("rgb565le", "monob")  # several components to a byte
        size = 64 - 5 * number, 36 + number
        frame = colours.random_frame("rgb24" if packed else stored, *size, seed=number)
        if packed:
            frame = frame.reformat(format=stored)
        options = ConversionOptions(format=target, conversion=conversion)
        (whole,) = FrameConverter(options).convert(frame)
        sized = ConversionOptions(
            format=target, conversion=conversion, size=(21, 30), crop=(number, 3, 31, 45)
        )
        (found,) = SizedConverter(sized, FrameConverter(sized.whole())).convert(frame)
        equal(found, by_pillow(whole, 30, 21, "bilinear", (3, number, 48, number + 31)))


def test_interlaced_chroma() -> None:
    """FFmpeg converts these whole, and what it makes is resized."""
    options = {"x264-params": "tff=1"}
    clip = encode(width=80, height=64, count=5, options=options)
    frames = list(av.open(io.BytesIO(clip)).decode(video=0))
    assert frames[0].interlaced_frame
    equal(fastav.imread(clip, size=(20, 30)), resized(np.asarray(fastav.imread(clip)), 20, 30))


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_any_size_and_crop(data: st.DataObject) -> None:
    width, height = data.draw(st.integers(1, 80)), data.draw(st.integers(1, 80))
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    crop_height = data.draw(st.integers(1, height - top))
    crop_width = data.draw(st.integers(1, width - left))
    size = data.draw(st.integers(1, 60)), data.draw(st.integers(1, 60))
    middle = data.draw(st.integers(1, size[0])), data.draw(st.integers(1, size[1]))
    filter = data.draw(st.sampled_from(["bilinear", "bicubic", "lanczos", "box", "nearest"]))
    chroma = data.draw(st.sampled_from(["nearest", "linear"]))
    frame = colours.random_frame(
        data.draw(st.sampled_from(["yuv420p", "rgb24", "gray", "nv12"])), width, height
    )
    plain = ConversionOptions(chroma=chroma)
    (whole,) = FrameConverter(plain).convert(frame)
    options = ConversionOptions(
        chroma=chroma,
        size=size,
        crop=(top, left, crop_height, crop_width),
        center_crop=middle,
        interpolation=filter,
    )
    (found,) = SizedConverter(options, FrameConverter(options.whole())).convert(frame)
    box = left, top, left + crop_width, top + crop_height
    expected = by_pillow(whole, size[1], size[0], filter, box)
    first = [round((have - want) / 2) for have, want in zip(size, middle, strict=True)]
    rows, columns = (slice(a, a + n) for a, n in zip(first, middle, strict=True))
    equal(found, expected[rows, columns])


def test_near_torchs(clip: bytes, whole: Frames) -> None:
    """torchvision's v2 resize is this; with 8 bits it depends on the processor."""
    torch = pytest.importorskip("torch", reason="compares with torch, which is not installed")
    small = np.asarray(fastav.imread(clip, size=(40, 66), layout="chw"))
    pictures = torch.from_numpy(np.moveaxis(whole, -1, 1).copy())
    for stack in (pictures, pictures.float()):
        made = torch.nn.functional.interpolate(stack, (40, 66), mode="bilinear", antialias=True)
        made = made.float().round().clamp(0, 255).numpy()
        assert np.abs(small - made).max() <= 1


def test_command_line(
    clip: bytes, whole: Frames, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, target = tmp_path / "clip.mp4", tmp_path / "out.npy"
    path.write_bytes(clip)
    read = ["read", str(path), "-o", str(target), "--quiet"]
    assert main([*read, "--size", "40", "--center-crop", "32,48"]) == 0
    equal(np.load(target), resized(whole, 40, 66)[:, 4:36, 9:57])
    sizes = ["--crop", "7,11,51,80", "--size", "20,30", "--interpolation", "bicubic"]
    assert main([*read, *sizes]) == 0
    equal(np.load(target), resized(whole, 20, 30, "bicubic", (11, 7, 91, 58)))
    assert main([*read, "--crop", "0,0,1000,1"]) == 1
    with pytest.raises(SystemExit):
        main([*read, "--size", "a"])
    assert "argument --size: must be HEIGHT,WIDTH or one number, got 'a'" in capsys.readouterr().err


def test_sizes_that_are_too_large_for_ffmpeg(clip: bytes) -> None:
    for layout in ("hwc", "chw"):
        with fastav.open(clip, size=(20000, 20000), layout=layout) as reader:
            for read in (reader.read, lambda: np.asarray(reader), lambda: reader[0]):
                with pytest.raises(MemoryError, match=r"20000x20000 is 1\.2 GB"):
                    read()

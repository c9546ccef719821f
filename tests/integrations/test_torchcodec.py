"""torchcodec's names on fastav, by themselves and beside torchcodec where it is installed."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

import fastav

from ..media import encode, make_sounding

torch = pytest.importorskip("torch")

from fastav.integrations import torchcodec as ours  # noqa: E402 - needs torch
from fastav.integrations.torchcodec.decoders import VideoDecoder  # noqa: E402
from fastav.integrations.torchcodec.transforms import (  # noqa: E402
    CenterCrop,
    RandomCrop,
    Resize,
)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("torchcodec") / "clip.mp4"
    path.write_bytes(encode(count=40, options={"g": "12"}))
    return str(path)


@pytest.fixture(scope="module")
def frames(clip: str) -> np.ndarray:
    return np.asarray(fastav.imread(clip))


def theirs() -> Any:
    """torchcodec itself."""
    pytest.importorskip("torchcodec")
    from torchcodec import decoders, samplers, transforms

    return SimpleNamespace(decoders=decoders, samplers=samplers, transforms=transforms)


def chw(frames: np.ndarray) -> np.ndarray:
    return np.moveaxis(frames, -1, -3)


def test_by_number(clip: str, frames: np.ndarray) -> None:
    decoder = VideoDecoder(clip)
    assert len(decoder) == 40
    frame = decoder.get_frame_at(-3)
    np.testing.assert_array_equal(frame.data.numpy(), chw(frames[-3]))
    data, pts, duration = frame
    assert data is frame.data
    assert pts == pytest.approx(37 / 24)
    assert duration == pytest.approx(1 / 24)
    for indices in ([30, 2, 2, -1], torch.tensor([30, 2, 2, -1])):
        batch = decoder.get_frames_at(indices)
        np.testing.assert_array_equal(batch.data.numpy(), chw(frames[[30, 2, 2, -1]]))
        np.testing.assert_allclose(batch.pts_seconds.numpy() * 24, [30, 2, 2, 39])
        assert batch.pts_seconds.dtype == batch.duration_seconds.dtype == torch.float64
    np.testing.assert_array_equal(
        decoder.get_frames_in_range(-10, 1000, 3).data.numpy(), chw(frames[-10::3])
    )
    np.testing.assert_array_equal(decoder[7].numpy(), chw(frames[7]))
    np.testing.assert_array_equal(decoder[np.int64(-1)].numpy(), chw(frames[-1]))
    np.testing.assert_array_equal(decoder[3:30:4].numpy(), chw(frames[3:30:4]))
    np.testing.assert_array_equal(torch.stack(list(decoder)).numpy(), chw(frames))
    np.testing.assert_array_equal(decoder.get_all_frames().data.numpy(), chw(frames))
    assert decoder[5:2].shape == (0, 3, 48, 64)
    for wrong in (40, -41):
        with pytest.raises(IndexError):
            decoder.get_frames_at([0, wrong])
        with pytest.raises(IndexError):
            decoder[wrong]
    for key in ("a", 1.0):
        with pytest.raises(TypeError, match="int or a slice"):
            decoder[key]


def test_memory_is_shared_in_either_order(clip: str, frames: np.ndarray) -> None:
    first = VideoDecoder(clip).get_frames_at([3, 4]).data
    last = VideoDecoder(clip, dimension_order="NHWC").get_frames_at([3, 4]).data
    np.testing.assert_array_equal(last.numpy(), frames[3:5])
    assert last.is_contiguous()
    assert first.stride() == (9216, 1, 192, 3)
    array = first.numpy()
    assert array.ctypes.data == first.data_ptr()
    array[:] = 7
    assert bool((first == 7).all())


def test_by_time(clip: str, frames: np.ndarray) -> None:
    decoder = VideoDecoder(clip)
    np.testing.assert_array_equal(decoder.get_frame_played_at(0.9999).data.numpy(), chw(frames[23]))
    batch = decoder.get_frames_played_at([1.6, 0.0, 1 / 24, 1 / 24])
    np.testing.assert_array_equal(batch.data.numpy(), chw(frames[[38, 0, 1, 1]]))
    played = decoder.get_frames_played_in_range(0.05, 0.3)
    np.testing.assert_allclose(played.pts_seconds.numpy() * 24, range(1, 8))
    assert len(decoder.get_frames_played_in_range(0.05, 0.05)) == 0
    for wrong in (-0.1, 5 / 3, float("nan")):
        with pytest.raises(IndexError, match="outside"):
            decoder.get_frame_played_at(wrong)
        with pytest.raises(ValueError, match="outside"):
            decoder.get_frames_played_at([0, wrong])
    for span in ((0.3, 0.1), (-1, 0.1), (0, 2)):
        with pytest.raises(ValueError, match=r"start|outside"):
            decoder.get_frames_played_in_range(*span)


def test_at_another_rate(clip: str, frames: np.ndarray) -> None:
    decoder = VideoDecoder(clip)
    batch = decoder.get_frames_played_in_range(0.0, 0.5, fps=10)
    np.testing.assert_allclose(batch.pts_seconds.numpy(), np.arange(5) / 10)
    np.testing.assert_allclose(batch.duration_seconds.numpy(), 0.1)
    np.testing.assert_array_equal(batch.data.numpy(), chw(frames[[0, 2, 4, 7, 9]]))
    same = decoder.get_all_frames(fps=24)  # every frame at its very time
    np.testing.assert_array_equal(same.data.numpy(), chw(frames))
    for wrong in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="fps must be"):
            decoder.get_all_frames(fps=wrong)


def test_sources(clip: str, frames: np.ndarray) -> None:
    data = Path(clip).read_bytes()
    tensor = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    with open(clip, "rb") as file:
        for source in (Path(clip), data, tensor, io.BytesIO(data), file):
            np.testing.assert_array_equal(VideoDecoder(source)[9].numpy(), chw(frames[9]))
    copy = pickle.loads(pickle.dumps(VideoDecoder(tensor, transforms=[Resize((20, 30))])))
    assert copy[3].shape == (3, 20, 30)
    with pytest.raises(FileNotFoundError):
        VideoDecoder("missing.mp4")
    with pytest.raises(fastav.NotAVideoError):
        VideoDecoder(b"no video")
    with pytest.raises(TypeError):
        VideoDecoder(3)


def test_streams_are_counted_among_all() -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as output:
        sound = output.add_stream("pcm_s16le", rate=8000, layout="mono")
        videos = [output.add_stream("ffv1", rate=5) for _ in range(2)]
        for video, width in zip(videos, (32, 48), strict=True):
            video.width, video.height, video.pix_fmt = width, 16, "yuv420p"
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        samples.sample_rate, samples.pts = 8000, 0
        output.mux(sound.encode(samples))
        for video in videos:
            output.mux(video.encode(av.VideoFrame(video.width, 16, "yuv420p")))
        for stream in (sound, *videos):
            output.mux(stream.encode(None))
    data = file.getvalue()
    assert VideoDecoder(data, stream_index=1)[0].shape == (3, 16, 32)
    second = VideoDecoder(data, stream_index=2)
    assert second[0].shape == (3, 16, 48)
    assert second.stream_index == second.metadata.stream_index == 2
    for wrong in (0, 3, -1):
        with pytest.raises(ValueError, match="is no video stream"):
            VideoDecoder(data, stream_index=wrong)


def test_arguments_that_are_wrong(clip: str) -> None:
    for arguments, error, message in (
        ({"seek_mode": "fast"}, ValueError, "seek_mode"),
        ({"dimension_order": "CHW"}, ValueError, "dimension_order"),
        ({"num_ffmpeg_threads": None}, ValueError, "num_ffmpeg_threads"),
        ({"device": "cuda"}, NotImplementedError, "CPU"),
        ({"transforms": [object()]}, ValueError, "Resize, CenterCrop and RandomCrop"),
        ({"transforms": [CenterCrop((49, 9))]}, ValueError, "48x64"),
        ({"custom_frame_mappings": "{"}, ValueError, "must be JSON"),
        ({"custom_frame_mappings": '{"frames": [{"pts": 1}]}'}, ValueError, "must be JSON"),
        ({"custom_frame_mappings": '{"frames": []}'}, ValueError, "must be JSON"),
    ):
        with pytest.raises(error, match=message):
            VideoDecoder(clip, **arguments)
    with pytest.raises(ValueError, match="height, width"):
        Resize((3,))


@pytest.mark.parametrize("form", [str, str.encode, io.StringIO])
@pytest.mark.parametrize("prefix", ["", "pkt_"])
def test_frame_mappings(clip: str, frames: np.ndarray, form: Any, prefix: str) -> None:
    told = [
        {f"{prefix}pts": 512 * n, f"{prefix}duration": 512, "key_frame": int(n % 12 == 0)}
        for n in range(40)
    ]
    mappings = json.dumps({"frames": told})
    decoder = VideoDecoder(clip, custom_frame_mappings=form(mappings))
    np.testing.assert_array_equal(decoder[33].numpy(), chw(frames[33]))
    with pytest.raises(ValueError, match="exclude"):
        VideoDecoder(clip, custom_frame_mappings=form(mappings), seek_mode="approximate")


def test_transforms_one_after_the_other(clip: str, frames: np.ndarray) -> None:
    def pillow(picture: np.ndarray, height: int, width: int) -> np.ndarray:
        resized = Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(resized)

    whole = frames[5]
    middle = whole[14:35, 16:49]  # 21 of 48 rows and 33 of 64 columns, rounded as torchvision does
    for transforms, expected in (
        ([Resize((20, 30))], pillow(whole, 20, 30)),
        ([CenterCrop((21, 33))], middle),
        ([Resize((30, 40)), CenterCrop((20, 30))], pillow(whole, 30, 40)[5:25, 5:35]),
        ([CenterCrop((21, 33)), Resize((50, 60))], pillow(np.ascontiguousarray(middle), 50, 60)),
        (
            [Resize((30, 40)), Resize((60, 20)), CenterCrop((10, 10))],
            pillow(pillow(whole, 30, 40), 60, 20)[25:35, 5:15],
        ),
    ):
        decoder = VideoDecoder(clip, transforms=transforms)
        np.testing.assert_array_equal(decoder[5].numpy(), chw(expected))
        np.testing.assert_array_equal(decoder.get_frames_at([1, 5]).data[1], chw(expected))
        np.testing.assert_array_equal(list(decoder)[5], chw(expected))
        assert decoder.get_frames_at([]).data.shape == (0, 3, *expected.shape[:2])


def test_random_crop_stays_where_it_was_drawn(clip: str, frames: np.ndarray) -> None:
    torch.manual_seed(3)
    decoder = VideoDecoder(clip, transforms=[RandomCrop((11, 20))])
    torch.manual_seed(3)
    top, left = (int(torch.randint(0, n, size=())) for n in (48 - 11 + 1, 64 - 20 + 1))
    expected = frames[[8, 2], top : top + 11, left : left + 20]
    np.testing.assert_array_equal(decoder.get_frames_at([8, 2]).data.numpy(), chw(expected))


def test_transforms_of_torchvision(clip: str, frames: np.ndarray) -> None:
    """By their names and attributes; they are stood in for."""

    def stand_in(name: str, **attributes: Any) -> Any:
        return type(name, (), attributes)()

    mode = SimpleNamespace(value="bicubic")
    resize = stand_in("Resize", size=[24], max_size=None, interpolation=mode, antialias=True)
    crop = stand_in("RandomCrop", size=(24, 32), padding=None, pad_if_needed=False)
    expected = Image.fromarray(frames[5]).resize((32, 24), Image.Resampling.BICUBIC)
    decoder = VideoDecoder(clip, transforms=[resize, crop])
    np.testing.assert_array_equal(decoder[5].numpy(), chw(np.asarray(expected)))
    for wrong in (
        stand_in("Resize", size=(9, 9), antialias=False),
        stand_in("Resize", size=(9, 9), interpolation="nearest"),
        stand_in("Resize", size=None, max_size=9),
        stand_in("RandomCrop", size=(9, 9), padding=4),
        stand_in("RandomCrop", size=(9, 9), padding=None, pad_if_needed=True),
        stand_in("ColorJitter"),
    ):
        with pytest.raises(ValueError, match=r"Resize|pads"):
            VideoDecoder(clip, transforms=[wrong])


def test_batches_are_checked_and_selected_from(clip: str) -> None:
    batch = VideoDecoder(clip).get_frames_at([4, 5, 6])
    assert len(batch) == 3
    assert batch[1:].pts_seconds.tolist() == batch.pts_seconds[1:].tolist()
    assert [part.data.shape for part in batch] == [(3, 48, 64)] * 3
    assert "torch.Size([3, 3, 48, 64])" in repr(batch)
    with pytest.raises(ValueError, match="3 or more dimensions"):
        ours.FrameBatch(torch.zeros(2, 2), torch.zeros(2), torch.zeros(2))
    with pytest.raises(ValueError, match="needs times of shape"):
        ours.FrameBatch(torch.zeros(2, 3, 4, 4), torch.zeros(2), torch.zeros(3))
    with pytest.raises(ValueError, match="3 dimensions"):
        ours.Frame(torch.zeros(2), 0.0, 1.0)


def test_policies_of_clips_beyond_the_end(clip: str) -> None:
    sample = ours.samplers.clips_at_regular_indices
    arguments = {"num_frames_per_clip": 4, "num_indices_between_frames": 2}
    at = {"sampling_range_start": 36, "sampling_range_end": 37}
    for policy, expected in (
        ("repeat_last", [36, 38, 38, 38]),
        ("wrap", [36, 38, 36, 38]),
    ):
        clips = sample(VideoDecoder(clip), policy=policy, **arguments, **at)
        assert clips.data.shape == (1, 4, 3, 48, 64)
        np.testing.assert_allclose(clips.pts_seconds.numpy() * 24, [expected])
    with pytest.raises(ValueError, match="beyond the end"):
        sample(VideoDecoder(clip), policy="error", **arguments, **at)
    for wrong in (
        {"policy": "skip"},
        {"num_clips": 0},
        {"num_frames_per_clip": 0},
        {"num_indices_between_frames": 0},
        {"sampling_range_start": 40},
        {"sampling_range_start": 9, "sampling_range_end": 9},
        {"num_frames_per_clip": 40, "sampling_range_start": 5},
    ):
        with pytest.raises(ValueError, match=r"must be|no clip can begin"):
            sample(VideoDecoder(clip), **wrong)
    for wrong in (
        {"seconds_between_clip_starts": 0},
        {"seconds_between_clip_starts": 1, "seconds_between_frames": 0},
        {"seconds_between_clip_starts": 1, "sampling_range_start": -1},
        {"seconds_between_clip_starts": 1, "sampling_range_start": 2},
    ):
        with pytest.raises(ValueError, match=r"must be|no clip can begin"):
            ours.samplers.clips_at_regular_timestamps(VideoDecoder(clip), **wrong)


def test_programs_that_import_torchcodec_get_it(clip: str) -> None:
    code = (
        "from fastav.integrations import torchcodec as ours\n"
        "ours.install()\n"
        "import torchcodec\n"
        "from torchcodec import FrameBatch\n"
        "from torchcodec.decoders import VideoDecoder\n"
        "from torchcodec.samplers import clips_at_random_indices\n"
        "from torchcodec.transforms import Resize\n"
        f"decoder = VideoDecoder({clip!r}, transforms=[Resize((24, 32))])\n"
        "assert isinstance(clips_at_random_indices(decoder, num_clips=2), FrameBatch)\n"
        "assert torchcodec is ours\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# Beside torchcodec


def check_same(a: Any, b: Any, tolerance: float = 1.5) -> None:
    """The same frames, nearly the same pixels: FFmpeg's conversion rounds down."""
    assert a.data.shape == b.data.shape
    np.testing.assert_allclose(a.pts_seconds, b.pts_seconds, atol=1e-9)
    np.testing.assert_allclose(a.duration_seconds, b.duration_seconds, atol=1e-9)
    if a.data.numel():
        assert a.data.stride(-3) == b.data.stride(-3) == 1
        assert np.abs(a.data.numpy().astype(int) - b.data.numpy()).mean() < tolerance


CLIPS = {
    "b-frames": {"count": 40, "options": {"g": "12"}},
    "matroska": {"count": 30, "codec": "mpeg4", "container": "matroska"},
    "ntsc": {"count": 30, "rate": Fraction(30000, 1001), "width": 62, "height": 46},
    "vp9": {"count": 20, "codec": "libvpx-vp9", "container": "webm"},
}


@pytest.fixture(scope="module", params=CLIPS)
def pair(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    package = theirs()
    data = encode(**CLIPS[request.param])
    return VideoDecoder(data), package.decoders.VideoDecoder(data)


def test_beside_torchcodec(pair: tuple[Any, Any]) -> None:
    a, b = pair
    assert len(a) == len(b)
    indices = [0, 15, 7, 7, -1]
    check_same(a.get_frames_at(indices), b.get_frames_at(indices))
    check_same(a.get_frame_at(9), b.get_frame_at(9))
    check_same(a.get_frames_in_range(3, 17, 4), b.get_frames_in_range(3, 17, 4))
    check_same(a.get_all_frames(), b.get_all_frames())
    begin, end = b.metadata.begin_stream_seconds, b.metadata.end_stream_seconds
    rng = np.random.default_rng(0)
    seconds = rng.uniform(begin, end, 12).tolist()
    check_same(a.get_frames_played_at(seconds), b.get_frames_played_at(seconds))
    check_same(a.get_frame_played_at(seconds[0]), b.get_frame_played_at(seconds[0]))
    for _ in range(5):
        start, stop = sorted(rng.uniform(begin, end, 2).tolist())
        a_range = a.get_frames_played_in_range(start, stop)
        check_same(a_range, b.get_frames_played_in_range(start, stop))
        for fps in (3.7, 10.3, 59.3):
            check_same(
                a.get_frames_played_in_range(start, stop, fps),
                b.get_frames_played_in_range(start, stop, fps),
            )


def test_metadata_beside_torchcodec(pair: tuple[Any, Any]) -> None:
    a, b = (decoder.metadata for decoder in pair)
    for name in (
        *("codec", "stream_index", "width", "height", "num_frames", "num_frames_from_content"),
        *("num_frames_from_header", "rotation", "pixel_format", "color_primaries", "color_space"),
        "color_transfer_characteristic",
    ):
        assert getattr(a, name) == getattr(b, name), name
    for name in (
        *("duration_seconds", "begin_stream_seconds", "end_stream_seconds", "average_fps"),
        *("average_fps_from_header", "begin_stream_seconds_from_header", "bit_rate"),
        *("begin_stream_seconds_from_content", "end_stream_seconds_from_content"),
    ):
        assert (getattr(a, name) or 0) == pytest.approx(getattr(b, name) or 0), name


def test_turned_pictures_beside_torchcodec() -> None:
    package = theirs()
    plain = encode(count=3)
    file = io.BytesIO()
    with av.open(io.BytesIO(plain)) as source, av.open(file, "w", format="mp4") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        if not hasattr(stream, "set_display_rotation"):
            pytest.skip("this PyAV cannot write rotations")
        stream.set_display_rotation(90)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    data = file.getvalue()
    a, b = VideoDecoder(data), package.decoders.VideoDecoder(data)
    check_turned = (a.metadata.width, a.metadata.height, a.metadata.rotation)
    assert check_turned == (b.metadata.width, b.metadata.height, b.metadata.rotation)
    assert (a.metadata.width, a.metadata.height) == (48, 64)
    assert a[0].shape == b[0].shape
    assert np.abs(a[0].numpy().astype(int) - b[0].numpy()).mean() < 1.5


def test_best_stream_beside_torchcodec() -> None:
    package = theirs()
    data = make_sounding()
    a, b = VideoDecoder(data), package.decoders.VideoDecoder(data)
    assert a.stream_index == b.stream_index
    check_same(a.get_frames_at([3, 30]), b.get_frames_at([3, 30]), tolerance=2)


def test_transforms_beside_torchcodec(clip: str) -> None:
    package = theirs()
    tc = package.transforms
    for make in (
        lambda: [tc.Resize((24, 32))],
        lambda: [tc.CenterCrop((21, 33))],
        lambda: [tc.RandomCrop((20, 30))],
        lambda: [tc.Resize((40, 50)), tc.RandomCrop((20, 30)), tc.CenterCrop((11, 12))],
    ):
        torch.manual_seed(5)
        a = VideoDecoder(clip, transforms=make())
        torch.manual_seed(5)
        b = package.decoders.VideoDecoder(clip, transforms=make())
        x, y = a.get_frames_at([0, 20]).data, b.get_frames_at([0, 20]).data
        assert x.shape == y.shape
        assert np.abs(x.numpy().astype(int) - y.numpy()).mean() < 3


@pytest.mark.parametrize("seed", range(3))
def test_samplers_beside_torchcodec(clip: str, seed: int) -> None:
    package = theirs()
    b = package.decoders.VideoDecoder(clip)
    a = VideoDecoder(clip)
    for name, arguments in (
        ("clips_at_random_indices", {"num_clips": 4, "num_frames_per_clip": 3}),
        (
            "clips_at_random_indices",
            {"num_clips": 3, "num_frames_per_clip": 5, "num_indices_between_frames": 3,
             "sampling_range_start": -9, "sampling_range_end": 40, "policy": "wrap"},
        ),
        ("clips_at_regular_indices", {"num_clips": 5, "num_frames_per_clip": 2}),
        (
            "clips_at_regular_indices",
            {"num_clips": 3, "num_frames_per_clip": 6, "sampling_range_end": -1},
        ),
        ("clips_at_random_timestamps", {"num_clips": 4, "num_frames_per_clip": 3}),
        (
            "clips_at_random_timestamps",
            {"num_clips": 2, "num_frames_per_clip": 4, "seconds_between_frames": 0.31,
             "sampling_range_end": 1.6},
        ),
        (
            "clips_at_regular_timestamps",
            {"seconds_between_clip_starts": 0.29, "num_frames_per_clip": 2,
             "seconds_between_frames": 0.13, "sampling_range_start": 0.01},
        ),
    ):  # fmt: skip
        torch.manual_seed(seed)
        one = getattr(ours.samplers, name)(a, **arguments)
        torch.manual_seed(seed)
        other = getattr(package.samplers, name)(b, **arguments)
        check_same(one, other)

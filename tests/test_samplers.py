"""Clips and samples: which frames they are, and that those are what comes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastav
from fastav import samplers

from .clips import Zoo, number


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return Zoo(tmp_path_factory.mktemp("zoo"))


@pytest.fixture(scope="module")
def reader(zoo: Zoo) -> Iterator[fastav.VideoReader]:
    with fastav.open(zoo["h264-open.mp4"]) as reader:
        assert len(reader) == 40
        yield reader


def test_clips_at_regular_indices(reader: fastav.VideoReader) -> None:
    clips = samplers.clips_at_regular_indices(
        reader, num_clips=3, num_frames_per_clip=4, num_indices_between_frames=3
    )
    # A clip reaches over 10 frames, so the last begins at 30.
    wanted = [[s, s + 3, s + 6, s + 9] for s in (0, 15, 30)]
    assert clips.indices.tolist() == wanted
    assert clips.data.shape == (3, 4, *reader.shape[1:])
    assert [[number(image) for image in clip] for clip in clips.data] == wanted
    np.testing.assert_array_equal(clips.pts_seconds, reader.timestamps[clips.indices])
    assert clips.duration_seconds.shape == (3, 4)
    assert len(clips) == 3
    one = clips[1]
    assert isinstance(one, fastav.FrameBatch)
    assert [frame.index for frame in one] == wanted[1]


def test_options_reach_the_reader(reader: fastav.VideoReader) -> None:
    clips = samplers.clips_at_random_indices(
        reader, num_clips=2, num_frames_per_clip=3, rng=1, size=(24, 36), layout="chw"
    )
    assert clips.data.shape == (2, 3, 3, 24, 36)
    by_plane = samplers.clips_at_regular_timestamps(
        reader, seconds_between_clip_starts=0.5, num_frames_per_clip=2, format=None, planes=True
    )
    count = len(by_plane)
    assert [plane.shape[:2] for plane in by_plane.data] == [(count, 2)] * 3
    np.testing.assert_array_equal(by_plane[1].data[0], reader.get_batch(
        by_plane.indices[1], format=None, planes=True)[0])  # fmt: skip


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [("repeat_last", [35, 37, 39, 39, 39]), ("wrap", [35, 37, 39, 35, 37])],
)
def test_policies(reader: fastav.VideoReader, policy: str, wanted: list[int]) -> None:
    span: dict[str, Any] = {"sampling_range_start": 35, "sampling_range_end": 36}
    by_index = samplers.clips_at_random_indices(
        reader, num_frames_per_clip=5, num_indices_between_frames=2, policy=policy, **span
    )
    assert by_index.indices.tolist() == [wanted]
    by_time = samplers.clips_at_regular_timestamps(
        reader,
        seconds_between_clip_starts=1,
        num_frames_per_clip=5,
        seconds_between_frames=2 / 25,
        sampling_range_start=reader.timestamps[35] + 0.01,
        sampling_range_end=reader.timestamps[36],
        policy=policy,
    )
    assert by_time.indices.tolist() == [wanted]
    assert [number(image) for image in by_time.data[0]] == wanted


def test_the_policy_error(reader: fastav.VideoReader) -> None:
    with pytest.raises(ValueError, match="beyond the end"):
        samplers.clips_at_regular_indices(
            reader, num_frames_per_clip=5, sampling_range_start=38, sampling_range_end=40,
            policy="error",
        )  # fmt: skip
    clips = samplers.clips_at_regular_indices(
        reader, num_clips=4, num_frames_per_clip=5, policy="error"
    )
    assert clips.indices.max() == 39  # by default none reaches that far


def test_chance_is_the_generators(reader: fastav.VideoReader) -> None:
    def draw(rng: Any) -> list[list[int]]:
        found = samplers.clips_at_random_indices(
            reader, num_clips=6, num_frames_per_clip=2, rng=rng, size=(8, 8)
        ).indices.tolist()
        found += samplers.clips_at_random_timestamps(
            reader, num_clips=6, num_frames_per_clip=2, rng=rng, size=(8, 8)
        ).indices.tolist()
        return found

    assert draw(7) == draw(7) != draw(8)
    generator = np.random.default_rng(7)
    assert draw(generator) != draw(generator)
    assert all(second == first + 1 for first, second in draw(3))


def test_every_place_of_the_range_is_drawn() -> None:
    starts = samplers.index_range(10, 4, 2, -9, None)
    assert starts == (1, 4)
    drawn = np.random.default_rng(0).integers(*starts, 1000)
    assert sorted(set(drawn.tolist())) == [1, 2, 3]


@pytest.mark.parametrize("name", ["vfr.mp4", "late-start.ts"])
def test_times_are_the_readers(zoo: Zoo, name: str) -> None:
    with fastav.open(zoo[name]) as reader:
        begin, end = reader.span
        assert begin == reader.timestamps[0]
        assert end == pytest.approx(begin + reader.duration)
        clips = samplers.clips_at_regular_timestamps(
            reader, seconds_between_clip_starts=0.3, num_frames_per_clip=3,
            seconds_between_frames=0.1, policy="error",
        )  # fmt: skip
        assert len(clips) == int(np.ceil((end - 0.2 - begin) / 0.3 - 1e-9))
        for place, clip in enumerate(clips):
            times = begin + 0.3 * place + 0.1 * np.arange(3)
            assert clip.indices.tolist() == [reader.index.frame_at(time) for time in times]
        # As far as the end, where the last frame is on screen.
        many = samplers.clips_at_random_timestamps(
            reader, num_clips=50, sampling_range_start=end - 0.001, rng=0
        )
        assert set(many.indices.ravel()) == {len(reader) - 1}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_clips": 0}, "num_clips must be 1 or more, got 0"),
        ({"num_frames_per_clip": -1}, "num_frames_per_clip"),
        ({"num_indices_between_frames": 0}, "num_indices_between_frames"),
        ({"policy": "loop"}, "policy must be"),
        ({"sampling_range_start": 40}, "no clip can begin .* 40 frames"),
        ({"sampling_range_start": -41}, "no clip can begin"),
        ({"sampling_range_start": 5, "sampling_range_end": 5}, "no clip can begin"),
        ({"sampling_range_start": 35, "num_frames_per_clip": 10}, "reaches over 10"),
    ],
)
def test_arguments_of_index_samplers(
    reader: fastav.VideoReader, arguments: dict[str, Any], message: str
) -> None:
    for sampler in (samplers.clips_at_regular_indices, samplers.clips_at_random_indices):
        with pytest.raises(ValueError, match=message):
            sampler(reader, **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_frames_per_clip": 0}, "num_frames_per_clip"),
        ({"seconds_between_frames": 0}, "seconds_between_frames must be above 0, got 0"),
        ({"seconds_between_frames": float("nan")}, "seconds_between_frames"),
        ({"policy": ""}, "policy must be"),
        ({"sampling_range_start": -0.1}, "shown from 0 s until 1.6 s"),
        ({"sampling_range_start": 1.6}, "no clip can begin"),
        ({"sampling_range_end": 0.0}, "no clip can begin"),
        ({"num_frames_per_clip": 9, "seconds_between_frames": 0.2}, "it is 1.6 s"),
    ],
)
def test_arguments_of_time_samplers(
    reader: fastav.VideoReader, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        samplers.clips_at_random_timestamps(reader, **arguments)
    with pytest.raises(ValueError, match=message):
        samplers.clips_at_regular_timestamps(reader, seconds_between_clip_starts=1, **arguments)
    with pytest.raises(ValueError, match="seconds_between_clip_starts must be above 0"):
        samplers.clips_at_regular_timestamps(reader, seconds_between_clip_starts=0)


def test_short_videos_have_clips_too(zoo: Zoo) -> None:
    with fastav.open(zoo["h264-open.mp4"]) as reader:
        clips = samplers.clips_at_regular_indices(
            reader, num_clips=3, num_frames_per_clip=50, policy="wrap", size=(8, 8)
        )
        assert clips.indices.tolist() == [[*range(40), *range(10)]] * 3


@given(
    st.integers(1, 300),
    st.integers(1, 40),
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from(["repeat_last", "wrap"]),
)
def test_clips_are_those_of_plain_lists(
    count: int, clips: int, length: int, step: int, policy: str
) -> None:
    """Whatever the numbers: by lists, one clip after the other."""
    start, stop = samplers.index_range(count, length, step, 0, count)
    starts = samplers.index_starts(clips, start, stop)
    assert starts[0] == 0
    assert clips == 1 or starts[-1] == count - 1
    assert np.ptp(np.diff(starts)) <= 1 if clips > 2 else True
    found = samplers.index_clips(starts, count, length, step, policy)
    for begin, clip in zip(starts.tolist(), found.tolist(), strict=True):
        inside = list(range(begin, count, step))[:length]
        while len(inside) < length:
            inside = (inside * length)[:length] if policy == "wrap" else [*inside, inside[-1]]
        assert clip == inside


def test_samples(reader: fastav.VideoReader) -> None:
    assert reader.sample(5).indices.tolist() == [0, 10, 20, 29, 39]
    assert reader.sample(1).indices.tolist() == [0]
    assert reader.sample(4, spread="centres").indices.tolist() == [5, 15, 25, 35]
    assert reader.sample(1, spread="centres").indices.tolist() == [20]
    for n in (2, 7, 40, 55):
        ends = reader.sample(n, size=(8, 8)).indices.tolist()
        assert ends == [round(i * 39 / (n - 1)) for i in range(n)]
        centres = reader.sample(n, spread="centres", size=(8, 8)).indices.tolist()
        assert centres == [int((i + 0.5) * 40 / n) for i in range(n)]
    batch = reader.sample(3, layout="chw")
    assert batch.data.shape[:2] == (3, 3)
    room = np.empty((3, *reader.shape[1:]), np.uint8)
    assert np.shares_memory(reader.sample(3, out=room).data, room)
    with pytest.raises(ValueError, match="n must be 1 or more, got 0"):
        reader.sample(0)
    with pytest.raises(ValueError, match="spread must be 'ends' or 'centres', got 'middle'"):
        reader.sample(3, spread="middle")


@pytest.mark.parametrize("name", ["h264-b.mp4", "h264-b.mkv", "h264-b.mov", "vfr.mp4"])
def test_regular_clips_are_torchcodecs(zoo: Zoo, name: str) -> None:
    """Where torchcodec is installed: the same frames at the same times.

    On clips that torchcodec reads rightly; the end of vfr.mp4 is for it where the last frame
    begins, so that times are compared before that only.
    """
    decoders = pytest.importorskip("torchcodec.decoders", exc_type=ImportError)
    theirs = pytest.importorskip("torchcodec.samplers")
    path = Path(zoo[name])
    decoder = decoders.VideoDecoder(path)
    with fastav.open(path, stream="best") as reader:
        for clips in (1, 2, 3, 7, 50):
            for length, step, end in ((1, 1, None), (4, 3, None), (5, 2, 39), (3, 1, -1)):
                for policy in ("repeat_last", "wrap"):
                    arguments: dict[str, Any] = {
                        "num_clips": clips,
                        "num_frames_per_clip": length,
                        "num_indices_between_frames": step,
                        "sampling_range_end": end,
                        "policy": policy,
                    }
                    ours = samplers.clips_at_regular_indices(reader, **arguments)
                    other = theirs.clips_at_regular_indices(decoder, **arguments)
                    np.testing.assert_allclose(ours.pts_seconds, other.pts_seconds, atol=1e-6)
                    assert ours.data.shape == (*other.data.shape[:2], *reader.shape[1:])
        begin, end = reader.span
        late = end - 0.05 if name != "vfr.mp4" else 1.2
        for every in (0.11, 0.5, 0.32):
            for length, step, stop in (
                (1, 0.1, late),
                (4, 0.07, late),
                (3, 0.13, late),
                (2, None, None),
            ):
                if name == "vfr.mp4" and step is None:
                    continue
                for policy in ("repeat_last", "wrap"):
                    arguments = {
                        "seconds_between_clip_starts": every,
                        "num_frames_per_clip": length,
                        "seconds_between_frames": step,
                        "sampling_range_start": begin + 0.013,
                        "sampling_range_end": stop,
                        "policy": policy,
                    }
                    ours = samplers.clips_at_regular_timestamps(reader, **arguments)
                    other = theirs.clips_at_regular_timestamps(decoder, **arguments)
                    np.testing.assert_allclose(ours.pts_seconds, other.pts_seconds, atol=1e-6)


def test_numbers_that_make_no_sense(zoo: Zoo) -> None:
    with fastav.open(zoo["h264-b.mp4"]) as reader:
        for name in ("clips_at_regular_indices", "clips_at_random_indices"):
            sample = getattr(samplers, name)
            for keyword in (
                "num_clips",
                "num_frames_per_clip",
                "num_indices_between_frames",
                "sampling_range_start",
                "sampling_range_end",
            ):
                for wrong in (2.5, "3"):
                    with pytest.raises(TypeError, match=f"{keyword} must be an integer, got"):
                        sample(reader, **{keyword: wrong})
        with pytest.raises(TypeError, match="num_frames_per_clip must be an integer"):
            samplers.clips_at_random_timestamps(reader, num_frames_per_clip=2.5)
        for wrong in (0, float("inf"), float("nan")):
            with pytest.raises(ValueError, match=r"clip_starts must be (above 0|finite)"):
                samplers.clips_at_regular_timestamps(reader, seconds_between_clip_starts=wrong)
        far = samplers.clips_at_regular_timestamps(reader, seconds_between_clip_starts=1e9)
        assert len(far) == 1
        assert reader.get_frame_at(True).index == 1  # a number, as for Python, and no mask
    for start in (12, 10, -1):
        with pytest.raises(ValueError, match="clips must begin at frames 0 to 9"):
            samplers.index_clips([start], 10, 3, policy="wrap")
    with pytest.raises(ValueError, match="clips must begin before the video ends, at 1 s"):
        samplers.time_clips([5.0], 1.0, 2, 0.1)
    with pytest.raises(ValueError, match="there is no frame from 5 on before 5"):
        samplers.index_starts(3, 5, 5)

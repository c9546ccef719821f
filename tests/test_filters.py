"""FFmpeg's filters as a stage: nothing lost, no thread left, mistakes named."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av import VideoFrame

import fastav
from fastav.filters import FilterChain
from fastav.reading.decode import decode_all
from fastav.reading.input import open_input
from fastav.reading.source import Source

from .media import encode

RATE = Fraction(25)


def frames(count: int, width: int = 64, height: int = 48, first: int = 0) -> Iterator[VideoFrame]:
    """Grey pictures; the value of all pixels is the number of the frame."""
    for number in range(first, first + count):
        picture = np.full((height, width), number, np.uint8)
        frame = VideoFrame.from_ndarray(picture, "gray")
        frame.pts, frame.time_base = number, 1 / RATE
        yield frame


def numbers(chain: FilterChain, source: Iterator[VideoFrame]) -> list[int]:
    return [int(frame.to_ndarray()[0, 0]) for frame in chain.process(source)]


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("null", "", list(range(12))),
        ("framestep", "5", [0, 5, 10]),
        ("framestep", {"step": 5}, [0, 5, 10]),
        ("reverse", "", list(range(11, -1, -1))),
        ("trim", "end_frame=3", [0, 1, 2]),
        ("trim", "start_frame=9", [9, 10, 11]),
        ("tpad", "start=3:start_mode=clone", [0, 0, 0, *range(12)]),
        ("tpad", {"stop": 2, "stop_mode": "clone"}, [*range(12), 11, 11]),
        ("fps", "50", [n // 2 for n in range(24)]),
        ("fps", {"fps": 5}, [2, 7]),
        ("loop", "loop=1:size=3", [0, 1, 2, *range(12)]),
        ("shuffleframes", "0 2 1", [0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10]),
        ("select", "gt(n,100)", []),
        ("select", "eq(n,11)", [11]),
    ],
)
def test_every_frame_comes_out_where_the_filter_puts_it(
    name: str, arguments: str | dict[str, object], expected: list[int]
) -> None:
    assert numbers(FilterChain([(name, arguments)], frame_rate=RATE), frames(12)) == expected


def test_a_filter_that_answers_only_at_the_end() -> None:
    (palette,) = FilterChain([("palettegen", "")]).process(frames(12))
    assert (palette.width, palette.height, palette.format.name) == (16, 16, "bgra")


def test_no_filter_passes_frames_through() -> None:
    assert numbers(FilterChain(), frames(3)) == [0, 1, 2]


def test_frames_are_taken_lazily_and_no_more_than_wanted() -> None:
    taken = []

    def source() -> Iterator[VideoFrame]:
        for number, frame in enumerate(frames(100)):
            taken.append(number)
            yield frame

    chain = FilterChain([("trim", "end_frame=3")])
    process = chain.process(source())
    next(process)
    assert len(taken) <= 2
    assert len(list(process)) == 2
    assert chain.finished
    assert len(taken) <= 5


def test_graph_with_a_split_and_an_overlay() -> None:
    graph = (
        {
            "copies": ("split", ""),
            "small": ("scale", {"width": 16, "height": 12}),
            "white": ("lutyuv", "y=255"),
            "put": ("overlay", "x=8:y=4"),
        },
        [
            ("video_in", "copies", 0, 0),
            ("copies", "put", 0, 0),
            ("copies", "small", 1, 0),
            ("small", "white", 0, 0),
            ("white", "put", 0, 1),
            ("put", "video_out", 0, 0),
        ],
    )
    chain = FilterChain([("framestep", "2"), ("format", "gray")], graph)
    pictures = [frame.to_ndarray(format="gray") for frame in chain.process(frames(6))]
    assert len(pictures) == 3
    for picture in pictures:
        assert (picture[4:16, 8:24] > 200).all()
        assert (picture[20:] < 10).all()


def test_the_size_changes_in_mid_stream() -> None:
    def source() -> Iterator[VideoFrame]:
        yield from frames(3)
        yield from frames(3, 32, 16, first=3)

    out = list(FilterChain([("hflip", ""), ("scale", "20:10")]).process(source()))
    assert {(frame.width, frame.height) for frame in out} == {(20, 10)}
    values = [int(frame.to_ndarray()[0, 0]) for frame in out]  # swscale may round up by one
    np.testing.assert_allclose(values, range(6), atol=1)
    # A last frame would be repeated in the middle.
    chain = FilterChain([("tpad", "stop=1:stop_mode=clone"), ("scale", "20:10")])
    filtered = chain.process(source())
    assert len([next(filtered) for _ in range(3)]) == 3
    with pytest.raises(ValueError, match=r"change from \d+x\d+ gray to 32x16 gray, and 'tpad="):
        next(filtered)


def test_frames_without_time_stamps_are_not_lost() -> None:
    def source() -> Iterator[VideoFrame]:
        for frame in frames(4):
            bare = VideoFrame.from_ndarray(frame.to_ndarray(), "gray")
            assert bare.pts is None
            yield bare

    assert numbers(FilterChain([("fps", "25")], frame_rate=RATE), source()) == [0, 1, 2, 3]


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="counts threads with /proc")
def test_no_thread_is_left() -> None:
    before = len(os.listdir("/proc/self/task"))
    list(FilterChain([("scale", "32:24"), ("reverse", "")]).process(frames(5)))
    unfinished = FilterChain([("scale", "32:24")]).process(frames(5))
    next(unfinished)
    unfinished.close()
    del unfinished
    assert len(os.listdir("/proc/self/task")) == before


OUT = ("video_in", "video_out", 0, 0)


@pytest.mark.parametrize(
    ("sequence", "graph", "message"),
    [
        ([("nope", "")], None, "no filter named 'nope'"),
        ([("scale", "bogus=3")], None, "'scale' refuses the arguments 'bogus=3'"),
        ([("scale", {"bogus": 3})], None, "'scale' refuses .*bogus"),
        ([("hflip", ""), ("scale", {"width": "a+("})], None, r"filter_sequence\[1\]"),
        ([("overlay", "")], None, r"input 1 of 'filter_sequence\[0\]' \(overlay\)"),
        (None, ({"a": ("nope", "")}, [OUT]), "a: .*no filter named 'nope'"),
        (None, ({}, [("video_in", "b", 0, 0)]), "no node is labelled 'b'"),
        (None, ({}, []), "no path"),
        (None, ({"a": ("hflip", "")}, [OUT]), r"input 0 of 'a' \(hflip\) is connected to nothing"),
        (None, ({"a": ("split", "")}, [("video_in", "a", 0, 0), ("a", "video_out", 0, 0)]),
         r"output 1 of 'a' \(split\) is connected to nothing"),
        (None, ({"a": ("hflip", "")}, [("video_in", "a", 0, 0), ("a", "video_out", 1, 0)]),
         r"'a' has 1 output\(s\), not 1"),
        (None, ({}, [OUT, OUT]), "output 0 of 'video_in' is already connected"),
        (None, ({"video_in": ("hflip", "")}, [OUT]), "'video_in' is an end of the graph"),
        (None, ({"a": ("hflip", ""), "b": ("hflip", "")},
          [OUT, ("a", "b", 0, 0), ("b", "a", 0, 0)]), "circle"),
        (None, ({"a": ("hflip", ""), "b": ("nullsink", ""), "c": ("color", "")},
          [("video_in", "a", 0, 0), ("a", "b", 0, 0), ("c", "video_out", 0, 0)]),
         "no path from 'video_in' to 'video_out'"),
    ],
)  # fmt: skip
def test_wrong_filters_are_named(sequence: object, graph: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FilterChain(sequence, graph)


@pytest.mark.parametrize(
    ("sequence", "graph", "message"),
    [
        ("hflip", None, "list of"),
        (["hflip"], None, "must be \\(name, arguments\\)"),
        ([("hflip", 3)], None, "string or a dict"),
        ([(3, "")], None, "name must be a string"),
        (None, {"a": ("hflip", "")}, "nodes, edges"),
        (None, ({}, [("video_in", "video_out")]), "an edge must be"),
    ],
)
def test_forms_that_are_not_understood(sequence: object, graph: object, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        FilterChain(sequence, graph)


def test_filters_that_do_not_take_the_frames() -> None:
    chain = FilterChain([("crop", "1000:1000")])
    with pytest.raises(ValueError, match="'crop=1000:1000' do not take gray frames of 64x48"):
        list(chain.process(frames(1)))


@pytest.fixture
def video_in_a_pipe(tmp_path: Path) -> Iterator[Path]:
    """A pipe that gives a video once: to the first who opens it."""
    video, path = tmp_path / "video.nut", tmp_path / "pipe"
    video.write_bytes(encode(codec="ffv1", container="nut", count=12))
    os.mkfifo(path)
    # (A thread would wait for the GIL, which PyAV keeps while a filter is made.)
    with subprocess.Popen(["dd", "status=none", f"if={video}", f"of={path}"]) as writer:
        yield path
        writer.kill()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a named pipe")
def test_filters_are_made_once(video_in_a_pipe: Path) -> None:
    graph = (
        {"other": ("movie", {"filename": video_in_a_pipe}), "put": ("overlay", "shortest=1")},
        [("video_in", "put", 0, 0), ("other", "put", 0, 1), ("put", "video_out", 0, 0)],
    )
    got = fastav.imread(encode(count=12, width=96, height=64), filter_graph=graph)
    put = fastav.imread(encode(codec="ffv1", container="nut", count=12))
    np.testing.assert_array_equal(got[:, 4:-20, 4:-36], put[:, 4:-4, 4:-4])


def test_nothing_is_written_before_a_frame_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "told.txt"
    with fastav.open(encode(count=12)) as reader:
        told = [("metadata", {"mode": "print", "file": path})]
        frames = reader.iter(filter_sequence=told)
        assert not path.exists()
        next(frames)
        assert path.exists()


def test_frames_that_the_decoder_still_held_have_their_times(tmp_path: Path) -> None:
    """In a time base that is not the rate's, where a filter would begin anew at the last frames."""
    path = tmp_path / "clip.mkv"
    path.write_bytes(encode(container="matroska", count=30, context={"max_b_frames": 3}))
    with fastav.open(path) as reader:
        frames = reader.read()
        for threads in (1, 2):
            kept = reader.read(filter_sequence=[("framestep", "2")], thread_count=threads)
            np.testing.assert_array_equal(kept, frames[::2])
            with av.open(str(path)) as container:
                base = container.streams.video[0].time_base
            opened = decode_all(lambda: open_input(Source(path), thread_count=threads))  # noqa: B023
            assert {frame.time_base for frame in opened} == {base}

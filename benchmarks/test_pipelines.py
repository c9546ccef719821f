"""Whole pipelines under pytest-benchmark: ``pytest benchmarks``; small clips, a few rounds.

For one's own changes, before and after. Against other readers see ``compare.py``.
"""

import av
import numpy as np
import pytest

import fastav
from fastav._bench import make_clip

CLIPS = {
    "h264 240p": {"width": 320, "height": 240},
    "h264 720p": {"width": 1280, "height": 720},
    "mpeg4 4:2:0 480p": {"width": 640, "height": 480, "codec": "mpeg4", "options": {"b": "3M"}},
    "h264 4:4:4 480p": {"width": 640, "height": 480, "pix_fmt": "yuv444p"},
}
FRAMES = 30

pytestmark = pytest.mark.benchmark(warmup=True, warmup_iterations=1, min_rounds=3, max_time=0.5)


@pytest.fixture(scope="session", params=CLIPS)
def clip(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    make_clip(path, frames=FRAMES, gop=30, **CLIPS[request.param])
    return path


def decode(path):
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "FRAME"
        return sum(1 for _ in container.decode(video=0))


def test_decode_only(benchmark, clip):
    assert benchmark(decode, clip) == FRAMES


def test_floor(benchmark, clip):
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        shape = FRAMES, stream.height, stream.width, 3

    def floor():
        output = np.empty(shape, np.uint8)
        with av.open(str(clip)) as container:
            container.streams.video[0].thread_type = "FRAME"
            for picture, _ in zip(output, container.decode(video=0), strict=True):
                picture.fill(128)
        return output

    assert len(benchmark(floor)) == FRAMES


def test_bulk(benchmark, clip):
    assert len(benchmark(fastav.imread, clip)) == FRAMES


def test_bulk_into_out(benchmark, clip):
    out = fastav.imread(clip)
    assert len(benchmark(fastav.imread, clip, out=out)) == FRAMES


def test_bulk_stored_planes(benchmark, clip):
    luma, *_ = benchmark(fastav.imread, clip, format=None, planes=True)
    assert len(luma) == FRAMES


def test_iterate(benchmark, clip):
    assert benchmark(lambda: sum(1 for _ in fastav.imiter(clip))) == FRAMES


def test_open_and_close(benchmark, clip):
    def first():
        with fastav.open(clip) as reader:
            return reader.info.width

    assert benchmark(first) > 0

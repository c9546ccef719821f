"""What the container says of a video, beside PyAV."""

from __future__ import annotations

import io

import av
import numpy as np

import fastav

from .media import encode


def test_the_stream_is_counted_among_all() -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as output:
        sound = output.add_stream("pcm_s16le", rate=8000, layout="mono")
        videos = [output.add_stream("ffv1", rate=5) for _ in range(2)]
        for video in videos:
            video.width, video.height, video.pix_fmt = 32, 16, "yuv420p"
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        samples.sample_rate, samples.pts = 8000, 0
        output.mux(sound.encode(samples))
        for video in videos:
            output.mux(video.encode(av.VideoFrame(32, 16, "yuv420p")))
        for stream in (sound, *videos):
            output.mux(stream.encode(None))
    for number in range(2):
        with fastav.open(file.getvalue(), stream=number) as reader:
            assert reader.info.stream_index == reader.index.stream == number + 1


def test_the_rate_of_bits() -> None:
    data = encode(count=48)
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        expected = stream.codec_context.bit_rate
        size = sum(packet.size for packet in container.demux(stream))
    with fastav.open(data) as reader:
        assert reader.info.bit_rate == expected
        assert abs(expected - 8 * size / reader.duration) < 0.05 * expected
    with fastav.open(encode(count=2, container="matroska")) as reader:
        assert reader.info.bit_rate is None  # matroska does not say

"""Sound, subtitles, chapters and tags that are copied beside the frames."""

from __future__ import annotations

import io
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import fastav
from fastav import EncodeError, NotAVideoError, Sound

from .media import make_sounding

RATE = 48000
FRAMES = np.random.default_rng(5).integers(0, 256, (25, 48, 64, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def source() -> bytes:
    """Two seconds of pictures at 25 frames per second with sound, and two chapters."""
    return make_sounding()


def packets(data: bytes, kind: str = "audio") -> list[tuple[float, bytes]]:
    """Start in seconds and bytes of every packet of the only stream of a kind."""
    with av.open(io.BytesIO(data)) as container:
        streams = [stream for stream in container.streams if stream.type == kind]
        assert len(streams) == 1
        return [
            (float((packet.pts or 0) * packet.time_base), bytes(packet))
            for packet in container.demux(streams[0])
            if packet.size
        ]


@pytest.mark.parametrize("extension", [".mp4", ".mov", ".mkv", ".nut"])
@pytest.mark.parametrize("start", [None, Fraction(1, 2), 1.25])
def test_packets_are_copied_for_the_time_of_the_frames(
    source: bytes, extension: str, start: Fraction | float | None
) -> None:
    written = fastav.imwrite(
        "<bytes>", FRAMES, extension=extension, codec="mpeg4", fps=25, sound=Sound(source, start)
    )
    assert written is not None
    begin = float(start or 0)
    # What begins in the second that is shown; the container's clock may be a millisecond coarse.
    wanted = [(at - begin, data) for at, data in packets(source) if begin <= at < begin + 1]
    got = [(at, data) for at, data in packets(written) if at > -1e-3]
    assert [data for _, data in got] == [data for _, data in wanted]
    np.testing.assert_allclose([at for at, _ in got], [at for at, _ in wanted], atol=1e-3)
    assert len(fastav.imread(written)) == len(FRAMES)


def test_sound_is_cut_when_the_source_is_shorter(source: bytes) -> None:
    longer = np.concatenate([FRAMES] * 4)
    written = fastav.imwrite("<bytes>", longer, extension=".mkv", fps=25, sound=source)
    assert written is not None
    assert packets(written)[-1][0] == pytest.approx(packets(source)[-1][0], abs=1e-3)


def test_sound_decodes_to_the_same_samples(source: bytes) -> None:
    def samples(data: bytes) -> np.ndarray:
        with av.open(io.BytesIO(data)) as container:
            return np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)

    written = fastav.imwrite("<bytes>", FRAMES, extension=".mp4", fps=25, sound=source)
    assert written is not None
    heard = samples(written)
    np.testing.assert_array_equal(heard, samples(source)[:, : heard.shape[1]])
    assert RATE <= heard.shape[1] < RATE + 1024


def test_path_and_open_file_as_source(source: bytes, tmp_path: Path) -> None:
    path = tmp_path / "in.mp4"
    path.write_bytes(source)
    expected = fastav.imwrite("<bytes>", FRAMES, extension=".mkv", sound=source)
    assert packets(fastav.imwrite("<bytes>", FRAMES, extension=".mkv", sound=path) or b"")
    with path.open("rb") as file:
        written = fastav.imwrite("<bytes>", FRAMES, extension=".mkv", sound=file)
        assert not file.closed
    assert packets(written or b"") == packets(expected or b"")


def test_chapters_and_tags_when_asked(source: bytes) -> None:
    kinds = ("audio", "chapters", "metadata")
    sound = Sound(source, 0.5, kinds)
    written = fastav.imwrite("<bytes>", FRAMES, extension=".mkv", fps=25, sound=sound)
    with av.open(io.BytesIO(written or b"")) as container:
        if not hasattr(container, "chapters"):
            pytest.skip("this PyAV knows no chapters")
        scale = [(c["start"] * c["time_base"], c["metadata"]) for c in container.chapters()]
        assert [float(at) for at, _ in scale] == [0.0, 0.5]
        assert [tags.get("title") for _, tags in scale] == ["first", "second"]
        assert container.metadata["title"] == "sounding"
    plain = fastav.imwrite("<bytes>", FRAMES, extension=".mkv", fps=25, sound=source)
    with av.open(io.BytesIO(plain or b"")) as container:
        assert not container.chapters()
        assert "title" not in container.metadata


def test_subtitles_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "in.srt"
    path.write_text("1\n00:00:00,200 --> 00:00:00,700\nearly\n\n"
                    "2\n00:00:00,900 --> 00:00:01,500\nlate\n\n"
                    "3\n00:00:03,000 --> 00:00:04,000\nnever\n")  # fmt: skip
    sound = Sound(path, 0.5, ("subtitle",))
    written = fastav.imwrite("<bytes>", FRAMES, extension=".mkv", fps=25, sound=sound)
    got = packets(written or b"", "subtitle")
    assert [(at, data.strip()) for at, data in got] == [(0.0, b"early"), (0.4, b"late")]


def test_what_a_container_cannot_carry_is_named(source: bytes, tmp_path: Path) -> None:
    path = tmp_path / "out.webm"
    with pytest.raises(EncodeError, match=r"webm.*audio.*aac"):
        fastav.imwrite(path, FRAMES, sound=source)
    assert not path.exists()


def test_sound_of_a_wav(tmp_path: Path) -> None:
    """Its two channels have no names, and without these mp4 refuses them."""
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(48000)
        file.writeframes(np.arange(96000, dtype=np.int16).tobytes())
    for extension in (".mp4", ".mov", ".mkv", ".avi"):
        written = fastav.imwrite("<bytes>", FRAMES, extension=extension, sound=path)
        with av.open(io.BytesIO(written or b"")) as container:
            assert container.streams.audio[0].codec_context.channels == 2
    with pytest.raises(EncodeError, match=r"'mpegts' cannot carry the audio.*pcm_s16le"):
        fastav.imwrite("<bytes>", FRAMES, extension=".ts", sound=path)


def test_bare_aac_goes_where_it_can(tmp_path: Path) -> None:
    """With a header on each packet (ADTS), which mxf does not take, avi of old FFmpeg does."""
    path, silence = tmp_path / "a.aac", np.zeros((1, 1024), np.float32)
    with av.open(str(path), "w", format="adts") as output:
        stream = output.add_stream("aac", rate=48000, layout="mono")
        for number in range(60):
            samples = av.AudioFrame.from_ndarray(silence, "fltp", "mono")
            samples.sample_rate, samples.pts = 48000, 1024 * number
            output.mux(stream.encode(samples))
        output.mux(stream.encode(None))
    for extension in (".mp4", ".mkv", ".nut", ".ts"):
        written = fastav.imwrite(
            "<bytes>", FRAMES, extension=extension, codec="mpeg4", fps=25, sound=path
        )
        with av.open(io.BytesIO(written or b"")) as container:
            assert sum(frame.samples for frame in container.decode(audio=0)) == 47 * 1024
    told = r"'mxf' with the audio \(aac\) of '.*a\.aac'.*\.mkv carries nearly all.*sound=None"
    with pytest.raises(EncodeError, match=told):
        fastav.imwrite(tmp_path / "a.mxf", FRAMES, sound=path)


def test_sound_that_a_container_refuses_late_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("flac", rate=48000, layout="mono")
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 4608), np.int16), "s16", "mono")
        samples.sample_rate = 48000
        output.mux([*stream.encode(samples), *stream.encode(None)])
    with pytest.raises(EncodeError, match=r"'mov' with the audio \(flac\) of '.*a\.flac'"):
        fastav.imwrite(tmp_path / "a.mov", FRAMES, sound=path)


def test_a_source_without_sound_is_refused(tmp_path: Path) -> None:
    silent = fastav.imwrite("<bytes>", FRAMES, extension=".mkv")
    path = tmp_path / "out.mkv"
    with pytest.raises(NotAVideoError, match="holds no audio"):
        fastav.imwrite(path, FRAMES, sound=silent)
    with pytest.raises(FileNotFoundError):
        fastav.imwrite(path, FRAMES, sound=tmp_path / "missing.mp4")
    with pytest.raises(ValueError, match="kinds must be some of"):
        Sound(silent, kinds=("video",))
    assert not path.exists()


def test_a_source_that_is_cut_short_gives_what_it_has(source: bytes) -> None:
    as_stream = fastav.imwrite("<bytes>", np.concatenate([FRAMES] * 2), extension=".mkv",
                               codec="mpeg4", fps=25, sound=source) or b""  # fmt: skip
    cut = as_stream[: len(as_stream) * 2 // 3]
    written = fastav.imwrite("<bytes>", np.concatenate([FRAMES] * 2), extension=".mkv", fps=25,
                             sound=cut)  # fmt: skip
    got = [data for _, data in packets(written or b"")]
    assert 0 < len(got) < len(packets(as_stream))
    assert got == [data for _, data in packets(as_stream)][: len(got)]

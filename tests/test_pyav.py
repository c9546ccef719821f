"""What fastav asks of PyAV alike, whatever its version."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np
import pytest

import fastav
from fastav import pyav

from .media import encode


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), Fraction(1, 3), Fraction(24)])
def test_a_fraction_is_a_fraction(rate: Fraction) -> None:
    rational = getattr(av, "AVRational", Fraction)(rate.numerator, rate.denominator)
    assert type(pyav.fraction(rational)) is Fraction
    assert pyav.fraction(rational) == rate


def test_what_is_not_set_is_none() -> None:
    assert pyav.fraction(None) is None
    assert pyav.fraction(av.VideoFrame(16, 16, "gray").time_base) is None
    if hasattr(av, "AVRational"):
        assert pyav.fraction(av.AVRational(0, 1)) is None


def test_rates_and_times_of_a_file_are_fractions() -> None:
    with fastav.open(encode()) as reader:
        kinds = {type(reader.info.frame_rate), type(reader.info.time_base)}
        kinds |= {type(reader.index.time_base), type(reader.metadata(0)["time_base"])}
    assert kinds == {Fraction}


def test_tags_in_another_encoding() -> None:
    frames = np.zeros((3, 16, 16, 3), np.uint8)
    with fastav.open("<bytes>", "w", extension=".avi", metadata={"title": "?rger ?ber"}) as writer:
        writer.write(frames)
    broken = writer.getvalue().replace(b"?rger ?ber", "Ärger über".encode("latin-1"))
    with fastav.open(broken) as reader:
        assert reader.info.container_metadata["title"] == "\ufffdrger \ufffdber"
        assert len(reader.read()) == len(reader) == 3


def test_the_size_of_what_cannot_seek_is_not_known() -> None:
    data = encode(container="mpegts")

    class Pipe(io.BytesIO):
        seek = tell = None  # type: ignore[assignment]

        def seekable(self) -> bool:
            return False

    with pyav.open_to_read(io.BytesIO(data)) as whole:
        assert pyav.file_size(whole) == len(data)
    with fastav.open(Pipe(data)) as reader:
        assert reader._stream._waiting is not None
        assert pyav.file_size(reader._stream._waiting.container) < 0


def test_a_format_that_is_not_known() -> None:
    """PyAV 17 reads through a null pointer where ``pix_fmt`` of such a context is asked for."""
    assert pyav.format_name(av.CodecContext.create("rawvideo", "r")) is None


@pytest.mark.parametrize(
    ("names", "given", "closest"),
    [
        (["rgb24", "gray"], "gray", "gray"),
        (["rgb24", "gray"], "bgr24", "rgb24"),
        (["yuv420p", "yuv444p", "yuv420p10le"], "yuv444p10le", "yuv420p10le"),
        ([], "gray", None),
    ],
)
def test_the_closest_format(
    names: list[str], given: str, closest: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pyav.closest_format(names, given, False) == closest
    monkeypatch.delattr(av.codec.codec, "find_best_pix_fmt_of_list", raising=False)
    assert pyav.closest_format(names, given, False) == closest

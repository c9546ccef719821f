"""Raw video whose container cannot say what its samples are."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest

import fastav
from fastav import pack_frame, unpack_frame
from fastav.pixels.formats import pixel_format, software_formats

BAYER = [name for name in software_formats() if name.startswith("bayer_")]
WIDTH, HEIGHT, COUNT = 10, 6, 5


def raw_clip(container: str, format: str) -> tuple[bytes, np.ndarray]:
    dtype = pixel_format(format).dtype
    shape = (COUNT, HEIGHT, WIDTH * dtype.itemsize)
    mosaics = np.random.default_rng(3).integers(0, 256, shape, np.uint8).view(dtype)
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream("rawvideo", rate=10)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, format
        for number, mosaic in enumerate(mosaics):
            frame = pack_frame(mosaic, format)
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue(), mosaics


@pytest.mark.parametrize("container", ["avi", "mov"])
@pytest.mark.parametrize("format", BAYER)
def test_mosaics_come_back(container: str, format: str) -> None:
    data, mosaics = raw_clip(container, format)
    assert len(BAYER) == 12
    stored = fastav.imread(data, format=None, stored_format=format)
    assert stored.dtype == mosaics.dtype
    np.testing.assert_array_equal(stored, mosaics)
    colours = np.stack([unpack_frame(pack_frame(m, format), format="rgb24") for m in mosaics])
    np.testing.assert_array_equal(fastav.imread(data, stored_format=format), colours)
    with fastav.open(data, format=None, stored_format=format) as reader:
        assert reader.info.pixel_format == format
        assert (reader.shape, reader.dtype) == (mosaics.shape, mosaics.dtype)
        np.testing.assert_array_equal(np.stack(list(reader)), mosaics)
        np.testing.assert_array_equal(np.stack(list(reader.iter(start=2))), mosaics[2:])
        np.testing.assert_array_equal(np.concatenate(list(reader.batches(2))), mosaics)
        np.testing.assert_array_equal(reader[3], mosaics[3])
        np.testing.assert_array_equal(reader[-1], mosaics[-1])
        np.testing.assert_array_equal(reader[[4, 0]], mosaics[[4, 0]])
        np.testing.assert_array_equal(reader.read(format="rgb24"), colours)
        np.testing.assert_array_equal(reader.read_frame(2, format="rgb24"), colours[2])
        np.testing.assert_array_equal(
            reader.read(filter_sequence=[("null", "")], format=None), mosaics
        )


def test_told_for_one_read_only() -> None:
    data, mosaics = raw_clip("avi", "bayer_grbg16le")
    with fastav.open(data, format=None) as reader:
        np.testing.assert_array_equal(reader.read(stored_format="bayer_grbg16le"), mosaics)
        np.testing.assert_array_equal(reader.read_frame(1, stored_format="gray16le"), mosaics[1])
        np.testing.assert_array_equal(reader.read(), mosaics)  # the words of rgb555le


def test_wrong_declarations() -> None:
    data, _ = raw_clip("avi", "bayer_rggb8")
    with pytest.raises(ValueError, match=r"'pal8'.*'bayer_rggb16le'.*10 bytes, not 20"):
        fastav.imread(data, format=None, stored_format="bayer_rggb16le")
    with pytest.raises(ValueError, match="one plane, got 'nv12'"):
        fastav.open(data, stored_format="nv12")
    with pytest.raises(ValueError, match="unknown pixel format"):
        fastav.open(data, stored_format="bayer_rggb12")
    with pytest.raises(ValueError, match="rotate"):
        fastav.open(data, stored_format="bayer_rggb8", rotate=True)

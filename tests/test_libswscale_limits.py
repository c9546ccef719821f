"""Constants taken from libswscale's source, proven on the library that is loaded."""

from __future__ import annotations

import subprocess
import sys

import av
import numpy as np
import pytest

from fastav._kernels import swscale
from fastav.pixels import convert, ffmpeg
from fastav.writing import frame_maker

from .media import FOLLOWS_TAGS

pytestmark = FOLLOWS_TAGS

PIXEL = {"rgb24": 3, "bgr24": 3, "rgba": 4, "bgra": 4, "rgb48le": 6}


def written(source: str, target: str, width: int, pitch: int, fill: int) -> np.ndarray:
    """Four rows after a conversion over memory that held `fill`."""
    frame = av.VideoFrame(width, 4, source)
    for number, plane in enumerate(frame.planes):
        data = np.frombuffer(plane, np.uint8)
        data[:] = np.random.default_rng(number).integers(0, 256, len(data))
    numbers = ffmpeg.pixel_format_id(source), ffmpeg.pixel_format_id(target)
    functions = ffmpeg.functions()
    assert functions is not None
    scaler = swscale.Scaler(functions, *numbers, width, 4, 2, False, 0, True, convert._SWS_BILINEAR)
    memory = np.full((6, pitch), fill, np.uint8)
    scaler.scale(frame.planes, memory[1].ctypes.data, pitch)
    return memory


def test_every_format_is_tried() -> None:
    assert set(PIXEL) == convert._DIRECT


@pytest.mark.parametrize("target", PIXEL)
@pytest.mark.parametrize("source", sorted(convert._BLOCK_SOURCES))
def test_no_block_reaches_over_its_scratch_row(source: str, target: str) -> None:
    block, pixel = convert._BLOCK, PIXEL[target]
    for width in (*range(1, 2 * block + 3), 6 * block - 1, 6 * block, 6 * block + 1):
        scratch = (width + 2 * block) // block * block * pixel
        pitch = scratch + 256
        one, two = (written(source, target, width, pitch, fill) for fill in (0x55, 0xAA))
        touched = (one != 0x55) | (two != 0xAA)
        allowed = width * pixel if width % block == 0 else scratch
        assert width == 1 or touched[1:5, : width * pixel].any(), width
        assert not touched[1:5, allowed:].any(), width
        assert not touched[[0, 5]].any(), width


READ_TO_THE_EDGE = """
import ctypes, mmap, sys
import numpy as np, av
from av.video.reformatter import VideoReformatter
from fastav.pyav import reformat
beyond, page = int(sys.argv[1]), mmap.PAGESIZE
libc = ctypes.CDLL(None)
for name in sys.argv[2:]:
    for width in (1, 2, 15, 16, 17, 33, 64, 65, 127):
        bytes_per_pixel = {"gray": 1, "gray16le": 2, "gray16be": 2, "rgb24": 3, "bgr24": 3}.get(
            name, 4 if name in ("rgba", "bgra", "argb", "abgr") else 8 if "64" in name else 6
        )
        size = 6 * width * bytes_per_pixel
        pages = -(-(size + beyond) // page) + 1
        memory = mmap.mmap(-1, pages * page)
        bytes_ = np.frombuffer(memory, np.uint8)
        edge = (pages - 1) * page
        address = bytes_.ctypes.data
        assert libc.mprotect(ctypes.c_void_p(address + edge), page, 0) == 0
        start = edge - beyond - size
        two = bytes_[start : start + size]
        kind = np.uint16 if bytes_per_pixel in (2, 6, 8) else np.uint8
        count = bytes_per_pixel // np.dtype(kind).itemsize
        if start % np.dtype(kind).itemsize:
            continue
        array = two.view(kind).reshape((6, width, count) if count > 1 else (6, width))
        frame = av.VideoFrame.from_numpy_buffer(array, name)
        for target in ("yuv420p", "yuv444p", "yuv422p10le", "nv12", "gray"):
            reformat(VideoReformatter(), frame, format=target)
        del frame
print("unharmed")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="protects a page by mprotect")
def test_nothing_is_read_further_past_an_array_than_is_allowed_for() -> None:
    """The arrays end so many bytes before a page that must not be touched."""
    beyond = str(frame_maker._OVERREAD)
    names = sorted(frame_maker._WRAPPABLE)
    command = [sys.executable, "-c", READ_TO_THE_EDGE, beyond, *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "unharmed\n"), done.stderr

"""Drawing a little on RGB pictures, and encoding one: by NumPy and PyAV alone."""

from __future__ import annotations

from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from .pyav import ONE_THREAD

__all__ = ["Colour", "fill", "jpeg", "text_size", "write_text"]

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

# Cells of 5 by 7 dots: PyAV's builds of FFmpeg have no filter that draws text.
_WIDTH, _HEIGHT = 5, 7

_LETTERS: Final = """
0 .###. #...# #..## #.#.# ##..# #...# .###.
1 ..#.. .##.. ..#.. ..#.. ..#.. ..#.. .###.
2 .###. #...# ....# ...#. ..#.. .#... #####
3 .###. #...# ....# ..##. ....# #...# .###.
4 ...#. ..##. .#.#. #..#. ##### ...#. ...#.
5 ##### #.... ####. ....# ....# #...# .###.
6 ..##. .#... #.... ####. #...# #...# .###.
7 ##### ....# ...#. ..#.. ..#.. .#... .#...
8 .###. #...# #...# .###. #...# #...# .###.
9 .###. #...# #...# .#### ....# ...#. .##..
: ..... ..#.. ..#.. ..... ..#.. ..#.. .....
. ..... ..... ..... ..... ..... .##.. .##..
, ..... ..... ..... ..... .##.. ..#.. .#...
- ..... ..... ..... ##### ..... ..... .....
/ ....# ....# ...#. ..#.. .#... #.... #....
a ..... ..... .###. ....# .#### #...# .####
b #.... #.... ####. #...# #...# #...# ####.
c ..... ..... .###. #.... #.... #...# .###.
d ....# ....# .#### #...# #...# #...# .####
e ..... ..... .###. #...# ##### #.... .###.
f ..##. .#..# .#... ###.. .#... .#... .#...
g ..... .#### #...# #...# .#### ....# .###.
h #.... #.... ####. #...# #...# #...# #...#
i ..#.. ..... .##.. ..#.. ..#.. ..#.. .###.
j ...#. ..... ..##. ...#. ...#. #..#. .##..
k #.... #.... #..#. #.#.. ##... #.#.. #..#.
l .##.. ..#.. ..#.. ..#.. ..#.. ..#.. .###.
m ..... ..... ##.#. #.#.# #.#.# #.#.# #.#.#
n ..... ..... ####. #...# #...# #...# #...#
o ..... ..... .###. #...# #...# #...# .###.
p ..... ..... ####. #...# ####. #.... #....
q ..... ..... .#### #...# .#### ....# ....#
r ..... ..... #.##. ##..# #.... #.... #....
s ..... ..... .#### #.... .###. ....# ####.
t .#... .#... ###.. .#... .#... .#..# ..##.
u ..... ..... #...# #...# #...# #..## .##.#
v ..... ..... #...# #...# #...# .#.#. ..#..
w ..... ..... #...# #...# #.#.# #.#.# .#.#.
x ..... ..... #...# .#.#. ..#.. .#.#. #...#
y ..... ..... #...# #...# .#### ....# .###.
z ..... ..... ##### ...#. ..#.. .#... #####
B ####. #...# #...# ####. #...# #...# ####.
G .###. #...# #.... #.### #...# #...# .####
M #...# ##.## #.#.# #.#.# #...# #...# #...#
"""


def _dots(rows: list[str]) -> NDArray[np.bool_]:
    return np.array([[dot == "#" for dot in row] for row in rows])


_FONT: Final = {
    line[0]: _dots(line[2:].split()) for line in _LETTERS.strip().splitlines()
} | {" ": np.zeros((_HEIGHT, _WIDTH), bool)}  # fmt: skip


def text_size(text: str, scale: int = 1) -> tuple[int, int]:
    """Height and width of a text in pixels."""
    return _HEIGHT * scale, max(len(text) * (_WIDTH + 1) - 1, 0) * scale


def write_text(
    picture: NDArray[np.uint8], text: str, top: int, left: int, colour: Colour, scale: int = 1
) -> None:
    """Write a text into a picture; what lies beyond its edges is cut off.

    Parameters
    ----------
    picture : ndarray of shape (H, W, 3)
    text : str
        Digits, small letters, ``":.,-/ BGM"``.
    top, left : int
        Where its upper left corner lies.
    colour : (int, int, int)
    scale : int
        Pixels a dot.
    """
    for place, letter in enumerate(text):
        at = left + place * (_WIDTH + 1) * scale
        for row, column in np.argwhere(_FONT[letter]).tolist():
            fill(picture, top + row * scale, at + column * scale, scale, scale, colour)


def fill(
    picture: NDArray[np.uint8], top: int, left: int, height: int, width: int, colour: Colour
) -> None:
    """Fill a rectangle of a picture; what lies beyond its edges is cut off."""
    rows = slice(max(top, 0), max(top + height, 0))
    picture[rows, max(left, 0) : max(left + width, 0)] = colour


def jpeg(picture: NDArray[np.uint8]) -> bytes:
    """Encode an RGB picture as JPEG, for looking at."""
    height, width, _ = picture.shape
    codec = av.CodecContext.create("mjpeg", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = width, height, "yuvj420p"
    codec.time_base = codec.framerate = 1  # type: ignore[assignment]
    codec.options = {"qmin": "2", "qmax": "6", "threads": "1"}
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    frame = frame.reformat(format="yuvj420p", **ONE_THREAD)
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*codec.encode(frame), *codec.encode(None)])

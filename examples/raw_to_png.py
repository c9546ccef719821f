"""Develop frames as a camera's sensor gave them (bayer mosaics) into 16-bit PNGs.

    python examples/raw_to_png.py frame.raw -o frame.png --size 1920x1080 --packing raw12 \\
        --pattern RGGB --black 256 --white-balance 1.9,1,1.6
    python examples/raw_to_png.py -o frame.png      # a frame that is made up

A file holds one frame, without a header. Packings are MIPI's (raw10, raw12, raw14), GenICam's (10p,
12p), or a number of bits: so many in every byte or, above 8, in every two.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastav
from fastav import bayer

PACKED = {
    "raw10": (10, bayer.unpack_raw10),
    "raw12": (12, bayer.unpack_raw12),
    "raw14": (14, bayer.unpack_raw14),
    "10p": (10, bayer.unpack_10p),
    "12p": (12, bayer.unpack_12p),
}


def mosaic_of(data: bytes, packing: str, width: int, height: int) -> tuple[NDArray[Any], int]:
    """The samples of a frame, and of how many bits they are."""
    if packing in PACKED:
        bits, unpack = PACKED[packing]
        return unpack(data, width, height), bits
    bits = int(packing)
    samples = np.frombuffer(data, np.uint8 if bits <= 8 else "<u2", width * height)
    return samples.reshape(height, width), bits


def made_up(width: int, height: int, black: int) -> bytes:
    """A 12-bit RGGB mosaic of a sphere in red light, with the noise of photons."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light = 3500 * np.sqrt(np.clip(1 - x**2 - y**2, 0.01, None))
    colour = np.array([[0.9, 0.5], [0.5, 0.3]])
    samples = light * np.tile(colour, (height // 2, width // 2))
    noisy = np.random.default_rng(0).poisson(samples) + black
    return bytes(noisy.clip(0, 4095).astype("<u2"))


def size(text: str) -> tuple[int, int]:
    width, height = map(int, text.split("x"))
    return width, height


def numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("raw", type=Path, nargs="?")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--size", type=size, default=(640, 480), metavar="WIDTHxHEIGHT")
    parser.add_argument("--packing", default="12", help=", ".join(PACKED) + ", or bits: 8 to 16")
    parser.add_argument("--pattern", default="RGGB", help="colours of the top left 2x2 samples")
    parser.add_argument("--black", type=int, default=256, help="what no light is")
    parser.add_argument("--white-balance", type=numbers, default=[1, 1, 1], metavar="R,G,B")
    options = parser.parse_args()

    width, height = options.size
    data = options.raw.read_bytes() if options.raw else made_up(width, height, options.black)
    mosaic, bits = mosaic_of(data, options.packing, width, height)
    rgb = bayer.demosaic(
        mosaic,
        options.pattern,
        method="malvar",
        bits=bits,
        subtract_black=options.black,
        white_balance=options.white_balance,
    )
    # A PNG's samples reach to 65535; white is what the sensor can tell from black.
    scale = 65535 / (2**bits - 1 - options.black)
    picture = (rgb * scale + 0.5).clip(0, 65535).astype(np.uint16)
    fastav.imwrite(options.output, picture, is_batch=False, in_pixel_format="rgb48")
    return 0


if __name__ == "__main__":
    sys.exit(main())

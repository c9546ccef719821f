"""Mosaics for tests, their packed bytes, and what demosaicing must give, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

PATTERNS = ("RGGB", "BGGR", "GBRG", "GRBG")


def random_mosaic(
    rng: np.random.Generator, height: int, width: int, bits: int, dtype: str | None = None
) -> Array:
    """Noise with plenty of extreme samples, which are what clips and overflows."""
    top = 2**bits - 1
    mosaic = rng.integers(0, top + 1, (height, width))
    extreme = rng.random((height, width))
    mosaic[extreme < 0.1] = 0
    mosaic[extreme > 0.9] = top
    return mosaic.astype(dtype or ("uint8" if bits <= 8 else "uint16"))


def colours(pattern: str, height: int, width: int) -> Array:
    """0, 1 or 2 (red, green, blue) for every sample."""
    tile = np.array(["RGB".index(letter) for letter in pattern]).reshape(2, 2)
    return np.tile(tile, (height // 2 + 1, width // 2 + 1))[:height, :width]


def planes(pattern: str, height: int, width: int) -> Array:
    """0, 1, 2 or 3 (R, G1, G2, B) for every sample, letter by letter."""
    tile = [3 if letter == "B" else 0 for letter in pattern]
    for at, letter in enumerate(pattern):
        if letter == "G":
            tile[at] = 1 if "R" in pattern[at // 2 * 2 : at // 2 * 2 + 2] else 2
    return np.tile(np.reshape(tile, (2, 2)), (height // 2 + 1, width // 2 + 1))[:height, :width]


def linear(
    mosaic: Array, pattern: str, black: tuple[int, ...], gains: tuple[float, ...]
) -> npt.NDArray[np.float64]:
    """Samples less black, times gains."""
    height, width = mosaic.shape
    less = mosaic.astype(np.float64) - np.array(black)[planes(pattern, height, width)]
    return np.maximum(less, 0) * np.array(gains)[colours(pattern, height, width)]


def weighed(samples: npt.NDArray[np.float64], kernel: Array) -> npt.NDArray[np.float64]:
    """Correlate with a kernel of 5x5, beyond mirrored edges."""
    height, width = samples.shape
    padded = np.pad(samples, 2, mode="reflect")
    total = np.zeros_like(samples)
    for y in range(5):
        for x in range(5):
            total += kernel[y][x] * padded[y : y + height, x : x + width]
    return total


def bilinear(samples: npt.NDArray[np.float64], pattern: str) -> npt.NDArray[np.float64]:
    """Each colour by itself: zeros where it is missing, then a tent over its lattice."""
    colour = colours(pattern, *samples.shape)
    square, cross = np.zeros((5, 5)), np.zeros((5, 5))
    square[1:4, 1:4] = np.outer([0.5, 1, 0.5], [0.5, 1, 0.5])
    cross[1:4, 1:4] = [[0, 0.25, 0], [0.25, 1, 0.25], [0, 0.25, 0]]
    return np.stack(
        [
            weighed(np.where(colour == channel, samples, 0), cross if channel == 1 else square)
            for channel in range(3)
        ],
        axis=-1,
    )


def malvar(samples: npt.NDArray[np.float64], pattern: str) -> npt.NDArray[np.float64]:
    """Malvar, He and Cutler, ICASSP 2004: a bilinear estimate plus a gain times a Laplacian.

    Eqs. 2 to 5, with alpha 1/2, beta 5/8, gamma 3/4, rather than the kernels of fig. 2.
    """
    height, width = samples.shape
    colour = colours(pattern, height, width)
    base = bilinear(samples, pattern)
    far = np.zeros((5, 5))
    far[0, 2] = far[4, 2] = far[2, 0] = far[2, 4] = -0.25
    far[2, 2] = 1
    # The Laplacian of red or blue, over their own lattice.
    chroma = weighed(samples, far)
    # Five times that of green, over 9 samples of the quincunx, which keeps it exact.
    across = np.zeros((5, 5))
    across[1::2, 1::2] = across[2, 0] = across[2, 4] = -1
    across[0, 2] = across[4, 2] = 0.5
    across[2, 2] = 5
    row, column = weighed(samples, across), weighed(samples, across.T)
    red_row = (colour == 0).any(axis=1)[:, np.newaxis] | np.zeros((height, width), bool)
    green = colour == 1
    result = base.copy()
    result[..., 1] += np.where(green, 0, chroma / 2)
    for channel, home in ((0, red_row), (2, ~red_row)):
        missing = ~green & (colour != channel)
        result[..., channel] += np.where(missing, 0.75 * chroma, 0)
        result[..., channel] += np.where(green, 0.125 * np.where(home, row, column), 0)
    return result


def rounded(result: npt.NDArray[np.float64], bits: int) -> npt.NDArray[np.float64]:
    """Half up, clipped."""
    return np.clip(np.floor(result + 0.5), 0, 2**bits - 1)


def reference(
    mosaic: Array,
    pattern: str,
    method: str,
    bits: int,
    black: tuple[int, ...] = (0, 0, 0, 0),
    gains: tuple[float, ...] = (1, 1, 1),
) -> npt.NDArray[np.float64]:
    """What demosaicing must give, to the last bit."""
    samples = linear(mosaic, pattern, black, gains)
    return rounded({"bilinear": bilinear, "malvar": malvar}[method](samples, pattern), bits)


def mipi_bytes(samples: Array, bits: int, pitch: int) -> bytes:
    """Pack as CSI-2 has it, one sample after the other, in groups that fill bytes."""
    group = 2 if bits == 12 else 4
    rows = []
    for row in samples.tolist():
        row += [0x155 & (1 << bits) - 1] * (-len(row) % group)
        packed = b""
        for at in range(0, len(row), group):
            tail = 0
            for i, sample in enumerate(row[at : at + group]):
                tail |= (sample & (1 << bits - 8) - 1) << i * (bits - 8)
            packed += bytes(sample >> bits - 8 for sample in row[at : at + group])
            packed += tail.to_bytes(group * (bits - 8) // 8, "little")
        rows.append(packed.ljust(pitch, b"\xff"))
    return b"".join(rows)


def lsb_bytes(samples: Array, bits: int, bit_pitch: int) -> bytes:
    """Pack into one number, the first sample in its lowest bits; gaps between rows are ones."""
    total, end = 0, 0
    for y, row in enumerate(samples.tolist()):
        total |= ((1 << y * bit_pitch - end) - 1) << end
        end = y * bit_pitch
        for sample in row:
            total |= sample << end
            end += bits
    return total.to_bytes((end + 7) // 8, "little")

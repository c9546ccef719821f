"""Mosaics of a colour filter array: patterns, planes, demosaicing, and cameras' packings."""

from .pixels.bayer import (
    crop_pattern,
    demosaic,
    fliplr_pattern,
    flipud_pattern,
    merge,
    parse_pattern,
    rot90_pattern,
    split,
    subtract_black,
    white_balance,
)
from .pixels.camera_packings import (
    unpack_10p,
    unpack_12p,
    unpack_raw10,
    unpack_raw12,
    unpack_raw14,
)

__all__ = [
    "crop_pattern",
    "demosaic",
    "fliplr_pattern",
    "flipud_pattern",
    "merge",
    "parse_pattern",
    "rot90_pattern",
    "split",
    "subtract_black",
    "unpack_10p",
    "unpack_12p",
    "unpack_raw10",
    "unpack_raw12",
    "unpack_raw14",
    "white_balance",
]

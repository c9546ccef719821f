"""What numbers say of colours: the code points of ITU-T H.273, and two vocabularies for them.

FFmpeg has a name for every code point (tables 2 to 4 of H.273; the range is ``AVColorRange``), as
files are described with. fastav's own names, which options take, are of the matrices that it can
compute with; two code points of H.273 are one such matrix, BT.601.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = [
    "MATRICES",
    "MATRIX_NAMES",
    "MATRIX_TAGS",
    "OPTION_MATRICES",
    "OPTION_RANGES",
    "PRIMARIES_NAMES",
    "PRIMARIES_TAGS",
    "RANGES",
    "RANGE_NAMES",
    "RANGE_TAGS",
    "TAGGED_MATRICES",
    "TAGGED_RANGES",
    "TRANSFER_NAMES",
    "TRANSFER_TAGS",
    "Matrix",
]


class Matrix(NamedTuple):
    """Luma coefficients of red and blue; green's is what they leave of 1."""

    kr: float
    kb: float


MATRICES: Final = {
    "bt601": Matrix(0.299, 0.114),  # ITU-R BT.601-7, 2.5.1
    "bt709": Matrix(0.2126, 0.0722),  # ITU-R BT.709-6, 3.2
    "bt2020": Matrix(0.2627, 0.0593),  # ITU-R BT.2020-2, table 4, non-constant luminance
    "smpte240m": Matrix(0.212, 0.087),  # SMPTE ST 240:1999
    "fcc": Matrix(0.30, 0.11),  # 47 CFR 73.682 (a) (20)
}
"""The matrices by fastav's names."""

RANGES: Final = ("limited", "full")
"""The ranges by fastav's names."""

MATRIX_TAGS: Final = {"bt601": 6, "bt709": 1, "bt2020": 9, "smpte240m": 7, "fcc": 4}
"""What a file is tagged with for each matrix (MatrixCoefficients)."""

TAGGED_MATRICES: Final = {tag: name for name, tag in MATRIX_TAGS.items()} | {5: "bt601"}
"""The matrix that a tag means."""

RANGE_TAGS: Final = {"limited": 1, "full": 2}
"""What a file is tagged with for each range (AVColorRange)."""

TAGGED_RANGES: Final = {tag: name for name, tag in RANGE_TAGS.items()}
"""The range that a tag means."""

# FFmpeg's names of the code points.
RANGE_NAMES: Final = {0: "unspecified", 1: "limited", 2: "full"}
MATRIX_NAMES: Final = {
    0: "gbr",
    1: "bt709",
    2: "unspecified",
    4: "fcc",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "ycgco",
    9: "bt2020nc",
    10: "bt2020c",
    11: "smpte2085",
    12: "chroma-derived-nc",
    13: "chroma-derived-c",
    14: "ictcp",
}
PRIMARIES_NAMES: Final = {
    1: "bt709",
    2: "unspecified",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "film",
    9: "bt2020",
    10: "smpte428",
    11: "smpte431",
    12: "smpte432",
    22: "ebu3213",
}
TRANSFER_NAMES: Final = {
    1: "bt709",
    2: "unspecified",
    4: "gamma22",
    5: "gamma28",
    6: "smpte170m",
    7: "smpte240m",
    8: "linear",
    9: "log100",
    10: "log316",
    11: "iec61966-2-4",
    12: "bt1361e",
    13: "iec61966-2-1",
    14: "bt2020-10",
    15: "bt2020-12",
    16: "smpte2084",
    17: "smpte428",
    18: "arib-std-b67",
}

PRIMARIES_TAGS: Final = {name: tag for tag, name in PRIMARIES_NAMES.items() if tag != 2}
"""What a file is tagged with for primaries by FFmpeg's names."""

TRANSFER_TAGS: Final = {name: tag for tag, name in TRANSFER_NAMES.items() if tag != 2} | {
    "pq": 16,
    "hlg": 18,
}
"""What a file is tagged with for a transfer function, by FFmpeg's names and what people say."""

# Words that FFmpeg's options colorspace and color_range take, with the names above.
OPTION_MATRICES: Final = {
    word: name for tag, name in TAGGED_MATRICES.items() for word in (MATRIX_NAMES[tag], str(tag))
} | {"bt2020_ncl": "bt2020"}
OPTION_RANGES: Final = {
    **dict.fromkeys(("limited", "tv", "mpeg", "1"), "limited"),
    **dict.fromkeys(("full", "pc", "jpeg", "2"), "full"),
}

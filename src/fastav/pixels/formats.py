"""What a pixel format's bytes mean: knowledge without I/O, one frozen value per format.

The facts come from FFmpeg's own descriptors (``AVPixFmtDescriptor``, see ``descriptors.py``); this
module reads from them how a format maps to NumPy arrays.
"""

from __future__ import annotations

import enum
from functools import cache
from typing import NamedTuple

import numpy as np

from ._format_table import Descriptor
from .descriptors import describe, known_formats

__all__ = [
    "NATIVE",
    "Component",
    "Kind",
    "PixelFormat",
    "PlaneFormat",
    "pixel_format",
    "software_formats",
]

# AV_PIX_FMT_FLAG_* of libavutil/pixdesc.h
_BE, _PAL, _BITSTREAM, _HWACCEL = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_RGB, _ALPHA, _BAYER, _FLOAT, _XYZ = 1 << 5, 1 << 7, 1 << 8, 1 << 9, 1 << 10

_ANY_SIZE = 31  # log2 of more pixels than a width or height, a C int of FFmpeg's, can be

NATIVE = "le" if np.little_endian else "be"
"""How the names of formats of this machine's byte order end."""


class Kind(enum.Enum):
    """How the components of a format lie in memory."""

    PACKED = "packed"
    """One plane, one element per component: ``(H, W)`` or ``(H, W, C)``."""
    PLANAR = "planar"
    """A plane per component, all of one size: ``(C, H, W)``."""
    SUBSAMPLED_PLANAR = "subsampled planar"
    """A plane per component, chroma smaller than luma."""
    SEMI_PLANAR = "semi-planar"
    """A luma plane and a plane of interleaved chroma."""
    PACKED_SUBSAMPLED = "packed subsampled"
    """One plane in which neighbouring pixels share chroma elements (4:2:2, 4:1:1)."""
    BIT_PACKED = "bit-packed"
    """Components share a word, or pixels share a byte."""
    BAYER = "bayer"
    """A colour filter array, one element per pixel: ``(H, W)``."""
    PALETTE = "palette"
    """Indices ``(H, W)`` and a palette ``(256, 4)``."""
    HARDWARE = "hardware"
    """A handle to memory that the CPU cannot read."""


class Component(NamedTuple):
    """Where one component lies, in the words of FFmpeg's ``AVComponentDescriptor``.

    Attributes
    ----------
    plane : int
        The plane that holds it.
    step : int
        Distance between two horizontally neighbouring samples: bytes (bits in bitstream formats).
    offset : int
        Elements before the first sample: bytes (bits in bitstream formats).
    shift : int
        Right shift that moves the sample to the least significant bit.
    depth : int
        Bits of the sample.
    """

    plane: int
    step: int
    offset: int
    shift: int
    depth: int


class PlaneFormat(NamedTuple):
    """The horizontal unit of a plane, from which row sizes follow.

    A unit of ``bits`` bits spans ``2**log2_width`` pixels of the picture horizontally and
    ``2**log2_height`` rows vertically; partial units at the right and lower edges are stored whole.

    Attributes
    ----------
    bits : int
        Bits of a unit.
    channels : int
        Elements of the trailing axis of the plane's array; 1 for a plane without that axis.
    log2_width, log2_height : int
        Logarithms of the pixels and rows that a unit spans. A palette is one unit, which spans a
        picture of any size.
    """

    bits: int
    channels: int
    log2_width: int
    log2_height: int


class PixelFormat(NamedTuple):
    """A pixel format of FFmpeg: what its bytes mean.

    Attributes
    ----------
    name : str
        FFmpeg's name.
    kind : Kind
        How the components lie in memory.
    components : tuple of Component
        As in FFmpeg's descriptor: R, G, B or Y, U, V, then alpha.
    planes : tuple of PlaneFormat
        The stored planes; a palette counts as one.
    itemsize : int
        Bytes of an element (of the word, in bit-packed formats); 0 for hardware formats.
    dtype : numpy.dtype
        Type of an element as stored: the format's own byte order, floating point where it is.
    order : str
        The components in the order of memory, a letter for each element of a pixel (a macropixel
        where chroma is shared) and ``-`` for an unused one; planes follow each other. For
        bit-packed formats from the most significant bit on, ``-`` being unused bits. The pattern
        of a mosaic; ``P`` for palette indices.
    shift : int
        Unused low bits of every element (samples aligned to the most significant bit).
    depth : int
        Bits of the deepest component.
    log2_chroma_w, log2_chroma_h : int
        Logarithms of the chroma subsampling.
    big_endian, float, alpha, rgb : bool
        Byte order of the elements; IEEE floating point; has alpha; red, green and blue (a palette
        counts as neither).
    mosaic : str or None
        The 2 x 2 pattern of a bayer format in reading order, such as ``"RGGB"``.
    padding : int
        Elements of a pixel that carry nothing, such as the fourth of ``rgb0``.
    pixel_bits : int
        Bit-packed formats: the bits that a pixel occupies, unused ones included; else 0.
    bit_shifts : tuple of int
        Bit-packed formats: per component the right shift that moves it to the least significant
        bit of its pixel; else empty.
    """

    name: str
    kind: Kind
    components: tuple[Component, ...]
    planes: tuple[PlaneFormat, ...]
    itemsize: int
    dtype: np.dtype
    order: str
    shift: int
    depth: int
    log2_chroma_w: int
    log2_chroma_h: int
    big_endian: bool
    float: bool
    alpha: bool
    rgb: bool
    mosaic: str | None
    padding: int
    pixel_bits: int
    bit_shifts: tuple[int, ...]

    @property
    def plane_count(self) -> int:
        """Number of stored planes, the palette included."""
        return len(self.planes)

    @property
    def is_array(self) -> bool:
        """Whether a frame is one strided array (packed 4:2:2: at even widths)."""
        return self.kind in _ARRAY_KINDS

    @property
    def component_dtype(self) -> np.dtype:
        """Type that holds any one component on its own, in native byte order."""
        if self.kind is Kind.BIT_PACKED:
            return np.dtype(np.uint8 if self.depth <= 8 else np.uint16)
        return self.dtype.newbyteorder("=")


_ARRAY_KINDS = frozenset(
    {Kind.PACKED, Kind.PLANAR, Kind.PACKED_SUBSAMPLED, Kind.BIT_PACKED, Kind.BAYER}
)


@cache
def pixel_format(name: str) -> PixelFormat:
    """Return what is known of a pixel format.

    Parameters
    ----------
    name : str
        A name or alias that FFmpeg knows. As in FFmpeg, a name without ``le`` or ``be`` means the
        byte order of this machine (``"gray16"``, ``"p010"``).

    Returns
    -------
    PixelFormat
        A frozen value; the same object at every call.

    Raises
    ------
    TypeError
        If ``name`` is not a string.
    ValueError
        If there is no such format; the message names similar ones.
    """
    if not isinstance(name, str):
        raise TypeError(f"a pixel format's name must be a str, got {name!r}")
    for candidate in (name, name + NATIVE):  # the rules of av_get_pix_fmt
        if (found := describe(candidate)) is not None:
            return _pixel_format(*found)
    from difflib import get_close_matches  # a millisecond that only this error needs

    close = get_close_matches(name, known_formats())
    advice = f"did you mean {' or '.join(map(repr, close))}?" if close else "see `ffmpeg -pix_fmts`"
    raise ValueError(f"unknown pixel format {name!r}; {advice}")


def software_formats() -> tuple[str, ...]:
    """Return the names of FFmpeg's formats whose samples are in the CPU's memory, sorted."""
    return tuple(name for name, (flags, _, _) in known_formats().items() if not flags & _HWACCEL)


@cache
def _pixel_format(name: str, descriptor: Descriptor) -> PixelFormat:
    flags, (log2_w, log2_h), raw = descriptor
    components = tuple(Component(*component) for component in raw)
    kind = _kind(descriptor, components)
    letters = _letters(flags, len(components))
    mosaic = name.split("_")[1][:4].upper() if kind is Kind.BAYER else None

    itemsize, shift, padding, pixel_bits = 0, 0, 0, 0
    bit_shifts: tuple[int, ...] = ()
    order = ""
    if kind is Kind.BIT_PACKED:
        pixel_bits, bit_shifts = _bit_fields(flags, components)
        itemsize = max(1, pixel_bits // 8)
        order = _bit_order(letters, components, pixel_bits, bit_shifts)
    elif kind is Kind.BAYER:
        itemsize, order = components[0].step, mosaic or ""
    elif kind is Kind.PALETTE:
        itemsize, order = 1, "P"
    elif kind is not Kind.HARDWARE:
        itemsize = _element_size(components[0])
        shift = components[0].shift
        order = _element_order(letters, components, itemsize)
        padding = order.count("-")

    depth = max((component.depth for component in components), default=0)
    is_float = bool(flags & _FLOAT)
    byte_order = ">" if flags & _BE else "<"
    return PixelFormat(
        name=name,
        kind=kind,
        components=components,
        planes=_planes(descriptor, kind, components, order, itemsize, pixel_bits),
        itemsize=itemsize,
        dtype=np.dtype(f"{byte_order}{'f' if is_float else 'u'}{itemsize or 1}"),
        order=order,
        shift=shift,
        depth=8 * itemsize if kind is Kind.BAYER else depth,
        log2_chroma_w=log2_w,
        log2_chroma_h=log2_h,
        big_endian=bool(flags & _BE),
        float=is_float,
        alpha=bool(flags & _ALPHA),
        rgb=bool(flags & _RGB),
        mosaic=mosaic,
        padding=padding,
        pixel_bits=pixel_bits,
        bit_shifts=bit_shifts,
    )


def _element_size(component: Component) -> int:
    """Bytes of the smallest integer type that holds a component where it lies."""
    bits = component.depth + component.shift
    return 1 if bits <= 8 else 2 if bits <= 16 else 4


def _shares_elements(components: tuple[Component, ...]) -> bool:
    """Whether components overlap, or lie elsewhere than in elements of one size."""
    size = _element_size(components[0])
    places = {(component.plane, component.offset) for component in components}
    return len(places) < len(components) or any(
        _element_size(component) != size or component.offset % size for component in components
    )


def _kind(descriptor: Descriptor, components: tuple[Component, ...]) -> Kind:
    flags, (log2_w, log2_h), _ = descriptor
    if flags & _HWACCEL:
        return Kind.HARDWARE
    if flags & _PAL:
        return Kind.PALETTE
    if flags & _BAYER:
        return Kind.BAYER
    if flags & _BITSTREAM or _shares_elements(components):
        return Kind.BIT_PACKED
    plane_count = 1 + max(component.plane for component in components)
    subsampled = bool(log2_w or log2_h)
    if plane_count == 1:
        return Kind.PACKED_SUBSAMPLED if subsampled else Kind.PACKED
    if plane_count < len(components):
        return Kind.SEMI_PLANAR
    return Kind.SUBSAMPLED_PLANAR if subsampled else Kind.PLANAR


def _letters(flags: int, count: int) -> str:
    """A letter for each component, in the order of the descriptor."""
    if flags & _XYZ:
        return "XYZ"
    if count <= 2:
        return "YA"[:count]
    return ("RGBA" if flags & _RGB else "YUVA")[:count]


def _element_order(letters: str, components: tuple[Component, ...], itemsize: int) -> str:
    """The letters in the order of memory, ``-`` for elements that carry nothing."""
    order = ""
    for plane in range(1 + max(component.plane for component in components)):
        held = [
            (letter, component)
            for letter, component in zip(letters, components, strict=True)
            if component.plane == plane
        ]
        unit = max(component.step for _, component in held)
        elements = ["-"] * (unit // itemsize)
        for letter, component in held:
            # In a shared unit luma comes more than once: uyvy422 is U Y V Y.
            for offset in range(component.offset, unit, component.step):
                elements[offset // itemsize] = letter
        order += "".join(elements)
    # A descriptor's even steps cannot say that uyyvyy411 has its luma in pairs.
    return "UYYVYY" if order == "UY-V-Y" else order


def _bit_fields(flags: int, components: tuple[Component, ...]) -> tuple[int, tuple[int, ...]]:
    """Bits of a pixel, and where in them each component begins, counted from the lowest bit.

    Follows ``av_read_image_line2`` of libavutil, which tells how a descriptor is meant.
    """
    step = components[0].step
    if flags & _BITSTREAM:
        if components[0].depth == 10:  # a 32-bit big-endian word; offsets count from its low end
            return step, tuple(component.offset for component in components)
        # Pixels follow each other from the most significant bit of a byte on.
        return step, tuple(step - component.offset - component.depth for component in components)
    shifts = []
    for component in components:
        size = _element_size(component)
        offset = component.offset
        if flags & _BE:
            offset += size == 1  # the reader's correction for a byte of a big-endian word
            shifts.append(8 * (step - offset - size) + component.shift)
        else:
            shifts.append(8 * offset + component.shift)
    return 8 * step, tuple(shifts)


def _bit_order(
    letters: str, components: tuple[Component, ...], pixel_bits: int, bit_shifts: tuple[int, ...]
) -> str:
    """The letters from the most significant bit on, ``-`` for unused bits."""
    order, top = "", pixel_bits
    fields = sorted(zip(bit_shifts, components, letters, strict=True), key=lambda field: -field[0])
    for shift, component, letter in fields:
        order += "-" * (top > shift + component.depth) + letter
        top = shift
    return order + "-" * (top > 0)


def _planes(
    descriptor: Descriptor,
    kind: Kind,
    components: tuple[Component, ...],
    order: str,
    itemsize: int,
    pixel_bits: int,
) -> tuple[PlaneFormat, ...]:
    """The planes as ``av_image_fill_plane_sizes`` lays them out."""
    _, (log2_w, log2_h), _ = descriptor
    if kind is Kind.HARDWARE:
        return ()
    if kind is Kind.PALETTE:
        return PlaneFormat(8, 1, 0, 0), PlaneFormat(8 * 1024, 4, _ANY_SIZE, _ANY_SIZE)
    if kind is Kind.BIT_PACKED:
        return (PlaneFormat(pixel_bits, 1, 0, 0),)
    if kind is Kind.BAYER:
        return (PlaneFormat(8 * itemsize, 1, 0, 0),)
    if kind is Kind.PACKED_SUBSAMPLED:
        return (PlaneFormat(8 * itemsize * len(order), 1, log2_w, log2_h),)
    planes = []
    for plane in range(1 + max(component.plane for component in components)):
        held = [index for index, component in enumerate(components) if component.plane == plane]
        chroma = bool({1, 2} & set(held)) and 0 not in held
        step = components[held[0]].step
        log2 = (log2_w, log2_h) if chroma else (0, 0)
        planes.append(PlaneFormat(8 * step, step // itemsize, *log2))
    return tuple(planes)

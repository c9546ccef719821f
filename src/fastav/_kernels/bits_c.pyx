"""Words that components share, to and from an element for each; ``bits_py`` is the specification."""

from libc.stdint cimport uint8_t, uint32_t

cdef extern from "bits.h" nogil:
    ctypedef struct bit_fields:
        int count
        int shifts[4]
        uint32_t masks[4]
    void bits_expand(
        uint8_t *dst, Py_ssize_t dst_pitch, const uint8_t *src, Py_ssize_t src_pitch,
        int pixel_bits, int swapped, const bit_fields *fields, Py_ssize_t width, Py_ssize_t height)
    uint32_t bits_collapse(
        uint8_t *dst, Py_ssize_t dst_pitch, const uint8_t *src, Py_ssize_t src_pitch,
        int pixel_bits, int swapped, const bit_fields *fields, Py_ssize_t width, Py_ssize_t height)

__all__ = ["collapse", "expand"]


cdef bit_fields fields_of(tuple shifts, tuple depths):
    cdef bit_fields fields
    fields.count = len(shifts)
    for component in range(4):
        fields.shifts[component] = 0
        fields.masks[component] = 0
    for component in range(fields.count):
        fields.shifts[component] = shifts[component]
        fields.masks[component] = (1 << <int>depths[component]) - 1
    return fields


def expand(
    size_t dst, Py_ssize_t dst_pitch, size_t src, Py_ssize_t src_pitch,
    int pixel_bits, bint swapped, tuple shifts, tuple depths, Py_ssize_t width, Py_ssize_t height,
):
    """Give each component of ``height`` rows of ``width`` pixels an element of its own.

    ``swapped``: the words' byte order is not this machine's; the elements' always is.
    """
    cdef bit_fields fields = fields_of(shifts, depths)
    with nogil:
        bits_expand(
            <uint8_t *>dst, dst_pitch, <const uint8_t *>src, src_pitch,
            pixel_bits, swapped, &fields, width, height)


def collapse(
    size_t dst, Py_ssize_t dst_pitch, size_t src, Py_ssize_t src_pitch,
    int pixel_bits, bint swapped, tuple shifts, tuple depths, Py_ssize_t width, Py_ssize_t height,
):
    """Undo ``expand``; return whether every value fits its component (excess bits are dropped).

    Unused bits, those after the last pixel of a row included, become 0.
    """
    cdef bit_fields fields = fields_of(shifts, depths)
    cdef uint32_t excess
    with nogil:
        excess = bits_collapse(
            <uint8_t *>dst, dst_pitch, <const uint8_t *>src, src_pitch,
            pixel_bits, swapped, &fields, width, height)
    return excess == 0

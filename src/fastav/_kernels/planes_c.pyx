"""Moving planes of samples, compiled; ``planes_py`` is the specification."""

from libc.stdint cimport uint8_t

cdef extern from "planes.h" nogil:
    void planes_copy(
        uint8_t *dst, Py_ssize_t dst_pitch, const uint8_t *src, Py_ssize_t src_pitch,
        Py_ssize_t row_bytes, Py_ssize_t height)
    void planes_swap(
        uint8_t *dst, Py_ssize_t dst_pitch, const uint8_t *src, Py_ssize_t src_pitch,
        int itemsize, Py_ssize_t width, Py_ssize_t height)
    void planes_shift(
        uint8_t *dst, Py_ssize_t dst_pitch, const uint8_t *src, Py_ssize_t src_pitch,
        int bits, int swapped, Py_ssize_t width, Py_ssize_t height)
    void planes_interleave(
        uint8_t *dst, Py_ssize_t dst_pitch, const uint8_t **src, const Py_ssize_t *pitches,
        int channels, int itemsize, Py_ssize_t width, Py_ssize_t height)
    void planes_deinterleave(
        uint8_t **dst, const Py_ssize_t *pitches, const uint8_t *src, Py_ssize_t src_pitch,
        int channels, int itemsize, Py_ssize_t width, Py_ssize_t height)

__all__ = ["copy", "deinterleave", "interleave", "shift", "swap"]


def copy(
    size_t dst, Py_ssize_t dst_pitch, size_t src, Py_ssize_t src_pitch,
    Py_ssize_t row_bytes, Py_ssize_t height,
):
    """Copy ``height`` rows of ``row_bytes`` bytes; at once where neither side has padding."""
    with nogil:
        planes_copy(<uint8_t *>dst, dst_pitch, <const uint8_t *>src, src_pitch, row_bytes, height)


def swap(
    size_t dst, Py_ssize_t dst_pitch, size_t src, Py_ssize_t src_pitch,
    int itemsize, Py_ssize_t width, Py_ssize_t height,
):
    """Copy ``height`` rows of ``width`` elements of 2 or 4 bytes, reversing each one's bytes."""
    with nogil:
        planes_swap(
            <uint8_t *>dst, dst_pitch, <const uint8_t *>src, src_pitch, itemsize, width, height)


def shift(
    size_t dst, Py_ssize_t dst_pitch, size_t src, Py_ssize_t src_pitch,
    int bits, bint swapped, Py_ssize_t width, Py_ssize_t height,
):
    """Copy rows of 16-bit elements, shifted right by ``bits`` bits.

    ``swapped``: the source's byte order is not this machine's; the result's always is.
    """
    with nogil:
        planes_shift(
            <uint8_t *>dst, dst_pitch, <const uint8_t *>src, src_pitch,
            bits, swapped, width, height)


def interleave(
    size_t dst, Py_ssize_t dst_pitch, tuple srcs, tuple src_pitches,
    int itemsize, Py_ssize_t width, Py_ssize_t height,
):
    """Merge 2 to 4 planes of 1-, 2- or 4-byte elements into one of as many channels."""
    cdef const uint8_t *addresses[4]
    cdef Py_ssize_t pitches[4]
    cdef int channels = len(srcs)
    for channel in range(channels):
        addresses[channel] = <const uint8_t *><size_t>srcs[channel]
        pitches[channel] = src_pitches[channel]
    with nogil:
        planes_interleave(
            <uint8_t *>dst, dst_pitch, addresses, pitches, channels, itemsize, width, height)


def deinterleave(
    tuple dsts, tuple dst_pitches, size_t src, Py_ssize_t src_pitch,
    int itemsize, Py_ssize_t width, Py_ssize_t height,
):
    """Split a plane of 2 to 4 channels of 1-, 2- or 4-byte elements into a plane for each."""
    cdef uint8_t *addresses[4]
    cdef Py_ssize_t pitches[4]
    cdef int channels = len(dsts)
    for channel in range(channels):
        addresses[channel] = <uint8_t *><size_t>dsts[channel]
        pitches[channel] = dst_pitches[channel]
    with nogil:
        planes_deinterleave(
            addresses, pitches, <const uint8_t *>src, src_pitch,
            channels, itemsize, width, height)

"""Mosaics, compiled; ``bayer_py`` is the specification. The work is in ``bayer.h``."""

from libc.stdint cimport int32_t

cdef extern from "bayer.h" nogil:
    ctypedef struct bayer_job:
        const char *src
        Py_ssize_t src_pitch
        char *dst
        Py_ssize_t dst_pitch
        Py_ssize_t width, height
        int red_x, red_y
        int32_t maximum
        int32_t black[4]
        int32_t gain[3]
        int shift

    void bayer_demosaic(const bayer_job *job, int itemsize, int malvar)
    void bayer_correct(const bayer_job *job, int itemsize)
    void bayer_unpack_mipi(
        char *dst, Py_ssize_t dst_pitch, const char *src, Py_ssize_t src_pitch,
        Py_ssize_t width, Py_ssize_t height, int bits)
    void bayer_unpack_lsb(
        char *dst, Py_ssize_t dst_pitch, const char *src, Py_ssize_t bit_pitch,
        Py_ssize_t width, Py_ssize_t height, int bits)

__all__ = ["correct", "demosaic", "unpack_lsb", "unpack_mipi"]


cdef bayer_job describe(
    size_t dst, Py_ssize_t dst_pitch, size_t src, Py_ssize_t src_pitch,
    Py_ssize_t width, Py_ssize_t height, int red_x, int red_y,
    int maximum, tuple black, tuple gain, int shift,
) except *:
    cdef bayer_job job
    job.src = <const char *>src
    job.src_pitch = src_pitch
    job.dst = <char *>dst
    job.dst_pitch = dst_pitch
    job.width = width
    job.height = height
    job.red_x = red_x
    job.red_y = red_y
    job.maximum = maximum
    job.shift = shift
    for plane in range(4):
        job.black[plane] = black[plane]
    for colour in range(3):
        job.gain[colour] = gain[colour]
    return job


def demosaic(
    size_t dst, Py_ssize_t dst_pitch, size_t src, Py_ssize_t src_pitch,
    int itemsize, Py_ssize_t width, Py_ssize_t height, int red_x, int red_y, bint malvar,
    int maximum, tuple black, tuple gain, int shift,
):
    """Write the RGB picture of a mosaic of at least 2x2 samples.

    Samples less black (not below 0) are multiplied by their colours' gains, and weighed. Beyond its
    edges the mosaic is mirrored about its outermost samples.
    """
    cdef bayer_job job = describe(
        dst, dst_pitch, src, src_pitch, width, height, red_x, red_y, maximum, black, gain, shift)
    with nogil:
        bayer_demosaic(&job, itemsize, malvar)


def correct(
    size_t dst, Py_ssize_t dst_pitch, size_t src, Py_ssize_t src_pitch,
    int itemsize, Py_ssize_t width, Py_ssize_t height, int red_x, int red_y,
    int maximum, tuple black, tuple gain, int shift,
):
    """Write the mosaic less black (not below 0), times gains; ``dst`` may be ``src``."""
    cdef bayer_job job = describe(
        dst, dst_pitch, src, src_pitch, width, height, red_x, red_y, maximum, black, gain, shift)
    with nogil:
        bayer_correct(&job, itemsize)


def unpack_mipi(
    size_t dst, Py_ssize_t dst_pitch, size_t src, Py_ssize_t src_pitch,
    Py_ssize_t width, Py_ssize_t height, int bits,
):
    """Write 16-bit samples from MIPI CSI-2's RAW10, RAW12 or RAW14 (``bits``).

    A group of 4 samples (RAW12: 2) has their high bytes, then all their low bits, the first
    sample's lowest. Rows are of whole groups.
    """
    with nogil:
        bayer_unpack_mipi(
            <char *>dst, dst_pitch, <const char *>src, src_pitch, width, height, bits)


def unpack_lsb(
    size_t dst, Py_ssize_t dst_pitch, size_t src, Py_ssize_t bit_pitch,
    Py_ssize_t width, Py_ssize_t height, int bits,
):
    """Write 16-bit samples from 10- or 12-bit ones that follow each other from the lowest bit on.

    Row y begins at bit ``y * bit_pitch``, which need not be a byte's first.
    """
    with nogil:
        bayer_unpack_lsb(
            <char *>dst, dst_pitch, <const char *>src, bit_pitch, width, height, bits)

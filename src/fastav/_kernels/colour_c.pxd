"""What other compiled kernels call without the GIL."""

from libc.stdint cimport int64_t, uint8_t

cdef extern from "colour_plane.h" nogil:
    ctypedef struct colour_plane:
        uint8_t *data
        Py_ssize_t pitch

cdef void read_planes(tuple planes, colour_plane *out)
cdef void convert_window(
    const void *plan, int64_t left, int64_t top, int64_t right, int64_t bottom,
    const colour_plane *source, const colour_plane *target, int level
) noexcept nogil

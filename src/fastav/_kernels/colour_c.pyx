"""Colour conversion, compiled; ``colour_py`` is the specification, ``colour.h`` explains it."""

from libc.stdint cimport int64_t

cdef extern from "colour.h" nogil:
    ctypedef struct colour_plan:
        pass
    ctypedef struct colour_window:
        int64_t left, top, right, bottom
    const char *const colour_names[4]
    bint colour_available(int level)
    void colour_to_rgb(
        const colour_plan *, const colour_window *, const colour_plane *, const colour_plane *,
        int level
    )
    void colour_from_rgb(const colour_plan *, const colour_plane *, const colour_plane *, int level)

__all__ = ["from_rgb", "levels", "to_rgb"]


cdef void read_planes(tuple planes, colour_plane *out):
    cdef Py_ssize_t i
    cdef size_t address
    for i in range(len(planes) // 2):
        address = planes[2 * i]
        out[i].data = <uint8_t *>address
        out[i].pitch = planes[2 * i + 1]


cdef void convert_window(
    const void *plan, int64_t left, int64_t top, int64_t right, int64_t bottom,
    const colour_plane *source, const colour_plane *target, int level
) noexcept nogil:
    cdef colour_window window
    window.left, window.top, window.right, window.bottom = left, top, right, bottom
    colour_to_rgb(<const colour_plan *>plan, &window, source, target, level)


def levels():
    """Names of the instruction sets that this machine can run, by number; the last is the best."""
    return {level: (<bytes>colour_names[level]).decode() for level in range(4)
            if colour_available(level)}


def to_rgb(size_t plan, tuple window, tuple source, tuple target, int level):
    """Convert a window of a frame to RGB or grey, with the instruction set of that level."""
    cdef colour_plane sources[4]
    cdef colour_plane targets[4]
    cdef int64_t left, top, right, bottom
    left, top, right, bottom = window
    read_planes(source, sources)
    read_planes(target, targets)
    with nogil:
        convert_window(
            <const void *>plan, left, top, right, bottom, sources, targets, level
        )


def from_rgb(size_t plan, tuple source, tuple target, int level):
    """Convert RGB or grey to Y'CbCr, with the instruction set of that level."""
    cdef colour_plane sources[4]
    cdef colour_plane targets[4]
    read_planes(source, sources)
    read_planes(target, targets)
    with nogil:
        colour_from_rgb(<const colour_plan *>plan, sources, targets, level)

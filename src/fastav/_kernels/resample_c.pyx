"""Resampling of frames, compiled; ``resample_py`` is the specification, ``resample.h`` explains it."""

from libc.stdint cimport int64_t, uint8_t

from .colour_c cimport colour_plane, convert_window, read_planes

cdef extern from "resample.h" nogil:
    ctypedef struct resample_plan:
        int64_t channels
    ctypedef struct resample_scratch:
        Py_ssize_t end
    ctypedef void resample_convert(
        const void *, int64_t, int64_t, int64_t, int64_t, uint8_t *, Py_ssize_t, Py_ssize_t
    ) noexcept
    const char *const resample_names[4]
    bint resample_available(int level)
    resample_scratch resample_places(const resample_plan *)
    void resample_frame(
        const resample_plan *, resample_convert *, const void *, uint8_t *, Py_ssize_t, uint8_t *,
        int level
    )

__all__ = ["levels", "resample", "scratch_bytes"]

cdef struct Source:
    const void *plan
    int level
    int channels
    colour_plane planes[4]


cdef void convert(
    const void *context, int64_t left, int64_t top, int64_t right, int64_t bottom, uint8_t *planes,
    Py_ssize_t plane, Py_ssize_t pitch
) noexcept nogil:
    cdef const Source *source = <const Source *>context
    cdef colour_plane target[4]
    cdef int c
    for c in range(source.channels):
        target[c].data = planes + c * plane
        target[c].pitch = pitch
    convert_window(
        source.plan, left, top, right, bottom, source.planes, target, source.level
    )


def levels():
    """Names of the instruction sets that this machine can run, by number; the last is the best."""
    return {level: (<bytes>resample_names[level]).decode() for level in range(4)
            if resample_available(level)}


def scratch_bytes(size_t plan):
    """Bytes of memory that resampling needs besides."""
    return resample_places(<const resample_plan *>plan).end


def resample(
    size_t plan, size_t colour, tuple source, size_t target, Py_ssize_t pitch, size_t scratch,
    int level, int colour_level
):
    """Convert a frame to RGB or grey of another size, with the instruction sets of these levels."""
    cdef Source context
    cdef const resample_plan *p = <const resample_plan *>plan
    context.plan = <const void *>colour
    context.level = colour_level
    context.channels = <int>p.channels
    read_planes(source, context.planes)
    with nogil:
        resample_frame(
            p, convert, &context, <uint8_t *>target, pitch, <uint8_t *>scratch, level
        )

"""FFmpeg's converter called into the caller's memory, without the GIL.

The twin ``swscale_py`` documents every name. The functions' addresses come from the libraries that
PyAV has loaded, so nothing is linked here and a build fits every FFmpeg with this interface.
"""

from libc.stdint cimport int64_t, uint8_t, uintptr_t

__all__ = ["Scaler"]

ctypedef void *(*alloc_t)() noexcept nogil
ctypedef int (*init_t)(void *, void *, void *) noexcept nogil
ctypedef int (*get_details_t)(
    void *, int **, int *, int **, int *, int *, int *, int *
) noexcept nogil
ctypedef int (*set_details_t)(
    void *, const int *, int, const int *, int, int, int, int
) noexcept nogil
ctypedef const int *(*coefficients_t)(int) noexcept nogil
ctypedef int (*scale_t)(
    void *, const uint8_t *const *, const int *, int, int, uint8_t *const *, const int *
) noexcept nogil
ctypedef void (*free_t)(void *) noexcept nogil
ctypedef int (*set_int_t)(void *, const char *, int64_t, int) noexcept nogil


cdef class Scaler:
    """One conversion from a pixel format to a format of one plane, size unchanged."""

    cdef void *_context
    cdef scale_t _scale
    cdef free_t _free
    cdef int _height

    def __init__(
        self,
        functions,
        int source,
        int destination,
        int width,
        int height,
        int source_matrix,
        bint source_full,
        int destination_matrix,
        bint destination_full,
        int flags,
    ):
        if self._context != NULL:
            raise RuntimeError("a Scaler is initialised once")
        cdef alloc_t alloc = <alloc_t><uintptr_t>functions["sws_alloc_context"]
        cdef init_t init = <init_t><uintptr_t>functions["sws_init_context"]
        cdef get_details_t get_details = (
            <get_details_t><uintptr_t>functions["sws_getColorspaceDetails"]
        )
        cdef set_details_t set_details = (
            <set_details_t><uintptr_t>functions["sws_setColorspaceDetails"]
        )
        cdef coefficients_t coefficients = (
            <coefficients_t><uintptr_t>functions["sws_getCoefficients"]
        )
        cdef set_int_t set_int = <set_int_t><uintptr_t>functions["av_opt_set_int"]
        self._scale = <scale_t><uintptr_t>functions["sws_scale"]
        self._free = <free_t><uintptr_t>functions["sws_freeContext"]
        self._height = height
        self._context = alloc()
        if self._context == NULL:
            raise MemoryError("sws_alloc_context failed")
        for option, value in (
            (b"srcw", width),
            (b"srch", height),
            (b"dstw", width),
            (b"dsth", height),
            (b"src_format", source),
            (b"dst_format", destination),
            (b"src_range", source_full),
            (b"dst_range", destination_full),
            (b"sws_flags", flags),
            (b"threads", 1),
        ):
            if set_int(self._context, option, value, 0) < 0:
                raise ValueError(f"libswscale refuses {option.decode()}={value}")
        if init(self._context, NULL, NULL) < 0:
            raise ValueError("libswscale cannot make this conversion")
        # libswscale may have corrected the ranges (yuvj, gray): keep its own.
        cdef int *table
        cdef int full_in, full_out, ignored
        get_details(
            self._context, &table, &full_in, &table, &full_out, &ignored, &ignored, &ignored
        )
        set_details(
            self._context,
            coefficients(source_matrix),
            full_in,
            coefficients(destination_matrix),
            full_out,
            0,
            1 << 16,
            1 << 16,
        )

    def scale(self, planes, uintptr_t destination, int pitch):
        """Convert one picture."""
        if self._context == NULL:
            raise RuntimeError("this Scaler was never initialised")
        cdef const uint8_t *sources[4]
        cdef int pitches[4]
        cdef uint8_t *destinations[4]
        cdef int destination_pitches[4]
        cdef int i, rows
        for i in range(4):
            sources[i] = NULL
            pitches[i] = 0
            destinations[i] = NULL
            destination_pitches[i] = 0
        i = 0
        for plane in planes:
            sources[i] = <const uint8_t *><uintptr_t>plane.buffer_ptr
            pitches[i] = plane.line_size
            i += 1
            if i == 4:
                break
        destinations[0] = <uint8_t *>destination
        destination_pitches[0] = pitch
        with nogil:
            rows = self._scale(
                self._context, sources, pitches, 0, self._height, destinations, destination_pitches
            )
        if rows != self._height:
            raise ValueError(f"sws_scale converted {rows} of {self._height} rows")

    def __dealloc__(self):
        if self._context != NULL:
            self._free(self._context)
            self._context = NULL

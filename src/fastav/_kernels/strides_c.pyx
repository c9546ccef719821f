"""Where the planes of a frame lie, compiled; ``strides_py`` is the specification."""

cdef extern from "Python.h":
    const Py_ssize_t PY_SSIZE_T_MAX

__all__ = ["lay_out", "span"]


cdef Py_ssize_t product(Py_ssize_t a, Py_ssize_t b) except? -1:
    """Return ``a * b`` for ``b`` not below 0."""
    if b and (a > PY_SSIZE_T_MAX // b or a < -(PY_SSIZE_T_MAX // b)):
        raise OverflowError("the frame does not fit into memory")
    return a * b


cdef Py_ssize_t total(Py_ssize_t a, Py_ssize_t b) except? -1:
    """Return ``a + b``, both not below 0."""
    if a > PY_SSIZE_T_MAX - b:
        raise OverflowError("the frame does not fit into memory")
    return a + b


def lay_out(Py_ssize_t width, Py_ssize_t height, planes, Py_ssize_t align):
    """Lay the planes of a picture out in one block of memory, one after the other.

    Of each plane is given (bits, channels, log2_width, log2_height): a unit of ``bits`` bits spans
    ``2**log2_width`` pixels across and ``2**log2_height`` down; a unit that the picture covers in
    part is stored whole. Pitches and offsets are multiples of ``align``. Return (bytes of a row,
    rows, pitch, offset) of each plane, and the bytes of the block.
    """
    cdef list laid = []
    cdef Py_ssize_t row_bytes, rows, pitch, offset, end = 0
    cdef int bits, log2_width, log2_height
    for plane in planes:
        bits, log2_width, log2_height = plane[0], plane[2], plane[3]
        row_bytes = total(product(-(-width >> log2_width), bits), 7) // 8
        rows = -(-height >> log2_height)
        pitch = total(row_bytes, align - 1) & -align
        offset = total(end, align - 1) & -align
        end = total(offset, product(pitch, rows))
        laid.append((row_bytes, rows, pitch, offset))
    return laid, end


def span(Py_ssize_t pitch, Py_ssize_t bytes_per_row, Py_ssize_t height):
    """Return where a plane begins and ends, in bytes relative to its row 0.

    With a negative pitch the later rows lie at lower addresses.
    """
    cdef Py_ssize_t last = product(pitch, height - 1)
    return min(0, last), total(max(0, last), bytes_per_row)

"""Sizes of planes, compiled; ``strides_py`` is the specification."""

cdef extern from "Python.h":
    const Py_ssize_t PY_SSIZE_T_MAX

__all__ = ["align_up", "ceil_shift", "plane_size", "row_bytes", "span"]


cdef Py_ssize_t product(Py_ssize_t a, Py_ssize_t b) except? -1:
    """Return ``a * b`` for ``b`` not below 0."""
    if b and (a > PY_SSIZE_T_MAX // b or a < -(PY_SSIZE_T_MAX // b)):
        raise OverflowError("the plane does not fit into memory")
    return a * b


cdef Py_ssize_t total(Py_ssize_t a, Py_ssize_t b) except? -1:
    """Return ``a + b``, both not below 0."""
    if a > PY_SSIZE_T_MAX - b:
        raise OverflowError("the plane does not fit into memory")
    return a + b


def ceil_shift(Py_ssize_t size, int log2):
    """Return ``size / 2**log2``, rounded up: chroma covers the last odd column and row."""
    return -((-size) >> log2)


def row_bytes(Py_ssize_t width, int log2_width, int bits):
    """Return the bytes of a row of units of ``bits`` bits, each ``2**log2_width`` pixels wide."""
    return total(product(-((-width) >> log2_width), bits), 7) // 8


def align_up(Py_ssize_t size, Py_ssize_t align):
    """Return the smallest multiple of ``align`` that is not below ``size``."""
    return total(size, align - 1) & -align


def plane_size(Py_ssize_t pitch, Py_ssize_t height):
    """Return the bytes from the first row of a plane to the end of its last."""
    return product(pitch, height)


def span(Py_ssize_t pitch, Py_ssize_t bytes_per_row, Py_ssize_t height):
    """Return where a plane begins and ends, in bytes relative to its row 0.

    With a negative pitch the later rows lie at lower addresses.
    """
    cdef Py_ssize_t last = product(pitch, height - 1)
    return min(0, last), total(max(0, last), bytes_per_row)

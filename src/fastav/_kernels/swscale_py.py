"""FFmpeg's converter called into the caller's memory: the Python twin of ``swscale_c``."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["Scaler"]

_int, _pointer = ctypes.c_int, ctypes.c_void_p
_int_p = ctypes.POINTER(ctypes.c_int)
_pointer_p = ctypes.POINTER(ctypes.c_void_p)

# From libswscale/swscale.h and libavutil/opt.h.
_PROTOTYPES: dict[str, Any] = {
    "sws_alloc_context": ctypes.CFUNCTYPE(_pointer),
    "sws_init_context": ctypes.CFUNCTYPE(_int, _pointer, _pointer, _pointer),
    "sws_getColorspaceDetails": ctypes.CFUNCTYPE(
        _int, _pointer, _pointer_p, _int_p, _pointer_p, _int_p, _int_p, _int_p, _int_p
    ),
    "sws_setColorspaceDetails": ctypes.CFUNCTYPE(
        _int, _pointer, _pointer, _int, _pointer, _int, _int, _int, _int
    ),
    "sws_getCoefficients": ctypes.CFUNCTYPE(_pointer, _int),
    "sws_scale": ctypes.CFUNCTYPE(
        _int, _pointer, _pointer_p, _int_p, _int, _int, _pointer_p, _int_p
    ),
    "sws_freeContext": ctypes.CFUNCTYPE(None, _pointer),
    "av_opt_set_int": ctypes.CFUNCTYPE(_int, _pointer, ctypes.c_char_p, ctypes.c_int64, _int),
}


class Scaler:
    """One conversion from a pixel format to a format of one plane, size unchanged.

    Parameters
    ----------
    functions : mapping of str to int
        Addresses of libswscale's functions, see ``fastav.pixels.ffmpeg.functions``.
    source, destination : int
        FFmpeg's numbers of the two pixel formats.
    width, height : int
        Size in pixels.
    source_matrix, destination_matrix : int
        ``AVCOL_SPC_*`` of the YUV coefficients; 0 for RGB.
    source_full, destination_full : bool
        Whether the range is full (``AVCOL_RANGE_JPEG``).
    flags : int
        ``SWS_*`` flags.

    Not thread-safe: one scaler serves one thread at a time.
    """

    def __init__(
        self,
        functions: Mapping[str, int],
        source: int,
        destination: int,
        width: int,
        height: int,
        source_matrix: int,
        source_full: bool,
        destination_matrix: int,
        destination_full: bool,
        flags: int,
    ) -> None:
        self._context = None
        call = {name: make(functions[name]) for name, make in _PROTOTYPES.items()}
        self._scale, self._free = call["sws_scale"], call["sws_freeContext"]
        self._height = height
        self._context = context = call["sws_alloc_context"]()
        if not context:
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
            if call["av_opt_set_int"](context, option, int(value), 0) < 0:
                raise ValueError(f"libswscale refuses {option.decode()}={value}")
        if call["sws_init_context"](context, None, None) < 0:
            raise ValueError("libswscale cannot make this conversion")
        # libswscale may have corrected the ranges (yuvj, gray): keep its own.
        table = ctypes.c_void_p()
        full_in, full_out, ignored = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
        call["sws_getColorspaceDetails"](
            context, table, full_in, table, full_out, ignored, ignored, ignored
        )
        call["sws_setColorspaceDetails"](
            context,
            call["sws_getCoefficients"](source_matrix),
            full_in,
            call["sws_getCoefficients"](destination_matrix),
            full_out,
            0,
            1 << 16,
            1 << 16,
        )

    def scale(self, planes: Sequence[Any], destination: int, pitch: int) -> None:
        """Convert one picture.

        Parameters
        ----------
        planes : sequence
            The source's planes, each with ``buffer_ptr`` and signed ``line_size``.
        destination : int
            Address of the first row of the output.
        pitch : int
            Bytes from a row of the output to the next.
        """
        sources, pitches = (ctypes.c_void_p * 4)(), (ctypes.c_int * 4)()
        for i, plane in enumerate(planes):
            sources[i], pitches[i] = plane.buffer_ptr, plane.line_size
        rows = self._scale(
            self._context,
            sources,
            pitches,
            0,
            self._height,
            (ctypes.c_void_p * 4)(destination),
            (ctypes.c_int * 4)(pitch),
        )
        if rows != self._height:
            raise ValueError(f"sws_scale converted {rows} of {self._height} rows")

    def __del__(self) -> None:
        if self._context:
            self._free(self._context)
            self._context = None

"""The block of constants that colour's kernels read, whichever backend: ``colour_plan`` in C."""

import numpy as np

COMPONENT = np.dtype(
    [
        ("plane", np.int64),
        ("offset", np.int64),  # bytes before the first sample of a row
        ("step", np.int64),  # bytes between neighbouring samples
        ("size", np.int64),  # bytes of a sample: 1, 2 (unsigned integers) or 4 (float)
        ("right", np.int64),  # unused low bits
        ("left", np.int64),  # 16 - depth in a source; unused low bits in a target
        ("swap", np.int64),  # stored in the other byte order than this machine's
    ]
)

NARROW = np.dtype(
    [
        ("lane", np.int64),  # 0, 1 or 2: which lane is this channel's y
        ("cu", np.int64),  # coefficients of Cb and Cr, in units of 2**-shift
        ("cv", np.int64),
        ("bias", np.int64),  # of the sum before the shift: its rounding, and what luma's loses
        ("shift", np.int64),
    ]
)

WIDE = np.dtype(
    [
        ("coefficients", np.float64, (3,)),  # as the bias, multiples of one power of two
        ("bias", np.float64),
        ("top", np.float64),  # the largest result; the smallest is 0
        ("zero", np.float64),  # float results: (value - zero) * scale
        ("scale", np.float64),
    ]
)

BACK = np.dtype(
    [
        ("coefficients", np.int64, (3,)),  # of R, G and B, in units of 2**-shift
        ("bias", np.int64),
        ("shift", np.int64),
    ]
)

PLAN = np.dtype(
    [
        ("width", np.int64),
        ("height", np.int64),
        ("log2_w", np.int64),  # chroma subsampling of the Y'CbCr side
        ("log2_h", np.int64),
        ("between_w", np.int64),  # chroma lies between luma samples rather than on them
        ("between_h", np.int64),
        ("linear", np.int64),  # interpolate chroma rather than repeat it
        ("lanes", np.int64),  # colour components of the source: 1 or 3
        ("channels", np.int64),  # and of the target
        ("alpha_in", np.int64),  # component 3 of the source is alpha
        ("alpha_out", np.int64),  # and of the target
        ("wide", np.int64),  # which arithmetic
        ("source", COMPONENT, (4,)),
        ("target", COMPONENT, (4,)),
        ("k", np.int64),  # narrow arithmetic: a level is 32768 / k units
        ("y_scale", np.int64),  # units of luma's lane, in 2**-16
        ("y_zero", np.int64),  # black, in units
        ("alpha_scale", np.int64),
        ("alpha_bias", np.int64),
        ("narrow", NARROW, (3,)),  # narrow, to RGB: a record for each channel
        ("matrix", WIDE, (4,)),  # wide: a record for each channel, alpha's the last
        ("back", BACK, (3,)),  # narrow, from RGB: records of Y, Cb and Cr
    ]
)

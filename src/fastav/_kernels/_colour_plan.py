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
        ("cu", np.int64),
        ("cv", np.int64),
        ("bias", np.int64),
        ("shift", np.int64),
    ]
)

WIDE = np.dtype(
    [
        ("coefficients", np.float64, (3,)),  # as the bias, multiples of one power of two
        ("bias", np.float64),
        ("top", np.float64),
        ("zero", np.float64),  # float results: (value - zero) * scale
        ("scale", np.float64),
    ]
)

BACK = np.dtype(
    [
        ("coefficients", np.int64, (3,)),
        ("bias", np.int64),
        ("shift", np.int64),
    ]
)

PLAN = np.dtype(
    [
        ("width", np.int64),
        ("height", np.int64),
        ("log2_w", np.int64),
        ("log2_h", np.int64),
        ("between_w", np.int64),
        ("between_h", np.int64),
        ("linear", np.int64),
        ("lanes", np.int64),
        ("channels", np.int64),
        ("alpha_in", np.int64),
        ("alpha_out", np.int64),
        ("wide", np.int64),
        ("source", COMPONENT, (4,)),
        ("target", COMPONENT, (4,)),
        ("k", np.int64),
        ("y_scale", np.int64),
        ("y_zero", np.int64),
        ("alpha_scale", np.int64),
        ("alpha_bias", np.int64),
        ("narrow", NARROW, (3,)),
        ("matrix", WIDE, (4,)),
        ("back", BACK, (3,)),
    ]
)

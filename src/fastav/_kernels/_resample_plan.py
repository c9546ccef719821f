"""The constants that resample's kernels read, whichever backend: ``resample_plan`` in C."""

import numpy as np

AXIS = np.dtype(
    [
        ("count", np.int64),  # results
        ("first", np.int64),  # the samples that any of them needs: first <= i < last
        ("last", np.int64),
        ("groups", np.int64),  # of four samples, for which the tables have room
        # Addresses of tables, C-contiguous:
        ("begin", np.int64),  # int32 (count,): each result's first group, counted from `first`
        ("number", np.int64),  # int32 (count,): its groups, at least one
        ("weights", np.int64),  # int32 (count, groups, 4)
        ("pairs", np.int64),  # int16 (count, groups, 4, 2): the weights' low 15 bits and the rest
        ("digits", np.int64),  # int8 (count, groups, 3, 4): the weights' digits to the base of 256
    ]
)

PLAN = np.dtype(
    [
        ("first", AXIS),  # of the first pass: rows, unless turned
        ("second", AXIS),
        ("channels", np.int64),  # 1, 3 or 4
        ("size", np.int64),  # bytes of a sample: 1 or 2
        ("alpha", np.int64),  # the fourth channel of 8-bit samples weighs the others
        ("turned", np.int64),  # columns are resampled before rows; of 8-bit samples
    ]
)

# Weights are in units of 2**-bits; the picture between the passes has this many more bits.
BITS_8 = 22
BITS_16 = 30
BETWEEN_16 = 13

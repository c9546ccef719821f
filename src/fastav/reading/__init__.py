"""Reading: from a source to frames, in the order of the modules below. All private.

source, input, bitstream, index, decode, access, bulk, upright, options, reader. Users import from
``fastav``.
"""

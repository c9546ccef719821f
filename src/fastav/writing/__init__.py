"""Writing: from arrays to a file: frame_maker, encoder, target, writer. All private.

Users import from ``fastav``.
"""

"""Pixels: what the bytes of a frame mean, and how they become an array's. All private.

Users import from ``fastav`` and ``fastav.bayer``; ``docs/architecture.md`` says what each
module is for.
"""

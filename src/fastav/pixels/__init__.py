"""Pixels: what the bytes of a frame mean, and how they become an array's. All private.

formats, layout, packing, ffmpeg, colour, bayer, camera_packings, convert. Users import from
``fastav`` and ``fastav.bayer``.
"""

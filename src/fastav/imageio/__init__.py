"""The place of imageio's plugin: plugin, and the one object behind it, video_file. All private.

Users import from ``fastav`` and ``fastav.imageio_plugin``.
"""

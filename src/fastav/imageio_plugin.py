"""fastav as a plugin of imageio, in the place of its ``pyav`` plugin; needs imageio."""

from .imageio.plugin import FastavPlugin, register, unregister

__all__ = ["FastavPlugin", "register", "unregister"]

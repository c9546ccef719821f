"""Writing: from arrays to a file. All private; users import from ``fastav``.

``docs/architecture.md`` has the modules in the order in which a frame goes through them.
"""

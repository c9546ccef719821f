"""Writing: from arrays to a file. All private; users import from ``fastav``.

``docs/architecture.md`` says what each module is for.
"""

"""Reading: from a source to frames and arrays. All private; users import from ``fastav``.

``docs/architecture.md`` says what each module is for.
"""

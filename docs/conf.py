"""The documentation site: ``python -m sphinx -W --keep-going -n docs build/docs``.

It is built of the package that is installed, or that PYTHONPATH shows.
"""

from __future__ import annotations

import re
import socket
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import fastav

sys.path.insert(0, str(Path(__file__).parent))

project = "fastav"
author = "The fastav developers"
copyright = author
release = version = fastav.__version__
language = "en_GB"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "numpydoc",
]

html_theme = "furo"
html_title = f"fastav {release}"
html_static_path = ["_static"]
html_css_files = ["style.css"]
html_copy_source = html_show_sourcelink = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the sections of the docstrings say more, and are linked
autodoc_mock_imports = ["dask", "fsspec", "imageio", "pims", "ray", "torch", "xarray"]
autosummary_generate = False
maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"

numpydoc_show_class_members = False
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"  # words that are neither below nor numpydoc's own are words
numpydoc_xref_aliases = {
    **{name: f"fastav.{name}" for name in fastav.__all__ if name[0].isupper()},
    "Fraction": "fractions.Fraction",
    "mapping": ":term:`python:mapping`",
    "numpy": "numpy",  # a word, where numpydoc links the package
    "dtype": "numpy.dtype",
    **{
        name: f":class:`{name}`"
        for name in ("os.PathLike", "av.VideoFrame", "numpy.dtype", "numpy.random.Generator")
    },
    **{
        f"{name}Error": f":exc:`python:{name}Error`"
        for name in (
            *("FileNotFound", "Import", "Index", "IsADirectory", "Memory", "OS", "Permission"),
            *("Type", "Value"),
        )
    },
}

# Names of others are linked where their tables can be fetched, and are plain text elsewhere.
OTHERS = {
    "python": "https://docs.python.org/3",
    "numpy": "https://numpy.org/doc/stable",
    "av": "https://pyav.basswood-io.com/docs/stable",
    "imageio": "https://imageio.readthedocs.io/en/stable",
    "torch": "https://docs.pytorch.org/docs/stable",
}


def _answers(url: str) -> bool:
    try:
        socket.create_connection((str(urlparse(url).hostname), 443), timeout=3).close()
    except OSError:
        return False
    return True


intersphinx_mapping = {name: (url, None) for name, url in OTHERS.items() if _answers(url)}
nitpicky = True
nitpick_ignore_regex = [
    (r".*", r"(python|numpy|torch|imageio):.*"),
    (r"py:.*", r"(numpy|av|imageio|torch|fractions|os|collections|enum|typing)\..*"),
    (r"py:(class|obj|exc)", r"(tuple|object|int|str|float|dict|bool|Exception|[A-Z]\w+Error)"),
]

# For whoever has a network: python -m sphinx -b linkcheck docs build/links
linkcheck_timeout = 20
linkcheck_anchors = False


# Links between pages are written so that they work in the repository, too.
_AT_THE_TOP = re.compile(r"\]\((?:\.\./)?(README|CHANGELOG|CONTRIBUTING|SECURITY)\.md")


def _links_on_the_site(text: str) -> str:
    text = _AT_THE_TOP.sub(
        lambda found: f"]({'index' if found[1] == 'README' else found[1].lower()}.md", text
    )
    return text.replace("](docs/", "](")


def _read(app: Any, docname: str, source: list[str]) -> None:
    source[0] = _links_on_the_site(source[0])


def _include(app: Any, path: Path, docname: str, source: list[str]) -> None:
    source[0] = _links_on_the_site(source[0])


def _without_field_numbers(
    app: Any, what: str, name: str, object: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out fields of named tuples, which their class describes."""
    return True if type(object).__name__ == "_tuplegetter" else None


def setup(app: Any) -> None:
    app.connect("source-read", _read)
    app.connect("include-read", _include)
    app.connect("autodoc-skip-member", _without_field_numbers)

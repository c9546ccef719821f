"""The documentation site: ``python -m sphinx -W --keep-going -n docs build/docs``.

It is built of the package that is installed, or that PYTHONPATH shows.
"""

from __future__ import annotations

import builtins
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
language = "en"  # the search lacks words for British English

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "numpydoc",
    "plots",
]

html_theme = "furo"
html_title = f"fastav {release}"
html_static_path = ["_static"]
html_css_files = ["style.css"]
pygments_dark_style = "github-dark"  # furo's own underlines names of modules like links
html_copy_source = html_show_sourcelink = False

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
    # numpydoc's own say "python:str", which is what readers see where nothing can be linked.
    **{name: f":class:`{name}`" for name in ("str", "int", "float", "bool", "dict", "list")},
    **{name: f":class:`{name}`" for name in ("tuple", "os.PathLike")},
    **{name: f":class:`{name}`" for name in ("numpy.dtype", "numpy.random.Generator")},
    **{name: f":term:`{name}`" for name in ("callable", "iterable", "mapping", "sequence")},
    **{name: f":exc:`{name}`" for name in dir(builtins) if name.endswith("Error")},
    **{name: name for name in ("None", "True", "False", "boolean", "numpy")},  # words
    "array_like": ":term:`array_like`",
    "av.VideoFrame": ":class:`av.VideoFrame <av.video.frame.VideoFrame>`",
    "dtype": "numpy.dtype",
    "Fraction": "fractions.Fraction",
}

# Names of others are linked where their tables can be fetched, and are plain text elsewhere.
OTHERS = {
    "python": "https://docs.python.org/3",
    "numpy": "https://numpy.org/doc/stable",
    "av": "https://pyav.basswood-io.com/docs/stable",
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
    (r"py:.*", r"(numpy|av|imageio|torch|fractions|os|collections|enum|typing)\..*"),
    (r"py:(class|exc)", rf"({'|'.join(dir(builtins))})"),
    (r"term", r"callable|iterable|mapping|sequence|array_like"),
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

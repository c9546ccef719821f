"""No link of the built site leads nowhere: pages, places on them, pictures, styles.

    python tools/check_links.py build/site

Links to other sites are counted only; ``python -m sphinx -b linkcheck`` looks at those.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links of a page, and the places on it that links can name."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.places: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name in ("href", "src") and value:
                self.links.append(value)
            elif name == "id" and value:
                self.places.add(value)


def main(folder: str) -> int:
    site = Path(folder).resolve()
    pages = {path: Page(path) for path in site.rglob("*.html")}
    broken, inside, outside = [], 0, 0
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                outside += 1
                continue
            inside += 1
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            place = unquote(parts.fragment)
            if not target.is_file() or (
                place and target in pages and place not in pages[target].places
            ):
                broken.append(f"{path.relative_to(site)}: {link}")
    for link in broken:
        print(link)
    print(f"{len(pages)} pages, {inside} links within them, {len(broken)} broken, {outside} others")
    return int(bool(broken) or not pages)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

"""The examples of docs/integrations.md run, beside the packages that they name."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

import pytest

from ..media import encode

PAGE = Path(__file__).parents[2] / "docs" / "integrations.md"
TEXT = PAGE.read_text(encoding="utf-8")
EXAMPLES = [
    (section.partition("\n")[0], *example)
    for section in TEXT.split("\n## ")[1:]
    for example in re.findall(r"^```python(?: needs=(\w+))?\n(.*?)^```", section, re.M | re.S)
]


def test_every_example_is_found() -> None:
    assert len(EXAMPLES) == TEXT.count("```python") > 9


@pytest.mark.filterwarnings("default")  # those of the packages are none of ours
@pytest.mark.parametrize(
    ("needs", "example"), [pytest.param(n, e, id=title) for title, n, e in EXAMPLES]
)
def test_example(needs: str, example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if needs:
        pytest.importorskip(needs)
    if needs == "xarray" and not any(
        point.value.startswith("fastav.")
        for point in importlib.metadata.entry_points(group="xarray.backends")
    ):
        pytest.skip("fastav is not installed here, so xarray cannot find it")
    monkeypatch.chdir(tmp_path)
    Path("clip.mp4").write_bytes(encode(count=48, options={"g": "12"}))
    exec(compile(example, str(PAGE), "exec"), {})

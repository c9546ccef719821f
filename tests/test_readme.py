"""The README's examples run, as they stand, one after the other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .media import encode

README = Path(__file__).parent.parent / "README.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.M | re.S)


def test_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("clip.mp4").write_bytes(encode(count=60, options={"g": "12"}))
    names: dict[str, object] = {}
    ran = 0
    for example in EXAMPLES:
        exec(compile(example, str(README), "exec"), names)
        ran += 1
    assert ran == len(EXAMPLES) >= 6

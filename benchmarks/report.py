"""Results of ``compare.py`` into the README's chart and the tables of docs/speed.md.

    python benchmarks/report.py benchmarks/results/NAME.json

rewrites what stands between the markers in both. ``--check`` only tells whether they are up to
date. (The site's plots are drawn of the results when it is built, by ``docs/plots.py``.)
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

__all__ = ["chart", "replace_between", "tables"]

START, END = "<!-- benchmark:start -->", "<!-- benchmark:end -->"
ROOT = Path(__file__).parents[1]
README, PAGE = ROOT / "README.md", ROOT / "docs" / "speed.md"
PEERS = (
    *("imageio", "pyav", "opencv", "decord", "torchcodec", "ffmpeg"),
    *("fastav-pillow", "fastav-torch"),
)
CHARTED = ("h264 240p", "h264 720p", "hevc 10-bit")
BAR_WIDTH = 48
TITLES = {
    "ffmpeg": "ffmpeg pipe",
    "fastav-pillow": "fastav + Pillow",
    "fastav-torch": "fastav + torch",
}

Entry = dict[str, Any]


def tables(document: Entry) -> str:
    """What was measured on what, in GitHub's Markdown."""
    machine, results = document["environment"], document["results"]
    tasks = list(dict.fromkeys(entry["task"] for entry in results))
    parts = [
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}; "
        f"Python {machine['python']}, av {machine['av']} (FFmpeg {machine['ffmpeg']}), "
        f"NumPy {machine['numpy']}; {_versions(results)}. Medians of {document['rounds']} "
        f"interleaved rounds; other programs used {_others(results):.0%} of the processors.",
    ]
    for task in tasks:
        chosen = [entry for entry in results if entry["task"] == task]
        reference = _reference(chosen)
        parts.append(f"**{task[0].upper()}{task[1:]}**, {_caption(reference)}")
        parts.append(_table(chosen, reference))
    return "\n\n".join(parts)


def _versions(results: Sequence[Entry]) -> str:
    found = {
        name: entry["contenders"][name]["version"]
        for entry in results
        for name in PEERS
        if "version" in entry["contenders"].get(name, {})
        and name not in ("pyav", "fastav-pillow", "fastav-torch")
    }
    return ", ".join(f"{TITLES.get(name, name)} {version}" for name, version in found.items())


def _others(results: Sequence[Entry]) -> float:
    shares = [
        c["others"] for entry in results for c in entry["contenders"].values() if "others" in c
    ]
    return median(shares) if shares else 0.0


def _reference(entries: Sequence[Entry]) -> str:
    """What the times of a task are compared with: the strictest reference that took part."""
    for name in ("floor", "decode-only", "imageio"):
        if any("seconds" in entry["contenders"].get(name, {}) for entry in entries):
            return name
    return "fastav"


def _caption(reference: str) -> str:
    return {
        "floor": "time as a multiple of decoding plus filling a fresh array with a constant:",
        "decode-only": "time as a multiple of what PyAV's codec alone takes:",
    }.get(reference, f"time as a multiple of {reference}'s:")


def _table(entries: Sequence[Entry], reference: str) -> str:
    peers = [n for n in PEERS if any("seconds" in e["contenders"].get(n, {}) for e in entries)]
    heads = ["clip", "frames/s", "fastav", *(TITLES.get(name, name) for name in peers)]
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * (len(heads) - 1)]
    for entry in entries:
        contenders = entry["contenders"]
        times = {n: contenders[n]["seconds"] for n in contenders if "seconds" in contenders[n]}
        shown = {
            name: f"{contenders[name]['ratios'][reference]:.2f}"
            for name in ("fastav", *peers)
            if reference in contenders.get(name, {}).get("ratios", {})
        }
        fastest = min(map(float, shown.values()), default=0.0)
        cells = [_clip(entry), _rate(entry, times)]
        for name in ("fastav", *peers):
            cell = shown.get(name, "n/a")
            cells.append(f"**{cell}**" if name in shown and float(cell) == fastest else cell)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _clip(entry: Entry) -> str:
    size = f"{entry['width']}x{entry['height']}"
    files = f", {entry['files']} files" if entry["files"] > 1 else ""
    return f"{entry['clip']} ({entry['pix_fmt']}, {size}{files})"


def _rate(entry: Entry, times: dict[str, float]) -> str:
    if "fastav" not in times:
        return "n/a"
    return f"{entry['frames'] * entry['files'] / times['fastav']:.0f}"


def replace_between(text: str, made: str) -> str:
    """Put `made` between the markers.

    Raises
    ------
    ValueError
        If the markers are not there, once each and in order.
    """
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end) or START in rest or END in after:
        raise ValueError(f"the text needs one {START} and one {END} after it")
    return f"{before}{START}\n{made}\n{END}{after}"


def chart(document: Entry) -> str:
    """Bulk reading as bars of text, which show wherever the README does."""
    entries = {e["clip"]: e for e in document["results"] if e["task"] == "bulk rgb24"}
    shown = {
        clip: {
            name: entries[clip]["contenders"][name]["ratios"]["floor"]
            for name in ("fastav", *PEERS)
            if "floor" in entries[clip]["contenders"].get(name, {}).get("ratios", {})
        }
        for clip in CHARTED
        if clip in entries
    }
    longest = max((ratio for ratios in shown.values() for ratio in ratios.values()), default=1.0)
    lines = ["Whole video to one rgb24 array, time as a multiple of the floor (shorter is better)"]
    for clip, ratios in shown.items():
        lines.append("")
        for place, (name, ratio) in enumerate(ratios.items()):
            label = "" if place else clip
            bar = _bar(ratio / longest * BAR_WIDTH)
            lines.append(f"{label:<12}{TITLES.get(name, name):<12}{bar} {ratio:.2f}")
    return "\n".join(["```", *lines, "```"])


def _bar(length: float) -> str:
    """A bar of so many characters, to an eighth of one."""
    whole, eighths = divmod(round(8 * length), 8)
    return "█" * whole + " ▏▎▍▌▋▊▉"[eighths].strip()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="JSON file that compare.py wrote")
    parser.add_argument("--check", action="store_true", help="change nothing, only compare")
    arguments = parser.parse_args()
    document = json.loads(arguments.results.read_text())
    outdated = 0
    for page, made in ((README, chart(document)), (PAGE, tables(document))):
        old = page.read_text()
        new = replace_between(old, f"\n{made}\n")
        if arguments.check and new != old:
            print(f"{page} is not what {arguments.results} says", file=sys.stderr)
            outdated = 1
        elif not arguments.check:
            page.write_text(new)
    return outdated


if __name__ == "__main__":
    sys.exit(main())

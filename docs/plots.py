"""The plots of the site, drawn of results when it is built: the directive ``plot``.

They are SVG within the page, and take the colour of text from it, in the light and in the dark.
"""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import matplotlib as mpl
import numpy as np
from docutils import nodes
from docutils.parsers.rst import Directive, directives
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

import prove_colour  # noqa: E402

from tests import colours  # noqa: E402

INK = "#123456"  # stands for the colour of the page's text
FADED = 0.25  # of lines that only guide the eye
# Okabe and Ito's colours, which are told apart by colour-blind readers, on white and on black.
CONTENDERS = {
    "fastav": ("#D55E00", "D"),
    "torchcodec": ("#0072B2", "o"),
    "decord": ("#56B4E9", "s"),
    "opencv": ("#009E73", "^"),
    "pyav": ("#CC79A7", "v"),
    "imageio": ("#E69F00", "P"),
    "ffmpeg": ("#999999", "X"),
}
NAMES = {"opencv": "OpenCV", "pyav": "PyAV", "ffmpeg": "ffmpeg pipe"}
STYLE = {
    "svg.fonttype": "none",  # text stays text
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    **dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK
    ),
}


def results() -> list[dict[str, Any]]:
    """The newest of the results that ``benchmarks/compare.py`` wrote."""
    files = (ROOT / "benchmarks" / "results").glob("*.json")
    documents = [json.loads(file.read_text()) for file in files]
    newest: list[dict[str, Any]]
    newest = max(documents, key=lambda document: document["environment"]["created"])["results"]
    return newest


def ratios(entry: dict[str, Any], reference: str) -> dict[str, float]:
    found = {name: entry["contenders"].get(name, {}).get("ratios", {}) for name in CONTENDERS}
    return {name: ratio[reference] for name, ratio in found.items() if reference in ratio}


def dots(axes: Any, entries: list[dict[str, Any]], reference: str) -> None:
    """A row for each clip, a mark for each contender."""
    for row, entry in enumerate(entries):
        found = ratios(entry, reference)
        axes.plot(
            [min(found.values()), max(found.values())], [row, row], color=INK, alpha=FADED, lw=1
        )
        for name, ratio in reversed(found.items()):
            colour, mark = CONTENDERS[name]
            axes.plot(ratio, row, mark, color=colour, ms=7 if name == "fastav" else 5)
    axes.set_yticks(range(len(entries)), [entry["clip"] for entry in entries])
    axes.set_ylim(len(entries) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.axvline(1, color=INK, alpha=FADED, lw=1, zorder=0)


def legend(figure: Figure, entries: list[dict[str, Any]], reference: str) -> None:
    took_part = {name for entry in entries for name in ratios(entry, reference)}
    for name, (colour, mark) in CONTENDERS.items():
        if name in took_part:
            figure.axes[0].plot([], [], mark, color=colour, label=NAMES.get(name, name), ms=6)
    figure.legend(loc="outside upper center", ncols=4, handletextpad=0.1, columnspacing=1)


def speed() -> Figure:
    entries = [entry for entry in results() if entry["task"] == "bulk rgb24"]
    figure = Figure(figsize=(5.4, 5.6))
    axes = figure.subplots()
    dots(axes, entries, "floor")
    axes.set_xscale("log")
    ticks = [0.5, 1, 2, 5, 10, 20]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("time as a multiple of the floor (logarithmic)")
    legend(figure, entries, "floor")
    return figure


def sparse() -> Figure:
    tasks = ("16 spread frames", "8 single random frames")
    found = results()
    figure = Figure(figsize=(5.4, 3.4))
    for axes, task in zip(figure.subplots(2, sharex=True), tasks, strict=True):
        dots(axes, [entry for entry in found if entry["task"] == task], "imageio")
        axes.set_title(task, loc="left")
    axes.set_xlim(0, None)
    axes.set_xlabel("time as a multiple of imageio's")
    legend(figure, [entry for entry in found if entry["task"] in tasks], "imageio")
    return figure


def bytes_read() -> Figure:
    """The table of any-frame.md, which ``benchmarks/bytes_read.py`` printed."""
    text = (ROOT / "docs" / "any-frame.md").read_text(encoding="utf-8")
    heads = re.search(r"^\| file \| read from \| (.*) \|$", text, re.MULTILINE)
    rows = re.findall(r"^\| (\w+) \| (disk|object|server) \| (.*) \|$", text, re.MULTILINE)
    assert heads is not None
    ways = heads[1].split(" | ")
    figure = Figure(figsize=(5.4, 4.2))
    axes = figure.subplots()
    shades = ("#56B4E9", "#009E73", "#D55E00", "#CC79A7")
    for row, (_, _, cells) in enumerate(rows):
        sizes = [float(cell.split(" MB")[0]) for cell in cells.split(" | ")]
        axes.plot(sizes, [row] * len(sizes), color=INK, alpha=FADED, lw=1, zorder=0)
        axes.scatter(sizes, [row] * len(sizes), c=shades, s=40)
    axes.set_yticks(range(len(rows)), [f"{file}, {source}" for file, source, _ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xscale("log")
    axes.set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1000"])
    axes.minorticks_off()
    axes.axvline(1000, color=INK, alpha=FADED, lw=1, zorder=0)
    axes.set_xlabel("MB read of a file of 1000 MB (logarithmic)")
    for way, shade in zip(ways, shades, strict=True):
        axes.scatter([], [], c=shade, s=40, label=way)
    figure.legend(loc="outside upper center", ncols=4, handletextpad=0.1, columnspacing=1)
    return figure


def colour() -> Figure:
    """Errors over all chroma of one luma, of yuv420p to rgb24."""
    luma, patch = 126, 16
    u, v = np.meshgrid(np.arange(30, 231, 2), np.arange(220, 29, -2))
    y = np.full_like(u, luma)
    truth = colours.to_rgb(y, u, v, 8, "bt601", full=False)
    shown = (truth.min(axis=-1) >= 0) & (truth.max(axis=-1) <= 1)  # colours that exist
    rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    y, u, v, truth, shown = (whole[part] for whole in (y, u, v, truth, shown))

    def flat(plane: NDArray[Any], size: int) -> NDArray[Any]:
        return plane.repeat(size, axis=0).repeat(size, axis=1)

    frame = colours.frame_of(
        "yuv420p", patch * u.shape[1], patch * u.shape[0],
        flat(y, patch), flat(u, patch // 2), flat(v, patch // 2),
    )  # fmt: skip
    centre = slice(patch // 2, None, patch)
    made = {
        "fastav": prove_colour.convert(frame, "rgb24"),
        "FFmpeg": prove_colour.ffmpeg(frame, "rgb24").to_ndarray(),
    }
    figure = Figure(figsize=(6.4, 2.9))
    first, *others = figure.subplots(1, 3)
    first.imshow(np.dstack([truth.clip(0, 1), shown]))
    first.set_title("the colours")
    heat = LinearSegmentedColormap.from_list("heat", ["#2166ac", "#fddbc7", "#d6604d", "#67001f"])
    for axes, (name, rgb) in zip(others, made.items(), strict=True):
        error = np.abs(rgb[centre, centre] - 255 * truth).max(axis=-1)
        error[~shown] = np.nan
        image = axes.imshow(error, cmap=heat, vmin=0, vmax=3)
        axes.set_title(f"{name}: at most {np.nanmax(error):.2f}")
    for axes in figure.axes:
        axes.set_axis_off()
    bar = figure.colorbar(image, ax=figure.axes, location="bottom", aspect=40, shrink=0.6)
    bar.set_label("levels off")
    bar.outline.set_visible(False)
    return figure


PLOTS: dict[str, Callable[[], Figure]] = {
    "speed": speed,
    "sparse": sparse,
    "bytes": bytes_read,
    "colour": colour,
}


def svg(name: str, alt: str) -> str:
    """A plot as an element of the page."""
    with mpl.rc_context({**STYLE, "svg.hashsalt": name}):
        file = io.StringIO()
        PLOTS[name]().savefig(file, format="svg", transparent=True, metadata={"Date": None})
    text = file.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # Several plots stand on one page: identifiers that nothing refers to would be there twice.
    used = set(re.findall(r"#([\w-]+)", text))
    text = re.sub(r' id="([\w-]+)"', lambda at: at[0] if at[1] in used else "", text)
    width = re.search(r' width="([\d.]+)pt" height="[\d.]+pt"|$', text)
    assert width is not None
    style = f'style="max-width: {4 / 3 * float(width[1]):.0f}px" role="img" aria-label="{alt}"'
    return text.replace(width[0], f" {style}", 1)


class Plot(Directive):
    """A plot by its name; the content is what stands below it."""

    required_arguments = 1
    has_content = True
    option_spec = {"alt": directives.unchanged_required}  # noqa: RUF012

    def run(self) -> list[nodes.Node]:
        drawn = svg(self.arguments[0], self.options["alt"])
        box = nodes.container(classes=["plot"])
        box += nodes.raw("", drawn, format="html")
        self.state.nested_parse(self.content, self.content_offset, box)
        return [box]


def setup(app: Any) -> dict[str, bool]:
    app.add_directive("plot", Plot)
    av.logging.set_level(None)
    return {"parallel_read_safe": True}

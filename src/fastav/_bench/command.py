"""What ``fastav bench`` does: one bulk read, side by side."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from json import dumps
from pathlib import Path
from typing import Any

from .clip import make_clip
from .race import PEERS, REFERENCES, Clip, Field, Result, bulk, environment, probe

__all__ = ["run_bench", "table"]

_OURS = ("floor", "decode-only", "fastav", "fastav-python")
_FRAMES = 240
_QUIET = 0.05  # of the processors; clock ticks make short runs look a little busier than they are


def run_bench(
    file: str | os.PathLike[str] | None = None,
    against: Sequence[str] | None = None,
    rounds: int = 5,
    json: bool = False,
    *,
    size: tuple[int, int] = (1280, 720),
) -> int:
    """Time reading a whole video as rgb24 and print the figures.

    The result goes to standard output, progress to standard error.

    Parameters
    ----------
    file : path-like, optional
        The video. By default a camera-like h264 clip (yuv420p, 240 frames, GOP 60) is made.
    against : sequence of str, optional
        Which of ``race.PEERS`` to run against; by default all.
    rounds : int, default 5
        How often each contender is timed.
    json : bool, default False
        Print JSON instead of a table.
    size : (int, int)
        Width and height of the clip that is made.

    Returns
    -------
    int
        The exit status: 0, or 1 if fastav itself could not read the video.

    Raises
    ------
    ValueError
        If a peer is unknown.
    """
    peers = tuple(PEERS if against is None else against)
    for name in peers:
        if name not in PEERS:
            raise ValueError(f"unknown peer {name!r}; choose from {', '.join(PEERS)}")
    if rounds < 1:
        raise ValueError(f"rounds must be 1 or more, got {rounds}")
    with tempfile.TemporaryDirectory(prefix="fastav-bench-") as folder:
        if file is None:
            width, height = size
            file = Path(folder, "clip.mp4")
            _progress(f"making a clip, {width}x{height}, {_FRAMES} frames")
            make_clip(file, width, height, _FRAMES)
            clip = probe("made for this run", [file])
        else:
            clip = probe(os.fspath(file), [file])
        with Field((*_OURS, *peers), progress=_progress) as field:
            results = bulk(field, clip, "rgb24", rounds)
    _progress("")
    if json:
        print(dumps(_record(clip, rounds, results), indent=1))
    else:
        print(_head(clip, rounds), table(results, clip.frames), sep="\n\n")
    return int(any(result.error for result in results if result.name == "fastav"))


def table(results: Sequence[Result], frames: int) -> str:
    """Lay out results as text, one contender a line."""
    columns = ["contender", "version", "seconds", "frames/s", "cpu s"]
    columns += [f"x {name}" for name in REFERENCES] + ["peak MB", "beyond MB"]
    rows = [columns]
    notes = []
    for result in results:
        if result.error:
            notes.append(f"{result.name}: {result.error}")
            continue
        rows.append(
            [
                result.name,
                result.version,
                f"{result.seconds:.3f}",
                f"{frames / result.seconds:.0f}",
                f"{result.cpu_seconds:.2f}",
                *(
                    f"{result.ratios[name]:.2f}" if name in result.ratios else "-"
                    for name in REFERENCES
                ),
                f"{result.peak_bytes / 1e6:.0f}",
                f"{result.beyond_bytes / 1e6:.0f}",
            ]
        )
    others = max((result.others for result in results), default=0.0)
    if others > _QUIET:
        notes.append(
            f"Disturbed: other programs used up to {others:.0%} of the processors meanwhile."
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        first = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
        rest = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        lines.append("  ".join(first + rest))
    return "\n".join(lines + notes)


def _head(clip: Clip, rounds: int) -> str:
    machine = environment()
    return "\n".join(
        [
            f"bulk rgb24, {clip.codec} {clip.pix_fmt} {clip.width}x{clip.height}, "
            f"{clip.frames} frames ({clip.name})",
            f"{machine['cpu']}, {machine['cores']} cores, load {machine['load_average']}; "
            f"Python {machine['python']}, av {machine['av']}, FFmpeg {machine['ffmpeg']}, "
            f"NumPy {machine['numpy']}",
            f"median of {rounds} interleaved rounds, each contender in a process of its own, "
            "opening included",
        ]
    )


def _record(clip: Clip, rounds: int, results: Sequence[Result]) -> dict[str, Any]:
    return {
        "environment": environment(),
        "clip": asdict(clip),
        "task": {"name": "bulk rgb24", "kind": "bulk", "format": "rgb24"},
        "rounds": rounds,
        "results": [asdict(result) for result in results],
    }


def _progress(line: str) -> None:
    """Show a line in place on a terminal, nothing elsewhere."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)

"""Races of all tasks, on top of ``fastav._bench.race``, which tells what the figures mean."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from fastav import _kernels
from fastav._bench.race import FLOORS, Clip, Field, Result, complaint, probe, reference_means

__all__ = ["RESIZERS", "SCRIPT", "Task", "race", "slow_build"]

SCRIPT = Path(__file__).with_name("contenders.py")

RESIZERS = ("fastav-pillow", "fastav-torch")
"""Contenders that resize what fastav has read, and do nothing else."""

# Tasks that contenders say nothing about.
UNSUITED = {
    "floor": ("iterate", "spread", "single", "resized", "write"),
    "decode-only": ("spread", "single"),
    **dict.fromkeys(RESIZERS, ("bulk", "iterate", "spread", "single", "write")),
}


@dataclass(frozen=True)
class Task:
    """What is to be done with a clip.

    Attributes
    ----------
    name : str
        What tables call it.
    kind : str
        ``bulk``, ``iterate``, ``spread``, ``single``, ``resized`` or ``write``.
    format : str or None
        The pixel format asked for, None for the stored one.
    indices : tuple of int
        The frames asked for, for ``spread`` and ``single``.
    """

    name: str
    kind: str
    format: str | None = "rgb24"
    indices: tuple[int, ...] = ()


def race(
    field: Field, clip: Clip, task: Task, rounds: int = 5, *, job: Mapping[str, Any] | None = None
) -> list[Result]:
    """Run one task with every contender.

    Parameters
    ----------
    field : Field
        The contenders, made with ``script=SCRIPT``.
    clip : Clip
        What to read, or for ``write`` the clip whose frames are written.
    task : Task
        What to do.
    rounds : int, default 5
        How often to measure.
    job : mapping, optional
        More words of the job; see ``contenders.py``.
    """
    words = {"task": task.kind, **clip.job(task.format), "indices": task.indices, **(job or {})}
    expected = _expected(clip, task)

    def check(name: str, outcome: Mapping[str, Any]) -> str:
        if task.kind == "write":
            written = probe("written", [words["output"]]).frames
            return f"wrote {written} frames of {clip.frames}" if written != clip.frames else ""
        if name in FLOORS:
            return ""
        return complaint(outcome, len(task.indices) or clip.frames, expected)

    without = [name for name, kinds in UNSUITED.items() if task.kind in kinds]
    return field.race(f"{clip.name}, {task.name}", words, check, rounds, without=without)


def _expected(clip: Clip, task: Task) -> Sequence[Sequence[float]] | None:
    """Mean R, G and B of the frames that contenders report, where they can be compared.

    Resizing leaves them nearly as they are.
    """
    if task.format != "rgb24" or task.kind == "write":
        return None
    last = clip.frames - 1
    some = (0, clip.frames // 2, last)
    looked_at = {"bulk": some, "resized": some, "iterate": (last,)}
    return reference_means(clip.paths[-1], looked_at.get(task.kind, task.indices))


def slow_build() -> str:
    """Say why timings of the fastav that is loaded mean little; empty if they are fine."""
    if _kernels.chosen == "python":
        return f"fastav runs on its Python kernels ({_kernels.reason})"
    # Only kernels built with line tracing show a Python tracer that they run.
    files: set[str] = set()

    def tracer(frame: FrameType, event: str, argument: object) -> Any:
        files.add(frame.f_code.co_filename)
        return tracer

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        _kernels.planes.copy(0, 0, 0, 0, 0, 0)
    finally:
        sys.settrace(before)
    if any(file.endswith(".pyx") for file in files):
        return "the kernels were built with line tracing"
    return ""

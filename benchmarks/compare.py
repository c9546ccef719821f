"""Readers and writers side by side, into a JSON of medians.

    python benchmarks/compare.py -o benchmarks/results/NAME.json
    python benchmarks/compare.py --clips "h264 720p" mpeg4 --tasks bulk iterate --against imageio

What is measured and how is told in ``fastav._bench.race``. Run it on a machine that has nothing
else to do; the load average is in the results so that a reader can tell. Three more caveats:

- Files come from the operating system's cache; disks and networks are not measured.
- The clips are synthetic. Bit rate, motion and GOP of real footage change what decoding costs, and
  with it every ratio: the dearer the decoding, the closer all contenders are.
- Writing runs with each contender's own bit rate and quality, which not all of them let a user set.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import clips
import numpy as np
from races import RESIZERS, SCRIPT, Task, race, slow_build

import fastav
from fastav._bench import pictures
from fastav._bench.command import table
from fastav._bench.race import PEERS, Clip, Field, Result, environment

OTHERS = (*PEERS, *RESIZERS)
TASKS = ("bulk", "native", "iterate", "spread", "single", "resized", "write")

# Stored formats that are one strided array, where reading them unconverted is a task.
STRIDED = ("bgr24", "gray", "gray16le", "yuv444p", "bayer_rggb8")

# What models are fed with.
RESIZED = ("h264 720p", "h264 1080p", "hevc 10-bit 1080p")
SIZE = (224, 224)

# Random access and writing are timed on few clips: they differ little by format.
INDEXED = ("h264 720p", "vp9", "hevc 10-bit")
WRITTEN = ("h264 240p", "h264 720p")
WRITTEN_FRAMES = 100

# What is written: codec, suffix, the pixel format that it is asked to encode, options.
WRITES: dict[str, tuple[str, str, str, dict[str, str]]] = {
    "write mpeg4": ("mpeg4", ".mp4", "yuv420p", {}),
    "write h264 veryfast": ("libx264", ".mp4", "yuv420p", {"preset": "veryfast"}),
    "write ffv1": ("ffv1", ".mkv", "bgr0", {}),
    "write raw rgb24": ("rawvideo", ".nut", "rgb24", {}),
}


def tasks_of(clip: Clip, wanted: Sequence[str]) -> list[Task]:
    """The tasks that make sense for a clip, of those that are wanted."""
    draw = random.Random(0)
    spread = tuple(int(i) for i in np.linspace(0, clip.frames - 1, 16))
    tasks = [Task("bulk rgb24", "bulk")]
    if clip.pix_fmt in STRIDED:
        tasks.append(Task("bulk native", "bulk", None))
    if len(clip.paths) == 1:
        tasks.append(Task("iterate rgb24", "iterate"))
    if clip.name in INDEXED:
        singles = tuple(draw.sample(range(clip.frames), 8))
        tasks.append(Task("16 spread frames", "spread", indices=spread))
        tasks.append(Task("8 single random frames", "single", indices=singles))
    if clip.name in RESIZED:
        tasks.append(Task("resized 224", "resized"))
    if clip.name in WRITTEN:
        tasks.extend(Task(name, "write") for name in WRITES)
    kinds = {"bulk native": "native"}
    return [task for task in tasks if kinds.get(task.name, task.kind) in wanted]


def run(field: Field, clip: Clip, task: Task, rounds: int) -> list[Result]:
    """Race one task, with something to write if that is the task."""
    if task.kind == "resized":
        job: dict[str, Any] = {"size": SIZE, "frame_bytes": 3 * SIZE[0] * SIZE[1]}
        return race(field, clip, task, rounds, job=job)
    if task.kind != "write":
        return race(field, clip, task, rounds)
    with tempfile.TemporaryDirectory(prefix="fastav-write-") as folder:
        codec, suffix, stored, options = WRITES[task.name]
        array, output = Path(folder, "pictures.npy"), Path(folder, f"written{suffix}")
        np.save(array, np.stack(list(pictures(clip.width, clip.height, clip.frames))))
        job = {
            "array": str(array), "output": str(output), "codec": codec, "rate": 30,
            "stored": stored, "options": options,
        }  # fmt: skip
        return race(field, clip, task, rounds, job=job)


def record(clip: Clip, task: Task, results: Sequence[Result]) -> dict[str, Any]:
    """One entry of the results file, its numbers rounded to what they are worth."""
    contenders: dict[str, Any] = {}
    for result in results:
        if result.error:
            contenders[result.name] = {"error": result.error}
            continue
        fields = asdict(result)
        for name in ("seconds", "fastest", "slowest", "cpu_seconds"):
            fields[name] = round(fields[name], 5)
        fields["others"] = round(result.others, 3)
        fields["ratios"] = {name: round(ratio, 3) for name, ratio in result.ratios.items()}
        contenders[result.name] = {
            name: value for name, value in fields.items() if name not in ("name", "error")
        }
    return {
        "clip": clip.name,
        "codec": clip.codec,
        "pix_fmt": clip.pix_fmt,
        "width": clip.width,
        "height": clip.height,
        "frames": len(task.indices) or clip.frames,
        "files": len(clip.paths),
        "task": task.name,
        "contenders": contenders,
    }


def as_json(document: dict[str, Any]) -> str:
    """One result a line: short, and differences between two runs can be read."""
    results = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in document["results"])
    rest = {name: value for name, value in document.items() if name != "results"}
    return f'{json.dumps(rest, indent=1)[:-2]},\n "results": [\n{results}\n]\n}}\n'


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", nargs="+", choices=list(clips.CLIPS), default=list(clips.CLIPS))
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument(
        "--against", nargs="*", choices=OTHERS, default=list(OTHERS), metavar="PEER"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--limit", type=float, default=120, help="seconds that one run may take")
    parser.add_argument(
        "--folder",
        default=os.fspath(clips.DEFAULT_FOLDER),
        help="where the clips are kept (default: %(default)s; a few GB)",
    )
    parser.add_argument("--peer-python", help="interpreter that has the peers installed")
    parser.add_argument(
        "--allow-slow",
        action="store_true",
        help="time the pure-Python backend too, and builds with line tracing",
    )
    parser.add_argument(
        "--resume", action="store_true", help="keep what OUTPUT has, and measure what it lacks"
    )
    parser.add_argument("-o", "--output", help="JSON file for the results; without it, a table")
    return parser


def main() -> int:
    parser = options()
    arguments = parser.parse_args()
    if arguments.resume and not arguments.output:
        parser.error("--resume needs an --output")
    slow = slow_build()
    if slow and not arguments.allow_slow:
        print(f"compare.py: {slow}; --allow-slow times it all the same", file=sys.stderr)
        return 2
    names = ["floor", "decode-only", "fastav", *arguments.against]
    if arguments.allow_slow:
        names.insert(3, "fastav-python")
    document = {
        "environment": {**environment(), "fastav": fastav.__version__},
        "rounds": arguments.rounds,
        "results": [],
    }
    if arguments.resume and Path(arguments.output).exists():
        document["results"] = json.loads(Path(arguments.output).read_text())["results"]
    done = {(entry["clip"], entry["task"]) for entry in document["results"]}
    for name in arguments.clips:
        print(f"{name}: making or finding the clip", file=sys.stderr)
        clip = clips.clip(name, arguments.folder)
        with Field(
            names, script=SCRIPT, peer_python=arguments.peer_python, limit=arguments.limit
        ) as field:
            for task in tasks_of(clip, arguments.tasks):
                if (name, task.name) in done:
                    continue
                part = replace(clip, frames=WRITTEN_FRAMES) if task.kind == "write" else clip
                results = run(field, part, task, arguments.rounds)
                entry = record(part, task, results)
                shown = table(results, entry["frames"] * entry["files"])
                print(f"\n{name}, {task.name}\n{shown}", file=sys.stderr)
                document["results"].append(entry)
                if arguments.output:  # after each task: an interrupted run keeps what it has
                    Path(arguments.output).write_text(as_json(document))
    if not arguments.output:
        print(as_json(document), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Compare resample's C, built on its own, with the Python twin: on other machines and sanitized.

    python tools/check_resample_c.py neon   # as check_colour_c.py, whose builds these are
    python tools/check_resample_c.py asan
    python tools/check_resample_c.py clang

Every filter and a format of every class, to 8 and to 16 bits, at sizes and boxes drawn from 1x1 to
90x90; planes, tables, scratch and target are of exact size, pitches are odd, some targets upside
down.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from check_colour_c import BUILDS, ROOT, packed

from fastav._kernels import resample_py
from fastav.pixels import colour, resample
from fastav.pixels.geometry import SizeOptions
from tests import colours
from tests import test_colour_kernels as colour_cases
from tests import test_resample_kernels as cases

TARGETS = ("rgb24", "rgba", "gray", "rgb48", "rgba64")


def resamplers(rng: np.random.Generator, draws: int) -> Iterator[tuple[Any, colour.ToRGB]]:
    for format, target, filter in product(cases.FORMATS, TARGETS, resample.FILTERS):
        for _ in range(draws):
            width, height, new_width, new_height = map(int, rng.integers(1, 91, 4))
            left, top, right, bottom = cases.a_box(rng, width, height)
            crop = (top, left, bottom - top, right - left)
            options = SizeOptions(size=(new_height, new_width), crop=crop)
            frame = colours.frame_of(format, width, height)
            conversion = colour.plan(frame, target, layout="chw")
            geometry = options.geometry(height, width)
            alpha = target == "rgba"
            yield resample.Resampler(conversion, geometry, filter, alpha=alpha), conversion


def tables(axis: Any) -> bytes:
    blocks = (axis.tables[name] for name in ("begin", "number", "weights", "pairs", "digits"))
    return b"".join(np.int64(block.nbytes).tobytes() + block.tobytes() for block in blocks)


def run(build: str, draws: int, seed: int) -> int:
    """Return how many frames differ from the twin's."""
    compiler, runner, levels = BUILDS[build]
    rng = np.random.default_rng(seed)
    bad = count = at = 0
    with tempfile.TemporaryDirectory() as folder:
        program = str(Path(folder) / "harness")
        command = [*compiler, "-std=gnu11", "-fno-strict-aliasing", "-Wall", "-Wextra"]
        command += ["-Wno-unused-function", "-o", program]  # of colour, only one way is used
        command += ["-I", str(ROOT / "src/fastav/_kernels"), str(ROOT / "tools/resample_harness.c")]
        subprocess.run(command, check=True)
        with (Path(folder) / "input").open("w+b") as file:
            expected = []
            for made, conversion in resamplers(rng, draws):
                source = colours.source_planes(conversion, rng)
                record = made._block[0]
                counts = int(record["first"]["count"]), int(record["second"]["count"])
                height, width = counts if record["turned"] else counts[::-1]
                row = width * int(record["channels"] * record["size"])
                pitch = row + 3 * int(rng.integers(0, 2)) * (int(record["size"]) == 1)
                block = np.full(pitch * (height - 1) + row, 171, np.uint8)
                start = 0
                if rng.integers(0, 3) == 0:
                    start, pitch = pitch * (height - 1), -pitch
                resample_py.resample(
                    made.address,
                    conversion.address,
                    colour_cases.planes(source),
                    block.ctypes.data + start,
                    pitch,
                    0,
                    0,
                    0,
                )
                body = made._block.tobytes() + b"".join(map(tables, made._axes))
                body += conversion._block.tobytes() + packed(source)
                for level in levels:
                    header = [level, level, len(source), block.size, start, pitch]
                    file.write(np.array(header, np.int64).tobytes() + body)
                    expected.append((made, conversion, level, block.tobytes()))
            file.seek(0)
            done = subprocess.run([*runner, program], stdin=file, capture_output=True, check=False)
        sys.stderr.write(done.stderr.decode())
        if done.returncode:
            return 1
        for made, conversion, level, result in expected:
            count += 1
            if done.stdout[at : at + len(result)] != result:
                bad += 1
                if bad < 10:
                    size = f"{conversion.width}x{conversion.height}"
                    ways = f"{conversion.source} to {conversion.target} of {size}"
                    print(f"differs: {ways}, level {level}, {made._block[0]}")
            at += len(result)
        if at != len(done.stdout):
            print(f"expected {at} bytes of results, got {len(done.stdout)}")
            bad += 1
    print(f"{build}: {count} frames, {bad} differ from the twin")
    return bad


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", choices=BUILDS)
    parser.add_argument("--draws", type=int, default=2, help="sizes for each case")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    sys.exit(bool(run(arguments.build, arguments.draws, arguments.seed)))

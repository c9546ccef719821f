"""Compare colour's C, built on its own, with the Python twin: on other machines and sanitized.

    python tools/check_colour_c.py neon    # needs gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and
                                           # qemu-user of Debian
    python tools/check_colour_c.py asan    # AddressSanitizer and UndefinedBehaviorSanitizer
    python tools/check_colour_c.py clang   # the other compiler

Every readable format, every target and every siting, at sizes drawn from 1x1 to 130x9 and at one
wider than a tile; planes are of exact size, at odd addresses and pitches, some upside down.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from fastav._kernels import colour_py  # noqa: E402
from fastav.pixels import colour  # noqa: E402
from tests import colours  # noqa: E402
from tests import test_colour_kernels as cases  # noqa: E402

BUILDS = {
    "neon": (["aarch64-linux-gnu-gcc", "-O3", "-static"], ["qemu-aarch64"], (0, 3)),
    "asan": (["gcc", "-O1", "-g", "-fsanitize=address,undefined"], [], (0, 1, 2)),
    "clang": (["clang", "-O3"], [], (0, 1, 2)),
}


def conversions(rng: np.random.Generator, draws: int) -> Iterator[colour.Conversion]:
    def sizes() -> Iterator[tuple[int, int]]:
        for index in rng.choice(len(cases.SIZES), draws, replace=False):
            yield cases.SIZES[index]
        yield 2309, 3

    for format in cases.READABLE:
        for width, height in sizes():
            frame = colours.frame_of(format, width, height)
            for target, options in cases.TO_RGB:
                yield colour.plan(frame, target, **options)
    for format, options in product(
        ("yuv420p", "yuv422p", "yuv440p", "nv21", "p016le"), cases.LINEAR
    ):
        for width, height in sizes():
            frame = colours.frame_of(format, width, height)
            for target in ("rgb24", "rgb48"):
                yield colour.plan(frame, target, **options)
    for source, target, options in product(cases.FROM_RGB, cases.TO_YUV, cases.LINEAR):
        for width, height in sizes():
            yield colour.plan_back(source, target, width, height, siting=options["siting"])


def packed(planes: colours.Planes) -> bytes:
    return b"".join(
        np.array([block.size, start, pitch]).tobytes() + block.tobytes()
        for block, start, pitch in planes
    )


def run(build: str, draws: int, seed: int) -> int:
    """Return how many conversions differ from the twin's."""
    compiler, runner, levels = BUILDS[build]
    rng = np.random.default_rng(seed)
    bad = count = 0
    with tempfile.TemporaryDirectory() as folder:
        program = str(Path(folder) / "harness")
        command = [
            *compiler,
            "-std=gnu11",
            "-fno-strict-aliasing",
            "-Wall",
            "-Wextra",
            "-o",
            program,
        ]
        command += ["-I", str(ROOT / "src/fastav/_kernels"), str(ROOT / "tools/colour_harness.c")]
        subprocess.run(command, check=True)
        with (Path(folder) / "input").open("w+b") as file:
            expected = []
            for conversion in conversions(rng, draws):
                back = isinstance(conversion, colour.FromRGB)
                source = colours.source_planes(conversion, rng)
                target = colours.target_planes(conversion, rng)
                header = [back, 0, len(source), len(target)]
                body = conversion._block.tobytes() + packed(source) + packed(target)
                twin = colour_py.from_rgb if back else colour_py.to_rgb
                window = () if back else (conversion.window,)
                twin(conversion.address, *window, cases.planes(source), cases.planes(target), 0)
                result = b"".join(block.tobytes() for block, _, _ in target)
                for level in levels:
                    header[1] = level
                    file.write(np.array(header, np.int64).tobytes() + body)
                    expected.append((conversion, level, result))
            file.seek(0)
            done = subprocess.run([*runner, program], stdin=file, capture_output=True, check=False)
        sys.stderr.write(done.stderr.decode())
        if done.returncode:
            return 1
        at = 0
        for conversion, level, result in expected:
            count += 1
            if done.stdout[at : at + len(result)] != result:
                bad += 1
                if bad < 10:
                    print(
                        f"differs: {conversion.source} to {conversion.target} {conversion.dtype} "
                        f"{conversion.width}x{conversion.height} level {level}"
                    )
            at += len(result)
        if at != len(done.stdout):
            print(f"expected {at} bytes of results, got {len(done.stdout)}")
            bad += 1
    print(f"{build}: {count} conversions, {bad} differ from the twin")
    return bad


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", choices=BUILDS)
    parser.add_argument("--draws", type=int, default=2, help="sizes for each case")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    sys.exit(bool(run(arguments.build, arguments.draws, arguments.seed)))

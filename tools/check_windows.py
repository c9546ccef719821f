"""Compile the kernels as for Windows, and compare what they do there with their Python twins.

    python tools/check_windows.py                 # clang as MSVC, then MinGW's program under wine
    python tools/check_windows.py --compiler gcc  # the same comparison here, or with clang

Needs clang, gcc-mingw-w64-x86-64 and wine64 of Debian. Clang reads the headers as MSVC does (no
extension but MSVC's own is let through); what MSVC itself makes of them, only Windows can tell.
Cases are random: every readable format and every target of colours, every filter of resizing, all
other kernels at widths around those of vectors; blocks are of exact size, pitches are odd, some
pictures upside down.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from fastav._kernels import bayer_py, bits_py, colour_py, planes_py, resample_py  # noqa: E402
from fastav.pixels import colour, resample  # noqa: E402
from fastav.pixels.geometry import SizeOptions  # noqa: E402
from tests import colours  # noqa: E402
from tests import test_colour_kernels as colour_cases  # noqa: E402
from tests import test_resample_kernels as resample_cases  # noqa: E402

KERNELS = ROOT / "src/fastav/_kernels"
LEVELS = (0, 1, 2)  # portable C, AVX2, AVX-512
MINGW = "x86_64-w64-mingw32-gcc"
CONVERT, RESIZE, OTHER = range(3)

# What the headers take from C's library, so that clang needs none of Microsoft's.
STRING_H = """
#include <stddef.h>
void *memcpy(void *, const void *, size_t);
void *memmove(void *, const void *, size_t);
void *memset(void *, int, size_t);
"""


class Case(NamedTuple):
    """What the harness reads, and what it is to write."""

    name: str
    given: bytes
    expected: bytes


def numbers(*values: int) -> bytes:
    return np.array(values, np.int64).tobytes()


def packed(planes: colours.Planes) -> bytes:
    return b"".join(
        numbers(block.size, start, pitch) + block.tobytes() for block, start, pitch in planes
    )


# Colours


def conversions(rng: np.random.Generator) -> Iterator[colour.Conversion]:
    def sizes() -> Iterator[tuple[int, int]]:
        for index in rng.choice(len(colour_cases.SIZES), 2, replace=False):
            yield colour_cases.SIZES[index]
        yield 2309, 3  # wider than a tile

    for format in colour_cases.READABLE:
        for width, height in sizes():
            frame = colours.frame_of(format, width, height)
            for target, options in colour_cases.TO_RGB:
                yield colour.plan(frame, target, **options)
    subsampled = ("yuv420p", "yuv422p", "yuv440p", "nv21", "p016le")
    for format, options in product(subsampled, colour_cases.LINEAR):
        for width, height in sizes():
            frame = colours.frame_of(format, width, height)
            for target in ("rgb24", "rgb48"):
                yield colour.plan(frame, target, **options)
    for source, target, options in product(
        colour_cases.FROM_RGB, colour_cases.TO_YUV, colour_cases.LINEAR
    ):
        for width, height in sizes():
            yield colour.plan_back(source, target, width, height, siting=options["siting"])


def converted(rng: np.random.Generator) -> Iterator[Case]:
    for plan in conversions(rng):
        back = isinstance(plan, colour.FromRGB)
        source, target = colours.source_planes(plan, rng), colours.target_planes(plan, rng)
        body = plan._block.tobytes() + packed(source) + packed(target)
        twin = colour_py.from_rgb if back else colour_py.to_rgb
        window = () if back else (plan.window,)
        twin(plan.address, *window, colour_cases.planes(source), colour_cases.planes(target), 0)
        expected = b"".join(block.tobytes() for block, _, _ in target)
        name = f"{plan.source} to {plan.target} {plan.dtype} {plan.width}x{plan.height}"
        for level in LEVELS:
            header = numbers(CONVERT, back, level, len(source), len(target))
            yield Case(f"{name}, level {level}", header + body, expected)


# Resizing


def tables(axis: Any) -> bytes:
    blocks = (axis.tables[name] for name in ("begin", "number", "weights", "pairs", "digits"))
    return b"".join(numbers(block.nbytes) + block.tobytes() for block in blocks)


def resized(rng: np.random.Generator) -> Iterator[Case]:
    targets = ("rgb24", "rgba", "gray", "rgb48", "rgba64")
    for format, target, filter in product(resample_cases.FORMATS, targets, resample.FILTERS):
        width, height, new_width, new_height = map(int, rng.integers(1, 91, 4))
        left, top, right, bottom = resample_cases.a_box(rng, width, height)
        options = SizeOptions(
            size=(new_height, new_width), crop=(top, left, bottom - top, right - left)
        )
        conversion = colour.plan(colours.frame_of(format, width, height), target, layout="chw")
        made = resample.Resampler(
            conversion, options.geometry(height, width), filter, alpha=target == "rgba"
        )
        source = colours.source_planes(conversion, rng)
        record = made._block[0]
        block, start, pitch = room(
            rng, new_width * int(record["channels"] * record["size"]), new_height, record["size"]
        )
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
        for level in LEVELS:
            header = numbers(RESIZE, level, len(source), block.size, start, pitch)
            name = f"{format} to {target}, {filter}, {record}, level {level}"
            yield Case(name, header + body, block.tobytes())


# All others


def room(
    rng: np.random.Generator, row: int, height: int, itemsize: int = 1, planes: int = 1
) -> tuple[np.ndarray, int, int]:
    """A block for rows of so many bytes, where its first row begins, and its pitch."""
    pitch = row + int(itemsize) * int(rng.integers(0, 4))
    block = np.full(pitch * (planes * height - 1) + row, 171, np.uint8)
    if planes == 1 and not rng.integers(0, 3):
        return block, pitch * (height - 1), -pitch
    return block, 0, pitch


BITS = (  # of a pixel; shifts and depths of its components
    (1, (0,), (1,)),
    (4, (3, 1, 0), (1, 2, 1)),
    (8, (5, 2, 0), (3, 3, 2)),
    (16, (11, 5, 0), (5, 6, 5)),
    (32, (20, 10, 0), (10, 10, 10)),
)


def others(rng: np.random.Generator) -> Iterator[Case]:
    def called(
        kernel: int,
        twin: Callable[..., object],
        target: tuple[np.ndarray, int, int],
        source: tuple[np.ndarray, int, int],
        given: tuple[int, ...],
        *arguments: Any,
    ) -> Case:
        """One call: `arguments` follow the two blocks in the twin's, `given` in the harness."""
        (block, start, pitch), (samples, begin, step) = target, source
        header = numbers(OTHER, kernel, block.size, start, pitch, samples.size, begin, step)
        header += numbers(*given, *[0] * (16 - len(given)))
        body = header + block.tobytes() + samples.tobytes()
        to, come = block.ctypes.data + start, samples.ctypes.data + begin
        if twin is planes_py.interleave:
            come = tuple(come + offset for offset in given[4 : 4 + given[0]])
            step = (step,) * given[0]
        if twin is planes_py.deinterleave:
            to = tuple(to + offset for offset in given[4 : 4 + given[0]])
            pitch = (pitch,) * given[0]
        result = twin(to, pitch, come, step, *(arguments or given))
        name = f"{twin.__module__}.{twin.__name__} {given}"
        return Case(name, body, numbers(result is not False) + block.tobytes())

    def filled(*shape: Any) -> tuple[np.ndarray, int, int]:
        block, start, pitch = room(rng, *shape)
        block[:] = rng.integers(0, 256, block.size)
        return block, start, pitch

    for width in (*range(1, 71), 255, 333, 1025):
        height = int(rng.integers(2, 6))
        flat = width, height
        yield called(0, planes_py.copy, room(rng, *flat), filled(*flat), flat)
        for size in (2, 4):
            rows = width * size, height
            yield called(1, planes_py.swap, room(rng, *rows), filled(*rows), (size, *flat))
        rows = 2 * width, height
        for bits, swapped in product((4, 6), (0, 1)):
            given = bits, swapped, *flat
            yield called(2, planes_py.shift, room(rng, *rows), filled(*rows), given)
        for channels, size in product((2, 3, 4), (1, 2, 4)):
            wide = channels * size * width, height
            thin = size * width, height, size, channels
            for kernel, twin, target, source in (
                (3, planes_py.interleave, room(rng, *wide), filled(*thin)),
                (4, planes_py.deinterleave, room(rng, *thin), filled(*wide)),
            ):
                step = source[2] if kernel == 3 else target[2]
                given = channels, size, *flat, *(c * height * step for c in range(channels))
                yield called(kernel, twin, target, source, given, *given[1:4])
        for bits, shifts, depths in BITS:
            words = -(-width * bits // 8), height
            elements = len(shifts) * width * (2 if bits == 32 else 1), height
            fields = len(shifts), *shifts, *[0] * (4 - len(shifts)), *(2**d - 1 for d in depths)
            for swapped in (0, 1) if bits > 8 else (0,):
                given = bits, swapped, *flat, *fields
                own = bits, swapped, shifts, depths, *flat
                target = room(rng, *elements, 2)
                yield called(5, bits_py.expand, target, filled(*words), given, *own)
                source = filled(*elements, 2)
                yield called(6, bits_py.collapse, room(rng, *words), source, given, *own)
        for size, malvar, gains in product((1, 2), (0, 1), ((1, 1, 1), (9000, 4096, 70000))):
            red = int(rng.integers(0, 2)), int(rng.integers(0, 2))
            most, shift = 2 ** (8 * size) - 1, 0 if gains == (1, 1, 1) else 12 if size == 1 else 16
            black = tuple(int(level) for level in rng.integers(0, 40, 4))
            one, three = (size * width, height, size), (3 * size * width, height, size)
            given = size, *flat, *red, malvar, most, *black, *gains, shift
            own = size, *flat, *red, malvar, most, black, gains, shift
            if width > 1:
                yield called(7, bayer_py.demosaic, room(rng, *three), filled(*one), given, *own)
            own = size, *flat, *red, most, black, gains, shift
            yield called(8, bayer_py.correct, room(rng, *one), filled(*one), given, *own)
        for bits in (10, 12, 14):
            group = 2 if bits == 12 else 4
            source = filled(-(-width // group) * group * bits // 8, height)
            target = room(rng, 2 * width, height, 2)
            yield called(9, bayer_py.unpack_mipi, target, source, (*flat, bits))
        for bits in (10, 12):
            block = rng.integers(0, 256, width * height * bits // 8 + 2).astype(np.uint8)
            target, source = room(rng, 2 * width, height, 2), (block, 0, width * bits)
            yield called(10, bayer_py.unpack_lsb, target, source, (*flat, bits))


# Compiling, and comparing


def read_as_msvc(folder: Path) -> None:
    """Have clang read every header as MSVC does; it ends the program with clang's words."""
    (folder / "string.h").write_text(STRING_H)
    command = ["clang", "--target=x86_64-pc-windows-msvc", "-fms-compatibility-version=19.40"]
    command += ["-std=c11", "-pedantic-errors", "-Wno-language-extension-token", "-Wall", "-Wextra"]
    command += ["-Wno-unused-function", "-Werror", "-fsyntax-only", "-isystem", str(folder)]
    for header in ("bayer", "bits", "colour", "planes", "resample"):
        (folder / "one.c").write_text(f'#include "{header}.h"\n')
        subprocess.run([*command, "-I", str(KERNELS), str(folder / "one.c")], check=True)
    print("clang, as MSVC: nothing to say of the headers")


def run(compiler: str, folder: Path, seed: int) -> int:
    """Return how many results differ from the twins'."""
    program = str(folder / "harness.exe")
    command = [compiler, "-O3", "-std=gnu11", "-fno-strict-aliasing", "-Wall", "-Wextra"]
    command += ["-Wno-unused-function", "-static", "-I", str(KERNELS), "-o", program]
    subprocess.run([*command, str(ROOT / "tools" / "kernels_harness.c")], check=True)
    rng = np.random.default_rng(seed)
    wanted = []
    with (folder / "input").open("w+b") as file:
        for cases in (others, converted, resized):
            for case in cases(rng):
                file.write(case.given)
                wanted.append(case._replace(given=b""))
        file.seek(0)
        runner = ["wine"] if compiler == MINGW else []
        variables = {**os.environ, "WINEDEBUG": "-all", "WINEPREFIX": str(folder / "wine")}
        done = subprocess.run(
            [*runner, program], stdin=file, capture_output=True, env=variables, check=False
        )
    if done.returncode:
        print(f"the program ended with {done.returncode}: {done.stderr.decode()}")
        return 1
    bad = at = 0
    for case in wanted:
        if done.stdout[at : at + len(case.expected)] != case.expected:
            bad += 1
            if bad < 10:
                print("differs:", case.name)
        at += len(case.expected)
    if at != len(done.stdout):
        print(f"expected {at} bytes of results, got {len(done.stdout)}: has this machine AVX-512?")
        bad += 1
    print(f"{compiler}: {len(wanted)} results, {bad} differ from the twins")
    return bad


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--compiler", default=MINGW)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        read_as_msvc(Path(name))
        sys.exit(bool(run(options.compiler, Path(name), options.seed)))

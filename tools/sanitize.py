"""Build all kernels with sanitizers, and put them to the test.

    python tools/sanitize.py                    # the tests of kernels and packing, and 1,000 inputs
    python tools/sanitize.py --inputs 50000     # of the fuzzer
    python tools/sanitize.py tests/test_read.py -k odd   # other tests, with pytest's arguments
    python tools/sanitize.py --threads                   # the tests of work side by side

The sanitizers are AddressSanitizer and UndefinedBehaviorSanitizer. With ``--threads`` it is
ThreadSanitizer instead, which sees two threads write to the same memory outside of Python's lock.
(FFmpeg's libraries are not built for it: in reads of whole files it takes for races what they do
with locks of their own, so only what names ``_c.abi3.so`` counts there.)

Needs gcc on Linux. The build goes into a folder of its own. First every sanitizer must notice a
fault that is there on purpose. (Whether C is equal to its twin, on other machines as well, is for
``check_aarch64.py`` and ``check_windows.py``.)
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]

FLAGS = "-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"

# A byte beyond the end of an array, and a shift by more bits than there are.
FAULTS = {
    "AddressSanitizer": "planes.copy(at, 64, at + 1, 64, 64, 1)",
    "runtime error": "planes.shift(at, 16, at + 32, 16, 99, False, 8, 1)",
    "": "planes.copy(at, 8, at + 8, 8, 8, 1)",
}

THREAD_FLAGS = "-fsanitize=thread -fno-omit-frame-pointer"

# Two threads that write to the same memory, and each to its own.
_SIDE_BY_SIDE = (
    "from threading import Thread; room = np.zeros((3, 400, 400), 'u1'); to, own = room[:2]; "
    "copy = lambda to: [planes.copy(to.ctypes.data, 400, room[2].ctypes.data, 400, 400, 400)"
    " for _ in range(50)]; "
    "threads = [Thread(target=copy, args=(to,)), Thread(target=copy, args=({other},))]; "
    "[thread.start() for thread in threads]; [thread.join() for thread in threads]"
)
RACES = {
    "ThreadSanitizer: data race": _SIDE_BY_SIDE.format(other="to"),
    "": _SIDE_BY_SIDE.format(other="own"),
}


def tests() -> list[str]:
    """The tests that call kernels directly, or pack and unpack frames of every format."""
    folder = ROOT / "tests"
    kernels = [*folder.glob("test_*_kernels.py"), folder / "test_kernel_inventory.py"]
    return [str(path) for path in (*sorted(kernels), folder / "test_packing.py")] + [
        str(folder / f"test_{name}.py") for name in ("bayer", "swscale", "stored_format")
    ]


def build(folder: Path, **variables: str) -> Path:
    """Build the package with these settings; return where it can be imported from."""
    library = folder / "library"
    command = [sys.executable, "setup.py", "-q", "build", "--build-base", str(folder / "base")]
    command += ["--build-lib", str(library)]
    environment = {**os.environ, **variables, "FASTAV_BUILD_EXT": "1"}
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    built = {path.name.split(".")[0] for path in library.glob("fastav/_kernels/*.so")}
    wanted = {path.stem for path in (ROOT / "src/fastav/_kernels").glob("*_c.pyx")}
    if built != wanted:
        raise SystemExit(f"built {sorted(built)} of {sorted(wanted)}")
    return library


def environment(library: Path, *runtimes: str) -> dict[str, str]:
    compiler = (sysconfig.get_config_var("CC") or "gcc").split()[0]

    def runtime(name: str) -> str:
        command = [compiler, f"-print-file-name={name}"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    return {
        **os.environ,
        "PYTHONPATH": str(library),
        "FASTAV_BACKEND": "compiled",
        "LD_PRELOAD": " ".join(runtime(name) for name in runtimes),
        "PYTHONMALLOC": "malloc",  # Python's own pools would hide what is next to an object
        # Python gives much of its memory back to the system only by ending.
        "ASAN_OPTIONS": "detect_leaks=0:halt_on_error=1:allocator_may_return_null=1",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "TSAN_OPTIONS": "exitcode=66:symbolize=0",  # to name Python's functions takes minutes
    }


def check_alarm(variables: dict[str, str], faults: Mapping[str, str]) -> None:
    """Stop unless each sanitizer notices its fault, and nothing is said where there is none."""
    begin = "import numpy as np; from fastav._kernels import planes; room = np.zeros(64, 'u1'); "
    for what, fault in faults.items():
        command = [sys.executable, "-c", f"{begin}at = room.ctypes.data; {fault}"]
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        if bool(done.returncode) is not bool(what) or what not in done.stderr:
            raise SystemExit(f"{fault}: expected {what or 'nothing'}, got\n{done.stderr}")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=1000, help="damaged files to read besides")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--threads", action="store_true", help="look for races instead")
    parser.add_argument("pytest", nargs="*", help="tests, instead of those of kernels")
    options, others = parser.parse_known_args(arguments)
    chosen = [*options.pytest, *others]
    with tempfile.TemporaryDirectory() as folder:
        flags = THREAD_FLAGS if options.threads else FLAGS
        runtimes = ["libtsan.so"] if options.threads else ["libasan.so", "libubsan.so"]
        library = build(Path(folder), CFLAGS=f"-O1 {flags}", LDFLAGS=flags)
        variables = environment(library, *runtimes)
        check_alarm(variables, RACES if options.threads else FAULTS)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        side_by_side = [str(ROOT / "tests" / "test_workers.py")]
        command += chosen or (side_by_side if options.threads else tests())
        failed = subprocess.run(command, cwd=ROOT, env=variables, check=False).returncode
        if options.inputs and not (chosen or options.threads):
            command = [sys.executable, str(ROOT / "tools" / "fuzz.py"), "--memory", "0"]
            command += ["--inputs", str(options.inputs), "--workers", str(options.workers)]
            command += ["--out", str(Path(folder) / "fuzz")]
            done = subprocess.run(
                command, env=variables, capture_output=True, text=True, check=False
            )
            print(done.stdout, done.stderr, sep="\n")
            failed |= '"crashes": 0' not in done.stdout
        return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())

"""Cross-build the kernels for aarch64, and run their tests on an emulated processor.

    python tools/check_aarch64.py                            # the tests of kernels and packing
    python tools/check_aarch64.py tests/test_read.py -k odd  # others, with pytest's arguments

It is the real thing but for the processor, which is qemu's: Debian's Python for aarch64 imports the
extension modules that a wheel would hold, beside PyPI's NumPy and PyAV for aarch64. Needs Debian
12's mmdebstrap, gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user. What is fetched, half a
gigabyte, is kept in ``build/aarch64``. Tests that start other programs cannot do so there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sanitize import ROOT, build, tests

HOME = ROOT / "build" / "aarch64"
DEBIAN = HOME / "debian"
PACKAGES = HOME / "packages"

COMPILER = "aarch64-linux-gnu-gcc"
PYTHON = "3.11"  # of Debian 12
NEEDED = ("av", "numpy", "pytest", "pytest-timeout", "hypothesis", "pillow", "imageio", "tqdm")
NEEDED += ("opencv-python-headless",)


def fetch() -> None:
    """Unpack Debian's Python and PyPI's wheels for aarch64; nothing of them is run."""
    if not DEBIAN.exists():
        HOME.mkdir(parents=True, exist_ok=True)
        include = f"python{PYTHON}-minimal,libpython{PYTHON}-stdlib,libstdc++6"
        command = ["mmdebstrap", "--variant=extract", "--architectures=arm64"]
        subprocess.run([*command, f"--include={include}", "bookworm", str(DEBIAN)], check=True)
    if not PACKAGES.exists():
        glibc = [f"--platform=manylinux_2_{minor}_aarch64" for minor in range(36, 16, -1)]
        command = [sys.executable, "-m", "pip", "install", "--target", str(PACKAGES), *glibc]
        command += ["--platform=manylinux2014_aarch64", f"--python-version={PYTHON}"]
        subprocess.run([*command, "--only-binary=:all:", *NEEDED], check=True)


def main(arguments: Sequence[str]) -> int:
    fetch()
    with tempfile.TemporaryDirectory() as folder:
        library = build(
            Path(folder),
            CC=COMPILER,
            LDSHARED=f"{COMPILER} -shared",
            _PYTHON_HOST_PLATFORM="linux-aarch64",
        )
        variables = {
            **os.environ,
            "PYTHONHOME": str(DEBIAN / "usr"),
            "PYTHONPATH": os.pathsep.join((str(library), str(PACKAGES))),
            "PYTHONDONTWRITEBYTECODE": "1",
            "FASTAV_BACKEND": "compiled",
        }
        python = ["qemu-aarch64", "-L", str(DEBIAN), str(DEBIAN / f"usr/bin/python{PYTHON}")]
        check = "import fastav, platform; print(platform.machine(), fastav.backend())"
        subprocess.run([*python, "-c", check], env=variables, check=True)
        command = [*python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout=0"]
        return subprocess.run(
            [*command, *(arguments or tests())], cwd=ROOT, env=variables
        ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

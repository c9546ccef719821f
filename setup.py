"""Build of the compiled kernels; everything static lives in ``pyproject.toml``.

``FASTAV_BUILD_EXT=0`` builds the pure-Python package on purpose, ``1`` (the default on CPython)
requires the compiled modules: a failed compilation fails the build.

``FASTAV_LIMITED_API=0`` builds for the running Python alone instead of the stable ABI (abi3).
"""

import os
import platform
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError, CompileError, LinkError

KERNELS = Path("src/fastav/_kernels")
STABLE_ABI = 0x030B0000  # Python 3.11: the first stable ABI with the buffer protocol

# `restrict` and compound literals are C11 to MSVC. Others have them without being asked.
MSVC_FLAGS = ["/O2", "/std:c11"]
FLAGS = ["-O3", "-g0", "-fno-strict-aliasing"]

NO_COMPILER = """
fastav could not compile its kernels: {error}

A C compiler and the headers of this Python are needed:
  Debian/Ubuntu   apt-get install gcc python3-dev
  Fedora          dnf install gcc python3-devel
  macOS           xcode-select --install
  Windows         the "Desktop development with C++" workload of Visual Studio Build Tools
To install the slower pure-Python package on purpose, set FASTAV_BUILD_EXT=0.
"""


def switch(name: str, default: bool) -> bool:
    """Read an environment switch, refusing anything but 0 and 1."""
    value = os.environ.get(name, "")
    if value not in ("", "0", "1"):
        raise SystemExit(f"{name} must be 0 or 1, got {value!r}")
    return value == "1" if value else default


class BuildKernels(build_ext):
    """build_ext that knows compilers' flags, and turns their failure into advice."""

    def run(self) -> None:
        try:
            super().run()
        except (BaseError, CCompilerError, CompileError, LinkError, OSError) as error:
            raise SystemExit(NO_COMPILER.format(error=error)) from error

    def build_extensions(self) -> None:
        """Compile with the flags that the compiler understands."""
        for extension in self.extensions:
            extension.extra_compile_args = (
                MSVC_FLAGS if self.compiler.compiler_type == "msvc" else FLAGS
            )
        super().build_extensions()


# The stable ABI of free-threaded builds begins with Python 3.15.
limited_api = switch("FASTAV_LIMITED_API", not sysconfig.get_config_var("Py_GIL_DISABLED"))
build_extensions = switch("FASTAV_BUILD_EXT", platform.python_implementation() == "CPython")


def kernels() -> list[Extension]:
    """Every ``*_c.pyx`` beside its Python twin ``*_py.py``."""
    from Cython.Build import cythonize

    extensions = [
        Extension(
            f"fastav._kernels.{source.stem}",
            [source.as_posix()],
            depends=[header.as_posix() for header in KERNELS.glob("*.h")],
            define_macros=[("Py_LIMITED_API", hex(STABLE_ABI))] if limited_api else [],
            py_limited_api=limited_api,
        )
        for source in sorted(KERNELS.glob("*_c.pyx"))
    ]
    return cythonize(
        extensions,
        build_dir="build/cython",
        compiler_directives={
            "language_level": 3,
            "boundscheck": False,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": False,
            "freethreading_compatible": True,
            "embedsignature": True,
        },
    )


setup(
    ext_modules=kernels() if build_extensions else [],
    cmdclass={"build_ext": BuildKernels},
    options={"bdist_wheel": {"py_limited_api": "cp311"}}
    if limited_api and build_extensions
    else {},
)

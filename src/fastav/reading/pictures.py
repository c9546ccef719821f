"""Pictures as a video: lists and globs of files, one frame each, by FFmpeg's concat demuxer."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence
from fractions import Fraction

from ..errors import NotAVideoError
from ..ffmpeg_errors import clear_errors
from ..paths import from_here
from ..pyav import open_to_read

__all__ = ["concat_script", "find_pictures"]


def find_pictures(given: object) -> list[str] | None:
    """Return the paths, absolute, of a list or glob of pictures; None if the source is neither.

    Parameters
    ----------
    given : object
        A list or tuple of paths, in the order in which they are shown; or a path that does not
        exist and has ``*``, ``?`` or ``[`` in it, whose matches are sorted by name.

    Raises
    ------
    FileNotFoundError
        Nothing matches, or a file of the list is missing.
    TypeError, ValueError
        The list holds something else, or nothing.
    """
    if isinstance(given, (list, tuple)):
        if not given:
            raise ValueError("the list of pictures is empty")
        for path in given:
            if not isinstance(path, (str, os.PathLike)):
                raise TypeError(f"a list as source holds paths of pictures, got {path!r:.60}")
        files = [os.fsdecode(path) for path in given]
        for file in files:
            os.stat(file)
        return [from_here(file) for file in files]
    if not isinstance(given, (str, os.PathLike)):
        return None
    pattern = os.fsdecode(given)
    if not set("*?[") & set(pattern) or "://" in pattern or os.path.exists(pattern):
        return None
    import glob  # which brings fnmatch with it

    files = sorted(map(from_here, glob.glob(pattern)))
    if not files and "%" in pattern:
        return None  # FFmpeg's pattern, in a folder whose name looks like a glob
    if not files:
        raise FileNotFoundError(errno.ENOENT, "no file matches", pattern)
    return files


def concat_script(files: Sequence[str], options: Mapping[str, str]) -> bytes:
    """Return the script of FFmpeg's concat demuxer that shows pictures one after the other.

    Parameters
    ----------
    files : sequence of str
        Absolute paths.
    options : mapping
        ``framerate`` is the number of pictures a second, 25 by default, as for patterns
        (``"picture%03d.png"``).

    Raises
    ------
    NotAVideoError, ValueError
        The first file is no picture.
    """
    what = f"cannot open {files[0]!r}"
    with clear_errors(what, NotAVideoError), open_to_read(f"file:{files[0]}") as first:
        kind = first.format.name
    if not (kind == "image2" or kind.endswith("_pipe")):
        raise ValueError(
            f"a list as source is one of pictures, {files[0]!r} is {kind}; read it on its own"
        )
    rate = Fraction(options.get("framerate", "25"))
    lines = ["ffconcat version 1.0"]
    for file in files:
        quoted = file.replace("'", "'\\''")
        lines += [
            f"file 'file:{quoted}'",
            f"option framerate {rate}",
            f"duration {float(1 / rate):.9f}",
        ]
    return "\n".join([*lines, ""]).encode("utf-8", "surrogateescape")

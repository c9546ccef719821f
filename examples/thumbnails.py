"""A small picture of every video below a folder, or a contact sheet of each.

    python examples/thumbnails.py VIDEOS PICTURES [--height 180] [--sheet 12]

The pictures, JPEGs, have the names and folders of the videos. What cannot be read is named, and the
rest goes on.
"""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fastav

VIDEOS = {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mpg", ".wmv"}


def thumbnail(path: Path, target: Path, height: int, sheet: int | None) -> str | None:
    """Write the picture of one video; return what went wrong."""
    try:
        # Threads read several files at once: none needs more than one for itself.
        with fastav.open(path, rotate=True, size=height, thread_count=1) as video:
            if sheet is None:
                picture = video.sample(1, spread="centres")[0].data
            else:
                picture = video.sheet(sheet)
        target.parent.mkdir(parents=True, exist_ok=True)
        fastav.imwrite(target, picture, is_batch=False)
    except (fastav.FastavError, OSError, ValueError) as error:
        return f"{path}: {error}"
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--height", type=int, default=180, help="of a picture's shorter edge")
    parser.add_argument("--sheet", type=int, metavar="N", help="N frames on a sheet, with times")
    options = parser.parse_args()

    paths = sorted(p for p in options.videos.rglob("*") if p.suffix.lower() in VIDEOS)
    with ThreadPoolExecutor() as pool:
        jobs = [
            pool.submit(
                thumbnail,
                path,
                options.pictures / path.relative_to(options.videos).with_suffix(".jpg"),
                options.height,
                options.sheet,
            )
            for path in paths
        ]
    errors = [error for job in jobs if (error := job.result())]
    print(f"{len(paths) - len(errors)} of {len(paths)} videos", *errors, sep="\n", file=sys.stderr)
    return int(bool(errors))


if __name__ == "__main__":
    sys.exit(main())

"""Convert the videos of a folder, with progress; what was done before is left alone.

    python examples/convert_folder.py VIDEOS SMALLER [--height 720] [--codec libx264] [--crf 23]

Times, sound, colours and rotation are kept. A video gets its name when it is complete: an
interrupted run is simply started again.
"""

import argparse
import sys
from pathlib import Path

import fastav

VIDEOS = {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mpg", ".wmv"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--height", type=int, default=720, help="of what is higher")
    parser.add_argument("--codec", default="libx264")
    parser.add_argument("--crf", default="23", help="quality of the codec, less is better")
    parser.add_argument("--quiet", action="store_true")
    options = parser.parse_args()

    failed = 0
    paths = sorted(path for path in options.source.rglob("*") if path.suffix.lower() in VIDEOS)
    for number, path in enumerate(paths, 1):
        target = (options.target / path.relative_to(options.source)).with_suffix(".mp4")
        if target.exists():
            continue
        print(f"[{number}/{len(paths)}] {path}", file=sys.stderr)
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_suffix(".part.mp4")
        try:
            fastav.transcode(
                path,
                unfinished,
                filter_sequence=[("scale", f"-2:'min({options.height},ih)'")],
                codec=options.codec,
                options={"crf": options.crf},
                progress=not options.quiet,
            )
            unfinished.rename(target)
        except (fastav.FastavError, OSError, ValueError) as error:
            failed += 1
            print(f"{path}: {error}", file=sys.stderr)
    print(f"{failed} of {len(paths)} videos failed", file=sys.stderr)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())

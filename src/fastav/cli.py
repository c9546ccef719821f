"""The command line: data on stdout, progress and errors on stderr."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from . import __version__
from .backend import backend
from .errors import FastavError
from .pixels.geometry import INTERPOLATIONS
from .progress import Advance, progress_bar
from .reading.options import ERRORS
from .reading.rate import check_rate
from .reading.reader import VideoReader

__all__ = ["main"]

# What a shell makes of a program that this signal ends; Windows has no such signal.
_SIGPIPE: Final = 13

_ERRORS: Final = "at damage: fail, keep the frames before it, or skip it and go on behind it"

_LENGTH: Final = r"(0*[1-9]\d*)"

_PICTURES: Final = (".png", ".jpg", ".jpeg", ".webp")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``fastav``; returns the exit status: 0, 1 for a failure, 2 for wrong usage."""
    for stream, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, stream) is None:  # closed by who started the program
            setattr(sys, stream, open(os.devnull, mode))  # noqa: SIM115
    options = _parser().parse_args(arguments)
    try:
        status = int(options.run(options))
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # nobody reads on: "| head"
        # The interpreter would complain of what is still in the buffer.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + _SIGPIPE
    except (FastavError, OSError, ValueError, MemoryError) as error:
        print(f"fastav: {str(error) or 'out of memory'}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fastav", description="Video into NumPy and back.")
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    info = commands.add_parser("info", help="what a file is, without reading all of it")
    info.add_argument("files", nargs="+", metavar="FILE", help='"-" is standard input')
    info.add_argument("--json", action="store_true", help="one JSON list instead of text")
    info.add_argument(
        "--frames",
        action="store_true",
        help="every frame's time, duration and key flag as JSON, in ffprobe's form, which "
        "torchcodec takes as custom_frame_mappings",
    )
    info.add_argument(
        "--plot", type=_picture_file, metavar="PNG", help="draw the frames' sizes over time, of one"
    )
    info.set_defaults(run=_info)

    sheet = commands.add_parser("sheet", help="draw a contact sheet, with times below the pictures")
    sheet.add_argument("file", metavar="FILE")
    sheet.add_argument(
        "-o", "--output", required=True, type=_picture_file, help="sheet.png, .jpg or .webp"
    )
    sheet.add_argument("--count", type=_positive, default=12, help="how many pictures")
    sheet.add_argument("--width", type=_positive, default=1280, help="of the sheet, in pixels")
    sheet.add_argument("--columns", type=_positive, default=None, help="how many side by side")
    sheet.add_argument("--errors", choices=ERRORS, default="raise", help=_ERRORS)
    sheet.set_defaults(run=_sheet)

    read = commands.add_parser("read", help="read a video into a NumPy file")
    read.add_argument("file", metavar="FILE", help='"-" is standard input')
    read.add_argument("-o", "--output", required=True, type=_numpy_file, help="out.npy or out.npz")
    read.add_argument("--start", type=_natural, default=0, help="first frame")
    read.add_argument("--stop", type=_natural, default=None, help="frame to stop before")
    read.add_argument("--step", type=_positive, default=1, help="take every n-th frame")
    read.add_argument("--fps", type=_rate, help="repeat or leave out frames for this rate")
    read.add_argument("--format", default="rgb24", help='pixel format; "native" keeps the stored')
    read.add_argument("--size", type=_edges, help="HEIGHT,WIDTH to resize to, or the shorter edge")
    read.add_argument("--crop", type=_part, help="TOP,LEFT,HEIGHT,WIDTH to cut out before resizing")
    read.add_argument(
        "--center-crop", type=_edges, help="HEIGHT,WIDTH to cut out after resizing, or one number"
    )
    read.add_argument("--max-size", type=_positive, help="the most for the longer edge")
    read.add_argument("--interpolation", choices=INTERPOLATIONS, default="bilinear")
    read.add_argument("--threads", type=_natural, default=0, help="decoder threads; 0: automatic")
    read.add_argument(
        "--rotate", action="store_true", help="turn pictures upright, as the file asks"
    )
    read.add_argument("--errors", choices=ERRORS, default="raise", help=_ERRORS)
    read.add_argument("--quiet", action="store_true", help="no progress")
    read.set_defaults(run=_read)

    convert = commands.add_parser("convert", help="read a video, change it, write another")
    convert.add_argument("source", metavar="IN")
    convert.add_argument("target", metavar="OUT", help='"-" with --container for standard output')
    convert.add_argument(
        "--crop", type=_crop, default=[], metavar="WxH+X+Y", help="this part, before resizing"
    )
    convert.add_argument(
        "--size", type=_size, default=[], metavar="N|WxH", help="N: the shorter edge; or both"
    )
    convert.add_argument(
        "--fps",
        type=_rate_filter,
        default=[],
        metavar="RATE",
        help="repeat or leave out frames for it",
    )
    convert.add_argument(
        "--filter", type=_filter, action="append", default=[], metavar="NAME[=ARGUMENTS]",
        help="one of FFmpeg's; may be repeated",
    )  # fmt: skip
    convert.add_argument("--start", type=_natural, default=0, help="first frame")
    convert.add_argument("--stop", type=_natural, default=None, help="frame to stop before")
    convert.add_argument("--step", type=_positive, default=1, help="take every n-th frame")
    convert.add_argument("--codec", help="FFmpeg's name of an encoder")
    convert.add_argument(
        "--option", type=_option, action="append", default=[], metavar="KEY=VALUE",
        help="of the encoder; may be repeated",
    )  # fmt: skip
    convert.add_argument("--pixel-format", help="what to encode")
    convert.add_argument("--container", help="FFmpeg's name; by default by the extension")
    convert.add_argument(
        "--sound", default="copy", metavar="copy|none|FILE", help="the source's, none, or another's"
    )
    convert.add_argument("--errors", choices=ERRORS, default="raise", help=_ERRORS)
    convert.add_argument("--quiet", action="store_true", help="no progress")
    convert.set_defaults(run=_convert)

    bench = commands.add_parser("bench", help="time fastav and others on a file, or on a clip")
    bench.add_argument("file", nargs="?", metavar="FILE", help="made on the fly if not given")
    bench.add_argument(
        "--against",
        metavar="PEERS",
        help="some of imageio,pyav,opencv,decord,torchcodec; by default all that are installed",
    )
    bench.add_argument("--rounds", type=_positive, default=5, help="interleaved rounds")
    bench.add_argument("--json", action="store_true", help="JSON instead of a table")
    bench.set_defaults(run=_bench)
    return parser


def _natural(text: str, least: int = 0) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise argparse.ArgumentTypeError(f"must be a whole number, {least} or more, got {text!r}")
    return number


def _positive(text: str) -> int:
    return _natural(text, 1)


def _edges(text: str) -> int | tuple[int, ...]:
    numbers = text.split(",")
    if len(numbers) > 2 or not all(number.lstrip("-").isdigit() for number in numbers):
        raise argparse.ArgumentTypeError(f"must be HEIGHT,WIDTH or one number, got {text!r}")
    edges = tuple(map(_positive, numbers))
    return edges if len(edges) == 2 else edges[0]


def _part(text: str) -> tuple[int, ...]:
    numbers = text.split(",")
    if len(numbers) != 4:
        raise argparse.ArgumentTypeError(f"must be TOP,LEFT,HEIGHT,WIDTH, got {text!r}")
    return *map(_natural, numbers[:2]), *map(_positive, numbers[2:])


def _numpy_file(name: str) -> Path:
    if Path(name).suffix not in (".npy", ".npz"):
        raise argparse.ArgumentTypeError(f"must end in .npy or .npz, got {name!r}")
    return Path(name)


def _picture_file(name: str) -> Path:
    if Path(name).suffix.lower() not in _PICTURES:
        raise argparse.ArgumentTypeError(f"must end in {', '.join(_PICTURES)}, got {name!r}")
    return Path(name)


def _source(file: str) -> str | BinaryIO:
    """What a FILE stands for: a pipe, or a file that the shell opened, is read from where it is."""
    return sys.stdin.buffer if file == "-" else file


def _version() -> str:
    loaded = backend()
    return f"fastav {__version__} ({loaded.name} kernels, PyAV {loaded.av}, NumPy {loaded.numpy})"


def _info(options: argparse.Namespace) -> int:
    if options.plot is not None:
        _plot(options)
    status, found = 0, []
    for file in options.files:
        try:
            found.append(_frames(file) if options.frames else _describe(file))
        except (FastavError, OSError, ValueError) as error:
            print(f"fastav: {error}", file=sys.stderr)
            status = 1
    if options.frames:
        for frames in found:
            json.dump(frames, sys.stdout)
            print()
    elif options.json:
        json.dump(found, sys.stdout, indent=2, default=_plain)
        print()
    else:
        for facts in found:
            print(facts.pop("file"))
            for name, value in facts.items():
                print(f"  {name:18} {_text(name, value)}")
    return status


def _plot(options: argparse.Namespace) -> None:
    if len(options.files) != 1 or options.files == ["-"]:
        raise ValueError("--plot draws one file, which is not standard input")
    from .api import imwrite
    from .plot import plot_frame_sizes

    with (
        VideoReader(options.files[0]) as reader,
        _progress(reader.info.expected_frames, quiet=not sys.stderr.isatty()) as advance,
    ):
        picture = plot_frame_sizes(reader.make_index(advance))
    imwrite(options.plot, picture, is_batch=False)
    print(f"{options.plot}: {picture.shape[1]}x{picture.shape[0]}", file=sys.stderr)


def _sheet(options: argparse.Namespace) -> int:
    from .api import imwrite

    with VideoReader(options.file, errors=options.errors) as reader:
        picture = reader.sheet(options.count, width=options.width, columns=options.columns)
    imwrite(options.output, picture, is_batch=False)
    print(f"{options.output}: {picture.shape[1]}x{picture.shape[0]}", file=sys.stderr)
    return 0


def _describe(file: str) -> dict[str, Any]:
    with VideoReader(_source(file)) as reader:
        info = asdict(reader.info)
        declared = info.pop("declared_frames")
        if not declared and reader.seekable:
            with _progress(0, quiet=not sys.stderr.isatty()) as advance:
                reader.make_index(advance)
        info["frames"] = declared or (len(reader) if reader.seekable else None)
        info["frames_are"] = "declared" if declared else "counted"
        info["rotation"] = reader.rotation if reader.seekable else None
    return {"file": file, **info}


def _frames(file: str) -> dict[str, Any]:
    with (
        VideoReader(_source(file)) as reader,
        _progress(reader.info.expected_frames, quiet=not sys.stderr.isatty()) as advance,
    ):
        return dict(reader.make_index(advance).as_mappings())


def _plain(value: object) -> str:
    """JSON for what JSON has no word for: rates and time bases stay exact, as "30000/1001"."""
    if isinstance(value, Fraction):
        return str(value)
    raise TypeError(f"no JSON for {type(value).__name__}")


def _text(name: str, value: object) -> str:
    if value is None:
        return "unknown"
    if name == "rotation" and isinstance(value, int) and value:
        turned = 90 * round(value / 90)
        by = f", which turns by {turned}" if turned != value else ""
        by = f"by rotate=True (read --rotate){by}" if turned % 360 else "which fastav does not turn"
        return f"{value} degrees counter-clockwise to be upright, {by}"
    if isinstance(value, Fraction) and value.denominator != 1:
        return f"{value} ({float(value):.6g})"
    if isinstance(value, dict):
        return ", ".join(f"{key}={text}" for key, text in value.items()) or "none"
    return str(value)


def _read(options: argparse.Namespace) -> int:
    if options.output.is_dir():
        raise IsADirectoryError(f"{str(options.output)!r} is a folder")
    if not options.output.absolute().parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(options.output.parent)!r} to write to")
    format = None if options.format == "native" else options.format
    source = _source(options.file)
    names = ("size", "max_size", "crop", "center_crop", "interpolation", "rotate", "errors")
    shaping = {name: getattr(options, name) for name in names}
    with VideoReader(source, format=format, thread_count=options.threads, **shaping) as reader:
        expected = reader.info.expected_frames
        if options.fps is not None:
            expected = int((reader.info.duration or 0) * options.fps)
        stop = expected if options.stop is None else min(options.stop, expected or options.stop)
        total = max(0, -(-(stop - options.start) // options.step))
        with _progress(total, options.quiet) as advance:
            frames = reader.read(
                start=options.start,
                stop=options.stop,
                step=options.step,
                fps=options.fps,
                progress=advance,
            )
        assert isinstance(frames, np.ndarray)
        if not len(frames):
            count = f"; the video has {len(reader)} frames" if reader.seekable else ""
            raise ValueError(
                f"there is no frame from --start {options.start} on"
                + ("" if options.stop is None else f" and before --stop {options.stop}")
                + count
            )
        if reader.damage:
            print(f"{len(reader.damage)} damaged packets were left out", file=sys.stderr)
    if options.output.suffix == ".npy":
        np.save(options.output, frames)
    else:
        np.savez_compressed(options.output, frames=frames)
    print(f"{options.output}: {frames.shape} {frames.dtype}")
    return 0


def _convert(options: argparse.Namespace) -> int:
    from .transcoding import transcode

    filters = [*options.crop, *options.size, *options.fps, *options.filter]
    source, total = _source(options.source), 0
    if options.source != "-" and not options.fps:
        with VideoReader(source) as reader:
            end = reader.info.expected_frames
            total = len(range(end)[options.start : options.stop : options.step])
    with _progress(total, options.quiet) as advance:
        count = transcode(
            source,
            options.target,
            start=options.start,
            stop=options.stop,
            step=options.step,
            filter_sequence=filters or None,
            sound={"copy": True, "none": False}.get(options.sound, options.sound),
            progress=advance,
            codec=options.codec,
            container=options.container,
            out_pixel_format=options.pixel_format,
            options=dict(options.option),
            read={"errors": options.errors},
        )
    print(f"{options.target}: {count} frames", file=sys.stderr)
    return 0


def _crop(text: str) -> list[tuple[str, str]]:
    match = re.fullmatch(rf"{_LENGTH}x{_LENGTH}\+(\d+)\+(\d+)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"must be WxH+X+Y, such as 640x360+0+60, got {text!r}")
    return [("crop", ":".join(match.groups()))]


def _size(text: str) -> list[tuple[str, str]]:
    match = re.fullmatch(rf"{_LENGTH}(?:x{_LENGTH})?", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"must be N or WxH, such as 640 or 640x360, got {text!r}")
    width, height = match.groups()
    if height is not None:
        return [("scale", f"{width}:{height}")]
    # -2: the longer edge keeps the picture's shape, and is even for subsampled chroma.
    return [("scale", f"'if(gt(iw,ih),-2,{width})':'if(gt(iw,ih),{width},-2)'")]


def _rate(text: str) -> Fraction:
    try:
        return check_rate(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be frames per second, such as 30 or 30000/1001, got {text!r}"
        ) from None


def _rate_filter(text: str) -> list[tuple[str, str]]:
    _rate(text)
    return [("fps", text)]


def _filter(text: str) -> tuple[str, str]:
    name, _, arguments = text.partition("=")
    return name, arguments


def _option(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"must be KEY=VALUE, such as crf=18, got {text!r}")
    return name, value


def _progress(total: int, quiet: bool) -> AbstractContextManager[Advance | None]:
    """What to call with the number of frames so far: tqdm's bar if it is there, else lines."""
    if quiet:
        return nullcontext(None)
    try:
        return progress_bar(total)
    except ImportError:
        return nullcontext(_plain_progress(total))


def _plain_progress(total: int) -> Advance:
    every = max(total // 10, 100)

    def advance(count: int) -> None:
        if count % every == 0 or count == total:
            of = f" of {total}" if total else ""
            print(f"{count}{of} frames", file=sys.stderr)

    return advance


def _bench(options: argparse.Namespace) -> int:
    from ._bench import run_bench

    if options.file is not None:
        VideoReader(options.file).close()  # says what is wrong with it, if anything is
    against = None if options.against is None else options.against.split(",")
    return run_bench(options.file, against=against, rounds=options.rounds, json=options.json)

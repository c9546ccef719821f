"""Keywords of imageio's other video plugins, put into those of a writer.

Of ``imageio.v2``'s ``ffmpeg`` plugin: ``quality``, ``bitrate``, ``macro_block_size``,
``pixelformat``, ``ffmpeg_params``, ``output_params``; of its GIF writers: ``duration`` and
``loop``.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, Final

from ..filters import FilterSequence
from ..writing.writer import VideoWriter

__all__ = ["FORMER", "apply_former"]

FORMER: Final = frozenset(
    {
        "quality", "bitrate", "macro_block_size", "pixelformat", "ffmpeg_params", "output_params",
        "ffmpeg_log_level", "duration", "loop",
    }
)  # fmt: skip

_FOR_MUXERS: Final = frozenset({"movflags", "loop", "brand"})
_NO_EFFECT: Final = frozenset({"-y", "-an", "-nostdin", "-hide_banner"})


def apply_former(writer: VideoWriter, former: dict[str, Any]) -> FilterSequence:
    """Give a writer, before its first frame, what such keywords say.

    Parameters
    ----------
    writer : VideoWriter
        Its codec is chosen already.
    former : dict
        Keywords that are all in `FORMER`.

    Returns
    -------
    list of filters
        To come behind the caller's own.

    Raises
    ------
    TypeError
        One does not go with this writer; says what to write instead.
    ValueError
        A value that makes no sense.
    """
    former = {name: value for name, value in former.items() if value is not None}
    options: dict[str, object] = {}
    settings: dict[str, Any] = {}
    container_options: dict[str, object] = {}
    filters: list[tuple[str, str]] = []
    if "bitrate" in former:  # goes before quality
        options["b"] = former["bitrate"]
    elif "quality" in former:
        options |= _quality(writer.codec, former["quality"])
    if "pixelformat" in former:
        settings["out_pixel_format"] = former["pixelformat"]
    if (block := former.get("macro_block_size", 1)) != 1:
        filters.append(("scale", f"ceil(iw/{block:d})*{block:d}:ceil(ih/{block:d})*{block:d}"))
    for name in ("ffmpeg_params", "output_params"):
        _parse(name, former.get(name, ()), options, container_options, settings)
    for name in ("duration", "loop"):
        if name in former and writer.container not in ("gif", "apng", "webp"):
            instead = "fps=" if name == "duration" else "container_options="
            raise TypeError(f"{name}= is for GIFs; for {writer.container!r} write {instead}")
    if "duration" in former:
        settings["fps"] = _rate(former["duration"])
    if "loop" in former:
        key = "plays" if writer.container == "apng" else "loop"
        container_options[key] = former["loop"]
    writer.configure(options=options, container_options=container_options, **settings)
    return filters


def _quality(codec: str, quality: object) -> dict[str, object]:
    """Imageio's scale of 0 to 10, as the encoder has it."""
    if not isinstance(quality, Real) or not 0 <= float(quality) <= 10:
        raise ValueError(f"quality must be 0 to 10, got {quality!r}")
    loss = 1 - float(quality) / 10
    if codec in ("libx264", "libx265"):
        return {"crf": int(loss * 51)}
    if codec in ("libvpx-vp9", "libvpx", "libaom-av1", "libsvtav1"):
        return {"crf": int(loss * 63), "b": 0}
    return _quantiser(int(loss * 30) + 1)


def _quantiser(scale: int) -> dict[str, object]:
    """The ffmpeg program's ``-q:v``, which it tells encoders frame by frame: 1 to 31."""
    return {"qmin": scale, "qmax": scale}


def _rate(duration: object) -> float:
    """Frames per second, of a frame's milliseconds."""
    if not isinstance(duration, Real):
        raise TypeError(
            f"duration must be one number of milliseconds, got {duration!r:.60}; for a time of its "
            "own for each frame use VideoWriter.write(frames, times=...)"
        )
    if not float(duration) > 0:
        raise ValueError(f"duration must be more than 0 milliseconds, got {duration!r}")
    return 1000 / float(duration)


def _parse(
    name: str,
    arguments: Sequence[str],
    options: dict[str, object],
    container_options: dict[str, object],
    settings: dict[str, Any],
) -> None:
    """Take arguments of the ffmpeg program apart: ``["-crf", "18", "-preset", "slow"]``."""
    if isinstance(arguments, str):
        raise TypeError(f"{name} must be a list of strings, got {arguments!r}")
    rest = [str(argument) for argument in arguments if str(argument) not in _NO_EFFECT]
    if len(rest) % 2 or not all(flag.startswith("-") for flag in rest[::2]):
        raise TypeError(
            f"{name}={list(arguments)!r} are not pairs of an option and its value; write "
            "options={'crf': 18} or the like for the encoder, container_options= for the container"
        )
    for flag, value in zip(rest[::2], rest[1::2], strict=True):
        option = flag[1:].removesuffix(":0").removesuffix(":v")
        if option in ("vf", "filter", "filter_complex", "lavfi"):
            raise TypeError(f"{name}: for {flag} write filter_sequence= or filter_graph=")
        if option in ("i", "f", "map", "ss", "t", "to", "c:a", "acodec", "b:a"):
            raise TypeError(f"{name}: there is no {flag} here; see VideoWriter for what there is")
        if option in ("r", "pix_fmt", "c", "codec", "vcodec"):
            key = {"r": "fps", "pix_fmt": "out_pixel_format"}.get(option, "codec")
            settings[key] = value
        elif option in ("q", "qscale"):
            options |= _quantiser(round(float(value)))
        else:
            (container_options if option in _FOR_MUXERS else options)[option] = value

"""FFmpeg's filters as a stage: frames in, frames out, nothing lost at the end.

The filters are given in imageio's two forms, which may be combined (the sequence comes first):

``filter_sequence``
    A list of ``(name, arguments)``, one filter after the other.
``filter_graph``
    ``(nodes, edges)``: ``nodes`` maps labels of the caller's choice to ``(name, arguments)``,
    ``edges`` lists ``(from_label, to_label, output_index, input_index)``. ``"video_in"`` and
    ``"video_out"`` are the ends of the graph.

Arguments are a string as on ffmpeg's command line (``"320:-1:flags=lanczos"``) or a mapping of
option to value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from typing import Any, Final, TypeAlias, cast

import av
from av import VideoFrame
from av.filter import Filter, Graph
from av.filter.context import FilterContext

from .errors import DecodeError
from .pixels.h273 import MATRIX_NAMES
from .pyav import fraction, new_graph

__all__ = ["FilterChain", "FilterGraph", "FilterSequence"]

FilterArguments: TypeAlias = str | Mapping[str, object]
FilterSequence: TypeAlias = Sequence[tuple[str, FilterArguments]]
FilterGraph: TypeAlias = tuple[
    Mapping[str, tuple[str, FilterArguments]], Sequence[tuple[str, str, int, int]]
]

_IN, _OUT = "video_in", "video_out"

# Filters that make of a frame what they make of it, whatever came before.
_FORGETFUL: Final = frozenset(
    {
        "alphaextract", "avgblur", "boxblur", "colorbalance", "colorchannelmixer", "colorlevels",
        "colormatrix", "colorspace", "convolution", "copy", "crop", "curves", "dilation", "erosion",
        "exposure", "extractplanes", "fillborders", "format", "gblur", "hflip", "limiter", "lut",
        "lut1d", "lut3d", "lutrgb", "lutyuv", "negate", "null", "pad", "pixelize", "scale",
        "setdar", "setparams", "setrange", "setsar", "shuffleplanes", "sobel", "swapuv",
        "transpose", "unsharp", "vflip", "zscale",
    }
)  # fmt: skip
_Edge: TypeAlias = tuple[str, str, int, int]


class FilterChain:
    """A chain or graph of FFmpeg filters with one video input and one video output.

    The filters are made, and their connections checked, here: what a filter does when it is made
    (opening a file, say) is done once. The graph is completed when the first frame arrives, since
    only that tells size and pixel format. When a frame of another size or format arrives the graph
    is drained and another is made, unless that would lose what a filter knows of earlier frames.

    Parameters
    ----------
    filter_sequence, filter_graph : optional
        The filters, as the module describes. With neither, frames pass unchanged.
    frame_rate : Fraction, optional
        Frames per second of the input, for filters that ask (``tpad``, ``minterpolate``).
    pixel_aspect : Fraction, optional
        Width of a pixel divided by its height, for filters that ask; square by default.

    Attributes
    ----------
    frame_rate : Fraction or None
        As given; may be changed before the first frame.
    finished : bool
        True once the filters want no more frames (``trim`` after its end).

    Raises
    ------
    TypeError, ValueError
        A form that is not understood, an unknown filter, option or label, an input or output that
        is left open or connected twice, or no path from ``"video_in"`` to ``"video_out"``.

    Notes
    -----
    Not thread-safe. The filters run on the calling thread (with PyAV before 18 in FFmpeg's worker
    threads, which end with this object).
    """

    def __init__(
        self,
        filter_sequence: FilterSequence | None = None,
        filter_graph: FilterGraph | None = None,
        *,
        frame_rate: Fraction | None = None,
        pixel_aspect: Fraction | None = None,
    ) -> None:
        self._nodes, self._edges = _parse(filter_sequence, filter_graph)
        self._made: _Made | None = _make(self._nodes, self._edges)
        self.frame_rate = frame_rate
        self._pixel_aspect = pixel_aspect or Fraction(1)
        self._next_pts = 0
        self._made_for: tuple[object, ...] | None = None
        self._graph: Graph | None = None  # contexts hold it weakly: keep it
        self._source: FilterContext | None = None
        self._sink: FilterContext | None = None
        self.finished: bool = False

    def process(self, frames: Iterable[VideoFrame]) -> Iterator[VideoFrame]:
        """Yield what the filters make of `frames`, to the very last frame.

        Lazy: a frame is taken from `frames` only when the filters have no more to give, and no
        more are taken once they are `finished`. If `frames` ends in a ``DecodeError``, what the
        filters still hold comes before it.
        """
        try:
            for frame in frames:
                yield from self.push(frame)
                if self.finished:
                    break
        except DecodeError:
            yield from self.flush()
            raise
        yield from self.flush()

    def push(self, frame: VideoFrame) -> Iterator[VideoFrame]:
        """Hand one frame to the filters and yield what comes out; exhaust it before going on.

        A frame without a time stamp is given the one that follows its predecessor's.
        """
        if self.finished:
            return
        time_base = fraction(frame.time_base) or 1 / (self.frame_rate or Fraction(25))
        made_for = (frame.width, frame.height, frame.format.name, time_base)
        if made_for != self._made_for:
            self._check_change(frame)
            yield from self._drain()
            self._complete(frame, time_base)
            self._made_for = made_for
        if frame.pts is None:
            frame.time_base, frame.pts = time_base, self._next_pts
        if not frame.duration:  # by which filters that count in time would miss the last frame
            rate = self.frame_rate
            frame.duration = 1 if rate is None else max(round(1 / (rate * time_base)), 1)
        self._next_pts = frame.pts + frame.duration
        assert self._source is not None
        try:
            self._source.push(frame)
        except EOFError:
            self.finished = True
        except (av.FFmpegError, ValueError) as error:
            raise self._failure(frame, error) from error
        yield from self._pull()

    def _check_change(self, frame: VideoFrame) -> None:
        """Raise ``ValueError`` if another graph would not go on where this one ends."""
        if self._made_for is None:
            return
        keeping = [_shown(*node) for node in self._nodes.values() if node[0] not in _FORGETFUL]
        if keeping:
            width, height, name, _ = self._made_for
            raise ValueError(
                f"the frames change from {width}x{height} {name} to {frame.width}x{frame.height} "
                f"{frame.format.name}, and {', '.join(keeping)} would begin anew; filter the parts "
                "one by one, or without what refers to earlier frames"
            )

    def flush(self) -> Iterator[VideoFrame]:
        """Tell the filters that no frame follows, and yield all that they still hold."""
        if not self.finished:
            yield from self._drain()
        self.finished = True
        self._made = self._graph = self._source = self._sink = None

    def _drain(self) -> Iterator[VideoFrame]:
        """Empty the present graph, if there is one."""
        if self._source is not None:
            self._source.push(None)
            yield from self._pull()
        self.finished = False  # that was this graph's end, not the stream's

    def _pull(self) -> Iterator[VideoFrame]:
        assert self._sink is not None
        while True:
            try:
                frame = self._sink.pull()
            except BlockingIOError:  # needs another frame
                return
            except EOFError:
                self.finished = True
                return
            except (av.FFmpegError, ValueError) as error:
                raise ValueError(f"the filters {self} failed: {error}") from error
            yield cast(VideoFrame, frame)

    def _complete(self, frame: VideoFrame, time_base: Fraction) -> None:
        """Give the graph its ends for frames like `frame`, and connect everything."""
        graph, nodes = self._made or _make(self._nodes, self._edges)
        self._made = None
        arguments = {
            "video_size": f"{frame.width}x{frame.height}",
            "pix_fmt": frame.format.name,
            "time_base": str(time_base),
            "pixel_aspect": str(self._pixel_aspect),
            # (Damaged files name matrices that there are not, which the graph would refuse.)
            "colorspace": str(int(frame.colorspace) if frame.colorspace in MATRIX_NAMES else 2),
            "range": str(int(frame.color_range)),
        }
        if self.frame_rate is not None:
            arguments["frame_rate"] = str(self.frame_rate)
        try:
            contexts = {
                **nodes,
                _IN: graph.add("buffer", **arguments),
                _OUT: graph.add("buffersink"),
            }
            for source, target, output, input_ in self._edges:
                contexts[source].link_to(contexts[target], output, input_)
            graph.configure()
        except (av.FFmpegError, ValueError) as error:
            raise self._failure(frame, error) from error
        self._graph, self._source, self._sink = graph, contexts[_IN], contexts[_OUT]

    def _failure(self, frame: VideoFrame, error: Exception) -> ValueError:
        return ValueError(
            f"the filters {self} do not take {frame.format.name} frames of "
            f"{frame.width}x{frame.height}: {error}"
        )

    def __str__(self) -> str:
        return ", ".join(_shown(*node) for node in self._nodes.values()) or "(none)"


def _shown(name: str, arguments: str | dict[str, str]) -> str:
    """A filter as ffmpeg's command line has it, for messages."""
    if isinstance(arguments, dict):
        arguments = ":".join(f"{key}={value}" for key, value in arguments.items())
    return repr(f"{name}={arguments}" if arguments else name)


_Nodes: TypeAlias = dict[str, tuple[str, str | dict[str, str]]]
_Made: TypeAlias = tuple[Graph, dict[str, FilterContext]]


def _parse(
    sequence: FilterSequence | None, graph: FilterGraph | None
) -> tuple[_Nodes, list[_Edge]]:
    """Bring both forms into one graph; the sequence's filters are labelled by their place."""
    nodes: _Nodes = {}
    edges: list[_Edge] = []
    last = _IN
    if isinstance(sequence, str):
        raise TypeError(f"filter_sequence must be a list of (name, arguments), got {sequence!r}")
    for place, node in enumerate(sequence or ()):
        label = f"filter_sequence[{place}]"
        nodes[label] = _parse_node(label, node)
        edges.append((last, label, 0, 0))
        last = label
    if graph is None:
        edges.append((last, _OUT, 0, 0))
        return nodes, edges

    try:
        given_nodes, given_edges = graph
        given_nodes = dict(given_nodes)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"filter_graph must be (nodes, edges), a dict and a list, got {graph!r}"
        ) from error
    for label, node in given_nodes.items():
        if label in (_IN, _OUT):
            raise ValueError(f"{label!r} is an end of the graph, choose another label for {node!r}")
        nodes[label] = _parse_node(label, node)
    for edge in given_edges:
        try:
            source, target, output, input_ = edge
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"an edge must be (from_label, to_label, output_index, input_index), got {edge!r}"
            ) from error
        edges.append((last if source == _IN else source, target, int(output), int(input_)))
    return nodes, edges


def _parse_node(label: str, node: object) -> tuple[str, str | dict[str, str]]:
    if isinstance(node, str) or not isinstance(node, Sequence) or len(node) != 2:
        raise TypeError(f"{label}: a filter must be (name, arguments), got {node!r}")
    name, arguments = node
    if not isinstance(name, str):
        raise TypeError(f"{label}: the filter's name must be a string, got {name!r}")
    if arguments is None or isinstance(arguments, str):
        return name, arguments or ""
    if not isinstance(arguments, Mapping):
        raise TypeError(
            f"{label}: the arguments of {name!r} must be a string or a dict, got {arguments!r}"
        )
    return name, {
        str(key): str(int(value) if isinstance(value, bool) else value)
        for key, value in arguments.items()
    }


def _add(graph: Graph, nodes: _Nodes) -> dict[str, FilterContext]:
    """Put every node into `graph`; a wrong name or option is a ValueError that says which."""
    contexts = {}
    for label, (name, arguments) in nodes.items():
        where = f"{label}: " if label != name else ""
        try:
            Filter(name)
        except ValueError:
            raise ValueError(f"{where}this FFmpeg has no filter named {name!r}") from None
        try:
            if isinstance(arguments, str):
                contexts[label] = graph.add(name, arguments)
            else:
                contexts[label] = graph.add(name, **arguments)
        except (av.FFmpegError, ValueError, LookupError) as error:
            reason = error.strerror if isinstance(error, av.FFmpegError) else error
            raise ValueError(
                f"{where}filter {name!r} refuses the arguments {arguments!r}: {reason}"
            ) from error
    return contexts


def _make(nodes: _Nodes, edges: list[_Edge]) -> _Made:
    """Make the filters, not connected yet, in a graph.

    What FFmpeg would refuse with a bare number is refused saying which part is at fault.
    """
    graph = new_graph()
    contexts = _add(graph, nodes)
    _check(nodes, edges, contexts)
    return graph, contexts


def _check(nodes: _Nodes, edges: list[_Edge], contexts: dict[str, FilterContext]) -> None:
    pads: dict[str, Any] = dict(contexts)  # PyAV's stubs leave inputs and outputs out
    outputs = {label: len(node.outputs) for label, node in pads.items()} | {_IN: 1, _OUT: 0}
    inputs = {label: len(node.inputs) for label, node in pads.items()} | {_IN: 0, _OUT: 1}

    taken: set[tuple[str, str, int]] = set()
    followers: dict[str, set[str]] = {label: set() for label in inputs}
    for edge in edges:
        source, target, output, input_ = edge
        for label in (source, target):
            if label not in inputs:
                raise ValueError(
                    f"edge {edge!r}: no node is labelled {label!r}, there are "
                    + ", ".join(map(repr, sorted(inputs)))
                )
        for side, label, index, count in (
            ("output", source, output, outputs[source]),
            ("input", target, input_, inputs[target]),
        ):
            if not 0 <= index < count:
                raise ValueError(f"edge {edge!r}: {label!r} has {count} {side}(s), not {index}")
            if (side, label, index) in taken:
                raise ValueError(f"edge {edge!r}: {side} {index} of {label!r} is already connected")
            taken.add((side, label, index))
        followers[source].add(target)

    try:
        tuple(TopologicalSorter(followers).static_order())
    except CycleError as error:
        raise ValueError(f"the filter graph runs in a circle: {error.args[1]}") from None
    reached, waiting = set(), [_IN]
    while waiting:
        label = waiting.pop()
        reached.add(label)
        waiting.extend(followers[label] - reached)
    if _OUT not in reached:
        raise ValueError(f"the filter graph has no path from {_IN!r} to {_OUT!r}")
    for side, counts in (("input", inputs), ("output", outputs)):
        for label, index in chain.from_iterable(
            ((label, index) for index in range(count)) for label, count in counts.items()
        ):
            if (side, label, index) not in taken:
                filter_name = f" ({nodes[label][0]})" if label in nodes else ""
                raise ValueError(
                    f"{side} {index} of {label!r}{filter_name} is connected to nothing"
                )

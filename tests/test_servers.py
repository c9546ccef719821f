"""Servers that stall, reset, lie and send in circles: an error within the time-out, and no less.

What is read from such a server is either all of the video or an error; a part of it that looks like
the whole is neither.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import av
import numpy as np
import pytest

import fastav

from .media import encode
from .process import LINUX, descriptors, threads

COUNT = 150
TIMEOUT = 3.0  # seconds, as FFmpeg is told
IMPATIENT = 1.0  # where nothing but an error can come
PATIENCE = 60.0  # as long as a busy machine may need for several requests that time out

Behaviour = Callable[["Handler", int, bytes], None]


class Server(ThreadingHTTPServer):
    """Does with every request what `behaviour` does."""

    daemon_threads = True

    def __init__(self, behaviour: Behaviour, data: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behaviour, self.data = behaviour, data
        self.released = threading.Event()

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients hang up, and so does the server."""


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.close_connection = True
        wanted = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        self.server.behaviour(self, int(wanted[1]) if wanted else 0, self.server.data)

    def begin(self, start: int, size: int, length: int | None = None) -> None:
        """Answer as a server does that knows ranges, to a request from `start` on."""
        self.send_response(206)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.send_header("Content-Length", str(size - start if length is None else length))
        # (FFmpeg asks for it. If a server closes without saying so, PyAV alone reads nothing.)
        self.send_header("Connection", "close")
        self.end_headers()


@contextmanager
def serving(behaviour: Behaviour, data: bytes) -> Iterator[str]:
    server = Server(behaviour, data)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/clip.ts"
    finally:
        server.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


# What they do


def behaves(handler: Handler, start: int, data: bytes) -> None:
    handler.begin(start, len(data))
    handler.wfile.write(data[start:])


def says_nothing(handler: Handler, start: int, data: bytes) -> None:
    handler.server.released.wait(60)


def stalls_after_the_headers(handler: Handler, start: int, data: bytes) -> None:
    handler.begin(start, len(data))
    handler.server.released.wait(60)


def stalls_midway(handler: Handler, start: int, data: bytes) -> None:
    handler.begin(start, len(data))
    handler.wfile.write(data[start : max(start, len(data) // 2)])
    handler.server.released.wait(60)


def resets_midway(handler: Handler, start: int, data: bytes) -> None:
    handler.begin(start, len(data))
    handler.wfile.write(data[start : max(start, len(data) // 2)])
    handler.wfile.flush()
    # A connection that is closed without lingering is reset.
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def ends_early(handler: Handler, start: int, data: bytes) -> None:
    """Promises all, and closes the connection after a half."""
    handler.begin(start, len(data))
    handler.wfile.write(data[start : max(start, len(data) // 2)])


def promises_too_much(handler: Handler, start: int, data: bytes) -> None:
    handler.begin(start, 3 * len(data))
    handler.wfile.write(data[start:])


def knows_no_ranges(handler: Handler, start: int, data: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(data)))
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(data)


def tells_no_length(handler: Handler, start: int, data: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(data)


def goes_in_circles(handler: Handler, start: int, data: bytes) -> None:
    handler.send_response(302)
    turn = int(handler.path.rpartition("=")[2]) if "=" in handler.path else 0
    handler.send_header("Location", f"/clip.ts?turn={(turn + 1) % 3}")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def refuses(status: int) -> Behaviour:
    def refuse(handler: Handler, start: int, data: bytes) -> None:
        handler.send_error(status)

    refuse.__name__ = f"refuses_with_{status}"
    return refuse


def babbles(handler: Handler, start: int, data: bytes) -> None:
    """No HTTP at all."""
    handler.wfile.write(b"\xff" * 100_000)


# How they are read


def read(reader: fastav.VideoReader) -> Any:
    return reader.read()


def read_and_keep(reader: fastav.VideoReader) -> Any:
    return reader.read(errors="keep")


def iterate(reader: fastav.VideoReader) -> Any:
    return np.stack(list(reader))


def in_batches(reader: fastav.VideoReader) -> Any:
    return np.concatenate(list(reader.batches(32)))


def by_number(reader: fastav.VideoReader) -> Any:
    assert len(reader) == COUNT
    return reader[:]


def the_last(reader: fastav.VideoReader) -> Any:
    return reader[-1]


@pytest.fixture(scope="module")
def clip() -> bytes:
    return encode(container="mpegts", count=COUNT, codec="mpeg2video", width=96, height=64)


@pytest.fixture(scope="module")
def expected(clip: bytes) -> np.ndarray:
    return np.asarray(fastav.imread(clip))


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    level = av.logging.get_level()
    av.logging.set_level(None)
    yield
    av.logging.set_level(level)


def outcome(url: str, way: Callable[[fastav.VideoReader], Any], timeout: float = TIMEOUT) -> Any:
    """What a way of reading gives, or the error that it raises; it must come in time."""
    result: list[Any] = []

    def work() -> None:
        try:
            options = {"timeout": str(int(timeout * 1e6))}
            with fastav.open(url, options=options) as reader:
                result.append(way(reader))
        except Exception as error:
            result.append(error)

    thread = threading.Thread(target=work, daemon=True)
    began = time.monotonic()
    thread.start()
    thread.join(PATIENCE)
    assert result, f"nothing after {time.monotonic() - began:.0f} s"
    return result[0]


WAYS = [read, read_and_keep, iterate, in_batches, by_number, the_last]


def whole(got: Any, expected: np.ndarray, way: object) -> bool:
    return np.array_equal(got, expected[-1] if way is the_last else expected)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("behaviour", [behaves, knows_no_ranges])
def test_honest_servers(behaviour: Behaviour, way: Any, clip: bytes, expected: np.ndarray) -> None:
    with serving(behaviour, clip) as url:
        got = outcome(url, way)
    if isinstance(got, Exception):
        assert behaviour is not behaves, repr(got)
        assert isinstance(got, (OSError, fastav.FastavError)), repr(got)
    else:
        assert whole(got, expected, way)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "behaviour",
    [stalls_midway, resets_midway, ends_early, promises_too_much, tells_no_length],
)
def test_part_of_a_video_is_no_video(
    behaviour: Behaviour, way: Any, clip: bytes, expected: np.ndarray
) -> None:
    with serving(behaviour, clip) as url:
        got = outcome(url, way, IMPATIENT if behaviour is stalls_midway else TIMEOUT)
    if isinstance(got, Exception):
        assert isinstance(got, (OSError, fastav.FastavError)), repr(got)
    else:
        assert whole(got, expected, way), f"{len(got)} frames of {COUNT} without an error"


@pytest.mark.parametrize(
    "behaviour",
    [
        says_nothing,
        stalls_after_the_headers,
        goes_in_circles,
        babbles,
        *map(refuses, (403, 404, 416, 500, 503)),
    ],
)
def test_no_video_at_all(behaviour: Behaviour, clip: bytes) -> None:
    with serving(behaviour, clip) as url:
        error = outcome(url, read, IMPATIENT)
    assert isinstance(error, (OSError, fastav.FastavError)), repr(error)
    assert "127.0.0.1" in str(error)


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        error = outcome(f"http://127.0.0.1:{taken.getsockname()[1]}/clip.ts", read)
    assert isinstance(error, OSError), repr(error)


@LINUX
def test_trouble_leaves_nothing(clip: bytes) -> None:
    for behaviour in (stalls_midway, resets_midway, says_nothing):
        before = threads(), descriptors()
        with serving(behaviour, clip) as url:
            for way in (read, the_last):
                assert isinstance(outcome(url, way, IMPATIENT), Exception)
        assert threads(before[0]) <= before[0]
        deadline = time.monotonic() + 5
        while descriptors() > before[1] and time.monotonic() < deadline:
            time.sleep(0.01)  # the server's own threads close what they served
        assert descriptors() <= before[1]

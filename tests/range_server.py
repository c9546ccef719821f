"""An HTTP server on the loopback that serves ranges of bytes, and counts what it is asked for."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BLOCK = 1 << 16


class RangeServer(ThreadingHTTPServer):
    """Serves one file; see :func:`serve`.

    Attributes
    ----------
    requests : int
    sent : int
        Bytes given to the system to be sent, which may be more than the client took.
    stalls_at : int or None
        Offset in the file from which on nothing comes any more, until the context ends.
    """

    daemon_threads = True
    # What the system takes from the server and the client does not ask for is not of interest.
    send_buffer = 1 << 16

    def __init__(self, path: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.path = path
        self.requests = self.sent = 0
        self.released = threading.Event()
        self.stalls_at: int | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/{self.path.name}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients hang up when they have enough."""


class _Handler(BaseHTTPRequestHandler):
    server: RangeServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.server.send_buffer)
        self.server.requests += 1
        size = self.server.path.stat().st_size
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "bytes=0-"))
        assert wanted is not None
        start, end = int(wanted[1]), min(int(wanted[2] or size - 1), size - 1)
        self.send_response(206)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Range", f"bytes {start}-{end}/{size}")
        self.send_header("Content-Length", str(max(end + 1 - start, 0)))
        if self.close_connection:  # as the client asked for
            self.send_header("Connection", "close")
        self.end_headers()
        with self.server.path.open("rb") as file:
            file.seek(start)
            while start <= end:
                stop_at = self.server.stalls_at
                if stop_at is not None and start >= stop_at:
                    self.server.released.wait(30)
                    return
                data = file.read(min(BLOCK, end + 1 - start))
                self.wfile.write(data)
                self.server.sent += len(data)
                start += len(data)


@contextmanager
def serve(path: Path) -> Iterator[RangeServer]:
    """Serve a file at ``server.url`` for as long as the context lasts."""
    server = RangeServer(path)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        thread.join()
        with suppress(OSError):
            server.server_close()

"""Bytes of a URL, read as its video is: by FFmpeg's protocols, with the same options."""

from __future__ import annotations

from collections.abc import Mapping

from ..pyav import open_to_read

__all__ = ["RemoteBytes"]


class RemoteBytes:
    """One connection that reads bytes from anywhere in what a URL names.

    FFmpeg's demuxer "data" passes on what a file holds as it is.

    Notes
    -----
    Not thread-safe.
    """

    def __init__(self, url: str, options: Mapping[str, str]) -> None:
        # Nothing is to be found out by reading ahead.
        options = {**options, "probesize": "32", "analyzeduration": "0"}
        self._container = open_to_read(url, format="data", options=options)

    def close(self) -> None:
        """Close the connection."""
        self._container.close()

    def read_at(self, offset: int, size: int) -> bytes:
        """Read bytes, fewer where the file ends.

        Raises
        ------
        av.error.FFmpegError
            The server or the protocol cannot.
        """
        self._container.seek(offset, unsupported_byte_offset=True)
        parts = []
        for packet in self._container.demux():
            if packet.pos != offset or not packet.size:
                break
            parts.append(bytes(packet)[:size])
            offset += packet.size
            size -= packet.size
            if size <= 0:
                break
        return b"".join(parts)

"""A TCP proxy between a client and its server that is down, cuts, delays, or changes a byte, as a test tells it."""

from __future__ import annotations

import contextlib
import socket
import threading
import time


class BadLine:
    """Listens on 127.0.0.1 and carries to ``server_port``. What is set holds for connections made afterwards.

    ``down``: every connection is closed at once. ``cut_after``: answers break off after so many bytes of their
    connection. ``corrupt_at``: the byte at this place of an answer's body is changed, in answers long enough (0: never
    while it is None). ``delay_s``: each piece of an answer waits so long. ``connections``: how many came.
    """

    def __init__(self, server_port: int) -> None:
        self.server_port = server_port
        self.down = False
        self.cut_after: int | None = None
        self.cuts_left = 10**9
        self.corrupt_at: int | None = None
        self.delay_s = 0.0
        self.connections = 0
        self._open: set[socket.socket] = set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._listening.close()
        self.drop()

    def drop(self) -> None:
        """Break off every connection: kept-alive ones would not see what was set."""
        for line in list(self._open):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def heal(self) -> None:
        """A good line again."""
        self.down, self.cut_after, self.corrupt_at, self.delay_s = False, None, None, 0.0
        self.drop()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            if self.down:
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self.server_port))
            self._open |= {client, server}
            threading.Thread(target=self._up, args=(client, server), daemon=True).start()
            threading.Thread(target=self._back, args=(server, client), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                server.sendall(data)
        self._end(client, server)

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        carried = 0
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if self.delay_s:
                    time.sleep(self.delay_s)  # what the test asks for: a slow store
                if self.corrupt_at is not None:
                    data = self._corrupted(data)
                carried += len(data)
                if self.cut_after is not None and carried > self.cut_after and self.cuts_left > 0:
                    self.cuts_left -= 1
                    client.sendall(data[: len(data) - (carried - self.cut_after)])
                    break
                client.sendall(data)
        self._end(client, server)

    def _corrupted(self, data: bytes) -> bytes:
        head, mark, body = data.partition(b"\r\n\r\n")
        at = self.corrupt_at or 0
        if not mark or len(body) <= at or not head.startswith(b"HTTP/1.1 2"):
            return data
        changed = bytearray(body)
        changed[at] ^= 0x40
        return head + mark + bytes(changed)

    def _end(self, *lines: socket.socket) -> None:
        for line in lines:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()
            self._open.discard(line)

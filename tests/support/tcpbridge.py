"""Brings UDP clients to a relay's ICE-TCP port: each client address gets a connection of its own, datagrams go in
frames (RFC 4571). Libraries without ICE-TCP can so be played against it, and a reader can be made slow."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct


class TcpBridge:
    """Listens for UDP on 127.0.0.1; ``relay`` is where the frames go. ``clients``: in the order in which they came."""

    def __init__(self) -> None:
        self.relay = ("127.0.0.1", 0)
        self.clients: dict[tuple[str, int], _Client] = {}
        self._front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._front.setblocking(False)
        self._front.bind(("127.0.0.1", 0))

    @property
    def port(self) -> int:
        """The port to announce instead of the relay's."""
        return int(self._front.getsockname()[1])

    def start(self) -> None:
        """Carry from now on, in the running loop."""
        asyncio.get_running_loop().add_reader(self._front, self._read)

    def stop(self) -> None:
        """Close everything."""
        asyncio.get_running_loop().remove_reader(self._front)
        self._front.close()
        for client in self.clients.values():
            client.close()

    def _read(self) -> None:
        while True:
            try:
                data, address = self._front.recvfrom(2048)
            except BlockingIOError:
                return
            client = self.clients.get(address)
            if client is None:
                client = self.clients[address] = _Client(self, address)
            client.send(data)

    def back(self, data: bytes, address: tuple[str, int]) -> None:
        """To a client."""
        with contextlib.suppress(OSError):
            self._front.sendto(data, address)


class _Client:
    def __init__(self, bridge: TcpBridge, address: tuple[str, int]) -> None:
        self._waiting: list[bytes] = []
        self._writer: asyncio.StreamWriter | None = None
        self.reads = asyncio.Event()
        self.reads.set()
        self._task = asyncio.ensure_future(self._run(bridge, address))

    def send(self, data: bytes) -> None:
        frame = struct.pack("!H", len(data)) + data
        if self._writer is None:
            self._waiting.append(frame)
        elif not self._writer.is_closing():
            self._writer.write(frame)

    def close(self) -> None:
        self._task.cancel()

    async def _run(self, bridge: TcpBridge, address: tuple[str, int]) -> None:
        reader, writer = await asyncio.open_connection(*bridge.relay, limit=8192)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
        self._writer = writer
        for frame in self._waiting:
            writer.write(frame)
        try:
            while True:
                await self.reads.wait()
                size = struct.unpack("!H", await reader.readexactly(2))[0]
                bridge.back(await reader.readexactly(size), address)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

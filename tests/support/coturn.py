"""A real coturn with the configuration that the hub writes, for tests inside a network of their own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from web import tls
from web.coturn import Turn, written

START_S = 10.0


@contextmanager
def running_coturn(folder: Path, turn: Turn) -> Iterator[subprocess.Popen[bytes]]:
    """``turnserver`` with this configuration until the end of the ``with``."""
    program = shutil.which("turnserver")
    assert program is not None, "coturn is missing: run tests/install-tools"
    text = (
        written(turn)
        + f"userdb={folder / 'coturn.db'}\npidfile={folder / 'coturn.pid'}\nproc-user=root\nproc-group=root\n"
    )
    (folder / "turnserver.conf").write_text(text)
    with (folder / "coturn.out").open("wb") as out:
        process = subprocess.Popen([program, "-c", str(folder / "turnserver.conf")], stdout=out, stderr=out)
    try:
        _until_it_listens(process, turn, folder)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until_it_listens(process: subprocess.Popen[bytes], turn: Turn, folder: Path) -> None:
    deadline = time.monotonic() + START_S
    ports = [turn.port, turn.tls_port] if turn.certificate else [turn.port]
    # Its UDP sockets come after those of TCP.
    while not all(_answers(turn.listening[0], port) for port in ports) or not _is_bound(turn.port):
        assert process.poll() is None, (folder / "coturn.out").read_text()[-2000:]
        assert time.monotonic() < deadline, (folder / "coturn.out").read_text()[-2000:]
        time.sleep(0.05)  # it is starting; the deadline ends this


def _answers(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), 0.5).close()
    except OSError:
        return False
    return True


def _is_bound(port: int) -> bool:
    """Whether anybody in this network has the UDP port."""
    held = [Path(f"/proc/thread-self/net/{name}").read_text() for name in ("udp", "udp6")]
    return any(f":{port:04X} " in text for text in held)


def with_certificate(turn: Turn, folder: Path, name: str) -> tuple[Turn, Path]:
    """The same with a certificate for ``name`` from an authority of its own; also the authority's PEM file."""
    made = tls.local(folder / "tls", (name,), datetime.now(UTC))
    return replace(turn, certificate=str(made.cert), key=str(made.key)), folder / "tls" / "ca.pem"

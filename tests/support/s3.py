"""A private Swift with its S3 interface on loopback, for tests (``swiftserver.py`` runs in Debian's own Python)."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.redis import free_port
from web.s3store import S3, Place

KEY, SECRET, BUCKET = "tester", "a-made-up-secret", "record"
START_S = 60


@contextmanager
def private_swift(folder: Path) -> Iterator[int]:
    """Run it below ``folder``; gives its port. The bucket ``record`` is there. Raises RuntimeError."""
    port = free_port()
    program = ["/usr/bin/python3", "-W", "ignore", str(Path(__file__).with_name("swiftserver.py"))]
    server = subprocess.Popen(
        [*program, str(folder), str(port), KEY, SECRET], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert server.stdout and server.stderr
    try:
        if server.stdout.readline().strip() != "ready":
            raise RuntimeError("Swift did not start (make test installs it): " + server.stderr.read()[-500:])
        S3(place(port)).client.make_bucket(BUCKET)
        yield port
    finally:
        server.kill()
        server.wait(10)
        server.stdout.close()
        server.stderr.close()


def place(port: int, prefix: str = "", secret: str = SECRET) -> Place:
    """How a hub reaches the bucket on ``port``."""
    address = f"s3+http://127.0.0.1:{port}/{BUCKET}" + (f"/{prefix}" if prefix else "")
    return Place(address=address, access_key=f"test:{KEY}", secret_key=secret)

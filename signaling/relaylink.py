"""One relay's link and its handshake: the relay signs a nonce with the key that it enrolled with."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from media import messages as r
from rooms import relays as relay_rows
from rooms.signing import is_signed
from signaling.sockets import Socket
from signaling.store import Store, moment

log = logging.getLogger(__name__)

HANDSHAKE_S = 10.0
SIGNED = b"diemcau relay link v1\n"


@dataclass(frozen=True, slots=True)
class Disk:
    """Where a relay writes journals: bytes left (-1 not known), what it writes now in bit/s, and for how many seconds
    no copy of it could be sent."""

    free: int
    written_bps: int
    copies_late_s: float


@dataclass(slots=True, eq=False)
class Link:
    """One relay's socket after its handshake. ``boot_before``: the process that was known of it until now."""

    relay: str
    hello: r.Hello
    socket: Socket
    boot_before: str = ""
    outbox: asyncio.Queue[r.ToRelay] = field(default_factory=asyncio.Queue)
    reports: asyncio.Queue[r.Report] = field(default_factory=asyncio.Queue)
    heard: float = 0.0
    cpu: float = 0.0
    offset_s: float | None = None
    restarted: bool = False
    disk: Disk | None = None


async def shake_hands(
    socket: Socket, store: Store, clock: Callable[[], float], ceilings: tuple[int, int] = (0, 0)
) -> Link | None:
    """The link, None for a relay that is not enrolled or does not prove its key. Raises LinkError, TimeoutError,
    Unavailable, SocketClosed."""
    nonce = secrets.token_urlsafe(32)
    await socket.send_text(r.encode(r.Challenge(version=r.LINK_VERSION, nonce=nonce)))
    async with asyncio.timeout(HANDSHAKE_S):
        hello = r.decode_to_app(await socket.receive_text())
    if not isinstance(hello, r.Hello) or hello.version != r.LINK_VERSION:
        raise r.LinkError("expected hello")
    known = await store.run(_look_up, store, hello, nonce, clock())
    if known is None:
        log.warning("relay refused: %s", hello.relay[:24])
        return None
    acked, boot = known
    source, viewer = ceilings
    welcome = r.Welcome(app=store.owner, utc=clock(), acked=acked, max_source_bps=source, max_viewer_bps=viewer)
    await socket.send_text(r.encode(welcome))
    return Link(hello.relay, hello, socket, boot, heard=asyncio.get_running_loop().time())


def _look_up(store: Store, hello: r.Hello, nonce: str, now: float) -> tuple[int, str] | None:
    """The number acknowledged and the boot of before, if the relay is enrolled and proves its key."""
    with store.database.write() as db:
        row = relay_rows.get(db, hello.relay)
        if row is None or not _proves(row.public_key, hello, nonce):
            return None
        before = row.boot
        relay_rows.seen(db, hello.relay, moment(now), boot=hello.boot, pid=hello.pid, addresses=hello.addresses)
        return row.acked, before


def _proves(public_key: str, hello: r.Hello, nonce: str) -> bool:
    try:
        public = base64.b64decode(public_key, validate=True)
        signature = base64.b64decode(hello.signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    return is_signed(public, signature, SIGNED + nonce.encode() + b"\n" + hello.relay.encode())

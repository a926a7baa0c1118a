"""The other apps of the hub: who lives, where they are, and how one has something done by another.

Redis holds a name with an address per living app for ``LEASE_S``, renewed while it lives; it only hints (design 2).
What counts is the epoch on a session's row. While Redis is away, what was last known of an app is believed until its
address refuses a connection, which also counts as its end while Redis still names it: a process that was killed
answers nobody, and its sessions need not wait for the lease.

Apps prove themselves to each other by an HMAC-SHA-256 under ``HUB_PEER_KEY`` over method, address, time, a nonce and
the body. It is good for ``PROOF_S`` and, at one app, once.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import redis.asyncio as redis
from redis.exceptions import RedisError

from signaling.errors import Unavailable
from signaling.owners import Elsewhere, as_raised
from web import logs
from web.config import Config

log = logs.get("peers")

LEASE_S = 6.0
RENEW_S = 2.0
REDIS_S = 1.0
CALL_S = 15.0
"""Longer than a relay has for its answer."""

DEAD_S = 10.0
"""How long an app whose address refused a connection counts as dead, whatever Redis says: longer than its lease."""

PROOF_S = 30.0
MAX_NONCES = 20_000
MAX_ANSWER = 1024 * 1024
SCHEME = "Diemcau-Peer"


class PeerProof:
    """Makes and checks the ``Authorization`` of requests between apps. ``now`` gives UTC."""

    def __init__(self, key: str, now: Callable[[], float] = time.time) -> None:
        self._key = key.encode()
        self._now = now
        self._seen: dict[str, float] = {}

    def make(self, method: str, target: str, body: bytes = b"") -> str:
        """For one request; ``target`` is path and query."""
        at, nonce = str(int(self._now())), secrets.token_urlsafe(12)
        return f"{SCHEME} {at}.{nonce}.{self._mac(method, target, at, nonce, body)}"

    def holds(self, given: str, method: str, target: str, body: bytes = b"") -> bool:
        """Whether this is the proof of a peer, for this very request, not too old and not seen before."""
        scheme, _, rest = given.partition(" ")
        at, _, tail = rest.partition(".")
        nonce, _, mac = tail.partition(".")
        if scheme != SCHEME or not self._key or not at.isascii() or not at.isdecimal() or len(given) > 200:
            return False
        now = self._now()
        if abs(now - int(at)) > PROOF_S or not hmac.compare_digest(
            mac.encode(), self._mac(method, target, at, nonce, body).encode()
        ):
            return False
        return self._is_new(nonce, now)

    def _is_new(self, nonce: str, now: float) -> bool:
        while self._seen and next(iter(self._seen.values())) < now - 2 * PROOF_S:
            del self._seen[next(iter(self._seen))]
        if nonce in self._seen or len(self._seen) >= MAX_NONCES:
            return False
        self._seen[nonce] = now
        return True

    def _mac(self, method: str, target: str, at: str, nonce: str, body: bytes) -> str:
        text = "\n".join((method, target, at, nonce, hashlib.sha256(body).hexdigest()))
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()


class RedisPeers:
    """Implements ``signaling.owners.Peers``. ``owner`` is this app's name on the sessions it owns."""

    alone = False

    def __init__(self, config: Config, owner: str) -> None:
        self.owner = owner
        self.address = config.peer_url.rstrip("/")
        self.proof = PeerProof(config.peer_key)
        self._redis = redis.from_url(
            config.redis_url, socket_timeout=REDIS_S, socket_connect_timeout=REDIS_S, decode_responses=True
        )
        self._known: dict[str, str] = {}
        self._dead: dict[str, float] = {}
        self._tls = tls_of(config)
        self._space = f"diemcau:{hashlib.sha256(config.peer_key.encode()).hexdigest()[:12]}:app:"
        self._http = httpx.AsyncClient(timeout=CALL_S, verify=self._tls or True, trust_env=False)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Say that we live, and go on saying it."""
        await self._renew()
        self._task = asyncio.create_task(self._stay(), name="peers-lease")

    async def stop(self) -> None:
        """Say that we are gone: the others need not wait for the lease."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        try:
            await self._redis.delete(self._space + self.owner)
        except RedisError as error:
            log.warning("not signed off", error=type(error).__name__)
        await self._redis.aclose()
        await self._http.aclose()

    async def _stay(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            await self._renew()

    async def _renew(self) -> None:
        try:
            await self._redis.set(self._space + self.owner, self.address, px=int(LEASE_S * 1000))
        except RedisError as error:
            log.warning("lease not renewed", error=type(error).__name__)

    async def address_of(self, owner: str) -> str:
        """Where an app is reached, "" when it is dead. Raises Unavailable when nothing is known of it and Redis is
        away."""
        if self._dead.get(owner, 0.0) > time.monotonic():
            return ""
        try:
            address = str(await self._redis.get(self._space + owner) or "")
        except RedisError as error:
            log.warning("lease not read", error=type(error).__name__)
            if owner not in self._known:
                raise Unavailable("owner.moved") from error
            return self._known[owner]
        self._known[owner] = address
        return "" if address == self.address else address  # whoever had our address was here before us

    async def others(self) -> list[Elsewhere]:
        """All other apps that live. Raises Unavailable while Redis is away."""
        try:
            names = [str(key).removeprefix(self._space) async for key in self._redis.scan_iter(f"{self._space}*", 100)]
        except RedisError as error:
            raise Unavailable("owner.moved") from error
        found = [(name, await self.address_of(name)) for name in sorted(names) if name != self.owner]
        return [Elsewhere(name, address) for name, address in found if address]

    def refused(self, owner: str) -> None:
        """Nobody listens at the app's address: it is dead, whatever Redis still says."""
        now = time.monotonic()
        self._dead = {one: until for one, until in self._dead.items() if until > now}
        self._dead[owner] = now + DEAD_S
        log.warning("app is gone", app=owner)

    async def call(self, there: Elsewhere, operation: str, arguments: Mapping[str, Any]) -> Any:
        """Have the owner carry out an operation. Raises what it raised there, and Unavailable owner.moved."""
        target = "/peer/call"
        body = json.dumps({"operation": operation, "arguments": arguments}).encode()
        headers = {"Authorization": self.proof.make("POST", target, body), "Content-Type": "application/json"}
        try:
            answer = await self._http.post(there.address + target, content=body, headers=headers)
        except httpx.ConnectError as error:
            self.refused(there.owner)
            raise Unavailable("owner.moved") from error
        except httpx.HTTPError as error:
            log.warning("call failed", operation=operation, error=type(error).__name__)
            raise Unavailable("owner.moved") from error
        if len(answer.content) > MAX_ANSWER or answer.status_code != 200:
            log.error("call refused", operation=operation, status=answer.status_code)
            raise Unavailable("owner.moved")
        told = answer.json()
        if told.get("error") is not None:
            raise as_raised(told["error"])
        return told.get("result")

    def socket_options(self, there: Elsewhere, target: str) -> dict[str, Any]:
        """What ``websockets.connect`` needs for a socket at the owner."""
        options: dict[str, Any] = {"additional_headers": {"Authorization": self.proof.make("GET", target)}}
        if there.address.startswith("https:"):
            options["ssl"] = self._tls or ssl.create_default_context()
        return options


def tls_of(config: Config) -> ssl.SSLContext | None:
    """Which certificates of other apps count: those of HUB_PEER_CA alone, else what the system trusts (None)."""
    return ssl.create_default_context(cafile=str(config.peer_ca)) if config.peer_ca is not None else None

"""Who a relay is: its Ed25519 key and the id that the hub gave it for a one-time token.

Everything lies in the relay's folder: ``key.pem`` (0600) and ``relay.json``.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from media.errors import PeerError, UsageError
from media.settings import Settings

SIGNED_PREFIX = b"diemcau relay link v1\n"
MAX_REPLY = 16 * 1024


class EnrolmentRefused(PeerError):
    """The hub does not take the token (used, expired, unknown)."""

    code = "enrolment_refused"


class HubAway(PeerError):
    """No app answered; trying again may help."""

    code = "hub_away"


@dataclass(frozen=True, slots=True)
class Identity:
    """The relay's id and key."""

    relay: str
    key: Ed25519PrivateKey

    def sign(self, nonce: str) -> str:
        """Base64 signature for ``hello`` over the app's nonce."""
        return base64.b64encode(self.key.sign(SIGNED_PREFIX + f"{nonce}\n{self.relay}".encode())).decode()


def load_key(folder: Path) -> Ed25519PrivateKey:
    """The key in ``folder``, made at the first call. Raises OSError, ValueError (not a key)."""
    path = folder / "key.pem"
    if path.exists():
        loaded = serialization.load_pem_private_key(path.read_bytes(), None)
        if not isinstance(loaded, Ed25519PrivateKey):
            raise ValueError("key.pem is not an Ed25519 key")
        return loaded
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write(path, pem)
    return key


def _write(path: Path, data: bytes) -> None:
    partial = path.with_suffix(".part")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)


def tls_context(settings: Settings) -> ssl.SSLContext:
    """TLS towards the apps; with ``--ca`` only that authority counts. Raises OSError, ssl.SSLError."""
    return ssl.create_default_context(cafile=str(settings.ca) if settings.ca else None)


async def identify(settings: Settings, retry_s: float = 1.0, tries: int = 60) -> Identity:
    """The relay's identity, enrolling it when it has none yet.

    Raises EnrolmentRefused, HubAway (after ``tries``), UsageError (no id and no token), OSError.
    """
    key = load_key(settings.folder)
    path = settings.folder / "relay.json"
    if path.exists():
        return Identity(str(json.loads(path.read_text())["relay"]), key)
    if not settings.enrol:
        raise UsageError("this relay has no id yet: start it once with --enrol TOKEN")
    for attempt in range(tries):
        if attempt:
            await asyncio.sleep(retry_s)
        for app in settings.apps:
            try:
                relay = await asyncio.to_thread(_enrol, app, settings, key)
            except HubAway:
                continue
            _write(path, json.dumps({"relay": relay, "name": settings.name}).encode())
            return Identity(relay, key)
    raise HubAway("no app answered the enrolment")


def _enrol(app: str, settings: Settings, key: Ed25519PrivateKey) -> str:
    public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    body = {
        "token": settings.enrol,
        "public_key": base64.b64encode(public).decode(),
        "name": settings.name,
        "spool": str(settings.spool.resolve()),
    }
    request = urllib.request.Request(
        f"{app}/relay/enrol", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if app.startswith("https:"):
        handlers.append(urllib.request.HTTPSHandler(context=tls_context(settings)))
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=10) as reply:
            return str(json.loads(reply.read(MAX_REPLY))["relay"])
    except urllib.error.HTTPError as error:
        with error:
            if 400 <= error.code < 500 and error.code != 429:
                raise EnrolmentRefused(f"the hub refused the token ({error.code})") from None
        raise HubAway(f"the hub answered {error.code}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HubAway(type(error).__name__) from None

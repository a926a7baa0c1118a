"""The hub's keys for takes: what a point's browser seals its own recording with, and how the hub opens it.

``<data>/keys/takes/<key id>.key`` holds a P-256 private key (PKCS#8 PEM, mode 0600); ``current`` names the one that is
handed out. Older ones stay: a device may come back after months. The key is outside the database and never leaves the
hub, so a stolen PC, and a stolen copy of the database, tell nothing of what was recorded.

A *grant* goes to a page with its welcome: the public key, and a secret that the hub can make again from the grant's
name. Whoever never sat in the session as this participant does not have it and cannot make a take of it, though the
public key is known to all.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from rooms import keyfiles
from rooms.errors import Invalid
from rooms.ids import new_id
from rooms.keyfiles import KeyProblem, key_id
from rooms.takeform import TakeHeader

CURVE = ec.SECP256R1()
"""Web Cryptography has P-256 in every browser that we serve; X25519 only in newer ones."""
SEAL = b"diemcau-take-1"
GRANTS = b"diemcau-take-grants-1"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a page needs to seal a recording. ``public``: the hub's point, hex; ``secret``: hex, never stored."""

    key: str
    public: str
    grant: str
    secret: str


class TakeKeys:
    """The keys of one hub. ``repr`` shows the id of the current one only."""

    __slots__ = ("_keys", "current")

    def __init__(self, keys: dict[str, ec.EllipticCurvePrivateKey], current: str) -> None:
        self._keys = keys
        self.current = current

    def grant(self, session: str, participant: str, utc: float) -> Grant:
        """A fresh grant for a participant of a session."""
        name = f"{int(utc)}.{new_id()}"
        key = self._keys[self.current]
        secret = _secret(key, session, participant, name)
        return Grant(self.current, _public(key).hex(), name, secret.hex())

    def key_of(self, header: TakeHeader) -> bytes:
        """The key that the take's pieces are sealed with. Raises Invalid take.unknown_key, take.malformed."""
        private = self._keys.get(header.key)
        if private is None:
            raise Invalid("take.unknown_key", "This recording was sealed for another hub.")
        try:
            theirs = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, header.ephemeral)
        except ValueError as error:
            raise Invalid("take.malformed", "The recording names no key of its own.") from error
        secret = _secret(private, header.session, header.participant, header.grant)
        return seal_key(private.exchange(ec.ECDH(), theirs), secret, header)

    def __repr__(self) -> str:
        return f"TakeKeys({self.current})"


def seal_key(shared: bytes, secret: bytes, header: TakeHeader) -> bytes:
    """HKDF-SHA256 (RFC 5869) of the ECDH result, salted with the grant's secret, bound to the header."""
    return HKDF(hashes.SHA256(), 32, salt=secret, info=SEAL + header.digest).derive(shared)


def load_or_create(folder: Path) -> TakeKeys:
    """The keys in ``folder``, with a first one made at first use. Raises KeyProblem for files that cannot be used."""
    if not (folder / "current").exists():
        create(folder)
    try:
        current = (folder / "current").read_text("ascii").strip()
        keys = {path.stem: _load(path) for path in sorted(folder.glob("*.key"))}
    except (OSError, ValueError, TypeError) as error:
        raise KeyProblem(f"keys for recordings of points cannot be read: {error}") from error
    if current not in keys:
        raise KeyProblem(f"there is no key {current} for recordings of points")
    return TakeKeys(keys, current)


def create(folder: Path) -> str:
    """A new key that is handed out from the next start on; its id."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    private = ec.generate_private_key(CURVE)
    name = key_id(_public(private))
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    keyfiles.write(folder / f"{name}.key", pem, keyfiles.PRIVATE)
    keyfiles.write(folder / "current", name.encode() + b"\n", keyfiles.PUBLIC)
    return name


def _public(private: ec.EllipticCurvePrivateKey) -> bytes:
    return private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _secret(private: ec.EllipticCurvePrivateKey, session: str, participant: str, grant: str) -> bytes:
    raw = private.private_numbers().private_value.to_bytes(32, "big")
    key = HKDF(hashes.SHA256(), 32, salt=None, info=GRANTS).derive(raw)
    return hmac.digest(key, f"{session}\n{participant}\n{grant}".encode(), hashlib.sha256)


def _load(path: Path) -> ec.EllipticCurvePrivateKey:
    private = keyfiles.read_private(path)
    if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
        raise KeyProblem(f"{path.name} is not a P-256 key")
    if key_id(_public(private)) != path.stem:
        raise KeyProblem(f"key file {path.name} holds another key")
    return private

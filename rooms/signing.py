"""The hub's signing keys: Ed25519, one folder, private files readable by the owner only.

``<data>/keys/<key id>.key`` holds the private key (PKCS#8 PEM, mode 0600), ``<key id>.pem`` the public one; ``current``
names the key that signs. Old public keys stay, so that old packages verify. The key id is the first 32 hex digits of
SHA-256 over the raw public key (docs/formats.md). No other package sees a private key: they get a ``Signer``.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)

from rooms import keyfiles
from rooms.keyfiles import KeyProblem as KeyProblem
from rooms.keyfiles import key_id as key_id


class Signer:
    """Signs bytes with one key. ``repr`` shows the key id only."""

    __slots__ = ("_private", "key_id", "public")

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_id = key_id(self.public)

    def sign(self, data: bytes) -> bytes:
        """64 raw bytes (RFC 8032)."""
        return self._private.sign(data)

    def key(self) -> dict[str, str]:
        """How manifests name the key."""
        return {"id": self.key_id, "public": self.public.hex()}

    def public_pem(self) -> bytes:
        """The public key as SubjectPublicKeyInfo PEM."""
        return public_pem(self.public)

    def __repr__(self) -> str:
        return f"Signer({self.key_id})"


def public_pem(public: bytes) -> bytes:
    """A raw public key as PEM. Raises KeyProblem for anything that is not 32 bytes."""
    try:
        loaded = Ed25519PublicKey.from_public_bytes(public)
    except ValueError as error:
        raise KeyProblem(f"not an Ed25519 public key: {error}") from error
    return loaded.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def is_signed(public: bytes, signature: bytes, data: bytes) -> bool:
    """Whether ``signature`` over ``data`` is by ``public``."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def create(folder: Path) -> Signer:
    """A new key that signs from now on; earlier ones stay for verifying."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    private = Ed25519PrivateKey.generate()
    signer = Signer(private)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    keyfiles.write(folder / f"{signer.key_id}.key", pem, keyfiles.PRIVATE)
    keyfiles.write(folder / f"{signer.key_id}.pem", signer.public_pem(), keyfiles.PUBLIC)
    keyfiles.write(folder / "current", signer.key_id.encode() + b"\n", keyfiles.PUBLIC)
    return signer


def load(folder: Path) -> Signer:
    """The key that signs now. Raises KeyProblem when there is none or its file is broken or not ours."""
    try:
        name = (folder / "current").read_text("ascii").strip()
        path = folder / f"{name}.key"
        private = keyfiles.read_private(path)
    except (OSError, UnicodeError) as error:
        raise KeyProblem(f"no signing key: {error}") from error
    except (KeyProblem, UnsupportedAlgorithm):
        raise
    except (ValueError, TypeError) as error:
        raise KeyProblem(f"signing key cannot be read: {error}") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise KeyProblem("signing key is not Ed25519")
    signer = Signer(private)
    if signer.key_id != name:
        raise KeyProblem(f"key file {name} holds key {signer.key_id}")
    return signer


def load_or_create(folder: Path) -> Signer:
    """The current key, made at first use. Raises KeyProblem when there is one that cannot be used."""
    return load(folder) if (folder / "current").exists() else create(folder)


class Current:
    """The key that signs now, in processes that live on while somebody makes a new one. Safe to use from threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._signer = load_or_create(folder)
        self._seen = self._mark()

    def signer(self) -> Signer:
        """The present key. Raises KeyProblem when a new one was made and cannot be used."""
        mark = self._mark()
        if mark != self._seen:
            self._signer, self._seen = load(self.folder), mark
        return self._signer

    def _mark(self) -> tuple[int, int]:
        stat = (self.folder / "current").stat()
        return stat.st_mtime_ns, stat.st_ino


def public_keys(folder: Path) -> dict[str, bytes]:
    """Key id -> PEM of every key this hub ever signed with."""
    return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.pem"))}


def raw_keys(folder: Path) -> list[bytes]:
    """The raw public keys of all these: packages signed before a change of key are as good as those after it."""
    found = []
    for pem in public_keys(folder).values():
        key = load_pem_public_key(pem)
        if isinstance(key, Ed25519PublicKey):
            found.append(key.public_bytes(Encoding.Raw, PublicFormat.Raw))
    return found

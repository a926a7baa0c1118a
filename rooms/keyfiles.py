"""Files with the hub's private keys: made so that nobody else can ever read them, and refused when somebody could."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from rooms.errors import RoomsError

PRIVATE, PUBLIC = 0o600, 0o644
"""Modes of the files."""


class KeyProblem(RoomsError):
    """A key folder or file that cannot be used; the message says which and why."""

    def __init__(self, message: str) -> None:
        super().__init__("key.unusable", message)


def key_id(public: bytes) -> str:
    """Id of a public key: the first 32 hex digits of SHA-256 over its raw bytes (docs/formats.md)."""
    return hashlib.sha256(public).hexdigest()[:32]


def read_private(path: Path) -> PrivateKeyTypes:
    """The key in a PEM file. Raises KeyProblem when others may read it; OSError, ValueError, TypeError as they come."""
    if path.stat().st_mode & 0o077:
        raise KeyProblem(f"private key {path.name} is readable by others: chmod 600 it")
    return load_pem_private_key(path.read_bytes(), password=None)


def write(path: Path, data: bytes, mode: int) -> None:
    """Put a file there as a whole, with its mode from the first moment on."""
    # Never readable by others for even a moment, never half there: made with its mode under another name, then renamed.
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        os.write(handle, data)
        os.fsync(handle)
    finally:
        os.close(handle)
    temporary.rename(path)

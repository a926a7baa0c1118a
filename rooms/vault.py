"""The vault: identities of denouncers, encrypted; opening takes a right, a reason, and leaves a trace (design 1, 7).

AES-256-GCM under a key in a file of its own (not in the database, so a copy of the database shows nothing). The
entry's id is the associated data: a sealed text moved to another row does not open.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.orm import Session

from rooms import access, audit
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Invalid, NotFound, StorageFailed
from rooms.ids import new_id
from rooms.models import VaultEntry, VaultOpening

_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # no I, O, 0, 1: pseudonyms are read aloud and copied by hand


class Vault:
    """The key, held outside the database. Build once with Vault.at and pass it to those who need it."""

    __slots__ = ("_cipher", "key_id")

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self.key_id = hashlib.sha256(b"diemcau vault key id\n" + key).hexdigest()[:16]

    @classmethod
    def at(cls, key_file: Path) -> Vault:
        """The vault of a data folder; makes the key file (mode 0600) at first use.

        Raises StorageFailed (vault.key_unusable) for a key file of another length or that cannot be read or made.
        """
        try:
            if not key_file.exists():
                _make_key(key_file)
            key = bytes.fromhex(key_file.read_text("ascii").strip())
        except (OSError, ValueError) as error:
            raise StorageFailed("vault.key_unusable", "The vault's key file cannot be used.") from error
        if len(key) != 32:
            raise StorageFailed("vault.key_unusable", "The vault's key file cannot be used.")
        return cls(key)

    def encrypt(self, entry_id: str, identity: Mapping[str, Any]) -> tuple[bytes, bytes]:
        """Nonce and sealed bytes of an identity."""
        nonce = secrets.token_bytes(12)
        plain = json.dumps(dict(identity), ensure_ascii=False).encode()
        return nonce, self._cipher.encrypt(nonce, plain, entry_id.encode())

    def decrypt(self, entry: VaultEntry) -> dict[str, Any]:
        """The identity. Raises StorageFailed (vault.key_missing, vault.damaged)."""
        if entry.key_id != self.key_id:
            raise StorageFailed("vault.key_missing", "This entry was sealed with another key.")
        try:
            identity: dict[str, Any] = json.loads(self._cipher.decrypt(entry.nonce, entry.sealed, entry.id.encode()))
        except InvalidTag as error:
            raise StorageFailed("vault.damaged", "This entry was changed after it was sealed.") from error
        return identity

    def __repr__(self) -> str:
        return f"Vault({self.key_id})"


def _make_key(key_file: Path) -> None:
    key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = key_file.with_name(f".{key_file.name}.{new_id()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, secrets.token_bytes(32).hex().encode() + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)
    try:
        os.link(temporary, key_file)  # never over a key that another process has just made
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def _pseudonym(db: Session) -> str:
    while True:
        name = "NTC-" + "".join(secrets.choice(_LETTERS) for _ in range(6))  # NTC: người tố cáo
        if db.scalar(sa.select(VaultEntry.id).where(VaultEntry.pseudonym == name)) is None:
            return name


def seal(
    db: Session, actor: Actor, vault: Vault, object_kind: str, object_id: str, identity: Mapping[str, Any],
    now: dt.datetime,
) -> VaultEntry:  # fmt: skip
    """Put an identity away and get the pseudonym that stands for it. The caller has checked the actor."""
    entry = VaultEntry(id=new_id(), pseudonym=_pseudonym(db), object_kind=object_kind, object_id=object_id)
    entry.key_id, entry.sealed_at, entry.sealed_by = vault.key_id, now, actor.user_id
    entry.nonce, entry.sealed = vault.encrypt(entry.id, identity)
    db.add(entry)
    db.flush()
    audit.log(db, actor, "vault.sealed", object_kind, object_id, now, detail={"entry": entry.id})
    return entry


def open_entry(db: Session, actor: Actor, vault: Vault, entry_id: str, reason: str, now: dt.datetime) -> dict[str, Any]:
    """Show an identity. Needs a write transaction: the opening is logged in the same one.

    Raises NotFound, Forbidden, Invalid vault.reason_missing, StorageFailed (vault.key_missing, vault.damaged).
    """
    entry = db.get(VaultEntry, entry_id)
    if entry is None:
        raise NotFound()
    access.load_owner(db, actor, entry.object_kind, entry.object_id, Right.OPEN_VAULT, now)
    if len(reason.strip()) < 5:
        raise Invalid("vault.reason_missing", "Please give the reason for opening the identity.", field="reason")
    identity = vault.decrypt(entry)
    db.add(VaultOpening(entry_id=entry.id, user_id=actor.user_id, reason=reason.strip(), at=now))
    audit.log(db, actor, "vault.opened", entry.object_kind, entry.object_id, now, reason=reason.strip(),
              detail={"entry": entry.id})  # fmt: skip
    db.flush()
    return identity


def openings_of(db: Session, entry_id: str) -> list[VaultOpening]:
    """Who opened an entry, newest first; the caller has loaded what it belongs to."""
    return list(
        db.scalars(sa.select(VaultOpening).where(VaultOpening.entry_id == entry_id).order_by(VaultOpening.at.desc()))
    )

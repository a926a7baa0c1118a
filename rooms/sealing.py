"""Encryption at rest: a store around a store, so that what lies there shows nothing (docs/formats.md, Sealed objects).

AES-256-GCM in frames of 1 MiB; each frame's associated data binds it to its file, its key in the store, its place and
to being the last one, so that cut, reordered or exchanged objects do not open. Every group of objects (a package, a
paper) has a key of its own, wrapped by a key that is given from outside and lies in no store. Ranges decrypt only the
frames they touch. Source: NIST SP 800-38D; issue 4, point 5.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import secrets
from collections.abc import Callable, Iterator, Sequence

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from rooms.db import Database
from rooms.errors import Conflict, NotFound
from rooms.files import Stream
from rooms.models import StoreKey
from rooms.stores import Held, Store, StoreFailed, check_key

MAGIC = b"DCS\x01\r\n\x1a\n"
FRAME = 1 << 20
TAG = 16
SALT = 8
"""Bytes of a file's own part of the nonce; the other four count its frames."""
HEAD = len(MAGIC) + SALT
_HEX_KEY = re.compile(r"[0-9a-f]{64}")


class Keys:
    """The outer keys, newest first: the first wraps, all unwrap. ``repr`` shows ids only."""

    __slots__ = ("_keys", "current")

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = {outer_key_id(key): AESGCM(key) for key in keys}
        self.current = outer_key_id(keys[0])

    @classmethod
    def read(cls, text: str) -> Keys:
        """Keys of 64 hex digits each, separated by commas or white space. Raises ValueError."""
        words = re.split(r"[\s,]+", text.strip().lower())
        if not all(_HEX_KEY.fullmatch(word) for word in words):
            raise ValueError("must be keys of 64 hex digits, the newest first")
        return cls([bytes.fromhex(word) for word in words])

    def wrap(self, group: str, key: bytes) -> tuple[str, bytes, bytes]:
        """Id of the outer key, nonce and wrapped key."""
        nonce = secrets.token_bytes(12)
        return self.current, nonce, self._keys[self.current].encrypt(nonce, key, _bound(group))

    def unwrap(self, group: str, wrapped_by: str, nonce: bytes, wrapped: bytes) -> bytes:
        """The key of a group. Raises StoreFailed store.key_missing, store.key_damaged."""
        if wrapped_by not in self._keys:
            raise StoreFailed("store.key_missing", "The key that opens this file was not given to the hub.")
        try:
            return self._keys[wrapped_by].decrypt(nonce, wrapped, _bound(group))
        except InvalidTag as error:
            raise StoreFailed("store.key_damaged", "The key of this file was changed.") from error

    def __repr__(self) -> str:
        return f"Keys({', '.join(self._keys)})"


def outer_key_id(key: bytes) -> str:
    """16 hex digits that name an outer key and tell nothing about it."""
    return hashlib.sha256(b"diemcau store key id\n" + key).hexdigest()[:16]


def _bound(group: str) -> bytes:
    return b"diemcau store key\n" + group.encode()


def group_of(key: str) -> str:
    """Which objects share a key: those of one package (or of one session's copies), every other one alone."""
    parts = key.split("/")
    depth = {"packages": 3, "copies": 3}.get(parts[0], len(parts))
    return "/".join(parts[:depth])


class GroupKeys:
    """The wrapped keys in the database: one per group however many processes ask, and gone when the group is."""

    def __init__(self, database: Database, keys: Keys, now: Callable[[], dt.datetime]) -> None:
        self.database, self.keys, self.now = database, keys, now

    def find(self, group: str) -> bytes:
        """The group's key. Raises StoreFailed store.key_missing when there is none or it cannot be unwrapped."""
        with self.database.read() as db:
            row = db.get(StoreKey, group)
            if row is None:
                raise StoreFailed("store.key_missing", "There is no key for this file any more.")
            return self.keys.unwrap(group, row.wrapped_by, row.nonce, row.wrapped)

    def make(self, group: str) -> bytes:
        """The group's key, made at its first file; two processes get the same one. Raises as ``find``."""
        with self.database.read() as db:
            there = db.get(StoreKey, group) is not None
        if not there:
            wrapped_by, nonce, wrapped = self.keys.wrap(group, secrets.token_bytes(32))
            try:
                with self.database.write() as db:
                    if db.get(StoreKey, group) is None:
                        db.add(StoreKey(group=group, wrapped_by=wrapped_by, nonce=nonce, wrapped=wrapped,
                                        made_at=self.now()))  # fmt: skip
            except Conflict:  # somebody else was faster: their key it is
                pass
        return self.find(group)

    def forget(self, group: str) -> None:
        """Nobody will read this group again, wherever copies of it lie."""
        with self.database.write() as db:
            db.execute(sa.delete(StoreKey).where(StoreKey.group == group))

    def wrap_anew(self, limit: int = 500) -> int:
        """Wrap keys that an older outer key wraps with the newest one; how many (up to ``limit``). Files stay."""
        with self.database.write() as db:
            old = sa.select(StoreKey).where(StoreKey.wrapped_by != self.keys.current).limit(limit)
            rows = list(db.scalars(old))
            for row in rows:
                key = self.keys.unwrap(row.group, row.wrapped_by, row.nonce, row.wrapped)
                row.wrapped_by, row.nonce, row.wrapped = self.keys.wrap(row.group, key)
            return len(rows)


class Sealed:
    """``inner`` with everything in it encrypted. Keys of objects stay as they are: they name nobody (design 1)."""

    def __init__(self, inner: Store, group_keys: GroupKeys) -> None:
        self.inner, self.group_keys = inner, group_keys

    def put(self, key: str, source: Stream, length: int) -> None:
        """See rooms.stores.Store."""
        cipher = AESGCM(self.group_keys.make(group_of(check_key(key))))
        self.inner.put(key, _Sealing(cipher, key, source, length), sealed_length(length))

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See rooms.stores.Store. Raises StoreFailed store.corrupted at the first frame that does not open."""
        size = self.length(key)
        if size is None:
            raise NotFound()
        cipher = AESGCM(self.group_keys.find(group_of(key)))
        end = size if length is None else min(size, start + length)
        if start >= end and (size or start):
            return iter(())
        head = b"".join(self.inner.read(key, 0, HEAD))
        if len(head) != HEAD or not head.startswith(MAGIC):
            raise _corrupted()
        return self._opened(cipher, key, head[len(MAGIC) :], start, end, size)

    def _opened(self, cipher: AESGCM, key: str, salt: bytes, start: int, end: int, size: int) -> Iterator[bytes]:
        first, last = start // FRAME, max(0, end - 1) // FRAME
        final = max(0, size - 1) // FRAME
        at = HEAD + first * (FRAME + TAG)
        sealed = self.inner.read(key, at, (last - first + 1) * (FRAME + TAG))
        number = first
        for frame in _framed(sealed, FRAME + TAG):
            nonce, bound = salt + number.to_bytes(4, "big"), _frame_bound(key, number, number == final)
            try:
                plain = cipher.decrypt(nonce, frame, bound)
            except InvalidTag as error:
                raise _corrupted() from error
            yield plain[max(0, start - number * FRAME) : end - number * FRAME]
            number += 1
        if number != last + 1:
            raise _corrupted()

    def length(self, key: str) -> int | None:
        """See rooms.stores.Store."""
        size = self.inner.length(key)
        return None if size is None else plain_length(size)

    def remove(self, key: str) -> None:
        """See rooms.stores.Store. A file that has a key of its own takes it along."""
        self.inner.remove(key)
        if group_of(key) == key:
            self.group_keys.forget(key)

    def list(self, prefix: str) -> Iterator[Held]:
        """See rooms.stores.Store."""
        for held in self.inner.list(prefix):
            yield Held(held.key, plain_length(held.length))


def sealed_length(length: int) -> int:
    """Bytes of an object that holds ``length`` bytes."""
    return HEAD + length + TAG * max(1, -(-length // FRAME))


def plain_length(sealed: int) -> int:
    """Bytes in an object of ``sealed`` bytes; 0 for one that is too short to be one."""
    rest = max(0, sealed - HEAD)
    return max(0, rest - TAG * max(1, -(-rest // (FRAME + TAG))))


def _frame_bound(key: str, number: int, final: bool) -> bytes:
    return MAGIC + number.to_bytes(4, "big") + bytes([final]) + key.encode()


def _framed(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        while len(waiting) >= size:
            yield bytes(waiting[:size])
            del waiting[:size]
    if waiting:
        yield bytes(waiting)


def _corrupted() -> StoreFailed:
    return StoreFailed("store.corrupted", "The file store does not give back what was put there.")


class _Sealing:
    """A stream of the sealed bytes of a stream."""

    def __init__(self, cipher: AESGCM, key: str, source: Stream, length: int) -> None:
        self._cipher, self._key, self._source, self._left = cipher, key, source, length
        self._salt = secrets.token_bytes(SALT)
        self._ready = bytearray(MAGIC + self._salt)
        self._number = 0
        self._done = False

    def read(self, size: int = -1, /) -> bytes:
        """See Stream. Raises StoreFailed when the source is not as long as stated."""
        while not self._done and (size < 0 or len(self._ready) < size):
            self._frame()
        piece = bytes(self._ready if size < 0 else self._ready[:size])
        del self._ready[: len(piece)]
        return piece

    def _frame(self) -> None:
        plain = bytearray()
        while len(plain) < min(FRAME, self._left):
            piece = self._source.read(min(FRAME, self._left) - len(plain))
            if not piece:
                break
            plain += piece
        self._left -= len(plain)
        self._done = self._left == 0 or not plain
        if (self._done and self._left) or (self._done and self._source.read(1)):
            raise StoreFailed("storage.failed", "A file changed while it was stored.")
        nonce, bound = self._salt + self._number.to_bytes(4, "big"), _frame_bound(self._key, self._number, self._done)
        self._ready += self._cipher.encrypt(nonce, bytes(plain), bound)
        self._number += 1

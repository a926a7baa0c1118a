"""Bytes of a take: what a point's browser recorded while it had no hub (docs/formats.md, Take). Pure.

Everything here comes from outside: lengths are bounded before anything is read, and whatever does not fit raises
Invalid with a stable code. What is opened here is not yet believed: whether it may be kept says the session's log.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from rooms.errors import Invalid
from rooms.ids import is_id
from rooms.manifest import canonical, utc_text

MAGIC = b"DCT\x01\r\n\x1a\n"
HEAD = struct.Struct(">8sII32s")
TAG = 16
MAX_HEADER = 2048
MAX_DESCRIPTION = 2048
MAX_MEDIA = 4 * 1024 * 1024
"""5 s at 6 Mbit/s and some; browsers are asked for a quarter of it."""
MAX_PIECE = HEAD.size + 4 + MAX_DESCRIPTION + MAX_MEDIA + TAG
MAX_PIECES = 4096
LONGEST_US = 30_000_000
"""A piece covers at most 5 s; where a PC is so busy that its timers stand still it may become longer."""
MATROSKA = bytes.fromhex("1a45dfa3")
SOURCES = ("camera", "mic")
REASONS = ("returned", "stopped", "denunciation", "limit", "storage", "off_record", "left", "clock", "failed")


@dataclass(frozen=True, slots=True)
class TakeHeader:
    """What stands unencrypted before a take. ``raw``: its bytes, which the pieces are bound to; ``ephemeral``: the
    browser's public point of this one take (P-256, uncompressed)."""

    raw: bytes
    take: str
    session: str
    participant: str
    key: str
    grant: str
    ephemeral: bytes

    @property
    def digest(self) -> bytes:
        """SHA-256 of the header: what piece 0 names as the one before."""
        return hashlib.sha256(self.raw).digest()


@dataclass(frozen=True, slots=True)
class Piece:
    """An opened piece. ``previous``, ``sealed_sha256``: hex, over the sealed bytes as they lay on the point's disk.
    Times: microseconds of UTC as the device reckoned the hub's clock; ``error_us`` bounds that reckoning when it was
    made, ``age_us`` tells how long before. ``reason`` is set in the last piece only, which has no media."""

    number: int
    previous: str
    sealed_sha256: str
    start_us: int
    end_us: int
    error_us: int
    age_us: int
    device_us: int
    mime: str
    sources: tuple[str, ...]
    reason: str
    media: bytes

    @property
    def is_end(self) -> bool:
        """The take was ended, for ``reason``."""
        return bool(self.reason)


def _bad(what: str) -> Invalid:
    return Invalid("take.malformed", f"This is not part of a recording made at a point: {what}.")


def parse_header(raw: bytes) -> TakeHeader:
    """The header of a take. Raises Invalid take.malformed."""
    if len(raw) > MAX_HEADER:
        raise _bad("the header is too long")
    value = _object(raw, "the header")
    if set(value) != {"ephemeral", "format", "grant", "key", "participant", "session", "take", "version"}:
        raise _bad("the header has other fields")
    if value["format"] != "diemcau-take" or value["version"] != 1:
        raise _bad("unknown version")
    if not all(is_id(value[name]) for name in ("participant", "session", "take")):
        raise _bad("the header names no session")
    grant = value["grant"]
    if not isinstance(grant, str) or not 8 <= len(grant) <= 64 or not grant.isascii() or not grant.isprintable():
        raise _bad("the header carries no grant")
    return TakeHeader(
        raw, value["take"], value["session"], value["participant"], _hex(value["key"], 16).hex(), grant,
        _hex(value["ephemeral"], 65),
    )  # fmt: skip


def open_piece(key: bytes, sealed: bytes) -> Piece:
    """Check and decrypt one piece. ``key``: 32 bytes (``rooms.takekeys``). Raises Invalid take.malformed, or
    take.sealed_otherwise when it is not sealed with this key or was changed."""
    number, previous, ciphertext = split(sealed)
    try:
        plain = AESGCM(key).decrypt(nonce(number), ciphertext, sealed[: HEAD.size])
    except InvalidTag as error:
        raise Invalid(
            "take.sealed_otherwise", "This part of the recording was changed or is not of this hub."
        ) from error
    if len(plain) < 4:
        raise _bad("no description")
    length = int.from_bytes(plain[:4], "big")
    if length > MAX_DESCRIPTION or 4 + length > len(plain):
        raise _bad("the description is too long")
    value = _object(plain[4 : 4 + length], "the description")
    return _piece(number, previous.hex(), hashlib.sha256(sealed).hexdigest(), value, plain[4 + length :])


def split(sealed: bytes) -> tuple[int, bytes, bytes]:
    """Number, hash of the piece before, and what is encrypted. Raises Invalid take.malformed."""
    if not HEAD.size + TAG <= len(sealed) <= MAX_PIECE:
        raise _bad("a piece of impossible length")
    magic, number, length, previous = HEAD.unpack_from(sealed)
    if magic != MAGIC or length != len(sealed) - HEAD.size or number >= MAX_PIECES:
        raise _bad("a piece without its head")
    return number, previous, sealed[HEAD.size :]


def nonce(number: int) -> bytes:
    """The nonce of a piece: its number, so that none comes twice under one key."""
    return number.to_bytes(12, "big")


def _piece(number: int, previous: str, sealed_sha256: str, value: Mapping[str, Any], media: bytes) -> Piece:
    kind = value.get("kind")
    times = [value.get(name) for name in ("start_us", "end_us", "error_us", "age_us", "device_us")]
    if not all(isinstance(one, int) and not isinstance(one, bool) and 0 <= one < 2**53 for one in times):
        raise _bad("no times")
    start, end, error, age, device = (int(one or 0) for one in times)
    if not 0 <= end - start <= LONGEST_US:
        raise _bad("a piece of impossible duration")
    sources, mime, reason = value.get("sources", []), value.get("mime", ""), value.get("reason", "")
    if kind == "end":
        if media or reason not in REASONS or sources or mime:
            raise _bad("an end that is none")
    elif kind == "media":
        if reason or not isinstance(sources, list) or sources not in (["camera"], ["mic"], ["camera", "mic"]):
            raise _bad("unknown sources")
        if mime != ("video/webm" if "camera" in sources else "audio/webm"):
            raise _bad("unknown coding")
        if not media.startswith(MATROSKA) or len(media) > MAX_MEDIA:
            raise _bad("no media")
    else:
        raise _bad("unknown kind")
    return Piece(number, previous, sealed_sha256, start, end, error, age, device, mime, tuple(sources), reason, media)


def file_name(take: str, number: int) -> str:
    """Name of a piece's media in a package or supplement."""
    return f"{take}.{number:04d}.webm"


def list_name(take: str) -> str:
    """Name of the list beside them."""
    return f"{take}.json"


def list_bytes(header: TakeHeader, pieces: Sequence[Mapping[str, Any]], *, ended: str, filed: Any) -> bytes:
    """The list of a take (canonical JSON). ``pieces``: what docs/formats.md names, in order of their numbers."""
    numbers = {int(one["number"]) for one in pieces}
    missing = sorted(set(range(max(numbers, default=-1) + 1)) - numbers)
    return canonical(
        {
            "format": "diemcau-take-list",
            "version": 1,
            "origin": "point",
            "take": header.take,
            "session": header.session,
            "participant": header.participant,
            "header": header.raw.decode(),
            "pieces": [dict(one) for one in pieces],
            "missing": missing,
            "ended": ended,
            "complete": bool(ended) and not missing,
            "filed_utc": utc_text(filed),
        }
    )


# --- inner -----------------------------------------------------------------------------------------------------------


def _object(raw: bytes, what: str) -> dict[str, Any]:
    """A canonical JSON object: one text for one meaning, so that its hash means something."""
    try:
        value = json.loads(raw.decode("utf-8"))
        if isinstance(value, dict) and canonical(value) == raw:
            return value
    except (ValueError, RecursionError):
        pass
    raise _bad(f"{what} is not canonical JSON")


def _hex(text: object, length: int) -> bytes:
    if isinstance(text, str) and len(text) == 2 * length and text == text.lower():
        try:
            return bytes.fromhex(text)
        except ValueError:
            pass
    raise _bad("a field that is not hexadecimal")

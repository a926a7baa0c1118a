"""Bytes of a disposal's certificate (docs/formats.md, Disposal certificate): read, checked, believed only when signed.

A certificate that comes back from outside names files that will be removed: what does not fit the format exactly, leads
out of its area, or is not signed by a key of this hub, is refused before anything is looked at. Pure.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from rooms import signing
from rooms.errors import Invalid
from rooms.ids import is_id
from rooms.manifest import canonical

FORMAT = "diemcau-disposal"
VERSION = 1
MAX_CERTIFICATE = 64 << 20
IN_STORE = {"package": "packages", "replay": "replay", "take": "takes", "paper": "papers", "delivery": "deliveries"}
"""What lies in the file store -> the area in which it lies."""
_PART = re.compile(r"(?!\.\.?$)[A-Za-z0-9._-]+")
OUTSIDE = ("spool", "cache", "shipped")
"""Copies outside of it: of these a certificate has a name only."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate states. ``sessions``: the records that are gone; ``lines``: the files in the store."""

    raw: bytes
    disposal: str
    key_id: str
    public: bytes
    object_kind: str
    object_id: str
    basis: str
    reason: str
    proposed: tuple[str, dt.datetime]
    approved: tuple[str, dt.datetime]
    destroyed: dt.datetime
    sessions: tuple[str, ...]
    lines: tuple[dict[str, Any], ...]

    @property
    def packages(self) -> tuple[str, ...]:
        """The folders of the packages in the store."""
        return tuple(f"packages/{one[:2]}/{one}" for one in self.sessions)

    @property
    def singles(self) -> tuple[dict[str, Any], ...]:
        """The files that stand alone."""
        return tuple(one for one in self.lines if one["what"] != "package")


def parse(raw: bytes) -> Certificate:
    """Raises Invalid certificate.malformed."""
    try:
        if len(raw) > MAX_CERTIFICATE:
            raise ValueError("too long")
        said = json.loads(raw.decode())
        if canonical(said) != raw or said["format"] != FORMAT or said["version"] != VERSION:
            raise ValueError("another format")
        kind, object_id = said["object"]["kind"], said["object"]["id"]
        sessions = {*said["manifests"], *(one["session"] for one in said["files"] if one["session"])}
        if kind not in ("session", "case") or not all(is_id(one) for one in (said["disposal"], object_id, *sessions)):
            raise ValueError("names nothing")
        lines = [line for one in said["files"] if (line := _line(one)) is not None]
        return Certificate(
            raw, said["disposal"], str(said["key"]["id"]), bytes.fromhex(said["key"]["public"]), kind, object_id,
            str(said["basis"]), str(said["reason"]), _who(said["proposed"]), _who(said["approved"]),
            _moment(said["destroyed_utc"]), tuple(sorted(sessions)), tuple(lines),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Invalid("certificate.malformed", "This is not a certificate of disposal.") from error


def check(certificate: Certificate, signature: bytes, trusted: Collection[bytes]) -> None:
    """That the hub signed it. ``trusted``: raw public keys. Raises Invalid certificate.bad_signature,
    certificate.foreign_signer."""
    if not signing.is_signed(certificate.public, signature, certificate.raw):
        raise Invalid("certificate.bad_signature", "The signature does not fit this certificate.")
    if certificate.public not in trusted:
        raise Invalid("certificate.foreign_signer", "This certificate was not signed by a key of this hub.")


def _line(one: dict[str, Any]) -> dict[str, Any] | None:
    """A file of the store that may be removed; None for a copy outside of it."""
    what, path, session = one["what"], one["path"], one["session"]
    if what in OUTSIDE:
        return None
    parts = path.split("/")
    if parts[0] != IN_STORE[what] or len(parts) < 3 or not all(_PART.fullmatch(part) for part in parts):
        raise ValueError("leads elsewhere")
    if what == "package" and (len(parts) < 4 or parts[1:3] != [session[:2], session]):
        raise ValueError("leads into another package")
    return {"what": what, "session": session, "path": path, "length": int(one["length"]), "sha256": str(one["sha256"])}


def _who(said: dict[str, Any]) -> tuple[str, dt.datetime]:
    return str(said["by"]), _moment(said["utc"])


def _moment(text: str) -> dt.datetime:
    return dt.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=dt.UTC)

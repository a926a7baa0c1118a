"""Opaque ids: what names an object in addresses, packages, logs and metrics (design 1). They carry no meaning."""

from __future__ import annotations

import re
import secrets

ID_LENGTH = 24
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_ID = re.compile(r"[a-z2-7]{24}")


def new_id() -> str:
    """A fresh id: 24 characters of [a-z2-7], 120 bits from the system's random source."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(ID_LENGTH))


def is_id(text: object) -> bool:
    """Whether ``text`` has the form of an id (it may still name nothing)."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def new_secret() -> str:
    """A bearer secret (ticket, enrol token, login session): 43 characters, 256 bits. Only its hash is stored."""
    return secrets.token_urlsafe(32)

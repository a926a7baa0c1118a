"""Trickle ICE fragments (RFC 8840) as WHIP and WHEP clients send them by PATCH (RFC 9725 4.3.1). Pure.

The relay is ICE-lite: it answers checks from wherever they come and has no use for a client's candidates. All that
counts in a fragment is which ICE session it belongs to.
"""

from __future__ import annotations

import re

from media.errors import SdpError
from media.sdp import MAX_SDP

MAX_FRAGMENT = 16 * 1024
"""A browser with ten addresses sends 2 kB."""

_ICE = re.compile(r"[A-Za-z0-9+/]{4,256}")
_FIELDS = ("a=ice-ufrag:", "a=ice-pwd:")


def credentials(text: str, limit: int = MAX_FRAGMENT) -> tuple[str, str]:
    """User name fragment and password of an offer or a fragment: the first of each.

    Raises SdpError: sdp.too_long beyond ``limit`` characters, sdp.malformed when one is missing or unusable.
    """
    if len(text) > min(limit, MAX_SDP):
        raise SdpError("sdp.too_long", f"a fragment may have {limit} characters")
    lines = text.split("\n")
    found = [next((line[len(name) :].strip() for line in lines if line.startswith(name)), "") for name in _FIELDS]
    if not all(_ICE.fullmatch(value) for value in found):
        raise SdpError("sdp.malformed", "a=ice-ufrag and a=ice-pwd are needed")
    return found[0], found[1]


__all__ = ["MAX_FRAGMENT", "credentials"]

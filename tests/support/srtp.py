"""SRTP sessions with made-up keys, in place on buffers."""

from __future__ import annotations

from typing import Any

import pylibsrtp

from media.transport import SrtpSession

GCM = pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM
CM = pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80
_KEY_BYTES = {GCM: 44, CM: 30}


def session_pair(profile: int, first: int = 0) -> tuple[SrtpSession, SrtpSession]:
    """One that protects, and one that takes what it made. ``first``: of the key's bytes, another for other keys."""
    key = bytes(range(first, first + _KEY_BYTES[profile]))
    out = pylibsrtp.Policy(key=key, ssrc_type=pylibsrtp.Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile)
    inbound = pylibsrtp.Policy(key=key, ssrc_type=pylibsrtp.Policy.SSRC_ANY_INBOUND, srtp_profile=profile)
    return SrtpSession(pylibsrtp.Session(out)), SrtpSession(pylibsrtp.Session(inbound))


def protect(session: SrtpSession, pointer: Any, length: int, rtcp: bool = False) -> int:
    """Bytes after protecting in place; -1: refused."""
    session.length[0] = length
    function = session.protect_rtcp if rtcp else session.protect
    return session.length[0] if function(session.state, pointer, session.length) == 0 else -1


def unprotect(session: SrtpSession, pointer: Any, length: int, rtcp: bool = False) -> int:
    """Bytes after decrypting in place; -1: refused."""
    session.length[0] = length
    function = session.unprotect_rtcp if rtcp else session.unprotect
    return session.length[0] if function(session.state, pointer, session.length) == 0 else -1

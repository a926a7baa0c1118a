"""Errors of the relay. Every error has a stable ``code`` and says whose fault it is.

    MediaError
     +-- PeerError         the other side sent something unusable: answer it, maybe close
     |    +-- StaleEpoch       an app sent desired state of an epoch that has passed
     |    +-- SdpError         an offer or answer that we cannot use
     |    +-- UnknownPeer      a peer, leg or offer that is not (or no longer) here
     |    +-- RelayFull        no room for another peer, or the relay drains
     +-- UsageError        our own bug

Packets never raise: the core counts and drops them.
"""

from __future__ import annotations


class MediaError(Exception):
    """Base of all errors of this package."""

    code = "media_error"


class PeerError(MediaError):
    """The other side's fault."""

    code = "peer_error"


class StaleEpoch(PeerError):
    """Desired state of a lower epoch than one already seen for the session."""

    code = "stale_epoch"

    def __init__(self, session: str, epoch: int, known: int) -> None:
        super().__init__(f"session {session}: epoch {epoch} is older than {known}")
        self.session = session
        self.epoch = epoch
        self.known = known


class SdpError(PeerError):
    """An offer or answer that is malformed, too long or asks for what we do not do.

    ``code``: sdp.malformed, sdp.too_long, sdp.no_bundle, sdp.no_common_codec (nothing in common: HTTP 406).
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class UnknownPeer(PeerError):
    """The peer, its leg or the numbered offer is not here."""

    code = "unknown_peer"


class RelayFull(PeerError):
    """No room for another peer, or the relay drains."""

    code = "relay_full"


class UsageError(MediaError):
    """A caller inside this program broke a rule of the interface."""

    code = "usage_error"


__all__ = [
    "MediaError",
    "PeerError",
    "RelayFull",
    "SdpError",
    "StaleEpoch",
    "UnknownPeer",
    "UsageError",
]

"""What the apps want of each session, and which session a peer belongs to. Pure bookkeeping over ``Desired``."""

from __future__ import annotations

from media.errors import StaleEpoch
from media.messages import Desired, Member, Source

MAX_CLOSED = 10_000  # closed sessions whose epoch is remembered


class Sessions:
    """Desired states by session, and the claims of sessions on peers.

    A peer belongs to the session that named it last. When that one lets it go, nobody has it until a session names it
    anew: a peer never falls back by itself into a session that it had left.
    """

    def __init__(self) -> None:
        self.running: dict[str, Desired] = {}
        self._closed: dict[str, tuple[int, int]] = {}  # session -> (epoch, version), oldest first
        self._claims: dict[str, str] = {}  # peer -> session
        self._members: dict[str, dict[str, Member]] = {}  # session -> peer -> member

    def apply(self, desired: Desired) -> bool:
        """Take a desired state; False when it was seen already. Raises StaleEpoch."""
        known = self.running.get(desired.session)
        seen = (known.epoch, known.version) if known is not None else self._closed.get(desired.session, (-1, -1))
        if desired.epoch < seen[0]:
            raise StaleEpoch(desired.session, desired.epoch, seen[0])
        if (desired.epoch, desired.version) <= seen:
            return False
        before = self._members.get(desired.session, {})
        if desired.state == "closed":
            self.running.pop(desired.session, None)
            self._closed.pop(desired.session, None)
            self._closed[desired.session] = (desired.epoch, desired.version)
            if len(self._closed) > MAX_CLOSED:
                del self._closed[next(iter(self._closed))]
            members: dict[str, Member] = {}
        else:
            self._closed.pop(desired.session, None)
            self.running[desired.session] = desired
            members = {}
            for member in desired.members:
                if member.peer is not None:
                    members.setdefault(member.peer, member)
        self._members[desired.session] = members
        for peer in members:
            if peer not in before:
                self._claims[peer] = desired.session
        for peer in before:
            if peer not in members and self._claims.get(peer) == desired.session:
                del self._claims[peer]
        if not members:
            self._members.pop(desired.session, None)
        return True

    def of_peer(self, peer: str) -> tuple[Desired, Member] | None:
        """The session that a peer belongs to and its place there."""
        session = self._claims.get(peer)
        if session is None:
            return None
        return self.running[session], self._members[session][peer]

    def audience(self, peer: str) -> list[Member]:
        """The members whose media this peer gets, in the order of the session's list."""
        place = self.of_peer(peer)
        if place is None:
            return []
        desired, me = place
        others = self._members[desired.session]
        return [
            member
            for member in desired.members
            if member.participant != me.participant
            and (me.receives is None or member.participant in me.receives)
            and member.peer is not None
            and others.get(member.peer) is member
            and self._claims.get(member.peer) == desired.session
        ]


def records(desired: Desired, member: Member, source: Source) -> bool:
    """Whether this source belongs on disk as the session stands (a pause or mute only interrupts it)."""
    if desired.record == "off" or not member.record or source not in member.publish:
        return False
    return desired.record == "full" or source == "mic"


__all__ = ["Sessions", "records"]

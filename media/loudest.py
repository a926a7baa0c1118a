"""Whose sound is passed on in a session with many points: the loudest few, and at each viewer the point it shows large.

A microphone *rests* while others are louder: its packets are recorded and looked at for their level, but go to nobody
who did not ask for it, at no cost per viewer. The first packet that can be heard wakes it, and the few before it are
sent along, so that no word begins in the middle. Whoever has a place keeps it for ``HANGOVER`` after his last word.
Microphones that tell no level (RFC 6464 not negotiated) always pass: nobody knows when they are silent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from media.forwarder import Publication
from media.speaker import AUDIBLE
from media.subscription import Subscription
from media.types import Batch

HANGOVER = 1.0  # s after the last word during which a place is kept against everybody who is not clearly louder
LEAD = 12.0  # dB by which a new voice must be louder to take the place of one that is being heard
Shows = Callable[[Subscription], bool]


class Loudest:
    """The microphones of all sessions. ``limit``: how many of a session's pass; 0: all. ``shows_large``: whether the
    viewer of a subscription shows that participant large."""

    def __init__(self, limit: int, shows_large: Shows) -> None:
        self._limit = limit
        self._shows_large = shows_large
        self._places: dict[str, list[Publication]] = {}  # session -> those that pass

    def update(self, microphones: Iterable[Publication]) -> None:
        """Take all open microphones, at every tick: give free places away, and rest who has none."""
        by_session: dict[str, list[Publication]] = {}
        for publication in microphones:
            if publication.voice.tells:
                by_session.setdefault(publication.session, []).append(publication)
            else:
                publication.wake()
        places: dict[str, list[Publication]] = {}
        for session, found in by_session.items():
            if not self._limit or len(found) <= self._limit:
                for publication in found:
                    publication.wake()
                continue
            kept = [publication for publication in self._places.get(session, ()) if publication in found]
            others = sorted(
                (publication for publication in found if publication not in kept),
                key=lambda publication: (publication.voice.heard_at, not publication.is_resting),
                reverse=True,
            )
            free = max(0, self._limit - len(kept))
            for publication in others[:free]:
                publication.wake()
            for publication in others[free:]:
                publication.rest(self._shows_large)
            places[session] = kept + others[:free]
        self._places = places

    def hear(self, publication: Publication, loudness: int, now: float, batch: Batch) -> None:
        """A resting microphone has a packet of this loudness: does it get a place at once?"""
        if loudness < AUDIBLE:
            return
        places = self._places.get(publication.session)
        if places is None:
            publication.wake(now, batch)
            return
        quietest = min(places, key=lambda one: (one.voice.heard_at >= now - HANGOVER, one.voice.loudness))
        if now - quietest.voice.heard_at < HANGOVER and loudness < quietest.voice.loudness + LEAD:
            return
        places[places.index(quietest)] = publication
        quietest.rest(self._shows_large)
        publication.wake(now, batch)

    def look(self, subscriptions: Iterable[Subscription]) -> None:
        """A viewer shows others large than before."""
        for subscription in subscriptions:
            publication = subscription.publication
            if isinstance(publication, Publication) and publication.is_resting:
                publication.rest(self._shows_large)


__all__ = ["HANGOVER", "Loudest"]

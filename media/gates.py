"""Which publication may pass, in whose name, and whether it lives: fences at every change, reports to the hub."""

from __future__ import annotations

from media.forwarder import Publication
from media.messages import Desired, Member, SourceLive, SourceSilent
from media.sessions import Sessions
from media.tracks import Tracks
from media.types import Listener, SessionId


class Gates:
    """Opens, closes and fences publications. ``utc_offset``: UTC seconds minus monotonic seconds."""

    def __init__(self, listener: Listener, sessions: Sessions, tracks: Tracks | None) -> None:
        self.utc_offset = 0.0
        self._listener = listener
        self._sessions = sessions
        self._tracks = tracks

    def place(self, publication: Publication, place: tuple[Desired, Member] | None, now: float) -> None:
        """Open, close or fence one publication, and give it the journal it belongs to."""
        if publication.born < 0:
            publication.born = now
        session, participant, epoch = "", "", 0
        allowed = running = muted = False
        if place is not None:
            desired, member = place
            session, participant, epoch = desired.session, member.participant, desired.epoch
            allowed = publication.source in member.publish
            running = desired.state == "running"
            muted = publication.source in member.muted
        if (session, participant) != (publication.session, publication.participant) or not allowed:
            self.silence(publication, now)
        tap = publication.tap
        if tap is not None and session == publication.session:
            if muted != publication.muted:
                tap.mark("mute" if muted else "unmute", now)
            if running != publication.running:
                tap.mark("resume" if running else "pause", now)
        moved = (session, participant) != (publication.session, publication.participant)
        opened = allowed and running and not muted
        changed = moved or opened != publication.open
        publication.session, publication.participant, publication.epoch = session, participant, epoch
        publication.allowed, publication.running, publication.muted = allowed, running, muted
        if changed:
            publication.open = opened
            publication.fence(now)
        track = None
        if allowed and self._tracks is not None:
            track = self._tracks.get(session, participant, publication.source)
            if track is not None and track.media is not publication.media:
                track.media = publication.media
        if track is not publication.tap:
            publication.record(track, now)
            if track is not None:
                track.expected_since = now
        if changed and opened and publication.tap is not None:
            publication.tap.expected_since = now
        if changed and opened and (publication.subscriptions or publication.tap is not None):
            publication.ask_behind_fence(now)

    def silence(self, publication: Publication, now: float) -> None:
        """Report a live source as silent."""
        if not publication.live:
            return
        publication.live = False
        publication.voice.clear()
        if publication.tap is not None:
            publication.tap.mark("silent", now)
        if publication.session in self._sessions.running:
            since = publication.last_at + self.utc_offset
            body = SourceSilent(participant=publication.participant, source=publication.source, since=since)
            self._listener.report(SessionId(publication.session), publication.epoch, body)

    def revive(self, publication: Publication, now: float) -> None:
        """Report that packets of a source arrive."""
        publication.live = True
        if publication.tap is not None:
            publication.tap.mark("live", now)
            publication.tap.expected_since = now
        body = SourceLive(participant=publication.participant, source=publication.source)
        self._listener.report(SessionId(publication.session), publication.epoch, body)


__all__ = ["Gates"]

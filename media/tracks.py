"""The recorder's side of the relay: which journals are open, for which participant and source of which session.

A track is opened by its first packet, so a source that never sends leaves no file. It outlives the publication: when
a device comes back, the same journal goes on, unless its codec or header extensions changed (then a new one begins).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from media.messages import Source
from media.types import Buffer, ParticipantId, PublishedMedia, Recorder, SessionId, TrackInfo, TrackWriter

TrackKey = tuple[str, str, Source]
"""(session, participant, source)"""

OnFailure = Callable[[TrackKey, int], None]
"""Told (track, epoch) when a journal cannot be opened."""


NOT_WRITTEN_S = 6.0
"""Media of a track arrives and nothing of it was written for so long: an alarm, due within 10 s."""


class Track:
    """One participant's source on its way to disk; a Tap for the publication that carries it now."""

    __slots__ = (
        "broken", "epoch", "expected_since", "key", "media", "on_failure", "part", "recorder", "told", "writer",
        "written_media", "wrote_at",
    )  # fmt: skip

    def __init__(self, recorder: Recorder, key: TrackKey, epoch: int, part: int, on_failure: OnFailure) -> None:
        self.on_failure = on_failure
        self.broken = False  # its journal could not be opened: said once, and forwarding goes on
        self.recorder = recorder
        self.key = key
        self.epoch = epoch
        self.part = part
        self.media: PublishedMedia | None = None  # of the publication that carries it
        self.written_media: PublishedMedia | None = None  # of the open journal
        self.writer: TrackWriter | None = None
        self.wrote_at = self.expected_since = -1e9
        self.told = False  # that nothing of it is written

    def write(self, packet: Buffer, now: float) -> None:
        """One packet as received; opens the journal when there is none that fits."""
        writer = self.writer
        if writer is None or self.media is not self.written_media:
            if self.broken:
                return
            try:
                writer = self._open(now)
            except (OSError, ValueError):
                self.broken = True
                self.on_failure(self.key, self.epoch)
                return
        writer.write_rtp(packet, now)
        self.wrote_at = now
        if self.told:
            self.told = False
            writer.confirm()

    def is_starved(self, now: float) -> bool:
        """Whether an open journal has had nothing for ``NOT_WRITTEN_S``; True once until something comes. The caller
        knows that media arrives."""
        if self.told or self.writer is None or now - max(self.wrote_at, self.expected_since) < NOT_WRITTEN_S:
            return False
        self.told = True
        return True

    def _open(self, now: float) -> TrackWriter:
        media, old = self.media, self.written_media
        assert media is not None  # the relay sets it before it hands out the tap
        self.written_media = media
        if self.writer is not None and old is not None:
            if (old.codec, old.extensions) == (media.codec, media.extensions):
                self.writer.write_mark("new_ssrc", now)
                return self.writer
            self.writer.close(now)
        session, participant, source = self.key
        info = TrackInfo(
            session=SessionId(session),
            epoch=self.epoch,
            participant=ParticipantId(participant),
            source=source,
            part=self.part,
            codec=media.codec,
            extensions=media.extensions,
        )
        self.writer = self.recorder.open_track(info, now)
        return self.writer

    def report(self, ntp: int, rtp_time: int, now: float) -> None:
        """A sender report of the publisher."""
        if self.writer is not None:
            self.writer.write_report(ntp, rtp_time, now)

    def mark(self, kind: str, now: float) -> None:
        """Something that explains what follows; nothing is opened for it."""
        if self.writer is not None:
            self.writer.write_mark(kind, now)

    def close(self, now: float) -> None:
        """The journal is finished."""
        if self.writer is not None:
            self.writer.close(now)
            self.writer = None
        self.written_media = None


class Tracks:
    """All tracks of a relay."""

    def __init__(self, recorder: Recorder, on_failure: OnFailure) -> None:
        self.recorder = recorder
        self._on_failure = on_failure
        self._tracks: dict[TrackKey, Track] = {}

    def want(self, session: str, epoch: int, part: int, sources: Iterable[tuple[str, Source]], now: float) -> None:
        """Exactly these (participant, source) of a session are to be written; the rest of its tracks is closed."""
        keys = {(session, participant, source) for participant, source in sources}
        for key in [key for key in self._tracks if key[0] == session]:
            if key not in keys or self._tracks[key].part != part:
                self._tracks.pop(key).close(now)
        for key in keys:
            track = self._tracks.setdefault(key, Track(self.recorder, key, epoch, part, self._on_failure))
            track.epoch = epoch

    def get(self, session: str, participant: str, source: Source) -> Track | None:
        """The track of a source; None when it is not to be written."""
        return self._tracks.get((session, participant, source))


__all__ = ["Track", "TrackKey", "Tracks"]

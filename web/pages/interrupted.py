"""What a starting hub found unfinished, for the board: what was kept, what was lost, what becomes of it."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from rooms import access, recordings
from rooms.actor import Actor
from rooms.gaps import CRASH_LOSS_S
from rooms.models import ReceptionSession, SessionEvent, Track
from rooms.words import SessionState, TrackState
from web import i18n
from web.i18n import N_
from web.pages import formats
from web.pages.contexts_board import AlertView

SHOWN_FOR = timedelta(hours=24)
MOST = 10


def interruptions(
    db: Session, actor: Actor, now: datetime, language: str, titles: dict[str, str] | None = None
) -> list[AlertView]:
    """One alert for each session of the last day that the actor may read, newest first."""
    query = (
        select(SessionEvent, ReceptionSession)
        .join(ReceptionSession, ReceptionSession.id == SessionEvent.session_id)
        .where(
            SessionEvent.kind == "session.interrupted",
            SessionEvent.utc >= (now - SHOWN_FOR).timestamp(),
            access.readable(db, actor, ReceptionSession, now),
        )
        .order_by(SessionEvent.utc.desc())
        .limit(MOST)
    )
    found = []
    for event, session in db.execute(query):
        tracks = recordings.tracks_of(db, session.id)
        lost = _lost(session, tracks, language)
        sentences = [_began(event, language), _kept(tracks, language), lost, _next(session, language)]
        title = (titles or {}).get(session.id) or session.title
        found.append(AlertView(f"{title}:", formats.joined([one for one in sentences if one])))
    return found


def _began(event: SessionEvent, language: str) -> str:
    text = i18n.translate(N_("hệ thống khởi động lại lúc %(time)s khi phiên đang diễn ra"), language)
    return text % {"time": _clock(event.utc)}


def _kept(tracks: list[Track], language: str) -> str:
    ends = [track.last_utc for track in tracks if track.last_utc is not None]
    if not ends:
        return i18n.translate(N_("chưa có gì được ghi"), language)
    text = i18n.translate(N_("đã giữ được %(count)s tệp ghi đến %(until)s"), language)
    return text % {"count": len(ends), "until": _clock(max(ends))}


def _lost(session: ReceptionSession, tracks: list[Track], language: str) -> str:
    """Measured once the session is locked; until then what a dead process can have taken along."""
    cut = any(track.state is TrackState.RECOVERED for track in tracks)
    lost = session.lost_s if session.lost_s is not None else (CRASH_LOSS_S if cut else 0.0)
    if not lost:
        return i18n.translate(N_("không mất gì"), language) if tracks else ""
    text = i18n.translate(N_("mất tối đa %(lost)s giây"), language)
    return text % {"lost": f"{lost:.1f}".replace(".", "," if language == "vi" else ".")}


def _next(session: ReceptionSession, language: str) -> str:
    if session.state is SessionState.LOCKED:
        return i18n.translate(N_("đã khóa và ký số"), language)
    if session.state is SessionState.CLOSED:
        return i18n.translate(N_("đã kết thúc, đang chờ khóa và ký số"), language)
    if any(one.state.value == "joined" for one in session.participants):
        return i18n.translate(N_("mọi người đã trở lại, phiên đang tiếp tục"), language)
    waits = N_("đang chờ mọi người trở lại; tự kết thúc sau 15 phút nếu không ai trở lại")
    return i18n.translate(waits, language)


def _clock(utc: float) -> str:
    return datetime.fromtimestamp(utc, formats.LOCAL).strftime("%H:%M:%S")


__all__ = ["interruptions"]

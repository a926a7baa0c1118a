"""Composed files and sound-only files as jobs: the plan from the database, the making in a process of low priority.

What is written on the picture is what whoever may replay the session reads there: names of places, never of people;
in a restricted session the point where the citizen sits is called "citizen" and the others by their site alone. The
language is the hub's, for the file leaves the page it was asked for on.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from media.composition import Words
from rooms import derived, recordings
from rooms.errors import Conflict, NotFound
from rooms.keeping import ask_to_drop
from rooms.models import Participant, ReceptionSession, ReplayFile, Site
from web import i18n, logs, makers, replays, timelines
from web.hub import Hub
from web.i18n import N_
from web.lanes import Gap, card_of, outside

log = logs.get("composing")

FONTS = Path(__file__).parent / "static" / "vendor" / "be-vietnam-pro"
LOCAL_OFFSET_S = 7 * 3600
SUFFIX = {derived.COMPOSED: ".mp4", derived.SOUND: ".m4a"}
US = 1_000_000


def build(hub: Hub, session_id: str, kind: str, step: replays.Step) -> dict[str, Any]:
    """Make the file, in place of an older one; replay files first where they are missing.

    Raises StorageFailed, JobCancelled, Conflict derived.nothing, derived.session_open when it was opened again.
    """
    if not replays.all_there(hub, session_id):
        replays.build(hub, session_id, lambda done, note: step(done * 0.1, note), check=step.check)
    with hub.database.read() as db:
        session = db.get(ReceptionSession, session_id)
        if session is None:
            raise NotFound()
        if session.state not in derived.OVER:
            raise Conflict("derived.session_open", "The session was opened again; ask for the file after its end.")
        plan, originals = plan_of(hub, db, session)
    if not plan["feeds"]:
        raise Conflict("derived.nothing", "Nothing was recorded in this session.")
    area = hub.config.data / "files" / "replay"
    prefix = f"composing-{kind}-{session_id}-"
    for left in area.glob(f"{prefix}*"):  # by a worker that was killed: there is one such job per session at a time
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=area) as folder:
        target = Path(folder) / f"made{SUFFIX[kind]}"
        fonts = sorted(str(path) for path in FONTS.glob("*-500-normal.woff2"))
        task = {"kind": kind, "plan": plan, "target": str(target), "fonts": fonts}
        made: dict[str, Any] = {}
        for line in makers.run("web.makecomposed", task, replays.watch(hub, step.check)):
            made = line.get("made", made)
            if "done" in line:
                step(0.1 + 0.85 * float(line["done"]), "composing")
        for code, file in made["problems"]:
            log.warning("composing problem", session=session_id, code=code, file=file)
        length = _keep(hub, session_id, kind, target, plan, made, originals)
    replays.list_in_package(hub, session_id)
    return {"bytes": length, "problems": len(made["problems"])}


def _keep(
    hub: Hub,
    session_id: str,
    kind: str,
    made_file: Path,
    plan: dict[str, Any],
    made: dict[str, Any],
    originals: list[str],
) -> int:
    relative, target = hub.files.place("replay", SUFFIX[kind])
    with made_file.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    os.replace(made_file, target)
    length = target.stat().st_size
    with hub.database.write() as db:
        older = select(ReplayFile.path).where(ReplayFile.session_id == session_id, ReplayFile.kind == kind)
        paths = list(db.scalars(older))
        for path in paths:
            ask_to_drop(db, path)
        db.execute(delete(ReplayFile).where(ReplayFile.session_id == session_id, ReplayFile.kind == kind))
        recordings.add_replay(
            db, session_id, "", hub.now(), part=1, segment=0, mime=made["media_type"], path=relative, length=length,
            sha256=digest, start_utc=plan["zero_us"] / US, duration_s=made["duration_s"], frames=made["frames"],
            kind=kind, originals=originals,
        )  # fmt: skip
    for path in paths:
        hub.files.remove(path)
    return length


def plan_of(hub: Hub, db: Session, session: ReceptionSession) -> tuple[dict[str, Any], list[str]]:
    """The plan as plain values (``media.composition.read_plan``), and the originals it stands on."""
    files = list(db.scalars(select(ReplayFile).where(ReplayFile.session_id == session.id)))
    line = timelines.of_session(db, session, files)
    voices = timelines.voices_of(hub.files, files, line.zero)
    language = hub.config.language

    def say(text: str) -> str:
        return i18n.translate(text, language)

    def spans(gaps: tuple[Gap, ...]) -> list[tuple[int, int, str]]:
        return [(us(one["start"]), us(one["end"]), say(card_of(str(one["reason"])))) for one in gaps]

    owners = {lane.participant.id: lane for lane in line.lanes if lane.kind == "point"}

    def holes_of(lane: timelines.Lane) -> list[tuple[int, int, str]]:
        owner = owners.get(lane.participant.id)
        if lane.kind != "take" or owner is None:
            return spans(lane.gaps)
        # Where the relay's recording has the point, too, both would be heard at once.
        return [(us(start), us(end), "") for start, end in outside(owner.fills, line.length)]

    feeds = [
        {
            "key": lane.key,
            "name": name_of(db, session, lane, language),
            "mark": say(MARKS[lane.kind]) if lane.kind in MARKS else "",
            "is_paper": lane.is_paper,
            "stands_for": lane.participant.id if lane.kind == "take" and lane.participant.id in owners else "",
            "holes": holes_of(lane),
            "pieces": [
                {
                    "path": str(hub.files.root / one.file.path),
                    "start_us": us(one.start),
                    "end_us": us(one.end),
                    "has_picture": one.has_picture,
                }
                for one in lane.segments
            ],
        }
        for lane in line.lanes
    ]
    plan = {
        "zero_us": round(line.zero * US),
        "length_us": us(line.length),
        "feeds": feeds,
        "speakers": [(us(max(0.0, at)), who) for at, who in voices.speakers if who],
        "cards": spans(line.held),
        "words": asdict(Words(say(N_("Không ghi")), say(N_("Không đọc được")), say(N_("Chỉ ghi âm")))),
        "utc_offset_s": LOCAL_OFFSET_S,
        "threads": max(1, min(4, os.cpu_count() or 1)),
    }
    originals = sorted({name for one in files if one.kind in timelines.KINDS for name in one.originals})
    return plan, originals


def us(seconds: float | str) -> int:
    """Microseconds."""
    return round(float(seconds) * US)


def name_of(db: Session, session: ReceptionSession, lane: timelines.Lane, language: str) -> str:
    """What stands on a point's picture."""
    one: Participant = lane.participant
    name = one.name
    if session.restricted:
        site = db.get(Site, one.site_id) if one.site_id else None
        other = (
            (site.short_name or site.name) if site else f"{i18n.translate(N_('Điểm cầu'), language)} {one.position + 1}"
        )
        name = i18n.translate(N_("Công dân"), language) if one.receives_visit else other
    return name


MARKS = {
    "take": N_("ghi tại điểm cầu"),
    "screen": N_("màn hình"),
    "document": N_("tài liệu"),
}
"""What a lane shows that is not a point's face."""

"""The pages inside a delivery: an index that opens from a stick without the hub, and the minutes. Always Vietnamese, as
all that is handed over; plain HTML without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

import rooms
from rooms import minutes
from rooms.actor import Actor
from rooms.models import Case, Delivery, Minutes, Order, Package, Participant, ReceptionSession, Visit
from rooms.words import DeliveryKind
from web.hub import Hub
from web.pages import formats, lists, timeline
from web.pages.prints import SECTIONS
from web.pages.render import environment

if TYPE_CHECKING:
    from web.deliveries import Part

CSS = Path(__file__).parent / "static" / "css" / "export.css"
VERIFIERS = tuple(Path(rooms.__file__).parent / name for name in ("verifier.py", "delivery_verifier.py"))
"""What goes along to check the delivery with; both stand alone."""
KINDS = {
    "point": "Hình và tiếng", "screen": "Màn hình chia sẻ", "document": "Camera tài liệu",
    "take": "Bản ghi từ điểm cầu",
}  # fmt: skip


def write(hub: Hub, db: Session, actor: Actor, row: Delivery, parts: Sequence[Part], work: Path) -> list[Part]:
    """Index, minutes, style and verifiers as parts of the ZIP, written below ``work``."""
    from web.deliveries import Part as NewPart

    made = [NewPart(f"verify/{path.name}", path, "verifier") for path in VERIFIERS]
    made.append(NewPart("style.css", CSS, "page"))
    written = []
    for one in row.contents:
        if one["kind"] == "minutes":
            name = f"minutes/{one['id']}.html"
            values = minutes_values(db, actor, one["id"], hub.now())
            made.append(NewPart(name, _page(work / f"m-{one['id']}.html", "minutes", values), "minutes"))
            written.append((name, values["heading"]))
    values = index_values(hub, db, actor, row, parts, written)
    made.append(NewPart("index.html", _page(work / "index.html", "delivery", values), "page"))
    return made


def _page(path: Path, template: str, values: dict[str, Any]) -> Path:
    text = environment("vi").get_template(f"exports/{template}.html").render(**values)
    path.write_text(text, encoding="utf-8")
    return path


def minutes_values(db: Session, actor: Actor, minutes_id: str, now: datetime) -> dict[str, Any]:
    """The minutes as they were frozen (or stand)."""
    printed = minutes.for_print(db, actor, minutes_id, now)
    head = printed["head"]
    texts = {str(one["key"]): str(one["text"]) for one in printed["sections"]}
    row = db.get(Minutes, minutes_id)
    visit = db.get(Visit, row.visit_id) if row is not None and row.visit_id else None
    number = f" số {visit.number}/BB-TCD" if visit is not None and visit.number else ""
    return {
        "heading": f"Biên bản tiếp công dân{number}",
        "body": head["body"],
        "begins": formats.stamp(head["start"]),
        "ends": formats.stamp(head["end"]),
        "where": formats.joined([head["site"], head["address"]], ", "),
        "frozen": head["frozen"],
        "sha256": head["sha256"],
        "persons": texts.get("persons", ""),
        "receivers": texts.get("receivers", ""),
        "points": [one["name"] for one in printed["points"]],
        "sections": [(*SECTIONS[key], texts.get(key, "")) for key in SECTIONS if texts.get(key)],
        "lines": [
            (formats.timecode(one["at_s"]) if one.get("at_s") is not None else "", one["speaker"], one["text"])
            for one in printed["lines"]
        ],
    }


def index_values(
    hub: Hub, db: Session, actor: Actor, row: Delivery, parts: Sequence[Part], written: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    """What the index shows."""
    now = hub.now()
    order = db.get(Order, row.order_id) if row.order_id else None
    case = db.get(Case, row.case_id) if row.case_id else None
    session = db.get(ReceptionSession, row.session_id) if row.session_id else None
    if case is not None:
        heading = f"Hồ sơ {lists.case_number(db, case)}"
        about = case.pseudonym if case.restricted else case.title
    else:
        heading = f"Bản sao phiên tiếp công dân {lists.session_number(session)}" if session else ""
        about = formats.stamp(session.started_at or session.opened_at) if session else ""
    return {
        "heading": heading,
        "about": about,
        "copy": row.kind is DeliveryKind.COPY,
        "made": formats.stamp(now),
        "order": order,
        "dated": formats.day(order.dated) if order else "",
        "media": [media_view(db, part) for part in parts if part.what in ("media", "extract")],
        "minutes": written,
        "papers": [(part.path, part.title or part.path) for part in parts if part.what == "paper"],
        "records": records_of(db, parts),
        "entries": timeline.entries(db, actor, case.id, now, "vi") if case is not None else [],
        "key_id": hub.signer.key_id,
    }


def media_view(db: Session, part: Part) -> dict[str, Any]:
    """A sound or picture: whose, from when to when on the clock of the wall, and what was encoded again."""
    said = part.media
    point = db.get(Participant, said["participant"])
    session = db.get(ReceptionSession, said["session"])
    spans = [f"{wall(a / 1e6)} – {wall(b / 1e6)}" for a, b in said.get("reencoded", ())]
    return {
        "path": part.path,
        "type": said["media_type"],
        "sound": said["media_type"].startswith("audio/"),
        "name": point.name if point is not None else "",
        "kind": KINDS.get(said["kind"], said["kind"]),
        "extract": part.what == "extract",
        "from_point": bool(part.origin),
        "sha256": part.sha256,
        "session": lists.session_number(session) if session is not None else "",
        "day": formats.day(datetime.fromtimestamp(said["start_utc"], UTC)),
        "start": wall(said["start_utc"]),
        "end": wall(said["end_utc"]),
        "reencoded": ", ".join(spans),
    }


def wall(utc: float) -> str:
    """14:05:09 on the clock of the wall."""
    return f"{formats.local(datetime.fromtimestamp(utc, UTC)):%H:%M:%S}"


def records_of(db: Session, parts: Sequence[Part]) -> list[dict[str, Any]]:
    """The locked packages that go along."""
    ids = sorted({part.path.split("/")[1] for part in parts if part.what == "record"})
    found = []
    for session_id in ids:
        session = db.get(ReceptionSession, session_id)
        package = db.query(Package).filter_by(session_id=session_id).one()
        found.append(
            {
                "id": session_id, "number": lists.session_number(session) if session else "",
                "locked": formats.stamp(package.locked_at), "sha256": package.manifest_sha256,
            }
        )  # fmt: skip
    return found

"""The worker's part of a copy or hand-over: a ZIP that opens from a stick, without the hub (docs/formats.md, Delivery).

Everything in it is listed with its hash in ``delivery.json``, which the hub signs; ``SHA256SUMS`` says the same for
``sha256sum -c``. Names of files are opaque; names of people stand only inside the pages.
"""

from __future__ import annotations

import hashlib
import shutil
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from rooms import deliveries, jobs, manifest, people, supplements, zipform
from rooms.actor import Actor
from rooms.errors import RoomsError
from rooms.extracts import FACE, LANES
from rooms.models import Delivery, Extract, Order, Package, Paper, ReplayFile, Supplement
from rooms.papers import SUFFIXES
from rooms.words import DeliveryKind, DeliveryState
from web import deliverypages, logs, owntakes
from web.hub import Hub
from web.keeping import bring_package
from web.replays import HeldTake, Step, is_disposed, journals_of, run_maker

log = logs.get("deliveries")

FORMAT = "diemcau-delivery"
VERSION = 2
ORIGIN = ("origin", "take", "take_list_sha256")
CHUNK = 1 << 20


@dataclass
class Part:
    """A file of the ZIP: ``path`` in it, where its bytes are, and what is said of it. ``media``: session, participant,
    kind, start_utc, end_utc, media_type of sound or picture; ``origin``: of what a point recorded by itself
    (``owntakes.stated``)."""

    path: str
    source: Path
    what: str
    title: str = ""
    media: dict[str, Any] = field(default_factory=dict)
    origin: dict[str, Any] = field(default_factory=dict)
    length: int = 0
    sha256: str = ""
    crc: int = 0


def deliver(hub: Hub, payload: dict[str, Any], step: Step) -> dict[str, Any]:
    """Build one delivery. Raises JobCancelled, StorageFailed, Forbidden when rights changed, WrongState."""
    delivery_id = payload["delivery"]
    work = hub.config.data / "cache" / "deliveries" / delivery_id
    try:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        return _deliver(hub, delivery_id, work, step)
    except jobs.JobCancelled:
        with hub.database.write() as db:
            deliveries.give_up(db, delivery_id, DeliveryState.CANCELLED)
        raise
    except Exception as error:
        with hub.database.write() as db:
            job = jobs.newest(db, deliveries.KIND, delivery_id)
            if job is None or job.attempts >= job.max_attempts:
                code = error.code if isinstance(error, RoomsError) else "internal"
                deliveries.give_up(db, delivery_id, DeliveryState.FAILED, code)
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _deliver(hub: Hub, delivery_id: str, work: Path, step: Step) -> dict[str, Any]:
    now = hub.now()
    bring(hub, delivery_id)
    with hub.database.read() as db:
        asked = db.get_one(Delivery, delivery_id)
        actor = people.actor_of(db, asked.created_by or "", now)
        row = deliveries.to_make(db, actor, delivery_id, now)
        parts = list(collect(hub, db, actor, row, work, step))
        measure(parts, step)  # the index names the hashes of sound and picture
        pages = deliverypages.write(hub, db, actor, row, parts, work)
        contents, kind, order = list(row.contents), row.kind, db.get(Order, row.order_id)
        stated_order = {"id": order.id, "sha256": order.sha256} if order is not None else None
        about = {"session": row.session_id or "", "case": row.case_id or ""}
        db.expunge_all()
    for page in pages:
        _measure(page)
    parts += pages
    total = sum(part.length for part in parts) or 1
    parts += _signed(hub, work, delivery_id, kind, now, parts, {"order": stated_order, **about, "contents": contents})
    relative, target = hub.files.place("deliveries", ".zip")
    sums = next(part.sha256 for part in parts if part.path == "SHA256SUMS")
    temporary = target.with_name(f".{target.name}.new")
    try:
        length, digest = _write(temporary, parts, total, step)
        temporary.rename(target)
    finally:
        temporary.unlink(missing_ok=True)
    try:
        with hub.database.write() as db:
            made = {"path": relative, "length": length, "sha256": digest, "sums_sha256": sums}
            deliveries.finish(db, delivery_id, made, hub.now())
    except BaseException:
        hub.files.remove(relative)
        raise
    return {"length": length, "files": len(parts)}


def bring(hub: Hub, delivery_id: str) -> None:
    """Have all that goes in on this machine, before the transaction that reads it. Raises StorageFailed, NotFound."""
    with hub.database.read() as db:
        row = db.get_one(Delivery, delivery_id)
        chosen = [(one["kind"], one["id"]) for one in row.contents]
        sessions = {name for kind, name in chosen if kind == "session"} | (
            {row.session_id} if row.session_id else set()
        )
        named = Paper.id.in_([name for kind, name in chosen if kind == "paper"])
        paths = list(db.scalars(select(Paper.path).where(named, Paper.destroyed_at.is_(None))))
        paths += db.scalars(select(ReplayFile.path).where(ReplayFile.session_id.in_(sessions)))
    for session_id in sessions:
        bring_package(hub, session_id)
        owntakes.place(hub, session_id)
    for path in paths:
        hub.files.at_hand(path)


# --- what goes in ----------------------------------------------------------------------------------------------------


def collect(hub: Hub, db: Session, actor: Actor, row: Delivery, work: Path, step: Step) -> Iterator[Part]:
    """The media, papers and packages of a delivery; its pages are made from these."""
    chosen: dict[str, list[str]] = {}
    for one in row.contents:
        chosen.setdefault(one["kind"], []).append(one["id"])
    own = deliveries.own_points(db, row.session_id) if row.kind is DeliveryKind.COPY and row.session_id else None
    if own is not None and row.session_id and chosen.get("lane"):
        lanes = chosen["lane"]
        faces = {who for who in own if f"{who}:{FACE}" in lanes}
        yield from media_parts(hub, db, row.session_id, lanes, faces, work, step)
    for session_id in chosen.get("session", []):
        yield from media_parts(hub, db, session_id, None, None, work, step)
        yield from package_parts(hub, db, session_id)
    for extract in deliveries.extract_rows(db, row):
        supplement = db.get(Supplement, extract.supplement_id) if extract.supplement_id else None
        for file in extract.files if supplement is not None else ():
            if own is None or "take" not in file or file["participant"] in own:
                yield _extracted(hub, extract, supplement, file)
    for paper in db.scalars(select(Paper).where(Paper.id.in_(chosen.get("paper", []))).order_by(Paper.added_at)):
        yield Part(f"papers/{paper.id}{SUFFIXES[paper.mime]}", hub.files.path_of(paper.path), "paper", paper.title)


def _extracted(hub: Hub, extract: Extract, supplement: Any, file: dict[str, Any]) -> Part:
    media = {
        "session": extract.session_id, "participant": file["participant"], "kind": file["kind"],
        "media_type": file["media_type"], "start_utc": file["start_utc_us"] / 1e6,
        "end_utc": file["end_utc_us"] / 1e6, "reencoded": file["reencoded_utc_us"],
    }  # fmt: skip
    origin = {name: file[name] for name in ORIGIN if name in file}
    source = supplements.file_of(hub.files, supplement, file["name"])
    return Part(f"extracts/{extract.id}/{file['name']}", source, "extract", media=media, origin=origin)


Found = tuple[Path, dict[str, Any], dict[str, Any]]
"""A file of sound or picture, what it holds, and where it is from (``Part.origin``)."""


def media_parts(
    hub: Hub, db: Session, session_id: str, lanes: Sequence[str] | None, takers: Collection[str] | None, work: Path,
    step: Step,
) -> list[Part]:  # fmt: skip
    """The replay files of a session (of these lanes); made again from the originals where the cache has none. Beside
    them, as files of their own, what the points ``takers`` (None: all) recorded by themselves. Nothing of a record that
    was disposed of, whatever lies there."""
    if is_disposed(db, session_id):
        return []
    rows = db.scalars(
        select(ReplayFile).where(ReplayFile.session_id == session_id, ReplayFile.kind.in_(LANES)).order_by(
            ReplayFile.start_utc, ReplayFile.participant_id
        )
    ).all()  # fmt: skip
    found: list[Found] = [
        (
            hub.files.path_of(one.path),
            {"participant": one.participant_id, "kind": one.kind, "media_type": one.mime, "start_utc": one.start_utc,
             "end_utc": one.start_utc + one.duration_s},
            {},
        )
        for one in rows
    ]  # fmt: skip
    points = {} if found else journals_of(hub, db, session_id)
    held = owntakes.leaving(hub, db, session_id, takers)
    found += _made(points, held, work / session_id, step)
    found.sort(key=lambda one: (one[1]["start_utc"], one[1]["participant"], one[1]["kind"]))
    parts: list[Part] = []
    for source, media, origin in found:
        if lanes is None or origin or f"{media['participant']}:{media['kind']}" in lanes:
            name = f"media/{session_id}/{len(parts) + 1:03d}{source.suffix}"
            parts.append(Part(name, source, "media", media={"session": session_id, **media}, origin=origin))
    return parts


def _made(
    points: dict[str, list[tuple[Path, str]]], held: dict[str, HeldTake], place: Path, step: Step
) -> Iterator[Found]:
    if not points and not held:
        return
    place.mkdir()
    journals = {who: [str(path) for path, _ in files] for who, files in points.items()}
    for count, point in enumerate(run_maker(journals, place, owntakes.task_of(held)), 1):
        step(0.05 + 0.25 * count / max(1, len(points) + len(held)), "muxing")
        take_id = point.get("take", "")
        origin = owntakes.stated(take_id, held[take_id]) if take_id else {}
        who = held[take_id].participant if take_id else point["participant"]
        for segment in point["segments"]:
            kind = "point" if segment["kind"] == "replay" else segment["kind"]
            yield Path(segment["file"]), {
                "participant": who, "kind": kind, "media_type": segment["media_type"],
                "start_utc": segment["start_utc"], "end_utc": segment["start_utc"] + segment["duration_s"],
            }, origin  # fmt: skip


def package_parts(hub: Hub, db: Session, session_id: str) -> Iterator[Part]:
    """The locked package, as it is verified; without its derived files, which stand under media."""
    row = db.scalar(select(Package).where(Package.session_id == session_id, Package.disposed_at.is_(None)))
    if row is None:
        return
    folder = hub.files.path_of(row.path)
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        hidden = any(part.startswith(".") for part in name.split("/"))
        if path.is_file() and not hidden and not name.startswith("derived/"):
            yield Part(f"recordings/{session_id}/{name}", path, "record")


# --- writing ---------------------------------------------------------------------------------------------------------


def measure(parts: Sequence[Part], step: Step) -> None:
    """Length, hash and CRC of each."""
    total = sum(part.source.stat().st_size for part in parts) or 1
    read = 0
    for part in parts:
        _measure(part)
        read += part.length
        step(0.3 + 0.3 * read / total, "hashing")


def _measure(part: Part) -> None:
    """Length, SHA-256 and CRC in one reading."""
    zipform.check_path(part.path)
    digest, crc, length = hashlib.sha256(), 0, 0
    with part.source.open("rb") as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
            crc = zlib.crc32(piece, crc)
            length += len(piece)
    part.length, part.sha256, part.crc = length, digest.hexdigest(), crc


def _signed(
    hub: Hub, work: Path, delivery_id: str, kind: DeliveryKind, now: datetime, parts: Sequence[Part],
    facts: dict[str, Any],
) -> list[Part]:  # fmt: skip
    """The list of all files with its signature, and the sums to check by hand."""
    listed = sorted(parts, key=lambda part: part.path)
    raw = manifest.canonical(
        {
            "format": FORMAT, "version": VERSION, "delivery": delivery_id, "kind": kind.value,
            "made_utc": manifest.utc_text(now), "key": hub.signer.key(), **facts,
            "files": [
                {"path": one.path, "length": one.length, "sha256": one.sha256, "what": one.what, **one.origin}
                for one in listed
            ],
        }
    )  # fmt: skip
    sums = "".join(f"{one.sha256}  {one.path}\n" for one in listed)
    made = []
    for name, data in (
        ("delivery.json", raw), ("delivery.sig", hub.signer.sign(raw)), ("key.pem", hub.signer.public_pem()),
        ("SHA256SUMS", sums.encode()),
    ):  # fmt: skip
        path = work / name
        path.write_bytes(data)
        made.append(Part(name, path, "proof"))
    for part in made:
        _measure(part)
    return made


def _write(target: Path, parts: Sequence[Part], total: int, step: Step) -> tuple[int, str]:
    """The canonical ZIP; its length and SHA-256."""
    entries = [zipform.Entry(part.path, part.source, part.length, part.crc) for part in parts]
    digest, length, said = hashlib.sha256(), 0, 0
    with target.open("xb") as out:
        for piece in zipform.zip_pieces(entries):
            out.write(piece)
            digest.update(piece)
            length += len(piece)
            if length - said > total // 50:
                said = length
                step(0.6 + 0.39 * min(1.0, length / total), "packing")
        out.flush()
    return length, digest.hexdigest()

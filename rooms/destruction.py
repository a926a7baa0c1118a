"""Carrying a disposal out: the inventory, the removal, the certificate. Run by the worker; each step may be repeated.

What lies outside the file store (spools of relays on this machine, cached ZIPs, shipped copies) is handed in as
``elsewhere`` by who knows these places. Certificate: docs/formats.md.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import audit, certificates, disposals, filed, manifest
from rooms.actor import SYSTEM
from rooms.errors import NotFound, StorageFailed, WrongState
from rooms.files import FileStore, translated
from rooms.models import Case, Delivery, Disposal, Package, Paper, ReceptionSession, ReplayFile, Take, TakePiece
from rooms.signing import Signer
from rooms.words import DeliveryState, DisposalState


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A copy outside the file store. ``place``: spool, cache, shipped; ``path``: a file or folder."""

    place: str
    session_id: str
    path: Path


def begin(
    db: Session, files: FileStore, disposal_id: str, now: dt.datetime, elsewhere: Sequence[Elsewhere] = ()
) -> Disposal:
    """Ask a last time what stands against it, write the inventory down and put the object out of reach. What began is
    given back as it is; what must be kept after all becomes STOPPED with the reason as its error.

    Raises NotFound, WrongState for one that is not approved.
    """
    row = db.get(Disposal, disposal_id, with_for_update=True)
    if row is None:
        raise NotFound()
    if row.state in (DisposalState.RUNNING, DisposalState.DONE):
        return row
    if row.state is not DisposalState.APPROVED:
        raise WrongState("disposal", row.state.value)
    thing: Any = db.get_one(Case if row.object_kind == "case" else ReceptionSession, row.object_id)
    found = disposals.obstacles(db, thing, now, but=row.id)
    if found:
        row.state, row.error = DisposalState.STOPPED, found[0].code
        audit.log(db, SYSTEM, "disposal.stopped", row.object_kind, row.object_id, now, detail={"disposal": row.id})
        db.flush()
        return row
    sessions, papers = _scope(db, row)
    row.inventory = [*inventory(db, files, sessions, papers), *(copy_line(one) for one in elsewhere)]
    row.state, row.error = DisposalState.RUNNING, ""
    put_out_of_reach(db, sessions, papers, now)
    return row


def put_out_of_reach(
    db: Session, sessions: Sequence[str], papers: Sequence[str], now: dt.datetime, before: dt.datetime | None = None
) -> None:
    """From now on nobody can open these records and papers, nor fetch copies of them; ``before``: deliveries_of."""
    for package in db.scalars(sa.select(Package).where(Package.session_id.in_(sessions))):
        package.disposed_at = package.disposed_at or now
    for paper in db.scalars(sa.select(Paper).where(Paper.id.in_(papers))):
        paper.destroyed_at = paper.destroyed_at or now
    for replay in db.scalars(sa.select(ReplayFile).where(ReplayFile.session_id.in_(sessions))):
        db.delete(replay)
    for delivery in deliveries_of(db, sessions, before):
        delivery.removed_at = delivery.removed_at or now
        if delivery.state is DeliveryState.READY:
            delivery.state = DeliveryState.CANCELLED
    db.flush()


def _scope(db: Session, row: Disposal) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Sessions whose records go, and papers: those of a file all, those of a single record only in its package."""
    if row.object_kind == "session":
        return (row.object_id,), ()
    held = filed.of_case(db, row.object_id)
    return held.sessions, held.papers


def deliveries_of(db: Session, sessions: Sequence[str], before: dt.datetime | None = None) -> list[Delivery]:
    """Copies of these records that the hub still has; a hand-over of a file holds its records, too. ``before``: only
    those made until then, or said to be removed: later ones of the same file are without what was disposed of."""
    cases = {one for session_id in sessions for one in filed.cases_of(db, "session", session_id)}
    query = sa.select(Delivery).where(
        sa.or_(Delivery.session_id.in_(sessions), Delivery.case_id.in_(cases)), Delivery.path != ""
    )
    if before is not None:
        query = query.where(sa.or_(Delivery.made_at <= before, Delivery.removed_at.is_not(None)))
    return list(db.scalars(query))


def inventory(db: Session, files: FileStore, sessions: Sequence[str], papers: Sequence[str]) -> list[dict[str, Any]]:
    """Every file that goes: what it is, its session, name, length, SHA-256 (as signed where a signature covers it)."""
    found: list[dict[str, Any]] = []
    for package in db.scalars(sa.select(Package).where(Package.session_id.in_(sessions))):
        found += _package_lines(files, package)
    return found + single_lines(db, sessions, papers)


def single_lines(
    db: Session, sessions: Sequence[str], papers: Sequence[str], before: dt.datetime | None = None
) -> list[dict[str, Any]]:
    """``inventory`` without the packages: what the database knows of files that stand alone."""
    found: list[dict[str, Any]] = []
    for replay in db.scalars(sa.select(ReplayFile).where(ReplayFile.session_id.in_(sessions))):
        found.append(_line("replay", replay.session_id, replay.path, replay.length, replay.sha256))
    for take in db.scalars(sa.select(Take).where(Take.session_id.in_(sessions))):  # what the point recorded itself
        if take.path:
            found.append(_line("take", take.session_id, take.path, 0, take.sha256))
        for piece in db.scalars(sa.select(TakePiece).where(TakePiece.take_id == take.id, TakePiece.path != "")):
            found.append(_line("take", take.session_id, piece.path, piece.length, piece.sha256))
    for paper in db.scalars(sa.select(Paper).where(Paper.id.in_(papers))):
        if paper.destroyed_at is None:
            found.append(_line("paper", "", paper.path, paper.length, paper.sha256))
    for delivery in deliveries_of(db, sessions, before):
        found.append(_line("delivery", delivery.session_id or "", delivery.path, delivery.length, delivery.sha256))
    return found


def _line(what: str, session: str, path: str, length: int, sha256: str) -> dict[str, Any]:
    return {"what": what, "session": session, "path": path, "length": length, "sha256": sha256}


def copy_line(one: Elsewhere) -> dict[str, Any]:
    """A line of an inventory for a copy outside the file store."""
    return {**_line(one.place, one.session_id, one.path.name, 0, ""), "outside": str(one.path)}


def _package_lines(files: FileStore, package: Package) -> list[dict[str, Any]]:
    """The files of a package as they lie there; hashes out of the signed lists, read anew only where none names one."""
    try:
        folder = files.path_of(package.path)
    except NotFound:
        return []
    signed = _signed(folder)
    lines = []
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        name = path.relative_to(folder).as_posix()
        length, sha256 = signed.get(name) or _read(path)
        lines.append(_line("package", package.session_id, f"{package.path}/{name}", length, sha256))
    return lines


def _signed(folder: Path) -> dict[str, tuple[int, str]]:
    found: dict[str, tuple[int, str]] = {}
    lists = [folder / "manifest.json", folder / "derived" / "list.json"]
    lists += sorted(folder.glob("supplements/*/supplement.json"))
    for path in lists:
        if path.exists():
            for one in json.loads(path.read_bytes())["files"]:
                found[one["path"]] = (one["length"], one["sha256"])
    return found


def _read(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def destroy(files: FileStore, row: Disposal, step: Callable[[float], None]) -> None:
    """Remove every file of the inventory, then the empty folders; outside any transaction. Twice is harmless.

    ``step``: how far it is (0..1). Raises StorageFailed when something is still there afterwards.
    """
    remove(files, row.inventory, step)


def remove(files: FileStore, inventory: Sequence[dict[str, Any]], step: Callable[[float], None]) -> None:
    """``destroy`` for these lines."""
    root = files.root.resolve()
    total = max(1, len(inventory))
    for number, line in enumerate(inventory):
        path = Path(line["outside"]) if "outside" in line else root / line["path"]
        try:
            if path.is_dir() and "outside" in line:
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise translated(error) from error
        if number % 50 == 0:
            step(number / total)
    packages = {"/".join(line["path"].split("/")[:3]) for line in inventory if line["what"] == "package"}
    for name in packages:
        for place in (root / name, *(root / name).parent.glob(f".{Path(name).name}.*")):  # half-made and set aside ones
            shutil.rmtree(place, ignore_errors=True)
    left = [line for line in inventory if _there(root, line)] + [name for name in packages if (root / name).exists()]
    if left:
        raise StorageFailed("storage.failed", "Some files could not be removed.")


def _there(root: Path, line: dict[str, Any]) -> bool:
    return (Path(line["outside"]) if "outside" in line else root / line["path"]).exists()


def certify(db: Session, disposal_id: str, signer: Signer, now: dt.datetime) -> Disposal:
    """Write and sign the certificate; the disposal is done. Twice gives the same. Raises NotFound, WrongState."""
    row = db.get(Disposal, disposal_id, with_for_update=True)
    if row is None:
        raise NotFound()
    if row.state is DisposalState.DONE:
        return row
    if row.state is not DisposalState.RUNNING:
        raise WrongState("disposal", row.state.value)
    row.destroyed_at = now
    raw = manifest.canonical(_stated(db, row, signer))
    row.certificate, row.signature, row.key_id = raw.decode(), signer.sign(raw).hex(), signer.key_id
    row.state = DisposalState.DONE
    for delivery in db.scalars(sa.select(Delivery).where(Delivery.removed_at.is_not(None))):
        delivery.path = ""
    audit.log(db, SYSTEM, "disposal.done", row.object_kind, row.object_id, now, detail={"disposal": row.id})
    for session_id in {line["session"] for line in row.inventory if line["session"]} - {row.object_id}:
        audit.log(db, SYSTEM, "disposal.done", "session", session_id, now, detail={"disposal": row.id})
    db.flush()
    return row


def _stated(db: Session, row: Disposal, signer: Signer) -> dict[str, Any]:
    sessions = sorted({line["session"] for line in row.inventory if line["session"]})
    packages = db.scalars(sa.select(Package).where(Package.session_id.in_(sessions)))
    assert row.decided_at is not None and row.destroyed_at is not None  # approved, and just destroyed
    return {
        "format": certificates.FORMAT, "version": certificates.VERSION, "disposal": row.id, "key": signer.key(),
        "object": {"kind": row.object_kind, "id": row.object_id},
        "basis": row.basis, "reason": row.reason,
        "proposed": {"by": row.proposed_by or "", "utc": manifest.utc_text(row.proposed_at)},
        "approved": {"by": row.decided_by or "", "utc": manifest.utc_text(row.decided_at)},
        "destroyed_utc": manifest.utc_text(row.destroyed_at),
        "manifests": {one.session_id: one.manifest_sha256 for one in packages},
        "files": [
            {"what": one["what"], "session": one["session"], "path": one["path"], "length": one["length"],
             "sha256": one["sha256"]}
            for one in row.inventory
        ],
        "total": {"files": len(row.inventory), "bytes": sum(one["length"] for one in row.inventory)},
    }  # fmt: skip

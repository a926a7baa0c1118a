"""The package of a locked session: a folder of originals, a signed manifest, later supplements, and its ZIP.

Plain arguments only (paths, lists, dicts): the database's side of locking is ``rooms.recordings``. Everything appears
at once: a package or supplement is built under another name, synced, then renamed. Formats: docs/formats.md.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rooms import manifest, signing, zipform
from rooms.errors import Conflict
from rooms.manifest import Gap
from rooms.signing import Signer


@dataclass(frozen=True, slots=True)
class TrackFile:
    """A journal as the relay reported it. ``path``: where it lies now (the spool). ``sha256`` "" and ``length`` -1 when
    unknown. ``state``: closed, recovered, damaged. A path that is not there becomes a missing track."""

    path: Path
    participant: str
    source: str
    part: int
    first_utc_us: int | None = None
    last_utc_us: int | None = None
    packets: int = 0
    length: int = -1
    sha256: str = ""
    state: str = "closed"
    lost_bytes: int = 0


@dataclass(frozen=True, slots=True)
class PaperFile:
    """A paper that becomes an original. ``name``: its name in the package, opaque (id and suffix, no title).
    ``sha256``, ``length``: where the hub has just made and read the file itself, so that it is not read twice."""

    path: Path
    name: str
    sha256: str = ""
    length: int = -1


@dataclass(frozen=True, slots=True)
class DerivedFile:
    """A replay file. ``kind``: replay, screen, composed, sound. ``originals``: paths in the package. ``path``: where it
    lies, in ``derived/`` or elsewhere; ``name``: its name in ``derived/``, that of ``path`` if empty."""

    path: Path
    media_type: str
    participant: str
    kind: str
    start_utc_us: int
    duration_us: int
    frames: Mapping[str, int]
    originals: Sequence[str]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Locked:
    """What a lock made. ``manifest_sha256`` is the package's first head. ``problems``: stable codes with the file's
    name, e.g. ``journal_missing``, ``journal_changed`` (not what the relay reported)."""

    manifest_sha256: str
    key_id: str
    complete: bool
    lost_s: float
    gaps: tuple[Gap, ...]
    length: int
    problems: tuple[tuple[str, str], ...]


class BrokenPackage(Conflict):
    """A package folder that is there and is not what it should be; it is left as it is."""

    def __init__(self, message: str) -> None:
        super().__init__("package.broken", message)


def lock_session(
    folder: Path,
    session: str,
    tracks: Sequence[TrackFile],
    events: Iterable[bytes],
    papers: Sequence[PaperFile],
    gaps: Sequence[Gap],
    facts: Mapping[str, Any],
    signer: Signer,
    now: datetime,
    takes: Sequence[PaperFile] = (),
) -> Locked:
    """Build and sign the package ``folder`` (its parent is made). Journals and papers are linked or copied, not moved.
    ``takes``: what points recorded by themselves, pieces and lists.

    ``events``: the whole log, canonical lines without LF (``manifest.event_line``). Idempotent: a folder that is there,
    signed for this session with this log, is returned as it is. One with another log was never announced (the session
    was resumed while its package was built) and is set aside. Raises BrokenLog when the events do not chain,
    BrokenPackage when ``folder`` is something else, OSError when the disk refuses.
    """
    lines = list(events)
    event_head = manifest.check_events(session, lines)
    if folder.exists():
        there = read_lock(folder, session)
        if _manifest_of(folder)["events"]["head"] == event_head:
            return there
        _set_aside(folder)
    building = folder.with_name(f".{folder.name}.building")
    if building.exists():
        shutil.rmtree(building)
    (building / "journals").mkdir(parents=True)
    (building / "papers").mkdir()
    files: list[dict[str, Any]] = []
    problems: list[tuple[str, str]] = []
    stated = [_take_track(building, track, files, problems) for track in tracks]
    for paper in papers:
        files.append(_take(building, f"papers/{paper.name}", "paper", paper.path))
    if takes:
        (building / "takes").mkdir()
        files += [_take(building, f"takes/{item.name}", "take", item.path) for item in takes]
        _sync_folder(building / "takes")
    _write(building / "events.jsonl", b"".join(line + b"\n" for line in lines))
    files.append(_described(building, "events.jsonl", "events"))
    raw = manifest.manifest_bytes(
        session=session,
        locked=now,
        key=signer.key(),
        files=files,
        events={"count": len(lines), "head": event_head},
        tracks=stated,
        gaps=gaps,
        facts=facts,
    )
    _write(building / "manifest.json", raw)
    _write(building / "manifest.sig", signer.sign(raw))
    _write(building / "key.pem", signer.public_pem())
    for name in ("journals", "papers", "."):
        _sync_folder(building / name)
    building.rename(folder)
    _sync_folder(folder.parent)
    return _locked(raw, tuple(problems))


def _set_aside(folder: Path) -> None:
    if (folder / "supplements").exists():
        raise BrokenPackage("the package has supplements, but was locked with another event log")
    aside = folder.with_name(f".{folder.name}.superseded")
    if aside.exists():
        shutil.rmtree(aside)
    folder.rename(aside)


def read_lock(folder: Path, session: str) -> Locked:
    """What an earlier ``lock_session`` made. Raises BrokenPackage when it is not a signed package of ``session``."""
    try:
        raw = (folder / "manifest.json").read_bytes()
        stated = json.loads(raw)
        public = bytes.fromhex(stated["key"]["public"])
        if stated["session"] != session or not signing.is_signed(public, (folder / "manifest.sig").read_bytes(), raw):
            raise BrokenPackage("the package folder belongs to something else or its signature does not fit")
        return _locked(raw, _problems_in(stated))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BrokenPackage(f"the package folder cannot be read: {error}") from error


def release(folder: Path, journals: Sequence[Path]) -> int:
    """Delete journals of the spool that the locked package holds unchanged, and what recovery cut off them; how many.

    What is not in the package, or differs from it, stays. Raises BrokenPackage, OSError.
    """
    stated = {file["path"]: file for file in _manifest_of(folder)["files"]}
    gone = 0
    for path in journals:
        kept = folder / "journals" / path.name
        listed = stated.get(f"journals/{path.name}")
        if listed is None or not path.exists() or not kept.exists():
            continue
        same = os.path.samefile(path, kept) or _described(path.parent, path.name, "")["sha256"] == listed["sha256"]
        if same and kept.stat().st_size == listed["length"]:
            path.with_name(path.name + ".cut").unlink(missing_ok=True)
            path.unlink()
            gone += 1
    for place in {path.parent for path in journals}:
        if place.is_dir() and not any(place.iterdir()):
            place.rmdir()
    return gone


def add_supplement(
    folder: Path,
    kind: str,
    files: Sequence[PaperFile],
    facts: Mapping[str, Any],
    signer: Signer,
    now: datetime,
) -> str:
    """Add a signed supplement; returns the package's new head (SHA-256). One writer at a time per package.

    Raises BrokenPackage without a package, InvalidPath for a name that cannot be, OSError when the disk refuses.
    """
    session = _session_of(folder)
    number = len(_supplements(folder)) + 1
    place = f"supplements/{number:04d}"
    building = folder / ".building"
    if building.exists():
        shutil.rmtree(building)
    (building / "files").mkdir(parents=True)
    listed = []
    for item in files:
        name = zipform.check_path(f"{place}/files/{item.name}")
        _copy(item.path, building / "files" / item.name)
        known: dict[str, Any] = {"length": item.length, "sha256": item.sha256}
        described = known if item.sha256 else _described(building, f"files/{item.name}", "")
        listed.append({"path": name, "length": described["length"], "sha256": described["sha256"]})
    raw = manifest.canonical(
        {
            "format": manifest.SUPPLEMENT_FORMAT,
            "version": manifest.VERSION,
            "session": session,
            "number": number,
            "kind": kind,
            "made_utc": manifest.utc_text(now),
            "key": signer.key(),
            "previous": head(folder),
            "files": sorted(listed, key=lambda f: f["path"]),
            "facts": dict(facts),
        }
    )
    _write(building / "supplement.json", raw)
    _write(building / "supplement.sig", signer.sign(raw))
    _sync_folder(building / "files")
    _sync_folder(building)
    (folder / "supplements").mkdir(exist_ok=True)
    building.rename(folder / place)
    _sync_folder(folder / "supplements")
    _sync_folder(folder)
    return manifest.sha256_hex(raw)


def set_derived(folder: Path, files: Sequence[DerivedFile], signer: Signer, now: datetime) -> None:
    """Put these files into ``derived/`` (linked or copied), list them, sign the list; what else lies there is deleted.

    Files that are no longer listed go first and new ones come last, so that a verifier that looks meanwhile finds at
    most the list and its signature a moment apart. Raises BrokenPackage without a package, FileNotFoundError for a file
    that is not there, InvalidPath, other OSError.
    """
    session = _session_of(folder)
    place = folder / "derived"
    place.mkdir(exist_ok=True)
    listed = []
    for item in files:
        described = _described(item.path.parent, item.path.name, "")
        listed.append(
            {
                "path": zipform.check_path(f"derived/{item.name or item.path.name}"),
                "length": described["length"],
                "sha256": described["sha256"],
                "media_type": item.media_type,
                "participant": item.participant,
                "kind": item.kind,
                "start_utc_us": item.start_utc_us,
                "duration_us": item.duration_us,
                "frames": dict(item.frames),
                "from": list(item.originals),
            }
        )
    raw = manifest.canonical(
        {
            "format": manifest.DERIVED_FORMAT,
            "version": manifest.VERSION,
            "session": session,
            "manifest": manifest.sha256_hex((folder / "manifest.json").read_bytes()),
            "made_utc": manifest.utc_text(now),
            "key": signer.key(),
            "files": sorted(listed, key=lambda f: f["path"]),
        }
    )
    kept = {item.name or item.path.name for item in files}
    _write(place / ".list.json", raw)
    _write(place / ".list.sig", signer.sign(raw))
    for path in place.iterdir():
        if path.name not in kept and path.name not in (".list.json", ".list.sig", "list.json", "list.sig"):
            path.unlink()
    (place / ".list.json").rename(place / "list.json")
    (place / ".list.sig").rename(place / "list.sig")
    for item in files:
        target = place / (item.name or item.path.name)
        if target != item.path and not target.exists():
            _copy(item.path, target)
    _sync_folder(place)
    _sync_folder(folder)


def head(folder: Path) -> str:
    """SHA-256 of the last supplement or of the manifest: what is published outside. Raises BrokenPackage."""
    numbers = _supplements(folder)
    path = folder / "supplements" / numbers[-1] / "supplement.json" if numbers else folder / "manifest.json"
    try:
        return manifest.sha256_hex(path.read_bytes())
    except OSError as error:
        raise BrokenPackage(f"not a package: {error}") from error


def export_zip(folder: Path, target: Path, derived: bool = False) -> int:
    """Write the canonical ZIP of a package; returns its length. Appears at once under ``target``.

    ``derived``: with the replay files. Raises BrokenPackage, InvalidPath, OSError.
    """
    _session_of(folder)
    entries = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        hidden = any(part.startswith(".") for part in name.split("/"))  # unfinished work of another process
        if path.is_file() and not hidden and (derived or not name.startswith("derived/")):
            entries.append(zipform.entry_of(name, path))
    temporary = target.with_name(f".{target.name}.new")
    try:
        with temporary.open("wb") as file:
            length = zipform.write_zip(file, entries)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(target)
    finally:
        temporary.unlink(missing_ok=True)
    return length


# --- inner -----------------------------------------------------------------------------------------------------------


def _take_track(
    building: Path, track: TrackFile, files: list[dict[str, Any]], problems: list[tuple[str, str]]
) -> dict[str, Any]:
    name: str | None = f"journals/{track.path.name}"
    state = track.state
    try:
        described = _take(building, f"journals/{track.path.name}", "journal", track.path)
    except FileNotFoundError:
        name, state = None, "missing"
        problems.append(("journal_missing", track.path.name))
    else:
        files.append(described)
        if track.path.name.endswith(".damaged"):
            state = "damaged"
        if track.sha256 and track.sha256 != described["sha256"]:
            problems.append(("journal_changed", track.path.name))
            state = "damaged"
        elif state == "damaged":
            problems.append(("journal_damaged", track.path.name))
    return {
        "file": name,
        "participant": track.participant,
        "source": track.source,
        "part": track.part,
        "state": state,
        "first_utc_us": track.first_utc_us,
        "last_utc_us": track.last_utc_us,
        "packets": track.packets,
        "lost_bytes": track.lost_bytes,
    }


def _take(building: Path, name: str, kind: str, source: Path) -> dict[str, Any]:
    zipform.check_path(name)
    _copy(source, building / name)
    return _described(building, name, kind)


def _copy(source: Path, target: Path) -> None:
    # A link costs nothing and finished journals are never written again; other file systems need a copy.
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(source, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())


def _described(root: Path, name: str, kind: str) -> dict[str, Any]:
    path = root / name
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"path": name, "kind": kind, "length": file.tell(), "sha256": digest}


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _supplements(folder: Path) -> list[str]:
    place = folder / "supplements"
    return sorted(p.name for p in place.iterdir() if p.is_dir()) if place.is_dir() else []


def _manifest_of(folder: Path) -> dict[str, Any]:
    try:
        stated: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())
        stated["session"], stated["files"]
        return stated
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BrokenPackage(f"not a package: {error}") from error


def _session_of(folder: Path) -> str:
    return str(_manifest_of(folder)["session"])


def _problems_in(stated: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    bad = [track for track in stated["tracks"] if track["state"] in ("missing", "damaged")]
    return tuple((f"journal_{track['state']}", str(track["file"] or "").rpartition("/")[2]) for track in bad)


def _locked(raw: bytes, problems: tuple[tuple[str, str], ...]) -> Locked:
    stated = json.loads(raw)
    return Locked(
        manifest_sha256=manifest.sha256_hex(raw),
        key_id=stated["key"]["id"],
        complete=stated["complete"],
        lost_s=stated["lost_us"] / 1e6,
        gaps=tuple(Gap(**gap) for gap in stated["gaps"]),
        length=sum(file["length"] for file in stated["files"]),
        problems=problems,
    )

"""A package with everything that one can have, and changes of single bytes in it."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rooms import manifest, package
from rooms.manifest import Gap
from rooms.package import DerivedFile, PaperFile, TrackFile
from rooms.signing import Signer

VECTORS = Path(__file__).parents[1] / "data" / "formats"
SESSION, PERSON = "s" * 24, "p" * 24
JOURNAL = f"{PERSON}.mic.1.rnd.dcj"
NOW = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)
SIGNER = Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


def full_package(folder: Path) -> Path:
    """Journal, event log, paper, supplement and replay file, signed by SIGNER; the package's folder."""
    journal = folder / JOURNAL
    folder.mkdir(parents=True, exist_ok=True)
    journal.write_bytes((VECTORS / "journal-1.dcj").read_bytes())
    (folder / "scan").write_bytes(b"%PDF-1.7 made up")
    stated = json.loads((VECTORS / "journal-1.json").read_text())
    bodies = [("session.opened", {}), ("journal.heads", {"files": {JOURNAL: [stated["head"], stated["length"]]}})]
    previous, lines = manifest.NO_EVENT, []
    for number, (kind, body) in enumerate(bodies, start=1):
        line, previous = manifest.event_line(
            session=SESSION, number=number, epoch=1, kind=kind, utc=NOW, body=body, previous=previous
        )
        lines.append(line)
    sha256 = hashlib.sha256(journal.read_bytes()).hexdigest()
    track = TrackFile(path=journal, participant=PERSON, source="mic", part=1, packets=2, sha256=sha256)
    target = folder / "packages" / SESSION
    target.parent.mkdir()
    papers = [PaperFile(folder / "scan", "paper1.pdf")]
    gaps = [Gap(PERSON, "mic", 1, 2, "mute")]
    package.lock_session(target, SESSION, [track], lines, papers, gaps, {}, SIGNER, NOW)
    package.add_supplement(target, "signed_scan", [PaperFile(folder / "scan", "scan.pdf")], {}, SIGNER, NOW)
    (folder / "a.webm").write_bytes(b"webm")
    derived = DerivedFile(folder / "a.webm", "video/webm", PERSON, "replay", 1, 2, {"mic": 3}, [f"journals/{JOURNAL}"])
    package.set_derived(target, [derived], SIGNER, NOW)
    return target


def changes(target: Path, count: int, seed: int) -> Iterator[str]:
    """Change one random byte of one random file, give where, and mend it; every file comes in turn."""
    dice = random.Random(seed)
    paths = sorted(path for path in target.rglob("*") if path.is_file())
    for number in range(count):
        path = paths[number % len(paths)]
        before = path.read_bytes()
        at, change = dice.randrange(len(before)), dice.randrange(1, 256)
        path.unlink()  # it may be a link
        path.write_bytes(before[:at] + bytes([before[at] ^ change]) + before[at + 1 :])
        yield f"{path.relative_to(target)} at {at}"
        path.write_bytes(before)


def changed_zips(data: bytes, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """The ZIP with one random byte changed."""
    dice = random.Random(seed)
    for _ in range(count):
        at, change = dice.randrange(len(data)), dice.randrange(1, 256)
        yield f"ZIP at {at}", data[:at] + bytes([data[at] ^ change]) + data[at + 1 :]

"""What a restore brought back although it was disposed of: noticed every night, removed again by ``diemcau disposals``.

Copies outside the file store (spools of relays, journals put together, cached ZIPs, shipped journals) are looked for,
too: a certificate has only their names.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rooms import destruction, redisposal
from rooms.certificates import Certificate, parse
from rooms.errors import Invalid, RoomsError
from rooms.redisposal import There
from web import certificates, logs
from web.disposing import copies_of, remove_outside
from web.hub import Hub

log = logs.get("redisposing")


def there_again(hub: Hub, one: Certificate) -> list[There]:
    """What of a certificate is there again: in folder and store, in spools, caches and copies. Raises StorageFailed."""
    found = redisposal.there_again(hub.files, hub.store, one)
    with hub.database.read() as db:
        found += [There(copy.place, copy.session_id, copy.path.name) for copy in copies_of(hub, db, one.sessions)]
    return found + [There("shipped", name, name) for name in one.sessions if hub.copies.lengths(name)]


def destroy_again(hub: Hub, one: Certificate, signature: bytes) -> tuple[int, bool]:
    """Remove what a certificate says is gone, as the disposal did: how many things were there, and whether the database
    had forgotten it. The certificate stands; a forgotten one is taken in again. Goes on where it was interrupted.

    Raises Conflict disposal.held, certificate.other, StorageFailed.
    """
    count = len(there_again(hub, one))
    with hub.database.write() as db:
        forgotten = redisposal.is_open(db, one)
        lines = redisposal.begin(db, one, signature, count, hub.now(), copies_of(hub, db, one.sessions))
    if not count and not forgotten:
        return 0, False
    remove_outside(hub, lines)
    destruction.remove(hub.files, lines, lambda done: None)
    with hub.database.write() as db:
        redisposal.end(db, one)
    log.info("disposed again", disposal=one.disposal, found=count)
    return count, forgotten


def findings(hub: Hub) -> Iterator[dict[str, str]]:
    """For the nightly report: what certificates say is gone and is there; certificates outside that the database has
    forgotten, or that cannot be believed. Raises StorageFailed."""
    after = ""
    while True:
        with hub.database.read() as db:
            kept = redisposal.kept(db, after)
        if not kept:
            break
        after = kept[-1][0]
        for name, raw, _ in kept:
            try:
                one = parse(raw)
            except Invalid:
                yield {"code": "certificate_bad", "kind": "certificate", "session": "", "path": f"{name}.json"}
                continue
            for there in there_again(hub, one):
                yield {"code": "disposed_there", "kind": there.kind, "session": there.session, "path": there.path}
    if hub.config.certificates is not None:
        yield from _outside_findings(hub, hub.config.certificates)


def _outside_findings(hub: Hub, folder: Path) -> Iterator[dict[str, str]]:
    try:
        lying = list(certificates.read_out(folder))
    except OSError as error:
        log.warning("certificates not read", reason=type(error).__name__)
        return
    for name, raw, signature in lying:
        finding = {"kind": "certificate", "session": "", "path": name}
        try:
            one = certificates.believed(hub, raw, signature)
        except RoomsError:
            yield {**finding, "code": "certificate_bad"}
            continue
        with hub.database.read() as db:
            if redisposal.is_open(db, one):
                yield {**finding, "code": "disposal_forgotten"}

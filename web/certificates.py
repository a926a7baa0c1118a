"""Certificates of disposal outside the hub: written into a folder that others keep, read back, believed when signed.

A database that was restored has forgotten the disposals that came after its backup; only these tell
(docs/operations.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rooms import certificates, redisposal, signing
from rooms.certificates import Certificate
from web import logs, publish
from web.hub import Hub

log = logs.get("certificates")


def send_out(hub: Hub) -> int:
    """Write the certificates that are not in HUB_CERTIFICATES yet; how many. A folder that is away is logged, and tried
    again every hour (``web.jobs.expire``)."""
    folder = hub.config.certificates
    if folder is None:
        return 0
    sent, after = 0, ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        while True:
            with hub.database.read() as db:
                rows = redisposal.kept(db, after)
            if not rows:
                return sent
            after = rows[-1][0]
            for name, certificate, signature in rows:
                if not (folder / f"{name}.json").exists():
                    publish.write(folder / f"{name}.sig", signature)
                    publish.write(folder / f"{name}.json", certificate)
                    sent += 1
    except OSError as error:
        log.warning("certificates not written out", reason=type(error).__name__)
        return sent


def read_out(folder: Path) -> Iterator[tuple[str, bytes, bytes]]:
    """Certificates that lie in a folder: name, bytes, signature (empty where it is missing). Raises OSError."""
    for path in sorted(folder.glob("*.json")):
        signature = path.with_suffix(".sig")
        yield path.name, path.read_bytes(), signature.read_bytes() if signature.exists() else b""


def believed(hub: Hub, raw: bytes, signature: bytes, more: Sequence[bytes] = ()) -> Certificate:
    """A certificate that came from outside, if one of the hub's keys signed it (or one of ``more``).

    Raises Invalid certificate.malformed, certificate.bad_signature, certificate.foreign_signer.
    """
    one = certificates.parse(raw)
    certificates.check(one, signature, [*signing.raw_keys(hub.config.data / "keys"), *more])
    return one

"""Commands about what was disposed of and may be there again after a restore."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from rooms import redisposal, verifier
from rooms.errors import Conflict, Invalid
from web import certificates, redisposing
from web.hub import Hub

AT_ONCE = 20


async def kept(hub: Hub, after: str = "") -> dict[str, Any]:
    """Some certificates of the database, from the id ``after`` on; none when there are no more."""

    def work() -> dict[str, Any]:
        with hub.database.read() as db:
            rows = redisposal.kept(db, after, AT_ONCE)
        return {
            "certificates": [
                {"disposal": name, "certificate": raw.decode(), "signature": signature.hex()}
                for name, raw, signature in rows
            ]
        }

    return await asyncio.to_thread(work)


async def again(
    hub: Hub, certificate: str, signature: str, keys: Sequence[str] = (), look: bool = False
) -> dict[str, Any]:
    """Remove what one certificate says is gone; ``look``: only say what is there. ``keys``: further trusted public
    keys (PEM). ``state``: gone (nothing is there), there, forgotten (by the database), removed, refused (``error``)."""

    def work() -> dict[str, Any]:
        try:
            more = [raw for pem in keys for raw in verifier.keys_of(pem)]
            one = certificates.believed(hub, certificate.encode(), _bytes(signature), more)
            if not look:
                count, taken_in = redisposing.destroy_again(hub, one, _bytes(signature))
                return _told(one.disposal, "removed" if count or taken_in else "gone", count)
            count = len(redisposing.there_again(hub, one))
            with hub.database.read() as db:
                forgotten = redisposal.is_open(db, one)
            return _told(one.disposal, "forgotten" if forgotten else "there" if count else "gone", count)
        except (Invalid, Conflict) as error:
            return {**_told("", "refused", 0), "error": error.code, "message": str(error)}

    return await asyncio.to_thread(work)


def _told(disposal: str, state: str, count: int) -> dict[str, Any]:
    return {"disposal": disposal, "state": state, "found": count}


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise Invalid("certificate.bad_signature", "The signature does not fit this certificate.") from error

"""Several apps on one database: whose a session is, and how an app has something done by the one that owns it.

Ownership is the epoch on the session's row; who lives is a hint (``Peers``). A session of a living app is left to it:
its operations are carried out there (``call``). The session of a dead one is taken by compare-and-set, so that of
several apps one gets it. A wrong hint costs a takeover, never the log: who lost the epoch can write nothing any more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from rooms.errors import RoomsError
from signaling.errors import NotAllowed, Refusal, RequestRefused, SignalingError, Unavailable

Operation = Callable[..., Awaitable[Any]]
"""Something an app does with a session that it owns. Arguments and result are JSON values."""


class Elsewhere(Unavailable):
    """Another app owns the session and lives. ``address``: where it is reached."""

    def __init__(self, owner: str, address: str) -> None:
        super().__init__("owner.moved")
        self.owner = owner
        self.address = address


class Peers(Protocol):
    """The other apps of the hub."""

    alone: bool
    """There is no other app: every other owner is one of before."""

    async def address_of(self, owner: str) -> str:
        """Where an app is reached, "" when it is dead. Raises Unavailable when that cannot be known."""

    async def others(self) -> list[Elsewhere]:
        """All other apps that live. Raises Unavailable when that cannot be known."""

    async def call(self, there: Elsewhere, operation: str, arguments: Mapping[str, Any]) -> Any:
        """Have the owner carry out an operation; its result. Raises what the operation raises, and Unavailable."""


class NoPeers:
    """One app by itself."""

    alone = True

    async def address_of(self, owner: str) -> str:
        """Whoever that was is gone."""
        return ""

    async def others(self) -> list[Elsewhere]:
        """There is nobody."""
        return []

    async def call(self, there: Elsewhere, operation: str, arguments: Mapping[str, Any]) -> Any:
        """There is nobody."""
        raise there


class Operations:
    """What may be asked of an app by name, by its own routes and by other apps."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers
        self._named: dict[str, Operation] = {}

    def add(self, name: str, operation: Operation) -> None:
        """Name an operation; it raises ``Elsewhere`` when the session is another app's."""
        self._named[name] = operation

    async def do(self, name: str, **arguments: Any) -> Any:
        """Carry it out, here or at the session's owner."""
        try:
            return await self._named[name](**arguments)
        except Elsewhere as there:
            return await self._peers.call(there, name, arguments)

    async def do_here(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """Another app asks: carry it out here or not at all. Raises SignalingError for an unknown name too."""
        operation = self._named.get(name)
        if operation is None:
            raise SignalingError("internal", "There is no such operation.")
        return await operation(**arguments)


def as_told(error: SignalingError | RoomsError) -> dict[str, Any]:
    """An error as one app tells it to another."""
    kinds: tuple[tuple[type[Exception], str], ...] = (
        (NotAllowed, "not_allowed"), (RequestRefused, "refused"), (Unavailable, "unavailable"),
        (SignalingError, "signaling"),
    )  # fmt: skip
    kind = next((name for one, name in kinds if isinstance(error, one)), "rooms")
    return {"kind": kind, "code": error.code, "message": error.message, "values": dict(error.values)}


def as_raised(told: Mapping[str, Any]) -> SignalingError | RoomsError:
    """The error that another app told."""
    code, message = str(told.get("code", "internal")), str(told.get("message", ""))
    values = {str(key): value for key, value in dict(told.get("values") or {}).items()}
    match told.get("kind"):
        case "not_allowed":
            return NotAllowed(code, message, **values)
        case "refused":
            return RequestRefused(Refusal(code, values))
        case "unavailable":
            return Unavailable(code, message, **values)
        case "rooms":
            return RoomsError(code, message, **values)
    return SignalingError(code, message, **values)


__all__ = ["Elsewhere", "NoPeers", "Operation", "Operations", "Peers", "as_raised", "as_told"]

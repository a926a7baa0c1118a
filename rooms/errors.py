"""What can go wrong in the domain, as one tree.

    RoomsError
      NotFound            not_found               missing, or not for this actor: the same answer (design 7)
      Forbidden           forbidden               the actor sees the object but may not do this
      Conflict            conflict                somebody else changed it first
        WrongState        <noun>.wrong_state      the step does not fit the state: visit, session, minutes, sitting, ...
        StaleEpoch        session.stale_epoch     another app owns the session
      Invalid             <noun>.<what>           a value that cannot be taken: paper.wrong_type, paper.too_large, ...
      LoginRefused        login.wrong, login.slow_down, login.inactive
      TicketRefused       ticket.unknown, ticket.expired, ticket.used
      StorageFailed       storage.full, storage.failed, database.busy, database.unavailable

``code`` is stable and meant for programs; ``message`` is a plain English sentence that the web layer translates by
its code, with ``values`` for the blanks. Neither holds personal data.
"""

from __future__ import annotations

from typing import Any


class RoomsError(Exception):
    """Base. ``code``: stable. ``message``: English sentence. ``values``: numbers and field names for the sentence."""

    code = "error"
    message = "The request could not be carried out."

    def __init__(self, code: str = "", message: str = "", **values: Any) -> None:
        self.code = code or type(self).code
        self.message = message or type(self).message
        self.values = values
        super().__init__(f"{self.code}: {self.message}")


class NotFound(RoomsError):
    """The object does not exist for this actor."""

    code = "not_found"
    message = "There is no such entry, or it is not open to you."


class Forbidden(RoomsError):
    """The actor may see the object, but not do this to it."""

    code = "forbidden"
    message = "You do not have the right to do this."


class Conflict(RoomsError):
    """Somebody else changed the object meanwhile; reload and try again."""

    code = "conflict"
    message = "Someone else changed this in the meantime. Please reload."


class WrongState(Conflict):
    """``noun``.wrong_state: the step does not fit the object's state. ``values['state']`` is that state."""

    def __init__(self, noun: str, state: str, message: str = "") -> None:
        super().__init__(f"{noun}.wrong_state", message or f"This step does not fit the state {state}.", state=state)


class StaleEpoch(Conflict):
    """Another app has taken the session: this one must let go of it."""

    code = "session.stale_epoch"
    message = "The session is run by another server now."


class Invalid(RoomsError):
    """A value cannot be taken. ``values['field']`` names the form field where there is one."""

    code = "invalid"
    message = "This value cannot be accepted."


class LoginRefused(RoomsError):
    """The log-in is refused; wrong name and wrong password are the same answer."""

    code = "login.wrong"
    message = "The user name or the password is wrong."


class TicketRefused(RoomsError):
    """A ticket that is unknown, used or out of date."""

    code = "ticket.unknown"
    message = "This access link is not valid any more."


class StorageFailed(RoomsError):
    """Disk or database do not take the data. ``storage.full`` when there is no room left."""

    code = "storage.failed"
    message = "The data could not be stored."

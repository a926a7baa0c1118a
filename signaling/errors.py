"""What signaling answers when it cannot do what was asked.

    Refusal (a value)           a request that the room's rules turn down; becomes an ``error`` message
    SignalingError
      PeerError                 the other side's fault: answered, perhaps closed
        RequestRefused          carries a Refusal
        NotAllowed              token wrong, expired or withdrawn        -> closed with 4003
        ProtocolError           not our protocol                         -> closed with 4005
      Unavailable               nobody's fault: try again                db.away, relay.none, relay.away
      UsageError                our own mistake: raised, never answered

Every code has an English sentence here; ``web`` translates by the code. docs/protocol.md lists them all, and a test
holds the two together. Neither codes nor sentences hold personal data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

SENTENCES: dict[str, str] = {
    "message.too_long": "The message is too long.",
    "message.malformed": "The message could not be read.",
    "message.unknown": "The hub does not know this message.",
    "protocol.version": "This page is out of date. Please load it again.",
    "protocol.hello_first": "The first message must say who you are.",
    "flood": "Too many messages in a short time.",
    "ticket.refused": "The invitation has expired or was already used. Please open the page again.",
    "session.unknown": "There is no such session, or it is not open to you.",
    "session.over": "The session has ended.",
    "session.wrong_state": "This step does not fit the present state of the session.",
    "session.not_reopenable": "The time to go on with this session has passed.",
    "session.restricted": "This session was turned into a denunciation and is not recorded any more.",
    "right.missing": "You do not have the right to do this.",
    "right.buttons": "Only the operator in charge can do this.",
    "participant.unknown": "There is no such participant in this session.",
    "participant.wrong_state": "This step does not fit the present state of the participant.",
    "participant.removed": "Your part in this session has ended.",
    "participant.not_admitted": "You have not been admitted yet.",
    "participant.cannot_send": "You cannot send this kind of picture or sound.",
    "people.invalid": "The list of people could not be accepted.",
    "person.unknown": "There is no such person at this point.",
    "notice.not_read": "Read the notice aloud first.",
    "record.reason_needed": "Somebody objects to the recording: write down what the chair decided and why.",
    "record.not_on": "There is no recording to begin anew.",
    "record.no_room": "The disk has not enough room left for a recording. Make room, or start without recording.",
    "break.not_asked": "There is no break to be decided about any more.",
    "record.no_change": "The recording is already in this mode.",
    "reason.too_long": "The reason is too long.",
    "reason.needed": "Please give a reason; it goes into the log of the session.",
    "sidetalk.too_few": "A side talk needs at least two participants who are in the session.",
    "ring.unknown": "Nobody is being called there.",
    "ring.already": "This point is being called already.",
    "site.unknown": "There is no such point, or it is not open to you.",
    "minutes.not_writer": "Somebody else is writing the minutes.",
    "minutes.frozen": "The minutes are frozen.",
    "minutes.changed": "Somebody else changed this section in the meantime.",
    "text.too_long": "The text is too long.",
    "visit.unknown": "There is no such visit, or it is not open to you.",
    "db.away": "The database cannot be reached just now. Picture and sound go on; please try again in a moment.",
    "relay.none": "No media server is available just now. Please try again in a moment.",
    "relay.away": "The media server cannot be reached just now. Please try again in a moment.",
    "relay.timeout": "The media server did not answer in time.",
    "sdp.refused": "The media server could not accept the offer.",
    "sdp.no_common_codec": "This device and the hub have no picture or sound format in common.",
    "sdp.malformed": "The offer could not be read.",
    "sdp.too_long": "The offer is too long.",
    "sdp.no_bundle": "The device must send everything over one connection (BUNDLE, rtcp-mux).",
    "unknown_peer": "The connection to the media server has ended; it is being opened again.",
    "relay_full": "The media server is full just now. Please try again in a moment, or tell the administrator.",
    "relay_error": "The media server could not do this. Please try again in a moment.",
    "owner.moved": "The session is run by another server now. Please come back in a second.",
    "internal": "Something went wrong at the hub. Nothing was changed.",
}

Translate = Callable[[str, str, Mapping[str, Any]], str]
"""``translate(code, english, values)``: the sentence in the language of one user."""


def english(code: str, sentence: str, values: Mapping[str, Any]) -> str:
    """The translation that translates nothing."""
    return sentence


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is turned down. ``values`` fill blanks of the sentence; never personal data."""

    code: str
    values: Mapping[str, Any] = field(default_factory=dict)


class SignalingError(Exception):
    """Base. ``code`` is stable, ``message`` the English sentence."""

    code = "internal"

    def __init__(self, code: str = "", message: str = "", **values: Any) -> None:
        self.code = code or type(self).code
        self.message = message or SENTENCES.get(self.code, SENTENCES["internal"])
        self.values = values
        super().__init__(f"{self.code}: {self.message}")


class PeerError(SignalingError):
    """The other side's fault."""


class RequestRefused(PeerError):
    """The room's rules turn the request down."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code, **dict(refusal.values))
        self.refusal = refusal


class NotAllowed(PeerError):
    """The token is wrong, expired, or the right was withdrawn."""

    code = "ticket.refused"


class ProtocolError(PeerError):
    """The other side does not speak our protocol."""

    code = "message.malformed"


class Unavailable(SignalingError):
    """Nobody's fault; the same request may succeed in a moment."""

    code = "relay.away"


class UsageError(SignalingError):
    """Our own mistake."""

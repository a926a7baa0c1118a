"""What a page and the hub say to each other over a session's websocket (``/ws/session/{id}``), and what all messages
have in common. Over the hub channel: ``signaling.devicemessages``. ``docs/protocol.md`` has one heading per message; a
test holds them together.

JSON text frames, one message each, tagged by ``type``. Sizes are bounded before decoding. A request that carries
``req`` is answered by ``done``, ``answer`` or ``error`` with the same ``req``.
Times called ``utc`` are UNIX seconds; ``at_s`` are seconds on the session's clock (0 = session opened).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec

from media.messages import MAX_VIEWS, Line, RecordMode, Source, View

T = TypeVar("T")

PROTOCOL_VERSION = 1
MAX_MESSAGE = 64 * 1024

NoticeAnswer = Literal["heard", "objects", "wants_own_recording"]
"""What a person said to the notice that the session is recorded (design 6)."""

CLOSE_REPLACED = 4001  # a newer socket of the same device took over; do not retry
CLOSE_NOT_ALLOWED = 4003  # token wrong, expired, or right withdrawn; do not retry
CLOSE_ENDED = 4004  # the session is over
CLOSE_PROTOCOL = 4005  # not our protocol; do not retry
CLOSE_FLOOD = 4008  # too many messages
CLOSE_AGAIN = 4013  # hub is going down or owner moved: come back in a second


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True):
    """Base of every message; ``type`` is the class name in lower case with underscores."""


def tag_of(name: str) -> str:
    """``type`` of a message class."""
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")


class Request(Message, frozen=True):
    """A message that is answered; ``req`` is chosen by the page and comes back in the answer."""

    req: str


# --- page to hub: session socket -------------------------------------------------------------------------------------


class Hello(Message, frozen=True, tag=tag_of):
    """First message. ``token`` is the one-time ticket from the page; ``device`` the enrolled device's id;
    ``last_event`` the number of the last log event seen, to get what was missed (0: everything)."""

    version: int
    token: str
    device: str
    last_event: int = 0


class Publish(Request, frozen=True, tag=tag_of):
    """Offer of the publish leg; ``sources`` maps mid to source. ``restart``: only ICE starts again, on the same leg."""

    sdp: str
    sources: dict[str, Source] = {}
    restart: bool = False


class Subscribe(Request, frozen=True, tag=tag_of):
    """Open the subscribe leg; ``offer`` messages follow. ``restart``: only ICE starts again, on the same leg."""

    restart: bool = False


class SubscribeAnswer(Message, frozen=True, tag=tag_of):
    """Answer to ``offer`` number ``offer``."""

    offer: int
    sdp: str


class Unpublish(Request, frozen=True, tag=tag_of):
    """Stop the publish leg."""


class SetSource(Request, frozen=True, tag=tag_of):
    """I switched my own microphone, camera or sharing on or off. Enforced in the relay as a mute."""

    source: Source
    on: bool


class Hand(Request, frozen=True, tag=tag_of):
    """Raise or lower my hand."""

    up: bool


class People(Request, frozen=True, tag=tag_of):
    """Who sits before the camera of ``participant`` (own point, or the operator for any)."""

    participant: str
    people: tuple[dict[str, str], ...]


class Admit(Request, frozen=True, tag=tag_of):
    """Operator: let a waiting participant in."""

    participant: str


class SendBack(Request, frozen=True, tag=tag_of):
    """Operator: back to the waiting room."""

    participant: str
    reason: str = ""


class Remove(Request, frozen=True, tag=tag_of):
    """Operator: end this participant's part in the session."""

    participant: str
    reason: str = ""


class Mute(Request, frozen=True, tag=tag_of):
    """Operator: mute a source of a participant (or lift that mute)."""

    participant: str
    source: Source
    on: bool = True


class Protect(Request, frozen=True, tag=tag_of):
    """Operator: "Không ghi điểm cầu này": from now on nothing of it reaches the disk; lifting it takes a reason."""

    participant: str
    on: bool = True
    reason: str = ""


class Ring(Request, frozen=True, tag=tag_of):
    """Operator: "Gọi điểm cầu": ring a further site into the session."""

    site: str


class CancelRing(Request, frozen=True, tag=tag_of):
    """Operator: stop ringing a site."""

    site: str


class ReadNotice(Request, frozen=True, tag=tag_of):
    """Operator: the notice has been read aloud."""


class AnswerNotice(Request, frozen=True, tag=tag_of):
    """A person's answer to the notice. ``person`` is a label of the point's list ("" for the point as a whole)."""

    participant: str
    answer: NoticeAnswer
    person: str = ""


class Start(Request, frozen=True, tag=tag_of):
    """Operator: start the session with the record mode chosen by the chair."""

    record: RecordMode
    reason: str = ""


class SetRecord(Request, frozen=True, tag=tag_of):
    """Operator: change the record mode while the session runs."""

    record: RecordMode
    reason: str = ""


class RestartRecord(Request, frozen=True, tag=tag_of):
    """Operator: begin a new part of the record in the same mode, on new journals, after an alarm."""

    reason: str = ""


class AnswerBreak(Request, frozen=True, tag=tag_of):
    """Operator: what the chair decided about a break that lasted longer than the rules allow. ``continue``: go on, the
    break stays noted; ``repeat``: what was lost is said again; ``adjourn``: stop here and meet another time."""

    answer: Literal["continue", "repeat", "adjourn"]


class Pause(Request, frozen=True, tag=tag_of):
    """Operator: suspend; nobody hears or sees anybody, nothing is written."""

    reason: str = ""


class Resume(Request, frozen=True, tag=tag_of):
    """Operator: go on after a pause, or within 15 minutes after closing."""


class SideTalk(Request, frozen=True, tag=tag_of):
    """Operator: "Hội ý (không ghi)": the named participants talk among themselves, unrecorded; empty ends it."""

    participants: tuple[str, ...] = ()


class Close(Request, frozen=True, tag=tag_of):
    """Operator: end the session."""

    lock: bool = False


class NextVisit(Request, frozen=True, tag=tag_of):
    """Operator: close this visit's session and take the sitting's next visit with the same connections."""

    visit: str


class TakeOver(Request, frozen=True, tag=tag_of):
    """Another entitled operator takes the buttons."""


class ToDenunciation(Request, frozen=True, tag=tag_of):
    """ "Chuyển sang tố cáo": cut the point off from all others at once, stop and restrict the record (design 7)."""

    participant: str


class Leave(Request, frozen=True, tag=tag_of):
    """I leave the session."""


class Bookmark(Request, frozen=True, tag=tag_of):
    """Mark this moment."""

    text: str = ""


class MinutesTake(Request, frozen=True, tag=tag_of):
    """ "Nhận quyền ghi": become the one who writes the minutes."""


class MinutesLine(Request, frozen=True, tag=tag_of):
    """Write a time-coded line; ``line`` names an earlier line to correct."""

    text: str
    speaker: str = ""
    at_s: float | None = None
    line: str = ""


class MinutesSection(Request, frozen=True, tag=tag_of):
    """Write a free-text section of the form (TCD_20); ``base`` is the section's version that was edited."""

    section: str
    text: str
    base: int


class MinutesFreeze(Request, frozen=True, tag=tag_of):
    """Freeze the minutes after they were read back."""


class Chat(Request, frozen=True, tag=tag_of):
    """A line to the other officials; refused unless the session allows it."""

    text: str


class Views(Message, frozen=True, tag=tag_of):
    """How large this page shows each picture it receives, all of them, in pixels of the screen; 0 by 0 while hidden.
    The relay sends layers to match."""

    views: Annotated[tuple[View, ...], msgspec.Meta(max_length=MAX_VIEWS)]


class Seen(Message, frozen=True, tag=tag_of):
    """Quality as the page sees it, every 10 s: numbers of its getStats, for log and board. ``pictures``: frames that it
    decoded, of all others together; -1: not told. ``limited``: its browser sends less than it would for want of
    line."""

    freezes: int = 0
    frozen_s: float = 0.0
    concealed: float = 0.0
    received_bps: int = 0
    sent_bps: int = 0
    rtt_s: float = 0.0
    pictures: int = -1
    limited: bool = False


class Ping(Message, frozen=True, tag=tag_of):
    """Alive; answered by ``pong``."""

    n: int = 0


FromPage = (
    Hello | Publish | Subscribe | SubscribeAnswer | Unpublish | SetSource | Hand | People | Admit | SendBack | Remove
    | Mute | Protect | Ring | CancelRing | ReadNotice | AnswerNotice | Start | SetRecord | RestartRecord
    | AnswerBreak | Pause | Resume | SideTalk
    | Close | NextVisit | TakeOver | ToDenunciation | Leave | Bookmark | MinutesTake | MinutesLine | MinutesSection
    | MinutesFreeze | Chat | Views | Seen | Ping
)  # fmt: skip


# --- hub to page: session socket -------------------------------------------------------------------------------------


class ParticipantView(msgspec.Struct, frozen=True, kw_only=True):
    """A participant as a page may see it. ``state``: invited, ringing, waiting, admitted, joined, lost, left,
    removed. ``name`` is the place ("Điểm cầu Lục Ngạn"). ``line``: "", good, weak, sound_only, lost.
    ``protected``: nothing of it is recorded. ``apart``: on the other side of a side talk, so that the viewer gets
    neither its picture nor its sound. ``narrow``: the ways of its line that carry less than there is to send, so that
    pictures rest or come smaller ("up": its own to others, "down": those of others to it)."""

    participant: str
    name: str
    site: str
    role: Literal["operator", "point", "guest", "viewer"]
    state: str
    publishes: tuple[Source, ...] = ()
    muted: tuple[Source, ...] = ()
    muted_by_operator: tuple[Source, ...] = ()
    hand: bool = False
    people: tuple[dict[str, str], ...] = ()
    notice: NoticeAnswer | None = None
    line: str = ""
    protected: bool = False
    apart: bool = False
    narrow: tuple[Literal["up", "down"], ...] = ()


class RingView(msgspec.Struct, frozen=True, kw_only=True):
    """A site that is being rung: who is asked now. ``stage``: duty, substitute, phone (then ``phone`` is to be dialled
    by hand, nobody else is asked)."""

    ring: str
    site: str
    name: str
    stage: str
    who: str
    phone: str
    since_utc: float


class BreakView(msgspec.Struct, frozen=True, kw_only=True):
    """A break of the record that is put to the chair. ``cause``: relay, line, disk; ``until_utc`` null: it lasts."""

    since_utc: float
    until_utc: float | None
    cause: str
    participants: tuple[str, ...]


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """A session as a page may see it. ``state``: planned, open, running, suspended, closed, locked.
    ``recording`` is true only when the first bytes of every expected track are on disk. ``side_talk`` names who takes
    part, for them and the operators; ``side_talk_on`` tells everybody that there is one. ``rings``: for operators.
    ``unsaved``: events that have taken effect and wait for the database. ``question``: for operators."""

    session: str
    number: str
    title: str
    state: str
    record: RecordMode
    recording: bool
    record_since_utc: float | None
    opened_utc: float
    started_utc: float | None
    closed_utc: float | None
    operator: str
    chair: str
    notice_read: bool
    side_talk: tuple[str, ...]
    side_talk_on: bool
    minutes_writer: str
    minutes_frozen: bool
    training: bool
    chat: bool
    alarms: tuple[str, ...]
    question: BreakView | None
    unsaved: int
    rings: tuple[RingView, ...]
    participants: tuple[ParticipantView, ...]


class TakeGrant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """With what a page seals its own recording while it has no hub (docs/formats.md, Take). ``public``: the hub's point
    on P-256, hex; ``secret``: hex, for this participant alone and never stored; ``limit_s``: longest recording."""

    key: str
    public: str
    grant: str
    secret: str
    limit_s: int


class Welcome(Message, frozen=True, tag=tag_of):
    """Answer to ``hello``: you are ``participant``; ``may`` lists the message types you may send now.
    ``session`` is the whole state; missed log events follow as ``event``. ``utc`` is the hub's clock. ``take``: with
    what this page may record by itself when it loses the hub, null if it may not."""

    version: int
    participant: str
    resume: str
    utc: float
    may: tuple[str, ...]
    session: SessionView
    minutes: dict[str, Any]
    last_event: int
    take: TakeGrant | None = None


class State(Message, frozen=True, tag=tag_of):
    """The state changed: the whole of it again (it is small)."""

    session: SessionView
    may: tuple[str, ...]


class Event(Message, frozen=True, tag=tag_of):
    """One event of the session's log, as far as this participant may see it."""

    number: int
    utc: float
    at_s: float
    kind: str
    body: dict[str, Any]


class MinutesState(Message, frozen=True, tag=tag_of):
    """The minutes as they stand now."""

    minutes: dict[str, Any]


class Done(Message, frozen=True, tag=tag_of):
    """The request succeeded."""

    req: str
    body: dict[str, Any] = {}


class Answer(Message, frozen=True, tag=tag_of):
    """The relay's answer to ``publish``."""

    req: str
    sdp: str


class Offer(Message, frozen=True, tag=tag_of):
    """The relay's offer for the subscribe leg; ``lines`` tells whose source each section carries."""

    offer: int
    sdp: str
    lines: tuple[Line, ...]


class Layers(Message, frozen=True, tag=tag_of):
    """Of my own ``source`` only these rids are wanted now; the rest may rest. Repeated every 10 s."""

    source: Source
    rids: tuple[str, ...]


class Crosstalk(Message, frozen=True, tag=tag_of):
    """Rooms that hear each other: (the one that hears it louder, the one whose microphone should go off). Operators get
    all, a point its own; none: it is over. Repeated every 10 s while it lasts."""

    pairs: tuple[tuple[str, str], ...]


class Figures(Message, frozen=True, tag=tag_of):
    """The figures of all lines over the last 10 s, for operators, in the shape of ``quality.measured``, up to
    ``utc``."""

    utc: float
    points: tuple[dict[str, Any], ...]


class Speaker(Message, frozen=True, tag=tag_of):
    """Who speaks ("" for nobody)."""

    participant: str


class RelayLost(Message, frozen=True, tag=tag_of):
    """The relay is confirmed dead, or a new one took over: open both legs again now."""

    reason: str


class Moved(Message, frozen=True, tag=tag_of):
    """The sitting's next visit: same socket, same legs, another session. A ``welcome`` follows."""

    session: str


class Pong(Message, frozen=True, tag=tag_of):
    """Answer to ``ping``."""

    n: int
    utc: float


class Error(Message, frozen=True, tag=tag_of):
    """A request was refused: stable ``code``, and ``message`` in the user's language. Nothing was changed."""

    code: str
    message: str
    req: str = ""


ToPage = (
    Welcome | State | Event | MinutesState | Done | Answer | Offer | Layers | Crosstalk | Figures | Speaker
    | RelayLost | Moved | Pong | Error
)  # fmt: skip


_from_page: msgspec.json.Decoder[FromPage] = msgspec.json.Decoder(FromPage)
_encoder = msgspec.json.Encoder()


class BadMessage(ValueError):
    """A frame that is too long or not a known message; ``code`` is stable."""

    def __init__(self, code: Literal["message.too_long", "message.malformed", "message.unknown"], detail: str) -> None:
        super().__init__(detail)
        self.code = code


def encode(message: Message) -> str:
    """One message as a text frame."""
    return _encoder.encode(message).decode()


def decode_from_page(frame: str | bytes) -> FromPage:
    """A frame of a session socket. Raises BadMessage."""
    return decode(_from_page, frame)


def decode(decoder: msgspec.json.Decoder[T], frame: str | bytes) -> T:
    """A frame as one of the messages that ``decoder`` knows. Raises BadMessage."""
    if len(frame) > MAX_MESSAGE:
        raise BadMessage("message.too_long", f"more than {MAX_MESSAGE} bytes")
    try:
        return decoder.decode(frame)
    except msgspec.ValidationError as error:
        code = "message.unknown" if "Invalid value" in str(error) and "$.type" in str(error) else "message.malformed"
        raise BadMessage(code, str(error)) from error  # type: ignore[arg-type]
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise BadMessage("message.malformed", str(error)) from error

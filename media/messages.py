"""What an app and a relay say to each other, over one websocket that the relay dials.

JSON text frames, one message each, tagged by ``type``. Unknown fields are refused, sizes are bounded before
decoding. This is the only part of ``media`` that other packages import.

Direction is in the class list at the end: ``ToRelay`` is what an app sends, ``ToApp`` what a relay sends.
Times called ``utc`` are UNIX seconds (UTC, float); times called ``mono`` are the relay's monotonic seconds.
All ids are opaque random strings made by the hub; nothing here names a person or a place (design 1).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec

T = TypeVar("T")

LINK_VERSION = 1
MAX_LINK_MESSAGE = 512 * 1024
MAX_VIEWS = 64

Source = Literal["mic", "camera", "screen", "document"]
"""What a media section carries. ``mic`` is sound; the others are pictures."""

RecordMode = Literal["off", "sound", "full"]
"""What is written: nothing, sound only, sound and picture."""

Leg = Literal["publish", "subscribe"]


class Message(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True, omit_defaults=True
):
    """Base of every link message; ``type`` is the class name in lower case with underscores."""


def _tag(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")


# --- app to relay ---------------------------------------------------------------------------------------------------


class Challenge(Message, frozen=True, tag=_tag):
    """First frame of a link, app to relay: prove the key you enrolled with by signing ``nonce``."""

    version: int
    nonce: str


class Welcome(Message, frozen=True, tag=_tag):
    """The app accepts the relay. ``acked`` is the highest report number this hub has stored for it.
    ``max_source_bps``/``max_viewer_bps``: the most that each picture and each viewer may take, 0: the relay's own."""

    app: str
    utc: float
    acked: int
    max_source_bps: int = 0
    max_viewer_bps: int = 0


class Member(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One participant of a session as the relay needs to know it.

    ``peer``: the peer (device connection) that carries it; None while it is not connected.
    ``publish``: the sources it may send; anything else it sends is dropped.
    ``muted``: sources that are neither forwarded nor written, whatever the device sends.
    ``receives``: participants whose media it gets; None means all others.
    ``record``: False for a protected point: nothing of it reaches the disk.
    """

    participant: str
    peer: str | None = None
    publish: tuple[Source, ...] = ()
    muted: tuple[Source, ...] = ()
    receives: tuple[str, ...] | None = None
    record: bool = True


class Desired(Message, frozen=True, tag=_tag):
    """The whole desired state of one session; sent again whenever anything changes, idempotent.

    A relay remembers the highest ``epoch`` per session and refuses lower ones; within an epoch it ignores a
    ``version`` it has seen. Each change that closes something (mute, pause, removal, record off, protected point)
    is a fence: packets that arrived or were sent before it are neither forwarded, cached nor written afterwards.

    ``state``: "running" forwards among members; "paused" forwards and writes nothing; "closed" ends the session
    on this relay, closes its journals and reports them.
    ``part``: the record's part number; a new number starts new journals (record restarted).
    """

    session: str
    epoch: int
    version: int
    state: Literal["running", "paused", "closed"]
    record: RecordMode = "off"
    part: int = 0
    members: tuple[Member, ...] = ()


class PublishOffer(Message, frozen=True, tag=_tag):
    """A client's offer for its publish leg. ``sources`` maps mid to source; missing mids count by kind
    (first audio is mic, first video is camera). A second offer for the same peer replaces or restarts it.
    ``local``: the client reached the app over loopback, so loopback addresses are announced to it. ``restart``: only an
    ICE restart of the leg that is there; without one it is refused (``unknown_peer``)."""

    req: str
    peer: str
    sdp: str
    sources: dict[str, Source] = {}
    local: bool = False
    restart: bool = False


class SubscribeStart(Message, frozen=True, tag=_tag):
    """Open the subscribe leg of ``peer``: the relay answers ``answer`` (no SDP), then sends ``subscribe_offer`` now
    and at every change. Sent again, it replaces the leg by a new connection. With ``restart`` the leg stays: an offer
    with new ICE credentials follows; refused (``unknown_peer``) without a leg. ``local`` as in ``publish_offer``."""

    req: str
    peer: str
    local: bool = False
    restart: bool = False


class SubscribeAnswer(Message, frozen=True, tag=_tag):
    """The client's answer to ``subscribe_offer`` number ``offer``; stale answers are ignored."""

    peer: str
    offer: int
    sdp: str


class ViewOffer(Message, frozen=True, tag=_tag):
    """A WHEP client's offer: it wants to receive ``participant`` of ``session`` on a peer of its own."""

    req: str
    peer: str
    session: str
    participant: str
    sdp: str
    local: bool = False


class View(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How large a page shows one picture: pixels of its screen, 0 by 0 while it is hidden. ``main``: the large one."""

    participant: str
    source: Source
    width: Annotated[int, msgspec.Meta(ge=0, le=16_384)]
    height: Annotated[int, msgspec.Meta(ge=0, le=16_384)]
    main: bool = False


class Views(Message, frozen=True, tag=_tag):
    """How large ``peer`` shows what it receives, all of it; volatile. It gets layers to match."""

    peer: str
    views: Annotated[tuple[View, ...], msgspec.Meta(max_length=MAX_VIEWS)]


class ClosePeer(Message, frozen=True, tag=_tag):
    """End one leg of a peer, or both (``leg`` None)."""

    peer: str
    leg: Leg | None = None


class Ack(Message, frozen=True, tag=_tag):
    """Reports up to and including ``number`` are stored; the relay may forget them."""

    number: int


class Ask(Message, frozen=True, tag=_tag):
    """Ask for a fresh ``relay_state`` (after a takeover, or for the health page)."""

    req: str


class Drain(Message, frozen=True, tag=_tag):
    """Take no new peers; end when the last session has gone."""


class KeptEvent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One event of a session's log that its relay keeps while the database is away.

    ``epoch``: of the owner under whom it took effect, at ``utc``; ``number``: its place in the log. ``body`` holds
    opaque ids and codes only: text that somebody wrote never comes here.
    """

    epoch: int
    number: int
    kind: str
    utc: float
    body: dict[str, Any]


class KeepEvents(Message, frozen=True, tag=_tag):
    """Keep events of ``session`` on disk; they take the place of all of this epoch after number ``after`` (so that
    sending again, or taking back with none, is safe). ``answer`` comes when they are synced, ``refused`` with
    stale_epoch (a higher one was seen), kept_full or relay_error (the disk)."""

    req: str
    session: str
    epoch: int
    after: int
    events: tuple[KeptEvent, ...] = ()


class ReadKept(Message, frozen=True, tag=_tag):
    """A new owner asks for the session's kept events; from now on lower epochs are refused. Answered by
    ``kept_events``."""

    req: str
    session: str
    epoch: int


class ForgetKept(Message, frozen=True, tag=_tag):
    """The database has the session's events up to ``number``, of this epoch and lower ones. Not answered."""

    session: str
    epoch: int
    number: int


class TimeIs(Message, frozen=True, tag=_tag):
    """The answer to ``ask_time``: ``mono`` as asked, and the app's clock."""

    mono: float
    utc: float


ToRelay = (
    Challenge
    | Welcome
    | Desired
    | PublishOffer
    | SubscribeStart
    | SubscribeAnswer
    | ViewOffer
    | Views
    | ClosePeer
    | Ack
    | Ask
    | Drain
    | KeepEvents
    | ReadKept
    | ForgetKept
    | TimeIs
)


# --- relay to app ---------------------------------------------------------------------------------------------------


class Hello(Message, frozen=True, tag=_tag):
    """First frame of a relay: who it is and proof of its key.

    ``signature``: base64 Ed25519 over ``b"diemcau relay link v1\\n" + nonce + b"\\n" + relay`` (UTF-8).
    ``boot``: random per process start; a new one means that every peer of the old one is gone.
    ``addresses``: announced ``ip:port`` of the media socket. ``sessions``: id -> epoch of what runs here.
    ``kept``: session -> how many events are kept for it; None from a relay that cannot keep any.
    """

    version: int
    relay: str
    signature: str
    boot: str
    pid: int
    addresses: tuple[str, ...]
    sessions: dict[str, int] = {}
    kept: dict[str, int] | None = None


class AskTime(Message, frozen=True, tag=_tag):
    """What does the app's clock say? ``mono`` is the relay's, and comes back with the answer."""

    mono: float


class Answer(Message, frozen=True, tag=_tag):
    """Success of the request ``req``; ``sdp`` where the request was an offer."""

    req: str
    sdp: str = ""


class Refused(Message, frozen=True, tag=_tag):
    """The request ``req`` failed. ``code`` is stable (docs/protocol.md), ``message`` plain English for the log."""

    req: str
    code: str
    message: str


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One media section of a subscribe offer: whose source it carries; participant "" marks an idle section."""

    mid: str
    participant: str
    source: Source


class SubscribeOffer(Message, frozen=True, tag=_tag):
    """The relay's offer for a subscribe leg; ``lines`` tells what each section carries."""

    peer: str
    offer: int
    sdp: str
    lines: tuple[Line, ...]


class Layers(Message, frozen=True, tag=_tag):
    """Of ``source``, which ``peer`` sends in layers, only these rids are wanted now: somebody shows them, or the record
    takes them. Volatile, repeated every 10 s."""

    peer: str
    source: Source
    rids: tuple[str, ...]


class Speaker(Message, frozen=True, tag=_tag):
    """Who speaks loudest in a session now ("" for nobody); volatile, not stored."""

    session: str
    participant: str


class Crosstalk(Message, frozen=True, tag=_tag):
    """Rooms of a session that hear each other: (participant that hears it louder, the one to mute); none: it is over.
    Volatile, repeated every 10 s while it lasts."""

    session: str
    pairs: tuple[tuple[str, str], ...] = ()


class LegQuality(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Quality of one leg over the last period: rates in bit/s, loss 0..1, times in seconds.

    ``loss``: on the line. ``sound_loss``: of packets of sound, what nothing mended. ``rtt_s`` 0: not known. ``layer``:
    of the camera, the layers that come in (publish), or the one of the largest picture that goes out (subscribe).
    ``estimate_bps``: what the line is thought to carry; ``wanted_bps``: what everything would take that could be sent
    on it (subscribe); ``queue_s``: what waits on the line. 0: not known.
    """

    peer: str
    leg: Leg
    session: str = ""
    participant: str = ""
    bitrate_bps: int = 0
    loss: float = 0.0
    rtt_s: float = 0.0
    jitter_s: float = 0.0
    sound_loss: float = 0.0
    layer: str = ""
    estimate_bps: int = 0
    wanted_bps: int = 0
    queue_s: float = 0.0


class Quality(Message, frozen=True, tag=_tag):
    """Line quality of every leg, every 2 s; volatile, not stored. ``spool_free``: bytes left where journals are
    written, -1 not known; ``written_bps``: what they grow by; ``copies_late_s``: for how long no copy could be sent."""

    utc: float
    legs: tuple[LegQuality, ...]
    cpu: float = 0.0
    packets_in: int = 0
    packets_out: int = 0
    dropped: dict[str, int] = {}
    spool_free: int = -1
    written_bps: int = 0
    copies_late_s: float = 0.0


class RelayState(Message, frozen=True, tag=_tag):
    """Answer to ``ask``: what runs here. ``peers``: peer id -> legs that are connected."""

    req: str
    sessions: dict[str, int]
    peers: dict[str, tuple[Leg, ...]]
    spool_free: int


class KeptEvents(Message, frozen=True, tag=_tag):
    """Answer to ``read_kept``: by epoch and number."""

    req: str
    events: tuple[KeptEvent, ...] = ()


# Reports: stored on the relay's disk under a number until an app acknowledges them.


class PeerUp(msgspec.Struct, frozen=True, kw_only=True, tag="peer_up", forbid_unknown_fields=True):
    """A leg finished ICE and DTLS."""

    peer: str
    leg: Leg


class PeerDown(msgspec.Struct, frozen=True, kw_only=True, tag="peer_down", forbid_unknown_fields=True):
    """A leg ended or lost consent. ``reason``: closed, consent, replaced, error."""

    peer: str
    leg: Leg
    reason: str


class SourceLive(msgspec.Struct, frozen=True, kw_only=True, tag="source_live", forbid_unknown_fields=True):
    """Packets of a participant's source arrive (first ones, or again after silence)."""

    participant: str
    source: Source


class SourceSilent(msgspec.Struct, frozen=True, kw_only=True, tag="source_silent", forbid_unknown_fields=True):
    """No packet of a live source for 2 s. ``since`` is the UTC time of the last one."""

    participant: str
    source: Source
    since: float


class TrackWritten(msgspec.Struct, frozen=True, kw_only=True, tag="track_written", forbid_unknown_fields=True):
    """The first bytes of a recorded track are on disk, or those of before after ``write_failed``. ``dropped``: records
    of this journal that were given up because the disk was stuck; 0: all that waited is there."""

    participant: str
    source: Source
    part: int
    file: str
    dropped: int = 0


class TrackClosed(msgspec.Struct, frozen=True, kw_only=True, tag="track_closed", forbid_unknown_fields=True):
    """A journal is finished: ``file`` is its name in the session's spool folder, ``sha256`` hex over the file."""

    participant: str
    source: Source
    part: int
    file: str
    length: int
    sha256: str
    first_utc: float
    last_utc: float
    packets: int


class Heads(msgspec.Struct, frozen=True, kw_only=True, tag="heads", forbid_unknown_fields=True):
    """Every 10 s while recording: journal file -> hash-chain head (hex) and length."""

    files: dict[str, tuple[str, int]]


class WriteFailed(msgspec.Struct, frozen=True, kw_only=True, tag="write_failed", forbid_unknown_fields=True):
    """The record cannot be written. ``code``: disk_full, disk_stalled, disk_error; not_written: media of the track
    arrives, and none of it was written since ``since`` (UTC)."""

    code: str
    file: str = ""
    since: float = 0.0


class SessionEnded(msgspec.Struct, frozen=True, kw_only=True, tag="session_ended", forbid_unknown_fields=True):
    """The session's last journal is closed here; nothing more of it will be reported. ``files``: all its journals."""

    files: tuple[str, ...]


class Recovered(msgspec.Struct, frozen=True, kw_only=True, tag="recovered", forbid_unknown_fields=True):
    """At start the relay found a journal that a dead process left open and closed it at its last whole block."""

    participant: str
    source: Source
    part: int
    file: str
    length: int
    sha256: str
    first_utc: float
    last_utc: float
    packets: int
    lost_bytes: int


ReportBody = (
    PeerUp
    | PeerDown
    | SourceLive
    | SourceSilent
    | TrackWritten
    | TrackClosed
    | Heads
    | WriteFailed
    | SessionEnded
    | Recovered
)


class Report(Message, frozen=True, tag=_tag):
    """One numbered report. Numbers start at 1 per relay and never repeat; the app acknowledges in order.

    ``session`` is "" for peers outside a session."""

    number: int
    session: str
    epoch: int
    utc: float
    body: ReportBody


ToApp = (
    Hello | Answer | Refused | SubscribeOffer | Layers | Speaker | Crosstalk | Quality | RelayState | KeptEvents
    | Report | AskTime
)  # fmt: skip

_to_relay: msgspec.json.Decoder[ToRelay] = msgspec.json.Decoder(ToRelay)
_to_app: msgspec.json.Decoder[ToApp] = msgspec.json.Decoder(ToApp)
_encoder = msgspec.json.Encoder()


class LinkError(ValueError):
    """A link frame that is too long or not a known message; the link is closed."""


def encode(message: ToRelay | ToApp) -> str:
    """One message as a text frame."""
    return _encoder.encode(message).decode()


def decode_to_relay(frame: str | bytes) -> ToRelay:
    """A frame from an app. Raises LinkError."""
    return _decode(_to_relay, frame)


def decode_to_app(frame: str | bytes) -> ToApp:
    """A frame from a relay. Raises LinkError."""
    return _decode(_to_app, frame)


def _decode(decoder: msgspec.json.Decoder[T], frame: str | bytes) -> T:
    if len(frame) > MAX_LINK_MESSAGE:
        raise LinkError("frame too long")
    try:
        return decoder.decode(frame)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise LinkError(str(error)) from error

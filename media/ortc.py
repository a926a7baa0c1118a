"""Which codecs, feedback and header extensions a leg uses: capability matching, no text and no I/O.

Our own preferences live here. VP8 and Opus by default, H.264 (constrained baseline, packetization-mode 1) beside it;
the client's order among them counts. RTX and RED wherever the client has them. Of the ways to tell the bandwidth each
leg has one, both ways: transport-wide feedback if the client has it for its pictures, else REMB (ADR 0013).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from media.errors import SdpError
from media.messages import Source
from media.sdp import (
    ABS_SEND_TIME_URI,
    AUDIO_LEVEL_URI,
    MID_URI,
    PLAYOUT_DELAY_URI,
    RID_URI,
    RRID_URI,
    TRANSPORT_CC_URI,
    Description,
    Format,
    OwnSection,
    Section,
)
from media.types import Codec, ExtensionIds, PublishedMedia, Ssrc

CLOCK_RATES = {"opus": 48_000, "vp8": 90_000, "h264": 90_000}
KINDS = {"opus": "audio", "vp8": "video", "h264": "video"}
VIDEO_FEEDBACK = ("nack", "nack pli", "ccm fir", "goog-remb")
AUDIO_FEEDBACK = ("nack",)
"""NACK for sound: a lost syllable in a hearing counts for more than the 20 ms that asking again costs."""
WIDE = "transport-cc"
"""Transport-wide feedback, besides the others; where it is agreed on it takes the place of REMB."""

_H264 = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
OPUS_WISHES = "minptime=10;useinbandfec=1;usedtx=1"
"""What we ask of whoever sends sound (RFC 7587 6.1): each packet helps to mend the one before, silence costs little."""
START_KBPS = 600
"""What a sender that estimates by itself begins with: Chromium's own 300 kbit/s make a small picture of the first
seconds, and a key frame more when it grows. It takes this word from the answer's fmtp; others skip it."""
OUR_AUDIO = (
    Format(111, "opus", 48_000, 2, OPUS_WISHES, (*AUDIO_FEEDBACK, WIDE)),
    Format(63, "red", 48_000, 2, "111/111"),
)
OUR_VIDEO = (
    Format(96, "vp8", 90_000, 1, "", (*VIDEO_FEEDBACK, WIDE)),
    Format(97, "rtx", 90_000, 1, "apt=96"),
    Format(102, "h264", 90_000, 1, _H264, (*VIDEO_FEEDBACK, WIDE)),
    Format(103, "rtx", 90_000, 1, "apt=102"),
)
MAX_LAYERS = 3
USUAL_RIDS = (("q", "h", "f"), ("l", "m", "h"), ("low", "mid", "high"), ("r0", "r1", "r2"))
OUR_EXTENSIONS = {
    "audio": ((1, MID_URI), (2, ABS_SEND_TIME_URI), (3, AUDIO_LEVEL_URI), (4, TRANSPORT_CC_URI)),
    "video": ((1, MID_URI), (2, ABS_SEND_TIME_URI), (4, TRANSPORT_CC_URI), (5, PLAYOUT_DELAY_URI)),
}
"""Ids on subscribe legs, the same in every offer for ever: changing one breaks running receivers."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One codec as the two sides agreed on it, with the formats an answer lists for it (the codec, then RTX)."""

    codec: Codec
    formats: tuple[Format, ...]


def is_usable(format_: Format) -> bool:
    """Can the relay forward and record this format?"""
    if CLOCK_RATES.get(format_.name) != format_.clock_rate:
        return False
    if format_.name == "opus":
        return format_.channels == 2  # RFC 7587 7: always written as two channels
    if format_.name == "h264":
        profile = format_.parameter("profile-level-id").lower() or "42000a"  # RFC 6184 8.1: default when absent
        return format_.parameter("packetization-mode") == "1" and profile.startswith("42")
    return True


def choices(section: Section, wide: bool = False) -> tuple[Choice, ...]:
    """Everything in ``section`` that we can use, the client's order first; of several H.264 variants the one with
    the constrained baseline profile, which every browser decodes. ``wide``: with transport-wide feedback if the client
    has it."""
    found: dict[str, Format] = {}
    for format_ in section.formats:
        if not is_usable(format_) or KINDS[format_.name] != section.kind:
            continue
        held = found.get(format_.name)
        if held is None or (format_.name == "h264" and not _is_constrained(held) and _is_constrained(format_)):
            found[format_.name] = format_
    return tuple(_choice(section, format_, wide) for format_ in found.values())


def _is_constrained(format_: Format) -> bool:
    return format_.parameter("profile-level-id").lower()[2:4] in ("e0", "c0")


def has_wide(section: Section, format_: Format) -> bool:
    """Whether the client can number the packets of this format transport-wide, or tell us of ours."""
    return WIDE in format_.feedback and 1 <= section.extensions.get(TRANSPORT_CC_URI, 0) <= 14


def is_wide(offer: Description) -> bool:
    """Whether a leg on which we receive uses transport-wide feedback: when all pictures that are sent can, or the sound
    where there are none. One way for the whole leg."""
    sending = [section for section in offer.sections if section.sends and section.kind in ("audio", "video")]
    asked = [section for section in sending if section.kind == "video"] or sending
    first = [next((item for item in section.formats if is_usable(item)), None) for section in asked]
    return bool(asked) and all(
        item is not None and has_wide(section, item) for section, item in zip(asked, first, strict=True)
    )


def _choice(section: Section, format_: Format, wide: bool) -> Choice:
    ours: tuple[str, ...] = AUDIO_FEEDBACK if section.kind == "audio" else VIDEO_FEEDBACK
    if wide and has_wide(section, format_):
        ours = (*(value for value in ours if value != "goog-remb"), WIDE)
    agreed = tuple(value for value in ours if value in format_.feedback)
    chosen = replace(format_, feedback=agreed)
    if format_.name == "opus":
        chosen = replace(chosen, fmtp=OPUS_WISHES)
    formats = [chosen]
    rtx_pt = None
    for other in section.formats:
        if other.name == "rtx" and other.parameter("apt") == str(format_.payload_type):
            rtx_pt = other.payload_type
            formats.append(replace(other, feedback=()))
            break
    red = next((other for other in section.formats if _carries(other, format_)), None)
    if red is not None:
        formats.append(replace(red, feedback=()))
    codec = Codec(
        name=format_.name,
        payload_type=format_.payload_type,
        clock_rate=format_.clock_rate,
        channels=format_.channels,
        fmtp=format_.fmtp,
        rtx_pt=rtx_pt,
        feedback=agreed,
        red_pt=red.payload_type if red is not None else None,
    )
    return Choice(codec, tuple(formats))


def _carries(format_: Format, primary: Format) -> bool:
    """Whether a format is RED with nothing but ``primary`` in it (RFC 2198 5: the types of the blocks, by "/")."""
    types = format_.fmtp.strip().split("/")
    return (
        (format_.name, format_.clock_rate, format_.channels) == ("red", primary.clock_rate, primary.channels)
        and len(types) >= 2
        and set(types) == {str(primary.payload_type)}
    )


def extension_ids(section: Section, take_layers: bool = False, sends: bool = False, wide: bool = False) -> ExtensionIds:
    """The extensions both sides know, with the client's ids. Two-byte headers are not written by us: ids to 14.
    ``sends``: we send on this section, with transport-wide numbers. ``wide``: the client numbers its packets so, and
    no send times are needed."""

    def number(uri: str) -> int:
        found = section.extensions.get(uri, 0)
        return found if 1 <= found <= 14 else 0

    return ExtensionIds(
        mid=number(MID_URI),
        rid=number(RID_URI) if take_layers else 0,
        rrid=number(RRID_URI) if take_layers else 0,
        audio_level=number(AUDIO_LEVEL_URI) if section.kind == "audio" else 0,
        abs_send_time=0 if wide else number(ABS_SEND_TIME_URI),
        transport_cc=number(TRANSPORT_CC_URI) if sends or wide else 0,
        playout_delay=number(PLAYOUT_DELAY_URI) if sends and section.kind == "video" else 0,
    )


def extension_lines(extensions: ExtensionIds) -> tuple[tuple[int, str], ...]:
    """``extensions`` as (id, URI) for writing."""
    pairs = (
        (extensions.mid, MID_URI),
        (extensions.rid, RID_URI),
        (extensions.rrid, RRID_URI),
        (extensions.abs_send_time, ABS_SEND_TIME_URI),
        (extensions.audio_level, AUDIO_LEVEL_URI),
        (extensions.transport_cc, TRANSPORT_CC_URI),
        (extensions.playout_delay, PLAYOUT_DELAY_URI),
    )
    return tuple(pair for pair in pairs if pair[0])


def sources_of(offer: Description, named: dict[str, Source]) -> dict[str, Source]:
    """Which source each section carries: as ``named`` by mid, else the first sound is the microphone and the first
    picture the camera; further unnamed sections carry nothing and are rejected."""
    found: dict[str, Source] = {}
    for section in offer.sections:
        wanted = named.get(section.mid)
        if wanted is None:
            wanted = "mic" if section.kind == "audio" else "camera"
            if wanted in found.values() or wanted in named.values():
                continue
        if section.kind in ("audio", "video") and (wanted == "mic") == (section.kind == "audio"):
            found[section.mid] = wanted
    return found


def publish(
    offer: Description, named: dict[str, Source], most_bps: Callable[[Source], int] = lambda source: 0,
    takes_wide: bool = True,
) -> tuple[tuple[OwnSection, ...], tuple[PublishedMedia, ...]]:  # fmt: skip
    """Answer sections for a publish leg and what will arrive on it.

    ``most_bps``: the ceiling of a source, 0 for none. With transport-wide feedback the sender estimates by itself, so
    the answer tells it (``b=``): the sum of the pictures' ceilings with each of them, for Chromium takes the last
    one for the whole connection. ``takes_wide`` False: REMB even where the client has transport-wide feedback.
    A section that sends nothing now stays open (inactive): rejecting it would stop its transceiver for good.
    Raises SdpError "sdp.no_common_codec" when a section that wants to send has no codec we know, or none is usable.
    """
    sources = sources_of(offer, named)
    wide = takes_wide and is_wide(offer)
    pictures = [sources[section.mid] for section in offer.sections if section.sends and section.mid in sources]
    most = sum(most_bps(source) for source in pictures if source != "mic") if wide else 0
    answer: list[OwnSection] = []
    media: list[PublishedMedia] = []
    for section in offer.sections:
        source = sources.get(section.mid) if section.sends else None
        choice = next(iter(choices(section, wide)), None) if section.port else None
        if choice is None and source is not None:
            raise SdpError("sdp.no_common_codec", f"no codec in common for {section.kind}: send Opus, VP8 or H.264")
        if choice is None:
            answer.append(_rejected(section))
        elif source is None:
            answer.append(_idle(section, choice, wide))
        else:
            own, published = _accept(section, source, choice, wide)
            answer.append(replace(own, most_bps=most if source != "mic" else 0))
            media.append(published)
    if not any(section.formats for section in answer):
        raise SdpError("sdp.no_common_codec", "the offer sends no sound and no picture")
    return tuple(answer), tuple(media)


def _idle(section: Section, choice: Choice, wide: bool) -> OwnSection:
    return OwnSection(
        kind=section.kind,
        mid=section.mid,
        protocol=section.protocol,
        formats=choice.formats,
        extensions=extension_lines(extension_ids(section, wide=wide and WIDE in choice.codec.feedback)),
    )


def _accept(section: Section, source: Source, choice: Choice, wide: bool) -> tuple[OwnSection, PublishedMedia]:
    taken = layers_taken(section, source)
    extensions = extension_ids(section, take_layers=bool(taken), wide=wide and WIDE in choice.codec.feedback)
    own = OwnSection(
        kind=section.kind,
        mid=section.mid,
        direction="recvonly",
        protocol=section.protocol,
        formats=_as_sent(choice, section),
        extensions=extension_lines(extensions),
        rids=tuple(rid for rid in section.rids if rid in taken),
    )
    first = section.ssrcs[:1] if not taken else ()
    published = PublishedMedia(
        mid=section.mid,
        source=source,
        codec=choice.codec,
        extensions=extensions,
        ssrcs=tuple(Ssrc(ssrc) for ssrc in first),
        rtx_ssrcs=tuple(Ssrc(section.repairs[ssrc]) for ssrc in first if ssrc in section.repairs),
        rids=taken or ("",),
    )
    return own, published


def _as_sent(choice: Choice, section: Section) -> tuple[Format, ...]:
    """RED before the codec it carries: browsers send it only when the answer prefers it. A browser that estimates by
    itself is told where to begin (other people's clients, which know no REMB, may stumble over words they do not know).
    """
    formats = sorted(choice.formats, key=lambda format_: format_.name != "red")
    offered = next(item for item in section.formats if item.payload_type == choice.codec.payload_type)
    if section.kind == "video" and WIDE in choice.codec.feedback and "goog-remb" in offered.feedback:
        start = f"x-google-start-bitrate={START_KBPS}"
        formats = [
            replace(item, fmtp=f"{item.fmtp};{start}".lstrip(";")) if item.name in KINDS else item for item in formats
        ]
    return tuple(formats)


def layers_taken(section: Section, source: Source) -> tuple[str, ...]:
    """The rids that we take of a section, lowest layer first; empty when it is no simulcast.

    The answer has to name them: without ``a=simulcast`` browsers send the first layer only, which is the smallest.
    A screen or a document is taken in one layer, the largest. So is a camera whose packets cannot say their rid.
    """
    ordered = lowest_first(section.rids)
    count = MAX_LAYERS if source == "camera" and section.extensions.get(RID_URI) else 1
    return ordered[-count:]


def lowest_first(rids: tuple[str, ...]) -> tuple[str, ...]:
    """RFC 8853 gives rids no order of size. What people mean by usual names goes before the order of the offer."""
    for names in USUAL_RIDS:
        if all(rid in names for rid in rids):
            return tuple(name for name in names if name in rids)
    return rids


def _rejected(section: Section) -> OwnSection:
    return OwnSection(kind=section.kind, mid=section.mid, protocol=section.protocol, fmt=section.fmt)


def view(offer: Description) -> dict[str, tuple[Choice, ...]]:
    """For a WHEP offer: what each receiving section could carry, by mid; the first sound and the first picture only.
    Raises SdpError "sdp.no_common_codec"."""
    found: dict[str, tuple[Choice, ...]] = {}
    kinds: set[str] = set()
    for section in offer.sections:
        if section.kind not in ("audio", "video") or not section.receives or section.kind in kinds:
            continue
        usable = choices(section, wide=True)
        if not usable:
            raise SdpError("sdp.no_common_codec", f"no codec in common for {section.kind}: take Opus, VP8 or H.264")
        kinds.add(section.kind)
        found[section.mid] = usable
    if not found:
        raise SdpError("sdp.no_common_codec", "the offer receives no sound and no picture")
    return found

"""Offers and answers of the load clients: what Chromium would say, as far as it decides what a server does."""

from __future__ import annotations

import re
from dataclasses import dataclass

from media.sdp import (
    ABS_SEND_TIME_URI,
    AUDIO_LEVEL_URI,
    MID_URI,
    RID_URI,
    RRID_URI,
    TRANSPORT_CC_URI,
    Description,
    Format,
    Section,
    parse,
)
from tests.bench.leg import Leg

OPUS, VP8, RTX = 111, 96, 97
FEEDBACK = ("nack", "nack pli", "ccm fir", "goog-remb", "transport-cc")
VIDEO_EXTENSIONS = {1: MID_URI, 2: ABS_SEND_TIME_URI, 3: TRANSPORT_CC_URI}
LAYER_EXTENSIONS = {4: RID_URI, 5: RRID_URI}
SOUND_EXTENSIONS = {1: MID_URI, 2: ABS_SEND_TIME_URI, 3: TRANSPORT_CC_URI, 6: AUDIO_LEVEL_URI}


@dataclass(frozen=True)
class Track:
    """One section of a publish offer. ``ssrcs``: one, or one per layer with ``rids`` (smallest first)."""

    mid: str
    kind: str
    ssrcs: tuple[int, ...]
    rtx_ssrcs: tuple[int, ...] = ()
    rids: tuple[str, ...] = ()


def _head(mids: list[str]) -> list[str]:
    return [
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        f"a=group:BUNDLE {' '.join(mids)}",
        "a=msid-semantic: WMS *",
    ]


def _transport(leg: Leg, setup: str) -> list[str]:
    return [
        f"c=IN IP4 {leg.host}",
        f"a=ice-ufrag:{leg.ufrag}",
        f"a=ice-pwd:{leg.pwd}",
        f"a=fingerprint:sha-256 {leg.fingerprint}",
        f"a=setup:{setup}",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        f"a=candidate:1 1 udp 2130706431 {leg.host} {leg.port} typ host",
        "a=end-of-candidates",
    ]


def publish_offer(leg: Leg, tracks: list[Track], feedback: tuple[str, ...]) -> str:
    """An offer that sends ``tracks``."""
    lines = _head([track.mid for track in tracks])
    for track in tracks:
        numbers = f"{OPUS}" if track.kind == "audio" else f"{VP8} {RTX}"
        lines += [f"m={track.kind} {leg.port} UDP/TLS/RTP/SAVPF {numbers}", *_transport(leg, "actpass")]
        lines += [f"a=mid:{track.mid}", "a=sendonly", f"a=msid:bench bench-{track.mid}"]
        extensions = SOUND_EXTENSIONS if track.kind == "audio" else VIDEO_EXTENSIONS
        if track.rids:
            extensions = extensions | LAYER_EXTENSIONS
        lines += [f"a=extmap:{number} {uri}" for number, uri in extensions.items() if _wanted(uri, feedback)]
        if track.kind == "audio":
            lines += [f"a=rtpmap:{OPUS} opus/48000/2", f"a=fmtp:{OPUS} minptime=10;useinbandfec=1"]
            lines += [f"a=rtcp-fb:{OPUS} transport-cc"] if "transport-cc" in feedback else []
        else:
            lines += [f"a=rtpmap:{VP8} VP8/90000", *(f"a=rtcp-fb:{VP8} {item}" for item in feedback)]
            lines += [f"a=rtpmap:{RTX} rtx/90000", f"a=fmtp:{RTX} apt={VP8}"]
        if track.rids:
            lines += [f"a=rid:{rid} send" for rid in track.rids]
            lines += [f"a=simulcast:send {';'.join(track.rids)}"]
        else:
            for media, rtx in zip(track.ssrcs, track.rtx_ssrcs, strict=False):
                lines.append(f"a=ssrc-group:FID {media} {rtx}")
            lines += [f"a=ssrc:{ssrc} cname:bench" for ssrc in (*track.ssrcs, *track.rtx_ssrcs)]
    return "\r\n".join(lines) + "\r\n"


def _wanted(uri: str, feedback: tuple[str, ...]) -> bool:
    return uri != TRANSPORT_CC_URI or "transport-cc" in feedback


def answer(leg: Leg, offer: Description, feedback: tuple[str, ...]) -> str:
    """Take everything that an offer sends: Opus, VP8 and its RTX, with the feedback both sides know."""
    lines = _head([section.mid for section in offer.sections])
    for section in offer.sections:
        formats = _formats(section)
        if not formats:
            lines += [
                f"m={section.kind} 0 {section.protocol} 0",
                "c=IN IP4 0.0.0.0",
                f"a=mid:{section.mid}",
                "a=inactive",
            ]
            continue
        numbers = " ".join(str(item.payload_type) for item in formats)
        lines += [f"m={section.kind} {leg.port} {section.protocol} {numbers}", *_transport(leg, "active")]
        lines += [f"a=mid:{section.mid}", f"a={'recvonly' if section.sends else 'inactive'}"]
        known = {*VIDEO_EXTENSIONS.values(), *SOUND_EXTENSIONS.values()}
        lines += [
            f"a=extmap:{number} {uri}"
            for uri, number in section.extensions.items()
            if uri in known and _wanted(uri, feedback)
        ]
        for item in formats:
            channels = f"/{item.channels}" if item.channels > 1 else ""
            lines.append(f"a=rtpmap:{item.payload_type} {item.name}/{item.clock_rate}{channels}")
            lines += [f"a=rtcp-fb:{item.payload_type} {each}" for each in item.feedback if each in feedback]
            lines += [f"a=fmtp:{item.payload_type} {item.fmtp}"] if item.fmtp else []
    return "\r\n".join(lines) + "\r\n"


def _formats(section: Section) -> list[Format]:
    chosen = [item for item in section.formats if item.name in ("opus", "vp8")][:1]
    for item in section.formats:
        if chosen and item.name == "rtx" and item.parameter("apt") == str(chosen[0].payload_type):
            chosen.append(item)
            break
    return chosen


@dataclass(frozen=True)
class Remote:
    """What a server's offer or answer says about its transport."""

    address: tuple[str, int]
    ufrag: str
    pwd: str
    fingerprints: list[tuple[str, str]]
    setup: str
    is_lite: bool


def remote(text: str) -> tuple[Remote, Description]:
    """A server's description and where to reach it. Raises ValueError without a UDP host candidate."""
    description = parse(text)
    section = description.transport
    found = re.search(r"^a=candidate:\S+ 1 udp \d+ ([0-9.]+) (\d+) typ host", text, re.M | re.I)
    if found is None:
        raise ValueError("the server announces no address")
    fingerprints = [(item.algorithm, item.value) for item in section.fingerprints]
    address = (found[1], int(found[2]))
    return Remote(
        address, section.ice_ufrag, section.ice_pwd, fingerprints, section.setup, "a=ice-lite" in text
    ), description

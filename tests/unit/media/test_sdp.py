"""Reading and writing descriptions: what browsers send, what attackers send, what we send back."""

from pathlib import Path

import pytest
from aiortc.sdp import SessionDescription
from hypothesis import given, settings
from hypothesis import strategies as st

from media import ortc, sdp
from media.errors import SdpError

DATA = Path(__file__).parents[2] / "data" / "sdp"
CHROMIUM = (DATA / "chromium-156-offer.sdp").read_text()
FIREFOX = (DATA / "firefox-153-offer.sdp").read_text()
TRANSPORT = sdp.Transport(
    "user",
    "p" * 22,
    (sdp.Fingerprint("sha-256", "AA:" * 31 + "AA"),),
    "passive",
    (("192.0.2.1", 4000), ("2001:db8::1", 4000)),
)


def code_of(text: str) -> str:
    with pytest.raises(SdpError) as caught:
        sdp.parse(text)
    return caught.value.code


def test_it_works() -> None:
    offer = sdp.parse(CHROMIUM)
    assert [(s.kind, s.mid, s.direction, s.rids) for s in offer.sections] == [
        ("audio", "0", "sendonly", ()),
        ("video", "1", "sendonly", ("q", "h", "f")),
        ("video", "2", "sendonly", ()),
    ]
    assert offer.bundle == ("0", "1", "2")
    assert offer.transport.setup == "actpass" and len(offer.transport.ice_pwd) == 24
    assert len(offer.sections[2].ssrcs) == 1 and len(offer.sections[2].repairs) == 1
    assert offer.sections[1].extensions[sdp.RID_URI] == 10


def test_firefox_keeps_its_session_fingerprint_and_the_direction_behind_an_extension_id() -> None:
    offer = sdp.parse(FIREFOX)
    assert offer.transport.fingerprints[0].algorithm == "sha-256"
    assert offer.sections[1].extensions["http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"] == 6


def test_a_section_that_is_only_bundled_is_not_a_rejected_one() -> None:
    firefox = FIREFOX.replace("m=video 9 ", "m=video 0 ").replace("a=mid:1", "a=bundle-only\na=mid:1")
    assert [section.sends for section in sdp.parse(firefox).sections] == [True, True]
    assert [section.sends for section in sdp.parse(firefox.replace("a=bundle-only\n", "")).sections] == [True, False]


def test_line_ends_may_be_crlf() -> None:
    assert sdp.parse(CHROMIUM.replace("\n", "\r\n")) == sdp.parse(CHROMIUM)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "sdp.malformed"),
        ("hello", "sdp.malformed"),
        ("v=0\r\n", "sdp.malformed"),
        ("v=0\n" + "a=x\n" * 5000, "sdp.too_long"),
        ("v=0\na=" + "x" * 5000, "sdp.too_long"),
        ("v=0\n" + "x" * 70_000, "sdp.too_long"),
        ("v=0\n" + "".join(f"m=audio 9 X 0\na=mid:{n}\n" for n in range(33)), "sdp.too_long"),
        ("v=0\nm=audio 9 X 111\n", "sdp.malformed"),
        ("v=0\nm=audio 99999 X 111\na=mid:0\n", "sdp.malformed"),
        ("v=0\nm=audio\n", "sdp.malformed"),
        (CHROMIUM.replace("a=mid:1", "a=mid:0"), "sdp.malformed"),
        (CHROMIUM.replace("a=setup:actpass", "a=setup:holdconn"), "sdp.malformed"),
        (CHROMIUM.replace("a=rtpmap:96 VP8/90000", "a=rtpmap:96 VP8"), "sdp.malformed"),
        (CHROMIUM.replace("a=rtpmap:96 VP8/90000", "a=rtpmap:96 VP8/9e9"), "sdp.malformed"),
        (CHROMIUM.replace("a=rid:q send", "a=rid:../../x send"), "sdp.malformed"),
        (CHROMIUM.replace("sha-256 ", "sha-256 zz"), "sdp.malformed"),
        (CHROMIUM.replace("a=group:BUNDLE 0 1 2", "a=group:BUNDLE 0"), "sdp.no_bundle"),
        (CHROMIUM.replace("a=rtcp-mux\n", ""), "sdp.no_bundle"),
        (CHROMIUM.replace("a=mid:2", "a=mid:2\n" + "".join(f"a=ssrc:{n} x\n" for n in range(40))), "sdp.too_long"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_code(text: str, code: str) -> None:
    assert code_of(text) == code


LINES = CHROMIUM.splitlines()


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(LINES) - 1), st.sampled_from(["drop", "cut", "twice", "noise"]), st.text(max_size=30)
        ),
        max_size=6,
    )
)
def test_a_damaged_offer_is_read_or_refused(damages: list[tuple[int, str, str]]) -> None:
    lines = list(LINES)
    for index, how, noise in damages:
        line = lines[index]
        lines[index] = {"drop": "", "cut": line[: len(line) // 2], "twice": f"{line}\n{line}", "noise": line + noise}[
            how
        ]
    try:
        description = sdp.parse("\n".join(lines))
        own, _ = ortc.publish(description, {})
        sdp.write(1, 1, own, TRANSPORT)
    except SdpError:
        pass


def test_an_answer_can_be_read_by_another_stack() -> None:
    offer = sdp.parse(CHROMIUM)
    own, _ = ortc.publish(offer, {"2": "screen"})
    text = sdp.write(7, 2, own, TRANSPORT)
    other = SessionDescription.parse(text)
    assert [media.rtp.muxId for media in other.media] == ["0", "1", "2"]
    assert all(media.ice.iceLite for media in other.media)
    assert [c.ip for c in other.media[0].ice_candidates] == ["192.0.2.1", "2001:db8::1"]
    assert [c.mimeType for c in other.media[1].rtp.codecs] == ["video/VP8", "video/rtx"]
    ours = sdp.parse(text)
    assert [section.direction for section in ours.sections] == ["recvonly"] * 3
    assert text.count("transport-wide-cc-extensions-01") == 3 and "goog-remb" not in text


def test_a_ceiling_stands_where_bandwidths_stand() -> None:
    sections, _ = ortc.publish(sdp.parse(CHROMIUM), {}, lambda source: 900_000)
    lines = sdp.write(1, 1, sections, TRANSPORT).split("\r\n")
    places = [index for index, line in enumerate(lines) if line.startswith("b=")]
    assert [lines[index] for index in places] == ["b=AS:900", "b=TIAS:900000"]
    assert lines[places[0] - 1].startswith("c="), "RFC 8866 5: behind c=, before the attributes"


def test_an_answer_mirrors_the_layers_that_are_taken() -> None:
    sections, _ = ortc.publish(sdp.parse(CHROMIUM), {})
    lines = sdp.write(1, 1, sections, TRANSPORT).split("\r\n")
    assert [line for line in lines if line.startswith(("a=rid", "a=simulcast"))] == [
        "a=rid:q recv", "a=rid:h recv", "a=rid:f recv", "a=simulcast:recv q;h;f",
    ]  # fmt: skip


def test_a_name_from_elsewhere_cannot_add_lines() -> None:
    section = sdp.OwnSection("audio", "0", "sendonly", formats=ortc.OUR_AUDIO, msid=("a\r\na=evil:1", "b c"), ssrc=1)
    text = sdp.write(1, 1, (section,), TRANSPORT)
    assert "a=evil" not in text and "a=msid:a--a-evil-1 b-c" in text

"""Capability matching: which codec a section gets, which offers are refused."""

from pathlib import Path

import pytest

from media import ortc, sdp
from media.errors import SdpError

DATA = Path(__file__).parents[2] / "data" / "sdp"
CHROMIUM = (DATA / "chromium-156-offer.sdp").read_text()
FIREFOX = (DATA / "firefox-153-offer.sdp").read_text()

H264_ONLY = """v=0
a=group:BUNDLE a v
m=audio 9 UDP/TLS/RTP/SAVPF 97
a=mid:a
a=rtcp-mux
a=sendonly
a=rtpmap:97 opus/48000/2
m=video 9 UDP/TLS/RTP/SAVPF 98 96
a=mid:v
a=rtcp-mux
a=sendonly
a=rtpmap:98 H264/90000
a=fmtp:98 packetization-mode=1;profile-level-id=42001f
a=rtpmap:96 H264/90000
a=fmtp:96 packetization-mode=1;profile-level-id=42e01f
"""


def test_it_works() -> None:
    answer, media = ortc.publish(sdp.parse(CHROMIUM), {"2": "screen"})
    assert [(m.mid, m.source, m.codec.name, m.codec.payload_type, m.codec.rtx_pt) for m in media] == [
        ("0", "mic", "opus", 111, None),
        ("1", "camera", "vp8", 96, 97),
        ("2", "screen", "vp8", 96, 97),
    ]
    assert media[2].ssrcs and media[2].rtx_ssrcs
    assert [section.direction for section in answer] == ["recvonly"] * 3


@pytest.mark.parametrize("offer", [CHROMIUM, FIREFOX])
def test_one_way_of_feedback_is_agreed_for_the_whole_leg(offer: str) -> None:
    answer, media = ortc.publish(sdp.parse(offer), {})
    assert media[1].codec.feedback == ("nack", "nack pli", "ccm fir", "transport-cc")
    assert media[0].codec.feedback[-1] == "transport-cc"
    assert media[1].extensions.transport_cc and not media[1].extensions.abs_send_time
    assert {item.extensions.transport_cc for item in media} == {media[1].extensions.transport_cc}
    asked, media = ortc.publish(sdp.parse(offer), {}, takes_wide=False)
    assert media[1].codec.feedback == ("nack", "nack pli", "ccm fir", "goog-remb")
    assert "transport-cc" not in media[0].codec.feedback
    assert media[1].extensions.transport_cc == 0 and media[1].extensions.abs_send_time
    assert "google" in answer[1].formats[0].fmtp and "google" not in asked[1].formats[0].fmtp


@pytest.mark.parametrize("word", ["transport-cc", "transport-wide-cc"])
def test_a_client_without_the_feedback_or_its_header_extension_gets_remb(word: str) -> None:
    sound, *pictures = CHROMIUM.split("m=video")
    lines = [line for line in "m=video".join(["", *pictures]).split("\n") if word not in line]
    _, media = ortc.publish(sdp.parse(sound + "\n".join(lines)), {})
    assert "goog-remb" in media[1].codec.feedback and "transport-cc" not in media[1].codec.feedback
    assert "transport-cc" not in media[0].codec.feedback, "one way for the whole leg"
    assert not any(item.extensions.transport_cc for item in media)


def test_a_sender_that_estimates_by_itself_is_told_its_ceiling() -> None:
    most = {"camera": 900_000, "screen": 400_000, "mic": 96_000}
    answer, _ = ortc.publish(sdp.parse(CHROMIUM), {"2": "screen"}, most.__getitem__)
    assert [section.most_bps for section in answer] == [0, 1_300_000, 1_300_000]
    answer, _ = ortc.publish(sdp.parse(CHROMIUM), {}, lambda source: 900_000, takes_wide=False)
    assert [section.most_bps for section in answer] == [0, 0, 0]


def test_a_camera_is_taken_in_all_its_layers() -> None:
    answer, media = ortc.publish(sdp.parse(CHROMIUM), {})
    assert media[1].rids == ("q", "h", "f") and media[1].ssrcs == ()
    assert (media[1].extensions.rid, media[1].extensions.rrid) == (10, 11)
    assert answer[1].rids == ("q", "h", "f")


def test_a_screen_is_taken_in_its_largest_layer_only() -> None:
    answer, media = ortc.publish(sdp.parse(CHROMIUM), {"1": "screen", "2": "document"})
    assert media[1].source == "screen" and media[1].rids == ("f",) and answer[1].rids == ("f",)
    assert media[2].rids == ("",) and answer[2].rids == ()


@pytest.mark.parametrize(
    ("offered", "taken"),
    [
        ("f;h;q", ("q", "h", "f")),
        ("h;m;l", ("l", "m", "h")),
        ("one;two", ("one", "two")),
        ("a;b;c;d", ("b", "c", "d")),
        ("~q;f", ("q", "f")),
        ("q", ("q",)),
    ],
)
def test_layers_are_ordered_by_what_their_names_mean(offered: str, taken: tuple[str, ...]) -> None:
    names = offered.replace("~", "").split(";")
    text = CHROMIUM.replace("a=simulcast:send q;h;f", f"a=simulcast:send {offered}")
    for rid in ("q", "h", "f"):
        text = text.replace(f"a=rid:{rid} send\r\n", "").replace(f"a=rid:{rid} send\n", "")
    lines = "".join(f"a=rid:{name} send\r\n" for name in names)
    answer, media = ortc.publish(sdp.parse(text.replace("a=simulcast:send", lines + "a=simulcast:send")), {})
    assert media[1].rids == taken
    assert answer[1].rids == tuple(name for name in names if name in taken), "in the order of the offer"


def test_layers_that_cannot_be_told_apart_are_not_taken() -> None:
    text = CHROMIUM.replace("urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id", "urn:nothing")
    assert ortc.publish(sdp.parse(text), {})[1][1].rids == ("f",)


def test_pictures_without_a_source_are_not_mixed_up() -> None:
    answer, media = ortc.publish(sdp.parse(CHROMIUM), {})
    assert [m.source for m in media] == ["mic", "camera"]
    assert answer[2].direction == "inactive"


def test_a_section_that_rests_can_be_used_again() -> None:
    before, _, after = CHROMIUM.rpartition("a=sendonly")
    answer, media = ortc.publish(sdp.parse(f"{before}a=inactive{after}"), {"0": "mic", "1": "camera"})
    assert [m.source for m in media] == ["mic", "camera"]
    assert answer[2].direction == "inactive" and answer[2].formats  # not rejected: port 0 would stop it for good
    assert ortc.publish(sdp.parse(CHROMIUM.replace("a=sendonly", "a=inactive")), {})[1] == ()


def test_h264_alone_is_taken_with_the_profile_that_everybody_decodes() -> None:
    _, media = ortc.publish(sdp.parse(H264_ONLY), {})
    assert (media[1].codec.name, media[1].codec.payload_type) == ("h264", 96)


@pytest.mark.parametrize("profile", ["64001f", "4d001f"])
def test_other_h264_profiles_are_nothing_in_common(profile: str) -> None:
    text = H264_ONLY.replace("42001f", profile).replace("42e01f", profile)
    with pytest.raises(SdpError) as caught:
        ortc.publish(sdp.parse(text), {})
    assert caught.value.code == "sdp.no_common_codec"


def test_an_offer_without_sound_and_picture_is_refused() -> None:
    text = "v=0\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\na=mid:0\n"
    with pytest.raises(SdpError) as caught:
        ortc.publish(sdp.parse(text), {})
    assert caught.value.code == "sdp.no_common_codec"


def test_a_viewer_gets_the_first_sound_and_the_first_picture() -> None:
    found = ortc.view(sdp.parse(CHROMIUM.replace("a=sendonly", "a=recvonly")))
    assert {mid: [choice.codec.name for choice in choices] for mid, choices in found.items()} == {
        "0": ["opus"],
        "1": ["vp8", "h264"],
    }


def test_the_source_of_a_sound_cannot_be_a_camera() -> None:
    assert ortc.sources_of(sdp.parse(CHROMIUM), {"0": "camera", "1": "document"}) == {"1": "document"}


def test_red_is_preferred_where_the_publisher_has_it_and_fec_and_dtx_are_asked_for() -> None:
    answer, media = ortc.publish(sdp.parse(CHROMIUM), {})
    assert media[0].codec.red_pt == 63
    assert [format_.name for format_ in answer[0].formats] == ["red", "opus"]
    assert answer[0].formats[1].fmtp == "minptime=10;useinbandfec=1;usedtx=1"
    assert media[0].codec.fmtp == "minptime=10;useinbandfec=1", "what the publisher says of itself is kept"


def test_red_of_anything_but_opus_is_not_taken() -> None:
    for broken in ("111/0", "111", "", "0/0"):
        text = CHROMIUM.replace("a=fmtp:63 111/111", f"a=fmtp:63 {broken}")
        answer, media = ortc.publish(sdp.parse(text), {})
        assert media[0].codec.red_pt is None and [format_.name for format_ in answer[0].formats] == ["opus"]


def test_a_viewer_is_offered_red_and_may_leave_it() -> None:
    assert [(format_.payload_type, format_.name, format_.fmtp) for format_ in ortc.OUR_AUDIO][1] == (
        63,
        "red",
        "111/111",
    )
    (taken,) = ortc.view(sdp.parse(CHROMIUM.replace("a=sendonly", "a=recvonly")))["0"]
    assert taken.codec.red_pt == 63
    (left,) = ortc.view(sdp.parse(FIREFOX.replace("a=sendonly", "a=recvonly").replace("a=sendrecv", "a=recvonly")))["0"]
    assert left.codec.red_pt is None

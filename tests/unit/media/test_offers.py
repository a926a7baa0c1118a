"""Sections of a subscribe leg over its life."""

import itertools
from pathlib import Path

import pytest

from media import sdp
from media.errors import SdpError
from media.offers import OfferedLines, ViewedLines
from media.sdp import Description, OwnSection, Section
from media.types import Codec, ExtensionIds, ParticipantId, PublishedMedia, Source

A, B, C = ParticipantId("aaaa"), ParticipantId("bbbb"), ParticipantId("cccc")
CHROMIUM = (Path(__file__).parents[2] / "data" / "sdp" / "chromium-156-offer.sdp").read_text()


def fresh() -> OfferedLines:
    counter = itertools.count(1000)
    return OfferedLines(lambda: next(counter))


def answer_to(sections: tuple[OwnSection, ...], without: str = "") -> Description:
    return Description(
        tuple(
            Section(
                kind=section.kind,
                mid=section.mid,
                port=9,
                protocol=section.protocol,
                direction="recvonly" if section.direction == "sendonly" else "inactive",
                formats=tuple(f for f in section.formats if f.name != without),
                extensions={uri: number for number, uri in section.extensions},
                rtcp_mux=True,
            )
            for section in sections
        )
    )


def codec_of(name: str = "vp8"):  # type: ignore[no-untyped-def]
    def find(participant: str, source: Source) -> PublishedMedia | None:
        codec = Codec("opus", 111, 48000, 2) if source == "mic" else Codec(name, 96, 90000)
        return PublishedMedia("0", source, codec, ExtensionIds())

    return find


def carried(lines: OfferedLines | ViewedLines, name: str = "vp8") -> list[tuple[str, str, str]]:
    return [(media.mid, who, source) for media, who, source in lines.subscribed(codec_of(name))]


def test_it_works() -> None:
    lines = fresh()
    assert lines.assign([(A, "mic"), (A, "camera")])
    number, sections, told = lines.offer()
    assert [(line.mid, line.participant, line.source) for line in told] == [("0", A, "mic"), ("1", A, "camera")]
    assert carried(lines) == []
    assert lines.answer(number, answer_to(sections))
    assert carried(lines) == [("0", A, "mic"), ("1", A, "camera")]


def test_an_empty_room_is_offered_idle_sections_so_that_the_transport_comes_up() -> None:
    lines = fresh()
    assert lines.assign([])
    number, sections, _ = lines.offer()
    assert [section.direction for section in sections] == ["inactive", "inactive"]
    lines.answer(number, answer_to(sections))
    assert carried(lines) == [("0", "", "mic"), ("1", "", "mic")]
    assert not lines.assign([])


def test_sections_are_used_again_and_never_deleted() -> None:
    lines = fresh()
    lines.assign([(A, "mic"), (A, "camera"), (B, "camera")])
    number, first, _ = lines.offer()
    lines.answer(number, answer_to(first))
    lines.assign([(A, "mic"), (B, "camera")])
    number, second, _ = lines.offer()
    assert [section.direction for section in second] == ["sendonly", "inactive", "sendonly"]
    lines.answer(number, answer_to(second))
    lines.assign([(A, "mic"), (B, "camera"), (C, "camera")])
    number, third, told = lines.offer()
    assert [line.participant for line in told] == [A, C, B]
    assert [(s.mid, s.ssrc, s.extensions) for s in third] == [(s.mid, s.ssrc, s.extensions) for s in first]


def test_one_offer_is_in_flight_and_changes_are_gathered() -> None:
    lines = fresh()
    lines.assign([(A, "mic")])
    number, sections, _ = lines.offer()
    assert not lines.assign([(A, "mic"), (B, "mic")])
    assert not lines.assign([(A, "mic"), (B, "mic"), (B, "camera")])
    lines.answer(number, answer_to(sections))
    assert lines.is_dirty()
    assert carried(lines) == [("0", A, "mic"), ("1", "", "mic")]
    _, _, told = lines.offer()
    assert [line.participant for line in told] == [A, B, B]


def test_a_newcomer_never_appears_in_a_section_the_client_knows_as_another() -> None:
    lines = fresh()
    lines.assign([(A, "camera")])
    number, sections, _ = lines.offer()
    lines.answer(number, answer_to(sections))
    lines.assign([(B, "camera")])
    assert ("1", A, "camera") in carried(lines)
    lines.offer()
    assert ("1", A, "camera") in carried(lines)


def test_stale_and_repeated_answers_are_ignored() -> None:
    lines = fresh()
    lines.assign([(A, "mic")])
    number, sections, _ = lines.offer()
    assert not lines.answer(number + 1, answer_to(sections))
    assert lines.answer(number, answer_to(sections))
    assert not lines.answer(number, answer_to(sections))


def test_an_answer_to_something_else_is_refused_and_the_offer_stays_open() -> None:
    lines = fresh()
    number, sections, _ = lines.offer()
    for wrong in (Description(answer_to(sections).sections[:1]), Description(answer_to(sections).sections[::-1])):
        with pytest.raises(SdpError):
            lines.answer(number, wrong)
    assert lines.answer(number, answer_to(sections))


def test_a_codec_that_the_client_refused_is_not_sent() -> None:
    lines = fresh()
    lines.assign([(A, "camera")])
    number, sections, _ = lines.offer()
    lines.answer(number, answer_to(sections, without="h264"))
    assert ("1", A, "camera") in carried(lines, "vp8")
    assert ("1", "", "camera") in carried(lines, "h264")


def test_there_is_an_end_to_sections() -> None:
    lines = fresh()
    lines.assign([(ParticipantId(f"p{n}"), "camera") for n in range(100)])
    _, sections, _ = lines.offer()
    assert len(sections) == sdp.MAX_SECTIONS


def test_a_viewer_sees_one_participant_and_what_it_shares_when_it_has_no_camera() -> None:
    offer = sdp.parse(CHROMIUM.replace("a=sendonly", "a=recvonly"))
    counter = itertools.count(1)
    lines = ViewedLines(offer, A, lambda: next(counter))
    assert [section.direction for section in lines.sections()] == ["sendonly", "sendonly", "inactive"]
    assert carried(lines) == [("0", "", "mic"), ("1", "", "camera")]
    lines.assign([(A, "mic"), (A, "screen"), (B, "camera")])
    assert carried(lines) == [("0", A, "mic"), ("1", A, "screen")]

"""The sections of a subscribe leg: which one carries whom, and which offer is on its way. Pure.

Sections are never deleted: one that is no longer needed becomes inactive and is used again for the next source of
its kind. One offer is in flight at a time; changes meanwhile are gathered into the next one. What the core is told
(``subscribed``) is always what the client has answered, so a picture never appears under another one's name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from media.errors import SdpError
from media.messages import Line, Source
from media.ortc import OUR_AUDIO, OUR_EXTENSIONS, OUR_VIDEO, Choice, choices, extension_ids, extension_lines, view
from media.sdp import MAX_SECTIONS, Description, OwnSection, Section
from media.types import Codec, ExtensionIds, ParticipantId, PublishedMedia, Ssrc, SubscribedMedia

Wanted = Sequence[tuple[ParticipantId, Source]]
CodecOf = Callable[[str, Source], PublishedMedia | None]
Subscribed = tuple[SubscribedMedia, str, Source]

IDLE_AT_START = ("audio", "video")
"""Sections of the first offer even when nobody is there yet: the handshake is then done when somebody comes."""


class Lines(Protocol):
    """The sections of a leg that receives: ours to offer, or a WHEP client's."""

    def assign(self, wanted: Wanted) -> bool:
        """Give every wanted source a section; True when the client has to be told (a new offer)."""

    def subscribed(self, codec_of: CodecOf) -> list[Subscribed]:
        """What the core is to send on which section."""


@dataclass(slots=True)
class Slot:
    """One section. ``codecs``: by name, what the client can take here (empty until it answered)."""

    mid: str
    kind: str
    ssrc: Ssrc
    rtx_ssrc: Ssrc
    participant: str = ""
    source: Source = "mic"
    codecs: dict[str, Codec] = field(default_factory=dict)
    extensions: ExtensionIds = ExtensionIds()

    def media(self, codec: Codec) -> SubscribedMedia:
        """This section with one of its codecs."""
        return SubscribedMedia(self.mid, self.kind, codec, self.extensions, self.ssrc, self.rtx_ssrc)

    def carry(self, participant: str, source: Source, codec_of: CodecOf) -> Subscribed | None:
        """This section carrying a source, idle when the client cannot take its codec; None before any answer."""
        if not self.codecs:
            return None
        published = codec_of(participant, source) if participant else None
        codec = self.codecs.get(published.codec.name) if published is not None else None
        if codec is None:
            return self.media(next(iter(self.codecs.values()))), "", source
        return self.media(codec), participant, source


def kind_of(source: Source) -> str:
    """The m-line's kind for a source."""
    return "audio" if source == "mic" else "video"


class OfferedLines:
    """Sections that the relay offers. ``new_ssrc`` gives random SSRCs, unique within the leg. ``number``: of the last
    offer of the leg that this one replaces, so that a late answer to that one is not taken for ours."""

    def __init__(self, new_ssrc: Callable[[], int], number: int = 0) -> None:
        self._new_ssrc = new_ssrc
        self._slots: list[Slot] = [self._new_slot(index, kind) for index, kind in enumerate(IDLE_AT_START)]
        self._dirty = True
        self._offered: list[tuple[str, Source]] = []
        self._answered: list[tuple[str, Source]] = []
        self.number = number
        self.in_flight = False

    def _new_slot(self, index: int, kind: str) -> Slot:
        return Slot(str(index), kind, Ssrc(self._new_ssrc()), Ssrc(self._new_ssrc() if kind == "video" else 0))

    def assign(self, wanted: Wanted) -> bool:
        """See Lines."""
        wishes = set(wanted)
        held: set[tuple[str, Source]] = set()
        for slot in self._slots:
            if slot.participant and (slot.participant, slot.source) not in wishes:
                slot.participant = ""
                self._dirty = True
            elif slot.participant:
                held.add((slot.participant, slot.source))
        for participant, source in wanted:
            if (participant, source) not in held:
                self._place(participant, source)
        return self._dirty and not self.in_flight

    def _place(self, participant: str, source: Source) -> None:
        kind = kind_of(source)
        slot = next((slot for slot in self._slots if slot.kind == kind and not slot.participant), None)
        if slot is None:
            if len(self._slots) >= MAX_SECTIONS:
                return  # the client sees no more than this at once; the page shows fewer still
            slot = self._new_slot(len(self._slots), kind)
            self._slots.append(slot)
        slot.participant, slot.source = participant, source
        self._dirty = True

    def offer(self) -> tuple[int, tuple[OwnSection, ...], tuple[Line, ...]]:
        """The next offer: its number, its sections and what they carry. It is in flight from now on."""
        self.number += 1
        self.in_flight, self._dirty = True, False
        self._offered = [(slot.participant, slot.source) for slot in self._slots]
        return self.number, tuple(self._section(slot) for slot in self._slots), self.lines()

    def lines(self) -> tuple[Line, ...]:
        """What the sections of the last offer carry."""
        pairs = zip(self._slots, self._offered, strict=False)
        return tuple(Line(mid=slot.mid, participant=who, source=source) for slot, (who, source) in pairs)

    def _section(self, slot: Slot) -> OwnSection:
        used = bool(slot.participant)
        return OwnSection(
            kind=slot.kind,
            mid=slot.mid,
            direction="sendonly" if used else "inactive",
            formats=OUR_AUDIO if slot.kind == "audio" else OUR_VIDEO,
            extensions=OUR_EXTENSIONS[slot.kind],
            msid=(slot.participant, f"{slot.participant}-{slot.source}") if used else None,
            ssrc=slot.ssrc,
            rtx_ssrc=slot.rtx_ssrc,
        )

    def answer(self, number: int, answer: Description) -> bool:
        """The client's answer. False: stale, ignored. Raises SdpError when it does not fit the offer."""
        if not self.in_flight or number != self.number:
            return False
        if len(answer.sections) != len(self._offered):
            raise SdpError("sdp.malformed", "the answer has not as many sections as the offer")
        for slot, section in zip(self._slots, answer.sections, strict=False):
            if section.mid != slot.mid or section.kind != slot.kind:
                raise SdpError("sdp.malformed", "the answer's sections are not those of the offer")
        self.in_flight = False
        for slot, section in zip(self._slots, answer.sections, strict=False):
            self._take(slot, section)
        self._answered = self._offered
        return True

    @staticmethod
    def _take(slot: Slot, section: Section) -> None:
        if section.port == 0:
            slot.codecs = {}
            return
        # An idle section may be answered with any direction; its codecs are good for when it is used.
        slot.codecs = {choice.codec.name: choice.codec for choice in choices(section, wide=True)}
        slot.extensions = extension_ids(section, sends=True)

    def is_dirty(self) -> bool:
        """Something changed since the last offer."""
        return self._dirty

    def subscribed(self, codec_of: CodecOf) -> list[Subscribed]:
        """See Lines."""
        carried = [
            slot.carry(participant, source, codec_of)
            for slot, (participant, source) in zip(self._slots, self._answered, strict=False)
        ]
        return [line for line in carried if line is not None]


class ViewedLines:
    """Sections of a WHEP client's own offer: one participant's microphone and picture.

    The picture is the camera, or what the participant shares while it has no camera.
    Raises SdpError "sdp.no_common_codec" when nothing in the offer can be used.
    """

    def __init__(self, offer: Description, participant: str, new_ssrc: Callable[[], int]) -> None:
        self._participant = participant
        self._choices: dict[str, tuple[Choice, ...]] = view(offer)
        self._offer = offer
        self._slots: list[Slot] = []
        self._wanted: set[tuple[str, Source]] = set()
        for section in offer.sections:
            if section.mid in self._choices:
                slot = Slot(section.mid, section.kind, Ssrc(new_ssrc()), Ssrc(0), participant)
                slot.codecs = {choice.codec.name: choice.codec for choice in self._choices[section.mid]}
                if any(codec.rtx_pt is not None for codec in slot.codecs.values()):
                    slot.rtx_ssrc = Ssrc(new_ssrc())
                slot.extensions = extension_ids(section, sends=True)
                self._slots.append(slot)

    def assign(self, wanted: Wanted) -> bool:
        """See Lines; a WHEP client is never offered anything."""
        self._wanted = set(wanted)
        return False

    def sections(self) -> tuple[OwnSection, ...]:
        """The answer's sections, in the offer's order."""
        slots = {slot.mid: slot for slot in self._slots}
        return tuple(self._section(section, slots.get(section.mid)) for section in self._offer.sections)

    def _section(self, section: Section, slot: Slot | None) -> OwnSection:
        if slot is None:
            return OwnSection(kind=section.kind, mid=section.mid, protocol=section.protocol, fmt=section.fmt)
        return OwnSection(
            kind=section.kind,
            mid=section.mid,
            direction="sendonly",
            protocol=section.protocol,
            formats=tuple(format_ for choice in self._choices[section.mid] for format_ in choice.formats),
            extensions=extension_lines(slot.extensions),
            msid=(self._participant, f"{self._participant}-{slot.kind}"),
            ssrc=slot.ssrc,
            rtx_ssrc=slot.rtx_ssrc,
        )

    def subscribed(self, codec_of: CodecOf) -> list[Subscribed]:
        """See Lines."""
        carried = [slot.carry(*self._pick(slot), codec_of) for slot in self._slots]
        return [line for line in carried if line is not None]

    def _pick(self, slot: Slot) -> tuple[str, Source]:
        sources: tuple[Source, ...] = ("mic",) if slot.kind == "audio" else ("camera", "screen", "document")
        for source in sources:
            if (self._participant, source) in self._wanted:
                return self._participant, source
        return "", sources[0]

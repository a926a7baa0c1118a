"""The made-up hub of the lookup bench: ten years at twelve sites, the same rows for every database.

The surname Nguyễn stands in a third of the files and in more than that of the sessions. Some fifty matters drag on
with a hundred visits and more; two in a hundred are denunciations (restricted, with pseudonyms). Terms are those that
the hub would make (a test compares them).
"""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass
from typing import Any, Protocol

from rooms import index
from rooms.entries import own_terms
from rooms.models import (
    Base,
    Case,
    CaseLink,
    Minutes,
    MinutesSection,
    Participant,
    Petition,
    ReceptionSession,
    SearchEntry,
    SessionGuest,
    Track,
    Visit,
    VisitPerson,
)
from rooms.numbers import number_of_session
from rooms.terms import terms_of

NOW = dt.datetime(2026, 11, 30, 2, 0, tzinfo=dt.UTC)
YEARS = 10
SURNAMES = "Trần Lê Phạm Hoàng Huỳnh Phan Vũ Võ Đặng Bùi Đỗ Hồ Ngô Dương Lý Đào Đoàn Vương Trịnh Lương".split()
MIDDLE = "Văn Thị Đức Minh Thu Ngọc Hữu Quang Thanh Xuân Công Đình Bích Kim".split()
GIVEN = (
    "An Anh Bình Châu Chi Cường Dũng Dung Duy Đạt Giang Hà Hải Hạnh Hằng Hiền Hiếu Hoa Hòa Hùng Hương Khánh Khoa Lan"
    " Lâm Liên Linh Loan Long Mai Mạnh Nam Nga Nghĩa Nhung Oanh Phong Phúc Phương Quân Quyên Sơn Tâm Thảo Thắng Thủy"
    " Tiến Trang Trung Tú Tuấn Tuyết Uyên Vân Việt Vinh Yến Điều Diệu Ước Ưng Ý"
).split()
SAID = (
    "đất đai bồi thường giải phóng mặt bằng thu hồi quyết định hành chính tranh chấp ranh giới thửa cấp giấy chứng nhận"
    " quyền sử dụng tái định cư hỗ trợ chính sách người có công hưu trí bảo hiểm môi trường nước thải nhà máy đường"
    " liên thôn xã phường huyện tỉnh ủy ban nhân dân chủ tịch thanh tra kiểm tra kết luận khiếu nại kiến nghị phản ánh"
    " trường học bệnh viện chợ kênh mương thủy lợi điện lưới xây dựng trái phép lấn chiếm hành lang an toàn giao thông"
).split()
PLACES = "Lục Ngạn|Yên Thế|Tân Yên|Việt Yên|Hiệp Hòa|Sơn Động|Lạng Giang|Yên Dũng|Lục Nam|Bắc Giang|Chũ|Tiên Lục"
KINDS = ("complaint",) * 54 + ("proposal",) * 21 + ("feedback",) * 20 + ("mixed",) * 3 + ("denunciation",) * 2
FIELDS = ("land",) * 60 + ("policy",) * 15 + ("civil_service",) * 5 + ("judicial",) * 5 + ("other",) * 15
CASE_STATES = ("open",) * 30 + ("settled",) * 40 + ("closed",) * 30
VISIT_STATES = ("closed",) * 88 + ("concluded",) * 7 + ("registered",) * 5
SESSION_STATES = ("locked",) * 97 + ("closed",) * 3
LONG = 50
"""Matters that drag on."""


@dataclass(frozen=True)
class Size:
    """How much is made."""

    cases: int
    recordings: int


class Rows(Protocol):
    """Where rows of one table go. Columns that must not be empty and are not named get an empty value."""

    def add(self, *values: Any) -> None:
        """One row, in the order of the columns; truth as 1 and 0, moments as text in UTC."""


class Sink(Protocol):
    """A database that is being filled."""

    def table(self, model: type[Base], *columns: str) -> Rows:
        """Rows of ``model`` with these columns."""

    def words(self, number: int, place: str, terms: str) -> None:
        """The terms of one entry, apart by spaces; ``place``: that of its site."""


@dataclass(frozen=True, slots=True)
class Text:
    """Something said, and its terms, apart by spaces."""

    text: str
    terms: str


@dataclass(frozen=True, slots=True)
class Matter:
    """What visits of a case need to know of it."""

    id: str
    site: str
    kind: str
    field: str
    name: Text
    about: Text


def said(text: str) -> Text:
    """With its terms."""
    return Text(text, " ".join(sorted(terms_of([text]))))


def number_id(kind: str, number: int) -> str:
    """A made-up id; in order, so that tables are filled at their end."""
    letters = "234567abcdefghijklmnopqrstuvwxyz"
    made = ""
    for _ in range(8):
        made = letters[number % 32] + made
        number //= 32
    return (kind + made).ljust(24, "a")


class Maker:
    """Cases and their recordings, in the order of time."""

    def __init__(self, sink: Sink, rng: random.Random, places: list[str], size: Size) -> None:
        self.sink, self.rng, self.places, self.size = sink, rng, places, size
        rare = ["".join(rng.choices("bcdghklmnpqrstvx", k=2)) + rng.choice("aăâeêioôơuư") + rng.choice("chmnpt")
                for _ in range(3000)]  # fmt: skip
        phrases = [" ".join(rng.choices(SAID, k=9)) + " " + " ".join(rng.choices(rare, k=2)) for _ in range(6000)]
        self.phrases = [said(phrase) for phrase in phrases]
        self.minutes = [said(". ".join(rng.choices(phrases, k=3))) for _ in range(6000)]
        surnames = ("Nguyễn" if n % 3 == 0 else rng.choice(SURNAMES) for n in range(9000))
        self.names = [said(f"{surname} {rng.choice(MIDDLE)} {rng.choice(GIVEN)}") for surname in surnames]
        self.address, self.hall, self.of = said("Thôn Mẫu"), said("Điểm cầu"), said("của").terms
        self.own: dict[tuple[Any, ...], str] = {}
        self.matters: list[Matter] = []
        self._tables(sink)

    def _tables(self, sink: Sink) -> None:
        self.cases = sink.table(
            Case, "id", "site_id", "year", "number", "title", "kind", "field", "state", "restricted", "opened_at"
        )
        self.visits = sink.table(
            Visit, "id", "site_id", "year", "number", "state", "kind", "field", "form", "receiver_role",
            "matter_status", "content", "demand", "people_count", "restricted", "pseudonym", "started_at",
            "started_on", "closed_at",
        )  # fmt: skip
        self.persons = sink.table(VisitPerson, "id", "visit_id", "role", "name", "address")
        self.links = sink.table(CaseLink, "id", "case_id", "object_kind", "object_id", "pending", "linked_at")
        self.petitions = sink.table(
            Petition, "id", "site_id", "visit_id", "year", "number", "kind", "source", "subject_kind", "field",
            "petitioner", "address", "content", "received_on", "restricted", "created_at",
        )  # fmt: skip
        self.sessions = sink.table(
            ReceptionSession, "id", "visit_id", "site_id", "year", "number", "title", "state", "record",
            "record_wanted", "chair", "restricted", "created_at", "opened_at", "closed_at",
        )  # fmt: skip
        self.participants = sink.table(
            Participant, "id", "session_id", "position", "site_id", "role", "state", "name", "added_at"
        )
        self.tracks = sink.table(
            Track, "id", "session_id", "participant_id", "source", "part", "file", "state", "first_utc", "created_at"
        )
        self.written = sink.table(Minutes, "id", "visit_id", "session_id", "state", "created_at")
        self.sections = sink.table(MinutesSection, "id", "minutes_id", "key", "text")
        self.guests = sink.table(SessionGuest, "session_id", "who", "ended_at")
        self.entries = sink.table(
            SearchEntry, "id", "kind", "object_id", "site_id", "case_id", "visit_id", "restricted", "matter", "state",
            "recorded", "at", "name",
        )  # fmt: skip

    def make(self) -> None:
        """All of it."""
        step = YEARS * 365 * 86400 / self.size.recordings
        per_case = self.size.recordings / self.size.cases
        begun = NOW - dt.timedelta(days=YEARS * 365)
        for n in range(self.size.recordings):
            at = begun + dt.timedelta(seconds=int(n * step))
            if len(self.matters) <= n / per_case and len(self.matters) < self.size.cases:
                self._case(at)
            if n % 200 == 199:  # one of those that drag on
                matter = self.matters[int(self.rng.random() * min(LONG, len(self.matters)))]
            else:
                matter = self.matters[-min(len(self.matters), 1 + int(self.rng.expovariate(1 / 400)))]
            self._recording(n, at, matter)

    def _one(self, many: Any) -> Any:
        return many[int(self.rng.random() * len(many))]

    def _entry(
        self, kind: str, object_id: str, matter: Matter, visit: str | None, state: str, at: dt.datetime, moment: str,
        name: str, terms: str,
    ) -> None:  # fmt: skip
        number = index.first_id(at) + {"case": 1, "visit": 2, "session": 3, "petition": 4}[kind]
        restricted, recorded = matter.kind == "denunciation", kind in ("visit", "session")
        key = (kind, matter.site, matter.kind, matter.field, state)
        if key not in self.own:
            values = {"kind": kind, "site_id": matter.site, "restricted": restricted, "matter": matter.kind,
                      "state": state, "recorded": recorded}  # fmt: skip
            self.own[key] = " ".join(sorted(own_terms(values, matter.field)))
        self.entries.add(
            number, kind, object_id, matter.site, matter.id, visit, int(restricted), matter.kind, state, int(recorded),
            moment, name,
        )  # fmt: skip
        self.sink.words(number, f"{'r' if restricted else 's'}:{matter.site}", f"{self.own[key]} {terms}")

    def _case(self, at: dt.datetime) -> None:
        n, moment = len(self.matters) + 1, moment_of(at)
        kind, field, state = self._one(KINDS), self._one(FIELDS), self._one(CASE_STATES)
        name, about = self._one(self.names), self._one(self.phrases)
        name = said(f"Người tố cáo {n:04d}") if kind == "denunciation" else name
        matter = Matter(number_id("c", n), self._one(self.places), kind, field, name, about)
        title = f"{about.text} của {name.text}"[:160]
        self.cases.add(
            matter.id, matter.site, at.year, n, title, kind, field, state, int(kind == "denunciation"), moment
        )
        terms = f"{n}/{at.year} {n} {at.year} c:{matter.site}.{at.year}.{n} {self.of} {name.terms} {about.terms}"
        self._entry("case", matter.id, matter, None, state, at, moment, title, terms)
        self.matters.append(matter)

    def _recording(self, n: int, at: dt.datetime, matter: Matter) -> None:
        visit, moment, restricted = number_id("v", n), moment_of(at), int(matter.kind == "denunciation")
        state, more = self._one(VISIT_STATES), self._one(self.phrases)
        self.visits.add(
            visit, matter.site, at.year, n, state, matter.kind, matter.field, "regular", "officer", "unknown",
            matter.about.text, more.text, 1, restricted, matter.name.text if restricted else "", moment, moment[:10],
            moment,
        )  # fmt: skip
        self.persons.add(number_id("p", n), visit, "citizen", matter.name.text, self.address.text)
        self.links.add(number_id("l", n), matter.id, "visit", visit, "none", moment)
        terms = (
            f"{n}/{at.year} {n} {at.year} {matter.name.terms} {self.address.terms} {matter.about.terms} {more.terms}"
        )
        self._entry("visit", visit, matter, visit, state, at, moment, matter.name.text, terms)
        self._session(n, at, moment, matter, visit, restricted)
        if n % 4 == 0:
            self._petition(n, at, moment, matter, visit, restricted)

    def _session(self, n: int, at: dt.datetime, moment: str, matter: Matter, visit: str, restricted: int) -> None:
        session, minutes = number_id("s", n), number_id("m", n)
        chair, text, state = self._one(self.names), self._one(self.minutes), self._one(SESSION_STATES)
        self.sessions.add(
            session, visit, matter.site, at.year, n, self.hall.text, state, "off", "full", chair.text, restricted,
            moment, moment, moment,
        )  # fmt: skip
        others = [self.places[0]] if self.rng.random() > 0.05 else [self.places[0], self._one(self.places)]
        for place in {*others} - {matter.site}:
            self.guests.add(session, place, moment)
        for k, place in enumerate([matter.site, *others]):  # now and then another point beside the centre
            self.participants.add(number_id("a", 3 * n + k), session, k, place, "point", "left", self.hall.text, moment)
        self.tracks.add(number_id("t", n), session, number_id("a", 3 * n), "camera", 1, "camera.journal", "closed",
                        at.timestamp(), moment)  # fmt: skip
        self.written.add(minutes, visit, session, "frozen", moment)
        self.sections.add(number_id("n", n), minutes, "content", f"{matter.name.text}: {text.text}")
        number = number_of_session(session, at.year, n, at)
        terms = f"{number} {number.replace('-', ' ')} {self.hall.terms} {matter.name.terms} {chair.terms} {text.terms}"
        self._entry("session", session, matter, visit, state, at, moment, self.hall.text, terms)

    def _petition(self, n: int, at: dt.datetime, moment: str, matter: Matter, visit: str, restricted: int) -> None:
        petition = number_id("e", n)
        self.petitions.add(
            petition, matter.site, visit, at.year, n, matter.kind, "reception", "person", matter.field,
            matter.name.text, self.address.text, matter.about.text, moment[:10], restricted, moment,
        )  # fmt: skip
        self.links.add(number_id("k", n), matter.id, "petition", petition, "none", moment)
        terms = f"{n}/{at.year} {n} {at.year} {matter.name.terms} {self.address.terms} {matter.about.terms}"
        self._entry("petition", petition, matter, visit, "", at, moment, matter.name.text, terms)


def moment_of(at: dt.datetime) -> str:
    """As both databases take it on a connection in UTC."""
    return at.strftime("%Y-%m-%d %H:%M:%S.000000")

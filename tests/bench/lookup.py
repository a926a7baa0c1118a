"""What lookup costs: ``python -m tests.bench.lookup`` makes 200,000 cases with 1,000,000 recordings and asks.

Made-up names and matters over ten years at twelve sites; the surname Nguyễn stands in a third of all entries. Whoever
asks is a records officer at three of the sites. Rows go in by the thousand (COPY on PostgreSQL) with the same terms
that the hub would make. Each kind of question is asked many times with other words; a question is the whole of
``rooms.search.find``: rights, page of groups, count, reasons. The table goes to standard error, JSON to standard
output.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa

from rooms import index, people, search, sites
from rooms.actor import SYSTEM, Actor
from rooms.db import Database, migrate, open_database
from rooms.entries import own_terms
from rooms.models import (
    Base,
    Case,
    CaseLink,
    Minutes,
    MinutesSection,
    Participant,
    ReceptionSession,
    SearchEntry,
    Track,
    Visit,
    VisitPerson,
)
from rooms.search import Filters
from rooms.terms import terms_of
from rooms.words import Role, SiteKind
from tests.bench.machine import describe
from tests.support import postgres

NOW = dt.datetime(2026, 11, 30, 2, 0, tzinfo=dt.UTC)
YEARS = 10
BATCH = 5_000
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


@dataclass(frozen=True)
class Size:
    """How much is made."""

    cases: int
    recordings: int


def number_id(kind: str, number: int) -> str:
    """A made-up id; in order, so that tables are filled at their end."""
    letters = "234567abcdefghijklmnopqrstuvwxyz"
    made = ""
    for _ in range(8):
        made = letters[number % 32] + made
        number //= 32
    return (kind + made).ljust(24, "a")


# --- filling ---------------------------------------------------------------------------------------------------------


class Filler:
    """Rows into one of the two kinds of database, past SQLAlchemy."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.held = database.engine.raw_connection()
        self.raw: Any = self.held.driver_connection
        self.waiting: dict[Any, list[tuple[Any, ...]]] = {}
        self.columns: dict[Any, list[str]] = {}
        self.rest: dict[Any, tuple[Any, ...]] = {}

    def row(self, model: type[Base], **values: Any) -> None:
        """One row; columns that must not be empty and are not named get an empty value."""
        if model not in self.columns:
            others = [c for c in model.__table__.columns if not c.nullable and c.name not in values]
            self.columns[model] = [*values, *(column.name for column in others)]
            self.rest[model] = tuple(self._empty(column) for column in others)
            self.waiting[model] = []
        self.waiting[model].append((*values.values(), *self.rest[model]))
        if len(self.waiting[model]) >= BATCH:
            self._put(model.__tablename__, self.columns[model], self.waiting[model])

    def _empty(self, column: Any) -> Any:
        kind = column.type
        if isinstance(kind, sa.Boolean):
            return False if isinstance(self.raw, psycopg.Connection) else 0
        if isinstance(kind, sa.JSON):
            return "[]"
        return 0 if isinstance(kind, sa.Integer) else ""

    def words(self, number: int, terms: str) -> None:
        """Terms of one entry, apart by spaces."""
        rows = self.waiting.setdefault("words", [])
        month = index.month_term(number)
        if isinstance(self.raw, sqlite3.Connection):
            rows.append((number, f" {terms} {month} "))
        else:
            rows.append((number, "'" + f"{terms} {month}".replace(" ", "' '") + "'"))
        if len(rows) >= BATCH:
            self._put("search_words", ["rowid" if self.database.is_sqlite else "id", "words"], rows)

    def _put(self, table: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
        names = ", ".join(f'"{name}"' for name in columns)
        if isinstance(self.raw, sqlite3.Connection):
            marks = ", ".join("?" * len(columns))
            self.raw.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', rows)
        else:
            with self.raw.cursor() as cursor, cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:
                for row in rows:
                    copy.write_row(row)
        rows.clear()

    def begin(self) -> None:
        """Without what protects against power cuts and foreign keys, and without the index of words."""
        if isinstance(self.raw, sqlite3.Connection):
            for pragma in ("synchronous=OFF", "foreign_keys=OFF", "cache_size=-200000"):
                self.raw.execute(f"PRAGMA {pragma}")
            self.raw.execute("INSERT INTO search_words (search_words, rank) VALUES ('hashsize', 268435456)")
            self.raw.execute("BEGIN")
        else:
            self.raw.execute("SET session_replication_role = replica")
            self.raw.execute("DROP INDEX ix_search_words_words")

    def end(self) -> None:
        """All that waits, then what a database does after very many writes."""
        for key, rows in self.waiting.items():
            if key == "words":
                self._put("search_words", ["rowid" if self.database.is_sqlite else "id", "words"], rows)
            else:
                self._put(key.__tablename__, self.columns[key], rows)
        self.raw.commit()
        if isinstance(self.raw, sqlite3.Connection):
            self.raw.execute("INSERT INTO search_words (search_words) VALUES ('optimize')")
            self.raw.execute("INSERT INTO search_words (search_words, rank) VALUES ('hashsize', 1048576)")
            self.raw.execute("ANALYZE")
            self.raw.commit()
        else:
            self.raw.execute("SET maintenance_work_mem = '512MB'")
            self.raw.execute(
                "CREATE INDEX ix_search_words_words ON search_words USING gin (words) WITH (fastupdate=off)"
            )
            self.raw.commit()
            self.raw.autocommit = True
            self.raw.execute("VACUUM ANALYZE")
        self.held.invalidate()  # its settings are for filling only


def fill(database: Database, size: Size, seed: int = 1) -> Actor:
    """The made-up hub; and the records officer who asks."""
    rng = random.Random(seed)
    with database.write() as db:
        central = sites.add_site(
            db, SYSTEM, "TW", "Trụ sở trung ương", SiteKind.CENTRAL, None, dt.date(2014, 1, 1), NOW
        )
        made = [
            sites.add_site(db, SYSTEM, f"D{n}", f"Điểm cầu huyện {name}", SiteKind.DISTRICT, central.id,
                           dt.date(2014, 1, 1), NOW, short_name=name)
            for n, name in enumerate(PLACES.split("|")[:11])
        ]  # fmt: skip
        user = people.add_user(db, SYSTEM, "rita", "Rita", NOW)
        for site in made[:3]:
            people.add_membership(db, SYSTEM, user.id, site.id, Role.RECORDS, NOW)
            people.add_membership(db, SYSTEM, user.id, site.id, Role.CLERK, NOW)
        places = [central.id, *(site.id for site in made)]
        actor = people.actor_of(db, user.id, NOW)
    filler = Filler(database)
    filler.begin()
    _Maker(filler, rng, places, size).make()
    filler.end()
    return actor


class _Maker:
    """Cases and their recordings, in the order of time."""

    def __init__(self, filler: Filler, rng: random.Random, places: list[str], size: Size) -> None:
        self.filler, self.rng, self.places, self.size = filler, rng, places, size
        rare = ["".join(rng.choices("bcdghklmnpqrstvx", k=2)) + rng.choice("aăâeêioôơuư") + rng.choice("chmnpt")
                for _ in range(3000)]  # fmt: skip
        self.phrases = []
        for _ in range(6000):
            text = " ".join(rng.choices(SAID, k=9)) + " " + " ".join(rng.choices(rare, k=2))
            self.phrases.append((text, " ".join(sorted(terms_of([text])))))
        self.names = []
        for n in range(9000):
            surname = "Nguyễn" if n % 3 == 0 else rng.choice(SURNAMES)
            text = f"{surname} {rng.choice(MIDDLE)} {rng.choice(GIVEN)}"
            self.names.append((text, " ".join(sorted(terms_of([text])))))
        self.fixed = {
            (kind, place): " ".join(sorted(own_terms(
                {"kind": kind, "site_id": place, "restricted": False, "matter": "complaint",
                 "state": {"case": "open", "visit": "closed", "session": "locked"}[kind],
                 "recorded": kind != "case"}, "land")))
            for kind in ("case", "visit", "session") for place in places
        }  # fmt: skip
        self.cases: list[tuple[str, str, tuple[str, str], str]] = []

    def make(self) -> None:
        step = YEARS * 365 * 86400 / self.size.recordings
        per_case = self.size.recordings / self.size.cases
        begun = NOW - dt.timedelta(days=YEARS * 365)
        for n in range(self.size.recordings):
            at = begun + dt.timedelta(seconds=int(n * step))
            if len(self.cases) <= n / per_case and len(self.cases) < self.size.cases:
                self._case(at)
            back = min(len(self.cases), 1 + int(self.rng.expovariate(1 / 400)))
            self._recording(n, at, self.cases[-back])

    def _moment(self, at: dt.datetime) -> str:
        return at.strftime("%Y-%m-%d %H:%M:%S.000000") + ("" if self.filler.database.is_sqlite else "+00")

    def _entry(self, kind: str, object_id: str, site: str, case: str, visit: str | None, at: dt.datetime, name: str,
               terms: str) -> None:  # fmt: skip
        number = index.first_id(at) + {"case": 1, "visit": 2, "session": 3}[kind]
        yes = 1 if self.filler.database.is_sqlite else True
        no = 0 if self.filler.database.is_sqlite else False
        self.filler.row(
            SearchEntry, id=number, kind=kind, object_id=object_id, site_id=site, case_id=case, visit_id=visit,
            restricted=no, matter="complaint", state={"case": "open", "visit": "closed", "session": "locked"}[kind],
            recorded=no if kind == "case" else yes, at=self._moment(at), name=name,
        )  # fmt: skip
        self.filler.words(number, f"{self.fixed[kind, site]} {terms}")

    def _case(self, at: dt.datetime) -> None:
        n = len(self.cases) + 1
        case, site = number_id("c", n), self.rng.choice(self.places)
        name, phrase = self.rng.choice(self.names), self.rng.choice(self.phrases)
        title = f"{phrase[0][:60]} của {name[0]}"
        self.filler.row(Case, id=case, site_id=site, year=at.year, number=n, title=title, kind="complaint",
                        field="land", state="open", opened_at=self._moment(at))  # fmt: skip
        terms = f"{n}/{at.year} {n} {at.year} c:{site}.{at.year}.{n} cua _1ee7_ {name[1]} {phrase[1]}"
        self._entry("case", case, site, case, None, at, title, terms)
        self.cases.append((case, site, name, phrase[1]))

    def _recording(self, n: int, at: dt.datetime, of: tuple[str, str, tuple[str, str], str]) -> None:
        case, site, name, _ = of
        rng, row, moment = self.rng, self.filler.row, self._moment(at)
        visit, session, minutes = number_id("v", n), number_id("s", n), number_id("m", n)
        phrase, more, said = rng.choice(self.phrases), rng.choice(self.phrases), rng.choice(self.phrases)
        chair = rng.choice(self.names)
        row(Visit, id=visit, site_id=site, year=at.year, number=n, state="closed", kind="complaint", field="land",
            form="regular", receiver_role="officer", matter_status="unknown", content=phrase[0], demand=more[0],
            people_count=1, started_at=moment, started_on=moment[:10], closed_at=moment)  # fmt: skip
        row(VisitPerson, id=number_id("p", n), visit_id=visit, role="citizen", name=name[0], address="Thôn Mẫu")
        row(CaseLink, id=number_id("l", n), case_id=case, object_kind="visit", object_id=visit, pending="none",
            linked_at=moment)  # fmt: skip
        row(ReceptionSession, id=session, visit_id=visit, site_id=site, year=at.year, number=n, title="Điểm cầu",
            state="locked", record="off", record_wanted="full", chair=chair[0], created_at=moment, opened_at=moment,
            closed_at=moment)  # fmt: skip
        self._points(n, session, site, moment)
        row(Track, id=number_id("t", n), session_id=session, participant_id=number_id("a", 2 * n), source="camera",
            part=1, file="camera.journal", state="closed", first_utc=at.timestamp(), created_at=moment)  # fmt: skip
        row(Minutes, id=minutes, visit_id=visit, session_id=session, state="frozen", created_at=moment)
        row(MinutesSection, id=number_id("n", n), minutes_id=minutes, key="content", text=f"{name[0]}: {said[0]}")
        number = f"{at.year % 100:02d}{at.month:02d}-{n:04d}"
        self._entry("visit", visit, site, case, visit, at, name[0],
                    f"{n}/{at.year} {n} {at.year} {name[1]} thon mau _6d__1eab_u {phrase[1]} {more[1]}")  # fmt: skip
        self._entry("session", session, site, case, visit, at, "Điểm cầu",
                    f"{number} diem cau {name[1]} {chair[1]} {said[1]}")  # fmt: skip

    def _points(self, n: int, session: str, site: str, moment: str) -> None:
        """The receiving point, the centre, and now and then another one."""
        others = [self.places[0]] if self.rng.random() > 0.05 else [self.places[0], self.rng.choice(self.places)]
        for k, place in enumerate([site, *others]):
            self.filler.row(Participant, id=number_id("a", 3 * n + k), session_id=session, position=k, site_id=place,
                            role="point", state="left", name="Điểm cầu", added_at=moment)  # fmt: skip


# --- asking ----------------------------------------------------------------------------------------------------------


def questions(rng: random.Random) -> dict[str, Callable[[], tuple[str, Filters]]]:
    """Kinds of question; each call gives another one of its kind."""
    plain = Filters()
    since = dt.date(2021, 3, 1)

    def named() -> str:
        return f"{rng.choice(SURNAMES)} {rng.choice(MIDDLE)} {rng.choice(GIVEN)}"

    return {
        "name in a third of the rows": lambda: ("nguyen", plain),
        "the same as written": lambda: ("Nguyễn", plain),
        "the same, oldest first": lambda: ("nguyen", replace(plain, sort="oldest")),
        "the same, by name": lambda: ("nguyen", replace(plain, sort="name")),
        "the same, one of its sites": lambda: ("nguyen", replace(plain, recorded=True, kind="complaint")),
        "the same, one year": lambda: ("nguyen", replace(plain, since=since, until=dt.date(2022, 2, 28))),
        "frequent name and given name": lambda: (f"nguyen {rng.choice(GIVEN)}", plain),
        "full name": lambda: (named(), plain),
        "full name without diacritics": lambda: (search.fold(named()), plain),
        "words of the minutes": lambda: (" ".join(rng.sample(SAID, 3)), plain),
        "name, words and place": lambda: (f"{rng.choice(GIVEN)} {rng.choice(SAID)} luc ngan", plain),
        "place alone": lambda: ("lục ngạn", plain),
        "number": lambda: (f"{rng.randrange(1, 200_000)}/{rng.randrange(2017, 2026)}", plain),
        "number of a session": lambda: (f"{rng.randrange(1701, 1713)}-{rng.randrange(900_000)}", plain),
        "rare word beside the frequent name": lambda: (f"nguyen {rng.randrange(1, 1_000_000)}", plain),
        "nothing": lambda: ("nguyen zzz", plain),
        "everything": lambda: ("", plain),
        "everything recorded in a state": lambda: ("", replace(plain, recorded=True, state="visit.closed")),
    }


def ask(database: Database, actor: Actor, times: int) -> dict[str, dict[str, float]]:
    """Milliseconds of each kind of question, below which half and 95 of 100 stay; and of pages deep down."""
    rng = random.Random(7)
    measured: dict[str, list[tuple[float, float]]] = {}
    finds: dict[str, int] = {}
    for kind, make in questions(rng).items():
        for _ in range(times):
            text, filters = make()
            began, spent = time.perf_counter(), time.process_time()
            with database.read() as db:
                found = search.find(db, actor, text, filters, NOW)
            measured.setdefault(kind, []).append(_took(began, spent))
            finds[kind] = max(finds.get(kind, 0), found.total + found.capped)
    measured["pages 2 to 60 of the frequent name"] = list(_pages(database, actor))
    everything = [one for many in measured.values() for one in many]
    table = {kind: _spread(many) | {"finds": finds.get(kind, 0)} for kind, many in measured.items()}
    return table | {"all": _spread(everything)}


def _took(began: float, spent: float) -> tuple[float, float]:
    """Milliseconds by the clock on the wall, and of this process' own work."""
    return (time.perf_counter() - began) * 1000, (time.process_time() - spent) * 1000


def _pages(database: Database, actor: Actor) -> Iterator[tuple[float, float]]:
    after = None
    for _ in range(60):
        began, spent = time.perf_counter(), time.process_time()
        with database.read() as db:
            after = search.find(db, actor, "nguyen", Filters(), NOW, after=after).next
        yield _took(began, spent)
        if after is None:
            return


def _spread(measured: list[tuple[float, float]]) -> dict[str, float]:
    values, own = sorted(wall for wall, _ in measured), sorted(cpu for _, cpu in measured)
    return {
        "cpu_p50_ms": round(own[len(own) // 2], 1),
        "cpu_p95_ms": round(own[min(len(own) - 1, int(len(own) * 0.95))], 1),
        "p50_ms": round(values[len(values) // 2], 1),
        "p95_ms": round(values[min(len(values) - 1, int(len(values) * 0.95))], 1),
        "max_ms": round(values[-1], 1),
        "asked": len(values),
    }


@contextlib.contextmanager
def database_of(kind: str, keep: Path | None = None) -> Iterator[Database]:
    """A migrated, empty database for as long as the block runs; ``keep``: a file that stays, and is used again."""
    if kind == "sqlite" and keep is not None:
        database = open_database(f"sqlite:///{keep}")
        migrate(database)
        yield database
        database.dispose()
        return
    if kind == "sqlite":
        with tempfile.TemporaryDirectory(prefix="dc-lookup-") as folder:
            database = open_database(f"sqlite:///{Path(folder) / 'hub.db'}")
            migrate(database)
            yield database
            database.dispose()
        return
    postgres.FAST.update(shared_buffers="512MB", max_wal_size="8GB")
    with postgres.private_server() as server:
        database = open_database(server.url(server.create()))
        migrate(database)
        yield database
        database.dispose()


def run(kind: str, size: Size, times: int) -> dict[str, Any]:
    """Fill one and ask it; how long filling took, how large it is, how long answers took."""
    with database_of(kind) as database:
        began = time.monotonic()
        actor = fill(database, size)
        filled = time.monotonic() - began
        ask(database, actor, 1)  # what is read for the first time comes from the disk
        return {"filled_s": round(filled), "questions": ask(database, actor, times)}


def main() -> None:
    """Both databases, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=200_000)
    parser.add_argument("--recordings", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=20, help="questions of each kind")
    parser.add_argument("--database", choices=("sqlite", "postgres", "both"), default="both")
    parser.add_argument("--json", type=Path, help="also write the result here")
    given = parser.parse_args()
    size = Size(given.cases, given.recordings)
    kinds = ("sqlite", "postgres") if given.database == "both" else (given.database,)
    result: dict[str, Any] = {"machine": describe(), "cases": size.cases, "recordings": size.recordings}
    for kind in kinds:
        result[kind] = run(kind, size, given.times)
        sys.stderr.write(f"\n{kind}: filled in {result[kind]['filled_s']} s\n\n")
        sys.stderr.write(
            "| question | finds | p50 ms | p95 ms | max ms | own CPU p50, p95 |\n|---|---|---|---|---|---|\n"
        )
        for name, row in result[kind]["questions"].items():
            found = row.get("finds", 0)
            told = "> 1,000" if found > search.COUNTED else f"{found}" if found else ""
            times = f"{row['p50_ms']} | {row['p95_ms']} | {row['max_ms']} | {row['cpu_p50_ms']}, {row['cpu_p95_ms']}"
            sys.stderr.write(f"| {name} | {told} | {times} |\n")
    sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(result, ensure_ascii=False), "utf-8")


if __name__ == "__main__":
    main()

"""Lookup finds exactly what a plain reading of all rows finds, for whoever asks: over random files and random rights.

The reference reads every row, asks ``access`` for each one, and knows no index.
"""

from __future__ import annotations

import datetime as dt
import random
import re
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from rooms import access, cases, indexing, minutes, people, petitions, search, sessions, visits
from rooms.access import Right
from rooms.actor import SYSTEM, Actor
from rooms.entries import KINDS
from rooms.errors import RoomsError
from rooms.fold import fold, lowered
from rooms.models import Case, CaseLink, Minutes, Petition, ReceptionSession, SearchEntry, Site, Visit
from rooms.reach import entries_beside, reach_of
from rooms.search import Filters
from rooms.vault import Vault
from rooms.words import CaseState, PetitionKind, SessionState, VisitState
from tests.support.actors import World
from tests.support.factories import NOW, again, open_case, person, registered

WORDS = ("Điều", "Diệu", "dieu", "An", "Ân", "đất", "15/2026", "Lục", "luc")
SECRET = ("Kínmột", "Kínhai", "Kínba")
FEW = settings(
    max_examples=2,
    report_multiple_bugs=False,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def filled(db: Session, world: World, vault: Vault, rng: random.Random) -> list[Actor]:
    """Random files at three places, linked, joined, restricted, opened by grants; and those who will ask."""
    homes = (world.district, world.other_district, world.province)
    made: list[tuple[str, str]] = []
    files: list[str] = []
    for n in range(10):
        site = rng.choice(homes)
        now = NOW - dt.timedelta(days=rng.randrange(60), seconds=n)
        said = " ".join(rng.choices(WORDS, k=2))
        kind = rng.choice((PetitionKind.COMPLAINT, PetitionKind.FEEDBACK, PetitionKind.DENUNCIATION))
        who = person(f"{rng.choice(SECRET)} {said}" if kind is PetitionKind.DENUNCIATION else said)
        visit = registered(db, SYSTEM, site, vault, content=rng.choice(WORDS), kind=kind, persons=(who,), now=now)
        made.append(("visit", visit.id))
        if rng.random() < 0.5:
            mine = visit.id if rng.random() < 0.7 else None
            case = open_case(db, SYSTEM, site, rng.choice(WORDS), visit_id=mine)
            files.append(case.id)
            made.append(("case", case.id))
        if rng.random() < 0.5 and not visit.restricted:
            session = sessions.open_for_visit(
                db, world.oscar, visits.queue_online(db, SYSTEM, visit.id, NOW).id, NOW,
                invite=[world.other_district.id] if rng.random() < 0.5 else [],
            )  # fmt: skip
            made.append(("session", session.id))
            paper = minutes.prefill(db, world.oscar, NOW, session_id=session.id)
            minutes.add_line(db, world.oscar, paper.id, " ".join(rng.choices(WORDS, k=3)), NOW)
            if rng.random() < 0.4:
                session.state, session.closed_at = SessionState.CLOSED, NOW - dt.timedelta(days=rng.choice((1, 40)))
                db.flush()
            if rng.random() < 0.3:
                visits.to_denunciation(db, SYSTEM, visit.id, vault, NOW)
        if rng.random() < 0.4:
            given_in = petitions.add(
                db,
                SYSTEM,
                site.id,
                kind,
                rng.choice(WORDS),
                vault,
                NOW,
                petitioner=rng.choice(WORDS),
                visit_id=visit.id,
            )
            made.append(("petition", given_in.id))
    _file(db, rng, made, files)
    for _ in range(4):
        name, object_id = rng.choice(made)
        until = NOW + dt.timedelta(days=rng.choice((-1, 1)))
        before = NOW - dt.timedelta(days=2)
        _may(people.grant, db, SYSTEM, world.ivan.user_id, name, object_id, Right.READ, "Kiểm tra", until, before)
    return [world.alice, world.bob, world.charlie, world.oscar, world.adam, again(db, world.ivan), SYSTEM]


def _file(db: Session, rng: random.Random, made: list[tuple[str, str]], files: list[str]) -> None:
    """Links, ends of links and joined files, where the rules allow them."""
    for _ in range(6):
        name, object_id = rng.choice(made)
        if files:
            _may(cases.link, db, SYSTEM, rng.choice(files), name, object_id, NOW)
    for link in db.scalars(sa.select(CaseLink.id).limit(3)).all():
        if rng.random() < 0.3:
            _may(cases.unlink, db, SYSTEM, link, "Nhầm", NOW)
    if len(files) > 1:
        _may(cases.merge, db, SYSTEM, *rng.sample(files, 2), "Cùng việc", NOW)


def _may(work: Any, *arguments: Any) -> None:
    try:
        work(*arguments)
    except RoomsError:
        pass


def plainly(db: Session, actor: Actor, query: str, filters: Filters) -> dict[str, int]:
    """What is to be found, and whether as written (0) or as it sounds (1)."""
    found = {}
    for kind, model in KINDS.items():
        for thing in db.scalars(sa.select(model)):
            hidden = {Case: CaseState.MERGED, Visit: VisitState.DRAFT}.get(model)
            if (hidden is not None and thing.state == hidden) or kind not in filters.types:
                continue
            if Right.READ not in access.rights_on(db, actor, access.subject_of(db, thing), NOW):
                continue
            if filters.kind and str(kind_of(db, thing) or "") != filters.kind:
                continue
            tier = rank(db, thing, query)
            if tier is not None:
                found[thing.id] = tier
    return found


def kind_of(db: Session, thing: Any) -> Any:
    if isinstance(thing, ReceptionSession):
        thing = db.get(Visit, thing.visit_id)
    return thing.kind


def rank(db: Session, thing: Any, query: str) -> int | None:
    texts = texts_of(db, thing)
    site = db.get(Site, thing.site_id)
    place = re.findall(r"\w+", fold(f"{site.name} {site.short_name}")) if site else []
    held = {word for text in texts for word in re.findall(r"[\w/.-]+", fold(text))}
    held |= {part for word in held for part in re.findall(r"\w+", word)}
    as_written = {word for text in texts for word in re.findall(r"\w+", lowered(text))}
    asked = query.split()
    if any(fold(word) not in held and fold(word) not in place for word in asked):
        return None
    typed = [word for word in asked if lowered(word) != fold(word)]
    return 0 if all(lowered(word) in as_written for word in typed) else 1


def texts_of(db: Session, thing: Any) -> list[str]:
    texts = [getattr(thing, name, "") or "" for name in (
        "title", "summary", "leader", "content", "demand", "note", "previous_body", "outcome_text", "pseudonym",
        "petitioner", "address", "chair",
    )]  # fmt: skip
    if isinstance(thing, Visit):
        texts += [text for one in thing.persons for text in (one.name, one.address)]
    if isinstance(thing, ReceptionSession):
        for point in thing.participants:
            texts += [point.name, *(text for one in point.people for text in (one.name, one.title))]
        year = f"{thing.created_at.year % 100:02d}{thing.created_at.month:02d}-{thing.number:04d}"
        texts.append(year)
        papers = db.scalars(sa.select(Minutes).where(Minutes.session_id == thing.id)).all()
    elif isinstance(thing, Visit):
        own = Minutes.visit_id == thing.id, Minutes.session_id.is_(None)
        papers = db.scalars(sa.select(Minutes).where(*own)).all()
    else:
        papers = []
    for paper in papers:
        shown = minutes.view(db, paper.id)
        texts += [part["text"] for part in shown["sections"]]
        texts += [text for line in shown["lines"] for text in (line["text"], line["speaker"])]
    if isinstance(thing, Case | Visit | Petition):
        texts.append(f"{thing.number}/{thing.year}")
    return texts


@FEW
@given(seed=st.integers(0, 1 << 32))
@example(3_124_804)  # a visit at a place of one's own, in a file of another place
def test_lookup_finds_what_reading_everything_finds(db: Session, world: World, vault: Vault, seed: int) -> None:
    rng = random.Random(seed)
    with pytest.MonkeyPatch.context() as patch, db.begin_nested() as here:
        patch.setattr(search, "HITS", 1000)
        db.info.pop("tree", None)
        actors = filled(db, world, vault, rng)
        for actor in actors:
            for query in (*rng.sample(WORDS, 2), rng.choice((" ".join(rng.sample(WORDS, 2)), "d1 an", ""))):
                filters = rng.choice((Filters(), Filters(kind="complaint"), Filters(types=("case", "session"))))
                expected = plainly(db, actor, query, filters)
                found, places = [], []
                after = None
                while True:  # by pages of four groups
                    page = search.find(db, actor, query, filters, NOW, after=after, size=4)
                    assert page.total == len(expected), (actor.login, query)
                    found += [hit.object_id for group in page.groups for hit in group.hits]
                    places += [expected.get(group.hits[0].object_id, 1) for group in page.groups]
                    after = page.next
                    if after is None:
                        break
                assert sorted(found) == sorted(expected), (actor.login, query)
                assert places == sorted(places), "as written comes first"
            _reaches_what_may_be_read(db, actor)
        here.rollback()
    db.expire_all()


def _reaches_what_may_be_read(db: Session, actor: Actor) -> None:
    reach = reach_of(db, actor, NOW)
    beside = set(entries_beside(db, reach))
    for entry in db.execute(sa.select(*SearchEntry.__table__.columns)):
        model = KINDS[entry.kind]
        listed = sa.select(model.id).where(model.id == entry.object_id, access.readable(db, actor, model, NOW))
        assert reach.holds(entry) == (db.scalar(listed) is not None), (actor.login, entry.kind)
        assert entry.id not in beside or reach.holds(entry)


@FEW
@given(seed=st.integers(0, 1 << 32))
def test_no_word_of_the_vault_is_ever_found_and_rebuilding_changes_nothing(
    db: Session, world: World, vault: Vault, seed: int
) -> None:
    rng = random.Random(seed)
    with db.begin_nested() as here:
        db.info.pop("tree", None)
        filled(db, world, vault, rng)
        before = held(db)
        for secret in SECRET:
            assert search.find(db, SYSTEM, secret, Filters(), NOW).total == 0
            assert not any(f" {fold(secret)} " in words for words in before.values())
        step = indexing.rebuild_step(db)
        while step.place:
            assert step.mended == 0
            step = indexing.rebuild_step(db, step.place)
        assert held(db) == before
        here.rollback()
    db.expire_all()


def held(db: Session) -> dict[str, str]:
    """The words of every entry, by its object."""
    if db.get_bind().dialect.name == "sqlite":
        kept = "SELECT r.id, w.words FROM search_words_row r JOIN search_words w ON w.rowid = r.row"
    else:
        kept = "SELECT id, array_to_string(tsvector_to_array(words), ' ') AS words FROM search_words"
    rows = db.execute(sa.text(f"SELECT e.object_id, w.words FROM search_entry e JOIN ({kept}) w ON w.id = e.id"))
    return {row[0]: f" {' '.join(sorted(row[1].split()))} " for row in rows}

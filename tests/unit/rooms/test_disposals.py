"""Retention, holds, disposal: what must be kept is kept, what goes is gone, and two people were needed."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from rooms import cases, destruction, disposals, holds, manifest, recordings, retention, signing
from rooms.actor import SYSTEM, Actor
from rooms.errors import Conflict, Forbidden, Invalid, NotFound, StorageFailed, WrongState
from rooms.files import FileStore
from rooms.models import Case, Package, Paper, ReceptionSession, ReplayFile
from rooms.retention import RetentionClass
from rooms.signing import Signer
from rooms.vault import Vault
from rooms.words import CaseState, DisposalState, PetitionKind, Role
from tests.support.actors import World
from tests.support.factories import NOW, add_actor, open_case, registered
from tests.support.keeping import close_case, locked

LATER = NOW + dt.timedelta(hours=1)
OVER = dt.datetime(2047, 1, 5, tzinfo=dt.UTC)
"""Twenty years after the end of the year in which the work ended."""


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return signing.create(tmp_path / "keys")


@pytest.fixture
def second(db: Session, world: World) -> Actor:
    """Another records officer at the province."""
    return add_actor(db, "roger", (world.province, Role.RECORDS))


@pytest.fixture
def record(
    db: Session, world: World, vault: Vault, files: FileStore, signer: Signer, tmp_path: Path
) -> ReceptionSession:
    """A locked record in no file."""
    return locked(db, world, vault, files, signer, tmp_path / "spool")[1]


def proposed(db: Session, world: World, session: ReceptionSession, now: dt.datetime = OVER) -> str:
    return disposals.propose(db, world.rita, "session", session.id, "QĐ 12/QĐ", "Hết hạn", now).id


def codes(db: Session, thing: Case | ReceptionSession, now: dt.datetime = OVER) -> list[str]:
    return [one.code for one in disposals.obstacles(db, thing, now)]


def test_it_works(
    db: Session, world: World, record: ReceptionSession, files: FileStore, signer: Signer, second: Actor
) -> None:
    """Proposed, approved by another, destroyed, certified; nothing of the record is left in the store."""
    package = recordings.package_of(db, record.id)
    assert package is not None
    name = proposed(db, world, record)
    with pytest.raises(Forbidden) as refused:
        disposals.decide(db, world.rita, name, True, "", OVER)
    assert refused.value.code == "custody.same_person"
    disposals.decide(db, second, name, True, "Đồng ý", OVER)
    row = destruction.begin(db, files, name, OVER)
    assert (row.state, package.disposed_at) == (DisposalState.RUNNING, OVER)
    destruction.destroy(files, row, lambda done: None)
    destruction.certify(db, name, signer, OVER)
    kept = [path for path in files.root.rglob("*") if path.is_file() and "papers/" not in path.as_posix()]
    assert kept == []
    said = json.loads(row.certificate)
    assert signing.is_signed(signer.public, bytes.fromhex(row.signature), row.certificate.encode())
    assert manifest.canonical(said).decode() == row.certificate
    assert said["manifests"] == {record.id: package.manifest_sha256}
    assert (said["proposed"]["by"], said["approved"]["by"]) == (world.rita.user_id, second.user_id)
    names = {line["path"].rsplit("/", 1)[-1]: line for line in said["files"]}
    assert len(names["manifest.json"]["sha256"]) == 64 and names["a.webm"]["what"] == "package"
    assert {line["what"] for line in said["files"]} == {"package", "replay"}
    with pytest.raises(NotFound):
        recordings.package_path(db, world.rita, files, record.id, OVER)
    assert db.query(ReplayFile).filter_by(session_id=record.id).count() == 0


def test_a_killed_worker_goes_on_from_the_inventory(
    db: Session, world: World, record: ReceptionSession, files: FileStore, signer: Signer, second: Actor, tmp_path: Path
) -> None:  # fmt: skip
    """Copies outside the store go, too; what is gone already does not disturb, what cannot go is not certified."""
    disposals.decide(db, second, name := proposed(db, world, record), True, "", OVER)
    spool, cache = tmp_path / "spool", tmp_path / "cached.zip"
    cache.write_bytes(b"zip")
    copies = [destruction.Elsewhere("spool", record.id, spool), destruction.Elsewhere("cache", record.id, cache)]
    row = destruction.begin(db, files, name, OVER, copies)
    first = files.root / row.inventory[0]["path"]
    first.unlink()
    again = destruction.begin(db, files, name, OVER, [])
    assert again.inventory == row.inventory
    destruction.destroy(files, row, lambda done: None)
    assert not spool.exists() and not cache.exists()
    first.parent.mkdir(parents=True, exist_ok=True)
    first.mkdir()
    with pytest.raises(StorageFailed):
        destruction.destroy(files, row, lambda done: None)
    first.rmdir()
    done = destruction.certify(db, name, signer, OVER)
    assert destruction.certify(db, name, signer, LATER).certificate == done.certificate


def test_nothing_of_an_open_file_goes(
    db: Session, world: World, vault: Vault, files: FileStore, signer: Signer, tmp_path: Path, second: Actor
) -> None:
    visit, session = locked(db, world, vault, files, signer, tmp_path / "spool")
    case = open_case(db, world.alice, world.district, visit_id=None)
    cases.confirm_link(
        db, world.dora, cases.link(db, world.rita, case.id, "visit", visit.id, NOW, reason="Cùng việc").id, NOW
    )
    assert codes(db, session) == ["case_open"]
    cases.set_case_state(db, world.alice, case.id, CaseState.SETTLED, NOW)
    assert codes(db, session) == codes(db, case) == ["case_open"]
    with pytest.raises(Conflict) as refused:
        proposed(db, world, session)
    assert refused.value.code == "disposal.case_open"
    close_case(db, world.alice, case.id, NOW)
    assert codes(db, session) == codes(db, case) == []
    assert codes(db, session, LATER) == ["not_over"]
    name = disposals.propose(db, world.rita, "case", case.id, "QĐ 13", "Hết hạn", OVER).id
    assert codes(db, session) == ["going"]
    disposals.decide(db, world.dora, name, True, "", OVER)
    cases.set_case_state(db, world.alice, case.id, CaseState.OPEN, OVER)  # taken up again before the worker came
    row = destruction.begin(db, files, name, OVER)
    assert (row.state, row.error, row.inventory) == (DisposalState.STOPPED, "case_open", [])
    assert recordings.package_path(db, world.rita, files, session.id, OVER)


def test_a_file_is_disposed_of_with_its_papers(
    db: Session, world: World, vault: Vault, files: FileStore, signer: Signer, tmp_path: Path
) -> None:
    visit, session = locked(db, world, vault, files, signer, tmp_path / "spool")
    case = open_case(db, world.alice, world.district)
    link = cases.link(db, world.rita, case.id, "visit", visit.id, NOW, reason="Cùng việc")
    cases.confirm_link(db, world.dora, link.id, NOW)
    close_case(db, world.alice, case.id, NOW)
    name = disposals.propose(db, world.rita, "case", case.id, "QĐ 14", "Hết hạn", OVER).id
    disposals.decide(db, world.dora, name, True, "", OVER)
    row = destruction.begin(db, files, name, OVER)
    destruction.destroy(files, row, lambda done: None)
    destruction.certify(db, name, signer, OVER)
    assert [path for path in files.root.rglob("*") if path.is_file()] == []
    paper = db.query(Paper).filter_by(owner_id=session.id).one()
    assert paper.destroyed_at == OVER and paper.sha256 in row.certificate


def test_a_hold_stops_everything_until_a_second_person_lifts_it(
    db: Session, world: World, record: ReceptionSession, files: FileStore, second: Actor
) -> None:
    with pytest.raises(Invalid):
        holds.place(db, world.rita, "session", record.id, "CV 5", " ", NOW)
    name = proposed(db, world, record)
    disposals.decide(db, second, name, True, "", OVER)
    hold = holds.place(db, world.dora, "session", record.id, "CV 5/TA", "Tòa yêu cầu", OVER)
    assert destruction.begin(db, files, name, OVER).error == "held"
    with pytest.raises(Conflict) as refused:
        proposed(db, world, record)
    assert refused.value.code == "disposal.held"
    holds.ask_to_lift(db, world.dora, hold.id, "Tòa đã xử xong", OVER)
    with pytest.raises(WrongState):
        holds.ask_to_lift(db, world.rita, hold.id, "Lại", OVER)
    with pytest.raises(Forbidden):
        holds.decide_lift(db, world.dora, hold.id, True, OVER)
    assert codes(db, record) == ["held"]
    holds.decide_lift(db, world.rita, hold.id, True, OVER)
    assert codes(db, record) == []
    [row] = holds.of(db, "session", record.id)
    assert (row.placed_by, row.lift_asked_by, row.lifted_by) == (
        world.dora.user_id, world.dora.user_id, world.rita.user_id,
    )  # fmt: skip
    with pytest.raises(WrongState):
        holds.decide_lift(db, world.rita, hold.id, True, OVER)


def test_what_is_being_destroyed_cannot_be_held(
    db: Session, world: World, record: ReceptionSession, files: FileStore, second: Actor
) -> None:
    disposals.decide(db, second, name := proposed(db, world, record), True, "", OVER)
    destruction.begin(db, files, name, OVER)
    with pytest.raises(Conflict) as refused:
        holds.place(db, world.dora, "session", record.id, "", "Chậm", OVER)
    assert refused.value.code == "hold.too_late"
    with pytest.raises(WrongState):
        disposals.withdraw(db, world.rita, name, OVER)


def test_refused_and_withdrawn(db: Session, world: World, record: ReceptionSession, second: Actor) -> None:
    name = proposed(db, world, record)
    with pytest.raises(Invalid):
        disposals.decide(db, second, name, False, " ", OVER)
    assert disposals.decide(db, second, name, False, "Còn khiếu nại", OVER).state is DisposalState.REFUSED
    with pytest.raises(WrongState):
        disposals.decide(db, second, name, True, "", OVER)
    name = proposed(db, world, record)
    assert disposals.withdraw(db, world.rita, name, OVER).state is DisposalState.WITHDRAWN
    assert codes(db, record) == []


def test_strangers_and_officers_neither_hold_nor_dispose(db: Session, world: World, record: ReceptionSession) -> None:
    for actor, error in ((world.charlie, NotFound), (world.alice, Forbidden), (world.ivan, NotFound)):
        with pytest.raises(error):
            disposals.propose(db, actor, "session", record.id, "QĐ", "Hết hạn", OVER)
        with pytest.raises(error):
            holds.place(db, actor, "session", record.id, "CV", "Giữ", OVER)
        with pytest.raises(error):
            retention.give(db, actor, "session", record.id, "permanent", "Quan trọng", OVER)
    name = proposed(db, world, record)
    with pytest.raises(NotFound):
        disposals.decide(db, world.charlie, name, True, "", OVER)
    assert disposals.waiting(db, world.charlie, OVER) == ([], [])
    assert [row.id for row in disposals.waiting(db, world.dora, OVER)[0]] == [name]


def test_a_restricted_record_is_kept_by_its_receiving_officer(
    db: Session, world: World, vault: Vault, files: FileStore, signer: Signer, tmp_path: Path
) -> None:
    kind = PetitionKind.DENUNCIATION
    _, session = locked(db, world, vault, files, signer, tmp_path / "spool", kind=kind)
    with pytest.raises(NotFound):
        holds.place(db, world.rita, "session", session.id, "CV", "Giữ", NOW)
    assert holds.place(db, world.alice, "session", session.id, "CV", "Giữ", NOW)
    other = add_actor(db, "alan", (world.district, Role.SITE_OFFICER))
    holds.ask_to_lift(db, world.alice, holds.of(db, "session", session.id)[0].id, "Xong", NOW)
    with pytest.raises(Forbidden):
        holds.decide_lift(db, world.alice, holds.of(db, "session", session.id)[0].id, True, NOW)
    assert holds.decide_lift(db, other, holds.of(db, "session", session.id)[0].id, True, NOW).lifted_at == NOW


def test_classes_are_dated_data_with_their_source(db: Session, world: World, record: ReceptionSession) -> None:
    kept = retention.of(db, record, NOW)
    assert (kept.cls.key, kept.until, kept.cls.sure) == ("reception", dt.date(2046, 12, 31), "low")
    assert all(one.source and one.sure in ("found", "memory", "low", "design") for one in retention.built_in())
    before = dt.datetime(2025, 6, 30, tzinfo=dt.UTC)
    assert "inspection_other" not in {one.key for one in retention.classes(db, before)}
    with pytest.raises(Invalid):
        retention.give(db, world.rita, "session", record.id, "for ever", "Vì", NOW)
    with pytest.raises(Invalid):
        retention.give(db, world.rita, "session", record.id, "permanent", "", NOW)
    retention.give(db, world.rita, "session", record.id, "permanent", "Vụ việc điển hình", NOW)
    assert codes(db, record) == ["permanent"]
    from rooms import settings

    settings.set_rule(db, world.adam, "retention_years", 30, "QĐ 99", NOW)
    retention.give(db, world.rita, "session", record.id, "reception", "Theo quyết định", NOW)
    assert retention.of(db, record, NOW).until == dt.date(2056, 12, 31)
    assert codes(db, record) == ["not_over"]


@given(years=st.integers(1, 70), ended=st.dates(dt.date(2014, 1, 1), dt.date(2100, 1, 1)))
def test_years_are_counted_from_the_end_of_the_year(years: int, ended: dt.date) -> None:
    last = retention.until(RetentionClass("x", years, "", ""), ended)
    assert last is not None
    assert (last.month, last.day, last.year - ended.year) == (12, 31, years)
    assert (last - ended).days >= 365 * years


def test_nothing_goes_by_itself(
    db: Session, world: World, vault: Vault, files: FileStore, record: ReceptionSession
) -> None:
    """Long after its time a record that nobody proposed is there."""
    registered(db, world.alice, world.district, vault)
    assert disposals.waiting(db, SYSTEM, OVER + dt.timedelta(days=9000)) == ([], [])
    assert files.path_of(db.query(Package).one().path).is_dir()

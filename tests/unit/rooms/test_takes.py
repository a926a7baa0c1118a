"""What a point recorded by itself is handed in, cut, filed and signed."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import recordings, sessions, signing, takekeys, takes, training
from rooms.actor import Actor
from rooms.db import Database
from rooms.errors import Conflict, Invalid, NotFound, RoomsError, WrongState
from rooms.files import FileStore
from rooms.manifest import canonical
from rooms.models import AuditEntry, Petition, ReceptionSession, Supplement, Take, TakePiece, Visit
from rooms.sessions import NewEvent
from rooms.signing import Signer
from rooms.takekeys import TakeKeys
from rooms.takes import Against, Receipt
from rooms.vault import Vault
from rooms.verifier import keys_of, verify
from rooms.words import SessionState
from tests.support.actors import build_world
from tests.support.factories import NOW, registered
from tests.support.takes import MEDIA, Sealer

AT = NOW.timestamp()
SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return signing.create(tmp_path / "keys")


@pytest.fixture
def keys(tmp_path: Path) -> TakeKeys:
    return takekeys.load_or_create(tmp_path / "keys" / "takes")


class Desk:
    """A point of a running session, and its device."""

    def __init__(self, database: Database, files: FileStore, keys: TakeKeys, vault: Vault) -> None:
        self.database, self.files, self.keys, self.vault = database, files, keys, vault
        self.off: list[tuple[float, float, str]] = []
        with database.write() as db:
            self.world = build_world(db)
            visit = registered(db, self.world.alice, self.world.district, vault)
            session = sessions.open_for_visit(db, self.world.bob, visit.id, NOW)
            events = [NewEvent(kind="session.opened", utc=AT), NewEvent(kind="record.started", utc=AT)]
            sessions.append_events(db, session.id, 0, events)
            sessions.set_state(db, session.id, 0, SessionState.RUNNING, NOW)
            self.session = session.id
            self.point = next(one.id for one in session.participants if one.site_id == self.world.district.id)

    def sealer(self) -> Sealer:
        return Sealer(self.keys.grant(self.session, self.point, AT), self.session, self.point)

    def begin(self, made: Sealer, actor: Actor | None = None) -> Take:
        with self.database.write() as db:
            return takes.begin(db, actor or self.world.alice, self.keys, made.raw, NOW)

    def against(self, db: Session, take: Take) -> Against:
        def word(sources: Sequence[str], start: float, end: float) -> str:
            return next((reason for since, to, reason in self.off if since < end and to > start), "")

        return word

    def put(self, made: Sealer, number: int, sealed: bytes, actor: Actor | None = None) -> Receipt:
        now = NOW + 60 * SECOND
        who = actor or self.world.alice
        return takes.put(self.database, who, self.files, self.keys, made.take, number, sealed, self.against, now)

    def file(self, made: Sealer) -> takes.Filed:
        with self.database.write() as db:
            take = db.get_one(Take, made.take)
            return takes.file(db, made.take, self.files, self.against(db, take), NOW + 70 * SECOND)

    def close(self) -> None:
        with self.database.write() as db:
            sessions.append_events(db, self.session, 0, [NewEvent(kind="session.closed", utc=AT + 100)])
            sessions.set_state(db, self.session, 0, SessionState.CLOSED, NOW + 100 * SECOND)

    def lock(self, signer: Signer) -> Path:
        with self.database.write() as db:
            package = recordings.lock(db, self.files, self.session, signer, NOW + 1000 * SECOND)
            return self.files.path_of(package.path)

    def kept(self) -> set[bytes]:
        return {path.read_bytes() for path in self.files.root.glob("takes/*/*.webm")}


@pytest.fixture
def desk(database: Database, files: FileStore, keys: TakeKeys, vault: Vault) -> Desk:
    return Desk(database, files, keys, vault)


def handed_in(desk: Desk, *media: bytes, end: bool = True) -> Sealer:
    """A take of pieces of 4 s, handed in."""
    made = desk.sealer()
    desk.begin(made)
    for number, one in enumerate(media):
        desk.put(made, number, made.media(AT + 4 * number, AT + 4 * number + 4, media=MEDIA + one))
    if end:
        desk.put(made, len(media), made.end(AT + 4 * len(media)))
    return made


def problems(folder: Path, signer: Signer) -> tuple[str, list[dict[str, str]]]:
    result = verify(str(folder), keys_of(signer.public_pem().decode()))
    return str(result["result"]), result["problems"]


def test_it_works(desk: Desk, signer: Signer) -> None:
    """Handed in before the lock: originals of the package, named as from the point."""
    made = handed_in(desk, b"one", b"two")
    facts = desk.file(made).facts
    assert (facts["pieces"], facts["cut"], facts["complete"], facts["ended"]) == (2, {}, True, "returned")
    desk.close()
    folder = desk.lock(signer)
    assert problems(folder, signer) == ("intact", [])
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert manifest["facts"]["takes"] == [facts] and facts["origin"] == "point"
    listed = {file["path"]: file["kind"] for file in manifest["files"] if file["kind"] == "take"}
    assert set(listed) == {f"takes/{made.take}.{name}" for name in ("json", "0000.webm", "0001.webm")}
    stated = json.loads((folder / f"takes/{made.take}.json").read_bytes())
    assert [one["file"] for one in stated["pieces"]] == [f"{made.take}.0000.webm", f"{made.take}.0001.webm", None]
    assert (folder / f"takes/{made.take}.0001.webm").read_bytes() == MEDIA + b"two"
    assert verify(str(folder))["checked"]["takes"] == 1
    with desk.database.read() as db:
        assert db.get_one(Take, made.take).placed == "package"
        assert takes.unplaced(db) == []


def test_after_the_lock_it_becomes_a_signed_supplement(desk: Desk, signer: Signer) -> None:
    made = handed_in(desk, b"one")
    desk.close()
    folder = desk.lock(signer)
    desk.file(made)
    with desk.database.read() as db:
        assert takes.unplaced(db) == [made.take]
    for _ in range(2):  # a job that is played again adds nothing
        with desk.database.write() as db:
            takes.supplement(db, desk.files, made.take, signer, NOW)
    assert problems(folder, signer) == ("intact", [])
    (only,) = (folder / "supplements").iterdir()
    stated = json.loads((only / "supplement.json").read_bytes())
    assert (stated["kind"], stated["facts"]["takes"][0]["take"]) == ("from_point", made.take)
    with desk.database.read() as db:
        assert takes.unplaced(db) == []
        assert [row.kind for row in db.scalars(sa.select(Supplement))] == ["from_point"]


def test_what_was_off_the_record_never_reaches_the_disk(desk: Desk) -> None:
    desk.off = [(AT + 5, AT + 6, "pause")]
    made = handed_in(desk, b"before", b"secret", b"after")
    assert desk.kept() == {MEDIA + b"before", MEDIA + b"after"}
    facts = desk.file(made).facts
    assert (facts["pieces"], facts["cut"]) == (2, {"pause": 1})


def test_a_pause_that_the_log_learns_of_later_is_cut_when_the_take_is_filed(desk: Desk) -> None:
    made = handed_in(desk, b"before", b"secret")
    desk.off = [(AT + 5, AT + 6, "sidetalk")]
    filed = desk.file(made)
    for path in filed.orphans:
        desk.files.remove(path)
    assert desk.kept() == {MEDIA + b"before"} and filed.facts["cut"] == {"sidetalk": 1}


def test_whoever_of_the_point_logs_in_hands_in_and_nobody_else(desk: Desk) -> None:
    made = desk.sealer()
    desk.begin(made, desk.world.clara)
    sealed = made.media(AT, AT + 4)
    desk.put(made, 0, sealed, desk.world.bob)
    for stranger in (desk.world.charlie, desk.world.adam, desk.world.rita):
        with pytest.raises(NotFound):
            desk.put(made, 1, made.media(AT + 4, AT + 8), stranger)
        with pytest.raises(NotFound):
            desk.begin(made, stranger)
    with desk.database.read() as db:
        begun = db.scalars(sa.select(AuditEntry).where(AuditEntry.action == "take.begun")).all()
    assert [entry.user_id for entry in begun] == [desk.world.clara.user_id]


def test_a_piece_sent_again_is_the_same_piece(desk: Desk) -> None:
    made = desk.sealer()
    desk.begin(made)
    sealed = made.media(AT, AT + 4)
    assert desk.put(made, 0, sealed) == desk.put(made, 0, sealed)
    assert len(desk.kept()) == 1
    desk.begin(made)  # announced again after a restart
    other = Sealer(desk.keys.grant(desk.session, desk.point, AT), desk.session, desk.point, made.take)
    with pytest.raises(Conflict) as raised:
        desk.begin(other)
    assert raised.value.code == "take.other_header"


def test_pieces_of_a_lost_one_are_taken_and_it_is_said_that_it_is_missing(desk: Desk) -> None:
    made = desk.sealer()
    desk.begin(made)
    pieces = [made.media(AT + 4 * n, AT + 4 * n + 4, media=MEDIA + bytes([n])) for n in range(3)]
    desk.put(made, 0, pieces[0])
    desk.put(made, 2, pieces[2])
    facts = desk.file(made).facts
    assert (facts["pieces"], facts["missing"], facts["complete"]) == (2, 1, False)


@pytest.mark.parametrize("what", ["chain", "number", "changed", "future", "filed"])
def test_what_does_not_fit_is_refused(desk: Desk, what: str) -> None:
    made = handed_in(desk, b"one", end=False)
    code = ""
    try:
        if what == "chain":
            made.previous = bytes(32)
            desk.put(made, 1, made.media(AT + 4, AT + 8))
        elif what == "number":
            desk.put(made, 2, made.media(AT + 4, AT + 8))
        elif what == "changed":
            desk.put(made, 1, made.media(AT + 4, AT + 8)[:-1] + b"x")
        elif what == "future":
            code = desk.put(made, 1, made.media(AT + 4000, AT + 4004)).cut
        else:
            desk.file(made)
            desk.put(made, 1, made.media(AT + 4, AT + 8))
    except RoomsError as error:
        code = error.code
    expected = {"chain": "take.broken_chain", "number": "take.broken_chain", "changed": "take.sealed_otherwise",
                "future": "clock", "filed": "take.wrong_state"}  # fmt: skip
    assert code == expected[what]
    assert len(desk.kept()) == 1


def test_a_take_of_another_hub_is_refused(desk: Desk, tmp_path: Path) -> None:
    elsewhere = takekeys.load_or_create(tmp_path / "elsewhere")
    made = Sealer(elsewhere.grant(desk.session, desk.point, AT), desk.session, desk.point)
    with pytest.raises(Invalid) as raised:
        desk.begin(made)
    assert raised.value.code == "take.unknown_key"


def test_before_the_lock_no_supplement_is_made(desk: Desk, signer: Signer) -> None:
    made = handed_in(desk, b"one")
    desk.file(made)
    with pytest.raises(WrongState), desk.database.write() as db:
        takes.supplement(db, desk.files, made.take, signer, NOW)


def test_a_device_that_never_comes_back_does_not_keep_its_take_open(desk: Desk) -> None:
    made = handed_in(desk, b"one", end=False)
    with desk.database.read() as db:
        assert takes.quiet(db, NOW + dt.timedelta(days=takes.QUIET_DAYS - 1)) == []
        assert takes.quiet(db, NOW + dt.timedelta(days=takes.QUIET_DAYS + 1)) == [made.take]
    assert desk.file(made).facts["complete"] is False


def test_no_more_takes_at_once_than_a_device_could_have(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(takes, "MAX_OPEN", 2)
    for _ in range(2):
        desk.begin(desk.sealer())
    with pytest.raises(Invalid) as raised:
        desk.begin(desk.sealer())
    assert raised.value.code == "take.too_many"


def test_keys_stay_readable_when_a_new_one_is_made(desk: Desk, tmp_path: Path) -> None:
    made = desk.sealer()
    folder = tmp_path / "keys" / "takes"
    takekeys.create(folder)
    again = takekeys.load_or_create(folder)
    assert again.current != desk.keys.current
    desk.keys = again
    desk.begin(made)
    assert desk.put(made, 0, made.media(AT, AT + 4)).cut == ""
    assert (folder / f"{again.current}.key").stat().st_mode & 0o077 == 0


def test_a_test_session_takes_its_takes_with_it(database: Database, desk: Desk, files: FileStore) -> None:
    made = handed_in(desk, b"one")
    desk.file(made)
    with database.write() as db:
        space = training.training_space(db, desk.world.alice, desk.world.district.id, NOW)
        for model in (ReceptionSession, Visit, Petition):
            db.execute(sa.update(model).values(training_space_id=space.id))
    with database.write() as db:
        later = NOW + dt.timedelta(days=30)
        assert training.purge(db, files, space.id, later) == [desk.session]
    with database.read() as db:
        assert db.scalars(sa.select(TakePiece)).all() == []
    assert desk.kept() == set()


def test_a_list_that_tells_another_story_than_its_pieces_is_found(desk: Desk, signer: Signer, tmp_path: Path) -> None:
    """Signed as it is: the verifier looks into the list, too."""
    made = handed_in(desk, b"one", b"two")
    desk.file(made)
    with desk.database.write() as db:
        take = db.get_one(Take, made.take)
        path = desk.files.path_of(take.path)
        stated = json.loads(path.read_bytes())
        stated["pieces"][1]["previous"] = "0" * 64
        path.write_bytes(canonical(stated))
    desk.close()
    folder = desk.lock(signer)
    result, found = problems(folder, signer)
    assert result == "changed" and [one["code"] for one in found] == ["bad_chain"]

"""The vault: sealed, opened with right and reason, never silently."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import people
from rooms import vault as vaults
from rooms.access import Right
from rooms.errors import Forbidden, Invalid, NotFound, StorageFailed
from rooms.models import AuditEntry, VaultEntry, Visit
from rooms.vault import Vault
from rooms.words import PetitionKind
from tests.support.actors import World
from tests.support.factories import NOW, again, person, registered

REASON = "Theo yêu cầu của cơ quan điều tra"


@pytest.fixture
def visit(db: Session, world: World, vault: Vault) -> Visit:
    secret = person("Phạm Thị Bí Mật", phone="0900 000 777")
    return registered(db, world.alice, world.district, vault, kind=PetitionKind.DENUNCIATION, persons=(secret,))


def entry_of(visit: Visit) -> str:
    return str(visit.persons[0].vault_id)


def test_it_works(db: Session, world: World, vault: Vault, visit: Visit) -> None:
    identity = vaults.open_entry(db, world.alice, vault, entry_of(visit), REASON, NOW)
    assert (identity["name"], identity["phone"]) == ("Phạm Thị Bí Mật", "0900 000 777")


def test_opening_leaves_a_trace(db: Session, world: World, vault: Vault, visit: Visit) -> None:
    vaults.open_entry(db, world.alice, vault, entry_of(visit), REASON, NOW)
    [opening] = vaults.openings_of(db, entry_of(visit))
    assert (opening.user_id, opening.reason, opening.at) == (world.alice.user_id, REASON, NOW)
    logged = db.scalars(sa.select(AuditEntry).where(AuditEntry.action == "vault.opened")).one()
    assert (logged.object_id, logged.user_id, logged.reason) == (visit.id, world.alice.user_id, REASON)


def test_without_a_reason_it_stays_shut(db: Session, world: World, vault: Vault, visit: Visit) -> None:
    with pytest.raises(Invalid) as refused:
        vaults.open_entry(db, world.alice, vault, entry_of(visit), "  x ", NOW)
    assert refused.value.code == "vault.reason_missing"
    assert vaults.openings_of(db, entry_of(visit)) == []


def test_nobody_above_opens_it(db: Session, world: World, vault: Vault, visit: Visit) -> None:
    for actor in (world.bob, world.oscar, world.dora, world.rita, world.adam, world.clara, world.charlie):
        with pytest.raises(NotFound):
            vaults.open_entry(db, actor, vault, entry_of(visit), REASON, NOW)
    with pytest.raises(NotFound):
        vaults.open_entry(db, world.alice, vault, "a" * 24, REASON, NOW)


def test_a_grant_to_read_does_not_open_it_a_grant_to_open_does(
    db: Session, world: World, vault: Vault, visit: Visit
) -> None:
    ivan, end = str(world.ivan.user_id), NOW.replace(year=2027)
    people.grant(db, world.alice, ivan, "visit", visit.id, Right.READ, "Thanh tra", end, NOW)
    with pytest.raises(Forbidden):
        vaults.open_entry(db, again(db, world.ivan), vault, entry_of(visit), REASON, NOW)
    people.grant(db, world.alice, ivan, "visit", visit.id, Right.OPEN_VAULT, "Thanh tra", end, NOW)
    assert vaults.open_entry(db, again(db, world.ivan), vault, entry_of(visit), REASON, NOW)["name"]


def test_another_key_opens_nothing(db: Session, world: World, visit: Visit, tmp_path: Path) -> None:
    with pytest.raises(StorageFailed) as failed:
        vaults.open_entry(db, world.alice, Vault.at(tmp_path / "other"), entry_of(visit), REASON, NOW)
    assert failed.value.code == "vault.key_missing"


def test_what_was_changed_or_moved_does_not_open(db: Session, world: World, vault: Vault, visit: Visit) -> None:
    entry = db.get_one(VaultEntry, entry_of(visit))
    good = entry.sealed
    entry.sealed = bytes([good[0] ^ 1]) + good[1:]
    with pytest.raises(StorageFailed) as failed:
        vaults.open_entry(db, world.alice, vault, entry.id, REASON, NOW)
    assert failed.value.code == "vault.damaged"
    other = vaults.seal(db, world.alice, vault, "visit", visit.id, {"name": "Khác"}, NOW)
    entry.sealed, entry.nonce = other.sealed, other.nonce
    with pytest.raises(StorageFailed):
        vaults.open_entry(db, world.alice, vault, entry.id, REASON, NOW)


def test_the_key_is_made_once_and_only_for_the_owner(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "vault.key"
    first = Vault.at(path)
    assert Vault.at(path).key_id == first.key_id
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().strip() not in repr(first)


@pytest.mark.parametrize("content", ["", "zz", "00" * 31, "00" * 33, "\xff"])
def test_a_broken_key_file_is_said_so(tmp_path: Path, content: str) -> None:
    path = tmp_path / "vault.key"
    path.write_text(content, "latin-1")
    with pytest.raises(StorageFailed) as failed:
        Vault.at(path)
    assert failed.value.code == "vault.key_unusable"
    assert path.read_text("latin-1") == content  # never overwritten: it may be the only key


def test_pseudonyms_differ(db: Session, world: World, vault: Vault, visit: Visit) -> None:
    names = {vaults.seal(db, world.alice, vault, "visit", visit.id, {}, NOW).pseudonym for _ in range(50)}
    assert len(names) == 50

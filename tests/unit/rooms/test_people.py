"""Users, passwords, roles, grants."""

from __future__ import annotations

import datetime as dt

import pytest
from argon2 import PasswordHasher
from sqlalchemy.orm import Session

from rooms import logins, people
from rooms.access import Right
from rooms.actor import SYSTEM
from rooms.db import Database
from rooms.errors import Forbidden, Invalid, LoginRefused, NotFound
from rooms.vault import Vault
from rooms.words import PetitionKind, Role
from tests.support.actors import World
from tests.support.factories import NOW, again, registered

PASSWORD = "mật khẩu đủ dài"


def test_it_works(db: Session, world: World) -> None:
    user = people.add_user(db, world.adam, " Mai.Anh ", "Mai Anh", NOW, password=PASSWORD)
    assert user.login == "mai.anh"
    assert people.check_password(db, "MAI.ANH", PASSWORD, NOW) is user
    assert user.password_hash.startswith("$argon2id$")


def test_wrong_password_and_unknown_name_are_the_same_answer(db: Session, world: World) -> None:
    people.add_user(db, SYSTEM, "mai", "Mai", NOW, password=PASSWORD)
    assert people.check_password(db, "mai", "sai", NOW) is None
    assert people.check_password(db, "nobody", PASSWORD, NOW) is None
    assert people.check_password(db, "alice", PASSWORD, NOW) is None  # has no password at all
    assert people.check_password(db, "mai", "x" * 100_000, NOW) is None


def test_an_unknown_name_costs_a_hash_too() -> None:
    """The stand-in hash is one that argon2 works through, not one it refuses at sight."""
    assert PasswordHasher().check_needs_rehash(people._NOBODY) is False
    with pytest.raises(people.VerifyMismatchError):
        people._hasher.verify(people._NOBODY, "x")


def test_failures_make_wait_and_success_forgets_them(db: Session) -> None:
    people.add_user(db, SYSTEM, "mai", "Mai", NOW, password=PASSWORD)
    for _ in range(people.FREE_FAILURES):
        assert people.check_password(db, "mai", "sai sai sai", NOW) is None
    with pytest.raises(LoginRefused) as refused:
        people.check_password(db, "mai", PASSWORD, NOW)
    assert (refused.value.code, refused.value.values["seconds"]) == ("login.slow_down", 2)
    later = NOW + dt.timedelta(seconds=3)
    user = people.check_password(db, "mai", PASSWORD, later)
    assert user is not None
    assert (user.failed_logins, user.blocked_until) == (0, None)


def test_the_wait_never_becomes_a_lock(db: Session) -> None:
    user = people.add_user(db, SYSTEM, "mai", "Mai", NOW)
    user.failed_logins = 5000
    people._count(db, "mai", False, NOW)
    assert user.blocked_until == NOW + people.MAX_WAIT


def test_log_in_counts_in_a_transaction_of_its_own(database: Database) -> None:
    with database.write() as db:
        people.add_user(db, SYSTEM, "mai", "Mai", NOW, password=PASSWORD)
    assert people.log_in(database, "mai", "sai sai sai", NOW) is None
    found = people.log_in(database, "mai", PASSWORD, NOW)
    assert found is not None
    assert found.last_login_at == NOW


def test_a_shut_account_neither_logs_in_nor_acts(db: Session, world: World) -> None:
    user = people.add_user(db, SYSTEM, "mai", "Mai", NOW, password=PASSWORD)
    logins.write(db, "cookie", b"x", dt.timedelta(hours=1), NOW, user_id=user.id)
    people.set_active(db, world.adam, user.id, False, NOW)
    assert people.check_password(db, "mai", PASSWORD, NOW) is None
    assert logins.read(db, "cookie", NOW) == b""
    with pytest.raises(NotFound):
        people.actor_of(db, user.id, NOW)


@pytest.mark.parametrize("login", ["", "a", "có dấu", "a b", "x" * 65, "../x", ".hidden"])
def test_bad_names_are_refused(db: Session, world: World, login: str) -> None:
    with pytest.raises(Invalid) as refused:
        people.add_user(db, SYSTEM, login, "Mai", NOW)
    assert refused.value.code == "user.bad_login"


def test_a_name_is_taken_whatever_its_capitals(db: Session, world: World) -> None:
    with pytest.raises(Invalid) as refused:
        people.add_user(db, SYSTEM, "ALICE", "Alice", NOW)
    assert refused.value.code == "user.login_taken"


def test_short_passwords_are_refused(db: Session) -> None:
    with pytest.raises(Invalid) as refused:
        people.add_user(db, SYSTEM, "mai", "Mai", NOW, password="ngan")
    assert (refused.value.code, refused.value.values["least"]) == ("password.too_short", people.MIN_PASSWORD)


def test_only_administrators_add_users_and_only_in_their_branch(db: Session, world: World) -> None:
    with pytest.raises(Forbidden):
        people.add_user(db, world.bob, "mai", "Mai", NOW)
    with pytest.raises(Forbidden):
        people.add_membership(db, world.bob, str(world.charlie.user_id), world.district.id, Role.CLERK, NOW)
    held = people.add_membership(db, world.adam, str(world.charlie.user_id), world.district.id, Role.CLERK, NOW)
    assert people.add_membership(db, world.adam, str(world.charlie.user_id), world.district.id, Role.CLERK, NOW) is held


def test_a_new_password_ends_other_log_ins(db: Session, world: World) -> None:
    logins.write(db, "cookie", b"x", dt.timedelta(hours=1), NOW, user_id=world.alice.user_id)
    people.set_password(db, world.alice, str(world.alice.user_id), PASSWORD, NOW)
    assert logins.read(db, "cookie", NOW) == b""
    with pytest.raises(Forbidden):
        people.set_password(db, world.alice, str(world.bob.user_id), PASSWORD, NOW)


def test_grants_need_standing_reason_and_end(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault)
    ivan, end = str(world.ivan.user_id), NOW + dt.timedelta(days=1)
    with pytest.raises(Forbidden):
        people.grant(db, world.bob, ivan, "visit", visit.id, Right.READ, "Lý do", end, NOW)
    with pytest.raises(NotFound):
        people.grant(db, world.charlie, ivan, "visit", visit.id, Right.READ, "Lý do", end, NOW)
    for reason, expires, right, code in (
        (" ", end, Right.READ, "grant.reason_missing"),
        ("Lý do", NOW, Right.READ, "grant.expired"),
        ("Lý do", end, Right.ADMIN, "grant.right"),
    ):
        with pytest.raises(Invalid) as refused:
            people.grant(db, world.dora, ivan, "visit", visit.id, right, reason, expires, NOW)
        assert refused.value.code == code


def test_a_denunciation_is_granted_by_its_own_site_only(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault, kind=PetitionKind.DENUNCIATION)
    ivan, end = str(world.ivan.user_id), NOW + dt.timedelta(days=1)
    with pytest.raises(NotFound):
        people.grant(db, world.dora, ivan, "visit", visit.id, Right.READ, "Lý do", end, NOW)
    people.grant(db, world.alice, ivan, "visit", visit.id, Right.READ, "Lý do", end, NOW)
    assert [held.object_id for held in again(db, world.ivan).grants] == [visit.id]


def test_a_revoked_grant_is_gone(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault)
    end = NOW + dt.timedelta(days=1)
    row = people.grant(db, world.dora, str(world.ivan.user_id), "visit", visit.id, Right.READ, "Lý do", end, NOW)
    with pytest.raises(NotFound):
        people.revoke(db, world.charlie, row.id, NOW)
    people.revoke(db, world.dora, row.id, NOW)
    assert again(db, world.ivan).grants == ()

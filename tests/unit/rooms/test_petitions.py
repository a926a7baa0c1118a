"""Petitions have a book of their own; a denouncer's name never stands in it."""

import pytest
from sqlalchemy.orm import Session

from rooms import cases, petitions
from rooms.errors import Forbidden, Invalid, NotFound
from rooms.vault import Vault
from rooms.words import PetitionKind
from tests.support.actors import World
from tests.support.factories import NOW


def test_it_works(db: Session, world: World, vault: Vault) -> None:
    case = cases.open_case(db, world.alice, world.district.id, "Bồi thường đất", NOW)
    first, second = (
        petitions.add(
            db, world.alice, world.district.id, PetitionKind.COMPLAINT, "Đơn về đất", vault, NOW,
            petitioner="Nguyễn Văn Thử", case_id=case.id,
        )
        for _ in range(2)
    )  # fmt: skip
    assert (first.number, second.number) == (1, 2) and not first.restricted
    assert cases.case_of(db, "petition", first.id) == case.id


def test_a_denouncer_is_only_in_the_vault(db: Session, world: World, vault: Vault) -> None:
    petition = petitions.add(
        db, world.alice, world.district.id, PetitionKind.DENUNCIATION, "Tố cáo sai phạm", vault, NOW,
        petitioner="Trần Thị Mẫu", address="Thôn Mẫu",
    )  # fmt: skip
    stored = f"{petition.petitioner} {petition.address} {petition.content}".casefold()
    assert petition.restricted and petition.vault_id is not None
    for secret in ("trần thị mẫu", "tran thi mau", "thôn mẫu", "thon mau"):
        assert secret not in stored


def test_it_rejects_an_empty_petition(db: Session, world: World, vault: Vault) -> None:
    with pytest.raises(Invalid) as refused:
        petitions.add(db, world.alice, world.district.id, PetitionKind.FEEDBACK, "  ", vault, NOW)
    assert refused.value.code == "petition.content_missing"


def test_it_rejects_who_does_not_receive_there(db: Session, world: World, vault: Vault) -> None:
    for actor in (world.charlie, world.ivan, world.adam):
        with pytest.raises((Forbidden, NotFound)):
            petitions.add(db, actor, world.district.id, PetitionKind.FEEDBACK, "x", vault, NOW)

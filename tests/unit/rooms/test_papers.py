"""Scans: what they are is read from the bytes; what is refused is not kept; who looks is written down."""

import io
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import papers
from rooms.errors import Invalid, NotFound
from rooms.files import FileStore
from rooms.models import AuditEntry
from rooms.vault import Vault
from tests.support.actors import World
from tests.support.factories import JPEG, NOW, PDF, PNG, registered


@pytest.fixture
def files(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")


def stored_files(files: FileStore) -> list[Path]:
    return [path for path in files.root.rglob("*") if path.is_file()]


@pytest.mark.parametrize(("data", "mime"), [(PDF, "application/pdf"), (PNG, "image/png"), (JPEG, "image/jpeg")])
def test_it_works(db: Session, world: World, vault: Vault, files: FileStore, data: bytes, mime: str) -> None:
    visit = registered(db, world.alice, world.district, vault)
    paper = papers.attach(db, world.alice, files, "visit", visit.id, " Đơn ", io.BytesIO(data), NOW)
    assert (paper.mime, paper.length, paper.title) == (mime, len(data), "Đơn")
    found, path = papers.open_paper(db, world.alice, files, paper.id, NOW)
    assert path.read_bytes() == data and "Đơn" not in found.path
    assert [p.id for p in papers.papers_of(db, "visit", visit.id)] == [paper.id]
    db.flush()
    assert "paper.opened" in db.scalars(sa.select(AuditEntry.action)).all()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "paper.empty"),
        (b"<html>%PDF-1.7</html>", "paper.wrong_type"),
        (b"MZ" + bytes(200), "paper.wrong_type"),
        (PDF[:20], "paper.cut_short"),
        (PNG[:-8], "paper.cut_short"),
        (JPEG[:-2], "paper.cut_short"),
    ],
)
def test_what_is_refused_is_not_kept(
    db: Session, world: World, vault: Vault, files: FileStore, data: bytes, code: str
) -> None:
    visit = registered(db, world.alice, world.district, vault)
    with pytest.raises(Invalid) as refused:
        papers.attach(db, world.alice, files, "visit", visit.id, "scan.pdf", io.BytesIO(data), NOW)
    assert refused.value.code == code
    assert stored_files(files) == [] and papers.papers_of(db, "visit", visit.id) == []


def test_a_file_that_is_too_large_is_refused(
    db: Session, world: World, vault: Vault, files: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(papers, "MAX_PAPER", 30)
    visit = registered(db, world.alice, world.district, vault)
    with pytest.raises(Invalid) as refused:
        papers.attach(db, world.alice, files, "visit", visit.id, "x", io.BytesIO(PDF), NOW)
    assert refused.value.code == "file.too_large" and stored_files(files) == []


def test_a_stranger_finds_neither_visit_nor_paper(db: Session, world: World, vault: Vault, files: FileStore) -> None:
    visit = registered(db, world.alice, world.district, vault)
    paper = papers.attach(db, world.alice, files, "visit", visit.id, "x", io.BytesIO(PDF), NOW)
    with pytest.raises(NotFound):
        papers.attach(db, world.charlie, files, "visit", visit.id, "x", io.BytesIO(PDF), NOW)
    with pytest.raises(NotFound):
        papers.open_paper(db, world.charlie, files, paper.id, NOW)


def test_a_withdrawn_paper_needs_a_reason_and_leaves_the_list_but_not_the_disk(
    db: Session, world: World, vault: Vault, files: FileStore
) -> None:
    visit = registered(db, world.alice, world.district, vault)
    paper = papers.attach(db, world.alice, files, "visit", visit.id, "x", io.BytesIO(PDF), NOW)
    with pytest.raises(Invalid):
        papers.withdraw(db, world.alice, paper.id, "  ", NOW)
    papers.withdraw(db, world.alice, paper.id, "scanned twice", NOW)
    assert papers.papers_of(db, "visit", visit.id) == [] and len(stored_files(files)) == 1

"""A backup from before a disposal is restored: the record is there again, the hub says so, and it goes once more. Real
files, a real SQLite database, the command line as an operator uses it."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rooms import holds, people, recordings, signing
from rooms.actor import SYSTEM
from rooms.manifest import canonical
from rooms.models import AuditEntry, Delivery, Disposal, Hold, ReceptionSession, Reconciliation
from rooms.words import DeliveryKind, DeliveryState, DisposalState, Role
from tests.support.custody import Held, work
from tests.support.hub import clean_environ
from tests.support.pages import PASSWORD, Browser, Pages, pages_at
from tests.unit.web.test_pages_owntakes import with_takes
from web import config, main, nightly, parts
from web.hub import Hub

OVER = dt.datetime(2001, 5, 5, tzinfo=dt.UTC)


@dataclass
class Disposed:
    """A hub whose record was disposed of; ``backup`` is its folder before that, ``outside`` where certificates are
    kept."""

    folder: Path
    backup: Path
    outside: Path
    one: Held
    disposal: str
    certificate: bytes

    @property
    def named(self) -> list[str]:
        """The files in the store that the certificate names."""
        return [line["path"] for line in json.loads(self.certificate)["files"]]

    def there(self, folder: Path) -> list[str]:
        """Those of them that are there."""
        return [path for path in self.named if (folder / "files" / path).exists()]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Disposed:
    """Recorded, with what points recorded by themselves; backed up; disposed of by two people and the worker."""
    root = tmp_path_factory.mktemp("restore")
    with pages_at(root / "hub") as pages:
        with pages.hub.database.write() as db:
            user = people.add_user(db, SYSTEM, "roger", "Người roger", pages.hub.now(), password=PASSWORD)
            people.add_membership(db, SYSTEM, user.id, pages.sites["Tỉnh Bắc Giang"], Role.RECORDS, pages.hub.now())
        one, _, _ = with_takes(pages, root / "record")
        with pages.hub.database.write() as db:
            from rooms.models import Case, CaseLink

            case = db.get_one(Case, db.query(CaseLink).filter_by(object_id=one.visit).one().case_id)
            case.state, case.closed_at = "closed", OVER
            db.get_one(ReceptionSession, one.session).closed_at = OVER
        copied(root / "hub", root / "backup")
        rita, roger = pages.browser("rita"), pages.browser("roger")
        path = f"/custody/session/{one.session}"
        rita.follow(rita.post(f"{path}/disposals", basis="QĐ 9/QĐ", disposal_reason="Hết thời hạn"))
        with pages.hub.database.read() as db:
            name = db.query(Disposal).filter_by(object_id=one.session).one().id
        roger.follow(roger.post(f"{path}/disposals/{name}/approve", decision="Đồng ý"))
        work(pages, "dispose", name)
        with pages.hub.database.read() as db:
            certificate = db.get_one(Disposal, name).certificate.encode()
    told = command(root / "hub", "export", str(root / "outside"))
    assert told["written"] == 1
    return Disposed(root / "hub", root / "backup", root / "outside", one, name, certificate)


def copied(source: Path, target: Path) -> None:
    """A backup, as docs/operations.md makes it."""
    target.mkdir()
    with sqlite3.connect(source / "hub.db") as old, sqlite3.connect(target / "hub.db") as new:
        old.backup(new)
    for name in ("files", "keys"):
        shutil.copytree(source / name, target / name)
    shutil.copy(source / "secret.key", target / "secret.key") if (source / "secret.key").exists() else None


def command(folder: Path, *words: str, code: int = 0) -> dict[str, Any]:
    """``diemcau disposals ... --json``."""
    line = [sys.executable, "-m", "web", "disposals", *words, "--data", str(folder), "--json"]
    done = subprocess.run(line, capture_output=True, check=False, env=clean_environ())
    assert done.returncode == code, done.stderr.decode()
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.fixture
def live(made: Disposed, tmp_path: Path) -> Iterator[Pages]:
    """The hub's folder as it is after the disposal, or after whatever a test put back there."""
    folder = tmp_path / "data"
    shutil.copytree(made.folder, folder)
    yield from opened(folder)


@pytest.fixture
def older(made: Disposed, tmp_path: Path) -> Iterator[Pages]:
    """Everything out of the backup, database included; certificates come from outside."""
    folder = tmp_path / "data"
    shutil.copytree(made.backup, folder)
    yield from opened(folder, certificates=str(made.outside))


def opened(folder: Path, **more: str) -> Iterator[Pages]:
    pages = Pages.__new__(Pages)  # its people are there already
    limits = {"login_limit_account": "1000/minute", "login_limit_address": "1000/minute"}
    pages.config = config.load({}, data=str(folder), http="on", port=8443, **limits, **more)
    pages.hub = parts.open_parts(pages.config)
    pages.app, pages.sites = main.create_app(pages.config, pages.hub), {}
    yield pages
    pages.hub.database.dispose()


def findings(hub: Hub) -> list[tuple[str, str]]:
    """Last night's, as far as they are about disposals: code and kind."""
    report = nightly.compare(hub, {}, lambda done, note: None)["report"]
    with hub.database.read() as db:
        found = db.get_one(Reconciliation, report).findings
    return [(one["code"], one["kind"]) for one in found if "dispos" in one["code"] or "certificate" in one["code"]]


def actions(hub: Hub, object_id: str) -> list[str]:
    with hub.database.read() as db:
        return [one.action for one in db.query(AuditEntry).filter_by(object_id=object_id)]


def rita(pages: Pages) -> Browser:
    return Pages.browser(pages, "rita")


def state(answer: dict[str, Any]) -> list[str]:
    return [one["state"] for one in answer["disposals"]]


def delivered_later(hub: Hub, made: Disposed) -> Path:
    """The ZIP of a hand-over of the file, made after the disposal."""
    relative, target = hub.files.place("deliveries", ".zip")
    target.write_bytes(b"a hand-over")
    with hub.database.write() as db:
        row = Delivery(kind=DeliveryKind.HANDOVER, case_id=made.one.case, state=DeliveryState.READY, path=relative)
        row.contents, row.created_at, row.made_at = [], hub.now(), hub.now()
        db.add(row)
    return target


def test_older_files_under_a_database_that_knows(made: Disposed, live: Pages) -> None:
    """Noticed in the night, opened to nobody, removed by the certificates of the database; these stand."""
    hub, folder, session = live.hub, live.config.data, made.one.session
    assert made.there(folder) == [] and findings(hub) == []
    assert len(made.named) == len(set(made.named)), "each file is certified once"
    assert state(command(folder, "check")) == ["gone"]
    shutil.copytree(made.backup / "files", folder / "files", dirs_exist_ok=True)
    later = delivered_later(hub, made)
    spool = hub.recovered / session
    spool.mkdir(parents=True)
    (spool / "p.mic.1.rnd.dcj").write_bytes(b"a journal that was put together")
    assert len(made.there(folder)) > 5 and any("takes/" in path for path in made.there(folder))
    found = findings(hub)
    assert {code for code, _ in found} == {"disposed_there"}
    assert {"package", "take", "spool"} <= {kind for _, kind in found}
    keeper = rita(live)
    report = keeper.get("/reconciliation").text
    assert "đã tiêu hủy nhưng nay lại có" in report and "Bản ghi từ điểm cầu" in report
    assert "Đã tiêu hủy" in keeper.get(f"/replay/{session}").text
    assert keeper.get(f"/api/sessions/{session}/package").status_code == 404
    looked = command(folder, "check", code=1)["disposals"]
    assert [(one["state"], one["disposal"]) for one in looked] == [("there", made.disposal)]
    done = command(folder, "again", "--yes")["disposals"]
    assert [one["state"] for one in done] == ["removed"] and done[0]["found"] == looked[0]["found"] > 3
    assert made.there(folder) == [] and not spool.exists()
    assert later.exists(), "a hand-over of the same file from after the disposal has nothing of it"
    assert not (folder / "files" / "packages" / session[:2] / session).exists()
    assert findings(hub) == [] and state(command(folder, "again", "--yes")) == ["gone"]
    with hub.database.read() as db:
        assert db.get_one(Disposal, made.disposal).certificate.encode() == made.certificate
    told = actions(hub, session)
    assert told.count("disposal.again") == 1 and "disposal.taken_in" not in told
    assert "Tiêu hủy lại sau khi phục hồi" in keeper.get(f"/sessions/{session}/looks?all=1").text


def test_an_older_database_learns_it_from_the_certificates_outside(made: Disposed, older: Pages) -> None:
    """The record is open again until then; afterwards it is gone, and the certificate stands as it was written."""
    hub, folder, session = older.hub, older.config.data, made.one.session
    keeper = rita(older)
    assert keeper.get(f"/api/sessions/{session}/package").status_code == 200
    assert findings(hub) == [("disposal_forgotten", "certificate")]
    assert "cơ sở dữ liệu không còn biết" in keeper.get("/reconciliation").text
    assert command(folder, "check")["disposals"] == [], "nothing in the database tells of it"
    outside = ("--certificates", str(made.outside))
    assert state(command(folder, "check", *outside, code=1)) == ["forgotten"]
    assert made.there(folder)
    assert state(command(folder, "again", "--yes", *outside)) == ["removed"]
    assert made.there(folder) == [] and findings(hub) == []
    assert not list((folder / "files" / "packages").rglob("*.dcj"))
    with hub.database.read() as db:
        row, package = db.get_one(Disposal, made.disposal), recordings.package_of(db, session)
        assert (row.state, row.certificate.encode()) == (DisposalState.DONE, made.certificate)
        assert package is not None and package.disposed_at == row.destroyed_at
    assert {"disposal.taken_in", "disposal.again"} <= set(actions(hub, session))
    assert "Đã tiêu hủy" in keeper.get(f"/replay/{session}").text
    assert keeper.get(f"/api/sessions/{session}/package").status_code == 404
    printed = keeper.get(f"/disposals/{made.disposal}/certificate").text
    assert "Người rita" in printed and "manifest.json" in printed
    assert keeper.get(f"/api/disposals/{made.disposal}/certificate.json").content == made.certificate
    assert state(command(folder, "again", "--yes", *outside)) == ["gone"], "twice is harmless"


def test_what_the_hub_did_not_sign_removes_nothing(made: Disposed, older: Pages, tmp_path: Path) -> None:
    folder, bad = older.config.data, tmp_path / "bad"
    bad.mkdir()
    stranger = signing.create(tmp_path / "other")
    said = json.loads(made.certificate)
    foreign = canonical({**said, "key": stranger.key()})
    changed = canonical({**said, "reason": "Lý do khác"})
    signature = (made.outside / f"{made.disposal}.sig").read_bytes()
    for name, raw, sealed in (
        ("foreign", foreign, stranger.sign(foreign)), ("changed", changed, signature),
        ("unsigned", made.certificate, b""),
        ("torn", made.certificate[:-9], signature),
    ):  # fmt: skip
        (bad / f"{name}.json").write_bytes(raw)
        (bad / f"{name}.sig").write_bytes(sealed)
    (bad / "unsigned.sig").unlink()
    before = made.there(folder)
    refused = command(folder, "again", "--yes", "--certificates", str(bad), code=1)["disposals"]
    assert {one["disposal"]: one["error"] for one in refused} == {
        "foreign.json": "certificate.foreign_signer", "changed.json": "certificate.bad_signature",
        "unsigned.json": "certificate.bad_signature", "torn.json": "certificate.malformed",
    }  # fmt: skip
    assert made.there(folder) == before
    key = tmp_path / "published.pem"
    key.write_bytes(stranger.public_pem())
    (bad / "changed.json").unlink()
    told = command(folder, "check", "--certificates", str(bad), "--key", str(key), code=1)["disposals"]
    assert {one["disposal"]: one["state"] for one in told}[made.disposal] == "forgotten", "by a key that was published"


def test_what_is_held_since_the_restore_stays(made: Disposed, older: Pages) -> None:
    hub, folder = older.hub, older.config.data
    with hub.database.write() as db:
        user = people.actor_of(db, db.query(people.User).filter_by(login="rita").one().id, hub.now())
        holds.place(db, user, "session", made.one.session, "CV 5/TA", "Tòa yêu cầu", hub.now())
    refused = command(folder, "again", "--yes", "--certificates", str(made.outside), code=1)["disposals"]
    assert [one["error"] for one in refused] == ["disposal.held"] and made.there(folder)
    with hub.database.write() as db:
        db.query(Hold).delete()
    assert state(command(folder, "again", "--yes", "--certificates", str(made.outside))) == ["removed"]


def test_a_removal_that_was_interrupted_is_gone_on_with(
    made: Disposed, older: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database knows of it from the first step on, so the nightly report says what is still there."""
    from web import certificates, redisposing

    hub = older.hub

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    signature = (made.outside / f"{made.disposal}.sig").read_bytes()
    one = certificates.believed(hub, made.certificate, signature)
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr("rooms.destruction.remove", die)
        redisposing.destroy_again(hub, one, signature)
    assert made.there(older.config.data)
    assert {code for code, _ in findings(hub)} == {"disposed_there"}
    assert rita(older).get(f"/api/sessions/{made.one.session}/package").status_code == 404, "out of reach at once"
    redisposing.destroy_again(hub, one, signature)
    assert made.there(older.config.data) == [] and findings(hub) == []


def test_certificates_are_written_out_by_the_hub(made: Disposed, tmp_path: Path) -> None:
    """HUB_CERTIFICATES: after each disposal, and every hour what is missing there."""
    from web import certificates

    folder = tmp_path / "data"
    shutil.copytree(made.folder, folder)
    for pages in opened(folder, certificates=str(tmp_path / "share")):
        assert certificates.send_out(pages.hub) == 1
        assert certificates.send_out(pages.hub) == 0
        ((name, raw, signature),) = certificates.read_out(tmp_path / "share")
        assert (name, raw) == (f"{made.disposal}.json", made.certificate)
        assert signing.is_signed(pages.hub.signer.public, signature, raw)
        (tmp_path / "share" / name).write_bytes(b"{}")
        assert findings(pages.hub) == [("certificate_bad", "certificate")]

"""The package of a locked session and its verifier: what was locked verifies, and nothing changed goes unseen."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import random
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rooms import manifest, package, signing, verifier, zipform
from rooms.manifest import Gap
from rooms.package import DerivedFile, PaperFile, TrackFile
from rooms.signing import Signer

ROOT = Path(__file__).parents[3]
VECTORS = ROOT / "tests" / "data" / "formats"
SESSION = "s" * 24
PERSON = "p" * 24
NOW = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)
JOURNAL = f"{PERSON}.mic.1.rnd.dcj"
SIGNER = Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
STRANGER = Signer(Ed25519PrivateKey.from_private_bytes(bytes(32)))


def journal_head() -> tuple[str, int]:
    stated = json.loads((VECTORS / "journal-1.json").read_text())
    return stated["head"], stated["length"]


def events() -> list[bytes]:
    bodies = [
        ("session.opened", {}),
        ("participant.joined", {"participant": PERSON}),
        ("journal.heads", {"files": {JOURNAL: list(journal_head())}}),
        ("session.closed", {"reason": "đã kết thúc"}),
    ]
    previous, lines = manifest.NO_EVENT, []
    for number, (kind, body) in enumerate(bodies, start=1):
        moment = NOW - timedelta(seconds=60 - number)
        line, previous = manifest.event_line(
            session=SESSION, number=number, epoch=1, kind=kind, utc=moment, body=body, previous=previous
        )
        lines.append(line)
    return lines


def track(folder: Path) -> TrackFile:
    return TrackFile(
        path=folder / JOURNAL,
        participant=PERSON,
        source="mic",
        part=1,
        first_utc_us=1_700_000_000_010_000,
        last_utc_us=1_700_000_010_200_000,
        packets=2,
        sha256=hashlib.sha256((folder / JOURNAL).read_bytes()).hexdigest(),
    )


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    folder = tmp_path / "spool"
    folder.mkdir()
    shutil.copyfile(VECTORS / "journal-1.dcj", folder / JOURNAL)
    (folder / "scan").write_bytes(b"%PDF-1.7 made up")
    return folder


def lock(spool: Path, folder: Path, signer: Signer = SIGNER, **changes: object) -> package.Locked:
    arguments: dict[str, object] = {
        "session": SESSION,
        "tracks": [track(spool)],
        "events": events(),
        "papers": [PaperFile(spool / "scan", "paper1.pdf")],
        "gaps": [Gap(PERSON, "mic", 1_700_000_002_000_000, 1_700_000_003_000_000, "mute")],
        "facts": {"points": 1},
        "signer": signer,
        "now": NOW,
    }
    arguments.update(changes)
    return package.lock_session(folder, **arguments)  # type: ignore[arg-type]


@pytest.fixture
def locked(spool: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "packages" / SESSION
    lock(spool, folder)
    return folder


@pytest.fixture
def full(locked: Path, spool: Path) -> Path:
    """A package with everything a package can have."""
    package.add_supplement(locked, "signed_scan", [PaperFile(spool / "scan", "scan.pdf")], {}, SIGNER, NOW)
    package.add_supplement(locked, "correction", [], {"line": "l1"}, STRANGER, NOW)
    place = locked / "derived"
    place.mkdir()
    (place / "a.webm").write_bytes(b"webm")
    (place / "b.webm").write_bytes(b"more")
    files = [
        DerivedFile(place / n, "video/webm", PERSON, "replay", 1, 2, {"mic": 3}, [f"journals/{JOURNAL}"])
        for n in ("a.webm", "b.webm")
    ]
    package.set_derived(locked, files, SIGNER, NOW)
    return locked


def check(path: Path, *signers: Signer) -> dict[str, object]:
    return verifier.verify(str(path), [s.public for s in signers] or None)


def codes(result: dict[str, object]) -> set[str]:
    problems = result["problems"]
    assert isinstance(problems, list)
    return {problem["code"] for problem in problems}


def files_of(folder: Path) -> Iterator[Path]:
    yield from (path for path in sorted(folder.rglob("*")) if path.is_file())


def test_it_works(spool: Path, tmp_path: Path) -> None:
    folder = tmp_path / "packages" / SESSION
    result = lock(spool, folder)
    assert result.complete and result.lost_s == 0 and result.problems == () and len(result.gaps) == 1
    assert result.manifest_sha256 == package.head(folder) and result.key_id == SIGNER.key_id
    seen = check(folder, SIGNER)
    assert seen["result"] == "intact", seen["problems"]
    assert seen["head"] == result.manifest_sha256 and seen["session"] == SESSION
    assert seen["checked"] == {
        "files": 3, "bytes": result.length, "journals": 1, "packets": 2, "events": 4, "supplements": 0, "takes": 0,
        "derived": 0,
    }  # fmt: skip
    assert (spool / JOURNAL).exists()


def test_without_a_key_the_signer_stays_unchecked(locked: Path) -> None:
    assert check(locked)["result"] == "intact_signer_unchecked"


def test_a_foreign_key_is_found_with_the_trusted_one(spool: Path, tmp_path: Path) -> None:
    lock(spool, tmp_path / "p", signer=STRANGER)
    assert codes(check(tmp_path / "p", SIGNER)) == {"foreign_signer"}
    assert check(tmp_path / "p", SIGNER, STRANGER)["result"] == "intact"


def test_everything_a_package_can_have_verifies(full: Path, tmp_path: Path) -> None:
    for derived in (False, True):
        target = tmp_path / f"{derived}.zip"
        length = package.export_zip(full, target, derived=derived)
        assert length == target.stat().st_size
        seen = check(target, SIGNER, STRANGER)
        assert seen["result"] == "intact", seen["problems"]
        assert seen["head"] == package.head(full)
    seen = check(full, SIGNER, STRANGER)
    assert seen["result"] == "intact" and seen["signers"] == [SIGNER.key_id, STRANGER.key_id]
    assert codes(check(full, SIGNER)) == {"foreign_signer"}  # the second supplement


def test_an_export_is_the_same_every_time_and_any_unzip_reads_it(full: Path, tmp_path: Path) -> None:
    package.export_zip(full, tmp_path / "1.zip")
    package.export_zip(full, tmp_path / "2.zip")
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "1.zip") as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "out")
    assert check(tmp_path / "out", SIGNER, STRANGER)["result"] == "intact"


def test_locking_again_gives_the_same_lock(spool: Path, locked: Path) -> None:
    before = (locked / "manifest.json").read_bytes()
    again = lock(spool, locked, now=NOW + timedelta(hours=1))
    assert again.manifest_sha256 == hashlib.sha256(before).hexdigest()
    with pytest.raises(package.BrokenPackage):
        lock(spool, locked, session="t" * 24, events=[])


def test_a_package_built_before_the_session_was_resumed_is_built_anew(spool: Path, locked: Path) -> None:
    line, _ = manifest.event_line(
        session=SESSION, number=5, epoch=1, kind="session.reopened", utc=NOW, body={},
        previous=manifest.sha256_hex(events()[-1]),
    )  # fmt: skip
    lock(spool, locked, events=[*events(), line])
    assert (locked / "events.jsonl").read_bytes().count(b"\n") == 5
    assert check(locked, SIGNER)["result"] == "intact"
    package.add_supplement(locked, "order", [], {}, SIGNER, NOW)
    with pytest.raises(package.BrokenPackage):  # announced: nothing replaces it
        lock(spool, locked)


def test_a_lock_that_died_half_way_is_made_anew(spool: Path, tmp_path: Path) -> None:
    (tmp_path / f".{SESSION}.building").mkdir()
    (tmp_path / f".{SESSION}.building" / "rest").write_bytes(b"x")
    lock(spool, tmp_path / SESSION)
    assert check(tmp_path / SESSION, SIGNER)["result"] == "intact"


def test_the_spool_is_released_only_of_what_the_package_holds(spool: Path, locked: Path, tmp_path: Path) -> None:
    place = tmp_path / "spool2"
    place.mkdir()
    changed, foreign, copied = place / JOURNAL, place / "other.dcj", spool / JOURNAL
    changed.write_bytes(b"something else")
    foreign.write_bytes(b"x")
    (spool / f"{JOURNAL}.cut").write_bytes(b"rest")
    assert package.release(locked, [changed, foreign, place / "gone.dcj"]) == 0
    assert package.release(locked, [copied]) == 1
    assert changed.exists() and foreign.exists() and [p.name for p in spool.iterdir()] == ["scan"]
    assert check(locked, SIGNER)["result"] == "intact"
    with pytest.raises(package.BrokenPackage):
        package.release(tmp_path, [foreign])


def test_a_missing_journal_and_a_loss_make_the_record_incomplete(spool: Path, tmp_path: Path) -> None:
    gone = TrackFile(spool / "gone.camera.1.x.dcj", PERSON, "camera", 1)
    loss = Gap(PERSON, "camera", 0, 5_000_000, "crash", lost_us=900_000)
    result = lock(spool, tmp_path / "p", tracks=[track(spool), gone], gaps=[loss])
    assert not result.complete and result.lost_s == 0.9
    assert result.problems == (("journal_missing", "gone.camera.1.x.dcj"),)
    assert check(tmp_path / "p", SIGNER)["result"] == "intact"  # what is there is honest about what is not


def test_a_journal_that_is_not_what_the_relay_reported_is_named(spool: Path, tmp_path: Path) -> None:
    reported = track(spool)
    raw = bytearray((spool / JOURNAL).read_bytes())
    raw[600] ^= 1
    (spool / JOURNAL).write_bytes(raw)
    result = lock(spool, tmp_path / "p", tracks=[reported])
    assert result.problems == (("journal_changed", JOURNAL),) and not result.complete
    assert check(tmp_path / "p", SIGNER)["result"] == "intact"


def test_a_broken_event_log_cannot_be_locked(spool: Path, tmp_path: Path) -> None:
    for lines in (events()[1:], [*events()[:2], events()[3]], [*events(), b"x"]):
        with pytest.raises(manifest.BrokenLog):
            lock(spool, tmp_path / "p", events=lines)
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("name", ["../out", "a/b/../c", ".hidden", "tên.pdf", "", "a" * 300])
def test_a_paper_name_that_is_no_path_is_refused(spool: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError):
        lock(spool, tmp_path / "p", papers=[PaperFile(spool / "scan", name)])


@pytest.fixture
def quick_signatures(monkeypatch: pytest.MonkeyPatch) -> None:
    """The verifier's own arithmetic, once per key, signature and text: most changes leave most of these alone."""
    monkeypatch.setattr(verifier, "is_signed", functools.lru_cache(maxsize=None)(verifier.is_signed))


@pytest.mark.usefixtures("quick_signatures")
def test_any_changed_byte_in_any_file_is_found(full: Path) -> None:
    rng = random.Random(2)
    paths = list(files_of(full))
    for number in range(750):  # with the ZIP 1,500; tests/soak/test_proof.py plays 10,000
        path = paths[number % len(paths)]
        before = path.read_bytes()
        changed = bytearray(before)
        at = rng.randrange(len(changed))
        changed[at] ^= rng.randrange(1, 256)
        path.unlink()
        path.write_bytes(changed)
        assert check(full, SIGNER, STRANGER)["result"] == "changed", (path.name, at)
        path.write_bytes(before)
    assert check(full, SIGNER, STRANGER)["result"] == "intact"


@pytest.mark.usefixtures("quick_signatures")
def test_any_changed_byte_in_the_zip_is_found(full: Path, tmp_path: Path) -> None:
    package.export_zip(full, tmp_path / "p.zip", derived=True)
    data = (tmp_path / "p.zip").read_bytes()
    rng = random.Random(3)
    keys = [SIGNER.public, STRANGER.public]
    for at in rng.sample(range(len(data)), 750):
        changed = bytearray(data)
        changed[at] ^= rng.randrange(1, 256)
        assert verifier.verify_bytes(bytes(changed), keys)["result"] == "changed", at
    for broken in (data[:-1], data + b"\0", b"\0" + data, data[: len(data) // 2], b""):
        assert verifier.verify_bytes(broken, keys)["result"] == "changed"


def test_files_that_are_missing_or_too_many_are_found(full: Path, tmp_path: Path) -> None:
    for path in files_of(full):
        if path.parent.name == "derived" and path.suffix == ".webm":
            continue
        before = path.read_bytes()
        path.unlink()
        assert check(full, SIGNER, STRANGER)["result"] == "changed", path.name
        path.write_bytes(before)
    (full / "papers" / "more.pdf").write_bytes(b"x")
    assert codes(check(full, SIGNER, STRANGER)) == {"extra_file"}
    (full / "papers" / "more.pdf").unlink()
    (full / "papers" / "link").symlink_to("/etc/hostname")
    assert codes(check(full)) == {"not_a_file"}


def test_replay_files_are_a_cache(full: Path) -> None:
    (full / "derived" / "a.webm").unlink()
    assert check(full, SIGNER, STRANGER)["result"] == "intact"
    shutil.rmtree(full / "derived")
    assert check(full, SIGNER, STRANGER)["result"] == "intact"


def test_derived_files_may_come_from_elsewhere_under_another_name(locked: Path, tmp_path: Path) -> None:
    (tmp_path / "made.webm").write_bytes(b"webm")
    made = DerivedFile(tmp_path / "made.webm", "video/webm", PERSON, "replay", 1, 2, {}, [], name="r1.webm")
    for _ in range(2):
        package.set_derived(locked, [made], SIGNER, NOW)
        assert sorted(p.name for p in (locked / "derived").iterdir()) == ["list.json", "list.sig", "r1.webm"]
        seen = check(locked, SIGNER)
        assert seen["result"] == "intact" and seen["checked"]["derived"] == 1  # type: ignore[index]


def test_derived_files_that_are_not_listed_any_more_go_away(full: Path) -> None:
    only = DerivedFile(full / "derived" / "b.webm", "video/webm", PERSON, "replay", 1, 2, {}, [])
    package.set_derived(full, [only], SIGNER, NOW)
    assert sorted(p.name for p in (full / "derived").iterdir()) == ["b.webm", "list.json", "list.sig"]
    assert check(full, SIGNER, STRANGER)["result"] == "intact"


def resign(folder: Path, change: object, signer: Signer = SIGNER) -> None:
    """What a forger with the key could write into a manifest."""
    stated = json.loads((folder / "manifest.json").read_bytes())
    assert callable(change)
    change(stated)
    raw = manifest.canonical(stated)
    for name, data in (("manifest.json", raw), ("manifest.sig", signer.sign(raw))):
        (folder / name).write_bytes(data)


def relist(folder: Path, name: str) -> None:
    data = (folder / name).read_bytes()

    def change(stated: dict[str, list[dict[str, object]]]) -> None:
        for item in stated["files"]:
            if item["path"] == name:
                item.update(length=len(data), sha256=hashlib.sha256(data).hexdigest())

    resign(folder, change)


def test_a_truncated_or_reordered_event_log_is_found_even_if_the_manifest_was_signed_again(locked: Path) -> None:
    lines = (locked / "events.jsonl").read_bytes().splitlines(keepends=True)
    for changed in (lines[:-1], [lines[0], lines[2], lines[1], lines[3]], lines[1:], []):
        (locked / "events.jsonl").write_bytes(b"".join(changed))
        relist(locked, "events.jsonl")
        assert "bad_chain" in codes(check(locked, SIGNER))


def test_a_journal_rewritten_whole_is_found_by_the_heads_in_the_event_log(locked: Path) -> None:
    name = f"journals/{JOURNAL}"
    data = (locked / name).read_bytes()
    chain, at = hashlib.sha256(data[:8]).digest(), 8
    out = bytearray(data[:8])
    while at < len(data):  # the same blocks with other packets and a chain that fits them
        length = int.from_bytes(data[at + 8 : at + 12], "big")
        payload = data[at + 16 : at + 16 + length].replace(b"one", b"eno")
        head = data[at : at + 12] + zlib.crc32(data[at : at + 12] + payload).to_bytes(4, "big")
        chain = hashlib.sha256(chain + head + payload).digest()
        out += head + payload + chain
        at += 48 + length
    (locked / name).unlink()
    (locked / name).write_bytes(out)
    relist(locked, name)
    assert codes(check(locked, SIGNER)) == {"bad_chain"}


def test_a_manifest_that_says_what_is_not_so_is_found(locked: Path) -> None:
    before = [(locked / n).read_bytes() for n in ("manifest.json", "manifest.sig")]

    def restated(**change: object) -> set[str]:
        resign(locked, lambda stated: stated["tracks"][0].update(change))
        found = codes(check(locked, SIGNER))
        for name, data in zip(("manifest.json", "manifest.sig"), before, strict=True):
            (locked / name).write_bytes(data)
        return found

    assert restated(participant="q" * 24) >= {"foreign_part"}
    assert restated(packets=9) >= {"bad_journal"}
    assert restated(file=None) >= {"unknown_journal"}
    assert restated() == set()


def test_garbage_is_answered_not_raised(tmp_path: Path) -> None:
    rng = random.Random(4)
    for length in (0, 1, 30, 500):
        (tmp_path / "x").write_bytes(b"PK\x03\x04" + rng.randbytes(length))
        assert check(tmp_path / "x")["result"] == "changed"
    assert check(tmp_path / "nowhere")["result"] == "changed"
    (tmp_path / "empty").mkdir()
    assert check(tmp_path / "empty")["result"] == "changed"
    (tmp_path / "empty" / "manifest.json").write_text('{"key": 5}')
    (tmp_path / "empty" / "manifest.sig").write_bytes(bytes(64))
    assert check(tmp_path / "empty")["result"] == "changed"
    (tmp_path / "empty" / "manifest.json").write_text("[" * 100_000)
    assert check(tmp_path / "empty")["result"] == "changed"


def test_the_command_line_runs_alone_and_answers_with_its_exit_code(full: Path, tmp_path: Path) -> None:
    shutil.copyfile(ROOT / "rooms" / "verifier.py", tmp_path / "verifier.py")
    package.export_zip(full, tmp_path / "p.zip")
    pem = tmp_path / "keys.pem"
    pem.write_bytes(SIGNER.public_pem() + STRANGER.public_pem())

    def run(*arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(tmp_path / "verifier.py"), *arguments],
            cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30,
        )  # fmt: skip
        assert done.stderr == ""
        return done.returncode, done.stdout

    assert run("p.zip", "--key", "keys.pem")[0] == 0
    code, text = run(str(full), "--json")
    assert code == 2 and json.loads(text)["result"] == "intact_signer_unchecked"
    assert run("p.zip", "--key", "p.zip")[0] == 1
    data = bytearray((tmp_path / "p.zip").read_bytes())
    data[777] ^= 4
    (tmp_path / "p.zip").write_bytes(data)
    code, text = run("p.zip", "--key", "keys.pem", "--json")
    assert code == 1 and json.loads(text)["problems"]
    rng = random.Random(6)
    for at in rng.sample(range(len(data)), 8):
        changed = bytearray(data)
        changed[777] ^= 4
        changed[at] ^= rng.randrange(1, 256)
        (tmp_path / "p.zip").write_bytes(changed)
        assert run("p.zip", "--key", "keys.pem")[0] == (0 if at == 777 else 1), at


def test_a_log_signed_by_a_stranger_is_found_with_the_trusted_key_and_without_it_said_to_be_unchecked(
    spool: Path, tmp_path: Path
) -> None:
    """A forger rewrites the whole package: cuts the event log, chains and signs it anew with a key of his own."""
    lines = events()[:3]
    for name, wrong in (("truncated", lines), ("whole", events())):
        lock(spool, tmp_path / name, signer=STRANGER, events=wrong)
        assert codes(check(tmp_path / name, SIGNER)) == {"foreign_signer"}
        seen = check(tmp_path / name)
        assert seen["result"] == "intact_signer_unchecked" and seen["problems"] == []
        unchecked = seen["unchecked"]
        assert isinstance(unchecked, list) and any("no trusted key was given" in one for one in unchecked)


def test_openssl_and_sha256sum_can_do_it_by_hand(locked: Path, tmp_path: Path) -> None:
    """The commands are taken out of docs/formats.md."""
    text = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8").partition("### By hand")[2]
    first, second = [part.partition("```")[0] for part in text.split("```sh\n")[1:3]]
    (locked / "hub.pem").write_bytes(SIGNER.public_pem())

    def run(script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["bash", "-c", script], cwd=locked, capture_output=True, text=True, check=False)

    done = run(first)
    assert done.returncode == 0, done.stderr
    assert "Signature Verified Successfully" in done.stdout and done.stdout.count(": OK") == 3
    assert run(second).stdout.strip() == manifest.check_events(SESSION, events())
    (locked / "manifest.json").write_bytes((locked / "manifest.json").read_bytes() + b" ")
    assert "Signature Verified Successfully" not in run(first).stdout


def test_the_frozen_package_still_verifies_and_is_still_written_so(spool: Path, tmp_path: Path) -> None:
    frozen = VECTORS / "package-1.zip"
    seen = check(frozen, SIGNER)
    assert seen["result"] == "intact", seen["problems"]
    folder = tmp_path / "p"
    lock(spool, folder)
    package.add_supplement(folder, "signed_scan", [PaperFile(spool / "scan", "scan.pdf")], {}, SIGNER, NOW)
    package.export_zip(folder, tmp_path / "p.zip")
    assert (tmp_path / "p.zip").read_bytes() == frozen.read_bytes()
    assert (folder / "events.jsonl").read_bytes() == (VECTORS / "events-1.jsonl").read_bytes()


def test_the_zip_form_of_long_files_is_the_same_on_both_sides() -> None:

    for length, offset in ((5, 0), (0xFFFFFFFE, 0xFFFFFFFF), (0xFFFFFFFF, 7), (1 << 40, 1 << 41)):
        entry = zipform.Entry("a/b", Path(), length, 0xDEADBEEF)
        assert zipform._local(entry) == verifier.local_header("a/b", length, 0xDEADBEEF)
        assert zipform._central(entry, offset) == verifier.central_header("a/b", length, 0xDEADBEEF, offset)
    for count, size, start in ((1, 2, 3), (0xFFFF, 2, 3), (1, 0xFFFFFFFF, 3), (1, 2, 1 << 40)):
        assert zipform._end(count, size, start) == verifier.end_record(count, size, start)


def test_ed25519_agrees_with_another_implementation() -> None:
    rng = random.Random(5)
    for _ in range(10):
        signer = Signer(Ed25519PrivateKey.from_private_bytes(rng.randbytes(32)))
        data = rng.randbytes(rng.randrange(200))
        signature = signer.sign(data)
        assert verifier.is_signed(signer.public, signature, data)
        wrong = bytearray(signature)
        wrong[rng.randrange(64)] ^= 1 << rng.randrange(8)
        assert not verifier.is_signed(signer.public, bytes(wrong), data)
        assert not verifier.is_signed(signer.public, signature, data + b"x")
        more = int.from_bytes(signature[32:], "little") + verifier.L  # the same signature in another form
        assert not verifier.is_signed(signer.public, signature[:32] + more.to_bytes(32, "little"), data)


def test_a_zip_is_a_plain_file_to_the_verifier(full: Path, tmp_path: Path) -> None:
    package.export_zip(full, tmp_path / "p.zip")
    with zipfile.ZipFile(tmp_path / "p.zip") as archive:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as other:
            for name in archive.namelist():
                other.writestr(name, archive.read(name))
    result = verifier.verify_bytes(packed.getvalue(), [SIGNER.public])
    assert codes(result) == {"zip_form"}  # the same contents, packed by another hand


def test_old_packages_stay_verifiable_after_a_change_of_key(spool: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    current = signing.Current(keys)
    old = current.signer()
    lock(spool, tmp_path / "a", signer=old)
    new = signing.create(keys)
    lock(spool, tmp_path / "b", signer=current.signer())
    package.add_supplement(tmp_path / "a", "order", [], {}, current.signer(), NOW)
    trusted = signing.raw_keys(keys)
    for name, signers in (("a", [old.key_id, new.key_id]), ("b", [new.key_id])):
        seen = verifier.verify(str(tmp_path / name), trusted)
        assert seen["result"] == "intact" and seen["signers"] == signers, seen["problems"]
    assert codes(check(tmp_path / "b", old)) == {"foreign_signer"}

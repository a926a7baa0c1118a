"""Signing keys: made once, kept private, found again; old ones stay known."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from rooms import signing


def test_it_works(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    signer = signing.load_or_create(folder)
    signature = signer.sign(b"data")
    assert len(signature) == 64 and signing.is_signed(signer.public, signature, b"data")
    assert not signing.is_signed(signer.public, signature, b"date")
    assert not signing.is_signed(b"short", signature, b"data")
    again = signing.load_or_create(folder)
    assert again.key() == signer.key() and signing.key_id(signer.public) == signer.key_id
    assert signing.public_keys(folder) == {signer.key_id: signer.public_pem()}


def test_private_keys_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    signer = signing.create(tmp_path / "keys")
    path = tmp_path / "keys" / f"{signer.key_id}.key"
    assert path.stat().st_mode & 0o777 == 0o600 and (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    path.chmod(0o640)
    with pytest.raises(signing.KeyProblem, match="readable by others"):
        signing.load(tmp_path / "keys")


def test_a_new_key_signs_and_the_old_one_stays_known(tmp_path: Path) -> None:
    old, new = signing.create(tmp_path), signing.create(tmp_path)
    assert signing.load(tmp_path).key_id == new.key_id
    assert set(signing.public_keys(tmp_path)) == {old.key_id, new.key_id}


def test_keys_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(signing.KeyProblem):
        signing.load(tmp_path)
    first, second = signing.create(tmp_path), signing.create(tmp_path)
    (tmp_path / "current").write_text(first.key_id)
    path = tmp_path / f"{first.key_id}.key"
    foreign = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for content in ((tmp_path / f"{second.key_id}.key").read_bytes(), foreign, b"no key", b""):
        path.write_bytes(content)
        with pytest.raises(signing.KeyProblem):
            signing.load(tmp_path)
    with pytest.raises(signing.KeyProblem):
        signing.public_pem(b"short")


def test_a_signer_does_not_show_its_key() -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    signer = signing.Signer(Ed25519PrivateKey.from_private_bytes(bytes(32)))
    assert repr(signer) == f"Signer({signer.key_id})"


def test_a_new_key_signs_at_once_in_processes_that_live_on(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    here = signing.Current(folder)
    old = here.signer()
    assert here.signer() is old
    new = signing.create(folder)  # by another process
    assert here.signer().key_id == new.key_id != old.key_id
    assert signing.raw_keys(folder) == [
        signer.public for signer in sorted((old, new), key=lambda signer: signer.key_id)
    ]
    (folder / f"{new.key_id}.key").unlink()
    (folder / "current").write_text(new.key_id)
    with pytest.raises(signing.KeyProblem):
        here.signer()

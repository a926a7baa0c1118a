"""The local authority: who may read its key, that it certifies our names, when a certificate is renewed."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from web import tls

NOW = datetime(2024, 9, 5, 8, 0, tzinfo=UTC)


def test_it_works(tmp_path: Path) -> None:
    files = tls.local(tmp_path, ("hub.local", "127.0.0.1", "::1"), NOW)
    assert files.ca is not None
    leaf = x509.load_pem_x509_certificates(files.cert.read_bytes())[0]
    ca = x509.load_pem_x509_certificate(files.ca.read_bytes())
    leaf.verify_directly_issued_by(ca)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["hub.local"]
    assert len(names.get_values_for_type(x509.IPAddress)) == 2
    assert leaf.not_valid_after_utc - NOW <= timedelta(days=398)
    ssl.create_default_context(cafile=str(files.ca))


def test_private_keys_are_for_the_owner_only(tmp_path: Path) -> None:
    tls.local(tmp_path, ("hub.local",), NOW)
    for name in ("ca-key.pem", "key.pem"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


def test_a_second_start_keeps_what_is_good(tmp_path: Path) -> None:
    first = tls.local(tmp_path, ("hub.local",), NOW).cert.read_bytes()
    assert tls.local(tmp_path, ("hub.local",), NOW + timedelta(days=300)).cert.read_bytes() == first


def test_a_new_name_or_a_near_end_renews_the_leaf_and_keeps_the_authority(tmp_path: Path) -> None:
    files = tls.local(tmp_path, ("hub.local",), NOW)
    assert files.ca is not None
    authority, first = files.ca.read_bytes(), files.cert.read_bytes()
    second = tls.local(tmp_path, ("hub.local", "10.0.0.5"), NOW).cert.read_bytes()
    assert second != first
    third = tls.local(tmp_path, ("hub.local", "10.0.0.5"), NOW + timedelta(days=380)).cert.read_bytes()
    assert third != second
    assert files.ca.read_bytes() == authority


def test_given_files_must_belong_together(tmp_path: Path) -> None:
    one = tls.local(tmp_path / "one", ("a",), NOW)
    two = tls.local(tmp_path / "two", ("a",), NOW)
    assert tls.given(one.cert, one.key).ca is None
    with pytest.raises(ValueError, match="does not belong"):
        tls.given(one.cert, two.key)
    with pytest.raises(ValueError, match="cannot be read"):
        tls.given(one.key, one.cert)


def test_the_words_name_file_address_and_fingerprint(tmp_path: Path) -> None:
    files = tls.local(tmp_path, ("a",), NOW)
    assert files.ca is not None
    shown = tls.fingerprint(files.ca)
    assert len(shown) == 95
    words = tls.HOW_TO_TRUST.format(ca=files.ca, url="https://hub", fingerprint=shown)
    assert shown in words
    assert str(files.ca) in words

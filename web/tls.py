"""Certificates of the web port: given files, or a local certificate authority made at the first start.

A browser gives no camera to a page that came by plain HTTP from another machine, so a hub without a bought
certificate makes its own authority. People trust it once per device; ``HOW_TO_TRUST`` says how.
The authority's key stays in the data folder (mode 0600); the leaf is renewed at a start within 30 days of its end
or when the addresses changed.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_DAYS = 3650
LEAF_DAYS = 397  # browsers refuse longer ones
RENEW_BEFORE = timedelta(days=30)

HOW_TO_TRUST = """\
This hub signs its own certificate. Trust its authority once on every device, then the camera works:
  file: {ca}   (also at {url}/hub-ca.pem)   SHA-256: {fingerprint}
  Windows: double-click the file > Install Certificate > Local Machine > Trusted Root Certification Authorities.
  Debian, Ubuntu: copy it to /usr/local/share/ca-certificates/diemcau.crt, run update-ca-certificates;
    Chromium: Settings > Privacy and security > Security > Manage certificates > Authorities > Import.
  Firefox: Settings > Privacy & Security > View Certificates > Authorities > Import > trust for web sites.
  Android: Settings > Security > Install a certificate > CA certificate.
  iPhone, iPad: open the file, install the profile, then Settings > General > About > Certificate Trust Settings.
Compare the SHA-256 on the device with the one printed here before you accept it."""


@dataclass(frozen=True)
class Certificate:
    """Files of the certificate in use; ``ca`` is None when the files were given by the administrator."""

    cert: Path
    key: Path
    ca: Path | None


def given(cert: Path, key: Path) -> Certificate:
    """The administrator's files. Raises ValueError with a sentence when they cannot be used together."""
    try:
        leaf = x509.load_pem_x509_certificate(cert.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(f"the certificate {cert} or its key {key} cannot be read as PEM without a password") from error
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    if leaf.public_key().public_bytes(serialization.Encoding.DER, form) != private.public_key().public_bytes(
        serialization.Encoding.DER, form
    ):
        raise ValueError(f"the key {key} does not belong to the certificate {cert}")
    return Certificate(cert, key, None)


def local(folder: Path, names: tuple[str, ...], now: datetime) -> Certificate:
    """The local authority's certificate for ``names`` (host names and addresses), made or renewed as needed."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ca_file, ca_key_file = folder / "ca.pem", folder / "ca-key.pem"
    files = Certificate(folder / "cert.pem", folder / "key.pem", ca_file)
    if not (ca_file.exists() and ca_key_file.exists()):
        _make_authority(ca_file, ca_key_file, now)
        files.cert.unlink(missing_ok=True)
    if not _still_good(files, names, now):
        _make_leaf(files, ca_file, ca_key_file, names, now)
    return files


def fingerprint(cert: Path) -> str:
    """SHA-256 of a certificate as browsers show it: AA:BB:..."""
    digest = x509.load_pem_x509_certificate(cert.read_bytes()).fingerprint(hashes.SHA256())
    return ":".join(f"{byte:02X}" for byte in digest)


def expires(cert: Path) -> datetime:
    """When the certificate ends (UTC)."""
    return x509.load_pem_x509_certificate(cert.read_bytes()).not_valid_after_utc


def names_of_this_machine(host: str, url: str) -> tuple[str, ...]:
    """What the certificate should be good for: the address people type, the host name, every local address."""
    from urllib.parse import urlsplit

    found = ["localhost", "127.0.0.1", "::1", socket.gethostname()]
    if host not in ("0.0.0.0", "::"):
        found.append(host)
    if typed := urlsplit(url).hostname:
        found.append(typed)
    found += local_addresses()
    return tuple(dict.fromkeys(name.lower() for name in found if name))


def local_addresses() -> list[str]:
    """The addresses other machines may use to reach this one, as far as the resolver and routes tell."""
    found: list[str] = []
    for family, target in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with socket.socket(family, socket.SOCK_DGRAM) as probe:  # connect() on UDP sends nothing
            try:
                probe.connect((target, 9))
                found.append(probe.getsockname()[0])
            except OSError:
                continue
    return found


def _make_authority(ca_file: Path, key_file: Path, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Diem Cau local CA {socket.gethostname()}"[:64])])
    builder = _builder(name, name, key.public_key(), now, CA_DAYS)
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(usage, critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    write_private(key_file, _pem(key))
    ca_file.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


def _make_leaf(files: Certificate, ca_file: Path, ca_key_file: Path, names: tuple[str, ...], now: datetime) -> None:
    ca = x509.load_pem_x509_certificate(ca_file.read_bytes())
    ca_key = serialization.load_pem_private_key(ca_key_file.read_bytes(), password=None)
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Diem Cau hub")])
    builder = _builder(subject, ca.subject, key.public_key(), now, LEAF_DAYS)
    builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    builder = builder.add_extension(authority, critical=False)
    write_private(files.key, _pem(key))
    leaf = builder.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    files.cert.write_bytes(leaf + ca_file.read_bytes())


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # devices with a clock that is behind
        .not_valid_after(now + timedelta(days=days))
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name.split("%")[0]))
    except ValueError:
        return x509.DNSName(name)


def _still_good(files: Certificate, names: tuple[str, ...], now: datetime) -> bool:
    if not (files.cert.exists() and files.key.exists()):
        return False
    leaf = x509.load_pem_x509_certificate(files.cert.read_bytes())
    have = set(leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    return {_general_name(name) for name in names} <= have and leaf.not_valid_after_utc - now > RENEW_BEFORE


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only this user may read; whole or not at all."""
    temporary = path.with_suffix(path.suffix + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)

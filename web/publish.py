"""The daily heads leave the hub: into a folder, by mail, to a time-stamping authority (RFC 3161), as configured.

Each way is tried every hour until it has taken the day; a way that fails stops no other and is shown on the page of
keys. What goes out holds opaque session ids, hashes and public keys; no name.
"""

from __future__ import annotations

import os
import smtplib
import ssl
from collections.abc import Callable
from datetime import date
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx

from rooms import heads, signing
from rooms.errors import RoomsError, StorageFailed
from web import logs
from web.hub import Hub

log = logs.get("publish")

PATIENCE_S = 20.0
MAX_ANSWER = 1 << 20
TSA_TYPE = "application/timestamp-query"

Files = dict[str, bytes]
"""Name -> content of what goes out for one day."""


class NotTaken(StorageFailed):
    """A way did not take the day; ``code``: publish.folder, publish.mail, publish.refused, publish.stamp."""


def publish_all(hub: Hub) -> int:
    """Send out what has not gone out yet, every way; how many went. Failures are kept and logged, not raised."""
    sent = 0
    for way, send in ways(hub).items():
        with hub.database.read() as db:
            days = heads.unpublished(db, way)
        for day in days:
            error, proof = "", None
            try:
                proof = send(hub, day, files_of(hub, day))
                sent += 1
            except RoomsError as failure:
                error = failure.code
                log.warning("head not published", way=way, day=day.isoformat(), code=error)
            with hub.database.write() as db:
                heads.note(db, day, way, hub.now(), error=error, proof=proof)
            if error:
                break  # the next hour begins with this day
    return sent


def ways(hub: Hub) -> dict[str, Callable[[Hub, date, Files], bytes | None]]:
    """What is configured."""
    found: dict[str, Callable[[Hub, date, Files], bytes | None]] = {}
    if hub.config.publish_folder is not None:
        found["folder"] = to_folder
    if hub.config.publish_mail:
        found["mail"] = by_mail
    if hub.config.publish_tsa:
        found["rfc3161"] = stamped
    return found


def files_of(hub: Hub, day: date) -> Files:
    """The day's statement, its signature, and all public keys. Raises NotFound, WrongState."""
    with hub.database.read() as db:
        statement = heads.statement(db, day, hub.signer)
    keys = b"".join(signing.public_keys(hub.config.data / "keys").values())
    return {f"{day}.json": statement, f"{day}.sig": hub.signer.sign(statement), "keys.pem": keys}


def to_folder(hub: Hub, day: date, files: Files) -> None:
    """Write into a folder that somebody else keeps: a share, a disk that is taken away. Raises NotTaken."""
    folder = hub.config.publish_folder
    assert folder is not None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write(folder / name, content)
    except OSError as error:
        raise NotTaken("publish.folder", "The folder for publishing cannot be written.") from error


def write(path: Path, content: bytes) -> None:
    """Whole or not at all. Raises OSError."""
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)


def by_mail(hub: Hub, day: date, files: Files) -> None:
    """One mail to all addresses, over TLS. Raises NotTaken."""
    parts = urlsplit(hub.config.smtp_url)
    host, user = parts.hostname or "", unquote(parts.username or "")
    try:
        if parts.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                host, parts.port or 465, timeout=PATIENCE_S, context=ssl.create_default_context()
            )
        else:
            server = smtplib.SMTP(host, parts.port or 587, timeout=PATIENCE_S)
        with server:
            if parts.scheme == "smtp":
                server.starttls(context=ssl.create_default_context())
            if user:
                server.login(user, hub.config.smtp_password)
            server.send_message(message(hub, day, files))
    except (OSError, smtplib.SMTPException) as error:
        raise NotTaken("publish.mail", "The mail server did not take the mail.") from error


def message(hub: Hub, day: date, files: Files) -> EmailMessage:
    """The mail: the head to read, the files to keep."""
    with hub.database.read() as db:
        row = heads.daily_head(db, day, hub.now())
        head, count = row.head, row.count
    mail = EmailMessage()
    mail["From"], mail["To"] = hub.config.publish_from, ", ".join(hub.config.publish_mail)
    mail["Subject"] = f"Điểm Cầu: mã băm các gói bản ghi ngày {day:%d/%m/%Y}"
    keys = "\n".join(signing.public_keys(hub.config.data / "keys"))
    mail.set_content(
        f"Ngày {day:%d/%m/%Y}: {count} mục (gói bản ghi và bổ sung).\n\nMã băm trong ngày (SHA-256):\n{head}\n\n"
        f"Khóa công khai của hệ thống:\n{keys}\n\nHãy giữ thư này và các tệp kèm: chúng chứng minh các gói bản ghi "
        "không bị thay sau ngày này.\n\nPlease keep this mail and its files: they prove that packages of that day "
        "were not replaced later.\n"
    )
    for name, content in files.items():
        kind = ("application", "json") if name.endswith(".json") else ("application", "octet-stream")
        mail.add_attachment(content, maintype=kind[0], subtype=kind[1], filename=name)
    return mail


def stamped(hub: Hub, day: date, files: Files) -> bytes:
    """The token of a time-stamping authority over the day's statement (RFC 3161), DER. Raises NotTaken."""
    from cryptography import x509
    from rfc3161_client import (
        HashAlgorithm,
        PKIStatus,
        TimestampRequestBuilder,
        VerificationError,
        VerifierBuilder,
        decode_timestamp_response,
    )

    statement = files[f"{day}.json"]
    request = TimestampRequestBuilder().data(statement).hash_algorithm(HashAlgorithm.SHA256).build()
    try:
        answer = httpx.post(
            hub.config.publish_tsa, content=request.as_bytes(), headers={"Content-Type": TSA_TYPE}, timeout=PATIENCE_S
        )
        answer.raise_for_status()
        if len(answer.content) > MAX_ANSWER:
            raise NotTaken("publish.stamp", "The time-stamping authority's answer is too long.")
        token = decode_timestamp_response(answer.content)
        if PKIStatus(token.status) != PKIStatus.GRANTED:
            raise NotTaken("publish.refused", "The time-stamping authority refused.")
        verifier = VerifierBuilder.from_request(request)
        assert hub.config.publish_tsa_ca is not None  # web.config
        for root in x509.load_pem_x509_certificates(hub.config.publish_tsa_ca.read_bytes()):
            verifier = verifier.add_root_certificate(root)
        verifier.build().verify_message(token, statement)
    except (httpx.HTTPError, OSError) as error:
        raise NotTaken("publish.stamp", "The time-stamping authority does not answer.") from error
    except (VerificationError, ValueError) as error:
        raise NotTaken("publish.stamp", "The time-stamping authority's answer does not fit.") from error
    if hub.config.publish_folder is not None:
        to_folder(hub, day, {f"{day}.tsr": answer.content})
    return answer.content

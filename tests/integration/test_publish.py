"""Daily heads leave the hub: folder, a real SMTP conversation over TLS, OpenSSL as time-stamping authority."""

from __future__ import annotations

import email
import email.policy
import hashlib
import http.server
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from rooms import heads, recordings, sessions, signing
from rooms.actor import SYSTEM
from rooms.models import Publication, ReceptionSession
from rooms.words import SessionState
from web import config, parts, publish
from web.hub import Hub

YESTERDAY = datetime.now(UTC) - timedelta(days=2)
CONF = """
[tsa]
default_tsa = one
[one]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
certs = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
"""


def openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, a time-stamping certificate by it, and one for a mail server at localhost."""
    folder = tmp_path_factory.mktemp("certificates")
    (folder / "serial").write_text("01\n")
    (folder / "tsa.cnf").write_text(CONF.format(folder=folder))
    (folder / "stamping").write_text("extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n")
    new = ("req", "-newkey", "rsa:2048", "-nodes", "-subj")
    openssl(*new, "/CN=Made-up root", "-x509", "-days", "30", "-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.pem")
    openssl(*new, "/CN=Made-up stamps", "-keyout", f"{folder}/tsa.key", "-out", f"{folder}/tsa.csr")
    openssl(
        "x509", "-req", "-in", f"{folder}/tsa.csr", "-CA", f"{folder}/ca.pem", "-CAkey", f"{folder}/ca.key",
        "-CAcreateserial", "-days", "30", "-extfile", f"{folder}/stamping", "-out", f"{folder}/tsa.pem",
    )  # fmt: skip
    openssl(*new, "/CN=localhost", "-x509", "-days", "30", "-addext", "subjectAltName=DNS:localhost",
            "-keyout", f"{folder}/mail.key", "-out", f"{folder}/mail.pem")  # fmt: skip
    return folder


@pytest.fixture
def authority(certificates: Path) -> Iterator[str]:
    """`openssl ts` behind HTTP."""

    class Stamps(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query, answer = certificates / "query", certificates / "answer"
            query.write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            openssl("ts", "-reply", "-queryfile", str(query), "-config", f"{certificates}/tsa.cnf", "-out", str(answer))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer.read_bytes())

        def log_message(self, *words: object) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stamps)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


class MailServer:
    """Takes one mail at a time over TLS, or refuses."""

    def __init__(self, folder: Path) -> None:
        self.refuses = False
        self.mails: list[bytes] = []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / "mail.pem", folder / "mail.key")
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            try:
                plain, _ = self.listening.accept()
            except OSError:
                return
            with self.context.wrap_socket(plain, server_side=True) as line, line.makefile("rwb") as file:
                self.talk(file)

    def talk(self, file: object) -> None:
        def say(words: bytes) -> None:
            file.write(words + b"\r\n")  # type: ignore[attr-defined]
            file.flush()  # type: ignore[attr-defined]

        say(b"220 made up")
        while heard := file.readline():  # type: ignore[attr-defined]
            word = heard[:4].upper()
            if word == b"MAIL" and self.refuses:
                say(b"451 later")
            elif word == b"DATA":
                say(b"354 go on")
                mail = b""
                while (text := file.readline()) != b".\r\n":  # type: ignore[attr-defined]
                    mail += text[1:] if text.startswith(b"..") else text
                self.mails.append(mail)
                say(b"250 kept")
            elif word == b"QUIT":
                say(b"221 bye")
                return
            else:
                say(b"250 ok")


@pytest.fixture
def mail(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "mail.pem"))
    server = MailServer(certificates)
    yield server
    server.listening.close()


@pytest.fixture
def hub(certificates: Path, authority: str, mail: MailServer, tmp_path: Path) -> Iterator[Hub]:
    environ = {
        "HUB_PUBLISH_FOLDER": str(tmp_path / "outside"),
        "HUB_PUBLISH_MAIL": "archive@example.vn,press@example.vn",
        "HUB_PUBLISH_FROM": "hub@example.vn",
        "HUB_SMTP_URL": f"smtps://localhost:{mail.port}",
        "HUB_PUBLISH_TSA": authority,
        "HUB_PUBLISH_TSA_CA": str(certificates / "ca.pem"),
    }
    hub = parts.open_parts(config.load(environ, data=tmp_path / "data"))
    with hub.database.write() as db:
        session = sessions.open_plain(db, SYSTEM, "Thử", YESTERDAY)
        sessions.set_state(db, session.id, 0, SessionState.CLOSED, YESTERDAY)
    recordings.lock_apart(hub.database, hub.files, session.id, hub.signer, YESTERDAY)
    with hub.database.write() as db:
        heads.daily_head(db, (YESTERDAY + timedelta(hours=7)).date(), hub.now())
    yield hub
    hub.database.dispose()


def ways_done(hub: Hub) -> dict[str, str]:
    with hub.database.read() as db:
        return {one.way: one.error or "done" for one in db.scalars(select(Publication))}


def test_it_works(hub: Hub, mail: MailServer, certificates: Path, tmp_path: Path) -> None:
    assert publish.publish_all(hub) == 3 and publish.publish_all(hub) == 0  # each day once
    assert ways_done(hub) == {"folder": "done", "mail": "done", "rfc3161": "done"}
    outside = tmp_path / "outside"
    day = next(outside.glob("*.json")).stem
    stated = json.loads((outside / f"{day}.json").read_bytes())
    lines = "".join(f"{line}\n" for line in (stated["previous"], *stated["lines"]))
    assert stated["head"] == hashlib.sha256(lines.encode()).hexdigest() and len(stated["lines"]) == 1
    statement, signature = (outside / f"{day}.json").read_bytes(), (outside / f"{day}.sig").read_bytes()
    assert signing.is_signed(hub.signer.public, signature, statement)
    assert (outside / "keys.pem").read_bytes() == hub.signer.public_pem()
    done = subprocess.run(  # as docs/formats.md says
        ["openssl", "ts", "-verify", "-data", f"{outside}/{day}.json", "-in", f"{outside}/{day}.tsr",
         "-CAfile", f"{certificates}/ca.pem"], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Verification: OK" in done.stdout + done.stderr
    (taken,) = mail.mails
    parsed = email.message_from_bytes(taken, policy=email.policy.default)
    assert parsed["To"] == "archive@example.vn, press@example.vn"
    body = parsed.get_body()
    assert body is not None and stated["head"] in body.get_content()
    kept = {part.get_filename(): part.get_content() for part in parsed.iter_attachments()}
    assert set(kept) == {f"{day}.json", f"{day}.sig", "keys.pem"} and kept[f"{day}.sig"] == signature


def test_a_way_that_fails_stops_no_other_and_is_tried_again(hub: Hub, mail: MailServer, tmp_path: Path) -> None:
    mail.refuses = True
    (tmp_path / "outside").write_text("a file where the folder should be")
    assert publish.publish_all(hub) == 0
    assert ways_done(hub) == {"folder": "publish.folder", "mail": "publish.mail", "rfc3161": "publish.folder"}
    mail.refuses = False
    (tmp_path / "outside").unlink()
    assert publish.publish_all(hub) == 3
    assert set(ways_done(hub).values()) == {"done"}


def test_a_stamp_of_a_stranger_is_not_taken(hub: Hub, certificates: Path, tmp_path: Path) -> None:
    object.__setattr__(hub.config, "publish_tsa_ca", certificates / "mail.pem")
    publish.publish_all(hub)
    assert ways_done(hub)["rfc3161"] == "publish.stamp"


def test_what_was_changed_after_its_head_is_not_published_as_if_nothing_were(hub: Hub) -> None:
    with hub.database.write() as db:
        session = db.scalars(select(ReceptionSession)).one()
        package = recordings.package_of(db, session.id)
        assert package is not None
        package.manifest_sha256 = "0" * 64
    assert publish.publish_all(hub) == 0
    assert set(ways_done(hub).values()) == {"day.wrong_state"}

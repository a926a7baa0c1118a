"""Starting and stopping a hub: what stands in the way is a sentence and an exit code, never a traceback."""

from __future__ import annotations

import json
import signal
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.support.hub import StartedHub, clean_environ, run_cli, started
from web import tls


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedHub]:
    with started(tmp_path_factory.mktemp("start") / "hub") as running:
        yield running


def test_it_works(hub: StartedHub) -> None:
    assert httpx.get(f"{hub.url}/healthz").json() == {"status": "ok"}
    hub.until_ready()
    assert httpx.get(f"{hub.url}/readyz").json()["checks"] == {"database": True, "relay": True, "running": True}


def test_metrics_hold_figures_and_nobody(hub: StartedHub) -> None:
    hub.add_user("nguyen.an")
    httpx.get(f"{hub.url}/login")
    text = httpx.get(f"{hub.url}/metrics").text
    assert 'diemcau_relays{state="linked"} 1.0' in text
    assert 'diemcau_http_requests_total{method="GET",route="/login",status="200"}' in text
    assert "nguyen.an" not in text
    assert "127.0.0.1" not in text


def test_a_second_hub_on_the_folder_is_told_so(hub: StartedHub) -> None:
    done = run_cli("serve", "--data", str(hub.folder), "--port", "0", "--http", "--json", check=False)
    assert done.returncode == 3
    assert "in use by another hub" in done.stderr
    assert str(hub.process.pid if hub.process else "?") in done.stderr
    assert json.loads(done.stdout)["error"] == "folder.taken"
    assert "Traceback" not in done.stderr


def test_a_web_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = run_cli("serve", "--data", str(tmp_path / "d"), "--port", str(port), "--http", check=False)
    assert done.returncode == 4
    assert f"port {port} is in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_media_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("0.0.0.0", 0))
        port = other.getsockname()[1]
        options = ("--port", "0", "--media-port", str(port), "--http")
        done = run_cli("serve", "--data", str(tmp_path / "d"), *options, check=False)
    assert done.returncode == 4
    assert f"UDP port {port} is in use" in done.stderr


@pytest.mark.parametrize(("name", "value"), [("HUB_PROT", "1"), ("HUB_PORT", "many")])
def test_a_wrong_setting_stops_the_start(tmp_path: Path, name: str, value: str) -> None:
    done = run_cli("serve", "--data", str(tmp_path), check=False, environ={**clean_environ(), name: value})
    assert done.returncode == 5
    assert name in done.stderr


def test_a_broken_certificate_stops_the_start(tmp_path: Path) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate")
    options = ("--tls-cert", str(bad), "--tls-key", str(bad), "--port", "0")
    done = run_cli("serve", "--data", str(tmp_path / "d"), *options, check=False)
    assert done.returncode == 5
    assert "TLS" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.long
def test_sigterm_ends_it_cleanly_and_the_folder_is_free_again(tmp_path: Path) -> None:
    hub = StartedHub(tmp_path / "d", "--http", "--no-worker").start()
    assert hub.stop() == 0
    assert not (hub.folder / "control.sock").exists()
    hub.start()
    assert hub.stop(signal.SIGINT) == 0


@pytest.mark.long
def test_what_a_killed_hub_leaves_does_not_stop_the_next(tmp_path: Path) -> None:
    hub = StartedHub(tmp_path / "d", "--http", "--relays", "0", "--no-worker").start()
    hub.stop(signal.SIGKILL)
    assert (hub.folder / "control.sock").exists()
    assert hub.ask("session", "list") == {"sessions": []}
    hub.start()
    assert hub.stop() == 0


@pytest.mark.long
def test_the_local_authority_certifies_the_hub(tmp_path: Path) -> None:
    with started(tmp_path / "d", "--relays", "1") as hub:
        pass
    with started(tmp_path / "d", "--host", "0.0.0.0", "--relays", "1") as hub:
        assert hub.url.startswith("https://127.0.0.1:")
        trust = ssl.create_default_context(cafile=str(hub.folder / "tls" / "ca.pem"))
        with httpx.Client(verify=trust) as client:
            assert client.get(f"{hub.url}/healthz").status_code == 200
            shown = client.get(f"{hub.url}/hub-ca.pem")
            assert shown.content == (hub.folder / "tls" / "ca.pem").read_bytes()
            login = client.get(f"{hub.url}/login")
        assert "max-age" in login.headers["strict-transport-security"]
        for cookie in login.headers.get_list("set-cookie"):
            assert cookie.startswith("__Host-")
            assert "secure" in cookie.lower()
        hub.until_ready()  # the relay trusts the authority too


def test_the_control_socket_is_for_the_owner_only(hub: StartedHub) -> None:
    assert (hub.folder / "control.sock").stat().st_mode & 0o777 == 0o600


def test_the_log_is_json_without_addresses(hub: StartedHub) -> None:
    httpx.get(f"{hub.url}/login", params={"next": "/visits/secret-word"})
    text = hub.log.read_text()
    for line in text.splitlines():
        json.loads(line)
    assert "secret-word" not in text


def test_help_is_there_for_every_command() -> None:
    top = run_cli("--help").stdout
    for command in ("serve", "relay", "worker", "demo", "sites", "user", "session", "token", "export", "verify", "keys",
                    "doctor"):  # fmt: skip
        assert command in top
        if command != "relay":
            assert "Usage:" in run_cli(command, "--help").stdout


def test_doctor_says_what_it_found(hub: StartedHub) -> None:
    done = hub.run("doctor", "--json")
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["ok"]
    assert {check["state"] for check in answer["checks"]} <= {"ok", "warn"}
    assert {"disk", "codecs", "clock", "database"} <= {check["name"] for check in answer["checks"]}


def test_doctor_names_a_port_in_use(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        environ = {**clean_environ(), "HUB_PORT": str(other.getsockname()[1])}
        done = run_cli("doctor", "--data", str(tmp_path), "--json", check=False, environ=environ)
    answer = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 1
    assert [check["name"] for check in answer["checks"] if check["state"] == "bad"] == ["web port"]


@pytest.mark.long
def test_given_certificate_files_are_used_and_the_relay_links_over_them(tmp_path: Path) -> None:
    made = tls.local(tmp_path / "office", ("127.0.0.1", "localhost"), datetime.now(UTC))
    options = ("--tls-cert", str(made.cert), "--tls-key", str(made.key), "--host", "127.0.0.1")
    environ = {"SSL_CERT_FILE": str(tmp_path / "office" / "ca.pem")}
    with started(tmp_path / "data", *options, "--relays", "1", "--no-worker", environ=environ) as hub:
        hub.until_ready()
        trust = ssl.create_default_context(cafile=str(tmp_path / "office" / "ca.pem"))
        with httpx.Client(verify=trust) as client:
            assert client.get(f"{hub.url}/healthz").status_code == 200
    assert not (tmp_path / "data" / "tls").exists()

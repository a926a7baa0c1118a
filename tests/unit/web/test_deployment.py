"""The Compose file: fits the Compose schema, sets only what exists, denies what must be denied.

No container engine runs here; what this cannot see is listed in docs/operations.md.
"""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from media.settings import read_settings
from web.__main__ import cli
from web.config import SETTINGS

ROOT = Path(__file__).parents[3]
SCHEMA = ROOT / "tests" / "data" / "compose" / "compose-spec.json"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "docker-compose.yml").read_text()))


def test_it_fits_the_compose_schema(compose: dict[str, Any]) -> None:
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft7Validator(schema).validate(compose)


def test_the_schema_would_notice_a_mistake(compose: dict[str, Any]) -> None:
    schema = json.loads(SCHEMA.read_text())
    broken = {**compose, "services": {**compose["services"], "app": {"imagee": "x"}}}
    assert not jsonschema.Draft7Validator(schema).is_valid(broken)


def test_all_services_are_there(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"app", "relay", "worker", "postgres", "redis", "coturn", "caddy"}


def test_it_sets_only_variables_that_exist(compose: dict[str, Any]) -> None:
    known = {setting.variable for setting in SETTINGS} | {f"{s.variable}_FILE" for s in SETTINGS if s.secret}
    example = re.findall(r"^(HUB_[A-Z_]+)=", (ROOT / "deploy" / "env.example").read_text(), re.M)
    used = set(example)
    for name in ("app", "worker"):
        used |= {key for key in compose["services"][name].get("environment", {}) if key.startswith("HUB_")}
    assert used <= known


def test_its_commands_are_understood(compose: dict[str, Any]) -> None:
    for name in ("app", "worker"):
        command, *arguments = compose["services"][name]["command"]
        known = cli.get_command(None, command)  # type: ignore[arg-type]
        assert known is not None
        known.make_context(command, list(arguments))


def test_the_relays_options_are_understood(compose: dict[str, Any], tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("t")
    arguments = [
        re.sub(r"\$\{PUBLIC_ADDRESS:[^}]*\}", "203.0.113.7", text).replace("/run/secrets/relay_token", str(token))
        for text in compose["services"]["relay"]["command"][1:]
    ]
    assert read_settings(arguments).port == 40000


def test_every_secret_and_volume_that_is_used_is_declared(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert set(service.get("secrets", [])) <= set(compose["secrets"])
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in compose["volumes"] or (ROOT / source).exists(), source


def test_no_secret_stands_in_the_files(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for key, value in (service.get("environment") or {}).items():
            assert not re.search(r"PASSWORD|SECRET|TOKEN|DATABASE_URL", key) or str(value).startswith("/run/secrets/")


def test_coturn_denies_mapped_addresses_and_allows_only_the_relay() -> None:
    lines = (ROOT / "deploy" / "turnserver.conf").read_text().splitlines()
    denied = [line.split("=", 1)[1] for line in lines if line.startswith("denied-peer-ip=")]
    assert "0.0.0.0-255.255.255.255" in denied
    assert "::ffff:0.0.0.0-::ffff:255.255.255.255" in denied
    assert any(entry.startswith("::-ffff:") for entry in denied)
    assert [line for line in lines if line.startswith("allowed-peer-ip=")] == [
        "allowed-peer-ip=REPLACE-WITH-PUBLIC_ADDRESS"
    ]
    for needed in ("no-cli", "no-tcp-relay", "no-multicast-peers", "use-auth-secret"):
        assert needed in lines

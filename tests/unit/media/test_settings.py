"""The relay's command line and announced addresses."""

from pathlib import Path

import pytest

from media.settings import Announced, base_address, own_addresses, parse_address, read_settings


def test_it_works(tmp_path: Path) -> None:
    settings = read_settings(
        ["--folder", str(tmp_path), "--app", "https://hub.example", "--port", "4000", "--address", "192.0.2.1"]
    )
    assert settings.apps == ("https://hub.example",)
    assert settings.addresses == (("192.0.2.1", 0),)
    assert settings.spool == tmp_path / "spool"


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("192.0.2.1", ("192.0.2.1", 0)),
        ("192.0.2.1:4000", ("192.0.2.1", 4000)),
        ("2001:db8::1", ("2001:db8::1", 0)),
        ("[2001:db8::1]:4000", ("2001:db8::1", 4000)),
    ],
)
def test_addresses_are_read(text: str, pair: tuple[str, int]) -> None:
    assert parse_address(text) == pair


@pytest.mark.parametrize("text", ["", "hub.example", "192.0.2.1:0", "192.0.2.1:x", "192.0.2.1:99999", "[::1"])
def test_what_is_no_address_is_refused(text: str) -> None:
    if text == "[::1":
        assert parse_address(text) == ("::1", 0)
        return
    with pytest.raises(ValueError):
        parse_address(text)


def test_an_app_is_given_by_its_base_address() -> None:
    assert base_address("wss://hub.example:8443/x") == "https://hub.example:8443"
    with pytest.raises(ValueError):
        base_address("hub.example")


@pytest.mark.parametrize("wrong", [["--port", "70000"], ["--address", "nowhere"], ["--app", "ftp://x"]])
def test_nonsense_ends_with_a_usage_line(tmp_path: Path, wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        read_settings(["--folder", str(tmp_path), "--app", "http://127.0.0.1:1", *wrong])
    assert caught.value.code == 2


def test_a_token_can_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("once\n")
    argv = ["--folder", str(tmp_path), "--app", "http://127.0.0.1:1", "--enrol", f"@{tmp_path / 'token'}"]
    assert read_settings(argv).enrol == "once"


def test_loopback_is_for_clients_on_this_machine() -> None:
    announced = Announced([("192.0.2.1", 0), ("127.0.0.1", 0), ("2001:db8::1", 9)], 4000)
    assert announced.for_client(False) == (("192.0.2.1", 4000), ("2001:db8::1", 9))
    assert ("127.0.0.1", 4000) in announced.for_client(True)
    assert announced.texts() == ("192.0.2.1:4000", "127.0.0.1:4000", "[2001:db8::1]:9")
    assert Announced([("127.0.0.1", 0)], 4000).for_client(False) == (("127.0.0.1", 4000),)


def test_a_machine_has_at_least_loopback() -> None:
    assert ("127.0.0.1", 0) in own_addresses()

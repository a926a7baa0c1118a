"""The table of settings: what stops a start, and that the documentation lists exactly what there is."""

from pathlib import Path

import pytest

from web.config import SETTINGS, ConfigError, load, shown


def test_it_works_without_any_variable(tmp_path: Path) -> None:
    config = load({}, data=tmp_path)
    assert config.data == tmp_path
    assert config.database == f"sqlite:///{tmp_path}/hub.db"
    assert config.plain_http
    assert config.base_url == "http://127.0.0.1:8443"


def test_an_option_wins_over_the_variable(tmp_path: Path) -> None:
    assert load({"HUB_PORT": "1000"}, data=tmp_path, port=2000).port == 2000
    assert load({"HUB_PORT": "1000"}, data=tmp_path, port=None).port == 1000


def test_an_unknown_name_is_named() -> None:
    with pytest.raises(ConfigError, match="HUB_PROT"):
        load({"HUB_PROT": "8000"})


def test_a_file_variable_of_a_setting_that_is_no_secret_is_unknown() -> None:
    with pytest.raises(ConfigError, match="HUB_PORT_FILE"):
        load({"HUB_PORT_FILE": "/nowhere"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HUB_PORT", "80x"),
        ("HUB_PORT", "-1"),
        ("HUB_PORT", "70000"),
        ("HUB_HTTP", "yes"),
        ("HUB_URL", "ftp://host"),
        ("HUB_ORIGINS", "host"),
        ("HUB_ORIGINS", "https://host/path"),
        ("HUB_TLS_CERT", "/there/is/none.pem"),
        ("HUB_LOGIN_LIMIT_ACCOUNT", "often"),
        ("HUB_DATABASE_URL", "mysql://host/db"),
        ("HUB_STORE", "/srv/record"),
        ("HUB_STORE", "folder:record"),
        ("HUB_STORE_KEYS", "0123"),
        ("HUB_PUBLISH_MAIL", "nobody"),
        ("HUB_STORE", "s3+https://host"),
        ("HUB_STORE", "s3+https://host/bucket/../x"),
        ("HUB_RELAYS", "many"),
        ("HUB_SECRET", "short"),
        ("HUB_LANGUAGE", "fr"),
        ("HUB_HOST", "a b"),
        ("HUB_MAX_UPLOAD", "64"),
    ],
)
def test_a_bad_value_stops_the_start_and_names_the_variable(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        load({name: value})


def test_a_secret_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql+psycopg://hub:pass-word@db/hub\n")
    config = load({"HUB_DATABASE_URL_FILE": str(file)}, data=tmp_path)
    assert config.database == "postgresql+psycopg://hub:pass-word@db/hub"


def test_a_secret_given_twice_or_not_readable_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="both"):
        load({"HUB_SECRET": "x" * 40, "HUB_SECRET_FILE": str(tmp_path)})
    with pytest.raises(ConfigError, match="HUB_SECRET_FILE"):
        load({"HUB_SECRET_FILE": str(tmp_path / "none")})


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    config = load({"HUB_DATABASE_URL": "postgresql://hub:pass-word@db/hub"}, data=tmp_path)
    values = shown(config)
    assert values["HUB_DATABASE_URL"] == "***"
    assert values["HUB_REDIS_URL"] == ""
    assert "pass-word" not in str(values)


def test_a_bad_secret_is_not_repeated_in_the_error() -> None:
    with pytest.raises(ConfigError) as caught:
        load({"HUB_DATABASE_URL": "mysql://hub:pass-word@db"})
    assert "pass-word" not in str(caught.value)


@pytest.mark.parametrize(
    "environ",
    [
        {"HUB_TLS_CERT": __file__},
        {"HUB_TLS_CERT": __file__, "HUB_TLS_KEY": __file__, "HUB_HTTP": "on"},
        {"HUB_TURN_URL": "turn:host"},
        {"HUB_STORE": "s3+https://host/bucket"},
        {"HUB_PUBLISH_MAIL": "archive@example.vn"},
        {"HUB_PUBLISH_TSA": "https://tsa.example.vn"},
        {"HUB_STORE_KEYS": "0" * 64},
        {"HUB_SESSION_IDLE_S": "600", "HUB_SESSION_MAX_S": "300"},
    ],
)
def test_settings_that_do_not_fit_together_are_refused(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        load(environ)


def test_only_a_loopback_host_speaks_plain_http_by_itself(tmp_path: Path) -> None:
    assert load({}, data=tmp_path, host="127.0.0.1").plain_http
    assert not load({}, data=tmp_path, host="0.0.0.0").plain_http
    assert load({"HUB_HTTP": "on"}, data=tmp_path, host="0.0.0.0").plain_http
    assert not load({"HUB_HTTP": "off"}, data=tmp_path).plain_http


def test_cookies_are_secure_behind_a_proxy_with_tls(tmp_path: Path) -> None:
    assert load({"HUB_URL": "https://hub.example"}, data=tmp_path).secure_cookies
    assert not load({}, data=tmp_path).secure_cookies


def test_operations_md_lists_every_setting_and_no_other() -> None:
    text = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
    listed = {line.split("`")[1] for line in text.splitlines() if line.startswith("| `HUB_")}
    assert listed == {setting.variable for setting in SETTINGS}
    for setting in SETTINGS:
        row = next(line for line in text.splitlines() if line.startswith(f"| `{setting.variable}`"))
        assert f"| `{setting.default}` |" in row or (not setting.default and "|  |" in row), setting.variable
        assert setting.help in row, setting.variable

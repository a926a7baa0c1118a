"""The hub's configuration: one table of ``HUB_*`` variables, read once into a frozen ``Config``.

The table is the only list: ``diemcau check-config``, the help of the options and ``docs/operations.md`` (a test
compares them) come from it. An unknown ``HUB_*`` name or a bad value stops the start and names the variable.
A secret may also be given as ``HUB_X_FILE``, a file that holds it. Options of the command line win over variables.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import limits

from rooms.sealing import Keys
from web.filestores import read_store
from web.turnclient import read_url

PREFIX = "HUB_"
MIB = 1024 * 1024


class ConfigError(Exception):
    """A setting is unknown or its value makes no sense. The text names the variable; secrets are not repeated."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """What the processes of one hub are started with. Sizes in bytes, times in seconds."""

    data: Path
    host: str
    port: int
    url: str
    http: str
    tls_cert: Path | None
    tls_key: Path | None
    origins: tuple[str, ...]
    trusted_proxies: tuple[str, ...]
    database_url: str
    redis_url: str
    peer_url: str
    peer_key: str
    peer_ca: Path | None
    peers: tuple[str, ...]
    relays: int
    media_port: int
    media_loudest: int
    media_remb: bool
    announce: tuple[str, ...]
    media_max_source_bps: int
    media_max_viewer_bps: int
    relay_token: str
    turn_url: tuple[str, ...]
    turn_secret: str
    turn_ttl_s: int
    force_relay: bool
    secret: str
    session_idle_s: int
    session_max_s: int
    login_limit_account: str
    login_limit_address: str
    max_upload: int
    derived_cpu_percent: int
    replay_keep_days: int
    reconcile_sample: int
    publish_folder: Path | None
    certificates: Path | None
    publish_mail: tuple[str, ...]
    publish_from: str
    smtp_url: str
    smtp_password: str
    publish_tsa: str
    publish_tsa_ca: Path | None
    store: str
    store_access_key: str
    store_secret_key: str
    store_region: str
    store_ca: Path | None
    store_keys: str
    store_local_hours: int
    copies: str
    copies_folder: Path | None
    record_floor_min: int
    take_minutes: int
    language: str
    log_level: str

    @property
    def database(self) -> str:
        """The database's address: the given one, or the SQLite file of the data folder."""
        return self.database_url or f"sqlite:///{self.data / 'hub.db'}"

    @property
    def plain_http(self) -> bool:
        """True when the web port speaks plain HTTP: asked for, or a loopback host without certificate files."""
        if self.http == "auto":
            return self.tls_cert is None and is_loopback(self.host)
        return self.http == "on"

    @property
    def base_url(self) -> str:
        """The address people type; without a trailing slash."""
        if self.url:
            return self.url.rstrip("/")
        host = self.host if self.host not in ("0.0.0.0", "::") else "127.0.0.1"
        scheme = "http" if self.plain_http else "https"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def secure_cookies(self) -> bool:
        """Cookies carry Secure and the __Host- prefix unless the address people use is plain HTTP."""
        return self.base_url.startswith("https://")


def is_loopback(host: str) -> bool:
    """True for an address or name that only this machine can reach."""
    return host in ("localhost", "::1") or host.startswith("127.")


@dataclass(frozen=True)
class Setting:
    """One row of the table. ``name`` is the Config field; the variable is HUB_ + its upper case."""

    name: str
    kind: str
    default: str
    help: str
    read: Callable[[str], Any]
    secret: bool = False

    @property
    def variable(self) -> str:
        return PREFIX + self.name.upper()


def _text(value: str) -> str:
    return value.strip()


def _one_line(value: str) -> str:
    if not value.strip().isprintable():
        raise ValueError("must be one line of printable characters")
    return value.strip()


def _path(value: str) -> Path:
    return Path(value).expanduser().absolute()


def _optional_path(value: str) -> Path | None:
    if not value:
        return None
    path = _path(value)
    if not path.is_file():
        raise ValueError("there is no such file")
    return path


def _optional_folder(value: str) -> Path | None:
    return _path(value) if value else None


def _integer(low: int, high: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        number = int(value) if re.fullmatch(r"-?[0-9]{1,12}", value.strip()) else None
        if number is None or not low <= number <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return number

    return read


def _mebibytes(value: str) -> int:
    return _integer(1, 20)(value) * MIB  # rooms.papers.MAX_PAPER is the ceiling


def _list(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _choice(*allowed: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in allowed:
            raise ValueError("must be one of " + ", ".join(allowed))
        return value

    return read


def _url(*schemes: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value and urlsplit(value).scheme not in schemes:
            raise ValueError("must be an address starting with " + " or ".join(f"{scheme}:" for scheme in schemes))
        return value

    return read


def _turn_urls(value: str) -> tuple[str, ...]:
    urls = _list(value)
    for url in urls:
        read_url(url)
    return urls


def _store(value: str) -> str:
    if value:
        read_store(value)
    return value


def _outer_keys(value: str) -> str:
    if value:
        Keys.read(value)
    return value


def _folder(value: str) -> Path | None:
    return _path(value) if value else None


def _mails(value: str) -> tuple[str, ...]:
    addresses = _list(value)
    if not all(re.fullmatch(r"[^\s@,<>]{1,64}@[A-Za-z0-9.-]{1,190}", one) for one in addresses):
        raise ValueError("each must look like name@host")
    return addresses


def _switch(value: str) -> bool:
    return _choice("on", "off")(value) == "on"


def _origins(value: str) -> tuple[str, ...]:
    origins = _list(value)
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path:
            raise ValueError("each must look like https://host or https://host:port")
    return origins


def _peers(value: str) -> tuple[str, ...]:
    addresses = _list(value)
    for address in addresses:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
            raise ValueError("each must look like https://host:port")
    return tuple(address.rstrip("/") for address in addresses)


def _limit(value: str) -> str:
    try:
        limits.parse_many(value)
    except ValueError as error:
        raise ValueError('must look like "5/minute;30/hour"') from error
    return value


def _host(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.:_-]{1,253}", value):
        raise ValueError("must be an address or a host name")
    return value


def _long_secret(value: str) -> str:
    if value and len(value) < 32:
        raise ValueError("must have at least 32 characters")
    return value


_database_schemes = ("sqlite", "postgresql", "postgresql+psycopg")

SETTINGS: tuple[Setting, ...] = (
    Setting("data", "folder", "data", "Everything the hub keeps: database, files, keys, relays, logs.", _path),
    Setting("host", "address", "127.0.0.1", "Address the web port listens on.", _host),
    Setting("port", "number", "8443", "TCP port of pages, REST and websockets.", _integer(0, 65535)),
    Setting(
        "url", "address", "", "Address people type, when it differs (behind a proxy).", _url("http", "https")
    ),
    Setting(
        "http",
        "auto, on, off",
        "auto",
        "Plain HTTP on the web port. auto: only for a loopback host without certificate files.",
        _choice("auto", "on", "off"),
    ),
    Setting(
        "tls_cert", "file", "", "Certificate chain, PEM. Without it a local CA is made at the first start.",
        _optional_path,
    ),
    Setting("tls_key", "file", "", "Private key of the certificate, PEM.", _optional_path),
    Setting("origins", "list", "", "Further web origins whose pages may open websockets here.", _origins),
    Setting("trusted_proxies", "list", "", "Addresses of proxies whose X-Forwarded-For counts.", _list),
    Setting(
        "database_url",
        "address",
        "",
        "postgresql+psycopg://... ; empty: SQLite in the data folder.",
        _url(*_database_schemes),
        secret=True,
    ),
    Setting(
        "redis_url",
        "address",
        "",
        "Redis, for several apps: who lives, and the login throttle; empty: counted in this process.",
        _url("redis", "rediss", "unix"),
        secret=True,
    ),
    Setting(
        "peer_url", "address", "", "Several apps: where the others reach this one; empty: this app is alone.",
        _url("http", "https"),
    ),
    Setting(
        "peer_key", "text", "", "Several apps: proves one to another, the same for all of them.", _long_secret,
        secret=True,
    ),
    Setting(
        "peer_ca", "file", "", "Several apps: authority of the others' certificates; empty: what the system trusts.",
        _optional_path,
    ),
    Setting("peers", "list", "", "Several apps: the others' addresses; relays of this machine dial them too.", _peers),
    Setting(
        "relays", "number", "-1", "Relay processes started by serve; -1: one per core but one; 0: none.",
        _integer(-1, 64),
    ),
    Setting(
        "media_port",
        "number",
        "-1",
        "First UDP (and ICE-TCP) port of the relays; -1: the web port + 1; 0: free ports, kept afterwards.",
        _integer(-1, 65535),
    ),
    Setting(
        "media_loudest", "number", "4",
        "Microphones of a session passed on at a time, the loudest; 0: all. What is shown large is always heard.",
        _integer(0, 100),
    ),
    Setting(
        "media_remb", "on, off", "off",
        "Tell publishers by REMB what their lines carry, even those that could find out by themselves.",
        _switch,
    ),
    Setting(
        "announce", "list", "", "Media addresses told to clients (public or LAN); empty: those of this machine.", _list
    ),
    Setting(
        "media_max_source_bps", "bit/s", "3000000", "The most that one picture may send, all its layers together.",
        _integer(100_000, 50_000_000),
    ),
    Setting(
        "media_max_viewer_bps", "bit/s", "8000000", "The most that one viewer is sent, sound and pictures.",
        _integer(100_000, 200_000_000),
    ),
    Setting(
        "relay_token", "text", "", "Lets relays that serve did not start enrol; empty: one-time tokens only.",
        _long_secret, secret=True,
    ),
    Setting(
        "turn_url", "list", "",
        "Addresses of coturn, such as turn:host:3478?transport=udp, turn:host:3478?transport=tcp, turns:host:5349.",
        _turn_urls,
    ),
    Setting("turn_secret", "text", "", "coturn's static-auth-secret.", _one_line, secret=True),
    Setting(
        "turn_ttl_s", "seconds", "1800", "How long TURN credentials are good; pages fetch new ones before.",
        _integer(600, 3600),
    ),
    Setting("force_relay", "on, off", "off", "Pages connect through TURN only: to test it, not for use.", _switch),
    Setting(
        "secret", "text", "", "Signs forms and cookies; empty: made once and kept in the data folder.", _long_secret,
        secret=True,
    ),
    Setting("session_idle_s", "seconds", "3600", "A log-in unused for so long ends.", _integer(60, 86400)),
    Setting("session_max_s", "seconds", "43200", "A log-in ends after so long in any case.", _integer(300, 604800)),
    Setting(
        "login_limit_account", "limits", "5/minute;30/hour", "Failed log-ins allowed per account.", _limit
    ),
    Setting(
        "login_limit_address", "limits", "30/minute;200/hour", "Failed log-ins allowed per client address.", _limit
    ),
    Setting("max_upload", "MiB", "20", "Largest paper that can be attached, at most 20.", _mebibytes),
    Setting(
        "derived_cpu_percent", "percent", "50",
        "While a session runs, replay and composed files take at most so much of one core; 0: they wait.",
        _integer(0, 6400),
    ),
    Setting("replay_keep_days", "days", "90",
            "Replay files and composed files unused for so long are removed (they can be remade).", _integer(1, 36500)),
    Setting("replay_keep_days", "days", "90",
            "Replay files and composed files unused for so long are removed (they can be remade).",
            _integer(1, 36500)),
    Setting("reconcile_sample", "files", "200", "How many files are read and hashed again every night.",
            _integer(0, 1_000_000)),
    Setting("publish_folder", "folder", "", "Daily heads and public keys are written here, outside the hub.", _folder),
    Setting("certificates", "folder", "", "Certificates of disposal are kept here as well, outside the hub.", _folder),
    Setting("publish_mail", "list", "", "Daily heads and public keys are mailed to these addresses.", _mails),
    Setting("publish_from", "address", "", "Who these mails come from.", _one_line),
    Setting("smtp_url", "address", "", "Mail server: smtp://user@host:587 (STARTTLS) or smtps://user@host:465.",
            _url("smtp", "smtps")),
    Setting("smtp_password", "text", "", "Password at the mail server.", _one_line, secret=True),
    Setting("publish_tsa", "address", "", "Time-stamping authority (RFC 3161) for daily heads.", _url("http", "https")),
    Setting("publish_tsa_ca", "file", "", "Root certificates that the authority's stamps are checked with, PEM.",
            _optional_path),
    Setting(
        "store", "address", "",
        "Where files are kept for good: folder:/path, s3+https://host/bucket or s3+https://host/bucket/prefix; "
        "empty: only in the data folder.",
        _store,
    ),
    Setting("store_access_key", "text", "", "S3: who the hub is.", _one_line),
    Setting("store_secret_key", "text", "", "S3: proves it.", _one_line, secret=True),
    Setting("store_region", "text", "us-east-1", "S3: region of the bucket.", _one_line),
    Setting("store_ca", "file", "", "S3: authority of the server's certificate; empty: the public ones.",
            _optional_path),
    Setting(
        "store_keys", "keys", "",
        "Encrypts what the store holds: keys of 64 hex digits, the newest first; empty: not encrypted.", _outer_keys,
        secret=True,
    ),
    Setting("store_local_hours", "hours", "168", "How long files that the store has stay on this machine, too.",
            _integer(1, 876000)),
    Setting(
        "copies", "auto, on, off", "auto",
        "Copies of running journals in the store, at most 10 s behind, for the loss of a relay's machine. auto: unless "
        "both lie on one disk.",
        _choice("auto", "on", "off"),
    ),
    Setting(
        "copies_folder", "folder", "", "Where those copies go, best on another machine; empty: with the files.",
        _optional_folder,
    ),
    Setting(
        "record_floor_min", "minutes", "120",
        "No record starts with less room than this on the relay's disk, and one that runs raises an alarm; 0: never.",
        _integer(0, 10_000),
    ),
    Setting(
        "take_minutes", "minutes", "30",
        "So long a point records by itself when it loses the hub in a recorded session; 0: never.", _integer(0, 240),
    ),
    Setting("language", "vi, en", "vi", "Language of pages until a person chooses.", _choice("vi", "en")),
    Setting(
        "log_level", "debug, info, warning, error", "info", "How much is logged.",
        _choice("debug", "info", "warning", "error"),
    ),
)  # fmt: skip


def load(environ: Mapping[str, str] | None = None, **options: object) -> Config:
    """Read the configuration. ``options`` are those of the command line; None means not given.

    Raises ConfigError for an unknown HUB_* name, a value that cannot be used, or a pair that does not fit.
    """
    environ = os.environ if environ is None else environ
    known = {setting.variable for setting in SETTINGS}
    files = {setting.variable + "_FILE" for setting in SETTINGS if setting.secret}
    for name in environ:
        if name.startswith(PREFIX) and name not in known | files:
            raise ConfigError(f"{name}: there is no such setting; see docs/operations.md")
    values = {setting.name: _value(setting, environ, options.get(setting.name)) for setting in SETTINGS}
    return _checked(Config(**values))


def _value(setting: Setting, environ: Mapping[str, str], option: object) -> Any:
    name = setting.variable
    raw = setting.default
    if option is not None:
        raw, name = str(option), "--" + setting.name.replace("_", "-")
    elif setting.secret and name + "_FILE" in environ:
        if environ.get(name):
            raise ConfigError(f"{name} and {name}_FILE are both set; keep one")
        name += "_FILE"
        raw = _read_secret(name, environ[name])
    elif name in environ:
        raw = environ[name]
    try:
        return setting.read(raw)
    except ValueError as error:
        shown = "" if setting.secret else f"{raw!r}: "
        raise ConfigError(f"{name}: {shown}{error}") from error


def _read_secret(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"{name}: cannot read the file {path}") from error


def _checked(config: Config) -> Config:
    if (config.tls_cert is None) != (config.tls_key is None):
        raise ConfigError("HUB_TLS_CERT and HUB_TLS_KEY belong together; one of them is missing")
    if config.http == "on" and config.tls_cert is not None:
        raise ConfigError("HUB_HTTP is on and HUB_TLS_CERT is set; keep one")
    if config.turn_url and not config.turn_secret:
        raise ConfigError("HUB_TURN_URL is set but HUB_TURN_SECRET is not")
    if config.store.startswith("s3+") and not (config.store_access_key and config.store_secret_key):
        raise ConfigError("HUB_STORE is a bucket but HUB_STORE_ACCESS_KEY or HUB_STORE_SECRET_KEY is not set")
    if config.publish_mail and not (config.smtp_url and config.publish_from):
        raise ConfigError("HUB_PUBLISH_MAIL needs HUB_SMTP_URL and HUB_PUBLISH_FROM as well")
    if config.publish_tsa and config.publish_tsa_ca is None:
        raise ConfigError("HUB_PUBLISH_TSA needs HUB_PUBLISH_TSA_CA as well")
    if config.store_keys and not config.store:
        raise ConfigError("HUB_STORE_KEYS encrypts a store, but HUB_STORE is not set")
    if config.force_relay and not config.turn_url:
        raise ConfigError("HUB_FORCE_RELAY is on but HUB_TURN_URL is not set")
    if config.peer_url and not (config.peer_key and config.redis_url and config.database_url and config.secret):
        raise ConfigError("HUB_PEER_URL needs HUB_PEER_KEY, HUB_REDIS_URL, HUB_DATABASE_URL and HUB_SECRET as well")
    if config.session_max_s < config.session_idle_s:
        raise ConfigError("HUB_SESSION_MAX_S is shorter than HUB_SESSION_IDLE_S")
    return config


def shown(config: Config) -> dict[str, str]:
    """Every setting with its value as text, secrets masked."""
    secret = {setting.name for setting in SETTINGS if setting.secret}
    result = {}
    for field in fields(config):
        value = getattr(config, field.name)
        text = ", ".join(value) if isinstance(value, tuple) else "" if value is None else str(value)
        text = ("on" if value else "off") if isinstance(value, bool) else text
        result[PREFIX + field.name.upper()] = "***" if text and field.name in secret else text
    return result

"""``diemcau serve``: the app process. Web port, control socket, supervisor, in one event loop.

Start: lock the folder, open the parts, bind the ports (a port in use is a sentence, not a traceback), then listen,
then start or adopt the relays and start the worker. Stop (SIGTERM, SIGINT): no new requests, sockets are closed with
"come back", the worker ends, relays run on unless ``own``.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import uvicorn

from rooms import relays
from rooms.actor import SYSTEM
from web import control, folder, health, logs, main, parts, tls
from web.config import Config, is_loopback
from web.hub import Hub, running
from web.supervisor import PortTaken, Supervisor

log = logs.get("serve")

GRACE_S = 5


class NotStarted(Exception):
    """The application gave up while it started; the log holds the reason."""


class Server(uvicorn.Server):
    """uvicorn without its own signal handlers: one handler stops all servers of this process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


@dataclass
class Served:
    """What a start found out: the address, and the local authority where one was made."""

    hub: Hub
    url: str
    certificate: tls.Certificate | None


def bind(config: Config) -> socket.socket:
    """The listening socket of the web port. Raises PortTaken."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        raise PortTaken(config.port, "TCP") from error
    return listener


def certificate_of(config: Config) -> tls.Certificate | None:
    """The certificate to serve with; None for plain HTTP. Raises ValueError for unusable files."""
    if config.plain_http:
        return None
    if config.tls_cert is not None and config.tls_key is not None:
        return tls.given(config.tls_cert, config.tls_key)
    names = tls.names_of_this_machine(config.host, config.url)
    return tls.local(config.data / "tls", names, datetime.now(UTC))


async def serve(config: Config, own: bool, with_worker: bool, announce: Callable[[Served], None]) -> None:
    """Run until a signal. The caller holds the folder's lock. ``announce`` is called when requests are answered.

    Raises PortTaken, NotStarted, ValueError (certificate).
    """
    certificate = certificate_of(config)
    listener = bind(config)
    config = replace(config, port=int(listener.getsockname()[1]))
    hub = await asyncio.to_thread(parts.open_parts, config)
    supervisor = Supervisor(
        config,
        relay_address(config),
        certificate.ca if certificate else None,
        enrol=lambda: enrol_token(hub),
        on_restart=hub.metrics.relay_restarts.inc,
    )
    supervisor.plan(with_worker)
    hub.supervisor = supervisor
    app = main.create_app(config, hub)
    app.state.certificate = certificate
    servers = [
        Server(_web_options(app, config, certificate)),
        Server(uvicorn.Config(control.create_control_app(hub), log_config=None, lifespan="off", ws="none")),
    ]
    control_listener = control.listen(config.data)
    tasks = [
        asyncio.create_task(servers[0].serve([listener]), name="web"),
        asyncio.create_task(servers[1].serve([control_listener]), name="control"),
        asyncio.create_task(health.watch_loop(hub.metrics), name="lag"),
    ]
    gc.collect()
    gc.freeze()  # what exists now lives as long as the process: a full collection took 90 ms of somebody's request
    try:
        await _until_stopped(servers, tasks, hub, lambda: announce(Served(hub, config.base_url, certificate)))
    finally:
        await main.stop_signaling(hub)
        for server in servers:
            server.should_exit = True
        tasks[2].cancel()
        await supervisor.stop(relays_too=own)
        await asyncio.gather(*tasks, return_exceptions=True)
        (config.data / folder.SOCKET_NAME).unlink(missing_ok=True)
        hub.database.dispose()
        log.info("stopped")


async def _until_stopped(
    servers: list[Server], tasks: list[asyncio.Task[None]], hub: Hub, ready: Callable[[], None]
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    while not all(server.started for server in servers):
        done = [task for task in tasks if task.done()]
        if done or stop.is_set():
            for task in done:
                task.result()
            if not stop.is_set():
                raise NotStarted("The hub did not start; its log says why.")
            return
        await asyncio.sleep(0.02)
    await running(hub.supervisor).start()
    ready()
    log.info("serving", port=hub.config.port)
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait([waiting, *tasks[:2]], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


def _web_options(app: object, config: Config, certificate: tls.Certificate | None) -> uvicorn.Config:
    options = uvicorn.Config(
        app,  # type: ignore[arg-type]
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(config.trusted_proxies),
        forwarded_allow_ips=list(config.trusted_proxies) or None,
        ws="websockets-sansio",
        ws_max_size=1024 * 1024,
        ws_ping_interval=10.0,
        ws_ping_timeout=20.0,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=30,
        h11_max_incomplete_event_size=64 * 1024,
        ssl_certfile=str(certificate.cert) if certificate else None,
        ssl_keyfile=str(certificate.key) if certificate else None,
        ssl_version=ssl.PROTOCOL_TLS_SERVER,
    )
    return options


def relay_address(config: Config) -> str:
    """Where relays on this machine dial the app. With given certificate files the name in them must be used."""
    if config.tls_cert is not None and config.url:
        return config.base_url
    scheme = "http" if config.plain_http else "https"
    host = config.host if not is_any(config.host) else "127.0.0.1"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{config.port}"


def is_any(host: str) -> bool:
    """True for "all addresses"."""
    return host in ("0.0.0.0", "::")


def enrol_token(hub: Hub) -> str:
    """A one-time token for a relay that we start."""
    with hub.database.write() as db:
        return relays.enrol_token(db, SYSTEM, hub.now())


def words(served: Served) -> str:
    """What a start prints for people."""
    lines = [f"Điểm Cầu: {served.url}"]
    if served.certificate is not None and served.certificate.ca is not None:
        ca = served.certificate.ca
        lines.append(tls.HOW_TO_TRUST.format(ca=ca, url=served.url, fingerprint=tls.fingerprint(ca)))
    elif served.certificate is None and not is_loopback(served.hub.config.host) and not served.hub.config.url:
        lines.append("Plain HTTP: browsers give no camera to this address except on this very machine.")
    return "\n".join(lines)

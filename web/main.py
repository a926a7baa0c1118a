"""The composition root: builds the parts and connects them. Nothing imports this but the commands that start it.

``create_app`` adds signaling and the routes to what ``web.parts`` opens.
Order of the layers an HTTP request passes, outermost first: last resort, metrics, security headers, origin check,
body limit, CSRF, log-in session, device cookie, route.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.staticfiles import StaticFiles
from starsessions import SessionMiddleware

import web.api
import web.pages
from signaling.messages import CLOSE_AGAIN
from web import auth, devices, errors, health, parts, peerdoor, security, sockets, wiring
from web.config import Config
from web.hub import Hub

STATIC = Path(__file__).parent / "static"


def create_app(config: Config, hub: Hub | None = None) -> FastAPI:
    """The hub's application. Signaling starts with the application's lifespan and stops with it."""
    hub = hub or parts.open_parts(config)
    wiring.connect(hub)
    app = FastAPI(
        title="Điểm Cầu",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=_lifespan,
        middleware=_layers(hub),
    )
    app.state.hub = hub
    errors.install(app)
    health.install(app)
    app.include_router(sockets.router)
    app.include_router(peerdoor.router)
    for package in (web.api, web.pages):
        mount(app, package)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app


def mount(app: FastAPI, package: object) -> None:
    """Include the ``router`` of every module of a package; a module without one is a helper."""
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda item: item.name):  # type: ignore[attr-defined]
        module = importlib.import_module(f"{package.__name__}.{info.name}")  # type: ignore[attr-defined]
        router = getattr(module, "router", None)
        if router is not None:
            app.include_router(router)


def _layers(hub: Hub) -> list[Middleware]:
    config = hub.config
    return [
        Middleware(errors.LastResort),
        Middleware(health.RequestMetrics, metrics=hub.metrics),
        Middleware(security.SecurityHeaders, config=config),
        Middleware(security.OriginCheck, config=config),
        Middleware(security.BodyLimit, config=config),
        Middleware(auth.CsrfGuard, config=config, secret=hub.secret),
        Middleware(
            SessionMiddleware,
            store=auth.session_store(hub),
            lifetime=config.session_max_s,
            cookie_name=auth.cookie_name(config, "session"),
            cookie_https_only=config.secure_cookies,
            cookie_path="/",
        ),
        Middleware(auth.SessionLoader),
        Middleware(devices.DeviceCookie, config=config, secret=hub.secret, database=hub.database, now=hub.now),
        Middleware(health.RouteNote),
    ]


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    hub: Hub = app.state.hub
    for part in (hub.peers, hub.sessions, hub.channel):
        if part is not None:
            await part.start()
    yield
    await stop_signaling(hub)


async def stop_signaling(hub: Hub) -> None:
    """Tell pages and relays to come back later, and let go of them; media goes on. Once."""
    if hub.stopping:
        return
    hub.stopping = True
    for socket in list(hub.handed_on):
        await socket.close(CLOSE_AGAIN, "hub stops")
    for part in (hub.channel, hub.sessions, hub.relays, hub.peers):
        if part is not None:
            await part.stop()

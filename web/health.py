"""``/healthz``, ``/readyz`` and ``/metrics``: is it alive, may traffic come, how does it fare.

Metrics carry route patterns, codes, states and counts; never a name, an address or an id of a person or session.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from web.deps import get_hub
from web.errors import Refusal
from web.hub import Hub

router = APIRouter()
DATABASE_PATIENCE_S = 3.0


WAY_FIGURES: dict[str, Callable[[list[float]], float]] = {
    "loss": max, "rtt_s": max, "jitter_s": max, "kbps": min, "mos": min, "frozen_s": max, "concealed": max,
}  # fmt: skip
"""Figures of a line and which one is the worst."""
SPEECH_BANDS = (("good", 4.0), ("fair", 3.6), ("poor", 3.1), ("bad", 0.0))
"""From R 80, 70 and 60 (G.109)."""


class Metrics:
    """The hub's figures. One registry per hub, so that several can live in one test process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.requests = Counter(
            "diemcau_http_requests_total", "Requests answered", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "diemcau_http_request_seconds",
            "Time to the first byte of an answer",
            ["route"],
            buckets=(0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
            registry=self.registry,
        )
        self.logins = Counter("diemcau_logins_total", "Log-in attempts by outcome", ["outcome"], registry=self.registry)
        self.sockets = Gauge("diemcau_sockets", "Open websockets", ["kind"], registry=self.registry)
        self.relays = Gauge("diemcau_relays", "Relays by state", ["state"], registry=self.registry)
        self.relay_restarts = Counter(
            "diemcau_relay_restarts_total", "Relays started again after they died", registry=self.registry
        )
        self.sessions = Gauge("diemcau_sessions", "Sessions held by this app", registry=self.registry)
        self.lines = Gauge(
            "diemcau_lines", "Participants in sessions by the word for their line", ["word"], registry=self.registry
        )
        self.way = Gauge(
            "diemcau_way", "Legs of the last 10 s: figures by direction (up, down) and mean or worst",
            ["direction", "figure", "of"], registry=self.registry,
        )  # fmt: skip
        self.speech = Gauge(
            "diemcau_speech", "Ways by how speech is understood (MOS of G.107)", ["direction", "band"],
            registry=self.registry,
        )  # fmt: skip
        self.unsaved = Gauge(
            "diemcau_events_unsaved",
            "Events that have taken effect and wait for the database",
            registry=self.registry,
        )
        self.loop_lag = Gauge(
            "diemcau_loop_lag_seconds", "Delay of the event loop, last second", registry=self.registry
        )
        self.on_scrape: list[Callable[[], None]] = []

    def ways(self, points: Iterable[Mapping[str, Any]]) -> None:
        """Take the figures of all lines (docs/protocol.md, ``quality.measured``). No label names anybody."""
        known = list(points)
        for direction in ("up", "down"):
            ways = [point[direction] for point in known if direction in point]
            for figure, worst in WAY_FIGURES.items():
                values = [way[figure] for way in ways if figure in way]
                self.way.labels(direction, figure, "mean").set(sum(values) / len(values) if values else 0.0)
                self.way.labels(direction, figure, "worst").set(worst(values) if values else 0.0)
            left = [way["mos"] for way in ways]
            for band, least in SPEECH_BANDS:
                self.speech.labels(direction, band).set(sum(1 for score in left if score >= least))
                left = [score for score in left if score < least]


class RequestMetrics:
    """Counts requests by route pattern and status."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        routed: dict[str, Any] = {}
        scope["diemcau.routed"] = routed  # layers below copy the scope; this dictionary stays the same

        async def counted(message: Any) -> None:
            if message["type"] == "http.response.start":
                route = getattr(routed.get("route"), "path", None) or "(other)"
                self.metrics.requests.labels(scope["method"][:8], route, message["status"]).inc()
                self.metrics.seconds.labels(route).observe(time.perf_counter() - began)
            await send(message)

        await self.app(scope, receive, counted)


class RouteNote:
    """Innermost: tells ``RequestMetrics`` which route was taken."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def noting(message: Any) -> None:
            if "diemcau.routed" in scope:
                scope["diemcau.routed"]["route"] = scope.get("route")
            await send(message)

        await self.app(scope, receive, noting)


async def watch_loop(metrics: Metrics) -> None:
    """Measure the event loop's lag, once a second, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + 1.0
        await asyncio.sleep(1.0)
        metrics.loop_lag.set(max(0.0, loop.time() - due))


@router.get("/healthz", include_in_schema=False)
async def healthz() -> dict[str, str]:
    """The process is alive and its loop turns."""
    return {"status": "ok"}


@router.get("/readyz", include_in_schema=False)
async def readyz(hub: Hub = Depends(get_hub)) -> JSONResponse:
    """May requests come here: the database answers, a relay is linked, the hub is not stopping."""
    checks = {
        "database": await database_answers(hub),
        "relay": relay_is_linked(hub),
        "running": not hub.stopping,
    }
    ready = all(checks.values())
    return JSONResponse({"ready": ready, "checks": checks}, 200 if ready else 503)


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """Prometheus text format."""
    hub: Hub = request.app.state.hub
    for refresh in hub.metrics.on_scrape:
        refresh()
    return Response(generate_latest(hub.metrics.registry), media_type=CONTENT_TYPE_LATEST)


@router.get("/hub-ca.pem", include_in_schema=False)
async def authority(request: Request) -> Response:
    """The certificate (never the key) of the hub's own authority, for devices that are to trust it."""
    certificate = getattr(request.app.state, "certificate", None)
    if certificate is None or certificate.ca is None:
        raise Refusal("not_found")
    content = await asyncio.to_thread(certificate.ca.read_bytes)
    return Response(content, media_type="application/x-x509-ca-cert")


def relay_is_linked(hub: Hub) -> bool:
    """True when at least one relay is linked to this app."""
    return hub.relays is not None and bool(hub.relays.linked())


async def database_answers(hub: Hub) -> bool:
    """True when the database answers a trivial question within three seconds."""

    def ask() -> bool:
        with hub.database.read() as db:
            return bool(db.execute(text("SELECT 1")).scalar() == 1)

    try:
        return await asyncio.wait_for(asyncio.to_thread(ask), DATABASE_PATIENCE_S)
    except Exception:  # whatever it is, the answer is: not now
        return False


def install(app: FastAPI) -> None:
    """Mount the three routes."""
    app.include_router(router)

"""Connects signaling to the hub: the app's end of the relay links, the sessions, the hub channel, WHIP and WHEP."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections import Counter
from pathlib import Path
from typing import Any

from signaling.endpoints import Endpoints
from signaling.host import HostOptions
from signaling.hubchannel import HubChannel
from signaling.messages import TakeGrant
from signaling.relays import RelayOptions, RelayPool
from signaling.sessions import Sessions
from signaling.store import Store
from signaling.takes import Takes
from web.hub import Hub, running
from web.peers import RedisPeers
from web.processes import Identity

LINE_WORDS = ("good", "weak", "sound_only")


def connect(hub: Hub) -> None:
    """Build the parts and put them into ``hub``."""
    store = Store(hub.database, owner=f"app-{secrets.token_hex(6)}")
    hub.peers = RedisPeers(hub.config, store.owner) if hub.config.peer_url else None
    config = hub.config
    options = RelayOptions(max_source_bps=config.media_max_source_bps, max_viewer_bps=config.media_max_viewer_bps)
    relays = RelayPool(store, time.time, options, is_alive=lambda relay, pid: is_alive(config.data, relay, pid))
    hub.relays = relays
    host = HostOptions(
        floor_s=config.record_floor_min * 60.0,
        grant=lambda session, participant, utc: take_grant(hub, session, participant, utc),
    )
    hub.sessions = Sessions(store, relays, time.time, vault=hub.vault, peers=hub.peers, options=host)
    hub.channel = HubChannel(store, hub.sessions, time.time)
    hub.endpoints = Endpoints(hub.sessions)
    hub.takes = Takes(hub.sessions, hub.files)
    hub.metrics.on_scrape.append(lambda: _figures(hub))


def take_grant(hub: Hub, session: str, participant: str, utc: float) -> TakeGrant | None:
    """With what a page may record by itself when it loses the hub; None where that is switched off."""
    minutes = hub.config.take_minutes
    if not minutes:
        return None
    made = hub.take_keys.grant(session, participant, utc)
    return TakeGrant(key=made.key, public=made.public, grant=made.grant, secret=made.secret, limit_s=minutes * 60)


def _figures(hub: Hub) -> None:
    hub.metrics.relays.labels("linked").set(len(running(hub.relays).linked()))
    hosts = list(running(hub.sessions).hosts.values())
    hub.metrics.sessions.set(len(hosts))
    words = Counter(host.lines.words.get(one.participant, "") for host in hosts for one in host.state.connected())
    for word in LINE_WORDS:
        hub.metrics.lines.labels(word).set(words[word])
    hub.metrics.ways(point for host in hosts for point in host.lines.points)
    hub.metrics.unsaved.set(sum(host.unsaved for host in hosts))


def is_alive(data: Path, relay: str, pid: int) -> bool | None:
    """Whether a relay that ``serve`` started on this machine still runs; None for relays of other machines."""
    for file in data.glob("relays/*/relay.json"):
        try:
            known: dict[str, Any] = json.loads(file.read_text())
        except (OSError, ValueError):
            continue
        if known.get("relay") == relay:
            return pid != os.getpid() and Identity.of(pid) is not None
    return None

"""The hub's figures about sessions: words and counts, no ids."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from prometheus_client import generate_latest

from tests.support.room_bench import running
from web.health import Metrics
from web.hub import Hub
from web.wiring import _figures


def test_lines_are_counted_by_word_without_ids() -> None:
    state = running("a", "b").state
    host = SimpleNamespace(
        state=state, lines=SimpleNamespace(words={"a": "weak", "b": "good", "gone": "weak"}), unsaved=2
    )
    hub: Any = SimpleNamespace(
        metrics=Metrics(),
        relays=SimpleNamespace(linked=lambda: ["r1"]),
        sessions=SimpleNamespace(hosts={"secret-session": host}),
    )
    _figures(cast(Hub, hub))
    text = generate_latest(hub.metrics.registry).decode()
    assert 'diemcau_lines{word="weak"} 1.0' in text and 'diemcau_lines{word="good"} 1.0' in text
    assert 'diemcau_lines{word="sound_only"} 0.0' in text and "diemcau_events_unsaved 2.0" in text
    assert "secret-session" not in text and 'gone"' not in text

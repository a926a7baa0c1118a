"""The hub's figures about sessions: words and counts, no ids."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from prometheus_client import generate_latest

from tests.support.room_bench import running
from web.health import Metrics
from web.hub import Hub
from web.wiring import _figures

POINTS = (
    {"participant": "secret-a", "up": {"kbps": 900, "loss": 0.2, "rtt_s": 0.4, "jitter_s": 0.01, "mos": 2.5}},
    {
        "participant": "secret-b",
        "up": {"kbps": 1500, "loss": 0.0, "rtt_s": 0.02, "jitter_s": 0.01, "mos": 4.3},
        "down": {"kbps": 300, "loss": 0.0, "rtt_s": 0.02, "jitter_s": 0.0, "mos": 3.7, "frozen_s": 2.0},
    },
)


def test_lines_are_counted_by_word_without_ids() -> None:
    state = running("a", "b").state
    host = SimpleNamespace(
        state=state,
        lines=SimpleNamespace(words={"a": "weak", "b": "good", "gone": "weak"}, points=POINTS),
        unsaved=2,
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
    assert 'diemcau_way{direction="up",figure="loss",of="worst"} 0.2' in text
    assert 'diemcau_way{direction="up",figure="loss",of="mean"} 0.1' in text
    assert 'diemcau_way{direction="up",figure="mos",of="worst"} 2.5' in text
    assert 'diemcau_way{direction="down",figure="frozen_s",of="worst"} 2.0' in text
    for band, up, down in (("good", 1.0, 0.0), ("fair", 0.0, 1.0), ("poor", 0.0, 0.0), ("bad", 1.0, 0.0)):
        assert f'diemcau_speech{{band="{band}",direction="up"}} {up}' in text
        assert f'diemcau_speech{{band="{band}",direction="down"}} {down}' in text
    assert "secret-" not in text and 'gone"' not in text

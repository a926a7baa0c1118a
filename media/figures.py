"""How good each leg of a relay is, in figures for the hub: one ``LegQuality`` per leg and period. Pure."""

from __future__ import annotations

from media.legs import PublishLeg, SubscribeLeg
from media.messages import LegQuality
from media.viewerline import ViewerLine


def of_publisher(
    leg: PublishLeg, beside: SubscribeLeg | None, session: str, participant: str, now: float
) -> LegQuality:
    """How a publisher arrived since the last call. ``beside``: the same peer's other leg, which knows the round trip
    of the same line when the publisher answers no reference times."""
    elapsed = max(0.001, now - leg.quality_at)
    expected, received = leg.counted()
    new_expected = expected - leg.quality_expected
    lost = new_expected - (received - leg.quality_received)
    sound, came = leg.sound()
    new_sound, new_came = sound - leg.quality_sound[0], came - leg.quality_sound[1]
    layers = [layer for item in leg.publications.values() for layer in item.layers]
    quality = LegQuality(
        peer=leg.peer,
        leg="publish",
        session=session,
        participant=participant,
        bitrate_bps=int((leg.octets - leg.quality_octets) * 8 / elapsed),
        loss=_share(lost, new_expected),
        rtt_s=round(leg.rtt or _rtt(beside), 4),
        jitter_s=max((layer.stats.jitter / layer.stats.clock_rate for layer in layers), default=0.0),
        sound_loss=_share(new_sound - new_came, new_sound),
        layer=_sent_layers(leg, now),
        estimate_bps=int(leg.estimator.bitrate_bps) if leg.remb else 0,
        queue_s=round(leg.estimator.queue, 3),
    )
    leg.quality_at, leg.quality_octets = now, leg.octets
    leg.quality_expected, leg.quality_received = expected, received
    leg.quality_sound = sound, came
    return quality


def of_subscriber(leg: SubscribeLeg, line: ViewerLine | None, session: str, participant: str, now: float) -> LegQuality:
    """How a subscriber receives, by its own reports, and what its line is thought to carry."""
    elapsed = max(0.001, now - leg.quality_at)
    octets = leg.sent()
    active = [item for item in leg.subscriptions.values() if item.layer is not None]
    pictures = sorted((item for item in active if item.video), key=lambda item: (item.is_main, item.size), reverse=True)
    shown = pictures[0].layer if pictures else None
    quality = LegQuality(
        peer=leg.peer,
        leg="subscribe",
        session=session,
        participant=participant,
        bitrate_bps=max(0, int((octets - leg.quality_octets) * 8 / elapsed)),
        loss=max((item.fraction_lost for item in active), default=0.0),
        rtt_s=round(_rtt(leg), 4),
        jitter_s=max((item.jitter for item in active), default=0.0),
        sound_loss=max((item.fraction_lost for item in active if item.audio), default=0.0),
        layer=shown.rid if shown is not None else "",
        estimate_bps=int(line.target_bps) if line is not None and line.mode != "none" else 0,
        wanted_bps=int(line.wanted_bps) if line is not None else 0,
        queue_s=round(line.estimator.queue, 3) if line is not None and line.estimator is not None else 0.0,
    )
    leg.quality_at, leg.quality_octets = now, octets
    return quality


def _share(lost: int, expected: int) -> float:
    return max(0.0, min(1.0, lost / expected)) if expected > 0 else 0.0


def _rtt(leg: SubscribeLeg | None) -> float:
    if leg is None:
        return 0.0
    return max((item.rtt for item in leg.subscriptions.values() if item.layer is not None), default=0.0)


def _sent_layers(leg: PublishLeg, now: float) -> str:
    for publication in leg.publications.values():
        if publication.source == "camera":
            return "+".join(layer.rid for layer in publication.layers if layer.rid and layer.alive(now))
    return ""


__all__ = ["of_publisher", "of_subscriber"]

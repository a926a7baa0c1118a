"""How well speech can be followed over a line, as one figure: ITU-T G.107's E-model, as far as a hub can know it. Pure.

R starts from 93.2 (all of G.107's defaults but delay and loss), loses for the delay (Cole and Rosenbluth's reading of
G.107, 2001) and for what was lost and not mended. Opus counts as a codec without impairment of its own (Ie 0) whose
concealment bears loss as well as that of G.711 does (Bpl 25.1, G.113 Appendix I): a cautious choice, for no figures of
Opus are standardised. MOS is Annex B's curve: 4.4 is as good as it gets, below 3.1 most people complain.
"""

from __future__ import annotations

R_BEST = 93.2
BPL = 25.1  # per cent
LOOP_S = 0.060  # capture, packet of 20 ms, playout
BUFFERED = 2.0  # times the jitter that a receiver waits


def delay_of(rtt_s: float, jitter_s: float) -> float:
    """Seconds from mouth to hub, or from hub to ear: half the round trip, and what waiting for late packets takes."""
    return rtt_s / 2 + BUFFERED * jitter_s + LOOP_S


def rating(loss: float, delay_s: float) -> float:
    """R of G.107, 0..93.2, for the share of sound that is missing and the delay one way."""
    milliseconds = 1000 * max(0.0, delay_s)
    late = 0.024 * milliseconds + 0.11 * max(0.0, milliseconds - 177.3)
    percent = 100 * min(1.0, max(0.0, loss))
    return max(0.0, R_BEST - late - 95 * percent / (percent + BPL))


def mos(loss: float, delay_s: float) -> float:
    """Mean opinion score, 1.0..4.41, to two digits."""
    r = rating(loss, delay_s)
    return round(max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6), 2)


__all__ = ["delay_of", "mos", "rating"]

"""When the packets of one leg leave: pictures spread at a bounded rate, sound, RTCP and resends at once.

A key frame forwarded as it comes fills the queue of the narrowest hop and is lost there, with the sound behind it. So
pictures leave at ``CALM`` times the target rate, and at up to ``FACTOR`` times when much waits, in quanta of 5 ms; what
exceeds that waits in the leg's own queue, as references. What has waited too long leaves faster, for a late picture is
worth less than a short queue elsewhere; beyond a bound it is dropped up to the end of a frame. On a line that is known
to carry much more than it is sent, a usual picture leaves at once: it is over before the next one comes; and so does a
key frame, where packets that left together are known to come out of its narrowest hop within a quantum (``trains``).
"""

from __future__ import annotations

from typing import Any, Protocol

QUANTUM = 0.005  # s
CALM, FACTOR = 1.25, 2.5  # of the target
DRAIN = 0.15  # s in which what waits should have left, between the two
LEAST_RATE = 250_000.0  # bit/s: below it a small frame alone would wait for tens of milliseconds
LEAST_BURST = 2_400  # bytes that may leave at once
AMPLE_BURST = 0.08  # s of the target rate that may leave at once on an ample line
LARGEST, TYPICAL = 1_500, 1_000  # bytes of a packet
FULL, USUAL = 1300, 1000  # bytes of the largest packet, and of a usual one, where nobody looks closely
DEEPEST_DEBT = 10_000  # bytes: what left without waiting holds pictures up only so long
PATIENCE = 0.25  # s that a picture may wait at the usual rate ...
HURRY = 0.1  # s ... and in which what waits then has to leave
MAX_WAIT = 0.75  # s after which it is dropped
MAX_PACKETS = 1500  # that wait; a key frame of a screen at full size has 300


class Waiting(Protocol):
    """What of a leg's queue is needed: pairs of (stint or None, packet), see ``media.types.SendQueue``."""

    pairs: list[Any]


class Pacer:
    """The budget of one leg. ``due``: when to ask again while something waits. ``dropped``: packets given up."""

    __slots__ = (
        "_budget", "_burst", "_full_rate", "_known", "_most", "_refilled_at", "_since", "_target", "_waiting",
        "dropped", "due",
    )  # fmt: skip

    def __init__(self, target_bps: float, now: float) -> None:
        self.due = now
        self.dropped = 0
        self._target = 0.0  # bytes/s
        self._burst = 0.0  # bytes
        self._budget = float(LEAST_BURST)
        self._waiting = 0  # bytes left behind by the last ``take``
        self._refilled_at = now
        self._since: list[tuple[float, int]] = []  # (time, how many packets began to wait), oldest first
        self._known = 0  # their sum
        self.set_target(target_bps)

    def set_target(self, target_bps: float, is_ample: bool = False, at_once: int = 0) -> None:
        """The estimate for this leg. ``is_ample``: it is far above what is sent; ``at_once``: bytes that its narrowest
        hop passes on within a quantum, as far as is known (``trains``)."""
        self._target = max(LEAST_RATE, target_bps) / 8
        burst = max(LEAST_BURST, self._target * AMPLE_BURST, at_once) if is_ample else LEAST_BURST
        self._burst = float(burst)
        self._full_rate = FACTOR * self._target
        self._most = max(self._burst, self._full_rate * QUANTUM)

    def take(self, queue: Waiting, now: float) -> list[Any]:
        """Remove from ``queue.pairs`` and return the pairs that leave now, in order."""
        pairs = queue.pairs
        self.due = now + QUANTUM
        if self._burst > LEAST_BURST and not self._since:
            # What is usual on an ample line, without a call: everything leaves, at a rate that nothing waits for.
            elapsed = now - self._refilled_at
            budget = self._budget + self._full_rate * (elapsed if 0.0 < elapsed < 0.1 else 0.1 if elapsed > 0 else 0.0)
            budget = budget if budget < self._most else self._most
            count = len(pairs) >> 1
            if budget > FULL * count:
                self._budget = budget - USUAL * count
                self._refilled_at = now
                everything = pairs[:]
                pairs.clear()
                return everything
        self._refill(now)
        budget = self._budget
        # What waited before are pictures, in order; a fence may have taken some of them away.
        old = min(2 * self._known, len(pairs))
        waiting = self._waiting if old else 0
        at = 0
        while at < old and budget > 0:
            size = _size(pairs[at], pairs[at + 1])
            budget -= size
            waiting -= size
            at += 2
        leaving, kept = pairs[:at], pairs[at:old]
        for index in range(old, len(pairs), 2):
            stint, packet = pairs[index], pairs[index + 1]
            size = _size(stint, packet)
            if stint is None or stint.audio:  # RTCP, resends (whoever waits for one stands still), padding, sound
                budget = max(budget - size, -DEEPEST_DEBT)
            elif budget > 0 and not kept:
                budget -= size
            else:
                kept += (stint, packet)
                waiting += size
                continue
            leaving += (stint, packet)
        self._budget = budget
        self._waiting = waiting
        self._note(at >> 1, len(kept) >> 1, now)
        if kept and self._is_too_much(kept, now):
            kept = self._without_whole_frames(kept, now)
        pairs[:] = kept
        return leaving

    def _refill(self, now: float) -> None:
        target = self._target
        rate = (FACTOR if self._burst > LEAST_BURST else CALM) * target
        if self._since:
            waited = now - self._since[0][0]
            rate = max(rate, min(FACTOR * target, self._waiting / max(QUANTUM, DRAIN - waited)))
            if waited > PATIENCE:
                rate = max(rate, self._waiting / HURRY)
        # What was not used is lost beyond one burst; a debt stays.
        elapsed = min(0.1, max(0.0, now - self._refilled_at))
        self._refilled_at = now
        self._budget = min(self._budget + rate * elapsed, max(self._burst, rate * QUANTUM))

    def _note(self, gone: int, count: int, now: float) -> None:
        """Keep since when the ``count`` packets that wait have waited; the ``gone`` oldest do not any more."""
        since = self._since
        if not count:
            since.clear()
            self._known = self._waiting = 0
            return
        left = max(self._known - gone, 0)
        while gone > 0 and since:
            time, number = since.pop(0)
            if number > gone:
                since.insert(0, (time, number - gone))
            gone -= number
        if count > left or not since:
            since.append((now, max(1, count - left)))
        self._known = count

    def _is_too_much(self, kept: list[Any], now: float) -> bool:
        is_late = bool(self._since) and now - self._since[0][0] > MAX_WAIT
        return is_late or len(kept) > 2 * MAX_PACKETS

    def _without_whole_frames(self, kept: list[Any], now: float) -> list[Any]:
        """Drop what waits up to the end of the newest whole frame: the rest belongs to a picture that still comes."""
        for at in range(len(kept) - 2, -1, -2):
            stint, packet = kept[at], kept[at + 1]
            if stint is not None and packet[2]:  # its marker
                rest = kept[at + 2 :]
                break
        else:
            rest = []
        self.dropped += (len(kept) - len(rest)) // 2
        self._since.clear()
        self._known = self._waiting = 0
        if rest:
            self._known = len(rest) >> 1
            self._waiting = sum(_size(rest[at], rest[at + 1]) for at in range(0, len(rest), 2))
            self._since.append((now, self._known))
        return rest


def _size(stint: Any, packet: Any) -> int:
    return len(packet.data) if stint is None else int(stint.size_of(packet))


__all__ = ["CALM", "FACTOR", "QUANTUM", "Pacer"]

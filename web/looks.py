"""Who looked at what a moment ago: a player reads a file in many pieces, and that is one look."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

SAME_LOOK = timedelta(minutes=10)
MOST_LOOKS = 10_000


class Looks:
    """Remembers recent looks, so that the pieces of one become one entry in the audit log."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], datetime] = {}
        self._lock = threading.Lock()

    def is_new(self, who: str, what: str, now: datetime) -> bool:
        """True when this look is to be logged."""
        with self._lock:
            last = self._seen.get((who, what))
            if last is not None and now - last < SAME_LOOK:
                return False
            if len(self._seen) >= MOST_LOOKS:
                self._seen.clear()  # logs some looks twice, which is the safe side
            self._seen[(who, what)] = now
            return True

"""Parts of the packet path that may be compiled: optional, see ADR 22.

Each has its reference in Python, used where ``media._native`` was not built: ``media.sender.Sender._send_plain``,
``media.front.Front._read``, ``media.rtp.parse_plain``, ``media.codecs.vp8_info_plain``, ``media.sentlog.PlainSentLog``,
``media.glance.PlainGlance``, ``media.arrivals.PlainArrivals``, ``media.twcc.arrivals_plain``. The tests play both
(tests/unit/media/test_native.py). They are as free of I/O and of the clock as their references; ``send`` and ``drain``
use a socket, as theirs do.

Built where there is a C compiler, by ``make setup`` and by installing (setup.py); ``DIEMCAU_PLAIN=1`` leaves it alone.
"""

from __future__ import annotations

from types import ModuleType

compiled: ModuleType | None
try:
    from media import _native as compiled
except ImportError:
    compiled = None

__all__ = ["compiled"]

"""Relay and recorder: forwarding, recording, replay files. Knows no site, no user, no HTTP."""

import os
import sys

if os.environ.get("DIEMCAU_PLAIN") == "1":
    sys.modules["media._native"] = None  # type: ignore[assignment]  # as if it had not been built (media/native)

"""The machine and the versions that figures belong to."""

from __future__ import annotations

import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

DEBIAN = ("janus", "libsrtp2-1", "libnice10", "libssl3")


def describe() -> dict[str, str]:
    """Names and versions, for the JSON and the docs."""
    processor = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    found = {
        "processor": processor[1] if processor else platform.machine(),
        "cores": str(len(re.findall(r"^processor\s*:", Path("/proc/cpuinfo").read_text(), re.M))),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }
    for name in ("aiortc", "pylibsrtp", "pyOpenSSL", "cryptography"):
        found[name] = version(name)
    for package in DEBIAN:
        said = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True)
        if said.returncode == 0:
            found[f"{package} (Debian)"] = said.stdout
    return found

"""A network of the test's own: a Linux network namespace with addresses that are not loopback, and a firewall in it.

Only the calling thread moves there, and with it every process and socket that it makes meanwhile; the machine's own
network is not touched. Needs root (or CAP_NET_ADMIN and CAP_SYS_ADMIN), as test containers have it.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Network:
    """What a test may change while it is inside."""

    def run(self, *command: str, given: str = "") -> str:
        """A command inside; its output. Raises AssertionError with what it complained of."""
        path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
        done = subprocess.run(
            command, capture_output=True, text=True, input=given, timeout=10, env={**os.environ, "PATH": path}
        )
        assert done.returncode == 0, (command, done.stderr)
        return done.stdout

    def add(self, address: str) -> None:
        """One more address of this machine, with its prefix length."""
        options = ["nodad"] if ":" in address else []
        self.run("ip", "addr", "add", address, "dev", "line", *options)

    def drop(self, *matches: str) -> None:
        """What a firewall drops without a word from now on: matches of nftables such as "udp dport 40000"."""
        rules = "\n".join(f"    {match} drop" for match in matches)
        self.allow_all()
        self.run(
            "nft", "-f", "-",
            given=f"table inet wall {{\n  chain in {{\n    type filter hook input priority 0\n{rules}\n  }}\n}}\n",
        )  # fmt: skip

    def allow_all(self) -> None:
        """No firewall any more."""
        self.run("nft", "flush", "ruleset")


@contextmanager
def own_network(*addresses: str) -> Iterator[Network]:
    """Inside, this thread sees only loopback and an interface "line" with these addresses ("198.51.100.1/24")."""
    # Only who may make a network can play these; pytest's summary (-ra) names each one that was left out, and why.
    if os.geteuid() != 0:
        pytest.skip("needs root for a network namespace of its own: run the tests as root or in a container")
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if _libc.unshare(CLONE_NEWNET) != 0:
            pytest.skip(f"this machine gives no network namespace: {os.strerror(ctypes.get_errno())}")
        try:
            network = Network()
            network.run("ip", "link", "set", "lo", "up")
            network.run("ip", "link", "add", "line", "type", "veth", "peer", "name", "far")
            for link in ("line", "far"):
                network.run("ip", "link", "set", link, "up")
            for address in addresses:
                network.add(address)
            network.run("ip", "route", "add", "default", "dev", "line")  # how clients find their own address
            if any(":" in address for address in addresses):
                network.run("ip", "-6", "route", "add", "default", "dev", "line")
            yield network
        finally:
            assert _libc.setns(home, CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
    finally:
        os.close(home)

"""The configuration of coturn for this hub: whoever has credentials reaches the relays' media addresses, nothing else.

coturn lets an allowed address through before it looks at what is denied, so everything is denied and the relays are
allowed. It knows addresses, not ports: on a machine that runs more than a relay a packet filter has to hold coturn to
the media ports (docs/operations.md). ``deploy/turnserver.conf`` is this file with names in place of values.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

DENIED = (
    ("", "0.0.0.0-255.255.255.255"),
    ("", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("IPv4 written as IPv6 gets past the line above before 4.9 (CVE-2026-27624); NAT64 and 6to4 carry IPv4, too.",
     "::ffff:0.0.0.0-::ffff:255.255.255.255"),
    ("", "64:ff9b::-64:ff9b::ffff:ffff"),
    ("", "2002::-2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Turn:
    """What differs between hubs. ``allowed``: the relays' media addresses. ``certificate`` and ``key``: PEM files for
    turns:, empty for none. ``listening``: addresses to listen on and to relay from, empty for all."""

    secret: str
    realm: str
    allowed: Sequence[str]
    certificate: str = ""
    key: str = ""
    listening: Sequence[str] = ()
    port: int = 3478
    tls_port: int = 5349
    ports: tuple[int, int] = (49160, 49959)


def reachable(addresses: Sequence[str]) -> tuple[str, ...]:
    """The IP addresses of announced ones ("IP", "IP:port", "[IP]:port") that TURN clients may reach: not loopback,
    not unspecified. Raises ValueError."""
    from media.settings import parse_address

    found = dict.fromkeys(parse_address(text)[0] for text in addresses)
    chosen = [one for one in found if not (ip := ipaddress.ip_address(one)).is_loopback and not ip.is_unspecified]
    if any((ip := ipaddress.ip_address(one)).is_multicast or ip.is_link_local for one in chosen):
        raise ValueError("a media address cannot be multicast or link-local")
    return tuple(chosen)


def written(turn: Turn) -> str:
    """turnserver.conf. Raises ValueError without an allowed address: coturn would then reach nothing at all."""
    if not turn.allowed:
        raise ValueError("no media address is given: announce one (HUB_ANNOUNCE)")
    lines = [
        "# coturn for clients behind firewalls that let no UDP out. Credentials are made by the hub (HUB_TURN_SECRET)",
        "# and live for minutes. Keep this file readable by coturn alone: it holds the secret. While that changes, two",
        "# static-auth-secret lines may stand here.",
        "use-auth-secret",
        f"static-auth-secret={turn.secret}",
        f"realm={turn.realm}",
        *(f"listening-ip={ip}" for ip in turn.listening),
        *(f"relay-ip={ip}" for ip in turn.listening),
        f"listening-port={turn.port}",
        f"tls-listening-port={turn.tls_port}",
        *([f"cert={turn.certificate}", f"pkey={turn.key}", "no-tlsv1", "no-tlsv1_1"] if turn.certificate else
          ["no-tls", "no-dtls"]),
        f"min-port={turn.ports[0]}",
        f"max-port={turn.ports[1]}",
        "fingerprint",
        "stale-nonce=600",
        "max-allocate-lifetime=3600",
        "user-quota=32",
        "total-quota=600",
        "max-bps=600000",
        "no-cli",
        "no-multicast-peers",
        "no-tcp-relay",
        "no-rfc5780",
        "no-software-attribute",
        "log-file=stdout",
        "simple-log",
        "",
        "# Only the media relays: everything is denied, then their addresses are allowed (coturn looks there first).",
    ]  # fmt: skip
    for comment, block in DENIED:
        lines += [f"# {comment}"] if comment else []
        lines.append(f"denied-peer-ip={block}")
    return "\n".join([*lines, *(f"allowed-peer-ip={ip}" for ip in turn.allowed)]) + "\n"

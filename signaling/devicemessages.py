"""What a device and the hub say to each other over the hub channel (``/ws/hub``): presence, queue, rings.

Framing, answers and bounds are those of ``signaling.messages``; ``docs/protocol.md`` has one heading per message.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from signaling.messages import Done, Error, Message, Ping, Pong, Request, decode, tag_of


class Present(Message, frozen=True, tag=tag_of):
    """First message on the hub channel: this device is on, in this room. ``token`` from the page."""

    version: int
    token: str
    device: str


class RingAnswer(Request, frozen=True, tag=tag_of):
    """The duty officer answers a ring."""

    ring: str
    accept: bool


class Wait(Request, frozen=True, tag=tag_of):
    """The point of ``visit`` waits online, ready to be admitted."""

    visit: str


class Help(Request, frozen=True, tag=tag_of):
    """ "Yêu cầu hỗ trợ kỹ thuật" or "Báo sự cố an ninh, y tế"."""

    kind: Literal["technical", "security", "medical"]
    text: str = ""


FromDevice = Present | RingAnswer | Wait | Help | Ping


class HubState(Message, frozen=True, tag=tag_of):
    """What this device may see: sites with presence, queue, running sessions, alerts, own ring (see protocol.md)."""

    utc: float
    sites: tuple[dict[str, Any], ...]
    queue: tuple[dict[str, Any], ...]
    sessions: tuple[dict[str, Any], ...]
    alerts: tuple[dict[str, Any], ...]
    ring: dict[str, Any] | None = None


class Called(Message, frozen=True, tag=tag_of):
    """Your visit was admitted, or your answer to a ring was taken: open this address."""

    session: str
    url: str


ToDevice = HubState | Called | Done | Pong | Error

_from_device: msgspec.json.Decoder[FromDevice] = msgspec.json.Decoder(FromDevice)


def decode_from_device(frame: str | bytes) -> FromDevice:
    """A frame of the hub channel. Raises ``signaling.messages.BadMessage``."""
    return decode(_from_device, frame)

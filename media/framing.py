"""Datagrams in a byte stream (RFC 4571 2): two bytes of length before each. Pure."""

from __future__ import annotations

import struct

from media.types import MAX_DATAGRAM

HEAD = struct.Struct("!H")


class FrameTooLong(Exception):
    """A frame claims more than a datagram may have: the rest of the stream cannot be trusted."""


def split(data: memoryview) -> tuple[list[memoryview], int]:
    """The whole frames at the beginning of ``data``, without their lengths and without copying, and where the frame
    that has only begun starts. Frames before one that is too long are lost with it. Raises FrameTooLong."""
    frames, at, end = [], 0, len(data)
    while end - at >= HEAD.size:
        size = HEAD.unpack_from(data, at)[0]
        if size > MAX_DATAGRAM:
            raise FrameTooLong
        start = at + HEAD.size
        if end - start < size:
            break
        at = start + size
        frames.append(data[start:at])
    return frames, at

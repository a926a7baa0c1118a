"""What a package's journals hold of each point's picture, counted frame by frame."""

from __future__ import annotations

import io
import zipfile

from media.journal import RTP, Header, Record, read_records

_MARKER = 0x80  # RFC 3550 5.1; ends a picture for VP8 (RFC 7741 4.1) and H.264 (RFC 6184 5.1)


def camera_frames(package: zipfile.ZipFile, start: float, end: float) -> dict[str, int]:
    """Participant -> pictures whose last packet arrived in [start, end), UNIX seconds."""
    frames: dict[str, int] = {}
    for name in package.namelist():
        if not name.endswith(".dcj"):
            continue
        header: Header | None = None
        for item in read_records(io.BytesIO(package.read(name))):
            if isinstance(item, Header):
                header = item
            elif header is not None and header.source == "camera" and _ends_picture(item):
                utc = (item.mono_us + header.clock.utc_us - header.clock.mono_us) / 1e6
                frames[header.participant] = frames.get(header.participant, 0) + (start <= utc < end)
    return frames


def _ends_picture(record: Record) -> bool:
    return record.kind == RTP and len(record.body) > 12 and bool(record.body[1] & _MARKER)

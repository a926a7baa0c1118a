"""What an exported package tells: its manifest and events, and when each recorded packet was sent."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from media import journal

NTP_EPOCH = 2_208_988_800


@dataclass
class Sent:
    """One journal: the packets' RTP times in order of arrival, and the sender's own clock for them (UNIX seconds)."""

    header: journal.Header
    rtp_times: list[int] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)
    reports: list[tuple[float, int]] = field(default_factory=list)

    def sent_at(self, rtp_time: int) -> float:
        """When the sender sent this, by its sender report nearest in RTP time. Raises ValueError without any."""
        rate = int(self.header.codec["clock_rate"])
        utc, known = min(self.reports, key=lambda report: abs(_signed(rtp_time - report[1])))
        return utc + _signed(rtp_time - known) / rate

    @property
    def first(self) -> float:
        """Send time of the first packet that is kept."""
        return self.sent_at(self.rtp_times[0])

    @property
    def last(self) -> float:
        """Send time of the last packet that is kept."""
        return self.sent_at(self.rtp_times[-1])

    def steps(self) -> set[int]:
        """The differences of neighbouring RTP times; one value when nothing is missing."""
        times = sorted({_signed(one - self.rtp_times[0]) for one in self.rtp_times})
        return {later - earlier for earlier, later in zip(times, times[1:], strict=False)}

    @property
    def frames(self) -> int:
        """Pictures or pieces of sound: different RTP times."""
        return len(set(self.rtp_times))


class Exported:
    """A ZIP made by ``diemcau export``."""

    def __init__(self, path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            self.names = archive.namelist()
            self.manifest: dict[str, Any] = json.loads(archive.read("manifest.json"))
            self.events: list[dict[str, Any]] = [json.loads(line) for line in archive.read("events.jsonl").splitlines()]
            self.journals = {
                name: archive.read(name)
                for name in self.names
                if name.startswith("journals/") and name.endswith(".dcj")
            }

    def kinds(self) -> list[str]:
        """Kinds of the events in order."""
        return [event["kind"] for event in self.events]

    def tracks(self, source: str) -> list[Sent]:
        """The journals of a source, by part."""
        read = [_read(data) for data in self.journals.values()]
        found = [one for one in read if one is not None and one.header.source == source]
        return sorted(found, key=lambda one: (one.header.part, one.arrivals[:1]))


def _read(data: bytes) -> Sent | None:
    found: Sent | None = None
    for record in journal.read_records(io.BytesIO(data)):
        if isinstance(record, journal.Header):
            found = Sent(record)
        elif found is not None and record.kind == journal.RTP:
            if record.body[1] & 0x7F == found.header.codec["payload_type"]:
                found.rtp_times.append(int.from_bytes(record.body[4:8], "big"))
                found.arrivals.append(record.mono_us / 1e6)
        elif found is not None and record.kind == journal.SENDER_REPORT:
            ntp, rtp_time = journal.parse_report(record.body)
            found.reports.append(((ntp >> 32) - NTP_EPOCH + (ntp & 0xFFFFFFFF) / (1 << 32), rtp_time))
    return found


def _signed(difference: int) -> int:
    return ((difference + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)

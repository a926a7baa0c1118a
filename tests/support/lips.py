"""A WHEP client that decodes what it gets and maps it to the sender's clock by sender reports, for lip sync."""

from __future__ import annotations

from typing import Any

from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import RtcpSrPacket

from media.client import MediaClient
from tests.support.exported import NTP_EPOCH
from tests.support.replayed import beep_starts, has_flash


class LipReader(MediaClient):
    """``flashes`` and ``beeps``: when they were sent, by the reports that came with them (UNIX seconds)."""

    def __init__(self) -> None:
        super().__init__(None, decode=True)
        self._reports: dict[str, list[tuple[float, int]]] = {"audio": [], "video": []}
        self._pictures: list[tuple[int, bool]] = []
        self._sounds: list[tuple[int, Any]] = []

    def _tap(self, transceiver: Any) -> None:
        super()._tap(transceiver)
        receiver, reports = transceiver.receiver, self._reports[transceiver.kind]
        handle = receiver._handle_rtcp_packet

        async def tapped(packet: Any) -> None:
            if isinstance(packet, RtcpSrPacket):
                ntp = packet.sender_info.ntp_timestamp
                utc = (ntp >> 32) - NTP_EPOCH + (ntp & 0xFFFFFFFF) / (1 << 32)
                reports.append((utc, packet.sender_info.rtp_timestamp))
            await handle(packet)

        receiver._handle_rtcp_packet = tapped

    async def _drain(self, track: Any, transceiver: Any) -> None:
        while True:
            try:
                frame: Any = await track.recv()
            except MediaStreamError:
                return
            # aiortc counts a track's time from its first frame; reports speak of RTP time.
            rtp_time = (frame.pts + transceiver.receiver._RTCRtpReceiver__timestamp_mapper._origin) & 0xFFFFFFFF
            if track.kind == "video":
                self._pictures.append((rtp_time, has_flash(frame)))
            else:
                self._sounds.append((rtp_time, frame))

    def _sent_at(self, kind: str, rtp_time: int) -> float:
        """By the report nearest in RTP time. Raises ValueError without any."""
        rate = 90_000 if kind == "video" else 48_000
        utc, known = min(self._reports[kind], key=lambda report: abs(_signed(rtp_time - report[1])))
        return utc + _signed(rtp_time - known) / rate

    @property
    def flashes(self) -> list[float]:
        """Send times of the pictures on which the square comes on."""
        pairs = zip(self._pictures, self._pictures[1:], strict=False)
        return [self._sent_at("video", later[0]) for earlier, later in pairs if later[1] and not earlier[1]]

    @property
    def beeps(self) -> list[float]:
        """Send times of the beeps' beginnings."""
        return list(beep_starts((self._sent_at("audio", rtp_time), frame) for rtp_time, frame in self._sounds))


def _signed(difference: int) -> int:
    return ((difference + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)

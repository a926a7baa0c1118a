"""What a point's browser makes of a take, in Python: for tests of the hub's side."""

from __future__ import annotations

import hashlib
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from media.clip import Clip, ClipOptions, make_clip
from media.muxer import Picture, ReplayFile
from rooms import takeform
from rooms.ids import new_id
from rooms.manifest import canonical
from rooms.takekeys import CURVE, Grant, seal_key

RATE = 10
PIECE_S = 4
MEDIA = takeform.MATROSKA + b"made up: nobody is heard here"


class Sealer:
    """Seals the pieces of one take, one after the other."""

    def __init__(self, grant: Grant, session: str, participant: str, take: str = "", private: Any = None) -> None:
        private = private or ec.generate_private_key(CURVE)
        point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.take = take or new_id()
        self.raw = canonical(
            {
                "format": "diemcau-take", "version": 1, "take": self.take, "session": session,
                "participant": participant, "key": grant.key, "grant": grant.grant, "ephemeral": point.hex(),
            }
        )  # fmt: skip
        header = takeform.parse_header(self.raw)
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, bytes.fromhex(grant.public))
        self.key = seal_key(private.exchange(ec.ECDH(), theirs), bytes.fromhex(grant.secret), header)
        self.previous = header.digest
        self.number = 0

    def media(self, start: float, end: float, *sources: str, media: bytes = MEDIA, **more: Any) -> bytes:
        """The next piece, with media. Times in UNIX seconds."""
        named = sorted(sources or ("camera", "mic"))
        mime = "video/webm" if "camera" in named else "audio/webm"
        return self.seal(described("media", start, end, mime=mime, sources=named, **more), media)

    def end(self, at: float, reason: str = "returned") -> bytes:
        """The last piece."""
        return self.seal(described("end", at, at, reason=reason), b"")

    def seal(self, description: dict[str, Any], media: bytes) -> bytes:
        """Any piece."""
        text = canonical(description)
        plain = len(text).to_bytes(4, "big") + text + media
        head = takeform.HEAD.pack(takeform.MAGIC, self.number, len(plain) + takeform.TAG, self.previous)
        sealed = head + AESGCM(self.key).encrypt(takeform.nonce(self.number), plain, head)
        self.previous = hashlib.sha256(sealed).digest()
        self.number += 1
        return sealed


def described(kind: str, start: float, end: float, **more: Any) -> dict[str, Any]:
    """The description of a piece."""
    times = {"start_us": round(start * 1e6), "end_us": round(end * 1e6), "device_us": round(start * 1e6) + 90_000_000}
    return {"kind": kind, **times, "error_us": 12_000, "age_us": 3_000_000, **more}


def real_piece() -> bytes:
    """Four seconds of sound and picture as a browser writes them: pictures count from 0."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "piece.webm"
        file = ReplayFile(path, Picture("vp8", 160, 96), True)
        for index in range(PIECE_S * RATE):
            at = index * 1_000_000 // RATE
            file.write_picture(_clip().pictures[index], index == 0, at)
            for step in range(5):
                file.write_sound(_clip().sounds[index * 5 + step], at + step * 20_000, 20_000)
        file.close()
        return path.read_bytes()


@cache
def _clip() -> Clip:
    return make_clip(3, "", (), ClipOptions(width=160, height=96, rate=RATE, seconds=PIECE_S, bitrate_bps=60_000))

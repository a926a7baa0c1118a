"""Replay files in Chromium: the right picture after each seek, and sound and picture in step over gaps."""

from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from media.clip import Clip, ClipOptions, make_clip
from media.replay import make_replay
from tests.support.journals import H264, OPUS, VP8, Sender, h264_payloads

playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
pytestmark = pytest.mark.browser
RATE = 10

PLAY = """
async (file) => {
  const video = document.querySelector('video');
  const seek = async (to) => { video.currentTime = to; await new Promise((ok) => { video.onseeked = ok; }); };
  const counter = () => {
    const canvas = document.createElement('canvas');
    canvas.width = video.videoWidth; canvas.height = video.videoHeight;
    const pen = canvas.getContext('2d');
    pen.drawImage(video, 0, 0);
    const cell = canvas.width / 16;
    let value = 0;
    for (let bit = 0; bit < 16; bit += 1) {
      const x = (bit + 0.5) * cell;
      value = value * 2 + (pen.getImageData(x, canvas.height - 1.5 * cell, 1, 1).data[0] > 127 ? 1 : 0);
    }
    return value & 0xfff;
  };
  video.src = file;
  await new Promise((ok, no) => { video.onloadedmetadata = ok; video.onerror = () => no(video.error.message); });
  const seen = [];
  for (const at of [5.05, 15.05, 27.05, 38.05, 2.05]) {
    const began = performance.now();
    await seek(at);
    seen.push([at, counter(), performance.now() - began]);
  }
  await seek(18);
  video.playbackRate = 4;
  await video.play();
  await new Promise((ok) => { const look = () => (video.currentTime >= 38 ? ok() : setTimeout(look, 10)); look(); });
  return { duration: video.duration, seen, played: [video.currentTime, counter()] };
}
"""


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        path = Path(self.directory) / self.path.lstrip("/")
        data = path.read_bytes() if path.is_file() else b"<!doctype html><video muted></video>"
        wanted = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first, last = (int(wanted[1]), int(wanted[2] or len(data) - 1)) if wanted else (0, len(data) - 1)
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        types = {".mp4": "video/mp4", ".webm": "video/webm"}
        self.send_header("Content-Type", types.get(path.suffix, "text/html"))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        try:
            self.wfile.write(data[first : last + 1])
        except OSError:
            pass  # the browser has seen enough


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0),
        lambda *a: Handler(*a, directory=str(tmp_path)),  # type: ignore[arg-type]
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


def as_h264(clip: Clip) -> Iterator[list[bytes]]:
    decoder: Any = av.CodecContext.create("vp8", "r")
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.gop_size = 320, 180, "yuv420p", RATE
    encoder.time_base, encoder.options = Fraction(1, RATE), {"preset": "ultrafast", "tune": "zerolatency"}
    for i, data in enumerate(clip.pictures):
        for frame in decoder.decode(av.Packet(data)):
            frame.pts, frame.time_base, frame.pict_type = i, Fraction(1, RATE), 0
            for packet in encoder.encode(frame):
                units = bytes(packet).replace(b"\x00\x00\x00\x01", b"\x00\x00\x01").split(b"\x00\x00\x01")
                yield [unit for unit in units if unit]


@pytest.mark.parametrize("codec", ["vp8", pytest.param("h264", marks=pytest.mark.long)])
async def test_it_works(tmp_path: Path, served: str, codec: str) -> None:
    clip = make_clip(3, "A", [], ClipOptions(width=320, height=180, rate=RATE, seconds=40, bitrate_bps=90_000))
    sound = Sender(OPUS, "mic", ssrc=1)
    sound.sounds(clip.sounds, 0, 20)
    sound.sounds(clip.sounds, 28, 12)  # 8 s without sound
    picture = Sender(VP8 if codec == "vp8" else H264, "camera", ssrc=2)
    if codec == "vp8":
        picture.pictures(clip.pictures, 0, 40 * RATE, RATE)
    else:
        for i, units in enumerate(as_h264(clip)):
            picture.send(i / RATE, h264_payloads(units))
    (segment,) = make_replay([sound.journal(tmp_path), picture.journal(tmp_path)], tmp_path, "r").segments
    async with playwright.async_playwright() as started:
        browser = await started.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
        )
        page = await browser.new_page()
        await page.goto(served)
        seen = await page.evaluate(PLAY, segment.file.name)
        await browser.close()
    assert seen["duration"] == pytest.approx(40, abs=0.15)
    for at, counter, took_ms in seen["seen"]:
        assert counter == int(at * RATE) and took_ms < 1000
    at, counter = seen["played"]
    assert abs(counter / RATE - at) < 0.25

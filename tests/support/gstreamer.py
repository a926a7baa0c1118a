"""Debian's simple-whip-client (GStreamer's webrtcbin) as a process that publishes test pictures and a tone by WHIP.

Debian 12 builds the program with libsoup 2, while webrtcbin comes, through libnice and its UPnP library, with
libsoup 3: both in one process stop it at once (meetecho/simple-whip-client#20). UPnP asks home routers for ports,
which no test needs: an empty library of that name is put before Debian's.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

WHIP_CLIENT = "/usr/bin/whip-client"
SOUND = (
    "audiotestsrc is-live=true volume=0.3 ! audioconvert ! opusenc ! rtpopuspay pt=100 ! queue ! "
    "application/x-rtp,media=audio,encoding-name=OPUS,payload=100"
)
PICTURE = (
    "videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=180,framerate=15/1 ! videoconvert ! "
    "vp8enc deadline=1 keyframe-max-dist=60 ! rtpvp8pay pt=96 picture-id-mode=15-bit ! queue ! "
    "application/x-rtp,media=video,encoding-name=VP8,payload=96"
)
NO_UPNP = """
void *gupnp_simple_igd_thread_new(void) { return 0; }
unsigned long gupnp_simple_igd_get_type(void) { return 0; }
void gupnp_simple_igd_add_port(void) {}
void gupnp_simple_igd_remove_port_local(void) {}
"""


class GstreamerClient:
    """The running program. ``folder``: where its library and its output go."""

    def __init__(self, folder: Path, token: dict[str, Any], *options: str) -> None:
        libraries = folder / "libraries"
        libraries.mkdir(parents=True)
        target = libraries / "libgupnp-igd-1.0.so.4"
        compiler = ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(target), f"-Wl,-soname,{target.name}"]
        subprocess.run(compiler, input=NO_UPNP, text=True, check=True)
        self.log = folder / "whip-client.log"
        command = [WHIP_CLIENT, "-u", token["url"], "-t", token["token"], "-A", SOUND, "-V", PICTURE, "-o", *options]
        environ = {**os.environ, "LD_LIBRARY_PATH": str(libraries)}
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environ)

    def said(self) -> str:
        """What it has written so far."""
        return self.log.read_text(errors="replace")

    def interrupt(self, within: float = 10.0) -> int:
        """Ctrl+C: it sends DELETE and ends. The exit code. Raises subprocess.TimeoutExpired."""
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(within)

    def kill(self) -> None:
        """Make sure that it is gone."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

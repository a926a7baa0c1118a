"""The import directions of design 3, executable: who may import whom, and which modules touch no I/O."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("rooms", "media", "signaling", "web")
ALLOWED = {
    "rooms": {"rooms"},
    "media": {"media"},
    "signaling": {"signaling", "rooms", "media.messages"},
    "web": set(PACKAGES),
}
PURE = {
    "rooms.models.storage",
    "media.crosstalk", "media.layerchoice", "media.layering", "media.thinning",
    "media.types", "media.framing", "media.messages", "media.errors", "media.seq", "media.rtp", "media.rtcp",
    "media.codecs", "media.native", "media._native",
    "media.packetcache", "media.nack", "media.patience", "media.feedback", "media.forwarder", "media.relay",
    "media.speaker",
    "media.layer", "media.subscription", "media.sessions", "media.tracks", "media.legs", "media.reporting",
    "media.bandwidth", "media.gates", "media.twcc", "media.arrivals", "media.glance", "media.sentlog", "media.trains",
    "media.delaybased", "media.ratecontrol", "media.lossbased", "media.probing", "media.sendside", "media.pacer",
    "media.allocation", "media.viewerline", "media.receiverside", "media.ceiling",
    "media.depacketize", "media.journal", "media.ortc", "media.sdp", "media.sdpfrag", "media.offers",
    "media.budget", "media.composition", "media.voices", "media.ownerclock", "media.sessiontime",
    "media.red", "media.redundancy", "media.loudest", "media.figures", "media.ordinary",
    "media.recorder",
    "signaling.devicemessages", "signaling.messages", "signaling.room", "signaling.errors", "signaling.mos",
    "signaling.quality",
    "rooms.models.base", "rooms.models.places", "rooms.models.people", "rooms.models.reception", "rooms.models.matters",
    "rooms.models.sessions", "rooms.models.record", "rooms.models.custody", "rooms.models.system",
    "rooms.policy", "rooms.manifest",
    "rooms.gaps", "rooms.tree", "rooms.fold", "rooms.words",
    "rooms.terms", "rooms.models.lookup",
}  # fmt: skip
IMPURE = {"asyncio", "socket", "time", "random", "os", "logging", "threading", "aiortc", "aioice", "av", "pylibsrtp"}
# Third-party libraries that stay in one place, so that a change of version touches one file.
ONLY_IN = {
    "av": {
        "media/muxer.py",
        "media/reencode.py",
        "media/clip.py",
        "media/client.py",
        "media/canvas.py",
        "media/composer.py",
        "media/playback.py",
    },
    "pylibsrtp": {"media/transport.py", "media/dtls.py"},
}


def modules() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(target: str, names: set[str]) -> bool:
    return any(target == name or target.startswith(name + ".") for name in names)


@pytest.mark.parametrize("path", modules(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_it_imports_only_what_it_may(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    dotted = name.removesuffix(".py").replace("/", ".")
    for target in imports(path):
        if within(target, set(PACKAGES)):
            assert within(target, ALLOWED[name.split("/")[0]]), f"{name} may not import {target}"
        if dotted in PURE:
            assert not within(target, IMPURE), f"{name} is pure and may not import {target}"
            if within(target, {"media", "signaling", "rooms"}) and dotted.startswith("media."):
                assert within(target, PURE), f"{name} is pure, {target} is not"
        for library, places in ONLY_IN.items():
            if within(target, {library}):
                assert name in places, f"{library} is imported only in {sorted(places)}"


def test_every_pure_module_exists() -> None:
    places = {name: ROOT / name.replace(".", "/") for name in PURE}
    kinds = (".py", ".pyi", "/__init__.py")  # a module, a compiled one, a package
    missing = [name for name, place in places.items() if not any(Path(f"{place}{kind}").exists() for kind in kinds)]
    assert missing == []


def test_the_relay_process_loads_neither_web_nor_a_database() -> None:
    code = (
        "import sys, media.process; "
        "print([m for m in sys.modules if m.split('.')[0] in ('web', 'rooms', 'sqlalchemy', 'fastapi')])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert out.stdout.strip() == "[]"


def test_a_command_to_a_running_hub_loads_neither_the_application_nor_a_database() -> None:
    """It is typed while the machine is busy with media, and in scripts many times over."""
    script = (
        "import sys, web.__main__, web.askhub, web.cli.people, web.cli.sessions; "
        "print([name for name in ('fastapi', 'sqlalchemy', 'aiortc', 'httpx', 'cryptography') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"

#!/usr/bin/env python3
"""Verify a package of Điểm Cầu: python verifier.py PACKAGE [--key FILE]... [--json]

PACKAGE is an exported ZIP or its unpacked folder. This file stands alone: Python 3.10 or newer, standard library only,
no network, nothing of the program that wrote the package. What it checks is written down in docs/formats.md.

Exit 0: intact and signed by a trusted key. 2: intact, but no --key was given to check the signer.
1: changed, foreign, incomplete or unreadable.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import os
import re
import struct
import sys
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any, BinaryIO

PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
HEX64 = re.compile(r"[0-9a-f]{64}")
SMALL = 256 << 20  # a manifest, log or list longer than this is not read into memory
CHUNK = 1 << 20
MAX_BLOCK = 1 << 22
MAX_PROBLEMS = 200


class Bad(Exception):
    """Something in the package is not as it must be. ``code`` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


# --- Ed25519 (RFC 8032 5.1), verification only: public data, so no care for timing -----------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)
Point = tuple[int, int, int, int]
Json = dict[str, Any]

BASE_Y = 4 * pow(5, P - 2, P) % P


def add(a: Point, b: Point) -> Point:
    """Sum of two points in extended coordinates."""
    x1, y1, z1, t1 = a
    x2, y2, z2, t2 = b
    p, q, r, s = (y1 - x1) * (y2 - x2), (y1 + x1) * (y2 + x2), 2 * D * t1 * t2, 2 * z1 * z2
    e, f, g, h = q - p, s - r, s + r, q + p
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(n: int, point: Point) -> Point:
    """n times a point."""
    total = (0, 1, 1, 0)
    while n:
        if n & 1:
            total = add(total, point)
        point = add(point, point)
        n >>= 1
    return total


def point_of(data: bytes) -> Point | None:
    """The point that 32 bytes encode; None if they encode none."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & ((1 << 255) - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * SQRT_M1 % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


_base = point_of(BASE_Y.to_bytes(32, "little"))
assert _base is not None  # the base point of RFC 8032
BASE: Point = _base


def is_signed(public: bytes, signature: bytes, data: bytes) -> bool:
    """Whether the 64 raw bytes of ``signature`` over ``data`` are by the raw key ``public``."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, r = point_of(public), point_of(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if key is None or r is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + data).digest(), "little") % L
    left, right = multiply(s, BASE), add(r, multiply(k, key))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


SPKI = bytes.fromhex("302a300506032b6570032100")  # SubjectPublicKeyInfo of Ed25519 up to the key itself


def pem_of(public: bytes) -> bytes:
    """A raw public key as the one PEM text that ``key.pem`` may hold."""
    text = base64.b64encode(SPKI + public).decode()
    return ("-----BEGIN PUBLIC KEY-----\n" + text + "\n-----END PUBLIC KEY-----\n").encode()


def keys_of(pem: str) -> list[bytes]:
    """Every raw Ed25519 public key in a PEM text."""
    found = []
    for body in re.findall(r"-----BEGIN PUBLIC KEY-----(.*?)-----END PUBLIC KEY-----", pem, re.S):
        raw = base64.b64decode("".join(body.split()), validate=True)
        if len(raw) == 44 and raw.startswith(SPKI):
            found.append(raw[12:])
    return found


# --- the package as files --------------------------------------------------------------------------------------------


class Folder:
    """An unpacked package."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.names: list[str] = []
        for place, folders, files in os.walk(root):
            for name in files + [f for f in folders if os.path.islink(os.path.join(place, f))]:
                path = os.path.join(place, name)
                if os.path.islink(path) or not os.path.isfile(path):
                    raise Bad("not_a_file", "links and special files do not belong in a package")
                self.names.append(os.path.relpath(path, root).replace(os.sep, "/"))

    def open(self, name: str) -> BinaryIO:
        """A binary file."""
        return open(os.path.join(self.root, *name.split("/")), "rb")

    def length(self, name: str) -> int:
        """Bytes of a file."""
        return os.path.getsize(os.path.join(self.root, *name.split("/")))


class Window(io.RawIOBase):
    """A stretch of a file as a file of its own."""

    def __init__(self, file: BinaryIO, start: int, length: int) -> None:
        super().__init__()
        self.file, self.at, self.left = file, start, length

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """See io.RawIOBase."""
        self.file.seek(self.at)
        piece: bytes = self.file.read(min(len(buffer), self.left))
        buffer[: len(piece)] = piece
        self.at += len(piece)
        self.left -= len(piece)
        return len(piece)


class Zip:
    """A canonical ZIP. Reading it *is* checking it: each header is built from what it must say and compared."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.places: dict[str, tuple[int, int]] = {}
        self.names: list[str] = []
        file.seek(0, os.SEEK_END)
        self.size = file.tell()
        central: list[bytes] = []
        at = 0
        while self.peek(at, 4) == b"PK\x03\x04":
            at = self.local(at, central)
        directory = b"".join(central)
        rest = directory + end_record(len(central), len(directory), at)
        if self.peek(at, len(rest) + 1) != rest:
            raise Bad("zip_form", "the directory of the ZIP is not the canonical one")
        if self.names != sorted(self.names, key=lambda n: n.encode()):
            raise Bad("zip_form", "the entries of the ZIP are not in order")

    def peek(self, at: int, length: int) -> bytes:
        """Bytes of the ZIP itself."""
        self.file.seek(at)
        return self.file.read(length)

    def local(self, at: int, central: list[bytes]) -> int:
        """Check one local header and its data; the offset behind them."""
        raw = self.peek(at, 30)
        if len(raw) < 30:
            raise Bad("zip_form", "the ZIP ends in the middle of a header")
        fields = struct.unpack("<IHHHHHIIIHH", raw)
        crc, size, name_length, extra_length = (int(fields[i]) for i in (6, 8, 9, 10))
        tail = self.peek(at + 30, name_length + extra_length)
        name = tail[:name_length].decode("ascii", "replace")
        extra = tail[name_length:]
        if size == 0xFFFFFFFF:
            if len(extra) != 20:
                raise Bad("zip_form", "a long entry without its lengths")
            size = int.from_bytes(extra[4:12], "little")
        header = local_header(name, size, crc)
        start = at + len(header)
        if raw + tail != header or name in self.places:
            raise Bad("zip_form", "a header of the ZIP is not the canonical one")
        if start + size > self.size:
            raise Bad("zip_form", "the ZIP is cut off")
        self.places[name] = (start, size)
        self.names.append(name)
        found = 0
        with self.open(name) as file:
            for piece in iter(lambda: file.read(CHUNK), b""):
                found = zlib.crc32(piece, found)
        if found != crc:
            raise Bad("zip_form", "the contents of " + safe(name) + " do not fit the ZIP's checksum")
        central.append(central_header(name, size, crc, at))
        return start + size

    def open(self, name: str) -> BinaryIO:
        """A binary file."""
        start, length = self.places[name]
        return io.BufferedReader(Window(self.file, start, length), CHUNK)

    def length(self, name: str) -> int:
        """Bytes of a file."""
        return self.places[name][1]


Source = Folder | Zip


def local_header(name: str, size: int, crc: int) -> bytes:
    """The only header an entry may have."""
    encoded, extra = name.encode("ascii", "replace"), b""
    if size >= 0xFFFFFFFF:
        extra, size = struct.pack("<HHQQ", 1, 16, size, size), 0xFFFFFFFF
    version = 45 if extra else 20
    numbers = (0x04034B50, version, 0, 0, 0, 0x21, crc, size, size, len(encoded), len(extra))
    return struct.pack("<IHHHHHIIIHH", *numbers) + encoded + extra


def central_header(name: str, size: int, crc: int, offset: int) -> bytes:
    """The only directory entry it may have."""
    encoded, longs = name.encode("ascii", "replace"), b""
    if size >= 0xFFFFFFFF:
        longs, size = struct.pack("<QQ", size, size), 0xFFFFFFFF
    if offset >= 0xFFFFFFFF:
        longs, offset = longs + struct.pack("<Q", offset), 0xFFFFFFFF
    extra = struct.pack("<HH", 1, len(longs)) + longs if longs else b""
    version = 45 if extra else 20
    numbers = (0x02014B50, 20, version, 0, 0, 0, 0x21, crc, size, size, len(encoded), len(extra), 0, 0, 0, 0, offset)
    return struct.pack("<IHHHHHHIIIHHHHHII", *numbers) + encoded + extra


def end_record(count: int, size: int, start: int) -> bytes:
    """The only end a ZIP of these measures may have."""
    if count < 0xFFFF and size < 0xFFFFFFFF and start < 0xFFFFFFFF:
        return struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, size, start, 0)
    return (
        struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, count, count, size, start)
        + struct.pack("<IIQI", 0x07064B50, 0, start + size, 1)
        + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    )


# --- the checks ------------------------------------------------------------------------------------------------------


def safe(text: object) -> str:
    """A name that may be printed."""
    return re.sub(r"[^ -~]", "?", str(text))[:200]


def no_twice(pairs: list[tuple[str, Any]]) -> Json:
    """Refuse objects that say a key twice: two readers could read two things."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def parse(raw: bytes, what: str) -> Json:
    """JSON object from bytes."""
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=no_twice)
    except (ValueError, RecursionError) as error:
        raise Bad("unreadable", what + " is not JSON: " + safe(error)) from None
    if not isinstance(value, dict):
        raise Bad("unreadable", what + " is not an object")
    return value


class Verifier:
    """Collects what is wrong with one package."""

    def __init__(self, source: Source | None, trusted: list[bytes] | None) -> None:
        self.source: Source = source or Folder(os.devnull)  # without one nothing is run
        self.trusted = trusted  # raw keys, None when none were given
        self.problems: list[dict[str, str]] = []
        self.unchecked: list[str] = []
        self.checked = {
            "files": 0,
            "bytes": 0,
            "journals": 0,
            "packets": 0,
            "events": 0,
            "supplements": 0,
            "takes": 0,
            "derived": 0,
        }
        self.signers: list[str] = []
        self.session = ""
        self.head = ""
        self.known: set[str] = set()  # paths that something signed accounts for
        self.journals: dict[str, dict[int, str]] = {}  # name -> {length: head}
        self.lists: dict[str, str] = {}  # take -> SHA-256 of its list

    def fail(self, code: str, path: str, message: str) -> None:
        """Note a problem."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append({"code": code, "path": safe(path), "message": safe(message)})

    def run(self) -> None:
        """Check everything."""
        for name in self.source.names:
            if not PATH.fullmatch(name):
                self.fail("bad_name", name, "a name that does not belong in a package")
        self.guarded("manifest.json", self.manifest)
        self.guarded("supplements", self.supplements)
        self.guarded("derived/list.json", self.derived)
        for name in self.source.names:
            if name not in self.known:
                self.fail("extra_file", name, "nothing signed knows this file")
        if self.trusted is None:
            self.unchecked.append("signer: no trusted key was given, so anyone may have signed this package")
        self.unchecked.append("newest supplements: that none was removed shows only against a head published elsewhere")

    def guarded(self, path: str, check: Callable[[], None]) -> None:
        """Run a check; whatever it trips over is a problem of the package."""
        try:
            check()
        except Bad as error:
            self.fail(error.code, path, str(error))
        except (KeyError, TypeError, ValueError, AttributeError, OSError, struct.error, OverflowError) as error:
            self.fail("unreadable", path, type(error).__name__ + ": " + str(error))

    def read(self, name: str) -> bytes:
        """A small file whole."""
        if name not in self.source.names:
            raise Bad("missing_file", name + " is missing")
        if self.source.length(name) > SMALL:
            raise Bad("unreadable", name + " is too long")
        with self.source.open(name) as file:
            return file.read()

    def signed(self, name: str, signature_name: str) -> tuple[bytes, Json]:
        """A signed JSON file, its signature checked."""
        self.known.update((name, signature_name))
        raw, signature = self.read(name), self.read(signature_name)
        value = parse(raw, name)
        public = bytes.fromhex(value["key"]["public"])
        if value["key"]["id"] != hashlib.sha256(public).hexdigest()[:32]:
            raise Bad("bad_key", name + ": key and key id do not fit")
        if not is_signed(public, signature, raw):
            raise Bad("bad_signature", name + ": the signature does not fit")
        if self.trusted is not None and public not in self.trusted:
            self.fail("foreign_signer", name, "signed by a key that is not trusted: " + value["key"]["id"])
        if value["key"]["id"] not in self.signers:
            self.signers.append(value["key"]["id"])
        return raw, value

    def version(self, value: Json, name: str, kind: str) -> None:
        """Refuse formats this verifier does not know."""
        if value["format"] != kind or value["version"] != 1:
            raise Bad("unknown_version", name + " is of a version that this verifier does not know")
        if self.session and value["session"] != self.session:
            raise Bad("foreign_part", name + " belongs to another session")

    def listed(self, stated: Json, must_be_there: bool = True) -> bool:
        """Check one file against its stated length and hash; True if it is there."""
        name = stated["path"]
        if not PATH.fullmatch(name) or not HEX64.fullmatch(stated["sha256"]):
            raise Bad("unreadable", "a list states something that is not a file")
        if name in self.known:
            raise Bad("twice", name + " is listed twice")
        self.known.add(name)
        if name not in self.source.names:
            if must_be_there:
                self.fail("missing_file", name, "the file is missing")
            return False
        digest, length = hashlib.sha256(), 0
        with self.source.open(name) as file:
            for piece in iter(lambda: file.read(CHUNK), b""):
                digest.update(piece)
                length += len(piece)
        self.checked["files"] += 1
        self.checked["bytes"] += length
        if length != stated["length"]:
            self.fail("wrong_length", name, "the file has another length than stated")
        elif digest.hexdigest() != stated["sha256"]:
            self.fail("wrong_hash", name, "the file was changed")
        return True

    def manifest(self) -> None:
        """Manifest, originals, journals, event log."""
        self.known.update(n for n in ("manifest.json", "manifest.sig", "key.pem") if n in self.source.names)
        raw, stated = self.signed("manifest.json", "manifest.sig")
        self.version(stated, "manifest.json", "diemcau-manifest")
        self.session = stated["session"]
        self.head = hashlib.sha256(raw).hexdigest()
        if self.read("key.pem") != pem_of(bytes.fromhex(stated["key"]["public"])):
            self.fail("bad_key", "key.pem", "is not the key that the manifest names")
        there = {}
        for item in stated["files"]:
            if self.listed(item):
                there[item["path"]] = item["kind"]
        tracks = {track["file"]: track for track in stated["tracks"] if track["file"] is not None}
        for name, kind in there.items():
            if kind == "journal":
                if name not in tracks:
                    self.fail("unknown_journal", name, "the manifest names no track for this journal")
                elif tracks[name]["state"] != "damaged":
                    self.guarded(name, partial(self.journal, name, tracks[name]))
        for name in tracks:
            if there.get(name) != "journal":
                self.fail("missing_file", name, "a track's journal is not among the originals")
        for name in there:
            if there[name] == "take" and name.endswith(".json"):
                self.guarded(name, partial(self.take, name, stated["files"]))
        self.guarded("events.jsonl", lambda: self.events(stated["events"], tracks))

    def journal(self, name: str, track: Json) -> None:
        """Blocks, checksums, chain and totals of one journal."""
        packets, at, index = 0, 8, 0
        tail: Json | None = None
        heads = self.journals.setdefault(name.rpartition("/")[2], {})
        with self.source.open(name) as file:
            magic = file.read(8)
            if magic != b"DCJ\x01\r\n\x1a\n":
                raise Bad("bad_journal", "not a journal of version 1")
            chain = hashlib.sha256(magic).digest()
            while True:
                raw = file.read(16)
                if not raw and (tail is not None or track["state"] != "closed"):
                    break
                if len(raw) < 16 or tail is not None:
                    raise Bad("bad_journal", "the journal is cut off or goes on after its end")
                kind, number, length, checksum = struct.unpack(">4sIII", raw)
                if not 0 < length <= MAX_BLOCK or number != index or (kind == b"HEAD") != (index == 0):
                    raise Bad("bad_journal", "blocks out of order")
                payload, stated = file.read(length), file.read(32)
                chain = hashlib.sha256(chain + raw + payload).digest()
                if zlib.crc32(raw[:12] + payload) != checksum or chain != stated:
                    raise Bad("bad_chain", "the chain of the journal is broken")
                at += 48 + length
                index += 1
                heads[at] = chain.hex()
                if kind == b"HEAD":
                    self.journal_header(payload, track)
                elif kind == b"DATA":
                    packets += count_packets(payload)
                elif kind == b"TAIL":
                    tail = parse(payload, "the journal's tail")
                else:
                    raise Bad("bad_journal", "a block of unknown kind")
        if tail is not None and tail["packets"] != packets:
            raise Bad("bad_journal", "the journal's end states another number of packets")
        if track["state"] != "open" and packets != track["packets"]:
            raise Bad("bad_journal", "the manifest states another number of packets")
        self.checked["journals"] += 1
        self.checked["packets"] += packets

    def journal_header(self, payload: bytes, track: Json) -> None:
        """The header must name the track under which the manifest files it."""
        header = parse(payload, "the journal's header")
        if header["format"] != "diemcau-journal" or header["version"] != 1:
            raise Bad("unknown_version", "a journal of unknown version")
        named = (header["session"], header["participant"], header["source"], header["part"])
        if named != (self.session, track["participant"], track["source"], track["part"]):
            raise Bad("foreign_part", "the journal is of another track")

    def events(self, stated: Json, tracks: dict[str, Json]) -> None:
        """The chain of the event log, and the journal heads that it remembers."""
        raw = self.read("events.jsonl")
        if raw and not raw.endswith(b"\n"):
            raise Bad("bad_log", "the event log is cut off")
        previous, count = "0" * 64, 0
        states = {name.rpartition("/")[2]: track["state"] for name, track in tracks.items()}
        for line in raw.split(b"\n")[:-1]:
            event = parse(line, "an event")
            count += 1
            if (event["number"], event["session"], event["previous"]) != (count, self.session, previous):
                raise Bad("bad_chain", "event " + str(count) + " does not follow the one before")
            previous = hashlib.sha256(line).hexdigest()
            if event["kind"] == "journal.heads":
                self.remembered(event["body"].get("files", {}), states, count)
        if (count, previous) != (stated["count"], stated["head"]):
            raise Bad("bad_chain", "the event log does not end where the manifest says")
        self.checked["events"] = count

    def remembered(self, files: dict[str, Any], states: dict[str, str], number: int) -> None:
        """Each journal must have passed through the heads that were noted while it was written."""
        for name, (head, length) in files.items():
            heads = self.journals.get(name)
            if heads is None or (states.get(name) != "closed" and length > max(heads)):
                continue
            if heads.get(length) != head:
                self.fail("bad_chain", name, f"event {number} remembers another content of this journal")

    def take(self, name: str, files: list[Json]) -> None:
        """What a point recorded by itself: the chain of its pieces, and that each kept one is there as it was."""
        raw = self.read(name)
        stated = parse(raw, name)
        if stated["format"] != "diemcau-take-list" or stated["version"] != 1:
            raise Bad("unknown_version", name + " is of a version that this verifier does not know")
        if stated["session"] != self.session or parse(stated["header"].encode(), name)["take"] != stated["take"]:
            raise Bad("foreign_part", name + " belongs to something else")
        hashes = {item["path"]: item["sha256"] for item in files}
        before = {0: hashlib.sha256(stated["header"].encode()).hexdigest()}
        for piece in stated["pieces"]:
            number = piece["number"]
            if before.get(number, piece["previous"]) != piece["previous"]:
                raise Bad("bad_chain", f"piece {number} of {name} does not follow the one before")
            before[number + 1] = piece["sealed_sha256"]
            if piece["file"] is not None:
                place = name.rpartition("/")[0] + "/" + piece["file"]
                if hashes.get(place) != piece["sha256"]:
                    raise Bad("wrong_hash", f"piece {number} of {name} is not the file that is signed beside it")
        self.lists[stated["take"]] = hashlib.sha256(raw).hexdigest()
        self.checked["takes"] += 1

    def supplements(self) -> None:
        """Each supplement, in order, and the hash of the one before."""
        numbers = sorted({n.split("/")[1] for n in self.source.names if n.startswith("supplements/")})
        for number, name in enumerate(numbers, start=1):
            place = "supplements/" + name
            if name != f"{number:04d}":
                raise Bad("missing_file", f"supplement {number:04d} is missing")
            raw, stated = self.signed(place + "/supplement.json", place + "/supplement.sig")
            self.version(stated, place, "diemcau-supplement")
            if stated["number"] != number or stated["previous"] != self.head:
                raise Bad("bad_chain", place + " does not follow what stands before it")
            self.head = hashlib.sha256(raw).hexdigest()
            for item in stated["files"]:
                if not item["path"].startswith(place + "/files/"):
                    raise Bad("unreadable", place + " lists a file that is not its own")
                self.listed(item)
            if stated["kind"] == "from_point":
                for item in stated["files"]:
                    if item["path"].endswith(".json"):
                        self.guarded(item["path"], partial(self.take, item["path"], stated["files"]))
            if stated["kind"] == "extract":
                self.guarded(place, partial(self.origins, place, stated["facts"].get("files", [])))
            self.checked["supplements"] += 1

    def origins(self, place: str, files: list[Json]) -> None:
        """What an extract names as from the point must be cut from a take that this package holds."""
        for item in files:
            if "take" in item and self.lists.get(item["take"]) != item["take_list_sha256"]:
                raise Bad("foreign_part", place + " names a recording from the point that is not in this package")

    def derived(self) -> None:
        """Replay files: those that are there must be listed and unchanged."""
        if not any(n.startswith("derived/") for n in self.source.names):
            return
        _, stated = self.signed("derived/list.json", "derived/list.sig")
        self.version(stated, "derived/list.json", "diemcau-derived")
        if stated["manifest"] != hashlib.sha256(self.read("manifest.json")).hexdigest():
            raise Bad("foreign_part", "the derived list belongs to another manifest")
        for item in stated["files"]:
            if not item["path"].startswith("derived/"):
                raise Bad("unreadable", "the derived list names a file that is not derived")
            if self.listed(item, must_be_there=False):
                self.checked["derived"] += 1

    def result(self) -> Json:
        """What to print."""
        word = "changed" if self.problems else "intact" if self.trusted is not None else "intact_signer_unchecked"
        return {
            "result": word,
            "session": safe(self.session),
            "head": self.head,
            "signers": self.signers,
            "checked": self.checked,
            "problems": self.problems,
            "unchecked": self.unchecked,
        }


def count_packets(payload: bytes) -> int:
    """RTP records in a DATA payload."""
    at = packets = 0
    while at < len(payload):
        kind, length = struct.unpack_from(">BxH", payload, at)
        at += 12 + length
        packets += kind == 1
    if at != len(payload):
        raise Bad("bad_journal", "half a record")
    return packets


EXIT = {"intact": 0, "changed": 1, "intact_signer_unchecked": 2}


def verify(path: str, keys: list[bytes] | None = None) -> Json:
    """Verify the ZIP or folder at ``path``; ``keys``: raw public keys that are trusted, or None. Returns a dict."""
    if os.path.isdir(path):
        return _verify(lambda: Folder(path), keys)
    try:
        with open(path, "rb") as file:
            return _verify(lambda: Zip(file), keys)
    except OSError as error:
        return _broken("unreadable", str(error), keys)


def verify_bytes(data: bytes, keys: list[bytes] | None = None) -> Json:
    """The same for a ZIP in memory."""
    return _verify(lambda: Zip(io.BytesIO(data)), keys)


def _verify(open_source: Callable[[], Source], keys: list[bytes] | None) -> Json:
    try:
        source = open_source()
    except Bad as error:
        return _broken(error.code, str(error), keys)
    except (OSError, ValueError, struct.error) as error:
        return _broken("unreadable", str(error), keys)
    verifier = Verifier(source, keys)
    verifier.run()
    return verifier.result()


def _broken(code: str, message: str, keys: list[bytes] | None) -> Json:
    verifier = Verifier(None, keys)
    verifier.fail(code, "", message)
    return verifier.result()


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Verify a package of Diem Cau.", epilog="exit 0, 1 or 2: see above")
    parser.add_argument("package", help="the exported ZIP, or the folder it was unpacked into")
    parser.add_argument("--key", action="append", help="PEM file with trusted public keys; may be repeated")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    options = parser.parse_args(argv)
    keys: list[bytes] | None = None
    try:
        for name in options.key or ():
            with open(name, encoding="utf-8") as file:
                found = keys_of(file.read(1 << 20))
            if not found:
                raise ValueError(name + " holds no Ed25519 public key")
            keys = (keys or []) + found
    except (OSError, ValueError) as error:
        result = _broken("bad_key_file", str(error), None)
    else:
        result = verify(options.package, keys)
    if options.json:
        print(json.dumps(result, sort_keys=True))  # noqa: T201
    else:
        tell(result)
    return EXIT[str(result["result"])]


def tell(result: Json) -> None:
    """The result in words."""
    words = {
        "intact": "INTACT: nothing was changed, and a trusted key signed it.",
        "changed": "CHANGED OR BROKEN: do not rely on this package.",
        "intact_signer_unchecked": "Intact, but who signed it was not checked (give --key).",
    }
    lines = [words[result["result"]], "session " + result["session"], "head    " + result["head"]]
    lines += ["signer  " + signer for signer in result["signers"]]
    lines += [f"{name:<11} {count}" for name, count in result["checked"].items()]
    lines += ["PROBLEM {code} {path}: {message}".format(**problem) for problem in result["problems"]]
    lines += ["not checked: " + text for text in result["unchecked"]]
    print("\n".join(lines))  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())

"""Objects in a bucket that speaks S3 (``rooms.stores.Store``), through minio's client, which any such server suits.

A cut download goes on where it was cut; uploads and questions are repeated by urllib3 with growing pauses. What the
store answers in the end is told apart: it is away (store.unavailable) or it refuses (store.refused).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

import certifi
import urllib3
from minio import Minio
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from urllib3.exceptions import HTTPError
from urllib3.util import Retry, Timeout

from rooms.errors import NotFound
from rooms.files import Stream
from rooms.stores import PIECE, Held, StoreFailed, check_key

CONNECT_S, ANSWER_S = 5.0, 30.0
"""How long one attempt waits for a connection, and for the next bytes."""
RETRIES = 3
BACKOFF_S = 0.3
PART = 16 << 20
"""Longer objects go up in parts of this size, one after the other: so much memory one upload takes."""
ABSENT = frozenset({"NoSuchKey", "NoSuchObject", "ResourceNotFound"})


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the bucket is. ``address``: s3+https://host[:port]/bucket[/prefix], or s3+http:// on a trusted line.
    ``authority``: PEM file with the authority of the server's certificate, "" for what the system trusts."""

    address: str
    access_key: str
    secret_key: str
    region: str = "us-east-1"
    authority: str = ""


def read_address(address: str) -> tuple[bool, str, str, str]:
    """Whether TLS, host with port, bucket, prefix ("" or ending in /). Raises ValueError."""
    parts = urlsplit(address)
    bucket, _, prefix = parts.path.strip("/").partition("/")
    if parts.scheme not in ("s3+https", "s3+http") or not parts.netloc or "@" in parts.netloc or not bucket:
        raise ValueError("must look like s3+https://host:port/bucket or s3+https://host/bucket/prefix")
    if prefix:
        check_key(prefix)
    return parts.scheme == "s3+https", parts.netloc, bucket, prefix and prefix + "/"


class S3:
    """A bucket, or what lies below a prefix in it. The bucket must exist."""

    def __init__(
        self, place: Place, *, retries: int = RETRIES, backoff_s: float = BACKOFF_S, answer_s: float = ANSWER_S
    ) -> None:
        secure, host, self.bucket, self.prefix = read_address(place.address)
        self.retries = retries
        pool = urllib3.PoolManager(
            timeout=Timeout(connect=CONNECT_S, read=answer_s),
            maxsize=4,
            cert_reqs="CERT_REQUIRED",
            ca_certs=place.authority or certifi.where(),
            retries=Retry(total=retries, backoff_factor=backoff_s, status_forcelist=(500, 502, 503, 504)),
        )
        self.client = Minio(
            host, place.access_key, place.secret_key, secure=secure, region=place.region, http_client=pool
        )

    def put(self, key: str, source: Stream, length: int) -> None:
        """See rooms.stores.Store. An upload that breaks off leaves what was there."""
        whole = _Whole(source, length)
        try:
            self.client.put_object(
                self.bucket, self._name(key), cast(BinaryIO, whole), length, part_size=PART, num_parallel_uploads=1
            )
        except _PutShort as error:
            raise StoreFailed("storage.failed", "A file changed while it was stored.") from error
        except (MinioException, HTTPError, OSError, ValueError) as error:
            raise _translated(error) from error
        if whole.goes_on():
            raise StoreFailed("storage.failed", "A file changed while it was stored.")

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See rooms.stores.Store."""
        size = self.length(key)
        if size is None:
            raise NotFound()
        end = size if length is None else min(size, start + length)
        return self._pieces(key, start, end)

    def _pieces(self, key: str, at: int, end: int) -> Iterator[bytes]:
        failures = 0
        while at < end:
            try:
                for piece in self._once(key, at, end - at):
                    at += len(piece)
                    yield piece
            except (MinioException, HTTPError, OSError) as error:
                failures += 1
                if failures > self.retries or isinstance(error, S3Error):
                    raise _translated(error) from error

    def _once(self, key: str, at: int, length: int) -> Iterator[bytes]:
        answer = self.client.get_object(self.bucket, self._name(key), offset=at, length=length)
        try:
            yield from answer.stream(PIECE)
        finally:
            answer.close()
            answer.release_conn()

    def length(self, key: str) -> int | None:
        """See rooms.stores.Store."""
        try:
            return int(self.client.stat_object(self.bucket, self._name(key)).size or 0)
        except S3Error as error:
            if error.code in ABSENT:
                return None
            raise _translated(error) from error
        except (MinioException, HTTPError, OSError) as error:
            raise _translated(error) from error

    def remove(self, key: str) -> None:
        """See rooms.stores.Store."""
        try:
            self.client.remove_object(self.bucket, self._name(key))
        except S3Error as error:
            if error.code not in ABSENT:
                raise _translated(error) from error
        except (MinioException, HTTPError, OSError) as error:
            raise _translated(error) from error

    def list(self, prefix: str) -> Iterator[Held]:
        """See rooms.stores.Store."""
        try:
            for found in self.client.list_objects(self.bucket, prefix=self.prefix + prefix, recursive=True):
                yield Held(str(found.object_name).removeprefix(self.prefix), int(found.size or 0))
        except (MinioException, HTTPError, OSError) as error:
            raise _translated(error) from error

    def _name(self, key: str) -> str:
        return self.prefix + check_key(key)


class _PutShort(Exception):
    """The source ended too early."""


class _Whole:
    """A source that must have its length: an upload cut short by its own side must not pass for a file."""

    def __init__(self, source: Stream, length: int) -> None:
        self.source, self.left = source, length

    def read(self, size: int = -1) -> bytes:
        """As many bytes as asked for, up to the length. Raises _PutShort."""
        wanted = self.left if size < 0 else min(size, self.left)
        piece = self.source.read(wanted) if wanted else b""
        if wanted and not piece:
            raise _PutShort
        self.left -= len(piece)
        return piece

    def goes_on(self) -> bool:
        """Whether there is more than the length."""
        return bool(self.source.read(1))


def _translated(error: Any) -> StoreFailed:
    refused = isinstance(error, S3Error) and error.code not in ("SlowDown", "InternalError", "ServiceUnavailable")
    if isinstance(error, S3Error | ServerError | InvalidResponseError) and refused:
        return StoreFailed("store.refused", "The file store refuses access.")
    return StoreFailed()

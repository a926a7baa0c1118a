"""The data folder: who holds it, its secret, the control socket's address.

``lock`` is held (flock) by the one process that works on the folder: the running hub, or a command that found no
hub. The lock goes with the process, also after ``kill -9``.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path

SOCKET_NAME = "control.sock"
LONGEST_ADDRESS = 100  # bytes of a unix socket's path; the kernel takes 107


class FolderTaken(Exception):
    """Another process holds the folder. ``pid`` as it wrote it down, 0 when unknown."""

    def __init__(self, folder: Path, pid: int) -> None:
        self.pid = pid
        who = f" (process {pid})" if pid else ""
        super().__init__(f"The folder {folder} is in use by another hub{who}. Stop that one, or give another --data.")


class FolderLock:
    """The folder's lock, held until ``release`` or the end of the process. Raises FolderTaken."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            written = os.read(self._file, 32).strip()
            os.close(self._file)
            raise FolderTaken(folder, int(written) if written.isdigit() else 0) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let go; may be called twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> FolderLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def socket_path(folder: Path) -> str:
    """A path of the control socket that fits into a socket address, however deep the folder lies.

    A long path goes through a descriptor of the folder, which then stays open as long as the process.
    """
    path = str(folder / SOCKET_NAME)
    if len(os.fsencode(path)) <= LONGEST_ADDRESS:
        return path
    descriptor = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    return f"/proc/self/fd/{descriptor}/{SOCKET_NAME}"


def kept_secret(folder: Path, name: str = "secret.key") -> str:
    """The hub's own secret, made once and kept (mode 0600)."""
    path = folder / name
    if not path.exists():
        from web.tls import write_private  # cryptography: not for a command that only asks the hub

        folder.mkdir(parents=True, exist_ok=True)
        write_private(path, secrets.token_urlsafe(48).encode())
    return path.read_text().strip()

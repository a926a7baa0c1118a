"""The folder's lock and secret."""

import os
import socket
from pathlib import Path

import pytest

from web.folder import FolderLock, FolderTaken, kept_secret, socket_path


def test_a_second_holder_is_told_who_the_first_is(tmp_path: Path) -> None:
    with FolderLock(tmp_path / "hub"), pytest.raises(FolderTaken) as caught:
        FolderLock(tmp_path / "hub")
    assert caught.value.pid == os.getpid()
    assert "--data" in str(caught.value)


def test_the_lock_is_free_again_after_release(tmp_path: Path) -> None:
    FolderLock(tmp_path).release()
    with FolderLock(tmp_path):
        pass


def test_the_secret_is_made_once_and_private(tmp_path: Path) -> None:
    secret = kept_secret(tmp_path)
    assert len(secret) >= 32
    assert kept_secret(tmp_path) == secret
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600


def test_a_deep_folder_still_gets_a_control_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 60) / ("y" * 60)
    deep.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(socket_path(deep))
        assert (deep / "control.sock").exists()

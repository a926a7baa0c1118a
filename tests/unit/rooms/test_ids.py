"""Opaque ids."""

from __future__ import annotations

import pytest

from rooms.ids import is_id, new_id, new_secret


def test_it_works() -> None:
    made = {new_id() for _ in range(1000)}
    assert len(made) == 1000
    assert all(is_id(one) for one in made)
    assert len(new_secret()) == 43


@pytest.mark.parametrize("bad", ["", "a" * 23, "a" * 25, "A" * 24, "0" * 24, "a" * 24 + "\n", None, 5])
def test_what_is_no_id(bad: object) -> None:
    assert not is_id(bad)

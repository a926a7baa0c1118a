"""What is optional for a hub is not optional for the tests: nothing goes unplayed without a word."""

import os
import shutil

from media.native import compiled


def test_the_compiled_parts_are_there_where_they_can_be() -> None:
    if os.environ.get("DIEMCAU_PLAIN") == "1":
        assert compiled is None, "DIEMCAU_PLAIN=1 plays the references"
    elif shutil.which("cc"):
        assert compiled is not None, "run make setup: media._native was not built"

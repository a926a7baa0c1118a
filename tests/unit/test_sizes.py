"""Files and functions stay small enough to be read in one sitting; raising a limit needs an ADR."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
HARD_FILE = 800
HARD_FUNCTION = 80


def sources() -> list[Path]:
    return [path for package in ("rooms", "media", "signaling", "web") for path in (ROOT / package).rglob("*.py")]


def test_no_file_is_longer_than_the_hard_limit() -> None:
    long = {
        path.relative_to(ROOT).as_posix(): lines
        for path in sources()
        if "migrations/versions" not in path.as_posix()  # a migration is a list, read top to bottom
        and (lines := len(path.read_text().splitlines())) > HARD_FILE
    }
    assert long == {}


def test_no_function_is_longer_than_the_hard_limit() -> None:
    long = {}
    for path in sources():
        if "migrations/versions" in path.as_posix():
            continue  # a migration is a list, read top to bottom
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = node.body[0]
                documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
                start = (first.end_lineno or 0) if documented else node.lineno
                length = (node.end_lineno or 0) - start
                if length > HARD_FUNCTION:
                    long[f"{path.relative_to(ROOT).as_posix()}:{node.name}"] = length
    assert long == {}

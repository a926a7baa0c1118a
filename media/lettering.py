"""Words as pieces of picture, for composed files: the library that encodes has no way to write.

Web fonts are cut into subsets, so each letter is taken from the first face that has it. Colours are those of the stage
(web/static/css): white on near black.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

INK = "#ffffff"
PAPER = "#0b1120"
STILL = "#1a2338"
_NOBODY_HAS = "\ufffe"

Face = ImageFont.FreeTypeFont | ImageFont.ImageFont


class Lettering:
    """Draws words. ``fonts``: files of one family, tried in order; those that cannot be read are left out."""

    def __init__(self, fonts: Sequence[Path]) -> None:
        self._fonts = [path for path in fonts if _readable(path)]

    def label(self, text: str, size: int, most: int, mark: str = "") -> Image.Image:
        """One line on its own ground, at most ``most`` pixels wide. What is too long is cut with an ellipsis; ``mark``
        stands behind it whole as long as there is room for it. Width and height are even."""
        shown = self.cut(text, size, most - size, mark)
        width = min(most, int(self._length(shown, size)) + size)
        image = Image.new("RGB", (_even_up(width), _even_up(size * 1.5)), PAPER)
        self._write(image, shown, size, size // 2, size // 5)
        return image

    def cut(self, text: str, size: int, room: int, mark: str = "") -> str:
        """What of a text and its mark stands on a label in so many pixels."""
        behind = f" · {mark}" if mark else ""
        shown = text
        while shown and self._length(shown + behind, size) > room:
            shown = shown[:-2].rstrip() + "…" if len(shown) > 2 else ""
        return shown + behind if shown else mark

    def card(self, text: str, width: int, height: int, ground: str = PAPER) -> Image.Image:
        """Words in the middle of a place, in as many lines as they need."""
        image = Image.new("RGB", (width, height), ground)
        size = max(12, min(36, height // 9))
        lines = self._wrapped(text, size, width * 0.86)
        top = (height - len(lines) * size * 1.5) / 2
        for index, line in enumerate(lines):
            self._write(image, line, size, (width - self._length(line, size)) / 2, top + index * size * 1.5)
        return image

    def _wrapped(self, text: str, size: int, width: float) -> list[str]:
        lines: list[str] = []
        for word in text.split():
            longer = f"{lines[-1]} {word}" if lines else word
            if lines and self._length(longer, size) <= width:
                lines[-1] = longer
            else:
                lines.append(word)
        return lines[:6]

    def _runs(self, text: str, size: int) -> list[tuple[Face, str]]:
        runs: list[tuple[Face, str]] = []
        for letter in unicodedata.normalize("NFC", text):
            face = _face_of(letter, size, tuple(self._fonts))
            if runs and runs[-1][0] is face:
                runs[-1] = (face, runs[-1][1] + letter)
            else:
                runs.append((face, letter))
        return runs

    def _length(self, text: str, size: int) -> float:
        return sum(float(face.getlength(part)) for face, part in self._runs(text, size))

    def _write(self, image: Image.Image, text: str, size: int, x: float, y: float) -> None:
        pen = ImageDraw.Draw(image)
        for face, part in self._runs(text, size):
            pen.text((x, y), part, font=face, fill=INK)
            x += float(face.getlength(part))


def _readable(path: Path) -> bool:
    try:
        ImageFont.truetype(str(path), 12)
    except OSError:
        return False
    return True


@lru_cache(maxsize=64)
def _face(path: Path, size: int) -> Face:
    return ImageFont.truetype(str(path), size)


@lru_cache(maxsize=4096)
def _face_of(letter: str, size: int, fonts: tuple[Path, ...]) -> Face:
    for path in fonts:
        face = _face(path, size)
        if bytes(face.getmask(letter)) != bytes(face.getmask(_NOBODY_HAS)) or letter.isspace():
            return face
    return _face(fonts[0], size) if fonts else _default(size)


@lru_cache(maxsize=16)
def _default(size: int) -> Face:
    return ImageFont.load_default(size)


def _even_up(value: float) -> int:
    return (int(value) + 1) // 2 * 2

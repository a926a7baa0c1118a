"""The picture being composed: planes of bytes into which decoded pictures, cards and labels are copied row by row.

One of the few files that import PyAV: it scales. What did not change is not copied again.
"""

from __future__ import annotations

from typing import Any

import av
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from PIL import Image

from media.composition import Rect

GROUND = (16, 128, 128)
"""Black, in the limited range of video."""


class Tile:
    """Three planes (Y, U, V) of one size, each with its rows close together."""

    __slots__ = ("height", "planes", "width")

    def __init__(self, width: int, height: int, planes: tuple[bytes, bytes, bytes]) -> None:
        self.width, self.height, self.planes = width, height, planes


def tile_of(image: Image.Image) -> Tile:
    """An image as planes; its sides must be even."""
    made: Any = VideoFrame
    frame = made.from_image(image).reformat(format="yuv420p", dst_colorspace="itu601", dst_color_range="MPEG")
    packed = tuple(
        b"".join(bytes(memoryview(plane)[row * plane.line_size :][: plane.width]) for row in range(plane.height))
        for plane in frame.planes
    )
    return Tile(image.width, image.height, (packed[0], packed[1], packed[2]))


class Canvas:
    """A picture of a fixed size that is drawn upon and handed to the encoder."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._planes = [bytearray(width * height), bytearray(width * height // 4), bytearray(width * height // 4)]
        self._views = [memoryview(plane) for plane in self._planes]
        self._scalers: dict[str, VideoReformatter] = {}
        self.clear(Rect(0, 0, width, height))

    def clear(self, place: Rect) -> None:
        """Black."""
        for index, colour in enumerate(GROUND):
            half = 1 if index else 0
            row = bytes([colour]) * (place.width >> half)
            self._rows(index, place, lambda _, row=row: row)

    def put(self, tile: Tile, x: int, y: int) -> None:
        """A tile with its upper left corner at an even place."""
        place = Rect(x, y, tile.width, tile.height)
        for index, data in enumerate(tile.planes):
            wide = tile.width >> (1 if index else 0)
            view = memoryview(data)
            self._rows(index, place, lambda row, v=view, w=wide: v[row * w : row * w + w])

    def put_picture(self, key: str, frame: Any, place: Rect) -> None:
        """A decoded picture, scaled to a place. ``key``: whose it is, to keep its scaler."""
        scaler = self._scalers.setdefault(key, VideoReformatter())
        made: Any = scaler.reformat(frame, place.width, place.height, "yuv420p", interpolation="FAST_BILINEAR")
        for index, plane in enumerate(made.planes):
            wide, stride = place.width >> (1 if index else 0), plane.line_size
            view = memoryview(plane)
            self._rows(index, place, lambda row, v=view, w=wide, s=stride: v[row * s : row * s + w])

    def frame(self) -> Any:
        """What is drawn now, as a picture of its own."""
        made: Any = av.VideoFrame(self.width, self.height, "yuv420p")
        for plane, data in zip(made.planes, self._planes, strict=True):
            if plane.line_size == plane.width:
                plane.update(data)
            else:
                view = memoryview(plane)
                for row in range(plane.height):
                    view[row * plane.line_size : row * plane.line_size + plane.width] = data[
                        row * plane.width : (row + 1) * plane.width
                    ]
        return made

    def _rows(self, index: int, place: Rect, source: Any) -> None:
        half = 1 if index else 0
        view, stride = self._views[index], self.width >> half
        left, wide = place.x >> half, place.width >> half
        start = (place.y >> half) * stride + left
        for row in range(place.height >> half):
            view[start : start + wide] = source(row)
            start += stride

"""Shapes as signed distances, painted in layers on a batch of small pictures.

N pictures, H and W their height and width in pixels; N comes last, so that a number for each picture, of shape (N,),
broadcasts over the pixels and numpy's inner loop is a long one. A garment is laid out in its own coordinates: x to the
right and y down, both about -1 to 1 over the picture; an affine map for each picture places, scales, turns and shears
it.

The distance to a half-plane is a linear function of the pixel, hence a row plus a column: one addition per pixel. All
arithmetic is of the kind that IEEE 754 rounds correctly (+, -, *, /, sqrt, min, max, floor), so that every platform
draws the same bits; for the same reason rotations use the rational parametrisation of the circle.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dlcore.data.drawn_clothing.portable_random import Draws, Flags, Floats

SIZE = 28
Number = float | Floats
Point = tuple[Number, Number]

_COLUMNS = (np.arange(SIZE, dtype=np.float32) - np.float32((SIZE - 1) / 2)).reshape(1, SIZE, 1)
_ROWS = _COLUMNS.reshape(SIZE, 1, 1)
_FAR = np.float32(1000)


class Sketch:
    """A batch of pictures being drawn, each under its own affine map.

    Args:
        draws: The source of all random choices.
        scale: Lowest and highest number of pixels for one unit of the garment's coordinates.
        stretch: Largest relative difference between width and height.
        tilt: Largest tangent of half the angle of rotation.
        shear: Largest shift to the side for one unit down.
        shift: Largest displacement, in pixels, to each side.
        mirror: Whether half of the pictures are mirrored left to right.

    Attributes:
        tones: The pictures so far, 0 (black) to 1 (white). Shape: (H, W, N).
        cloth: The fabric, as large as the picture; parts of the garment are cut from it. Shape: (H, W, N).
    """

    def __init__(
        self,
        draws: Draws,
        scale: tuple[float, float] = (9.5, 13.0),
        stretch: float = 0.15,
        tilt: float = 0.1,
        shear: float = 0.15,
        shift: float = 2.5,
        mirror: bool = False,
    ) -> None:
        self.draws = draws
        size = draws.uniform(*scale)
        ratio = draws.uniform(1 - stretch, 1 + stretch)
        half = draws.uniform(-tilt, tilt)
        slant = draws.uniform(-shear, shear)
        cos, sin = (1 - half * half) / (1 + half * half), 2 * half / (1 + half * half)
        across = size * ratio * (draws.sign() if mirror else 1)
        self.scale = size
        self._x0, self._y0 = draws.uniform(-shift, shift), draws.uniform(-shift, shift)
        self._xx, self._yx = cos * across, sin * across
        self._xy, self._yy = (cos * slant - sin) * size, (sin * slant + cos) * size
        determinant = self._xx * self._yy - self._xy * self._yx
        self._turn = np.sign(determinant)
        self._ux, self._uy = self._yy / determinant, -self._xy / determinant
        self._vx, self._vy = -self._yx / determinant, self._xx / determinant
        self.backdrop = np.where(draws.chance(0.3), draws.uniform(0.02, 0.16), np.float32(0))
        self.tones: Floats = np.zeros((SIZE, SIZE, draws.n), dtype=np.float32) + self.backdrop
        self.cloth: Floats = np.ones((SIZE, SIZE, draws.n), dtype=np.float32)

    def linear(self, x: Number, y: Number, offset: Number = 0.0) -> Floats:
        """Return the linear function x·gx + y·gy + offset of the garment coordinates (gx, gy). Shape: (H, W, N)."""
        in_columns, in_rows = x * self._ux + y * self._vx, x * self._uy + y * self._vy
        start = offset - in_columns * self._x0 - in_rows * self._y0
        return np.asarray(in_columns * _COLUMNS + (in_rows * _ROWS + start))

    def polygon(self, points: Sequence[Point], present: Flags | None = None, side: int = 1) -> Floats:
        """Return the signed distance (H, W, N), in pixels, to a convex polygon; negative inside.

        Corners (x, y) are clockwise as seen; present (N,) says which pictures have it; side -1 mirrors it.
        """
        placed = [self._place((x * side, y)) for x, y in points]
        distance = np.full_like(self.tones, -_FAR)
        for (x, y), (next_x, next_y) in zip(placed, placed[1:] + placed[:1], strict=True):
            edge_x, edge_y = next_x - x, next_y - y
            length = side * self._turn * np.sqrt(edge_x * edge_x + edge_y * edge_y + np.float32(1e-6))
            normal_x, normal_y = edge_y / length, -edge_x / length
            beyond = normal_x * _COLUMNS + (normal_y * _ROWS - (normal_x * x + normal_y * y))
            np.maximum(distance, beyond, out=distance)
        return distance if present is None else np.where(present, distance, _FAR)

    def stroke(self, start: Point, end: Point, width: Number, present: Flags | None = None, side: int = 1) -> Floats:
        """Return the signed distance to a straight stroke, `width` pixels wide. Shape: (H, W, N)."""
        (x, y), (end_x, end_y) = (self._place((x * side, y)) for x, y in (start, end))
        edge_x, edge_y = end_x - x, end_y - y
        length = np.sqrt(edge_x * edge_x + edge_y * edge_y + np.float32(1e-6))
        along_x, along_y = edge_x / length, edge_y / length
        middle_x, middle_y = (x + end_x) * 0.5, (y + end_y) * 0.5
        across = -along_y * _COLUMNS + (along_x * _ROWS + (along_y * middle_x - along_x * middle_y))
        reach = along_x * _COLUMNS + (along_y * _ROWS - (along_x * middle_x + along_y * middle_y))
        np.abs(across, out=across)
        np.abs(reach, out=reach)
        across -= _only(present, width * 0.5)
        reach -= length * 0.5
        np.maximum(across, reach, out=across)
        return np.asarray(across)

    def ellipse(self, center: Point, radii: Point, present: Flags | None = None) -> Floats:
        """Return the approximate signed distance, in pixels, to an upright ellipse. Shape: (H, W, N)."""
        (x, y), (radius_x, radius_y) = center, radii
        u = self.linear(1 / radius_x, 0.0, -x / radius_x)
        v = self.linear(0.0, 1 / radius_y, -y / radius_y)
        u *= u
        v *= v
        u += v
        distance = np.sqrt(u, out=u)
        radius = np.minimum(radius_x, radius_y, dtype=np.float32) * self.scale
        distance *= radius
        distance -= _only(present, radius)
        return distance

    def ring(self, center: Point, radii: Point, width: Number, present: Flags | None = None) -> Floats:
        """Return the signed distance to the outline of an ellipse, drawn `width` pixels wide. Shape: (H, W, N)."""
        distance = self.ellipse(center, radii)
        np.abs(distance, out=distance)
        distance -= _only(present, width * 0.5)
        return distance

    def paint(self, distance: Floats, tone: Number, rim: float = 0.0) -> None:
        """Cover the inside of a shape, given by its signed distance (H, W, N), with a tone, 0 to 1, with a smooth edge.

        The rim is how much darker the shape is at its edge, 0 to 1: it makes a shape look round.
        """
        if rim:
            tone = tone * (1 - rim * np.clip(distance * np.float32(0.6) + 1, 0, 1))
        cover = np.clip(0.5 - distance, 0, 1)
        cover *= tone - self.tones
        self.tones += cover

    def shade(self, distance: Floats, factor: Number) -> None:
        """Multiply what is painted inside a shape by a factor: a seam, a fold, a pocket."""
        cover = np.clip(0.5 - distance, 0, 1)
        cover *= factor - 1
        cover += 1
        self.tones *= cover

    def erase(self, distance: Floats) -> None:
        """Paint the backdrop inside a shape."""
        self.paint(distance, self.backdrop)

    def _place(self, point: Point) -> tuple[Floats, Floats]:
        """Convert a point of the garment to pixels from the picture's centre. Shapes: (N,)."""
        x, y = point
        return self._x0 + self._xx * x + self._xy * y, self._y0 + self._yx * x + self._yy * y


def _only(present: Flags | None, half_width: Number) -> Floats:
    """Return what to subtract from a distance: half a shape's width, or a value that moves an absent shape far away."""
    half_width = np.asarray(half_width, dtype=np.float32)
    return half_width if present is None else np.where(present, half_width, -_FAR)

"""Triangles to pixels: the nearest face of every pixel, and what vertices say there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import unwrap
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function in machine code, kept between runs; a test run's type checks are taken off first."""
    made: Callable[..., Any] = njit(cache=True)(unwrap(function))
    return made


@dataclass(frozen=True)
class Covered:
    """The pixels that a mesh covers, row by row: `rows`, `columns` (P,), the face (P,) seen there, its vertices (P,3) and their
    weights (P,3) float32."""

    rows: NDArray[np.int32]
    columns: NDArray[np.int32]
    face: NDArray[np.int32]
    corners: NDArray[np.int32]
    weights: NDArray[np.float32]

    def interpolate(self, values: Array) -> Array:
        """(P,C) float32 of values (V,C) given at the vertices."""
        return _interpolate(np.ascontiguousarray(values, dtype=np.float32), self.corners, self.weights)


@dataclass(frozen=True)
class Cards:
    """Faces with holes in: where `layer` (F,) int32 is not negative, `opacity` (T,h,w) uint8 at `coordinates` (V,2), in shares of
    its width and height, says what is there; under half of 255 is a hole."""

    layer: NDArray[np.int32]
    coordinates: NDArray[np.float32]
    opacity: NDArray[np.uint8]


NO_CARDS = Cards(np.zeros(0, np.int32), np.zeros((0, 2), np.float32), np.zeros((0, 1, 1), np.uint8))


def rasterise(
    points_px: Array, depth: Array, faces: NDArray[np.int32], size: tuple[int, int], perspective: bool = True,
    both_sides: NDArray[np.bool_] | None = None, cards: Cards = NO_CARDS,
) -> Covered:  # fmt: skip
    """The nearest face at every pixel's middle, and where in it that is.

    Args:
        points_px: (V,2) pixels, `depth` (V,) grows away from the eye.
        faces: (F,3); those that face away are skipped, except where `both_sides` (F,) holds.
        size: (height, width).
        perspective: the points come from a pinhole and depths are positive (else: a parallel projection).
        cards: faces with holes in.
    """
    near = 1 / np.asarray(depth, np.float64) if perspective else -np.asarray(depth, np.float64)
    sides = np.zeros(len(faces), np.bool_) if both_sides is None else both_sides
    layer = cards.layer if len(cards.layer) else np.full(len(faces), -1, np.int32)
    seen = _nearest(np.asarray(points_px, np.float64), near, faces, sides, layer, cards.coordinates, cards.opacity, perspective, *size)
    rows, columns, face, weights = _gathered(np.asarray(points_px, np.float64), near, faces, seen, perspective)
    return Covered(rows, columns, face, faces[face], weights)


@_compiled
def _weights(points: Any, near: Any, a: int, b: int, c: int, x: float, y: float, perspective: bool) -> tuple[float, float, float, float]:
    """The weights of the three vertices at (x, y) and how near the face is there; weights below 0 are outside."""
    u = (points[b, 0] - x) * (points[c, 1] - y) - (points[b, 1] - y) * (points[c, 0] - x)
    v = (points[c, 0] - x) * (points[a, 1] - y) - (points[c, 1] - y) * (points[a, 0] - x)
    w = (points[a, 0] - x) * (points[b, 1] - y) - (points[a, 1] - y) * (points[b, 0] - x)
    total = u + v + w
    if total == 0:
        return -1.0, -1.0, -1.0, 0.0
    u, v, w = u / total, v / total, w / total
    height = u * near[a] + v * near[b] + w * near[c]
    if perspective and u >= 0 and v >= 0 and w >= 0:
        u, v, w = u * near[a] / height, v * near[b] / height, w * near[c] / height
    return u, v, w, height


@_compiled
def _nearest(
    points: Any, near: Any, faces: Any, both_sides: Any, layer: Any, coordinates: Any, opacity: Any, perspective: bool,
    height: int, width: int,
) -> Any:  # fmt: skip
    """(height, width) int32: the face nearest to the eye at every pixel's middle, -1 for none."""
    best = np.full((height, width), -1.0e30)
    seen = np.full((height, width), -1, np.int32)
    for face in range(len(faces)):
        a, b, c = faces[face]
        if perspective and (near[a] <= 0 or near[b] <= 0 or near[c] <= 0):
            continue
        turn = (points[b, 0] - points[a, 0]) * (points[c, 1] - points[a, 1]) - (points[b, 1] - points[a, 1]) * (points[c, 0] - points[a, 0])
        if turn == 0 or (turn > 0 and not both_sides[face]):
            continue
        left, right = min(points[a, 0], points[b, 0], points[c, 0]), max(points[a, 0], points[b, 0], points[c, 0])
        top, bottom = min(points[a, 1], points[b, 1], points[c, 1]), max(points[a, 1], points[b, 1], points[c, 1])
        for row in range(max(0, int(np.ceil(top - 0.5))), min(height, int(np.floor(bottom - 0.5)) + 1)):
            for column in range(max(0, int(np.ceil(left - 0.5))), min(width, int(np.floor(right - 0.5)) + 1)):
                u, v, w, here = _weights(points, near, a, b, c, column + 0.5, row + 0.5, perspective)
                if u < 0 or v < 0 or w < 0 or here <= best[row, column]:
                    continue
                card = layer[face]
                if card >= 0:
                    s = u * coordinates[a, 0] + v * coordinates[b, 0] + w * coordinates[c, 0]
                    t = u * coordinates[a, 1] + v * coordinates[b, 1] + w * coordinates[c, 1]
                    i = int(t * opacity.shape[1]) % opacity.shape[1]
                    j = int(s * opacity.shape[2]) % opacity.shape[2]
                    if opacity[card, i, j] < 128:
                        continue
                best[row, column] = here
                seen[row, column] = face
    return seen


@_compiled
def _gathered(points: Any, near: Any, faces: Any, seen: Any, perspective: bool) -> Any:
    """Rows, columns, faces and weights of the pixels that see one."""
    count = 0
    for row in range(seen.shape[0]):
        for column in range(seen.shape[1]):
            count += seen[row, column] >= 0
    rows, columns, face = np.empty(count, np.int32), np.empty(count, np.int32), np.empty(count, np.int32)
    weights = np.empty((count, 3), np.float32)
    k = 0
    for row in range(seen.shape[0]):
        for column in range(seen.shape[1]):
            if seen[row, column] >= 0:
                a, b, c = faces[seen[row, column]]
                rows[k], columns[k], face[k] = row, column, seen[row, column]
                u, v, w, _ = _weights(points, near, a, b, c, column + 0.5, row + 0.5, perspective)
                weights[k, 0], weights[k, 1], weights[k, 2] = u, v, w
                k += 1
    return rows, columns, face, weights


@_compiled
def _interpolate(values: Any, corners: Any, weights: Any) -> Any:
    out = np.empty((len(corners), values.shape[1]), np.float32)
    for k in range(len(corners)):
        for channel in range(values.shape[1]):
            out[k, channel] = (
                weights[k, 0] * values[corners[k, 0], channel]
                + weights[k, 1] * values[corners[k, 1], channel]
                + weights[k, 2] * values[corners[k, 2], channel]
            )
    return out


def vertex_normals(vertices: Array, faces: NDArray[np.int32]) -> Array:
    """Unit normals (V,3) float64 of vertices (V,3): the mean of the faces around each, by area."""
    return np.asarray(_normals(np.asarray(vertices, np.float64), faces))


@_compiled
def _normals(vertices: Any, faces: Any) -> Any:
    out = np.zeros((len(vertices), 3))
    for face in range(len(faces)):
        a, b, c = faces[face]
        ux, uy, uz = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
        vx, vy, vz = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
        x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for corner in (a, b, c):
            out[corner, 0] += x
            out[corner, 1] += y
            out[corner, 2] += z
    for k in range(len(out)):
        long = max(np.sqrt(out[k, 0] ** 2 + out[k, 1] ** 2 + out[k, 2] ** 2), 1e-12)
        out[k, 0] /= long
        out[k, 1] /= long
        out[k, 2] /= long
    return out

"""Triangles to pixels: a pinhole view, and the nearest face of every pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deocc_aug.humans.silhouettes import Camera

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class View:
    """A pinhole camera that looks at `centre` (3,) metres; `focal_px`; `middle_px` (2,) is where `centre` is seen.

    A pixel (column i, row j) covers [i, i+1) x [j, j+1).  Same camera as :func:`deocc_aug.humans.silhouettes.project`.
    """

    camera: Camera
    centre: Array
    focal_px: float
    middle_px: Array

    @property
    def axes(self) -> Array:
        """(3,3): columns are the image's right and down and the way ahead, in the world."""
        yaw, pitch, roll = np.radians([self.camera.yaw, self.camera.pitch, self.camera.roll])
        ahead = -np.array([np.sin(yaw) * np.cos(pitch), -np.cos(yaw) * np.cos(pitch), np.sin(pitch)])
        right = np.array([np.cos(yaw), np.sin(yaw), 0.0])
        down = np.cross(ahead, right)
        right, down = np.cos(roll) * right + np.sin(roll) * down, np.cos(roll) * down - np.sin(roll) * right
        return np.stack([right, down, ahead], axis=1)

    @property
    def eye(self) -> Array:
        """(3,) where the camera stands, metres."""
        return np.asarray(self.centre - self.axes[:, 2] * self.camera.distance)

    def project(self, points: Array) -> tuple[Array, Array]:
        """Pixels (P,2) and depths (P,) in metres of points (P,3)."""
        seen = (points - self.eye) @ self.axes
        return seen[:, :2] / seen[:, 2:] * self.focal_px + self.middle_px, seen[:, 2]

    def rays(self, size: tuple[int, int]) -> Array:
        """(H,W,3) the direction in which each pixel's middle looks, of depth 1."""
        columns, rows = np.meshgrid(np.arange(size[1]) + 0.5, np.arange(size[0]) + 0.5)
        x, y = (columns - self.middle_px[0]) / self.focal_px, (rows - self.middle_px[1]) / self.focal_px
        return np.asarray(np.stack([x, y, np.ones_like(x)], axis=2) @ self.axes.T)

    def zoomed(self, factor: int) -> View:
        """The same view with `factor` times as many pixels a side."""
        return View(self.camera, self.centre, self.focal_px * factor, self.middle_px * factor)


@dataclass(frozen=True)
class Covered:
    """The pixels that a mesh covers: `rows`, `columns` (P,), the vertices (P,3) of the face seen there, its weights (P,3)."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    corners: NDArray[np.int32]
    weights: Array

    def interpolate(self, values: Array) -> Array:
        """(P,C) of values (V,C) given at the vertices."""
        return np.asarray(np.einsum("pk,pkc->pc", self.weights, values[self.corners]))


def rasterise(points_px: Array, depth: Array, faces: NDArray[np.int32], size: tuple[int, int]) -> Covered:
    """The nearest face of every pixel, painted from far to near, and where in it the pixel's middle lies.

    Args:
        points_px: (V,2) pixels, `depth` (V,) whatever grows away from the eye; `faces` (F,3) of a closed mesh: those that
            face away are skipped.
        size: (height, width).
    """
    triangles = points_px[faces]
    first, second = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    front = np.flatnonzero(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0] < 0)
    front = front[np.argsort(-depth[faces[front]].mean(axis=1), kind="stable")]
    drawn = np.round((triangles[front] - 0.5) * 256).astype(np.int32)
    painted = np.full(size, -1, dtype=np.int32)
    for face, triangle in zip(front.tolist(), drawn, strict=True):
        cv2.fillConvexPoly(painted, triangle, (face,), shift=8)
    rows, columns = np.nonzero(painted >= 0)
    seen = painted[rows, columns]
    a, b, c = (points_px[faces[seen, k]] for k in range(3))
    at = np.stack([columns + 0.5, rows + 0.5], axis=1)
    area = _cross(b - a, c - a)
    weights = np.stack([_cross(b - at, c - at), _cross(c - at, a - at), _cross(a - at, b - at)], axis=1) / area[:, None]
    weights = np.clip(weights, 0.0, 1.0)  # fillConvexPoly also draws the pixels that the outline only touches
    return Covered(rows, columns, faces[seen], weights / weights.sum(axis=1, keepdims=True))


def vertex_normals(vertices: Array, faces: NDArray[np.int32]) -> Array:
    """Unit normals (V,3) of vertices (V,3): the mean of the faces around each, by area."""
    corners = vertices[faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    summed = np.stack([np.bincount(faces.ravel(), np.repeat(across[:, k], 3), minlength=len(vertices)) for k in range(3)], axis=1)
    return np.asarray(summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-12))


def _cross(a: Array, b: Array) -> Array:
    return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])

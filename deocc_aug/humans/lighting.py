"""One far lamp and the soft shadows that a body casts in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deocc_aug.humans.noise import sample
from deocc_aug.humans.raster import rasterise
from deocc_aug.humans.silhouettes import Camera

Array = NDArray[np.floating[Any]]

_LAMP = (-0.55, -0.6, 0.9)  # where it stands: to the camera's right, ahead of it, up


@dataclass(frozen=True)
class Shadow:
    """What one mesh keeps from a far light: depth and softened coverage on a plane across the light, `cell` metres a pixel."""

    axes: Array
    corner: Array
    cell: float
    depth: NDArray[np.float32]
    coverage: NDArray[np.float32]

    def on_itself(self, points: Array, soft: float = 0.012) -> Array:
        """(P,) share of the light that reaches points (P,3) of the mesh; the edge is `soft` metres wide."""
        seen, lit = points @ self.axes, np.zeros(len(points))
        angles = np.arange(12) * 2.39996  # the golden angle: an even disc
        for radius, angle in zip(np.sqrt((np.arange(12) + 0.5) / 12), angles, strict=True):
            at = seen[:, :2] + soft * radius * np.array([np.cos(angle), np.sin(angle)])
            lit += self._look_up(self.depth, at) > seen[:, 2] - 0.022
        return lit / 12

    def beyond(self, points: Array) -> Array:
        """(...) share of the light that reaches points (...,3) behind the mesh, soft-edged."""
        seen = points.reshape(-1, 3) @ self.axes
        return np.asarray(1 - self._look_up(self.coverage, seen[:, :2])).reshape(points.shape[:-1])

    def _look_up(self, plane: NDArray[np.float32], at: Array) -> Array:
        x, y = (at - self.corner).T / self.cell - 0.5
        return sample(plane, x, y, outside=float(plane[0, 0]))


@dataclass(frozen=True)
class Lighting:
    """`towards` (3,) the lamp, a unit vector; `floor` its height in metres; the body's `shadow`, and what it keeps `under` itself
    from the light of everywhere."""

    towards: Array
    floor: float
    shadow: Shadow
    under: Shadow


def light_up(vertices: Array, faces: NDArray[np.int32], camera: Camera) -> Lighting:
    """Light from above the camera's left on a body `vertices` (V,3) metres, `faces` (F,3) that stands on its lowest point."""
    yaw = np.radians(camera.yaw)
    right, ahead = np.array([np.cos(yaw), np.sin(yaw), 0.0]), np.array([-np.sin(yaw), np.cos(yaw), 0.0])
    towards = np.stack([right, ahead, (0.0, 0.0, 1.0)], axis=1) @ _LAMP
    floor = float(vertices[:, 2].min())
    low = (vertices[faces, 2] < floor + 0.12).all(axis=1)
    return Lighting(
        towards=towards / np.linalg.norm(towards),
        floor=floor,
        shadow=cast_shadow(vertices, faces, towards, soft=0.05),
        under=cast_shadow(vertices, faces[low], np.array([0.0, 0.01, 1.0]), soft=0.03),
    )


def cast_shadow(vertices: Array, faces: NDArray[np.int32], light: Array, soft: float, cell: float = 0.005) -> Shadow:
    """The shadow of a mesh `vertices` (V,3), `faces` (F,3) in light from the direction `light` (3,), blurred over `soft` metres."""
    ahead = -light / np.linalg.norm(light)
    right = np.cross(ahead, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(ahead, right), ahead], axis=1)
    seen = vertices @ axes
    margin = 4 * soft
    corner = seen[:, :2].min(axis=0) - margin
    width, height = (int(side) for side in np.ceil((seen[:, :2].max(axis=0) + margin - corner) / cell))
    covered = rasterise((seen[:, :2] - corner) / cell, seen[:, 2], faces, (height, width))
    depth = np.full((height, width), 1e3, dtype=np.float32)
    depth[covered.rows, covered.columns] = covered.interpolate(seen[:, 2:])[:, 0]
    coverage = cv2.GaussianBlur((depth < 1e3).astype(np.float32), (0, 0), soft / cell)
    return Shadow(axes, corner, cell, depth, coverage)

"""Light: one far lamp, the sky and the floor around, and the soft shadows that a mesh casts in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deocc_aug.humans.camera import Camera
from deocc_aug.humans.noise import sample
from deocc_aug.humans.raster import rasterise

Array = NDArray[np.floating[Any]]

_TAPS = 5


@dataclass(frozen=True, eq=False)
class Light:
    """`towards` (3,) the lamp, a unit vector in the world; `key`, `sky`, `ground` (3,) linear RGB of the lamp, and of what comes from
    above and from below everywhere; `wrap` from 0 (a hard lamp) to 1 (a lamp as wide as the sky)."""

    towards: Array
    key: Array
    sky: Array
    ground: Array
    wrap: float


ROOM_LIGHT = np.array([-0.55, -0.6, 0.9])
"""Where the demo's lamp stands: to the camera's right, ahead of it, up."""


def from_camera(direction: Array, camera: Camera) -> Array:
    """A unit vector (3,) in the world for a `direction` (3,) to the camera's right, ahead of it, up."""
    yaw = np.radians(camera.yaw)
    right, ahead = np.array([np.cos(yaw), np.sin(yaw), 0.0]), np.array([-np.sin(yaw), np.cos(yaw), 0.0])
    towards = np.stack([right, ahead, (0.0, 0.0, 1.0)], axis=1) @ direction
    return np.asarray(towards / np.linalg.norm(towards))


def room_light(camera: Camera) -> Light:
    """The demo's light."""
    key, sky, ground = np.array([[0.98, 0.95, 0.9], [0.32, 0.34, 0.36], [0.22, 0.19, 0.16]])
    return Light(from_camera(ROOM_LIGHT, camera), key, sky, ground, wrap=0.12)


def sample_light(camera: Camera, generator: np.random.Generator) -> Light:
    """Sun, overcast sky, lamps: from any side but mostly above and from the camera's half; warm or cold."""
    around, height = generator.uniform(-np.pi, np.pi), generator.uniform(0.15, 1.4)
    ahead = -abs(np.cos(around)) if generator.random() < 0.7 else np.cos(around)
    towards = from_camera(np.array([np.sin(around) * np.cos(height), ahead * np.cos(height), np.sin(height)]), camera)
    strength, wrap = generator.uniform(0.15, 1.25), generator.uniform(0.05, 0.8)
    warm = np.exp(generator.normal(0, 0.1) * np.array([1.0, 0.1, -1.0]))
    sky = generator.uniform(0.25, 0.75) * np.exp(generator.normal(0, 0.07) * np.array([-1.0, 0.0, 1.0]))
    ground = generator.uniform(0.1, 0.45) * np.exp(generator.normal(0.03, 0.06) * np.array([1.0, 0.2, -1.0]))
    return Light(towards, strength * warm, sky, ground, float(wrap))


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
        angles = np.arange(_TAPS) * 2.39996  # the golden angle: an even disc
        for radius, angle in zip(np.sqrt((np.arange(_TAPS) + 0.5) / _TAPS), angles, strict=True):
            at = seen[:, :2] + soft * radius * np.array([np.cos(angle), np.sin(angle)])
            lit += self._look_up(self.depth, at) > seen[:, 2] - 0.022
        return lit / _TAPS

    def beyond(self, points: Array) -> Array:
        """(...) share of the light that reaches points (...,3) behind the mesh, soft-edged."""
        seen = points.reshape(-1, 3) @ self.axes
        return np.asarray(1 - self._look_up(self.coverage, seen[:, :2])).reshape(points.shape[:-1])

    def _look_up(self, plane: NDArray[np.float32], at: Array) -> Array:
        x, y = (at - self.corner).T / self.cell - 0.5
        return sample(plane, x, y, outside=float(plane[0, 0]))


@dataclass(frozen=True)
class Lighting:
    """A room's: `towards` (3,) the lamp, a unit vector; `floor` its height in metres; the body's `shadow`, and what it keeps `under`
    itself from the light of everywhere."""

    towards: Array
    floor: float
    shadow: Shadow
    under: Shadow


def light_up(vertices: Array, faces: NDArray[np.int32], towards: Array) -> Lighting:
    """The shadows of a body `vertices` (V,3) metres, `faces` (F,3), that stands on its lowest point, in a lamp at `towards` (3,)."""
    floor = float(vertices[:, 2].min())
    low = (vertices[faces, 2] < floor + 0.12).all(axis=1)
    return Lighting(
        towards=towards,
        floor=floor,
        shadow=cast_shadow(vertices, faces, towards, soft=0.05),
        under=cast_shadow(vertices, faces[low], np.array([0.0, 0.01, 1.0]), soft=0.03),
    )


def cast_shadow(vertices: Array, faces: NDArray[np.int32], towards: Array, soft: float, cell: float = 0.005) -> Shadow:
    """The shadow of a mesh `vertices` (V,3), `faces` (F,3) in light from the direction `towards` (3,), blurred over `soft` metres."""
    ahead = -towards / np.linalg.norm(towards)
    right = np.cross(ahead, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(ahead, right), ahead], axis=1)
    seen = vertices @ axes
    margin = 4 * soft
    corner = seen[:, :2].min(axis=0) - margin
    width, height = (int(side) for side in np.ceil((seen[:, :2].max(axis=0) + margin - corner) / cell))
    covered = rasterise((seen[:, :2] - corner) / cell, seen[:, 2], faces, (height, width), perspective=False)
    depth = np.full((height, width), 1e3, dtype=np.float32)
    depth[covered.rows, covered.columns] = covered.interpolate(seen[:, 2:])[:, 0]
    coverage = cv2.GaussianBlur((depth < 1e3).astype(np.float32), (0, 0), soft / cell)
    return Shadow(axes, corner, cell, depth, coverage)

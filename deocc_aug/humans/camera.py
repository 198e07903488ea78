"""Cameras that look at people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Camera:
    """Where a camera stands: degrees `yaw` (0 in front, 90 at the body's left), `pitch` (positive from above), `roll`; metres."""

    yaw: float
    pitch: float
    roll: float
    distance: float


@dataclass(frozen=True)
class View:
    """A pinhole camera that looks at `centre` (3,) metres; `focal_px`; `middle_px` (2,) is where `centre` is seen.

    A pixel (column i, row j) covers [i, i+1) x [j, j+1).  Same camera as :func:`project`.
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


def sample_camera(generator: np.random.Generator, lying: bool = False) -> Camera:
    """All yaws, the front more often; a little above eye level more often, and well above those who lie; near cameras as
    likely per octave as far ones."""
    frontal = generator.random() < 0.45
    pitch = generator.normal(30, 18) if lying else np.clip(generator.normal(5, 12), -25, 35)
    return Camera(
        yaw=float(generator.normal(0, 38) if frontal else generator.uniform(-180, 180)),
        pitch=float(np.clip(pitch, -25, 75)),
        roll=float(np.clip(generator.normal(0, 5), -15, 15)),
        distance=float(np.exp(generator.uniform(np.log(1.0), np.log(12.0)))),
    )


def project(points: Array, camera: Camera, centre: Array) -> tuple[Array, Array]:
    """Perspective images (P,2) of points (P,3), focal length 1, and their depths (P,) in metres; `centre` (3,) is looked at."""
    yaw, pitch, roll = np.radians([camera.yaw, camera.pitch, camera.roll])
    ahead = -np.array([np.sin(yaw) * np.cos(pitch), -np.cos(yaw) * np.cos(pitch), np.sin(pitch)])
    right = np.array([np.cos(yaw), np.sin(yaw), 0.0])
    down = np.cross(ahead, right)
    right, down = np.cos(roll) * right + np.sin(roll) * down, np.cos(roll) * down - np.sin(roll) * right
    seen = (points - centre) @ np.stack([right, down, ahead], axis=1)
    depth = seen[:, 2] + camera.distance
    return seen[:, :2] / depth[:, None], depth

"""Things to stand behind: a wooden crate with a potted plant on it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deocc_aug.humans.camera import View
from deocc_aug.humans.noise import smooth_noise

Array = NDArray[np.floating[Any]]

_FINER = 2
_CRATE = (0.58, 0.38, 0.56)  # metres wide, deep, high
_WHERE = (0.1, 0.34)  # metres to the right of the person and nearer than them
_POT = (0.1, 0.15)  # metres of half width, height


def crate_with_plant(view: View, floor: float, size: tuple[int, int], generator: np.random.Generator) -> NDArray[np.float32]:
    """A layer (H,W,4) float32, RGBA from 0 to 255, to lay over a rendering with `view` and `floor`; `size` is (H,W) pixels."""
    fine = view.zoomed(_FINER)
    layer = np.zeros((size[0] * _FINER, size[1] * _FINER, 4), np.float32)
    ahead = fine.axes[:, 2] * (1, 1, 0)
    base = view.centre + fine.axes[:, 0] * _WHERE[0] - ahead / np.linalg.norm(ahead) * _WHERE[1]
    base[2] = floor
    angle = np.radians(view.camera.yaw - 24)
    wide = np.array([np.cos(angle), np.sin(angle), 0]) * _CRATE[0] / 2
    deep = np.array([-np.sin(angle), np.cos(angle), 0]) * _CRATE[1] / 2
    high = np.array([0, 0, _CRATE[2]])
    _ground_shade(layer, _pixels(fine, [base + 1.05 * (a * wide + b * deep) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]))
    boards = _boards(generator)
    sides = ((-deep, wide, 0.80), (deep, -wide, 0.6), (wide, deep, 0.5), (-wide, -deep, 1.0))
    for out, along, light in sides:
        if out @ (base + out - fine.eye) < 0:
            corners = [base + out - along + high, base + out + along + high, base + out + along, base + out - along]
            _lay_quad(layer, boards * light, _pixels(fine, corners))
    top = [base + high + deep - wide, base + high + deep + wide, base + high - deep + wide, base + high - deep - wide]
    _lay_quad(layer, boards * 1.15, _pixels(fine, top))
    foot = _pixels(fine, [base + high])[0]
    _plant(layer, foot, view.focal_px * _FINER / float((base + high - fine.eye) @ fine.axes[:, 2]), generator)
    layer[..., :3] *= layer[..., 3:] / 255  # so that the nothing beside an edge does not darken it
    small = cv2.resize(layer, size[::-1], interpolation=cv2.INTER_AREA)
    small[..., :3] /= np.maximum(small[..., 3:] / 255, 1e-3)
    return np.asarray(small)


def _pixels(view: View, points: list[Array]) -> NDArray[np.float32]:
    return view.project(np.stack(points))[0].astype(np.float32)


def _ground_shade(layer: NDArray[np.float32], corners: NDArray[np.float32]) -> None:
    shade = np.zeros(layer.shape[:2], np.float32)
    cv2.fillConvexPoly(shade, np.round(corners).astype(np.int32), (170.0,))
    layer[..., 3] = cv2.GaussianBlur(shade, (0, 0), 6)


def _boards(generator: np.random.Generator) -> NDArray[np.float32]:
    """One side of a crate (240,280,3): boards lying between two posts."""
    y, x = np.mgrid[:240, :280].astype(np.float64)
    post = (x < 34) | (x >= 246)
    board = np.where(post, 9 + (x < 34), y // 48).astype(np.intp)
    across, along = np.where(post, x, y), np.where(post, y, x)
    grain = smooth_noise(along / 60 + 11.0 * board, across / 3, generator, octaves=3)
    bright = 1 + 0.09 * generator.normal(0, 1, 16)[board] + 0.1 * grain
    edge = np.where(post, np.minimum(np.abs(x - 34), np.abs(x - 246)), np.minimum(np.mod(y, 48), 48 - np.mod(y, 48)))
    bright = np.where(edge < 2, 0.35, np.where(edge < 5, 0.85 * bright, bright))
    texture = np.array((186.0, 146.0, 98.0)) * bright[..., None]
    for column in (16, 263):
        for row in range(24, 240, 48):
            cv2.circle(texture, (column, row), 3, (70.0, 62.0, 56.0), -1, cv2.LINE_AA)
    return texture.astype(np.float32)


def _lay_quad(layer: NDArray[np.float32], texture: NDArray[np.float32], corners: NDArray[np.float32]) -> None:
    """Lay a texture (h,w,3) on the quadrilateral whose corners (4,2) are its own in clockwise order."""
    h, w = texture.shape[:2]
    to_picture = cv2.getPerspectiveTransform(np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32), corners)
    drawn = cv2.warpPerspective(texture, to_picture, layer.shape[1::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside = np.zeros(layer.shape[:2], np.uint8)
    cv2.fillConvexPoly(inside, np.round(corners).astype(np.int32), (1,))
    layer[inside > 0, :3] = drawn[inside > 0]
    layer[inside > 0, 3] = 255


def _plant(layer: NDArray[np.float32], foot: Array, metre: float, generator: np.random.Generator) -> None:
    """A pot and its leaves; `foot` (2,) px is where it stands, `metre` the pixels of one metre there."""
    half, height = _POT[0] * metre, _POT[1] * metre
    rim = foot - (0, height)
    sides = np.array([rim - (half, 0), rim + (half, 0), foot + (0.72 * half, 0.12 * half), foot + (-0.72 * half, 0.12 * half)])
    y, x = np.mgrid[: layer.shape[0], : layer.shape[1]]
    round_light = 1.05 - 0.75 * np.clip((x - foot[0]) / half + 0.35, -1, 2) ** 2 * 0.5
    pot = np.array((188.0, 104.0, 72.0)) * round_light[..., None]
    mouth = cv2.ellipse2Poly(_point(rim), _point((half, 0.25 * half)), 0, 0, 360, 6)
    for shape in (cv2.convexHull(np.round(sides).astype(np.int32)), mouth):
        inside = np.zeros(layer.shape[:2], np.uint8)
        cv2.fillConvexPoly(inside, shape, (1,))
        layer[inside > 0] = np.concatenate([pot, np.full((*pot.shape[:2], 1), 255.0)], axis=2)[inside > 0]
    count = 64
    for k in range(count):
        lean = generator.normal(0, 0.55)
        length = metre * generator.uniform(0.17, 0.4) * (1 - 0.12 * abs(lean))
        _leaf(layer, rim + (0.45 * half * generator.uniform(-1, 1), 0), lean, length, 0.55 + 0.55 * k / count, generator)


def _leaf(layer: NDArray[np.float32], root: Array, lean: float, length: float, light: float, generator: np.random.Generator) -> None:
    """One bent leaf: its far half darker, a bright rib along its middle."""
    t = np.linspace(0, 1, 14)
    angle = lean + generator.normal(0, 0.7) * t * (0.4 + abs(lean)) + np.sign(lean) * 0.6 * t**2
    steps = np.stack([np.sin(angle), -np.cos(angle)], axis=1) * length / len(t)
    spine = root + np.cumsum(steps, axis=0)
    normal = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    width = (0.085 * length * np.sin(np.pi * np.clip(t, 0.04, 1) ** 1.3))[:, None] * generator.uniform(0.9, 1.7)
    green = np.array((74.0, 128.0, 58.0)) * light * generator.uniform(0.85, 1.15, 3)
    for side, tone in ((1, 0.78), (-1, 1.0)):
        outline = np.concatenate([spine, (spine + side * width * normal)[::-1]])
        cv2.fillPoly(layer, [np.round(outline).astype(np.int32)], (*(green * tone).tolist(), 255.0), cv2.LINE_AA)
    cv2.polylines(layer, [np.round(spine).astype(np.int32)], False, (*(green * 1.3).tolist(), 255.0), 1, cv2.LINE_AA)


def _point(values: Any) -> tuple[int, int]:
    return round(float(values[0])), round(float(values[1]))

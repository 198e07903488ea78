"""Silhouettes of things that stand in front of people, drawn at random."""
from __future__ import annotations

import cv2
import numpy as np

from deocc_aug.types import Mask

SIDE = 128


def _polygon(rng: np.random.Generator) -> np.ndarray:
    angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 12)))
    radii = rng.uniform(0.35, 1, len(angles)) * SIDE / 2
    return np.stack([np.cos(angles), np.sin(angles)], 1) * radii[:, None] + SIDE / 2


def _blob(rng: np.random.Generator) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    radius = np.ones_like(angles)
    for frequency in range(1, 6):
        radius += rng.normal(0, 0.22 / frequency) * np.cos(frequency * angles + rng.uniform(0, 2 * np.pi))
    radius = radius.clip(0.2, None)
    return np.stack([np.cos(angles), np.sin(angles)], 1) * (radius / radius.max() * SIDE / 2)[:, None] + SIDE / 2


def random_shape(rng: np.random.Generator) -> Mask:
    """A furniture-, box-, bar-, blob- or foliage-like silhouette, (h, w) bool, tight, its longer side at most 128 px."""
    kind = rng.choice(["box", "bar", "polygon", "blob", "foliage", "furniture"])
    canvas = np.zeros((SIDE, SIDE), np.uint8)
    if kind == "box":
        cv2.fillPoly(canvas, [_turned_box(rng, rng.uniform(0.35, 1), 12.0)], 1)
    elif kind == "bar":
        cv2.fillPoly(canvas, [_turned_box(rng, rng.uniform(0.06, 0.3), 180.0)], 1)
    elif kind == "polygon":
        cv2.fillPoly(canvas, [_polygon(rng).astype(np.int32)], 1)
    elif kind == "blob":
        cv2.fillPoly(canvas, [_blob(rng).astype(np.int32)], 1)
    elif kind == "foliage":
        for _ in range(rng.integers(12, 60)):
            centre = tuple(int(v) for v in rng.normal(SIDE / 2, SIDE / 5, 2))
            axes = tuple(int(v) for v in rng.uniform(2, 14, 2))
            cv2.ellipse(canvas, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
    else:
        _furniture(canvas, rng)
    x, y, w, h = cv2.boundingRect(canvas)
    if w < 4 or h < 4:
        return np.ones((SIDE // 2, SIDE // 2), np.bool_)
    return canvas[y:y + h, x:x + w] > 0


def _turned_box(rng: np.random.Generator, slenderness: float, turn_degrees: float) -> np.ndarray:
    turn = float(rng.choice([0, 90]) + rng.uniform(-0.5, 0.5) * turn_degrees)
    return cv2.boxPoints(((SIDE / 2, SIDE / 2), (SIDE * 0.95, SIDE * 0.95 * slenderness), turn)).astype(np.int32)


def _furniture(canvas: np.ndarray, rng: np.random.Generator) -> None:
    """A table or a chair: a plate on legs, sometimes with a back."""
    plate = int(SIDE * rng.uniform(0.15, 0.5))
    thick = int(SIDE * rng.uniform(0.08, 0.35))
    canvas[plate:plate + thick] = 1
    for x in rng.uniform(0, 0.94, rng.integers(2, 5)):
        left, width = int(x * SIDE), int(SIDE * rng.uniform(0.03, 0.12)) + 1
        canvas[plate:, left:left + width] = 1
    if rng.random() < 0.5:
        left = int(SIDE * rng.uniform(0, 0.6))
        canvas[:plate, left:left + int(SIDE * rng.uniform(0.15, 0.4))] = 1

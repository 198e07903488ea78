"""Hiding a person at random, and what a caller would then know: the examples that every stage trains on."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from deocc_aug.canvas import box_of
from deocc_aug.occluders.shapes import random_shape
from deocc_aug.training.sources import Example, mask_or_image
from deocc_aug.types import MIRRORED, Affine, Box, Joints, Mask

WORLD = 1.9  # the world around a body, in longer sides


@dataclass(frozen=True, eq=False)
class World:
    """A person in a square world whose middle they stand in: `mask` (s, s) bool, `joints` (17, 3).

    `known` (s, s) bool: where anything is known, the photo's extent.  `to_world` (2, 3) takes the example's pixels here.
    """

    mask: Mask
    joints: Joints
    known: Mask
    to_world: Affine


def to_world(example: Example, side: int, rng: np.random.Generator) -> World:
    """The example with its body's longer side `side` pixels, turned, flipped and stretched at random."""
    size = int(WORLD * side)
    x0, y0, x1, y1 = example.box_xyxy
    scale = side / max(x1 - x0, y1 - y0)
    turn, stretch = np.deg2rad(np.clip(rng.normal(0, 6), -15, 15)), np.exp(rng.normal(0, 0.05))
    flip = rng.random() < 0.5
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    linear = rotation @ np.diag([stretch * (-1 if flip else 1), 1 / stretch]) * scale
    shift = size / 2 - linear @ [(x0 + x1) / 2, (y0 + y1) / 2]
    matrix = np.concatenate([linear, shift[:, None]], 1)
    joints = example.joints.copy()
    joints[:, :2] = (joints[:, :2] @ linear.T + shift) * (joints[:, 2:] > 0)
    if flip:
        joints = joints[MIRRORED]
    mask = np.zeros((size, size), np.bool_)
    known = np.ones((size, size), np.bool_)
    if example.mask is not None:
        mask = cv2.warpAffine(example.mask.astype(np.uint8) * 255, matrix, (size, size)) > 127
    if example.bounded:
        shape = mask_or_image(example).shape[:2]
        known = cv2.warpAffine(np.full(shape, 255, np.uint8), matrix, (size, size)) > 250
    return World(mask, joints, known, matrix)


def stamp(target: Mask, shape: Mask, centre: tuple[float, float], longer: float, turn_degrees: float) -> None:
    """Draws a shape into the mask, its longer side `longer` pixels, turned, its middle at `centre` (x, y)."""
    h, w = shape.shape
    matrix = cv2.getRotationMatrix2D((w / 2, h / 2), turn_degrees, longer / max(h, w))
    matrix[:, 2] += np.array(centre) - (w / 2, h / 2)
    target |= cv2.warpAffine(shape.astype(np.uint8) * 255, matrix, (target.shape[1], target.shape[0])) > 127


def random_occluder(world_mask: Mask, shapes: Sequence[Mask], rng: np.random.Generator, low: float, high: float) -> Mask:
    """A mask that hides a share of the body between `low` and `high` (if some tries find one): real and drawn shapes.

    Beside single objects of the usual sizes there are whole half-planes (a wall, a car, the person in front) and clutter.
    """
    box = box_of(world_mask)
    if box is None:
        return np.zeros_like(world_mask)
    x0, y0, x1, y1 = box
    side, area = max(x1 - x0, y1 - y0), world_mask.sum()
    best = np.zeros_like(world_mask)
    for _ in range(12):
        out = np.zeros_like(world_mask)
        kind = rng.random()
        if kind < 0.08:
            normal = rng.normal(size=2)
            normal[1] = abs(normal[1]) if rng.random() < 0.7 else normal[1]
            ys, xs = np.nonzero(world_mask)
            at = np.quantile(np.stack([xs, ys], 1) @ normal, rng.uniform(0.3, 0.9))
            rows, columns = (np.arange(n) for n in out.shape)
            out |= normal[0] * columns[None, :] + normal[1] * rows[:, None] > at
        else:
            for _ in range(1 if kind < 0.8 else rng.integers(2, 5)):
                shape = shapes[rng.integers(len(shapes))] if shapes and rng.random() < 0.75 else random_shape(rng)
                if rng.random() < 0.5:
                    shape = shape[:, ::-1]
                centre = (rng.uniform(x0 - 0.05 * side, x1 + 0.05 * side), y0 + rng.uniform(0.05, 1.0) * (y1 - y0))
                stamp(out, np.ascontiguousarray(shape), centre, rng.uniform(0.25, 0.9) * side, rng.normal(0, 10))
        hidden = (out & world_mask).sum() / area
        if low <= hidden <= high:
            return out
        if hidden < high and hidden > (best & world_mask).sum() / area:
            best = out
    return best


def random_frame(box: Box, size: int, rng: np.random.Generator, cut_share: float) -> tuple[int, int, int, int]:
    """(x0, y0, x1, y1) of the photo's border in the world; with probability `cut_share` it cuts the body."""
    x0, y0, x1, y1 = box
    side = max(x1 - x0, y1 - y0)
    reach = side * rng.uniform(0.02, 0.45, 4)
    frame = np.array([max(0, x0 - reach[0]), max(0, y0 - reach[1]), min(size, x1 + reach[2]), min(size, y1 + reach[3])])
    if rng.random() < cut_share:
        edge = rng.choice(4, p=[0.17, 0.06, 0.17, 0.6])
        span = (x1 - x0) if edge % 2 == 0 else (y1 - y0)
        depth = rng.uniform(0.05, 0.4 if edge % 2 == 0 else 0.65) * span
        frame[edge] = (box[edge] + depth) if edge < 2 else (box[edge] - depth)
    a, b, c, d = (int(round(v)) for v in frame)
    return a, b, max(c, a + 16), max(d, b + 16)


def annotator_noise(mask: Mask, rng: np.random.Generator, within: Mask) -> Mask:
    """A mask as people and segmenters draw it: a little too wide or narrow, never beyond `within`."""
    size = int(rng.integers(1, 4)) * 2 + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    out = mask.view(np.uint8)
    out = cv2.dilate(out, kernel) if rng.random() < 0.5 else cv2.erode(out, kernel)
    return (out > 0) & within


def told_joints(joints: Joints, hidden: Mask, side: float, rng: np.random.Generator) -> Joints:
    """The joints a caller might supply: none, the visible ones, or hidden ones too; unsure ones are off by more.

    `hidden` is in the frame of the joints.  A confidence c is off by about (1 - c) * 12% of the body's longer side.
    """
    column = joints[:, 0].astype(int).clip(0, hidden.shape[1] - 1)
    row = joints[:, 1].astype(int).clip(0, hidden.shape[0] - 1)
    is_hidden = hidden[row, column]
    mode = rng.random()
    told_visible = 0.0 if mode < 0.5 else rng.uniform(0.5 if mode < 0.75 else 0, 1)
    told_hidden = 0.0 if mode < 0.75 else rng.uniform(0, 1)
    told = np.where(is_hidden, rng.random(17) < told_hidden, rng.random(17) < told_visible) & (joints[:, 2] > 0)
    confidence = rng.uniform(0.25, 1, 17) if rng.random() < 0.6 else np.ones(17)
    off = rng.normal(0, 1, (17, 2)) * (0.008 + 0.12 * (1 - confidence[:, None])) * side
    off[rng.random(17) < 0.02] *= 6
    out = np.concatenate([joints[:, :2] + off, confidence[:, None]], 1)
    return np.where(told[:, None], out, 0.0)

"""Pictures, masks and joints on the grid of patches that both stages' nets run on.

A canvas plane is halved and cut into `patch` x `patch` pixel patches: with the compact preset 256x192 becomes 128x96, and that
a 32x24 grid.  Masks and pictures keep every pixel as a channel; a joint is a Gaussian on the grid.
"""
from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float

from deocc_aug.types import JOINTS, Joints

SHRINK = 2  # canvas pixels a side to one pixel of the net's picture
JOINT_SIGMA = 1.1  # grid cells
WIDEST = 3.0  # a joint of no confidence is this many times wider


def to_patches(planes: Float[np.ndarray, "c h w"], patch: int) -> Float[np.ndarray, "k gh gw"]:
    """Space to depth: (c, h, w) -> (c * patch^2, h / patch, w / patch)."""
    c, h, w = planes.shape
    cells = planes.reshape(c, h // patch, patch, w // patch, patch)
    return np.ascontiguousarray(cells.transpose(0, 2, 4, 1, 3)).reshape(c * patch**2, h // patch, w // patch)


def from_patches(cells: Float[np.ndarray, "k gh gw"], patch: int) -> Float[np.ndarray, "c h w"]:
    """The inverse of `to_patches`."""
    k, gh, gw = cells.shape
    planes = cells.reshape(k // patch**2, patch, patch, gh, gw).transpose(0, 3, 1, 4, 2)
    return np.ascontiguousarray(planes).reshape(k // patch**2, gh * patch, gw * patch)


def shrink(plane: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h2 w2"]:
    """A canvas plane at the net's picture size, averaged over area."""
    size = (plane.shape[1] // SHRINK, plane.shape[0] // SHRINK)
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)


def heatmaps(joints: Joints, cell: int, grid: tuple[int, int]) -> Float[np.ndarray, "17 gh gw"]:
    """(17, gh, gw) float32: a Gaussian per joint of confidence above 0; low confidence makes it wide and low.

    `joints` are x, y in pixels of which `cell` make a grid cell, and confidence.  A joint beyond the grid leaves its tail.
    """
    out = np.zeros((JOINTS, *grid), np.float32)
    ys, xs = np.arange(grid[0]) + 0.5, np.arange(grid[1]) + 0.5
    for joint, (x, y, confidence) in enumerate(joints):
        if confidence > 0:
            sigma = JOINT_SIGMA * (WIDEST - (WIDEST - 1) * confidence)
            row = np.exp(-((ys - y / cell) ** 2) / (2 * sigma**2))
            column = np.exp(-((xs - x / cell) ** 2) / (2 * sigma**2))
            out[joint] = (JOINT_SIGMA / sigma) * row[:, None] * column[None, :]
    return out

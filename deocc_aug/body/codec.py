"""Body and observation as the arrays the body prior works on, and back.

The net runs on a grid of `patch` x `patch` pixel patches of a picture half the canvas' size: with the compact preset a
256x192 canvas becomes 128x96, and that a 32x24 grid.  Masks keep every pixel as a channel; a joint is a Gaussian on the
grid.
"""
from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from deocc_aug.types import JOINTS, Joints, Label

SHRINK = 2  # canvas pixels a side to one pixel of the net's picture
JOINT_SIGMA = 1.1  # grid cells
WIDEST = 3.0  # a joint of no confidence is this many times wider
PLANES = (Label.PERSON, Label.CLEAR, Label.OCCLUDER, Label.OUTSIDE)


def condition_channels(patch: int) -> int:
    return len(PLANES) * patch**2 + JOINTS


def state_channels(patch: int) -> int:
    return patch**2 + JOINTS


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


def joints_from_heatmaps(maps: Float[np.ndarray, "17 gh gw"], cell: int) -> Joints:
    """(17, 3): the centre of mass around each map's peak, in pixels of which `cell` make a grid cell; confidence in [0, 1].

    The confidence is the share of a certain joint's mass that lies around the peak: a map that is spread over several
    places has a low one.
    """
    count, gh, gw = maps.shape
    certain = 2 * np.pi * JOINT_SIGMA**2
    out = np.zeros((count, 3))
    smooth = np.stack([cv2.GaussianBlur(m, (3, 3), 0) for m in maps])
    for joint in range(count):
        row, column = np.unravel_index(int(smooth[joint].argmax()), (gh, gw))
        y0, y1, x0, x1 = max(row - 2, 0), min(row + 3, gh), max(column - 2, 0), min(column + 3, gw)
        mass = np.maximum(maps[joint, y0:y1, x0:x1], 0) + 1e-9
        ys, xs = np.arange(y0, y1) + 0.5, np.arange(x0, x1) + 0.5
        out[joint, 0] = (mass.sum(0) * xs).sum() / mass.sum() * cell
        out[joint, 1] = (mass.sum(1) * ys).sum() / mass.sum() * cell
        out[joint, 2] = min(1.0, float(mass.sum()) / certain)
    return out


def encode_observation(labels: UInt8[np.ndarray, "h w"], joints: Joints, patch: int) -> Float[np.ndarray, "k gh gw"]:
    """The condition (4 * patch^2 + 17, gh, gw) float32 of one observed person; masks in [0, 1]."""
    planes = np.stack([shrink((labels == label).astype(np.float32)) for label in PLANES])
    cells = to_patches(planes, patch)
    return np.concatenate([cells, heatmaps(joints, patch * SHRINK, (cells.shape[1], cells.shape[2]))])


def encode_body(amodal: Float[np.ndarray, "h w"], joints: Joints, patch: int) -> Float[np.ndarray, "k gh gw"]:
    """The state (patch^2 + 17, gh, gw) float32 in [0, 1] of a whole body on a canvas; joints without confidence are empty."""
    cells = to_patches(shrink(amodal.astype(np.float32))[None], patch)
    certain = np.concatenate([joints[:, :2], joints[:, 2:] > 0], 1)
    return np.concatenate([cells, heatmaps(certain, patch * SHRINK, (cells.shape[1], cells.shape[2]))])


def decode_body(state: Float[np.ndarray, "k gh gw"], patch: int) -> tuple[Float[np.ndarray, "h w"], Float[np.ndarray, "17 gh gw"]]:
    """The amodal probability on the canvas (h, w) and the joint maps (17, gh, gw) of a state in [0, 1]."""
    small = from_patches(state[: patch**2], patch)[0]
    amodal = cv2.resize(small, (small.shape[1] * SHRINK, small.shape[0] * SHRINK), interpolation=cv2.INTER_LINEAR)
    return np.asarray(amodal, np.float32), state[patch**2:]

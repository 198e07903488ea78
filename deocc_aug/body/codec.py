"""Body and observation as the arrays the body prior works on, and back."""
from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from deocc_aug.patches import JOINT_SIGMA, SHRINK, from_patches, heatmaps, shrink, to_patches
from deocc_aug.types import JOINTS, Image, Joints, Label

PLANES = (Label.PERSON, Label.CLEAR, Label.OCCLUDER, Label.OUTSIDE)
COLOUR_CELLS = 2  # a patch's colours are those of this many cells a side


def condition_channels(patch: int) -> int:
    return len(PLANES) * patch**2 + JOINTS + 3 * COLOUR_CELLS**2


def state_channels(patch: int) -> int:
    return patch**2 + JOINTS


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


def encode_observation(labels: UInt8[np.ndarray, "h w"], joints: Joints, image: Image | None, patch: int) -> Float[np.ndarray, "k gh gw"]:
    """The condition (4 * patch^2 + 17 + 12, gh, gw) float32 of one observed person; masks in [0, 1], colours in [-1, 1].

    `image` (h, w, 3) uint8 RGB: the canvas, of which only the person's pixels are looked at; None where colours are not known.
    """
    planes = np.stack([shrink((labels == label).astype(np.float32)) for label in PLANES])
    cells = to_patches(planes, patch)
    grid = cells.shape[1], cells.shape[2]
    colours = np.zeros((3 * COLOUR_CELLS**2, *grid), np.float32)
    if image is not None:
        seen = (image.astype(np.float32) / 127.5 - 1) * (labels == Label.PERSON)[..., None]
        small = cv2.resize(seen, (grid[1] * COLOUR_CELLS, grid[0] * COLOUR_CELLS), interpolation=cv2.INTER_AREA)
        colours = to_patches(np.moveaxis(small, 2, 0), COLOUR_CELLS)
    return np.concatenate([cells, heatmaps(joints, patch * SHRINK, grid), colours])


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

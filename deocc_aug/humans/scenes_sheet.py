"""The contact sheet of synthetic people: each scene with the outline of what is hidden or beyond the frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deocc_aug.humans.records import Scene

COLUMNS = 8
OUTLINE = (255, 225, 40)
GAP = 4


def scenes_sheet(scenes: Sequence[Scene]) -> NDArray[np.uint8]:
    """(H,W,3) uint8 RGB: rows of eight scenes of one size.  Raises ValueError for no scene."""
    if not scenes:
        raise ValueError("a sheet needs at least one scene")
    height, width = scenes[0].amodal.shape
    rows = -(-len(scenes) // COLUMNS)
    columns = min(COLUMNS, len(scenes))
    out = np.full((rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, 3), 255, np.uint8)
    for k, scene in enumerate(scenes):
        top, left = GAP + k // COLUMNS * (height + GAP), GAP + k % COLUMNS * (width + GAP)
        out[top : top + height, left : left + width] = _tile(scene)
    return out


def _tile(scene: Scene) -> NDArray[np.uint8]:
    contours: Any = cv2.findContours(scene.amodal.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0]
    outlined = cv2.drawContours(scene.image.copy(), contours, -1, OUTLINE, 1, cv2.LINE_8)
    return np.where((scene.occluder | ~scene.in_frame)[..., None], outlined, scene.image)

"""The contact sheet of synthetic people: each scene with the outline of what is hidden."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deocc_aug.humans.records import Record

COLUMNS = 8
OUTLINE = (255, 225, 40)
GAP = 4


def scenes_sheet(records: Sequence[Record]) -> NDArray[np.uint8]:
    """(H,W,3) uint8 RGB: rows of eight scenes of one size.  Raises ValueError for no scene."""
    if not records:
        raise ValueError("a sheet needs at least one scene")
    height, width = records[0].amodal.shape
    rows = -(-len(records) // COLUMNS)
    columns = min(COLUMNS, len(records))
    out = np.full((rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, 3), 255, np.uint8)
    for k, record in enumerate(records):
        top, left = GAP + k // COLUMNS * (height + GAP), GAP + k % COLUMNS * (width + GAP)
        out[top : top + height, left : left + width] = _tile(record)
    return out


def _tile(record: Record) -> NDArray[np.uint8]:
    contours: Any = cv2.findContours(record.amodal.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0]
    outlined = cv2.drawContours(record.image.copy(), contours, -1, OUTLINE, 1, cv2.LINE_8)
    return np.where(record.occluder[..., None], outlined, record.image)

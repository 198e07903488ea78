"""A result as a COCO annotation."""
from __future__ import annotations

from typing import Any

import numpy as np

from deocc_aug.canvas import box_of
from deocc_aug.data.coco import rle_of
from deocc_aug.types import COCO_JOINTS, Deocclusion

PERSON_CATEGORY = {"id": 1, "name": "person", "supercategory": "person", "keypoints": list(COCO_JOINTS)}


def annotation_of(result: Deocclusion) -> dict[str, Any]:
    """What a result says beside its picture, as JSON; ids, category and file names are the caller's to add.

    `segmentation` is the whole body's mask, `hidden_segmentation` its hidden part (RLE); `keypoints` 17 times x, y, v with v = 2 on
    the visible part, 1 elsewhere (hidden, or beyond the image's border), 0 where there is no answer; `keypoint_scores`,
    `uncertainty`, `changed`, `reason` and `prompt` are the result's own.
    """
    amodal = result.amodal_mask > 0.5
    box = box_of(amodal)
    x0, y0, x1, y1 = (0.0, 0.0, 0.0, 0.0) if box is None else box.tolist()
    return {
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": int(amodal.sum()),
        "segmentation": rle_of(amodal),
        "hidden_segmentation": rle_of(result.hidden_mask),
        "keypoints": _keypoints(result),
        "num_keypoints": int((result.joints[:, 2] > 0).sum()),
        "keypoint_scores": result.joints[:, 2].round(4).astype(float).tolist(),
        "uncertainty": round(float(result.uncertainty), 4),
        "changed": bool(result.changed),
        "reason": result.reason,
        "prompt": result.description.prompt,
    }


def _keypoints(result: Deocclusion) -> list[float | int]:
    numbers: list[float | int] = []
    visible = result.patch.visible
    for x, y, confidence in result.joints.astype(float).tolist():
        column, row = int(np.floor(x)) - result.patch.origin[0], int(np.floor(y)) - result.patch.origin[1]
        seen = 0 <= row < visible.shape[0] and 0 <= column < visible.shape[1] and bool(visible[row, column])
        numbers += [round(x, 2), round(y, 2), 2 if seen else 1] if confidence > 0 else [0, 0, 0]
    return numbers

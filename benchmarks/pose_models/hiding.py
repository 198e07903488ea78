"""Something in front of the person in a top-down crop: occlusion augmentation with the library's own occluders."""
from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS
from mmpose.structures.bbox import get_udp_warp_matrix

from deocc_aug.occluders.cutouts import Cutout, even_numbered, read_cutouts
from deocc_aug.occluders.lens import Lens
from deocc_aug.occluders.paste import covered, draw_rate, occlude
from deocc_aug.types import Mask

LEAST = 300  # pixels of the crop: a smaller silhouette has no shares to hide
SIDE = 160  # pixels of a cut-out's longer side


@TRANSFORMS.register_module()
class HidePerson(BaseTransform):
    """Hides a share of the person, as `deocc_aug.occluders` does: none for one in five, else 5 to 80%.  Its place is after `TopdownAffine`.

    Required keys: img (h, w, 3) uint8 BGR, person_mask (H, W) bool of the picture as it was loaded (`LoadPerson(mask=True)`), flip where
    it was flipped, input_center, input_scale, bbox_rotation, transformed_keypoints, keypoints_visible.

    Modified keys: img; keypoints_visible, a joint's weight in the loss, times `hidden_weight` behind what was put there.

    Added keys: keypoints_hidden (1, 17) bool, the known joints behind it; occluder_mask (h, w) bool.

    Args:
        p: how often it is applied.
        coco: COCO-format folder whose objects and people of odd number are cut out, once a process; None draws everything.
        hidden_weight: of hidden joints; COCO's v = 1 counts fully in MMPose's own trainings, 0 leaves hidden joints out.

    Raises:
        ValueError: a share or weight out of range; a weight between 0 and 0.5, which MMPose's heatmaps would take for no joint.
    """

    def __init__(self, p: float = 0.75, coco: str | None = None, hidden_weight: float = 1.0) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"p is {p}: pass how often people are hidden, from 0 to 1")
        if hidden_weight != 0 and not 0.5 <= hidden_weight <= 1:
            raise ValueError(f"hidden_weight is {hidden_weight}: pass 0, or 0.5 to 1 (MMPose draws no heatmap for a joint under 0.5)")
        self.p, self.coco, self.hidden_weight = p, coco, hidden_weight

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Hides the person; see the class."""
        rng = np.random.default_rng(np.random.randint(2**31))  # MMEngine seeds NumPy's own stream, for each worker
        body, hidden = _in_crop(results), np.zeros(results["keypoints_visible"].shape, np.bool_)
        occluder = np.zeros(body.shape, np.bool_)
        if body.sum() >= LEAST and rng.random() < self.p:
            pasted = occlude(np.ascontiguousarray(results["img"][..., ::-1]), body, _cutouts(self.coco), draw_rate(rng), rng, Lens())
            results["img"], occluder = np.ascontiguousarray(pasted.image[..., ::-1]), pasted.occluder
            hidden = covered(results["transformed_keypoints"][0, :, :2], occluder)[None] & (results["keypoints_visible"] > 0)
        weights = np.where(hidden, np.float32(self.hidden_weight), np.float32(1)) * results["keypoints_visible"]
        return results | {"keypoints_visible": weights, "keypoints_hidden": hidden, "occluder_mask": occluder}


def _in_crop(results: dict[str, Any]) -> Mask:
    """The person's silhouette in the crop that `TopdownAffine(use_udp=True)` made."""
    if "input_size" not in results:
        raise ValueError("HidePerson came before TopdownAffine: put it right after that")
    whole = results["person_mask"][:, ::-1] if results.get("flip") else results["person_mask"]
    rotation = float(results["bbox_rotation"][0]) if "bbox_rotation" in results else 0.0
    matrix = get_udp_warp_matrix(results["input_center"], results["input_scale"], rotation, output_size=results["input_size"])
    return np.asarray(cv2.warpAffine(whole.astype(np.uint8) * 255, matrix, results["input_size"]) > 127)


@cache
def _cutouts(folder: str | None) -> tuple[Cutout, ...]:
    """A folder's cut-outs of odd number, read once a process."""
    return () if folder is None else tuple(read_cutouts(Path(folder), side=SIDE, leave_out=even_numbered))

"""Joints from a top-down MMPose model."""
from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from mmpose.apis import inference_topdown
from torch import nn

from deocc_aug.integrations.mmpose.pipelines import TRANSFORM
from deocc_aug.observe.protocol import told
from deocc_aug.types import COCO_JOINTS, Image, Person


class MMPoseObserver:
    """An observer that finds the joints of a person with a top-down MMPose model, from the person's box.

    It finds no masks: they are the caller's to give, or another observer's to find (`in_turn`, or the preset's own).

    >>> model = mmpose.apis.init_model("rtmpose-s.py", "rtmpose-s.pth", "cpu")                        # doctest: +SKIP
    >>> deoccluder = Deoccluder.from_pretrained("compact", observer=MMPoseObserver(model))            # doctest: +SKIP

    Args:
        model: of any skeleton that has COCO's 17 joints under their names.
        least: a joint whose score is lower stays unknown.

    Raises:
        ValueError: a joint of COCO's is not the model's, or its pipeline completes people itself.
    """

    def __init__(self, model: nn.Module, least: float = 0.3) -> None:
        names: dict[str, int] = model.dataset_meta["keypoint_name2id"]
        lacking = [name for name in COCO_JOINTS if name not in names]
        if lacking:
            raise ValueError(f"the model has no {', '.join(lacking)} (its joints: {', '.join(names)}): pass one with COCO's 17 joints")
        pipeline: list[Any] = model.cfg.test_dataloader.dataset.pipeline
        if any(TRANSFORM in str(step.get("type")) for step in pipeline):
            raise ValueError(f"the model's pipeline has a {TRANSFORM}, which would ask this observer: pass a model without it")
        self.model, self.least = model, least
        self.order = [names[name] for name in COCO_JOINTS]

    def __call__(self, image: Image, person: Person) -> Person:
        """The person with a joint from the model wherever the caller knew none; image (H, W, 3) uint8 RGB."""
        box = person.box_xyxy[None].astype(np.float32)
        (sample,) = inference_topdown(self.model, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), box)
        found = sample.pred_instances
        scores = found.keypoint_scores[0, self.order].clip(0, 1)
        confidence = np.where(scores < self.least, 0, scores)
        return told(person, joints=np.concatenate([found.keypoints[0, self.order], confidence[:, None]], 1).astype(np.float64))

"""A pose model of transformers as an observer: the joints of the person that a box means."""
from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deocc_aug.data.images import check_image
from deocc_aug.observe.boxes import inside
from deocc_aug.observe.hub import fetched, model_type, ready
from deocc_aug.observe.protocol import told
from deocc_aug.types import JOINTS, Box, Image, Joints, Person

CENTRE = 0.5  # VitPose's coordinates are 0 in the middle of the first pixel, ours at its border


class VitPoseObserver:
    """ViTPose: the joints of the person that a box means.

    It fills in `joints` alone, so it goes into `in_turn` with an observer that finds the visible mask.  A pose model answers for
    hidden joints too, and what it says of those is a guess that stage 1 does better: their scores are low and are kept as they
    are, and under `threshold` a joint counts as not found.

    >>> observer = VitPoseObserver.from_pretrained("usyd-community/vitpose-base-simple")      # doctest: +SKIP

    Args:
        model: a `VitPoseForPoseEstimation` of COCO's 17 joints; of a ViTPose++ the expert for COCO answers.
        processor: its image processor.
        threshold: the least score, in [0, 1], of a joint that is told.

    Raises:
        ValueError: a model of other joints.
        ImportError: SciPy, which transformers cuts people out with, is not there.
    """

    MODEL_TYPES = ("vitpose",)

    def __init__(self, model: Any, processor: Any, threshold: float = 0.3) -> None:
        if model.config.num_labels != JOINTS:
            raise ValueError(f"this {type(model).__name__} finds {model.config.num_labels} joints: pass one of COCO's {JOINTS}")
        if find_spec("scipy") is None:
            raise ImportError("VitPoseObserver needs SciPy: pip install scipy")
        self.model, self.processor, self.threshold = model, processor, threshold

    @classmethod
    def from_pretrained(cls, source: str | Path, *, device: str | torch.device | None = None, dtype: torch.dtype | None = None,
                        local_files_only: bool = False) -> VitPoseObserver:
        """Loads it from a folder or by its id on the Hub.

        Raises:
            OSError: it is not here and the Hub cannot be reached.
            ValueError: it is something else, or the device cannot be used.
            ImportError: transformers is too old for it, or SciPy or torchvision is not there.
        """

        def load(local: bool) -> tuple[Any, Any]:
            from transformers import AutoImageProcessor, VitPoseForPoseEstimation

            model_type(source, local, cls.MODEL_TYPES)
            return (VitPoseForPoseEstimation.from_pretrained(source, local_files_only=local),
                    AutoImageProcessor.from_pretrained(source, local_files_only=local))

        model, processor = fetched(source, "a ViTPose pose model", load, local_files_only)
        return cls(ready(model, device, dtype), processor)

    def __call__(self, image: Image, person: Person) -> Person:
        """The person with the joints that the caller did not give.

        Raises:
            ValueError: not an RGB uint8 image (H, W, 3), or a box that lies outside it.
        """
        if person.joints is not None and person.joints[:, 2].all():
            return person
        return told(person, joints=self._joints(np.ascontiguousarray(check_image(image)), person.box_xyxy))

    @torch.inference_mode()
    def _joints(self, image: Image, box_xyxy: Box) -> Joints:
        inside(box_xyxy, image)  # raises
        x0, y0, x1, y1 = box_xyxy - CENTRE
        boxes = [[[x0, y0, x1 - x0, y1 - y0]]]
        pixels = self.processor(images=image, boxes=boxes, return_tensors="pt")["pixel_values"]
        experts = self.model.config.backbone_config.num_experts
        expert = torch.zeros(1, dtype=torch.long, device=self.model.device) if experts > 1 else None  # the first is COCO's
        said = self.model(pixels.to(self.model.device, self.model.dtype), dataset_index=expert)
        said.heatmaps = said.heatmaps.float()
        found = self.processor.post_process_pose_estimation(said, boxes=boxes)[0][0]
        places, scores = found["keypoints"].numpy() + CENTRE, found["scores"].numpy().clip(0, 1)[:, None]
        return np.where(scores >= self.threshold, np.concatenate([places, scores], 1), 0).astype(np.float64)

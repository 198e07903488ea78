"""An MMPose model that looks at the photo and at the completed view of each person."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from mmengine.structures import InstanceData
from mmpose.apis import inference_bottomup, inference_topdown
from mmpose.models.pose_estimators import BottomupPoseEstimator, TopdownPoseEstimator
from mmpose.structures import PoseDataSample
from torch import nn

from deocc_aug.fusion import FusionWeights, weights_of
from deocc_aug.integrations.mmpose.pipelines import TRANSFORM
from deocc_aug.loaded import loaded
from deocc_aug.observe.boxes import overlap
from deocc_aug.options import Options
from deocc_aug.two_views import TwoViews, two_views
from deocc_aug.types import Image, Person


class DeoccludedPose:
    """A pose model whose answer for each person is drawn from two views: the photo and the one in which they are whole.

    Top-down models: joints that are seen mostly come from the photo and hidden ones from whichever of the photo, the completed view
    and the completed body is surest (`deocc_aug.fusion`), for skeletons that have COCO's 17 joints under their names.  Joints beside
    those, and all joints of other skeletons, come from the completed view where it puts them on a hidden part of the body, and from the
    photo elsewhere.  Bottom-up models: all joints come from one view, the completed one, of the body there whose joints' box fits the
    person's best.  People whose picture does not change, or whom the library refuses, keep the model's own answer.

    >>> pose = DeoccludedPose(mmpose.apis.init_model("rtmpose-s.py", "rtmpose-s.pth", "cpu"))          # doctest: +SKIP
    >>> samples = pose(image, [Person(box_xyxy=box, visible_mask=mask)])                                 # doctest: +SKIP

    For an estimator that is not MMPose's there is `deocc_aug.two_views.two_views`.

    Args:
        model: as `mmpose.apis.init_model` makes it, without a `DeoccludePerson` in its pipeline.
        preset, device, dtype: as `Deoccluder.from_pretrained` takes them, dtype as text; loaded once a process.
        seed, options: as a `Deoccluder` takes them.
        weights: of the fusion; None for the preset's own.

    Raises:
        TypeError: not a top-down or bottom-up model.
        ValueError: its pipeline completes people already, or the preset brings no weights and none were passed.
    """

    def __init__(self, model: nn.Module, preset: str = "compact", device: str | None = None, dtype: str = "float32", seed: int = 0,
                 options: Options | None = None, weights: FusionWeights | None = None) -> None:
        if not isinstance(model, (TopdownPoseEstimator, BottomupPoseEstimator)):
            raise TypeError(f"model is a {type(model).__name__}: pass a top-down or bottom-up model of mmpose.apis.init_model; what is "
                            "none goes to deocc_aug.two_views.two_views")
        if any(TRANSFORM in str(step.get("type")) for step in model.cfg.test_dataloader.dataset.pipeline):
            raise ValueError(f"the model's pipeline has a {TRANSFORM}, so it never sees the photo itself: pass a model without it")
        self.model, self.seed, self.options = model, seed, options
        self.deoccluder = loaded(preset, device, dtype)
        self.bottom_up = isinstance(model, BottomupPoseEstimator)
        self.weights = weights if weights is not None or self.bottom_up else weights_of(self.deoccluder.preset)

    def __call__(self, image: Image, people: Sequence[Person]) -> list[PoseDataSample]:
        """A sample for each person, as `inference_topdown` gives them.

        `pred_instances` also holds deocc_original and deocc_completed (1, K, 3), x, y and score: what each view said.  The metainfo has
        deocc_changed, deocc_reason and deocc_uncertainty (None where the person was refused).

        Args:
            image: (H, W, 3) uint8 RGB.
            people: what is known of them, at least their boxes.
        """
        meta: Mapping[str, Any] = self.model.dataset_meta
        found = two_views(self._estimate, self.deoccluder, image, people, weights=None if self.bottom_up else self.weights,
                          names=[meta["keypoint_id2name"][k] for k in range(meta["num_keypoints"])], seed=self.seed, options=self.options)
        return [_sample(person, one, image) for person, one in zip(people, found, strict=True)]

    def _estimate(self, image: Image, boxes: np.ndarray) -> list[np.ndarray]:
        """(K, 3) x, y, score for each box."""
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        if not self.bottom_up:
            return [_joints(sample.pred_instances, 0) for sample in inference_topdown(self.model, bgr, boxes.astype(np.float32))]
        (sample,) = inference_bottomup(self.model, bgr)
        bodies = [_joints(sample.pred_instances, k) for k in range(len(sample.pred_instances.keypoints))]
        return [_fitting(bodies, box, self.model.dataset_meta["num_keypoints"]) for box in boxes]


def _joints(instances: InstanceData, k: int) -> np.ndarray:
    return np.concatenate([instances.keypoints[k], instances.keypoint_scores[k][:, None]], 1).astype(np.float64)


def _fitting(bodies: Sequence[np.ndarray], box: np.ndarray, joints: int) -> np.ndarray:
    """The body (K, 3) whose joints' box overlaps the person's most; scores of 0 where none does."""
    fits = [overlap(np.concatenate([body[:, :2].min(0), body[:, :2].max(0)]), box) for body in bodies]
    return bodies[int(np.argmax(fits))] if max(fits, default=0) > 0 else np.zeros((joints, 3))


def _sample(person: Person, found: TwoViews, image: Image) -> PoseDataSample:
    sample = PoseDataSample(metainfo={
        "img_shape": image.shape[:2], "ori_shape": image.shape[:2], "deocc_reason": found.reason,
        "deocc_changed": found.result is not None and found.result.changed,
        "deocc_uncertainty": None if found.result is None else found.result.uncertainty})
    sample.pred_instances = InstanceData(
        keypoints=found.joints[None, :, :2], keypoint_scores=found.joints[None, :, 2], bboxes=person.box_xyxy[None], bbox_scores=np.ones(1),
        deocc_original=found.original[None], deocc_completed=found.completed[None])
    return sample

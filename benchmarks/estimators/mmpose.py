"""Any top-down MMPose model: a config and its checkpoint, or one of the compact ones by its name."""
from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from deocc_aug.benchmarks.estimators.protocol import model_file, sha256
from deocc_aug.benchmarks.pose_models import weights
from deocc_aug.loaded import one_thread
from deocc_aug.types import COCO_JOINTS, Box, Image, Joints


class MMPoseEstimator:
    """A top-down MMPose model of any skeleton that has COCO's 17 joints under their names.

    Args:
        config: the model's config file; or "compact-clean" or "compact-occluded", models of our own, or a folder that
            `deocc_aug.benchmarks.pose_models.train` wrote.
        checkpoint: its weights; None leaves them random, for trying a config out.  Compact ones have theirs.
        device: as MMPose takes it.

    Raises:
        FileNotFoundError: a file is not there.
        ImportError: mmpose is not installed.
        ValueError: a joint of COCO's is not the model's, or a checkpoint beside a compact model.
    """

    def __init__(self, config: Path, checkpoint: Path | None = None, device: str = "cpu") -> None:
        from deocc_aug.integrations.mmpose import mmpose  # it lets mmpose import beside mmcv-lite

        if weights.is_weights(config):
            if checkpoint is not None:
                raise ValueError(f"checkpoint is {checkpoint}, but {config} has its own weights: leave it out")
            folder = weights.resolve(config)
            self.config, self.checkpoint = folder / weights.CONFIG, folder / weights.TENSORS
            self.model = weights.pose_model(config, device)
        else:
            self.config = model_file(Path(config), "a top-down MMPose config")
            self.checkpoint = None if checkpoint is None else model_file(Path(checkpoint), "the config's checkpoint")
            self.model = mmpose.apis.init_model(str(config), None if checkpoint is None else str(checkpoint), device=device)
        names: dict[str, int] = self.model.dataset_meta["keypoint_name2id"]
        lacking = [name for name in COCO_JOINTS if name not in names]
        if lacking:
            raise ValueError(f"{config} has no {', '.join(lacking)} (its joints: {', '.join(names)}): pass a model with COCO's 17 joints")
        self.order, self.device = [names[name] for name in COCO_JOINTS], device

    def described(self) -> dict[str, str]:
        return {"config": sha256(self.config), "checkpoint": sha256(self.checkpoint) if self.checkpoint else "", "device": self.device}

    def estimate(self, image: Image, box_xyxy: Box) -> Joints:
        """Joints (17, 3) of the boxed person."""
        from mmpose.apis import inference_topdown

        with one_thread():
            (sample,) = inference_topdown(self.model, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), box_xyxy[None].astype(np.float32))
        found = sample.pred_instances
        return np.concatenate([found.keypoints[0, self.order], found.keypoint_scores[0, self.order, None]], axis=1).astype(np.float64)

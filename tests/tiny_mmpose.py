"""A COCO folder of drawn people, and a config of a top-down MMPose model so small that it runs in milliseconds."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pictures import Picture, draw

from deocc_aug.data.atomic import write_json, write_png
from deocc_aug.data.coco import rle_of
from deocc_aug.types import COCO_JOINTS

SCALES = (1.0, 0.8, 1.2)
CONFIG = """
custom_imports = dict(imports=['deocc_aug.integrations.mmpose'], allow_failed_imports=False)
default_scope = 'mmpose'
work_dir = {work!r}
default_hooks = dict(visualization=dict(type='PoseVisualizationHook', enable=False))
randomness = dict(seed=0)
log_level = 'WARNING'
codec = dict(type='MSRAHeatmap', input_size=(64, 96), heatmap_size=(8, 16), sigma=1)
model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(type='PoseDataPreprocessor', mean=[120.0] * 3, std=[60.0] * 3, bgr_to_rgb=True),
    backbone=dict(type='AlexNet'),
    head=dict(type='HeatmapHead', in_channels=256, out_channels=17, deconv_out_channels=(8, 8, 8), deconv_kernel_sizes=(4, 4, 4),
              loss=dict(type='KeypointMSELoss', use_target_weight=True), decoder=codec),
    test_cfg=dict(flip_test=False))
data = dict(type='CocoDataset', data_mode='topdown', ann_file={ann!r}, data_prefix=dict(img={images!r}))
train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
test_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='PackPoseInputs'),
]
train_dataloader = dict(batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
                        dataset=dict(**data, pipeline=train_pipeline))
val_dataloader = dict(batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
                      dataset=dict(**data, test_mode=True, pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(type='CocoMetric', ann_file={ann!r})
test_evaluator = val_evaluator
train_cfg = dict(by_epoch=False, max_iters=2, val_interval=2)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(optimizer=dict(type='SGD', lr=1e-3))
"""


def write_coco(folder: Path, scales: tuple[float, ...] = SCALES) -> Path:
    """Writes people.json and images/; each picture has two people, whose visible masks are said in all of COCO's ways."""
    (folder / "images").mkdir(parents=True)
    images, annotations = [], []
    for i, scale in enumerate(scales, 1):
        picture = draw(scale)
        write_png(folder / "images" / f"{i}.png", picture.image)
        images.append({"id": i, "file_name": f"{i}.png", "height": picture.image.shape[0], "width": picture.image.shape[1]})
        ways = (rle_of(picture.visible_mask), polygons(picture.visible_mask), {"outer": polygons(picture.visible_mask), "inner": []})
        for k in range(2):
            annotations.append(annotation(10 * i + k, i, picture, scale) | {"segmentation": ways[(i + k) % len(ways)]})
    category = {"id": 1, "name": "person", "keypoints": list(COCO_JOINTS), "skeleton": []}
    write_json(folder / "people.json", {"images": images, "categories": [category], "annotations": annotations})
    return folder / "people.json"


def annotation(number: int, image_id: int, picture: Picture, scale: float) -> dict[str, Any]:
    """One person of a picture; odd numbers do not say what is in front."""
    x0, y0, x1, y1 = picture.box_xyxy
    rng = np.random.default_rng(number)
    joints = rng.uniform((x0, y0), (x1, y1), (17, 2)).round(1)
    known = {"id": number, "image_id": image_id, "category_id": 1, "iscrowd": 0, "bbox": [x0, y0, x1 - x0, y1 - y0],
             "area": int(picture.visible_mask.sum()), "num_keypoints": 17,
             "keypoints": np.concatenate([joints, np.full((17, 1), 2.0)], 1).ravel().tolist()}
    return known if number % 2 else known | {"occluder_segmentation": rle_of(picture.occluder_mask)}


def polygons(mask: np.ndarray) -> list[list[float]]:
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [contour.ravel().astype(float).tolist() for contour in contours if len(contour) >= 3]


def write_config(path: Path, ann: Path, work: Path) -> Path:
    """Writes the config, with a training, a validation and a test pipeline, none of which has the transform."""
    path.write_text(CONFIG.replace("{work!r}", repr(str(work))).replace("{ann!r}", repr(str(ann)))
                    .replace("{images!r}", repr(f"{ann.parent / 'images'}/")))
    return path

"""A config of a top-down MMPose model so small that it runs in milliseconds."""
from __future__ import annotations

from pathlib import Path

CONFIG = """
custom_imports = dict(imports=['deocc_aug.integrations.mmpose'], allow_failed_imports=False)
default_scope = 'mmpose'
data_mode = 'topdown'
dataset_type = 'CocoDataset'
work_dir = {work!r}
default_hooks = dict(visualization=dict(type='PoseVisualizationHook', enable=False))
visualizer = dict(type='PoseLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')], name='visualizer')
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
data = dict(type=dataset_type, data_mode=data_mode, ann_file={ann!r}, data_prefix=dict(img={images!r}))
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


def write_config(path: Path, ann: Path, work: Path) -> Path:
    """Writes the config, with a training, a validation and a test pipeline, none of which has the transform."""
    path.write_text(CONFIG.replace("{work!r}", repr(str(work))).replace("{ann!r}", repr(str(ann)))
                    .replace("{images!r}", repr(f"{ann.parent / 'images'}/")))
    return path

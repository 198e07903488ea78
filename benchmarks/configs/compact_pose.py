# MMPose config of the benchmark's compact pose model, trained on people with nothing in front:
#   python -m deocc_aug.benchmarks.pose_models.train --weights clean --ccp CCP --coco COCO --scenes SCENES --out runs/compact-clean
custom_imports = dict(imports=['deocc_aug.integrations.mmpose', 'deocc_aug.benchmarks.pose_models.people',
                               'deocc_aug.benchmarks.pose_models.hiding', 'deocc_aug.benchmarks.pose_models.pacing'],
                      allow_failed_imports=False)
default_scope = 'mmpose'
log_level = 'INFO'
lr = 2e-3
codec = dict(type='UDPHeatmap', input_size=(192, 256), heatmap_size=(48, 64), sigma=2)

model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(type='PoseDataPreprocessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True),
    backbone=dict(type='ResNet', depth=18, stem_channels=24, base_channels=24),
    head=dict(type='HeatmapHead', in_channels=192, out_channels=17, deconv_out_channels=(48, 48, 48), deconv_kernel_sizes=(4, 4, 4),
              loss=dict(type='KeypointMSELoss', use_target_weight=True), decoder=codec),
    train_cfg=dict(compute_acc=False),
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False))

train_pipeline = [
    dict(type='LoadPerson'),
    dict(type='GetBBoxCenterScale'),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomHalfBody', prob=0.2),
    dict(type='RandomBBoxTransform', shift_factor=0.1, scale_factor=(0.75, 1.25), rotate_factor=40, rotate_prob=0.5),
    dict(type='TopdownAffine', input_size=codec['input_size'], use_udp=True),
    dict(type='PhotometricDistortion'),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
test_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=codec['input_size'], use_udp=True),
    dict(type='PackPoseInputs'),
]
train_dataloader = dict(
    batch_size=32, num_workers=1, persistent_workers=True, sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(type='CompactPosePeople', pipeline=train_pipeline))
test_dataloader = dict(
    batch_size=32, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(type='CocoDataset', data_mode='topdown', test_mode=True, pipeline=test_pipeline))
test_evaluator = dict(type='CocoMetric')
test_cfg = dict()

train_cfg = dict(type='TimedTrainLoop', max_iters=20000)
optim_wrapper = dict(type='Bfloat16OptimWrapper', optimizer=dict(type='AdamW', lr=lr, weight_decay=0.02),
                     paramwise_cfg=dict(norm_decay_mult=0, bias_decay_mult=0))
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=100, log_metric_by_epoch=False),
    checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=500, max_keep_ckpts=1, save_last=True))
custom_hooks = [
    dict(type='PacedLearningRate', lr=lr),
    dict(type='EMAHook', ema_type='ExpMomentumEMA', momentum=0.002, update_buffers=True, priority=49),
    dict(type='ChannelsLast'),
    dict(type='PlainCheckpoints'),
]

# The same model, trained with the library's own occluders in front of three people in four:
#   python -m deocc_aug.benchmarks.pose_models.train --weights occluded --ccp CCP --coco COCO --scenes SCENES --out runs/compact-occluded
_base_ = ['compact_pose.py']

train_pipeline = [
    dict(type='LoadPerson', mask=True),
    *_base_.train_pipeline[1:6],
    dict(type='HidePerson', p=0.75),
    *_base_.train_pipeline[6:],
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

"""deocc-aug for MMPose 1.3: a transform for top-down pipelines, a model that looks twice, and an observer that any top-down model makes.

Import this before mmpose (a config does with `custom_imports=dict(imports=['deocc_aug.integrations.mmpose'])`): beside mmcv-lite, or
without mmdet, mmpose does not import by itself.
"""
from __future__ import annotations

from deocc_aug.integrations.mmpose.lite import stand_ins

try:
    with stand_ins():
        import mmpose.apis
        import mmpose.models  # noqa: F401
except ImportError as error:
    raise ImportError(f"the MMPose integration cannot import mmpose ({error}): pip install 'deocc-aug[mmpose]' && "
                      "pip install --no-deps mmpose==1.3.2") from error

from deocc_aug.integrations.mmpose.fused import DeoccludedPose
from deocc_aug.integrations.mmpose.observer import MMPoseObserver
from deocc_aug.integrations.mmpose.pipelines import insert_transform
from deocc_aug.integrations.mmpose.transform import RESULT_KEYS, DeoccludePerson

__all__ = ["RESULT_KEYS", "DeoccludePerson", "DeoccludedPose", "MMPoseObserver", "insert_transform"]

"""deocc-aug for Albumentations 2.0: one transform that completes the person, and one that puts something in front of them.

Saved pipelines know the two by their import paths, so import this before `A.load` or `A.from_dict`.
"""
from __future__ import annotations

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else its import asks the package index for a newer version

try:
    import albumentations  # noqa: F401  the library: imports are absolute
except ImportError as error:
    raise ImportError(f"the Albumentations integration cannot import albumentations ({error}): "
                      "pip install 'deocc-aug[albumentations]'") from error

from deocc_aug.integrations.albumentations.deocclude import Deocclude
from deocc_aug.integrations.albumentations.paste import PasteOccluder
from deocc_aug.integrations.albumentations.targets import TARGETS

__all__ = ["TARGETS", "Deocclude", "PasteOccluder"]

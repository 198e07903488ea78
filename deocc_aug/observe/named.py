"""The observer that a model's folder or Hub id means."""
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deocc_aug.observe.hub import fetched, model_type
from deocc_aug.observe.poses import VitPoseObserver
from deocc_aug.observe.protocol import Observer
from deocc_aug.observe.segmenters import Mask2FormerObserver, SamObserver

if TYPE_CHECKING:
    import torch

KINDS = (SamObserver, Mask2FormerObserver, VitPoseObserver)


def observer_named(source: str | Path, *, device: str | torch.device | None = None, dtype: torch.dtype | None = None,
                   local_files_only: bool = False) -> Observer:
    """A model of transformers as the observer that its configuration says it is.

    Raises:
        OSError: it is not here and the Hub cannot be reached.
        ValueError: no observer is made of such a model, or the device cannot be used.
        ImportError: transformers is too old for it, or lacks what it needs.
    """

    known = [name for kind in KINDS for name in kind.MODEL_TYPES]
    found = fetched(source, "a SAM, SAM 2, Mask2Former or ViTPose", lambda local: model_type(source, local, known), local_files_only)
    kind = next(kind for kind in KINDS if found in kind.MODEL_TYPES)
    return kind.from_pretrained(source, device=device, dtype=dtype, local_files_only=local_files_only)

"""What stage 2 has to be able to do, and which of ours a preset holds."""
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float

from deocc_aug.describe.describer import Reader
from deocc_aug.types import Body, Canvas, Mask, Observation


@runtime_checkable
class Painter(Protocol):
    """Paints a canvas; see `deocc_aug.appearance.latent_pipeline.LatentAppearancePipeline`.  `read` encodes prompts, or is None."""

    read: Reader | None
    save_pretrained: Callable[..., Any]

    def __call__(self, canvas: Canvas, observation: Observation, body: Body, hole: Mask, *, steps: int, guidance: float,
                 generator: torch.Generator, words: Float[np.ndarray, "tokens channels"] | None = None,
                 samples: int = 1) -> Float[np.ndarray, "k h w 3"]: ...


def painter_class(folder: Path) -> Any:
    """The pipeline class that a part's own `model_index.json` names.

    Raises:
        ValueError: none of ours.
    """
    from deocc_aug.appearance.latent_pipeline import LatentAppearancePipeline
    from deocc_aug.appearance.pipeline import AppearancePipeline
    from deocc_aug.appearance.stable import StableAppearancePipeline

    ours = {kind.__name__: kind for kind in (AppearancePipeline, LatentAppearancePipeline, StableAppearancePipeline)}
    name = json.loads((folder / "model_index.json").read_text()).get("_class_name")
    if name not in ours:
        raise ValueError(f"{folder} holds a {name}: stage 2 of a preset is one of {sorted(ours)}")
    return ours[name]

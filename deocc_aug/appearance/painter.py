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
    """Paints canvases.  `read` encodes prompts, or is None where no words are heard."""

    read: Reader | None
    save_pretrained: Callable[..., Any]

    def __call__(self, canvas: Canvas, observation: Observation, body: Body, hole: Mask, *, steps: int, guidance: float,
                 generator: torch.Generator, words: Float[np.ndarray, "tokens channels"] | None = None,
                 samples: int = 1) -> Float[np.ndarray, "k h w 3"]:
        """Paints one canvas.

        Args:
            canvas: the person; its pixels inside `hole` are never looked at.
            observation: its labels.
            body: the completed body, hidden joints included.
            hole: (h, w) bool, what to paint.
            steps: diffusion steps, at least 1.
            guidance: 1 is off.
            generator: CPU generator the noise is drawn from.
            words: the prompt's embedding (`read`); None is that of no words.
            samples: how many pictures.

        Returns:
            (samples, h, w, 3) float32 in 0..255, the whole canvas, also where it was known.
        """


def one_by_one(painter: type) -> bool:
    """Whether this class of pipeline paints for itself alone, and its nets cannot answer for several people at once."""
    from deocc_aug.appearance.stable import StableAppearancePipeline

    return issubclass(painter, StableAppearancePipeline)


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

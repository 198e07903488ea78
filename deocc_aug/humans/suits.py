"""What a wardrobe's clothes cover, read from their shape: MakeHuman's files do not say where trousers end and what is a skirt."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from deocc_aug.humans.bodies import body_model
from deocc_aug.humans.wardrobe import Garment

# On the template, metres: heights above the pelvis, and widths from the middle.
_CHEST, _MIDRIFF, _HIPS, _THIGH, _CALF = 0.4, 0.25, 0.0, -0.2, -0.6
_WIDE = 0.12
_LEG = 0.015  # what is this much below the lowest cloth between the legs has legs of its own


@dataclass(frozen=True)
class Covers:
    """What a garment is worn as: `top` and `bottom` are words for it, None where it covers no such part of the body."""

    top: str | None
    bottom: str | None

    def __bool__(self) -> bool:
        return self.top is not None or self.bottom is not None


@lru_cache(maxsize=512)
def covers(garment: Garment) -> Covers:
    """Whether a garment covers the trunk, the hips, both or neither (glasses), seen on the body of average shape.

    Below the hips cloth across the body's middle is a skirt; legs hang lower than the cloth between them.
    """
    vertices = garment.fit(body_model().anny.template_vertices.numpy())
    x, z = vertices[:, 0], vertices[:, 2]
    lowest, wide = float(z.min()), float(np.abs(x).max()) > _WIDE
    corners = vertices[garment.faces]
    across = (corners[..., 0].min(axis=1) <= 0) & (corners[..., 0].max(axis=1) >= 0)
    between = float(corners[across, :, 2].min()) if across.any() else np.inf
    bottom = None
    if wide and lowest < _HIPS:
        if between < _THIGH:
            bottom = "skirt"
        elif lowest < between - _LEG:
            bottom = "trousers" if lowest < _CALF else "shorts"
    return Covers("top" if wide and z.max() > _CHEST and lowest < _MIDRIFF else None, bottom)

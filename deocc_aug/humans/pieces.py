"""What a picture of a person is drawn from: pieces, and the names of body parts and of what people wear."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deocc_aug.humans.bodies import REGIONS, BodyModel

Array = NDArray[np.floating[Any]]

WEAR = ("nothing", "skin", "hair", "top", "bottom", "coat", "shoes", "hat", "bag")
"""What a pixel shows; 0 is no person."""

PARTS = (
    "nothing", "head", "torso", "left_upper_arm", "right_upper_arm", "left_lower_arm", "right_lower_arm", "left_hand", "right_hand",
    "left_thigh", "right_thigh", "left_shin", "right_shin", "left_foot", "right_foot",
)  # fmt: skip
"""The body's parts, seen or under cloth; 0 is no person."""

Seen = tuple[Array, NDArray[np.uint8]]
Surface = Callable[[Array], Seen]


@dataclass(frozen=True, eq=False)
class Piece:
    """A mesh as it is worn: `vertices` (V,3) metres, `faces` (F,3) int32, body `parts` (V,) index into :data:`PARTS`.

    `values` (V,C) are interpolated to the pixels; `surface` makes linear reflectance (P,3) and :data:`WEAR` (P,) of them.
    `both_sides`: seen from inside too.  `opacity` (h,w) uint8 or None: holes, at the first two values in shares of its size.
    """

    vertices: Array
    faces: NDArray[np.int32]
    parts: NDArray[np.uint8]
    values: Array
    surface: Surface
    gloss: float = 0.03
    both_sides: bool = False
    opacity: NDArray[np.uint8] | None = None


@lru_cache(maxsize=1)
def skin_parts(model: BodyModel) -> NDArray[np.uint8]:
    """(V,) index into :data:`PARTS` of every vertex of the skin."""
    names = [
        REGIONS[region] if REGIONS[region] in PARTS else ("left_" if side >= 0 else "right_") + REGIONS[region]
        for region, side in zip(model.regions, model.sides, strict=True)
    ]
    return np.array([PARTS.index(name) for name in names], dtype=np.uint8)

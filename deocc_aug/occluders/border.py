"""The image border as what hides somebody: where to cut a picture so that a chosen share of the body is beyond it."""
from __future__ import annotations

import numpy as np

from deocc_aug.types import Mask

LIKELY = {"bottom": 0.6, "left": 0.17, "right": 0.17, "top": 0.06}


def cutting_frame(amodal: Mask, rate: float, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """(x0, y0, x1, y1) of the part of the picture to keep: one side of it, the lower one mostly, cuts `rate` of the body off.

    Raises:
        ValueError: an empty mask, or a rate that is not in [0, 0.9].
    """
    if not amodal.any():
        raise ValueError("amodal is empty: pass a picture with a person in it")
    if not 0 <= rate <= 0.9:
        raise ValueError(f"rate is {rate!r}: pass the share of the person to cut off, from 0 to 0.9")
    height, width = amodal.shape
    edge = str(rng.choice(list(LIKELY), p=list(LIKELY.values())))
    along = amodal.sum(1 if edge in ("top", "bottom") else 0)
    beyond = np.concatenate([[0], np.cumsum(along if edge in ("left", "top") else along[::-1])]) / along.sum()
    depth = int(np.abs(beyond - rate).argmin()) if rate else 0
    return (depth if edge == "left" else 0, depth if edge == "top" else 0,
            width - depth if edge == "right" else width, height - depth if edge == "bottom" else height)

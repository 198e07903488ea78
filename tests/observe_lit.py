"""Models that answer from what they are shown: the lit parts of a dark picture are the people.

So a picture's way in and an answer's way out are tested together, whatever a processor does to either.
"""
from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

SIZE = 80, 128  # height, width of the picture: neither square nor any model's own size
LEFT, RIGHT = (16, 20, 48, 60), (80, 40, 112, 60)  # x0, y0, x1, y1 of the lit parts, on the borders of every model's cells


def dark(*lit: tuple[int, int, int, int], size: tuple[int, int] = SIZE) -> np.ndarray:
    """(H, W, 3): black, white where it is lit."""
    image = np.zeros((*size, 3), np.uint8)
    for x0, y0, x1, y1 in lit:
        image[y0:y1, x0:x1] = 255
    return image


def mask_of(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    return np.asarray(dark((x0, y0, x1, y1))[..., 0] > 0)


def shown(pixel_values: torch.Tensor) -> torch.Tensor:
    """(b, 1, h, w): 1 where what the model is shown is lit, between 0 and 1 at the borders."""
    light = pixel_values.float().mean(1, keepdim=True)
    dim, bright = light.amin(), light.amax()
    return (light - dim) / (bright - dim)


def logits_of(lit: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Logits of masks of another size: 5 where it is lit, -5 where it is dark."""
    return (F.interpolate(lit, size, mode="area") > 0.5).float() * 10 - 5


def half(lit: torch.Tensor, right: bool) -> torch.Tensor:
    """What is lit in one half of the picture."""
    middle = lit.shape[-1] // 2
    kept = torch.zeros_like(lit)
    part = slice(middle, None) if right else slice(None, middle)
    kept[..., part] = lit[..., part]
    return kept

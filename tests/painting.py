"""What stage 2's tests paint: the drawn person behind the board, their body told."""
from __future__ import annotations

from typing import Any

import numpy as np
import torch
from pictures import draw

from deocc_aug.canvas import cut, place
from deocc_aug.observe.given import observe
from deocc_aug.types import Body, Canvas, Mask, Observation

SIZE = (256, 192)


def case(hidden: int = 0) -> tuple[Canvas, Observation, Body, Mask]:
    """Canvas, observation, body and hole; under the board the photo is `hidden`, 0..255."""
    picture = draw()
    image = picture.image.copy()
    image[picture.occluder_mask] = hidden
    canvas = cut(image, place(np.array([0.0, 0, 220, 300]), SIZE), SIZE)
    joints = np.concatenate([np.random.default_rng(0).uniform(50, 150, (17, 2)), np.ones((17, 1))], 1)
    amodal = np.zeros(SIZE, np.float32)
    amodal[30:230, 60:130] = 1
    hole = cut(np.repeat(picture.occluder_mask[..., None], 3, 2).view(np.uint8) * 255, canvas.image_to_canvas, SIZE).image[..., 0] > 0
    assert (hole & (amodal > 0.5)).any() and (hole & (amodal < 0.5)).any()
    return canvas, observe(canvas, picture.person()), Body(amodal, joints, amodal[None], 0.0), hole


def paint(pipeline: Any, seed: int = 0, hidden: int = 0, **options: Any) -> np.ndarray:
    canvas, observation, body, hole = case(hidden)
    settings = {"steps": 2, "guidance": 1.0, **options}
    return pipeline(canvas, observation, body, hole, generator=torch.Generator().manual_seed(seed), **settings)

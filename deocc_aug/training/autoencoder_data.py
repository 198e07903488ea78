"""Training examples of the autoencoder: windows of photos and renderings of people, at a canvas's scale, with a hole."""
from __future__ import annotations

from functools import partial
from pathlib import Path

import cv2
import numpy as np

from deocc_aug.occluders.matching import relit
from deocc_aug.occluders.shapes import random_shape
from deocc_aug.training.hide import stamp
from deocc_aug.training.sources import Example, read_ccp, read_coco_people, read_coco_shapes, read_scenes
from deocc_aug.training.stream import Make, Sources, StreamData
from deocc_aug.types import Mask

CROP = 240  # a body's longer side, at most, in the pictures held in memory
BODY = (100, 230)  # its longer side in a window, pixels


def window(example: Example, rng: np.random.Generator, shapes: list[Mask], side: int) -> dict[str, np.ndarray]:
    """A square window: `picture` (side, side, 3) uint8, `known` (side, side) bool, False in a hole.

    Half of the windows lie on the person, the others anywhere in the picture.
    """
    if example.image is None:
        raise ValueError("the autoencoder learns from pictures: this example has none")
    height, width = example.image.shape[:2]
    x0, y0, x1, y1 = example.box_xyxy
    scale = np.clip(rng.uniform(*BODY) / max(x1 - x0, y1 - y0), side / min(height, width), 1.5)
    area = (x0, y0, x1, y1) if rng.random() < 0.5 else (0, 0, width, height)
    reach = side / 2 / scale  # half a window in the picture's pixels
    middle = [np.clip(rng.uniform(low, high), min(reach, size / 2), max(size - reach, size / 2))
              for low, high, size in ((area[0], area[2], width), (area[1], area[3], height))]
    turn = scale * (-1 if rng.random() < 0.5 else 1)
    matrix = np.array([[turn, 0, side / 2 - turn * middle[0]], [0, scale, side / 2 - scale * middle[1]]])
    picture = cv2.warpAffine(example.image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    if rng.random() < 0.5:
        picture = relit(picture, rng)
    hole = np.zeros((side, side), np.bool_)
    for _ in range(int(rng.integers(1, 4))):
        shape = shapes[rng.integers(len(shapes))] if shapes and rng.random() < 0.7 else random_shape(rng)
        stamp(hole, shape, (rng.uniform(0, side), rng.uniform(0, side)), rng.uniform(0.2, 1.2) * side, rng.uniform(0, 360))
    return {"picture": np.ascontiguousarray(picture), "known": ~hole}


class AutoencoderData(StreamData):
    """Windows of `ccp` train and unlabelled photos, of COCO images of odd number around people, and of synthetic people.

    Args:
        ccp: folder of Clothing Co-Parsing, or None.
        coco: COCO-format folder with people and occluder shapes, or None (drawn shapes only).
        scenes: folder of shards of synthetic people (`deocc-aug synth`), or None.
        shares: how often `ccp` train, `ccp` unlabelled, COCO and the synthetic people are drawn.
        batch_size: windows a step.
        workers: processes that make windows; 0 makes them in the training process.
        seed: of the stream; resuming with another seed continues with fresh windows.
        side: of a window, pixels.
    """

    def __init__(self, ccp: str | None = None, coco: str | None = None, scenes: str | None = None,
                 shares: tuple[float, float, float, float] = (0.3, 0.3, 0.25, 0.15), batch_size: int = 16, workers: int = 1,
                 seed: int = 0, side: int = 128) -> None:
        super().__init__(batch_size, workers, seed)
        self.ccp, self.coco, self.scenes, self.shares, self.side = ccp, coco, scenes, shares, side

    def read(self) -> Sources:
        return [(self.shares[0], read_ccp(Path(self.ccp), "train", CROP, photos=True) if self.ccp else []),
                (self.shares[1], read_ccp(Path(self.ccp), "unlabelled", CROP, photos=True) if self.ccp else []),
                (self.shares[2], read_coco_people(Path(self.coco), CROP, photos=True) if self.coco else []),
                (self.shares[3], read_scenes(Path(self.scenes), CROP, photos=True) if self.scenes else [])]

    def maker(self) -> Make:
        return partial(window, shapes=read_coco_shapes(Path(self.coco)) if self.coco else [], side=self.side)

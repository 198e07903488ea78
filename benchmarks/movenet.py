"""MoveNet, a pose estimator that nobody here wrote (single pose, TFLite, COCO-17), run with `ai-edge-litert`."""
from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float

from deocc_aug.types import MIRRORED, Box, Image, Joints

ROOM = 1.25  # longer sides of the box that the estimator is shown
WIDER = 1.5


class MoveNet:
    """COCO-17 joints of one boxed person by a MoveNet TFLite file.

    Raises:
        ImportError: ai-edge-litert is not installed.
        ValueError: the file is no such model.
    """

    def __init__(self, path: Path) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise ImportError("this benchmark runs MoveNet with ai-edge-litert: pip install ai-edge-litert") from error
        self._net: Any = Interpreter(str(path), num_threads=1)
        self._net.allocate_tensors()
        self.side = int(self._net.get_input_details()[0]["shape"][1])

    def __call__(self, image: np.ndarray, box: np.ndarray) -> np.ndarray:
        """Joints (17, 2) px in `image` (H, W, 3) uint8 of the person in `box` (4,)."""
        return self.scored(image, box)[:, :2]

    def scored(self, image: Image, box: Box, room: float = ROOM, mirrored: bool = False) -> Joints:
        """Joints (17, 3) x, y px and score; `mirrored` shows the net the mirror image."""
        scale = self.side / (room * max(box[2] - box[0], box[3] - box[1]))
        middle = (box[:2] + box[2:]) / 2
        shift = self.side / 2 - scale * middle
        shown = cv2.warpAffine(image, np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]), (self.side, self.side))
        kind = self._net.get_input_details()[0]
        self._net.set_tensor(kind["index"], (shown[:, ::-1] if mirrored else shown)[None].astype(kind["dtype"]))
        self._net.invoke()
        yxs = np.float64(self._net.get_tensor(self._net.get_output_details()[0]["index"])[0, 0])
        xy = yxs[:, 1::-1] * self.side
        if mirrored:
            xy, yxs = (np.array([self.side, 0]) - xy * (1, -1))[MIRRORED], yxs[MIRRORED]
        return np.concatenate([(xy - shift) / scale, yxs[:, 2:]], 1)

    def looks(self, image: Image, box: Box) -> Float[np.ndarray, "4 17 3"]:
        """The joints of four looks, two sizes and their mirror images; the first is `scored`."""
        return np.stack([self.scored(image, box, room, mirrored) for room, mirrored in product((ROOM, WIDER), (False, True))])


def one_of(looks: Float[np.ndarray, "n 17 3"]) -> Joints:
    """The joints (17, 3) of several looks as one, each look counting by its score."""
    share = looks[..., 2:].clip(0.01)
    return np.concatenate([(looks[..., :2] * share).sum(0) / share.sum(0), looks[..., 2:].mean(0)], 1)

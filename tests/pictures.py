"""A drawn picture of a partly hidden person."""
from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from deocc_aug import Person


@dataclass(frozen=True)
class Picture:
    """A drawn scene: image (H, W, 3) uint8, the visible and the whole mask of the person, the board in front of it."""

    image: np.ndarray
    visible_mask: np.ndarray
    occluder_mask: np.ndarray
    amodal_mask: np.ndarray
    box_xyxy: tuple[float, float, float, float]

    def person(self) -> Person:
        return Person(box_xyxy=np.array(self.box_xyxy), visible_mask=self.visible_mask, occluder_mask=self.occluder_mask)


def draw(scale: float = 1.0) -> Picture:
    """The scene, 300 x 220 pixels at scale 1, with a person of 240 pixels whose legs are partly behind a board."""
    height, width = round(300 * scale), round(220 * scale)
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([90 + 60 * rows / height, 120 + 40 * columns / width, np.full(rows.shape, 150.0)], 2).astype(np.uint8)

    def at(*values: float) -> tuple[int, ...]:
        return tuple(round(value * scale) for value in values)

    body = np.zeros((height, width), np.uint8)
    cv2.circle(body, at(110, 52), at(20)[0], 1, -1)
    cv2.ellipse(body, at(110, 118), at(34, 52), 0, 0, 360, 1, -1)
    for x0, x1, y0, y1, thick in ((80, 58, 90, 170, 16), (140, 162, 90, 170, 16), (97, 92, 150, 265, 24), (123, 128, 150, 265, 24)):
        cv2.line(body, at(x0, y0), at(x1, y1), 1, at(thick)[0])
    board = np.zeros((height, width), np.uint8)
    cv2.rectangle(board, at(70, 190), at(190, 250), 1, -1)
    image[body > 0] = (60, 80, 160)
    cv2.circle(image, at(110, 52), at(20)[0], (220, 180, 150), -1)
    image[board > 0] = (130, 90, 50)
    visible = (body > 0) & (board == 0)
    x, y, w, h = cv2.boundingRect(visible.astype(np.uint8))
    return Picture(image, visible, board > 0, body > 0, (float(x), float(y), float(x + w), float(y + h)))

"""Joints as OpenPose draws them, which is what OpenPose ControlNets were trained to follow."""
from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float

from deocc_aug.types import Image, Joints

SURE = 0.15  # joints of less confidence are not drawn
STICK, AT = 4, 512  # a limb's half width and a joint's radius in pixels, in a picture whose longer side is that long
FAINT = 0.6  # of a limb's colour, so that the joints stand out
NECK = 1
FROM_COCO = (0, NECK, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)
"""OpenPose's 18 joints by their number in COCO; the neck, which COCO has not, is the shoulders' middle."""
SHOULDERS = (5, 6)
LIMBS = ((1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13), (1, 0), (0, 14), (14, 16),
         (0, 15), (15, 17))
COLOURS = ((255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0), (0, 255, 0), (0, 255, 85), (0, 255, 170),
           (0, 255, 255), (0, 170, 255), (0, 85, 255), (0, 0, 255), (85, 0, 255), (170, 0, 255), (255, 0, 255), (255, 0, 170), (255, 0, 85))
"""RGB, of the joints in OpenPose's order, and of the limbs in theirs (ControlNet's annotator)."""


def openpose_joints(joints: Joints) -> tuple[Float[np.ndarray, "18 2"], Bool[np.ndarray, "18"]]:
    """OpenPose's 18 joints of COCO's 17, and which of them are known."""
    places, known = joints[list(FROM_COCO), :2].astype(np.float64), joints[list(FROM_COCO), 2] > SURE
    places[NECK] = joints[list(SHOULDERS), :2].mean(0)
    known[NECK] = bool((joints[list(SHOULDERS), 2] > SURE).all())
    return places, known


def openpose_picture(joints: Joints, size: tuple[int, int]) -> Image:
    """The joints, in pixels of a picture of `size` (height, width), drawn as limbs and dots on black."""
    picture = np.zeros((*size, 3), np.uint8)
    places, known = openpose_joints(joints)
    stick = max(1, round(STICK * max(size) / AT))
    for (a, b), colour in zip(LIMBS, COLOURS, strict=False):
        if known[a] and known[b]:
            middle, along = (places[a] + places[b]) / 2, places[b] - places[a]
            angle = float(np.degrees(np.arctan2(along[1], along[0])))
            box = (tuple(map(float, middle - 0.5)), (float(np.hypot(*along)), 2.0 * stick), angle)
            cv2.ellipse(picture, box, tuple(FAINT * value for value in colour), -1)
    for place, seen, colour in zip(places, known, COLOURS, strict=True):
        if seen:
            x, y = np.floor(place).astype(int).tolist()
            cv2.circle(picture, (x, y), stick, colour, -1)
    return picture

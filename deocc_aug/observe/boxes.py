"""Boxes in an image, as observers from elsewhere want them."""
from __future__ import annotations

import numpy as np

from deocc_aug.types import Box, Image, RefusedError


def inside(box_xyxy: Box, image: Image) -> Box:
    """The part of a box that lies inside the image.

    Raises:
        RefusedError: none does.
    """
    height, width = image.shape[:2]
    x0, y0, x1, y1 = box_xyxy
    if x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height:
        raise RefusedError(f"box_xyxy {box_xyxy.tolist()} lies outside the image, which is {width} wide and {height} high: "
                           "pass (x0, y0, x1, y1) in this image's pixels")
    return np.clip(box_xyxy, 0, [width, height, width, height])


def overlap(one: Box, other: Box) -> float:
    """The intersection of two boxes over their union, in [0, 1]."""
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    common = float(sides.clip(0).prod())
    return common / float((one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod() - common)

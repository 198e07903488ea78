"""The eleven basic colour names (Berlin & Kay) of cloth: the nearest in CIELAB."""
from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from deocc_aug.types import Image, Mask

ANCHORS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "black": ((14, 14, 15), (38, 37, 39)),
    "white": ((246, 246, 246), (222, 221, 218)),
    "grey": ((84, 84, 86), (128, 128, 128), (176, 176, 176)),
    "red": ((176, 28, 36), (214, 50, 52), (120, 24, 34)),
    "orange": ((228, 120, 44), (240, 154, 84)),
    "yellow": ((240, 208, 60), (246, 226, 136)),
    "green": ((46, 110, 62), (98, 106, 58), (110, 176, 112), (30, 62, 44)),
    "blue": ((40, 78, 160), (32, 42, 82), (84, 108, 142), (136, 174, 214)),
    "purple": ((104, 58, 136), (158, 124, 186)),
    "pink": ((222, 132, 166), (240, 186, 196), (210, 60, 128)),
    "brown": ((104, 68, 44), (152, 112, 76), (62, 44, 36), (192, 164, 128), (98, 80, 68), (136, 112, 92)),
}
"""What each name is measured from, sRGB: a typical cloth, and lighter and darker ones that go by the same name."""
COLOURS = tuple(ANCHORS)
EDGE = 0.03  # of a garment's longer side: eroded before its colour is taken


def lab(colours: UInt8[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    """sRGB as CIELAB: L in 0..100, a and b."""
    return np.asarray(cv2.cvtColor(colours[None].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0])


def colour_name(colour: UInt8[np.ndarray, "3"]) -> str:
    """The basic name of an sRGB colour."""
    names = [name for name, anchors in ANCHORS.items() for _ in anchors]
    anchors = lab(np.array([anchor for several in ANCHORS.values() for anchor in several], np.uint8))
    return names[int(np.linalg.norm(anchors - lab(np.asarray(colour, np.uint8)[None]), axis=1).argmin())]


def garment_colour(image: Image, mask: Mask) -> str | None:
    """The name of a garment's colour: that of the median pixel, channel by channel, of its mask (H, W) eroded; None if it is empty."""
    ys, xs = np.nonzero(mask)
    if not len(ys):
        return None
    reach = max(1, round(EDGE * max(np.ptp(ys), np.ptp(xs))))
    inner = cv2.erode(np.ascontiguousarray(mask).view(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) > 0
    return colour_name(np.median(image[inner if inner.any() else mask], axis=0).astype(np.uint8))

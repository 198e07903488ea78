"""Things cut out of photos, with a soft edge and without a rim of what was behind them."""
from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float

from deocc_aug.canvas import box_of
from deocc_aug.occluders.objects import PERSON, even_numbered, none_left_out, read_photos
from deocc_aug.types import Image, Mask

__all__ = ["EDGES", "Alpha", "Cutout", "cutout_of", "even_numbered", "read_cutouts", "spread_colours"]

Alpha = Float[np.ndarray, "_ _"]
EDGES = ("left", "top", "right", "bottom")
BORDER_PX = 2  # annotators stop this close to the photo's border
THINNEST_PX = 8
MIRROR = {"left": "right", "right": "left", "top": "top", "bottom": "bottom"}


@dataclass(frozen=True, eq=False)
class Cutout:
    """A thing that can stand in front of somebody.

    `image` (h, w, 3) uint8 RGB, its colours going on beyond the edge; `alpha` (h, w) float32 in [0, 1], tight, with a soft edge
    of one pixel; `cut_edges`: the sides ("left", "top", "right", "bottom") on which its photo's border cut it off: there
    it is only pasted against the same border.
    """

    image: Image
    alpha: Alpha
    name: str
    category: str
    is_person: bool = False
    cut_edges: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.image.shape[:2] != self.alpha.shape:
            raise ValueError(f"cut-out {self.name}: alpha is {self.alpha.shape} but the image is {self.image.shape[:2]}: "
                             "pass both in one size")
        if not self.cut_edges <= set(EDGES):
            raise ValueError(f"cut-out {self.name}: cut_edges is {sorted(self.cut_edges)}: pass some of {EDGES}")

    def flipped(self) -> Cutout:
        """Its mirror image."""
        return replace(self, image=np.ascontiguousarray(self.image[:, ::-1]), alpha=np.ascontiguousarray(self.alpha[:, ::-1]),
                       cut_edges=frozenset(MIRROR[edge] for edge in self.cut_edges))


def cutout_of(image: Image, mask: Mask, name: str, category: str, *, side: int) -> Cutout:
    """What `mask` (H, W) covers in `image`, shrunk so that its longer side is at most `side` pixels.

    Also for a rendered person who is to stand in front of another.

    Raises:
        ValueError: the mask is empty or thinner than 8 pixels.
    """
    box = box_of(mask)
    if box is None or min(box[2] - box[0], box[3] - box[1]) < THINNEST_PX:
        raise ValueError(f"cut-out {name} is {'empty' if box is None else 'thinner than 8 pixels'}: pass a larger mask")
    height, width = mask.shape
    x0, y0, x1, y1 = box.astype(int).tolist()
    near = (x0 <= BORDER_PX, y0 <= BORDER_PX, x1 >= width - BORDER_PX, y1 >= height - BORDER_PX)
    cut = frozenset(edge for edge, is_near in zip(EDGES, near, strict=True) if is_near)
    factor = min(1.0, side / max(x1 - x0, y1 - y0))
    size = max(2, round((x1 - x0) * factor)), max(2, round((y1 - y0) * factor))
    inside = np.ascontiguousarray(mask[y0:y1, x0:x1]).view(np.uint8) * np.uint8(255)
    if min(x1 - x0, y1 - y0) > 4 * THINNEST_PX:  # the outermost pixel mixes in what was behind
        inside = _eroded(inside, cut)
    picture, alpha = image[y0:y1, x0:x1], inside
    if factor < 1:
        picture, alpha = (cv2.resize(a, size, interpolation=cv2.INTER_AREA) for a in (picture, inside))
    alpha = cv2.GaussianBlur(alpha, (3, 3), 0.6, borderType=cv2.BORDER_REPLICATE).astype(np.float32) / 255
    return Cutout(spread_colours(picture, alpha), alpha, name, category, category == PERSON, cut)


def spread_colours(image: Image, alpha: Alpha) -> Image:
    """The image with the colours of its solid part going on beyond the edge, so that blending shows no old background."""
    solid = (alpha > 0.97).astype(np.float32)
    beyond = (cv2.dilate(solid, np.ones((7, 7), np.uint8)) > 0) & (solid == 0)
    near, weighted = cv2.blur(solid, (9, 9)), cv2.blur(cv2.merge([solid] * 3) * image, (9, 9))
    out = image.copy()
    out[beyond] = (weighted[beyond] / np.maximum(near[beyond], 1e-4)[:, None]).clip(0, 255)
    return out


def read_cutouts(folder: Path, *, min_area: float = 1500, side: int = 160, leave_out: Callable[[str], bool] = none_left_out,
                 annotations: str = "instances.json") -> list[Cutout]:
    """Every object and person of a COCO-format folder that is large enough.

    What cannot be read is named in a warning and skipped.  Crowds are passed over.

    Args:
        folder: with the COCO file and `images/`.
        min_area: in the photo's pixels.
        side: the cut-outs' longer side is at most this many pixels.
        leave_out: called with each image's `file_name`; true leaves it out (val images: `even_numbered`).
        annotations: the COCO file's name.

    Raises:
        OSError: the folder or its COCO file is not there.
        ValueError: the COCO file is not one, or no cut-out is left.
    """
    folder, out, images = Path(folder), [], 0
    for photo in read_photos(folder, annotations, leave_out):
        images += 1
        for thing in photo.objects:
            if thing.is_crowd or thing.mask.sum() < min_area:
                continue
            name = f"{photo.name}#{thing.id}"
            try:
                out.append(cutout_of(photo.image, thing.mask, name, thing.category, side=side))
            except ValueError as error:
                warnings.warn(f"{folder}: skipped: {error}", stacklevel=2)
    if not out:
        raise ValueError(f"{folder} gave no cut-out: of its images {images} could be read and were not left out, and none has an "
                         f"object over {min_area:g} pixels that {annotations} outlines: pass another folder, or a smaller min_area")
    return out


def _eroded(mask: np.ndarray, cut: frozenset[str]) -> np.ndarray:
    """One pixel less on every side on which the object ends by itself."""
    left, top, right, bottom = (0 if edge in cut else 1 for edge in EDGES)
    framed = cv2.copyMakeBorder(mask, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(0,))
    eroded = cv2.erode(framed, np.ones((3, 3), np.uint8))
    return eroded[top:eroded.shape[0] - bottom, left:eroded.shape[1] - right]

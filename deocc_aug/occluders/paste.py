"""Hiding a chosen share of a person in a picture, so that nothing but the thing itself shows that it was pasted."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float

from deocc_aug.canvas import box_of
from deocc_aug.occluders.cutouts import Cutout
from deocc_aug.occluders.lens import Lens, photograph, random_lens
from deocc_aug.occluders.matching import Stamp, in_the_scenes_light, look_of
from deocc_aug.occluders.placing import CLOSE, Layout, Spot, beside, body_of, hide, overlap, wall_up
from deocc_aug.types import Image, Mask

HIGHEST_RATE = 0.8
SHADOWS = 0.4  # the share of scenes in which what was pasted casts one


@dataclass(frozen=True, eq=False)
class Pasted:
    """A scene with things in front of its person.

    Attributes:
        image: (H, W, 3) uint8 RGB with the occluders, as one camera filed it.
        clean: (H, W, 3) uint8: the same photo without them; outside `occluder` it is `image` to the bit.  What falls on
            visible pixels (shadow, noise, JPEG) is in both.
        occluder: (H, W) bool: every pixel in which the two may differ.
        alpha: (H, W) float32 in [0, 1]: how much of each pixel the occluders cover; above 0 exactly in `occluder`.
        hidden_share: the share of the amodal mask that lies in `occluder`.
    """

    image: Image
    clean: Image
    occluder: Mask
    alpha: Float[np.ndarray, "h w"]
    hidden_share: float


def draw_rate(rng: np.random.Generator) -> float:
    """An occlusion rate: 0 for one scene in five, otherwise anything from 0.05 to 0.8."""
    return 0.0 if rng.random() < 0.2 else float(rng.uniform(0.05, HIGHEST_RATE))


def occlude(scene: Image, amodal: Mask, cutouts: Sequence[Cutout], rate: float, rng: np.random.Generator,
            lens: Lens | None = None) -> Pasted:
    """Puts one to four occluders before the person so that they hide `rate` of the silhouette, to within 0.05.

    At rate 0 nothing comes near the person; in half of these scenes something stands beside them.

    Args:
        scene: (H, W, 3) uint8 RGB.
        amodal: (H, W) bool: the whole person (some hundred pixels at least: a smaller one has no shares of 5%).
        cutouts: what to paste; drawn things are mixed in, and are all there is where it is empty.
        rate: in [0, 0.8].
        rng: decides everything.
        lens: the camera; None draws one.  `Lens()` adds neither noise nor JPEG.

    Raises:
        ValueError: shapes that differ, an empty amodal mask, or a rate out of range.
    """
    if scene.shape[:2] != amodal.shape:
        raise ValueError(f"amodal is {amodal.shape} but the scene is {scene.shape[:2]}: pass the mask in the scene's own size")
    if not 0 <= rate <= HIGHEST_RATE:
        raise ValueError(f"rate is {rate!r}: pass the share of the person to hide, from 0 to {HIGHEST_RATE}")
    box = box_of(amodal)
    if box is None:
        raise ValueError("amodal is empty: pass a scene with a person in it")
    look = look_of(scene)
    layout = Layout(body_of(amodal), box, look.sharpness)
    _arrange(layout, rate, cutouts, rng)
    stamps = [(in_the_scenes_light(stamp, look, rng), spot) for stamp, spot in layout.placed]
    clean = _shadowed(scene, amodal if rate == 0 else None, stamps, rng) if stamps and rng.random() < SHADOWS else scene
    image, alpha = _blended(clean, stamps)
    image, clean = photograph([image, clean], lens if lens is not None else random_lens(rng))
    occluder = alpha > 0
    clean = np.where(occluder[..., None], clean, image)
    return Pasted(image, clean, occluder, alpha, float((occluder & amodal).sum() / amodal.sum()))


def covered(places: Float[np.ndarray, "n 2"], occluder: Mask) -> Bool[np.ndarray, "n"]:
    """Which places (x, y) px the occluder covers, a whole number being a pixel's middle (as MMPose and Albumentations have it)."""
    columns, rows = np.floor(places + 0.5).astype(int).T
    height, width = occluder.shape
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    out = np.zeros(len(places), np.bool_)
    out[inside] = occluder[rows[inside], columns[inside]]
    return out


def _arrange(layout: Layout, rate: float, cutouts: Sequence[Cutout], rng: np.random.Generator) -> None:
    total = int(np.count_nonzero(layout.body))
    if rate == 0:
        if rng.random() < 0.5:
            beside(layout, cutouts, rng)
        return
    count = int(rng.choice([1, 2, 3, 4], p=[0.55, 0.27, 0.12, 0.06])) if rate > 0.1 else 1
    shares = np.cumsum(rng.dirichlet(np.full(count, 2.0)))
    for share in shares[:-1]:
        hide(layout, round(total * (1 - rate * share)), cutouts, rng)
    goal = round(total * (1 - rate))
    if np.count_nonzero(layout.shown) > goal + CLOSE * total and not hide(layout, goal, cutouts, rng):
        wall_up(layout, goal, rng)


def _blended(scene: Image, stamps: list[tuple[Stamp, Spot]]) -> tuple[Image, Float[np.ndarray, "h w"]]:
    """The scene with the stamps on it, the later before the earlier, and how much they cover."""
    out, shining = scene.copy(), np.ones(scene.shape[:2], np.float32)
    for stamp, spot in stamps:
        where, part = overlap(scene.shape[:2], stamp.alpha.shape, spot)
        if not out[where].size:
            continue
        alpha = stamp.alpha[part].astype(np.float32) / 255
        under = out[where].astype(np.float32)
        out[where] = cv2.convertScaleAbs(under + (stamp.image[part] - under) * cv2.merge([alpha] * 3))
        shining[where] *= 1 - alpha
    return out, np.asarray(1 - shining)


def _shadowed(scene: Image, untouched: Mask | None, stamps: list[tuple[Stamp, Spot]], rng: np.random.Generator) -> Image:
    """The scene with the soft shadows of what will stand in it; as it is where they would fall on `untouched`."""
    height, width = scene.shape[:2]
    coverage = np.zeros((height, width), np.float32)
    for stamp, spot in stamps:
        where, part = overlap(coverage.shape, stamp.alpha.shape, spot)
        coverage[where] = np.maximum(coverage[where], stamp.alpha[part].astype(np.float32) / 255)
    small = cv2.resize(coverage, (max(1, width // 4), max(1, height // 4)), interpolation=cv2.INTER_AREA)
    longer = max(small.shape)
    shift = np.array([[1, 0, rng.normal(0, 0.03) * longer], [0, 1, rng.uniform(0, 0.04) * longer]])
    small = cv2.warpAffine(small, shift, small.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    small = cv2.GaussianBlur(small, (0, 0), max(0.7, rng.uniform(0.01, 0.04) * longer)) * np.float32(rng.uniform(0.15, 0.5))
    shadow = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    if untouched is not None and shadow[untouched].max() > 0.5 / 255:
        return scene
    return np.asarray(cv2.convertScaleAbs(scene * cv2.merge([1 - shadow] * 3)))

"""Making a cut-out look as if the scene's camera had taken it: its size and turn, sharpness and colours."""
from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from deocc_aug.occluders.cutouts import EDGES, Cutout
from deocc_aug.types import Image

FAINTEST = 8  # of 255: less alpha than this is none
ROOM = 4  # pixels around a stamp for its edge to blur into
SOFT = 0.5  # of the scene's sharpness: sharpening does not make up for more
BLURS = (0.45, 0.7, 1.0, 1.4, 2.0)


@dataclass(frozen=True, eq=False)
class Look:
    """How a picture looks: each channel's mean and deviation, and its fine detail over its coarser detail."""

    mean: Float[np.ndarray, "3"]
    deviation: Float[np.ndarray, "3"]
    sharpness: float


@dataclass(frozen=True, eq=False)
class Stamp:
    """A cut-out as it is pasted: `image` (h, w, 3) uint8 RGB, `alpha` (h, w) uint8; where alpha is 0 nothing changes.

    `is_soft`: it was enlarged so much that it stays far less sharp than the scene.
    """

    image: Image
    alpha: UInt8[np.ndarray, "_ _"]
    cut_edges: frozenset[str]
    is_soft: bool


def look_of(image: Image, alpha: UInt8[np.ndarray, "_ _"] | None = None) -> Look:
    """How an image looks, or the solid part of it."""
    solid = None if alpha is None else (alpha > 230).astype(np.uint8)
    if solid is not None and not solid.any():
        solid = None
    mean, deviation = cv2.meanStdDev(image, mask=solid)
    return Look(mean[:, 0], deviation[:, 0], _sharpness(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32), solid))


def _sharpness(grey: Float[np.ndarray, "_ _"], solid: np.ndarray | None) -> float:
    inner = None if solid is None else cv2.erode(solid, np.ones((5, 5), np.uint8))
    if inner is not None and not inner.any():
        inner = solid
    near, far = cv2.GaussianBlur(grey, (5, 5), 0.8), cv2.GaussianBlur(grey, (9, 9), 1.8)
    fine, coarse = (cv2.mean(cv2.absdiff(a, b), mask=inner)[0] for a, b in ((grey, near), (near, far)))
    return float((fine + 0.05) / (coarse + 0.1))


def stamp_of(cutout: Cutout, scale: float, turn_degrees: float, sharpness: float) -> Stamp:
    """The cut-out at a scale, turned (one that a border cut off is not), blurred or sharpened towards the scene's sharpness."""
    left, top, right, bottom = (0 if edge in cutout.cut_edges else ROOM for edge in EDGES)
    size = max(3, round(cutout.alpha.shape[1] * scale)), max(3, round(cutout.alpha.shape[0] * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    image = cv2.resize(cutout.image, size, interpolation=how)
    alpha = cv2.resize((cutout.alpha * 255).astype(np.uint8), size, interpolation=how)
    image = cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_REPLICATE)
    alpha = cv2.copyMakeBorder(alpha, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(0,))
    if turn_degrees and not cutout.cut_edges:
        image, alpha = _turned(image, alpha, turn_degrees)
    image, sigma, is_soft = _sharpened_or_blurred(image, alpha, sharpness)
    if sigma:
        alpha = cv2.GaussianBlur(alpha, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    alpha[alpha < FAINTEST] = 0
    return Stamp(image, alpha, cutout.cut_edges, is_soft and scale > 1)


def _turned(image: Image, alpha: np.ndarray, degrees: float) -> tuple[Image, np.ndarray]:
    height, width = alpha.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    size = int(np.ceil(height * sin + width * cos)), int(np.ceil(height * cos + width * sin))
    matrix[:, 2] += (size[0] / 2 - width / 2, size[1] / 2 - height / 2)
    return (cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
            cv2.warpAffine(alpha, matrix, size, flags=cv2.INTER_LINEAR))


def _sharpened_or_blurred(image: Image, alpha: np.ndarray, wanted: float) -> tuple[Image, float, bool]:
    """The image about as sharp as wanted, the sigma it was blurred with (0: not blurred), whether it stays too soft."""
    solid = (alpha > 230).astype(np.uint8)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    now = _sharpness(grey, solid if solid.any() else None)
    if now < 0.85 * wanted:
        amount = min(1.0, wanted / max(now, 0.1) - 1)
        sharper = cv2.addWeighted(image, 1 + amount, cv2.GaussianBlur(image, (5, 5), 1.0), -amount, 0)
        return np.asarray(sharper), 0.0, now < SOFT * wanted
    sigma = 0.0
    for tried in BLURS:
        if now <= 1.15 * wanted:
            break
        sigma = tried
        now = _sharpness(cv2.GaussianBlur(grey, (0, 0), sigma), solid if solid.any() else None)
    return (np.asarray(cv2.GaussianBlur(image, (0, 0), sigma)) if sigma else image), sigma, False


def in_the_scenes_light(stamp: Stamp, scene: Look, rng: np.random.Generator) -> Stamp:
    """The stamp with its mean, contrast and tint moved part of the way to the scene's, and lit a little from one side."""
    own, strength = look_of(stamp.image, stamp.alpha), rng.uniform(0.1, 0.6)
    goal = scene.mean + (own.mean - own.mean.mean()) * 0.7  # its own tint, mostly, around the scene's
    level = own.mean + strength * 0.6 * (goal - own.mean)
    contrast = 1 + strength * (np.clip(scene.deviation.mean() / max(own.deviation.mean(), 4.0), 0.6, 1.5) - 1)
    height, width = stamp.alpha.shape
    angle, fall = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.15)
    light = (1 + np.linspace(-1, 1, height, dtype=np.float32)[:, None] * np.float32(fall * np.sin(angle))
             + np.linspace(-1, 1, width, dtype=np.float32)[None, :] * np.float32(fall * np.cos(angle)))
    moved = (stamp.image - own.mean.astype(np.float32)) * np.float32(contrast) + level.astype(np.float32)
    moved *= cv2.merge([light] * 3)
    return replace(stamp, image=cv2.convertScaleAbs(cv2.max(moved, 0)))


def relit(picture: Image, rng: np.random.Generator) -> Image:
    """A photo (H, W, 3) uint8 in another light: exposure, contrast, saturation and white balance a little off."""
    out = picture.astype(np.float32)
    grey = out.mean(2, keepdims=True)
    out = grey + (out - grey) * np.float32(rng.uniform(0.6, 1.4))
    out = (out - 128) * np.float32(rng.uniform(0.75, 1.2)) + np.float32(128 + rng.uniform(-25, 25))
    return np.asarray((out * np.exp(rng.normal(0, 0.05, 3)).astype(np.float32)).clip(0, 255), np.uint8)

"""What a camera does to a whole picture, alike for the scene and for what was pasted: grain and JPEG."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from deocc_aug.types import Image


@dataclass(frozen=True)
class Lens:
    """One camera's noise and file: deviation of its noise in black and what full white adds, in levels of 0..255.

    `grain` in [0, 1]: how much the noise of neighbouring pixels has in common; `jpeg` quality 1..100, or None for no JPEG;
    `seed` of the noise.
    """

    black_noise: float = 0.0
    white_noise: float = 0.0
    grain: float = 0.0
    jpeg: int | None = None
    seed: int = 0


def random_lens(rng: np.random.Generator) -> Lens:
    """From a clean studio camera to a phone at night; four in five pictures went through JPEG."""
    noisy = rng.random() < 0.85
    black, white = (float(v) for v in np.minimum(rng.gamma(1.3, 1.2, 2) * noisy, 9))
    jpeg = int(rng.integers(50, 98)) if rng.random() < 0.8 else None
    return Lens(black, white, float(rng.uniform(0, 1) * (rng.random() < 0.6)), jpeg, int(rng.integers(2**31)))


def photograph(pictures: Sequence[Image], lens: Lens) -> list[Image]:
    """Pictures (h, w, 3) of one size as this camera would have filed them, each with the very same noise."""
    out = list(pictures)
    if lens.black_noise or lens.white_noise:
        noise = np.random.default_rng(lens.seed).standard_normal(pictures[0].shape, np.float32)
        if lens.grain:
            smooth = cv2.GaussianBlur(noise, (3, 3), 0.7)
            noise = cv2.addWeighted(noise, 1 - lens.grain, smooth, 2.1 * lens.grain, 0)  # 2.1: a blurred field's lost deviation
        levels = np.sqrt(lens.black_noise**2 + lens.white_noise**2 * np.arange(256) / 255).astype(np.float32)
        out = [_rounded(picture + levels[picture] * noise) for picture in out]
    return out if lens.jpeg is None else [_filed(picture, lens.jpeg) for picture in out]


def _rounded(values: np.ndarray) -> Image:
    return np.asarray(cv2.convertScaleAbs(cv2.max(values, 0)))


def _filed(picture: Image, quality: int) -> Image:
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise RuntimeError("OpenCV could not write a JPEG")
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))

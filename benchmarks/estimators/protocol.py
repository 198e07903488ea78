"""What the benchmark asks of a pose estimator: COCO's 17 joints of one boxed person."""
from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np

from deocc_aug.types import COCO_JOINTS, JOINTS, Affine, Box, Image, Joints

GREY_PAGE = 96  # pixels, of the picture that an estimator is tried on


@runtime_checkable
class PoseEstimator(Protocol):
    """A pose estimator.  A class of yours with this method is enough: name it by its import path.

    Where it has a `described()` too, what that says (as JSON: files' digests, settings) tells its records from others'.
    """

    def estimate(self, image: Any, box_xyxy: Any, /) -> Any:  # Any: jsonargparse compares annotations, and yours may say less than ours
        """Joints (17, 3) in COCO's order, x and y in pixels of `image` (H, W, 3) uint8 RGB, and a score, of the person in the box (4,)."""


def described(estimator: object) -> dict[str, Any]:
    """What decides the answers of an estimator, of poses or of bodies, as far as it says so."""
    kind = f"{type(estimator).__module__}.{type(estimator).__qualname__}"
    said = getattr(estimator, "described", None)
    return {"class": kind, **(said() if callable(said) else {})}


def check(name: str, estimator: PoseEstimator) -> None:
    """Tries an estimator on a grey picture.

    Raises:
        ValueError: what it gives is not (17, 3).
    """
    page = np.full((GREY_PAGE, GREY_PAGE, 3), 127, np.uint8)
    found = np.asarray(estimator.estimate(page, np.array([8.0, 8.0, GREY_PAGE - 8.0, GREY_PAGE - 8.0])))
    if found.shape != (JOINTS, 3):
        raise ValueError(f"estimator {name} gave joints of shape {found.shape}: give (17, 3), x, y and score of COCO's joints "
                         f"({', '.join(COCO_JOINTS)}); an estimator of another skeleton needs a class that puts its joints in that order")


def sha256(path: Path) -> str:
    """A model file's digest, read in pieces."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            found.update(piece)
    return found.hexdigest()


def model_file(path: Path, what: str) -> Path:
    """The path of a model's file.  Raises FileNotFoundError where it is not there."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there: pass {what}")
    return path


def crop(image: Image, box_xyxy: Box, size: tuple[int, int], room: float) -> tuple[Image, Affine]:
    """The box, `room` times as large and grown to the shape of `size` (width, height), at that size; and the affine (2, 3) of it."""
    x0, y0, x1, y1 = box_xyxy
    width, height = size
    scale = 1 / (room * max((x1 - x0) / width, (y1 - y0) / height))
    to_input = np.array([[scale, 0, width / 2 - scale * (x0 + x1) / 2], [0, scale, height / 2 - scale * (y0 + y1) / 2]])
    return cv2.warpAffine(np.ascontiguousarray(image), to_input, size), to_input


def in_image(xy: np.ndarray, scores: np.ndarray, to_input: Affine) -> Joints:
    """Points (17, 2) of the crop and scores (17,) as joints of the image."""
    return np.concatenate([(xy - to_input[:, 2]) / to_input[0, 0], scores[:, None]], axis=1).astype(np.float64)

"""What both transforms read and write beside Albumentations' own targets, and how they treat those."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import albumentations as A
import numpy as np
from albumentations.core.type_definitions import Targets
from jaxtyping import UInt8

from deocc_aug.canvas import box_of
from deocc_aug.types import Box, Image, Mask

PERSON, OCCLUDER, AMODAL, BOX = "person_mask", "occluder_mask", "amodal_mask", "person_box"
TARGETS = {PERSON: "mask", OCCLUDER: "mask", AMODAL: "mask"}  # `additional_targets` of a Compose that also moves pixels about
WORK = "work"  # what a call has made; in the parameters while it lasts


class PersonTransform(A.DualTransform):
    """A transform of one RGB image with one person in it; boxes, keypoints and masks pass untouched unless a subclass does more."""

    _targets = (Targets.IMAGE, Targets.MASK, Targets.BBOXES, Targets.KEYPOINTS)

    @property
    def targets(self) -> dict[str, Callable[..., Any]]:
        """Those that exist: a person is in one image, so there are no image stacks and no volumes."""
        return {"image": self.apply, "mask": self.apply_to_mask, "masks": self.apply_to_masks, "bboxes": self.apply_to_bboxes,
                "keypoints": self.apply_to_keypoints}

    @property
    def targets_as_params(self) -> list[str]:
        """What a call cannot do without; what is known of the person may come in more than one way, see `person_of`."""
        return ["image"]

    def add_targets(self, additional_targets: dict[str, str]) -> None:
        """A further image of the same Compose is not the one the person is in: it passes untouched."""
        super().add_targets({key: kind for key, kind in additional_targets.items() if kind != "image"})

    def __call__(self, *args: Any, force_apply: bool = False, **data: Any) -> dict[str, Any]:
        done = super().__call__(*args, force_apply=force_apply, **data)
        self.params.pop(WORK, None)  # a transform that goes to a worker takes no picture along
        return done

    def apply_to_mask(self, mask: np.ndarray, *args: Any, **params: Any) -> np.ndarray:
        return mask

    def apply_to_bboxes(self, bboxes: np.ndarray, *args: Any, **params: Any) -> np.ndarray:
        return bboxes

    def apply_to_keypoints(self, keypoints: np.ndarray, *args: Any, **params: Any) -> np.ndarray:
        return keypoints


def image_of(data: Mapping[str, Any], who: str) -> Image:
    """The call's image.

    Raises:
        ValueError: there is none, or it is not (H, W, 3) uint8.
    """
    image = data.get("image")
    if not isinstance(image, np.ndarray) or image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        came = f"{image.shape} {image.dtype}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ValueError(f"{who} got image {came}: pass one RGB image (H, W, 3) uint8, before whatever normalises it")
    return image


def mask_of(data: Mapping[str, Any], key: str, image: Image) -> Mask | None:
    """A mask of the call as (H, W) bool; None where it is not there.

    Raises:
        ValueError: it is not (H, W) or (H, W, 1), of another size than the image, or neither bool nor uint8 0/1 or 0/255.
    """
    mask = data.get(key)
    if mask is None:
        return None
    if not isinstance(mask, np.ndarray):
        raise ValueError(f"{key} is a {type(mask).__name__}: pass an array (H, W), bool or uint8")
    flat = mask[..., 0] if mask.ndim == 3 and mask.shape[2] == 1 else mask
    if flat.shape != image.shape[:2]:
        raise ValueError(f"{key} is {mask.shape} but the image is {image.shape[:2]}: pass the mask in the image's own size, and where the "
                         "pipeline resizes or crops, Compose(..., additional_targets=TARGETS)")
    if flat.dtype == np.bool_:
        return flat
    if flat.dtype != np.uint8 or not ((flat == 0) | (flat == 1) | (flat == 255)).all():
        raise ValueError(f"{key} is {mask.dtype} holding {np.unique(flat)[:4].tolist()}...: pass bool, or uint8 of 0 and 1 or 0 and 255")
    return flat > 0


def person_of(data: Mapping[str, Any], image: Image, who: str) -> tuple[Box | None, Mask | None]:
    """The person's box, and their mask where it is known; no box where the mask is empty.

    Raises:
        ValueError: neither is there, or one is malformed.
    """
    mask, box = mask_of(data, PERSON, image), data.get(BOX)
    if box is None:
        if mask is None:
            raise ValueError(f"{who} does not know where the person is: pass {PERSON}= (H, W), where they are seen, or {BOX}= "
                             "(x0, y0, x1, y1) in pixels")
        return box_of(mask), mask
    edges = np.asarray(box, np.float64)
    if edges.shape != (4,) or not np.isfinite(edges).all() or (edges[2:] <= edges[:2]).any():
        raise ValueError(f"{BOX} is {box!r}: pass (x0, y0, x1, y1) in pixels with x0 < x1 and y0 < y1")
    return edges, mask


def as_it_came(mask: Mask, before: np.ndarray | None) -> np.ndarray:
    """A mask in the shape, dtype and values of the one it takes the place of; uint8 0/1 where none was."""
    if before is None:
        return as_bytes(mask)
    one = 255 if before.dtype == np.uint8 and before.max(initial=0) == 255 else 1
    return (mask * np.uint8(one)).astype(before.dtype).reshape(before.shape)


def as_bytes(mask: Mask) -> UInt8[np.ndarray, "_ _"]:
    """A mask as Albumentations' other transforms can move it."""
    return np.ascontiguousarray(mask).astype(np.uint8)

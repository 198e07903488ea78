"""Pictures and conditions as the arrays that stage 2 works on, and back."""
from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float

from deocc_aug.patches import SHRINK, from_patches, heatmaps, shrink, to_patches
from deocc_aug.types import JOINTS, Body, Image, Joints, Label, Mask, Observation

MASKS = 3  # known, amodal, visible part of the person


def state_channels(patch: int) -> int:
    return 3 * patch**2


def condition_channels(patch: int) -> int:
    return (3 + MASKS) * patch**2 + JOINTS


def hole_of(observation: Observation, body: Body) -> Mask:
    """(h, w) bool: what is painted.

    All of a known occluder, body or not; of what is unknown the hidden part of the body.  What lies outside the image is
    always painted; it is seen only in the padded view.
    """
    labels = observation.labels
    hidden = (labels == Label.UNKNOWN) & (body.amodal > 0.5)
    return np.asarray(hidden | (labels == Label.OCCLUDER) | (labels == Label.OUTSIDE))


def to_unit(picture: Image | Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "3 h w"]:
    """0..255 (h, w, 3) -> [-1, 1] (3, h, w) float32."""
    return np.ascontiguousarray((picture.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1))


def condition_of(picture: Float[np.ndarray, "3 h w"], known: Bool[np.ndarray, "h w"], amodal: Float[np.ndarray, "h w"],
                 visible: Float[np.ndarray, "h w"], joint_maps: Float[np.ndarray, "17 gh gw"], patch: int) -> Float[np.ndarray, "k gh gw"]:
    """The condition (6 * patch^2 + 17, gh, gw) float32: known pixels (0 where not known), the three masks, the joints.

    `picture` in [-1, 1]; masks in [0, 1], 0.5 where nobody knows.
    """
    shown = picture * known
    planes = np.concatenate([shown, known[None], amodal[None], visible[None]]).astype(np.float32)
    return np.concatenate([to_patches(planes, patch), joint_maps])


def without_body(condition: Float[np.ndarray, "k gh gw"], patch: int) -> Float[np.ndarray, "k gh gw"]:
    """The condition with the body left out (masks at 0.5, no joints): what guidance moves away from."""
    out = condition.copy()
    cells = patch**2
    out[4 * cells:6 * cells] = 0.5
    out[6 * cells:] = 0
    return out


def encode_canvas(image: Image, hole: Mask, visible: Mask, body: Body, patch: int) -> Float[np.ndarray, "k gh gw"]:
    """The condition of one person on a canvas."""
    small = cv2.resize(image, (image.shape[1] // SHRINK, image.shape[0] // SHRINK), interpolation=cv2.INTER_AREA)
    known = shrink((~hole).astype(np.float32)) > 0.999
    amodal = shrink((body.amodal > 0.5).astype(np.float32))
    grid = known.shape[0] // patch, known.shape[1] // patch
    return condition_of(to_unit(small), known, amodal, shrink(visible.astype(np.float32)), hinted(body.joints, grid, patch), patch)


def hinted(joints: Joints, grid: tuple[int, int], patch: int) -> Float[np.ndarray, "17 gh gw"]:
    """Heatmaps of all joints on the canvas, as sharp as certain ones: stage 2 is trained on joints that are a little off."""
    return heatmaps(np.concatenate([joints[:, :2], joints[:, 2:] > 0.15], 1), patch * SHRINK, grid)


def decode_picture(state: Float[np.ndarray, "k gh gw"], patch: int) -> Float[np.ndarray, "h w 3"]:
    """A state in [-1, 1] as a canvas picture (h, w, 3) float32 in 0..255."""
    small = (from_patches(state, patch).transpose(1, 2, 0) + 1) * 127.5
    size = (small.shape[1] * SHRINK, small.shape[0] * SHRINK)
    return np.asarray(cv2.resize(np.ascontiguousarray(small), size, interpolation=cv2.INTER_CUBIC).clip(0, 255), np.float32)

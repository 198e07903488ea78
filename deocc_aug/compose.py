"""From a painted canvas back to the source image: exact outside the changed mask, seamless at its border."""
from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float

from deocc_aug.canvas import apply, inside_image, inverse, patch_rectangle, resample, window
from deocc_aug.types import Body, Box, Canvas, Image, Joints, Mask, Patch, Person

SEAM = 4.0  # canvas pixels over which the painted colours bend towards their visible neighbours


def compose(image: Image, canvas: Canvas, body: Body, person: Person, hole: Mask, painted: Float[np.ndarray, "h w 3"] | None) -> Patch:
    """The result as a patch of the source, at the source's resolution.

    A known occluder's pixels under the canvas change, and those of the completed body's hidden part that may show an unknown one; no other.
    Beyond the image's border the completed body is kept for the padded view.

    Args:
        painted: (h, w, 3) float32 in 0..255 on the canvas, or None where the gate left the pixels alone.
    """
    origin, size, to_patch = patch_rectangle(canvas)
    assert person.visible_mask is not None
    visible = window(person.visible_mask, origin, size)
    inside = window(np.broadcast_to(np.True_, image.shape[:2]), origin, size)
    amodal = np.asarray(resample(body.amodal, to_patch, size), np.float32).clip(0, 1)
    if person.prompts is not None and person.prompts.box_xyxy is not None:
        amodal[~inside_box(person.prompts.box_xyxy, origin, size)] = 0
    amodal[visible] = 1
    occluder, unknown = (np.zeros(size, np.bool_) if mask is None else window(mask, origin, size)
                         for mask in (person.occluder_mask, person.unknown_mask))
    if not person.occluder_known:
        unknown = inside
    amodal[inside & ~visible & ~occluder & ~unknown] = 0
    changed = np.where(inside, (occluder | (amodal > 0.5)) & ~visible, amodal > 0.5)
    if painted is None:
        return Patch(origin, np.broadcast_to(np.zeros(3, np.uint8), (*size, 3)), np.zeros(size, np.bool_), visible, amodal)
    blended = blend_in(painted, canvas, hole)
    filled = resample(blended, to_patch, size, cubic=True).round().clip(0, 255).astype(np.uint8)
    return Patch(origin, np.where(changed[..., None], filled, np.uint8(0)), changed, visible, amodal)


def joined(near: Patch, far: Patch, edge: int) -> Patch:
    """`near`, with what `far`, whose rectangle contains it, changed around it; over `edge` pixels inside near's border the two
    pictures fade into one another where both are painted."""
    (x, y), (h, w) = (near.origin[0] - far.origin[0], near.origin[1] - far.origin[1]), near.changed.shape
    inside = (slice(y, y + h), slice(x, x + w))
    image, changed, amodal = far.image.copy(), far.changed.copy(), far.visible.astype(np.float32)
    away = np.minimum.outer(*(np.minimum(np.arange(n) + 0.5, n - 0.5 - np.arange(n)) for n in (h, w)))
    share = np.where(far.changed[inside], np.clip(away / max(edge, 1), 0, 1), 1.0)[..., None]
    mixed = share * near.image + (1 - share) * far.image[inside]
    image[inside] = np.where(near.changed[..., None], mixed.round().astype(np.uint8), np.uint8(0))
    changed[inside], amodal[inside] = near.changed, near.amodal
    return Patch(far.origin, np.where(changed[..., None], image, np.uint8(0)), changed, far.visible, amodal)


def inside_box(box_xyxy: Box, origin: tuple[int, int], size: tuple[int, int]) -> Mask:
    """(h, w) bool: the pixels of the rectangle at `origin` (x, y) whose centre lies in the box."""
    x0, y0, x1, y1 = box_xyxy
    xs, ys = np.arange(size[1]) + origin[0] + 0.5, np.arange(size[0]) + origin[1] + 0.5
    return np.asarray(((ys >= y0) & (ys <= y1))[:, None] & ((xs >= x0) & (xs <= x1))[None, :])


def blend_in(painted: Float[np.ndarray, "h w 3"], canvas: Canvas, hole: Mask) -> Float[np.ndarray, "h w 3"]:
    """The painted canvas with its colours, near the hole's border, moved by what they miss of the visible pixels there.

    The hole's own (occluder's) pixels are never mixed in, so no rim of them remains; visible pixels are not touched.
    """
    known = (inside_image(canvas) & ~hole).astype(np.float32)
    missed = (canvas.image.astype(np.float32) - painted) * known[..., None]
    near = cv2.GaussianBlur(known, (0, 0), SEAM)
    shift = cv2.GaussianBlur(missed, (0, 0), SEAM) / np.maximum(near, 1e-3)[..., None]
    return np.asarray((painted + shift * np.minimum(1, 2 * near)[..., None]).clip(0, 255), np.float32)


def joints_in_image(joints: Joints, canvas: Canvas) -> Joints:
    """Joints (17, 3) float32 from canvas to image pixels."""
    moved = apply(inverse(canvas.image_to_canvas), joints[:, :2])
    return np.concatenate([moved, joints[:, 2:]], 1).astype(np.float32)

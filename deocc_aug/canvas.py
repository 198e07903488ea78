"""Cutting a person out of an image and pasting the result back: inverse affines, exact visible pixels.

An affine here is a scale and a shift (no rotation): canvas = scale * image + shift, both in coordinates in which a pixel
(i, j) covers [i, i+1) x [j, j+1).  Everything works on the rectangle it needs, never on a copy of the whole image.
"""
from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float

from deocc_aug.types import Affine, Box, Canvas, Image, Mask

FIRST_LOOK = 0.45  # room on every side of the visible box, in longer sides, where nothing says what is hidden
AROUND_BODY = 0.12  # room around a completed body, in longer sides
MIN_PERSON_PX = 32


def box_of(mask: Mask) -> Box | None:
    """The (x0, y0, x1, y1) box of a mask's true pixels, in pixels; None for an empty mask."""
    x, y, w, h = cv2.boundingRect(np.ascontiguousarray(mask).view(np.uint8))
    return np.array([x, y, x + w, y + h], np.float64) if w and h else None


def widened(box_xyxy: Box, room: float) -> Box:
    """The box with `room` times its longer side added on each side."""
    x0, y0, x1, y1 = box_xyxy
    pad = room * max(x1 - x0, y1 - y0)
    return np.array([x0 - pad, y0 - pad, x1 + pad, y1 + pad])


def place(box_xyxy: Box, size: tuple[int, int]) -> Affine:
    """image_to_canvas (2, 3) that centres the box on a canvas of `size` (height, width) and makes it just fit."""
    x0, y0, x1, y1 = box_xyxy
    scale = min(size[1] / (x1 - x0), size[0] / (y1 - y0))
    shift = np.array([size[1] - scale * (x0 + x1), size[0] - scale * (y0 + y1)]) / 2
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])


def first_look(visible_box: Box, occluder_box: Box | None) -> Box:
    """Where the whole body may be, seen only its visible box (and, where known, that of what hides it).

    A known occluder bounds the search: the body cannot be outside visible part and occluder, nor more than about one
    longer side away.
    """
    if occluder_box is None:
        return widened(visible_box, FIRST_LOOK)
    near = widened(visible_box, 2 * FIRST_LOOK)
    joined = np.concatenate([np.minimum(visible_box, occluder_box)[:2], np.maximum(visible_box, occluder_box)[2:]])
    bounded = np.concatenate([np.maximum(joined, near)[:2], np.minimum(joined, near)[2:]])
    return widened(bounded, AROUND_BODY / 2)


def around(body_box: Box) -> Box:
    """The box a canvas is placed on once the body is known: the body with a margin."""
    return widened(body_box, AROUND_BODY)


def inverse(affine: Affine) -> Affine:
    """canvas_to_image (2, 3) of an image_to_canvas of scale and shift."""
    scale = affine[0, 0]
    return np.array([[1 / scale, 0, -affine[0, 2] / scale], [0, 1 / scale, -affine[1, 2] / scale]])


def apply(affine: Affine, points: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
    """Points (n, 2) mapped by an affine (2, 3)."""
    return points @ affine[:, :2].T + affine[:, 2]


def resample(source: np.ndarray, affine: Affine, size: tuple[int, int], cubic: bool = False) -> np.ndarray:
    """The part of `source` (H, W[, C]) uint8 or float32 that `affine` maps onto `size` (height, width), averaged over area.

    Shrinking averages whole blocks first, so that a person 1760 px tall and the same one 440 px tall give the same canvas.
    Outside the source is 0.
    """
    scale = float(affine[0, 0])
    block = min(max(1, int(1 / scale + 1e-9)), max(source.shape[:2]))
    to_source = inverse(affine)
    corners = apply(to_source, np.array([[0.0, 0.0], [size[1], size[0]]]))
    pad = 3 * block
    low = np.maximum(np.floor(corners[0]).astype(int) - pad, 0)
    high = np.minimum(np.ceil(corners[1]).astype(int) + pad, [source.shape[1], source.shape[0]])
    out_shape = (*size, *source.shape[2:])
    if (high <= low).any():
        return np.zeros(out_shape, source.dtype)
    part = source[low[1]:high[1], low[0]:high[0]]
    if block > 1:
        extra_y, extra_x = -part.shape[0] % block, -part.shape[1] % block
        part = cv2.copyMakeBorder(part, 0, extra_y, 0, extra_x, cv2.BORDER_REPLICATE)
        part = cv2.resize(part, (part.shape[1] // block, part.shape[0] // block), interpolation=cv2.INTER_AREA)
    # part pixel u (its centre at low + block * (u + 0.5)) lands on canvas pixel index v with v + 0.5 = scale * x + shift
    step = scale * block
    shift = affine[:, 2] + scale * low + step / 2 - 0.5
    matrix = np.array([[step, 0, shift[0]], [0, step, shift[1]]])
    out = cv2.warpAffine(part, matrix, (size[1], size[0]), flags=cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR,
                         borderMode=cv2.BORDER_REPLICATE)
    covered = apply(affine, np.array([[0.0, 0.0], [source.shape[1], source.shape[0]]]))
    x0, y0 = np.clip(np.round(covered[0]).astype(int), 0, [size[1], size[0]])
    x1, y1 = np.clip(np.round(covered[1]).astype(int), 0, [size[1], size[0]])
    out[:y0], out[y1:], out[:, :x0], out[:, x1:] = 0, 0, 0, 0
    return out.reshape(out_shape)


def resample_mask(mask: Mask, affine: Affine, size: tuple[int, int]) -> Float[np.ndarray, "h w"]:
    """The share of every target pixel that the mask covers, float32 in [0, 1]."""
    # 255 in uint8 keeps 8000 px masks cheap: only the part under the canvas is ever converted
    to_source = inverse(affine)
    corners = apply(to_source, np.array([[0.0, 0.0], [size[1], size[0]]]))
    pad = 4 * max(1, int(1 / affine[0, 0]))
    low = np.maximum(np.floor(corners[0]).astype(int) - pad, 0)
    high = np.minimum(np.ceil(corners[1]).astype(int) + pad, [mask.shape[1], mask.shape[0]])
    if (high <= low).any():
        return np.zeros(size, np.float32)
    part = mask[low[1]:high[1], low[0]:high[0]].astype(np.uint8) * 255
    shifted = affine.copy()
    shifted[:, 2] += affine[0, 0] * low
    return np.asarray(resample(part, shifted, size), np.float32) / 255


def cut(image: Image, image_to_canvas: Affine, size: tuple[int, int]) -> Canvas:
    """The canvas of `size` (height, width) that the affine maps the image onto."""
    return Canvas(resample(image, image_to_canvas, size), image_to_canvas, (image.shape[0], image.shape[1]))


def inside_image(canvas: Canvas) -> Mask:
    """(h, w) bool: the canvas pixels whose centre lies inside the source image."""
    height, width = canvas.size
    centres = np.stack([np.arange(max(height, width)) + 0.5] * 2, 1)
    xy = apply(inverse(canvas.image_to_canvas), centres)
    columns = (xy[:width, 0] >= 0) & (xy[:width, 0] < canvas.source_size[1])
    rows = (xy[:height, 1] >= 0) & (xy[:height, 1] < canvas.source_size[0])
    return np.asarray(rows[:, None] & columns[None, :])


def patch_rectangle(canvas: Canvas) -> tuple[tuple[int, int], tuple[int, int], Affine]:
    """The whole-pixel rectangle of the source under a canvas.

    Returns:
        origin (x, y), size (height, width) and the affine from canvas to that rectangle's own pixels.  The rectangle may
        reach beyond the image.
    """
    to_image = inverse(canvas.image_to_canvas)
    corners = apply(to_image, np.array([[0.0, 0.0], [canvas.size[1], canvas.size[0]]]))
    low, high = np.ceil(corners[0] - 1e-6).astype(int), np.floor(corners[1] + 1e-6).astype(int)
    high = np.maximum(high, low + 1)
    to_patch = to_image.copy()
    to_patch[:, 2] -= low
    return (int(low[0]), int(low[1])), (int(high[1] - low[1]), int(high[0] - low[0])), to_patch


def window(mask: Mask, origin: tuple[int, int], size: tuple[int, int]) -> Mask:
    """The rectangle of a source-sized mask at `origin` (x, y) of `size` (height, width); False outside the source."""
    out = np.zeros(size, np.bool_)
    x, y = origin
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + size[1], mask.shape[1]), min(y + size[0], mask.shape[0])
    if x1 > x0 and y1 > y0:
        out[y0 - y:y1 - y, x0 - x:x1 - x] = mask[y0:y1, x0:x1]
    return out

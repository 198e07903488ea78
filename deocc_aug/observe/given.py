"""The observation a caller's annotations give."""
from __future__ import annotations

import numpy as np

from deocc_aug.canvas import apply, inside_image, resample_mask
from deocc_aug.types import Canvas, Label, Observation, Person

TRUSTED = 0.5  # the least confidence of a joint that is taken as it is told


def observe(canvas: Canvas, person: Person) -> Observation:
    """What the caller's masks, joints and prompts say about the canvas.

    With an occluder or unknown mask everything that is neither these nor the person is clear; without one all is unknown.
    Prompted joints count as certain; beyond a prompted box everything is clear.  A joint on the person's visible part counts as
    seen there if its confidence is high; the others are hints.

    Raises:
        ValueError: no visible mask.
    """
    if person.visible_mask is None:
        raise ValueError("observe() was given a person without visible_mask: pass the pixels (H, W) where the person is seen")
    visible = resample_mask(person.visible_mask, canvas.image_to_canvas, canvas.size) > 0.5
    inside = inside_image(canvas)
    labels = np.full(canvas.size, Label.UNKNOWN, np.uint8)
    if person.occluder_known:
        labels[:] = Label.CLEAR
    for mask, label in ((person.unknown_mask, Label.UNKNOWN), (person.occluder_mask, Label.OCCLUDER)):
        if mask is not None:
            labels[resample_mask(mask, canvas.image_to_canvas, canvas.size) > 0.02] = label
    labels[~inside] = Label.OUTSIDE
    joints, seen = np.zeros((17, 3)), np.zeros(17, np.bool_)
    if person.joints is not None:
        joints = on_canvas(person.joints, canvas)
    if person.prompts is not None:
        if person.prompts.joints_px is not None:
            silent = np.isnan(person.prompts.joints_px).any(1, keepdims=True)
            prompted = on_canvas(np.concatenate([np.where(silent, 0, person.prompts.joints_px), ~silent], 1), canvas)
            joints = np.where(silent, joints, prompted)
        if person.prompts.box_xyxy is not None:
            x0, y0, x1, y1 = apply(canvas.image_to_canvas, person.prompts.box_xyxy.reshape(2, 2)).reshape(4)
            ys, xs = np.arange(canvas.size[0])[:, None] + 0.5, np.arange(canvas.size[1])[None, :] + 0.5
            labels[(xs < x0) | (xs > x1) | (ys < y0) | (ys > y1)] = Label.CLEAR
    labels[visible] = Label.PERSON
    column = joints[:, 0].astype(int).clip(0, canvas.size[1] - 1)
    row = joints[:, 1].astype(int).clip(0, canvas.size[0] - 1)
    seen = (labels[row, column] == Label.PERSON) & (joints[:, 2] >= TRUSTED)
    return Observation(labels, joints, seen)


def on_canvas(joints_px: np.ndarray, canvas: Canvas) -> np.ndarray:
    """Joints (17, 3) from image to canvas pixels; those without confidence stay 0."""
    moved = np.concatenate([apply(canvas.image_to_canvas, joints_px[:, :2]), joints_px[:, 2:]], 1)
    return np.asarray(np.where(joints_px[:, 2:] > 0, moved, 0.0), np.float64)

"""The occluder beyond the person's canvas: an object that hides a person is painted over whole, however far it reaches."""
from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from deocc_aug.canvas import apply, inverse, resample, resample_mask
from deocc_aug.types import Body, Box, Canvas, Mask, Person

SMALL = 1024  # longer side in pixels at which the occluder's pieces are told apart


def occluder_beyond(person: Person, canvas: Canvas) -> tuple[Person, Box] | None:
    """The person with the occluder's pieces that reach onto the canvas alone, and the box (4,) image px of canvas and pieces.

    None where no such piece reaches beyond the canvas (or no occluder is known).  Pieces that lie wholly elsewhere hide
    nothing of this person: they are not touched.
    """
    if person.occluder_mask is None:
        return None
    height, width = person.occluder_mask.shape
    corners = apply(inverse(canvas.image_to_canvas), np.array([[0.0, 0.0], [canvas.size[1], canvas.size[0]]]))
    scale = min(1.0, SMALL / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    small = resample_mask(person.occluder_mask, np.array([[scale, 0, 0], [0, scale, 0.0]]), size) > 0
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(small.astype(np.uint8), connectivity=8)
    low, high = np.floor(corners[0] * scale).astype(int).clip(0), np.ceil(corners[1] * scale).astype(int).clip(0)
    touching = np.setdiff1d(np.unique(labels[low[1]:high[1], low[0]:high[0]]), [0])
    if not len(touching):
        return None
    left, top, wide, tall = boxes[touching, :4].T
    reach = np.array([left.min(), top.min(), (left + wide).max(), (top + tall).max()]) / scale
    if (reach[:2] >= corners[0] - 1).all() and (reach[2:] <= corners[1] + 1).all():
        return None
    box = np.concatenate([np.minimum(corners[0], reach[:2]), np.maximum(corners[1], reach[2:])])
    if len(touching) == count - 1:
        return person, box
    kept = cv2.resize(np.isin(labels, touching).astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
    pieces: Mask = person.occluder_mask & kept
    return replace(person, occluder_mask=pieces), box


def moved(body: Body, canvas: Canvas, to: Canvas) -> Body:
    """A body on one canvas as it lies on another one of the same image."""
    scale = to.scale / canvas.scale
    shift = to.image_to_canvas[:, 2] - scale * canvas.image_to_canvas[:, 2]
    affine = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    amodal = np.asarray(resample(body.amodal, affine, to.size), np.float32).clip(0, 1)
    joints = np.concatenate([apply(affine, body.joints[:, :2]), body.joints[:, 2:]], 1)
    return Body(amodal, joints, amodal[None], body.uncertainty)

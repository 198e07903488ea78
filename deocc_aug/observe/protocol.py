"""Whoever finds out what is seen of a person, and how their answer joins what the caller knew."""
from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np

from deocc_aug.types import Image, Joints, Mask, Person


class Observer(Protocol):
    """Fills in what a caller did not say about a person: a net, a segmenter and a pose model from elsewhere, a function of yours.

    Called with an image (H, W, 3) uint8 RGB and a person of whom at least the box is known; gives back the same person with a
    `visible_mask` (H, W), and an `occluder_mask`, an `unknown_mask` and `joints` where it has any.  What the caller gave stays:
    `told` does that.
    """

    def __call__(self, image: Image, person: Person) -> Person: ...


def told(person: Person, visible_mask: Mask, occluder_mask: Mask | None = None, joints: Joints | None = None,
         unknown_mask: Mask | None = None) -> Person:
    """The person with what was observed where the caller had said nothing.

    Args:
        visible_mask, occluder_mask, unknown_mask: (H, W) bool, the image's own size; where they meet, the first wins.
        joints: (17, 3) x, y in image pixels and confidence; each is taken where the caller has none.
    """
    visible = person.visible_mask if person.visible_mask is not None else visible_mask
    occluder, unknown = person.occluder_mask, person.unknown_mask
    if not person.occluder_known:
        occluder = None if occluder_mask is None else occluder_mask & ~visible
        unknown = None if unknown_mask is None else unknown_mask & ~visible if occluder is None else unknown_mask & ~visible & ~occluder
    known = person.joints
    if known is None:
        known = joints
    elif joints is not None:
        known = np.where(known[:, 2:] > 0, known, joints)
    return replace(person, visible_mask=visible, occluder_mask=occluder, joints=known, unknown_mask=unknown)

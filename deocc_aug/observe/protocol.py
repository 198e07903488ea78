"""Whoever finds people, and what is seen of them; and how their answers join what the caller knew."""
from __future__ import annotations

from dataclasses import replace
from typing import Protocol, runtime_checkable

import numpy as np

from deocc_aug.types import Image, Joints, Mask, Person


@runtime_checkable
class Observer(Protocol):
    """Fills in what a caller did not say about a person: a net, a segmenter and a pose model from elsewhere, a function of yours.

    Called with an image (H, W, 3) uint8 RGB and a person of whom at least the box is known; gives back the same person with
    what it found: a `visible_mask` (H, W), an `occluder_mask`, an `unknown_mask`, `joints`, or nothing.  What the caller gave
    stays: `told` does that.
    """

    def __call__(self, image: Image, person: Person) -> Person: ...


@runtime_checkable
class Detector(Protocol):
    """Finds the people in an image.

    Called with an image (H, W, 3) uint8 RGB; gives back a `Person` for everybody it is sure of, the surest first, of each at
    least the box in this image's pixels.  Observers fill in the rest.
    """

    def __call__(self, image: Image) -> list[Person]: ...


def told(person: Person, visible_mask: Mask | None = None, occluder_mask: Mask | None = None, joints: Joints | None = None,
         unknown_mask: Mask | None = None) -> Person:
    """The person with what was observed where the caller had said nothing.

    Args:
        visible_mask, occluder_mask, unknown_mask: (H, W) bool, the image's own size, None where nothing was observed; where
            they meet, the caller's wins, then the first; what is seen stays within an `amodal_mask` of the caller's.
        joints: (17, 3) x, y in image pixels and confidence; each is taken where the caller has none.

    Raises:
        ValueError: what `Person` refuses; masks of two sizes.
    """
    seen = Person(person.box_xyxy, visible_mask, occluder_mask, joints, unknown_mask=unknown_mask)
    visible, occluder, unknown, whole = person.visible_mask, person.occluder_mask, person.unknown_mask, person.amodal_mask
    if visible is None:
        visible = _without(seen.visible_mask, occluder, None if whole is None else ~whole)
    if not person.occluder_known:
        occluder = _without(seen.occluder_mask, visible)
        unknown = _without(seen.unknown_mask, visible, occluder)
        if unknown is not None and whole is not None:  # what of the given silhouette is not seen cannot be clear
            hidden = _without(whole, visible, occluder)
            assert hidden is not None
            unknown = unknown | hidden
    known = seen.joints if person.joints is None else person.joints
    if known is not None and seen.joints is not None:
        known = np.where(known[:, 2:] > 0, known, seen.joints)
    return replace(person, visible_mask=visible, occluder_mask=occluder, joints=known, unknown_mask=unknown)


def in_turn(*observers: Observer) -> Observer:
    """One observer made of several: each fills in what the caller and those before it left open.

    >>> observer = in_turn(SamObserver.from_pretrained(sam), VitPoseObserver.from_pretrained(vitpose))   # doctest: +SKIP
    """

    def observe(image: Image, person: Person) -> Person:
        for observer in observers:
            person = observer(image, person)
        return person

    return observe


def _without(mask: Mask | None, *others: Mask | None) -> Mask | None:
    """The mask where none of the others is."""
    for other in others:
        if mask is not None and other is not None:
            if mask.shape != other.shape:
                raise ValueError(f"an observed mask is {mask.shape} but another mask of this person is {other.shape}: give every mask in "
                                 "the image's own size")
            mask = mask & ~other
    return mask

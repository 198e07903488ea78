"""What observers tell joins what the caller knew, one observer or several in turn."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deocc_aug import Person
from deocc_aug.observe.protocol import Detector, Observer, in_turn, told
from deocc_aug.types import Image

BOX = np.array([2.0, 2, 10, 12])


def mask_of(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros((16, 20), np.bool_)
    mask[y0:y1, x0:x1] = True
    return mask


def joints_of(*known: tuple[int, float]) -> np.ndarray:
    joints = np.zeros((17, 3))
    for number, confidence in known:
        joints[number] = (number, number + 0.5, confidence)
    return joints


def sees(image: Image, person: Person) -> Person:
    return told(person, visible_mask=mask_of(2, 2, 10, 8))


def finds_joints(image: Image, person: Person) -> Person:
    return told(person, joints=joints_of((0, 0.9), (5, 0.4)))


def test_a_function_is_an_observer_and_another_a_detector() -> None:
    assert isinstance(sees, Observer) and isinstance(lambda image: [], Detector)


def test_an_observer_may_tell_anything_or_nothing() -> None:
    person = Person(BOX)
    assert told(person).visible_mask is None and told(person).joints is None
    joints = told(person, joints=joints_of((3, 0.5)))
    assert joints.visible_mask is None and joints.joints is not None and joints.joints[3].tolist() == [3, 3.5, 0.5]
    occluder = told(person, occluder_mask=mask_of(0, 8, 20, 16))
    assert occluder.visible_mask is None and occluder.occluder_mask is not None and occluder.occluder_mask.sum() == 160


def test_each_in_turn_fills_what_those_before_left_open() -> None:
    def late(image: Image, person: Person) -> Person:
        return told(person, mask_of(0, 0, 20, 16), mask_of(0, 0, 20, 16), joints_of((0, 0.1), (7, 0.2)))

    seen = in_turn(sees, finds_joints, late)(np.zeros((16, 20, 3), np.uint8), Person(BOX))
    assert seen.visible_mask is not None and (seen.visible_mask == mask_of(2, 2, 10, 8)).all()
    assert seen.occluder_mask is not None and (seen.occluder_mask == ~mask_of(2, 2, 10, 8)).all()
    assert seen.joints is not None and seen.joints[[0, 5, 7], 2].tolist() == [0.9, 0.4, 0.2]


def test_the_order_matters_and_the_caller_is_first() -> None:
    image, given = np.zeros((16, 20, 3), np.uint8), Person(BOX, visible_mask=mask_of(3, 3, 9, 9), joints=joints_of((0, 1.0)))
    seen = in_turn(sees, finds_joints)(image, given)
    assert seen.visible_mask is given.visible_mask
    assert seen.joints is not None and seen.joints[[0, 5], 2].tolist() == [1.0, 0.4]


def test_nothing_is_seen_where_the_caller_says_that_something_is_in_front() -> None:
    given = Person(BOX, occluder_mask=mask_of(2, 6, 10, 12))
    seen = told(given, visible_mask=mask_of(2, 2, 10, 8), occluder_mask=mask_of(0, 0, 20, 16))
    assert seen.occluder_mask is given.occluder_mask
    assert seen.visible_mask is not None and (seen.visible_mask == mask_of(2, 2, 10, 6)).all()


def test_what_is_unknown_is_neither_seen_nor_known_to_be_in_front() -> None:
    everywhere = mask_of(0, 0, 20, 16)
    seen = told(Person(BOX), mask_of(0, 0, 20, 4), mask_of(0, 2, 20, 8), unknown_mask=everywhere)
    assert seen.unknown_mask is not None and (seen.unknown_mask == mask_of(0, 8, 20, 16)).all()
    known = told(replace(Person(BOX), unknown_mask=mask_of(0, 0, 5, 5)), occluder_mask=everywhere, unknown_mask=everywhere)
    assert known.occluder_mask is None and known.unknown_mask is not None and known.unknown_mask.sum() == 25


def test_what_an_observer_cannot_have_seen_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(8, 10\).*\(16, 20\)"):
        told(Person(BOX, visible_mask=mask_of(2, 2, 10, 8)), occluder_mask=np.ones((8, 10), np.bool_))
    with pytest.raises(ValueError, match="confidence outside"):
        told(Person(BOX), joints=joints_of((3, 1.5)))

"""What words change: right against wrong descriptions, and a shirt's colour."""
from __future__ import annotations

import re

import cv2
import numpy as np
import pytest

from deocc_aug import Person
from deocc_aug.benchmarks.wording import ARMS, around, better, described, recoloured
from deocc_aug.describe.colours import ANCHORS
from deocc_aug.training.clothes import REGIONS, Dressed
from deocc_aug.types import Image


def wearer(colour: str) -> Dressed:
    image, regions = np.full((200, 100, 3), 90, np.uint8), np.zeros((200, 100), np.uint8)
    regions[10:190, 30:70] = REGIONS.index("other")
    regions[50:110, 30:70] = REGIONS.index("upper")
    image[regions > 0] = ANCHORS[colour][0]
    return Dressed(regions > 0, np.zeros((17, 3)), np.array([30.0, 10, 70, 190]), image, regions=regions,
                   looks={"upper": "shirt", "upper_colour": colour})


def obedient(image: Image, person: Person, prompt: str | None) -> Image:
    """Paints what is hidden in the colour that it is told, grey without one, and white if it is to ask."""
    told = re.search("|".join(ANCHORS), "white" if prompt is None else prompt)
    out = image.copy()
    assert person.occluder_mask is not None
    out[person.occluder_mask] = ANCHORS[told.group()][0] if told else (128, 128, 128)
    return out


def deaf(image: Image, person: Person, prompt: str | None) -> Image:
    return obedient(image, person, "")


def test_the_right_description_is_worth_more_than_another_s_where_words_are_heard() -> None:
    people = [wearer(colour) for colour in ("red", "green", "blue", "yellow")]
    rows = np.array([*described(people, [], obedient, 0)])
    assert rows.shape == (4, len(ARMS)) and (rows[:, 0] == 60).all() and (rows[:, 1:3] < 20).all() and (rows[:, 3] < 25).all()
    rows = np.array([*described(people, [], deaf, 0)])
    assert (rows == rows[:, :1]).all()
    assert better(rows[:, 0], rows[:, 3]) == ""


def test_a_shirt_moves_from_red_to_blue_where_words_are_heard() -> None:
    people = [wearer(colour) for colour in ("red", "green", "blue")]
    assert np.array([*recoloured(people, obedient, 25)])[:, 1] == pytest.approx(1, abs=0.02)
    assert (np.array([*recoloured(people, deaf, 25)]) == 0).all() and len([*recoloured(people, deaf, 2)]) == 2


def test_a_thing_hides_the_whole_garment() -> None:
    garment = cv2.circle(np.zeros((60, 60), np.uint8), (30, 30), 12, 1, 3) > 0
    assert around(garment)[garment].all() and around(garment)[30, 30] and around(garment).mean() < 0.3

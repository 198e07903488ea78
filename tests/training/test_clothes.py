"""What people wear, from class maps and from synthetic people, and what the VQA model is taught of it."""
from __future__ import annotations

import numpy as np
import pytest

from deocc_aug.describe.questions import DEFAULT, NOT_SEEN
from deocc_aug.training.clothes import REGIONS, Dressed, looks_of, measured, place_of, redyed, shown, worn
from deocc_aug.training.words_data import ANSWERS, SILENT, interview

CLASSES = ("null", "coat", "shirt", "jeans", "dress", "shoes", "hair", "bag")


@pytest.fixture(scope="module")
def dressed() -> Dressed:
    """Someone in a red coat over a white shirt, blue jeans, black shoes and brown hair, 120 x 60 pixels."""
    labels = np.zeros((120, 60), np.uint8)
    image = np.full((120, 60, 3), 120, np.uint8)
    for name, rows, columns, colour in (("hair", (5, 15), (22, 38), (70, 45, 30)), ("coat", (16, 60), (12, 48), (180, 30, 40)),
                                        ("shirt", (18, 50), (26, 34), (240, 240, 240)), ("jeans", (60, 105), (18, 42), (45, 75, 150)),
                                        ("shoes", (105, 115), (16, 44), (20, 20, 22))):
        labels[slice(*rows), slice(*columns)] = CLASSES.index(name)
        image[slice(*rows), slice(*columns)] = colour
    looks, regions = worn(image, labels, CLASSES)
    return Dressed(labels > 0, np.zeros((17, 3)), np.array([12.0, 5, 48, 115]), image, regions=regions, looks=looks)


def test_the_outermost_garment_is_named_with_its_colour(dressed: Dressed) -> None:
    assert dressed.looks == {"upper": "coat", "upper_colour": "red", "lower": "jeans", "lower_colour": "blue", "shoes": "black",
                             "hair": "brown"}
    assert dressed.regions is not None and REGIONS[dressed.regions[30, 30]] == "other" and REGIONS[dressed.regions[30, 15]] == "upper"


def test_a_dress_is_both(dressed: Dressed) -> None:
    labels = np.zeros((40, 20), np.uint8)
    labels[5:35, 5:15] = CLASSES.index("dress")
    looks, regions = worn(np.full((40, 20, 3), (46, 110, 62), np.uint8), labels, CLASSES)
    assert (looks["upper"], looks["lower"], looks["upper_colour"]) == ("dress", "dress", "green")
    assert shown(regions, labels > 0, "upper") == 1


    assert place_of("lower_colour", looks) == "upper" and place_of("lower", {"lower": "jeans"}) == "lower"


def test_a_dyed_garment_goes_by_its_new_colour_and_nothing_else_moves(dressed: Dressed) -> None:
    assert dressed.image is not None and dressed.regions is not None and dressed.looks is not None
    seen: dict[str, set[str]] = {"upper_colour": set(), "lower_colour": set(), "shoes": set()}
    for seed in range(40):
        image, looks = redyed(dressed.image, dressed.regions, dressed.looks, np.random.default_rng(seed))
        assert looks == {**dressed.looks, **measured(image, dressed.regions, dressed.looks)}
        assert np.abs(image[:3].astype(int) - dressed.image[:3]).max() <= 1  # background, but for rounding
        for key, names in seen.items():
            names.add(looks[key])
    assert all(len(names) > 5 for names in seen.values())
    same, looks = redyed(dressed.image, dressed.regions, dressed.looks, np.random.default_rng(0), often=0)
    assert same is dressed.image and looks == dressed.looks


def test_synthetic_people_say_the_same_words() -> None:
    words = {"top": "tank top", "top_colour": "red", "bottom": "trousers", "bottom_colour": "grey", "shoes": "none", "age": "old person",
             "hair": "dark brown long hair"}
    assert looks_of(words) == {"upper": "top", "upper_colour": "red", "lower": "pants", "lower_colour": "grey", "hair": "brown",
                               "age": "adult"}
    assert looks_of({"coat": "jacket", "coat_colour": "blue", "bottom": "dress", "bottom_colour": "pink", "hair": "bald"}) == \
        {"upper": "jacket", "upper_colour": "blue", "lower": "dress", "lower_colour": "pink"}


def test_what_is_hidden_is_not_seen(dressed: Dressed) -> None:
    """Over many examples every thing is both named and said to be out of sight, and never anything else."""
    heard: dict[str, set[str]] = {key: set() for key in DEFAULT}
    for seed in range(60):
        made = interview(dressed, np.random.default_rng(seed), [], 64)
        if made is not None:
            assert made["picture"].shape == (64, 64, 3)
            for key, answer in zip(DEFAULT, made["answers"], strict=True):
                heard[key].add("" if answer == SILENT else ANSWERS[answer])
    assert dressed.looks is not None
    assert heard["lower"] == {dressed.looks["lower"], NOT_SEEN} and heard["hair"] <= {dressed.looks["hair"], NOT_SEEN}
    assert all({dressed.looks[key], NOT_SEEN} < heard[key] for key in ("upper_colour", "lower_colour", "shoes"))  # dyed, too

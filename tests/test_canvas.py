"""Cutting and pasting are inverse, keep what is outside, and do not depend on the source's resolution."""
from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deocc_aug.canvas import (
    apply,
    around,
    box_of,
    cut,
    first_look,
    inside_image,
    inverse,
    patch_rectangle,
    place,
    resample,
    resample_mask,
    window,
)

SIZE = (256, 192)
coordinates = st.floats(-500, 5000)
lengths = st.floats(32, 6000)


@given(coordinates, coordinates, lengths, lengths, st.floats(-100, 8000), st.floats(-100, 8000))
def test_to_the_canvas_and_back_is_the_identity(x: float, y: float, width: float, height: float, px: float, py: float) -> None:
    affine = place(np.array([x, y, x + width, y + height]), SIZE)
    there_and_back = apply(inverse(affine), apply(affine, np.array([[px, py]])))
    assert np.allclose(there_and_back, [[px, py]], atol=1e-6)


@given(coordinates, coordinates, lengths, lengths)
def test_the_box_just_fits_the_canvas(x: float, y: float, width: float, height: float) -> None:
    box = np.array([x, y, x + width, y + height])
    x0, y0, x1, y1 = apply(place(box, SIZE), box.reshape(2, 2)).reshape(4)
    assert min(x0, y0) >= -1e-6 and x1 <= SIZE[1] + 1e-6 and y1 <= SIZE[0] + 1e-6
    assert np.isclose(x1 - x0, SIZE[1]) or np.isclose(y1 - y0, SIZE[0])


@settings(max_examples=30, deadline=None)
@given(st.floats(40, 130), st.floats(60, 180), st.integers(-60, 160), st.integers(-60, 160))
def test_a_smooth_picture_survives_cut_and_paste(width: float, height: float, x: int, y: int) -> None:
    rows, columns = np.mgrid[:200, :160]
    image = np.stack([rows, columns, (rows + columns) / 2], 2).astype(np.uint8)
    canvas = cut(image, place(np.array([x, y, x + width, y + height], float), SIZE), SIZE)
    origin, size, to_patch = patch_rectangle(canvas)
    pasted = resample(canvas.image, to_patch, size)
    known = window(np.ones((200, 160), np.bool_), origin, size)
    known = cv2.erode(known.astype(np.uint8), np.ones((5, 5)), borderValue=0) > 0
    at = np.nonzero(known)
    if len(at[0]):
        difference = pasted[at].astype(int) - image[at[0] + origin[1], at[1] + origin[0]]
        assert np.abs(difference).max() <= 2


@pytest.mark.parametrize("height", [220, 440, 1760])
def test_a_person_gives_the_same_canvas_at_every_size(height: int) -> None:
    rng = np.random.default_rng(0)
    coarse = cv2.GaussianBlur(rng.integers(0, 255, (110, 80, 3)).astype(np.uint8), (0, 0), 2)
    big = cv2.resize(coarse, (80 * height // 110, height), interpolation=cv2.INTER_LINEAR)
    reference = cv2.resize(coarse, (160, 220), interpolation=cv2.INTER_LINEAR)
    box = np.array([10.0, 10, 70, 100])
    canvas = cut(big, place(box * height / 110, SIZE), SIZE).image
    expected = cut(reference, place(box * 2, SIZE), SIZE).image
    assert np.abs(canvas.astype(int) - expected).mean() < 1.0


def test_shrinking_averages_instead_of_skipping() -> None:
    stripes = np.zeros((1600, 1200, 3), np.uint8)
    stripes[::2] = 200
    canvas = cut(stripes, place(np.array([0.0, 0, 1200, 1600]), SIZE), SIZE).image
    assert np.abs(canvas[8:-8, 8:-8].astype(int) - 100).max() <= 2


def test_outside_the_image_is_known_to_be_outside() -> None:
    canvas = cut(np.full((100, 80, 3), 255, np.uint8), place(np.array([-40.0, -50, 40, 50]), SIZE), SIZE)
    inside = inside_image(canvas)
    assert not inside[:120].any() and not inside[:, :90].any() and inside[135:, 100:].all()
    assert (canvas.image[~inside] == 0).all() and (canvas.image[inside] == 255).all()


def test_a_huge_image_is_read_only_under_the_canvas() -> None:
    huge = np.broadcast_to(np.array([10, 20, 30], np.uint8), (8000, 8000, 3))
    canvas = cut(huge, place(np.array([7000.0, 7000, 7100, 7200]), SIZE), SIZE)
    assert (canvas.image == (10, 20, 30)).all()


def test_a_mask_keeps_its_area() -> None:
    mask = np.zeros((300, 300), np.bool_)
    mask[37:211, 51:160] = True
    affine = place(np.array([0.0, 0, 300, 300]), SIZE)
    assert np.isclose(resample_mask(mask, affine, SIZE).sum() / affine[0, 0] ** 2, mask.sum(), rtol=0.01)


def test_the_first_look_leaves_room_for_what_is_hidden() -> None:
    visible = np.array([100.0, 100, 160, 200])
    x0, y0, x1, y1 = first_look(visible, None)
    assert x0 < 60 and y0 < 60 and x1 > 200 and y1 > 240
    occluder = np.array([90.0, 190, 300, 300])
    assert first_look(visible, occluder)[3] >= 290                    # reaches over the occluder
    assert first_look(visible, np.array([90.0, 190, 3000, 3000]))[3] < 400  # but not over all of a wall
    assert (around(visible)[:2] < visible[:2]).all() and (around(visible)[2:] > visible[2:]).all()


def test_the_box_of_a_mask() -> None:
    mask = np.zeros((20, 30), np.bool_)
    assert box_of(mask) is None
    mask[3:7, 5:11] = True
    assert box_of(mask).tolist() == [5, 3, 11, 7]

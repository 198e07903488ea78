"""Encoding a body and decoding it gives the body back."""
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deocc_aug.body.codec import condition_channels, decode_body, encode_body, encode_observation, joints_from_heatmaps
from deocc_aug.patches import from_patches, heatmaps, to_patches
from deocc_aug.types import Label


def test_patches_are_lossless() -> None:
    planes = np.random.default_rng(0).random((3, 16, 24)).astype(np.float32)
    assert (from_patches(to_patches(planes, 4), 4) == planes).all()
    assert to_patches(planes, 4).shape == (48, 4, 6)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(20, 172), st.floats(20, 236)), min_size=17, max_size=17))
def test_joints_survive_the_heatmaps_to_a_pixel(places: list[tuple[float, float]]) -> None:
    joints = np.concatenate([np.array(places), np.ones((17, 1))], 1)
    found = joints_from_heatmaps(heatmaps(joints, 8, (32, 24)), 8)
    assert np.abs(found[:, :2] - joints[:, :2]).max() < 2.5
    assert (found[:, 2] > 0.5).all()


def test_low_confidence_widens_and_none_is_empty() -> None:
    joints = np.zeros((17, 3))
    joints[0], joints[1] = (96, 128, 1.0), (96, 128, 0.2)
    maps = heatmaps(joints, 8, (32, 24))
    assert maps[0].max() > maps[1].max() and (maps[1] > 0.05).sum() > (maps[0] > 0.05).sum()
    assert not maps[2:].any()


def test_a_spread_map_has_low_confidence() -> None:
    sure, torn = np.zeros((17, 3)), np.zeros((17, 3))
    sure[0], torn[0] = (40, 40, 1), (150, 200, 1)
    both = (heatmaps(sure, 8, (32, 24)) + heatmaps(torn, 8, (32, 24))) / 2
    assert joints_from_heatmaps(both, 8)[0, 2] < 0.6 < joints_from_heatmaps(heatmaps(sure, 8, (32, 24)), 8)[0, 2]


def test_a_mask_survives_the_state() -> None:
    mask = np.zeros((256, 192), np.float32)
    mask[40:200, 60:130] = 1
    amodal, _ = decode_body(encode_body(mask, np.zeros((17, 3)), 4), 4)
    assert ((amodal > 0.5) == (mask > 0.5)).mean() > 0.995


@pytest.mark.parametrize("patch", [2, 4, 8])
def test_the_channels_are_those_of_the_patch(patch: int) -> None:
    assert encode_body(np.zeros((256, 192), np.float32), np.zeros((17, 3)), patch).shape == (patch**2 + 17, 128 // patch, 96 // patch)
    labels = np.zeros((256, 192), np.uint8)
    assert encode_observation(labels, np.zeros((17, 3)), None, patch).shape == (condition_channels(patch), 128 // patch, 96 // patch)


def test_only_the_persons_own_colours_are_looked_at() -> None:
    labels = np.full((256, 192), Label.CLEAR, np.uint8)
    labels[64:192, 64:128] = Label.PERSON
    image = np.random.default_rng(0).integers(0, 256, (256, 192, 3), dtype=np.uint8)
    elsewhere = np.where((labels == Label.PERSON)[..., None], image, 255 - image)
    one, other, none = (encode_observation(labels, np.zeros((17, 3)), picture, 4) for picture in (image, elsewhere, None))
    assert (one == other).all() and (one[:-12] == none[:-12]).all() and not none[-12:].any()
    assert one[-12:, 8:24, 8:16].any() and not one[-12:, :8].any()
    grey = encode_observation(labels, np.zeros((17, 3)), np.full_like(image, 255), 4)[-12:, 8:24, 8:16]
    assert np.allclose(grey, 1)

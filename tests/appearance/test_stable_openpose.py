"""Joints as an OpenPose ControlNet reads them."""
from __future__ import annotations

import numpy as np
import pytest

from deocc_aug.appearance.openpose import COLOURS, LIMBS, openpose_joints, openpose_picture

COCO = ("nose", "left eye", "right eye", "left ear", "right ear", "left shoulder", "right shoulder", "left elbow", "right elbow",
        "left wrist", "right wrist", "left hip", "right hip", "left knee", "right knee", "left ankle", "right ankle")
OPENPOSE = ("nose", "neck", "right shoulder", "right elbow", "right wrist", "left shoulder", "left elbow", "left wrist", "right hip",
            "right knee", "right ankle", "left hip", "left knee", "left ankle", "right eye", "left eye", "right ear", "left ear")


def somebody(seed: int = 0) -> np.ndarray:
    """17 joints far enough apart for their dots not to touch."""
    cells = np.random.default_rng(seed).permutation(48)[:17]
    places = np.stack([cells % 6 * 60 + 40.5, cells // 6 * 60 + 40.5], 1)
    return np.concatenate([places, np.ones((17, 1))], 1).astype(np.float32)


def test_every_joint_has_its_own_name() -> None:
    joints = somebody()
    places, known = openpose_joints(joints)
    assert known.all()
    for name, place in zip(OPENPOSE, places, strict=True):
        wanted = joints[[5, 6], :2].mean(0) if name == "neck" else joints[COCO.index(name), :2]
        assert np.allclose(place, wanted), name


def test_the_picture_has_the_joints_where_they_are() -> None:
    joints = somebody(1)
    picture = openpose_picture(joints, (512, 384))
    assert picture.shape == (512, 384, 3) and picture.dtype == np.uint8
    for name, (x, y), colour in zip(OPENPOSE, openpose_joints(joints)[0], COLOURS, strict=True):
        if name != "neck":
            assert tuple(picture[int(y), int(x)]) == colour, name


def test_a_limb_runs_between_its_joints_in_its_own_colour() -> None:
    joints = somebody()
    joints[:, 2] = 0
    joints[[6, 8]] = [[100.5, 60.5, 1.0], [100.5, 160.5, 1.0]]
    picture = openpose_picture(joints, (512, 384))
    limb = LIMBS.index((2, 3))
    assert np.allclose(picture[110, 100], np.array(COLOURS[limb]) * 0.6, atol=1)
    rows, columns = np.nonzero(picture.any(2))
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == pytest.approx((96, 104, 56, 164), abs=1)


def test_joints_that_nobody_knows_are_not_drawn() -> None:
    joints = somebody()
    joints[:, 2] = 0.1
    assert not openpose_picture(joints, (128, 96)).any()
    joints[5, 2] = 1
    assert not openpose_joints(joints)[1][1]  # one shoulder makes no neck


def test_a_joint_beyond_the_picture_is_no_error() -> None:
    joints = somebody()
    joints[9, :2] = (-1000, 5000)
    assert openpose_picture(joints, (128, 96)).any()

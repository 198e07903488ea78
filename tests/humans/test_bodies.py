"""Promises of the synthetic people: reproducible, anatomically possible, labelled where they are drawn."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

pytest.importorskip("anny")

from deocc_aug.humans.bodies import COCO_JOINTS, Bodies, sample_bodies
from deocc_aug.humans.poses import (
    FAMILIES,
    HIP_ABDUCTION_LIMITS,
    HIP_FLEXION_LIMITS,
    KNEE_LIMITS,
    NECK_LIMITS,
    SPINE_LIMITS,
    sample_pose,
)
from deocc_aug.humans.silhouettes import SIDE, Camera, fill, load_bank, main, make_bank, make_silhouettes, project, save_bank

JOINT = {name: index for index, name in enumerate(COCO_JOINTS)}


@pytest.fixture(scope="module")
def bodies() -> Bodies:
    return sample_bodies(24, np.random.default_rng(3))


def test_same_generator_state_gives_same_bodies(bodies: Bodies) -> None:
    again = sample_bodies(24, np.random.default_rng(3))
    assert np.array_equal(again.vertices, bodies.vertices)
    assert again.poses == bodies.poses
    other = sample_bodies(24, np.random.default_rng(4))
    assert not np.array_equal(other.vertices, bodies.vertices)


def test_shapes_and_sizes(bodies: Bodies) -> None:
    assert bodies.vertices.shape == (24, 13718, 3)
    assert bodies.vertices.dtype == np.float32
    assert bodies.joints_3d.shape == (24, 17, 3)
    assert np.isfinite(bodies.vertices).all()
    assert (bodies.stature > 0.6).all()
    assert (bodies.stature < 2.3).all()


def test_every_family_is_drawn() -> None:
    generator = np.random.default_rng(0)
    assert {sample_pose(generator).family for _ in range(600)} == set(FAMILIES)
    for family in FAMILIES:
        assert sample_pose(generator, family).family == family


def test_unknown_family_is_an_error() -> None:
    with pytest.raises(ValueError, match="no pose family 'dab'"):
        sample_pose(np.random.default_rng(0), "dab")


def test_leg_angles_stay_within_limits() -> None:
    generator = np.random.default_rng(1)
    legs = [leg for _ in range(400) for leg in sample_pose(generator).legs]
    assert all(KNEE_LIMITS[0] <= leg.knee <= KNEE_LIMITS[1] for leg in legs)
    assert all(HIP_FLEXION_LIMITS[0] <= leg.flexion <= HIP_FLEXION_LIMITS[1] for leg in legs)


def test_posed_bodies_bend_no_further_than_people_do() -> None:
    """Measured on the bones' rotations, whatever the pose asked for."""
    posed = sample_bodies(96, np.random.default_rng(12))
    bones = posed.model.bones

    def turn(upper: str, lower: str) -> np.ndarray:
        """(96, 3) degrees forward, left and turned of one bone against another."""
        relative = np.einsum("nji,njk->nik", posed.rotations[:, bones[upper]], posed.rotations[:, bones[lower]])
        return np.asarray(Rotation.from_matrix(relative).as_euler("ZYX", degrees=True))[:, ::-1]

    for (upper, lower), limits in ((("root", "spine01"), SPINE_LIMITS), (("spine01", "head"), NECK_LIMITS)):
        angles = turn(upper, lower)
        low, high = np.array(limits).T
        assert (angles >= low - 0.1).all() and (angles <= high + 0.1).all()
        assert (np.ptp(angles, axis=0) > 0.4 * (high - low)).all()  # and they do move
    heads = posed.bones_3d.astype(np.float64)
    root = posed.rotations[:, bones["root"]].astype(np.float64)
    for side, outward in (("L", 1), ("R", -1)):
        thigh = np.einsum("nji,nj->ni", root, heads[:, bones[f"lowerleg01.{side}"]] - heads[:, bones[f"upperleg01.{side}"]])
        aside = np.degrees(np.arcsin(outward * thigh[:, 0] / np.linalg.norm(thigh, axis=1)))
        low, high = HIP_ABDUCTION_LIMITS
        assert (aside > low - 6).all() and (aside < high + 21).all()  # legs that would touch are spread by up to 20 degrees more
        curl = Rotation.from_matrix(np.einsum("nji,njk->nik", posed.rotations[:, bones[f"wrist.{side}"]],
                                              posed.rotations[:, bones[f"finger3-3.{side}"]])).magnitude()  # fmt: skip
        assert np.degrees(curl).min() > 5 and np.degrees(curl).max() < 91  # never flat, never through the palm


def test_knees_bend_backward_and_elbows_forward() -> None:
    bodies = sample_bodies(16, np.random.default_rng(5), ["sit", "kneel", "crouch", "sport"])
    for index in range(len(bodies)):
        joints = bodies.joints_3d[index]
        for side, bone in (("left", "L"), ("right", "R")):
            hip, knee, ankle = (joints[JOINT[f"{side}_{name}"]] for name in ("hip", "knee", "ankle"))
            thigh, shin = knee - hip, ankle - knee
            forward = -bodies.rotations[index, bodies.model.bones[f"upperleg01.{bone}"], :, 1]
            sine = np.cross(thigh, shin) @ np.cross(forward, thigh) / np.linalg.norm(thigh) ** 2 / np.linalg.norm(shin)
            assert sine > -0.1  # the shin turns away from the front of the thigh
            shoulder, elbow, wrist = (joints[JOINT[f"{side}_{name}"]] for name in ("shoulder", "elbow", "wrist"))
            arm = np.linalg.norm(elbow - shoulder) + np.linalg.norm(wrist - elbow)
            assert 0.3 < np.linalg.norm(wrist - shoulder) / arm < 1.0


def test_left_is_on_the_bodys_left() -> None:
    bodies = sample_bodies(8, np.random.default_rng(6), ["stand"])
    assert (bodies.joints_3d[:, JOINT["left_hip"], 0] > bodies.joints_3d[:, JOINT["right_hip"], 0]).all()
    assert (bodies.joints_3d[:, JOINT["nose"], 2] > bodies.joints_3d[:, JOINT["left_knee"], 2] + 0.3).all()


def test_joints_are_inside_the_silhouette(bodies: Bodies) -> None:
    for seen in make_silhouettes(bodies, np.random.default_rng(7)):
        height, width = seen.mask.shape
        x, y = np.round(seen.joints_px).astype(int).T
        assert ((x >= 0) & (x < width) & (y >= 0) & (y < height)).all()
        near = np.array([seen.body_mask[max(b - 3, 0) : b + 4, max(a - 3, 0) : a + 4].any() for a, b in zip(x, y, strict=True)])
        assert near.all()


def test_clothes_only_add(bodies: Bodies) -> None:
    for seen in make_silhouettes(bodies, np.random.default_rng(8), clothed=1.0):
        assert (seen.mask >= seen.body_mask).all()
        rows, columns = np.flatnonzero(seen.mask.any(axis=1)), np.flatnonzero(seen.mask.any(axis=0))
        assert abs(max(np.ptp(rows), np.ptp(columns)) + 1 - SIDE) <= 3


def test_nose_is_hidden_from_behind_and_seen_from_the_front() -> None:
    bodies = sample_bodies(16, np.random.default_rng(9), ["stand"])
    for seen in make_silhouettes(bodies, np.random.default_rng(9), clothed=0.0):
        if abs(seen.camera.yaw) > 150:
            assert not seen.visible[JOINT["nose"]]
        assert seen.visible.sum() >= 6


def test_camera_in_front_sees_the_left_hand_on_the_right() -> None:
    points = np.array([[0.5, 0.0, 0.0], [0.0, 0.0, 0.5], [0.0, -0.5, 0.0]])
    image, depth = project(points, Camera(0.0, 0.0, 0.0, 4.0), np.zeros(3))
    assert image[0, 0] > 0
    assert image[1, 1] < 0
    assert depth[2] == pytest.approx(3.5)


def test_fill_is_the_union_of_the_front_triangles() -> None:
    square = np.array([[2.0, 2.0], [2.0, 12.0], [12.0, 12.0], [12.0, 2.0]])
    mask = fill(square, np.array([[0, 1, 2], [0, 2, 3], [0, 1, 2]], dtype=np.int32), (16, 16))
    assert mask[2:13, 2:13].all()
    assert mask.sum() == 121
    assert fill(square, np.array([[2, 1, 0]], dtype=np.int32), (16, 16)).sum() == 0


def test_a_bank_is_whole_or_not_there_and_named_as_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                         capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    bank = make_bank(2, seed=7)
    save_bank(bank, tmp_path / "bank")
    assert [path.name for path in tmp_path.iterdir()] == ["bank"] and len(load_bank(tmp_path / "bank")) == 2
    before = (tmp_path / "bank").read_bytes()

    def full_disk(file: BinaryIO, **_: object) -> None:
        file.write(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full_disk)
    with pytest.raises(OSError, match="No space"):
        save_bank(bank, tmp_path / "bank")
    assert [path.name for path in tmp_path.iterdir()] == ["bank"] and (tmp_path / "bank").read_bytes() == before
    with pytest.raises(SystemExit):
        main(["--n", "0", "--out", str(tmp_path / "none.npz")])
    assert "n is 0: pass the number of people" in capsys.readouterr().err


def test_bank_keeps_people_and_does_not_depend_on_its_length(tmp_path: Path) -> None:
    bank = make_bank(20, seed=2)
    shorter = make_bank(5, seed=2)
    assert np.array_equal(bank.masks[:5], shorter.masks)
    save_bank(bank, tmp_path / "bank.npz")
    read = load_bank(tmp_path / "bank.npz")
    assert read.family_names == tuple(FAMILIES)
    assert np.array_equal(read.mask(19), bank.mask(19))
    assert (read.mask(7) >= read.mask(7, bare=True)).all()

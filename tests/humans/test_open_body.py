"""Promises of the open body: smplx loads it, it poses as anny does, and what smplx reads off its mesh lies where it should."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("anny")
pytest.importorskip("smplx")

import smplx
import torch
from scipy.spatial.transform import Rotation
from smplx.joint_names import JOINT_NAMES

from deocc_aug.benchmarks.openbody import anny_vertices, gradients_are_finite, shape_errors, smplx_vertices
from deocc_aug.cli import main
from deocc_aug.humans.bodies import sample_bodies
from deocc_aug.humans.camera import View, sample_camera
from deocc_aug.humans.open_body.build import OpenBody, arrays, build, export, hand_components
from deocc_aug.humans.open_body.labels import Parameters, in_smplx, in_view, parameters_of
from deocc_aug.humans.open_body.rest import rest_rotations
from deocc_aug.humans.open_body.rig import rests, rig
from deocc_aug.humans.open_body.tree import BONES, JOINTS, PARENTS, owners

NAMES = {name: index for index, name in enumerate(JOINT_NAMES)}


@pytest.fixture(scope="module")
def body() -> OpenBody:
    return build()


@pytest.fixture(scope="module")
def path(body: OpenBody, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(tmp_path_factory.mktemp("body"), body)


@pytest.fixture(scope="module")
def model(path: Path) -> Any:
    return smplx.create(str(path.parents[1]), model_type="smplx", batch_size=2, use_face_contour=True)


@pytest.fixture(scope="module")
def joints(model: Any) -> dict[str, np.ndarray]:
    """The 144 joints of the body at rest, by smplx's names."""
    places = model().joints[0].detach().numpy()
    return {name: places[index] for name, index in NAMES.items()}


def test_the_tree_is_smplx_own() -> None:
    assert tuple(name.replace("_smplhf", "") for name in JOINT_NAMES[:55]) == JOINTS
    assert all(parent < joint for joint, parent in enumerate(PARENTS))
    assert JOINTS[PARENTS[JOINTS.index("left_thumb1")]] == "left_wrist" and JOINTS[PARENTS[JOINTS.index("right_eye")]] == "head"


def test_bones_without_a_joint_are_carried_by_the_nearest_above_that_has_one() -> None:
    bones = ("root", "spine05", "spine03", "upperarm01.L", "upperarm02.L", "lowerarm01.L", "foot.L", "toe1-1.L", "toe4-1.L", "toe4-2.L")
    parents = (-1, 0, 1, 2, 3, 4, 0, 6, 6, 8)
    found = owners({bone: index for index, bone in enumerate(bones)}, parents)
    assert [JOINTS[joint] for joint in found] == ["pelvis", "pelvis", "spine1", "left_shoulder", "left_shoulder", "left_elbow",
                                                  "left_ankle", "left_foot", "left_foot", "left_foot"]


def test_smplx_creates_and_builds_it(model: Any, path: Path) -> None:
    out = model()
    assert out.vertices.shape == (2, 13718, 3) and out.joints.shape == (2, 144, 3)
    assert model.faces.max() < 13718 and len(np.unique(model.faces)) == 13718
    layer = smplx.build_layer(str(path), model_type="smplx", use_pca=False)
    turned = torch.eye(3).expand(3, 1, 3, 3)
    assert layer(betas=torch.zeros(3, 10), global_orient=turned, transl=torch.zeros(3, 3)).vertices.shape == (3, 13718, 3)


def test_it_poses_as_anny_does(body: OpenBody, path: Path) -> None:
    generator = np.random.default_rng(3)
    bent = Rotation.from_rotvec(generator.normal(0, 0.35, (4 * len(JOINTS), 3))).as_matrix().reshape(4, len(JOINTS), 3, 3)
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            bent[:, joint] = bent[:, parent] @ bent[:, joint]
    for foot in ("left_foot", "right_foot"):  # anny's toes turn each about its own root
        bent[:, JOINTS.index(foot)] = bent[:, PARENTS[JOINTS.index(foot)]]
    anny = rig()
    template = rests(anny, body.coefficients[None])
    theirs = anny_vertices(anny, template, bent[:, anny.owner] @ rest_rotations(anny, template)[0])[:, body.order]
    layer = smplx.build_layer(str(path), model_type="smplx", use_pca=False)
    ours = smplx_vertices(layer, Parameters(in_smplx(bent), np.zeros((4, 10)), np.zeros((4, 3))))
    off = np.linalg.norm(ours - theirs, axis=2)
    moved = np.linalg.norm(body.template - theirs, axis=2)
    assert off.mean() < 0.003 and off.max() < 0.05
    assert moved.mean() > 0.1


def test_synthetic_people_have_parameters_that_make_them_before_their_camera(body: OpenBody, path: Path) -> None:
    generator = np.random.default_rng(11)
    bodies = sample_bodies(3, generator)
    view = View(sample_camera(generator), np.array([0.1, 0.2, -0.3]), 500.0, np.array([96.0, 128.0]))
    layer = smplx.build_layer(str(path), model_type="smplx", use_pca=False)
    people = parameters_of(bodies, body, rig())
    theirs = ((bodies.vertices - view.eye) @ view.axes)[:, body.order]
    off = np.linalg.norm(smplx_vertices(layer, in_view(people, body, view)) - theirs, axis=2)
    assert off.mean() < 0.02 and (theirs[..., 2] > 0).all()
    assert np.ptp(people.betas, axis=0).max() > 0.5


def test_rest_is_arms_out_palms_down_facing_ahead(joints: dict[str, np.ndarray]) -> None:
    for side, sign in (("left", 1), ("right", -1)):
        arm = joints[f"{side}_wrist"] - joints[f"{side}_shoulder"]
        assert sign * arm[0] > 0.999 * np.linalg.norm(arm)
        assert joints[f"{side}_index1"][2] > joints[f"{side}_pinky1"][2] + 0.04
        leg = joints[f"{side}_ankle"] - joints[f"{side}_hip"]
        assert leg[1] < -0.99 * np.linalg.norm(leg)
        assert joints[f"{side}_big_toe"][2] > joints[f"{side}_heel"][2] + 0.15
    assert joints["nose"][2] > joints["head"][2] + 0.05
    assert np.abs(joints["pelvis"]).max() < 0.001


def test_the_vertices_that_smplx_has_numbers_for_lie_where_they_should(joints: dict[str, np.ndarray]) -> None:
    for side, sign in (("left", 1), ("right", -1)):
        wrist = joints[f"{side}_wrist"]
        for finger in ("thumb", "index", "middle", "ring", "pinky"):
            tip, last = joints[f"{side}_{finger}"], joints[f"{side}_{finger}3"]
            assert 0.005 < np.linalg.norm(tip - last) < 0.06
            assert np.linalg.norm(tip - wrist) > np.linalg.norm(last - wrist)
        ankle, heel = joints[f"{side}_ankle"], joints[f"{side}_heel"]
        assert heel[2] < ankle[2] and heel[1] < ankle[1] - 0.03 and np.linalg.norm(heel - ankle) < 0.13
        assert sign * joints[f"{side}_small_toe"][0] > sign * joints[f"{side}_big_toe"][0] + 0.04
        for toe in ("big", "small"):
            assert joints[f"{side}_{toe}_toe"][2] > joints[f"{side}_foot"][2]
        eye = joints[f"{side}_eye"] - joints[f"{side}_eye_smplhf"]
        assert 0.005 < eye[2] < 0.03 and np.abs(eye[:2]).max() < 0.01
        assert sign * joints[f"{side}_ear"][0] > sign * joints[f"{side}_eye"][0] + 0.03
        assert joints[f"{side}_ear"][2] < joints[f"{side}_eye"][2]
    assert abs(joints["nose"][0]) < 0.002
    assert joints["nose"][2] > max(joints["left_eye"][2], joints["right_eye"][2]) + 0.01


def test_landmarks_lie_in_their_order_on_the_face(body: OpenBody, joints: dict[str, np.ndarray]) -> None:
    for weights in (body.landmark_weights, body.contour_weights):
        assert (weights >= 0).all() and np.allclose(weights.sum(-1), 1)
    down = ("left_eye_brow3", "left_eye2", "nose2", "nose_middle", "mouth_top", "mouth_bottom", "contour_middle")
    high = [joints[name][1] for name in down]
    assert high == sorted(high, reverse=True)
    for name in ("eye_brow1", "eye_brow5", "eye1", "eye4", "mouth_1", "mouth_3", "contour_1", "contour_5"):
        left, right = joints[f"left_{name}"], joints[f"right_{name}"]
        assert left[0] > 0.005 and np.abs(left * (-1, 1, 1) - right).max() < 0.005
    assert joints["left_contour_1"][0] > joints["left_contour_8"][0] + 0.03


def test_the_far_outline_moves_towards_the_nose_when_the_head_turns(model: Any) -> None:
    """Turned to its left, the head shows its right ear, and its left outline runs over the cheek."""
    far = NAMES["left_contour_3"]
    zero, turned = torch.zeros(2, 3), torch.tensor([[0.0, 0.5, 0.0]]).expand(2, 3)

    def on_the_head(turn: torch.Tensor) -> np.ndarray:
        places = model(global_orient=turn).joints[0].detach().numpy()
        return np.asarray(Rotation.from_rotvec(-turn[0].numpy()).apply(places[far]))

    assert on_the_head(turned)[2] > on_the_head(zero)[2] + 0.01


def test_joints_are_annys_and_skin_and_joints_follow_shapes(body: OpenBody) -> None:
    assert np.allclose(body.weights.sum(1), 1) and (body.weights >= 0).all()
    assert np.allclose(body.regressor.sum(1), 1)
    off = shape_errors(body, rig(), 6, seed=5)
    assert off["shapes"].mean() < 5 and off["joints"].mean() < 3
    tall = np.ptp(body.template[:, 1] + body.directions[:, 1, 0]) - np.ptp(body.template[:, 1])
    assert abs(tall) > 0.05  # the first direction is size


def test_expressions_move_the_face_alone(body: OpenBody) -> None:
    moved = np.linalg.norm(body.directions[..., 10:], axis=1)
    head = body.weights[:, [JOINTS.index(name) for name in ("head", "jaw", "neck")]].sum(1) > 0
    assert (moved.max(0) > 0.0005).all() and moved[~head].max() < 1e-9


def test_the_jaw_opens_and_a_fist_closes(model: Any) -> None:
    rest = model().joints[0].detach().numpy()
    open_mouth = model(jaw_pose=torch.tensor([[0.3, 0, 0]]).expand(2, 3)).joints[0].detach().numpy()
    assert rest[NAMES["mouth_bottom"], 1] - open_mouth[NAMES["mouth_bottom"], 1] > 0.01
    assert np.abs(rest - open_mouth)[NAMES["nose"]].max() < 1e-6
    fist = torch.zeros(2, 6)
    fist[:, 0] = 3
    closed = model(left_hand_pose=fist, right_hand_pose=fist).joints[0].detach().numpy()
    for side in ("left", "right"):
        tip = NAMES[f"{side}_middle"]
        assert np.linalg.norm(closed[tip] - rest[NAMES[f"{side}_wrist"]]) < np.linalg.norm(rest[tip] - rest[NAMES[f"{side}_wrist"]]) - 0.03
        assert closed[tip, 1] < rest[tip, 1] - 0.02
    mirrored = closed[NAMES["right_middle"]] * (-1, 1, 1)
    assert np.abs(closed[NAMES["left_middle"]] - mirrored).max() < 0.005


def test_hand_components_are_orthonormal() -> None:
    for sign in (1.0, -1.0):
        basis = hand_components(sign)
        assert np.allclose(basis @ basis.T, np.eye(45), atol=1e-9)


def test_gradients_are_finite(path: Path) -> None:
    assert gradients_are_finite(smplx.create(str(path), model_type="smplx", batch_size=2, use_pca=False, use_face_contour=True))


def test_the_same_body_is_the_same_bytes_and_pickles_nothing(body: OpenBody, path: Path, tmp_path: Path) -> None:
    assert export(tmp_path, body).read_bytes() == path.read_bytes()
    with np.load(path, allow_pickle=False) as stored:
        assert set(stored) == set(arrays(body)) and all(stored[name].shape == array.shape for name, array in arrays(body).items())
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "smplx", tmp_path / "smplx" / "SMPLX_NEUTRAL.npz"]


def test_the_command_names_a_folder_that_cannot_be_written_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["body", "export", "--out", str(tmp_path / "file")]) == 2
    assert "is a file: pass a folder" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("threads", ["1", "2"])
def test_any_run_writes_the_same_bytes(path: Path, tmp_path: Path, threads: str) -> None:
    command = [sys.executable, "-c", "from deocc_aug.cli import main; raise SystemExit(main())", "body", "export", "--out", str(tmp_path)]
    limits = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
    out = subprocess.run(command, env={**os.environ, **limits}, capture_output=True, text=True, timeout=600)
    assert out.returncode == 0 and "13718 vertices" in out.stdout, out.stderr
    assert (tmp_path / "smplx" / "SMPLX_NEUTRAL.npz").read_bytes() == path.read_bytes()


def test_every_joint_turns_a_bone_of_its_own() -> None:
    assert len(set(BONES)) == len(JOINTS) == 55 and set(BONES) <= set(rig().names)

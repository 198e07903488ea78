"""Promises of the readers for `mesh`: bodies before the camera as the official files tell them, what nobody tells is left open."""
from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from presets import write_tiny_preset

pytest.importorskip("pytorch_lightning")
pytest.importorskip("matplotlib")

from deocc_aug.benchmarks.harness.cases import Case, Unusable
from deocc_aug.benchmarks.readers.threedpw import OCCLUDED, ThreeDpwOc
from deocc_aug.cli import main
from deocc_aug.data.atomic import write_png

CAMERA = np.array([[300.0, 0, 60], [0, 310, 80], [0, 0, 1]])


def standing(count: int, seed: int = 0) -> np.ndarray:
    """Points of somebody three metres ahead: (count, 3)."""
    return np.random.default_rng(seed).uniform((-0.3, -0.6, 2.9), (0.3, 0.6, 3.1), (count, 3))


@pytest.fixture
def dpw(tmp_path: Path) -> Path:
    """3DPW's layout: two people in three frames of every sequence of 3DPW-OC, and a sequence that is none of those."""
    root, turn = tmp_path / "3DPW", np.array([[0.0, 0, -1, 0.5], [0, -1, 0, 0.1], [-1, 0, 0, 4], [0, 0, 0, 1]])
    before = np.stack([standing(24, seed) for seed in range(6)]).reshape(2, 3, 24, 3)
    world = (before - turn[:3, 3]) @ turn[:3, :3]  # the camera's pose takes it back
    joints_2d = np.ones((2, 3, 3, 18))
    joints_2d[1, 2] = 0
    sequence = {"jointPositions": [*world.reshape(2, 3, 72)], "cam_poses": np.stack([turn] * 3), "cam_intrinsics": CAMERA,
                "campose_valid": [np.array([1, 0, 1]), np.array([1, 1, 1])], "poses2d": [*joints_2d], "genders": ["m", "f"]}
    for k, name in enumerate((*OCCLUDED, "downtown_arguing")):
        file = root / "sequenceFiles" / ("train", "validation", "test")[k % 3] / f"{name}_00.pkl"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(pickle.dumps({**sequence, "sequence": f"{name}_00"}, protocol=2))
        for frame in range(3) if k < 2 else ():
            (root / "imageFiles" / f"{name}_00").mkdir(parents=True, exist_ok=True)
            write_png(root / "imageFiles" / f"{name}_00" / f"image_{frame:05d}.png", np.full((160, 120, 3), 40 + frame, np.uint8))
            (root / "imageFiles" / f"{name}_00" / f"image_{frame:05d}.png").rename(
                root / "imageFiles" / f"{name}_00" / f"image_{frame:05d}.jpg")
    return root


def test_bodies_of_3dpw_stand_before_the_frames_camera(dpw: Path) -> None:
    data = ThreeDpwOc(dpw)
    assert len(data.names) == 4 * len(OCCLUDED)
    assert data.names[:4] == tuple(f"courtyard_backpack_00/{at}" for at in ("0/0", "0/2", "1/0", "1/1"))
    case = data.case(1)
    assert isinstance(case, Case) and case.mesh is not None and case.clean is None and case.hidden_share is None
    assert np.allclose(case.mesh.joints, standing(24, 2)[:22]) and case.image[0, 0, 0] == 42 and case.person == "courtyard_backpack_00/0"
    assert case.mesh.camera.focal_px.tolist() == [300, 310] and case.mesh.camera.centre_px.tolist() == [60, 80]
    seen = case.mesh.camera.project(case.mesh.joints)
    assert (seen >= case.box_xyxy[:2]).all() and (seen <= case.box_xyxy[2:]).all()
    assert case.mesh.outside.all() and not case.mesh.hidden.any() and len(case.mesh.vertices) == 0
    assert all("arguing" not in name for name in data.names) and len(ThreeDpwOc(dpw, every=2).names) == 3 * len(OCCLUDED)
    lost = data.case(4 * 2)
    assert isinstance(lost, Unusable) and "image_00000.jpg is not there" in lost.problem


def test_a_missing_or_foreign_file_of_3dpw_is_named(dpw: Path) -> None:
    class Foreign:
        def __reduce__(self) -> Any:
            return print, ("run",)

    file = next((dpw / "sequenceFiles").glob("*/flat_guitar_00.pkl"))
    file.write_bytes(pickle.dumps(Foreign()))
    with pytest.raises(ValueError, match=r"flat_guitar_00.pkl is not a sequence of 3DPW \(it holds a builtins.print\)"):
        ThreeDpwOc(dpw).names  # noqa: B018
    file.write_bytes(pickle.dumps({"poses": []}))
    with pytest.raises(ValueError, match="flat_guitar_00.pkl has no jointPositions, cam_poses"):
        ThreeDpwOc(dpw).names  # noqa: B018
    file.unlink()
    with pytest.raises(FileNotFoundError, match=r"flat_guitar_00.pkl \(or _01, ...\) is not there: it is a sequence of 3DPW, obtained"):
        ThreeDpwOc(dpw).names  # noqa: B018
    (dpw / "imageFiles").rename(dpw / "images")
    with pytest.raises(FileNotFoundError, match="imageFiles is not there: it is 3DPW's frames, obtained from https"):
        ThreeDpwOc(dpw).names  # noqa: B018


def test_people_of_whom_nobody_knows_what_is_hidden_are_judged_all_the_same(dpw: Path, tmp_path: Path,
                                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deocc_aug.benchmarks.statistics.RESAMPLES", 20)
    arm = f"deocc:{write_tiny_preset(tmp_path / 'tiny')},paint_steps=1"
    assert main(["bench", "mesh", "--out", str(tmp_path / "out"), "--regressors.one", "mesh_bench_tools.Guess", "--gallery", "1", "--arms",
                 json.dumps([arm]), "--data", "deocc_aug.benchmarks.readers.threedpw.ThreeDpwOc", "--data.folder", str(dpw),
                 "--data.limit", "4"]) == 0
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())
    row = found["figures"]["one"]["arms"][1]
    assert row["cases"] == 4 and row["people"] == 2 and row["all MPJPE"]["value"] > 0 and row["PVE"]["value"] is None
    assert row["hidden MPJPE"]["value"] is None and found["figures"]["one"]["rates"] == [] and "all-joint MPJPE" in found["verdict"][0]


@pytest.fixture
def agora(tmp_path: Path) -> Path:
    """AGORA's layout: ten tables, in the first two images of two people each; one person is not valid."""
    pandas = pytest.importorskip("pandas")
    root = tmp_path / "AGORA"
    for place in ("SMPLX", "validation"):
        (root / place).mkdir(parents=True)
    columns: dict[str, list[Any]] = {name: [] for name in ("imgPath", "isValid", "occlusion", "gt_joints_2d", "gt_joints_3d", "gt_verts")}
    for row in range(2):
        joints = [standing(127, 2 * row + k) for k in range(2)]
        said = {"imgPath": f"ag_validationset_x_bfh_hdri_50mm_5_10_{row:05d}.png", "isValid": [True, row == 0], "occlusion": [12.5, 30.0],
                "gt_joints_2d": [points[:, :2] / points[:, 2:] * 5333 + [1920, 1080] for points in joints], "gt_joints_3d": joints,
                "gt_verts": [standing(400, 9 + k)[None] for k in range(2)]}
        for name, value in said.items():
            columns[name].append(value)
    for k in range(10):
        table = pandas.DataFrame(columns if k == 0 else {name: [] for name in columns})
        table.to_pickle(root / "SMPLX" / f"validation_{k}_withjv.pkl")
    write_png(root / "validation" / "ag_validationset_x_bfh_hdri_50mm_5_10_00000_1280x720.png", np.full((720, 1280, 3), 90, np.uint8))
    return root


def test_bodies_of_agora_are_seen_where_its_table_says(agora: Path) -> None:
    from deocc_aug.benchmarks.readers.agora import AgoraValidation

    data = AgoraValidation(agora)
    assert data.names == ("validation_0_withjv/0/0", "validation_0_withjv/0/1", "validation_0_withjv/1/0")
    case = data.case(1)
    assert isinstance(case, Case) and case.mesh is not None and case.hidden_share == 0.3 and case.image.shape == (720, 1280, 3)
    assert np.array_equal(case.mesh.joints, standing(127, 1)[:22]) and case.mesh.vertices.shape == (400, 3)
    assert case.mesh.camera.focal_px == pytest.approx([5333 / 3] * 2) and case.mesh.camera.centre_px.tolist() == [640, 360]
    seen = case.mesh.camera.project(standing(127, 1))
    assert np.allclose(seen * 3, standing(127, 1)[:, :2] / standing(127, 1)[:, 2:] * 5333 + [1920, 1080])
    around = case.mesh.camera.project(case.mesh.vertices).clip(0, [1280, 720])  # the box ends where the picture does
    assert case.mesh.outside.all() and np.allclose(case.box_xyxy, [*around.min(0), *around.max(0)])
    lost = data.case(2)
    assert isinstance(lost, Unusable) and "00001_1280x720.png is not there: it is an image of AGORA's" in lost.problem


def test_a_missing_or_foreign_table_of_agora_is_named(agora: Path) -> None:
    import pandas

    from deocc_aug.benchmarks.readers.agora import AgoraValidation, camera_of

    file = agora / "SMPLX" / "validation_3_withjv.pkl"
    pandas.DataFrame({"imgPath": []}).to_pickle(file)
    with pytest.raises(ValueError, match="validation_3_withjv.pkl has no isValid, occlusion"):
        AgoraValidation(agora).names  # noqa: B018
    file.unlink()
    with pytest.raises(FileNotFoundError, match=r"validation_3_withjv.pkl is not there: it is AGORA's table with SMPL-X joints .* from"):
        AgoraValidation(agora).names  # noqa: B018
    with pytest.raises(ValueError, match="gt_joints_2d is not where a camera sees gt_joints_3d"):
        camera_of(np.random.default_rng(0).uniform(0, 1000, (20, 2)), standing(20), 3840)

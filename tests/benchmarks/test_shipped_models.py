"""What the benchmark's own models promise: their size, and that they find people who were never trained on."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from deocc_aug.benchmarks.harness.cases import Case
from deocc_aug.benchmarks.harness.data import BenchData
from deocc_aug.benchmarks.harness.synthetic import SyntheticPeople
from deocc_aug.benchmarks.harness.synthetic_meshes import SyntheticMeshes
from deocc_aug.benchmarks.mesh_models import regressor as meshes
from deocc_aug.benchmarks.meshes import aligned_joint_errors
from deocc_aug.benchmarks.pose_models import weights as poses

MB = 1e6


def test_they_are_within_their_budget() -> None:
    of_each = [sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
               for top in (poses.SHIPPED, meshes.WEIGHTS) for folder in top.iterdir() if folder.is_dir()]
    assert len(of_each) == 4 and max(of_each) <= 5 * MB and sum(of_each) <= 20 * MB


@pytest.mark.parametrize("name", poses.NAMES)
def test_a_pose_model_finds_people_with_nothing_in_front(name: str) -> None:
    pytest.importorskip("mmpose", reason="needs the extra mmpose, and mmpose without its dependencies", exc_type=ImportError)
    pytest.importorskip("anny", reason="needs the extra humans", exc_type=ImportError)
    from deocc_aug.benchmarks.estimators.mmpose import MMPoseEstimator

    estimator, near = MMPoseEstimator(Path(name)), []
    for case in cases(SyntheticPeople(people=16)):
        assert case.clean is not None
        apart = np.linalg.norm(estimator.estimate(case.clean, case.box_xyxy)[:, :2] - case.joints[:, :2], axis=1)
        near.extend(apart[case.labelled] < 0.1 * case.side)
    assert np.mean(near) >= 0.6


@pytest.mark.slow
@pytest.mark.parametrize("name", meshes.NAMES)
def test_a_mesh_regressor_finds_people_with_nothing_in_front(name: str) -> None:
    pytest.importorskip("anny", reason="needs the extra humans", exc_type=ImportError)
    regressor, off = meshes.CompactRegressor(name), []
    for case in cases(SyntheticMeshes(people=16)):
        assert case.clean is not None and case.mesh is not None
        (found,) = regressor.predict([case.clean], case.box_xyxy[None])
        assert found is not None and found.joints is not None
        pair = torch.from_numpy(np.stack([found.joints[:len(case.mesh.joints)], case.mesh.joints]).astype(np.float64))
        off.append(float(aligned_joint_errors(pair[:1], pair[1:]).mean()))
    assert np.mean(off) <= 110


def cases(data: BenchData) -> list[Case]:
    return [case for number in range(len(data.names)) if isinstance(case := data.case(number), Case)]

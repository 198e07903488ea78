"""Errors of bodies in closed form: a shift, a turn, a scale, a mirror, and who counts as seen."""
from __future__ import annotations

import doctest
import math

import numpy as np
import pytest

pytest.importorskip("torchmetrics")

import torch
from scipy.spatial.transform import Rotation

from deocc_aug.benchmarks import meshes
from deocc_aug.benchmarks.meshes import MPJPE, PAMPJPE, PVE, aligned, aligned_joint_errors, joint_errors, vertex_errors


def bodies(count: int = 3, joints: int = 9, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(0, 0.4, (count, joints, 3)))


def turns(count: int, seed: int = 1) -> torch.Tensor:
    return torch.from_numpy(Rotation.random(count, np.random.default_rng(seed)).as_matrix())


def test_a_body_that_is_elsewhere_has_no_error_and_a_joint_that_is_off_has_its_own() -> None:
    true = bodies()
    assert joint_errors(true + torch.tensor([1.0, -2.0, 5.0]), true).max() < 1e-9
    moved = true.clone()
    moved[:, 4] += torch.tensor([0.03, 0.0, 0.04])
    off = joint_errors(moved, true)
    assert torch.allclose(off[:, 4], torch.full((3,), 50.0, dtype=torch.float64))
    assert off[:, [0, 1, 2, 3, 5, 6, 7, 8]].max() < 1e-9


def test_a_root_that_is_off_puts_every_other_joint_off() -> None:
    moved = bodies()
    moved[:, 0, 0] += 0.02
    off = joint_errors(moved, bodies())
    assert off[:, 0].max() < 1e-9 and torch.allclose(off[:, 1:], torch.full((3, 8), 20.0, dtype=torch.float64))


def test_a_turned_scaled_and_moved_copy_is_aligned_to_nothing_left() -> None:
    true = bodies()
    copy = 1.7 * true @ turns(3).mT + torch.tensor([0.3, 0.1, 4.0])
    assert joint_errors(copy, true).mean() > 100
    assert aligned_joint_errors(copy, true).max() < 1e-6


def test_a_mirrored_body_is_not_aligned_by_a_reflection() -> None:
    true = bodies()
    mirrored = true * torch.tensor([-1.0, 1.0, 1.0])
    assert aligned_joint_errors(mirrored, true).mean(1).min() > 20
    flat = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [0, 2, 0], [1, 3, 0]]], dtype=torch.float64)  # of flat ones a turn does as well
    assert aligned_joint_errors(flat * torch.tensor([-1.0, 1.0, 1.0]), flat).max() < 1e-6


def test_no_other_turn_scale_or_shift_does_better() -> None:
    true, predicted = bodies(1), bodies(1, seed=5)
    best = (aligned(predicted, true) - true).square().sum()
    for seed in range(20):
        generator = np.random.default_rng(seed)
        small = torch.from_numpy(Rotation.from_rotvec(generator.normal(0, 0.05, 3)).as_matrix())
        middle, shift = true.mean(1, keepdim=True), torch.from_numpy(generator.normal(0, 0.02, 3))
        other = generator.normal(1, 0.05) * (aligned(predicted, true) - middle) @ small + middle + shift
        assert (other - true).square().sum() > best


def test_points_that_are_all_one_go_to_the_middle() -> None:
    true = bodies(1)
    out = aligned(torch.ones_like(true), true)
    assert torch.allclose(out, true.mean(1, keepdim=True).expand_as(true)) and out.isfinite().all()


def test_vertices_are_measured_from_the_root_joint() -> None:
    vertices, joints = bodies(2, 50), bodies(2, 4, seed=3)
    shift = torch.tensor([0.5, 0.5, 3.0])
    assert vertex_errors(vertices + shift, joints + shift, vertices, joints).max() < 1e-9
    assert torch.allclose(vertex_errors(vertices + torch.tensor([0.0, 0.01, 0.0]), joints, vertices, joints),
                          torch.full((2, 50), 10.0, dtype=torch.float64))


def test_visible_and_hidden_joints_are_told_apart_and_people_weigh_by_their_joints() -> None:
    true = bodies(2, 3)
    moved = true.clone()
    moved[0, 1, 0] += 0.01
    moved[1, 1, 0] += 0.03
    moved[1, 2, 2] += 0.05
    visible = torch.tensor([[True, True, True], [True, False, False]])
    metric = MPJPE(joints=3)
    metric.update(moved[:1], true[:1], visible[:1])
    metric.update(moved[1:], true[1:], visible[1:])
    found = metric.compute()
    assert float(found["visible"]) == pytest.approx(10 / 4) and float(found["hidden"]) == pytest.approx(80 / 2)
    assert float(found["all"]) == pytest.approx(90 / 6)
    assert found["joints"].tolist() == pytest.approx([0, 20, 25])
    whole = MPJPE(joints=3)
    whole.update(moved, true)
    assert float(whole.compute()["all"]) == pytest.approx(90 / 6) and math.isnan(whole.compute()["hidden"])


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_joints_that_are_neither_visible_nor_hidden_count_in_all_alone() -> None:
    true = bodies(1, joints=4)
    predicted = true + torch.tensor([[0.0], [0.01], [0.02], [0.06]]) * torch.tensor([1.0, 0, 0])
    metric = MPJPE(joints=4)
    metric.update(predicted, true, torch.tensor([[True, True, False, False]]), torch.tensor([[False, False, True, False]]))
    found = {part: float(metric.compute()[part]) for part in ("all", "visible", "hidden")}
    assert found == pytest.approx({"all": 90 / 4, "visible": 5, "hidden": 20})


def test_metrics_are_the_means_of_the_functions_in_any_precision() -> None:
    true, predicted = bodies(5), bodies(5, seed=2)
    for metric, function in ((MPJPE(joints=9), joint_errors), (PAMPJPE(joints=9), aligned_joint_errors)):
        metric.update(predicted.float(), true.float())
        assert float(metric.compute()["all"]) == pytest.approx(float(function(predicted, true).mean()), rel=1e-4)
        metric.reset()
        assert math.isnan(metric.compute()["all"])
    vertices = PVE()
    assert math.isnan(vertices.compute())
    vertices.update(predicted, predicted[:, :2], true, true[:, :2])
    assert float(vertices.compute()) == pytest.approx(float(vertex_errors(predicted, predicted[:, :2], true, true[:, :2]).mean()))


def test_another_number_of_joints_is_refused() -> None:
    with pytest.raises(ValueError, match="9 joints a person, and this metric is of 17"):
        MPJPE(joints=17).update(bodies(), bodies())


def test_docstrings_hold() -> None:
    assert doctest.testmod(meshes, extraglobs={"torch": torch}).failed == 0

"""ViTPose as an observer: its real class, loaded from a folder, and joints at their place in the image."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from observe_lit import dark, shown
from tiny_models import write_tiny_model

from deocc_aug import Person
from deocc_aug.observe.poses import VitPoseObserver
from deocc_aug.observe.protocol import in_turn, told
from deocc_aug.types import Image

DOT = (71, 30, 76, 35)  # its middle lies at x 73.5, y 32.5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model("vitpose", tmp_path_factory.mktemp("vitpose"))


def lit_vitpose(folder: Path, scores: list[float]) -> VitPoseObserver:
    """ViTPose that finds every joint in the middle of what is lit, with these scores."""
    observer = VitPoseObserver.from_pretrained(folder, local_files_only=True)
    real = observer.model.forward

    def forward(pixel_values: torch.Tensor, **more: Any) -> Any:
        said = real(pixel_values, **more)
        light = shown(pixel_values)[0, 0]
        (height, width), (rows, columns) = light.shape, said.heatmaps.shape[-2:]
        ys, xs = (torch.arange(n).float() for n in light.shape)
        y, x = (light.sum(1) * ys).sum() / light.sum(), (light.sum(0) * xs).sum() / light.sum()
        ys, xs = torch.arange(rows) - y * (rows - 1) / (height - 1), torch.arange(columns) - x * (columns - 1) / (width - 1)
        said.heatmaps = torch.exp(-(ys[:, None] ** 2 + xs**2) / 8) * torch.tensor(scores)[None, :, None, None]
        return said

    observer.model.forward = forward
    return observer


@pytest.mark.parametrize("kind", ["vitpose", "vitpose_of_experts"])
def test_a_real_vitpose_gives_joints_or_leaves_them_open(tmp_path: Path, kind: str) -> None:
    observer = VitPoseObserver.from_pretrained(write_tiny_model(kind, tmp_path), local_files_only=True)
    observer.threshold = 0.0
    seen = observer(dark(DOT), Person(np.array([50.0, 10, 90, 70])))
    assert seen.joints is not None and seen.joints.shape == (17, 3) and seen.joints[:, 2].any()
    assert seen.visible_mask is None and seen.occluder_mask is None


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_vitpose_of_half_precision_runs(folder: Path, dtype: torch.dtype) -> None:
    observer = VitPoseObserver.from_pretrained(folder, device="cpu", dtype=dtype, local_files_only=True)
    assert observer(dark(DOT), Person(np.array([50.0, 10, 90, 70]))).joints is not None


@pytest.mark.parametrize("box", [(60.0, 10.0, 90.0, 70.0), (40.0, 20.0, 120.0, 50.0), (63.3, 20.8, 140.0, 90.0)])
def test_joints_lie_where_they_were_seen(folder: Path, box: tuple[float, ...]) -> None:
    seen = lit_vitpose(folder, [0.9] * 17)(np.ascontiguousarray(dark(DOT)[::-1])[::-1], Person(np.array(box)))  # turned by its strides
    assert seen.joints is not None
    assert np.abs(seen.joints[:, :2] - (73.5, 32.5)).max() < 0.25
    assert seen.joints[:, 2] == pytest.approx(np.full(17, 0.9), abs=0.05)


def test_low_scores_stay_low_and_the_lowest_are_no_answer(folder: Path) -> None:
    seen = lit_vitpose(folder, [1.3, 0.5, 0.1, -0.2] + [0.8] * 13)(dark(DOT), Person(np.array([60.0, 10, 90, 70])))
    assert seen.joints is not None
    assert seen.joints[:4, 2] == pytest.approx([1, 0.5, 0, 0], abs=0.05) and not seen.joints[2:4].any()


def test_joints_that_the_caller_gave_stay(folder: Path) -> None:
    given = np.zeros((17, 3))
    given[6] = (5, 6, 1)
    observer = lit_vitpose(folder, [0.9] * 17)
    person = Person(np.array([60.0, 10, 90, 70]), joints=given)
    seen = observer(dark(DOT), person)
    assert seen.joints is not None and seen.joints[6].tolist() == [5, 6, 1] and seen.joints[5, 2] > 0.8
    complete = replace(person, joints=np.tile([5.0, 6, 1], (17, 1)))
    assert observer(dark(DOT), complete) is complete


def test_joints_join_the_mask_of_another_observer(folder: Path) -> None:
    def brightest(image: Image, person: Person) -> Person:
        return told(person, visible_mask=image.max(2) > 0)

    seen = in_turn(brightest, lit_vitpose(folder, [0.9] * 17))(dark(DOT), Person(np.array([60.0, 10, 90, 70])))
    assert seen.visible_mask is not None and seen.visible_mask.sum() == 25
    assert seen.joints is not None and (seen.joints[:, 2] > 0).all()


def test_a_model_of_other_joints_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="finds 21 joints: pass one of COCO's 17"):
        VitPoseObserver.from_pretrained(write_tiny_model("vitpose_of_other_joints", tmp_path), local_files_only=True)


def test_a_box_outside_the_image_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="lies outside the image"):
        VitPoseObserver.from_pretrained(folder, local_files_only=True)(dark(DOT), Person(np.array([200.0, 0, 300, 50])))


def test_without_scipy_it_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    observer = VitPoseObserver.from_pretrained(folder, local_files_only=True)
    monkeypatch.setattr("deocc_aug.observe.poses.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="pip install scipy"):
        VitPoseObserver(observer.model, observer.processor)

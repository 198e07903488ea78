"""`deocc-aug run` where nobody says who is meant: a detector finds people, observers what is seen of them."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pictures import Picture
from presets import write_tiny_preset
from tiny_models import write_tiny_model

from deocc_aug.cli import main
from deocc_aug.data.atomic import write_png
from deocc_aug.data.coco import mask_of
from deocc_aug.data.images import read_image

SMALL = (2.0, 2, 20, 20)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a tiny detector, a tiny SAM and a tiny preset."""
    root = tmp_path_factory.mktemp("models")
    for kind in ("rt_detr_v2", "sam"):
        write_tiny_model(kind, root / kind)
    write_tiny_preset(root / "preset")
    return root


@pytest.fixture
def folder(tmp_path: Path, picture: Picture) -> Path:
    """A folder with photo.png, in which there is somebody, and empty.png, which is black."""
    write_png(tmp_path / "photo.png", picture.image)
    write_png(tmp_path / "empty.png", np.zeros_like(picture.image))
    return tmp_path


@pytest.fixture
def finding(monkeypatch: pytest.MonkeyPatch, picture: Picture) -> list[torch.Size]:
    """The detector finds the picture's person, and a tiny one, unless all is black; SAM sees all that is in the box.

    Returns the shapes that the detector has been shown.
    """
    from transformers import RTDetrV2ForObjectDetection, SamModel

    height, width = picture.image.shape[:2]
    looks: list[torch.Size] = []
    detect, segment = RTDetrV2ForObjectDetection.forward, SamModel.forward

    def found(self: Any, pixel_values: torch.Tensor) -> Any:
        looks.append(pixel_values.shape)
        said = detect(self, pixel_values)
        boxes = torch.tensor([picture.box_xyxy, SMALL, SMALL, SMALL]) / torch.tensor([width, height, width, height])
        said.pred_boxes = torch.cat([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], 1)[None]
        said.logits = torch.full((1, 4, 3), -9.0)
        said.logits[0, :2, 1] = 3.0 if pixel_values.any() else -9.0
        return said

    def seen(self: Any, pixel_values: torch.Tensor, input_boxes: torch.Tensor, **more: Any) -> Any:
        said = segment(self, pixel_values=pixel_values, input_boxes=input_boxes, **more)
        x0, y0, x1, y1 = (input_boxes[0, 0] * said.pred_masks.shape[-1] / pixel_values.shape[-1]).round().int().tolist()
        said.pred_masks[:] = -5
        said.pred_masks[..., y0:y1, x0:x1] = 5
        return said

    monkeypatch.setattr(RTDetrV2ForObjectDetection, "forward", found)
    monkeypatch.setattr(SamModel, "forward", seen)
    return looks


def _run(folder: Path, models: Path, *more: str) -> list[str]:
    return ["run", f"{folder}/empty.png", f"{folder}/photo.png", "--detector", f"{models}/rt_detr_v2", "--observer", f"{models}/sam",
            "--preset", f"{models}/preset", "--out", f"{folder}/out", *more]


def _people(folder: Path) -> list[dict[str, Any]]:
    return list(json.loads((folder / "out" / "people.json").read_text())["annotations"])


def test_people_are_found_observed_and_completed(folder: Path, models: Path, picture: Picture, finding: list[torch.Size]) -> None:
    assert main(_run(folder, models)) == 0
    (annotation,) = _people(folder)
    assert annotation["image_id"] == 2 and annotation["completed_image"] == "photo_1.png"
    assert read_image(folder / "out" / "photo_1.png").shape == picture.image.shape
    body = mask_of(annotation["segmentation"], picture.image.shape[:2], "body")
    x0, y0, x1, y1 = (int(value) for value in picture.box_xyxy)
    assert body[y0 + 5:y1 - 5, x0 + 5:x1 - 5].all()  # all of the box was seen, and what is seen belongs to the body
    content = json.loads((folder / "out" / "people.json").read_text())
    assert content["info"]["observers"] == [f"{models}/sam"]
    assert [image["file_name"] for image in content["images"]] == [f"{folder}/photo.png"]


def test_an_image_is_looked_at_once(folder: Path, models: Path, finding: list[torch.Size]) -> None:
    assert main(_run(folder, models)) == 0
    assert len(finding) == 2
    before = {path: path.stat().st_mtime_ns for path in (folder / "out").rglob("*") if path.is_file() and path.name != "people.json"}
    assert main(_run(folder, models)) == 0
    assert len(finding) == 2 and {path: path.stat().st_mtime_ns for path in before} == before
    assert main(_run(folder, models, "--min_score", "0.3")) == 0
    assert len(finding) == 4


def test_nobody_in_any_image_is_an_error(folder: Path, models: Path, finding: list[torch.Size], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(_run(folder, models, "--min_score", "0.99")) == 2
    error = capfd.readouterr().err
    assert "found nobody of at least 32 px in the 2 images with a score of 0.99 or more" in error and "--box" in error
    assert not (folder / "out" / "people.json").exists()


def test_without_a_detector_within_reach_it_asks_for_boxes(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["run", f"{folder}/photo.png", "--out", f"{folder}/out"]) == 2
    error = capfd.readouterr().err
    assert error.startswith("deocc-aug run: nobody was named, and the detector") and error.count("\n") == 1
    assert "hf download ustc-community/dfine-small-coco" in error and "--box x0,y0,x1,y1 or --coco people.json" in error
    assert not (folder / "out").exists()


def test_without_an_observer_within_reach_nobody_is_completed(folder: Path, models: Path, finding: list[torch.Size],
                                                              capfd: pytest.CaptureFixture[str]) -> None:
    assert main([*_run(folder, models), "--observer", "nobody/nothing"]) == 2
    assert "hf download nobody/nothing" in capfd.readouterr().err
    assert not list((folder / "out").glob("*.*"))


@pytest.mark.parametrize(("more", "message"), [
    (["--min_score", "1.5"], "--min_score is 1.5"),
    (["--box", "1,2,3,4"], "--detector finds people that nobody names"),
    (["--mask", "m.png"], "--mask and --occluder go with --box"),
])
def test_what_does_not_go_together_is_refused(folder: Path, models: Path, capfd: pytest.CaptureFixture[str], more: list[str],
                                              message: str) -> None:
    assert main(_run(folder, models, *more)) == 2
    assert message in capfd.readouterr().err and not (folder / "out").exists()

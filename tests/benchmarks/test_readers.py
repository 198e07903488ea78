"""Promises of the readers of public benchmarks: the official layout is read as it is, and a missing file is named with its source."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import Picture
from presets import write_tiny_preset

pytest.importorskip("pytorch_lightning")

from deocc_aug.benchmarks.harness.cases import Case, Unusable
from deocc_aug.benchmarks.readers.annotated import AnnotatedPeople, CocoVal2017, CrowdPose, OCHuman
from deocc_aug.benchmarks.readers.cocoa import Cocoa, is_person
from deocc_aug.cli import main
from deocc_aug.data.atomic import write_json, write_png
from deocc_aug.data.coco import rle_of
from deocc_aug.types import COCO_JOINTS

CATEGORY = {"supercategory": "person", "id": 1, "name": "person", "keypoints": list(COCO_JOINTS), "skeleton": [[16, 14]]}
LAYOUTS = {
    CocoVal2017: ("annotations/person_keypoints_val2017.json", "val2017", "000000000139.jpg.png"),
    OCHuman: ("ochuman_coco_format_test_range_0.00_1.00.json", "images", "003799.jpg.png"),
    CrowdPose: ("json/crowdpose_test.json", "images", "100005.jpg.png"),
}


def write(folder: Path, kind: type[AnnotatedPeople], picture: Picture, keypoints: list[float]) -> Path:
    """A data set of two people in one image, as it is handed out; the second has no labelled joint."""
    file, images, name = LAYOUTS[kind]
    (folder / images).mkdir(parents=True)
    (folder / file).parent.mkdir(exist_ok=True)
    write_png(folder / images / name, picture.image)
    x0, y0, x1, y1 = picture.box_xyxy
    person: dict[str, Any] = {"id": 7, "image_id": 139, "category_id": 1, "iscrowd": 0, "bbox": [x0, y0, x1 - x0, y1 - y0], "area": 1234.5,
                              "num_keypoints": sum(v > 0 for v in keypoints[2::3]), "keypoints": keypoints}
    if kind is not CrowdPose:
        person["segmentation"] = rle_of(picture.visible_mask)
    nobody = person | {"id": 8, "keypoints": [0] * len(keypoints), "num_keypoints": 0}
    image = {"id": 139, "file_name": name, "height": picture.image.shape[0], "width": picture.image.shape[1], "crowdIndex": 0.6}
    write_json(folder / file, {"images": [image], "annotations": [person, nobody], "categories": [CATEGORY]})
    return folder


@pytest.mark.parametrize("kind", LAYOUTS)
def test_people_are_read_as_they_are_annotated(tmp_path: Path, picture: Picture, kind: type[AnnotatedPeople]) -> None:
    count = 14 if kind is CrowdPose else 17
    keypoints = [value for k in range(count) for value in (60 + k, 50 + 2 * k, (2, 1, 0)[k % 3])]
    data = kind(write(tmp_path / "set", kind, picture, keypoints))
    assert list(data.names) == ["139/7"]
    case = data.case(0)
    assert isinstance(case, Case) and np.array_equal(case.image, picture.image) and case.clean is None and case.area == 1234.5
    shift = 5 if kind is CrowdPose else 0
    for k in range(12 if kind is CrowdPose else 17):
        x, y, labelled = case.joints[k + shift]
        v = (2, 1, 0)[k % 3]
        assert labelled == (v > 0) and case.hidden[k + shift] == (v == 1) and (v == 0 or (x, y) == (60 + k, 50 + 2 * k))
    assert not case.joints[:shift].any() and case.hidden_share == pytest.approx(case.hidden.sum() / case.labelled.sum())
    told = case.told.visible_mask
    assert told is None if kind is CrowdPose else told is not None and np.array_equal(told, picture.visible_mask)
    assert case.told.joints is None  # they are what is to be found
    assert np.allclose(case.box_xyxy, picture.box_xyxy) and len(data.described()["annotations_sha256"]) == 64


@pytest.mark.parametrize("kind", LAYOUTS)
def test_a_missing_file_is_named_with_its_source(tmp_path: Path, picture: Picture, kind: type[AnnotatedPeople]) -> None:
    file, images, name = LAYOUTS[kind]
    folder = write(tmp_path / "set", kind, picture, [1.0, 1, 2] * (14 if kind is CrowdPose else 17))
    (folder / images / name).unlink()
    case = kind(folder).case(0)
    assert isinstance(case, Unusable) and f"{name} is not there" in case.problem
    (folder / images).rmdir()
    with pytest.raises(FileNotFoundError, match=rf"{images} is not there: it is the images of {kind.name}, obtained from https://"):
        kind(folder).names  # noqa: B018
    (folder / file).unlink()
    (folder / images).mkdir()
    with pytest.raises(FileNotFoundError, match=rf"{Path(file).name}.* is not there: it is the annotations of {kind.name}, obtained from"):
        kind(folder).names  # noqa: B018


def test_people_without_a_clean_photo_are_judged_all_the_same(tmp_path: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch,
                                                              capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("deocc_aug.benchmarks.statistics.RESAMPLES", 20)
    folder = write(tmp_path / "set", OCHuman, picture, [value for k in range(17) for value in (60 + k, 50 + 2 * k, (2, 1, 0)[k % 3])])
    command = ["bench", "pose2d", "--out", str(tmp_path / "out"), "--estimators.one", "bench_tools.Bright", "--gallery", "1", "--data",
               "deocc_aug.benchmarks.readers.annotated.OCHuman", "--data.folder", str(folder)]
    assert main(command) == 2
    assert "does not say what is in front of people: leave the arm grey out" in capsys.readouterr().err
    arm = f"deocc:{write_tiny_preset(tmp_path / 'tiny')}"
    assert main([*command, "--arms", json.dumps([arm])]) == 0
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert [row["closed"] for row in found["figures"]["one"]["arms"]] == [None, None] and found["counts"]["judged"] == 1
    assert f"one/{arm}/oks_ap" in found["metrics"] and found["calibration"] == []


def test_people_without_an_outline_or_with_another_skeleton_are_told(tmp_path: Path, picture: Picture) -> None:
    folder = write(tmp_path / "crowd", CrowdPose, picture, [1.0, 1, 2] * 14)
    case = CrowdPose(folder, told="visible mask").case(0)
    assert isinstance(case, Unusable) and "has no segmentation: pass told: box" in case.problem
    wrong = OCHuman(write(tmp_path / "oc", OCHuman, picture, [1.0, 1, 2] * 19)).case(0)
    assert isinstance(wrong, Unusable) and "57 numbers: 17 times x, y, v are wanted" in wrong.problem


@pytest.fixture
def cocoa(tmp_path: Path) -> Path:
    """COCOA's layout: an image with a person behind a box, and sky behind both."""
    whole, box = np.zeros((120, 100), np.bool_), np.zeros((120, 100), np.bool_)
    whole[20:100, 30:60], box[60:120, 20:80] = True, True
    regions = [
        {"name": "box", "order": 1, "segmentation": [20.0, 60.0, 80.0, 60.0, 80.0, 120.0, 20.0, 120.0], "isStuff": 0, "occlude_rate": 0.0},
        {"name": "young man", "order": 2, "segmentation": [30.0, 20.0, 60.0, 20.0, 60.0, 100.0, 30.0, 100.0], "isStuff": 0,
         "occlude_rate": 0.5, "visible_mask": rle_of(whole & ~box), "invisible_mask": rle_of(whole & box)},
        {"name": "sky", "order": 3, "segmentation": [0.0, 0.0, 100.0, 0.0, 100.0, 50.0, 0.0, 50.0], "isStuff": 1, "occlude_rate": 0.1},
    ]
    folder = tmp_path / "cocoa"
    (folder / "val2014").mkdir(parents=True)
    (folder / "annotations").mkdir()
    write_png(folder / "val2014" / "a.png", np.full((120, 100, 3), 90, np.uint8))
    write_json(folder / "annotations" / "COCO_amodal_val2014.json", {
        "images": [{"id": 5, "file_name": "a.png", "height": 120, "width": 100}],
        "annotations": [{"id": 1, "image_id": 5, "size": 3, "depth_constraint": "1-2,2-3", "regions": regions}]})
    return folder


def test_cocoas_people_are_whole_and_behind_what_its_depth_order_says(cocoa: Path) -> None:
    data = Cocoa(cocoa)
    assert list(data.names) == ["5/1/1"]
    case = data.case(0)
    assert isinstance(case, Case) and case.amodal is not None and case.occluder is not None and case.clean is None
    assert case.amodal.sum() == 80 * 30 and case.hidden_share == pytest.approx(0.5) and not case.labelled.any()
    assert np.array_equal(np.nonzero(case.occluder.any(1))[0][[0, -1]], [60, 119]) and case.occluder.sum() == 60 * 60
    assert case.told.visible_mask is not None and case.told.visible_mask.sum() == 40 * 30 and np.allclose(case.box_xyxy, [30, 20, 60, 100])
    assert not is_person("manhole") and is_person("Woman, sitting")


def test_cocoas_files_are_missed_by_name(cocoa: Path) -> None:
    file = cocoa / "annotations" / "COCO_amodal_val2014.json"
    said = json.loads(file.read_text())
    del said["annotations"][0]["regions"]
    write_json(file, said)
    with pytest.raises(ValueError, match=r"annotations\[0\] has no `regions`"):
        Cocoa(cocoa).names  # noqa: B018
    file.unlink()
    with pytest.raises(FileNotFoundError, match="COCO_amodal_val2014.json is not there: it is COCOA's annotations, obtained from"):
        Cocoa(cocoa).names  # noqa: B018

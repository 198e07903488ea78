"""Promises of `deocc-aug bench completion`: the truth scores best, and figures are of the hidden part."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import draw
from presets import write_tiny_preset
from tiny_coco import write_coco

pytest.importorskip("pytorch_lightning")
pytest.importorskip("matplotlib")

from deocc_aug.benchmarks.harness.arms import View, parse, view_of
from deocc_aug.benchmarks.harness.cases import Case, behind, no_joints, told_of
from deocc_aug.benchmarks.harness.completion_task import CEILING, arm_rows, measure, pixels
from deocc_aug.benchmarks.harness.pasted import PastedCoco
from deocc_aug.cli import main


def drawn() -> Case:
    picture = draw()
    clean = np.where(picture.occluder_mask[..., None], np.uint8(99), picture.image)
    told = told_of(picture.amodal_mask, picture.occluder_mask)
    assert told is not None
    return Case("a", "a", picture.image, told, np.array(picture.box_xyxy), no_joints(), np.zeros(17, np.bool_), 0.2, clean,
                picture.amodal_mask, picture.occluder_mask)


def test_pixels_are_compared_where_the_person_is_hidden_and_nowhere_else() -> None:
    case = drawn()
    assert case.amodal is not None and case.occluder is not None and case.clean is not None
    hidden = case.amodal & case.occluder
    right = pixels(case.clean, case.clean, hidden, case.box_xyxy)
    assert right["hidden L1"] == 0 and right["hidden PSNR"] == CEILING and right["hidden SSIM"] == pytest.approx(1)
    off = np.where(hidden[..., None], case.clean + np.uint8(10), case.clean)
    found = pixels(off, case.clean, hidden, case.box_xyxy)
    assert found["hidden L1"] == pytest.approx(10) and found["hidden SSIM"] < 1
    assert found["hidden PSNR"] == pytest.approx(20 * np.log10(25.5))
    elsewhere = np.where(hidden[..., None], case.clean, np.uint8(0))
    assert pixels(elsewhere, case.clean, hidden, case.box_xyxy)["hidden L1"] == 0
    assert measure(case, view_of(parse("oracle"), case))["hidden PSNR"] == CEILING
    assert set(measure(case, View(case.image, True, 0.0))) == {"hidden L1", "hidden PSNR", "hidden SSIM"}


def test_rows_leave_out_what_nobody_knows() -> None:
    def record(person: str, share: float, **measured: float) -> dict[str, Any]:
        before = {"hidden PSNR": 10.0} if share else {}
        return {"person": person, "truth": {"hidden_share": share},
                "arms": {"occluded": {"measured": before}, "deocc:x": {"measured": measured}}}

    records = [record("a", 0.3, **{"hidden PSNR": 13.0, "hidden IoU": 0.8}), record("b", 0.0, **{"amodal IoU": 0.9}),
               record("c", 0.3, **{"hidden PSNR": 15.0, "hidden IoU": 0.6})]
    row = {row["arm"]: row for row in arm_rows(records, ["occluded", "deocc:x"])}["deocc:x"]
    assert row["hidden PSNR"].value == pytest.approx(14) and row["PSNR gain"].value == pytest.approx(4)
    assert row["hidden IoU"].value == pytest.approx(0.7) and row["amodal IoU"].value == pytest.approx(0.9) and row["hidden SSIM"] is None


def test_a_pasted_case_depends_on_seed_image_and_person_alone(tmp_path: Path) -> None:
    people = write_coco(tmp_path / "set")
    content = json.loads(people.read_text())
    some = {"categories": content["categories"], "images": content["images"][::-1], "annotations": content["annotations"][3:]}
    (people.parent / "some.json").write_text(json.dumps(some))
    every, part = PastedCoco(people.parent, "people.json", seeds=[3, 4]), PastedCoco(people.parent, "some.json", seeds=[4])
    assert len(every.names) == 12 and len(part.names) == 3
    for number, name in enumerate(part.names):
        a, b = part.case(number), every.case(every.names.index(name))
        assert isinstance(a, Case) and isinstance(b, Case) and a.name == b.name and a.person == b.person
        assert np.array_equal(a.image, b.image) and np.array_equal(a.occluder, b.occluder) and np.array_equal(a.joints, b.joints)
        assert a.clean is not None and a.occluder is not None and a.amodal is not None
        assert np.array_equal(a.image[~a.occluder], a.clean[~a.occluder]) and (a.hidden <= a.labelled).all()
        assert a.hidden_share == pytest.approx((a.amodal & a.occluder).sum() / a.amodal.sum())
        assert np.array_equal(a.hidden, behind(a.joints, a.occluder))
    other = PastedCoco(people.parent, "people.json", seeds=[5]).case(0)
    first = every.case(0)
    assert isinstance(other, Case) and isinstance(first, Case) and not np.array_equal(other.image, first.image)


def test_people_and_cut_outs_are_those_that_were_asked_for(tmp_path: Path) -> None:
    people = write_coco(tmp_path / "set")
    even = PastedCoco(people.parent, "people.json", numbered="even", cutouts=people.parent, cutouts_annotations="people.json", rate=0.4)
    assert list(even.names) == ["2/20/0", "2/21/0"] and {thing.name.split("#")[0] for thing in even.things} == {"2.png"}
    case = even.case(1)
    assert isinstance(case, Case) and 0.3 < case.hidden_share < 0.5
    drawn = PastedCoco(people.parent, "people.json", numbered="even", rate=0.4)
    assert even.described() != drawn.described() and drawn.described() == PastedCoco(people.parent, "people.json", numbered="even",
                                                                                       rate=0.4).described()
    other = drawn.case(1)
    assert isinstance(other, Case) and not np.array_equal(other.image, case.image)
    clean = PastedCoco(people.parent, "people.json", rate=0.0, limit=1).case(0)
    assert isinstance(clean, Case) and clean.hidden_share == 0 and not clean.hidden.any()
    assert list(PastedCoco(people.parent, "people.json", least_area=1e9).open()) == []


def test_the_task_runs_and_the_clean_picture_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deocc_aug.benchmarks.statistics.RESAMPLES", 50)
    people, tiny = write_coco(tmp_path / "set"), write_tiny_preset(tmp_path / "tiny")
    arm = f"deocc:{tiny},paint_steps=1"
    assert main(["bench", "completion", "--out", str(tmp_path / "out"), "--arms", json.dumps(["telea", arm, "oracle"]), "--data",
                 "deocc_aug.benchmarks.harness.pasted.PastedCoco", "--data.folder", str(people.parent), "--data.annotations", "people.json",
                 "--data.rate", "0.3", "--gallery", "1"]) == 0
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())
    rows = {row["arm"]: row for row in found["figures"]["arms"]}
    assert rows["oracle"]["hidden PSNR"]["value"] == CEILING and rows["oracle"]["hidden L1"]["value"] == 0
    assert rows["occluded"]["hidden IoU"] is None and 0 <= rows[arm]["hidden IoU"]["value"] <= 1
    for name in ("hidden IoU", "amodal IoU", "hidden PSNR", "hidden SSIM"):
        assert rows[arm][name]["value"] == pytest.approx(found["metrics"][f"{arm}/{name}"])
    assert found["counts"]["judged"] == 6 and arm in found["verdict"][0]
    assert (tmp_path / "out" / "report.html").read_text().count("<img ") == 2 + 3

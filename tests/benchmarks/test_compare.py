"""Promises of `deocc-aug bench compare`: runs of every task stand side by side, and differences are of the cases that both have."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torchmetrics")

from deocc_aug.benchmarks.harness.compare import compared
from deocc_aug.benchmarks.harness.report import FORMAT
from deocc_aug.data.atomic import write_json


def estimate(value: float) -> dict[str, Any]:
    return {"value": value, "low": value - 1, "high": value + 1, "people": 2}


def line(text: str, start: str) -> list[str]:
    return next(row for row in text.split("second minus first")[-1].splitlines() if row.startswith(start)).strip("| ").split(" | ")


def completion(path: Path, found: dict[str, dict[str, float]], fid: float | None = None) -> Path:
    """A run in which an arm "x" gave these figures."""
    rows = [{"arm": "x", "cases": len(found), "hidden IoU": estimate(0.5), "amodal IoU": None, "hidden L1": None,
             "hidden PSNR": estimate(20), "hidden SSIM": None}]
    figures: dict[str, Any] = {"arms": rows, "cases": [{"case": case, "person": case, "x": said} for case, said in found.items()]}
    if fid is not None:
        figures["sets"] = [{"arm": "x", "FID": fid, "KID": 0.25}]
    write_json(path, {"format": FORMAT, "task": "completion", "data": {"class": "A"}, "figures": figures})
    return path


def test_completions_are_compared_on_the_cases_that_have_the_figure(tmp_path: Path) -> None:
    first = completion(tmp_path / "a.json", {"a": {"hidden PSNR": 10.0, "hidden IoU": 0.5}, "b": {"hidden PSNR": 20.0}, "c": {}}, 30.5)
    second = completion(tmp_path / "b.json", {"a": {"hidden PSNR": 13.0}, "b": {"hidden PSNR": 21.0}, "d": {"hidden PSNR": 99.0}})
    text = compared(first, second)
    assert "| 30.500 | 0.250 |" in text and "the data differ" not in text
    head, row = line(text, "| arm"), line(text, "| x")
    said = dict(zip(head, row, strict=True))
    assert said["cases"] == "2" and said["hidden PSNR"].startswith("2.000 (") and said["hidden IoU"] == "–"


def mesh(path: Path, hidden: float, error: float) -> Path:
    """A run of two people, of whom one has four hidden joints."""
    def case(name: str, joints: int) -> dict[str, Any]:
        def body(off: float) -> dict[str, Any]:
            return {"MPJPE": off, "PA-MPJPE": off / 2, "PVE": None, "hidden MPJPE": hidden if joints else None}

        return {"case": name, "person": name, "hidden joints": joints, "occluded": body(50.0), "x": body(error)}

    rows = [{"arm": arm, "cases": 2, "closed": None, "harm": None, **{name: estimate(1) for name in (
        "hidden MPJPE", "all MPJPE", "all PA-MPJPE", "PVE")}} for arm in ("occluded", "x")]
    write_json(path, {"format": FORMAT, "task": "mesh", "data": {}, "figures": {"r": {"arms": rows}}, "cases": {"r": [case("a", 4),
                                                                                                                    case("b", 0)]}})
    return path


def test_mesh_runs_are_compared_by_their_joints(tmp_path: Path) -> None:
    text = compared(mesh(tmp_path / "a.json", 80.0, 45.0), mesh(tmp_path / "b.json", 60.0, 65.0))
    said = dict(zip(line(text, "| arm"), line(text, "| x"), strict=True))
    assert "## r" in text and said["hidden MPJPE"].startswith("-20.000") and said["MPJPE"].startswith("20.000 (20.000")
    assert said["PA-MPJPE"].startswith("10.000") and said["PVE"] == "–" and said["harm"].startswith("1.000")
    with pytest.raises(ValueError, match="compare runs of one task"):
        compared(tmp_path / "a.json", completion(tmp_path / "c.json", {}))

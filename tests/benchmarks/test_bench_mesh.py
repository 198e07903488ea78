"""Promises of `deocc-aug bench mesh`: figures are the metrics, of the same people in every arm; what was done is not done again."""
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from presets import write_tiny_preset
from tiny_coco import write_coco

pytest.importorskip("pytorch_lightning")
pytest.importorskip("matplotlib")
pytest.importorskip("torchmetrics")
pytest.importorskip("numba")

import mesh_bench_tools
from mesh_models import write_net

from deocc_aug.benchmarks.harness.mesh_figures import arm_rows, bin_rows, joint_rows, pair_rows, sample_of
from deocc_aug.benchmarks.harness.mesh_report import verdict
from deocc_aug.cli import main

PARTS = ("all", "visible", "hidden")
PAIRS = ("hip", "knee", "ankle", "foot", "collar", "shoulder", "elbow", "wrist")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("bench")
    return write_coco(root / "set").parent, write_tiny_preset(root / "tiny")


@pytest.fixture
def command(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """The arguments of a run over drawn people with bodies."""
    monkeypatch.setattr("deocc_aug.benchmarks.statistics.RESAMPLES", 50)

    def arguments(out: Path, *more: str, arms: tuple[str, ...] = ("occluded", "grey", "oracle")) -> list[str]:
        return ["bench", "mesh", "--out", str(out), "--arms", json.dumps(arms), "--data", "mesh_bench_tools.Bodies", "--data.folder",
                str(folders[0]), "--data.annotations", "people.json", "--gallery", "0", *more]

    return arguments


def said(out: Path) -> dict[str, Any]:
    return json.loads((out / "metrics.json").read_text())


def test_figures_are_the_metrics_and_regressors_stand_side_by_side(folders: tuple[Path, Path], command: Callable[..., list[str]],
                                                                   tmp_path: Path) -> None:
    deocc = f"deocc:{folders[1]},paint_steps=1"
    net = write_net(tmp_path / "net")
    out = tmp_path / "out"
    assert main(command(out, "--regressors.guess", "mesh_bench_tools.Guess", "--regressors.compact",
                        "deocc_aug.benchmarks.mesh_models.regressor.CompactRegressor", "--regressors.compact.weights", str(net),
                        "--gallery", "1", arms=("occluded", deocc, "oracle"))) == 0
    found = said(out)
    assert found["counts"]["judged"] == 6 and len(found["regressors"]["compact"]["weights_sha256"]) == 64
    for name in ("guess", "compact"):
        for row in found["figures"][name]["arms"]:
            for part in PARTS:
                for label, metric in (("MPJPE", "mpjpe"), ("PA-MPJPE", "pa_mpjpe")):
                    assert row[f"{part} {label}"]["value"] == pytest.approx(found["metrics"][f"{name}/{row['arm']}/{metric}_{part}"])
            assert row["PVE"]["value"] == pytest.approx(found["metrics"][f"{name}/{row['arm']}/pve"])
            assert row["cases"] == 6 and row["people"] == 6 and row["not found"] == 0
    guess = {row["arm"]: row for row in found["figures"]["guess"]["arms"]}
    gained = guess["occluded"]["all MPJPE"]["value"] - guess["oracle"]["all MPJPE"]["value"]
    assert guess["oracle"]["gain, all joints"]["value"] == pytest.approx(gained)
    pairs = {(row["regressor"], row["arm"]): row for row in found["pairs"]}
    assert len(pairs) == 6 and pairs["guess", "occluded"]["MPJPE gain"] is None
    apart = guess["occluded"]["all MPJPE"]["value"] - pairs["compact", deocc]["MPJPE"]["value"]
    assert pairs["compact", deocc]["MPJPE gain"]["value"] == pytest.approx(apart)
    from deocc_aug.benchmarks.harness.compare import compared

    assert "0.000 (0.000 to 0.000)" in compared(out / "metrics.json", out / "metrics.json").split("second minus first")[-1]
    page = (out / "report.html").read_text()
    assert all(word in page for word in ("guess", "Regressors side by side", "image/jpeg", "hidden PA-MPJPE", *found["verdict"][:1]))


def test_another_arm_is_added_and_no_picture_is_looked_at_twice(command: Callable[..., list[str]], tmp_path: Path,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(mesh_bench_tools, "ASKED", asked)
    one = ("--regressors.one", "mesh_bench_tools.Guess")
    assert main(command(tmp_path / "out", *one, arms=("occluded", "grey"))) == 0
    assert len(asked) == 1 + 6 + 6  # the grey page, occluded, grey
    assert main(command(tmp_path / "out", *one)) == 0
    assert len(asked) == 2 + 6 + 6 + 6  # oracle
    assert {row["arm"] for row in said(tmp_path / "out")["figures"]["one"]["arms"]} == {"occluded", "grey", "oracle"}


def test_weights_in_the_package_are_asked_where_nobody_names_a_regressor(command: Callable[..., list[str]], tmp_path: Path,
                                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deocc_aug.benchmarks.mesh_models.regressor.WEIGHTS", tmp_path)
    write_net(tmp_path / "occluded")
    assert main(command(tmp_path / "out", "--data.limit", "2", arms=("occluded",))) == 0
    assert set(said(tmp_path / "out")["figures"]) == {"occluded"}


def test_whom_a_regressor_does_not_find_is_left_out_of_all_arms_and_counted(command: Callable[..., list[str]], tmp_path: Path) -> None:
    assert main(command(tmp_path / "out", "--regressors.shy", "mesh_bench_tools.Shy", "--data.seeds", "[0,1,2]")) == 0
    found = said(tmp_path / "out")
    row = found["figures"]["shy"]["arms"][0]
    failed = {trouble["case"] for trouble in found["problems"] if trouble["what"] == "failed"}
    assert row["not found"] == len(failed) > 0 and row["cases"] == 18 - len(failed)
    assert row["PVE"]["value"] is None  # of another mesh
    assert any("nobody was found" in trouble["why"] for trouble in found["problems"])


@pytest.mark.parametrize(("more", "message"), [
    ([], "no regressor is named, and the package has no weights of its own: pass --regressors"),
    (["--regressors.one", "mesh_bench_tools.Mute"], "regressor one: the regressor tells no joints"),
    (["--regressors.one", "deocc_aug.benchmarks.mesh_models.regressor.CompactRegressor", "--regressors.one.weights", "/nowhere"],
     "/nowhere holds no weights of the compact mesh regressor"),
    (["--regressors.one", "mesh_bench_tools.Guess", "--arms", '["deocc:nowhere"]'], "'nowhere' is neither a preset nor a folder"),
    (["--regressors.one", "mesh_bench_tools.Guess", "--arms", '["fused:compact"]'], "the task mesh has no arm fused:compact"),
    (["--regressors.one", "mesh_bench_tools.Guess", "--data", "deocc_aug.benchmarks.harness.pasted.PastedCoco"],
     "none of the 6 people can be judged; the first: the body is not known"),
])
def test_a_bad_request_is_one_line(command: Callable[..., list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                   monkeypatch: pytest.MonkeyPatch, more: list[str], message: str) -> None:
    monkeypatch.setattr("deocc_aug.benchmarks.mesh_models.regressor.WEIGHTS", tmp_path)
    arguments = command(tmp_path / "out")
    if "--data" in more:
        arguments[arguments.index("--data") + 1] = more[-1]
        more = more[:-2]
    assert main([*arguments, *more]) == 2
    assert message in capsys.readouterr().err


def record(case: str, share: float, off: dict[str, float | None]) -> dict[str, Any]:
    """Somebody whose hidden joints (the second half) are off by so many mm in each arm, and whose others are right."""
    true = np.random.default_rng(0).normal(0, 0.3, (22, 3))
    hidden = np.arange(22) >= 11
    arms = {}
    for arm, wrong in off.items():
        joints = true + [0, 0, (wrong or 0) / 1000] * hidden[:, None]
        arms[arm] = {"view": {}, "bodies": {"r": {"joints": None if wrong is None else joints.tolist(), "pve": wrong, "failed": ""}}}
    mesh = {"joints": true.tolist(), "hidden": hidden.tolist(), "outside": [False] * 22}
    return {"case": case, "person": case, "problem": "", "truth": {"hidden_share": share, "mesh": mesh}, "arms": arms}


def test_gains_the_gap_closed_and_harm_in_closed_form() -> None:
    people = [record("a", 0.1, {"occluded": 90, "x": 60, "oracle": 30}), record("b", 0.5, {"occluded": 50, "x": 80, "oracle": 30}),
              record("c", 0.5, {"occluded": 40, "x": None, "oracle": 30})]
    sample = sample_of(people, ["occluded", "x", "oracle"], "r")
    assert sample.missing == 1 and sample.cases == ("a", "b")
    rows = {row["arm"]: row for row in arm_rows(sample)}
    assert rows["occluded"]["hidden MPJPE"].value == pytest.approx(70) and rows["occluded"]["visible MPJPE"].value == pytest.approx(0)
    assert rows["occluded"]["all MPJPE"].value == pytest.approx(35) and rows["x"]["PVE"].value == pytest.approx(70)
    assert rows["x"]["hidden gain"].value == pytest.approx(0) and rows["oracle"]["hidden gain"].value == pytest.approx(40)
    assert rows["x"]["closed"].value == pytest.approx(0) and rows["oracle"]["closed"] is None
    assert rows["x"]["harm"].value == 0.5  # b's MPJPE grows by 15 mm
    assert rows["x"]["all PA-MPJPE"].value < rows["x"]["all MPJPE"].value
    by_rate = {(row["hidden share"], row["arm"]): row for row in bin_rows(sample)}
    assert by_rate["0-20 %", "x"]["hidden gain"].value == pytest.approx(30)
    assert by_rate["40-60 %", "x"]["hidden gain"].value == pytest.approx(-30)
    assert by_rate["30-60 %", "x"]["closed, MPJPE"].value == pytest.approx(-1.5) and by_rate["30-60 %", "oracle"]["closed, MPJPE"] is None
    by_joint = {row["joint"]: row for row in joint_rows(sample)}
    assert len(by_joint) == 13 and "pelvis" not in by_joint  # left and right together
    every = sum(row["x"].value * (2 if name in PAIRS else 1) for name, row in by_joint.items())
    assert every / 22 == pytest.approx(rows["x"]["all MPJPE"].value)
    seen = {name for name, row in by_joint.items() if not row["hidden joints"]}
    assert seen and all(np.isnan(by_joint[name]["x, hidden"].value) for name in seen)
    off = sum(row["x, hidden"].value * row["hidden joints"] for name, row in by_joint.items() if name not in seen)
    assert off / sum(row["hidden joints"] for row in by_joint.values()) == pytest.approx(rows["x"]["hidden MPJPE"].value)
    assert "x makes no difference that chance does not explain" in verdict("r", arm_rows(sample))


def test_pairs_are_of_the_people_whom_all_found() -> None:
    first = sample_of([record("a", 0.1, {"occluded": 90}), record("b", 0.1, {"occluded": 10})], ["occluded"], "r")
    second = sample_of([record("a", 0.1, {"occluded": 60}), record("b", 0.1, {"occluded": None})], ["occluded"], "r")
    rows = pair_rows({"plain": first, "other": second})
    assert [row["cases"] for row in rows] == [1, 1]
    assert rows[0]["MPJPE gain"] is None and rows[1]["hidden MPJPE gain"].value == pytest.approx(30)

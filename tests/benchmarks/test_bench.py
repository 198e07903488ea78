"""Promises of `deocc-aug bench pose2d`: the same numbers however it is run, everybody accounted for, a report that needs nothing else."""
from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from killing import KILLER
from presets import write_tiny_preset
from tiny_coco import write_coco

pytest.importorskip("pytorch_lightning")
pytest.importorskip("matplotlib")

from deocc_aug.benchmarks.harness.records import Records
from deocc_aug.cli import main
from deocc_aug.data.atomic import write_json

PASTED = "deocc_aug.benchmarks.harness.pasted.PastedCoco"
CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)


@pytest.fixture(scope="module")
def coco(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_coco(tmp_path_factory.mktemp("coco") / "set").parent


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_preset(tmp_path_factory.mktemp("presets") / "tiny")


@pytest.fixture
def command(coco: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """The arguments of a run over the drawn people."""
    monkeypatch.setattr("deocc_aug.benchmarks.statistics.RESAMPLES", 50)

    def arguments(out: Path, *more: str, folder: Path = coco, estimator: str = "Bright") -> list[str]:
        return [*_arguments(out, folder, tiny, estimator), *more]

    return arguments


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, coco: Path, tiny: Path) -> Path:
    """The folder of a run to the end, with a gallery."""
    out = tmp_path_factory.mktemp("whole") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("deocc_aug.benchmarks.statistics.RESAMPLES", 50)
        arguments = _arguments(out, coco, tiny, "Bright")
        assert main([*arguments, "--gallery", "1"]) == 0
    return out


def _arguments(out: Path, folder: Path, tiny: Path, estimator: str) -> list[str]:
    arms = ["occluded", "grey", f"deocc:{tiny},paint_steps=1", "oracle"]
    return ["bench", "pose2d", "--out", str(out), "--arms", json.dumps(arms), "--estimators.one", f"bench_tools.{estimator}",
            "--data", PASTED, "--data.folder", str(folder), "--data.annotations", "people.json", "--data.seeds", "[0,1]", "--gallery", "0"]


def said(out: Path) -> dict[str, Any]:
    return json.loads((out / "metrics.json").read_text())


def numbers(out: Path) -> dict[str, Any]:
    """What must be the same however a run went."""
    found = {key: said(out)[key] for key in ("figures", "metrics", "counts", "cases", "verdict", "own", "calibration")}
    for row in found["own"]:
        del row["seconds, median"]
    return found


def test_figures_are_the_metrics_and_count_everybody(whole: Path) -> None:
    found = said(whole)
    assert found["counts"] == {"cases": 12, "judged": 12, "people": 6, "cannot be judged": 0, "refused by an arm": 0,
                               "failed in an estimator": 0}
    arms = {row["arm"]: row for row in found["figures"]["one"]["arms"]}
    assert len(arms) == 4 and [row["person"] for row in found["figures"]["one"]["people"]] == [f"{i}/{10 * i + k}" for i in (1, 2, 3)
                                                                                              for k in (0, 1)]
    for arm, row in arms.items():
        assert row["cases"] == 12 and row["people"] == 6
        for part in ("hidden", "visible"):
            assert row[f"{part} PCK@0.1"]["value"] == pytest.approx(found["metrics"][f"one/{arm}/pck_{part}"])
            people = [person[arm][part] for person in found["figures"]["one"]["people"]]
            assert row[f"{part} PCK@0.1"]["value"] == pytest.approx(sum(hit for hit, _ in people) / sum(of for _, of in people))
        assert (row["harm"] or {"value": 0})["value"] == pytest.approx(found["metrics"][f"one/{arm}/harm"])
    low, high, grey = (arms[arm]["hidden PCK@0.1"]["value"] for arm in ("occluded", "oracle", "grey"))
    if high > low:
        assert arms["grey"]["closed"]["value"] == pytest.approx((grey - low) / (high - low))
        assert arms["grey"]["closed"]["value"] == pytest.approx(found["metrics"]["one/grey/closed"])
    assert {"python", "torch", "deocc-aug"} <= set(found["versions"]) and found["seconds"]["models"] > 0
    assert len(found["data"]["annotations_sha256"]) == 64


def test_an_interrupted_run_goes_on_and_ends_with_the_same_numbers(whole: Path, command: Callable[..., list[str]], tmp_path: Path,
                                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    written, add = [], Records.add

    def counted(*arguments: Any, **named: Any) -> None:
        if len(written) == 5:
            raise OSError("the power went")
        written.append(arguments[1])
        add(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Records, "add", counted)
        assert main(command(tmp_path / "out")) == 2
    assert len(written) == 5 and not (tmp_path / "out" / "metrics.json").exists()
    again: list[str] = []
    monkeypatch.setattr(Records, "add", lambda self, name, *rest: (again.append(name), add(self, name, *rest))[1])
    assert main(command(tmp_path / "out")) == 0
    assert len(again) == 7 and not set(again) & set(written)
    assert numbers(tmp_path / "out") == numbers(whole)


def test_another_arm_is_added_to_what_is_there_and_nothing_is_done_twice(whole: Path, tiny: Path, command: Callable[..., list[str]],
                                                                         tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import bench_tools

    asked: list[int] = []
    estimate = bench_tools.Bright.estimate
    monkeypatch.setattr(bench_tools.Bright, "estimate", lambda self, *given: (asked.append(1), estimate(self, *given))[1])
    out = tmp_path / "out"
    assert main(command(out, "--arms", '["grey"]')) == 0
    assert len(asked) == 1 + 12 + 12  # the grey page, occluded, grey
    leave_alone = f"deocc:{tiny},thresholds.hidden=1,gate=true"
    assert main(command(out, "--arms", json.dumps(["grey", leave_alone]))) == 0
    assert len(asked) == 2 + 12 + 12  # the same picture is not looked at twice
    rows = {row["arm"]: row for row in said(out)["figures"]["one"]["arms"]}
    assert rows[leave_alone]["hidden gain"] == {"value": 0.0, "low": 0.0, "high": 0.0, "people": 6}
    assert rows["grey"] == next(row for row in said(whole)["figures"]["one"]["arms"] if row["arm"] == "grey") | {"closed": None}


def test_the_fused_arm_joins_two_looks_and_shares_the_completion(tiny: Path, command: Callable[..., list[str]], tmp_path: Path,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    from deocc_aug import Deoccluder
    from deocc_aug.fusion import FEATURES, SOURCES
    from deocc_aug.weights import check, write_manifest

    preset = tmp_path / "tiny"
    shutil.copytree(tiny, preset)
    bias = {source: [float(source == "completed")] + [0.0] * (len(FEATURES) - 1) for source in SOURCES}
    (preset / "fusion.json").write_text(json.dumps(bias | {"margin": 0.0}))
    old = check(preset)
    write_manifest(preset, name="tiny", revision="test", licence=old.licence, canvas=old.canvas, defaults=old.defaults, parts=old.parts,
                   fusion="fusion.json")
    completed: list[int] = []
    call = Deoccluder.__call__
    monkeypatch.setattr(Deoccluder, "__call__", lambda self, *given: (completed.append(1), call(self, *given))[1])
    deocc, joined = f"deocc:{preset}", f"fused:{preset}"
    assert main(command(tmp_path / "out", "--data.limit", "3", "--arms", json.dumps([deocc, joined]))) == 0
    assert len(completed) == 3
    for record in Records(tmp_path / "out").of(["1/10/0", "1/11/0", "2/20/0"], ["occluded", deocc, joined]):
        looks = {arm: said["estimates"]["one"]["joints"] for arm, said in record["arms"].items()}
        changed = record["arms"][deocc]["view"]["changed"]
        assert looks[joined] == (looks[deocc] if changed else looks["occluded"])  # such weights always take the completed view's
    assert joined in said(tmp_path / "out")["verdict"][0]
    assert main(command(tmp_path / "other", "--arms", json.dumps([f"fused:{tiny}"]))) == 2


@pytest.mark.slow
def test_a_run_killed_with_kill_9_ends_with_the_same_numbers(whole: Path, command: Callable[..., list[str]], tmp_path: Path) -> None:
    script = tmp_path / "killed.py"
    script.write_text(KILLER)
    ended = _started(script, "6", *command(tmp_path / "out"))
    assert ended.returncode == -9, ended.stderr
    assert 0 < len([*(tmp_path / "out" / "records").rglob("[0-9a-f]*.json")]) < 12
    assert _started(_script(tmp_path), *command(tmp_path / "out")).returncode == 0
    assert numbers(tmp_path / "out")["metrics"] == numbers(whole)["metrics"]


@pytest.mark.slow
def test_two_processes_give_exactly_the_numbers_of_one(whole: Path, command: Callable[..., list[str]], tmp_path: Path) -> None:
    two = command(tmp_path / "out", "--trainer.devices", "2", "--trainer.strategy", "ddp", "--data.limit", "11")
    ended = _started(_script(tmp_path), *two)
    assert ended.returncode == 0, ended.stderr
    assert main(command(tmp_path / "alone", "--data.limit", "11")) == 0
    assert numbers(tmp_path / "out") == numbers(tmp_path / "alone")
    assert said(tmp_path / "out")["counts"]["cases"] == 11


def _script(folder: Path) -> Path:
    """What Lightning starts again for the other process."""
    path = folder / "bench.py"
    path.write_text("import sys\nimport deocc_aug.benchmarks.statistics as statistics\nfrom deocc_aug.cli import main\n"
                    "statistics.RESAMPLES = 50\nsys.exit(main())\n")
    return path


def _started(script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    tests = Path(__file__).resolve().parents[1]
    paths = os.pathsep.join(filter(None, [str(tests), os.environ.get("PYTHONPATH")]))
    return subprocess.run([sys.executable, str(script), *arguments], capture_output=True, text=True, timeout=500,
                          env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"})


def test_whoever_cannot_be_judged_is_named_and_counted(coco: Path, command: Callable[..., list[str]], tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    shutil.copytree(coco, bad)
    people = json.loads((bad / "people.json").read_text())
    by_id = {annotation["id"]: annotation for annotation in people["annotations"]}
    by_id[10]["keypoints"] = [0] * 51
    del by_id[11]["segmentation"]
    (bad / "images" / "2.png").write_bytes((bad / "images" / "2.png").read_bytes()[:200])
    write_json(bad / "people.json", people)
    assert main(command(tmp_path / "out", "--data.seeds", "[0]", folder=bad, estimator="Awkward")) == 0
    found = said(tmp_path / "out")
    assert found["counts"] == {"cases": 6, "judged": 2, "people": 2, "cannot be judged": 4, "refused by an arm": 0,
                               "failed in an estimator": found["counts"]["failed in an estimator"]}
    why = {trouble["case"]: trouble["why"] for trouble in found["problems"] if trouble["what"] == "cannot be judged"}
    assert set(why) == {"1/10/0", "1/11/0", "2/20/0", "2/21/0"}
    assert why["1/10/0"] == "no joint is labelled" and "no segmentation" in why["1/11/0"] and "2.png" in why["2/20/0"]
    lost = [trouble for trouble in found["problems"] if trouble["what"] == "joints not given"]
    failed = [trouble for trouble in found["problems"] if trouble["what"] == "failed"]
    assert len(lost) + len(failed) == 2 * 4 and all("too dark" in trouble["why"] for trouble in failed)
    assert all(name in (tmp_path / "out" / "report.html").read_text() for name in why)


def test_a_joint_that_is_not_given_counts_as_missed() -> None:
    from deocc_aug.benchmarks.harness.figures import sample_of

    joints = [[10.0 * k, 5.0, 1.0] for k in range(17)]

    def record(found: list[Any]) -> dict[str, Any]:
        truth = {"side": 100.0, "box": [0, 0, 100, 100], "hidden_share": 0.3, "joints": joints, "hidden": [True] * 4 + [False] * 13,
                 "area": 9}
        as_it_is = {"view": {}, "estimates": {"e": {"joints": joints, "failed": ""}}}
        return {"case": "a", "person": "a", "problem": "", "truth": truth,
                "arms": {"occluded": as_it_is, "x": {"view": {}, "estimates": {"e": {"joints": found, "failed": "no"}}}}}

    sample = sample_of([record([None, *joints[1:]]), record([None] * 17)], ["occluded", "x"], "e")
    assert sample.arms["x"].hits["hidden@0.1"].tolist() == [3, 0] and sample.arms["x"].lost.tolist() == [1, 17]
    assert sample.arms["x"].error.tolist() == pytest.approx([1 / 17, 1]) and sample.arms["x"].harmed.tolist() == [1, 1]
    assert sample.arms["occluded"].hits["hidden@0.1"].tolist() == [4, 4] and sample.arms["occluded"].harmed.tolist() == [0, 0]


@pytest.mark.parametrize(("more", "message"), [
    (["--estimators.one", "bench_tools.Fourteen"], "estimator one gave joints of shape (14, 3)"),
    (["--arms", '["nonsense"]'], "there is no arm 'nonsense'"),
    (["--arms", '["deocc:nowhere"]'], "'nowhere' is neither a preset nor a folder"),
    (["--arms", '["deocc:compact,speed=3"]'], "has 'speed=3': pass option=value"),
    (["--arms", '["deocc:compact,paint_steps=0"]'], "Options.paint_steps is 0"),
    (["--data.rate", "0.95"], "data.rate is 0.95"),
    (["--data.folder", "/nowhere"], "/nowhere/people.json is not there"),
    (["--data.told", "everything"], "data.told is 'everything'"),
    (["--data", "bench_tools.Nobody"], "none of the 12 people can be judged; the first: not today"),
])
def test_a_bad_request_is_one_line(command: Callable[..., list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str],
                                   message: str) -> None:
    arguments = command(tmp_path / "out")
    if more[0] == "--data":
        arguments[arguments.index("--data") + 1] = more[1]
        more = []
    assert main([*arguments, *more]) == 2
    assert message in capsys.readouterr().err


def test_an_empty_set_and_records_of_another_run_are_refused(coco: Path, whole: Path, command: Callable[..., list[str]], tmp_path: Path,
                                                             capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty"
    (empty / "images").mkdir(parents=True)
    write_json(empty / "people.json", {"images": [], "annotations": []})
    assert main(command(tmp_path / "out", folder=empty)) == 2
    assert "holds nobody" in capsys.readouterr().err
    shutil.copytree(whole, tmp_path / "used")
    assert main(command(tmp_path / "used", "--data.seeds", "[3]")) == 2
    assert "holds records of another run: its data is" in capsys.readouterr().err


def test_runs_are_compared_case_by_case(whole: Path, command: Callable[..., list[str]], tmp_path: Path,
                                        capsys: pytest.CaptureFixture[str]) -> None:
    from deocc_aug.benchmarks.harness.compare import compared

    itself = compared(whole / "metrics.json", whole / "metrics.json")
    assert "second minus first" in itself and "| occluded | 12 | 6 | 0.000 (0.000 to 0.000) |" in itself
    assert main(command(tmp_path / "out", "--data.seeds", "[7]", "--arms", "[]")) == 0
    capsys.readouterr()
    assert main(["bench", "compare", str(whole / "metrics.json"), str(tmp_path / "out" / "metrics.json")]) == 0
    printed = capsys.readouterr().out
    assert "the data differ: seeds: [0, 1] | [7]" in printed and "second minus first" not in printed
    write_json(tmp_path / "other.json", {"a": 1})
    assert main(["bench", "compare", str(whole / "metrics.json"), str(tmp_path / "other.json")]) == 2
    assert "is no metrics.json of format" in capsys.readouterr().err


def test_the_report_needs_nothing_but_itself(whole: Path) -> None:
    html = (whole / "report.html").read_text()
    assert "http:" not in html and "https:" not in html and "<script" not in html
    assert html.count("<img ") == html.count("src='data:image/") == 4 + 3  # plots; best, median, worst
    for row in said(whole)["figures"]["one"]["arms"]:
        assert f"<td>{row['arm']}</td>" in html


@pytest.mark.parametrize("size", [(390, 844), (1280, 800)])
def test_the_report_is_whole_in_a_browser_and_no_wider_than_its_window(whole: Path, tmp_path: Path, size: tuple[int, int]) -> None:
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    probe = ("<script>addEventListener('load', () => { const i = [...document.images]; document.title = JSON.stringify({images: i.length, "
             "broken: i.filter(p => !p.complete || !p.naturalWidth).length, wide: document.documentElement.scrollWidth, "
             "window: innerWidth}); });</script>")
    page = tmp_path / "report.html"
    page.write_text((whole / "report.html").read_text().replace("</body>", probe + "</body>"))
    frame = tmp_path / "frame.html"  # headless windows are 500 px wide at least: the phone's width is a frame's
    frame.write_text(f"<iframe id='f' src='report.html' width='{size[0]}' height='{size[1]}' style='border:0'></iframe><script>"
                     "addEventListener('load', () => { document.title = document.getElementById('f').contentDocument.title; });</script>")
    seen = subprocess.run([CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files",
                           "--enable-logging=stderr",
                           f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1400,900", "--virtual-time-budget=5000", "--dump-dom",
                           frame.as_uri()], capture_output=True, text=True, timeout=120)
    found = json.loads(seen.stdout.split("<title>")[1].split("</title>")[0])
    assert found["images"] == 7 and found["broken"] == 0 and found["window"] == size[0] and found["wide"] <= size[0]
    assert not [line for line in seen.stderr.splitlines() if "CONSOLE" in line and "error" in line.lower()]
    assert np.isfinite(found["wide"])

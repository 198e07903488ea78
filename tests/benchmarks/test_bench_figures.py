"""Promises of the benchmark's metrics and statistics."""
from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import numpy as np
import pytest
import torch
from jaxtyping import Float

pytest.importorskip("torchmetrics")

from deocc_aug.benchmarks.harness.figures import BINS, Judged, Sample, arm_rows, bin_rows
from deocc_aug.benchmarks.harness.gallery import extremes
from deocc_aug.benchmarks.harness.metrics import PCK, Closed, Harm, OksAP, coco_tables
from deocc_aug.benchmarks.harness.page import cell, table
from deocc_aug.benchmarks.statistics import Estimate, bootstrap, of_sums, resampled_sums


def people(count: int = 40) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    truth = np.concatenate([rng.uniform(50, 250, (count, 17, 2)), rng.random((count, 17, 1)) > 0.3], axis=2)
    noise = rng.normal(0, 6, (count, 17, 2)) * rng.uniform(0, 2, (count, 1, 1))
    found = np.concatenate([truth[:, :, :2] + noise, rng.random((count, 17, 1))], axis=2)
    return found, truth, rng.uniform(5000, 40000, count), np.tile([50.0, 50, 250, 250], (count, 1))


def test_oks_ap_is_that_of_xtcocotools() -> None:
    evaluation = pytest.importorskip("xtcocotools.cocoeval")
    from xtcocotools.coco import COCO

    found, truth, areas, boxes = people()
    truth[3, :, 2] = 0  # nobody labelled: not a person to be found
    metric = OksAP()
    for part in (slice(0, 15), slice(15, 40)):
        metric.update(*(torch.from_numpy(column[part]) for column in (found, truth, areas, boxes)))
    ground, detections = coco_tables(found, truth, areas, boxes)
    with redirect_stdout(StringIO()):
        coco = COCO()
        coco.dataset = ground
        coco.createIndex()
        run = evaluation.COCOeval(coco, coco.loadRes(detections), "keypoints")
        run.evaluate()
        run.accumulate()
        run.summarize()
    assert 0.2 < float(metric.compute()) < 0.95 and float(metric.compute()) == pytest.approx(run.stats[0], abs=1e-12)
    assert len(ground["annotations"]) == 39
    perfect = OksAP()
    perfect.update(*(torch.from_numpy(column) for column in (truth, truth, areas, boxes)))
    assert float(perfect.compute()) == pytest.approx(1)


def test_metrics_of_two_processes_are_those_of_one() -> None:
    rng = np.random.default_rng(0)
    errors, joints = torch.from_numpy(rng.random((20, 17)) * 0.3), torch.from_numpy(rng.random((20, 17)) > 0.4)
    errors[0, 0] = torch.nan
    whole, parts = PCK(), [PCK(), PCK()]
    whole.update(errors, joints)
    for part, some in zip(parts, (slice(0, 7), slice(7, 20)), strict=True):
        part.update(errors[some], joints[some])
    by_hand = [float(e) < 0.1 for e, j in zip(errors.ravel(), joints.ravel(), strict=True) if j]
    assert float(whole.compute()) == sum(by_hand) / len(by_hand)
    assert sum(int(part.hits) for part in parts) == int(whole.hits) and sum(int(part.tried) for part in parts) == int(whole.tried)
    harm = Harm()
    harm.update(torch.tensor([0.1, 0.1, 0.1]), torch.tensor([0.149, 0.151, 0.0]))
    assert float(harm.compute()) == pytest.approx(1 / 3)
    near, far, joints = torch.full((1, 17), 0.05), torch.full((1, 17), 0.5), torch.ones((1, 17), dtype=torch.bool)
    closed = Closed()
    closed.update(torch.cat([near[:, :7], far[:, 7:]], 1), torch.cat([near[:, :10], far[:, 10:]], 1), near, joints)
    assert float(closed.compute()) == pytest.approx(3 / 10)
    nothing = Closed()
    nothing.update(near, far, near, joints)
    assert np.isnan(float(nothing.compute()))


def test_resampled_sums_are_the_bootstrap_and_pair_what_they_are_of() -> None:
    rng = np.random.default_rng(1)
    hits, tried = rng.integers(0, 9, 60).astype(float), np.full(60, 9.0)
    columns = np.stack([hits, hits, tried], axis=1)
    sums = resampled_sums(columns)
    found = of_sums(lambda a, b: a / b, columns.sum(0)[[0, 2]], sums[:, [0, 2]], 60)
    slow = bootstrap(lambda a, b: a.sum() / b.sum(), hits, tried)
    assert found.value == slow.value and found.low == pytest.approx(slow.low, abs=0.02) and found.high == pytest.approx(slow.high, abs=0.02)
    nothing = of_sums(lambda a, b, n: (a - b) / n, columns.sum(0), sums, 60)
    assert (nothing.value, nothing.low, nothing.high) == (0, 0, 0)
    assert np.array_equal(resampled_sums(columns), sums)


def sample(hits: Float[np.ndarray, "n"], shares: Float[np.ndarray, "n"], persons: tuple[str, ...]) -> Sample:
    """Everybody has ten hidden joints; `hits` of them in the arm, half of that before, all with the oracle."""
    def judged(count: np.ndarray, harmed: np.ndarray) -> Judged:
        parts = {f"{part}@{near}": count for part in ("hidden", "visible") for near in ("0.1", "0.05")}
        zeros = np.zeros(len(count))
        return Judged(parts, zeros, harmed, zeros, zeros > 0)

    n = np.full(len(hits), 10.0)
    none = np.zeros(len(hits))
    arms = {"occluded": judged(hits / 2, none), "deocc:x": judged(hits, (shares > 0.6).astype(float)), "oracle": judged(n, none)}
    return Sample(persons, shares, {"hidden": n, "visible": n}, arms)


def test_rows_are_what_they_say() -> None:
    shares = np.array([0.0, 0.1, 0.3, 0.5, 0.7, 0.7])
    rows = {row["arm"]: row for row in arm_rows(sample(np.array([4.0, 4, 6, 6, 8, 8]), shares, tuple("abcdee")))}
    row = rows["deocc:x"]
    assert row["people"] == 5 and row["cases"] == 6
    assert row["hidden PCK@0.1"].value == pytest.approx(36 / 60) and row["hidden gain"].value == pytest.approx(18 / 60)
    assert row["closed"].value == pytest.approx((36 - 18) / (60 - 18)) and row["harm"].value == pytest.approx(2 / 6)
    assert row["hidden gain"].low <= row["hidden gain"].value <= row["hidden gain"].high and row["hidden gain"].low > 0
    assert rows["occluded"]["hidden gain"] is None and rows["oracle"]["closed"] is None
    bins = [row for row in bin_rows(sample(np.array([4.0, 4, 6, 6, 8, 8]), shares, tuple("abcdee"))) if row["arm"] == "deocc:x"]
    assert [row["hidden share"] for row in bins] == [name for name, *_ in BINS]
    assert [row["cases"] for row in bins] == [1, 1, 1, 1, 2] and [row["harm"].value for row in bins] == [0, 0, 0, 0, 1]
    assert [row["gain, all joints"].value for row in bins] == pytest.approx([0.2, 0.2, 0.3, 0.3, 0.4])


def test_intervals_are_over_people_not_cases() -> None:
    rng = np.random.default_rng(0)
    hits, shares = rng.integers(0, 11, 30).astype(float), np.full(30, 0.3)
    apart = arm_rows(sample(hits, shares, tuple(str(k) for k in range(30))))[1]["hidden PCK@0.1"]
    fourfold = arm_rows(sample(np.tile(hits, 4), np.tile(shares, 4), tuple(str(k) for k in range(30)) * 4))[1]["hidden PCK@0.1"]
    assert (fourfold.value, fourfold.low, fourfold.high) == pytest.approx((apart.value, apart.low, apart.high))


@pytest.mark.parametrize(("gain", "words"), [
    (Estimate(0.1, 0.05, 0.15, 9), "helps: hidden-joint PCK@0.1 +0.100 [+0.050, +0.150]"),
    (Estimate(-0.1, -0.15, -0.05, 9), "makes it worse: hidden-joint PCK@0.1 -0.100"),
    (Estimate(0.1, -0.05, 0.15, 9), "makes no difference that chance does not explain:"),
    (Estimate(0.1, np.nan, np.nan, 1), "was tried on one person, of whom nothing follows:"),
    (Estimate(np.nan, np.nan, np.nan, 9), "changes nothing that can be told: no joint is hidden;"),
])
def test_the_verdict_says_no_more_than_the_interval(gain: Estimate, words: str) -> None:
    from deocc_aug.benchmarks.harness.pose_report import verdict

    row: dict[str, Any] = {"arm": "deocc:x", "hidden gain": gain, "closed": None, "harm": Estimate(0.02, 0, 0.1, 9), "cases": 9,
                           "people": 9}
    said = verdict("e", [{"arm": "occluded"}, row])
    assert f"deocc:x {words}" in said and "2.0% of 9 cases" in said


def test_the_verdict_names_the_first_arm_of_either_kind_whatever_they_gave() -> None:
    from deocc_aug.benchmarks.harness.pose_report import verdict

    def row(arm: str, gain: float) -> dict[str, Any]:
        return {"arm": arm, "hidden gain": Estimate(gain, gain - 0.01, gain + 0.01, 9), "closed": None, "harm": Estimate(0.02, 0, 0.1, 9),
                "cases": 9, "people": 9}

    said = verdict("e", [{"arm": "occluded"}, row("grey", 0.9), row("deocc:a", -0.1), row("deocc:b", 0.5), row("fused:a", 0.2),
                         row("fused:b", 0.7), row("oracle", 1.0)])
    assert said.startswith("e: deocc:a makes it worse:") and " fused:a helps: hidden-joint PCK@0.1 +0.200" in said
    assert not any(arm in said for arm in ("grey", "deocc:b", "fused:b", "oracle"))
    assert verdict("e", [{"arm": "occluded"}, row("telea", 0.1)]).startswith("e: telea helps:")
    assert "nothing is compared" in verdict("e", [{"arm": "occluded"}, {"arm": "oracle"}])


def test_the_gallery_shows_nobody_twice_and_the_extremes() -> None:
    gains = np.array([0.3, -0.2, 0.0, 0.1, 0.9, -0.7])
    shown = extremes(gains, 2)
    assert [pair for pair in shown if pair[0] != "median"] == [("best", 4), ("best", 0), ("worst", 5), ("worst", 1)]
    assert sorted(number for _, number in shown) == [0, 1, 2, 3, 4, 5]
    assert len(extremes(np.array([0.5]), 3)) == 1


def test_tables_escape_what_they_show_and_leave_out_what_is_not_there() -> None:
    html = table([{"a": "<b>", "c": Estimate(0.5, 0.25, 0.75, 3)}, {"a": None, "c": float("nan")}])
    assert "&lt;b&gt;" in html and "0.500<small>0.250 to 0.750</small>" in html and html.count("<td>–</td>") == 2
    assert cell(Estimate(np.nan, np.nan, np.nan, 0)) == "–" and cell(3) == "3"

"""Promises of the benchmarks' statistics."""
from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("scipy")

from deocc_aug.benchmarks.statistics import Estimate, auroc, average, bootstrap, iou, markdown, mean, median, plain, rate, spearman


def test_the_interval_of_a_mean_is_as_wide_as_theory_has_it() -> None:
    values = np.random.default_rng(0).normal(3, 2, 400)
    found = mean(values)
    assert found.value == pytest.approx(values.mean()) and found.people == 400
    wide = 1.96 * values.std() / 20
    assert (found.low, found.high) == pytest.approx((values.mean() - wide, values.mean() + wide), abs=0.1 * wide)
    assert found == mean(values)


def test_people_without_a_value_are_left_out() -> None:
    assert mean([1.0, float("nan"), 3.0]).value == 2 and mean([1.0, float("nan"), 3.0]).people == 2
    assert str(mean([])) == "–" and mean([]).people == 0
    assert average([1.0, float("nan"), 3.0]) == 2 and np.isnan(average([]))


def test_one_person_has_no_interval() -> None:
    assert str(mean([0.5])) == "0.500"


def test_a_rate_counts_joints_but_draws_people() -> None:
    found = rate([9, 0, 0], [9, 1, 0])
    assert found.value == 0.9 and found.people == 2
    assert (found.low, found.high) == (0, 1)  # one of the two people is often drawn twice


def test_a_median_does_not_follow_one_slow_person() -> None:
    assert median([1.0] * 9 + [100.0]).value == 1


def test_auroc_is_the_share_of_pairs_in_the_right_order() -> None:
    rng = np.random.default_rng(1)
    scores, positive = rng.integers(0, 6, 40), rng.random(40) < 0.4
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[positive] for b in scores[~positive]]
    assert auroc(scores, positive) == pytest.approx(np.mean(pairs))
    assert auroc(np.arange(4.0), np.arange(4) > 1) == 1
    assert np.isnan(auroc(scores, np.ones(40, np.bool_)))


def test_samples_in_which_a_figure_cannot_be_told_do_not_spoil_its_interval() -> None:
    found = bootstrap(auroc, np.arange(5.0), np.arange(5) > 3)  # one positive: many samples have none
    assert found.value == 1 and 0.5 <= found.low <= found.high == 1


def test_rank_correlation_follows_order_alone() -> None:
    a = np.random.default_rng(2).random(30)
    assert spearman(a, np.exp(5 * a)) == pytest.approx(1) and spearman(a, -a) == pytest.approx(-1)
    assert np.isnan(spearman(a, np.zeros(30)))


def test_iou_of_nothing_and_nothing_is_no_figure() -> None:
    a, b = np.array([[True, True, False]]), np.array([[False, True, True]])
    assert iou(a, b) == pytest.approx(1 / 3) and iou(a, ~a) == 0 and np.isnan(iou(a & ~a, a & ~a))


def test_tables_hold_every_column_and_json_no_nan() -> None:
    rows = [{"of": "all", "IoU": Estimate(0.5, 0.4, 0.6, 9)}, {"of": "one", "IoU": Estimate(0.5, np.nan, np.nan, 1), "n": 3}]
    assert markdown(rows).splitlines()[2:] == ["| all | 0.500 (0.400 to 0.600) |  |", "| one | 0.500 | 3 |"]
    assert markdown(rows).splitlines()[:2] == ["| of | IoU | n |", "| --- | --- | --- |"]
    assert json.loads(json.dumps(plain(rows), allow_nan=False))[1] == {
        "of": "one", "IoU": {"value": 0.5, "low": None, "high": None, "people": 1}, "n": 3}

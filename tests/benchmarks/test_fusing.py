"""The fusion's weights are found again where it is known what they should say; its figures are those of people, not of cases."""
from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy", reason="needs scipy (extra hub)")

from deocc_aug.benchmarks import statistics
from deocc_aug.benchmarks.fusing import THROUGH, Seen, counted, fit, four_looks, logistic, one_of, paired, rows_of, trained, written
from deocc_aug.fusion import FEATURES, Candidates, read_weights
from deocc_aug.types import COCO_JOINTS

SIDE = 100.0


def people(count: int, trustworthy: int, seed: int = 0) -> list[Seen]:
    """People in half of whose joints only one source is right; it says so by its score and is right everywhere else, too."""
    rng = np.random.default_rng(seed)
    out = []
    for number in range(count):
        truth = np.c_[rng.uniform(0, SIDE, (17, 2)), np.ones(17)]
        hidden = rng.random(17) < 0.5
        joints = np.stack([truth] * 3)
        joints[..., :2] += rng.normal(0, 0.5, (3, 17, 2))
        joints[..., 2] = 0.8
        for k in range(3):
            if k != trustworthy:
                joints[k, hidden, :2] += rng.choice([-1, 1], (int(hidden.sum()), 2)) * rng.uniform(30, 60, (int(hidden.sum()), 2))
                joints[k, hidden, 2] = 0.2
        candidates = Candidates(joints, np.broadcast_to(hidden, (3, 17)).astype(np.float64), SIDE, 0.2)
        out.append(Seen(f"ccp {number // 2}", "ccp", "masks", "MoveNet", candidates, True, truth, hidden, SIDE, truth))
    return out


@pytest.mark.parametrize("source", [0, 1, 2])
def test_the_source_that_is_right_is_learned(source: int) -> None:
    weights = fit(people(60, source), margin=0.05)
    found, harmed = counted(people(30, source, seed=1), "fused", weights)
    assert (found["hidden hits"] / found["hidden"] > 0.95).all() and (found["visible hits"] == found["visible"]).all()
    assert harmed.value == 0


def test_a_logistic_regression_finds_its_own_coefficients() -> None:
    rng = np.random.default_rng(0)
    true = np.array([-0.5, 2.0, -1.0])
    rows = np.c_[np.ones(20000), rng.normal(size=(20000, 2))]
    yes = rng.random(20000) < 1 / (1 + np.exp(-rows @ true))
    np.testing.assert_allclose(logistic(rows, yes), true, atol=0.1)


def test_only_changed_people_are_learned_from() -> None:
    changed = people(20, 1)
    unchanged = [replace(person, changed=False) for person in people(20, 2)]
    assert fit(changed, 0.1) == fit([*changed, *unchanged], 0.1)
    with pytest.raises(ValueError, match="nobody's picture was changed"):
        fit(unchanged, 0.1)
    weights = fit(changed, 0.1)
    for person in unchanged:
        np.testing.assert_array_equal(person.answer("fused", weights), person.candidates.joints[0])


def test_figures_are_over_people() -> None:
    some = people(20, 1)
    weights = fit(some, 0.0)
    rows = {row["arm"]: row for row in rows_of(some, weights)}
    assert list(rows) == ["occluded", "completed", "own", "fused", "clean"] and rows["fused"]["cases"] == 20
    assert rows["fused"]["hidden PCK@0.1"].people == 10 and rows["clean"]["hidden PCK@0.1"].value == 1
    assert rows["occluded"]["harmed"].value == 0 and rows["occluded"]["hidden PCK@0.1"].value < 0.1
    gain = paired(np.array([5.0, 4.0]), np.array([3.0, 4.0]), np.array([8.0, 8.0]))
    assert gain.value == 2 / 16 and gain.low <= gain.value <= gain.high


def test_margins_are_tried_on_people_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "RESAMPLES", 20)
    weights, rows = trained([*people(30, 1), *[replace(p, estimator=THROUGH) for p in people(30, 0, seed=2)]], margin=0.15)
    assert {row["margin"] for row in rows if row["arm"] == "fused"} == {"0", "0.05", "0.1", "0.15", "0.2"}
    assert {row["cases"] for row in rows} == {10} and weights.margin == 0.15
    (tmp_path / "fusion.json").write_text(json.dumps(written(weights)))
    assert read_weights(tmp_path / "fusion.json") == weights and written(weights)["features"] == list(FEATURES)


class Spots:
    """Puts every left joint on the white pixel that is farther left in the picture, every right one on the other."""

    def estimate(self, image: np.ndarray, box: np.ndarray) -> np.ndarray:
        ys, xs = np.nonzero(image[..., 0] == 255)
        spots = sorted(zip(xs + 0.5, ys + 0.5, strict=True))
        assert all(box[0] <= x <= box[2] and box[1] <= y <= box[3] for x, y in spots)
        return np.array([(*spots[name.startswith("right")], 0.5) for name in COCO_JOINTS])


def test_four_looks_agree_about_what_lies_where() -> None:
    image = np.zeros((60, 90, 3), np.uint8)
    image[20, 30] = image[40, 50] = 255
    looks = four_looks(Spots(), image, np.array([20.0, 10, 60, 50]))
    sided = looks[:, 1:]  # a nose is on neither side
    assert looks.shape == (4, 17, 3) and (sided == sided[0]).all() and looks[0, 5].tolist() == [30.5, 20.5, 0.5]


def test_several_looks_are_weighed_by_their_scores() -> None:
    looks = np.zeros((2, 17, 3))
    looks[0, :, :] = (10, 20, 0.9)
    looks[1, :, :] = (20, 40, 0.1)
    np.testing.assert_allclose(one_of(looks), np.broadcast_to((11, 22, 0.5), (17, 3)))
    np.testing.assert_allclose(one_of(looks[:1]), looks[0])

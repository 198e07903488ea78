"""Promises of the fusion of two views: who wins, who is left alone, and what the estimator is asked."""
from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pictures import Picture
from presets import write_tiny_preset

from deocc_aug import Deoccluder, Deocclusion, Options, Person
from deocc_aug.fusion import (
    FEATURES,
    FusionWeights,
    candidates_of,
    chosen,
    features,
    fused,
    hidden_at,
    likelihoods,
    read_weights,
    weights_of,
)
from deocc_aug.two_views import joined, two_views, whole_box
from deocc_aug.types import COCO_JOINTS, Description, Evidence, Patch
from deocc_aug.weights import check, read_manifest, write_manifest

HEIGHT, WIDTH, SEAM = 200, 100, 120  # a body of the whole picture, hidden below the seam
AGREEING = FusionWeights((0, 2, 2, 0, 0, 1, 0), (0, 2, 2, 0, 0, 1, 0), (0, 2, 2, 0, 0, 1, 0), 0.1)


def completed(changed: bool = True, uncertainty: float = 0.2, shift: tuple[int, int] = (0, 0)) -> Deocclusion:
    """A body that fills a patch, its lower part hidden, with joints in a column."""
    rows = np.arange(HEIGHT)[:, None] + np.zeros((1, WIDTH), int)
    picture, body = np.zeros((HEIGHT, WIDTH, 3), np.uint8), np.ones((HEIGHT, WIDTH), np.float32)
    patch = Patch(shift, picture, (rows >= SEAM) & changed, rows < SEAM, body)
    source = np.zeros((HEIGHT + shift[1], WIDTH + shift[0], 3), np.uint8)
    return Deocclusion(source, patch, column(0.5, shift), np.ones((1, 4, 4), np.float32), np.eye(2, 3), Evidence(0.4, 0.0, uncertainty),
                       changed, "painted", Description(), {})


def column(score: float, shift: tuple[int, int] = (0, 0)) -> np.ndarray:
    """Joints (17, 3) down the middle, the last six on the hidden part."""
    joints = np.stack([np.full(17, 50.0), np.linspace(5, 195, 17), np.full(17, score)], 1)
    joints[:, :2] += shift
    return joints.astype(np.float32)


def off(joints: np.ndarray, rows: slice | list[int], by: float, score: float) -> np.ndarray:
    out = joints.copy()
    out[rows, 0] += by
    out[rows, 2] = score
    return out


def test_a_picture_that_did_not_change_keeps_the_estimators_answer() -> None:
    original = off(column(0.1), slice(11, 17), 40, 0.02)
    answer = fused(completed(changed=False), original, column(0.9), AGREEING)
    np.testing.assert_array_equal(answer, original)
    assert answer is not original and answer.dtype == original.dtype


def test_hidden_joints_that_two_agree_on_replace_a_stray_one() -> None:
    original, after = off(column(0.9), slice(11, 17), 40, 0.1), column(0.8)
    answer = fused(completed(), original, after, AGREEING)
    np.testing.assert_allclose(answer[:11], original[:11])
    np.testing.assert_allclose(answer[11:], after[11:])


def test_where_views_agree_or_the_gain_is_small_the_photo_stays() -> None:
    original, after = column(0.6), off(column(0.6), slice(0, 17), 1.0, 0.62)
    np.testing.assert_allclose(fused(completed(), original, after, AGREEING), original)
    stray = off(column(0.9), slice(11, 17), 40, 0.1)
    np.testing.assert_allclose(fused(completed(), stray, column(0.8), replace(AGREEING, margin=1.0)), stray)


def test_the_answer_is_always_one_of_the_three() -> None:
    rng = np.random.default_rng(0)
    for seed in range(20):
        views = [np.c_[rng.uniform(0, 200, (17, 2)), rng.uniform(0, 1, 17)] for _ in range(2)]
        weights = FusionWeights(*(tuple(rng.normal(0, 2, len(FEATURES)).tolist()) for _ in range(3)), margin=0.05)
        candidates = candidates_of(completed(), *views)
        answer = chosen(candidates, weights)
        assert all(any(np.array_equal(answer[j], candidates.joints[k, j]) for k in range(3)) for j in range(17))
        np.testing.assert_array_equal(answer, chosen(candidates, weights))
        likely = likelihoods(candidates, weights)
        assert ((likely >= 0) & (likely <= 1)).all()
        order = rng.permutation(17)
        mixed = replace(candidates, joints=candidates.joints[:, order], hidden=candidates.hidden[:, order])
        np.testing.assert_array_equal(chosen(mixed, weights), answer[order]), seed


def test_what_the_answers_are_judged_by() -> None:
    original, after = off(column(0.9), [3], 30, 0.5), off(column(0.0), [3], -30, 1.0)
    found = features(candidates_of(completed(uncertainty=0.3), original, after))
    assert found.shape == (3, 17, len(FEATURES)) and np.isfinite(found).all()
    next_agrees, after_agrees, others = (found[:, :, FEATURES.index(name)] for name in FEATURES[1:4])
    np.testing.assert_allclose(next_agrees[:, 0], 1)  # all three agree on the first joint
    assert next_agrees[0, 3] < 0.1 < next_agrees[1, 3] < 0.5  # 60 px and 30 px apart, of 200
    np.testing.assert_allclose(after_agrees, np.roll(next_agrees, 1, 0))
    np.testing.assert_allclose(others, np.roll(next_agrees, -1, 0))
    assert (found[..., FEATURES.index("uncertainty")] == 0.3).all()


@pytest.mark.parametrize("shift", [(0, 0), (30, 7)])
def test_what_is_hidden_is_told_by_the_place(shift: tuple[int, int]) -> None:
    places = np.array([[50, 20], [50, SEAM - 1], [50, 180], [-50, 50], [50, 900]], np.float64) + shift
    seen, seam, hidden, *outside = hidden_at(completed(shift=shift), places)
    assert seen == 0 and hidden > 0.9 and 0.2 < seam < 0.7 and outside == [0, 0]
    line = hidden_at(completed(shift=shift), np.stack([np.full(150, 50.0), np.arange(20.0, 170.0)], 1) + shift)
    assert (np.diff(line) > -1e-5).all()


def test_evidence_is_the_same_at_any_resolution() -> None:
    small = completed()
    patch = small.patch
    large = replace(small, patch=replace(patch, **{name: np.repeat(np.repeat(getattr(patch, name), 4, 0), 4, 1)
                                                   for name in ("image", "changed", "visible", "amodal")}))
    places = np.random.default_rng(0).uniform((5, 5), (95, 195), (50, 2))
    np.testing.assert_allclose(hidden_at(small, places), hidden_at(large, 4 * places), atol=0.03)


# weights

def test_a_preset_brings_its_weights(tmp_path: Path) -> None:
    folder = write_tiny_preset(tmp_path)
    with pytest.raises(ValueError, match="brings no weights for the fusion"):
        weights_of(folder)
    stored = {"original": [1] * 7, "completed": [2] * 7, "own": [3.5] * 7, "margin": 0.2}
    (folder / "fusion.json").write_text(json.dumps(stored))
    tiny = read_manifest(folder)
    write_manifest(folder, name=tiny.name, revision=tiny.revision, licence=tiny.licence, canvas=tiny.canvas, defaults=tiny.defaults,
                   parts=tiny.parts, fusion="fusion.json")
    assert check(folder).fusion == "fusion.json" and "fusion.json" in check(folder).sha256
    assert weights_of(folder) == weights_of(check(folder)) == FusionWeights((1.0,) * 7, (2.0,) * 7, (3.5,) * 7, 0.2)
    (folder / "fusion.json").write_text(json.dumps(stored | {"margin": 0.3}))
    with pytest.raises(ValueError, match="damaged or was replaced"):
        weights_of(folder)


def test_compact_brings_its_weights() -> None:
    weights = weights_of("compact")
    assert 0 < weights.margin < 1
    hidden = FEATURES.index("hidden there")
    assert weights.completed[hidden] < 0 and weights.own[hidden] < 0  # what is invented is less sure


@pytest.mark.parametrize("text", ["{", "[]", '{"original": [1]}', '{"original": 1, "completed": 1, "own": 1, "margin": 0}'])
def test_damaged_weights_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "fusion.json").write_text(text)
    with pytest.raises(ValueError, match="holds no fusion weights"):
        read_weights(tmp_path / "fusion.json")


def test_weights_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="FusionWeights.own is"):
        replace(AGREEING, own=(1.0,) * 6)
    with pytest.raises(ValueError, match="FusionWeights.completed is"):
        replace(AGREEING, completed=(float("nan"),) * 7)
    with pytest.raises(ValueError, match="margin is 1.5"):
        replace(AGREEING, margin=1.5)


# an estimator that looks twice

@pytest.fixture(scope="module")
def deoccluder(tmp_path_factory: pytest.TempPathFactory) -> Deoccluder:
    return Deoccluder.from_pretrained(write_tiny_preset(tmp_path_factory.mktemp("fusion") / "tiny"))


class Estimator:
    """Finds joints by the colours of the picture, and keeps what it was shown."""

    def __init__(self, joints: int = 17) -> None:
        self.joints, self.shown = joints, list[tuple[np.ndarray, np.ndarray]]()

    def __call__(self, image: np.ndarray, boxes: np.ndarray) -> list[np.ndarray]:
        self.shown.append((image, boxes))
        rng = np.random.default_rng(int(image.astype(np.int64).sum()))
        return [np.c_[rng.uniform(box[:2], box[2:], (self.joints, 2)), rng.uniform(0, 1, self.joints)] for box in boxes]


def test_both_views_are_shown_once(deoccluder: Deoccluder, picture: Picture) -> None:
    person, estimator = picture.person(), Estimator()
    (found,) = two_views(estimator, deoccluder, picture.image, [person], weights=AGREEING, seed=4)
    result = deoccluder(picture.image, person, 4)
    (before, box), (after, whole) = estimator.shown
    assert before is picture.image and found.result is not None and found.reason == result.reason
    np.testing.assert_array_equal(box, person.box_xyxy[None])
    np.testing.assert_array_equal(after, result.image)
    np.testing.assert_array_equal(whole[0], whole_box(person, result))
    assert (whole[0][:2] <= person.box_xyxy[:2]).all() and (whole[0][2:] >= person.box_xyxy[2:]).all()
    np.testing.assert_array_equal(found.original, Estimator()(before, box)[0])
    np.testing.assert_array_equal(found.completed, Estimator()(after, whole)[0])
    np.testing.assert_allclose(found.joints, fused(result, found.original, found.completed, AGREEING))
    (alone,) = two_views(Estimator(), deoccluder, picture.image, [person], weights=None, seed=4)
    np.testing.assert_array_equal(alone.joints, alone.completed)


def test_unchanged_and_refused_people_keep_the_estimators_answer(deoccluder: Deoccluder, picture: Picture) -> None:
    person, estimator = picture.person(), Estimator()
    speck = np.zeros_like(picture.visible_mask)
    speck[10:20, 10:20] = True
    left = Options(gate=True, thresholds={"hidden": 1.0})
    found = two_views(estimator, deoccluder, picture.image, [person, Person((10, 10, 20, 20), speck)], weights=AGREEING, options=left)
    assert len(estimator.shown) == 1  # no second look
    alone = Estimator()(*estimator.shown[0])
    for one, wanted in zip(found, alone, strict=True):
        for joints in (one.joints, one.original, one.completed):
            np.testing.assert_array_equal(joints, wanted)
    assert found[0].result is not None and found[0].reason.startswith("left alone")
    assert found[1].result is None and "px long" in found[1].reason
    assert two_views(estimator, deoccluder, picture.image, [], weights=AGREEING) == []
    with pytest.raises(ValueError, match="pass the mask in the image's own size"):  # a mistake, which no answer may hide
        two_views(estimator, deoccluder, picture.image, [Person(person.box_xyxy, speck[1:])], weights=AGREEING)


def test_joints_beside_cocos_go_by_their_place() -> None:
    result, rng = completed(), np.random.default_rng(3)
    names = ["toe", *COCO_JOINTS[::-1], "thumb"]
    original, after = (np.c_[rng.uniform(0, 100, (19, 2)), np.full(19, 0.5)] for _ in range(2))
    after[[0, 18], :2] = (50, 190), (50, 20)  # the toe hidden, the thumb seen
    answer = joined(result, original, after, AGREEING, names)
    np.testing.assert_array_equal(answer[0], after[0])
    np.testing.assert_array_equal(answer[18], original[18])
    order = list(range(17, 0, -1))
    np.testing.assert_allclose(answer[order], fused(result, original[order], after[order], AGREEING))
    hands = joined(result, original[:5], after[:5], AGREEING, list("abcde"))
    behind = hidden_at(result, after[:5, :2]) > 0.5
    np.testing.assert_array_equal(hands, np.where(behind[:, None], after[:5], original[:5]))


def test_an_estimator_that_answers_otherwise_is_refused(deoccluder: Deoccluder, picture: Picture) -> None:
    with pytest.raises(ValueError, match=r"arrays of \[\(5, 3\)\] for 1 boxes: give one array \(17, 3\)"):
        two_views(Estimator(5), deoccluder, picture.image, [picture.person()], weights=AGREEING)
    with pytest.raises(ValueError, match="for 1 boxes"):
        two_views(lambda image, boxes: [], deoccluder, picture.image, [picture.person()], weights=AGREEING)
    names = list("abcde")
    (found,) = two_views(Estimator(5), deoccluder, picture.image, [picture.person()], weights=AGREEING, names=names)
    assert found.joints.shape == (5, 3)

"""What stage 1 makes of its probabilities."""
from __future__ import annotations

import numpy as np
import pytest

from deocc_aug.body.pipeline import assemble, at_level, best_level, mirrored
from deocc_aug.types import Label, Observation


def test_the_level_is_the_one_of_the_highest_overlap() -> None:
    rng = np.random.default_rng(0)
    probability = rng.beta(0.6, 0.8, 4000).astype(np.float32)
    level, promised = best_level(probability)

    def overlap(at: float) -> float:
        drawn = rng.random((200, len(probability))) < probability
        chosen = probability > at
        return float(np.mean((drawn & chosen).sum(1) / (drawn | chosen).sum(1)))

    assert overlap(level) == pytest.approx(promised, abs=0.01)
    assert overlap(level) >= max(overlap(at) for at in (0.2, 0.3, 0.5, 0.6, 0.7)) - 0.002
    assert level < 0.5


def test_certainty_promises_everything_and_doubt_little() -> None:
    assert best_level(np.array([0, 0, 1, 1, 1], np.float32))[1] == 1
    assert best_level(np.full(1000, 0.3, np.float32))[1] == pytest.approx(0.3, abs=0.01)
    assert best_level(np.zeros(0, np.float32)) == (0.5, 1.0)


def test_the_level_becomes_a_half_and_order_is_kept() -> None:
    scaled = at_level(np.array([[0.0, 0.1, 0.35, 0.6, 1.0]], np.float32), 0.35)[0]
    assert scaled[[0, 2, 4]] == pytest.approx([0, 0.5, 1]) and (np.diff(scaled) > 0).all()


def test_the_mirror_exchanges_left_and_right() -> None:
    joints = np.zeros((17, 3))
    joints[5] = (30, 40, 1)
    turned = mirrored(joints, 192)
    assert turned[6].tolist() == [162, 40, 1] and not turned[5].any()
    assert (mirrored(turned, 192) == joints).all()


def test_what_is_seen_is_certain_and_what_cannot_be_is_not() -> None:
    labels = np.full((256, 192), Label.OCCLUDER, np.uint8)
    labels[:50], labels[200:] = Label.PERSON, Label.CLEAR
    seen = Observation(labels, np.zeros((17, 3)), np.zeros(17, np.bool_))
    means, samples = np.full((2, 256, 192), 0.45, np.float32), np.full((2, 256, 192), 0.9, np.float32)
    body = assemble(means, np.zeros((2, 17, 32, 24), np.float32), samples, seen, 4)
    assert (body.amodal[:50] == 1).all() and not body.amodal[200:].any() and (body.hypotheses[:, :50] == 1).all()
    assert body.uncertainty == pytest.approx(0.55, abs=0.01)
    assert (body.hypotheses[:, 60:190] == np.float32(0.9)).all()


@pytest.mark.parametrize(("doubt", "uncertain"), [(0.0, 0.0), (0.001, 0.004), (0.15, 0.41)])
def test_where_nothing_is_claimed_to_be_hidden_doubt_counts_against_what_is_seen(doubt: float, uncertain: float) -> None:
    labels = np.full((256, 192), Label.UNKNOWN, np.uint8)
    labels[:45] = Label.PERSON
    seen = Observation(labels, np.zeros((17, 3)), np.zeros(17, np.bool_))
    means = np.full((2, 256, 192), doubt, np.float32)
    body = assemble(means, np.zeros((2, 17, 32, 24), np.float32), means, seen, 4)
    assert body.uncertainty == pytest.approx(uncertain, abs=0.003) and not (body.amodal[45:] > 0.5).any()


def test_an_unknown_occluder_asks_for_the_best_whole_and_a_known_one_for_the_best_hidden_part() -> None:
    unsure = np.zeros((2, 256, 192), np.float32)
    unsure[:, 100:140] = 0.4
    maps, joints = np.zeros((2, 17, 32, 24), np.float32), np.zeros((17, 3))
    found = []
    for label in (Label.OCCLUDER, Label.UNKNOWN):
        labels = np.full((256, 192), label, np.uint8)
        labels[:100] = Label.PERSON
        body = assemble(unsure, maps, unsure, Observation(labels, joints, np.zeros(17, np.bool_)), 4)
        found.append((body.amodal[100:140] > 0.5).mean())
    assert found == [1.0, 0.0]

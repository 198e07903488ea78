"""The gate's word: what speaks against painting, and that it is the first thing that does."""
from __future__ import annotations

import numpy as np
import pytest

from deocc_aug.gate import evidence_of, judge, objection_to
from deocc_aug.types import Body, Evidence, Label, Observation

THRESHOLDS = {"hidden": 0.05, "seen": 0.2, "unknown": 0.6, "uncertainty": 0.5}
FINE = Evidence(hidden=0.4, unknown=0.1, uncertainty=0.2)
HOLE = np.ones((4, 4), np.bool_)


@pytest.mark.parametrize(("evidence", "said"), [
    (Evidence(0.04, 0.1, 0.2), "4.0% of the body is hidden, less than 5.0%"),
    (Evidence(0.9, 0.1, 0.2), "10% of the body is seen, less than 20%"),
    (Evidence(0.4, 0.7, 0.2), "of 70% of the hidden part nobody knows"),
    (Evidence(0.4, 0.1, 0.6), "uncertainty 0.60 is above 0.50"),
])
def test_each_threshold_leaves_people_alone_and_says_why(evidence: Evidence, said: str) -> None:
    verdict = judge(evidence, HOLE, THRESHOLDS, enabled=True)
    assert not verdict.paint and said in verdict.reason and verdict.reason.startswith("left alone")
    assert judge(evidence, HOLE, THRESHOLDS, enabled=False).paint
    assert objection_to(FINE, THRESHOLDS) is None and judge(FINE, HOLE, THRESHOLDS, enabled=True).paint


def test_where_there_is_no_hole_nothing_is_painted_even_with_the_gate_off() -> None:
    verdict = judge(FINE, ~HOLE, THRESHOLDS, enabled=False)
    assert not verdict.paint and "nothing to paint" in verdict.reason


def test_evidence_counts_the_body_that_is_not_seen_and_what_of_it_nobody_knows() -> None:
    labels = np.full((10, 10), Label.CLEAR, np.uint8)
    labels[:4], labels[4:6], labels[6:8] = Label.PERSON, Label.OCCLUDER, Label.UNKNOWN
    amodal = np.zeros((10, 10), np.float32)
    amodal[:7] = 1
    body = Body(amodal, np.zeros((17, 3)), amodal[None], 0.3)
    found = evidence_of(body, Observation(labels, np.zeros((17, 3)), np.zeros(17, np.bool_)))
    assert (found.hidden, found.unknown, found.uncertainty) == pytest.approx((3 / 7, 1 / 3, 0.3))

"""Harm against gain: thresholds tried on people who were measured."""
from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from deocc_aug.benchmarks.gating import SWEPT, Case, Tried, curve, draw, judged, passes
from deocc_aug.types import Evidence

THRESHOLDS = {"hidden": 0.05, "seen": 0.0, "unknown": 1.0, "uncertainty": 0.5}


def person(uncertainty: float, gained: int, grown: float, painted: bool = True) -> Tried:
    return Tried("ccp", "masks", False, Evidence(0.4, 0.0, uncertainty), painted, 10, gained, grown)


PEOPLE = [person(0.1, 3, -0.1), person(0.3, 1, 0.0), person(0.6, -2, 0.2), person(0.7, 0, 0.06, painted=False)]


def test_people_left_alone_are_neither_helped_nor_harmed() -> None:
    without, gated = judged(PEOPLE, lambda one: True), judged(PEOPLE, partial(passes, thresholds=THRESHOLDS))
    assert [without[name].value for name in without] == pytest.approx([3 / 4, 1 / 4, 0.05])
    assert [gated[name].value for name in gated] == pytest.approx([2 / 4, 0, 0.1])


def test_harm_grows_with_the_uncertainty_that_is_let_through() -> None:
    values, harmed, _ = zip(*curve(PEOPLE, THRESHOLDS, "uncertainty"), strict=True)
    assert list(values) == SWEPT["uncertainty"].tolist() and list(harmed) == sorted(harmed) and harmed[-1] == 1 / 4


def test_the_curve_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    draw([Tried(p.source, told, p.clean, p.evidence, p.painted, p.joints, p.gained, p.grown) for p in PEOPLE
          for told in ("masks", "visible mask", "box")], THRESHOLDS, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 1000


def test_a_case_tells_what_it_is_asked_to_tell() -> None:
    amodal, occluder = np.zeros((80, 60), np.bool_), np.zeros((80, 60), np.bool_)
    amodal[10:70, 20:40], occluder[50:80] = True, True
    case = Case("ccp", np.zeros((80, 60, 3), np.uint8), amodal, occluder, np.ones((17, 3)))
    told = {what: case.person(what) for what in ("masks", "visible mask", "box")}
    for what, one in told.items():
        assert one is not None and one.box_xyxy.tolist() == [20, 10, 40, 50]
        assert ((one.visible_mask is None), (one.occluder_mask is None)) == (what == "box", what != "masks")
    assert Case("ccp", case.image, amodal, np.ones_like(amodal), case.joints).person("box") is None

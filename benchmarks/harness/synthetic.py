"""The embedded data set: rendered people that are always the same, and need no file."""
from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from deocc_aug.benchmarks.harness.cases import BOXES, TOLD, Case, Unusable, check_choice, told_of
from deocc_aug.benchmarks.harness.data import BenchData
from deocc_aug.canvas import box_of

if TYPE_CHECKING:
    from deocc_aug.humans.scenes import Scene


class SyntheticPeople(BenchData):
    """The fixed set of `deocc_aug.humans`: people in ten pose families, behind things and one another (extra `humans`).

    Args:
        told: what the de-occluder is told: "masks", "visible mask" or "box".
        box: the box is that of the visible part or of the whole body ("visible" or "amodal").
        limit: the first so many cases.
        people: how many there are, a multiple of 16; a larger set begins with the smaller one.
    """

    def __init__(self, told: str = "masks", box: str = "visible", limit: int | None = None, people: int = 64) -> None:
        super().__init__(limit)
        self.people = people
        self.told, self.box = check_choice("data.told", told, TOLD), check_choice("data.box", box, BOXES)

    @cached_property
    def scenes(self) -> Sequence[Scene]:
        from deocc_aug.humans.fixed_set import fixed_set

        return fixed_set(self.people)

    def open(self) -> Sequence[str]:
        return [f"synthetic/{k}" for k in range(self.people)]

    def make(self, number: int) -> Case | Unusable:
        return case_of(self.scenes[number], self.names[number], self.told, self.box)

    def described(self) -> dict[str, Any]:
        from deocc_aug.humans.fixed_set import SEED

        return {"class": "SyntheticPeople", "people": self.people, "seed": SEED, "told": self.told, "box": self.box}


def case_of(scene: Scene, name: str, told: str = "masks", box: str = "visible") -> Case | Unusable:
    """The photo of a scene as a case; joints beyond the photo's border are not asked for, nor is the body there."""
    from deocc_aug.humans.records import HIDDEN, OUT_OF_FRAME

    x0, y0, x1, y1 = scene.frame_xyxy
    photo = (slice(y0, y1), slice(x0, x1))
    planes = (scene.image, scene.clean, scene.amodal, scene.occluder)
    image, clean, amodal, occluder = (np.ascontiguousarray(plane[photo]) for plane in planes)
    person, whole = told_of(amodal, occluder, told, box), box_of(amodal)
    if person is None or whole is None:
        return Unusable(name, name, "nothing is seen of the person")
    joints = np.concatenate([scene.joints_px - (x0, y0), (scene.joints_state != OUT_OF_FRAME)[:, None]], axis=1).astype(np.float64)
    share = float((amodal & occluder).sum() / amodal.sum())
    return Case(name, name, image, person, whole, joints, np.asarray(scene.joints_state == HIDDEN), share, clean, amodal, occluder)

"""What a caller's masks and joints say about the canvas."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
from pictures import Picture

from deocc_aug.canvas import cut, place
from deocc_aug.observe.given import TRUSTED, observe
from deocc_aug.types import Canvas, Label


def canvas_of(picture: Picture) -> Canvas:
    return cut(picture.image, place(np.array([0.0, 0, 220, 300]), (256, 192)), (256, 192))


def test_only_a_joint_that_is_sure_and_on_the_visible_part_counts_as_seen(picture: Picture) -> None:
    joints = np.zeros((17, 3))
    joints[0], joints[1] = (110, 52, TRUSTED), (110, 52, TRUSTED - 0.01)  # the head is seen
    joints[15] = (92, 225, 1.0)  # behind the board
    seen = observe(canvas_of(picture), replace(picture.person(), joints=joints))
    assert np.nonzero(seen.joints_visible)[0].tolist() == [0]
    assert np.nonzero(seen.joints[:, 2])[0].tolist() == [0, 1, 15]


def test_what_is_unknown_is_neither_clear_nor_in_front(picture: Picture) -> None:
    unknown = np.zeros_like(picture.visible_mask)
    unknown[:30] = True

    def labels(**masks: np.ndarray | None) -> set[int]:
        return {int(label) for label in np.unique(observe(canvas_of(picture), replace(picture.person(), **masks)).labels)}

    known = {Label.PERSON, Label.CLEAR, Label.OCCLUDER, Label.OUTSIDE}
    assert labels() == known
    assert labels(unknown_mask=unknown) == known | {Label.UNKNOWN}
    assert labels(unknown_mask=unknown, occluder_mask=None) == {Label.PERSON, Label.CLEAR, Label.UNKNOWN, Label.OUTSIDE}
    assert labels(occluder_mask=None) == {Label.PERSON, Label.UNKNOWN, Label.OUTSIDE}

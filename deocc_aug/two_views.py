"""An estimator that looks twice: at the photo, and at the view in which the person is whole."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from deocc_aug.canvas import box_of
from deocc_aug.data.images import check_image
from deocc_aug.deoccluder import Deoccluder
from deocc_aug.fusion import FusionWeights, fused, hidden_at
from deocc_aug.options import Options
from deocc_aug.types import COCO_JOINTS, Box, Deocclusion, Image, Person, RefusedError

AnyJoints = Float[np.ndarray, "k 3"]
Estimator = Callable[[Image, Float[np.ndarray, "n 4"]], Sequence[np.ndarray]]  # an array (k, 3), x, y, score, for each box


@dataclass(frozen=True, eq=False)
class TwoViews:
    """One person, seen twice.

    `joints` (k, 3) x, y in image pixels and score: the answer; `original` and `completed` (k, 3): what the estimator said of the photo and
    of the completed view, the same where there was nothing to look at anew; `result`: None where the library refused the person;
    `reason`: why their picture was changed, or why not.
    """

    joints: AnyJoints
    original: AnyJoints
    completed: AnyJoints
    result: Deocclusion | None
    reason: str


def two_views(estimator: Estimator, deoccluder: Deoccluder, image: Image, people: Sequence[Person], *, weights: FusionWeights | None,
              names: Sequence[str] = COCO_JOINTS, seed: int = 0, options: Options | None = None) -> list[TwoViews]:
    """Each person's joints from both views.

    A person whose picture does not change keeps the estimator's own answer, to the bit, and costs no second look.  COCO's 17 joints are
    fused (`deocc_aug.fusion`) where the skeleton has them all.  A joint beside them, and every joint of another skeleton, is taken from
    the completed view where that puts it on a hidden part of the body, and from the photo elsewhere.

    Args:
        estimator: called with an image (H, W, 3) uint8 RGB and boxes (n, 4) x0, y0, x1, y1 px: gives n arrays (k, 3) of x, y, score.
        people: the photo is looked at in their own boxes, the completed view in the box of theirs and the completed body.
        weights: of the fusion, `deocc_aug.fusion.weights_of(preset)`; None takes all joints from the completed view.
        names: of the estimator's k joints.
        seed, options: as a `Deoccluder` takes them.

    Raises:
        ValueError: the estimator gives another number of people or joints; what a `Deoccluder` raises but for people whom it refuses.
    """
    if not people:
        return []
    image = check_image(image)
    originals = _asked(estimator, image, np.stack([person.box_xyxy for person in people]), names)
    return [_twice(estimator, deoccluder, image, person, original, weights, names, seed, options)
            for person, original in zip(people, originals, strict=True)]


def _twice(estimator: Estimator, deoccluder: Deoccluder, image: Image, person: Person, original: AnyJoints, weights: FusionWeights | None,
           names: Sequence[str], seed: int, options: Options | None) -> TwoViews:
    try:
        result = deoccluder(image, person, seed, options)
    except RefusedError as error:
        return TwoViews(original, original, original, None, str(error))
    if not result.changed:
        return TwoViews(original, original, original, result, result.reason)
    (completed,) = _asked(estimator, result.image, whole_box(person, result)[None], names)
    joints = completed if weights is None else joined(result, original, completed, weights, names)
    return TwoViews(joints, original, completed, result, result.reason)


def joined(result: Deocclusion, original: AnyJoints, completed: AnyJoints, weights: FusionWeights, names: Sequence[str]) -> AnyJoints:
    """The two answers (k, 3) for one skeleton as one: COCO's 17 fused, the rest by where the completed view puts them."""
    behind = hidden_at(result, completed[:, :2].astype(np.float64)) > 0.5
    out = np.where(behind[:, None], completed, original)
    if set(COCO_JOINTS) <= set(names):
        places = [list(names).index(name) for name in COCO_JOINTS]
        out[places] = fused(result, original[places], completed[places], weights)
    return out


def whole_box(person: Person, result: Deocclusion) -> Box:
    """The smallest box (4,) px around the person's own and the completed body inside the image."""
    body = box_of(result.amodal_mask > 0.5)
    if body is None:
        return person.box_xyxy
    return np.concatenate([np.minimum(person.box_xyxy, body)[:2], np.maximum(person.box_xyxy, body)[2:]])


def _asked(estimator: Estimator, image: Image, boxes: np.ndarray, names: Sequence[str]) -> list[AnyJoints]:
    found = [np.asarray(joints, np.float64) for joints in estimator(image, boxes)]
    if len(found) != len(boxes) or any(joints.shape != (len(names), 3) for joints in found):
        raise ValueError(f"the estimator gave arrays of {[joints.shape for joints in found]} for {len(boxes)} boxes: give one array "
                         f"({len(names)}, 3) of x, y, score for each, or pass the names of its joints")
    return found

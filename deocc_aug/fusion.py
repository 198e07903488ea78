"""Joints of two views, one answer: what an estimator says of the photo, what it says of the completed view, and the body's own.

Each of the three is given the probability of being near the truth, by a logistic model of a few numbers that learned it from people whose
truth is known (`deocc_aug.benchmarks.fusing`).  What it goes by is how far the three agree, how much of the body is hidden where each
one is, its own score, and how sure the completion is.  The photo's answer stays unless another is clearly likelier: that is what protects
estimators that see through what is in front.
"""
from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float

from deocc_aug.canvas import box_of
from deocc_aug.types import JOINTS, Deocclusion, Joints
from deocc_aug.weights import Preset, check, resolve

SOURCES = ("original", "completed", "own")
FEATURES = ("bias", "agrees with the next source", "agrees with the one after", "those two agree", "hidden there", "score", "uncertainty")
AGREED = 0.07  # of the body's longer side: the distance over which agreement fades
AROUND = 0.03  # of it: the window in which pixels count as near a joint
LITTLE_BODY = 0.05  # share of the window below which a place is hardly on the body
SCORES = (0.02, 0.98)  # beyond these a score says no more
SIDE = 128  # pixels of the body's longer side at which masks are looked at

Places = Float[np.ndarray, "n 2"]


@dataclass(frozen=True)
class FusionWeights:
    """A coefficient for each of `FEATURES`, for each of `SOURCES`.

    `margin` in [0, 1]: how much likelier than the photo's answer another must be to take its place.

    Raises:
        ValueError: another number of coefficients, or a margin out of range.
    """

    original: tuple[float, ...]
    completed: tuple[float, ...]
    own: tuple[float, ...]
    margin: float

    def __post_init__(self) -> None:
        for source in SOURCES:
            numbers = getattr(self, source)
            if len(numbers) != len(FEATURES) or not np.isfinite(numbers).all():
                raise ValueError(f"FusionWeights.{source} is {numbers}: pass {len(FEATURES)} finite numbers, one for each of {FEATURES}")
        if not 0 <= self.margin <= 1:
            raise ValueError(f"FusionWeights.margin is {self.margin!r}: pass a probability, from 0 to 1")


@dataclass(frozen=True, eq=False)
class Candidates:
    """Three answers for each joint of one person.

    `joints` (3, 17, 3): of each of `SOURCES` x, y in image pixels and score; `hidden` (3, 17) in [0, 1]: how much of the body around each
    is hidden; `side`: the whole body's longer side in pixels; `uncertainty` of the completion.
    """

    joints: Float[np.ndarray, "3 17 3"]
    hidden: Float[np.ndarray, "3 17"]
    side: float
    uncertainty: float


def fused(result: Deocclusion, original: Joints, completed: Joints, weights: FusionWeights) -> Joints:
    """One answer (17, 3) of an estimator's two, COCO order, each joint with the score of the source that it is taken from.

    Where no pixel was changed it is `original`, to the bit.

    Args:
        result: the person completed.
        original: (17, 3) x, y in image pixels and score: what the estimator said of the photo.
        completed: (17, 3): what it said of `result.image`.
        weights: of the preset that completed the person, see `weights_of`.
    """
    if not result.changed:
        return original.copy()
    return chosen(candidates_of(result, original, completed), weights)


def candidates_of(result: Deocclusion, original: Joints, completed: Joints) -> Candidates:
    """The three answers with what there is to judge them by."""
    joints = np.stack([original, completed, result.joints]).astype(np.float64)
    hidden = hidden_at(result, joints[..., :2].reshape(-1, 2)).reshape(len(SOURCES), JOINTS)
    return Candidates(joints, hidden, side_of(result), result.uncertainty)


def chosen(candidates: Candidates, weights: FusionWeights) -> Joints:
    """The likeliest answer for each joint, (17, 3); the photo's where none is likelier by the margin."""
    likely = likelihoods(candidates, weights)
    best = likely.argmax(0)
    best[likely.max(0) - likely[0] <= weights.margin] = 0
    return candidates.joints[best, np.arange(JOINTS)]


def likelihoods(candidates: Candidates, weights: FusionWeights) -> Float[np.ndarray, "3 17"]:
    """How likely each answer is to be near the truth (0.1 of the longer side of the person's box)."""
    numbers = np.array([getattr(weights, source) for source in SOURCES])
    return np.asarray(1 / (1 + np.exp(-(features(candidates) * numbers[:, None]).sum(2))))


def features(candidates: Candidates) -> Float[np.ndarray, "3 17 7"]:
    """What speaks for and against each answer: `FEATURES`."""
    places = candidates.joints[..., :2] / candidates.side
    agreement = [np.exp(-0.5 * (np.linalg.norm(places - np.roll(places, -step, 0), axis=2) / AGREED) ** 2) for step in (1, 2)]
    score = candidates.joints[..., 2].clip(*SCORES)
    every = np.ones_like(score)
    return np.stack([every, *agreement, np.roll(agreement[0], -1, 0), candidates.hidden, np.log(score / (1 - score)),
                     candidates.uncertainty * every], axis=2)


def hidden_at(result: Deocclusion, places: Places) -> Float[np.ndarray, "n"]:
    """How much of the body around each place (n, 2), image pixels, is hidden: 0 where it is seen, or where no body is, towards 1."""
    patch = result.patch
    body = patch.amodal > 0.5
    scale = SIDE / side_of(result)
    hidden, seen = (_blurred(plane, scale) for plane in (body & ~patch.visible, patch.visible))
    columns, rows = np.floor((places - patch.origin) * (hidden.shape[1] / body.shape[1], hidden.shape[0] / body.shape[0])).astype(int).T
    inside = (columns >= 0) & (columns < hidden.shape[1]) & (rows >= 0) & (rows < hidden.shape[0])
    out = np.zeros(len(places))
    at = (rows[inside], columns[inside])
    out[inside] = hidden[at] / (hidden[at] + seen[at] + LITTLE_BODY)
    return out


def side_of(result: Deocclusion) -> float:
    """The longer side of the completed body's box, in pixels."""
    box = box_of(result.patch.amodal > 0.5)
    return float(max(box[2:] - box[:2])) if box is not None else float(max(result.patch.changed.shape))


def _blurred(plane: np.ndarray, scale: float) -> Float[np.ndarray, "h w"]:
    size = tuple(max(1, round(length * scale)) for length in plane.shape[::-1])
    small = cv2.resize(plane.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return np.asarray(cv2.GaussianBlur(small.astype(np.float32) / 255, (0, 0), AROUND * SIDE, borderType=cv2.BORDER_CONSTANT), np.float32)


def weights_of(preset: Preset | str | Path) -> FusionWeights:
    """The weights that a preset brings; its name or folder will do.

    Raises:
        ValueError: it brings none, or they are damaged.
    """
    found = preset if isinstance(preset, Preset) else check(resolve(preset))
    if found.fusion is None:
        raise ValueError(f"preset {found.folder} brings no weights for the fusion of two views, and they belong to what it completes: fit "
                         "them with python -m deocc_aug.benchmarks.fusing, or pass those of another, weights=weights_of('compact')")
    return read_weights(found.folder / found.fusion)


def read_weights(path: Path) -> FusionWeights:
    """Weights from their JSON file.

    Raises:
        ValueError: it is not JSON, or not of such weights.
    """
    try:
        raw: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
        original, completed, own = (tuple(map(float, raw[source])) for source in SOURCES)
        return FusionWeights(original, completed, own, float(raw["margin"]))
    except (KeyError, TypeError, ValueError) as error:
        names = [field.name for field in fields(FusionWeights)]
        raise ValueError(f"{path} holds no fusion weights ({error!r}): it is a JSON object of {names}, see deocc_aug.fusion") from None

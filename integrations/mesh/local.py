"""A mesh regressor in this process, made of the function that a worker would serve."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from deocc_aug.integrations.mesh.matching import matched
from deocc_aug.integrations.mesh.protocol import BODY_MODELS, SCOPES, Boxes, Camera, MeshPrediction, by_image, checked
from deocc_aug.types import Box, Image

Predict = Callable[[list[Any], list[Any]], Sequence[Sequence[Mapping[str, Any]]]]


class LocalRegressor:
    """A `MeshRegressor` made of a `predict` function, which `worker.py` describes: what it says is treated the same, here or there.

    Raises:
        ValueError: a body model or scope that there is none of.
    """

    def __init__(self, predict: Predict, body_model: str = "smplx", scope: str = "crop") -> None:
        for name, value, allowed in (("body_model", body_model, BODY_MODELS), ("scope", scope, SCOPES)):
            if value not in allowed:
                raise ValueError(f"{name} is {value!r}: pass one of {list(allowed)}")
        self._predict, self.body_model, self.scope = predict, body_model, scope

    def predict(self, images: Sequence[Image], boxes: Boxes) -> list[MeshPrediction | None]:
        """See `MeshRegressor`."""
        asked = checked(images, boxes)
        groups = by_image(images)
        told = self._predict([image for image, _ in groups], [np.stack([asked[i] for i in places]) for _, places in groups])
        return in_order([places for _, places in groups], told, asked, self.scope, [image.shape[:2] for image, _ in groups])


def in_order(places: Sequence[Sequence[int]], told: Sequence[Sequence[Mapping[str, Any]]], boxes: Sequence[Box], scope: str,
             sizes: Sequence[tuple[int, int]]) -> list[MeshPrediction | None]:
    """What was said of each image as one prediction a box.

    Args:
        places: for each image, which of the boxes are on it.
        told: for each image, the people as `worker.py` describes them.
        sizes: (height, width) of each image.

    Raises:
        ValueError: people that are no bodies, or too many or too few.
    """
    out: list[MeshPrediction | None] = [None] * len(boxes)
    for k, (mine, people, size) in enumerate(zip(places, told, sizes, strict=True)):
        if scope == "crop" and len(people) != len(mine):
            raise ValueError(f"the regressor gave {len(people)} people for {len(mine)} boxes of image {k}: let it give one a box")
        found = [_prediction(person, boxes[mine[j]] if scope == "crop" else np.zeros(4), f"person {j} of image {k}")
                 for j, person in enumerate(people)]
        told_apart = found if scope == "crop" else matched(found, [boxes[i] for i in mine], size=size)
        for i, prediction in zip(mine, told_apart, strict=True):
            out[i] = prediction
    return out


def _prediction(person: Mapping[str, Any], box: Box, whose: str) -> MeshPrediction:
    try:
        camera = Camera(person["focal_px"], person["centre_px"])
        return MeshPrediction(person["vertices"], camera, box, person.get("joints"), float(person.get("score", 1.0)),
                              person.get("parameters") or {})
    except KeyError as error:
        raise ValueError(f"{whose} has no {error.args[0]}: let the regressor give vertices, focal_px and centre_px") from error
    except ValueError as error:
        raise ValueError(f"{whose}: {error}") from error

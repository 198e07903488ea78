"""Mesh regressors and people with bodies for tests of the benchmark: what is found depends on the pixels and on nothing else."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from mesh_models import VERTICES, arrays, local

from deocc_aug.benchmarks.harness.cases import Case, Mesh, Unusable
from deocc_aug.benchmarks.harness.pasted import PastedCoco
from deocc_aug.benchmarks.mesh_models.skin import BODY, skin_of, whole_turns
from deocc_aug.integrations.mesh.protocol import Boxes, Camera, MeshPrediction
from deocc_aug.types import Image

ASKED: list[int] = []
CAMERA = Camera([300.0, 300.0], [110.0, 150.0])


def truth() -> tuple[np.ndarray, np.ndarray]:
    """Joints (22, 3) and vertices of the one body that everybody has."""
    turns = torch.from_numpy(whole_turns(local(1))).float()
    with torch.inference_mode():
        joints, vertices = skin_of(arrays()).some(turns, torch.zeros(1, 10), torch.arange(VERTICES))
    return joints[0, :BODY].double().numpy() + [0, 0, 3], vertices[0].double().numpy() + [0, 0, 3]


class Bodies(PastedCoco):
    """The drawn people, each with a body; joint 3 is beyond the border, the first four others are hidden."""

    def make(self, number: int) -> Case | Unusable:
        case = super().make(number)
        if isinstance(case, Unusable):
            return case
        joints, vertices = truth()
        numbers, faces = np.arange(BODY), np.array([[0, 1, 2], [60, 61, 62]])
        return replace(case, mesh=Mesh(joints, vertices, faces, np.isin(numbers, (1, 2, 4, 5)), numbers == 3, CAMERA))


class Guess:
    """The truth, each point some millimetres off, elsewhere for other pixels; says in `ASKED` that it was asked."""

    body_model, scope = "smplx", "crop"

    def __init__(self, off: float = 0.03) -> None:
        self.off = off

    def predict(self, images: Sequence[Image], boxes: Boxes) -> list[MeshPrediction | None]:
        ASKED.append(len(images))
        joints, vertices = truth()
        out: list[MeshPrediction | None] = []
        for image, box in zip(images, boxes, strict=True):
            rng = np.random.default_rng(int(image.sum()))
            out.append(MeshPrediction(vertices + rng.normal(0, self.off, vertices.shape), CAMERA, box,
                                      joints + rng.normal(0, self.off, joints.shape)))
        return out


class Shy(Guess):
    """Finds nobody in pictures whose pixels sum up to a multiple of five; its bodies have another mesh."""

    def predict(self, images: Sequence[Image], boxes: Boxes) -> list[MeshPrediction | None]:
        found: list[Any] = super().predict(images, boxes)
        return [None if int(image.sum()) % 5 == 0 else replace(one, vertices=one.vertices[:50])
                for image, one in zip(images, found, strict=True)]


class Mute(Guess):
    """Tells no joints."""

    def predict(self, images: Sequence[Image], boxes: Boxes) -> list[MeshPrediction | None]:
        found: list[Any] = super().predict(images, boxes)
        return [replace(one, joints=None) for one in found]

"""The compact regressor behind the door that all mesh regressors have: in this process, or by `worker.py` in another.

    python worker.py deocc_aug.benchmarks.mesh_models.regressor:load clean
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deocc_aug.benchmarks.estimators.protocol import sha256
from deocc_aug.benchmarks.mesh_models.model import CompactHMR, Said, crop_of
from deocc_aug.benchmarks.mesh_models.skin import BODY, local_turns
from deocc_aug.canvas import apply, inverse, resample
from deocc_aug.integrations.mesh.local import LocalRegressor, Predict
from deocc_aug.integrations.mesh.protocol import Boxes, MeshPrediction
from deocc_aug.loaded import one_thread
from deocc_aug.types import Box, Image

WEIGHTS = Path(__file__).parents[1] / "weights" / "mesh"
NAMES = ("clean", "occluded")
"""Trained on people with nothing in front of them, and on people behind things."""


class CompactRegressor:
    """A `MeshRegressor`: the compact net, and its own open body.

    A person's prediction depends on their image and box alone: everybody is looked at by themselves, on one thread.

    Args:
        weights: "clean", "occluded", or a folder that a training wrote (`DIR/part`).
        device: torch's.

    Raises:
        FileNotFoundError: the weights are not there; the message names the command that makes them.
    """

    body_model, scope = "smplx", "crop"

    def __init__(self, weights: str = "clean", device: str = "cpu") -> None:
        self.folder = folder_of(weights)
        self.model = CompactHMR.from_pretrained(self.folder, dtype=torch.float32, local_files_only=True).to(device).eval()
        self._local = LocalRegressor(self._predict, self.body_model, self.scope)

    def predict(self, images: Sequence[Image], boxes: Boxes) -> list[MeshPrediction | None]:
        """See `MeshRegressor`; `joints` are the body's first 22, `parameters` under smplx's names."""
        return self._local.predict(images, boxes)

    def described(self) -> dict[str, Any]:
        """What decides its answers."""
        return {"weights_sha256": sha256(next(self.folder.glob("*.safetensors")))}

    def _predict(self, images: Sequence[Image], boxes: Sequence[Boxes]) -> list[list[Mapping[str, Any]]]:
        return [[self._person(image, box) for box in some] for image, some in zip(images, boxes, strict=True)]

    def _person(self, image: Image, box: Box) -> dict[str, Any]:
        to_crop = crop_of(np.asarray(box, np.float64), self.model.size)
        crop = resample(np.ascontiguousarray(image), to_crop, self.model.size)
        with torch.inference_mode(), one_thread():
            said: Said = self.model(torch.from_numpy(crop).permute(2, 0, 1)[None].to(self.model.device))
            everything = torch.arange(len(self.model.skin.template), device=self.model.device)
            joints, vertices = self.model.skin.some(said.rotations, said.betas, everything)
            joints, vertices = (said.placed(points, self.model.size)[0].cpu().numpy() for points in (joints, vertices))
            rotations, betas = local_turns(said.rotations)[0].cpu().numpy(), said.betas[0].cpu().numpy()
            fingers = self.model.skin.hands.cpu().numpy()
        middle = np.array([self.model.size[1], self.model.size[0]]) / 2
        focal = float(said.focal[0]) / to_crop[0, 0]
        return {"vertices": vertices, "joints": joints[:BODY], "focal_px": (focal, focal),
                "centre_px": apply(inverse(to_crop), middle[None])[0],
                "parameters": {"global_orient": rotations[:1], "body_pose": rotations[1:], "left_hand_pose": fingers[:15],
                               "right_hand_pose": fingers[15:], "betas": betas, "transl": self._moved(joints[0], betas)}}  # fmt: skip

    def _moved(self, pelvis: np.ndarray, betas: np.ndarray) -> np.ndarray:
        """What smplx moves the body by to have its pelvis there: it turns it about the pelvis at rest."""
        skin = self.model.skin
        return np.asarray(pelvis - skin.joints[0].cpu().numpy() - skin.joint_directions[0].cpu().numpy() @ betas)


def load(weights: str = "clean", device: str = "cpu") -> tuple[Predict, str, str]:
    """What `worker.py` serves."""
    regressor = CompactRegressor(weights, device)
    return regressor._predict, regressor.body_model, regressor.scope


def shipped() -> list[str]:
    """The weights of `NAMES` that are in the package."""
    return [name for name in NAMES if next((WEIGHTS / name).glob("*.safetensors"), None)]


def folder_of(weights: str) -> Path:
    """The folder of weights by name, or the folder that is named.

    Raises:
        FileNotFoundError: there are no such weights.
    """
    folder = WEIGHTS / weights if weights in NAMES else Path(weights)
    if next(folder.glob("*.safetensors"), None) is None:
        name = weights if weights in NAMES else "clean"
        raise FileNotFoundError(
            f"{folder} holds no weights of the compact mesh regressor: pass 'clean', 'occluded' or a folder that holds some, or train them "
            f"(benchmarks/README.md says on what): python -m deocc_aug.benchmarks.mesh_models.train --weights {name} --config "
            f"benchmarks/configs/mesh_training.yaml --out RUN, then copy RUN/part to {folder if weights in NAMES else 'a folder'}")
    return folder

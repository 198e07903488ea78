"""The open body as a torch module: the little of SMPL-X's forward pass that a regressor needs, in a megabyte.

Frame: metres; rotations are given from SMPL-X's rest pose and axes to the camera's (x right, y down, z ahead), not relative to parents, so
that what a limb looks like says how it is turned.
"""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from deocc_aug.humans.open_body.tree import JOINTS, PARENTS

BODY = 22
"""The first joints of the tree, pelvis to wrists; a regressor says how they are turned."""
MIRRORED = [JOINTS.index(name.replace(*swap)) for name in JOINTS[:BODY]
            for swap in [("left", "right") if name.startswith("left") else ("right", "left")]]
"""Of each of those the one that a mirror makes of it."""
HANDS = slice(25, 55)
BETAS = 10


class Skin(nn.Module):
    """Joints and vertices of bodies, differentiable.

    What the 22 joints do not turn follows them: jaw and eyes as at rest, fingers in one relaxed pose (`hands`).

    Args:
        vertices: how many there are.
        influences: joints that move one vertex, at most.
    """

    template: Tensor
    directions: Tensor
    joints: Tensor
    joint_directions: Tensor
    influence: Tensor
    weight: Tensor
    hands: Tensor

    def __init__(self, vertices: int, influences: int) -> None:
        super().__init__()
        for name, shape in {"template": (vertices, 3), "directions": (vertices, 3, BETAS), "joints": (len(JOINTS), 3),
                            "joint_directions": (len(JOINTS), 3, BETAS), "weight": (vertices, influences), "hands": (30, 3, 3)}.items():
            self.register_buffer(name, torch.zeros(shape))
        self.register_buffer("influence", torch.zeros(vertices, influences))  # joints' numbers; an average of whole numbers may be cut off

    def forward(self, rotations: Float[Tensor, "b 22 3 3"], betas: Float[Tensor, "b 10"]) -> Float[Tensor, "b v 3"]:
        """Vertices, the pelvis at the origin."""
        return self.some(rotations, betas, torch.arange(len(self.template), device=self.template.device))[1]

    def some(self, rotations: Float[Tensor, "b 22 3 3"], betas: Float[Tensor, "b 10"],
             which: Tensor) -> tuple[Float[Tensor, "b 55 3"], Float[Tensor, "b k 3"]]:
        """The joints, and those vertices, the pelvis at the origin."""
        whole, rest = self._all(rotations), self.joints + torch.einsum("jck,bk->bjc", self.joint_directions, betas)
        places = [torch.zeros_like(betas[:, :3])]
        for joint, parent in enumerate(PARENTS[1:], 1):
            offset = (rest[:, joint] - rest[:, parent])[..., None]
            places.append(places[parent] + (whole[:, parent] @ offset)[..., 0])
        joints = torch.stack(places, 1)
        moved = torch.cat([whole, (joints - (whole @ rest[..., None])[..., 0])[..., None]], 3)  # (B, 55, 3, 4) from rest to posed
        dense = torch.zeros(len(which), len(JOINTS), device=betas.device, dtype=betas.dtype)
        dense.scatter_add_(1, self.influence[which].long(), self.weight[which])
        blended = (dense @ moved.flatten(2)).unflatten(2, (3, 4))
        shaped = self.template[which] + torch.einsum("vck,bk->bvc", self.directions[which], betas)
        return joints, (blended[..., :3] @ shaped[..., None])[..., 0] + blended[..., 3]

    def _all(self, rotations: Float[Tensor, "b 22 3 3"]) -> Float[Tensor, "b 55 3 3"]:
        """The rotations of all joints."""
        out = list(rotations.unbind(1))
        for joint in range(BODY, len(JOINTS)):
            above = out[PARENTS[joint]]
            out.append(above @ self.hands[joint - HANDS.start] if joint >= HANDS.start else above)
        return torch.stack(out, 1)


def skin_of(arrays: Mapping[str, np.ndarray]) -> Skin:
    """A body in SMPL-X's format, as `deocc-aug body export` writes it, in torch; the fingers are straight."""
    weights, regressor, template = (torch.from_numpy(arrays[name]).float() for name in ("weights", "J_regressor", "v_template"))
    directions = torch.from_numpy(arrays["shapedirs"][..., :BETAS]).float()
    strongest = weights.topk(int((weights > 0).sum(1).max()), dim=1)
    skin = Skin(*strongest.values.shape)
    skin.load_state_dict({"template": template, "directions": directions, "joints": regressor @ template,
                          "joint_directions": torch.einsum("jv,vck->jck", regressor, directions), "influence": strongest.indices.float(),
                          "weight": strongest.values / strongest.values.sum(1, keepdim=True), "hands": torch.eye(3).expand(30, 3, 3)})
    return skin


def read_skin(path: Path) -> Skin:
    """The body of a file that `deocc-aug body export` wrote, or of SMPL-X's own (.npz), whose other entries are not looked at.

    Raises:
        FileNotFoundError: it is not there.
        ValueError: it lacks an entry.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there: deocc-aug body export --out bodies writes bodies/smplx/SMPLX_NEUTRAL.npz")
    needed = ("weights", "J_regressor", "v_template", "shapedirs")
    with np.load(path, allow_pickle=False) as stored:
        if missing := [name for name in needed if name not in stored]:
            raise ValueError(f"{path} has no {', '.join(missing)}: pass a file that deocc-aug body export wrote, or SMPL-X's own .npz")
        return skin_of({name: stored[name] for name in needed})


def whole_turns(rotations: Float[np.ndarray, "n 55 3 3"]) -> Float[np.ndarray, "n 22 3 3"]:
    """The 22 joints' rotations from rest, of rotations each relative to its parent."""
    out = np.array(rotations[:, :BODY])
    for joint in range(1, BODY):
        out[:, joint] = out[:, PARENTS[joint]] @ rotations[:, joint]
    return out


def local_turns(rotations: Float[Tensor, "b 22 3 3"]) -> Float[Tensor, "b 22 3 3"]:
    """Each rotation relative to its parent's."""
    parents = torch.tensor(PARENTS[1:BODY], device=rotations.device)
    return torch.cat([rotations[:, :1], rotations[:, parents].mT @ rotations[:, 1:]], 1)


def middle_turns(rotations: Float[np.ndarray, "n j 3 3"]) -> Float[np.ndarray, "j 3 3"]:
    """The rotation in the middle of many, of every joint: the one nearest to their mean (Moakher 2002)."""
    left, _, right = np.linalg.svd(rotations.astype(np.float64).mean(0))
    left[..., 2] *= np.linalg.det(left @ right)[..., None]
    return np.asarray(left @ right)

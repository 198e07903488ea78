"""Shape and expression directions, and joints told from vertices."""
from __future__ import annotations

import numpy as np
from jaxtyping import Float

from deocc_aug.humans.open_body.rig import Rig

DIRECTIONS = 10
LEFT_TO_JOINTS = ("jaw", "eyeLook", "tongue")  # facial actions that SMPL-X's jaw and eyes do, or that its mesh has no part for
_NEAR, _EVERY = 400, 4  # a joint is told from every fourth of the vertices nearest to it
_RIDGE = 1e-3
_TEMPLATE = 100.0  # how much more the template counts than a sampled body


def principal(offsets: Float[np.ndarray, "n v 3"]) -> Float[np.ndarray, "v 3 10"]:
    """The ten directions of most spread about 0, most first; each is one standard deviation long and its largest entry is positive."""
    import torch

    flat = torch.from_numpy(offsets.reshape(len(offsets), -1))  # torch's threads can be told to be one, NumPy's cannot
    _, vectors = torch.linalg.eigh(flat @ flat.T)
    long = (vectors.flip(1)[:, :DIRECTIONS].T @ flat).numpy()  # (10, V * 3), as long as all the offsets along it
    signs = np.sign(np.take_along_axis(long, np.abs(long).argmax(1)[:, None], 1))
    return np.moveaxis((signs * long / np.sqrt(len(flat))).reshape(DIRECTIONS, -1, 3), 0, 2)


def expressions(model: Rig) -> Float[np.ndarray, "n v 3"]:
    """Offsets whose spread is that of faces in which every facial action of anny's is done by a share of its own, 0 to 1, as likely as any.

    Left out is what joints do.
    """
    labels = dict(zip((label.partition(":")[2] for label in model.anny.blendshape_labels), model.anny.blendshapes.numpy(), strict=True))
    chosen = [action for action in model.anny.facial_action_labels if not action.startswith(LEFT_TO_JOINTS)]
    return np.stack([labels[action] for action in chosen]).astype(np.float64) * np.sqrt(len(chosen) / 12)  # 1/12: a share's variance


def joint_regressor(vertices: Float[np.ndarray, "n v 3"], joints: Float[np.ndarray, "n j 3"]) -> Float[np.ndarray, "j v"]:
    """Weights, 1 in all for each joint, with which vertices near a joint tell its place: least squares over bodies.

    Args:
        vertices, joints: of bodies in one pose; the first is the template, on which the joints come out best.
    """
    import torch

    out = np.zeros((joints.shape[1], vertices.shape[1]))
    importance = np.ones(len(vertices))
    importance[0] = _TEMPLATE
    for joint, places in enumerate(np.moveaxis(joints, 1, 0)):
        near = np.linalg.norm(vertices[0] - places[0], axis=1).argsort(kind="stable")[:_NEAR:_EVERY]
        off = importance[:, None, None] * np.moveaxis(vertices[:, near] - places[:, None], 1, 2)
        rows = torch.from_numpy(off.reshape(-1, len(near)))
        system = torch.ones((len(near) + 1, len(near) + 1), dtype=torch.float64)
        system[:-1, :-1] = rows.T @ rows + _RIDGE * torch.eye(len(near))
        system[-1, -1] = 0
        wanted = torch.full((len(near) + 1,), _RIDGE / len(near), dtype=torch.float64)  # near to equal weights where bodies do not tell
        wanted[-1] = 1
        out[joint, near] = torch.linalg.solve(system, wanted)[:-1].numpy()
    return out

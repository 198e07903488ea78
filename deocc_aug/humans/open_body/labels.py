"""What synthetic people are in SMPL-X's parameters, for the open body: the truth that a regressor is trained on and measured by."""
from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from deocc_aug.humans.bodies import Bodies
from deocc_aug.humans.camera import View
from deocc_aug.humans.open_body.build import TO_SMPLX, OpenBody, at_rest
from deocc_aug.humans.open_body.rest import rest_rotations
from deocc_aug.humans.open_body.rig import Rig, coefficients, local, rests
from deocc_aug.humans.open_body.shape import DIRECTIONS
from deocc_aug.humans.open_body.tree import BONES


@dataclass(frozen=True, eq=False)
class Parameters:
    """People as smplx's layers take them: `rotations` (N, 55, 3, 3) of the joints, each relative to its parent; `betas` (N, 10);
    `translations` (N, 3) metres.  The expression is zero."""

    rotations: Float[np.ndarray, "n 55 3 3"]
    betas: Float[np.ndarray, "n 10"]
    translations: Float[np.ndarray, "n 3"]

    def named(self) -> dict[str, np.ndarray]:
        """Under smplx's names, rotations as (N, joints, 3, 3): what `smplx.build_layer(..., use_pca=False)` is called with."""
        parts = {"global_orient": slice(0, 1), "body_pose": slice(1, 22), "jaw_pose": slice(22, 23), "leye_pose": slice(23, 24),
                 "reye_pose": slice(24, 25), "left_hand_pose": slice(25, 40), "right_hand_pose": slice(40, 55)}
        return {"betas": self.betas, "expression": np.zeros_like(self.betas), "transl": self.translations,
                **{name: self.rotations[:, part] for name, part in parts.items()}}


def bone_rotations(model: Rig, bodies: Bodies) -> Float[np.ndarray, "n bones 3 3"]:
    """The rotation of every bone of the whole rig, from anny's rest pose; bones that the pose prior does not know follow their parents."""
    out = np.zeros((len(bodies), len(model.names), 3, 3))
    for bone, index in model.names.items():
        known = bodies.model.bones.get(bone)
        out[:, index] = out[:, model.parents[index]] if known is None else bodies.rotations[:, known]
    return out


def joint_rotations(model: Rig, bones: Float[np.ndarray, "n bones 3 3"],
                    to_rest: Float[np.ndarray, "n bones 3 3"]) -> Float[np.ndarray, "n 55 3 3"]:
    """Every joint's rotation from SMPL-X's rest pose, in anny's axes: that of the bone that it turns."""
    own = [model.names[bone] for bone in BONES]
    return np.asarray(bones[:, own] @ np.swapaxes(to_rest[:, own], 2, 3))


def in_smplx(joints: Float[np.ndarray, "n 55 3 3"]) -> Float[np.ndarray, "n 55 3 3"]:
    """Joints' rotations in anny's axes as smplx takes them: in SMPL-X's, each relative to its parent."""
    return local(TO_SMPLX @ joints @ TO_SMPLX.T)


def parameters_of(bodies: Bodies, body: OpenBody, model: Rig) -> Parameters:
    """People in SMPL-X's axes, the pelvis at the origin.

    Every joint takes its bone's rotation; what bones between joints do is lost (a spine of five, a twisted forearm).  The shape is the
    nearest that ten directions reach at rest.
    """
    rest = rests(model, coefficients(model, list(bodies.shapes)))
    joints = joint_rotations(model, bone_rotations(model, bodies), rest_rotations(model, rest))
    offsets = at_rest(model, rest)[0][:, body.order] - body.template
    return Parameters(in_smplx(joints), nearest_betas(body, offsets), np.zeros((len(bodies), 3)))


def nearest_betas(body: OpenBody, offsets: Float[np.ndarray, "n v 3"]) -> Float[np.ndarray, "n 10"]:
    """The coefficients with which the shape directions come nearest to offsets from the template, least squares."""
    basis = body.directions[..., :DIRECTIONS].reshape(-1, DIRECTIONS)
    return np.asarray(np.linalg.lstsq(basis, offsets.reshape(len(offsets), -1).T, rcond=None)[0].T)


def in_view(people: Parameters, body: OpenBody, view: View) -> Parameters:
    """The people before a camera: what smplx makes of them is metres right, down and ahead of it."""
    turn = view.axes.T @ TO_SMPLX.T  # from SMPL-X's axes to the camera's
    shaped = body.template + np.einsum("vck,nk->nvc", body.directions[..., :DIRECTIONS], people.betas)
    pelvis = np.einsum("v,nvc->nc", body.regressor[0], shaped)  # smplx turns the body about it
    moved = pelvis + people.translations
    rotations = people.rotations.copy()
    rotations[:, 0] = turn @ people.rotations[:, 0]
    return replace(people, rotations=rotations, translations=moved @ turn.T - view.axes.T @ view.eye - pelvis)

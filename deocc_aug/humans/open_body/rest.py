"""anny in the pose that SMPL-X is at rest in: arms straight out to the sides, palms down, legs straight, toes ahead."""
from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from deocc_aug.humans.open_body.rig import Rests, Rig

_AHEAD, _UP = np.array([0.0, -1.0, 0.0]), np.array([0.0, 0.0, 1.0])


def rest_rotations(model: Rig, body: Rests) -> Float[np.ndarray, "n bones 3 3"]:
    """The rotation of every bone that takes bodies from anny's rest pose to SMPL-X's."""
    found: dict[str, np.ndarray] = {}
    for side, sign in (("L", 1.0), ("R", -1.0)):
        found |= _leg(model, body, side)
        found |= _arm(model, body, side, sign)
    out = np.tile(np.eye(3), (len(body.heads), len(model.names), 1, 1))
    for bone, index in model.names.items():
        parent = model.parents[index]
        out[:, index] = found.get(bone, out[:, parent] if parent >= 0 else np.eye(3))
    return out


def _leg(model: Rig, body: Rests, side: str) -> dict[str, np.ndarray]:
    hip, knee, ankle, toe = (_head(model, body, f"{bone}.{side}") for bone in ("upperleg01", "lowerleg01", "foot", "toe3-1"))
    across = np.array([1.0, 0.0, 0.0])
    level = (toe - ankle) * (1, 1, 0)
    return {f"upperleg01.{side}": _turn(knee - hip, across, -_UP, across), f"lowerleg01.{side}": _turn(ankle - knee, across, -_UP, across),
            f"foot.{side}": _turn(level, _UP, _AHEAD, _UP)}


def _arm(model: Rig, body: Rests, side: str, sign: float) -> dict[str, np.ndarray]:
    shoulder, elbow, wrist = (_head(model, body, f"{bone}.{side}") for bone in ("upperarm01", "lowerarm01", "wrist"))
    out = np.array([sign, 0.0, 0.0])
    hinge, level = np.cross(elbow - shoulder, wrist - elbow), np.cross(out, _AHEAD)  # an elbow bends forward
    fore = _turn(wrist - elbow, hinge, out, level)
    thumbward = _head(model, body, f"finger2-1.{side}") - _head(model, body, f"finger5-1.{side}")
    hand = _turn(_head(model, body, f"finger3-1.{side}") - wrist, thumbward, out, _AHEAD)
    turned = Rotation.from_matrix(hand @ np.swapaxes(fore, 1, 2)).as_rotvec() @ out
    half = Rotation.from_rotvec(turned[:, None] / 2 * out).as_matrix() @ fore  # the forearm's far half takes half of the hand's turn
    bones = {f"upperarm01.{side}": _turn(elbow - shoulder, hinge, out, level), f"lowerarm01.{side}": fore, f"lowerarm02.{side}": half,
             f"wrist.{side}": hand}
    return bones | _flat_fingers(model, body, side, hand)


def _flat_fingers(model: Rig, body: Rests, side: str, hand: np.ndarray) -> dict[str, np.ndarray]:
    """Four fingers straight and level, each in the direction that it has; the thumb stays as it is."""
    up = np.swapaxes(hand, 1, 2) @ _UP
    bones = {}
    for finger in range(2, 6):
        starts = [_head(model, body, f"finger{finger}-{k}.{side}") for k in (1, 2, 3)]
        starts.append(body.tails[:, model.names[f"finger{finger}-3.{side}"]])
        level = np.einsum("nij,nj->ni", hand, starts[1] - starts[0]) * (1, 1, 0)
        for k in (1, 2, 3):
            bones[f"finger{finger}-{k}.{side}"] = _turn(starts[k] - starts[k - 1], up, level, _UP)
    return bones


def _head(model: Rig, body: Rests, bone: str) -> np.ndarray:
    return body.heads[:, model.names[bone]]


def _turn(direction: np.ndarray, beside: np.ndarray, to_direction: np.ndarray, to_beside: np.ndarray) -> np.ndarray:
    """(N, 3, 3) the rotation that takes a direction to another and, as far as it can, what lies beside it to another."""
    return _frame(to_direction, to_beside) @ np.swapaxes(_frame(direction, beside), -1, -2)


def _frame(direction: np.ndarray, beside: np.ndarray) -> np.ndarray:
    first = direction / np.linalg.norm(direction, axis=-1, keepdims=True)
    second = beside - first * (first * beside).sum(-1, keepdims=True)
    second = second / np.linalg.norm(second, axis=-1, keepdims=True)
    return np.stack(np.broadcast_arrays(first, second, np.cross(first, second)), -1)

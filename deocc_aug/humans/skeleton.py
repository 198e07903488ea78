"""From a pose to one rotation per bone of one body: forward kinematics for trunk and legs, inverse for arms."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deocc_aug.humans.poses import Arm, Leg, Pose

Array = NDArray[np.floating[Any]]

_SPINE = (("spine05", 0.12), ("spine04", 0.32), ("spine03", 0.54), ("spine02", 0.8), ("spine01", 1.0))
_NECK = (("neck01", 0.25), ("neck02", 0.5), ("neck03", 0.75), ("head", 1.0))
_ATTEMPTS = 10


@dataclass(frozen=True)
class RestBody:
    """What posing needs to know of a body at rest: bones (J), their heads (J,3) in metres, and how thick the trunk is."""

    bones: dict[str, int]
    parents: tuple[int, ...]
    heads: Array
    trunk_half_width: float
    trunk_front: float
    trunk_back: float

    def head(self, name: str) -> Array:
        point: Array = self.heads[self.bones[name]]
        return point

    @property
    def size(self) -> float:
        """Length relative to an adult of 1.7 m, from pelvis to ankle."""
        return float(-self.head("foot.L")[2] / 0.8)


def articulate(pose: Pose, rest: RestBody, generator: np.random.Generator) -> Array:
    """Rotation of every bone (J,3,3), from its rest orientation, in the body frame's axes.

    Arms are solved for the pose's goals after trunk and legs are set; where an arm would go through the trunk, a thigh or
    the head, its goal is shaken and tried again, and the least bad try wins.
    """
    rotations: dict[str, Array] = {"root": _euler(*pose.root)}
    for name, part in _SPINE:
        rotations[name] = rotations["root"] @ _euler(*(part * a for a in pose.spine))
    for name, part in _NECK:
        rotations[name] = rotations["spine01"] @ _euler(*(part * a for a in pose.neck))
    _set_legs(rotations, pose.legs, rest)
    for index, side in enumerate("LR"):
        _set_arm(rotations, pose.arms[index], side, rest, generator)
        _curl_fingers(rotations, side, rest, float(generator.uniform(5, 60)))
    return _inherit(rotations, rest)


def positions(rotations: Array, rest: RestBody) -> Array:
    """Bone heads (J,3) in metres after posing; the root stays where it is."""
    heads = np.array(rest.heads, dtype=np.float64)
    for bone, parent in enumerate(rest.parents):
        if parent >= 0:
            heads[bone] = heads[parent] + rotations[parent] @ (rest.heads[bone] - rest.heads[parent])
    return heads


def _inherit(rotations: dict[str, Array], rest: RestBody) -> Array:
    names = list(rest.bones)
    full = np.empty((len(names), 3, 3))
    for bone, parent in enumerate(rest.parents):
        full[bone] = rotations.get(names[bone], full[parent] if parent >= 0 else np.eye(3))
    return full


# ---------------------------------------------------------------------------------------------------------------- legs


def _set_legs(rotations: dict[str, Array], legs: tuple[Leg, Leg], rest: RestBody) -> None:
    """Set both legs; while the shins or knees run into each other, spread the thighs a little more."""
    for _ in range(8):
        segments = []
        for leg, side in zip(legs, "LR", strict=True):
            _set_leg(rotations, leg, side, rest)
            hip, knee, ankle = _leg_points(rotations, side, rest)
            segments.append(np.concatenate([_between(hip, knee, (0.5, 0.75)), _between(knee, ankle, (0.0, 0.33, 0.66, 1.0))]))
        gap = np.linalg.norm(segments[0][:, None] - segments[1][None], axis=-1).min()
        if gap > 0.105 * rest.size:
            return
        legs = (replace(legs[0], abduction=legs[0].abduction + 2.5), replace(legs[1], abduction=legs[1].abduction + 2.5))


def _set_leg(rotations: dict[str, Array], leg: Leg, side: str, rest: RestBody) -> None:
    sign = 1.0 if side == "L" else -1.0
    hip, knee, ankle = (rest.head(f"{name}.{side}") for name in ("upperleg01", "lowerleg01", "foot"))
    down = np.array([0.0, 0.0, -1.0])
    thigh = rotations["root"] @ _rot_x(-leg.flexion) @ _rot_y(-sign * leg.abduction) @ _rot_z(sign * leg.rotation)
    shin = thigh @ _rot_x(leg.knee)
    rotations[f"upperleg01.{side}"] = thigh @ _align(knee - hip, down)
    rotations[f"lowerleg01.{side}"] = shin @ _align(ankle - knee, down)
    rotations[f"foot.{side}"] = shin @ _rot_x(-leg.ankle)


def _leg_points(rotations: dict[str, Array], side: str, rest: RestBody) -> tuple[Array, Array, Array]:
    hip0, knee0, ankle0 = (rest.head(f"{name}.{side}") for name in ("upperleg01", "lowerleg01", "foot"))
    hip = rotations["root"] @ hip0
    knee = hip + rotations[f"upperleg01.{side}"] @ (knee0 - hip0)
    return hip, knee, knee + rotations[f"lowerleg01.{side}"] @ (ankle0 - knee0)


# ---------------------------------------------------------------------------------------------------------------- arms


def _set_arm(rotations: dict[str, Array], arm: Arm, side: str, rest: RestBody, generator: np.random.Generator) -> None:
    best, least = None, np.inf
    for attempt in range(_ATTEMPTS):
        noise = generator.normal(0, arm.jitter * (1 + 0.6 * attempt), 3)
        noise[0] += 0.02 * attempt  # outward helps
        pole = np.array(arm.pole) + generator.normal(0, 0.25 + 0.05 * attempt, 3) + (0.12 * attempt, 0, 0)
        tried, points, strain = _solve_arm(rotations, arm, noise, pole, side, rest)
        depth = _penetration(points, rotations, rest) + strain
        if depth < least:
            best, least = tried, depth
        if depth <= 0:
            break
    assert best is not None
    rotations.update(best)
    axis = _unit(rotations[f"lowerarm01.{side}"] @ (rest.head(f"wrist.{side}") - rest.head(f"lowerarm01.{side}")))
    roll, flex = float(generator.uniform(-70, 50)), float(generator.normal(0, 14))
    sign = 1.0 if side == "L" else -1.0
    rotations[f"lowerarm02.{side}"] = _about(axis, 0.5 * sign * roll) @ rotations[f"lowerarm01.{side}"]
    wrist = _about(axis, sign * roll) @ rotations[f"lowerarm01.{side}"]
    rotations[f"wrist.{side}"] = wrist @ _about(_knuckles(side, rest), flex)


def _solve_arm(
    rotations: dict[str, Array], arm: Arm, noise: Array, pole: Array, side: str, rest: RestBody
) -> tuple[dict[str, Array], Array, float]:
    """Two-bone inverse kinematics: (rotations, points along the arm (6,3), how far the shoulder is beyond its range)."""
    mirror = np.array([1.0 if side == "L" else -1.0, 1.0, 1.0])
    chest = rotations["spine01"]
    shoulder0, elbow0, wrist0 = (rest.head(f"{name}.{side}") for name in ("upperarm01", "lowerarm01", "wrist"))
    upper, fore = float(np.linalg.norm(elbow0 - shoulder0)), float(np.linalg.norm(wrist0 - elbow0))
    anchor, frame = _anchor(rotations, arm, side, rest)
    goal = anchor + frame @ ((np.array(arm.target) + noise) * mirror * (upper + fore))
    clavicle, shoulder = chest, _spine_point(rotations, shoulder0, rest)
    for _ in range(2):  # the shoulder blade follows the arm
        towards = chest.T @ _unit(goal - shoulder) * mirror
        lift = 22.0 * max(0.0, towards[2] + 0.25)
        protract = -14.0 * max(0.0, -towards[1])
        clavicle = chest @ _rot_z(mirror[0] * protract) @ _rot_y(-mirror[0] * lift)
        base = rest.head(f"clavicle.{side}")
        shoulder = _spine_point(rotations, base, rest) + clavicle @ (shoulder0 - base)
    reach = goal - shoulder
    distance = float(np.clip(np.linalg.norm(reach), 0.4 * (upper + fore), 0.99 * (upper + fore)))
    ahead = _unit(reach)
    side_way = chest @ (pole * mirror)
    side_way = _unit(side_way - ahead * (side_way @ ahead))
    cosine = (upper**2 + distance**2 - fore**2) / (2 * upper * distance)
    u = ahead * cosine + side_way * np.sqrt(max(0.0, 1 - cosine**2))
    elbow, wrist = shoulder + upper * u, shoulder + distance * ahead
    f = _unit(wrist - elbow)
    hinge, hinge0 = np.cross(side_way, ahead), _unit(np.cross(elbow0 - shoulder0, wrist0 - elbow0))
    upper_rotation = _frame(u, hinge) @ _frame(_unit(elbow0 - shoulder0), hinge0).T
    fore_rotation = _frame(f, hinge) @ _frame(_unit(wrist0 - elbow0), hinge0).T
    local = chest.T @ u * mirror
    strain = max(0.0, local[1] - 0.75) + max(0.0, -local[0] - 0.55)  # far behind the back, far across the chest
    solved = {
        f"clavicle.{side}": clavicle,
        f"shoulder01.{side}": clavicle,
        f"upperarm01.{side}": upper_rotation,
        f"lowerarm01.{side}": fore_rotation,
    }
    hand = wrist + 0.09 * rest.size * f
    return solved, np.stack([elbow, *_between(elbow, wrist, (0.25, 0.5, 0.75)), wrist, hand]), strain


def _anchor(rotations: dict[str, Array], arm: Arm, side: str, rest: RestBody) -> tuple[Array, Array]:
    chest = rotations["spine01"]
    if arm.anchor == "hip":
        return rotations["root"] @ rest.head(f"upperleg01.{side}"), rotations["root"]
    if arm.anchor == "knee":
        return _leg_points(rotations, side, rest)[1], rotations[f"upperleg01.{side}"]
    if arm.anchor == "head":
        return _head_point(rotations, rest), rotations["head"]
    if arm.anchor == "chest":
        return _spine_point(rotations, (rest.head("upperarm01.L") + rest.head("upperarm01.R")) / 2, rest), chest
    shoulder = _spine_point(rotations, rest.head(f"upperarm01.{side}"), rest)
    return shoulder, np.eye(3) if arm.anchor == "ground" else chest


def _spine_point(rotations: dict[str, Array], point: Array, rest: RestBody) -> Array:
    """Where the rest point, fixed to the uppermost spine bone, has gone."""
    position, previous, rotation = np.zeros(3), rest.head("root"), rotations["root"]
    for name, _ in _SPINE:
        position = position + rotation @ (rest.head(name) - previous)
        previous, rotation = rest.head(name), rotations[name]
    moved: Array = position + rotation @ (point - previous)
    return moved


def _head_point(rotations: dict[str, Array], rest: RestBody) -> Array:
    position, previous, rotation = _spine_point(rotations, rest.head("neck01"), rest), rest.head("neck01"), rotations["neck01"]
    for name, _ in _NECK[1:]:
        position = position + rotation @ (rest.head(name) - previous)
        previous, rotation = rest.head(name), rotations[name]
    middle: Array = position + rotation @ np.array([0.0, -0.01, 0.05]) * rest.size
    return middle


def _penetration(points: Array, rotations: dict[str, Array], rest: RestBody) -> float:
    """How deep the arm's points (N,3) are inside trunk, thighs or head: 0 outside, 1 at an axis."""
    depth = 0.0
    low, high = np.zeros(3), _spine_point(rotations, rest.head("neck01"), rest)
    waist = _spine_point(rotations, rest.head("spine01"), rest)
    for start, end, frame in ((low, waist, rotations["spine03"]), (waist, high, rotations["spine01"])):
        t = np.clip((points - start) @ (end - start) / ((end - start) @ (end - start)), 0, 1)
        local = (points - start - t[:, None] * (end - start)) @ frame
        thickness = np.where(local[:, 1] < 0, rest.trunk_front, rest.trunk_back) + 0.03 * rest.size
        radius = (local[:, 0] / (rest.trunk_half_width + 0.02 * rest.size)) ** 2 + (local[:, 1] / thickness) ** 2
        radius += (local[:, 2] / (0.07 * rest.size)) ** 2
        depth = max(depth, float(1 - np.sqrt(radius.min())))
    for side in "LR":
        hip, knee, ankle = _leg_points(rotations, side, rest)
        for start, end, thick in ((hip, knee, 0.095), (knee, ankle, 0.07)):
            t = np.clip((points - start) @ (end - start) / ((end - start) @ (end - start)), 0, 1)
            away = np.linalg.norm(points - start - t[:, None] * (end - start), axis=1)
            depth = max(depth, float(1 - away.min() / (thick * rest.size)))
    away = np.linalg.norm(points - _head_point(rotations, rest), axis=1)
    return max(depth, float(1 - away.min() / (0.125 * rest.size)), 0.0)


# --------------------------------------------------------------------------------------------------------------- hands


def _knuckles(side: str, rest: RestBody) -> Array:
    return _unit(rest.head(f"finger2-1.{side}") - rest.head(f"finger5-1.{side}"))


def _curl_fingers(rotations: dict[str, Array], side: str, rest: RestBody, angle: float) -> None:
    sign = -1.0 if side == "L" else 1.0
    axis = _knuckles(side, rest)
    for finger in range(2, 6):
        for joint in range(1, 4):
            turn = _about(axis, sign * angle * joint / 2)
            rotations[f"finger{finger}-{joint}.{side}"] = rotations[f"wrist.{side}"] @ turn


# ----------------------------------------------------------------------------------------------------------- rotations


def _rot_x(degrees: float) -> Array:
    return _about(np.array([1.0, 0.0, 0.0]), degrees)


def _rot_y(degrees: float) -> Array:
    return _about(np.array([0.0, 1.0, 0.0]), degrees)


def _rot_z(degrees: float) -> Array:
    return _about(np.array([0.0, 0.0, 1.0]), degrees)


def _euler(forward: float, left: float, turn: float) -> Array:
    return _rot_z(turn) @ _rot_y(left) @ _rot_x(forward)


def _about(axis: Array, degrees: float) -> Array:
    """Rotation (3,3) about a unit axis (Rodrigues)."""
    x, y, z = axis
    s, c = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    rotation: Array = np.eye(3) + s * k + (1 - c) * (k @ k)
    return rotation


def _align(start: Array, end: Array) -> Array:
    """The smallest rotation that turns direction `start` into `end`."""
    a, b = _unit(start), _unit(end)
    axis = np.cross(a, b)
    length = float(np.linalg.norm(axis))
    return np.eye(3) if length < 1e-9 else _about(axis / length, float(np.degrees(np.arctan2(length, a @ b))))


def _frame(direction: Array, hinge: Array) -> Array:
    return np.stack([direction, hinge, np.cross(direction, hinge)], axis=1)


def _unit(vector: Array) -> Array:
    unit: Array = vector / max(float(np.linalg.norm(vector)), 1e-9)
    return unit


def _between(start: Array, end: Array, parts: tuple[float, ...]) -> Array:
    points: Array = start + np.array(parts)[:, None] * (end - start)
    return points

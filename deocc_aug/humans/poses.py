"""A prior over human poses: named families, joint angles within limits, hands placed by inverse kinematics.

Body frame, everywhere in :mod:`deocc_aug.humans`: metres, x to the body's own left, y to its back, z up; the pelvis is at
the origin. A body stands along z and faces -y. Gravity is -z also after the pelvis was tilted.

A :class:`Pose` does not know the body it is for: legs, spine and neck are angles, hands are goals measured in arm lengths.
:func:`articulate` turns it into one rotation per bone for one rest skeleton. Left and right are drawn independently.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Anchor = Literal["shoulder", "chest", "hip", "head", "knee", "ground"]

FAMILIES: dict[str, float] = {
    "stand": 0.27,
    "walk": 0.11,
    "run": 0.05,
    "sit": 0.17,
    "crouch": 0.09,
    "kneel": 0.04,
    "reach": 0.08,
    "bend": 0.07,
    "lie": 0.03,
    "sport": 0.09,
}
"""Pose families and how often each is drawn."""

KNEE_LIMITS = (0.0, 145.0)
HIP_FLEXION_LIMITS = (-35.0, 125.0)
HIP_ABDUCTION_LIMITS = (-15.0, 60.0)
SPINE_LIMITS = ((-25.0, 65.0), (-30.0, 30.0), (-40.0, 40.0))
NECK_LIMITS = ((-45.0, 45.0), (-30.0, 30.0), (-65.0, 65.0))


@dataclass(frozen=True)
class Leg:
    """One leg, degrees. Positive: thigh forward, thigh outward, toes outward, heel to buttock, toes up."""

    flexion: float
    abduction: float = 4.0
    rotation: float = 6.0
    knee: float = 5.0
    ankle: float = 0.0


@dataclass(frozen=True)
class Arm:
    """Where a wrist wants to be: `target` (3,) in arm lengths from `anchor`, in that part's frame, x outward.

    `pole` (3,) is the side the elbow points to, in the chest's frame. The anchor "ground" is the shoulder in the world's
    frame (so that an arm hangs down whatever the trunk does).
    """

    anchor: Anchor
    target: tuple[float, float, float]
    pole: tuple[float, float, float] = (0.5, 0.6, -0.6)
    jitter: float = 0.04


@dataclass(frozen=True)
class Pose:
    """A pose of nobody in particular. Angles in degrees; `root` (3,) is pitch forward, roll left, turn left."""

    family: str
    root: tuple[float, float, float]
    spine: tuple[float, float, float]
    neck: tuple[float, float, float]
    legs: tuple[Leg, Leg]
    arms: tuple[Arm, Arm]


# ---------------------------------------------------------------------------------------------------------------- arms


def _hang(rng: np.random.Generator) -> Arm:
    out, forward = np.radians(rng.uniform(4, 22)), np.radians(rng.normal(4, 10))
    length = rng.uniform(0.9, 0.985)
    target = (np.sin(out), -np.sin(forward), -np.cos(out) * np.cos(forward))
    return Arm("shoulder", _scaled(target, length), (0.4, 1.0, 0.0), 0.02)


def _dangle(rng: np.random.Generator) -> Arm:
    return Arm("ground", (rng.normal(0.05, 0.1), rng.normal(-0.12, 0.15), -rng.uniform(0.8, 0.97)), (0.6, 0.7, 0.0))


def _bent(rng: np.random.Generator) -> Arm:
    return Arm("shoulder", (rng.normal(0.0, 0.2), -rng.uniform(0.3, 0.62), -rng.uniform(0.25, 0.62)), (0.5, 0.5, -0.8), 0.06)


def _pocket(rng: np.random.Generator) -> Arm:
    return Arm("hip", (rng.uniform(0.2, 0.3), rng.uniform(-0.2, 0.06), rng.uniform(0.0, 0.22)), (0.8, 0.9, 0.0), 0.02)


def _on_hip(rng: np.random.Generator) -> Arm:
    return Arm("hip", (rng.uniform(0.18, 0.28), rng.uniform(-0.12, 0.12), rng.uniform(0.25, 0.42)), (1.0, 0.4, 0.1), 0.02)


def _crossed(rng: np.random.Generator) -> Arm:
    return Arm("chest", (-rng.uniform(0.05, 0.35), -rng.uniform(0.38, 0.52), -rng.uniform(0.4, 0.62)), (0.8, 0.1, -0.7), 0.03)


def _in_front(rng: np.random.Generator) -> Arm:
    return Arm("chest", (rng.uniform(-0.05, 0.25), -rng.uniform(0.45, 0.75), -rng.uniform(0.2, 0.85)), (0.7, 0.3, -0.8), 0.05)


def _clasped(rng: np.random.Generator) -> Arm:
    return Arm("hip", (-rng.uniform(0.05, 0.2), -rng.uniform(0.32, 0.45), rng.uniform(-0.1, 0.3)), (0.8, 0.5, 0.0), 0.02)


def _behind(rng: np.random.Generator) -> Arm:
    return Arm("hip", (-rng.uniform(0.05, 0.2), rng.uniform(0.3, 0.4), rng.uniform(0.05, 0.35)), (0.9, 0.5, 0.0), 0.02)


def _strap(rng: np.random.Generator) -> Arm:
    return Arm("chest", (rng.uniform(0.15, 0.3), -rng.uniform(0.3, 0.42), -rng.uniform(0.05, 0.3)), (0.7, -0.1, -1.0), 0.03)


def _to_head(rng: np.random.Generator) -> Arm:
    return Arm("head", (rng.uniform(0.22, 0.32), rng.uniform(-0.18, 0.08), rng.uniform(-0.05, 0.3)), (0.9, -0.2, -0.5), 0.03)


def _to_mouth(rng: np.random.Generator) -> Arm:
    return Arm("head", (rng.uniform(0.0, 0.12), -rng.uniform(0.38, 0.55), rng.uniform(-0.25, 0.12)), (0.6, 0.0, -0.9), 0.03)


def _forward(rng: np.random.Generator) -> Arm:
    azimuth, elevation = np.radians(rng.normal(10, 22)), np.radians(rng.normal(-5, 25))
    target = (np.sin(azimuth) * np.cos(elevation), -np.cos(azimuth) * np.cos(elevation), np.sin(elevation))
    return Arm("shoulder", _scaled(target, rng.uniform(0.65, 0.97)), (0.4, 0.2, -0.9))


def _aside(rng: np.random.Generator) -> Arm:
    azimuth, elevation = np.radians(rng.normal(75, 22)), np.radians(rng.normal(-12, 28))
    target = (np.sin(azimuth) * np.cos(elevation), -np.cos(azimuth) * np.cos(elevation), np.sin(elevation))
    return Arm("shoulder", _scaled(target, rng.uniform(0.65, 0.97)), (0.0, 0.7, -0.7))


def _upward(rng: np.random.Generator) -> Arm:
    azimuth, elevation = np.radians(rng.normal(40, 35)), np.radians(rng.uniform(35, 85))
    target = (np.sin(azimuth) * np.cos(elevation), -np.cos(azimuth) * np.cos(elevation), np.sin(elevation))
    return Arm("shoulder", _scaled(target, rng.uniform(0.65, 0.97)), (1.0, 0.0, -0.2))


def _on_thigh(rng: np.random.Generator) -> Arm:
    return Arm("knee", (rng.normal(0.0, 0.06), -rng.uniform(0.2, 0.26), rng.uniform(0.0, 0.45)), (0.9, 0.5, -0.2), 0.03)


def _beside(rng: np.random.Generator) -> Arm:
    return Arm("hip", (rng.uniform(0.35, 0.6), rng.uniform(0.0, 0.45), -rng.uniform(0.0, 0.2)), (0.4, 0.9, 0.0))


def _handlebar(rng: np.random.Generator) -> Arm:
    return Arm("ground", (rng.uniform(0.0, 0.15), -rng.uniform(0.6, 0.85), -rng.uniform(0.3, 0.6)), (0.9, 0.2, -0.4))


_ARMS: dict[str, Callable[[np.random.Generator], Arm]] = {
    "hang": _hang,
    "dangle": _dangle,
    "bent": _bent,
    "pocket": _pocket,
    "on_hip": _on_hip,
    "crossed": _crossed,
    "in_front": _in_front,
    "clasped": _clasped,
    "behind": _behind,
    "strap": _strap,
    "to_head": _to_head,
    "to_mouth": _to_mouth,
    "forward": _forward,
    "aside": _aside,
    "upward": _upward,
    "on_thigh": _on_thigh,
    "beside": _beside,
    "handlebar": _handlebar,
}
_BOTH_HANDS = ("crossed", "in_front", "clasped", "behind", "handlebar")


def _arms(rng: np.random.Generator, **weights: float) -> tuple[Arm, Arm]:
    """Two arms, each of a kind drawn by weight; a kind that takes both hands takes both."""
    names, weight = list(weights), np.array(list(weights.values()))
    first, second = (names[i] for i in rng.choice(len(names), 2, p=weight / weight.sum()))
    if first in _BOTH_HANDS and rng.random() < 0.75:
        second = first
    left, right = _ARMS[first](rng), _ARMS[second](rng)
    if first == second and first in ("in_front", "handlebar"):  # two hands at one thing
        right = replace(left, target=_scaled(np.array(left.target) + rng.normal(0, 0.06, 3), 1.0))
    return (left, right) if rng.random() < 0.5 else (right, left)


# ------------------------------------------------------------------------------------------------------------ families


def _stand(rng: np.random.Generator) -> Pose:
    legs = []
    spread, relaxed = rng.uniform(-1, 11), rng.integers(3)
    for side in range(2):
        knee = rng.uniform(10, 32) if side == relaxed and rng.random() < 0.7 else rng.uniform(0, 8)
        legs.append(Leg(knee * 0.55 + rng.normal(0, 4), spread + rng.normal(0, 3), rng.normal(9, 9), knee, rng.normal(2, 4)))
    arms = _arms(rng, hang=5.0, bent=2.0, pocket=2.2, on_hip=2.0, crossed=1.0, in_front=2.0, clasped=1.0, behind=0.6, strap=0.9,
                 to_head=1.1, to_mouth=0.6, forward=0.4, aside=0.3)  # fmt: skip
    return _pose(rng, "stand", (rng.normal(1, 4), rng.normal(0, 4), 0.0), (rng.normal(3, 6), 5.0, 9.0), (4.0, 7.0), legs, arms)


def _gait(rng: np.random.Generator, family: str, stride: float, lift: float, lean: float) -> Pose:
    phase = rng.uniform(0, 2 * np.pi)
    legs, arms = [], []
    for side in range(2):
        swing = phase + np.pi * side
        flexion = stride * np.sin(swing) + 0.25 * stride
        knee = 8 + lift * max(0.0, np.cos(swing)) ** 1.3 + 0.15 * lift * max(0.0, np.sin(swing))
        legs.append(Leg(flexion + lean, rng.normal(2, 3), rng.normal(6, 6), knee + rng.uniform(0, 8), rng.normal(0, 10)))
        angle = np.radians(-1.1 * stride * np.sin(swing) + rng.normal(0, 6))
        if family == "run":
            target = (rng.uniform(-0.1, 0.25), -0.3 - 0.45 * np.sin(angle), -0.55 + 0.35 * np.abs(np.sin(angle)))
            arms.append(Arm("shoulder", target, (0.5, 1.0, -0.4)))
        else:
            length = rng.uniform(0.86, 0.98)
            target = _scaled((rng.uniform(0.06, 0.25), -np.sin(angle), -np.cos(angle)), length)
            arms.append(Arm("shoulder", target, (0.3, 1.0, 0.0), 0.03))
    if family == "walk" and rng.random() < 0.45:  # one hand, or both, does something else
        busy = _arms(rng, bent=3.0, pocket=2.0, in_front=2.0, strap=1.5, to_head=1.2, to_mouth=0.6, crossed=0.4, hang=1.0)
        arms = list(busy) if rng.random() < 0.4 else [busy[0], arms[1]] if rng.random() < 0.5 else [arms[0], busy[1]]
    return _pose(rng, family, (lean, rng.normal(0, 3), 0.0), (rng.normal(3, 4), 4.0, 9.0), (-lean / 2, 7.0), legs, arms)


def _walk(rng: np.random.Generator) -> Pose:
    return _gait(rng, "walk", rng.uniform(12, 32), rng.uniform(35, 60), rng.normal(3, 3))


def _run(rng: np.random.Generator) -> Pose:
    return _gait(rng, "run", rng.uniform(30, 52), rng.uniform(75, 115), rng.uniform(3, 20))


def _sit(rng: np.random.Generator) -> Pose:
    kind = rng.choice(["chair", "crossed_leg", "bike", "floor", "tailor", "stool"], p=[0.46, 0.12, 0.16, 0.08, 0.08, 0.10])
    pitch = float(rng.normal(-4, 9))
    legs = [
        Leg(88 + pitch + rng.normal(0, 8), rng.uniform(-2, 24), rng.normal(0, 10), rng.uniform(58, 112), rng.normal(0, 8)) for _ in range(2)
    ]
    arms = _arms(rng, on_thigh=4.0, in_front=3.0, bent=2.0, clasped=2.0, to_mouth=1.2, to_head=0.8, forward=1.2, crossed=0.6,
                 beside=0.8, hang=0.5, aside=0.3, upward=0.2)  # fmt: skip
    flex = rng.uniform(-4, 32)
    if kind == "crossed_leg":
        over = int(rng.integers(2))
        legs[over] = Leg(98 + pitch + rng.normal(0, 5), -9 + rng.normal(0, 2), rng.normal(-6, 5), rng.uniform(65, 100), 5.0)
        legs[1 - over] = replace(legs[1 - over], flexion=80 + pitch, abduction=rng.uniform(0, 4), knee=rng.uniform(75, 95))
    elif kind == "bike":
        pitch, phase = float(rng.uniform(8, 42)), rng.uniform(0, 2 * np.pi)
        flexions = [62 + 26 * np.sin(phase), 62 - 26 * np.sin(phase)]
        legs = [Leg(f + pitch, rng.uniform(0, 10), rng.normal(0, 5), 20 + 0.85 * f + rng.normal(0, 10)) for f in flexions]
        arms, flex = _arms(rng, handlebar=9.0, to_head=0.4, hang=0.3, aside=0.3), rng.uniform(5, 28)
    elif kind == "floor":
        legs = [Leg(85 + pitch, rng.uniform(2, 25), rng.normal(8, 8), rng.choice([5, 20, 70, 100]) + rng.uniform(0, 20))
                for _ in range(2)]  # fmt: skip
        arms = _arms(rng, beside=4.0, on_thigh=3.0, in_front=2.0, bent=1.0, clasped=1.0)
    elif kind == "tailor":
        legs = [Leg(95 + pitch, rng.uniform(32, 45), rng.uniform(30, 48), rng.uniform(112, 130)) for _ in range(2)]
        arms = _arms(rng, on_thigh=4.0, in_front=3.0, bent=1.0, clasped=1.0, to_mouth=0.6)
    elif kind == "stool":
        legs = [replace(leg, flexion=leg.flexion - rng.uniform(15, 35), knee=rng.uniform(35, 90)) for leg in legs]
    return _pose(rng, "sit", (pitch, rng.normal(0, 4), 0.0), (flex, 6.0, 10.0), (rng.normal(5, 12), 14.0), legs, arms)


def _crouch(rng: np.random.Generator) -> Pose:
    if rng.random() < 0.3:  # a deep squat
        pitch = float(rng.uniform(0, 25))
        legs = [Leg(rng.uniform(92, 112), rng.uniform(6, 26), rng.normal(12, 8), rng.uniform(112, 138), 18.0) for _ in "lr"]
        arms = _arms(rng, on_thigh=3.0, in_front=3.0, forward=2.0, dangle=2.0, to_head=0.5, clasped=1.0)
        return _pose(rng, "crouch", (pitch, rng.normal(0, 5), 0.0), (rng.uniform(5, 35), 6.0, 9.0), (-5.0, 14.0), legs, arms)
    pitch, bend, spread = float(rng.uniform(8, 48)), rng.uniform(18, 62), rng.uniform(2, 26)
    legs = []
    for _ in range(2):
        thigh = bend + rng.normal(0, 9)
        legs.append(Leg(thigh + pitch, spread + rng.normal(0, 4), rng.normal(10, 8), 1.75 * thigh + rng.normal(0, 9), 12.0))
    arms = _arms(rng, in_front=4.0, forward=2.0, aside=3.0, dangle=2.0, on_thigh=2.0, bent=3.0, on_hip=0.4, behind=0.3, upward=0.5)
    return _pose(rng, "crouch", (pitch, rng.normal(0, 8), 0.0), (rng.uniform(0, 32), 9.0, 16.0), (-pitch / 2, 16.0), legs, arms)


def _kneel(rng: np.random.Generator) -> Pose:
    pitch = float(rng.normal(6, 10))
    down = [Leg(rng.uniform(-5, 25) + pitch, rng.uniform(0, 12), rng.normal(0, 6), rng.uniform(85, 138), -35.0) for _ in "lr"]
    if rng.random() < 0.55:
        front = int(rng.integers(2))
        down[front] = Leg(85 + pitch + rng.normal(0, 10), rng.uniform(0, 20), rng.normal(5, 8), rng.uniform(78, 112), 5.0)
        down[1 - front] = replace(down[1 - front], flexion=rng.uniform(-12, 8) + pitch, knee=rng.uniform(80, 105))
    arms = _arms(rng, in_front=3.0, bent=2.0, on_thigh=2.0, dangle=2.0, forward=2.0, hang=1.0, to_head=0.6, clasped=1.0)
    return _pose(rng, "kneel", (pitch, rng.normal(0, 4), 0.0), (rng.uniform(-3, 32), 6.0, 10.0), (3.0, 14.0), down, arms)


def _reach(rng: np.random.Generator) -> Pose:
    base = _stand(rng) if rng.random() < 0.6 else _crouch(rng) if rng.random() < 0.4 else _walk(rng)
    reaching = _arms(rng, forward=3.0, aside=2.0, upward=3.0)
    if rng.random() < 0.5:
        side = int(rng.integers(2))
        reaching = (reaching[0], base.arms[1]) if side == 0 else (base.arms[0], reaching[1])
    spine = (base.spine[0] + rng.normal(0, 6), base.spine[1] + rng.normal(0, 7), base.spine[2] + rng.normal(0, 10))
    neck = (base.neck[0] - 8 + rng.normal(0, 10), base.neck[1], base.neck[2] + rng.normal(0, 14))
    return replace(base, family="reach", spine=spine, neck=neck, arms=reaching)


def _bend(rng: np.random.Generator) -> Pose:
    pitch, bend = float(rng.uniform(22, 75)), rng.uniform(0, 26)
    legs = [
        Leg(bend + pitch + rng.normal(0, 7), rng.uniform(0, 14), rng.normal(6, 7), 1.5 * bend + rng.uniform(0, 15), 4.0) for _ in range(2)
    ]
    arms = _arms(rng, dangle=5.0, in_front=2.0, on_thigh=2.0, forward=2.0, handlebar=2.0, bent=1.0, on_hip=0.4, aside=0.4)
    neck = (-pitch / 3 + rng.normal(0, 12), 10.0)
    return _pose(rng, "bend", (pitch, rng.normal(0, 6), 0.0), (rng.uniform(5, 45), 8.0, 14.0), neck, legs, arms)


def _lie(rng: np.random.Generator) -> Pose:
    kind = rng.choice(["back", "side", "front"], p=[0.42, 0.33, 0.25])
    legs = []
    for _ in range(2):
        raised = rng.uniform(20, 60) if rng.random() < 0.4 else rng.uniform(0, 10)
        thigh, knee = raised, 1.9 * raised + rng.uniform(0, 12)  # the feet stay on the ground
        if kind == "front":
            thigh, knee = rng.uniform(-8, 8), rng.choice([rng.uniform(0, 15), rng.uniform(60, 100)], p=[0.75, 0.25])
        elif kind == "side":
            thigh, knee = rng.uniform(0, 80), rng.uniform(5, 100)
        legs.append(Leg(thigh, rng.uniform(0, 14), rng.normal(8, 8), knee, -15.0))
    arms = _arms(rng, hang=3.0, beside=1.0, upward=2.0, aside=2.0, in_front=2.0, to_head=2.0, crossed=0.5, bent=2.0)
    up = 1.0 if kind == "front" else -1.0
    roll = rng.choice([-1.0, 1.0]) * rng.normal(80, 15) if kind == "side" else rng.normal(0, 10)
    root = (90 * up + rng.normal(0, 9), roll, rng.choice([-1.0, 1.0]) * rng.normal(80, 40))
    return _pose(rng, "lie", root, (rng.uniform(-5, 20), 8.0, 12.0), (rng.normal(-8 * up, 14.0), 22.0), legs, arms)


def _sport(rng: np.random.Generator) -> Pose:
    kind = rng.choice(["throw", "kick", "swing", "jump", "board", "ski", "catch"], p=[0.14, 0.1, 0.24, 0.12, 0.16, 0.1, 0.14])
    side = int(rng.integers(2))
    pitch, roll, twist = float(rng.normal(6, 9)), float(rng.normal(0, 8)), float(rng.normal(0, 22))
    stance = rng.uniform(8, 32)
    legs = [
        Leg(rng.normal(16, 18) + pitch, stance / 2 + rng.normal(3, 5), rng.normal(10, 9), rng.uniform(8, 60), rng.normal(0, 10))
        for _ in range(2)
    ]
    arms = list(_arms(rng, aside=2.0, bent=2.0, in_front=1.0, forward=2.0))
    if kind == "throw":
        arms[side] = Arm("shoulder", (rng.uniform(0.3, 0.6), rng.uniform(-0.2, 0.35), rng.uniform(0.1, 0.55)), (1.0, 0.3, 0.0))
        arms[1 - side] = _forward(rng) if rng.random() < 0.6 else _aside(rng)
    elif kind == "kick":
        legs[side] = Leg(rng.uniform(-25, 90), rng.uniform(0, 25), rng.normal(15, 10), rng.uniform(5, 95), -20.0)
        legs[1 - side] = Leg(rng.uniform(-5, 20), rng.uniform(0, 10), rng.normal(8, 8), rng.uniform(5, 35))
        arms = [_aside(rng), _aside(rng)]
    elif kind == "swing":  # racket or bat: one hand or two, anywhere in the stroke
        target = (rng.uniform(-0.45, 0.85), -rng.uniform(0.2, 0.75), rng.uniform(-0.75, 0.5))
        if rng.random() < 0.45:
            arms[side] = Arm("chest", target, (0.6, 0.2, -0.8), 0.06)
            arms[1 - side] = Arm("chest", (-target[0], target[1], target[2]), (0.6, 0.2, -0.8), 0.06)
        else:
            arms[side] = Arm("shoulder", target, (0.6, 0.4, -0.8), 0.06)
    elif kind == "jump":
        legs = [Leg(rng.uniform(-15, 75), rng.uniform(0, 28), rng.normal(8, 8), rng.uniform(5, 115), -25.0) for _ in range(2)]
        arms = list(_arms(rng, upward=3.0, aside=3.0, forward=1.0, bent=1.0))
    elif kind in ("board", "ski"):
        pitch, bend = float(rng.uniform(5, 40)), rng.uniform(15, 55)
        spread = rng.uniform(14, 32) if kind == "board" else rng.uniform(0, 9)
        legs = [Leg(bend + pitch + rng.normal(0, 7), spread, rng.normal(8, 7), 1.7 * bend + rng.normal(0, 8), 15.0) for _ in range(2)]
        roll = float(rng.normal(0, 13))
        arms = list(
            _arms(rng, aside=5.0, forward=1.0, dangle=1.0, bent=1.0) if kind == "board" else _arms(rng, bent=5.0, in_front=2.0, aside=1.0)
        )
    elif kind == "catch":
        arms[side] = (_upward if rng.random() < 0.5 else _forward)(rng)
    neck = (-pitch / 2, 18.0)
    return _pose(rng, "sport", (pitch, roll, 0.0), (rng.normal(8, 9), 10.0, abs(twist)), neck, legs, (arms[0], arms[1]))


def _pose(
    rng: np.random.Generator,
    family: str,
    root: tuple[float, float, float],
    spine: tuple[float, float, float],
    neck: tuple[float, float],
    legs: list[Leg],
    arms: tuple[Arm, Arm] | list[Arm],
) -> Pose:
    """Fill in a pose: `spine` is (flexion, spread of side bend, spread of twist), `neck` is (flexion, spread of turn)."""
    back = (spine[0], float(rng.normal(0, spine[1])), float(rng.normal(0, spine[2])))
    head = (neck[0] + float(rng.normal(4, 8)), float(rng.normal(0, 7)), float(rng.normal(0, 1.6 * neck[1])))
    return Pose(family, root, back, head, (legs[0], legs[1]), (arms[0], arms[1]))


_SAMPLERS: dict[str, Callable[[np.random.Generator], Pose]] = {
    "stand": _stand,
    "walk": _walk,
    "run": _run,
    "sit": _sit,
    "crouch": _crouch,
    "kneel": _kneel,
    "reach": _reach,
    "bend": _bend,
    "lie": _lie,
    "sport": _sport,
}


def sample_pose(generator: np.random.Generator, family: str | None = None) -> Pose:
    """Draw a pose; `family` is drawn by :data:`FAMILIES` where it is None. Raises ValueError for an unknown family."""
    if family is None:
        weights = np.array(list(FAMILIES.values()))
        family = list(FAMILIES)[generator.choice(len(weights), p=weights / weights.sum())]
    if family not in _SAMPLERS:
        raise ValueError(f"no pose family {family!r}: choose from {', '.join(_SAMPLERS)}")
    pose = _SAMPLERS[family](generator)
    return replace(
        pose,
        spine=_limited(pose.spine, SPINE_LIMITS),
        neck=_limited(pose.neck, NECK_LIMITS),
        legs=(_limited_leg(pose.legs[0]), _limited_leg(pose.legs[1])),
    )


def _limited(angles: tuple[float, float, float], limits: tuple[tuple[float, float], ...]) -> tuple[float, float, float]:
    a, b, c = (float(np.clip(angle, low, high)) for angle, (low, high) in zip(angles, limits, strict=True))
    return a, b, c


def _limited_leg(leg: Leg) -> Leg:
    return Leg(
        flexion=float(np.clip(leg.flexion, *HIP_FLEXION_LIMITS)),
        abduction=float(np.clip(leg.abduction, *HIP_ABDUCTION_LIMITS)),
        rotation=float(np.clip(leg.rotation, -25, 50)),
        knee=float(np.clip(leg.knee, *KNEE_LIMITS)),
        ankle=float(np.clip(leg.ankle, -45, 25)),
    )


def _scaled(vector: Any, length: float) -> tuple[float, float, float]:
    x, y, z = (float(v) * length for v in vector)
    return x, y, z

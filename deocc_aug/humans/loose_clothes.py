"""Clothes, hair, hats and bags as far as a silhouette shows them: a thicker skin and a few hulls, all in 3D.

No garment is modelled: cloth is the skin moved outward region by region, and what hangs free of the body (skirts, coats,
long hair, brims, bags) is a chain of point sets whose projections are filled as convex polygons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deocc_aug.humans.bodies import REGIONS, Bodies
from deocc_aug.humans.raster import vertex_normals

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Clothes:
    """What is worn: `vertices` (V,3) of the thickened skin, `hulls` of (P,3) points each filled as its convex hull; metres."""

    vertices: Array
    hulls: tuple[Array, ...]


def put_on(bodies: Bodies, index: int, generator: np.random.Generator) -> Clothes:
    """Dress body `index` at random."""
    rng, model = generator, bodies.model
    size = float(bodies.stature[index]) / 1.7
    skin = bodies.vertices[index].astype(np.float64)
    region = model.regions
    thick = np.zeros(len(skin))
    top, bottom = abs(rng.normal(0.008, 0.014)), rng.uniform(0.003, 0.026)
    active = bodies.families[index] in ("run", "sport", "crouch", "lie")
    coat = rng.random() < (0.05 if active else 0.15)
    if coat:
        top += rng.uniform(0.012, 0.035)
    thick[region == REGIONS.index("torso")] = top
    sleeve = rng.choice([0.0, 1.0, 2.0], p=[0.15, 0.35, 0.5]) if not coat else 2.0
    if sleeve >= 1:
        thick[region == REGIONS.index("upper_arm")] = 0.8 * top + rng.uniform(0.002, 0.018)
    if sleeve == 2:
        thick[region == REGIONS.index("lower_arm")] = 0.6 * top + rng.uniform(0.002, 0.02)
    thick[region == REGIONS.index("thigh")] = bottom
    if rng.random() < 0.75:
        thick[region == REGIONS.index("shin")] = bottom * 0.7 + rng.uniform(0.0, 0.03) * rng.random()
    thick[region == REGIONS.index("foot")] = rng.uniform(0.004, 0.018)
    phase, wave = rng.uniform(0, 6.28, 3), rng.uniform(6, 22, 3) / size
    thick *= 1 + 0.35 * np.sin(skin @ np.diag(wave) + phase).mean(axis=1) * 1.7
    hulls: list[Array] = []
    scalp_at, away = scalp(bodies, index)
    hair = rng.choice([0.004, 0.018, 0.035, 0.075], p=[0.25, 0.4, 0.28, 0.07])
    thick[scalp_at] = (hair * rng.uniform(0.6, 1.2)) * away
    vertices = skin + vertex_normals(skin, bodies.faces) * (thick * size)[:, None]
    if coat:
        hulls += _skirt(bodies, index, rng, 0.02 + top, float(rng.uniform(0.15, 1.25)), float(rng.uniform(0.0, 0.06)))
    elif rng.random() < (0.08 if active else 0.24):
        length = float(rng.choice([rng.uniform(0.45, 1.0), rng.uniform(1.0, 1.85)], p=[0.68, 0.32]))
        flare = float(abs(rng.normal(0.03, 0.07)))
        hulls += _skirt(bodies, index, rng, 0.01 + top, length, flare)
    if rng.random() < 0.36:
        hulls += long_hair(bodies, index, rng, vertices[scalp_at], tail=rng.random() < 0.25)
    if rng.random() < 0.16:
        hulls += hat(bodies, index, rng, vertices[scalp_at])
    if rng.random() < 0.2:
        hulls += bag(bodies, index, rng)
    return Clothes(vertices, tuple(hulls))


def scalp(bodies: Bodies, index: int) -> tuple[NDArray[np.int64], Array]:
    """Vertices where hair grows, and how much of its full thickness each has (0 to 1)."""
    model = bodies.model
    head = np.flatnonzero(model.regions == REGIONS.index("head"))
    local = (bodies.vertices[index, head] - bodies.bones_3d[index, model.bones["head"]]) @ _rotation(bodies, index, "head")
    centre = (local.min(axis=0) + local.max(axis=0)) / 2
    direction = (local - centre) / np.maximum(np.linalg.norm(local - centre, axis=1, keepdims=True), 1e-9)
    fullness = np.clip(1.6 * (0.75 * direction[:, 1] + 0.85 * direction[:, 2] - 0.12), 0, 1)
    grows = fullness > 0
    return head[grows], fullness[grows]


def _rotation(bodies: Bodies, index: int, bone: str) -> Array:
    rotation: Array = bodies.rotations[index, bodies.model.bones[bone]].astype(np.float64)
    return rotation


def _skirt(bodies: Bodies, index: int, rng: np.random.Generator, loose: float, length: float, flare: float) -> list[Array]:
    """The rings of a skirt, hulled pair by pair."""
    rings = skirt_rings(bodies, index, rng, loose, length, flare)
    return [np.concatenate(pair) for pair in zip(rings[:-1], rings[1:], strict=True)]


def skirt_rings(bodies: Bodies, index: int, rng: np.random.Generator, loose: float, length: float, flare: float) -> list[Array]:
    """Points (P,3) around both legs at each height from the waist down to `length` (1 is the knee, 2 the ankle)."""
    size = float(bodies.stature[index]) / 1.7
    bones = {name: bodies.bones_3d[index, position].astype(np.float64) for name, position in bodies.model.bones.items()}
    torso = bodies.vertices[index][bodies.model.regions == REGIONS.index("torso")]
    root = _rotation(bodies, index, "root")
    local = torso @ root
    belt = local[np.abs(local[:, 2] - 0.08 * size) < 0.05 * size]
    width, depth = (np.ptp(belt[:, axis]) / 2 + loose * size for axis in (0, 1))
    middle = (belt.min(axis=0) + belt.max(axis=0)) / 2
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    waist = np.stack([circle[:, 0] * width, circle[:, 1] * depth, np.zeros(12)], axis=1)
    rings = [(waist + (middle[0], middle[1], 0.09 * size)) @ root.T]
    legs = np.stack([np.stack([bones[f"{n}.{s}"] for n in ("upperleg01", "lowerleg01", "foot")]) for s in "LR"])  # (2,3,3)
    bends = [float(_unit(leg[1] - leg[0]) @ _unit(leg[2] - leg[1])) for leg in legs]
    if min(bends) < -0.1:  # a folded leg: the cloth ends at the knee
        length = min(length, 1.0)
    steps = np.linspace(0.05, length, max(3, int(length * 5)))
    sway = rng.normal(0, 0.015, 2)
    for step in steps:
        segment = min(int(step), 1)
        part = step - segment
        ring = []
        for leg in legs:
            start, end = leg[segment], leg[segment + 1]
            along = _unit(end - start)
            first = _unit(np.cross(along, root[:, 1] if abs(along @ root[:, 1]) < 0.8 else root[:, 2]))
            second = np.cross(along, first)
            radius = (np.interp(step, [0, 0.6, 1, 2], [0.092, 0.085, 0.066, 0.055]) + loose + flare * step) * size
            centre = start + part * (end - start) + np.array([sway[0], sway[1], 0.0]) * step
            ring.append(centre + radius * (circle[:, :1] * first + circle[:, 1:] * second))
        rings.append(np.concatenate(ring))
    return rings


def long_hair(bodies: Bodies, index: int, rng: np.random.Generator, scalp: Array, tail: bool) -> list[Array]:
    """A mass of hair down the back, or a `tail`: two point sets to hull, from crown to nape and from there down."""
    size = float(bodies.stature[index]) / 1.7
    head, chest = _rotation(bodies, index, "head"), _rotation(bodies, index, "spine01")
    base = bodies.bones_3d[index, bodies.model.bones["head"]].astype(np.float64)
    neck = bodies.bones_3d[index, bodies.model.bones["neck01"]].astype(np.float64)
    wide, length = rng.uniform(0.07, 0.11), rng.uniform(0.02, 0.34)
    if tail:
        wide = 0.025
    nape = base + (np.array([[wide, 0.05, 0.0], [-wide, 0.05, 0.0], [wide, 0.1, 0.02], [-wide, 0.1, 0.02]]) * size) @ head.T
    tip = np.array([[0.9 * wide, 0.06, -length], [-0.9 * wide, 0.06, -length], [0.9 * wide, 0.12, -length + 0.02],
                    [-0.9 * wide, 0.12, -length + 0.02]])  # fmt: skip
    back = neck + (tip * size) @ chest.T
    crown = scalp[:: max(1, len(scalp) // 60)]
    return [np.concatenate([crown, nape]) if wide > 0.03 else nape, np.concatenate([nape, back])]


def hat(bodies: Bodies, index: int, rng: np.random.Generator, scalp: Array) -> list[Array]:
    """A hat with a brim, a cap or a beanie: point sets to hull."""
    head = _rotation(bodies, index, "head")
    base = bodies.bones_3d[index, bodies.model.bones["head"]].astype(np.float64)
    local = (scalp - base) @ head
    top = local[:, 2].max()
    centre = (local.min(axis=0) + local.max(axis=0)) / 2
    radius = np.ptp(local[:, 0]) / 2
    band = top - rng.uniform(0.7, 1.0) * radius
    angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    round_ = np.stack([np.cos(angles), np.sin(angles), np.zeros(16)], axis=1)
    lid = round_ * rng.uniform(0.6, 1.0) * radius + (0, 0, top + rng.uniform(0.005, 0.05))
    crown = np.concatenate([round_ * 1.06 * radius + (0, 0, band), lid])
    pieces = [crown]
    kind = rng.choice(["brim", "cap", "beanie"], p=[0.35, 0.4, 0.25])
    if kind == "brim":
        pieces.append(_thick(round_ * radius * rng.uniform(1.35, 2.2) + (0, 0, band)))
    elif kind == "cap":
        visor = round_[round_[:, 1] <= 0] * (radius * 0.95, radius * rng.uniform(1.6, 2.0), 0)
        pieces.append(_thick(visor + (0, 0, band)))
    shift = np.array([centre[0], centre[1], 0.0])
    return [base + (piece + shift) @ head.T for piece in pieces]


def _thick(flat: Array) -> Array:
    """A flat point set (P,3) and a copy of it 6 mm above."""
    return np.concatenate([flat, flat + (0, 0, 0.006)])


def bag(bodies: Bodies, index: int, rng: np.random.Generator) -> list[Array]:
    """A bag in a hand, at a hip or on the back: point sets to hull."""
    size = float(bodies.stature[index]) / 1.7
    side = "L" if rng.random() < 0.5 else "R"
    sign = 1.0 if side == "L" else -1.0
    bones, heads = bodies.model.bones, bodies.bones_3d[index].astype(np.float64)
    kind = rng.choice(["hand", "shoulder", "back"], p=[0.4, 0.35, 0.25])
    half = rng.uniform((0.1, 0.04, 0.08), (0.19, 0.09, 0.18)) * size
    if kind == "hand":
        centre = heads[bones[f"finger3-1.{side}"]] - (0, 0, half[2] + rng.uniform(0.0, 0.15) * size)
        frame = _spun(rng)
    elif kind == "shoulder":
        root = _rotation(bodies, index, "root")
        centre = heads[bones[f"upperleg01.{side}"]] + root @ (np.array([sign * 0.13, rng.uniform(-0.1, 0.1), 0.05]) * size)
        half, frame = half[[1, 0, 2]], root
    else:
        frame = _rotation(bodies, index, "spine01")
        half = rng.uniform((0.11, 0.05, 0.15), (0.17, 0.1, 0.24)) * size
        centre = heads[bones["spine01"]] + frame @ np.array([0.0, 0.05 * size + half[1], 0.02 * size])
    corners = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=np.float64)
    inner = np.concatenate([corners * (1.0, 1.0, 0.75), corners * (0.75, 0.75, 1.0)]) * half
    return [centre + inner @ frame.T]


def _spun(rng: np.random.Generator) -> Array:
    turn = rng.uniform(0, np.pi)
    return np.array([[np.cos(turn), -np.sin(turn), 0.0], [np.sin(turn), np.cos(turn), 0.0], [0.0, 0.0, 1.0]])


def _unit(vector: Array) -> Array:
    unit: Array = vector / max(float(np.linalg.norm(vector)), 1e-9)
    return unit

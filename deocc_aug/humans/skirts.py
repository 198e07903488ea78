"""Cloth that hangs around both legs from the waist: skirts, dresses, coat tails.

It is a tube of rings.  Each ring is what a tape pulled tight around the body would be in one plane, and a little more: nothing that the
cloth covers is outside it, whatever the pose.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deocc_aug.humans.bodies import REGIONS, Bodies, BodyModel

Array = NDArray[np.floating[Any]]

AROUND = 32
_SPACING = 0.14  # between rings down the leg, thighs' lengths
_TURN = np.radians(18)  # between rings where the body is bent
_TIGHT = 0.008  # metres between the cloth and the waist
_KNEE = 1.0


@dataclass(frozen=True)
class Cut:
    """How cloth is cut: from `top`, template metres above the pelvis, `length` down the legs, 1 at the knee and 2 at the ankle; `loose`
    metres away from them, `flare` more at each knee's length."""

    top: float
    length: float
    loose: float
    flare: float


@dataclass(frozen=True, eq=False)
class Tube:
    """`vertices` (R * AROUND, 3) metres, ring by ring from the top; `faces`; `values` (.., 2): metres around and down the cloth."""

    vertices: Array
    faces: NDArray[np.int32]
    values: Array


def wrap(bodies: Bodies, index: int, cut: Cut, inner: Array, generator: np.random.Generator, more: Array | None = None) -> Tube:
    """The cloth around body `index`; it rides up where the legs spread wider than it is, and ends at the knee of a folded leg.

    Args:
        inner: (V,3) the skin with what is worn beneath.
        more: (P,3) other points that the cloth is to go around, such as those of a skirt under a coat.
    """
    size = float(bodies.stature[index]) / 1.7
    centres, normals, steps, beside = _axis(bodies, index, cut, size)
    down = _down(bodies.model)
    points = inner[(down >= -cut.top) & (down <= cut.length)][::2]
    points = points if more is None else np.concatenate([points, more])
    beyond = np.einsum("rpk,rk->rp", points[None] - centres[:, None], normals)  # how far each point is below each ring
    slabs = np.pad((beyond[:-1] >= 0) & (beyond[1:] < 0), ((1, 1), (0, 0)))  # between each ring and the one above it
    near = np.abs(beyond) < 0.015 * size
    near[1:] |= slabs[1:-1] | slabs[2:]
    angles = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    waves, phase, deep = int(generator.integers(5, 11)), generator.uniform(0, 2 * np.pi), generator.uniform(0, 0.07)
    folds = deep * (1 + np.sin(waves * angles + phase))
    swing = np.maximum(directions @ generator.normal(0, 0.03, 2), 0)
    side = bodies.rotations[index, bodies.model.bones["root"], :, 0].astype(np.float64)
    vertices = []
    for k, (centre, normal, step) in enumerate(zip(centres, normals, steps, strict=True)):
        across = _units(side - (side @ normal) * normal)
        plane = np.stack([across, np.cross(normal, across)], axis=1)
        least = (beside[k][:, None] + 0.04 * size * (directions[::4] @ plane.T)[None]).reshape(-1, 3)
        hangs = max(-normal[2], 0.0) * max(step, 0.0)  # cloth around legs that lie does not stand off them
        air = np.interp(step, [-cut.top, 0.15], [_TIGHT, cut.loose]) + cut.flare * hangs
        radius = _hull_radius((np.concatenate([points[near[k]], least]) - centre) @ plane, directions, air * size, plane[2])
        radius = radius * (1 + folds * hangs / max(cut.length, _KNEE)) + swing * hangs * size
        vertices.append(centre + radius[:, None] * directions @ plane.T)
    lengths = np.concatenate([[0], np.linalg.norm(np.diff(centres, axis=0), axis=1).cumsum()])
    values = np.stack([np.tile(angles * 0.16, len(centres)), -np.repeat(lengths, AROUND)], axis=1)
    return Tube(np.concatenate(vertices), _faces(len(centres)), values)


def _axis(bodies: Bodies, index: int, cut: Cut, size: float) -> tuple[Array, Array, Array, Array]:
    """Of each ring: the middle (R,3), the way down (R,3), its step down the legs (R,), points (R,2,3) of both legs or of the trunk."""
    bones = bodies.model.bones
    legs = np.stack([[bodies.bones_3d[index, bones[f"{n}.{s}"]] for n in ("upperleg01", "lowerleg01", "foot")] for s in "LR"]).astype(float)
    root = bodies.rotations[index, bones["root"]].astype(np.float64)
    template = bodies.model.template
    belt = (bodies.model.regions == REGIONS.index("torso")) & (np.abs(template[:, 2] - cut.top) < 0.03)
    waist = bodies.vertices[index, belt].astype(np.float64)
    waist = root @ ((waist @ root).min(axis=0) + (waist @ root).max(axis=0)) / 2
    steps = np.linspace(0.1, _worn_length(legs, cut, size), max(3, int(cut.length / _SPACING)))
    stations = np.stack([_at(legs, step) for step in steps])
    ways = np.gradient(stations.mean(axis=1), axis=0)
    apart = stations[:, 0] - stations[:, 1]
    ways -= ((ways * apart).sum(axis=1) / np.maximum((apart * apart).sum(axis=1), 1e-9))[:, None] * apart  # both legs are in the plane
    beside = np.concatenate([np.stack([waist, waist])[None], stations])
    ways = _units(np.concatenate([-root[None, :, 2], ways]))
    steps = np.concatenate([[-cut.top], steps])
    turns = np.arccos(np.clip((ways[:-1] * ways[1:]).sum(axis=1), -1, 1))
    finer = np.concatenate([k + np.arange(n) / n for k, n in enumerate((turns / _TURN).astype(int) + 1 + 2 * (steps[:-1] < 0))])
    first, share = finer.astype(int), finer % 1

    def between(values: Array) -> Array:
        weight = share.reshape(-1, *[1] * (values.ndim - 1))
        return np.concatenate([values[first] * (1 - weight) + values[first + 1] * weight, values[-1:]])

    beside = between(beside)
    return beside.mean(axis=1), _units(between(ways)), between(steps), beside


def _at(legs: Array, step: float) -> Array:
    """(2,3) where both legs (2,3,3) are at a step."""
    segment = min(int(step), 1)
    return np.asarray(legs[:, segment] + (step - segment) * (legs[:, segment + 1] - legs[:, segment]))


def _worn_length(legs: Array, cut: Cut, size: float) -> float:
    """How far down the cloth hangs: to the knee where a leg is folded, and where the legs spread wider than it is, it rides up."""
    along = np.diff(legs, axis=1)
    along /= np.maximum(np.linalg.norm(along, axis=2, keepdims=True), 1e-9)
    length = min(cut.length, _KNEE) if (along[:, 0] * along[:, 1]).sum(axis=1).min() < -0.1 else cut.length
    hips = float(np.linalg.norm(legs[0, 0] - legs[1, 0]))
    for step in np.arange(0.35, length, 0.05):
        legs_apart = float(np.linalg.norm(np.subtract(*_at(legs, step))))
        if legs_apart > hips + (0.25 + np.pi * (cut.loose + cut.flare * step)) * size:
            return float(step)
    return length


@lru_cache(maxsize=1)
def _down(model: BodyModel) -> Array:
    """(V,) how far down the legs each vertex of the skin is, 1 at the knee and 2 at the ankle; of the trunk, template metres below the
    pelvis; infinite elsewhere."""
    region, z = np.array(REGIONS)[model.regions], model.template[:, 2]
    hip, knee, ankle = (model.template_heads[model.bones[f"{name}.L"]] for name in ("upperleg01", "lowerleg01", "foot"))
    left = np.abs(model.template) * (1, 0, 0) + model.template * (0, 1, 1)
    thigh = ((left - hip) @ (knee - hip)) / ((knee - hip) @ (knee - hip))
    shin = ((left - knee) @ (ankle - knee)) / ((ankle - knee) @ (ankle - knee))
    return np.select([region == "torso", region == "thigh", region == "shin"], [-z, thigh.clip(0, _KNEE), _KNEE + shin.clip(0, 1)], np.inf)


def _hull_radius(points: Array, directions: Array, air: float, up: Array) -> Array:
    """How far (A,) the hull of points (P,2) around the origin, and `air` more, less of it where it lies on top, reaches in each
    direction (A,2); `up` (2,) is what the plane has of the way up."""
    outline = cv2.convexHull(points.astype(np.float32))[:, 0].astype(np.float64)
    edges = np.roll(outline, -1, axis=0) - outline
    normals = np.stack([edges[:, 1], -edges[:, 0]], axis=1) / np.maximum(np.linalg.norm(edges, axis=1, keepdims=True), 1e-9)
    offsets = np.einsum("ek,ek->e", normals, outline)
    normals *= np.sign(offsets)[:, None]
    offsets = np.abs(offsets) + air * (1 - 0.8 * np.maximum(normals @ up, 0))
    along = directions @ normals.T
    return np.asarray(np.where(along > 1e-9, offsets / np.maximum(along, 1e-9), np.inf).min(axis=1))


def _faces(rings: int) -> NDArray[np.int32]:
    here = np.arange(AROUND)
    there = (here + 1) % AROUND
    faces = []
    for a in range(0, (rings - 1) * AROUND, AROUND):
        b = a + AROUND
        faces += [np.stack([a + here, b + here, a + there], axis=1), np.stack([a + there, b + here, b + there], axis=1)]
    return np.concatenate(faces).astype(np.int32)


def _units(vectors: Array) -> Array:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9))

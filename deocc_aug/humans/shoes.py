"""A pair of shoes: closed tubes laid around the template's feet, which then go where the feet's bones go."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deocc_aug.humans.bodies import REGIONS, Bodies

Array = NDArray[np.floating[Any]]

_STATIONS, _AROUND = 18, 28
_LEATHER, _SOLE = 0.008, 0.012  # metres: thickness of the upper, and of the sole under the foot
_OPENING = 0.072  # metres above the foot's lowest point where the shoe ends


def shoes(bodies: Bodies, index: int) -> tuple[Array, Array, NDArray[np.int32]]:
    """Both shoes of body `index`: posed vertices (S,3) in metres, the same on the template (S,3), faces (T,3) of the two."""
    model = bodies.model
    template = model.template
    heads = model.template_heads
    size = float(bodies.stature[index]) / float(np.ptp(template[:, 2]))
    left, faces = _around_foot(template[(model.regions == REGIONS.index("foot")) & (template[:, 0] > 0)])
    posed, rest, both = [], [], []
    for side, mirror in (("L", 1.0), ("R", -1.0)):
        bone = model.bones[f"foot.{side}"]
        shoe = left * (mirror, 1.0, 1.0)
        rest.append(shoe)
        posed.append(bodies.bones_3d[index, bone] + (shoe - heads[bone]) * size @ bodies.rotations[index, bone].T.astype(np.float64))
        both.append(faces if mirror > 0 else faces[:, ::-1] + len(left))
    return np.concatenate(posed), np.concatenate(rest), np.concatenate(both)


def _around_foot(foot: Array) -> tuple[Array, NDArray[np.int32]]:
    """A tube around the vertices (P,3) of a foot, closed at heel and toes: vertices (S,3) and faces (T,3)."""
    toes, heel = foot[foot[:, 1] < np.quantile(foot[:, 1], 0.1)], foot[foot[:, 1] > np.quantile(foot[:, 1], 0.9)]
    ahead = (toes.mean(axis=0) - heel.mean(axis=0)) * (1, 1, 0)
    ahead /= np.linalg.norm(ahead)
    across = np.array([-ahead[1], ahead[0], 0.0])
    u, w = foot @ ahead, foot @ across
    bottom = float(foot[:, 2].min())
    ends = u.min() - _LEATHER, u.max() + 1.5 * _LEATHER
    t = (1 - np.cos(np.linspace(0.12, np.pi - 0.12, _STATIONS))) / 2  # closer together at the rounded ends
    stations = ends[0] + t * (ends[1] - ends[0])
    angles = np.linspace(0, 2 * np.pi, _AROUND, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)])
    square = np.sign(circle) * np.abs(circle) ** 0.62
    rings = []
    for part, station in zip(t, stations, strict=True):
        near = np.argsort(np.abs(u - station))[:60]
        low, high = w[near].min() - _LEATHER, w[near].max() + _LEATHER
        top = min(float(foot[near, 2].max()), bottom + _OPENING) + _LEATHER
        round_off = min(1.0, float((2 * min(part, 1 - part) / 0.16) ** 0.5))
        half, middle = (high - low) / 2 * (0.45 + 0.55 * round_off), (high + low) / 2
        height = (top - bottom + _SOLE) * (0.75 + 0.25 * round_off)
        ring = station * ahead + (middle + half * square[0])[:, None] * across
        ring[:, 2] = bottom - _SOLE + height / 2 * (1 + square[1])
        rings.append(ring)
    tube = np.concatenate([*rings, rings[0].mean(axis=0)[None], rings[-1].mean(axis=0)[None]])
    return tube, _skin_of_tube()


def _skin_of_tube() -> NDArray[np.int32]:
    """Faces (T,3) between neighbouring rings, and from the end rings to their middles, the last two vertices."""
    here = np.arange(_AROUND)
    there, last = (here + 1) % _AROUND, (_STATIONS - 1) * _AROUND
    heel, toes = np.full(_AROUND, last + _AROUND), np.full(_AROUND, last + _AROUND + 1)
    faces = [np.stack([heel, there, here], axis=1), np.stack([toes, last + here, last + there], axis=1)]
    for a in range(0, last, _AROUND):
        b = a + _AROUND
        faces += [np.stack([a + there, b + here, a + here], axis=1), np.stack([b + there, b + here, a + there], axis=1)]
    return np.concatenate(faces).astype(np.int32)

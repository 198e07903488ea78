"""What a rendered person wears: cloth, hair and a face, laid over the body by where each point of skin is on the template.

Every body of the model has the template's vertices in the template's order, so a hem is a curve on the template: the
distance to it is kept at the vertices, interpolated over the faces, and crossed between two pixels whatever the pose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deocc_aug.humans.bodies import REGIONS, Bodies, BodyModel
from deocc_aug.humans.noise import smooth_noise
from deocc_aug.humans.raster import vertex_normals
from deocc_aug.humans.shoes import shoes

Array = NDArray[np.floating[Any]]
Colour = tuple[int, int, int]

PARTS = ("shirt", "trousers", "shoes", "hair", "eyes")
_SHOES = PARTS.index("shoes")


@dataclass(frozen=True)
class Outfit:
    """Colours (RGB, 0 to 255) and cuts; `sleeve` and `leg` are shares of the limb that is covered."""

    skin: Colour = (214, 164, 136)
    hair: Colour = (62, 42, 30)
    shirt: Colour = (176, 54, 48)
    trousers: Colour = (52, 66, 98)
    shoes: Colour = (66, 48, 40)
    sleeve: float = 0.36
    leg: float = 1.0


@dataclass(frozen=True)
class Dressed:
    """A dressed body: `vertices` (V,3) metres, `faces` (F,3) with the eyes; `rest` (V,3) where each vertex is on the template;
    `cover` (V,5) template metres inside each of :data:`PARTS`, negative outside."""

    vertices: Array
    faces: NDArray[np.int32]
    rest: Array
    cover: Array


def dress(bodies: Bodies, index: int, outfit: Outfit, generator: np.random.Generator) -> Dressed:
    """Body `index` with cloth and hair: smoothed where cloth bridges the skin's hollows, then moved outward with folds."""
    model = bodies.model
    rest = model.template
    faces = model.triangles
    cover = _cover(model, rest, outfit)
    shirt, trousers, _, hair, _ = np.clip(cover / 0.008, 0, 1).T
    cloth = np.maximum(shirt, trousers)
    vertices = bodies.vertices[index].astype(np.float64)
    vertices = _draped(vertices, model.faces, np.clip(cover[:, 0] / 0.1, 0, 1), 80)  # a shirt hangs from what stands out
    vertices = _smoothed(vertices, model.faces, cloth, 12)
    folds = smooth_noise(rest[:, 0] * 9 + rest[:, 1] * 5, rest[:, 2] * 15, generator, octaves=2)
    tufts = smooth_noise(rest[:, 0] * 40, rest[:, 1] * 40 + rest[:, 2] * 25, generator)
    thick = 0.012 * shirt + (0.009 + 0.012 * np.clip(-rest[:, 2] / 0.75, 0, 1)) * trousers + 0.0028 * folds * cloth
    thick += (0.024 * np.clip(cover[:, 3] / 0.05, 0, 1) + 0.002 * tufts) * hair
    size = float(bodies.stature[index]) / 1.7
    vertices += vertex_normals(vertices, faces) * (thick * size)[:, None]
    barefoot = (cover[faces, _SHOES] > 0.02).all(axis=1)
    shod, shod_rest, shod_faces = shoes(bodies, index)
    shod_cover = np.full((len(shod), len(PARTS)), -0.05)
    shod_cover[:, _SHOES] = _SHOE_TOP - shod_rest[:, 2]
    return Dressed(
        vertices=np.concatenate([vertices, shod]),
        faces=np.concatenate([faces[~barefoot], shod_faces + len(vertices)]).astype(np.int32),
        rest=np.concatenate([rest, shod_rest]),
        cover=np.concatenate([cover, shod_cover]),
    )


def reflectance(rest: Array, cover: Array, outfit: Outfit, generator: np.random.Generator) -> Array:
    """Linear reflectance (P,3) of points with interpolated `rest` (P,3) and `cover` (P,5)."""
    x, y, z = rest.T
    shirt, trousers, shoe, hair, eyes = cover.T
    weave = smooth_noise(x * 180 + y * 90, z * 180, generator)
    patch = smooth_noise(x * 14 + y * 9, z * 14, generator, octaves=3)
    strands = smooth_noise(x * 260 + y * 60, z * 30 + y * 40, generator, octaves=2)
    out = _face(rest, eyes, outfit) * (1 + 0.04 * patch)[:, None]
    _lay(out, hair + 0.003 * strands > 0, linear(outfit.hair) * (1 + 0.25 * strands)[:, None])
    top = np.tile(linear(outfit.shirt), (len(rest), 1))
    top *= np.where(np.abs(shirt - 0.009) < 0.0014, 0.7, 1 + 0.03 * weave + 0.05 * patch)[:, None]  # a seam along the hems
    _lay(out, shirt > 0, top)
    _lay(out, trousers > 0, linear(outfit.trousers) * (1 + 0.06 * weave + 0.1 * patch)[:, None])
    upper = linear(outfit.shoes) * (1 + 0.06 * weave)[:, None]
    sole = np.broadcast_to(linear((222, 216, 204)), upper.shape)
    _lay(out, shoe > 0, np.where((shoe > _SOLE_FROM)[:, None], sole, upper))
    return np.clip(out, 0.003, 0.95)


def linear(colour: Colour) -> Array:
    """A colour (R, G, B) from 0 to 255 as linear light (3,) from 0 to 1."""
    return (np.array(colour, dtype=np.float64) / 255) ** 2.2


# Heights on the template, metres: its pelvis is near 0, its soles at -0.817; a shoe's sole begins so far below its top.
_HEM, _ANKLE, _SHOE_TOP, _SOLE_FROM = 0.06, -0.745, -0.735, 0.076
_EYES, _MOUTH = (0.031, -0.125, 0.728), (0.0, -0.13, 0.655)


def _cover(model: BodyModel, rest: Array, outfit: Outfit) -> Array:
    x, y, z = rest.T
    heads = model.template_heads
    region = np.array(REGIONS)[model.regions]
    arm = np.isin(region, ("upper_arm", "lower_arm", "hand"))
    shoulder, elbow, wrist = (heads[model.bones[f"{name}.L"]] for name in ("upperarm01", "lowerarm01", "wrist"))
    upper, lower = (float(np.linalg.norm(end - start)) for start, end in ((shoulder, elbow), (elbow, wrist)))
    left = np.abs(rest) * (1, 0, 0) + rest * (0, 1, 1)  # both arms as the left one
    along = np.where(
        region == "upper_arm", (left - shoulder) @ (elbow - shoulder) / upper, upper + (left - elbow) @ (wrist - elbow) / lower
    )
    sleeve = np.where(arm, outfit.sleeve * (upper + lower) - along, 0.1)
    above_hem = np.where(arm, 0.1, z - _HEM)
    shirt = np.minimum(np.minimum(above_hem, sleeve), 0.6 + 0.4 * y - z)
    ankle = 0.05 + outfit.leg * (_ANKLE - 0.05)
    trousers = np.minimum(-above_hem, z - ankle)
    shoe = np.where(arm, -0.1, _SHOE_TOP - z)
    head = region == "head"
    middle = (rest[head].min(axis=0) + rest[head].max(axis=0)) / 2
    away = (rest - middle) / np.maximum(np.linalg.norm(rest - middle, axis=1, keepdims=True), 1e-9)
    hair = np.where(head, 0.1 * (0.75 * away[:, 1] + 0.85 * away[:, 2] - 0.12), -0.05)
    eyes = np.full(len(rest), -0.01)
    eyes[np.setdiff1d(np.arange(len(rest)), model.faces)] = 0.01
    hair[eyes > 0] = -0.05
    return np.stack([shirt, trousers, shoe, hair, eyes], axis=1)


def _face(rest: Array, eyes: Array, outfit: Outfit) -> Array:
    """Skin with eyes, brows and lips, (P,3)."""
    x, y, z = np.abs(rest[:, 0]), rest[:, 1], rest[:, 2]
    out = np.tile(linear(outfit.skin), (len(rest), 1))
    front = y < -0.07
    lips = front & (((x - _MOUTH[0]) / 0.026) ** 2 + ((z - _MOUTH[2]) / 0.009) ** 2 < 1)
    _lay(out, lips, out * (0.85, 0.55, 0.55))
    _lay(out, lips & (np.abs(z - _MOUTH[2]) < 0.0012), out * 0.4)
    brow = front & (((x - _EYES[0]) / 0.021) ** 2 + ((z - _EYES[2] - 0.021 + 0.12 * np.abs(x - 0.028)) / 0.0035) ** 2 < 1)
    _lay(out, brow, 0.5 * out + 0.5 * linear(outfit.hair))
    ball = np.stack([x, y, z], axis=1) - _EYES
    facing = -ball[:, 1] / np.maximum(np.linalg.norm(ball, axis=1), 1e-9)
    _lay(out, eyes > 0, np.broadcast_to(linear((226, 220, 214)), out.shape))
    _lay(out, (eyes > 0) & (facing > 0.87), np.broadcast_to(linear((84, 62, 44)), out.shape))
    _lay(out, (eyes > 0) & (facing > 0.97), np.broadcast_to(linear((16, 14, 14)), out.shape))
    return out


def _lay(out: Array, where: NDArray[np.bool_], colour: Array) -> None:
    out[where] = colour[where]


def _draped(vertices: Array, faces: NDArray[np.int32], share: Array, steps: int) -> Array:
    """Vertices (V,3) smoothed, but nowhere inside what they cover, and smoothed a little again."""
    smooth = _smoothed(vertices, faces, share, steps)
    normals = vertex_normals(smooth, faces)
    outside = smooth + normals * np.maximum(np.einsum("vk,vk->v", vertices - smooth, normals), 0)[:, None]
    return _smoothed(outside, faces, share, 12)


def _smoothed(vertices: Array, faces: NDArray[np.int32], share: Array, steps: int) -> Array:
    """Vertices (V,3) drawn towards their neighbours' mean, `share` (V,) of the way, several times."""
    ends = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    ends = np.concatenate([ends, ends[:, ::-1]])
    ends = ends[share[ends[:, 0]] > 0]
    count = np.maximum(np.bincount(ends[:, 0], minlength=len(vertices)), 1)[:, None]
    for _ in range(steps):
        mean = np.stack([np.bincount(ends[:, 0], vertices[ends[:, 1], k], len(vertices)) for k in range(3)], axis=1) / count
        vertices = vertices + share[:, None] * 0.5 * (mean - vertices)
    return vertices

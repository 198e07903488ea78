"""From what is worn to what is drawn: meshes on one posed body, each with what its surface is made of.

Close-fitting cloth is the skin itself, moved outward and coloured by where each point is on the template: a hem is a curve on
the template, its distance kept at the vertices and crossed between two pixels whatever the pose.  What hangs free (skirts,
coat tails, long hair, hats, bags) is a mesh of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deocc_aug.humans.bodies import REGIONS, Bodies, BodyModel, body_model
from deocc_aug.humans.fabrics import Fabric, linear
from deocc_aug.humans.hung import hang
from deocc_aug.humans.loose_clothes import bag, hat, long_hair, scalp
from deocc_aug.humans.noise import smooth_noise
from deocc_aug.humans.pieces import PARTS, WEAR, Piece, Seen, Surface, skin_parts
from deocc_aug.humans.raster import vertex_normals
from deocc_aug.humans.shoes import shoes
from deocc_aug.humans.skirts import Cut, Tube, wrap
from deocc_aug.humans.wear import Outfit, Top

Array = NDArray[np.floating[Any]]

@dataclass(frozen=True, eq=False)
class _Layer:
    """Cloth on the skin: `cover` (V,) template metres inside its hems, `thick` (V,) metres, what it is."""

    wear: str
    cover: Array
    thick: Array
    fabric: Fabric


def dress(bodies: Bodies, index: int, outfit: Outfit, generator: np.random.Generator) -> list[Piece]:
    """The pieces of body `index` in an outfit; the same generator state gives the same folds and dyes."""
    model = bodies.model
    layers = [layer for layer in _layers(model, outfit, generator) if layer.wear not in outfit.hung]
    hair = _hair_cover(model, outfit)
    vertices = _displaced(bodies, index, outfit, layers, hair, generator)
    faces = model.triangles
    pieces = []
    if outfit.shoes is not None and not outfit.garment("shoes"):
        barefoot = model.template[:, 2] < _SHOE_TOP - 0.02
        faces = faces[~barefoot[faces].all(axis=1)]
        pieces.append(_pair_of_shoes(bodies, index, outfit.shoes, generator))
    for garment in outfit.garments:
        faces = faces[~garment.hidden_skin(model)[faces].all(axis=1)]
        pieces.append(hang(garment, bodies, index, outfit.dyes, generator))
    values = np.concatenate([model.template, hair[:, None], *[layer.cover[:, None] for layer in layers]], axis=1)
    pieces.append(Piece(vertices, faces, skin_parts(model), values, _body_surface(model, outfit, layers, generator)))
    pieces += _hanging(bodies, index, outfit, vertices, generator)
    return pieces


# Heights on the template, metres: its pelvis is near 0, its soles at -0.817; a shoe's sole begins so far below its top.
_WAIST, _ANKLE, _SHOE_TOP, _SOLE_FROM = 0.1, -0.745, -0.735, 0.076
_EYES, _MOUTH = (0.031, -0.125, 0.728), (0.0, -0.13, 0.655)
_OUTSIDE = -0.1


@dataclass(frozen=True, eq=False)
class _Template:
    """Measures of the template: `arm` (V,) bool, `along` (V,) metres down the arm, `length` of it; `smooth`, `drape` (V,3) what
    takes its skin to cloth that bridges hollows, and to cloth that hangs from what stands out."""

    arm: NDArray[np.bool_]
    head: NDArray[np.bool_]
    along: Array
    length: float
    smooth: Array
    drape: Array
    away: Array
    owner: NDArray[np.int64]


@lru_cache(maxsize=1)
def _template() -> _Template:
    model = body_model()
    rest, heads = model.template, model.template_heads
    region = np.array(REGIONS)[model.regions]
    arm, head = np.isin(region, ("upper_arm", "lower_arm", "hand")), region == "head"
    shoulder, elbow, wrist = (heads[model.bones[f"{name}.L"]] for name in ("upperarm01", "lowerarm01", "wrist"))
    upper, lower = (float(np.linalg.norm(end - start)) for start, end in ((shoulder, elbow), (elbow, wrist)))
    left = np.abs(rest) * (1, 0, 0) + rest * (0, 1, 1)  # both arms as the left one
    along = np.where(
        region == "upper_arm", (left - shoulder) @ (elbow - shoulder) / upper, upper + (left - elbow) @ (wrist - elbow) / lower
    )
    torso = np.clip((region == "torso").astype(float) * (0.62 - rest[:, 2]) / 0.1, 0, 1)
    body = (~head & (region != "hand")).astype(float)
    middle = (rest[head].min(axis=0) + rest[head].max(axis=0)) / 2
    weights, bones = model.anny.vertex_bone_weights.numpy()[model.skin], model.anny.vertex_bone_indices.numpy()[model.skin]
    return _Template(
        arm=arm,
        head=head,
        along=along,
        length=upper + lower,
        smooth=_smoothed(rest, model.faces, body, 12) - rest,
        drape=_draped(rest, model.faces, torso, 80) - rest,
        away=(rest - middle) / np.maximum(np.linalg.norm(rest - middle, axis=1, keepdims=True), 1e-9),
        owner=np.take_along_axis(bones, weights.argmax(axis=1)[:, None], axis=1)[:, 0].astype(np.int64),
    )


def _layers(model: BodyModel, outfit: Outfit, generator: np.random.Generator) -> list[_Layer]:
    """The cloth on the skin, innermost first."""
    layers = []
    z, arm = model.template[:, 2], _template().arm
    if outfit.bottom is not None:
        ankle = 0.05 + outfit.bottom.leg * (_ANKLE - 0.05)
        cover = np.where(arm, _OUTSIDE, np.minimum(_WAIST - z, z - ankle))
        thick = outfit.bottom.thick + outfit.bottom.flare * np.clip(-z / 0.75, 0, 1) ** 2
        layers.append(_Layer("bottom", cover, thick, outfit.bottom.fabric))
    if outfit.shoes is not None and outfit.boots > 0:
        layers.append(_Layer("shoes", np.where(arm, _OUTSIDE, _ANKLE + outfit.boots - z), np.full(len(z), 0.01), outfit.shoes))
    if outfit.top is not None:
        layers.append(_Layer("top", _top_cover(model, outfit.top), np.full(len(z), outfit.top.thick), outfit.top.fabric))
    if outfit.coat is not None:
        cover = _top_cover(model, outfit.coat)
        if generator.random() < 0.6:  # open in front
            front = model.template[:, 1] < 0
            gap = generator.uniform(0.015, 0.06)
            cover = np.where(front & ~arm, np.minimum(cover, np.abs(model.template[:, 0]) - gap), cover)
        under = 0.0 if outfit.top is None else outfit.top.thick
        layers.append(_Layer("coat", cover, np.full(len(z), under + outfit.coat.thick), outfit.coat.fabric))
    return layers


def _top_cover(model: BodyModel, top: Top) -> Array:
    rest, template = model.template, _template()
    sleeve = np.where(template.arm, top.sleeve * template.length - template.along, 0.1)
    above_hem = np.where(template.arm, 0.1, rest[:, 2] - top.hem)
    return np.asarray(np.minimum(np.minimum(above_hem, sleeve), 0.6 - top.neck + 0.4 * rest[:, 1] - rest[:, 2]))


_HAIR_THICK = {"bald": 0.0, "cropped": 0.003, "short": 0.016, "full": 0.034, "long": 0.026, "tail": 0.012}


def _hair_cover(model: BodyModel, outfit: Outfit) -> Array:
    """(V,) template metres inside the hairline."""
    template = _template()
    if outfit.hair_style == "bald":
        return np.full(len(model.template), _OUTSIDE)
    cover = np.where(template.head, 0.1 * (0.75 * template.away[:, 1] + 0.85 * template.away[:, 2] - 0.12), -0.05)
    cover[_eyeballs(model)] = -0.05
    return np.asarray(cover)


def _eyeballs(model: BodyModel) -> NDArray[np.intp]:
    return np.setdiff1d(np.arange(len(model.template)), model.faces)


def _displaced(
    bodies: Bodies, index: int, outfit: Outfit, layers: list[_Layer], hair: Array, generator: np.random.Generator
) -> Array:
    """The skin (V,3) as cloth and hair make it."""
    template, model = _template(), bodies.model
    size = float(bodies.stature[index]) / 1.7
    rest = model.template
    folds = smooth_noise(rest[:, 0] * 9 + rest[:, 1] * 5, rest[:, 2] * 15, generator, octaves=2)
    tufts = smooth_noise(rest[:, 0] * 40, rest[:, 1] * 40 + rest[:, 2] * 25, generator)
    thick, moved = np.zeros(len(rest)), np.zeros_like(rest)
    for layer in layers:
        worn = np.clip(layer.cover / 0.008, 0, 1)
        thick = np.maximum(thick, (layer.thick + 0.0028 * outfit.wrinkles * folds * min(1.0, layer.thick.max() / 0.006)) * worn)
        loose = float(np.clip(layer.thick.mean() / 0.01, 0, 1))
        hangs = template.drape if layer.wear in ("top", "coat") else template.smooth
        moved = np.where(worn[:, None] > 0, worn[:, None] * loose * hangs, moved)
    grown = np.clip(hair / 0.008, 0, 1)
    longest = 0.003 if outfit.garment("hair") or outfit.garment("hat") else _HAIR_THICK[outfit.hair_style]
    thick += (longest * np.clip(hair / 0.05, 0, 1) + 0.002 * tufts) * grown
    turned = np.einsum("vij,vj->vi", bodies.rotations[index].astype(np.float64)[template.owner], moved)
    vertices = bodies.vertices[index].astype(np.float64)
    vertices = vertices + size * turned
    return np.asarray(vertices + vertex_normals(vertices, model.triangles) * (thick * size)[:, None])


def _body_surface(model: BodyModel, outfit: Outfit, layers: list[_Layer], generator: np.random.Generator) -> Surface:
    state = generator.integers(2**63)

    def surface(values: Array) -> Seen:
        rng = np.random.default_rng(state)
        rest, hair = values[:, :3].astype(np.float64), values[:, 3]
        x, y, z = rest.T
        patch = smooth_noise(x * 14 + y * 9, z * 14, rng, octaves=2)
        wear = np.full(len(rest), WEAR.index("skin"), np.uint8)
        out = _face(rest, outfit) * (1 + 0.04 * patch)[:, None]
        strands = smooth_noise(x * 200 + y * 60, z * 30 + y * 40, rng, octaves=2)
        grown = hair + 0.003 * strands > 0
        thin = 0.45 if outfit.hair_style == "cropped" else 1.0
        tone = linear(outfit.hair) * (1 + 0.25 * strands)[:, None]
        out[grown] = (thin * tone + (1 - thin) * out)[grown]
        wear[grown] = WEAR.index("hair")
        for layer, cover in zip(layers, values[:, 4:].T, strict=True):
            on = cover > 0
            shade = np.clip(1 + cover / 0.03, 0.72, 1)  # what a hem keeps from the light beneath it
            out[~on] *= shade[~on, None]
            around = np.where(np.abs(x) > 0.25, 0.5, 0.0)  # a sleeve's cloth is another piece than the front's
            dyed = layer.fabric.reflectance((x + 0.6 * y + around)[on], z[on], rng)
            seam = np.abs(cover[on] - 0.012) < 0.0016
            out[on] = dyed * np.where(seam, 0.75, 1.0)[:, None]
            wear[on] = WEAR.index(layer.wear)
        return np.clip(out, 0.003, 0.95), wear

    return surface


def _face(rest: Array, outfit: Outfit) -> Array:
    """Skin with eyes, brows, lips and beard, (P,3)."""
    x, y, z = np.abs(rest[:, 0]), rest[:, 1], rest[:, 2]
    skin, hair = linear(outfit.skin), linear(outfit.hair)
    out = np.tile(skin, (len(rest), 1))
    front = (y < -0.07) & (z > 0.55)
    if outfit.beard:
        chin = (z > 0.58) & (z < 0.672) & (y < -0.035) & (x < 0.075)
        out[chin] = 0.35 * out[chin] + 0.65 * hair
    cheeks = front & (((x - 0.045) / 0.022) ** 2 + ((z - 0.69) / 0.018) ** 2 < 1)
    out[cheeks] *= (1.0, 0.9, 0.9)
    lips = front & ((x / 0.026) ** 2 + ((z - _MOUTH[2]) / 0.009) ** 2 < 1)
    out[lips] = skin * (0.85, 0.55, 0.55)
    out[lips & (np.abs(z - _MOUTH[2]) < 0.0012)] *= 0.4
    nostril = front & (((x - 0.008) / 0.005) ** 2 + ((z - 0.684) / 0.003) ** 2 < 1)
    out[nostril] *= 0.45
    brow = front & (((x - _EYES[0]) / 0.021) ** 2 + ((z - _EYES[2] - 0.021 + 0.12 * np.abs(x - 0.028)) / 0.0035) ** 2 < 1)
    out[brow] = 0.4 * out[brow] + 0.6 * hair
    ball = np.stack([x, y, z], axis=1) - _EYES
    far = np.linalg.norm(ball, axis=1)
    socket = front & (far < 0.021)
    facing = -ball[:, 1] / np.maximum(far, 1e-9)
    lid = socket & (np.abs(ball[:, 2]) > 0.0075)
    out[lid] *= 0.7
    white = socket & ~lid & (np.abs(ball[:, 0]) < 0.015)
    out[white] = linear((226, 220, 214))
    out[white & (facing > 0.9)] = linear((84, 62, 44))
    out[white & (facing > 0.97)] = linear((16, 14, 14))
    return out


def _pair_of_shoes(bodies: Bodies, index: int, fabric: Fabric, generator: np.random.Generator) -> Piece:
    vertices, rest, faces = shoes(bodies, index)
    sole = linear((222, 216, 204)) if generator.random() < 0.4 else linear((40, 36, 34))
    state = generator.integers(2**63)
    parts = np.where(rest[:, 0] > 0, PARTS.index("left_foot"), PARTS.index("right_foot")).astype(np.uint8)

    def surface(values: Array) -> Seen:
        x, y, z = values.T
        out = fabric.reflectance(x + y, z, np.random.default_rng(state))
        out[_SHOE_TOP - z > _SOLE_FROM] = sole
        return np.clip(out, 0.003, 0.95), np.full(len(values), WEAR.index("shoes"), np.uint8)

    return Piece(vertices, faces.astype(np.int32), parts, rest, surface, gloss=0.08)


def _hanging(bodies: Bodies, index: int, outfit: Outfit, skin: Array, generator: np.random.Generator) -> list[Piece]:
    """Skirt, coat tails, long hair, hat and bag."""
    pieces = []
    torso, head = PARTS.index("torso"), PARTS.index("head")
    skirt: Tube | None = None
    if outfit.skirt is not None and "bottom" not in outfit.hung:
        cut = Cut(_WAIST - 0.01, outfit.skirt.length, outfit.skirt.loose, outfit.skirt.flare)
        skirt = wrap(bodies, index, cut, skin, generator)
        pieces.append(_draped_cloth(skirt, outfit.skirt.fabric, "bottom", bodies, index, generator))
    if outfit.coat is not None and outfit.coat.name == "coat" and "coat" not in outfit.hung:
        cut = Cut(_WAIST - 0.01, float(generator.uniform(0.3, 1.2)), 0.012, float(generator.uniform(0, 0.05)))
        tails = wrap(bodies, index, cut, skin, generator, None if skirt is None else skirt.vertices)
        pieces.append(_draped_cloth(tails, outfit.coat.fabric, "coat", bodies, index, generator))
    roots = skin[scalp(bodies, index)[0]]
    if outfit.hair_style in ("long", "tail") and not outfit.garment("hair"):
        for hull in long_hair(bodies, index, generator, roots, tail=outfit.hair_style == "tail"):
            pieces.append(_hull(hull, head, _strands(outfit, generator), 0.05))
    if outfit.hat is not None and not outfit.garment("hat"):
        for hull in hat(bodies, index, generator, roots):
            pieces.append(_hull(hull, head, _cloth(outfit.hat, "hat", generator), 0.03))
    if outfit.bag is not None:
        for hull in bag(bodies, index, generator):
            pieces.append(_hull(hull, torso, _cloth(outfit.bag, "bag", generator), 0.06))
    return pieces


def _cloth(fabric: Fabric, wear: str, generator: np.random.Generator) -> Surface:
    state = generator.integers(2**63)

    def surface(values: Array) -> Seen:
        out = fabric.reflectance(values[:, 0] + 0.6 * values[:, 1], values[:, -1], np.random.default_rng(state))
        return np.clip(out, 0.003, 0.95), np.full(len(values), WEAR.index(wear), np.uint8)

    return surface


def _strands(outfit: Outfit, generator: np.random.Generator) -> Surface:
    state = generator.integers(2**63)

    def surface(values: Array) -> Seen:
        x, y, z = values.T
        strands = smooth_noise(x * 160 + y * 110, z * 14, np.random.default_rng(state), octaves=2)
        out = linear(outfit.hair) * (1 + 0.28 * strands)[:, None]
        return np.clip(out, 0.003, 0.95), np.full(len(values), WEAR.index("hair"), np.uint8)

    return surface


def _hull(points: Array, part: int, surface: Surface, gloss: float) -> Piece:
    """The convex hull of points (P,3), each face turned outward."""
    from scipy.spatial import ConvexHull

    hull = ConvexHull(points, qhull_options="QJ")  # shaken a little, so that flat or doubled points do no harm
    faces = hull.simplices.astype(np.int32)
    corners = points[faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    inward = np.einsum("fk,fk->f", across, hull.equations[:, :3]) < 0
    faces[inward] = faces[inward][:, ::-1]
    local = points - points.mean(axis=0)
    return Piece(points, faces, np.full(len(points), part, np.uint8), local, surface, gloss)


def _draped_cloth(tube: Tube, fabric: Fabric, wear: str, bodies: Bodies, index: int, generator: np.random.Generator) -> Piece:
    parts = _nearest_part(bodies, index, tube.vertices)
    return Piece(tube.vertices, tube.faces, parts, tube.values, _cloth(fabric, wear, generator), fabric.gloss, both_sides=True)


def _nearest_part(bodies: Bodies, index: int, points: Array) -> NDArray[np.uint8]:
    """(P,) index into :data:`PARTS` of the skin nearest to points (P,3), hands and arms left out."""
    parts = skin_parts(bodies.model)
    names = np.array(PARTS)[parts]
    allowed = np.flatnonzero((names == "torso") | np.char.endswith(names, "thigh") | np.char.endswith(names, "shin"))[::7]
    near = ((points[:, None] - bodies.vertices[index][allowed][None]) ** 2).sum(axis=2).argmin(axis=1)
    return np.asarray(parts[allowed][near])


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

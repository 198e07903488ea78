"""A wardrobe's garments as pieces: hung on a posed body, their textures dyed in the outfit's colours."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from deocc_aug.humans.bodies import Bodies, BodyModel
from deocc_aug.humans.fabrics import Fabric, linear
from deocc_aug.humans.pieces import PARTS, WEAR, Piece, Seen, Surface, skin_parts
from deocc_aug.humans.suits import covers
from deocc_aug.humans.wardrobe import Garment

Array = NDArray[np.floating[Any]]

_WAIST = 0.06  # template metres above the pelvis: what covers trunk and hips is a top above it
_CLOTH_METRES = 1.6  # how much cloth a texture shows across


def hang(garment: Garment, bodies: Bodies, index: int, dyes: dict[str, Fabric | Array], generator: np.random.Generator) -> Piece:
    """The garment on body `index`.

    Args:
        dyes: what to colour it with, by :data:`WEAR`: "top", "bottom" or both for suits, as they cover these, else the garment's own
            kind; a fabric, or sRGB (3,) for hair.
    """
    parts, height = _bound_to(garment, bodies.model)
    values = np.concatenate([garment.texture_coordinates, height[:, None]], axis=1)
    if garment.kind != "suit":
        surface = _dyed(garment, garment.kind, dyes[garment.kind], generator)
    else:
        worn = covers(garment)
        both = worn.top is not None and worn.bottom is not None
        place = "top" if worn.top is not None else "bottom"
        surface = _suit(garment, dyes, generator) if both else _dyed(garment, place, dyes[place], generator)
    hair = garment.kind == "hair"
    return Piece(garment.hang(bodies, index), garment.faces, parts, values, surface, 0.05 if hair else 0.03, both_sides=True,
                 opacity=garment.opacity if hair else None)  # fmt: skip


@lru_cache(maxsize=1)
def _nearest_skin() -> NDArray[np.intp]:
    from deocc_aug.humans.bodies import body_model

    model = body_model()
    return np.asarray(cKDTree(model.template).query(model.anny.template_vertices.numpy())[1])


@lru_cache(maxsize=256)
def _bound_to(garment: Garment, model: BodyModel) -> tuple[NDArray[np.uint8], Array]:
    """The body's part (V,) beneath each vertex, and its height (V,) on the template."""
    first = garment.anchors[np.arange(len(garment.anchors)), garment.weights.argmax(axis=1)]
    parts = skin_parts(model)[_nearest_skin()[first]]
    if garment.kind in ("hair", "hat"):
        parts = np.full(len(first), PARTS.index("head"), np.uint8)
    return parts, model.anny.template_vertices.numpy()[first, 2].astype(np.float64)


@lru_cache(maxsize=256)
def _detail(garment: Garment) -> NDArray[np.float32] | None:
    """The texture's linear brightness (h,w) in shares of its mean: folds, seams, buttons."""
    if garment.texture is None:
        return None
    bright = (garment.texture.astype(np.float32) / 255) ** 2.2 @ np.array([0.3, 0.59, 0.11], np.float32)
    solid = bright if garment.opacity is None else bright[garment.opacity > 127]
    mean = (solid if solid.size else bright).mean()  # a veil, say, is nowhere solid
    return np.asarray(np.clip(bright / max(float(mean), 1e-3), 0.15, 2.5), np.float32)


def _at(plane: NDArray[np.float32], u: Array, v: Array) -> Array:
    rows = (np.mod(v, 1) * plane.shape[0]).astype(np.intp).clip(0, plane.shape[0] - 1)
    columns = (np.mod(u, 1) * plane.shape[1]).astype(np.intp).clip(0, plane.shape[1] - 1)
    return np.asarray(plane[rows, columns])


def _dyed(garment: Garment, wear: str, dye: Fabric | Array, generator: np.random.Generator) -> Surface:
    detail, state, label = _detail(garment), generator.integers(2**63), WEAR.index(wear)

    def surface(values: Array) -> Seen:
        u, v = values[:, 0], values[:, 1]
        colour = _colour(dye, u, v, state)
        if detail is not None:
            colour = colour * _at(detail, u, v)[:, None]
        return np.clip(colour, 0.003, 0.95), np.full(len(values), label, np.uint8)

    return surface


def _suit(garment: Garment, dyes: dict[str, Fabric | Array], generator: np.random.Generator) -> Surface:
    detail, states = _detail(garment), generator.integers(2**63, size=2)

    def surface(values: Array) -> Seen:
        u, v, upper = values[:, 0], values[:, 1], values[:, 2] > _WAIST
        colour = np.where(upper[:, None], _colour(dyes["top"], u, v, states[0]), _colour(dyes["bottom"], u, v, states[1]))
        if detail is not None:
            colour = colour * _at(detail, u, v)[:, None]
        wear = np.where(upper, WEAR.index("top"), WEAR.index("bottom")).astype(np.uint8)
        return np.clip(colour, 0.003, 0.95), wear

    return surface


def _colour(dye: Fabric | Array, u: Array, v: Array, state: Any) -> Array:
    if isinstance(dye, Fabric):
        return dye.reflectance(u * _CLOTH_METRES, v * _CLOTH_METRES, np.random.default_rng(state))
    return np.broadcast_to(linear(dye), (len(u), 3))

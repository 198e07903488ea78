"""Pictures of synthetic people: a dressed body as a camera sees it, and the truth that goes with every pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deocc_aug.humans.bodies import Bodies
from deocc_aug.humans.camera import Camera, View, project
from deocc_aug.humans.lighting import Light, cast_shadow
from deocc_aug.humans.pieces import Piece
from deocc_aug.humans.raster import Cards, Covered, rasterise, vertex_normals

Array = NDArray[np.floating[Any]]

FINER = 2  # drawn at so many times the size asked for
_CARD = 256  # side in pixels of the pictures of holes
_CLOTH = 0.03  # metres of cloth or hair that may lie over a joint which still counts as seen
_COVER = np.array([0.05, 0.05, 0.05, 0.06, 0.06, *[0.14] * 2, *[0.1] * 2, *[0.08] * 2, *[0.24] * 2, *[0.12] * 2, *[0.1] * 2])


@dataclass(frozen=True, eq=False)
class Portrait:
    """A rendered person without a background.

    `light` (H,W,3) float32 linear RGB, already multiplied by `alpha` (H,W) float32 in [0, 1]; `parts`, `wear` (H,W) uint8 index
    :data:`deocc_aug.humans.pieces.PARTS` and `WEAR`, 0 where the person covers less than half of the pixel; `joints_px` (17,2)
    float32 COCO joints x, y, also those beyond the picture; `seen` (17,) bool is False where the person's own body is in
    front; `joints_camera` (17,3) and `vertices_camera` (V,3) float32 metres: right, down and ahead of the camera; `view` is the
    camera.
    """

    light: NDArray[np.float32]
    alpha: NDArray[np.float32]
    parts: NDArray[np.uint8]
    wear: NDArray[np.uint8]
    joints_px: NDArray[np.float32]
    seen: NDArray[np.bool_]
    joints_camera: NDArray[np.float32]
    vertices_camera: NDArray[np.float32]
    view: View

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(H,W) bool: the person's silhouette."""
        return np.asarray(self.parts > 0)


def frame(pieces: list[Piece], camera: Camera, size: tuple[int, int], share: float = 0.84) -> View:
    """The view from a camera in which the pieces take `share` of the height or of the width, whichever comes first, and are in the
    middle of (H,W) pixels.

    Raises:
        ValueError: the camera stands inside their reach.
    """
    vertices = np.concatenate([piece.vertices for piece in pieces])
    centre = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    reach = float(np.linalg.norm(vertices - centre, axis=1).max())
    if camera.distance < reach + 0.3:
        needed = f"{reach + 0.3:.2f} m"
        raise ValueError(f"the camera is {camera.distance:.2f} m away and the body reaches {reach:.2f} m: move it to {needed} or more")
    seen = project(vertices, camera, centre)[0]
    low, high = seen.min(axis=0), seen.max(axis=0)
    focal = float((share * np.array(size[::-1]) / (high - low)).min())
    return View(camera, centre, focal, np.array(size[::-1]) / 2 - (low + high) / 2 * focal)


def draw(bodies: Bodies, index: int, pieces: list[Piece], view: View, size: tuple[int, int], light: Light) -> Portrait:
    """The pieces worn by body `index`, seen from `view` on (H,W) pixels, lit: depth-correct, anti-aliased."""
    fine, fine_size = view.zoomed(FINER), (size[0] * FINER, size[1] * FINER)
    vertices, faces, owner = together(pieces)
    points_px, depth = fine.project(vertices)
    both = np.concatenate([np.full(len(piece.faces), piece.both_sides) for piece in pieces])
    covered = rasterise(points_px, depth, faces, fine_size, both_sides=both, cards=_cards(pieces))
    albedo, wear, gloss = _surfaces(pieces, covered, owner[covered.face])
    distance = np.full(fine_size, np.float32(np.inf))
    distance[covered.rows, covered.columns] = covered.interpolate(depth[:, None])[:, 0]
    shaded = _shade(vertices, faces, covered, albedo, gloss, fine, light) * _crevices(distance, covered, fine.focal_px)[:, None]
    colour, alpha = np.zeros((*fine_size, 3), np.float32), np.zeros(fine_size, np.float32)
    colour[covered.rows, covered.columns] = np.minimum(shaded, 1.0)
    alpha[covered.rows, covered.columns] = 1
    alpha = np.asarray(cv2.resize(alpha, size[::-1], interpolation=cv2.INTER_AREA))
    labels = np.zeros((2, *fine_size), np.uint8)
    all_parts = np.concatenate([piece.parts for piece in pieces])
    heaviest = covered.corners[np.arange(len(covered.corners)), covered.weights.argmax(axis=1)]
    labels[0, covered.rows, covered.columns], labels[1, covered.rows, covered.columns] = all_parts[heaviest], wear
    parts, worn = (np.where(alpha >= 0.5, _shrunk_labels(plane), 0).astype(np.uint8) for plane in labels)
    joints = bodies.joints_3d[index].astype(np.float64)
    joints_px, joints_depth = view.project(joints)
    to_camera = view.axes
    return Portrait(
        light=np.asarray(cv2.resize(colour, size[::-1], interpolation=cv2.INTER_AREA)),
        alpha=alpha,
        parts=parts,
        wear=worn,
        joints_px=joints_px.astype(np.float32),
        seen=_seen(distance, joints_px * FINER, joints_depth, (_COVER + _CLOTH) * float(bodies.stature[index]) / 1.7),
        joints_camera=((joints - view.eye) @ to_camera).astype(np.float32),
        vertices_camera=((bodies.vertices[index] - view.eye) @ to_camera).astype(np.float32),
        view=view,
    )


def developed(light: Array) -> NDArray[np.uint8]:
    """Linear light (H,W,3) as sRGB uint8."""
    return np.asarray(np.round(255 * np.clip(light, 0, 1) ** (1 / 2.2)), dtype=np.uint8)


def together(pieces: list[Piece]) -> tuple[Array, NDArray[np.int32], NDArray[np.int32]]:
    """All vertices (V,3), faces (F,3) into them, and the piece (F,) of each face."""
    starts = np.cumsum([0] + [len(piece.vertices) for piece in pieces])
    faces = np.concatenate([piece.faces + start for piece, start in zip(pieces, starts, strict=False)]).astype(np.int32)
    owner = np.repeat(np.arange(len(pieces), dtype=np.int32), [len(piece.faces) for piece in pieces])
    return np.concatenate([piece.vertices for piece in pieces]), faces, owner


def _cards(pieces: list[Piece]) -> Cards:
    """The pieces' holes, at one size."""
    with_holes = [piece for piece in pieces if piece.opacity is not None]
    layer = np.concatenate([
        np.full(len(piece.faces), -1 if piece.opacity is None else with_holes.index(piece), np.int32) for piece in pieces
    ])  # fmt: skip
    coordinates = np.concatenate([
        np.zeros((len(piece.vertices), 2)) if piece.opacity is None else piece.values[:, :2] for piece in pieces
    ])  # fmt: skip
    holes = [cv2.resize(p.opacity, (_CARD, _CARD), interpolation=cv2.INTER_AREA) for p in with_holes if p.opacity is not None]
    return Cards(layer, coordinates.astype(np.float32), np.stack(holes) if holes else np.zeros((0, 1, 1), np.uint8))


def _surfaces(pieces: list[Piece], covered: Covered, owner: NDArray[np.int32]) -> tuple[Array, NDArray[np.uint8], Array]:
    """Reflectance (P,3), wear (P,) and gloss (P,) of the covered pixels, whose piece is `owner` (P,)."""
    albedo, wear, gloss = np.zeros((len(owner), 3)), np.zeros(len(owner), np.uint8), np.zeros(len(owner))
    start = 0
    for number, piece in enumerate(pieces):
        at = np.flatnonzero(owner == number)
        if len(at):
            own = Covered(covered.rows[at], covered.columns[at], covered.face[at], covered.corners[at] - start, covered.weights[at])
            albedo[at], wear[at] = piece.surface(own.interpolate(piece.values))
            gloss[at] = piece.gloss
        start += len(piece.vertices)
    return albedo, wear, gloss


def _shade(
    vertices: Array, faces: NDArray[np.int32], covered: Covered, albedo: Array, gloss: Array, view: View, light: Light
) -> Array:
    """Linear light (P,3) of the covered pixels: a lamp with its shadow, sky above, ground below."""
    points = covered.interpolate(vertices).astype(np.float64)
    normals = covered.interpolate(vertex_normals(vertices, faces)).astype(np.float64)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    eye = view.eye - points
    eye /= np.linalg.norm(eye, axis=1, keepdims=True)
    normals *= np.where(np.einsum("pk,pk->p", normals, eye) < -0.2, -1.0, 1.0)[:, None]  # the inside of a skirt
    shadow = cast_shadow(vertices, faces, light.towards, soft=0.01, cell=0.012)
    open_to_lamp = shadow.on_itself(points + 0.012 * normals, soft=0.01 + 0.05 * light.wrap)
    lamp = np.clip((normals @ light.towards + light.wrap) / (1 + light.wrap), 0, 1) * open_to_lamp
    up = 0.5 + 0.5 * normals[:, 2:]
    half = eye + light.towards
    shine = np.clip(np.einsum("pk,pk->p", normals, half) / np.linalg.norm(half, axis=1), 0, 1) ** 24
    falls = up * light.sky + (1 - up) * light.ground + lamp[:, None] * light.key
    return np.asarray(albedo * falls + (gloss * shine * lamp)[:, None] * light.key)


def _crevices(distance: NDArray[np.float32], covered: Covered, focal_px: float) -> Array:
    """(P,) share of the light of everywhere that is left where the surface lies deeper than what surrounds it."""
    person = np.isfinite(distance)
    middle = float(np.median(distance[person])) if person.any() else 1.0
    filled, weight = np.where(person, distance, 0).astype(np.float32), person.astype(np.float32)
    dark = np.zeros(len(covered.rows))
    for reach in (0.025, 0.08):
        sigma = max(1.0, reach * focal_px / middle)
        around = cv2.GaussianBlur(filled, (0, 0), sigma) / np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-3)
        deeper = (filled - around)[covered.rows, covered.columns]
        dark += 0.3 * np.clip(deeper / reach, 0, 1)
    return 1 - dark


def _shrunk_labels(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The largest label of each block of `FINER` x `FINER` pixels that has any."""
    height, width = plane.shape[0] // FINER, plane.shape[1] // FINER
    return np.asarray(plane.reshape(height, FINER, width, FINER).max(axis=(1, 3)))


def _seen(distance: NDArray[np.float32], joints_px: Array, joints_depth: Array, cover: Array) -> NDArray[np.bool_]:
    """Whether nothing of the person is nearer to the camera than each joint by more than `cover` (17,) metres."""
    height, width = distance.shape
    at = np.floor(joints_px).astype(int)
    inside = (at[:, 0] >= 0) & (at[:, 1] >= 0) & (at[:, 0] < width) & (at[:, 1] < height)
    nearest = distance[at[:, 1].clip(0, height - 1), at[:, 0].clip(0, width - 1)]
    return np.asarray(~inside | (nearest > joints_depth - cover))

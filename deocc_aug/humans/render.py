"""Pictures of synthetic people: one dressed body in a room, as a camera sees it, and the truth that goes with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deocc_aug.humans.bodies import Bodies
from deocc_aug.humans.lighting import Lighting, light_up
from deocc_aug.humans.outfit import Dressed, Outfit, dress, reflectance
from deocc_aug.humans.raster import View, rasterise, vertex_normals
from deocc_aug.humans.room import paint_room
from deocc_aug.humans.silhouettes import Camera, project

Array = NDArray[np.floating[Any]]

_SHARE = 0.84
_FINER = 2  # drawn at so many times the size asked for


@dataclass(frozen=True)
class Rendering:
    """`image` (H,W,3) uint8 RGB; `alpha` (H,W) float32, the share of each pixel that the person covers; `mask` (H,W) bool
    where that is at least half; `joints_px` (17,2) float32 COCO joints x, y; `view` and `floor` (metres, its
    height) are there to draw other things with."""

    image: NDArray[np.uint8]
    alpha: NDArray[np.float32]
    mask: NDArray[np.bool_]
    joints_px: NDArray[np.float32]
    view: View
    floor: float


def render(
    bodies: Bodies, index: int, camera: Camera, outfit: Outfit, size: tuple[int, int], generator: np.random.Generator
) -> Rendering:
    """Body `index` of `bodies`, dressed, standing in a room.

    Args:
        camera: `camera.distance` must be well beyond the body's reach.
        size: (H,W) pixels; the person takes 84% of the height or of the width, whichever comes first.
        generator: decides folds and textures; the same state gives the same picture.

    Raises:
        ValueError: the camera stands inside the body's reach.
    """
    dressed = dress(bodies, index, outfit, generator)
    view = _view(dressed.vertices, camera, size)
    fine, fine_size = view.zoomed(_FINER), (size[0] * _FINER, size[1] * _FINER)
    lighting = light_up(dressed.vertices, dressed.faces, camera)
    picture = paint_room(fine, fine_size, lighting, generator)
    covered, person = _shade(dressed, outfit, fine, fine_size, lighting, generator)
    picture[covered[0], covered[1]] = person
    alpha = np.zeros(fine_size, dtype=np.float32)
    alpha[covered] = 1.0
    alpha = cv2.resize(alpha, size[::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
    small = cv2.resize(picture.astype(np.float32), size[::-1], interpolation=cv2.INTER_AREA)
    return Rendering(
        image=_developed(small, generator),
        alpha=alpha,
        mask=alpha >= 0.5,
        joints_px=view.project(bodies.joints_3d[index].astype(np.float64))[0].astype(np.float32),
        view=view,
        floor=lighting.floor,
    )


def _view(vertices: Array, camera: Camera, size: tuple[int, int]) -> View:
    centre = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    reach = float(np.linalg.norm(vertices - centre, axis=1).max())
    if camera.distance < reach + 0.3:
        needed = f"{reach + 0.3:.2f} m"
        raise ValueError(f"the camera is {camera.distance:.2f} m away and the body reaches {reach:.2f} m: move it to {needed} or more")
    seen = project(vertices, camera, centre)[0]
    low, high = seen.min(axis=0), seen.max(axis=0)
    focal = float((_SHARE * np.array(size[::-1]) / (high - low)).min())
    return View(camera, centre, focal, np.array(size[::-1]) / 2 - (low + high) / 2 * focal)


def _shade(
    dressed: Dressed, outfit: Outfit, view: View, size: tuple[int, int], lighting: Lighting, generator: np.random.Generator
) -> tuple[tuple[NDArray[np.intp], NDArray[np.intp]], Array]:
    """Rows and columns of the person's pixels, and their linear light (P,3): a wide Lambert lamp, sky and floor."""
    points_px, depth = view.project(dressed.vertices)
    covered = rasterise(points_px, depth, dressed.faces, size)
    points = covered.interpolate(dressed.vertices)
    normals = covered.interpolate(vertex_normals(dressed.vertices, dressed.faces))
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    albedo = reflectance(covered.interpolate(dressed.rest), covered.interpolate(dressed.cover), outfit, generator)
    lamp = np.clip((normals @ lighting.towards + 0.12) / 1.12, 0, 1) * lighting.shadow.on_itself(points + 0.01 * normals)
    sky, ground = 0.5 + 0.5 * normals[:, 2], 0.5 - 0.5 * normals[:, 2]
    near_floor = np.clip((points[:, 2] - lighting.floor) / 0.25, 0, 1)
    ambient = 0.34 * sky[:, None] * (0.95, 1.0, 1.06) + (0.2 * ground * (0.45 + 0.55 * near_floor))[:, None] * (1.1, 0.95, 0.8)
    eye = view.eye - points
    half = eye / np.linalg.norm(eye, axis=1, keepdims=True) + lighting.towards
    gloss = np.clip(np.einsum("pk,pk->p", normals, half) / np.linalg.norm(half, axis=1), 0, 1) ** 24
    light_out = albedo * (ambient + 0.95 * lamp[:, None] * (1.03, 1.0, 0.95)) + (0.035 * gloss * lamp)[:, None]
    return (covered.rows, covered.columns), light_out


def _developed(picture: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.uint8]:
    """Linear light (H,W,3) as an 8-bit picture, with a sensor's grain."""
    bright = 255 * np.clip(picture, 0, 1) ** (1 / 2.2)
    grain = generator.normal(0, 2.2, bright.shape[:2])[..., None] + generator.normal(0, 1.2, bright.shape)
    return np.asarray(np.clip(np.round(bright + grain), 0, 255).astype(np.uint8))

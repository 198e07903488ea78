"""A room to stand in: a floor of boards, two walls, a picture, lit by the light that lights the person."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deocc_aug.humans.camera import View
from deocc_aug.humans.fabrics import linear
from deocc_aug.humans.lighting import Lighting
from deocc_aug.humans.noise import smooth_noise

Array = NDArray[np.floating[Any]]

_BACK, _SIDE = 1.5, 1.7  # metres from the middle to the wall behind and to the one at the side
_BASEBOARD, _BOARD = 0.09, 0.13


def paint_room(view: View, size: tuple[int, int], lighting: Lighting, generator: np.random.Generator) -> Array:
    """The room's linear light (H,W,3) behind the person; `view.camera.yaw` decides where the walls are, `size` is (H,W)."""
    along, into = _directions(view.camera.yaw + 14.0)
    up = np.array([0.0, 0.0, 1.0])
    rays = view.rays(size)
    planes = ((-up, -lighting.floor), (into, float(view.centre @ into) + _BACK), (-along, _SIDE - float(view.centre @ along)))
    with np.errstate(divide="ignore"):
        reach = np.stack([(offset - view.eye @ normal) / (rays @ normal) for normal, offset in planes])
    reach[reach <= 0] = np.inf
    surface = reach.argmin(axis=0)
    points = view.eye + rays * np.minimum(reach.min(axis=0), 50.0)[..., None]
    a, b, z = points @ along - view.centre @ along, points @ into - view.centre @ into, points[..., 2] - lighting.floor
    colours = np.stack([_floor(a, b, generator), _wall(a, z, generator, True), _wall(b, z, generator, False)])
    colour = np.take_along_axis(colours, surface[None, ..., None], axis=0)[0]
    towards = np.stack([max(0.0, float(-normal @ lighting.towards)) for normal, _ in planes])[surface]
    gaps = [np.where(surface == k, np.inf, gap) for k, gap in enumerate((z, _BACK - b, a + _SIDE))]
    corner = np.minimum.reduce(gaps)
    ambient = 0.42 * (1 - 0.45 * np.exp(-np.maximum(corner, 0) / 0.12))
    glow = 1.1 * np.exp(-(((a + 0.5) / 2.6) ** 2 + ((z - 1.6) / 2.4) ** 2))
    lamp = (0.25 + 0.62 * towards) * glow * lighting.shadow.beyond(points)
    near = np.where(surface == 0, 0.3 + 0.7 * lighting.under.beyond(points), 1.0)
    return np.asarray(colour * ((ambient + lamp) * near)[..., None])


def _directions(yaw: float) -> tuple[Array, Array]:
    angle = np.radians(yaw)
    return np.array([np.cos(angle), np.sin(angle), 0.0]), np.array([-np.sin(angle), np.cos(angle), 0.0])


def _floor(a: Array, b: Array, generator: np.random.Generator) -> Array:
    board = np.floor(a / _BOARD).astype(np.intp)
    shift = generator.uniform(0, 3, 512)[board % 512]
    piece = np.floor((b + shift) / 1.2).astype(np.intp)
    tone = generator.normal(0, 0.13, (512, 64))[board % 512, piece % 64]
    grain = smooth_noise(a * 90 + 7.3 * board, b * 5 + shift * 9, generator, octaves=3)
    gap = np.minimum(np.mod(a, _BOARD), np.mod(b + shift, 1.2)) < 0.005
    bright = (1 + tone + 0.13 * grain) * np.where(gap, 0.45, 1.0)
    return linear((176, 132, 92)) * np.clip(bright, 0.2, 1.8)[..., None]


def _wall(across: Array, z: Array, generator: np.random.Generator, picture: bool) -> Array:
    plaster = smooth_noise(across * 3, z * 3, generator, octaves=5)
    out = linear((168, 182, 184)) * (1 + 0.05 * plaster)[..., None]
    low = z < 0.92
    panel = np.where(np.mod(across, 0.42) < 0.012, 0.7, 1.0)
    out[low] = (linear((216, 210, 198)) * (panel * (1 + 0.02 * plaster))[..., None])[low]
    out[(z > 0.92) & (z < 0.965)] = linear((228, 222, 212))
    out[np.abs(z - 0.918) < 0.006] *= 0.6
    out[z < _BASEBOARD] = linear((226, 221, 211))
    out[np.abs(z - _BASEBOARD) < 0.006] *= 0.6
    if picture:
        x, y = (across - 0.62) / 0.34, (z - 1.52) / 0.26
        out[(np.abs(x) < 1) & (np.abs(y) < 1)] = linear((52, 40, 32))
        hills = -0.25 + 0.25 * np.sin(3 * x + 1) + 0.15 * smooth_noise(x * 3, x * 0, generator, octaves=2)
        scene = np.where((y > hills)[..., None], linear((226, 186, 140)), linear((72, 104, 88)))
        scene = np.where(((x - 0.3) ** 2 + (y - 0.35) ** 2 < 0.04)[..., None], linear((240, 226, 190)), scene)
        inside = (np.abs(x) < 0.9) & (np.abs(y) < 0.87)
        out[inside] = scene[inside] * (1 + 0.05 * plaster[inside, None])
    return out
